/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the store is still needed. Roots, each with all that it leads to (base/cas_gc.h):
 *
 * - the last result of every recipe, and what recipes, seed.lock and kiln.lock name by digest,
 *   of this workspace and of each other one that used this store and is still where it was
 * - what these workspaces published: the documents and proofs below their out/
 * - the input archive: sources and seed of whatever was published from this store
 * - pins
 * - what a lock speaks of that a process holds
 */
#pragma once

#include "base/cas_gc.h"
#include "builder/workspace.h"
#include "repo/publish.h"

#define GC_GRACE_S 3600 /* what is younger than an hour stays */

struct gc_budget {
	int64_t older_than_s; /* 0: whatever is not needed goes at any age */
	uint64_t keep_bytes;  /* 0: none of it stays for its size */
	int64_t working_s; /* whatever was used since this long before the grace stays, too */
	bool dry_run;
};
/* gone, with its arg, may be NULL. */
int gc_run(struct cas *store, struct workspace *w, const struct gc_budget *budget,
	   void (*gone)(void *arg, const char *what, uint64_t bytes), void *arg,
	   struct cas_gc_report *out, struct err *err) MUST_CHECK;
/* How much room the store takes: what a collection counts. */
int gc_room(struct cas *store, uint64_t *bytes, struct err *err) MUST_CHECK;
/* Remembers that this workspace uses the store; cheap when that is known. */
int gc_note_workspace(struct cas *store, const struct workspace *w, struct err *err) MUST_CHECK;
/* Pins the last result of a recipe, or the object of a digest; name: "zlib" or 64 digits. */
int gc_pin(struct cas *store, const char *name, struct err *err) MUST_CHECK;
int gc_unpin(struct cas *store, const char *name, struct err *err) MUST_CHECK;

/* The input archive. Of what is about to be published: its sources, patches and seed packages
 * that the store has stay from now on, until gc_unpin of their digest. */
int gc_keep_inputs(struct cas *store, const struct publish_input *inputs, size_t n,
		   struct err *err) MUST_CHECK;
struct gc_input {
	const char *kind, *name, *uri;
	struct digest sha256;
	uint64_t size;
	bool present; /* it should be: false is a store that lost it */
};
/* All of it, sorted by name. */
int gc_inputs(struct arena *a, const struct cas *store, struct gc_input **out, size_t *n,
	      struct err *err) MUST_CHECK;
