/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pkg-config modules: "pkgconfig(stem) = Version" provided, Requires and Requires.private
 * required. Lines are "name=value" (a variable) or "Field: value"; "${name}" stands for a
 * variable defined above; '#' begins a comment.
 */
#include "repo/elfdeps_priv.h"
#include "base/dict.h"
#include "base/fd.h"

#define MAX_FILE  ((size_t)256 * 1024)
#define MAX_VALUE ((size_t)16 * 1024)

struct module {
	struct arena *a;
	const char *path;
	struct dict variables;
	const char *version;
	struct elfdeps *out;
	struct err *err;
};

static const char *
trim(struct arena *a, const char *start, const char *end)
{
	while (start < end && strchr(" \t\r", *start))
		start++;
	while (end > start && strchr(" \t\r", end[-1]))
		end--;
	return arena_strndup(a, start, (size_t)(end - start));
}

/* Replaces every ${name}; an undefined one stands for nothing, as in pkg-config. The ceiling
 * also ends variables that double each other. */
static int
expand(struct module *m, const char *text, const char **out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(MAX_VALUE);
	const char *open, *close;

	while ((open = strstr(text, "${")) && (close = strchr(open, '}'))) {
		const char *name = arena_strndup(m->a, open + 2, (size_t)(close - open - 2));
		const char *value = dict_get(&m->variables, name);

		buf_add(&b, text, (size_t)(open - text));
		buf_add_str(&b, value ? value : "");
		text = close + 1;
	}
	buf_add_str(&b, text);
	if (buf_check(&b, "a value in a pkg-config module", m->err) < 0)
		return err_wrap(m->err, "%s", m->path);
	*out = arena_strdup(m->a, buf_text(&b));
	return 0;
}

static bool
is_op_char(char c)
{
	return c && strchr("<>=!", c);
}

static bool
is_gap(char c)
{
	return c && strchr(" \t,", c);
}

/* The next word of a list: a run of operator characters, or of anything else but gaps. */
static const char *
take_word(struct module *m, const char **p)
{
	const char *start = *p, *end;

	while (is_gap(*start))
		start++;
	end = start;
	while (*end && !is_gap(*end) && is_op_char(*end) == is_op_char(*start))
		end++;
	*p = end;
	return end == start ? NULL : arena_strndup(m->a, start, (size_t)(end - start));
}

/* "name", or "name op version"; a version RPM cannot compare (or "!=") leaves the name alone.
 */
static struct pkgdep
capability(struct module *m, const char *name, const char *op, const char *version)
{
	struct pkgdep d = { .op = PKGDEP_ANY };
	struct err ignored;

	name = arena_format(m->a, "pkgconfig(%s)", name);
	if (op && version &&
	    pkgdep_parse(m->a, arena_format(m->a, "%s %s %s", name, op, version), &d,
			 &ignored) == 0)
		return d;
	d = (struct pkgdep){ .name = name, .op = PKGDEP_ANY };
	return d;
}

static int
add_requires(struct module *m, const char *list)
{
	const char *name = take_word(m, &list), *op = NULL, *version = NULL;

	while (name) {
		const char *next = take_word(m, &list);
		struct pkgdep d;

		op = version = NULL;
		if (next && is_op_char(*next)) {
			op = next;
			version = take_word(m, &list);
			next = take_word(m, &list);
		}
		d = capability(m, name, op, version);
		if (elfdeps_add(m->a, &m->out->requires, m->path, &d, m->err) < 0)
			return -1;
		name = next;
	}
	return 0;
}

static int
read_field(struct module *m, const char *field, const char *value)
{
	const char *expanded;

	if (expand(m, value, &expanded) < 0)
		return -1;
	if (strcasecmp(field, "Version") == 0)
		m->version = expanded;
	else if (strcmp(field, "Requires") == 0 || strcmp(field, "Requires.private") == 0)
		return add_requires(m, expanded);
	return 0;
}

static int
read_line(struct module *m, const char *start, const char *end)
{
	const char *comment = memchr(start, '#', (size_t)(end - start)), *mark, *name, *value;

	end = comment ? comment : end;
	for (mark = start; mark < end && *mark != ':' && *mark != '='; mark++)
		;
	if (mark == end)
		return 0;
	name = trim(m->a, start, mark);
	value = trim(m->a, mark + 1, end);
	if (*mark == ':')
		return read_field(m, name, value);
	if (expand(m, value, &value) < 0)
		return -1;
	dict_set(&m->variables, name, (void *)(uintptr_t)value);
	return 0;
}

static int
read_lines(struct module *m, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		if (read_line(m, text, text + n) < 0)
			return -1;
		text += n + (text[n] == '\n');
	}
	return 0;
}

int
elfdeps_pc(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_FILE);
	struct module m = { .a = a, .path = path, .out = out, .err = err };
	const char *base = strrchr(path, '/') + 1, *stem;
	struct pkgdep own;
	int rc;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in %s", path);
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	stem = arena_strndup(a, base, strlen(base) - strlen(".pc"));
	rc = read_lines(&m, buf_text(&text));
	dict_release(&m.variables);
	if (rc < 0)
		return -1;
	own = capability(&m, stem, "=", m.version);
	return elfdeps_add(a, &out->provides, path, &own, err);
}
