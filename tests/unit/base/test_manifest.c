/* SPDX-License-Identifier: Apache-2.0 */
#include "base/manifest.h"
#include "tests/unit/test.h"

#define EMPTY_SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEST(manifest_of_a_tree_is_sorted_canonical_and_comes_back)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(10000);
	CLEANUP(buf_free) struct buf again = BUF_MAX(10000);
	struct manifest m, back;

	assert_int_equal(mkdirat(dir, "a", 0755), 0);
	assert_ok(fd_publish(dir, "a/x", "", 0, 0644, err));
	assert_int_equal(linkat(dir, "a/x", dir, "a-b", 0), 0);
	assert_int_equal(symlinkat("a/x", dir, "l"), 0);
	assert_int_equal(fchmodat(dir, "a", 0755, 0), 0);
	assert_ok(manifest_scan(&a, dir, ".", &m, err));
	manifest_write(&m, &text);
	assert_string_equal(
		buf_text(&text),
		"{\"entries\":["
		"{\"mode\":493,\"path\":\"a\",\"type\":\"dir\"},"
		"{\"mode\":420,\"path\":\"a-b\",\"sha256\":\"" EMPTY_SHA
		"\",\"size\":0,\"type\":\"file\"},"
		"{\"hardlink\":\"a-b\",\"mode\":420,\"path\":\"a/x\",\"sha256\":\"" EMPTY_SHA
		"\",\"size\":0,\"type\":\"file\"},"
		"{\"path\":\"l\",\"target\":\"a/x\",\"type\":\"link\"}],\"format\":1}");
	assert_ok(manifest_parse(&a, buf_text(&text), text.len, "m", &back, err));
	manifest_write(&back, &again);
	assert_string_equal(buf_text(&text), buf_text(&again));
	assert_string_equal(manifest_find(&back, "a/x")->hardlink, "a-b");
	assert_null(manifest_find(&back, "a/y"));
}

TEST(manifest_of_nothing_is_empty)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(100);
	struct manifest m;

	assert_ok(manifest_scan(&a, dir, ".", &m, err));
	manifest_write(&m, &text);
	assert_string_equal(buf_text(&text), "{\"entries\":[],\"format\":1}");
	assert_null(manifest_find(&m, "x"));
}

TEST(manifest_scan_refuses_what_no_package_may_hold)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	struct manifest m;

	assert_ok(fd_publish(dir, "s", "", 0, 0644, err));
	assert_int_equal(fchmodat(dir, "s", 04755, 0), 0);
	assert_fails(manifest_scan(&a, dir, ".", &m, err), "s: set-id bits");
	assert_int_equal(unlinkat(dir, "s", 0), 0);
	assert_int_equal(mkfifoat(dir, "p", 0600), 0);
	assert_fails(manifest_scan(&a, dir, ".", &m, err), "p: devices, pipes and sockets");
	assert_int_equal(unlinkat(dir, "p", 0), 0);
	assert_int_equal(mkdirat(dir, "bad\xff", 0700), 0);
	assert_fails(manifest_scan(&a, dir, ".", &m, err), "bad?: name is not printable");
	assert_int_equal(unlinkat(dir, "bad\xff", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("x\ny", dir, "l"), 0);
	assert_fails(manifest_scan(&a, dir, ".", &m, err), "l: its target is not printable");
}

TEST(manifest_paths_are_relative_and_plain)
{
	static const char *const good[] = { "a", "usr/bin/x", "...", "a/.b", "na\u00efve" };
	static const char *const bad[] = { "",   "/a",     "a/",  "a//b", ".",
					   "..", "a/../b", "./a", "a\nb", "\xff" };
	char big[300];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(manifest_is_path(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(manifest_is_path(bad[i]));
	memset(big, 'a', sizeof(big));
	big[255] = '\0';
	assert_true(manifest_is_path(big));
	big[255] = 'a';
	big[256] = '\0';
	assert_false(manifest_is_path(big));
}

TEST(manifest_parse_refuses_what_would_not_be_written)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "{}", "not a manifest of format 1" },
		{ "{\"entries\":[],\"format\":2}", "not a manifest of format 1" },
		{ "{\"entries\":[],\"format\":1,\"x\":1}", "not a manifest" },
		{ "[]", "not a manifest" },
		{ "{\"entries\":[3],\"format\":1}", "entry 0 ('') is not valid" },
		{ "{\"entries\":[{\"path\":\"../x\",\"type\":\"link\",\"target\":\"y\"}],\"format\":1}",
		  "entry 0 ('../x') is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"dev\"}],\"format\":1}",
		  "is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"dir\",\"mode\":2541}],\"format\":1}",
		  "is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"dir\",\"mode\":493,\"y\":1}],\"format\":1}",
		  "is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"file\",\"mode\":420,\"size\":-1,\"sha256\":\"" EMPTY_SHA
		  "\"}],\"format\":1}",
		  "is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"file\",\"mode\":420,\"size\":0,\"sha256\":\"e3\"}],\"format\":1}",
		  "is not valid" },
		{ "{\"entries\":[{\"path\":\"x\",\"type\":\"link\",\"target\":\"y\"},{\"path\":\"x\",\"type\":\"link\",\"target\":\"y\"}],\"format\":1}",
		  "'x' is out of order" },
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct manifest m;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(manifest_parse(&a, bad[i].text, strlen(bad[i].text), "m", &m, err),
			     bad[i].why);
}
