/* SPDX-License-Identifier: Apache-2.0 */
/* What the writing and the reading of OpenPGP packets share. */
#pragma once

#include "trust/key_crypto_priv.h"
#include "trust/openpgp.h"

enum openpgp_tag { OPENPGP_SIGNATURE = 2, OPENPGP_KEY = 6, OPENPGP_UID = 13 };
enum openpgp_type {
	OPENPGP_TYPE_BINARY = 0x00,
	OPENPGP_TYPE_CERT = 0x13,
	OPENPGP_TYPE_REVOKED = 0x20
};
enum openpgp_subpacket {
	OPENPGP_SUB_CREATED = 2,
	OPENPGP_SUB_EXPIRES = 3,
	OPENPGP_SUB_KEY_EXPIRES = 9,
	OPENPGP_SUB_ISSUER = 16, /* key id */
	OPENPGP_SUB_PREFERRED_HASH = 21,
	OPENPGP_SUB_FLAGS = 27,
	OPENPGP_SUB_REASON = 29,
	OPENPGP_SUB_FEATURES = 30,
	OPENPGP_SUB_FINGERPRINT = 33
};

#define OPENPGP_VERSION     4
#define OPENPGP_RSA         1
#define OPENPGP_EDDSA       22 /* Ed25519, as gpg and rpm know it */
#define OPENPGP_SHA256      8
#define OPENPGP_FLAG_SIGN   0x02
#define OPENPGP_KEYID_BYTES 8
#define OPENPGP_UID_MAX     512
#define OPENPGP_PACKET_MAX  ((size_t)8 * 1024) /* body of any packet we write or read */
#define OPENPGP_CERT_MAX    ((size_t)32 * 1024)

/* Of an Ed25519 key packet: the curve's name with its length; the point follows as a number
 * that begins with OPENPGP_POINT. */
#define OPENPGP_CURVE_BYTES 10
#define OPENPGP_POINT       0x40
extern const uint8_t openpgp_curve[OPENPGP_CURVE_BYTES];

/* What a signature over a certificate covers before its own fields: key and user id, framed. */
void openpgp_cert_subject(const void *key_body, size_t key_len, const void *uid, size_t uid_len,
			  struct buf *out);
/* SHA-256 over data, the hashed part of the signature packet and the v4 trailer. */
void openpgp_hash(const void *data, size_t n, const void *hashed, size_t hashed_len,
		  struct digest *out);
/* SHA-1 of the framed key packet. */
void openpgp_fingerprint(const void *key_body, size_t n, uint8_t out[KEY_SHA1_BYTES]);
