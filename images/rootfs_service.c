/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a service of a package starts, for an image that runs it: its unit in the tree, as
 * recipes declare it. There is no systemd in a container, so what it alone could carry out (a
 * variable, a condition, a second program) is refused and never left out.
 */
#include "images/rootfs.h"

#define UNITS           "usr/lib/systemd/system/"
#define SERVICE_BYTES   ((size_t)64 * 1024)
#define SERVICE_WORDS   256
#define SERVICE_SPECIAL "\\%$"

struct unit {
	struct arena *a;
	const struct rootfs *r;
	const struct rootfs_entry *e;
	struct rootfs_service *out;
	const char *user, *group;
	struct err *err;
};

static int
refuse(const struct unit *u, const char *line)
{
	err_set(u->err, ERR_INPUT, "%s: /%s: '%.200s' cannot be carried out in a container",
		u->e->owner, u->e->path, line);
	return err_hint(u->err, "write `entrypoint` instead of `service`");
}

/* The next word of *at to out, which has room for all of *at; false when a quote stays open. */
static bool
next_word(const char **at, char *out)
{
	const char *s = *at;
	char quote = 0;

	for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
		if (quote ? *s == quote : *s == '"' || *s == '\'')
			quote = quote ? 0 : *s;
		else
			*out++ = *s;
	}
	*out = '\0';
	*at = s;
	return !quote;
}

static int
read_run(struct unit *u, const char *line, const char *value)
{
	const char **words = arena_array(u->a, SERVICE_WORDS, sizeof(*words));
	size_t n = 0;

	if (u->out->nrun || value[0] != '/' || strpbrk(value, SERVICE_SPECIAL))
		return refuse(u, line);
	while (*(value += strspn(value, " \t"))) {
		char *word = arena_alloc(u->a, strlen(value) + 1);

		if (n == SERVICE_WORDS || !next_word(&value, word))
			return refuse(u, line);
		words[n++] = word;
	}
	u->out->run = words;
	u->out->nrun = n;
	return 0;
}

static int
read_setting(struct unit *u, const char *line, const char *key, const char *value)
{
	if (strcmp(key, "ExecStart") == 0)
		return read_run(u, line, value);
	if (!*value || strpbrk(value, SERVICE_SPECIAL))
		return refuse(u, line);
	if (strcmp(key, "User") == 0)
		u->user = value;
	else if (strcmp(key, "Group") == 0)
		u->group = value;
	else if (strcmp(key, "WorkingDirectory") == 0 && value[0] == '/')
		u->out->directory = value;
	else if (strcmp(key, "KillSignal") == 0 && strncmp(value, "SIG", 3) == 0)
		u->out->stop_signal = value + 3;
	else if (strcmp(key, "ExecReload") != 0 &&
		 (strcmp(key, "Type") != 0 ||
		  (strcmp(value, "exec") != 0 && strcmp(value, "simple") != 0)))
		return refuse(u, line);
	return 0;
}

static int
read_lines(struct unit *u, const char *text)
{
	bool ours = false;

	while (*text) {
		size_t n = strcspn(text, "\n"), key;
		const char *line = arena_strndup(u->a, text, n);

		text += n + (text[n] == '\n');
		if (line[0] == '[') {
			ours = strcmp(line, "[Service]") == 0;
			continue;
		}
		if (!ours || !line[0] || line[0] == '#' || line[0] == ';')
			continue;
		key = strcspn(line, "=");
		if (!line[key])
			return refuse(u, line);
		if (read_setting(u, line, arena_strndup(u->a, line, key), line + key + 1) < 0)
			return -1;
	}
	return 0;
}

/* By number, so that a cluster can see that it is not root; without a group the account's. */
static int
read_account(struct unit *u)
{
	const char *names = arena_format(u->a, "%s%s%s", u->user ? u->user : "root",
					 u->group ? ":" : "", u->group ? u->group : "");
	const struct rootfs_name *user, *group;

	if (rootfs_check_user(u->r, names, u->err) < 0)
		return err_wrap(u->err, "%s: /%s", u->e->owner, u->e->path);
	user = dict_get(&u->r->users, u->user ? u->user : "root");
	group = u->group ? dict_get(&u->r->groups, u->group) : NULL;
	if (!user || (u->group && !group)) { /* a number already */
		u->out->user = names;
		return 0;
	}
	u->out->user = group ? arena_format(u->a, "%u:%u", user->id, group->id)
			     : arena_format(u->a, "%u", user->id);
	return 0;
}

static int
no_service(struct arena *a, const struct rootfs *r, const char *name, struct err *err)
{
	const size_t dir = strlen(UNITS), suffix = strlen(".service");
	const char *known = "";

	for (size_t i = 0; i < r->n; i++) {
		const char *path = r->at[i]->path;
		size_t len = strlen(path);

		if (strncmp(path, UNITS, dir) == 0 && len > dir + suffix &&
		    strcmp(path + len - suffix, ".service") == 0)
			known = arena_format(a, "%s%s%.*s", known, *known ? ", " : "",
					     (int)(len - dir - suffix), path + dir);
	}
	err_set(err, ERR_INPUT, "no package of the image has a service '%s'", name);
	return err_hint(err, "%s%s", *known ? "they have: " : "they have none", known);
}

int
rootfs_service_read(struct arena *a, const struct rootfs *r, const char *name,
		    struct rootfs_service *out, struct err *err)
{
	struct unit u = { .a = a, .r = r, .out = out, .err = err };
	char *text;

	*out = (struct rootfs_service){ .directory = "/", .stop_signal = "TERM" };
	u.e = rootfs_find(r, arena_format(a, UNITS "%s.service", name));
	if (!u.e)
		return no_service(a, r, name, err);
	if (!S_ISREG(u.e->mode) || u.e->hardlink || u.e->size > SERVICE_BYTES)
		return err_set(err, ERR_INPUT,
			       "/%s of %s is not a regular file of at most %zu bytes",
			       u.e->path, u.e->owner, SERVICE_BYTES);
	text = arena_alloc(a, u.e->size + 1);
	if (pread(r->spool_fd, text, u.e->size, (off_t)u.e->offset) != (ssize_t)u.e->size)
		return err_sys(err, "reading /%s", u.e->path);
	if (read_lines(&u, text) < 0)
		return -1;
	if (!out->nrun)
		return err_set(err, ERR_INPUT, "%s: /%s has no ExecStart", u.e->owner,
			       u.e->path);
	return read_account(&u);
}
