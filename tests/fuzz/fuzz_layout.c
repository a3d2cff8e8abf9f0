/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of a hostile OCI layout, and the owner tables of a hostile package. The first byte
 * chooses the reader. */
#include "images/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
read_any(struct arena *a, char which, const char *text, size_t n, struct err *err)
{
	CLEANUP(dict_release) struct dict names = { 0 };
	struct oci_descriptor d;
	struct oci_manifest m;
	struct oci_config c;

	switch (which) {
	case 'i':
		return oci_parse_index(a, text, n, "fuzz", &d, err);
	case 'm':
		return oci_parse_manifest(a, text, n, "fuzz", &m, err);
	case 'c':
		return oci_parse_config(a, text, n, "fuzz", &c, err);
	case 'p':
		return rootfs_names_parse(a, text, n, "fuzz", 7, &names, err);
	case 'g':
		return rootfs_names_parse(a, text, n, "fuzz", 4, &names, err);
	default:
		return oci_parse_layout(a, text, n, "fuzz", err);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err err = { .code = ERR_NONE };

	if (n > 0 && read_any(&a, (char)data[0], (const char *)data + 1, n - 1, &err) < 0 &&
	    !strstr(err.text, "fuzz"))
		abort(); /* a refusal names the document */
	return 0;
}
