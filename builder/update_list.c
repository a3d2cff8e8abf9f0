/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of lists from the network. They run confined, bounded by what they are given. */
#include "builder/update_priv.h"

#define ALNUM     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define RUN       ALNUM "._+~"
#define RUN_MAX   ((size_t)128)
#define NAMES_MAX ((size_t)1000000)
#define TAGS      "refs/tags/"

static bool
is_of(const char *set, char c)
{
	return c && strchr(set, c);
}

/* The text after an occurrence of what stands before {version}: up to what stands after it. */
static size_t
version_at(const char *p, const char *end, const char *after)
{
	size_t n = 0, len = strlen(after);

	while (p + n < end && n < RUN_MAX && is_of(RUN, p[n])) {
		if (n && len && (size_t)(end - p) - n >= len && !strncmp(p + n, after, len))
			return n;
		n++;
	}
	if (!len)
		return n;
	return n && (size_t)(end - p) - n >= len && !strncmp(p + n, after, len) ? n : 0;
}

int
update_list_page(const char *text, size_t n, const char *pattern, const char *name,
		 struct buf *out, struct err *err)
{
	struct arena a = { 0 };
	const char *at = strstr(pattern, "{version}"), *end = text + n;
	const char *before, *after;
	size_t len, found = 0;

	if (!at)
		return err_set(err, ERR_INPUT, "the pattern has no {version}");
	before = update_version_expand(&a, arena_strndup(&a, pattern, (size_t)(at - pattern)),
				       name, "");
	after = update_version_expand(&a, at + strlen("{version}"), name, "");
	len = strlen(before);
	for (const char *p = text; p < end && found < NAMES_MAX;) {
		size_t v;

		if ((size_t)(end - p) < len)
			break;
		if (strncmp(p, before, len) != 0 || (p > text && is_of(ALNUM "._-", p[-1]))) {
			p++;
			continue;
		}
		v = version_at(p + len, end, after);
		if (v) {
			buf_add(out, p + len, v);
			buf_add_char(out, '\n');
			found++;
		}
		p += KILN_MAX(len + v, (size_t)1);
	}
	arena_release(&a);
	return buf_check(out, "versions of the page", err);
}

int
update_list_tags(const char *text, size_t n, struct buf *out, struct err *err)
{
	const char *end = text + n;
	size_t found = 0;

	for (const char *p = text; found < NAMES_MAX;) {
		const char *stop;

		p = memmem(p, (size_t)(end - p), TAGS, strlen(TAGS));
		if (!p)
			break;
		p += strlen(TAGS);
		for (stop = p; stop<end && * stop> ' ' && *stop < 127 && *stop != '^';)
			stop++;
		/* NAME^{} is what an annotated tag speaks of: the same version. */
		if (stop > p && (size_t)(stop - p) <= RUN_MAX &&
		    !(stop < end && *stop == '^')) {
			buf_add(out, p, (size_t)(stop - p));
			buf_add_char(out, '\n');
			found++;
		}
		p = stop;
	}
	return buf_check(out, "tags", err);
}

/* One stanza of Sources: its package, its directory, and the lines below Checksums-Sha256. */
struct stanza {
	const char *package, *directory, *sums; /* within the line, or NULL */
	size_t npackage, ndirectory, nsums;
};

static void
take_field(struct stanza *s, const char *line, size_t n)
{
	static const char package[] = "Package: ", directory[] = "Directory: ";

	if (n >= sizeof(package) - 1 && !strncmp(line, package, sizeof(package) - 1)) {
		s->package = line + sizeof(package) - 1;
		s->npackage = n - (sizeof(package) - 1);
	}
	if (n >= sizeof(directory) - 1 && !strncmp(line, directory, sizeof(directory) - 1)) {
		s->directory = line + sizeof(directory) - 1;
		s->ndirectory = n - (sizeof(directory) - 1);
	}
}

static bool
is_wanted(const struct stanza *s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == s->npackage &&
		    !strncmp(names[i], s->package, s->npackage))
			return true;
	return false;
}

/* " SHA256 SIZE FILE" lines */
static void
add_files(const struct stanza *s, struct buf *out)
{
	const char *p = s->sums, *end = s->sums + s->nsums;

	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		char line[512], hex[DIGEST_HEX], file[256];
		unsigned long long size;
		size_t n;

		stop = stop ? stop : end;
		n = KILN_MIN((size_t)(stop - p), sizeof(line) - 1);
		memcpy(line, p, n);
		line[n] = '\0';
		p = stop < end ? stop + 1 : end;
		if (sscanf(line, " %64[0-9a-f] %llu %255[^ ]", hex, &size, file) == 3)
			buf_add_format(out, "%.*s/%s\t%s\t%llu\n", (int)s->ndirectory,
				       s->directory, file, hex, size);
	}
}

static void
end_stanza(struct stanza *s, const char *const *names, size_t n, struct buf *out)
{
	if (s->package && s->directory && s->sums && s->ndirectory < RUN_MAX * 4 &&
	    is_wanted(s, names, n))
		add_files(s, out);
	*s = (struct stanza){ 0 };
}

int
update_list_sources(const char *text, size_t n, const char *const *names, size_t nnames,
		    struct buf *out, struct err *err)
{
	static const char sums[] = "Checksums-Sha256:";
	const char *end = text + n, *next;
	struct stanza s = { 0 };
	bool within = false;

	for (const char *line = text; line < end; line = next) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t len;

		next = stop ? stop + 1 : end;
		stop = stop ? stop : end;
		len = (size_t)(stop - line);
		if (len == 0) {
			end_stanza(&s, names, nnames, out);
		} else if (*line == ' ') {
			if (within)
				s.nsums = (size_t)(stop - s.sums);
		} else {
			within = len >= sizeof(sums) - 1 &&
				 !strncmp(line, sums, sizeof(sums) - 1);
			if (within)
				s.sums = next;
			take_field(&s, line, len);
		}
	}
	end_stanza(&s, names, nnames, out);
	return buf_check(out, "source packages of the index", err);
}
