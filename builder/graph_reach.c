/* SPDX-License-Identifier: Apache-2.0 */
/* What an image comes to hold: from its packages downwards, by what they require. */
#include "base/dict.h"
#include "base/vec.h"
#include "builder/graph.h"
#include "builder/memo.h"
#include "builder/result.h"

struct provider {
	const char *package;
	struct provider *next;
};
struct reach {
	struct arena *a;
	const struct graph *g;
	struct dict seen;        /* packages */
	bool *hit;               /* by slot: an affected recipe */
	size_t *nodes;           /* by slot: its node, + 1 */
	struct dict declared;    /* what recipes say that their packages provide -> provider */
	struct result **results; /* by node; NULL: not asked for yet */
	VEC(const char *) todo;
};

static void
reach_release_scope(struct reach *r)
{
	dict_release(&r->seen);
	dict_release(&r->declared);
	VEC_FREE(&r->todo);
}

/* Sets are sorted by name. */
static size_t
slot_of(const struct graph *g, const struct recipe *r)
{
	size_t low = 0, high = g->set.n;

	while (low + 1 < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(g->set.at[mid]->name, r->name) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static void
declare(struct reach *r, const struct recipe_package *p)
{
	for (size_t i = 0; i < p->provides.n; i++) {
		struct provider *one = arena_alloc(r->a, sizeof(*one));

		one->package = p->name;
		one->next = dict_get(&r->declared, p->provides.at[i].name);
		dict_set(&r->declared, p->provides.at[i].name, one);
	}
}

/* A package, or whoever says that it provides this. */
static void
want(struct reach *r, const char *name)
{
	const struct provider *p = dict_get(&r->declared, name);

	VEC_PUSH(&r->todo, name);
	for (; p; p = p->next)
		VEC_PUSH(&r->todo, p->package);
}

/* What the recipe was last decided to have made; no packages when that is not known. */
static int
find_result(struct reach *r, const struct plan_node *node, struct result **out, struct err *err)
{
	struct result **slot = &r->results[node - r->g->plan.at];
	const struct memo_decision *d = memo_decided(r->g->memo, node->slot);
	char hex[DIGEST_HEX];
	bool found;

	if (!*slot) {
		*slot = arena_alloc(r->a, sizeof(**slot));
		if (d && r->g->store) {
			digest_hex(&d->action, hex);
			if (result_load(r->a, r->g->store, hex, *slot, &found, err) < 0)
				return -1;
		}
	}
	*out = *slot;
	return 0;
}

static const struct pkgfacts *
find_facts(const struct result *r, const char *package)
{
	for (size_t i = 0; i < r->npackages; i++)
		if (strcmp(r->packages[i].id.name, package) == 0)
			return &r->packages[i];
	return NULL;
}

static bool
meets(const struct pkgfacts *f, const struct pkgdep *d)
{
	for (size_t i = 0; i < f->provides.n; i++)
		if (pkgdep_matches(d, &f->provides.at[i]))
			return true;
	for (size_t i = 0; i < f->npaths && d->name[0] == '/'; i++)
		if (strcmp(f->paths[i], d->name) == 0)
			return true;
	return false;
}

/* Libraries are found in what it was built with, and in what its own recipe makes besides. */
static void
add_providers(struct reach *r, const struct result *made, const struct pkgdep *d)
{
	for (size_t i = 0; i < made->npackages; i++)
		if (meets(&made->packages[i], d))
			VEC_PUSH(&r->todo, made->packages[i].id.name);
}

static int
follow_built(struct reach *r, const struct plan_node *node, const struct pkgfacts *f,
	     const struct result *own, struct err *err)
{
	for (size_t i = 0; i < f->requires.n; i++)
		add_providers(r, own, &f->requires.at[i]);
	for (size_t j = 0; j < node->nneeds; j++) {
		struct result *made;

		if (find_result(r, &r->g->plan.at[node->needs[j]], &made, err) < 0)
			return -1;
		for (size_t i = 0; i < f->requires.n; i++)
			add_providers(r, made, &f->requires.at[i]);
	}
	return 0;
}

static int
follow(struct reach *r, const struct recipe *recipe, const char *package, struct err *err)
{
	size_t place = r->nodes[slot_of(r->g, recipe)];
	const struct plan_node *node = place ? &r->g->plan.at[place - 1] : NULL;
	const struct pkgfacts *f;
	struct result *own;

	for (size_t j = 0; j < recipe->npackages; j++)
		for (size_t k = 0; k < recipe->packages[j].requires.n; k++)
			want(r, recipe->packages[j].requires.at[k].name);
	if (!node)
		return 0;
	if (find_result(r, node, &own, err) < 0)
		return -1;
	f = find_facts(own, package);
	return f ? follow_built(r, node, f, own, err) : 0;
}

int
graph_reaches(struct arena *a, const struct graph *g, const char *const *packages,
	      size_t npackages, const struct graph_affected *hits, size_t nhits,
	      const char **out, struct err *err)
{
	CLEANUP(reach_release) struct reach r = { .a = a, .g = g };

	*out = NULL;
	r.results = arena_array(a, g->plan.n, sizeof(struct result *));
	r.hit = arena_array(a, g->set.n, sizeof(*r.hit));
	r.nodes = arena_array(a, g->set.n, sizeof(*r.nodes));
	for (size_t i = 0; i < nhits; i++)
		r.hit[slot_of(g, hits[i].recipe)] = true;
	for (size_t i = 0; i < g->plan.n; i++)
		r.nodes[g->plan.at[i].slot] = i + 1;
	for (size_t i = 0; i < g->set.n; i++)
		for (size_t j = 0; j < g->set.at[i]->npackages; j++)
			declare(&r, &g->set.at[i]->packages[j]);
	for (size_t i = 0; i < npackages; i++)
		want(&r, packages[i]);
	for (size_t i = 0; i < r.todo.n && !*out; i++) {
		const char *package = r.todo.at[i];
		const struct recipe *recipe = recipe_of_package(&g->set, package);

		if (!recipe || !dict_add(&r.seen, package, &r))
			continue;
		if (r.hit[slot_of(g, recipe)])
			*out = package;
		else if (follow(&r, recipe, package, err) < 0)
			return -1;
	}
	return 0;
}
