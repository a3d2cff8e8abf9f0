/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Witnesses over HTTP (C2SP tlog-witness): a log posts its checkpoint with the proof that it
 * continues the one that the witness cosigned last, and takes the cosignature.
 *
 *   POST PREFIX/add-checkpoint       "old SIZE", hashes of the proof as lines, an empty line,
 *                                    the signed checkpoint
 *   200 lines of cosignatures        400 malformed, or old > the checkpoint's size
 *   403 not signed by the log's key  404 a log that the witness does not know
 *   409 with its size: what old must be     422 the proof does not hold
 */
#pragma once

#include "trust/http.h"
#include "trust/witness.h"

#define WITNESS_HTTP_PATH  "/add-checkpoint"
#define WITNESS_HTTP_PROOF 63 /* lines of hashes, at most */

struct witness_http_request {
	uint64_t old;
	struct tlog_proof proof;
	const char *checkpoint; /* the whole note */
	size_t checkpoint_len;
};
void witness_http_write(const struct witness_http_request *q, struct buf *out);
/* checkpoint points into text. */
int witness_http_parse(const char *text, size_t n, struct witness_http_request *out,
		       struct err *err) MUST_CHECK;

/* ---- The witness ---- */
struct witness_http_office {
	const struct witness *witness;
	const struct note_key *logs; /* that it cosigns; a name may have several keys */
	size_t nlogs;
	/* What was answered to who showed a checkpoint that a known log signed: failure is NULL
	 * when it was cosigned. */
	void (*tell)(void *arg, const struct witness_seen *seen, const struct err *failure);
	void *arg;
};
/* An http_answer_fn whose arg is a struct witness_http_office. */
void witness_http_answer(void *office, const struct http_request *q, struct http_reply *out);

/* ---- The log ---- */
#define WITNESS_HTTP_TIMEOUT_MS 10000 /* for one witness, whatever it does */

struct witness_http_circle {
	const struct note_key *keys;
	const char *const *urls; /* prefix of each; NULL: that witness is not asked */
	size_t n;
	int64_t quorum; /* 0: whoever cosigns */
	int timeout_ms;
	const char *ca, *ca_dir; /* http_ask_trust */
	/* failure is NULL when it cosigned. */
	void (*tell)(void *arg, const struct note_key *witness, const struct err *failure);
	void *arg;
};
/* Asks, one after the other, the witnesses whose cosignature the log's checkpoint in dirfd does
 * not carry, and puts what they give on it. Nobody grows the log meanwhile: at most n times
 * timeout_ms. ERR_VERIFY when the quorum is not reached; what was given is kept all the same.
 * again: those are asked too whose cosignature is there, for the newer time. */
int witness_http_gather(const struct witness_http_circle *c, int dirfd,
			const struct note_key *log, bool again, struct err *err) MUST_CHECK;
