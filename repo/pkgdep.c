/* SPDX-License-Identifier: Apache-2.0 */
/* Dependencies as values: declared in repo/pkgfacts.h. */
#include "repo/pkgfacts.h"

#define PKGDEP_TEXT_MAX 4096

static const char *const op_text[] = {
	[PKGDEP_ANY] = "", [PKGDEP_LT] = "<",  [PKGDEP_LE] = "<=",
	[PKGDEP_EQ] = "=", [PKGDEP_GE] = ">=", [PKGDEP_GT] = ">",
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t';
}

static const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

/* The next word of *p, NULL at the end. */
static const char *
take_word(struct arena *a, const char **p)
{
	const char *start = skip_space(*p), *end = start;

	while (*end && !is_space(*end))
		end++;
	*p = skip_space(end);
	return end == start ? NULL : arena_strndup(a, start, (size_t)(end - start));
}

static bool
parse_op(const char *word, enum pkgdep_op *op)
{
	for (size_t i = PKGDEP_LT; i < ARRAY_LEN(op_text); i++) {
		if (strcmp(word, op_text[i]) == 0) {
			*op = (enum pkgdep_op)i;
			return true;
		}
	}
	return false;
}

static bool
is_printable(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static int
check_name(const char *text, const char *name, struct err *err)
{
	if (*name == '(')
		return err_set(err, ERR_INPUT,
			       "'%s' is a rich dependency, which Kiln does not take", text);
	if (strchr("<>=!,", *name))
		return err_set(err, ERR_INPUT, "'%s' does not begin with a capability", text);
	return 0;
}

/* The version of an account is the line that makes it, in base64 (elfdeps_account.c). */
static bool
is_encoded_account(const struct pkgdep *d)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return (strncmp(d->name, "user(", 5) == 0 || strncmp(d->name, "group(", 6) == 0) &&
	       d->op == PKGDEP_EQ && *d->evr && !d->evr[strspn(d->evr, set)];
}

int
pkgdep_evr(struct arena *a, const struct pkgdep *d, struct nevra *out, struct err *err)
{
	if (!is_encoded_account(d))
		return nevra_parse_evr(a, d->evr, out, err);
	*out = (struct nevra){ .version = d->evr };
	return 0;
}

int
pkgdep_parse(struct arena *a, const char *text, struct pkgdep *out, struct err *err)
{
	struct pkgdep d = { .op = PKGDEP_ANY };
	const char *p = text, *op;
	struct nevra evr;

	if (strlen(text) > PKGDEP_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "a dependency is longer than %d bytes",
			       PKGDEP_TEXT_MAX);
	if (!is_printable(text))
		return err_set(err, ERR_INPUT, "a dependency holds a control character");
	d.name = take_word(a, &p);
	if (!d.name)
		return err_set(err, ERR_INPUT, "a dependency is empty");
	if (check_name(text, d.name, err) < 0)
		return -1;
	op = take_word(a, &p);
	if (op) {
		d.evr = take_word(a, &p);
		if (!parse_op(op, &d.op))
			return err_set(err, ERR_INPUT, "'%s': '%s' is none of < <= = >= >",
				       text, op);
		if (!d.evr || *p)
			return err_set(err, ERR_INPUT,
				       "'%s' is not of the form: name operator version", text);
		if (pkgdep_evr(a, &d, &evr, err) < 0)
			return err_wrap(err, "dependency on %s", d.name);
	}
	*out = d;
	return 0;
}

const char *
pkgdep_text(struct arena *a, const struct pkgdep *d)
{
	if (d->op == PKGDEP_ANY)
		return arena_strdup(a, d->name);
	return arena_format(a, "%s %s %s", d->name, op_text[d->op], d->evr);
}

int
pkgdep_compare(const void *pa, const void *pb)
{
	const struct pkgdep *a = pa, *b = pb;
	int c = strcmp(a->name, b->name);

	if (c)
		return c;
	if (a->op != b->op)
		return a->op > b->op ? 1 : -1;
	return strcmp(a->evr ? a->evr : "", b->evr ? b->evr : "");
}

void
pkgdep_sort(struct pkgdeps *d)
{
	size_t kept = 0;

	if (d->n < 2)
		return;
	qsort(d->at, d->n, sizeof(*d->at), pkgdep_compare);
	for (size_t i = 1; i < d->n; i++) {
		if (pkgdep_compare(&d->at[kept], &d->at[i]) != 0)
			d->at[++kept] = d->at[i];
	}
	d->n = kept + 1;
}

static bool
has_less(enum pkgdep_op op)
{
	return op == PKGDEP_LT || op == PKGDEP_LE;
}

static bool
has_more(enum pkgdep_op op)
{
	return op == PKGDEP_GT || op == PKGDEP_GE;
}

static bool
has_equal(enum pkgdep_op op)
{
	return op == PKGDEP_LE || op == PKGDEP_EQ || op == PKGDEP_GE;
}

/* Two ranges of versions meet, as RPM decides it; a version that cannot be read matches
 * nothing. */
static bool
ranges_meet(const struct pkgdep *a, const struct pkgdep *b)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	struct err ignored;
	struct nevra va, vb;
	int c;

	if (nevra_parse_evr(&scratch, a->evr, &va, &ignored) < 0 ||
	    nevra_parse_evr(&scratch, b->evr, &vb, &ignored) < 0)
		return false;
	c = nevra_compare_evr(&va, &vb);
	if (c < 0)
		return has_more(a->op) || has_less(b->op);
	if (c > 0)
		return has_less(a->op) || has_more(b->op);
	return (has_equal(a->op) && has_equal(b->op)) || (has_less(a->op) && has_less(b->op)) ||
	       (has_more(a->op) && has_more(b->op));
}

bool
pkgdep_matches(const struct pkgdep *want, const struct pkgdep *have)
{
	if (strcmp(want->name, have->name) != 0)
		return false;
	if (want->op == PKGDEP_ANY || have->op == PKGDEP_ANY)
		return true;
	return ranges_meet(want, have);
}
