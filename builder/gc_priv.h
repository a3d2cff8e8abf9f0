/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of collecting. */
#pragma once

#include "builder/gc.h"

#define GC_KIND_INPUT "input" /* references named by the digest of what they keep */

/* ---- gc_failed.c ---- */
struct gc_failed {
	struct cas *store;
	const struct dict *recipes; /* names, over all workspaces */
	int64_t before;             /* what is younger stays */
	bool dry_run;
	void (*gone)(void *arg, const char *what, uint64_t bytes);
	void *arg;
};
/* Removes what failed builds left and nobody will ask for again; adds it to the report. */
int gc_failed_run(const struct gc_failed *f, struct cas_gc_report *out,
		  struct err *err) MUST_CHECK;
/* How much room all of it takes. */
int gc_failed_room(const struct cas *store, uint64_t *bytes, struct err *err) MUST_CHECK;
