/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: a file of sysusers.d provides "user(NAME)" and "group(NAME)" as rpm's own generator
 * does: with the whole line in base64 as its version, filled up with zeros so that no '=' ends
 * it, from which rpm 4.19 makes the account before it unpacks anything. /etc/passwd and
 * /etc/group provide the names they hold.
 */
#include "base/fd.h"
#include "repo/elfdeps_priv.h"

#define MAX_FILE  ((size_t)1024 * 1024)
#define MAX_LINE  384 /* so that base64 of it is still a version */
#define MAX_WORDS 16

struct accounts {
	struct arena *a;
	const char *path;
	struct elfdeps *out;
	struct err *err;
};

static int
provide(struct accounts *c, const char *kind, const char *name, const char *evr)
{
	struct pkgdep d = { .name = arena_format(c->a, "%s(%s)", kind, name),
			    .op = evr ? PKGDEP_EQ : PKGDEP_ANY,
			    .evr = evr };

	return elfdeps_add(c->a, &c->out->provides, c->path, &d, c->err);
}

static const char *
encode(struct accounts *c, const char *line)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(MAX_LINE * 2);
	char padded[MAX_LINE + 3] = { 0 };
	size_t n = strlen(line);

	memcpy(padded, line, n);
	digest_base64(padded, (n + 2) / 3 * 3, &b);
	return arena_strdup(c->a, buf_text(&b));
}

/* Words apart by one space, quoted ones as they stand: "u nginx 101:101 "Web server" /". */
static const char *
tidy(struct accounts *c, const char *line, const char *words[MAX_WORDS], size_t *n)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(MAX_LINE * 2);

	*n = 0;
	for (const char *p = line; *p && *n < MAX_WORDS;) {
		size_t word = strcspn(p, " \t\r");

		if (word) {
			words[*n] = arena_strndup(c->a, p, word);
			buf_add_format(&b, "%s%s", *n ? " " : "", words[*n]);
			++*n;
		}
		p += word + (p[word] != '\0');
	}
	return arena_strdup(c->a, buf_text(&b));
}

/* "u NAME ID[:GROUP] ...", "g NAME ID"; other lines make no account. */
static int
read_sysusers(struct accounts *c, const char *line)
{
	const char *words[MAX_WORDS], *whole;
	size_t n;
	bool user;

	if (*line == '#' || strlen(line) > MAX_LINE)
		return 0;
	whole = tidy(c, line, words, &n);
	if (n < 2 || (strcmp(words[0], "u") != 0 && strcmp(words[0], "g") != 0))
		return 0;
	user = words[0][0] == 'u';
	if (provide(c, user ? "user" : "group", words[1], encode(c, whole)) < 0)
		return -1;
	/* a user without a group of another name brings one of its own */
	return user && (n < 3 || !strchr(words[2], ':')) ? provide(c, "group", words[1], NULL)
							 : 0;
}

static int
read_table(struct accounts *c, const char *kind, const char *line)
{
	size_t n = strcspn(line, ":");

	if (!n || line[n] != ':')
		return 0;
	return provide(c, kind, arena_strndup(c->a, line, n), NULL);
}

/* Which of them path is: 's', 'p', 'g', or 0. */
static char
kind_of(const char *path)
{
	static const char dir[] = "/usr/lib/sysusers.d/";
	size_t n = strlen(path);

	if (strcmp(path, "/etc/passwd") == 0 || strcmp(path, "/etc/group") == 0)
		return path[5];
	return strncmp(path, dir, strlen(dir)) == 0 && n > 5 &&
			       strcmp(path + n - 5, ".conf") == 0
		       ? 's'
		       : 0;
}

bool
elfdeps_is_account(const char *path)
{
	return kind_of(path) != 0;
}

int
elfdeps_account(struct arena *a, int fd, const char *path, struct elfdeps *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_FILE);
	struct accounts c = { .a = a, .path = path, .out = out, .err = err };
	char kind = kind_of(path);

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in %s", path);
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "%s", path);
	for (const char *p = buf_text(&text); *p;) {
		size_t n = strcspn(p, "\n");
		const char *line = arena_strndup(a, p, n);

		if ((kind == 's' ? read_sysusers(&c, line)
				 : read_table(&c, kind == 'p' ? "user" : "group", line)) < 0)
			return -1;
		p += n + (p[n] == '\n');
	}
	return 0;
}
