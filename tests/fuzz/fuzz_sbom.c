/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CycloneDX documents of anybody: what is taken is written as both formats, and what we wrote
 * of it as CycloneDX is taken again and written as the same bytes.
 */
#include "trust/sbom.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf once = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf twice = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx = BUF_MAX(SBOM_MAX_BYTES);
	struct sbom s, again;
	struct err err;

	if (sbom_parse(&a, (const char *)data, n, "fuzz", &s, &err) < 0) {
		assert(err.code == ERR_INPUT || err.code == ERR_LIMIT);
		assert(strncmp(err.text, "fuzz:", 5) == 0);
		return 0;
	}
	assert(s.nparts > 0);
	sbom_spdx(&s, &spdx);
	sbom_cyclonedx(&s, &once);
	if (sbom_parse(&a, buf_text(&once), once.len, "again", &again, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		abort();
	}
	sbom_cyclonedx(&again, &twice);
	assert(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	return 0;
}
