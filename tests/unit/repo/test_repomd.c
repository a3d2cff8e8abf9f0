/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/tree.h"
#include "repo/repomd.h"
#include "tests/unit/test.h"

#define MAX_BYTES ((size_t)1 << 20)
#define EPOCH     1700000000
#define NONE      "0000000000000000000000000000000000000000000000000000000000000000"

static struct pkgdep alpha_provides[] = {
	{ "alpha", PKGDEP_EQ, "2:1.0-1" },
	{ "alpha(x86-64)", PKGDEP_EQ, "2:1.0-1" },
	{ "libalpha.so.1()(64bit)", PKGDEP_ANY, NULL },
	{ "virt", PKGDEP_EQ, "3" },
};
static struct pkgdep alpha_requires[] = {
	{ "/bin/sh", PKGDEP_ANY, NULL }, { "bar", PKGDEP_ANY, NULL },
	{ "bar", PKGDEP_ANY, NULL },     { "foo", PKGDEP_GE, "1.2" },
	{ "low", PKGDEP_LT, "1:2-3" },   { "most", PKGDEP_LE, "4" },
	{ "more", PKGDEP_GT, "5~rc1" },
};
static struct pkgdep alpha_conflicts[] = { { "old", PKGDEP_LT, "2" } };
static struct pkgdep alpha_obsoletes[] = { { "older", PKGDEP_ANY, NULL } };
static struct pkgdep alpha_recommends[] = { { "rec", PKGDEP_ANY, NULL } };
static struct pkgfile_entry alpha_entries[] = {
	{ .path = "/etc/alpha.conf", .type = MANIFEST_FILE },
	{ .path = "/etc/d", .type = MANIFEST_DIR },
	{ .path = "/etc/ghost", .type = MANIFEST_FILE, .flags = PKGFILE_GHOST },
	{ .path = "/usr/bin/alpha", .type = MANIFEST_FILE },
	{ .path = "/usr/lib/sendmail", .type = MANIFEST_LINK },
	{ .path = "/usr/share/x/a & b \"q\" <t>", .type = MANIFEST_FILE },
	{ .path = "/usr/share/x/\xc3\xa4", .type = MANIFEST_FILE },
};

static struct pkgfile
alpha(void)
{
	return (struct pkgfile){
		.id = { .name = "alpha",
			.epoch = 2,
			.version = "1.0",
			.release = "1",
			.arch = "x86_64" },
		.summary = "A & b <c> \"q\" 'x'",
		.description = "Line one\n line <two>",
		.license = "MIT",
		.homepage = "https://example.org/?a=1&b=2",
		.vendor = "Kiln",
		.group = "Unspecified",
		.build_host = "kiln",
		.source_rpm = "alpha-1.0-1.src.rpm",
		.build_time = EPOCH,
		.header_start = 4504,
		.header_end = 6777,
		.installed_size = 11,
		.archive_size = 900,
		.provides = { alpha_provides, ARRAY_LEN(alpha_provides) },
		.requires = { alpha_requires, ARRAY_LEN(alpha_requires) },
		.conflicts = { alpha_conflicts, ARRAY_LEN(alpha_conflicts) },
		.obsoletes = { alpha_obsoletes, ARRAY_LEN(alpha_obsoletes) },
		.recommends = { alpha_recommends, ARRAY_LEN(alpha_recommends) },
		.entries = alpha_entries,
		.nentries = ARRAY_LEN(alpha_entries),
	};
}

static int
make(struct arena *a, const struct pkgfile *p, struct repomd_fragment *out, struct err *err)
{
	struct digest d;

	digest_of("alpha", 5, &d);
	return repomd_fragment_make(a, p, &d, 6980, "packages/alpha-1.0-1.x86_64.rpm", out,
				    err);
}

/* The metadata of one kind out of a written repodata/, unpacked. */
static void
read_kind(int dirfd, const char *kind, struct buf *plain)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf packed = BUF_MAX(MAX_BYTES);
	struct err err;
	const char **names, *path = NULL;
	size_t n;

	assert_int_equal(tree_list(&a, dirfd, "repodata", &names, &n, &err), 0);
	for (size_t i = 0; i < n; i++)
		if (strstr(names[i], kind))
			path = arena_format(&a, "repodata/%s", names[i]);
	assert_non_null(path);
	assert_int_equal(fd_read_file(dirfd, path, &packed, &err), 0);
	assert_int_equal(gzip_read(packed.data, packed.len, plain, &err), 0);
}

/* Digests and packed sizes depend on the version of zlib: they become "*". */
static void
mask(const struct buf *in, struct buf *out)
{
	static const char hex[] = "0123456789abcdef", size[] = "<size>";
	const char *p = buf_text(in);

	while (*p) {
		size_t digits = strspn(p, hex);

		if (digits >= 64 ||
		    (digits > 0 && p - buf_text(in) > 6 && memcmp(p - 6, size, 6) == 0))
			buf_add_char(out, '*');
		else
			buf_add(out, p, digits ? digits : 1);
		p += digits ? digits : 1;
	}
}

static void
assert_golden(const char *name, const struct buf *got)
{
	CLEANUP(buf_free) struct buf want = BUF_MAX(MAX_BYTES);
	char path[256];
	struct err err;

	(void)snprintf(path, sizeof(path), "golden/repomd/%s", name);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &want, &err), 0);
	assert_string_equal(buf_text(got), buf_text(&want));
}

TEST(repomd_writes_the_documents_clients_read)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	static const char *const kinds[] = { "primary", "filelists", "other" };
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf masked = BUF_MAX(MAX_BYTES);
	struct pkgfile p = alpha();
	struct repomd_fragment fragment;

	assert_ok(make(&a, &p, &fragment, err));
	assert_ok(repomd_write(dirfd, &fragment, 1, EPOCH, err));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(buf_free) struct buf plain = BUF_MAX(MAX_BYTES);

		read_kind(dirfd, kinds[i], &plain);
		assert_golden(arena_format(&a, "%s.xml", kinds[i]), &plain);
	}
	assert_ok(fd_read_file(dirfd, "repodata/repomd.xml", &repomd, err));
	mask(&repomd, &masked);
	assert_golden("repomd.xml", &masked);
}

TEST(repomd_reads_back_what_it_wrote)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf primary = BUF_MAX(MAX_BYTES);
	struct pkgfile p = alpha();
	struct repomd_fragment fragment;
	struct repomd_file *files, *packages;
	struct digest d;
	size_t n, m;
	int64_t revision;

	assert_ok(make(&a, &p, &fragment, err));
	assert_ok(repomd_write(dirfd, &fragment, 1, EPOCH, err));
	assert_ok(fd_read_file(dirfd, "repodata/repomd.xml", &repomd, err));
	assert_ok(repomd_parse(&a, buf_text(&repomd), repomd.len, "repomd.xml", &files, &n,
			       &revision, err));
	assert_int_equal(n, 3);
	assert_int_equal(revision, EPOCH);
	assert_string_equal(files[0].type, "primary");
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;
		uint64_t size;

		assert_ok(fd_open_beneath(dirfd, files[i].href, O_RDONLY, &fd, err));
		assert_ok(digest_fd(fd, &d, &size, err));
		assert_true(digest_equal(&d, &files[i].digest));
		assert_int_equal(size, files[i].size);
	}
	read_kind(dirfd, "primary", &primary);
	assert_ok(repomd_parse_primary(&a, buf_text(&primary), primary.len, "primary",
				       &packages, &m, err));
	assert_int_equal(m, 1);
	assert_string_equal(packages[0].type, "alpha");
	assert_string_equal(nevra_text(&a, &packages[0].id), nevra_text(&a, &p.id));
	assert_string_equal(packages[0].href, "packages/alpha-1.0-1.x86_64.rpm");
	assert_int_equal(packages[0].size, 6980);
	digest_of("alpha", 5, &d);
	assert_true(digest_equal(&packages[0].digest, &d));
}

TEST(repomd_of_nothing_is_a_repository_without_packages)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(buf_free) struct buf primary = BUF_MAX(MAX_BYTES);
	struct repomd_file *packages;
	size_t n;

	assert_ok(repomd_write(dirfd, NULL, 0, EPOCH, err));
	read_kind(dirfd, "primary", &primary);
	assert_ok(repomd_parse_primary(&a, buf_text(&primary), primary.len, "primary",
				       &packages, &n, err));
	assert_int_equal(n, 0);
}

TEST(repomd_refuses_text_that_xml_cannot_carry)
{
	static const char *const bad[] = { "a\x01",        "a\x1b[0m", "a\x7f",
					   "\xff",         "\xc0\x80", "\xed\xa0\x80",
					   "\xef\xbf\xbf", "cut \xc3", "a\r" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct pkgfile p = alpha();
		struct pkgfile_entry e = { .path = bad[i], .type = MANIFEST_FILE };
		struct repomd_fragment out;

		p.description = bad[i];
		assert_fails(make(&a, &p, &out, err), "packages/alpha-1.0-1.x86_64.rpm");
		assert_true(strstr(err->text, "which metadata cannot carry") != NULL);
		p = alpha();
		p.entries = &e;
		p.nentries = 1;
		assert_fails(make(&a, &p, &out, err), "which metadata cannot carry");
	}
}

TEST(repomd_refuses_line_breaks_in_names)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile p = alpha();
	struct pkgdep d = { "two\nlines", PKGDEP_ANY, NULL };
	struct repomd_fragment out;

	p.requires = (struct pkgdeps){ &d, 1 };
	assert_fails(make(&a, &p, &out, err), "holds byte 0x0a");
}

/* ---- hostile documents ---- */

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define DATA(type, href)                                                                       \
	"<data type=\"" type "\"><checksum type=\"sha256\">" NONE                              \
	"</checksum><location href=\"" href "\"/><size>7</size></data>"
#define REPOMD(body) HEAD "<repomd>" body "</repomd>"

TEST(repomd_parse_refuses_hostile_documents_by_reason)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "the document ends too early" },
		{ "text", "text outside the document" },
		{ HEAD "<repomd>", "the document ends too early" },
		{ HEAD "<repomd></data>", "an end tag that closes nothing" },
		{ HEAD "<metadata></metadata>", "another kind of document" },
		{ REPOMD(""), "the revision is missing" },
		{ REPOMD("<revision>1</revision>") "<repomd/>", "a second document" },
		{ REPOMD("<revision>1</revision>") "x", "text outside the document" },
		{ REPOMD("<revision>-1</revision>"), "a revision that is no number" },
		{ REPOMD("<revision>1</revision>" DATA("primary",
						       "repodata/a") "<revision>2</revision>"),
		  "a second one" },
		{ REPOMD("<revision>99999999999999999999</revision>"),
		  "a revision that is no number" },
		{ "<!DOCTYPE x [<!ENTITY e \"x\">]>" REPOMD(""), "not a name" },
		{ REPOMD("<!-- x -->"), "not a name" },
		{ REPOMD("<![CDATA[x]]>"), "not a name" },
		{ REPOMD("<?php?>"), "not a name" },
		{ REPOMD("<revision>&#49;</revision>"),
		  "an entity that is not one of the five" },
		{ REPOMD("<revision>&e;</revision>"), "an entity that is not one of the five" },
		{ REPOMD("<revision>\x01</revision>"),
		  "a character that does not belong here" },
		{ REPOMD("<revision>1<b/></revision>"), "an element inside a value" },
		{ REPOMD("<a/>"), "an element that does not belong here" },
		{ REPOMD("<data/>"), "an element that does not belong here" },
		{ REPOMD("<data type=\"a\" type=\"b\"/>"), "an attribute given twice" },
		{ REPOMD("<data type='a'/>"), "an attribute without a quoted value" },
		{ REPOMD("<data type=\"a\""), "a tag that does not end" },
		{ REPOMD("<data type=\"primary\"/>"),
		  "an entry without name, version, checksum, location or size" },
		{ REPOMD(DATA("primary", "/etc/passwd")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("primary", "../x")), "a location outside of the repository" },
		{ REPOMD(DATA("primary", "repodata/../x")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("primary", "repodata/")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("primary", "repodata/a/b")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("primary", "repodata/.x")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("primary", "http://x/repodata/a")),
		  "a location outside of the repository" },
		{ REPOMD(DATA("a", "repodata/a") DATA("b", "repodata/a")),
		  "a location given twice" },
		{ REPOMD("<data type=\"p\"><location xml:base=\"http://x/\" href=\"repodata/a\"/></data>"),
		  "a location outside of the repository" },
		{ REPOMD("<data type=\"p\"><location href=\"repodata/a\"/><location href=\"repodata/b\"/></data>"),
		  "an element given twice" },
		{ REPOMD("<data type=\"p\"><checksum type=\"md5\">00</checksum></data>"),
		  "a checksum that is not sha256" },
		{ REPOMD("<data type=\"p\"><checksum type=\"sha256\">00</checksum></data>"),
		  "a checksum that is no SHA-256" },
		{ REPOMD("<data type=\"p\"><size>1k</size></data>"),
		  "a size that is no number" },
		{ REPOMD("<data type=\"p\"><x><x><x><x><x><x><x>"),
		  "elements nested too deep" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct repomd_file *files;
		size_t n;
		int64_t revision;

		assert_fails(repomd_parse(&a, cases[i].text, strlen(cases[i].text), "r.xml",
					  &files, &n, &revision, err),
			     cases[i].reason);
		assert_int_equal(err->code, ERR_VERIFY);
		assert_memory_equal(err->text, "r.xml:", 6);
	}
}

TEST(repomd_parse_counts_lines)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char text[] = HEAD "<repomd>\n  <data/>\n</repomd>";
	struct repomd_file *files;
	size_t n;
	int64_t revision;

	assert_fails(repomd_parse(&a, text, strlen(text), "r.xml", &files, &n, &revision, err),
		     "r.xml:3: ");
}

#define PACKAGE(type, name, href)                                                              \
	"<package type=\"" type "\"><name>" name                                               \
	"</name><arch>noarch</arch><version epoch=\"0\" ver=\"1\" rel=\"1\"/>"                 \
	"<checksum type=\"sha256\" pkgid=\"YES\">" NONE "</checksum><location href=\"" href    \
	"\"/><size package=\"7\" installed=\"1\"/><format><x><y/></x></format></package>"
#define PRIMARY(n, body) HEAD "<metadata packages=\"" n "\">" body "</metadata>"

TEST(repomd_parse_primary_refuses_hostile_documents_by_reason)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ PRIMARY("2", PACKAGE("rpm", "a", "packages/a.rpm")),
		  "says 2 packages and lists 1" },
		{ HEAD "<metadata></metadata>", "the number of packages is missing" },
		{ PRIMARY("1", PACKAGE("deb", "a", "packages/a.rpm")),
		  "a package that is no rpm" },
		{ PRIMARY("1", PACKAGE("rpm", "a", "a.rpm")),
		  "a location outside of the repository" },
		{ PRIMARY("1", PACKAGE("rpm", "a", "packages/x/a.rpm")),
		  "a location outside of the repository" },
		{ PRIMARY("2", PACKAGE("rpm", "a", "packages/a.rpm")
				       PACKAGE("rpm", "b", "packages/a.rpm")),
		  "a location given twice" },
		{ PRIMARY("1", "<package type=\"rpm\"><name>a</name></package>"),
		  "an entry without name, version, checksum, location or size" },
		{ PRIMARY("1", PACKAGE("rpm", "a b", "packages/a.rpm")),
		  "a name that is none" },
		{ PRIMARY("1",
			  "<package type=\"rpm\"><version epoch=\"0\" ver=\"1\"/></package>"),
		  "a version that is none" },
		{ PRIMARY("1",
			  "<package type=\"rpm\"><version epoch=\"0\" ver=\"1-2\" rel=\"1\"/>"
			  "</package>"),
		  "a version that is none" },
		{ PRIMARY("1", "<package type=\"rpm\"><c:location href=\"x\"/></package>"),
		  "a prefix that does not belong here" },
		{ PRIMARY("1", "<package type=\"rpm\"><size/></package>"),
		  "a size that is no number" },
		{ REPOMD(""), "another kind of document" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct repomd_file *files;
		size_t n;

		assert_fails(repomd_parse_primary(&a, cases[i].text, strlen(cases[i].text),
						  "p.xml", &files, &n, err),
			     cases[i].reason);
		assert_int_equal(err->code, ERR_VERIFY);
	}
}

TEST(repomd_parse_survives_every_prefix_of_a_document)
{
	static const char text[] = PRIMARY("1", PACKAGE("rpm", "a", "packages/a.rpm"));

	for (size_t i = 0; i < strlen(text); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct repomd_file *files;
		size_t n;

		assert_fails(repomd_parse_primary(&a, text, i, "p.xml", &files, &n, err),
			     "p.xml:");
	}
}
