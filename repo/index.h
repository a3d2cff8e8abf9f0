/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's index: what can be recomputed from its references, in SQLite (index.sqlite in the
 * store), so that questions about all results need not read all results.
 *
 * The references are the truth. Nothing writes to the index when a result is made: whoever asks
 * opens it, and opening brings it up to date by reading what is new, by the times of the
 * directories. One that is missing, damaged, locked, of another version, or cannot be written
 * is made anew, in memory if need be; so nothing that only asks ever fails for its sake, and a
 * build pays nothing. What matters is looked up in the references again (`kiln store find`
 * does).
 *
 * A rollback journal, not a write-ahead log: there is one short transaction now and then, and a
 * log would leave two more files that every reader must be able to write. Nothing is synced: a
 * power failure may cost the index, never a result.
 */
#pragma once

#include "base/arena.h"
#include "base/cas.h"

#define INDEX_FILE "index.sqlite"

struct index_package {
	const char *nevra;
	struct digest file, header;
	uint64_t bytes;
};
struct index_result {
	const char *recipe;
	int64_t duration_ms, peak_bytes, cpu_ms; /* -1: not measured */
	struct digest log;
	struct index_package *packages;
	size_t npackages;
};
/* Reads a result (the text of refs/action/KEY); -1: it is damaged, and left out. */
typedef int index_read_fn(struct arena *a, const char *key, const char *text, size_t n,
			  struct index_result *out, struct err *err);
struct index;

/* anew: everything is read, and nothing taken from the file or put there. */
int index_open(struct cas *store, index_read_fn *read, bool anew, struct index **out,
	       struct err *err) MUST_CHECK;
void index_free(struct index *x);
DEFINE_CLEANUP(struct index *, index_free);
/* Removes the file; the next to ask makes it. */
int index_drop(struct cas *store, struct err *err) MUST_CHECK;

/* Of the last good build of a recipe; untouched what is not known. */
int index_last(struct index *x, const char *recipe, int64_t *duration_ms, int64_t *peak_bytes,
	       struct err *err) MUST_CHECK;
struct index_recipe {
	const char *name;
	uint64_t results, packages, bytes; /* bytes: each package file once */
};
/* By name. */
int index_each_recipe(struct index *x, void (*fn)(void *arg, const struct index_recipe *r),
		      void *arg, struct err *err) MUST_CHECK;
/* Results that hold a package: by digest of its file or header in hexadecimal, or by
 * name-version-release.arch, or by name. Sorted by recipe and key. */
int index_find(struct index *x, const char *what,
	       void (*fn)(void *arg, const char *key, const char *recipe, const char *nevra),
	       void *arg, struct err *err) MUST_CHECK;
/* Over all that it says, so that two can be compared. */
int index_digest(struct index *x, struct digest *out, struct err *err) MUST_CHECK;
