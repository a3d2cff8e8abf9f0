/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of trust/ share: two key sets made once per run (RSA-2048, for speed), and
 * private keys of them for signing in this process. The constructor in keyset.c also makes this
 * binary the signer process when it is started as one.
 */
#pragma once

#include "tests/unit/test.h"
#include "trust/dsse.h"
#include "trust/key_crypto_priv.h"
#include "trust/key_priv.h"

#define KEYSET_CREATED 1700000000

const char *keyset_path(void);       /* of the trusted set */
const char *keyset_other_path(void); /* of somebody else's */
const struct keyring *keyset_ring(void);
/* Loaded once; belongs to the helper. */
struct key_private *keyset_private(enum key_role role);
struct key_private *keyset_other_private(enum key_role role);
/* A bundle over payload by k, with the key id given. */
void keyset_bundle(struct key_private *k, const char *keyid, const char *payload,
		   struct buf *out);
/* text with its one occurrence of `from` replaced. */
void keyset_replace(const struct buf *text, const char *from, const char *to, struct buf *out);
