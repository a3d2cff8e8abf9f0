/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cas.h"
#include "base/manifest.h"
#include "base/proc.h"
#include "base/tree.h"
#include "tests/unit/test.h"
#include <poll.h>
#include <sys/wait.h>

static struct cas *
open_store(int dir)
{
	struct cas *c = NULL;
	struct err err;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/store", test_tmpdir_path(dir));
	if (cas_open(path, true, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void
blob_path(const struct digest *d, char out[128])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(out, 128, "blobs/%.2s/%s", hex, hex);
}

/* Replaces a blob's bytes behind the store's back. */
static void
damage(const struct cas *c, const struct digest *d, const char *text)
{
	char path[128];
	struct err err;

	blob_path(d, path);
	assert_int_equal(unlinkat(cas_dirfd(c), path, 0), 0);
	assert_int_equal(fd_publish(cas_dirfd(c), path, text, strlen(text), 0444, &err), 0);
}

static size_t
count(const struct cas *c, const char *dir)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	struct err err;
	size_t n = 0;

	assert_int_equal(tree_list(&a, cas_dirfd(c), dir, &names, &n, &err), 0);
	return n;
}

TEST(cas_keeps_bytes_under_their_digest)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	CLEANUP(fd_close) int fd = -1;
	struct digest d, other;
	char path[128];
	struct stat st;
	uint64_t size;

	assert_ok(cas_put(c, "hello", 5, &d, err));
	assert_ok(cas_put(c, "hello", 5, NULL, err));
	assert_true(cas_has(c, &d));
	assert_ok(cas_get(c, &d, &b, err));
	assert_string_equal(buf_text(&b), "hello");
	assert_ok(cas_size(c, &d, &size, err));
	assert_int_equal(size, 5);
	assert_ok(cas_get_fd(c, &d, &fd, err));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	blob_path(&d, path);
	assert_int_equal(fstatat(cas_dirfd(c), path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_uid, cas_uid(c));
	digest_of("absent", 6, &other);
	assert_false(cas_has(c, &other));
	assert_fails(cas_get(c, &other, &b, err), "no blob");
	assert_int_equal(count(c, "tmp"), 1); /* the lock of this owner */
}

TEST(cas_refuses_a_wrong_digest_and_keeps_nothing)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(fd_close) int in = -1;
	struct digest want, real, out;
	uint64_t size = 0;

	digest_of("good", 4, &want);
	digest_of("evil", 4, &real);
	assert_ok(fd_memory("in", &in, err));
	assert_ok(fd_write_all(in, "evil", 4, err));
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_fails(cas_put_fd(c, in, &want, &out, &size, err), "sha256 is ");
	assert_int_equal(err->code, ERR_FETCH);
	assert_false(cas_has(c, &want));
	assert_false(cas_has(c, &real));
	assert_int_equal(count(c, "tmp"), 1);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_ok(cas_put_fd(c, in, &real, &out, &size, err));
	assert_int_equal(size, 4);
	assert_true(digest_equal(&out, &real));
}

TEST(cas_notices_corrupt_and_truncated_blobs)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	struct digest d;
	int fd = -1;

	assert_ok(cas_put(c, "hello", 5, &d, err));
	damage(c, &d, "hellO");
	assert_fails(cas_get(c, &d, &b, err),
		     "is corrupt\nhint: run `kiln store check --repair`");
	assert_int_equal(err->code, ERR_IO);
	assert_fails(cas_get_fd(c, &d, &fd, err), "is corrupt");
	assert_int_equal(fd, -1);
	damage(c, &d, "hell");
	assert_fails(cas_get(c, &d, &b, err), "is corrupt");
	damage(c, &d, "");
	assert_fails(cas_get_fd(c, &d, &fd, err), "is corrupt");
}

static void
count_bad(void *arg, const char *what)
{
	assert_non_null(strchr(what, '/'));
	++*(int *)arg;
}

/* One file "x" in a tree of that name. */
static void
plant_tree(struct cas *c, const char *name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(10000);
	struct manifest m;
	struct err err;
	char tmp[64], path[256];

	assert_int_equal(cas_tmp_dir(c, tmp, &err), 0);
	(void)snprintf(path, sizeof(path), "tmp/%s/out/bin", tmp);
	assert_int_equal(fd_mkdirs(cas_dirfd(c), path, &err), 0);
	(void)snprintf(path, sizeof(path), "tmp/%s/out/bin/x", tmp);
	assert_int_equal(fd_publish(cas_dirfd(c), path, name, strlen(name), 0755, &err), 0);
	(void)snprintf(path, sizeof(path), "tmp/%s/out", tmp);
	assert_int_equal(manifest_scan(&a, cas_dirfd(c), path, &m, &err), 0);
	manifest_write(&m, &text);
	if (cas_tree_commit(c, tmp, "out", name, text.data, text.len, &err) < 0)
		fail_msg("%s", err.text);
	cas_tmp_drop(c, tmp);
}

TEST(cas_trees_are_read_only_and_have_a_manifest)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(buf_free) struct buf b = BUF_MAX(10000);
	struct stat st;

	assert_false(cas_tree_has(c, "t"));
	plant_tree(c, "t");
	assert_true(cas_tree_has(c, "t"));
	plant_tree(c, "t");
	assert_int_equal(fstatat(cas_dirfd(c), "trees/t", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(st.st_uid, cas_uid(c));
	assert_int_equal(fstatat(cas_dirfd(c), "trees/t/bin/x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(st.st_uid, cas_uid(c));
	assert_ok(cas_tree_manifest(c, "t", &b, err));
	assert_non_null(strstr(buf_text(&b), "\"bin/x\""));
	assert_int_equal(count(c, "tmp"), 1);
	assert_ok(cas_tree_remove(c, "t", err));
	assert_false(cas_tree_has(c, "t"));
	assert_ok(cas_tree_remove(c, "t", err));
	assert_fails(cas_tree_manifest(c, "t", &b, err), "No such file");
	assert_false(cas_tree_has(c, "../tmp"));
	assert_fails(cas_tree_remove(c, "a/b", err), "not a name for the store");
}

TEST(cas_check_finds_and_quarantines_what_is_bad)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	struct cas_report r;
	struct digest good, bad;
	int seen = 0;

	assert_ok(cas_put(c, "good", 4, &good, err));
	assert_ok(cas_put(c, "bad", 3, &bad, err));
	plant_tree(c, "fine");
	plant_tree(c, "touched");
	plant_tree(c, "orphan");
	assert_ok(cas_check(c, false, count_bad, &seen, &r, err));
	assert_int_equal(r.blobs, 2);
	assert_int_equal(r.bytes, 7);
	assert_int_equal(r.trees, 3);
	assert_int_equal(r.corrupt, 0);
	damage(c, &bad, "b@d");
	assert_int_equal(fchmodat(cas_dirfd(c), "trees/touched/bin", 0755, 0), 0);
	assert_ok(fd_publish(cas_dirfd(c), "trees/touched/bin/x", "other", 5, 0555, err));
	assert_int_equal(unlinkat(cas_dirfd(c), "manifests/orphan", 0), 0);
	assert_ok(cas_check(c, false, count_bad, &seen, &r, err));
	assert_int_equal(r.corrupt, 3);
	assert_int_equal(r.quarantined, 0);
	assert_int_equal(seen, 3);
	assert_ok(cas_check(c, true, count_bad, &seen, &r, err));
	assert_int_equal(r.quarantined, 3);
	assert_false(cas_has(c, &bad));
	assert_true(cas_has(c, &good));
	assert_int_equal(count(c, "quarantine"), 3);
	assert_ok(cas_check(c, true, count_bad, &seen, &r, err));
	assert_int_equal(r.corrupt, 0);
	assert_ok(cas_put(c, "bad", 3, &bad, err));
	assert_true(cas_has(c, &bad));
}

TEST(cas_refs_are_replaced_and_absence_is_no_error)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	bool found = true;
	int64_t born;

	assert_ok(cas_ref_get(c, "action", "k", &b, &found, err));
	assert_false(found);
	assert_true(cas_ref_born(c, "action", "k") == 0);
	assert_ok(cas_ref_put(c, "action", "k", "one", 3, err));
	born = cas_ref_born(c, "action", "k");
	assert_true(born > 0);
	(void)poll(NULL, 0, 20); /* the clock of files ticks slowly */
	assert_true(cas_ref_keep(c, "action", "k"));
	assert_true(cas_ref_born(c, "action", "k") == born);
	assert_ok(cas_ref_put(c, "action", "k", "two", 3, err));
	assert_true(cas_ref_born(c, "action", "k") > born);
	assert_ok(cas_ref_get(c, "action", "k", &b, &found, err));
	assert_true(found);
	assert_string_equal(buf_text(&b), "two");
	assert_fails(cas_ref_put(c, "..", "k", "x", 1, err), "not a name for the store");
	assert_fails(cas_ref_put(c, "action", "", "x", 1, err), "not a name for the store");
	assert_fails(cas_ref_get(c, "action", "a b", &b, &found, err),
		     "not a name for the store");
	assert_int_equal(count(c, "tmp"), 1);
}

TEST(cas_open_makes_a_store_only_where_nothing_foreign_is)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(mem_free) char *root = mem_strdup(test_tmpdir_path(dir));
	CLEANUP(mem_free) char *path = mem_format("%s/store", root);
	struct cas *c = NULL;

	assert_fails(cas_open(path, false, &c, err), "No such file");
	assert_ok(fd_mkdirs(AT_FDCWD, path, err));
	assert_fails(cas_open(path, false, &c, err), "no store there\nhint: run `kiln init`");
	assert_ok(fd_publish(dir, "store/letter", "dear", 4, 0600, err));
	assert_fails(cas_open(path, true, &c, err), "holds 'letter' and is no store");
	assert_int_equal(unlinkat(dir, "store/letter", 0), 0);
	assert_int_equal(mkdirat(dir, "store/blobs", 0755), 0); /* killed while making it */
	assert_ok(cas_open(path, true, &c, err));
	cas_close(c);
	assert_ok(cas_open(path, false, &c, err));
	assert_string_equal(cas_path(c), path);
	cas_close(c);
	assert_int_equal(fchmodat(dir, "store/format", 0644, 0), 0);
	assert_ok(fd_publish(dir, "store/format", "2\n", 2, 0644, err));
	assert_fails(cas_open(path, true, &c, err), "not a store of format 1");
}

TEST(cas_open_empties_tmp_of_dead_owners_only)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *mine = open_store(dir);
	char name[64];
	int status;
	pid_t pid;

	assert_ok(cas_tmp_dir(mine, name, err));
	assert_int_equal(count(mine, "tmp"), 2);
	pid = fork();
	if (pid == 0) {
		struct cas *c = open_store(dir);

		_exit(cas_tmp_dir(c, name, err) == 0 && count(c, "tmp") == 4 ? 0 : 1);
	}
	assert_ok(proc_wait(pid, &status, err));
	assert_int_equal(status, 0);
	assert_int_equal(count(mine, "tmp"), 4); /* died without closing */
	cas_close(open_store(dir));
	assert_int_equal(count(mine, "tmp"), 2);
	cas_tmp_drop(mine, name);
	assert_int_equal(count(mine, "tmp"), 1);
}

TEST(cas_close_in_a_forked_child_leaves_the_owner_alive)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	char name[64], other[64];
	int status;
	pid_t pid;

	assert_ok(cas_tmp_dir(c, name, err));
	pid = fork();
	if (pid == 0) {
		int rc = cas_tmp_dir(c, other, err);

		cas_close(c);
		_exit(rc == 0 ? 0 : 1);
	}
	assert_ok(proc_wait(pid, &status, err));
	assert_int_equal(status, 0);
	cas_close(open_store(dir));
	assert_int_equal(count(c, "tmp"), 3);
}

/* Every child puts the same blobs and the same tree. */
static int
work(int dir)
{
	struct cas *c = open_store(dir);
	struct err err;
	char text[16];

	for (int i = 0; i < 20; i++) {
		int n = snprintf(text, sizeof(text), "blob %d", i);

		if (cas_put(c, text, (size_t)n, NULL, &err) < 0 ||
		    cas_ref_put(c, "k", "n", text, (size_t)n, &err) < 0)
			return 1;
	}
	plant_tree(c, "shared");
	cas_close(c);
	return 0;
}

TEST(cas_serves_several_processes_at_once)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = NULL;
	struct cas_report r;
	pid_t pids[4];
	int status;

	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(work(dir));
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		assert_ok(proc_wait(pids[i], &status, err));
		assert_int_equal(status, 0);
	}
	c = open_store(dir);
	assert_ok(cas_check(c, false, NULL, NULL, &r, err));
	assert_int_equal(r.blobs, 20);
	assert_int_equal(r.trees, 1);
	assert_int_equal(r.corrupt, 0);
	assert_int_equal(count(c, "tmp"), 1);
}

TEST(cas_lock_excludes_other_processes)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	int fd = -1, ends[2], status;
	char byte = 0;
	pid_t pid;

	assert_ok(cas_lock(c, "key", &fd, err));
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct cas *other = open_store(dir);
		int mine = -1;

		close(fd);
		if (write(ends[1], "1", 1) != 1 || cas_lock(other, "key", &mine, err) < 0)
			_exit(1);
		_exit(write(ends[1], "2", 1) == 1 ? 0 : 1);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '1');
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	close(fd);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '2');
	assert_ok(proc_wait(pid, &status, err));
	close(ends[0]);
	close(ends[1]);
	assert_fails(cas_lock(c, "../x", &fd, err), "not a name");
}

TEST(cas_refuses_a_store_of_another_user)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(mem_free) char *path = mem_format("%s/store", test_tmpdir_path(dir));
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		struct cas *c = NULL;

		assert_fails(cas_open("/", false, &c, err), "belongs to uid 0, not to you");
		return;
	}
	cas_close(open_store(dir));
	assert_int_equal(fchmod(dir, 0755), 0);
	pid = fork();
	if (pid == 0) {
		struct cas *c = NULL;

		if (setresuid(12345, 12345, 12345) < 0)
			_exit(1);
		_exit(cas_open(path, false, &c, err) < 0 &&
				      strstr(err->text, "not to you (uid 12345)")
			      ? 0
			      : 2);
	}
	assert_ok(proc_wait(pid, &status, err));
	assert_int_equal(status, 0);
}

TEST(pins_hold_trees_while_anyone_has_them_open)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict some = { 0 };
	CLEANUP(dict_release) struct dict none = { 0 };
	static const char *const trees[] = { "tree-a", "tree-b" };
	int dir = test_tmpdir(), first = -1, second = -1, hold = -1;
	CLEANUP(cas_close) struct cas *c = open_store(dir);

	assert_ok(cas_pin(c, "env-1", trees, 2, &first, err));
	assert_ok(cas_pin(c, "env-1", trees, 2, &second, err));
	close(first);
	assert_ok(cas_pinned(&a, c, &some, &hold, err));
	close(hold);
	assert_int_equal(some.n, 2);
	assert_true(dict_has(&some, "tree-a") && dict_has(&some, "tree-b"));
	close(second);
	assert_ok(cas_pinned(&a, c, &none, &hold, err));
	close(hold);
	assert_int_equal(none.n, 0);
	assert_int_equal(faccessat(cas_dirfd(c), "pins/env-1", F_OK, 0), -1);
	assert_fails(cas_pin(c, "../x", trees, 2, &first, err), "not a name for the store");
	close(dir);
}
