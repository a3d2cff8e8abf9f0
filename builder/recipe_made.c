/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a package declares becomes data that others read: accounts a file of sysusers.d,
 * directories entries of the package and a file of tmpfiles.d, services units of systemd. They
 * are in the package like anything that was installed; what they provide is found in them
 * (repo/elfdeps_account.c).
 */
#include "builder/recipe_priv.h"

#define MADE_MAX ((size_t)256 * 1024) /* bytes of one file */

struct making {
	struct recipe_reader *r;
	struct recipe_package *p;
	struct err *err;
};

static int
add(struct making *m, const struct recipe_made *made, const struct buf *text)
{
	struct recipe_made *to = &m->p->made[m->p->nmade++];

	*to = *made;
	if (!text)
		return 0;
	if (buf_check(text, made->path, m->err) < 0)
		return -1;
	to->text = arena_strdup(m->r->a, buf_text(text));
	return 0;
}

static bool
is_own_group(const struct recipe_package *p, const char *name)
{
	for (size_t i = 0; i < p->ngroups; i++)
		if (strcmp(p->groups[i].name, name) == 0)
			return true;
	return false;
}

/* Two of one name or number in one package. */
static int
check_accounts(struct making *m)
{
	const struct recipe_package *p = m->p;

	for (size_t i = 0; i < p->nusers; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->users[i].name, p->users[j].name) ||
			    p->users[i].id == p->users[j].id)
				return doc_error(
					&(struct doc){ .line = p->users[i].line,
						       .col = p->users[i].col },
					m->r->path, m->err,
					"'users': '%s' and '%s' have one name or number",
					p->users[j].name, p->users[i].name);
	for (size_t i = 0; i < p->ngroups; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->groups[i].name, p->groups[j].name) ||
			    p->groups[i].id == p->groups[j].id)
				return doc_error(
					&(struct doc){ .line = p->groups[i].line,
						       .col = p->groups[i].col },
					m->r->path, m->err,
					"'groups': '%s' and '%s' have one name or number",
					p->groups[j].name, p->groups[i].name);
	return 0;
}

/* A summary is written for people; some of it would not survive these formats. */
static const char *
title(const struct recipe_package *p)
{
	return recipe_words_title(p->summary) ? p->name : p->summary;
}

/* Groups first: a user's line names its group. */
static int
make_accounts(struct making *m)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(MADE_MAX);
	struct recipe_package *p = m->p;

	if (!p->nusers && !p->ngroups)
		return 0;
	if (check_accounts(m) < 0)
		return -1;
	for (size_t i = 0; i < p->ngroups; i++)
		buf_add_format(&t, "g %s %lld\n", p->groups[i].name,
			       (long long)p->groups[i].id);
	for (size_t i = 0; i < p->nusers; i++)
		if (!p->users[i].group && !is_own_group(p, p->users[i].name))
			buf_add_format(&t, "g %s %lld\n", p->users[i].name,
				       (long long)p->users[i].id);
	for (size_t i = 0; i < p->nusers; i++) {
		const struct recipe_user *u = &p->users[i];

		buf_add_format(&t, "u %s %lld:%s \"%s\" %s %s\n", u->name, (long long)u->id,
			       u->group ? u->group : u->name,
			       u->summary ? u->summary : title(p), u->home ? u->home : "/",
			       u->shell ? u->shell : "/usr/sbin/nologin");
		for (size_t j = 0; j < u->ngroups; j++)
			buf_add_format(&t, "m %s %s\n", u->name, u->groups[j]);
	}
	return add(
		m,
		&(struct recipe_made){
			.path = arena_format(m->r->a, "/usr/lib/sysusers.d/%s.conf", p->name),
			.mode = 0644 },
		&t);
}

static int
make_directories(struct making *m)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(MADE_MAX);
	struct recipe_package *p = m->p;

	if (!p->ndirectories)
		return 0;
	for (size_t i = 0; i < p->ndirectories; i++) {
		const struct recipe_directory *d = &p->directories[i];

		buf_add_format(&t, "d %s %04o %s %s -\n", d->path, (unsigned)d->mode,
			       d->user ? d->user : "root", d->group ? d->group : "root");
		if (add(m,
			&(struct recipe_made){ .path = d->path,
					       .user = d->user,
					       .group = d->group,
					       .mode = d->mode },
			NULL) < 0)
			return -1;
	}
	return add(
		m,
		&(struct recipe_made){
			.path = arena_format(m->r->a, "/usr/lib/tmpfiles.d/%s.conf", p->name),
			.mode = 0644 },
		&t);
}

static void
add_setting(struct buf *t, const char *name, const char *value)
{
	if (value)
		buf_add_format(t, "%s=%s\n", name, value);
}

static int
make_service(struct making *m, const struct recipe_service *s)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(MADE_MAX);

	buf_add_str(&t, "[Unit]\n");
	add_setting(&t, "Description", s->summary ? s->summary : title(m->p));
	buf_add_str(&t, "After=network.target\n\n[Service]\nType=exec\n");
	add_setting(&t, "ExecStart", s->run);
	add_setting(&t, "ExecReload", s->reload);
	add_setting(&t, "User", s->user);
	add_setting(&t, "Group", s->group);
	add_setting(&t, "WorkingDirectory", s->directory);
	if (s->stop_signal)
		buf_add_format(&t, "KillSignal=SIG%s\n", s->stop_signal);
	buf_add_str(&t, "\n[Install]\nWantedBy=multi-user.target\n");
	return add(m,
		   &(struct recipe_made){
			   .path = arena_format(m->r->a, "/usr/lib/systemd/system/%s.service",
						s->name),
			   .mode = 0644 },
		   &t);
}

static int
by_path(const void *x, const void *y)
{
	return strcmp(((const struct recipe_made *)x)->path,
		      ((const struct recipe_made *)y)->path);
}

int
recipe_made(struct recipe_reader *r, struct recipe_package *p, struct err *err)
{
	struct making m = { .r = r, .p = p, .err = err };
	size_t max = p->ndirectories + p->nservices + 2;

	p->made = arena_array(r->a, max, sizeof(*p->made));
	if (make_accounts(&m) < 0 || make_directories(&m) < 0)
		return -1;
	for (size_t i = 0; i < p->nservices; i++)
		if (make_service(&m, &p->services[i]) < 0)
			return -1;
	if (p->nmade)
		qsort(p->made, p->nmade, sizeof(*p->made), by_path);
	for (size_t i = 1; i < p->nmade; i++)
		if (strcmp(p->made[i - 1].path, p->made[i].path) == 0)
			return doc_error(&(struct doc){ .line = p->line, .col = p->col },
					 r->path, err, "package '%s' declares '%s' twice",
					 p->name, p->made[i].path);
	return 0;
}
