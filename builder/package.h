/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the parts of a split to package files: dependencies found in the files, those declared,
 * and those between the packages of one recipe; then the file is written and described by
 * facts. No clock and no name of this machine enters.
 */
#pragma once

#include "builder/split.h"

struct package_context {
	struct arena *a; /* of the facts */
	int storefd;     /* the directory of the store */
	const struct recipe *recipe;
	const char *vendor;
	const char *tmp; /* a cas_tmp_dir name: package files are written there */
	int files_dirfd; /* the harvest */
};
/* One package for each part, in the same order; facts without proof (action, statement,
 * bundle). */
int package_make(const struct package_context *c, const struct split_part *parts, size_t nparts,
		 struct pkgfacts **out, struct err *err) MUST_CHECK;
/* Where the file of part i then is, beneath the store. */
const char *package_path(struct arena *a, const char *tmp, size_t i);
