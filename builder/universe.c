/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/universe.h"
#include "base/vec.h"

struct universe_package {
	size_t node;
	const struct pkgfacts *facts;
	uint64_t forced; /* the round in which it was last taken */
};
struct universe_entry { /* one provider of a capability */
	struct universe_package *package;
	struct universe_entry *next;
};

static void
provide(struct arena *a, struct universe *u, const char *name, struct universe_package *p)
{
	struct universe_entry *e = arena_alloc(a, sizeof(*e)), *first;

	e->package = p;
	first = dict_get(&u->providers, name);
	if (first) {
		e->next = first->next;
		first->next = e;
	} else {
		dict_set(&u->providers, name, e);
	}
}

void
universe_add(struct arena *a, struct universe *u, size_t node, const struct pkgfacts *facts)
{
	struct universe_package *p = arena_alloc(a, sizeof(*p));

	*p = (struct universe_package){ .node = node, .facts = facts };
	provide(a, u, facts->id.name, p);
	for (size_t i = 0; i < facts->provides.n; i++)
		if (strcmp(facts->provides.at[i].name, facts->id.name) != 0)
			provide(a, u, facts->provides.at[i].name, p);
	if (!facts->npaths)
		return;
	if (u->nowners == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 64;
		u->owners = mem_resize(u->owners, u->cap, sizeof(*u->owners));
	}
	u->owners[u->nowners++] = p;
}

struct search {
	const struct universe *u;
	const bool *below;
	struct dict asked, taken; /* capabilities; names of packages */
	VEC(const char *) todo;
	VEC(const struct universe_package *) found;
};

static void
search_release_scope(struct search *s)
{
	dict_release(&s->asked);
	dict_release(&s->taken);
	VEC_FREE(&s->todo);
	VEC_FREE(&s->found);
}

static void
take(struct search *s, const struct universe_package *p)
{
	const struct pkgdeps *requires = &p->facts->requires;

	if (!s->below[p->node] || !dict_add(&s->taken, p->facts->id.name, s))
		return;
	VEC_PUSH(&s->found, p);
	for (size_t i = 0; i < requires->n; i++)
		VEC_PUSH(&s->todo, requires->at[i].name);
}

/* Where /bin and its like are links into /usr both spellings mean one file: what follows the
 * first directory decides. */
static const char *
below_usr(const char *path)
{
	return strncmp(path, "/usr/", 5) == 0 ? path + 4 : path;
}

static bool
owns(const struct pkgfacts *f, const char *path)
{
	for (size_t i = 0; i < f->npaths; i++)
		if (strcmp(below_usr(f->paths[i]), below_usr(path)) == 0)
			return true;
	return false;
}

static void
take_owners(struct search *s, struct arena *a, const char *path)
{
	const char *rest = below_usr(path);
	const char *twins[] = { rest, arena_format(a, "/usr%s", rest) };

	for (size_t i = 0; i < ARRAY_LEN(twins); i++) {
		const struct universe_entry *e = dict_get(&s->u->providers, twins[i]);

		for (; e; e = e->next)
			take(s, e->package);
	}
	for (size_t i = 0; i < s->u->nowners; i++)
		if (s->below[s->u->owners[i]->node] && owns(s->u->owners[i]->facts, path))
			take(s, s->u->owners[i]);
}

static int
by_name(const void *x, const void *y)
{
	const struct pkgfacts *a = *(const struct pkgfacts *const *)x,
			      *b = *(const struct pkgfacts *const *)y;

	return strcmp(a->id.name, b->id.name);
}

void
universe_reach(struct arena *a, const struct universe *u, const bool *below,
	       const char *const *wants, size_t nwants, const struct pkgfacts ***out, size_t *n)
{
	CLEANUP(search_release) struct search s = { .u = u, .below = below };

	for (size_t i = 0; i < nwants; i++) {
		struct pkgdep d;
		struct err ignored;

		if (pkgdep_parse(a, wants[i], &d, &ignored) == 0)
			VEC_PUSH(&s.todo, d.name);
	}
	for (size_t i = 0; i < s.todo.n; i++) {
		const struct universe_entry *e;

		if (!dict_add(&s.asked, s.todo.at[i], &s))
			continue;
		if (s.todo.at[i][0] == '/')
			take_owners(&s, a, s.todo.at[i]);
		for (e = dict_get(&u->providers, s.todo.at[i]); e; e = e->next)
			take(&s, e->package);
	}
	*n = s.found.n;
	*out = arena_array(a, *n, sizeof(**out));
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = s.found.at[i]->facts;
	if (*n)
		qsort(*out, *n, sizeof(**out), by_name);
}

struct force {
	struct universe *u;
	const bool *below;
	const struct dict *given;
	VEC(struct universe_package *) taken;
	VEC(const struct pkgdep *) open; /* what several provide */
};

static void
force_release_scope(struct force *f)
{
	VEC_FREE(&f->taken);
	VEC_FREE(&f->open);
}

static bool
provides(const struct pkgfacts *f, const struct pkgdep *want)
{
	const struct pkgdeps *p = &f->provides;

	for (size_t i = 0; i < p->n; i++)
		if (pkgdep_matches(want, &p->at[i]))
			return true;
	return want->op == PKGDEP_ANY && strcmp(f->id.name, want->name) == 0;
}

static bool
is_taken(const struct force *f, const struct universe_package *p)
{
	return p->forced == f->u->round;
}

static void
force(struct force *f, struct universe_package *p)
{
	if (is_taken(f, p))
		return;
	p->forced = f->u->round;
	VEC_PUSH(&f->taken, p);
}

/* Providers of d that may be taken: none, the only one, or more. */
static size_t
count_providers(const struct force *f, const struct pkgdep *d, struct universe_package **only)
{
	const struct universe_entry *e = dict_get(&f->u->providers, d->name);
	size_t n = 0;

	for (; e; e = e->next) {
		if (!f->below[e->package->node] || e->package == *only)
			continue;
		/* Without a version the name is enough, and that is how it was found. */
		if (d->op != PKGDEP_ANY && !provides(e->package->facts, d))
			continue;
		*only = e->package;
		n++;
	}
	return n;
}

static bool
force_dep(struct force *f, const struct pkgdep *d)
{
	struct universe_package *only = NULL;
	bool given = dict_has(f->given, d->name);
	size_t n;

	if (given)
		return d->op == PKGDEP_ANY;
	if (d->name[0] == '/' || d->name[0] == '(' || strncmp(d->name, "rpmlib(", 7) == 0)
		return false;
	n = count_providers(f, d, &only);
	if (n == 1)
		force(f, only);
	else if (n > 1)
		VEC_PUSH(&f->open, d);
	return n > 0;
}

/* A want is a package, when there is one of that name. */
static bool
force_want(struct arena *a, struct force *f, const char *want)
{
	const struct universe_entry *e;
	struct universe_package *named = NULL;
	struct pkgdep d;
	struct err ignored;

	if (pkgdep_parse(a, want, &d, &ignored) < 0 || d.op != PKGDEP_ANY)
		return false;
	for (e = dict_get(&f->u->providers, d.name); e; e = e->next) {
		if (!f->below[e->package->node] ||
		    strcmp(e->package->facts->id.name, d.name) != 0)
			continue;
		if (named)
			return false;
		named = e->package;
	}
	if (named)
		force(f, named);
	return named != NULL;
}

static bool
is_plain(const struct pkgfacts *f)
{
	return strcmp(f->id.arch, "x86_64") == 0 || strcmp(f->id.arch, "noarch") == 0;
}

static bool
touches(const struct force *f, const struct pkgdeps *against)
{
	for (size_t i = 0; i < against->n; i++) {
		const char *name = against->at[i].name;
		const struct universe_entry *e = dict_get(&f->u->providers, name);

		if (name[0] == '/' || name[0] == '(' || dict_has(f->given, name))
			return true;
		for (; e; e = e->next)
			if (is_taken(f, e->package))
				return true;
	}
	return false;
}

/* Nothing is open, nothing in the set is against anything in it, no name is there twice. */
static bool
is_settled(const struct force *f)
{
	for (size_t i = 0; i < f->taken.n; i++) {
		const struct pkgfacts *p = f->taken.at[i]->facts;
		const struct universe_entry *e = dict_get(&f->u->providers, p->id.name);

		if (touches(f, &p->conflicts) || touches(f, &p->obsoletes))
			return false;
		for (; e; e = e->next)
			if (f->below[e->package->node] && e->package->facts != p &&
			    strcmp(e->package->facts->id.name, p->id.name) == 0)
				return false;
	}
	for (size_t i = 0; i < f->open.n; i++) {
		const struct pkgdep *d = f->open.at[i];
		const struct universe_entry *e = dict_get(&f->u->providers, d->name);
		bool met = false;

		for (; e && !met; e = e->next)
			met = is_taken(f, e->package) &&
			      (d->op == PKGDEP_ANY || provides(e->package->facts, d));
		if (!met)
			return false;
	}
	return true;
}

bool
universe_force(struct arena *a, struct universe *u, const bool *below, const struct dict *given,
	       const char *const *wants, size_t nwants, const struct pkgfacts ***out, size_t *n)
{
	CLEANUP(force_release) struct force f = { .u = u, .below = below, .given = given };

	u->round++;
	for (size_t i = 0; i < nwants; i++)
		if (!force_want(a, &f, wants[i]))
			return false;
	for (size_t i = 0; i < f.taken.n; i++) {
		const struct pkgfacts *p = f.taken.at[i]->facts;

		if (!is_plain(p))
			return false;
		for (size_t j = 0; j < p->requires.n; j++)
			if (!force_dep(&f, &p->requires.at[j]))
				return false;
	}
	if (!is_settled(&f))
		return false;
	*n = f.taken.n;
	*out = arena_array(a, *n, sizeof(**out));
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = f.taken.at[i]->facts;
	if (*n)
		qsort(*out, *n, sizeof(**out), by_name);
	return true;
}

void
universe_release(struct universe *u)
{
	dict_release(&u->providers);
	free(u->owners);
	*u = (struct universe){ .owners = NULL };
}
