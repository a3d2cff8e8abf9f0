/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/repo/pkgfix.h"

#define BODY "the body of a file\n"

static struct pkgdep provides[] = { { "virtual", PKGDEP_EQ, "3" } };
static struct pkgdep requires[] = { { "low", PKGDEP_LT, "2" },
				    { "/bin/sh", PKGDEP_ANY, NULL } };
static struct pkgdep conflicts[] = { { "other", PKGDEP_LE, "1" } };
static struct pkgdep obsoletes[] = { { "old", PKGDEP_GT, "1:0" } };
static struct pkgdep recommends[] = { { "nice", PKGDEP_GE, "1" } };

static void
must(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void
make_file(int dirfd, const char *name, const char *body, struct pkgfile_entry *e)
{
	struct err err;
	CLEANUP(fd_close) int fd = -1;

	must(fd_create(dirfd, name, 0644, &fd, &err), &err);
	must(fd_write_all(fd, body, strlen(body), &err), &err);
	e->source = name;
	e->size = strlen(body);
	digest_of(body, strlen(body), &e->digest);
}

void
pkgfix_make(struct arena *a, struct pkgfile_spec *out)
{
	static const struct pkgfile_entry entries[] = {
		{ .path = "/var/log/x.log",
		  .type = MANIFEST_FILE,
		  .mode = 0640,
		  .flags = PKGFILE_GHOST },
		{ .path = "/usr/bin/z-second",
		  .type = MANIFEST_FILE,
		  .mode = 0755,
		  .hardlink = "/usr/bin/first" },
		{ .path = "/usr/bin/link", .type = MANIFEST_LINK, .target = "first" },
		{ .path = "/usr/bin/first",
		  .type = MANIFEST_FILE,
		  .mode = 0755,
		  .caps = "cap_net_raw=ep" },
		{ .path = "/usr", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "/usr/share/\xc3\xa4 b",
		  .type = MANIFEST_FILE,
		  .mode = 0644,
		  .user = "games",
		  .group = "tty" },
		{ .path = "/usr/share/empty",
		  .type = MANIFEST_FILE,
		  .mode = 0600,
		  .flags = PKGFILE_DOC },
		{ .path = "/etc/x.conf",
		  .type = MANIFEST_FILE,
		  .mode = 04755,
		  .flags = PKGFILE_CONFIG | PKGFILE_NOREPLACE },
	};
	struct pkgfile_spec s = {
		.id = { .name = "probe",
			.version = "1.0~rc1",
			.release = "2",
			.arch = "x86_64",
			.epoch = 3 },
		.summary = "A probe \xe2\x80\x93 of everything",
		.description = "Two\nlines",
		.license = "Apache-2.0",
		.homepage = "https://example.invalid/",
		.vendor = "Kiln",
		.source_name = "source",
		.build_time = PKGFIX_TIME,
		.provides = { provides, ARRAY_LEN(provides) },
		.requires = { requires, ARRAY_LEN(requires) },
		.conflicts = { conflicts, ARRAY_LEN(conflicts) },
		.obsoletes = { obsoletes, ARRAY_LEN(obsoletes) },
		.recommends = { recommends, ARRAY_LEN(recommends) },
		.files_dirfd = test_tmpdir(),
	};

	s.nentries = ARRAY_LEN(entries);
	s.entries = arena_array(a, s.nentries, sizeof(*s.entries));
	memcpy(s.entries, entries, sizeof(entries));
	make_file(s.files_dirfd, "first", BODY, pkgfix_entry(&s, "/usr/bin/first"));
	make_file(s.files_dirfd, "other", "other\n", pkgfix_entry(&s, "/usr/share/\xc3\xa4 b"));
	make_file(s.files_dirfd, "empty", "", pkgfix_entry(&s, "/usr/share/empty"));
	make_file(s.files_dirfd, "conf", "x = 1\n", pkgfix_entry(&s, "/etc/x.conf"));
	/* The second name carries what its first name says, as a harvest finds it. */
	pkgfix_entry(&s, "/usr/bin/z-second")->size = strlen(BODY);
	pkgfix_entry(&s, "/usr/bin/z-second")->source = "first";
	digest_of(BODY, strlen(BODY), &pkgfix_entry(&s, "/usr/bin/z-second")->digest);
	*out = s;
}

struct pkgfile_entry *
pkgfix_entry(struct pkgfile_spec *s, const char *path)
{
	for (size_t i = 0; i < s->nentries; i++) {
		if (strcmp(s->entries[i].path, path) == 0)
			return &s->entries[i];
	}
	abort();
}

int
pkgfix_write(const struct pkgfile_spec *spec, struct pkgfile_ids *ids)
{
	struct err err;
	int fd = -1;

	must(fd_memory("package", &fd, &err), &err);
	must(pkgfile_write(spec, fd, ids, &err), &err);
	return fd;
}

void
pkgfix_bytes(int fd, struct buf *out)
{
	struct err err;

	buf_clear(out);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	must(fd_read_all(fd, out, &err), &err);
}

int
pkgfix_file(const void *data, size_t n)
{
	struct err err;
	int fd = -1;

	must(fd_memory("package", &fd, &err), &err);
	must(fd_write_all(fd, data, n, &err), &err);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}
