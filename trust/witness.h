/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A witness: a second party that cosigns the checkpoints of a log (C2SP tlog-cosignature v1),
 * each only when it continues the one that it cosigned before. Who demands the cosignatures of
 * some witnesses cannot be shown a log that they were not shown.
 *
 * What it cosigned last is its state: a directory with one file per origin, named after the
 * origin's digest, which holds the checkpoint as the log signed it, so that two histories are
 * proved by two signed files. A log that is new to it is taken as it is; a state that is
 * damaged is refused.
 */
#pragma once

#include "trust/signer.h"
#include "trust/tlog.h"

struct witness {
	struct signer *signer;
	struct note_key key;
	int statefd; /* the directory */
};
/* The witness key of a ring under the name that its cosignatures carry. */
int witness_key(const struct keyring *ring, const char *name, struct note_key *out,
		struct err *err) MUST_CHECK;
/* All are borrowed. */
int witness_open(struct witness *w, struct signer *s, const char *name, int statefd,
		 struct err *err) MUST_CHECK;

/* Proves that the log of `new` continues that of `old`, or fails; old is NULL when the log was
 * never seen. */
typedef int witness_growth_fn(void *arg, const struct tlog_checkpoint *old,
			      const struct tlog_checkpoint *new, struct err *err);
/* From the tiles in the directory whose descriptor arg points to. */
int witness_growth_of_tiles(void *arg, const struct tlog_checkpoint *old,
			    const struct tlog_checkpoint *new, struct err *err) MUST_CHECK;

enum witness_verdict {
	WITNESS_UNSIGNED, /* no checkpoint, or not by the log's key */
	WITNESS_BROKEN,   /* this witness cannot do its work: its state, its key */
	WITNESS_BEHIND,   /* smaller than what was cosigned */
	WITNESS_FORKED,   /* of the same size, with another root */
	WITNESS_UNPROVEN, /* that it continues what was cosigned was not shown */
	WITNESS_COSIGNED
};
struct witness_seen {
	enum witness_verdict verdict;
	struct tlog_checkpoint checkpoint; /* the one that was shown */
	uint64_t before;                   /* size that was cosigned before; 0: none */
};
struct witness_ask {
	const struct note_key *log; /* whose signature must be on the note */
	int64_t when;               /* of the cosignature */
	witness_growth_fn *grew;
	void *arg;
};
/* Cosigns a checkpoint. Order: lock the
 * state, judge, sign, make the state durable, put the cosignature on the note in place of an
 * older one. Refusals are ERR_VERIFY and leave the state as it was; killed anywhere, the state
 * is the old one or the new one. What forks at the same size proves it by itself and is kept
 * beside the state, as DIGEST.forked. *out is filled as far as it came. */
int witness_cosign(const struct witness *w, struct arena *a, const struct witness_ask *ask,
		   struct note *note, struct witness_seen *out, struct err *err) MUST_CHECK;

/* Takes the cosignatures of these witnesses over from a note that a witness gave back to the
 * log's own. Both must be of one text, and one cosignature at least must be there; a wrong one
 * is refused, one by a stranger is left. */
int witness_merge(struct arena *a, struct note *to, const struct note *from,
		  const struct note_key *witnesses, size_t n, struct err *err) MUST_CHECK;
