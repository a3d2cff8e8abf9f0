/* SPDX-License-Identifier: Apache-2.0 */
/* Private halves: for trust/signer and the making of keys only. */
#pragma once

#include "trust/key.h"

struct key_private; /* one loaded private key */

int key_private_load(const char *dir, enum key_role role, struct key_private **out, struct err *err) MUST_CHECK;
void key_private_free(struct key_private *k);
DEFINE_CLEANUP(struct key_private *, key_private_free);
const struct key_public *key_private_public(const struct key_private *k);
/* ECDSA P-256 / SHA-256, DER. */
int key_private_sign_ecdsa(struct key_private *k, const void *data, size_t n, struct buf *sig,
			   struct err *err) MUST_CHECK;
/* RSA PKCS#1 v1.5 over a given SHA-256. */
int key_private_sign_rsa(struct key_private *k, const uint8_t digest[32], struct buf *sig,
			 struct err *err) MUST_CHECK;
