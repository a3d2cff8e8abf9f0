/* SPDX-License-Identifier: Apache-2.0 */
/* Private halves: for trust/signer and the making of keys only. */
#pragma once

#include "trust/key.h"

#define KEY_FILE_MAX ((size_t)64 * 1024)
#define KEY_NAME_MAX 32

struct key_private; /* one loaded private key */

/* Reads ROLE.key and its public file; refuses a key file that others may read or that does not
 * belong to the public file. */
int key_private_load(const char *dir, enum key_role role, struct key_private **out,
		     struct err *err) MUST_CHECK;
/* The same from a secret alone, while its public file is still to be made: OpenPGP id and
 * certificate stay empty. */
int key_private_load_bare(int dirfd, enum key_role role, struct key_private **out,
			  struct err *err) MUST_CHECK;
void key_private_free(struct key_private *k);
DEFINE_CLEANUP(struct key_private *, key_private_free);
const struct key_public *key_private_public(const struct key_private *k);
/* ECDSA P-256 / SHA-256, DER. */
int key_private_sign_ecdsa(struct key_private *k, const void *data, size_t n, struct buf *sig,
			   struct err *err) MUST_CHECK;
/* RSA PKCS#1 v1.5 over a given SHA-256. */
int key_private_sign_rsa(struct key_private *k, const uint8_t digest[32], struct buf *sig,
			 struct err *err) MUST_CHECK;

/* Ed25519 over the data itself; 64 bytes. */
int key_private_sign_ed25519(struct key_private *k, const void *data, size_t n, struct buf *sig,
			     struct err *err) MUST_CHECK;

/* Whether dir holds the private or the public file of the role. */
bool key_has_secret(int dirfd, enum key_role role);
bool key_has_public(int dirfd, enum key_role role);
/* "builder.key", "packages.asc", ... */
void key_file_name(enum key_role role, bool secret, char name[KEY_NAME_MAX]);
/* key_init with another RSA size: unit tests have no seconds to give. */
int key_init_sized(const char *dir, const char *vendor, int64_t now, unsigned int rsa_bits,
		   bool *made, struct err *err) MUST_CHECK;
/* A buffer that held a private key: CLEANUP(key_wipe) clears it before it is freed. */
void key_wipe(struct buf *b);
DEFINE_RELEASE(struct buf, key_wipe);
