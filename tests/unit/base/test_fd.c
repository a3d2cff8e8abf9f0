/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "tests/unit/test.h"
#include <sys/socket.h>

static void
write_file(int dir, const char *path, const char *text)
{
	struct err err;

	assert_int_equal(fd_publish(dir, path, text, strlen(text), 0644, &err), 0);
}

TEST(fd_open_beneath_never_leaves_its_directory)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int fd = -1;

	write_file(dir, "real", "x");
	assert_int_equal(symlinkat("real", dir, "inside"), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "absolute"), 0);
	assert_int_equal(symlinkat("../x", dir, "up"), 0);
	assert_ok(fd_open_beneath(dir, "inside", O_RDONLY, &fd, err));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_fails(fd_open_beneath(dir, "absolute", O_RDONLY, &fd, err),
		     "leads out of its directory");
	assert_fails(fd_open_beneath(dir, "up", O_RDONLY, &fd, err),
		     "leads out of its directory");
	assert_fails(fd_open_beneath(dir, "../x", O_RDONLY, &fd, err),
		     "leads out of its directory");
	assert_fails(fd_open_beneath(dir, "/etc/passwd", O_RDONLY, &fd, err), "leads out");
	assert_fails(fd_open_beneath(dir, "inside", O_RDONLY | O_NOFOLLOW, &fd, err),
		     "symbolic links");
	assert_fails(fd_open_straight(dir, "inside", O_RDONLY, &fd, err),
		     "through a symbolic link");
	assert_fails(fd_open_beneath(dir, "none", O_RDONLY, &fd, err), "none: No such file");
}

TEST(fd_mkdirs_makes_parents_and_accepts_what_is_there)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	char absolute[4096];

	assert_ok(fd_mkdirs(dir, "a/b//c/", err));
	assert_ok(fd_mkdirs(dir, "a/b/c", err));
	assert_int_equal(faccessat(dir, "a/b/c", F_OK, 0), 0);
	assert_int_equal(symlinkat("/tmp", dir, "out"), 0);
	assert_fails(fd_mkdirs(dir, "out/x", err), "leads out of its directory");
	write_file(dir, "file", "x");
	assert_fails(fd_mkdirs(dir, "file/x", err), "Not a directory");
	(void)snprintf(absolute, sizeof(absolute), "%s/d/e", test_tmpdir_path(dir));
	assert_ok(fd_mkdirs(AT_FDCWD, absolute, err));
	assert_int_equal(faccessat(dir, "d/e", F_OK, 0), 0);
}

TEST(fd_read_stops_at_the_limit)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(buf_free) struct buf five = BUF_MAX(5);
	CLEANUP(buf_free) struct buf four = BUF_MAX(4);

	write_file(dir, "f", "12345");
	assert_ok(fd_read_file(dir, "f", &five, err));
	assert_string_equal(buf_text(&five), "12345");
	assert_fails(fd_read_file(dir, "f", &four, err), "f: larger than 4 bytes");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(fd_read_plain_takes_only_plain_files_through_no_link)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf b = BUF_MAX(5);
	uint64_t size = 0;

	write_file(dir, "f", "12345");
	assert_int_equal(mkdirat(dir, "d", 0755), 0);
	assert_int_equal(mkfifoat(dir, "pipe", 0644), 0);
	assert_int_equal(symlinkat("f", dir, "link"), 0);
	assert_int_equal(symlinkat("d", dir, "up"), 0);
	write_file(dir, "d/g", "123456");
	assert_ok(fd_read_plain(dir, "f", &b, err));
	assert_string_equal(buf_text(&b), "12345");
	assert_ok(fd_open_plain(dir, "d/g", &fd, &size, err));
	assert_int_equal(size, 6);
	buf_clear(&b);
	assert_fails(fd_read_plain(dir, "d/g", &b, err), "d/g: larger than 5 bytes");
	assert_fails(fd_read_plain(dir, "d", &b, err), "d is not a regular file");
	assert_fails(fd_read_plain(dir, "pipe", &b, err), "pipe is not a regular file");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(fd_read_plain(dir, "link", &b, err), "leads through a symbolic link");
	assert_fails(fd_read_plain(dir, "up/g", &b, err), "leads through a symbolic link");
	assert_fails(fd_read_plain(dir, "gone", &b, err), "gone: No such file");
	assert_int_equal(err->sys, ENOENT);
}

TEST(fd_publish_replaces_and_leaves_nothing_beside)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	struct stat st;

	assert_ok(fd_publish(dir, "x", "one", 3, 0600, err));
	assert_ok(fd_publish(dir, "x", "two", 3, 0444, err));
	assert_ok(fd_read_file(dir, "x", &b, err));
	assert_string_equal(buf_text(&b), "two");
	assert_int_equal(fstatat(dir, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(unlinkat(dir, "x", 0), 0);
	assert_int_equal(rmdir(test_tmpdir_path(dir)), 0);
	assert_fails(fd_publish(AT_FDCWD, "/nonexistent/x", "", 0, 0600, err), "/nonexistent");
	assert_fails(fd_publish(dir, "..", "", 0, 0600, err), "not the name of a file");
}

TEST(fd_copy_copies_exactly_or_says_it_is_too_much)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	uint64_t n;
	int ends[2];

	write_file(dir, "in", "0123456789");
	assert_ok(fd_create(dir, "out", 0600, &out, err));
	assert_ok(fd_open_beneath(dir, "in", O_RDONLY, &in, err));
	assert_ok(fd_copy(in, out, 10, &n, err));
	assert_int_equal(n, 10);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_fails(fd_copy(in, out, 9, NULL, err), "larger than 9 bytes");
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_ok(fd_copy(in, ends[1], 100, &n, err));
	assert_int_equal(n, 10);
	close(ends[1]);
	assert_ok(fd_copy(ends[0], out, 100, &n, err));
	assert_int_equal(n, 10);
	close(ends[0]);
	assert_fails(fd_create(dir, "out", 0600, &in, err), "File exists");
}

TEST(fd_passes_descriptors_and_refuses_truncation)
{
	int pair[2], got[2];
	size_t n = 16, nfds = 2;
	char data[16];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_ok(fd_send(pair[0], "hello", 5, pair, 2, err));
	assert_ok(fd_receive(pair[1], data, &n, got, &nfds, err));
	assert_int_equal(n, 5);
	assert_int_equal(nfds, 2);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	close(got[0]);
	close(got[1]);
	assert_ok(fd_send(pair[0], "hello", 5, pair, 2, err));
	n = 16;
	nfds = 1;
	assert_fails(fd_receive(pair[1], data, &n, got, &nfds, err), "larger than");
	assert_ok(fd_send(pair[0], "hello", 5, NULL, 0, err));
	n = 4;
	assert_fails(fd_receive(pair[1], data, &n, got, &nfds, err), "larger than");
	close(pair[0]);
	n = 16;
	assert_ok(fd_receive(pair[1], data, &n, got, &nfds, err));
	assert_int_equal(n, 0);
	close(pair[1]);
}

TEST(fd_receive_hears_the_last_words_of_who_did_not_listen)
{
	int pair[2];
	size_t n = 16, nfds = 0;
	char data[16];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_ok(fd_send(pair[1], "unread", 6, NULL, 0, err));
	assert_ok(fd_send(pair[0], "last", 4, NULL, 0, err));
	close(pair[0]);
	assert_ok(fd_receive(pair[1], data, &n, NULL, &nfds, err));
	assert_int_equal(n, 4);
	assert_memory_equal(data, "last", 4);
	n = 16;
	assert_ok(fd_receive(pair[1], data, &n, NULL, &nfds, err));
	assert_int_equal(n, 0);
	close(pair[1]);
}
