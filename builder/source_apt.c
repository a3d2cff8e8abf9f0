/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which archive the host's apt uses. Archives are told apart by what their signed Release says
 * of itself (Origin, and a suite that ends in -security), never by the name of a host.
 */
#include "builder/source_priv.h"
#include "base/proc.h"

#define OUTPUT_MAX ((size_t)1024 * 1024)
#define FIELDS     7

/* Kiln's seed is of this architecture. */
static const char arch[] = "amd64";

static bool
ends_in(const char *s, const char *suffix)
{
	size_t len = strlen(s), n = strlen(suffix);

	return len >= n && !strcmp(s + len - n, suffix);
}

/* Cuts one line at '|'; false unless there are FIELDS parts. */
static bool
split(char *line, char *part[FIELDS])
{
	size_t n = 0;

	for (char *p = line; p && n < FIELDS; n++) {
		part[n] = p;
		p = strchr(p, '|');
		if (p)
			*p++ = '\0';
	}
	return n == FIELDS;
}

/* ORIGIN|SUITE|CODENAME|RELEASE|COMPONENT|ARCHITECTURE|REPO_URI */
static bool
read_line(struct arena *a, char *line, struct source_index *out)
{
	char *part[FIELDS];
	size_t len;
	bool security;

	if (!split(line, part) || strcmp(part[0], "Debian") != 0 || strcmp(part[5], arch) != 0)
		return false;
	security = ends_in(part[1], "-security") || ends_in(part[2], "-security");
	len = strlen(part[6]);
	while (len && part[6][len - 1] == '/')
		len--;
	*out = (struct source_index){ .archive = security ? "debian-security" : "debian",
				      .base = arena_strndup(a, part[6], len),
				      .release = part[3],
				      .component = part[4] };
	return len > 0 && *part[3] && *part[4];
}

int
source_apt_parse(struct arena *a, const char *text, const struct source_index **out, size_t *n,
		 struct err *err)
{
	char *next = arena_strdup(a, text);
	size_t lines = 1;
	struct source_index *list;

	for (const char *p = text; *p; p++)
		lines += *p == '\n';
	list = arena_array(a, lines, sizeof(*list));
	*n = 0;
	while (next) {
		char *line = next;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (read_line(a, line, &list[*n]))
			(*n)++;
	}
	*out = list;
	if (*n)
		return 0;
	(void)err_set(err, ERR_FETCH, "this machine's apt reads no Debian archive for %s",
		      arch);
	return err_hint(err, "run `apt-get update`, or name one under mirrors: in kiln.yaml");
}

int
source_apt_indexes(const struct source_index **out, size_t *n, struct err *err)
{
	static const char *const argv[] = {
		"apt-get",
		"indextargets",
		"--format",
		"$(ORIGIN)|$(SUITE)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(ARCHITECTURE)|$(REPO_URI)",
		"Created-By: Packages",
		NULL
	};
	static struct arena memory; /* as long as the process */
	static const struct source_index *known;
	static size_t nknown;
	CLEANUP(buf_free) struct buf text = BUF_MAX(OUTPUT_MAX);

	if (!known) {
		if (proc_capture(argv, &text, err) < 0) {
			(void)err_wrap(err, "cannot ask apt for this machine's archive");
			return err_hint(err, "name one under mirrors: in kiln.yaml");
		}
		if (source_apt_parse(&memory, buf_text(&text), &known, &nknown, err) < 0) {
			known = NULL;
			return -1;
		}
	}
	*out = known;
	*n = nknown;
	return 0;
}
