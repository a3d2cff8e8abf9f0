/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses: repomd.xml or the primary metadata. What is accepted must stay inside
 * the repository and name no file twice.
 */
#include "repo/repomd.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_files(const struct repomd_file *files, size_t n, const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		const char *rest = files[i].href + strlen(prefix);

		assert(files[i].type);
		assert(strncmp(files[i].href, prefix, strlen(prefix)) == 0);
		assert(*rest && *rest != '.' && !strchr(rest, '/'));
		assert(i == 0 || strcmp(files[i].href, files[i - 1].href) != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *text = (const char *)data + 1;
	struct repomd_file *files;
	struct err err;
	int64_t revision;
	size_t count;
	bool primary;

	if (n == 0)
		return 0;
	primary = data[0] == 'p';
	if ((primary ? repomd_parse_primary(&a, text, n - 1, "fuzz", &files, &count, &err)
		     : repomd_parse(&a, text, n - 1, "fuzz", &files, &count, &revision, &err)) <
	    0) {
		assert(err.code == ERR_VERIFY);
		return 0;
	}
	check_files(files, count, primary ? "packages/" : "repodata/");
	return 0;
}
