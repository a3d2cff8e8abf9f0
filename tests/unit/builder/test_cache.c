/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cache_priv.h"
#include "tests/unit/test.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct cache_file
file(const char *path, const char *hex, uint64_t size)
{
	struct cache_file f = { .path = path, .size = size };

	if (!digest_parse(hex, &f.sha256))
		fail_msg("%s", hex);
	return f;
}

static void
refuse(const char *bytes, size_t n, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct cache_entry e;

	assert_fails(cache_wire_parse(&a, bytes, n, &e, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}
#define REFUSE(bytes, reason) refuse(bytes, sizeof(bytes) - 1, reason, err)
/* One file of the message, whose length of path and of the digest's size are one byte. */
#define ONE(path_length, path, hex, size)                                                      \
	"\x12" path_length "\x0a" path "\x12\x44\x0a\x40" hex "\x10" size

/* What protoc says of { output_files { path: "b" digest { hash size_bytes: 300 } } ... }. */
TEST(cache_entry_is_written_as_protobuf_sorted_by_path)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(1024);
	struct cache_file files[] = { file("b", HEX_B, 300), file("a", HEX_A, 7) };
	struct cache_entry e = { .at = files, .n = 2 };
	static const char want[] = "\x12\x49\x0a\x01"
				   "a"
				   "\x12\x44\x0a\x40" HEX_A "\x10\x07"
				   "\x12\x4a\x0a\x01"
				   "b"
				   "\x12\x45\x0a\x40" HEX_B "\x10\xac\x02"
				   "\x4a\x06\x0a\x04kiln";

	(void)err;
	cache_wire_write(&e, &out);
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, out.len);
}

TEST(cache_entry_is_read_back_and_found_by_path_and_digest)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(1024);
	struct cache_file files[] = { file("x/y.rpm", HEX_B, (uint64_t)1 << 32),
				      file("empty", HEX_A, 0) };
	struct cache_entry e = { .at = files, .n = 2 }, got;

	cache_wire_write(&e, &out);
	assert_ok(cache_wire_parse(&a, out.data, out.len, &got, err));
	assert_int_equal(got.n, 2);
	assert_int_equal(cache_wire_find(&got, "x/y.rpm")->size, (uint64_t)1 << 32);
	assert_int_equal(cache_wire_find(&got, "empty")->size, 0);
	assert_null(cache_wire_find(&got, "other"));
	assert_string_equal(cache_wire_digest(&got, &files[0].sha256)->path,
			    cache_wire_find(&got, "empty")->path);
}

/* A server may add fields, and writes what is zero not at all. */
TEST(cache_entry_of_another_writer_is_read)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char text[] = "\x20\x00\x2a\x03log\x39"
				   "12345678\x45"
				   "1234"
				   "\x12\x49\x20\x01\x0a\x01"
				   "a\x12\x42\x0a\x40" HEX_A "\x4a\x02\x0a\x00";
	struct cache_entry e;

	assert_ok(cache_wire_parse(&a, text, sizeof(text) - 1, &e, err));
	assert_int_equal(e.n, 1);
	assert_string_equal(e.at[0].path, "a");
	assert_int_equal(e.at[0].size, 0);
}

TEST(cache_entry_that_is_no_message_is_refused)
{
	REFUSE("", "no ActionResult");
	REFUSE("<html>", "no ActionResult");
	REFUSE("\x12\x7f"
	       "x",
	       "no ActionResult");
	REFUSE("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "no ActionResult");
	REFUSE("\x0b\x0c", "no ActionResult"); /* a group */
	REFUSE("\x4a\x02\x0a\x00", "no ActionResult");
}

TEST(cache_entry_with_a_path_that_leads_elsewhere_is_refused)
{
	REFUSE(ONE("\x49", "\x01/", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x4a", "\x02..", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x4c", "\x04../x", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x4b", "\x03x/.", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x4a", "\x02/x", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x4a", "\x02x\n", HEX_A, "\x01"), "file 1 of the entry is malformed");
	REFUSE(ONE("\x48", "\x00", HEX_A, "\x01"), "file 1 of the entry is malformed");
}

TEST(cache_entry_with_a_digest_or_size_that_cannot_be_is_refused)
{
	static const char upper[] =
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	CLEANUP(buf_free) struct buf text = BUF_MAX(1024);

	buf_add(&text, "\x12\x49\x0a\x01x\x12\x44\x0a\x40", 9);
	buf_add_str(&text, upper);
	buf_add(&text, "\x10\x01", 2);
	refuse(text.data, text.len, "file 1 of the entry is malformed", err);
	REFUSE("\x12\x4e\x0a\x01x\x12\x49\x0a\x40" HEX_A "\x10\xff\xff\xff\xff\xff\x7f",
	       "file 1 of the entry is malformed");
	REFUSE("\x12\x03\x0a\x01x", "file 1 of the entry is malformed");
}

TEST(cache_entry_that_lists_a_path_twice_is_refused)
{
	REFUSE(ONE("\x49", "\x01x", HEX_A, "\x01") ONE("\x49", "\x01x", HEX_B, "\x01"),
	       "lists 'x' twice");
}

TEST(cache_entry_with_too_many_files_is_refused)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_ENTRY_MAX * 2);

	for (size_t i = 0; i <= CACHE_FILES_MAX; i++)
		buf_add(&text, "\x12\x00", 2);
	refuse(text.data, text.len, "more than 4096 files", err);
	buf_clear(&text);
	while (text.len <= CACHE_ENTRY_MAX)
		buf_add(&text, "\x12\x00", 2);
	refuse(text.data, text.len, "no ActionResult", err);
}
