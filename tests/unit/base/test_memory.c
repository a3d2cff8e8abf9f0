/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"
#include "tests/unit/test.h"

TEST(buf_ceiling_sticks_and_is_reported_once)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(4);

	buf_add_str(&b, "abcd");
	assert_ok(buf_check(&b, "thing", err));
	buf_add_char(&b, 'e');
	buf_add_str(&b, "");
	assert_string_equal(buf_text(&b), "abcd");
	assert_fails(buf_check(&b, "thing", err), "thing: larger than 4 bytes");
	buf_clear(&b);
	assert_ok(buf_check(&b, "thing", err));
}

TEST(buf_is_a_string_even_when_nothing_was_added)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);
	char *taken;

	assert_string_equal(buf_text(&b), "");
	taken = buf_steal(&b);
	assert_string_equal(taken, "");
	free(taken);
	buf_add_format(&b, "%d-%s", 3, "x");
	assert_string_equal(buf_text(&b), "3-x");
	buf_clear(&b);
	assert_string_equal(buf_text(&b), "");
}

TEST(buf_writes_integers_big_end_first)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);

	buf_add_be16(&b, 0x0102);
	buf_add_be32(&b, 0x03040506);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.data, "\1\2\3\4\5\6", 6);
}

TEST(arena_memory_is_zeroed_and_aligned)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	for (size_t i = 1; i < 300; i++) {
		unsigned char *p = arena_alloc(&a, i * 7);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t k = 0; k < i * 7; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xff, i * 7);
	}
	assert_string_equal(arena_format(&a, "%s-%d", "a", 1), "a-1");
	assert_string_equal(arena_strndup(&a, "abc", 2), "ab");
	assert_null(arena_strdup(&a, NULL));
	assert_non_null(arena_alloc(&a, (size_t)1024 * 1024));
}

TEST(vec_grows_and_keeps_its_order)
{
	VEC(int) v = { 0 };

	for (int i = 0; i < 1000; i++)
		VEC_PUSH(&v, i);
	assert_int_equal(v.n, 1000);
	assert_int_equal(v.at[999], 999);
	VEC_FREE(&v);
	assert_null(v.at);
}

TEST(mem_dup_adds_a_zero_byte)
{
	CLEANUP(mem_free) char *p = mem_dup("abc", 2);

	assert_string_equal(p, "ab");
}
