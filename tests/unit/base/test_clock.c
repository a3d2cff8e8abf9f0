/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "tests/unit/test.h"

static void
check(const char *text, int64_t want)
{
	char back[CLOCK_TEXT_MAX];
	int64_t t = -1;

	assert_true(clock_parse(text, &t));
	assert_int_equal(t, want);
	clock_rfc3339(t, back);
	assert_string_equal(back, text);
}

TEST(clock_agrees_with_known_moments)
{
	int64_t t;

	check("1970-01-01T00:00:00Z", 0);
	check("2000-02-29T12:34:56Z", 951827696);
	check("2038-01-19T03:14:08Z", 2147483648);
	check("2026-01-02T03:04:05Z", 1767323045);
	check("9999-12-31T23:59:59Z", 253402300799);
	assert_true(clock_parse("2026-01-02", &t));
	assert_int_equal(t, 1767312000);
}

TEST(clock_every_day_of_a_century_comes_back)
{
	for (int64_t day = 0; day < 36600; day++) {
		char text[CLOCK_TEXT_MAX];
		int64_t t;

		clock_rfc3339(day * 86400 + 86399, text);
		assert_true(clock_parse(text, &t));
		assert_int_equal(t, day * 86400 + 86399);
	}
}

TEST(clock_refuses_what_is_no_date)
{
	static const char *const bad[] = {
		"",
		"2026",
		"2026-1-2",
		"2026-13-01",
		"2026-02-29",
		"2026-04-31",
		"2026-00-10",
		"2026-01-00",
		"1969-12-31",
		"2026-01-02T03:04:05",
		"2026-01-02T24:00:00Z",
		"2026-01-02T03:60:00Z",
		"2026-01-02T03:04:60Z",
		"2026-01-02 03:04:05Z",
		"2026-01-02T03:04:05Zx",
		"2026-01-02T03:04:05+00:00",
		"2026-01-0x",
	};
	int64_t t;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(clock_parse(bad[i], &t));
}

TEST(clock_monotonic_does_not_go_back)
{
	int64_t before = clock_monotonic_ms();

	assert_true(clock_monotonic_ms() >= before);
	assert_true(clock_wall() > 1700000000);
}

TEST(clock_span_reads_spans_and_nothing_else)
{
	static const char *const bad[] = { "",
					   "5",
					   "d",
					   "-1d",
					   "1 d",
					   "1dd",
					   "1.5h",
					   "1y",
					   "0x1s",
					   "999w",
					   "99999999999999999999s" };
	int64_t t = 0;

	assert_true(clock_span("90s", &t));
	assert_int_equal(t, 90);
	assert_true(clock_span("20m", &t));
	assert_int_equal(t, 1200);
	assert_true(clock_span("14d", &t));
	assert_int_equal(t, 14 * 86400);
	assert_true(clock_span("2w", &t));
	assert_int_equal(t, 14 * 86400);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(clock_span(bad[i], &t));
}
