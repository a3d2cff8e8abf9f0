/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: whatever is accepted demands no more parties than it names and can be explained. No
 * file that a policy names is there. */
#include "trust/rules.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(rules_release) struct rules r = { .name = NULL };
	const char *text = arena_strndup(&a, (const char *)data, n);
	struct err err;

	if (rules_parse(&a, text, n, "policy.yaml", "/nonexistent", &r, &err) < 0) {
		assert(err.text[0] != '\0');
		return 0;
	}
	assert(r.quorum <= (int64_t)r.nwitnesses && r.rebuilds <= (int64_t)r.nrebuilders);
	assert(r.nbuilders <= RULES_MAX_PARTIES && r.nwitnesses <= RULES_MAX_PARTIES);
	(void)rules_demands(&a, &r);
	(void)rules_open(&a, &r);
	(void)rules_licence_is_allowed(&r.licences, text);
	return 0;
}
