/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgdb.h"
#include "tests/unit/repo/pkgfix.h"

#define MAX_DB ((size_t)16 * 1024 * 1024)

static void
write_db(const int *fds, const char *const *names, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	assert_ok(fd_memory("database", &fd, err));
	assert_ok(pkgdb_write(fds, names, n, PKGFIX_TIME, fd, err));
	pkgfix_bytes(fd, out);
}

TEST(pkgdb_write_gives_the_same_readable_database_every_time)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf one = BUF_MAX(MAX_DB);
	CLEANUP(buf_free) struct buf two = BUF_MAX(MAX_DB);
	struct pkgfile_spec s, meta = {
		.id = { .name = "meta", .version = "1", .release = "1", .arch = "noarch" }
	};
	const char *const names[] = { "meta.rpm", "probe.rpm" };
	struct pkgfile_ids ids;
	int fds[2];

	pkgfix_make(&a, &s);
	fds[0] = pkgfix_write(&meta, &ids);
	fds[1] = pkgfix_write(&s, &ids);
	write_db(fds, names, 2, &one, err);
	write_db(fds, names, 2, &two, err);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	assert_memory_equal(one.data, "SQLite format 3", 16);
	assert_memory_equal(one.data + 18, "\1\1", 2); /* readable without a -shm file */
	assert_memory_equal(one.data + 96, "\x00\x2e\x63\x01", 4); /* no library version */
	assert_non_null(memmem(one.data, one.len, "probe", 5));
	close(fds[0]);
	close(fds[1]);
	close(s.files_dirfd);
}

TEST(pkgdb_of_no_packages_is_a_database)
{
	CLEANUP(buf_free) struct buf db = BUF_MAX(MAX_DB);

	write_db(NULL, NULL, 0, &db, err);
	assert_memory_equal(db.data, "SQLite format 3", 16);
}

TEST(pkgdb_refuses_what_does_not_belong_and_names_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	const char *const names[] = { "probe.rpm" };
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int sealed = -1;
	CLEANUP(fd_close) int text = pkgfix_file("not a package at all", 20);
	CLEANUP(fd_close) int out = -1;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	assert_ok(fd_memory("signed", &sealed, err));
	assert_ok(fd_memory("database", &out, err));
	assert_ok(pkgfile_add_signature(fd, sealed, "signature", 9, err));
	assert_fails(pkgdb_write(&sealed, names, 1, PKGFIX_TIME, out, err),
		     "probe.rpm is signed");
	assert_int_equal(err->code, ERR_INPUT);
	assert_fails(pkgdb_write(&text, names, 1, PKGFIX_TIME, out, err),
		     "probe.rpm: package file is cut short");
	assert_fails(pkgdb_write(&fd, names, 1, -1, out, err), "between 1970 and 2106");
	close(s.files_dirfd);
}
