/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kiln.lock: every input of every recipe by digest, in one file that is committed beside
 * kiln.yaml and changes only when an input or a result does. docs/lock.md says what it protects
 * from. What is declared (seed, recipes, sources, patches) is always there, since it follows
 * from the files of the workspace; what came of it (packages, and the environment they were
 * built in) is there as soon as somebody built it, and vanishes when it no longer holds.
 *
 * The file is YAML in one canonical spelling, read line by line: lists of recipes are long.
 */
#pragma once

#include "builder/build.h"

#define LOCK_FILE      "kiln.lock"
#define LOCK_FORMAT    1
#define LOCK_MAX_BYTES ((size_t)256 * 1024 * 1024)

struct lock_item {
	const char *name, *version; /* version: of the seed's packages, else NULL */
	struct digest sha256;
};
struct lock_items {
	struct lock_item *at;
	size_t n;
};
struct lock_recipe {
	const char *name, *version;         /* version-release, with its epoch */
	struct digest recipe;               /* of what of it enters the action key */
	struct lock_items sources, patches; /* in the recipe's order */
	bool resolved;                      /* the rest is there */
	struct digest environment;          /* over name and digest of what it was built with */
	const char **sees;                  /* names of that, sorted */
	size_t nsees;
	struct lock_items packages; /* NEVRA and environment digest of what came out, sorted */
};
struct lock {
	const char *vendor, *epoch;
	struct digest groups, fixups; /* of the seed */
	struct lock_items seed;       /* sorted by name */
	struct lock_recipe *recipes;  /* sorted by name */
	size_t nrecipes;
};

/* Anything but what lock_write writes is refused with its line; CR before LF is passed over. */
int lock_parse(struct arena *a, const char *text, size_t n, struct lock **out,
	       struct err *err) MUST_CHECK;
void lock_write(const struct lock *l, struct buf *out);
/* Over everything that an entry says. */
void lock_digest(const struct lock_recipe *r, struct digest *out);
struct lock_recipe *lock_find(const struct lock *l, const char *name); /* NULL: none */
/* Calls tell for each difference, in order: what "zlib", field "sources zlib-1.3.tar.gz", both
 * values shortened. A result that only one side knows is none. Returns their number. */
typedef void lock_change_fn(void *arg, const char *what, const char *field, const char *before,
			    const char *now);
size_t lock_compare(struct arena *a, const struct lock *before, const struct lock *now,
		    lock_change_fn *tell, void *arg);

/* How a run meets the lock. */
enum lock_mode {
	LOCK_FOLLOW, /* an edit updates the lock, and is told */
	LOCK_REFUSE, /* a lock that is not as the recipes say, or none, is an error */
	LOCK_ACCEPT  /* `kiln lock`: what is there counts, whatever the lock was */
};
struct lock_summary {
	size_t recipes, resolved, seed, changes;
	bool written;
};
/* Brings kiln.lock up to date without building or fetching anything (ACCEPT), or only says
 * whether it is (REFUSE). Results count when a signer is there to verify them. */
int lock_run(struct arena *a, struct builder *b, enum lock_mode mode,
	     const struct build_options *o, struct lock_summary *out,
	     struct err *err) MUST_CHECK;
