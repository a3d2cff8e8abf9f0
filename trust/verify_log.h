/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is what was logged in the log that everybody sees? A proof of inclusion leads to a
 * checkpoint; that checkpoint must be a beginning of the log that is shipped, and the shipped
 * log must continue what this user saw of it before. Whoever shows a fork, or less than before,
 * is refused.
 */
#pragma once

#include "trust/material.h"
#include "trust/rules.h"
#include "trust/verify_memory.h"

struct verify_log;

/* memory may be NULL: then nothing is compared with what was seen. hint: where tiles may be
 * that connect what is shown with what was seen, or NULL. All are borrowed. */
struct verify_log *verify_log_make(const struct rules *r, const struct keyring *ring,
				   struct verify_memory *memory, const char *hint) MUST_CHECK;
void verify_log_free(struct verify_log *l);
DEFINE_CLEANUP(struct verify_log *, verify_log_free);

/* The log as it is shipped: dir holds checkpoint and tiles. Its checkpoint must be signed by a
 * trusted log key and enough witnesses, and continue what was seen. at_least: passed over when
 * it holds less; 0: never. *found, if not NULL: it was taken. A directory that is not there is
 * no failure here: what is logged is then judged by its own checkpoint alone. Nor is it one
 * that no log key is trusted: then nothing counts as logged. */
int verify_log_tiles(struct verify_log *l, const char *dir, uint64_t at_least, bool *found,
		     struct err *err) MUST_CHECK;
/* The same when the first bundle is judged, whose signature was then verified: dir, else the
 * hint. dir is borrowed. */
void verify_log_later(struct verify_log *l, const char *dir);
/* Judges the log entry of one bundle. asked: it is the artefact itself, so the policy's demands
 * apply; else it is one of its inputs, of which whatever is there must hold. */
int verify_log_judge(struct verify_log *l, const struct material *m, bool asked,
		     const char *name, struct err *err) MUST_CHECK;

struct verify_log_words {
	const char *origin; /* NULL: nothing was logged */
	uint64_t size;
	size_t witnesses;  /* of the policy's, that cosigned */
	int64_t witnessed; /* newest time of a witness, 0: none */
	bool tiles;        /* the whole log was there to compare with */
	bool remembered;   /* and something was seen of it before */
};
void verify_log_tell(const struct verify_log *l, struct verify_log_words *out);
