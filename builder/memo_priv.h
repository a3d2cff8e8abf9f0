/* SPDX-License-Identifier: Apache-2.0 */
/* How entries of the memo stand in its file: integers of 8 bytes as this machine has them,
 * texts with their zero byte. */
#pragma once

#include "base/buf.h"
#include "builder/memo.h"

struct memo_file {
	const char *path; /* beneath the workspace */
	struct memo_stamp stamp;
};
struct memo_entry {
	const char *name;
	struct memo_file *files; /* the recipe, then its patches */
	size_t nfiles;
	struct recipe *recipe;
	bool lasting; /* may be remembered */
	bool decided;
	struct memo_decision decision;
};

/* The plan of all entries, by their places among them. */
struct memo_plan {
	struct digest in;
	size_t n;         /* 0: none is kept */
	uint32_t *slots;  /* of each node */
	uint32_t *needs;  /* of all nodes, one after another */
	uint32_t *nneeds; /* of each node */
	size_t nedges;    /* all of them */
};

/* What the file holds besides its frame: magic before, a sum of everything after. */
struct memo_text {
	struct digest maker;       /* of the program, and what every recipe inherits */
	struct memo_stamp recipes; /* of recipes/, when everything in it is remembered */
	struct memo_stamp shelves[MEMO_SHELVES];
	struct memo_entry *entries; /* sorted by name */
	size_t n;
	struct memo_plan plan;
};
/* False for anything but what memo_wire_write wrote, whole and by this maker. Texts of `out`
 * stand in bytes, the rest in a. */
bool memo_wire_read(struct arena *a, const char *bytes, size_t n, const struct digest *maker,
		    struct memo_text *out);
/* Entries in their order, those that are not lasting left out. */
void memo_wire_write(const struct memo_text *t, struct memo_entry *const *entries, size_t n,
		     struct buf *out);
