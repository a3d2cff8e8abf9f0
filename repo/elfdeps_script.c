/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfdeps_priv.h"

#define MAX_LINE 256 /* as much as the kernel reads */

/* "#!/usr/bin/env X" needs X as well, which is found in /usr/bin or is no package's. rest: the
 * line after the path of env; an option before X (-S) is stepped over. */
static const char *
program_of_env(struct arena *a, const char *rest)
{
	size_t n;

	rest += strspn(rest, " \t");
	if (*rest == '-') {
		rest += strcspn(rest, " \t");
		rest += strspn(rest, " \t");
	}
	n = strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-");
	if (n == 0 || !memchr(" \t\r\n", rest[n], 5))
		return NULL;
	return arena_format(a, "/usr/bin/%.*s", (int)n, rest);
}

/* The path stands as the script writes it; whoever looks for a provider knows that /bin/sh and
 * /usr/bin/sh are one. */
int
elfdeps_script(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	struct pkgdep d = { .op = PKGDEP_ANY };
	char line[MAX_LINE + 1];
	ssize_t n = pread(fd, line, MAX_LINE, 0);
	char *start, *rest;

	if (n < 0)
		return err_sys(err, "cannot read %s", path);
	line[n] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	line[strcspn(line, "\n")] = '\0';
	rest = start + strcspn(start, " \t\r");
	if (*rest)
		*rest++ = '\0';
	if (start[0] != '/' || !manifest_is_path(start + 1))
		return 0;
	d.name = start;
	if (strcmp(start, "/usr/bin/env") == 0) {
		struct pkgdep program = { .name = program_of_env(a, rest), .op = PKGDEP_ANY };

		if (program.name && elfdeps_add(a, &out->requires, path, &program, err) < 0)
			return -1;
	}
	return elfdeps_add(a, &out->requires, path, &d, err);
}
