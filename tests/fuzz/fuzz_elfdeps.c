/* SPDX-License-Identifier: Apache-2.0 */
/* What files say of themselves: the first line is the path that a file is scanned as, the rest
 * its bytes. Whatever comes out is a dependency that can be read back. */
#include "base/fd.h"
#include "repo/elfdeps.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(struct arena *a, const struct pkgdeps *deps)
{
	for (size_t i = 0; i < deps->n; i++) {
		struct pkgdep again;
		struct err err;

		if (pkgdep_parse(a, pkgdep_text(a, &deps->at[i]), &again, &err) == 0)
			assert(strcmp(again.name, deps->at[i].name) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const uint8_t *end = memchr(data, '\n', n);
	const char *path;
	struct elfdeps d = { .provides = { .n = 0 } };
	struct err err;

	if (!end || data[0] != '/')
		return 0;
	path = arena_strndup(&a, (const char *)data, (size_t)(end - data));
	if (!manifest_is_path(path + 1) || fd_memory("input", &fd, &err) < 0 ||
	    fd_write_all(fd, end + 1, n - (size_t)(end + 1 - data), &err) < 0)
		return 0;
	if (elfdeps_scan(&a, fd, path, 0755, &d, &err) < 0) {
		assert(err.text[0] != '\0');
		return 0;
	}
	pkgdep_sort(&d.provides);
	pkgdep_sort(&d.requires);
	check(&a, &d.provides);
	check(&a, &d.requires);
	return 0;
}
