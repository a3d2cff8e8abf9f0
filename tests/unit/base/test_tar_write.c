/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/tar.h"
#include "tests/unit/test.h"

static const char caps[20] = { 1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

/* One of everything: short, split and over-long names, UTF-8, big numbers, capabilities. */
static void
write_all(int out)
{
	CLEANUP(tar_writer_free) struct tar_writer *w = NULL;
	CLEANUP(fd_close) int body = -1;
	char split[201], longest[301];
	struct err e, *err = &e;
	struct tar_entry entries[] = {
		{ .path = ".", .mode = S_IFDIR | 0755 },
		{ .path = "usr", .mode = S_IFDIR | 0755 },
		{ .path = "usr/x",
		  .mode = S_IFREG | 04755,
		  .size = 4,
		  .uid = 5,
		  .gid = 6,
		  .mtime = 99,
		  .caps = caps },
		{ .path = "usr/hard",
		  .mode = S_IFREG | 0755,
		  .target = "usr/x",
		  .hardlink = true },
		{ .path = "link", .mode = S_IFLNK | 0777, .target = "na\u00efve" },
		{ .path = split, .mode = S_IFREG | 0644, .size = 4 },
		{ .path = longest, .mode = S_IFREG | 0644, .size = 4 },
		{ .path = "na\u00efve",
		  .mode = S_IFREG | 0644,
		  .uid = 3000000,
		  .mtime = 8589934592 },
		{ .path = "var/tmp", .mode = S_IFDIR | 01777 },
	};

	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 60 == 59 ? '/' : 'n';
	longest[300] = '\0';
	longest[299] = 'n';
	memcpy(split, longest, 200);
	split[200] = '\0';
	assert_ok(fd_memory("body", &body, err));
	assert_ok(fd_write_all(body, "body", 4, err));
	assert_ok(tar_writer_make(out, &w, err));
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		assert_int_equal(lseek(body, 0, SEEK_SET), 0);
		assert_ok(tar_writer_add(w, &entries[i], entries[i].size ? body : -1, err));
	}
	assert_ok(tar_writer_end(w, err));
}

TEST(tar_writer_bytes_do_not_change)
{
	CLEANUP(fd_close) int one = -1;
	struct digest d;
	uint64_t size;
	char hex[DIGEST_HEX];

	assert_ok(fd_memory("one", &one, err));
	write_all(one);
	assert_int_equal(lseek(one, 0, SEEK_SET), 0);
	assert_ok(digest_fd(one, &d, &size, err));
	digest_hex(&d, hex);
	assert_int_equal(size % 512, 0);
	/* A change here changes the digest of every image: it needs a decision record. */
	assert_string_equal(hex,
			    "0943987a686b605816fd86f79bb7f23caa34649ae3031a9575656c672e5dd5c0");
}

TEST(tar_writer_is_read_by_stock_tar)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int out = -1;
	CLEANUP(buf_free) struct buf said = BUF_MAX(10000);
	CLEANUP(mem_free) char *path = mem_format("%s/l.tar", test_tmpdir_path(dir));

	assert_ok(fd_create(dir, "l.tar", 0600, &out, err));
	write_all(out);
	assert_ok(proc_capture((const char *const[]){ "tar", "--numeric-owner", "--utc",
						      "--full-time", "--quoting-style=literal",
						      "-tvf", path, NULL },
			       &said, err));
	assert_non_null(strstr(buf_text(&said), " 1970-01-01 00:00:00 ./\n"));
	assert_non_null(strstr(buf_text(&said), "-rwsr-xr-x 5/6"));
	assert_non_null(strstr(buf_text(&said), " 4 1970-01-01 00:01:39 usr/x\n"));
	assert_non_null(strstr(buf_text(&said), "usr/hard link to usr/x\n"));
	assert_non_null(strstr(buf_text(&said), "link -> na\u00efve\n"));
	assert_non_null(strstr(buf_text(&said), "3000000/0"));
	assert_non_null(strstr(buf_text(&said), "2242-03-16 12:56:32 na\u00efve\n"));
	assert_non_null(strstr(buf_text(&said), "drwxrwxrwt"));
}

TEST(tar_writer_is_read_by_our_reader)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int out = -1;
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	char longest[301];

	for (size_t i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 60 == 59 ? '/' : 'n';
	longest[299] = 'n';
	longest[300] = '\0';
	assert_ok(fd_memory("l", &out, err));
	write_all(out);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_ok(tar_unpack(out, TAR_ANY, dir, NULL, NULL, 7, err));
	assert_ok(fd_read_file(dir, longest, &b, err));
	longest[200] = '\0';
	assert_ok(fd_read_file(dir, longest, &b, err));
	assert_ok(fd_read_file(dir, "usr/hard", &b, err));
	assert_string_equal(buf_text(&b), "bodybodybody");
}

TEST(tar_writer_refuses_entries_that_make_no_sense)
{
	CLEANUP(tar_writer_free) struct tar_writer *w = NULL;
	CLEANUP(fd_close) int out = -1;
	CLEANUP(fd_close) int body = -1;
	struct tar_entry file = { .path = "x", .mode = S_IFREG | 0644, .size = 4 };
	struct tar_entry up = { .path = "../x", .mode = S_IFDIR | 0755 };
	struct tar_entry device = { .path = "x", .mode = S_IFCHR | 0644 };
	struct tar_entry link = { .path = "x", .mode = S_IFLNK | 0777 };

	assert_ok(fd_memory("out", &out, err));
	assert_ok(fd_memory("body", &body, err));
	assert_ok(fd_write_all(body, "abc", 3, err));
	assert_ok(tar_writer_make(out, &w, err));
	assert_fails(tar_writer_add(w, &up, -1, err), "'../x': not a path for a layer");
	assert_fails(tar_writer_add(w, &device, -1, err), "neither file, directory nor link");
	assert_fails(tar_writer_add(w, &link, -1, err), "a link has a target");
	assert_fails(tar_writer_add(w, &file, -1, err), "size and body do not fit");
	assert_int_equal(lseek(body, 0, SEEK_SET), 0);
	assert_fails(tar_writer_add(w, &file, body, err), "ends after 3 of 4 bytes");
	file.size = 2;
	assert_int_equal(lseek(body, 0, SEEK_SET), 0);
	assert_fails(tar_writer_add(w, &file, body, err), "larger than 2 bytes");
}
