/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"
#include "tests/unit/test.h"

TEST(digest_agrees_with_the_standard)
{
	struct digest d, again;
	char hex[DIGEST_HEX];
	struct digest_state *s = digest_begin();

	digest_of("abc", 3, &d);
	digest_hex(&d, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_add(s, "a", 1);
	digest_add(s, "bc", 2);
	digest_end(s, &again);
	assert_true(digest_equal(&d, &again));
	assert_true(digest_parse(hex, &again));
	assert_true(digest_equal(&d, &again));
	again.bytes[31] ^= 1;
	assert_false(digest_equal(&d, &again));
}

TEST(digest_text_is_64_lower_case_digits_and_nothing_else)
{
	char hex[80];
	struct digest d;

	memset(hex, 'a', 64);
	hex[64] = '\0';
	assert_true(digest_parse(hex, &d));
	hex[63] = 'A';
	assert_false(digest_parse(hex, &d));
	hex[63] = 'g';
	assert_false(digest_parse(hex, &d));
	hex[63] = '\0';
	assert_false(digest_parse(hex, &d));
	memset(hex, 'a', 65);
	hex[65] = '\0';
	assert_false(digest_parse(hex, &d));
}

TEST(digest_fd_hashes_from_the_offset)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest d, want;
	uint64_t size;

	assert_ok(fd_memory("t", &fd, err));
	assert_ok(fd_write_all(fd, "xxabc", 5, err));
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_ok(digest_fd(fd, &d, &size, err));
	digest_of("abc", 3, &want);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(size, 3);
}

TEST(digest_base64_agrees_with_rfc_4648)
{
	static const char *const text[] = { "",         "Zg==",     "Zm8=",    "Zm9v",
					    "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };

	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		CLEANUP(buf_free) struct buf b = BUF_MAX(100);
		CLEANUP(buf_free) struct buf back = BUF_MAX(100);

		digest_base64("foobar", i, &b);
		assert_string_equal(buf_text(&b), text[i]);
		assert_ok(digest_unbase64(buf_text(&b), b.len, &back, err));
		assert_int_equal(back.len, i);
		assert_memory_equal(buf_text(&back), "foobar", i);
	}
}

TEST(digest_unbase64_takes_both_alphabets_and_one_form)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(100);

	assert_ok(digest_unbase64("-_8=", 4, &b, err));
	assert_ok(digest_unbase64("+/8=", 4, &b, err));
	assert_memory_equal(b.data, "\xfb\xff\xfb\xff", 4);
	assert_fails(digest_unbase64("Zg", 2, &b, err), "multiple of 4");
	assert_fails(digest_unbase64("Zh==", 4, &b, err), "stray bits");
	assert_fails(digest_unbase64("Zm9=", 4, &b, err), "stray bits");
	assert_fails(digest_unbase64("Z===", 4, &b, err), "bad character");
	assert_fails(digest_unbase64("Zg==Zg==", 8, &b, err), "bad character at byte 2");
	assert_fails(digest_unbase64("Zm9\n", 4, &b, err), "bad character at byte 3");
}
