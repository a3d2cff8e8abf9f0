/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two sides of a batch, and from the store's writing functions. */
#pragma once

#include "base/cas_batch.h"
#include "base/cas_priv.h"
#include "base/vec.h"

#define CAS_BATCH_MESSAGE ((size_t)32 * 1024)

/* What is to be done with one object. As a line: kind, from, to. */
enum cas_batch_kind {
	CAS_BATCH_BLOB = 'b',  /* tmp file, digest: linked into its place */
	CAS_BATCH_ADOPT = 'a', /* the same, its digest checked before */
	CAS_BATCH_THERE =
		't',         /* -, digest: it is there, but who placed it may yet be syncing */
	CAS_BATCH_REF = 'r', /* tmp file, KIND/NAME: renamed */
	CAS_BATCH_TICKET = '!', /* -, number: ends what belongs together */
	CAS_BATCH_WAITING = 'w' /* -, -: the caller waits for the last ticket */
};
struct cas_batch_item {
	enum cas_batch_kind kind;
	char from[CAS_PATH_MAX], to[CAS_PATH_MAX];
};
struct cas_batch_answer {
	uint64_t ticket;
	struct err err;
};

/* ---- cas_batch.c ---- */
pid_t cas_batch_pid(const struct cas_batch *b); /* for tests */
/* c is in a batch: takes over what was written. */
void cas_batch_blob(struct cas *c, const char *tmp, const struct digest *d);
void cas_batch_there(struct cas *c, const struct digest *d);
int cas_batch_ref(struct cas *c, const char *kind, const char *name, const void *data, size_t n,
		  struct err *err) MUST_CHECK;

/* ---- cas_batch_commit.c ---- */
/* All of it, or the error of the first that could not be. */
int cas_batch_commit(const struct cas *c, const struct cas_batch_item *at, size_t n,
		     struct err *err) MUST_CHECK;
/* None of it: what was written to tmp/ goes. */
void cas_batch_drop(const struct cas *c, const struct cas_batch_item *at, size_t n);
