/* SPDX-License-Identifier: Apache-2.0 */
/* Which texts are versions, which of them count, and which is newer. */
#include "builder/recipe_priv.h"
#include "builder/update_priv.h"

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT   "0123456789"
#define VERSION "{version}"
#define NAME    "{name}"

/* Where the word begins that makes a version an early one: 2.0rc1, 1.3beta2, 5.0a1, 2.0~x. A
 * letter at the end (1.1.1w, 2026b) is a later one. */
static const char *
early_word(const char *v)
{
	static const char *const words[] = { "alpha", "beta",  "rc",  "pre",     "preview",
					     "dev",   "devel", "git", "snapshot" };
	const char *tilde = strchr(v, '~');

	if (tilde)
		return tilde;
	while (*v) {
		size_t n = strspn(v, LOWER UPPER);

		for (size_t i = 0; n && i < ARRAY_LEN(words); i++)
			if (strlen(words[i]) == n && !strncasecmp(v, words[i], n))
				return v;
		if (n == 1 && strchr("abAB", *v) && v[1] && strchr(DIGIT, v[1]))
			return v;
		v += n ? n : 1;
	}
	return NULL;
}

bool
update_version_is_early(const char *version)
{
	return early_word(version) != NULL;
}

/* RPM would put 2.0rc1 after 2.0; with a tilde before the word it comes first. */
static const char *
ordered(struct arena *a, const char *version)
{
	const char *word = early_word(version);

	if (!word || *word == '~')
		return version;
	return arena_format(a, "%.*s~%s", (int)(word - version), version, word);
}

int
update_version_compare(const char *a, const char *b)
{
	struct arena memory = { 0 };
	int order = nevra_compare_part(ordered(&memory, a), ordered(&memory, b));

	arena_release(&memory);
	return order;
}

bool
update_version_fits(const struct update_wish *w, const char *version)
{
	size_t n = w->series ? strlen(w->series) : 0;

	if (!*version || !strchr(DIGIT, *version) || recipe_words_version(version))
		return false;
	if (n && (strncmp(version, w->series, n) != 0 || (version[n] && version[n] != '.')))
		return false;
	return w->early || !early_word(version);
}

bool
update_version_is_pattern(const char *pattern)
{
	return strstr(pattern, VERSION) != NULL;
}

/* The next placeholder; its text, or NULL when there is none. */
static const char *
placeholder(const char *pattern, const char **at)
{
	const char *v = strstr(pattern, VERSION), *n = strstr(pattern, NAME);

	*at = v && (!n || v < n) ? v : n;
	return *at ? *at == v ? VERSION : NAME : NULL;
}

const char *
update_version_expand(struct arena *a, const char *pattern, const char *name,
		      const char *version)
{
	const char *out = "", *at, *which;

	while ((which = placeholder(pattern, &at)) != NULL) {
		out = arena_format(a, "%s%.*s%s", out, (int)(at - pattern), pattern,
				   which[1] == 'v' ? version : name);
		pattern = at + strlen(which);
	}
	return arena_format(a, "%s%s", out, pattern);
}

const char *
update_version_match(struct arena *a, const char *pattern, const char *name, const char *text,
		     size_t n)
{
	const char *first, *plain = update_version_expand(a, pattern, name, ""), *version;
	size_t count = 0, literal = strlen(plain), before;

	for (const char *p = pattern; (p = strstr(p, VERSION)) != NULL; p += strlen(VERSION))
		count++;
	if (!count || n <= literal || (n - literal) % count)
		return NULL;
	first = strstr(pattern, VERSION);
	before = strlen(update_version_expand(
		a, arena_strndup(a, pattern, (size_t)(first - pattern)), name, ""));
	version = arena_strndup(a, text + before, (n - literal) / count);
	plain = update_version_expand(a, pattern, name, version);
	return strlen(plain) == n && !strncmp(plain, text, n) ? version : NULL;
}
