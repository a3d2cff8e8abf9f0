/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands beside the signature of a bundle: that a log holds it, and that it was there at a
 * time. Whatever is there must be consistent in itself; where the ring holds a key of its kind
 * it must also be by one of them. What a policy demands (a log, witnesses, a time) it asks of
 * struct material: nothing that was not verified stands in it.
 */
#pragma once

#include "trust/tlog.h"

struct material {
	bool logged; /* in a log of the ring */
	const struct key_public *log;
	uint64_t index;
	struct tlog_checkpoint checkpoint; /* the one that the proof leads to */
	struct note note;                  /* it, with all its signatures: for witnesses */
	bool stamped;                      /* by a timestamp key of the ring */
	int64_t when;                      /* the signature was there then */
};
/* signer: whose signature dsse_bundle_verify found. Everything in out lives in the arena or
 * points into b. */
int material_verify(struct arena *a, const struct dsse_bundle *b,
		    const struct key_public *signer, const struct keyring *ring,
		    struct material *out, struct err *err) MUST_CHECK;
/* The two files that lie beside NAME.sigstore.json: NAME.tlog-proof (C2SP) with the entry's
 * proof, and NAME.intoto.jsonl with the bare envelope. A bundle that was not logged has no
 * proof: ERR_INPUT. */
#define MATERIAL_PROOF  ".tlog-proof"
#define MATERIAL_INTOTO ".intoto.jsonl"
int material_beside(const struct dsse_bundle *b, const struct dsse_along *along,
		    struct buf *proof, struct buf *envelope, struct err *err) MUST_CHECK;
/* The id of a log in bundles and trust roots: SHA-256 over origin and key, whose first four
 * bytes stand in the signatures of checkpoints. */
void material_log_id(const struct note_key *log, struct digest *out);
