/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debuginfo.h"

/* Files without a section .debug_info have nothing to move, and names of a file that was seen
 * under another one no more. Objects and static libraries keep what they have. */
const char debuginfo_script[] =
	"debug=$DESTDIR/usr/lib/debug/.build-id\n"
	"find \"$DESTDIR/usr\" -path \"$DESTDIR/usr/lib/debug\" -prune -o -type f -print | sort |\n"
	"while IFS= read -r f; do\n"
	"\ttype=$(readelf -hW \"$f\" 2>/dev/null | sed -n 's/^ *Type: *\\([A-Z]*\\).*/\\1/p')\n"
	"\tcase $type in EXEC | DYN) ;; *) continue ;; esac\n"
	"\tif ! readelf -SW \"$f\" | grep -q '\\.debug_info'; then continue; fi\n"
	"\tid=$(readelf -n \"$f\" | sed -n 's/^.*Build ID: *\\([0-9a-f]*\\)$/\\1/p')\n"
	"\tif [ ${#id} -lt 16 ]; then\n"
	"\t\techo \"${f#\"$DESTDIR\"} has no build id: it was linked without \\$LDFLAGS\"\n"
	"\t\texit 1\n"
	"\tfi\n"
	"\trest=${id#??}\n"
	"\tdir=$debug/${id%\"$rest\"}\n"
	"\tmkdir -p \"$dir\"\n"
	"\tobjcopy --only-keep-debug \"$f\" \"$dir/$rest.debug\"\n"
	"\tchmod 644 \"$dir/$rest.debug\"\n"
	"\tobjcopy --strip-unneeded --add-gnu-debuglink=\"$dir/$rest.debug\" \"$f\"\n"
	"done\n";

void
debuginfo_flags(struct arena *a, const struct recipe *r, const char *top, const char **env,
		size_t *n)
{
	const char *compile = arena_format(a, "-g -ffile-prefix-map=%s=/usr/src/debug/%s-%s",
					   top, r->name, r->version);
	const struct {
		const char *name, *without, *more;
	} flags[DEBUGINFO_VARIABLES] = { { "CFLAGS", "-O2", compile },
					 { "CXXFLAGS", "-O2", compile },
					 { "LDFLAGS", NULL, "-Wl,--build-id" } };

	for (size_t i = 0; i < DEBUGINFO_VARIABLES; i++) {
		size_t len = strlen(flags[i].name), at = 0;

		while (at < *n &&
		       (strncmp(env[at], flags[i].name, len) != 0 || env[at][len] != '='))
			at++;
		if (at < *n)
			env[at] = arena_format(a, "%s %s", env[at], flags[i].more);
		else
			env[(*n)++] = arena_format(a, "%s=%s%s%s", flags[i].name,
						   flags[i].without ? flags[i].without : "",
						   flags[i].without ? " " : "", flags[i].more);
	}
}
