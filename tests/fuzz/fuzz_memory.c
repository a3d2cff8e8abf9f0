/* SPDX-License-Identifier: Apache-2.0 */
/* What a user saw before: what is accepted is written again, and that reads as the same. */
#include "trust/verify_memory.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct verify_memory *
empty(void)
{
	struct verify_memory *m;
	struct err err;

	if (verify_memory_open("/nonexistent/seen", &m, &err) < 0)
		abort();
	return m;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(verify_memory_free) struct verify_memory *m = empty();
	CLEANUP(verify_memory_free) struct verify_memory *same = empty();
	CLEANUP(buf_free) struct buf first = BUF_MAX(VERIFY_MEMORY_BYTES);
	CLEANUP(buf_free) struct buf again = BUF_MAX(VERIFY_MEMORY_BYTES);
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *text = arena_strndup(&a, (const char *)data, n);
	struct err err;

	if (verify_memory_parse(m, text, n, "seen.json", &err) < 0 ||
	    verify_memory_write(m, &first, &err) < 0)
		return 0;
	if (verify_memory_parse(same, buf_text(&first), first.len, "seen.json", &err) < 0 ||
	    verify_memory_write(same, &again, &err) < 0)
		abort();
	assert(first.len == again.len && memcmp(first.data, again.data, first.len) == 0);
	return 0;
}
