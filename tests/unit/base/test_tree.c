/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/tree.h"
#include "tests/unit/test.h"

static void
write_file(int dir, const char *path, const char *text)
{
	struct err err;

	assert_int_equal(fd_publish(dir, path, text, strlen(text), 0644, &err), 0);
}

/* a/ a/x a-b link -> a, and two names of one file. */
static void
plant(int dir)
{
	assert_int_equal(mkdirat(dir, "a", 0755), 0);
	write_file(dir, "a/x", "text");
	write_file(dir, "a-b", "run");
	assert_int_equal(fchmodat(dir, "a-b", 0755, 0), 0);
	assert_int_equal(symlinkat("a", dir, "link"), 0);
	assert_int_equal(linkat(dir, "a/x", dir, "z", 0), 0);
	assert_int_equal(fchmodat(dir, "a", 0555, 0), 0);
}

static int
note(void *arg, const struct tree_entry *e, struct err *err)
{
	struct buf *b = arg;

	buf_add_format(b, "%s%s ", e->path, S_ISDIR(e->st->st_mode) ? "/" : "");
	return strcmp(e->path, "stop") == 0 ? err_set(err, ERR_INPUT, "stopped") : 0;
}

TEST(tree_walk_is_sorted_and_follows_no_link)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000);

	plant(dir);
	assert_ok(tree_walk(dir, ".", note, &b, err));
	assert_string_equal(buf_text(&b), "a/ a/x a-b link z ");
	buf_clear(&b);
	write_file(dir, "stop", "");
	assert_fails(tree_walk(dir, ".", note, &b, err), "stopped");
	assert_string_equal(buf_text(&b), "a/ a/x a-b link stop ");
	assert_fails(tree_walk(dir, "none", note, &b, err), "none: No such file");
}

TEST(tree_walk_refuses_endless_depth)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int at = dup(dir);

	for (int i = 0; i < TREE_MAX_DEPTH + 1; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0755), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000000);
	assert_fails(tree_walk(dir, ".", note, &b, err), "more than 256 directories deep");
}

TEST(tree_clear_leaves_the_directory_itself)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	struct stat st;

	assert_int_equal(mkdirat(dir, "t", 0755), 0);
	assert_int_equal(mkdirat(dir, "t/a", 0755), 0);
	write_file(dir, "t/a/x", "text");
	write_file(dir, "t/y", "text");
	assert_ok(tree_clear(dir, "t", err));
	assert_int_equal(fstatat(dir, "t", &st, 0), 0);
	assert_true(fstatat(dir, "t/a", &st, 0) < 0 && fstatat(dir, "t/y", &st, 0) < 0);
	assert_ok(tree_clear(dir, "t", err));
	assert_ok(tree_clear(dir, "none", err));
	assert_ok(tree_clear(dir, "no/such/path", err));
}

TEST(tree_remove_takes_read_only_directories_and_leaves_link_targets)
{
	CLEANUP(fd_close) int dir = test_tmpdir();

	assert_int_equal(mkdirat(dir, "t", 0755), 0);
	assert_int_equal(mkdirat(dir, "t/shut", 0755), 0);
	write_file(dir, "t/shut/x", "");
	write_file(dir, "keep", "");
	assert_int_equal(symlinkat("../keep", dir, "t/link"), 0);
	assert_int_equal(fchmodat(dir, "t/shut", 0, 0), 0);
	assert_ok(tree_remove(dir, "t", err));
	assert_int_equal(faccessat(dir, "t", F_OK, 0), -1);
	assert_int_equal(faccessat(dir, "keep", F_OK, 0), 0);
	assert_ok(tree_remove(dir, "t", err));
	assert_ok(tree_remove(dir, "no/such/path", err));
	assert_ok(tree_remove(dir, "keep", err));
}

TEST(tree_copy_keeps_types_modes_links_and_sets_times)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000);
	struct stat x, z, d;
	char target[8] = "";

	assert_int_equal(mkdirat(dir, "from", 0755), 0);
	CLEANUP(fd_close) int from = openat(dir, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	plant(from);
	assert_ok(tree_copy(dir, "from", dir, "to/deep", 1234567, err));
	assert_ok(tree_walk(dir, "to/deep", note, &b, err));
	assert_string_equal(buf_text(&b), "a/ a/x a-b link z ");
	assert_int_equal(fstatat(dir, "to/deep/a/x", &x, 0), 0);
	assert_int_equal(fstatat(dir, "to/deep/z", &z, 0), 0);
	assert_int_equal(x.st_ino, z.st_ino);
	assert_int_equal(x.st_mtime, 1234567);
	assert_int_equal(fstatat(dir, "to/deep/a", &d, 0), 0);
	assert_int_equal(d.st_mode & 07777, 0555);
	assert_int_equal(d.st_mtime, 1234567);
	assert_int_equal(fstatat(dir, "to/deep/a-b", &d, 0), 0);
	assert_int_equal(d.st_mode & 07777, 0755);
	assert_int_equal(fstatat(dir, "to/deep/link", &d, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(d.st_mtime, 1234567);
	assert_int_equal(readlinkat(dir, "to/deep/link", target, 7), 1);
	assert_ok(tree_sync(dir, "to", err));
	assert_int_equal(mkfifoat(dir, "from/pipe", 0600), 0);
	assert_fails(tree_copy(dir, "from", dir, "again", -1, err),
		     "pipe: neither file, directory");
}

TEST(tree_sync_copes_with_many_entries)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	char name[16];

	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(symlinkat("nowhere", dir, name), 0);
	}
	assert_ok(tree_sync(dir, ".", err));
}
