/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds files, and the files in directories, to a fuzz target: so a corpus is tested by any
 * compiler. With libFuzzer this file is not linked.
 */
#include "base/mem.h"
#include "base/tree.h"
#include "base/fd.h"

#define INPUT_MAX_BYTES ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The target gets a copy of exactly n bytes, so that a sanitizer sees a read past them. */
static int
replay_file(int dirfd, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(INPUT_MAX_BYTES);
	CLEANUP(mem_free) uint8_t *copy = NULL;

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return -1;
	copy = mem_alloc(text.len);
	if (text.len)
		memcpy(copy, text.data, text.len);
	(void)LLVMFuzzerTestOneInput(copy, text.len);
	return 0;
}

static int
replay_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	if (!S_ISREG(e->st->st_mode))
		return 0;
	++*(unsigned *)arg;
	return replay_file(e->dirfd, e->name, err);
}

static int
replay(const char *path, unsigned *n, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return tree_walk(AT_FDCWD, path, replay_entry, n, err);
	++*n;
	return replay_file(AT_FDCWD, path, err);
}

int
main(int argc, char **argv)
{
	struct err err;
	unsigned n = 0;

	for (int i = 1; i < argc; i++) {
		if (replay(argv[i], &n, &err) < 0) {
			(void)fprintf(stderr, "%s\n", err.text);
			return 1;
		}
	}
	printf("%u inputs replayed\n", n);
	return n ? 0 : 1;
}
