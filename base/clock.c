/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#define DAY_SECONDS 86400
#define YEAR_MIN    1970
#define YEAR_MAX    9999

int64_t
clock_monotonic_ms(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) < 0)
		abort();
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_wall(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts) < 0)
		abort();
	return ts.tv_sec;
}

static bool
is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January of year. */
static int64_t
days_before(int year)
{
	int64_t y = year - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

/* Writes v with `width` digits and the character `end` behind it. */
static void
put(char *at, int v, int width, char end)
{
	at[width] = end;
	for (; width > 0; v /= 10)
		at[--width] = (char)('0' + v % 10);
}

void
clock_rfc3339(int64_t t, char out[CLOCK_TEXT_MAX])
{
	int64_t last = (days_before(YEAR_MAX + 1) * DAY_SECONDS) - 1;
	int64_t when = t < 0 ? 0 : KILN_MIN(t, last);
	int64_t days = when / DAY_SECONDS;
	int rest = (int)(when % DAY_SECONDS);
	int year = YEAR_MIN + (int)(days / 366), month = 1;

	while (days_before(year + 1) <= days)
		year++;
	days -= days_before(year);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	put(out, year, 4, '-');
	put(out + 5, month, 2, '-');
	put(out + 8, (int)days + 1, 2, 'T');
	put(out + 11, rest / 3600, 2, ':');
	put(out + 14, rest / 60 % 60, 2, ':');
	put(out + 17, rest % 60, 2, 'Z');
	out[20] = '\0';
}

/* Reads a number of exactly `width` digits within [low, high], then the character `end`. */
static bool
take(const char **at, int width, int low, int high, char end, int *out)
{
	const char *p = *at;
	int v = 0;

	for (int i = 0; i < width; i++, p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (*p - '0');
	}
	if (v < low || v > high || *p != end)
		return false;
	*at = end ? p + 1 : p;
	*out = v;
	return true;
}

bool
clock_parse(const char *text, int64_t *out)
{
	int year, month, day, hour = 0, minute = 0, second = 0;
	bool date_only = strlen(text) == strlen("2026-01-02");
	const char *at = text;

	if (!take(&at, 4, YEAR_MIN, YEAR_MAX, '-', &year) ||
	    !take(&at, 2, 1, 12, '-', &month) ||
	    !take(&at, 2, 1, month_days(year, month), date_only ? '\0' : 'T', &day))
		return false;
	if (!date_only &&
	    (!take(&at, 2, 0, 23, ':', &hour) || !take(&at, 2, 0, 59, ':', &minute) ||
	     !take(&at, 2, 0, 59, 'Z', &second) || *at))
		return false;
	day--;
	for (int m = 1; m < month; m++)
		day += month_days(year, m);
	*out = (days_before(year) + day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
	return true;
}

bool
clock_span(const char *text, int64_t *seconds)
{
	static const struct {
		char letter;
		int64_t unit;
	} units[] = { { 's', 1 },
		      { 'm', 60 },
		      { 'h', 3600 },
		      { 'd', DAY_SECONDS },
		      { 'w', 7 * DAY_SECONDS } };
	const int64_t longest = 3653 * (int64_t)DAY_SECONDS;
	int64_t n = 0;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		n = n * 10 + (*text - '0');
		if (n > longest)
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (*text != units[i].letter || text[1] || n > longest / units[i].unit)
			continue;
		*seconds = n * units[i].unit;
		return true;
	}
	return false;
}
