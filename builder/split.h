/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file goes to which package. First the `files` globs of the packages, in order; then the
 * rules: *.a to NAME-static; headers, .pc, .cmake and .m4 files, and the links that only the
 * linker wants (lib*.so) to NAME-devel, where NAME is the recipe's first package; what is left
 * to the first package. The same below /usr/lib/musl/. Where the recipe asks for it, before
 * these: manuals and documents to NAME-doc, translations to NAME-locale, /usr/lib/debug to
 * NAME-debuginfo.
 *
 * A directory belongs to the package whose glob takes it; else, unless it is one of the
 * standard ones that every system has, to every package that has something below it.
 */
#pragma once

#include "builder/recipe.h"
#include "repo/pkgfile.h"

#define SPLIT_RULES 1 /* part of every action key; raised whenever a rule changes */

enum split_rule {
	SPLIT_DECLARED,
	SPLIT_DEVEL,
	SPLIT_STATIC,
	SPLIT_DOC,
	SPLIT_LOCALE,
	SPLIT_DEBUGINFO
};
#define SPLIT_OF_RULES 5 /* parts that rules fill */

struct split_part {
	const char *name;
	enum split_rule rule;
	const struct recipe_package
		*declared;             /* its own; for the rules' parts the first package */
	struct pkgfile_entry *entries; /* sorted by path */
	size_t n;
};

/* entries: sorted by path. The first part is the first package, which exists also when empty;
 * the rules' parts only with files. A glob that takes nothing is ERR_INPUT naming the package's
 * line. */
int split_files(struct arena *a, const struct recipe *r, const struct pkgfile_entry *entries,
		size_t n, struct split_part **out, size_t *nparts, struct err *err) MUST_CHECK;
/* Adds what the packages declare; texts are written to dirfd, the directory of the harvest. */
int split_add_made(struct arena *a, const struct recipe *r, int dirfd, struct split_part *parts,
		   size_t nparts, struct err *err) MUST_CHECK;
/* A glob takes a path it matches and all below it. '*', '?' and '[]' stay within a component; a
 * component "**" stands for any number of them, but for one at least at the end. */
bool split_match(const char *glob, const char *path);
/* A directory that every system has and that is nobody's in particular. */
bool split_is_standard_dir(const char *path);
