/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMake packages: below a directory called cmake, NAMEConfig.cmake and NAME-config.cmake
 * provide "cmake(NAME)"; the file beside it that says its version, NAMEConfigVersion.cmake or
 * NAME-config-version.cmake, provides "cmake(NAME) = VERSION". CMake finds a package by the
 * name as it is spelled and in lower case, so both are provided.
 */
#include "base/fd.h"
#include "repo/elfdeps_priv.h"
#include <ctype.h>

#define MAX_FILE ((size_t)256 * 1024)

static const struct {
	const char *ending;
	bool version;
} kinds[] = {
	{ "ConfigVersion.cmake", true },
	{ "-config-version.cmake", true },
	{ "Config.cmake", false },
	{ "-config.cmake", false },
};

/* The package that a file is of; NULL: of none. */
static const char *
name_of(struct arena *a, const char *path, bool *version)
{
	const char *base = strrchr(path, '/') + 1;
	size_t n = strlen(base);

	if (!strstr(path, "/cmake/"))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t m = strlen(kinds[i].ending);

		if (n <= m || strcmp(base + n - m, kinds[i].ending) != 0)
			continue;
		*version = kinds[i].version;
		return arena_strndup(a, base, n - m);
	}
	return NULL;
}

bool
elfdeps_is_cmake(const char *path)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	bool version;

	return path[0] == '/' && name_of(&a, path, &version);
}

/* The value of the first "set(PACKAGE_VERSION x)" whose value is a version; what is computed
 * when CMake runs is none. */
static const char *
find_version(struct arena *a, const char *text)
{
	static const char word[] = "PACKAGE_VERSION";

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
		const char *before = p, *after = p + strlen(word);
		const char *value;
		size_t n;

		while (before > text && strchr(" \t\n", before[-1]))
			before--;
		if (before - text < 4 || before[-1] != '(' ||
		    strncasecmp(before - 4, "set", 3) != 0 || !strchr(" \t\n", *after))
			continue;
		after += strspn(after, " \t\n\"");
		n = strcspn(after, " \t\n\")");
		value = arena_strndup(a, after, n);
		if (nevra_is_version(value))
			return value;
	}
	return NULL;
}

static int
provide(struct arena *a, const char *path, const char *name, const char *version,
	struct elfdeps *out, struct err *err)
{
	struct pkgdep d = { .name = arena_format(a, "cmake(%s)", name),
			    .op = version ? PKGDEP_EQ : PKGDEP_ANY,
			    .evr = version };

	return elfdeps_add(a, &out->provides, path, &d, err);
}

int
elfdeps_cmake(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_FILE);
	const char *version = NULL, *name;
	bool says_version = false;
	char *lower;

	name = name_of(a, path, &says_version);
	if (says_version && lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in %s", path);
	if (says_version && fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	if (says_version)
		version = find_version(a, buf_text(&text));
	if (says_version && !version)
		return 0;
	lower = arena_strdup(a, name);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (provide(a, path, name, version, out, err) < 0)
		return -1;
	return strcmp(lower, name) ? provide(a, path, lower, version, out, err) : 0;
}
