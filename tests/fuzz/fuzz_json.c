/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: the canonical form of what is accepted is a fixed point of reading and writing. */
#include "base/json.h"

#include <assert.h>

#define FUZZ_MAX_BYTES ((size_t)1 << 28)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(FUZZ_MAX_BYTES);
	CLEANUP(buf_free) struct buf twice = BUF_MAX(FUZZ_MAX_BYTES);
	struct doc *d = NULL, *again = NULL;
	struct err err;

	if (json_parse(&a, (const char *)data, n, "fuzz", &d, &err) < 0) {
		assert(err.code == ERR_INPUT || err.code == ERR_LIMIT);
		assert(strncmp(err.text, "fuzz:", 5) == 0);
		return 0;
	}
	json_write(d, &once);
	if (json_parse(&a, buf_text(&once), once.len, "again", &again, &err) < 0)
		abort();
	json_write(again, &twice);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	return 0;
}
