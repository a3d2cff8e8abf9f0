/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "tests/unit/test.h"

TEST(utf8_refuses_overlong_surrogates_and_beyond)
{
	static const char *const good[] = { "",       "a",          "\u00e9",
					    "\u20ac", "\U0001f600", "\U0010ffff" };
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xe0\x80\x80",
					   "\xed\xa0\x80",
					   "\xf0\x80\x80\x80",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "\xff",
					   "\xe2\x82",
					   "a\xc3",
					   "\xc3(" };

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(utf8_is_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
}

TEST(utf8_show_makes_hostile_names_safe_to_print)
{
	char out[32], tiny[4];

	assert_false(utf8_is_printable("a\x1b[2J", 5));
	assert_false(utf8_is_printable("\xc2\x85", 2));
	assert_true(utf8_is_printable("na\u00efve", 6));
	utf8_show("a\x1b[2J\xc2\x85\xff\u00e9", out, sizeof(out));
	assert_string_equal(out, "a?[2J??\u00e9");
	utf8_show("ab\u20ac", tiny, sizeof(tiny));
	assert_string_equal(tiny, "ab");
}
