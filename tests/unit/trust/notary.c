/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "tests/unit/trust/notary.h"

#include <openssl/evp.h>

static EVP_PKEY *
secret_of(const struct notary *n)
{
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, n->seed, sizeof(n->seed));
}

void
notary_sign(const struct notary *n, int64_t when, const char *text, size_t len,
	    struct buf *line)
{
	CLEANUP(buf_free) struct buf cosigned = BUF_MAX(NOTE_MAX_BYTES);
	uint8_t sig[NOTE_TIME_BYTES + NOTE_SIG_BYTES];
	size_t head = n->key.kind == NOTE_COSIGNATURE ? NOTE_TIME_BYTES : 0;
	size_t sig_len = NOTE_SIG_BYTES;
	EVP_PKEY *secret = secret_of(n);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	for (size_t i = 0; i < head; i++)
		sig[i] = (uint8_t)((uint64_t)when >> (56 - 8 * i));
	if (head > 0) {
		note_cosigned(when, text, len, &cosigned);
		text = cosigned.data;
		len = cosigned.len;
	}
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, secret), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig + head, &sig_len, (const uint8_t *)text, len),
			 1);
	note_signature_write(&n->key, sig, head + sig_len, line);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(secret);
}

static int
author_sign(void *arg, const char *text, size_t n, struct buf *line, struct err *err)
{
	notary_sign(arg, 0, text, n, line);
	return buf_check(line, "signature", err);
}

void
notary_open(struct notary *n, const char *name, enum note_kind kind)
{
	uint8_t public[NOTE_KEY_BYTES];
	size_t len = sizeof(public);
	struct digest d;
	struct err err;
	EVP_PKEY *secret;

	memset(n, 0, sizeof(*n));
	digest_of(name, strlen(name), &d);
	memcpy(n->seed, d.bytes, sizeof(n->seed));
	secret = secret_of(n);
	assert_int_equal(EVP_PKEY_get_raw_public_key(secret, public, &len), 1);
	EVP_PKEY_free(secret);
	assert_int_equal(note_key_make(name, kind, public, &n->key, &err), 0);
	n->author = (struct tlog_author){ .key = &n->key, .sign = author_sign, .arg = n };
}
