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
 * A clock that is set back does not help: ctime follows the kernel's clock and not utimes().
 * By the same rule recipes/ is listed anew only when it changed, and a blob that a decision
 * counts on is looked for only when the directory of the store that held it changed since.
 * A decision (this action; these blobs) is taken when the digest of everything that led to it
 * is the same: builder/build_memo.c says what that is. Another program file of Kiln forgets
 * everything; so does a file that was damaged (a sum of it is its end, against accidents only).
 */
#pragma once

#include "builder/plan.h"

#define MEMO_MAX_BYTES ((size_t)512 * 1024 * 1024)
#define MEMO_MAX_LIST  ((uint64_t)1000000) /* of any list in it */

struct memo_decision {
	struct digest in;     /* what it was decided from */
	struct digest action; /* key */
	struct digest facts;  /* what users can see of the packages */
	struct digest keys;   /* that verified the result; zeroes: nobody did */
	struct digest text;   /* of the reference that was judged; zeroes: not known */
	int64_t born_ns;      /* of that reference (cas_ref_born); 0: not known */
	struct digest *blobs; /* what the result counts on */
	size_t nblobs;
	bool proven; /* all of them, and the action's reference, were there when the
			directories of the store had their remembered stamps */
};
/* A file or directory as the kernel describes it; all zeroes: not known. */
struct memo_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};
/* The directories of a store that decisions count on: blobs/00 .. blobs/ff, refs/action. */
#define MEMO_SHELVES      257
#define MEMO_SHELF_ACTION 256
struct memo;

/* Reads what is there; nothing, or something broken, is an empty memo. */
void memo_open(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
	       struct memo **out);
/* As recipe_load_all, but recipes that did not change are outlines. */
int memo_recipes(struct arena *a, struct memo *m, const struct recipe_place *place,
		 struct recipe_set *out, struct err *err) MUST_CHECK;
/* The plan of all recipes that was kept, as plan_make would make it: only while every recipe is
 * as it was then, and so is `in`, the digest of whatever else it was made from. */
bool memo_plan(struct arena *a, struct memo *m, const struct recipe_set *set,
	       const struct digest *in, struct plan *out);
/* Lives as long as the memo, which does not keep it when a recipe cannot be remembered. */
void memo_keep_plan(struct memo *m, const struct plan *p, const struct digest *in);
/* The last decision about the recipe in this slot of the set; NULL: none. The caller may set
 * and clear `proven`. */
struct memo_decision *memo_decided(const struct memo *m, size_t slot);
/* d lives as long as the memo; NULL: what was decided no longer holds. */
void memo_decide(struct memo *m, size_t slot, const struct memo_decision *d);
/* Which directories of the store are as they were when decisions were proven. */
void memo_shelves(struct memo *m, int store_dirfd, bool same[MEMO_SHELVES]);
/* Every decision that is proven now is so by the stamps that memo_shelves saw. lasting: worth
 * writing the memo for that alone. */
void memo_prove(struct memo *m, bool lasting);
/* Writes it if anything is new. It is a cache: what prevents that is no failure. */
void memo_save(struct memo *m);
