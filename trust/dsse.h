/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSSE 1.0.2 envelopes inside a sigstore bundle v0.3
 * (application/vnd.dev.sigstore.bundle.v0.3+json): publicKey hint, one signature, and beside
 * them, once the statement was logged, one log entry with its inclusion proof and one RFC 3161
 * timestamp. Reading a bundle checks only its form; see trust/material.h for what is believed.
 */
#pragma once

#include "trust/key.h"

#define DSSE_INTOTO_TYPE "application/vnd.in-toto+json"
#define DSSE_MAX_BYTES   ((size_t)16 * 1024 * 1024)

/* Pre-authentication encoding: "DSSEv1 " len type len body. */
void dsse_pae(const char *payload_type, const void *payload, size_t n, struct buf *out);
/* The bundle as canonical JSON. sig: DER. */
void dsse_bundle_write(const char *keyid, const char *payload_type, const void *payload,
		       size_t n, const void *sig, size_t sig_len, struct buf *out);

/* A log entry as it stands in a bundle: a Rekor v2 hashedrekord and the way to its root. */
#define DSSE_MAX_HASHES 64
struct dsse_entry {
	uint64_t index, size; /* of the entry; of the tree */
	struct digest log_id, root;
	const struct digest *hashes;
	size_t nhashes;
	const char *checkpoint; /* the whole signed note */
	size_t checkpoint_len;
	const void *body;
	size_t body_len;
};
struct dsse_bundle {
	const char *keyid, *hint, *payload_type;
	struct buf payload, sig; /* release both with dsse_bundle_release */
	/* Both live in the arena of the parse. */
	const struct dsse_entry *entry; /* NULL: not logged */
	const void *timestamp;          /* DER TimeStampResp, NULL: none */
	size_t timestamp_len;
};
/* What was parsed, with entry and timestamp as they are now: canonical JSON. */
void dsse_bundle_rewrite(const struct dsse_bundle *b, struct buf *out);
/* A bundle has one signature. Its bare envelope may have more, of the same payload: the next
 * key signs along while keys are rotated. */
#define DSSE_MAX_ALONG 8
struct dsse_along {
	struct {
		const char *keyid;
		const void *sig;
		size_t len;
	} at[DSSE_MAX_ALONG];
	size_t n;
};
/* The bare envelope on one line with its newline, as *.intoto.jsonl files hold it. along: may
 * be NULL. */
void dsse_envelope_write(const struct dsse_bundle *b, const struct dsse_along *along,
			 struct buf *out);
/* Reads the bare envelope of b: it says what b says, byte for byte, but may have further
 * signatures. Nobody has verified those yet. */
int dsse_envelope_read(struct arena *a, const struct dsse_bundle *b, const struct buf *text,
		       const char *name, struct dsse_along *along, struct err *err) MUST_CHECK;
/* Whose signatures they are: distinct keys of this role, b's own among them, that count now. A
 * signature by an unknown key says nothing; one by a known key that does not verify is refused.
 */
struct dsse_signers {
	const struct key_public *at[DSSE_MAX_ALONG + 1];
	size_t n;
};
int dsse_along_verify(const struct dsse_bundle *b, const struct dsse_along *along,
		      const struct keyring *ring, enum key_role role, struct dsse_signers *out,
		      struct err *err) MUST_CHECK;
/* Strict: wrong mediaType, several signatures, entries or timestamps, unknown fields,
 * certificates: ERR_VERIFY. */
int dsse_bundle_parse(struct arena *a, const char *text, size_t n, const char *name,
		      struct dsse_bundle *out, struct err *err) MUST_CHECK;
void dsse_bundle_release(struct dsse_bundle *b);
DEFINE_RELEASE(struct dsse_bundle, dsse_bundle_release);
/* Verifies by a key of this role (builder, image, rebuilder) in ring; unknown key: ERR_VERIFY
 * with the fingerprint seen. signer, if not NULL, receives the key. */
int dsse_bundle_verify_as(const struct dsse_bundle *b, const struct keyring *ring,
			  enum key_role role, const struct key_public **signer,
			  struct err *err) MUST_CHECK;
/* By a builder key. */
int dsse_bundle_verify(const struct dsse_bundle *b, const struct keyring *ring,
		       const struct key_public **signer, struct err *err) MUST_CHECK;
