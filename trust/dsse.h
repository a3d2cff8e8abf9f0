/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DSSE 1.0.2 envelopes inside a sigstore bundle v0.3
 * (application/vnd.dev.sigstore.bundle.v0.3+json): publicKey hint, one signature, no log entry
 * yet.
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

struct dsse_bundle {
	const char *keyid, *hint, *payload_type;
	struct buf payload, sig; /* release both with dsse_bundle_release */
};
/* Strict: wrong mediaType, several signatures, unknown fields, certificates: ERR_VERIFY. */
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
