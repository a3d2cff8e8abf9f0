/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two small languages of Python's packages: versions (PEP 440), turned into what RPM compares
 * the same way, and markers (PEP 508), the conditions of a requirement.
 *
 *   1.4.0rc2 -> 1.4~rc2     1.0.dev1 -> 1~~dev1     1.0.post3 -> 1^post3     2!1.0 -> 2:1
 *
 * A marker is decided for CPython on Linux, x86_64, without extras; a variable that differs
 * from machine to machine makes its condition true, so the requirement stays.
 */
#include "repo/elfdeps_priv.h"
#include <ctype.h>

#define MAX_DEPTH 16
#define MAX_PARTS 16

static bool
take_number(const char **p, const char **out, struct arena *a)
{
	size_t n = strspn(*p, "0123456789"), zeros = strspn(*p, "0");

	if (n == 0 || n > 18)
		return false;
	zeros = zeros == n ? n - 1 : zeros;
	*out = arena_strndup(a, *p + zeros, n - zeros);
	*p += n;
	return true;
}

/* A word of the list, with separators before and a number after it; NULL: there is none. */
static const char *
take_suffix(struct arena *a, const char **p, const char *const (*words)[2])
{
	const char *at = *p + strspn(*p, "-_."), *number = "0";

	for (size_t i = 0; words[i][0]; i++) {
		size_t n = strlen(words[i][0]);

		if (strncasecmp(at, words[i][0], n) != 0)
			continue;
		at += n;
		if (strchr("-_.", *at) && *at && isdigit((unsigned char)at[1]))
			at++;
		(void)take_number(&at, &number, a);
		*p = at;
		return arena_format(a, "%s%s", words[i][1], number);
	}
	return NULL;
}

bool
elfdeps_pep_version(struct arena *a, const char *text, struct elfdeps_version *out)
{
	static const char *const pre[][2] = { { "alpha", "a" },    { "beta", "b" },
					      { "preview", "rc" }, { "pre", "rc" },
					      { "rc", "rc" },      { "a", "a" },
					      { "b", "b" },        { "c", "rc" },
					      { NULL, NULL } };
	static const char *const post[][2] = {
		{ "post", "post" }, { "rev", "post" }, { "r", "post" }, { NULL, NULL }
	};
	static const char *const dev[][2] = { { "dev", "dev" }, { NULL, NULL } };
	const char *p = text + (*text == 'v' || *text == 'V'), *bang = strchr(p, '!');
	const char *before, *after, *developing;

	*out = (struct elfdeps_version){ .n = 0 };
	if (bang && (!take_number(&p, &out->epoch, a) || p++ != bang))
		return false;
	do {
		if (out->n == ELFDEPS_VERSION_PARTS ||
		    !take_number(&p, &out->part[out->n++], a))
			return false;
	} while (*p == '.' && isdigit((unsigned char)p[1]) && p++);
	before = take_suffix(a, &p, pre);
	after = take_suffix(a, &p, post);
	if (!after && *p == '-' && isdigit((unsigned char)p[1])) {
		p++;
		(void)take_number(&p, &after, a);
		after = arena_format(a, "post%s", after);
	}
	developing = take_suffix(a, &p, dev);
	if (*p == '.' && p[1] == '*' && !p[2]) {
		out->any = true;
		p += 2;
	}
	if (*p && *p != '+')
		return false;
	out->suffix = before       ? arena_format(a, "~%s", before)
		      : developing ? arena_format(a, "~~%s", developing)
		      : after      ? arena_format(a, "^%s", after)
				   : "";
	return true;
}

/* Zeros at the end say nothing: 1.0 is 1. */
const char *
elfdeps_pep_text(struct arena *a, const struct elfdeps_version *v)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1024);
	size_t n = v->n;

	while (n > 1 && strcmp(v->part[n - 1], "0") == 0)
		n--;
	if (v->epoch && strcmp(v->epoch, "0") != 0)
		buf_add_format(&b, "%s:", v->epoch);
	for (size_t i = 0; i < n; i++)
		buf_add_format(&b, "%s%s", i ? "." : "", v->part[i]);
	buf_add_str(&b, v->suffix ? v->suffix : "");
	return arena_strdup(a, buf_text(&b));
}

/* ---- markers ---- */

struct marker {
	struct arena *a;
	const char *p, *python; /* python: "3.11" */
	bool bad;
};

static void
skip(struct marker *m)
{
	m->p += strspn(m->p, " \t");
}

static bool
take(struct marker *m, const char *word)
{
	size_t n = strlen(word);

	skip(m);
	if (strncmp(m->p, word, n) != 0 ||
	    (isalpha((unsigned char)*word) &&
	     (isalnum((unsigned char)m->p[n]) || m->p[n] == '_')))
		return false;
	m->p += n;
	return true;
}

/* A quoted text, or the value of a variable; NULL and not bad: it differs from machine to
 * machine. */
static const char *
take_value(struct marker *m)
{
	static const char *const known[][2] = {
		{ "os_name", "posix" },
		{ "sys_platform", "linux" },
		{ "platform_system", "Linux" },
		{ "platform_machine", "x86_64" },
		{ "implementation_name", "cpython" },
		{ "platform_python_implementation", "CPython" },
		{ "extra", "" },
	};
	const char *name;
	size_t n;

	skip(m);
	if (*m->p == '"' || *m->p == '\'') {
		char quote[2] = { *m->p, '\0' };

		n = strcspn(++m->p, quote);
		name = arena_strndup(m->a, m->p, n);
		m->bad |= m->p[n] == '\0';
		m->p += n + (m->p[n] != '\0');
		return name;
	}
	n = strspn(m->p, "abcdefghijklmnopqrstuvwxyz_");
	m->bad |= n == 0;
	name = arena_strndup(m->a, m->p, n);
	m->p += n;
	if (strcmp(name, "python_version") == 0 || strcmp(name, "python_full_version") == 0)
		return m->python;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(name, known[i][0]) == 0)
			return known[i][1];
	return NULL;
}

static int
compare(struct marker *m, const char *left, const char *right)
{
	struct elfdeps_version x, y;
	struct nevra l = { .release = NULL }, r = l;

	if (!elfdeps_pep_version(m->a, left, &x) || !elfdeps_pep_version(m->a, right, &y))
		return strcmp(left, right);
	l.version = elfdeps_pep_text(m->a, &x);
	r.version = elfdeps_pep_text(m->a, &y);
	return nevra_compare_evr(&l, &r);
}

static bool
holds(struct marker *m, const char *left, const char *op, const char *right)
{
	if (!left || !right)
		return true;
	if (strcmp(op, "in") == 0)
		return strstr(right, left);
	if (strcmp(op, "not in") == 0)
		return !strstr(right, left);
	if (strcmp(op, "===") == 0)
		return strcmp(left, right) == 0;
	if (strcmp(op, "==") == 0)
		return compare(m, left, right) == 0;
	if (strcmp(op, "!=") == 0)
		return compare(m, left, right) != 0;
	if (strcmp(op, "<") == 0)
		return compare(m, left, right) < 0;
	if (strcmp(op, "<=") == 0)
		return compare(m, left, right) <= 0;
	if (strcmp(op, ">") == 0)
		return compare(m, left, right) > 0;
	return compare(m, left, right) >= 0; /* >=, and ~= for want of a finer answer */
}

static const char *
take_operator(struct marker *m)
{
	static const char *const ops[] = {
		"===", "==", "!=", "<=", ">=", "~=", "<", ">", "in"
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (take(m, ops[i]))
			return ops[i];
	if (take(m, "not") && take(m, "in"))
		return "not in";
	m->bad = true;
	return "==";
}

/* A parenthesis may hold another, so this calls itself; the depth is bounded. */
static bool
any_of(struct marker *m, unsigned depth)
{
	bool any = false;

	do {
		bool all = true;

		do {
			bool one;

			if (take(m, "(")) {
				one = depth < MAX_DEPTH && any_of(m, depth + 1);
				m->bad |= depth >= MAX_DEPTH || !take(m, ")");
			} else {
				const char *left = take_value(m), *op = take_operator(m);

				one = holds(m, left, op, take_value(m));
			}
			all &= one;
		} while (!m->bad && take(m, "and"));
		any |= all;
	} while (!m->bad && take(m, "or"));
	return any;
}

int
elfdeps_pep_marker(struct arena *a, const char *text, const char *python, bool *out)
{
	struct marker m = { .a = a, .p = text, .python = python };

	*out = any_of(&m, 0);
	skip(&m);
	return m.bad || *m.p ? -1 : 0;
}
