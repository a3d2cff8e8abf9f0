/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts of an image: /etc/passwd and /etc/group as a package brings them, and after them, by
 * number, what the packages' files of sysusers.d declare ("u NAME ID[:GROUP]", "g NAME ID", "m
 * NAME GROUP"; numbers only, since nobody is there to choose one). A name or number that means
 * two things is refused.
 */
#include "base/fd.h"
#include "images/rootfs_priv.h"

#define SYSUSERS       "usr/lib/sysusers.d/"
#define ACCOUNTS_MAX   10000
#define ACCOUNTS_BYTES ((size_t)1024 * 1024)
#define ACCOUNTS_WORDS 6
#define PASSWD_FIELDS  7
#define GROUP_FIELDS   4

struct account {
	const char *name, *group, *summary, *home, *shell; /* group of a user, as written */
	const char *members;                               /* of a group: "a,b" */
	uint32_t id;
	const char *by; /* file name of the package */
};
struct accounts {
	struct rootfs_fill *f;
	VEC(struct account) users;
	VEC(struct account) groups;
	VEC(struct account) members; /* name: the user */
	struct err *err;
};

static void
accounts_release(struct accounts *c)
{
	VEC_FREE(&c->users);
	VEC_FREE(&c->groups);
	VEC_FREE(&c->members);
}
DEFINE_RELEASE(struct accounts, accounts_release);

/* The words of a line; "..." is one. */
static size_t
split_line(struct arena *a, const char *line, const char *words[ACCOUNTS_WORDS])
{
	size_t n = 0;

	while (n < ACCOUNTS_WORDS) {
		size_t len;

		line += strspn(line, " \t\r");
		if (!*line)
			break;
		if (*line == '"') {
			len = strcspn(++line, "\"");
			words[n++] = arena_strndup(a, line, len);
			line += len + (line[len] == '"');
			continue;
		}
		len = strcspn(line, " \t\r");
		words[n++] = arena_strndup(a, line, len);
		line += len;
	}
	return n;
}

/* "-" and what is missing: nothing was said. */
static const char *
word_or(const char *const *words, size_t n, size_t i, const char *otherwise)
{
	return i < n && strcmp(words[i], "-") != 0 ? words[i] : otherwise;
}

static bool
is_field(const char *s)
{
	for (; *s; s++)
		if (*s == ':' || (unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int
refuse_line(struct accounts *c, const struct rootfs_entry *e, const char *line)
{
	err_set(c->err, ERR_INPUT, "%s: /%s: '%.80s' cannot be carried out", e->owner, e->path,
		line);
	return err_hint(c->err,
			"an image takes 'u NAME ID[:GROUP]', 'g NAME ID' and 'm NAME GROUP', "
			"with numbers");
}

static int
read_user(struct accounts *c, const struct rootfs_entry *e, const char *line,
	  const char *const *words, size_t n)
{
	struct account u = { .name = words[1],
			     .summary = word_or(words, n, 3, ""),
			     .home = word_or(words, n, 4, "/"),
			     .shell = word_or(words, n, 5, "/usr/sbin/nologin"),
			     .by = e->owner };
	size_t digits = strcspn(words[2], ":");

	if (!rootfs_id_parse(words[2], digits, &u.id) || !is_field(u.summary) ||
	    !is_field(u.home) || !is_field(u.shell))
		return refuse_line(c, e, line);
	u.group = words[2][digits] ? words[2] + digits + 1 : u.name;
	VEC_PUSH(&c->users, u);
	if (!words[2][digits]) {
		struct account g = { .name = u.name, .id = u.id, .by = e->owner };

		VEC_PUSH(&c->groups, g);
	}
	return 0;
}

static int
read_line(struct accounts *c, const struct rootfs_entry *e, const char *line)
{
	const char *words[ACCOUNTS_WORDS];
	size_t n = split_line(c->f->a, line, words);
	struct account x = { .by = e->owner };

	if (n == 0 || words[0][0] == '#')
		return 0;
	if (c->users.n + c->groups.n + c->members.n >= ACCOUNTS_MAX)
		return err_set(c->err, ERR_LIMIT, "the packages declare more than %d accounts",
			       ACCOUNTS_MAX);
	if (n < 3 || !rootfs_name_is_valid(words[1]))
		return refuse_line(c, e, line);
	x.name = words[1];
	if (strcmp(words[0], "u") == 0)
		return read_user(c, e, line, words, n);
	if (strcmp(words[0], "g") == 0 && rootfs_id_parse(words[2], strlen(words[2]), &x.id)) {
		VEC_PUSH(&c->groups, x);
		return 0;
	}
	if (strcmp(words[0], "m") != 0 || !rootfs_name_is_valid(words[2]))
		return refuse_line(c, e, line);
	x.group = words[2];
	VEC_PUSH(&c->members, x);
	return 0;
}

static int
read_entry(struct rootfs_fill *f, const struct rootfs_entry *e, const char **out,
	   struct err *err)
{
	char *text;

	if (!S_ISREG(e->mode) || e->hardlink)
		return err_set(err, ERR_INPUT, "/%s of %s is not a regular file", e->path,
			       e->owner);
	if (e->size > ACCOUNTS_BYTES)
		return err_set(err, ERR_LIMIT, "/%s is larger than %zu bytes", e->path,
			       ACCOUNTS_BYTES);
	text = arena_alloc(f->a, e->size + 1);
	if (pread(f->spec->spool_fd, text, e->size, (off_t)e->offset) != (ssize_t)e->size)
		return err_sys(err, "reading /%s", e->path);
	*out = text;
	return 0;
}

static int
read_declared(struct accounts *c)
{
	for (size_t i = 0; i < c->f->placed.n; i++) {
		const struct rootfs_entry *e;
		const char *text;
		void *value;
		size_t len;

		(void)dict_at(&c->f->placed, i, &value);
		e = value;
		len = strlen(e->path);
		if (strncmp(e->path, SYSUSERS, strlen(SYSUSERS)) != 0 || len < 5 ||
		    strcmp(e->path + len - 5, ".conf") != 0)
			continue;
		if (read_entry(c->f, e, &text, c->err) < 0)
			return -1;
		for (const char *p = text; *p;) {
			size_t n = strcspn(p, "\n");

			if (read_line(c, e, arena_strndup(c->f->a, p, n)) < 0)
				return -1;
			p += n + (p[n] == '\n');
		}
	}
	return 0;
}

/* ---- one table ---- */

struct table {
	struct accounts *c;
	const char *path, *what; /* "etc/passwd", "user" */
	struct dict names, ids;  /* what it holds: to struct account */
	struct buf text;
};

static void
table_release(struct table *t)
{
	dict_release(&t->names);
	dict_release(&t->ids);
	buf_free(&t->text);
}
DEFINE_RELEASE(struct table, table_release);

static void
keep(struct table *t, const struct account *x)
{
	struct account *kept = arena_alloc(t->c->f->a, sizeof(*kept));
	char id[16];

	(void)snprintf(id, sizeof(id), "%u", x->id);
	*kept = *x;
	dict_set(&t->names, x->name, kept);
	(void)dict_add(&t->ids, id, kept);
}

/* false in *fresh: the very same is there already. */
static int
table_enter(struct table *t, const struct account *x, bool *fresh)
{
	char id[16];
	const struct account *name = dict_get(&t->names, x->name), *number;

	(void)snprintf(id, sizeof(id), "%u", x->id);
	number = dict_get(&t->ids, id);
	*fresh = false;
	if (name && name->id == x->id)
		return 0;
	if (name || number) {
		const struct account *other = name ? name : number;

		err_set(t->c->err, ERR_INPUT,
			"the %s '%s' is %u for %s, but %s gives %u to '%s'", t->what, x->name,
			x->id, x->by, other->by, other->id, other->name);
		return err_hint(t->c->err, "packages of one image agree on names and numbers");
	}
	keep(t, x);
	*fresh = true;
	return 0;
}

/* Of a group, "a,b"; who is in it because it is his first group is not listed. */
static const char *
members_of(const struct accounts *c, const char *group)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(ACCOUNTS_BYTES);

	for (size_t i = 0; i < c->members.n; i++)
		if (strcmp(c->members.at[i].group, group) == 0)
			buf_add_format(&b, "%s%s", b.len ? "," : "", c->members.at[i].name);
	return arena_strdup(c->f->a, buf_text(&b));
}

/* The lines of a package as they are, but for members that others declare. */
static void
copy_lines(struct table *t, const char *text, bool groups)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *line = arena_strndup(t->c->f->a, text, n);
		const char *name = arena_strndup(t->c->f->a, line, strcspn(line, ":"));
		const char *more = groups ? members_of(t->c, name) : "";

		if (n)
			buf_add_format(&t->text, "%s%s%s\n", line,
				       *more && line[n - 1] != ':' ? "," : "", more);
		text += n + (text[n] == '\n');
	}
}

/* What a package brings stands first. Two names of one number are its author's own. */
static int
table_begin(struct table *t, unsigned fields)
{
	struct arena *a = t->c->f->a;
	const struct rootfs_entry *e = dict_get(&t->c->f->placed, t->path);
	CLEANUP(dict_release) struct dict known = { 0 };
	const char *text = fields == PASSWD_FIELDS ? "root:x:0:0:root:/root:/usr/sbin/nologin\n"
						   : "root:x:0:\n";
	const char *by = e ? e->owner : "the image itself";
	void *value;

	if (e && read_entry(t->c->f, e, &text, t->c->err) < 0)
		return -1;
	if (rootfs_names_parse(a, text, strlen(text), arena_format(a, "/%s", t->path), fields,
			       &known, t->c->err) < 0)
		return err_wrap(t->c->err, "%s", by);
	copy_lines(t, text, fields == GROUP_FIELDS);
	for (size_t i = 0; i < known.n; i++) {
		const char *name = dict_at(&known, i, &value);

		keep(t, &(struct account){ .name = arena_strdup(a, name),
					   .id = ((struct rootfs_name *)value)->id,
					   .by = by });
	}
	return 0;
}

static void
add_directory(struct rootfs_fill *f, const char *path)
{
	struct rootfs_entry *e = arena_alloc(f->a, sizeof(*e));

	*e = (struct rootfs_entry){ .path = path,
				    .mode = S_IFDIR | 0755,
				    .mtime = f->spec->epoch,
				    .owner = "no package" };
	dict_set(&f->placed, path, e);
}

/* The new text in place of the old, in the spool and in the tree. */
static int
table_write(struct table *t)
{
	struct rootfs_fill *f = t->c->f;
	struct rootfs_entry *e = dict_get(&f->placed, t->path);

	if (buf_check(&t->text, t->path, t->c->err) < 0 ||
	    fd_write_all(f->spec->spool_fd, t->text.data, t->text.len, t->c->err) < 0)
		return -1;
	if (!e && !dict_has(&f->placed, "etc"))
		add_directory(f, "etc");
	if (!e) {
		e = arena_alloc(f->a, sizeof(*e));
		*e = (struct rootfs_entry){ .path = t->path,
					    .mode = S_IFREG | 0644,
					    .mtime = f->spec->epoch,
					    .owner = "accounts that packages declare" };
		dict_set(&f->placed, t->path, e);
	}
	e->offset = f->spooled;
	e->size = t->text.len;
	digest_of(t->text.data, t->text.len, &e->digest);
	f->spooled += e->size;
	return 0;
}

static int
by_number(const void *x, const void *y)
{
	const struct account *a = x, *b = y;

	return a->id == b->id ? strcmp(a->name, b->name) : a->id < b->id ? -1 : 1;
}

static int
compose_groups(struct table *t)
{
	struct accounts *c = t->c;
	bool fresh;

	if (table_begin(t, GROUP_FIELDS) < 0)
		return -1;
	if (c->groups.n)
		qsort(c->groups.at, c->groups.n, sizeof(*c->groups.at), by_number);
	for (size_t i = 0; i < c->groups.n; i++) {
		const struct account *g = &c->groups.at[i];

		if (table_enter(t, g, &fresh) < 0)
			return -1;
		if (fresh)
			buf_add_format(&t->text, "%s:x:%u:%s\n", g->name, g->id,
				       members_of(c, g->name));
	}
	return table_write(t);
}

/* The number of a user's group, by name or as written. */
static int
group_of(struct table *groups, const struct account *u, uint32_t *id)
{
	const struct account *g = dict_get(&groups->names, u->group);

	if (g) {
		*id = g->id;
		return 0;
	}
	if (rootfs_id_parse(u->group, strlen(u->group), id) && dict_has(&groups->ids, u->group))
		return 0;
	return err_set(groups->c->err, ERR_INPUT,
		       "%s: user '%s' is of the group '%s', which no package of the image "
		       "declares",
		       u->by, u->name, u->group);
}

/* "!": no password is right, and no /etc/shadow is needed to say so. */
static int
compose_users(struct table *t, struct table *groups)
{
	struct accounts *c = t->c;
	uint32_t gid;
	bool fresh;

	if (table_begin(t, PASSWD_FIELDS) < 0)
		return -1;
	if (c->users.n)
		qsort(c->users.at, c->users.n, sizeof(*c->users.at), by_number);
	for (size_t i = 0; i < c->users.n; i++) {
		const struct account *u = &c->users.at[i];

		if (table_enter(t, u, &fresh) < 0 || group_of(groups, u, &gid) < 0)
			return -1;
		if (fresh)
			buf_add_format(&t->text, "%s:!:%u:%u:%s:%s:%s\n", u->name, u->id, gid,
				       u->summary, u->home, u->shell);
	}
	return table_write(t);
}

int
rootfs_compose_accounts(struct rootfs_fill *f, struct err *err)
{
	CLEANUP(accounts_release) struct accounts c = { .f = f, .err = err };
	CLEANUP(table_release)
	struct table users = {
		.c = &c, .path = "etc/passwd", .what = "user", .text = BUF_MAX(ACCOUNTS_BYTES)
	};
	CLEANUP(table_release)
	struct table groups = {
		.c = &c, .path = "etc/group", .what = "group", .text = BUF_MAX(ACCOUNTS_BYTES)
	};

	if (read_declared(&c) < 0)
		return -1;
	if (c.users.n + c.groups.n + c.members.n == 0)
		return 0;
	if (compose_groups(&groups) < 0)
		return -1;
	return compose_users(&users, &groups);
}
