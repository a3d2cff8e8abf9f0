/* SPDX-License-Identifier: Apache-2.0 */
/* The order of versions, by the rules of whoever wrote them down. Nothing is refused: what is
 * no version of its kind still has a place, so that a record cannot be made unreadable by one.
 */
#include "repo/advisory.h"

#include "base/buf.h"
#include "repo/nevra.h"

#define ORDER_MAX ((size_t)1024) /* what is longer is compared as far as that */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A piece of text: versions are cut without being copied. */
struct piece {
	const char *at, *end;
};

static char
first(const struct piece *p)
{
	return p->at < p->end ? *p->at : '\0';
}

static struct piece
whole(const char *s)
{
	return (struct piece){ s, s + strnlen(s, ORDER_MAX) };
}

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

/* Digits of both as a number of any length; what was compared is passed. */
static int
compare_number(struct piece *a, struct piece *b)
{
	int differs = 0;

	while (first(a) == '0')
		a->at++;
	while (first(b) == '0')
		b->at++;
	while (is_digit(first(a)) && is_digit(first(b))) {
		if (differs == 0)
			differs = sign(first(a) - first(b));
		a->at++;
		b->at++;
	}
	if (is_digit(first(a)))
		return 1;
	return is_digit(first(b)) ? -1 : differs;
}

/* Debian policy: '~' before the end, the end before letters, letters before the rest. */
static int
deb_rank(char c)
{
	if (c == '~')
		return -1;
	if (c == '\0' || is_digit(c))
		return 0;
	return is_letter(c) ? c : (unsigned char)c + 256;
}

static int
compare_deb_part(struct piece a, struct piece b)
{
	while (a.at < a.end || b.at < b.end) {
		int differs;

		while ((a.at < a.end && !is_digit(*a.at)) ||
		       (b.at < b.end && !is_digit(*b.at))) {
			differs = sign(deb_rank(first(&a)) - deb_rank(first(&b)));
			if (differs)
				return differs;
			a.at += a.at < a.end;
			b.at += b.at < b.end;
		}
		differs = compare_number(&a, &b);
		if (differs)
			return differs;
	}
	return 0;
}

/* "E:rest": the epoch, "0" when there is none; *p is the rest. */
static struct piece
take_epoch(struct piece *p)
{
	const char *c = p->at;
	struct piece epoch = { "0", NULL };

	epoch.end = epoch.at + 1;
	while (c < p->end && is_digit(*c))
		c++;
	if (c < p->end && *c == ':' && c > p->at) {
		epoch = (struct piece){ p->at, c };
		p->at = c + 1;
	}
	return epoch;
}

/* What follows the last dash; nothing when there is none. */
static struct piece
take_revision(struct piece *p)
{
	for (const char *c = p->end; c > p->at; c--) {
		struct piece revision = { c, p->end };

		if (c[-1] != '-')
			continue;
		p->end = c - 1;
		return revision;
	}
	return (struct piece){ p->end, p->end };
}

static int
compare_deb(const char *ours, const char *theirs, bool upstream)
{
	struct piece a = whole(ours), b = whole(theirs), x, y;
	int differs;

	x = upstream ? (struct piece){ NULL, NULL } : take_epoch(&a);
	y = take_epoch(&b);
	if (!upstream) {
		differs = compare_number(&x, &y);
		if (differs)
			return differs;
	}
	x = upstream ? (struct piece){ a.end, a.end } : take_revision(&a);
	y = take_revision(&b);
	differs = compare_deb_part(a, b);
	/* Of what Debian made of it ours is none, "-0~exp1" included. */
	if (differs == 0 && upstream)
		return y.at < y.end ? -1 : 0;
	return differs ? differs : compare_deb_part(x, y);
}

static const char *
copy(struct piece p, char out[ORDER_MAX + 1])
{
	size_t n = (size_t)(p.end - p.at);

	memcpy(out, p.at, n);
	out[n] = '\0';
	return out;
}

static int
compare_rpm_part(struct piece a, struct piece b)
{
	char x[ORDER_MAX + 1], y[ORDER_MAX + 1];

	return nevra_compare_part(copy(a, x), copy(b, y));
}

/* A version without release stands for all its releases. */
static int
compare_rpm(const char *ours, const char *theirs)
{
	struct piece a = whole(ours), b = whole(theirs), x = take_epoch(&a), y = take_epoch(&b);
	int differs = compare_number(&x, &y);

	if (differs)
		return differs;
	x = take_revision(&a);
	y = take_revision(&b);
	differs = compare_rpm_part(a, b);
	if (differs || x.at == x.end || y.at == y.end)
		return differs;
	return compare_rpm_part(x, y);
}

/* The piece before c, and past it; the whole when there is no c. */
static struct piece
take_until(struct piece *p, char c)
{
	const char *found = memchr(p->at, c, (size_t)(p->end - p->at));
	struct piece head = { p->at, found ? found : p->end };

	p->at = found ? found + 1 : p->end;
	return head;
}

static bool
is_number(struct piece p)
{
	if (p.at == p.end)
		return false;
	while (p.at < p.end && is_digit(*p.at))
		p.at++;
	return p.at == p.end;
}

static int
compare_text(struct piece a, struct piece b)
{
	size_t n = (size_t)(a.end - a.at), m = (size_t)(b.end - b.at);
	int differs = sign(memcmp(a.at, b.at, KILN_MIN(n, m)));

	return differs ? differs : (n > m) - (n < m);
}

/* SemVer 2.0 rule 11 for one identifier of a pre-release. */
static int
compare_identifier(struct piece a, struct piece b)
{
	if (is_number(a) && is_number(b))
		return compare_number(&a, &b);
	if (is_number(a) != is_number(b))
		return is_number(a) ? -1 : 1;
	return compare_text(a, b);
}

static int
compare_pre(struct piece a, struct piece b)
{
	if (a.at == a.end || b.at == b.end) /* a release is after what comes before it */
		return (a.at == a.end) - (b.at == b.end);
	while (a.at < a.end && b.at < b.end) {
		int differs = compare_identifier(take_until(&a, '.'), take_until(&b, '.'));

		if (differs)
			return differs;
	}
	return (a.at < a.end) - (b.at < b.end);
}

static int
compare_semver(const char *ours, const char *theirs)
{
	struct piece a = whole(ours), b = whole(theirs), x, y;

	a.at += first(&a) == 'v';
	b.at += first(&b) == 'v';
	a = take_until(&a, '+'); /* build metadata has no order */
	b = take_until(&b, '+');
	x = take_until(&a, '-');
	y = take_until(&b, '-');
	while (x.at < x.end || y.at < y.end) {
		struct piece one = take_until(&x, '.'), other = take_until(&y, '.');
		int differs = compare_number(&one, &other);

		if (differs == 0)
			differs = compare_text(one, other);
		if (differs)
			return differs;
	}
	return compare_pre(a, b);
}

/* "zlib-1.2.13", "v1.2.13", "1_2_13": from the first digit. "1.3-rc1" comes before "1.3". */
static const char *
plain(const char *s, char out[ORDER_MAX + 1])
{
	struct piece p = whole(s);
	const char *digit = p.at;

	while (digit < p.end && !is_digit(*digit))
		digit++;
	if (digit < p.end)
		p.at = digit;
	(void)copy(p, out);
	for (char *c = out; *c; c++)
		if ((*c == '-' || *c == '_') && is_letter(c[1]))
			*c = '~';
	return out;
}

static int
compare_plain(const char *ours, const char *theirs)
{
	char x[ORDER_MAX + 1], y[ORDER_MAX + 1];

	return nevra_compare_part(plain(ours, x), plain(theirs, y));
}

int
advisory_compare(enum advisory_order order, const char *ours, const char *theirs)
{
	switch (order) {
	case ADVISORY_RPM:
		return compare_rpm(ours, theirs);
	case ADVISORY_DEB:
		return compare_deb(ours, theirs, false);
	case ADVISORY_DEB_UPSTREAM:
		return compare_deb(ours, theirs, true);
	case ADVISORY_SEMVER:
		return compare_semver(ours, theirs);
	case ADVISORY_PLAIN:
	default:
		return compare_plain(ours, theirs);
	}
}
