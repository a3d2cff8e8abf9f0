/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP v4 packets (RFC 4880), just what RPM and repository metadata need: a certificate, a
 * detached data signature, armor, and the verification of both. RSA or Ed25519 (algorithm 22),
 * with SHA-256 only.
 * Old-format packet headers everywhere, as the oldest rpm wants.
 */
#pragma once

#include "trust/key.h"

struct key_private;

/* Certificate: key, user id, self-signature 0x13 (subpackets 2, 33, 27, 21, 30; unhashed 16).
 */
int openpgp_cert(struct key_private *k, int64_t created, const char *uid, struct buf *out,
		 struct err *err) MUST_CHECK;
/* Signature packet type 0x00 over data. expires: seconds after created, 0 for never. */
int openpgp_sign(struct key_private *k, const void *data, size_t n, int64_t created,
		 uint32_t expires, struct buf *out, struct err *err) MUST_CHECK;
/* Revocation of k's own certificate, which must be loaded: a signature packet that gpg and sq
 * import in the armor of a public key. */
#define OPENPGP_REASON_MAX 150
int openpgp_revocation(struct key_private *k, int64_t now, const char *reason, struct buf *out,
		       struct err *err) MUST_CHECK;
/* label: "SIGNATURE" or "PUBLIC KEY BLOCK". */
void openpgp_armor(const char *label, const void *data, size_t n, struct buf *out);
int openpgp_dearmor(const char *text, size_t n, struct buf *out, struct err *err) MUST_CHECK;

/* Reads a certificate (binary) into a public key; checks its self-signature. */
int openpgp_cert_parse(struct arena *a, const void *data, size_t n, struct key_public *out,
		       struct err *err) MUST_CHECK;
/* What a signature packet says of its maker. */
struct openpgp_claim {
	char fingerprint[41]; /* upper-case hex; "" when only the key id is given */
	char keyid[17];
	int64_t created, expires; /* expires: absolute time, 0 for never */
	bool eddsa;               /* else RSA */
};
int openpgp_claim(const void *sig, size_t n, struct openpgp_claim *out,
		  struct err *err) MUST_CHECK;
/* Verifies binary detached signature packets by keys of the given role in ring. Of several, as
 * a rotation leaves them, those by unknown keys do not count; one must. Bad signature, no known
 * key, revoked or not valid then, or expired at `now` (0: not checked): ERR_VERIFY that names
 * the fingerprint. */
int openpgp_verify(const struct keyring *ring, enum key_role role, const void *data, size_t n,
		   const void *sig, size_t sig_len, int64_t now, struct err *err) MUST_CHECK;
/* How many different keys of the role signed, all of them well (for thresholds); expires
 * receives when the first of their signatures ends, 0 for never. None is an error. */
int openpgp_count(const struct keyring *ring, enum key_role role, const void *data, size_t n,
		  const void *sig, size_t sig_len, int64_t now, size_t *count, int64_t *expires,
		  struct err *err) MUST_CHECK;
