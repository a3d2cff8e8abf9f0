/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newer upstream versions: found where a recipe's `update` says, fetched, hashed, and written
 * into the recipe in place: version, digests, and release back to 1. Every other byte stays.
 * What a list of versions holds is hostile: it is read in a confined child, and believed only
 * as far as it is a version. A digest comes from a signed index where there is one (debian),
 * else from the bytes that came, which is for a person to review.
 */
#pragma once

#include "builder/source.h"

enum update_outcome { UPDATE_CURRENT, UPDATE_NEWER, UPDATE_FAILED };
struct update_report {
	enum update_outcome outcome;
	const char *recipe, *path;
	const char *before, *after; /* versions; after: NULL unless newer */
	const char *diff;           /* unified, of what was or would be written */
	const char *message;        /* why it failed, or what else is to be looked at; NULL */
};
struct update_options {
	bool dry_run; /* everything but writing recipes */
	void (*report)(void *arg, const struct update_report *r);
	void *arg;
	const struct source_progress *progress;
};
struct update_summary {
	size_t newer, current, failed;
	size_t undeclared; /* recipes without `update`, when none were named */
};
/* The named recipes, or all that declare `update`. The failure of one stops no other; -1 is for
 * what prevents all. */
int update_run(struct arena *a, struct workspace *w, struct cas *store,
	       const char *const *names, size_t nnames, const struct update_options *o,
	       struct update_summary *out, struct err *err) MUST_CHECK;
