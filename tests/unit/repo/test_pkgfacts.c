/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "repo/pkgfacts.h"
#include "tests/unit/test.h"

#define MAX_TEXT ((size_t)64 * 1024)

static struct pkgdep provides[] = { { "zlib", PKGDEP_EQ, "1.2-3" },
				    { "libz.so.1()(64bit)", PKGDEP_ANY, NULL } };
static struct pkgdep requires[] = { { "/bin/sh", PKGDEP_ANY, NULL },
				    { "libc", PKGDEP_GE, "1:2.0" } };
static const char *paths[] = { "/usr/lib", "/usr/lib/libz.so.1" };

static struct pkgfacts
sample(void)
{
	struct pkgfacts f = {
		.id = { .name = "zlib",
			.version = "1.2",
			.release = "3",
			.arch = "x86_64",
			.epoch = 7 },
		.recipe = "zlib",
		.summary = "Compression",
		.license = "Zlib",
		.build_time = 1700000000,
		.size = 1234,
		.installed_size = 5678,
		.provides = { provides, ARRAY_LEN(provides) },
		.requires = { requires, ARRAY_LEN(requires) },
		.paths = paths,
		.npaths = ARRAY_LEN(paths),
	};

	digest_of("file", 4, &f.file);
	digest_of("header", 6, &f.header);
	digest_of("environment", 11, &f.environment);
	return f;
}

static void
write_text(struct arena *a, const struct pkgfacts *f, struct buf *out)
{
	json_write(pkgfacts_doc(a, f), out);
}

TEST(pkgfacts_come_back_as_they_were_written)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_TEXT);
	CLEANUP(buf_free) struct buf again = BUF_MAX(MAX_TEXT);
	struct pkgfacts f = sample(), g;
	struct doc *d;

	write_text(&a, &f, &text);
	assert_ok(json_parse(&a, buf_text(&text), text.len, "facts", &d, err));
	assert_ok(pkgfacts_parse(&a, d, "facts", &g, err));
	assert_string_equal(g.id.name, "zlib");
	assert_int_equal(g.id.epoch, 7);
	assert_int_equal(g.provides.n, 2);
	assert_string_equal(g.requires.at[1].evr, "1:2.0");
	assert_int_equal(g.requires.at[1].op, PKGDEP_GE);
	assert_true(digest_equal(&f.header, &g.header));
	assert_string_equal(g.paths[1], "/usr/lib/libz.so.1");
	write_text(&a, &g, &again);
	/* provides are sorted when read */
	assert_int_equal(text.len, again.len);
}

static int
parse_with(struct arena *a, const char *key, struct doc *value, struct err *err)
{
	struct pkgfacts f = sample(), g;
	struct doc *d = pkgfacts_doc(a, &f);

	doc_set(a, d, key, value);
	return pkgfacts_parse(a, d, "facts", &g, err);
}

static struct doc *
list_of(struct arena *a, const char *one, const char *two)
{
	struct doc *list = doc_list(a);

	doc_push(a, list, doc_text(a, one));
	if (two)
		doc_push(a, list, doc_text(a, two));
	return list;
}

TEST(pkgfacts_refuse_what_does_not_belong_and_name_the_key)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfacts g;

	assert_fails(parse_with(&a, "format", doc_number(&a, 2), err),
		     "'format' is not one this Kiln reads");
	assert_fails(parse_with(&a, "name", doc_text(&a, "-x"), err), "'name' is not a name");
	assert_fails(parse_with(&a, "name", doc_number(&a, 1), err),
		     "'name' is missing or not a text");
	assert_fails(parse_with(&a, "version", doc_text(&a, "1-2"), err),
		     "'version' is not a version");
	assert_fails(parse_with(&a, "epoch", doc_number(&a, -1), err),
		     "'epoch' is missing or not a number");
	assert_fails(parse_with(&a, "file", doc_text(&a, "ABC"), err),
		     "'file' is not a SHA-256");
	assert_fails(parse_with(&a, "requires", doc_text(&a, "x"), err),
		     "'requires' is missing or not a list");
	assert_fails(parse_with(&a, "requires", list_of(&a, "a >> 1", NULL), err),
		     "'>>' is none of");
	assert_fails(parse_with(&a, "paths", list_of(&a, "usr", NULL), err), "not absolute");
	assert_fails(parse_with(&a, "paths", list_of(&a, "/b", "/a"), err),
		     "'paths' is not sorted");
	assert_fails(pkgfacts_parse(&a, doc_list(&a), "facts", &g, err), "are not a map");
}

TEST(pkgfacts_environment_hears_contents_but_not_the_summary)
{
	struct manifest_entry entries[] = {
		{ .path = "usr/bin", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "usr/bin/x", .type = MANIFEST_FILE, .mode = 0755, .size = 3 },
	};
	struct manifest m = { .at = entries, .n = ARRAY_LEN(entries) };
	struct pkgfacts f = sample();
	struct digest base, other;

	digest_of("one", 3, &entries[1].digest);
	pkgfacts_environment(&f, &m, &base);
	f.summary = "Another summary";
	f.license = "MIT";
	f.build_time++;
	pkgfacts_environment(&f, &m, &other);
	assert_true(digest_equal(&base, &other));
	entries[1].mode = 0644;
	pkgfacts_environment(&f, &m, &other);
	assert_false(digest_equal(&base, &other));
	entries[1].mode = 0755;
	digest_of("two", 3, &entries[1].digest);
	pkgfacts_environment(&f, &m, &other);
	assert_false(digest_equal(&base, &other));
	digest_of("one", 3, &entries[1].digest);
	f.requires.n = 1;
	pkgfacts_environment(&f, &m, &other);
	assert_false(digest_equal(&base, &other));
	f.requires.n = 2;
	f.id.release = "4";
	pkgfacts_environment(&f, &m, &other);
	assert_false(digest_equal(&base, &other));
}

static void
check_text(struct arena *a, const char *in, const char *out, struct err *err)
{
	struct pkgdep d;

	assert_ok(pkgdep_parse(a, in, &d, err));
	assert_string_equal(pkgdep_text(a, &d), out);
}

TEST(pkgdep_reads_names_and_ranges)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	check_text(&a, "zlib", "zlib", err);
	check_text(&a, "  zlib   >=  1:1.2-3 ", "zlib >= 1:1.2-3", err);
	check_text(&a, "libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)", err);
	check_text(&a, "pkgconfig(zlib) = 1.2", "pkgconfig(zlib) = 1.2", err);
	check_text(&a, "/usr/bin/sh", "/usr/bin/sh", err);
}

TEST(pkgdep_refuses_what_it_cannot_mean)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgdep d;

	assert_fails(pkgdep_parse(&a, "", &d, err), "is empty");
	assert_fails(pkgdep_parse(&a, "(a if b)", &d, err), "rich dependency");
	assert_fails(pkgdep_parse(&a, ">= 1", &d, err), "does not begin with a capability");
	assert_fails(pkgdep_parse(&a, "a >=", &d, err), "name operator version");
	assert_fails(pkgdep_parse(&a, "a >= 1 2", &d, err), "name operator version");
	assert_fails(pkgdep_parse(&a, "a ~ 1", &d, err), "'~' is none of");
	assert_fails(pkgdep_parse(&a, "a = 1_\xff", &d, err), "is not a version");
	assert_fails(pkgdep_parse(&a, "a\nb", &d, err), "control character");
}

static bool
meets(struct arena *a, const char *want, const char *have, struct err *err)
{
	struct pkgdep w, h;

	assert_ok(pkgdep_parse(a, want, &w, err));
	assert_ok(pkgdep_parse(a, have, &h, err));
	return pkgdep_matches(&w, &h);
}

TEST(pkgdep_matches_where_ranges_meet)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_true(meets(&a, "x", "x = 1", err));
	assert_true(meets(&a, "x >= 2", "x", err));
	assert_false(meets(&a, "x", "y", err));
	assert_true(meets(&a, "x >= 1", "x = 1-5", err));
	assert_false(meets(&a, "x > 1-5", "x = 1-5", err));
	assert_true(meets(&a, "x = 1", "x = 1-5", err));
	assert_false(meets(&a, "x = 1", "x = 1:1-5", err));
	assert_true(meets(&a, "x < 2", "x = 2~rc1-1", err));
	assert_false(meets(&a, "x < 2", "x >= 2", err));
	assert_true(meets(&a, "x <= 2", "x >= 2", err));
	assert_true(meets(&a, "x < 2", "x < 1", err));
	assert_true(meets(&a, "x > 2", "x > 9", err));
}

TEST(pkgdep_sort_orders_and_drops_what_is_there_twice)
{
	struct pkgdep at[] = { { "b", PKGDEP_GE, "2" },
			       { "a", PKGDEP_ANY, NULL },
			       { "b", PKGDEP_GE, "1" },
			       { "a", PKGDEP_ANY, NULL },
			       { "b", PKGDEP_ANY, NULL } };
	struct pkgdeps d = { at, ARRAY_LEN(at) };

	pkgdep_sort(&d);
	assert_int_equal(d.n, 4);
	assert_string_equal(d.at[0].name, "a");
	assert_int_equal(d.at[1].op, PKGDEP_ANY);
	assert_string_equal(d.at[2].evr, "1");
	assert_string_equal(d.at[3].evr, "2");
}
