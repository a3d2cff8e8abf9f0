/* SPDX-License-Identifier: Apache-2.0 */
#include "images/layer.h"
#include "base/gzip.h"
#include "base/proc.h"
#include "tests/unit/images/fixture.h"

/* A tree by hand: one of each kind, owners that are not root, a hard link, capabilities. */
static void
make_tree(struct rootfs *r, struct rootfs_entry *e, int spool)
{
	static const char caps[ROOTFS_CAPS_BYTES] = { 1, 0, 0, 2, 0, 0x20 };
	static struct rootfs_entry *at[5];

	e[0] = (struct rootfs_entry){
		.path = "bin", .mode = S_IFLNK | 0777, .target = "usr/bin", .mtime = 5
	};
	e[1] = (struct rootfs_entry){
		.path = "srv", .mode = S_IFDIR | 0750, .uid = 7, .gid = 8, .mtime = 6
	};
	e[2] = (struct rootfs_entry){ .path = "srv/a",
				      .mode = S_IFREG | 04755,
				      .mtime = 7,
				      .offset = 3,
				      .size = 4,
				      .caps = caps };
	e[3] = (struct rootfs_entry){ .path = "srv/b",
				      .mode = S_IFREG | 04755,
				      .mtime = 7,
				      .hardlink = true,
				      .target = "srv/a" };
	e[4] = (struct rootfs_entry){
		.path = "srv/c", .mode = S_IFREG | 0644, .mtime = 8, .offset = 0, .size = 3
	};
	for (size_t i = 0; i < 5; i++)
		at[i] = &e[i];
	*r = (struct rootfs){ .at = at, .n = 5, .spool_fd = spool };
}

static void
write_layer(struct layer *out, int *layer_fd, struct err *err)
{
	struct rootfs_entry e[5];
	struct rootfs r;
	CLEANUP(fd_close) int spool = -1;
	CLEANUP(fd_close) int tar = -1;

	assert_ok(fd_memory("spool", &spool, err));
	assert_ok(fd_memory("tar", &tar, err));
	assert_ok(fd_memory("layer", layer_fd, err));
	assert_ok(fd_write_all(spool, "onefour", 7, err));
	make_tree(&r, e, spool);
	assert_ok(layer_write(&r, tar, *layer_fd, out, err));
}

TEST(layer_bytes_are_a_function_of_the_tree)
{
	CLEANUP(fd_close) int one = -1;
	CLEANUP(fd_close) int two = -1;
	struct layer a, b;
	struct digest plain;
	uint64_t size;

	write_layer(&a, &one, err);
	write_layer(&b, &two, err);
	assert_true(digest_equal(&a.digest, &b.digest));
	assert_true(digest_equal(&a.diff_id, &b.diff_id));
	assert_int_equal(lseek(one, 0, SEEK_SET), 0);
	assert_ok(gzip_digest(one, 1 << 20, &plain, &size, err));
	assert_true(digest_equal(&plain, &a.diff_id));
	assert_int_equal(size, a.tar_bytes);
}

/* GNU tar reads what we wrote: names, owners, modes, links and the bodies in their places. */
TEST(layer_is_read_by_tar)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf list = BUF_MAX(65536);
	char path[64];
	struct layer l;

	write_layer(&l, &fd, err);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	{
		const char *const argv[] = { "tar",         "--numeric-owner", "--utc",
					     "--full-time", "-tvzf",           path,
					     NULL };

		assert_ok(proc_capture(argv, &list, err));
	}
	assert_non_null(
		strstr(buf_text(&list),
		       "lrwxrwxrwx 0/0               0 1970-01-01 00:00:05 bin -> usr/bin\n"));
	assert_non_null(strstr(buf_text(&list),
			       "drwxr-x--- 7/8               0 1970-01-01 00:00:06 srv/\n"));
	assert_non_null(strstr(buf_text(&list),
			       "-rwsr-xr-x 0/0               4 1970-01-01 00:00:07 srv/a\n"));
	assert_non_null(strstr(
		buf_text(&list),
		"hrwsr-xr-x 0/0               0 1970-01-01 00:00:07 srv/b link to srv/a\n"));
	buf_clear(&list);
	{
		const char *const argv[] = { "tar", "-xzOf", path, NULL };

		assert_ok(proc_capture(argv, &list, err));
	}
	assert_string_equal(buf_text(&list), "fourone");
}
