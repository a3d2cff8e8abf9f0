/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/nevra.h"

#define NEVRA_NAME_MAX    200 /* name-version-release.arch.rpm must stay a file name */
#define NEVRA_VERSION_MAX 64
#define NEVRA_TEXT_MAX    1024
#define NEVRA_EPOCH_MAX   0x7fffffff

/* ASCII only: the answer must not depend on a locale. */
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

static bool
is_separator(char c)
{
	return c && !is_digit(c) && !is_letter(c) && c != '~' && c != '^';
}

static size_t
run_length(const char *s, bool (*is)(char))
{
	size_t n = 0;

	while (is(s[n]))
		n++;
	return n;
}

static int
sign(int v)
{
	return (v > 0) - (v < 0);
}

/* Two runs of digits as numbers of any size. */
static int
compare_numbers(const char *a, size_t na, const char *b, size_t nb)
{
	for (; na && *a == '0'; na--)
		a++;
	for (; nb && *b == '0'; nb--)
		b++;
	if (na != nb)
		return na > nb ? 1 : -1;
	return sign(memcmp(a, b, na));
}

static int
compare_words(const char *a, size_t na, const char *b, size_t nb)
{
	int c = memcmp(a, b, KILN_MIN(na, nb));

	if (c)
		return sign(c);
	return (na > nb) - (na < nb);
}

/* One run of the same kind from each; a number is newer than a word. */
static int
compare_segment(const char **a, const char **b)
{
	bool number = is_digit(**a);
	size_t na = run_length(*a, number ? is_digit : is_letter);
	size_t nb = run_length(*b, number ? is_digit : is_letter);
	int c;

	if (nb == 0)
		return number ? 1 : -1;
	c = number ? compare_numbers(*a, na, *b, nb) : compare_words(*a, na, *b, nb);
	*a += na;
	*b += nb;
	return c;
}

/* '~' sorts before the end of the text, '^' right after it and before anything else. True when
 * one of the two decided or both were passed over; *c is the decision, 0 to go on. */
static bool
compare_marks(const char **a, const char **b, int *c)
{
	char mark = (**a == '~' || **b == '~') ? '~' : '^';

	if (**a != mark && **b != mark)
		return false;
	if (**a == mark && **b == mark) {
		(*a)++;
		(*b)++;
		*c = 0;
	} else if (mark == '~') {
		*c = **a == mark ? -1 : 1;
	} else if (**a == mark) {
		*c = **b ? -1 : 1;
	} else {
		*c = **a ? 1 : -1;
	}
	return true;
}

int
nevra_compare_part(const char *a, const char *b)
{
	int c;

	while (*a || *b) {
		a += run_length(a, is_separator);
		b += run_length(b, is_separator);
		if (compare_marks(&a, &b, &c)) {
			if (c)
				return c;
			continue;
		}
		if (!*a || !*b)
			break;
		c = compare_segment(&a, &b);
		if (c)
			return c;
	}
	return (*a != '\0') - (*b != '\0');
}

int
nevra_compare_evr(const struct nevra *a, const struct nevra *b)
{
	int c;

	if (a->epoch != b->epoch)
		return a->epoch > b->epoch ? 1 : -1;
	c = nevra_compare_part(a->version, b->version);
	if (c || !a->release || !b->release)
		return c;
	return nevra_compare_part(a->release, b->release);
}

const char *
nevra_evr(struct arena *a, const struct nevra *n)
{
	const char *dash = n->release ? "-" : "", *release = n->release ? n->release : "";

	if (n->epoch)
		return arena_format(a, "%lld:%s%s%s", (long long)n->epoch, n->version, dash,
				    release);
	return arena_format(a, "%s%s%s", n->version, dash, release);
}

const char *
nevra_text(struct arena *a, const struct nevra *n)
{
	return arena_format(a, "%s-%s.%s", n->name, nevra_evr(a, n), n->arch);
}

const char *
nevra_file(struct arena *a, const struct nevra *n)
{
	return arena_format(a, "%s-%s-%s.%s.rpm", n->name, n->version, n->release, n->arch);
}

static bool
is_made_of(const char *s, size_t max, const char *also)
{
	size_t n = 0;

	for (; s[n]; n++) {
		if (n >= max)
			return false;
		if (!is_digit(s[n]) && !is_letter(s[n]) && !strchr(also, s[n]))
			return false;
	}
	return n > 0;
}

bool
nevra_is_name(const char *s)
{
	return is_made_of(s, NEVRA_NAME_MAX, "-._+") &&
	       (is_digit(*s) || is_letter(*s) || *s == '_');
}

bool
nevra_is_version(const char *s)
{
	return is_made_of(s, NEVRA_VERSION_MAX, "._+~^") && (is_digit(*s) || is_letter(*s));
}

/* Takes "e:" off the front of *text. */
static int
take_epoch(const char **text, int64_t *epoch, struct err *err)
{
	const char *whole = *text, *p = whole;
	int64_t v = 0;

	*epoch = 0;
	if (!strchr(whole, ':'))
		return 0;
	for (; is_digit(*p); p++) {
		v = v * 10 + (*p - '0');
		if (v > NEVRA_EPOCH_MAX)
			return err_set(err, ERR_INPUT, "epoch of '%s' is too large", whole);
	}
	if (p == whole || *p != ':')
		return err_set(err, ERR_INPUT, "'%s' has an epoch that is not a number", whole);
	*text = p + 1;
	*epoch = v;
	return 0;
}

int
nevra_parse_evr(struct arena *a, const char *text, struct nevra *out, struct err *err)
{
	const char *rest = text, *dash;
	struct nevra n = { 0 };

	if (strlen(text) > NEVRA_TEXT_MAX)
		return err_set(err, ERR_INPUT, "a version is longer than %d bytes",
			       NEVRA_TEXT_MAX);
	if (take_epoch(&rest, &n.epoch, err) < 0)
		return -1;
	dash = strchr(rest, '-');
	n.version =
		dash ? arena_strndup(a, rest, (size_t)(dash - rest)) : arena_strdup(a, rest);
	n.release = dash ? arena_strdup(a, dash + 1) : NULL;
	if (!nevra_is_version(n.version) || (n.release && !nevra_is_version(n.release)))
		return err_set(err, ERR_INPUT,
			       "'%s' is not a version ([epoch:]version[-release])", text);
	*out = n;
	return 0;
}

/* The last c of s[0..n), or NULL. */
static const char *
last_of(const char *s, size_t n, char c)
{
	return memrchr(s, c, n);
}

int
nevra_parse(struct arena *a, const char *text, struct nevra *out, struct err *err)
{
	size_t len = strlen(text);
	const char *dot, *release, *version;
	struct nevra n;

	if (len > NEVRA_TEXT_MAX)
		return err_set(err, ERR_INPUT, "a package name is longer than %d bytes",
			       NEVRA_TEXT_MAX);
	if (len > 4 && strcmp(text + len - 4, ".rpm") == 0)
		len -= 4;
	dot = last_of(text, len, '.');
	release = dot ? last_of(text, (size_t)(dot - text), '-') : NULL;
	version = release ? last_of(text, (size_t)(release - text), '-') : NULL;
	if (!version)
		return err_set(err, ERR_INPUT,
			       "'%s' is not of the form name-version-release.arch", text);
	if (nevra_parse_evr(a, arena_strndup(a, version + 1, (size_t)(dot - version - 1)), &n,
			    err) < 0)
		return err_wrap(err, "'%s'", text);
	n.name = arena_strndup(a, text, (size_t)(version - text));
	n.arch = arena_strndup(a, dot + 1, len - (size_t)(dot + 1 - text));
	if (!nevra_is_name(n.name))
		return err_set(err, ERR_INPUT, "'%s' has a name no package may have", text);
	if (!is_made_of(n.arch, NEVRA_VERSION_MAX, "_"))
		return err_set(err, ERR_INPUT, "'%s' has no architecture", text);
	*out = n;
	return 0;
}
