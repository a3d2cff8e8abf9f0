/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP v4 packets (RFC 4880), just what RPM and repository metadata need: a certificate, a
 * detached data signature, armor, and the verification of both. RSA with SHA-256 only.
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
};
int openpgp_claim(const void *sig, size_t n, struct openpgp_claim *out,
		  struct err *err) MUST_CHECK;
/* Verifies a binary detached signature packet by a key of the given role in ring. Unknown key,
 * bad signature, or expired at `now` (0: not checked): ERR_VERIFY that names the fingerprint.
 */
int openpgp_verify(const struct keyring *ring, enum key_role role, const void *data, size_t n,
		   const void *sig, size_t sig_len, int64_t now, struct err *err) MUST_CHECK;
