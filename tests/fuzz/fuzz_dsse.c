/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses: a bundle is parsed and verified against a ring that holds no key of
 * it, or a statement is parsed. What is accepted must be within its limits and read the same
 * when it was written again.
 */
#include "trust/verify.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Bundle, log entry and timestamp, written again and again. */
static void
write_again(const struct dsse_bundle *b)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(4 * DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf twice = BUF_MAX(4 * DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle same = { 0 };
	struct err err;

	dsse_bundle_rewrite(b, &once);
	if (dsse_bundle_parse(&a, once.data, once.len, "once", &same, &err) < 0)
		abort();
	assert(!same.entry == !b->entry && same.timestamp_len == b->timestamp_len);
	assert(same.payload.len == b->payload.len &&
	       memcmp(same.payload.data, b->payload.data, b->payload.len) == 0);
	dsse_bundle_rewrite(&same, &twice);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

static void
try_bundle(const char *text, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct keyring nobody = { 0 };
	struct err err;

	if (dsse_bundle_parse(&a, text, n, "fuzz", &b, &err) < 0) {
		assert(err.code == ERR_VERIFY);
		return;
	}
	assert(b.hint && b.payload_type && b.payload.len > 0 && b.sig.len > 0);
	assert(!b.keyid || strcmp(b.keyid, b.hint) == 0);
	assert(!b.entry || b.entry->nhashes <= DSSE_MAX_HASHES);
	write_again(&b);
	if (dsse_bundle_verify(&b, &nobody, NULL, &err) == 0)
		abort();
}

/* What was read is written again and reads the same. */
static void
try_statement(const char *text, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf twice = BUF_MAX(DSSE_MAX_BYTES);
	struct statement s;
	struct err err;

	if (statement_parse(&a, text, n, "fuzz", &s, &err) < 0) {
		assert(err.code == ERR_VERIFY);
		return;
	}
	assert(s.nsubjects > 0);
	if (statement_make(&s, &once, &err) < 0 ||
	    statement_parse(&a, once.data, once.len, "once", &s, &err) < 0 ||
	    statement_make(&s, &twice, &err) < 0)
		abort();
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] == 's')
		try_statement((const char *)data + 1, n - 1);
	else
		try_bundle((const char *)data + 1, n - 1);
	return 0;
}
