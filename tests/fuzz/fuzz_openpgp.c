/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses: armor, a certificate, or a detached signature. Armor that is accepted
 * goes on to the packet readers.
 */
#include "trust/openpgp.h"

#include <assert.h>

#define ARMOR_MAX ((size_t)64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
try_signature(const void *data, size_t n)
{
	struct keyring nobody = { 0 };
	struct openpgp_claim claim;
	struct err err;

	if (openpgp_claim(data, n, &claim, &err) < 0) {
		assert(err.code == ERR_VERIFY);
		return;
	}
	assert(strlen(claim.fingerprint) == 0 || strlen(claim.fingerprint) == 40);
	assert(claim.expires == 0 || claim.expires > claim.created);
	if (openpgp_verify(&nobody, KEY_METADATA, "x", 1, data, n, 1, &err) == 0)
		abort();
	assert(err.code == ERR_VERIFY);
}

static void
try_certificate(const void *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct key_public k = { 0 };
	struct err err;

	if (openpgp_cert_parse(&a, data, n, &k, &err) < 0)
		return;
	assert(strlen(k.id) == 40 && k.openpgp_uid && k.cert_len == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(buf_free) struct buf packets = BUF_MAX(ARMOR_MAX);
	struct err err;

	if (n == 0)
		return 0;
	if (data[0] == 'a') {
		if (openpgp_dearmor((const char *)data + 1, n - 1, &packets, &err) < 0 ||
		    packets.len == 0)
			return 0;
		try_signature(packets.data, packets.len);
		try_certificate(packets.data, packets.len);
	} else if (data[0] == 'c') {
		try_certificate(data + 1, n - 1);
	} else {
		try_signature(data + 1, n - 1);
	}
	return 0;
}
