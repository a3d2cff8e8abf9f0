/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was read and decided before, so that an unchanged tree is decided without parsing,
 * solving and verifying anew. One file in the workspace, .kiln/plan-STORE: it is believed like
 * the keys beside it, so it does not lie in the store, which others may share. Losing it costs
 * time only.
 *
 * A recipe is taken from it when its file and its patches have the device, inode, size, mtime
 * and ctime they had; a file that was touched in the very tick in which it was read could
 * change once more without trace, and is not remembered (as git does with racily clean files).
 * A decision (this action; these blobs) is taken when the digest of everything that led to it
 * is the same: builder/build_memo.c says what that is. Another program file of Kiln forgets
 * everything.
 */
#pragma once

#include "builder/recipe.h"

#define MEMO_MAX_BYTES ((size_t)512 * 1024 * 1024)
#define MEMO_MAX_LIST  ((uint64_t)1000000) /* of any list in it */

struct memo_decision {
	struct digest in;     /* what it was decided from */
	struct digest action; /* key */
	struct digest facts;  /* what users can see of the packages */
	struct digest keys;   /* that verified the result; zeroes: nobody did */
	struct digest *blobs; /* what the result counts on */
	size_t nblobs;
};
struct memo;

/* Reads what is there; nothing, or something broken, is an empty memo. */
void memo_open(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
	       struct memo **out);
/* As recipe_load_all, but recipes that did not change are outlines. */
int memo_recipes(struct arena *a, struct memo *m, int dirfd, int64_t default_epoch,
		 struct recipe_set *out, struct err *err) MUST_CHECK;
/* The last decision about the recipe in this slot of the set; NULL: none. */
const struct memo_decision *memo_decided(const struct memo *m, size_t slot);
/* d lives as long as the memo. */
void memo_decide(struct memo *m, size_t slot, const struct memo_decision *d);
/* Writes it if anything is new. It is a cache: what prevents that is no failure. */
void memo_save(struct memo *m);
