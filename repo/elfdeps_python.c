/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Python's packages say of themselves, in
 *
 *   /usr/lib/python3.Y/site-packages/NAME.dist-info/METADATA (or .egg-info/PKG-INFO):
 *
 * "python3.Ydist(NAME)" and "python3dist(NAME)" are provided with their version, NAME as PEP
 * 503 spells it; every Requires-Dist that holds here is required, and so is "python(abi)
 * = 3.Y", which the interpreter /usr/bin/python3.Y provides. A range becomes two requires; "!="
 * none.
 */
#include "base/fd.h"
#include "repo/elfdeps_priv.h"
#include <ctype.h>

#define MAX_FILE ((size_t)1024 * 1024)
#define MAX_WORD 256

struct dist {
	struct arena *a;
	const char *path, *python, *name, *version;
	struct elfdeps *out;
	struct err *err;
};

/* "3.11" of "/usr/lib/python3.11/...", or of "/usr/bin/python3.11"; NULL: neither. */
static const char *
python_of(struct arena *a, const char *path, const char *before, char after)
{
	size_t n = strlen(before), minor;

	if (strncmp(path, before, n) != 0)
		return NULL;
	minor = strspn(path + n, "0123456789");
	if (minor == 0 || minor > 4 || path[n + minor] != after)
		return NULL;
	return arena_format(a, "3.%.*s", (int)minor, path + n);
}

static const char *
library_of(struct arena *a, const char *path)
{
	const char *v = python_of(a, path, "/usr/lib/python3.", '/');

	return v ? v : python_of(a, path, "/usr/lib64/python3.", '/');
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static bool
is_metadata(const char *path)
{
	return strstr(path, "/site-packages/") &&
	       (ends_with(path, ".dist-info/METADATA") ||
		ends_with(path, ".egg-info/PKG-INFO") || ends_with(path, ".egg-info"));
}

bool
elfdeps_is_python(const char *path)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	return is_metadata(path) && library_of(&a, path);
}

/* PEP 503: lower case, runs of - _ . are one dash. NULL: no name of a package. */
static const char *
normal_name(struct arena *a, const char *s, size_t n)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(MAX_WORD);
	bool gap = false;

	if (n == 0 || n >= MAX_WORD || !isalnum((unsigned char)*s))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (strchr("-_.", s[i])) {
			gap = true;
			continue;
		}
		if (!isalnum((unsigned char)s[i]))
			return NULL;
		if (gap)
			buf_add_char(&b, '-');
		gap = false;
		buf_add_char(&b, (char)tolower((unsigned char)s[i]));
	}
	return arena_strdup(a, buf_text(&b));
}

static int
add(struct dist *d, struct pkgdeps *to, const char *name, enum pkgdep_op op, const char *evr)
{
	struct pkgdep dep = { .name = name, .op = evr ? op : PKGDEP_ANY, .evr = evr };

	return elfdeps_add(d->a, to, d->path, &dep, d->err);
}

/* Less than the version whose part at `last` is one more: the end of "~=" and "== x.*". */
static int
add_below(struct dist *d, const char *name, struct elfdeps_version v, size_t last)
{
	unsigned long long n = strtoull(v.part[last], NULL, 10);

	v.n = last + 1;
	v.part[last] = arena_format(d->a, "%llu", n + 1);
	v.suffix = "";
	return add(d, &d->out->requires, name, PKGDEP_LT, elfdeps_pep_text(d->a, &v));
}

static int
refuse(struct dist *d, const char *what, const char *text)
{
	return err_set(d->err, ERR_INPUT, "%s: %s '%.80s' cannot be read", d->path, what, text);
}

/* One of ">=1.0", "==1.*", "~=1.4", "!=2". */
static int
add_range(struct dist *d, const char *name, const char *text)
{
	static const struct {
		const char *op;
		enum pkgdep_op as;
	} ops[] = { { "===", PKGDEP_EQ }, { "==", PKGDEP_EQ }, { "~=", PKGDEP_GE },
		    { "!=", PKGDEP_ANY }, { "<=", PKGDEP_LE }, { ">=", PKGDEP_GE },
		    { "<", PKGDEP_LT },   { ">", PKGDEP_GT } };
	struct elfdeps_version v;
	const char *evr;
	size_t i = 0;

	while (i < ARRAY_LEN(ops) && strncmp(text, ops[i].op, strlen(ops[i].op)) != 0)
		i++;
	if (i == ARRAY_LEN(ops))
		return refuse(d, "the requirement", text);
	text += strlen(ops[i].op);
	text += strspn(text, " \t");
	if (!elfdeps_pep_version(d->a, text, &v) || (ops[i].op[0] == '~' && v.n < 2))
		return refuse(d, "the version", text);
	if (ops[i].as == PKGDEP_ANY)
		return 0;
	evr = elfdeps_pep_text(d->a, &v);
	if (ops[i].as == PKGDEP_EQ && v.any)
		return add(d, &d->out->requires, name, PKGDEP_GE, evr) < 0
			       ? -1
			       : add_below(d, name, v, v.n - 1);
	if (add(d, &d->out->requires, name, ops[i].as, evr) < 0)
		return -1;
	return ops[i].op[0] == '~' ? add_below(d, name, v, v.n - 2) : 0;
}

static int
add_ranges(struct dist *d, const char *name, const char *list)
{
	size_t any = 0;

	for (const char *p = list; *p;) {
		size_t n;

		p += strspn(p, " \t,()");
		n = strcspn(p, ",()");
		while (n && strchr(" \t", p[n - 1]))
			n--;
		if (n && add_range(d, name, arena_strndup(d->a, p, n)) < 0)
			return -1;
		any += n > 0 && strncmp(p, "!=", 2) != 0;
		p += n + strspn(p + n, " \t");
	}
	return any ? 0 : add(d, &d->out->requires, name, PKGDEP_ANY, NULL);
}

/* "NAME[extra] (>=1,<2); marker" or "NAME @ address; marker". */
static int
read_requirement(struct dist *d, const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				"0123456789-_.");
	const char *name = normal_name(d->a, text, n), *rest = text + n;
	const char *mark = strchr(rest, ';');
	bool wanted = true;

	rest += strspn(rest, " \t");
	if (*rest == '[')
		rest += strcspn(rest, "]") + (strchr(rest, ']') != NULL);
	rest += strspn(rest, " \t");
	if (!name)
		return refuse(d, "the requirement", text);
	if (mark && elfdeps_pep_marker(d->a, mark + 1, d->python, &wanted) < 0)
		return refuse(d, "the marker", mark + 1);
	if (!wanted)
		return 0;
	name = arena_format(d->a, "python%sdist(%s)", d->python, name);
	if (*rest == '@')
		return add(d, &d->out->requires, name, PKGDEP_ANY, NULL);
	return add_ranges(d, name,
			  mark ? arena_strndup(d->a, rest, (size_t)(mark - rest)) : rest);
}

static int
read_field(struct dist *d, const char *line)
{
	size_t n = strcspn(line, ":");
	const char *value = line[n] ? line + n + 1 + strspn(line + n + 1, " \t") : "";

	if (n == 4 && strncasecmp(line, "Name", n) == 0 && !d->name)
		d->name = value;
	if (n == 7 && strncasecmp(line, "Version", n) == 0 && !d->version)
		d->version = value;
	if (n == 13 && strncasecmp(line, "Requires-Dist", n) == 0)
		return read_requirement(d, value);
	return 0;
}

static int
provide(struct dist *d)
{
	const char *name = d->name ? normal_name(d->a, d->name, strlen(d->name)) : NULL;
	struct elfdeps_version v;
	const char *evr;

	if (!name)
		return refuse(d, "the name", d->name ? d->name : "");
	if (!d->version || !elfdeps_pep_version(d->a, d->version, &v) || v.any)
		return refuse(d, "the version", d->version ? d->version : "");
	evr = elfdeps_pep_text(d->a, &v);
	if (add(d, &d->out->provides, arena_format(d->a, "python%sdist(%s)", d->python, name),
		PKGDEP_EQ, evr) < 0)
		return -1;
	return add(d, &d->out->provides, arena_format(d->a, "python3dist(%s)", name), PKGDEP_EQ,
		   evr);
}

int
elfdeps_python(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_FILE);
	struct dist d = { .a = a, .path = path, .out = out, .err = err };

	d.python = library_of(a, path);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in %s", path);
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	/* an empty line ends the fields; what follows is the description */
	for (const char *p = buf_text(&text); *p && *p != '\n' && *p != '\r';) {
		size_t n = strcspn(p, "\n"), end = n;

		while (end && strchr(" \t\r", p[end - 1]))
			end--;
		if (read_field(&d, arena_strndup(a, p, end)) < 0)
			return -1;
		p += n + (p[n] == '\n');
	}
	if (add(&d, &out->requires, "python(abi)", PKGDEP_EQ, d.python) < 0)
		return -1;
	return provide(&d);
}

/* What the interpreter offers; it is a program like others besides. */
int
elfdeps_python_abi(struct arena *a, const char *path, struct elfdeps *out, struct err *err)
{
	struct dist d = { .a = a, .path = path, .out = out, .err = err };

	d.python = python_of(a, path, "/usr/bin/python3.", '\0');
	return d.python ? add(&d, &out->provides, "python(abi)", PKGDEP_EQ, d.python) : 0;
}
