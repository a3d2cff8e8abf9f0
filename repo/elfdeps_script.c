/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfdeps_priv.h"

#define MAX_LINE 256 /* as much as the kernel reads */

/* The path stands as the script writes it; whoever looks for a provider knows that /bin/sh and
 * /usr/bin/sh are one. "#!/usr/bin/env X" needs env, and X is looked up when the script runs.
 */
int
elfdeps_script(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	struct pkgdep d = { .op = PKGDEP_ANY };
	char line[MAX_LINE + 1];
	ssize_t n = pread(fd, line, MAX_LINE, 0);
	char *start;

	if (n < 0)
		return err_sys(err, "cannot read %s", path);
	line[n] = '\0';
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t\r\n")] = '\0';
	if (start[0] != '/' || !manifest_is_path(start + 1))
		return 0;
	d.name = start;
	return elfdeps_add(a, &out->requires, path, &d, err);
}
