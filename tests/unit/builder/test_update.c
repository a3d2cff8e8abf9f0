/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/update_priv.h"
#include "base/doc.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1024 * 1024)

TEST(update_orders_versions_as_rpm_does_and_early_ones_before)
{
	assert_int_equal(update_version_compare("1.2.13", "1.2.9"), 1);
	assert_int_equal(update_version_compare("1.3", "1.3"), 0);
	assert_int_equal(update_version_compare("2026b", "2026a"), 1);
	assert_int_equal(update_version_compare("2.0rc1", "2.0"), -1);
	assert_int_equal(update_version_compare("2.0rc2", "2.0rc1"), 1);
	assert_int_equal(update_version_compare("2.0beta1", "1.9"), 1);
	assert_int_equal(update_version_compare("1.1.1w", "1.1.1"), 1);
}

TEST(update_knows_early_versions_by_their_words)
{
	static const char *const early[] = { "2.0rc1",  "2.0.beta2", "5.0a1", "1.0_alpha",
					     "3.1dev3", "2.0~x",     "1.RC2", "9.pre4" };
	static const char *const ready[] = { "2026b", "1.1.1w",       "1.2.13",         "5.44",
					     "9p1",   "2.39.archive", "1.0.preparation" };

	for (size_t i = 0; i < ARRAY_LEN(early); i++)
		assert_true(update_version_is_early(early[i]));
	for (size_t i = 0; i < ARRAY_LEN(ready); i++)
		assert_false(update_version_is_early(ready[i]));
}

TEST(update_keeps_to_a_series)
{
	struct update_wish w = { .current = "6.1.170", .series = "6.1" };

	assert_true(update_version_fits(&w, "6.1.176"));
	assert_true(update_version_fits(&w, "6.1"));
	assert_false(update_version_fits(&w, "6.12"));
	assert_false(update_version_fits(&w, "6.1.rc1"));
	assert_false(update_version_fits(&w, "v6.1"));
	assert_false(update_version_fits(&w, "6.1-1"));
	w.early = true;
	assert_true(update_version_fits(&w, "6.1.rc1"));
}

static const char *
match(struct arena *a, const char *pattern, const char *text)
{
	return update_version_match(a, pattern, "zlib", text, strlen(text));
}

TEST(update_matches_whole_texts_against_patterns)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(match(&a, "v{version}", "v1.3"), "1.3");
	assert_string_equal(match(&a, "{name}-{version}.tar", "zlib-1.3.tar"), "1.3");
	assert_string_equal(match(&a, "p/{version}/x-{version}.gz", "p/1.3/x-1.3.gz"), "1.3");
	assert_null(match(&a, "p/{version}/x-{version}.gz", "p/1.3/x-1.4.gz"));
	assert_null(match(&a, "v{version}", "v"));
	assert_null(match(&a, "v{version}", "x1.3"));
	assert_null(match(&a, "no place", "no place"));
}

static const char *
page(struct arena *a, const char *text, const char *pattern, struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);

	assert_ok(update_list_page(text, strlen(text), pattern, "zlib", &out, err));
	return arena_strdup(a, buf_text(&out));
}

TEST(update_finds_versions_on_a_page)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char text[] = "<a href=\"zlib-1.2.13.tar.gz\">zlib-1.2.13.tar.gz</a>\n"
				   "<a href='/x/zlib-1.3.tar.gz'>new</a> minizlib-9.9.tar.gz\n"
				   "zlib-1.4.tar.xz zlib-.tar.gz zlib-1.5.tar.g";

	assert_string_equal(page(&a, text, "zlib-{version}.tar.gz", err),
			    "1.2.13\n1.2.13\n1.3\n");
	assert_string_equal(page(&a, text, "{name}-{version}.tar.xz", err), "1.4\n");
	assert_string_equal(page(&a, "v1.2 v1.3.", "v{version}", err), "1.2\n1.3.\n");
	assert_string_equal(page(&a, "", "v{version}", err), "");
}

TEST(update_reads_tags_of_clever_and_plain_git_servers)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);
	static const char clever[] =
		"001e# service=git-upload-pack\n0000"
		"00b0aaaa HEAD\0multi_ack symref=HEAD:refs/heads/main\n"
		"003faaaa refs/heads/main\n003dbbbb refs/tags/v1.2\n0040bbbb refs/tags/v1.2^{}\n"
		"003dcccc refs/tags/v1.3\n0000";
	static const char plain[] = "aaaa\trefs/heads/main\nbbbb\trefs/tags/1.0\n";

	assert_ok(update_list_tags(clever, sizeof(clever) - 1, &out, err));
	assert_string_equal(buf_text(&out), "v1.2\nv1.3\n");
	buf_clear(&out);
	assert_ok(update_list_tags(plain, sizeof(plain) - 1, &out, err));
	assert_string_equal(buf_text(&out), "1.0\n");
	buf_clear(&out);
	assert_ok(update_list_tags("x refs/tags/", 12, &out, err));
	assert_int_equal(out.len, 0);
}

TEST(update_reads_wanted_sources_of_an_archive_only)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);
	static const char *const want[] = { "zlib" };
	static const char text[] =
		"Package: aaa\nDirectory: pool/main/a/aaa\nChecksums-Sha256:\n"
		" 71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1 5 a.tar\n\n"
		"Package: zlib\nFiles:\n 00 7 zlib.dsc\nChecksums-Sha256:\n"
		" 71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1 9 z_1.tar\n"
		" 81feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1 8 z_1.dsc\n"
		"Directory: pool/main/z/zlib";

	assert_ok(update_list_sources(text, strlen(text), want, 1, &out, err));
	assert_string_equal(
		buf_text(&out),
		"pool/main/z/zlib/z_1.tar\t71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1\t9\n"
		"pool/main/z/zlib/z_1.dsc\t81feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1\t8\n");
}

static int
edit(struct arena *a, const char *text, const char *key, const char *value, struct buf *out,
     struct err *err)
{
	struct update_edit e = { .value = value };
	struct doc *root;

	assert_ok(doc_parse(a, text, strlen(text), "x.yaml", &root, err));
	e.at = doc_get(root, key);
	return update_edit_apply(text, strlen(text), "x.yaml", &e, 1, out, err);
}

TEST(update_edits_a_value_and_no_other_byte)
{
	static const char *const cases[][2] = {
		{ "a: 1.2\nversion: 1.2   # 1.2 it is\nb: 1.2\n",
		  "a: 1.2\nversion: 9.10   # 1.2 it is\nb: 1.2\n" },
		{ "version: \"1.2\" # quoted\n", "version: \"9.10\" # quoted\n" },
		{ "version: '1.2'\r\nb: c\r\n", "version: '9.10'\r\nb: c\r\n" },
		{ "{\"\xc3\xa9\": \xe2\x82\xac, version: 1.2}",
		  "{\"\xc3\xa9\": \xe2\x82\xac, version: 9.10}" },
		{ "b: c\n\n\n   \nversion:\n  1.2\n", "b: c\n\n\n   \nversion:\n  9.10\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);

		assert_ok(edit(&a, cases[i][0], "version", "9.10", &out, err));
		assert_string_equal(buf_text(&out), cases[i][1]);
	}
}

TEST(update_refuses_to_edit_what_is_not_spelled_out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);

	assert_fails(edit(&a, "version: \"1\\x2e2\"\n", "version", "2", &out, err),
		     "x.yaml:1:10: this value cannot be edited in place");
	assert_fails(edit(&a, "version: >-\n  1.2\n", "version", "2", &out, err),
		     "cannot be edited in place");
}

TEST(update_shows_a_unified_diff)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);

	update_edit_diff("r", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14",
			 "1\nB\n3\n4\n5\n6\n7\n8\nI\n10\n11\n12\n13\nN", &out);
	assert_string_equal(
		buf_text(&out),
		"--- a/r\n+++ b/r\n@@ -1,14 +1,14 @@\n 1\n-2\n+B\n 3\n 4\n 5\n 6\n 7\n"
		" 8\n-9\n+I\n 10\n 11\n 12\n 13\n-14\n\\ No newline at end of file\n"
		"+N\n\\ No newline at end of file\n");
	buf_clear(&out);
	update_edit_diff("r", "same\n", "same\n", &out);
	assert_int_equal(out.len, 0);
	update_edit_diff("r", "1\n", "2\n", &out);
	assert_string_equal(buf_text(&out), "--- a/r\n+++ b/r\n@@ -1 +1 @@\n-1\n+2\n");
}
