/* SPDX-License-Identifier: Apache-2.0 */
/* Image definitions of any bytes: parsed or refused with a place, nothing else. */
#include "images/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im = NULL;
	struct err err = { .code = ERR_NONE };

	if (image_parse(&a, (const char *)data, n, "fuzz.yaml", &im, &err) < 0) {
		if (err.code == ERR_NONE || !strstr(err.text, "fuzz.yaml"))
			abort(); /* a refusal says where */
		return 0;
	}
	if (!im->name || !im->summary || im->npackages == 0)
		abort();
	return 0;
}
