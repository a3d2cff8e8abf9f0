/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a build run keeps the lock. lock_begin compares what is declared before anything is done,
 * lock_job holds each finished job to what the lock says of it, lock_end writes down what came
 * out. What was compared is remembered in .kiln/locked, so that an unchanged tree is neither
 * parsed nor compared: the file is believed like the memo beside it, and losing it costs time.
 */
#pragma once

#include "builder/build_priv.h"
#include "builder/lock.h"

struct lock_seen {          /* of one recipe, when lock and recipe were last found to agree */
	struct digest text; /* of the recipe; zeroes: nothing is known */
	struct digest part; /* of its entry in the lock (lock_digest) */
	struct digest action, facts; /* zeroes: no result was compared */
};
struct lock_keeper {
	enum lock_mode mode;
	bool quiet;             /* a dry run: nothing is written */
	bool present, parsed;   /* the file is there; old is what it says */
	struct digest bytes;    /* of the file */
	struct lock *old;       /* empty when there is no file */
	struct lock_seen *seen; /* one for each recipe of the set */
	bool loose;             /* seen speaks of another file than the one there is */
	bool agreed;            /* everything declared is as it was when last compared */
	struct lock_stamp { /* of the file; zeroes: it changed too lately to be told by them */
		uint64_t dev, ino, size;
		int64_t mtime_ns, ctime_ns;
	} stamp;
	bool dirty; /* seen is to be written */
	struct lock_summary summary;
};

/* ---- lock_keep.c ---- */
int lock_begin(struct build_session *s, enum lock_mode mode, struct err *err) MUST_CHECK;
/* With REFUSE: a job whose result is known. */
int lock_job(struct build_session *s, const struct build_job *job, struct err *err) MUST_CHECK;
int lock_end(struct build_session *s, struct err *err) MUST_CHECK;
/* Instead of lock_end, of a run that failed: what was compared need not be compared again. */
void lock_leave(struct build_session *s);
/* Whether a result of the recipe in this slot is in the lock. */
bool lock_is_resolved(const struct lock_keeper *k, size_t slot);

/* ---- lock_make.c: locks out of a session ---- */
/* What workspace and seed say; recipes has room for every recipe of the set, and is empty. */
void lock_make_frame(struct build_session *s, struct lock *out);
/* What a recipe declares; reads it whole. */
int lock_make_recipe(struct build_session *s, size_t slot, struct lock_recipe *out,
		     struct err *err) MUST_CHECK;
/* What came of a job whose result is known. */
int lock_make_result(struct build_session *s, const struct build_job *job,
		     struct lock_recipe *out, struct err *err) MUST_CHECK;
/* Drops results that were made in another environment than l now says there is. kept: recipes
 * whose result is that of this run; may be NULL. */
int lock_make_settle(struct build_session *s, struct lock *l, const bool *kept,
		     struct err *err) MUST_CHECK;

/* ---- lock_seen.c ---- */
/* Sets present, bytes, and from .kiln/locked what was seen, where that speaks of this lock and
 * these rules. */
int lock_seen_load(struct build_session *s, struct lock_keeper *k, struct err *err) MUST_CHECK;
int lock_seen_file(struct build_session *s, struct buf *text, bool *present,
		   struct err *err) MUST_CHECK;
void lock_seen_save(struct build_session *s, const struct lock_keeper *k);
/* What was seen counts only of entries of k->old that are as they were then. */
void lock_seen_sift(struct build_session *s, struct lock_keeper *k);

extern const char lock_hint[];
