/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cache server answers. The first byte chooses: an entry is parsed, and what was
 * accepted is written and reads the same; or a result is read, and without a trusted signature
 * nothing convinces.
 */
#include "builder/cache_priv.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
try_entry(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(CACHE_ENTRY_MAX * 8);
	struct cache_entry e, again;
	struct err err;

	if (cache_wire_parse(&a, data, n, &e, &err) < 0) {
		assert(err.code == ERR_VERIFY);
		return;
	}
	assert(e.n > 0 && e.n <= CACHE_FILES_MAX);
	cache_wire_write(&e, &once);
	if (once.len > CACHE_ENTRY_MAX)
		return; /* our form says more than the shortest one */
	if (cache_wire_parse(&a, once.data, once.len, &again, &err) < 0)
		abort();
	assert(again.n == e.n);
	for (size_t i = 0; i < e.n; i++) {
		assert(strcmp(e.at[i].path, again.at[i].path) == 0 && e.at[i].path[0] != '/');
		assert(digest_equal(&e.at[i].sha256, &again.at[i].sha256));
		assert(e.at[i].size == again.at[i].size && e.at[i].size <= CACHE_BLOB_MAX);
		assert(cache_wire_find(&e, e.at[i].path) == &e.at[i]);
	}
}

static void
try_result(const uint8_t *data, size_t n)
{
	static const char key[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_RESULT_MAX);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(CACHE_RESULT_MAX);
	struct keyring nobody = { 0 };
	struct cache_entry files;
	struct result r;
	const char *signer;
	struct err err;

	buf_add(&text, data, n);
	if (cache_entry_trust(&a, &nobody, key, &text, &bundle, &r, &signer, &err) == 0)
		abort();
	assert(err.code == ERR_VERIFY);
	if (result_read(&a, buf_text(&text), text.len, key, &r, &err) < 0)
		return;
	cache_entry_list(&a, NULL, &r, &files);
	assert(files.n == r.npackages + 5);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] == 'e')
		try_entry(data + 1, n - 1);
	else
		try_result(data + 1, n - 1);
	return 0;
}
