/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tar.h"
#include "base/manifest.h"
#include "base/mem.h"
#include "base/tree.h"
#include "tests/unit/test.h"
#include "tests/unit/base/archives.h"

#define MTIME 1234567890

static int
unpack(const struct buf *b, enum tar_kind kind, int dir, const struct tar_select *select,
       struct err *err)
{
	CLEANUP(fd_close) int fd = archives_fd(b);

	return tar_unpack(fd, kind, dir, select, NULL, MTIME, err);
}

static void
assert_file(int dir, const char *path, const char *want)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(100000);
	struct err err;
	struct stat st;

	if (fd_read_file(dir, path, &b, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_text(&b), want);
	assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtime, MTIME);
}

static void
assert_link(int dir, const char *path, const char *want)
{
	char target[256] = "";

	assert_true(readlinkat(dir, path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, want);
}

static bool
there(int dir, const char *path)
{
	return faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t
mode_of(int dir, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

TEST(tar_unpack_makes_files_directories_and_links)
{
	static const char *const filters[] = { NULL, "gzip", "bzip2", "xz", "zstd" };
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);

	archives_tar(&t, "./", '5', NULL, NULL);
	archives_tar(&t, "./a/b/file", '0', NULL, "body");
	archives_tar(&t, "./a/empty/", '5', NULL, NULL);
	archives_tar(&t, "./link", '2', "a/b/file", NULL);
	archives_tar(&t, "./hard", '1', "./a/b/file", NULL);
	archives_tar(&t, "./dangling", '2', "../../etc/passwd", NULL);
	archives_tar_end(&t);
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		CLEANUP(buf_free) struct buf packed = BUF_MAX(ARCHIVES_MAX);
		CLEANUP(fd_close) int dir = test_tmpdir();
		mode_t before = umask(077);
		struct stat st, other;

		if (filters[i])
			archives_pack(filters[i], &t, &packed);
		assert_ok(unpack(filters[i] ? &packed : &t, TAR_ANY, dir, NULL, err));
		(void)umask(before);
		assert_file(dir, "a/b/file", "body");
		assert_int_equal(mode_of(dir, "a/b/file"), 0755);
		assert_int_equal(mode_of(dir, "a"), 0755);
		assert_int_equal(mode_of(dir, "a/empty"), 0755);
		assert_link(dir, "link", "a/b/file");
		assert_link(dir, "dangling", "../../etc/passwd");
		assert_int_equal(fstatat(dir, "hard", &st, 0), 0);
		assert_int_equal(fstatat(dir, "a/b/file", &other, 0), 0);
		assert_int_equal(st.st_ino, other.st_ino);
		assert_int_equal(fstatat(dir, "a", &st, 0), 0);
		assert_int_equal(st.st_mtime, MTIME);
		assert_int_equal(fstatat(dir, "a/b", &st, 0), 0);
		assert_int_equal(st.st_mtime, MTIME);
	}
}

TEST(tar_unpack_reads_a_pipe)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();
	int ends[2];

	archives_tar(&t, "x", '0', NULL, "piped");
	archives_tar_end(&t);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_ok(fd_write_all(ends[1], t.data, t.len, err));
	close(ends[1]);
	assert_ok(tar_unpack(ends[0], TAR_ANY, dir, NULL, NULL, MTIME, err));
	close(ends[0]);
	assert_file(dir, "x", "piped");
}

/* An archive of one or two entries must be refused with the reason. */
struct bad_case {
	const char *name;
	char type;
	const char *link, *name2;
	char type2;
	const char *link2, *why;
};

static const struct bad_case bad_cases[] = {
	{ "../x", '0', NULL, NULL, 0, NULL, "archive entry '../x': '..' in its name" },
	{ "a/../../x", '0', NULL, NULL, 0, NULL, "'..' in its name" },
	{ "a/..", '5', NULL, NULL, 0, NULL, "'..' in its name" },
	{ "/etc/x", '0', NULL, NULL, 0, NULL, "archive entry '/etc/x': absolute name" },
	{ "l", '2', "/tmp", "l/x", '0', NULL, "'l/x': l: leads through" },
	{ "l", '2', ".", "l/x", '0', NULL, "'l/x': l: leads through" },
	{ "l", '2', "d", "l/a/b/x", '0', NULL, "leads through" },
	{ "l", '2', "x", "l", '0', NULL, "'l': a file, but a symbolic link stands there" },
	{ "d/x", '0', NULL, "d", '2', "x",
	  "'d': a symbolic link, but a directory stands there" },
	{ "d/x", '0', NULL, "d", '0', NULL, "'d': a file, but a directory stands there" },
	{ "f", '0', NULL, "f", '5', NULL, "'f': a directory, but a file stands there" },
	{ "f", '0', NULL, "f/x", '0', NULL, "leads through something that is no directory" },
	{ "dev", '3', NULL, NULL, 0, NULL,
	  "'dev': devices, pipes and sockets are not allowed" },
	{ "dev", '4', NULL, NULL, 0, NULL, "devices, pipes and sockets" },
	{ "pipe", '6', NULL, NULL, 0, NULL, "devices, pipes and sockets" },
	{ "bad\xff", '0', NULL, NULL, 0, NULL,
	  "'bad?': name is too long or not printable UTF-8" },
	{ "esc\x1b[2J", '0', NULL, NULL, 0, NULL,
	  "'esc?[2J': name is too long or not printable" },
	{ "l", '2', "a\nb", NULL, 0, NULL, "'l': its target is not printable UTF-8" },
	{ "h", '1', "../../etc/passwd", NULL, 0, NULL, "'../../etc/passwd': '..' in its name" },
	{ "h", '1', "/etc/passwd", NULL, 0, NULL, "absolute name" },
	{ "h", '1', "none", NULL, 0, NULL, "a hard link to 'none', which is no file" },
	{ "h", '1', "h", NULL, 0, NULL, "a hard link to itself" },
	{ "l", '2', "/etc/passwd", "h", '1', "l", "a hard link to 'l', which is no file" },
	{ "d/", '5', NULL, "h", '1', "d", "a hard link to 'd', which is no file" },
};

TEST(tar_unpack_refuses_hostile_entries_by_name)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_cases); i++) {
		const struct bad_case *c = &bad_cases[i];
		CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
		CLEANUP(fd_close) int outer = test_tmpdir();
		CLEANUP(fd_close) int dir = -1;

		assert_int_equal(mkdirat(outer, "in", 0755), 0);
		assert_ok(fd_open_dir(outer, "in", &dir, err));
		archives_tar(&t, c->name, c->type, c->link, c->type == '0' ? "b" : NULL);
		if (c->name2)
			archives_tar(&t, c->name2, c->type2, c->link2,
				     c->type2 == '0' ? "b" : NULL);
		archives_tar_end(&t);
		assert_fails(unpack(&t, TAR_ANY, dir, NULL, err), c->why);
		assert_int_equal(err->code, ERR_INPUT);
		assert_int_equal(unlinkat(outer, "in/x", 0), -1);
		assert_false(there(outer, "x"));
	}
	assert_false(there(AT_FDCWD, "/tmp/x"));
}

TEST(tar_unpack_replaces_files_and_never_writes_through_links)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();

	archives_tar(&t, "one", '0', NULL, "first");
	archives_tar(&t, "two", '1', "one", NULL);
	archives_tar(&t, "one", '0', NULL, "second");
	archives_tar(&t, "l", '2', "two", NULL);
	archives_tar(&t, "l", '2', "one", NULL);
	archives_tar_end(&t);
	assert_ok(unpack(&t, TAR_ANY, dir, NULL, err));
	assert_file(dir, "one", "second");
	assert_file(dir, "two", "first");
	assert_link(dir, "l", "one");
	/* links that stood there before are refused like those of the archive */
	assert_int_equal(unlinkat(dir, "one", 0), 0);
	assert_int_equal(symlinkat("two", dir, "one"), 0);
	assert_fails(unpack(&t, TAR_ANY, dir, NULL, err), "'one': a file, but a symbolic link");
	assert_file(dir, "two", "first");
}

TEST(tar_unpack_strips_and_selects)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int none = test_tmpdir();
	const char *members[] = { "include", "*.txt", "src/*.c" };
	struct tar_select select = { .strip = 1, .members = members, .nmembers = 3 };

	archives_tar(&t, "top/", '5', NULL, NULL);
	archives_tar(&t, "top/include/a/b.h", '0', NULL, "h");
	archives_tar(&t, "top/read.txt", '0', NULL, "t");
	archives_tar(&t, "top/doc/no.txt", '0', NULL, "t");
	archives_tar(&t, "top/src/x.c", '0', NULL, "c");
	archives_tar(&t, "top/src/sub/x.c", '0', NULL, "c");
	archives_tar(&t, "top/device", '3', NULL, NULL);
	archives_tar(&t, "top/include/b.h", '1', "top/include/a/b.h", NULL);
	archives_tar_end(&t);
	assert_ok(unpack(&t, TAR_ANY, dir, &select, err));
	assert_file(dir, "include/a/b.h", "h");
	assert_file(dir, "include/b.h", "h");
	assert_file(dir, "read.txt", "t");
	assert_file(dir, "src/x.c", "c");
	assert_false(there(dir, "doc"));
	assert_false(there(dir, "src/sub"));
	members[1] = "nothing/here";
	assert_fails(unpack(&t, TAR_ANY, none, &select, err),
		     "nothing in it matches 'nothing/here'");
}

TEST(tar_unpack_merges_usr_and_keeps_links_meaning_the_same)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int other = test_tmpdir();
	struct tar_select select = { .merge_usr = true };

	archives_tar(&t, "./bin/", '5', NULL, NULL);
	archives_tar(&t, "./bin/sh", '0', NULL, "sh");
	archives_tar(&t, "./bin/rsh", '1', "./bin/sh", NULL);
	archives_tar(&t, "./bin/dash", '2', "sh", NULL);
	archives_tar(&t, "./sbin/up", '2', "../bin/sh", NULL);
	archives_tar(&t, "./lib/x/y", '2', "../../usr/share/y", NULL);
	archives_tar(&t, "./usr/lib/x/z", '2', "../../../lib/x/libz.so", NULL);
	archives_tar(&t, "./lib64/ld.so", '2', "/lib/x/ld.so", NULL);
	archives_tar(&t, "./libx32", '2', "usr/libx32", NULL);
	archives_tar(&t, "./library/x", '0', NULL, "l");
	archives_tar_end(&t);
	assert_ok(unpack(&t, TAR_ANY, dir, &select, err));
	assert_false(there(dir, "bin"));
	assert_false(there(dir, "lib"));
	assert_false(there(dir, "usr/libx32"));
	assert_file(dir, "usr/bin/sh", "sh");
	assert_file(dir, "usr/bin/rsh", "sh");
	assert_link(dir, "usr/bin/dash", "sh");
	assert_link(dir, "usr/sbin/up", "../bin/sh");
	assert_link(dir, "usr/lib/x/y", "../../share/y");
	assert_link(dir, "usr/lib/x/z", "libz.so");
	assert_link(dir, "usr/lib64/ld.so", "/lib/x/ld.so");
	assert_file(dir, "library/x", "l");
	buf_clear(&t);
	archives_tar(&t, "lib", '2', "/opt/lib", NULL);
	archives_tar_end(&t);
	assert_fails(unpack(&t, TAR_ANY, other, &select, err),
		     "'lib': a link where /usr is merged");
}

TEST(tar_unpack_stops_at_its_limits)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	struct tar_limits limits = {
		.max_bytes = 10, .max_entries = 2, .max_depth = 3, .max_ratio = 100
	};
	static const struct {
		const char *first, *second, *third, *why;
	} cases[] = { { "a", "b", "c", "more than 2 entries" },
		      { "a/b/c/d", NULL, NULL, "'a/b/c/d': too many directories deep" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(fd_close) int dir = test_tmpdir();
		CLEANUP(fd_close) int fd = -1;

		buf_clear(&t);
		archives_tar(&t, cases[i].first, '0', NULL, "1234");
		if (cases[i].second)
			archives_tar(&t, cases[i].second, '0', NULL, "1234");
		if (cases[i].third)
			archives_tar(&t, cases[i].third, '0', NULL, "1234");
		archives_tar_end(&t);
		fd = archives_fd(&t);
		assert_fails(tar_unpack(fd, TAR_ANY, dir, NULL, &limits, MTIME, err),
			     cases[i].why);
	}
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int fd = -1;

	buf_clear(&t);
	archives_tar(&t, "a", '0', NULL, "123456");
	archives_tar(&t, "b", '0', NULL, "12345");
	archives_tar_end(&t);
	fd = archives_fd(&t);
	assert_fails(tar_unpack(fd, TAR_ANY, dir, NULL, &limits, MTIME, err),
		     "more than 10 bytes unpacked");
	assert_int_equal(err->code, ERR_LIMIT);
}

/* 80 MiB of zeros: once as a body that shrinks well, once as a hole of a GNU sparse file. */
/* An archive in an archive, as gcc's is: the entry's size is known long before its bytes are.
 */
TEST(tar_unpack_does_not_take_one_large_file_for_a_bomb)
{
	const uint64_t size = (uint64_t)80 * 1024 * 1024; /* beyond what no ratio counts for */
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int body = -1, fd = -1;
	CLEANUP(tar_writer_free) struct tar_writer *w = NULL;
	struct tar_entry e = { .path = "inner.tar.xz", .mode = S_IFREG | 0644, .size = size };
	struct stat st;

	assert_ok(fd_memory("body", &body, err));
	assert_int_equal(ftruncate(body, (off_t)size), 0);
	assert_ok(fd_memory("archive", &fd, err));
	assert_ok(tar_writer_make(fd, &w, err));
	assert_ok(tar_writer_add(w, &e, body, err));
	assert_ok(tar_writer_end(w, err));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(tar_unpack(fd, TAR_ANY, dir, NULL, &tar_limits_source, MTIME, err));
	assert_int_equal(fstatat(dir, "inner.tar.xz", &st, 0), 0);
	assert_int_equal(st.st_size, size);
}

TEST(tar_unpack_refuses_bombs)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX((size_t)100 << 20);
	CLEANUP(buf_free) struct buf packed = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();
	size_t big = (size_t)80 << 20;
	char *zeros = mem_alloc(big + 1);

	memset(zeros, 'z', big);
	archives_tar(&t, "bomb", '0', NULL, zeros);
	archives_tar_end(&t);
	free(zeros);
	archives_pack("xz", &t, &packed);
	assert_fails(unpack(&packed, TAR_ANY, dir, NULL, err), "grows more than 1000 times");
	assert_int_equal(err->code, ERR_LIMIT);
	buf_clear(&t);
	archives_pax(&t, "GNU.sparse.realsize", "4000000000000");
	archives_pax(&t, "GNU.sparse.size", "4000000000000");
	archives_tar(&t, "hole", '0', NULL, "x");
	archives_tar_end(&t);
	assert_fails(unpack(&t, TAR_ANY, dir, NULL, err),
		     "more than 8589934592 bytes unpacked");
}

TEST(tar_unpack_reads_pax_names_in_any_locale)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(fd_close) int bad = test_tmpdir();

	archives_pax(&t, "path", "na\u00efve/\u65e5\u672c");
	archives_tar(&t, "x", '0', NULL, "u");
	archives_pax(&t, "linkpath", "\u65e5");
	archives_tar(&t, "l\u00fc", '2', "y", NULL);
	archives_tar_end(&t);
	assert_ok(unpack(&t, TAR_ANY, dir, NULL, err));
	assert_file(dir, "na\u00efve/\u65e5\u672c", "u");
	assert_link(dir, "l\u00fc", "\u65e5");
	buf_clear(&t);
	archives_pax(&t, "path", "../../x");
	archives_tar(&t, "x", '0', NULL, "u");
	archives_tar_end(&t);
	assert_fails(unpack(&t, TAR_ANY, bad, NULL, err), "'..' in its name");
}

TEST(tar_unpack_refuses_damage)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(buf_free) struct buf packed = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();

	buf_add_str(&t, "this is no archive at all, only words");
	assert_fails(unpack(&t, TAR_ANY, dir, NULL, err), "archive: ");
	buf_clear(&t);
	archives_tar(&t, "x", '0', NULL, "body");
	archives_tar_end(&t);
	t.len = 514;
	assert_fails(unpack(&t, TAR_ANY, dir, NULL, err), "x: Truncated");
	t.len = 512 + 512 + 1024;
	t.data[3] = 'y';
	assert_fails(unpack(&t, TAR_ANY, dir, NULL, err), "archive: ");
	t.data[3] = '\0';
	archives_pack("xz", &t, &packed);
	packed.len /= 2;
	assert_fails(unpack(&packed, TAR_ANY, dir, NULL, err), "");
}

TEST(tar_unpack_reads_debian_packages)
{
	static const char *const suffixes[][2] = { { "xz", "xz" },
						   { "zst", "zstd" },
						   { "gz", "gzip" } };
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);
	struct tar_select select = { .merge_usr = true };

	archives_tar(&t, "./bin/true", '0', NULL, "yes");
	archives_tar_end(&t);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		CLEANUP(buf_free) struct buf packed = BUF_MAX(ARCHIVES_MAX);
		CLEANUP(buf_free) struct buf deb = BUF_MAX(ARCHIVES_MAX);
		CLEANUP(fd_close) int dir = test_tmpdir();

		archives_pack(suffixes[i][1], &t, &packed);
		archives_deb(&deb, suffixes[i][0], &packed);
		assert_ok(unpack(&deb, TAR_DEB, dir, &select, err));
		assert_file(dir, "usr/bin/true", "yes");
		assert_false(there(dir, "debian-binary"));
		assert_fails(unpack(&deb, TAR_ANY, dir, &select, err), "archive: ");
	}
}

TEST(tar_unpack_holds_debian_packages_to_their_format)
{
	static const struct {
		const char *first, *text, *second, *third, *fourth, *why;
	} bad[] = {
		{ "data.tar", "", NULL, NULL, NULL, "unexpected member 'data.tar'" },
		{ "debian-binary", "3.0\n", NULL, NULL, NULL, "debian-binary: not version 2" },
		{ "debian-binary", "2.0\n", "data.tar", NULL, NULL,
		  "unexpected member 'data.tar'" },
		{ "debian-binary", "2.0\n", "control.tar", NULL, NULL, "no data.tar in it" },
		{ "debian-binary", "2.0\n", "control.tar", "data.tar", "data.tar",
		  "unexpected member 'data.tar'" },
	};
	CLEANUP(buf_free) struct buf t = BUF_MAX(ARCHIVES_MAX);

	archives_tar(&t, "x", '0', NULL, "yes");
	archives_tar_end(&t);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(buf_free) struct buf deb = BUF_MAX(ARCHIVES_MAX);
		CLEANUP(fd_close) int dir = test_tmpdir();

		archives_ar(&deb, bad[i].first, bad[i].text, strlen(bad[i].text));
		if (bad[i].second)
			archives_ar(&deb, bad[i].second, "", 0);
		if (bad[i].third)
			archives_ar(&deb, bad[i].third, t.data, t.len);
		if (bad[i].fourth)
			archives_ar(&deb, bad[i].fourth, t.data, t.len);
		assert_fails(unpack(&deb, TAR_DEB, dir, NULL, err), bad[i].why);
	}
}

TEST(tar_unpack_reads_rpm_packages_with_hard_links)
{
	CLEANUP(buf_free) struct buf c = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(buf_free) struct buf packed = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(buf_free) struct buf rpm = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int dir = test_tmpdir();

	archives_cpio(&c, "./usr/bin", 0040755, 1, 2, NULL);
	archives_cpio(&c, "./usr/bin/x", 0104711, 2, 1, "set-id");
	archives_cpio(&c, "./usr/bin/h1", 0100644, 3, 2, NULL);
	archives_cpio(&c, "./usr/bin/h2", 0100644, 3, 2, "both");
	archives_cpio_end(&c);
	archives_pack("zstd", &c, &packed);
	archives_rpm(&rpm, &packed);
	assert_ok(unpack(&rpm, TAR_RPM, dir, NULL, err));
	assert_file(dir, "usr/bin/x", "set-id");
	assert_int_equal(mode_of(dir, "usr/bin/x"), 0755);
	assert_file(dir, "usr/bin/h1", "both");
	assert_file(dir, "usr/bin/h2", "both");
	assert_int_equal(mode_of(dir, "usr/bin/h1"), 0644);
	assert_fails(unpack(&c, TAR_RPM, dir, NULL, err), "not an RPM package");
	buf_clear(&c);
	buf_clear(&packed);
	buf_clear(&rpm);
	archives_cpio(&c, "../x", 0100644, 2, 1, "x");
	archives_cpio_end(&c);
	archives_pack("gzip", &c, &packed);
	archives_rpm(&rpm, &packed);
	assert_fails(unpack(&rpm, TAR_RPM, dir, NULL, err), "'../x': '..' in its name");
}

struct seen {
	char names[256], text[64];
};

static size_t
want_four(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "top/read") == 0 ? 4 : 0;
}

static int
take_seen(void *arg, const char *name, bool file, const char *text, size_t n, struct err *err)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->names);

	(void)err;
	(void)snprintf(seen->names + len, sizeof(seen->names) - len, "%s%s ", name,
		       file ? "" : "/");
	if (n)
		(void)snprintf(seen->text, sizeof(seen->text), "%.*s", (int)n, text);
	return 0;
}

TEST(tar_look_names_every_entry_and_reads_only_what_is_wanted)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int fd = -1;
	struct seen seen = { "", "" };
	const struct tar_visit visit = { want_four, take_seen, &seen };

	archives_tar(&b, "./top/", '5', NULL, NULL);
	archives_tar(&b, "top/read", '0', NULL, "abcdefgh");
	archives_tar(&b, "top/pass", '0', NULL, "xyz");
	archives_tar(&b, "top/link", '2', "read", NULL);
	archives_tar_end(&b);
	fd = archives_fd(&b);
	assert_ok(tar_look(fd, NULL, &visit, err));
	assert_string_equal(seen.names, "top/ top/read top/pass top/link/ ");
	assert_string_equal(seen.text, "abcd");
}

TEST(tar_look_refuses_what_tar_unpack_refuses)
{
	struct seen seen = { "", "" };
	const struct tar_visit visit = { want_four, take_seen, &seen };
	const struct tar_limits few = {
		.max_bytes = 1000, .max_entries = 1, .max_depth = 9, .max_ratio = 1000
	};
	CLEANUP(buf_free) struct buf up = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(buf_free) struct buf many = BUF_MAX(ARCHIVES_MAX);
	CLEANUP(fd_close) int a = -1;
	CLEANUP(fd_close) int b = -1;

	archives_tar(&up, "top/../../x", '0', NULL, "x");
	archives_tar_end(&up);
	a = archives_fd(&up);
	assert_fails(tar_look(a, NULL, &visit, err), "'..' in its name");
	archives_tar(&many, "x", '0', NULL, "x");
	archives_tar(&many, "y", '0', NULL, "y");
	archives_tar_end(&many);
	b = archives_fd(&many);
	assert_fails(tar_look(b, &few, &visit, err), "more than 1 entries");
}
