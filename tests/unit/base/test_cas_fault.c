/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails: the calls through which the store becomes durable are wrapped by the
 * linker (UNIT_LDFLAGS_base in Makefile), and each operation is repeated with the first, the
 * second, the third ... of them failing, until it gets through.
 */
#include "base/cas_batch.h"
#include "base/manifest.h"
#include "base/tree.h"
#include "tests/unit/test.h"

ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);

static int calls_left; /* until one fails; 0: none does */
static int fault;      /* its errno */

static bool
is_struck(void)
{
	if (calls_left == 0 || --calls_left > 0)
		return false;
	errno = fault;
	return true;
}

/* A write may also be cut short before it fails: then half of the bytes are there. */
ssize_t
__wrap_write(int fd, const void *data, size_t n)
{
	if (!is_struck())
		return __real_write(fd, data, n);
	if (n > 1)
		(void)!__real_write(fd, data, n / 2);
	errno = fault;
	return -1;
}

int
__wrap_fsync(int fd)
{
	return is_struck() ? -1 : __real_fsync(fd);
}

int
__wrap_syncfs(int fd)
{
	return is_struck() ? -1 : __real_syncfs(fd);
}

int
__wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return is_struck() ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return is_struck() ? -1 : __real_renameat(from_fd, from, to_fd, to);
}

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

static int
put_bytes(struct cas *c, struct err *err)
{
	return cas_put(c, "some bytes", 10, NULL, err);
}

static int
put_file(struct cas *c, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_memory("file", &fd, err) < 0)
		return -1;
	assert_int_equal(__real_write(fd, "other bytes", 11), 11);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return cas_put_fd(c, fd, NULL, NULL, NULL, err);
}

static int
put_ref(struct cas *c, struct err *err)
{
	return cas_ref_put(c, "kind", "name", "\"new value\"", 11, err);
}

static int
put_tree(struct cas *c, struct err *err)
{
	static const char text[] =
		"{\"entries\":[{\"mode\":493,\"path\":\"usr\",\"type\":\"dir\"}],\"format\":1}";
	char tmp[64], path[100];
	int rc;

	if (cas_tmp_dir(c, tmp, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s/t/usr", tmp);
	rc = fd_mkdirs(cas_dirfd(c), path, err);
	if (rc == 0)
		rc = cas_tree_commit(c, tmp, "t", "tree-1", text, strlen(text), err);
	cas_tmp_drop(c, tmp);
	return rc;
}

/* The process counts calls of its own from the same number on. */
static int
put_batch(struct cas *c, size_t blobs, struct err *err)
{
	struct cas_batch *b;
	uint64_t ticket;
	int rc = 0;

	if (cas_batch_open(c, &b, err) < 0)
		return -1;
	cas_batch_enter(b);
	for (size_t i = 0; i < blobs && rc == 0; i++)
		rc = cas_put(c, &i, sizeof(i), NULL, err);
	if (rc == 0)
		rc = put_ref(c, err);
	if (rc == 0 &&
	    (cas_batch_leave(b, &ticket, err) < 0 || cas_batch_wait(b, ticket, err) < 0))
		rc = -1;
	cas_batch_close(b);
	return rc;
}

static int
put_few(struct cas *c, struct err *err)
{
	return put_batch(c, 3, err);
}

/* So many that they are synced together. */
static int
put_many(struct cas *c, struct err *err)
{
	return put_batch(c, 40, err);
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

/* Sound, nothing left lying about, and the reference old or new but never in between. */
static void
assert_consistent(struct cas *c)
{
	CLEANUP(buf_free) struct buf ref = BUF_MAX(100);
	struct cas_report r;
	struct err err;
	bool found;

	if (cas_check(c, false, NULL, NULL, &r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(r.corrupt, 0);
	assert_int_equal(count(c, "tmp"), 1); /* the owner's mark */
	assert_int_equal(cas_ref_get(c, "kind", "name", &ref, &found, &err), 0);
	assert_true(found && (strcmp(buf_text(&ref), "\"old value\"") == 0 ||
			      strcmp(buf_text(&ref), "\"new value\"") == 0));
}

/* Returns at how many places it failed before it got through. */
static int
strike_each(int (*operation)(struct cas *c, struct err *err), int with, const char *reason)
{
	for (int n = 1; n < 300; n++) {
		CLEANUP(fd_close) int dir = test_tmpdir();
		CLEANUP(cas_close) struct cas *c = open_store(dir);
		struct err err = { .code = ERR_NONE };
		int rc;

		assert_int_equal(cas_ref_put(c, "kind", "name", "\"old value\"", 11, &err), 0);
		fault = with;
		calls_left = n;
		rc = operation(c, &err);
		if (rc == 0 && calls_left > 0) {
			calls_left = 0;
			return n - 1;
		}
		calls_left = 0;
		assert_int_equal(rc, -1);
		if (!strstr(err.text, reason))
			fail_msg("wanted '%s' in: %s", reason, err.text);
		assert_consistent(c);
		if (operation(c, &err) < 0) /* the disk is well again */
			fail_msg("%s", err.text);
		assert_consistent(c);
	}
	fail_msg("never got through");
	return 0;
}

TEST(cas_survives_a_full_disk_at_every_step)
{
	assert_true(strike_each(put_bytes, ENOSPC, "No space left on device") >= 4);
	assert_true(strike_each(put_file, ENOSPC, "No space left on device") >= 4);
	assert_true(strike_each(put_ref, ENOSPC, "No space left on device") >= 4);
	assert_true(strike_each(put_tree, ENOSPC, "No space left on device") >= 6);
	assert_true(strike_each(put_few, ENOSPC, "No space left on device") >= 12);
}

TEST(cas_says_what_to_do_about_a_full_disk)
{
	assert_true(strike_each(put_bytes, ENOSPC, "hint: free space where the store is") >= 4);
	assert_true(strike_each(put_file, ENOSPC, "hint: free space where the store is") >= 4);
	assert_true(strike_each(put_ref, ENOSPC, "hint: free space where the store is") >= 4);
	assert_true(strike_each(put_tree, ENOSPC, "hint: free space where the store is") >= 6);
}

TEST(cas_survives_a_failing_disk_at_every_step)
{
	assert_true(strike_each(put_bytes, EIO, "Input/output error") >= 4);
	assert_true(strike_each(put_file, EIO, "Input/output error") >= 4);
	assert_true(strike_each(put_ref, EIO, "Input/output error") >= 4);
	assert_true(strike_each(put_tree, EIO, "Input/output error") >= 6);
	assert_true(strike_each(put_few, EIO, "Input/output error") >= 12);
	assert_true(strike_each(put_many, EIO, "Input/output error") >= 42);
}
