/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgfile_priv.h"
#include "tests/unit/repo/pkgfix.h"

#define MAX_BYTES ((size_t)1 << 20)

/* Any bytes will do for what does not verify: the packet is opaque to the file format. */
static const char packet[] = "not a real OpenPGP packet, but carried as one";

TEST(pkgfile_write_gives_the_same_bytes_for_entries_in_any_order)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf one = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf two = BUF_MAX(MAX_BYTES);
	struct pkgfile_spec s;
	struct pkgfile_ids ids, again;
	struct digest whole;
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int fd2 = -1;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	for (size_t i = 0; i < s.nentries / 2; i++) {
		struct pkgfile_entry e = s.entries[i];

		s.entries[i] = s.entries[s.nentries - 1 - i];
		s.entries[s.nentries - 1 - i] = e;
	}
	fd2 = pkgfix_write(&s, &again);
	pkgfix_bytes(fd, &one);
	pkgfix_bytes(fd2, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	digest_of(one.data, one.len, &whole);
	assert_true(digest_equal(&whole, &ids.file));
	assert_int_equal(ids.size, one.len);
	assert_int_equal(ids.installed_size, strlen("the body of a file\n") +
						     strlen("other\n") + strlen("x = 1\n"));
	close(s.files_dirfd);
}

static void
check_entries(const struct pkgfile *p)
{
	const struct pkgfile_entry *e = p->entries;

	assert_int_equal(p->nentries, 8);
	assert_string_equal(e[0].path, "/etc/x.conf");
	assert_int_equal(e[0].mode, 04755);
	assert_int_equal(e[0].flags, PKGFILE_CONFIG | PKGFILE_NOREPLACE);
	assert_int_equal(e[1].type, MANIFEST_DIR);
	assert_string_equal(e[2].path, "/usr/bin/first");
	assert_string_equal(e[2].caps, "cap_net_raw=ep");
	assert_null(e[2].user);
	assert_null(e[2].hardlink);
	assert_int_equal(e[3].type, MANIFEST_LINK);
	assert_string_equal(e[3].target, "first");
	assert_string_equal(e[4].hardlink, "/usr/bin/first");
	assert_int_equal(e[5].flags, PKGFILE_DOC);
	assert_string_equal(e[6].user, "games");
	assert_string_equal(e[6].group, "tty");
	assert_int_equal(e[7].flags, PKGFILE_GHOST);
}

TEST(pkgfile_read_gives_back_what_was_written)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	assert_ok(pkgfile_read(&a, fd, "probe.rpm", &p, err));
	assert_string_equal(nevra_text(&a, &p.id), "probe-3:1.0~rc1-2.x86_64");
	assert_string_equal(p.summary, s.summary);
	assert_string_equal(p.description, "Two\nlines");
	assert_string_equal(p.homepage, s.homepage);
	assert_string_equal(p.vendor, "Kiln");
	assert_string_equal(p.group, "Unspecified");
	assert_string_equal(p.build_host, "kiln");
	assert_string_equal(p.source_rpm, "source-1.0~rc1-2.src.rpm");
	assert_int_equal(p.build_time, PKGFIX_TIME);
	assert_true(digest_equal(&p.header, &ids.header));
	assert_int_equal(p.installed_size, ids.installed_size);
	assert_null(p.signature);
	assert_int_equal(p.provides.n, 3);
	assert_string_equal(pkgdep_text(&a, &p.provides.at[0]), "probe = 3:1.0~rc1-2");
	assert_string_equal(pkgdep_text(&a, &p.provides.at[1]), "probe(x86-64) = 3:1.0~rc1-2");
	assert_int_equal(p.requires.n, 2);
	assert_string_equal(pkgdep_text(&a, &p.requires.at[1]), "low < 2");
	assert_string_equal(pkgdep_text(&a, &p.conflicts.at[0]), "other <= 1");
	assert_string_equal(pkgdep_text(&a, &p.obsoletes.at[0]), "old > 1:0");
	assert_string_equal(pkgdep_text(&a, &p.recommends.at[0]), "nice >= 1");
	check_entries(&p);
	close(s.files_dirfd);
}

TEST(pkgfile_without_files_is_a_package_too)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s = {
		.id = { .name = "meta", .version = "1", .release = "1", .arch = "noarch" }
	};
	struct pkgfile_ids ids;
	struct pkgfile p;

	fd = pkgfix_write(&s, &ids);
	assert_ok(pkgfile_read(&a, fd, "meta.rpm", &p, err));
	assert_int_equal(p.nentries, 0);
	assert_int_equal(p.provides.n, 1);
	assert_string_equal(p.summary, "meta");
	assert_ok(pkgfile_each_body(fd, "meta.rpm", NULL, NULL, err));
}

TEST(pkgfile_payload_does_not_ask_this_machine_who_its_users_are)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf one = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf two = BUF_MAX(MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int fd2 = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p, q;

	pkgfix_make(&a, &s);
	pkgfix_entry(&s, "/etc/x.conf")->user = "games";
	pkgfix_entry(&s, "/etc/x.conf")->group = "tty";
	fd = pkgfix_write(&s, &ids);
	pkgfix_entry(&s, "/etc/x.conf")->user = "nobody-here-has-this";
	pkgfix_entry(&s, "/etc/x.conf")->group = "nor-this";
	fd2 = pkgfix_write(&s, &ids);
	assert_ok(pkgfile_read(&a, fd, "games.rpm", &p, err));
	assert_ok(pkgfile_read(&a, fd2, "nobody.rpm", &q, err));
	pkgfix_bytes(fd, &one);
	pkgfix_bytes(fd2, &two);
	assert_int_equal(one.len - p.header_end, two.len - q.header_end);
	assert_memory_equal(one.data + p.header_end, two.data + q.header_end,
			    one.len - p.header_end);
	close(s.files_dirfd);
}

/* Everything that may not enter a package, and why. */

static int
write_changed(struct pkgfile_spec *s, struct err *err)
{
	struct pkgfile_ids ids;
	CLEANUP(fd_close) int fd = -1;

	if (fd_memory("package", &fd, err) < 0)
		return -1;
	return pkgfile_write(s, fd, &ids, err);
}

#define REFUSES(field, value, reason)                                                          \
	do {                                                                                   \
		struct pkgfile_spec s_;                                                        \
		pkgfix_make(&a, &s_);                                                          \
		s_.field = (value);                                                            \
		assert_fails(write_changed(&s_, err), reason);                                 \
		close(s_.files_dirfd);                                                         \
	} while (0)
#define REFUSES_ENTRY(name, field, value, reason)                                              \
	do {                                                                                   \
		struct pkgfile_spec s_;                                                        \
		pkgfix_make(&a, &s_);                                                          \
		pkgfix_entry(&s_, (name))->field = (value);                                    \
		assert_fails(write_changed(&s_, err), reason);                                 \
		close(s_.files_dirfd);                                                         \
	} while (0)

TEST(pkgfile_write_refuses_an_identity_no_package_may_have)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	REFUSES(id.name, "-x", "'-x' is not a name");
	REFUSES(id.version, "1-2", "no valid version and release");
	REFUSES(id.release, NULL, "no valid version and release");
	REFUSES(id.arch, "", "no architecture");
	REFUSES(id.epoch, -1, "negative epoch");
	REFUSES(build_time, -1, "before 1970");
	REFUSES(build_time, (int64_t)1 << 33, "does not fit 32 bits");
	REFUSES(summary, "bad \xff", "summary is not UTF-8");
	REFUSES(license, "bad \x01", "license holds a control character");
}

TEST(pkgfile_write_refuses_files_no_package_may_hold)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	REFUSES_ENTRY("/etc/x.conf", path, "/etc/\xff", "is not a path a package may hold");
	REFUSES_ENTRY("/etc/x.conf", path, "/etc/../x", "is not a path a package may hold");
	REFUSES_ENTRY("/etc/x.conf", path, "etc/x", "is not a path a package may hold");
	REFUSES_ENTRY("/etc/x.conf", path, "/etc/a\nb", "is not a path a package may hold");
	REFUSES_ENTRY("/etc/x.conf", path, "/usr", "/usr is listed twice");
	REFUSES_ENTRY("/etc/x.conf", mode, 0100644, "is not permission bits");
	REFUSES_ENTRY("/etc/x.conf", size, (uint64_t)5 << 30, "larger than 4 GiB");
	REFUSES_ENTRY("/etc/x.conf", user, "a:b", "is not a user and a group");
	REFUSES_ENTRY("/etc/x.conf", group, "", "is not a user and a group");
	REFUSES_ENTRY("/etc/x.conf", caps, "everything", "are not capabilities");
	REFUSES_ENTRY("/usr", caps, "cap_chown=ep", "are not capabilities");
	REFUSES_ENTRY("/usr/bin/link", target, "", "link without a target");
	REFUSES_ENTRY("/usr/bin/link", target, "a\xff", "link target is not UTF-8");
	REFUSES_ENTRY("/usr/bin/z-second", hardlink, "/usr/none",
		      "is not a file of the package");
	REFUSES_ENTRY("/usr/bin/z-second", mode, 0700, "one file but described differently");
}

TEST(pkgfile_write_refuses_contents_that_are_not_what_the_entry_says)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct digest wrong = { .bytes = { 1 } };

	REFUSES_ENTRY("/etc/x.conf", digest, wrong, "/etc/x.conf changed while it was packed");
	REFUSES_ENTRY("/etc/x.conf", size, 7, "/etc/x.conf changed while it was packed");
	REFUSES_ENTRY("/etc/x.conf", size, 5, "/etc/x.conf changed while it was packed");
	REFUSES_ENTRY("/etc/x.conf", source, NULL, "/etc/x.conf has no contents");
	REFUSES_ENTRY("/etc/x.conf", source, "none", "No such file");
	REFUSES_ENTRY("/etc/x.conf", source, "../conf", "leads out of its directory");
}

/* Signing. */

static void
sign(int fd, int *out, struct err *err)
{
	assert_ok(fd_memory("signed package", out, err));
	assert_ok(pkgfile_add_signature(fd, *out, packet, sizeof(packet), err));
}

TEST(pkgfile_signature_comes_off_without_a_trace)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf before = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf after = BUF_MAX(MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int sealed = -1;
	CLEANUP(fd_close) int stripped = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	sign(fd, &sealed, err);
	assert_ok(pkgfile_read(&a, sealed, "sealed.rpm", &p, err));
	assert_int_equal(p.signature_len, sizeof(packet));
	assert_memory_equal(p.signature, packet, sizeof(packet));
	assert_true(digest_equal(&p.header, &ids.header));
	assert_ok(fd_memory("stripped package", &stripped, err));
	assert_ok(pkgfile_strip_signature(sealed, stripped, err));
	pkgfix_bytes(fd, &before);
	pkgfix_bytes(stripped, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	close(s.files_dirfd);
}

TEST(pkgfile_signature_covers_the_same_bytes_before_and_after)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf before = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf after = BUF_MAX(MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int sealed = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct keyring nobody = { 0 };
	struct digest d;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	sign(fd, &sealed, err);
	assert_ok(pkgfile_header_bytes(fd, "probe.rpm", &before, err));
	assert_ok(pkgfile_header_bytes(sealed, "sealed.rpm", &after, err));
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	digest_of(before.data, before.len, &d);
	assert_true(digest_equal(&d, &ids.header));
	assert_fails(pkgfile_verify(fd, "probe.rpm", &nobody, err), "probe.rpm is not signed");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(pkgfile_verify(sealed, "sealed.rpm", &nobody, err), "sealed.rpm: ");
	assert_int_equal(err->code, ERR_VERIFY);
	close(s.files_dirfd);
}

TEST(pkgfile_signature_of_absurd_size_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int out = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	assert_ok(fd_memory("out", &out, err));
	assert_fails(pkgfile_add_signature(fd, out, packet, 0, err),
		     "is not one for a package");
	assert_fails(pkgfile_add_signature(fd, out, packet, PKGFILE_MAX_PACKET + 1, err),
		     "is not one for a package");
	close(s.files_dirfd);
}

/* Hostile files. */

TEST(pkgfile_read_refuses_every_flipped_byte_but_the_unread_size_of_the_archive)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bytes = BUF_MAX(MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p;
	size_t accepted = 0;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	pkgfix_bytes(fd, &bytes);
	for (size_t i = 0; i < bytes.len; i++) {
		CLEANUP(arena_release) struct arena scratch = { 0 };
		char flipped = (char)(bytes.data[i] ^ 0x41);

		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)i), 1);
		if (pkgfile_read(&scratch, fd, "flipped.rpm", &p, err) == 0)
			accepted++;
		else if (err->code != ERR_VERIFY && err->code != ERR_INPUT &&
			 err->code != ERR_LIMIT)
			fail_msg("byte %zu: %s", i, err->text);
		assert_int_equal(pwrite(fd, &bytes.data[i], 1, (off_t)i), 1);
	}
	assert_int_equal(accepted, 4);
	close(s.files_dirfd);
}

TEST(pkgfile_read_refuses_every_shorter_file)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	while (ids.size-- > 0) {
		CLEANUP(arena_release) struct arena scratch = { 0 };

		assert_int_equal(ftruncate(fd, (off_t)ids.size), 0);
		if (pkgfile_read(&scratch, fd, "short.rpm", &p, err) == 0)
			fail_msg("%llu bytes were accepted", (unsigned long long)ids.size);
	}
	assert_non_null(strstr(err->text, "cut short"));
	close(s.files_dirfd);
}

static void
put_be32(struct buf *b, size_t at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		b->data[at + (size_t)i] = (char)(v >> (24 - 8 * i));
}

TEST(pkgfile_read_bounds_headers_before_anything_reads_them)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bytes = BUF_MAX(MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int huge = -1;
	CLEANUP(fd_close) int text = pkgfix_file("#!/bin/sh\n", 10);
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct pkgfile p;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	pkgfix_bytes(fd, &bytes);
	put_be32(&bytes, PKGFILE_LEAD_BYTES + 8, 0x10000000);
	put_be32(&bytes, PKGFILE_LEAD_BYTES + 12, 0xfffffff0);
	huge = pkgfix_file(bytes.data, bytes.len);
	assert_fails(pkgfile_read(&a, huge, "huge.rpm", &p, err),
		     "header has 268435456 entries");
	assert_fails(pkgfile_read(&a, text, "text", &p, err),
		     "text: package file is cut short");
	assert_fails(pkgfile_read(&a, s.files_dirfd, "directory", &p, err),
		     "is not a regular file");
	close(s.files_dirfd);
}

/* Bodies. */

struct seen {
	struct buf text;
};

static int
note_body(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	struct seen *seen = arg;
	CLEANUP(buf_free) struct buf body = BUF_MAX(MAX_BYTES);

	if (fd >= 0 && fd_read_all(fd, &body, err) < 0)
		return -1;
	buf_add_format(&seen->text, "%s=%s;", e->path, fd < 0 ? "-" : buf_text(&body));
	return 0;
}

TEST(pkgfile_each_body_shows_the_first_name_with_the_contents)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;
	struct seen seen = { .text = BUF_MAX(MAX_BYTES) };

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	assert_ok(pkgfile_each_body(fd, "probe.rpm", note_body, &seen, err));
	assert_string_equal(
		buf_text(&seen.text),
		"/etc/x.conf=x = 1\n;/usr=-;/usr/bin/link=-;/usr/share/empty=;"
		"/usr/share/\xc3\xa4 b=other\n;/usr/bin/first=the body of a file\n;/usr/bin/z-second=-;");
	buf_free(&seen.text);
	close(s.files_dirfd);
}

static int
stop(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	(void)arg;
	(void)fd;
	return err_set(err, ERR_INPUT, "stopped at %s", e->path);
}

TEST(pkgfile_each_body_ends_at_the_first_failure)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_spec s;
	struct pkgfile_ids ids;

	pkgfix_make(&a, &s);
	fd = pkgfix_write(&s, &ids);
	assert_fails(pkgfile_each_body(fd, "probe.rpm", stop, NULL, err),
		     "stopped at /etc/x.conf");
	close(s.files_dirfd);
}
