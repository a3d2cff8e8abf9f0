/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives: the first byte chooses the kind (low two bits), merge_usr (4) and strip (8).
 * Whatever happens, nothing appears beside the directory given, and what is in it has only the
 * types, modes and names that are promised.
 */
#include "base/fd.h"
#include "base/manifest.h"
#include "base/tar.h"
#include "base/tree.h"

#include <assert.h>

#define FUZZ_MTIME 1000000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct tar_limits limits = {
	.max_bytes = (uint64_t)1 << 22, .max_entries = 500, .max_depth = 16, .max_ratio = 1000
};

static int
check_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	mode_t mode = e->st->st_mode;

	(void)arg;
	(void)err;
	assert(S_ISDIR(mode) || S_ISREG(mode) || S_ISLNK(mode));
	if (S_ISDIR(mode))
		assert((mode & 07777) == 0755);
	if (S_ISREG(mode))
		assert((mode & 07777) == 0755 || (mode & 07777) == 0644);
	assert(e->st->st_mtime == FUZZ_MTIME);
	assert(manifest_is_path(e->path));
	return 0;
}

static char work_path[256];

static void
leave(void)
{
	(void)rmdir(work_path);
}

/* A directory of this process, made once and removed at its end; each input gets DIR/in. */
static int
work_dir(void)
{
	const char *base = getenv("TMPDIR");

	(void)snprintf(work_path, sizeof(work_path), "%s/kiln-fuzz-tar-XXXXXX",
		       base ? base : "/tmp");
	if (!mkdtemp(work_path) || atexit(leave) != 0)
		abort();
	return open(work_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int dir = -1;
	static int work = -1;
	struct tar_select select = { 0 };
	const char **names;
	struct err err;
	size_t left;

	if (n == 0)
		return 0;
	if (work < 0)
		work = work_dir();
	select.merge_usr = data[0] & 4;
	select.strip = data[0] & 8 ? 1 : 0;
	if (fd_memory("fuzz", &fd, &err) < 0 || fd_write_all(fd, data + 1, n - 1, &err) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0 || fd_mkdirs(work, "in", &err) < 0 ||
	    fd_open_dir(work, "in", &dir, &err) < 0)
		abort();
	if (tar_unpack(fd, (enum tar_kind)(data[0] % 4 % 3), dir, &select, &limits, FUZZ_MTIME,
		       &err) == 0 &&
	    tree_walk(dir, ".", check_entry, NULL, &err) < 0)
		abort();
	if (tree_list(&a, work, ".", &names, &left, &err) < 0 || left != 1 ||
	    tree_remove(work, "in", &err) < 0)
		abort();
	return 0;
}
