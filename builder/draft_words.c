/* SPDX-License-Identifier: Apache-2.0 */
/* What a project says of itself, in the few forms that are written for machines, and at the
 * beginning of its README. */
#include "builder/draft_priv.h"
#include "base/json.h"

#define SUMMARY_MAX  100
#define README_LINES 12

static bool
ends(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* The rest of the line after `key`, where that begins a line; NULL: nowhere. */
static const char *
line_after(struct arena *a, const struct draft_file *f, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = f ? f->text : NULL; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, n) == 0) {
			const char *value = at + n + strspn(at + n, " \t");

			return arena_strndup(a, value, strcspn(value, "\r\n"));
		}
	}
	return NULL;
}

/* The text between the next quotes after `key`; NULL: there is none on that line. */
static const char *
quoted_after(struct arena *a, const struct draft_file *f, const char *key)
{
	const char *at = f ? strstr(f->text, key) : NULL;
	char quote;

	if (!at)
		return NULL;
	at += strlen(key);
	at += strcspn(at, "\"'\n");
	if (*at != '"' && *at != '\'')
		return NULL;
	quote = *at++;
	for (size_t i = 0; at[i] && at[i] != '\n'; i++)
		if (at[i] == quote)
			return arena_strndup(a, at, i);
	return NULL;
}

static const char *
of_pc(struct arena *a, const struct draft_files *f, const char *key)
{
	const char *found = NULL;

	for (size_t i = 0; i < f->n && !found; i++)
		if (ends(f->at[i].name, ".pc.in") || ends(f->at[i].name, ".pc"))
			found = line_after(a, &f->at[i], key);
	return found && !strchr(found, '@') ? found : NULL;
}

static const char *
of_meta(struct arena *a, const struct draft_file *f, bool homepage)
{
	struct doc *d;
	struct err ignored;

	if (!f || json_parse_opaque(a, f->text, f->n, "META.json", &d, &ignored) < 0)
		return NULL;
	return homepage ? doc_get_text(doc_get(d, "resources"), "homepage")
			: doc_get_text(d, "abstract");
}

/* The n-th argument (from 0) of AC_INIT. */
static const char *
of_init(struct arena *a, const struct draft_file *f, unsigned n)
{
	const char *at = f ? strstr(f->text, "AC_INIT(") : NULL;
	unsigned deep = 0;
	size_t i = 0;

	if (!at)
		return NULL;
	at += strlen("AC_INIT(");
	for (; n && *at; at++) {
		deep += *at == '[' || *at == '(';
		deep -= deep && (*at == ']' || *at == ')');
		n -= *at == ',' && !deep;
	}
	at += strspn(at, " \t\n[");
	i = strcspn(at, "]),\n");
	return i ? arena_strndup(a, at, i) : NULL;
}

/* A text of one line that can stand as a summary; NULL: it cannot. */
static char *
fit(struct arena *a, const char *s)
{
	size_t n;

	if (!s)
		return NULL;
	s += strspn(s, " \t");
	n = strlen(s);
	while (n && strchr(" \t\r.!", s[n - 1]))
		n--;
	if (n < 4 || n > SUMMARY_MAX || memchr(s, '@', n) || memchr(s, '<', n) ||
	    memchr(s, '$', n))
		return NULL;
	return arena_strndup(a, s, n);
}

/* What follows "NAME is a " or "NAME - " in a line; NULL: it is no such line. */
static const char *
said_of_name(const char *line)
{
	static const char *const joints[] = { " is a ", " is an ", " - ", " -- " };
	size_t n = strcspn(line, " ");

	/* "This is the README ..." names nothing. */
	if (!n || !strncasecmp(line, "this", n) || !strncasecmp(line, "it", n))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(joints); i++)
		if (!strncmp(line + n, joints[i], strlen(joints[i])))
			return line + n + strlen(joints[i]);
	return NULL;
}

/* A whole sentence of that form within the first lines. */
static const char *
of_readme(struct arena *a, const struct draft_files *f)
{
	const struct draft_file *readme = NULL;
	const char *at;

	for (size_t i = 0; i < f->n && !readme; i++)
		if (strncmp(f->at[i].name, "README", 6) == 0)
			readme = &f->at[i];
	at = readme ? readme->text : "";
	for (int i = 0; i < README_LINES && *at; i++) {
		size_t n = strcspn(at, "\n");
		const char *says = said_of_name(arena_strndup(a, at, n));
		const char *stop = says ? strstr(says, ". ") : NULL;

		at += n + (at[n] == '\n');
		if (!says)
			continue;
		/* It ends here, or the line does and the next is empty. */
		if (stop)
			return arena_strndup(a, says, (size_t)(stop - says));
		if (ends(says, ".") || *at == '\n' || !*at)
			return says;
	}
	return NULL;
}

const char *
draft_words_summary(struct arena *a, const struct draft_files *f, const char *dir)
{
	const char *const tried[] = {
		of_meta(a, draft_file(f, dir, "META.json"), false),
		quoted_after(a, draft_file(f, dir, "pyproject.toml"), "\ndescription ="),
		line_after(a, draft_file(f, dir, "PKG-INFO"), "Summary:"),
		line_after(a, draft_file(f, dir, "setup.cfg"), "description ="),
		of_pc(a, f, "Description:"),
		quoted_after(a, draft_file(f, dir, "CMakeLists.txt"), " DESCRIPTION "),
		of_readme(a, f),
	};

	for (size_t i = 0; i < ARRAY_LEN(tried); i++) {
		char *s = fit(a, tried[i]);

		if (!s)
			continue;
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
		return s;
	}
	return NULL;
}

const char *
draft_words_homepage(struct arena *a, const struct draft_files *f, const char *dir)
{
	const struct draft_file *ac = draft_file(f, dir, "configure.ac");
	const char *const tried[] = {
		of_meta(a, draft_file(f, dir, "META.json"), true),
		quoted_after(a, draft_file(f, dir, "pyproject.toml"), "\nHomepage"),
		line_after(a, draft_file(f, dir, "PKG-INFO"), "Home-page:"),
		of_pc(a, f, "URL:"),
		of_init(a, ac, 4),
		quoted_after(a, draft_file(f, dir, "CMakeLists.txt"), "HOMEPAGE_URL"),
	};

	for (size_t i = 0; i < ARRAY_LEN(tried); i++)
		if (tried[i] && !recipe_words_homepage(tried[i]))
			return tried[i];
	return NULL;
}

size_t
draft_words_requires(struct arena *a, const struct draft_file *f, const char ***out)
{
	const char *at = f ? strstr(f->text, "\nrequires") : NULL, *end;
	size_t n = 0;

	at = at ? strchr(at, '[') : NULL;
	end = at ? strchr(at, ']') : NULL;
	if (!end)
		return 0;
	*out = arena_array(a, (size_t)(end - at), sizeof(**out));
	while ((at = strpbrk(at, "\"']")) != NULL && at < end) {
		char quote = *at++;
		size_t len = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789._-");

		if (len)
			(*out)[n++] = arena_format(a, "python3-%.*s", (int)len, at);
		at = strchr(at, quote);
		if (!at)
			break;
		at++;
	}
	return n;
}
