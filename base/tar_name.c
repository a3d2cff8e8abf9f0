/* SPDX-License-Identifier: Apache-2.0 */
#include "base/manifest.h"
#include "base/tar_priv.h"
#include "base/utf8.h"
#include <fnmatch.h>

#define SHOWN_MAX 256

static int
refuse(const char *raw, struct err *err, const char *why)
{
	char shown[SHOWN_MAX];

	utf8_show(raw, shown, sizeof(shown));
	return err_set(err, ERR_INPUT, "archive entry '%s': %s", shown, why);
}

static bool
is_component(const char *at, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(at, word, n) == 0;
}

int
tar_name_clean(const char *raw, const struct tar_select *select, unsigned max_depth,
	       char out[TAR_NAME_MAX], struct err *err)
{
	unsigned strip = select->strip, depth = 0;
	const char *at = raw;
	size_t len = 0;

	out[0] = '\0';
	if (raw[0] == '/')
		return refuse(raw, err, "absolute name");
	if (strlen(raw) >= TAR_NAME_MAX)
		return refuse(raw, err, "name too long");
	for (size_t n; *at; at += n + (at[n] == '/')) {
		n = strcspn(at, "/");
		if (n == 0 || is_component(at, n, "."))
			continue;
		if (is_component(at, n, ".."))
			return refuse(raw, err, "'..' in its name");
		if (++depth > max_depth)
			return refuse(raw, err, "too many directories deep");
		if (depth <= strip)
			continue;
		if (len)
			out[len++] = '/';
		memcpy(out + len, at, n);
		len += n;
		out[len] = '\0';
	}
	if (len && !manifest_is_path(out))
		return refuse(out, err, "name is too long or not printable UTF-8");
	return 0;
}

/* True when the glob matches name or one of the directories it is in. */
static bool
matches(const char *glob, const char *name)
{
	char prefix[TAR_NAME_MAX];
	size_t len = strlen(name);

	for (size_t i = 1; i <= len; i++) {
		if (name[i] != '/' && name[i] != '\0')
			continue;
		memcpy(prefix, name, i);
		prefix[i] = '\0';
		if (fnmatch(glob, prefix, FNM_PATHNAME | FNM_NOESCAPE) == 0)
			return true;
	}
	return false;
}

bool
tar_name_selected(const char *name, const struct tar_select *select, bool *hits)
{
	bool wanted = !select->members;

	for (size_t i = 0; select->members && i < select->nmembers; i++) {
		if (matches(select->members[i], name))
			hits[i] = wanted = true;
	}
	return wanted;
}

bool
tar_name_merge(char name[TAR_NAME_MAX])
{
	static const char *const merged[] = {
		"bin", "sbin", "lib", "lib32", "lib64", "libx32"
	};
	size_t first = strcspn(name, "/"), len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
		if (!is_component(name, first, merged[i]) || len + 5 > TAR_NAME_MAX)
			continue;
		memmove(name + 4, name, len + 1);
		memcpy(name, "usr/", 4);
		return true;
	}
	return false;
}

/* What target means as seen from the directory of name, without asking the disk. */
static int
resolve(const char *name, const char *target, char out[TAR_NAME_MAX], struct err *err)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	memcpy(out, name, len);
	for (size_t n; *target; target += n + (target[n] == '/')) {
		n = strcspn(target, "/");
		if (n == 0 || is_component(target, n, "."))
			continue;
		if (is_component(target, n, "..")) {
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len + n + 2 > TAR_NAME_MAX)
			return refuse(name, err, "target too long");
		if (len)
			out[len++] = '/';
		memcpy(out + len, target, n);
		len += n;
	}
	out[len] = '\0';
	return 0;
}

/* The relative path from the directory of name to the path goal. */
static int
relate(const char *name, const char *goal, char out[TAR_NAME_MAX], struct err *err)
{
	size_t common = 0, len = 0;

	for (size_t i = 0; name[i] && name[i] == goal[i]; i++) {
		if (name[i] == '/')
			common = i + 1;
	}
	for (const char *p = name + common; *p; p++) {
		if (*p != '/')
			continue;
		if (len + 4 > TAR_NAME_MAX)
			return refuse(name, err, "target too long");
		memcpy(out + len, "../", 3);
		len += 3;
	}
	if (len + strlen(goal + common) + 2 > TAR_NAME_MAX)
		return refuse(name, err, "target too long");
	(void)snprintf(out + len, TAR_NAME_MAX - len, "%s", goal[common] ? goal + common : ".");
	return 0;
}

int
tar_name_retarget(const char *from, const char *to, const char *target, char out[TAR_NAME_MAX],
		  struct err *err)
{
	char meant[TAR_NAME_MAX], now[TAR_NAME_MAX];

	if (strlen(target) >= TAR_NAME_MAX)
		return refuse(from, err, "target too long");
	if (target[0] != '/') {
		if (resolve(from, target, meant, err) < 0 || resolve(to, target, now, err) < 0)
			return -1;
		(void)tar_name_merge(meant);
		if (strcmp(meant, now) != 0)
			return relate(to, meant, out, err);
	}
	memcpy(out, target, strlen(target) + 1);
	return 0;
}
