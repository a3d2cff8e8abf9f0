/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip.h"
#include "base/digest.h"
#include "tests/unit/test.h"

static void
pack(const void *data, size_t n, struct buf *out)
{
	struct err err;

	if (gzip_write(data, n, out, &err) < 0)
		fail_msg("%s", err.text);
}

TEST(gzip_comes_back_and_has_no_time_or_name)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(10000);
	CLEANUP(buf_free) struct buf again = BUF_MAX(10000);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(10000);
	const unsigned char *p;

	pack("hello hello hello", 17, &packed);
	pack("hello hello hello", 17, &again);
	assert_int_equal(packed.len, again.len);
	assert_memory_equal(packed.data, again.data, packed.len);
	p = (const unsigned char *)packed.data;
	assert_memory_equal(p, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8); /* no flags, time 0 */
	assert_int_equal(p[packed.len - 4], 17);
	assert_ok(gzip_read(packed.data, packed.len, &plain, err));
	assert_string_equal(buf_text(&plain), "hello hello hello");
}

TEST(gzip_of_nothing_is_read_back_as_nothing)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(1000);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(10);

	pack("", 0, &packed);
	assert_ok(gzip_read(packed.data, packed.len, &plain, err));
	assert_int_equal(plain.len, 0);
}

TEST(gzip_file_and_digest_agree_with_memory)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	CLEANUP(buf_free) struct buf packed = BUF_MAX((size_t)4 << 20);
	CLEANUP(buf_free) struct buf file = BUF_MAX((size_t)4 << 20);
	CLEANUP(buf_free) struct buf data = BUF_MAX((size_t)4 << 20);
	struct digest want, got;
	uint64_t size;

	for (int i = 0; data.len < 1000000; i++)
		buf_add_format(&data, "%d,", i * 7919);
	assert_ok(fd_memory("in", &in, err));
	assert_ok(fd_memory("out", &out, err));
	assert_ok(fd_write_all(in, data.data, data.len, err));
	assert_ok(gzip_file(in, out, err));
	pack(data.data, data.len, &packed);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_ok(fd_read_all(out, &file, err));
	assert_int_equal(file.len, packed.len);
	assert_memory_equal(file.data, packed.data, file.len);
	digest_of(data.data, data.len, &want);
	assert_ok(gzip_digest(out, data.len, &got, &size, err));
	assert_true(digest_equal(&want, &got));
	assert_int_equal(size, data.len);
	assert_fails(gzip_digest(out, data.len - 1, &got, &size, err), "more than");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(gzip_read_refuses_damage_and_bombs)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(100000);
	CLEANUP(buf_free) struct buf zeros = BUF_MAX(2000000);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(1000);

	pack("hello hello hello", 17, &packed);
	packed.data[packed.len - 8] ^= 1;
	assert_fails(gzip_read(packed.data, packed.len, &plain, err), "its checksum differs");
	packed.data[packed.len - 8] ^= 1;
	packed.data[packed.len - 4] ^= 1;
	assert_fails(gzip_read(packed.data, packed.len, &plain, err), "its checksum differs");
	packed.data[packed.len - 4] ^= 1;
	assert_fails(gzip_read(packed.data, packed.len - 1, &plain, err), "gzip: ");
	assert_fails(gzip_read(packed.data, 10, &plain, err), "too short");
	assert_fails(gzip_read("plain text, not packed at all", 29, &plain, err),
		     "not gzip data");
	memset(buf_reserve(&zeros, 1000000), 0, 1000000);
	zeros.len = 1000000;
	buf_clear(&packed);
	pack(zeros.data, zeros.len, &packed);
	assert_fails(gzip_read(packed.data, packed.len, &plain, err), "more than");
}
