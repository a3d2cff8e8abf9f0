/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/universe.h"
#include "base/vec.h"

struct universe_package {
	size_t node;
	const struct pkgfacts *facts;
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

void
universe_release(struct universe *u)
{
	dict_release(&u->providers);
	free(u->owners);
	*u = (struct universe){ .owners = NULL };
}
