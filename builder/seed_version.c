/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debian's order of versions, which is not RPM's: [epoch:]upstream[-revision], compared as
 * alternating runs of non-digits and digits; `~` sorts before the end, letters before the rest.
 */
#include "builder/seed_priv.h"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
weight(char c)
{
	if (c == '~')
		return -1;
	if (c == '\0' || is_digit(c))
		return 0;
	if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return (unsigned char)c;
	return (unsigned char)c + 256;
}

/* The character at p, or the end when p has reached it. */
static char
at(const char *p, const char *end)
{
	return p < end ? *p : '\0';
}

static int
compare_digits(const char **a, const char *aend, const char **b, const char *bend)
{
	int first = 0;

	while (at(*a, aend) == '0')
		(*a)++;
	while (at(*b, bend) == '0')
		(*b)++;
	while (is_digit(at(*a, aend)) && is_digit(at(*b, bend))) {
		first = first ? first : **a - **b;
		(*a)++;
		(*b)++;
	}
	if (is_digit(at(*a, aend)))
		return 1;
	if (is_digit(at(*b, bend)))
		return -1;
	return first;
}

static int
compare_part(const char *a, const char *aend, const char *b, const char *bend)
{
	while (a < aend || b < bend) {
		int order;

		while ((a < aend && !is_digit(*a)) || (b < bend && !is_digit(*b))) {
			order = weight(at(a, aend)) - weight(at(b, bend));
			if (order)
				return order;
			a++;
			b++;
		}
		order = compare_digits(&a, aend, &b, bend);
		if (order)
			return order;
	}
	return 0;
}

/* What lies before the first colon, without it; 0 when there is none. */
static uint64_t
take_epoch(const char **v)
{
	const char *colon = strchr(*v, ':');
	uint64_t epoch = colon ? strtoull(*v, NULL, 10) : 0;

	*v = colon ? colon + 1 : *v;
	return epoch;
}

int
seed_version_compare(const char *a, const char *b)
{
	uint64_t ea = take_epoch(&a), eb = take_epoch(&b);
	const char *ra = strrchr(a, '-'), *rb = strrchr(b, '-');
	const char *aend = a + strlen(a), *bend = b + strlen(b);
	int order;

	if (ea != eb)
		return ea < eb ? -1 : 1;
	order = compare_part(a, ra ? ra : aend, b, rb ? rb : bend);
	if (order)
		return order;
	/* No revision is the oldest revision, as an empty text is. */
	return compare_part(ra ? ra + 1 : aend, aend, rb ? rb + 1 : bend, bend);
}
