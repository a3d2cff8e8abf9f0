/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan.h"
#include "base/dict.h"
#include "base/vec.h"

#define MAX_CYCLE_LINES 12

enum colour { WHITE, GREY, BLACK };

/* One edge of the graph with the place that asks for it. */
struct edge {
	size_t to;
	const struct recipe_need *need;
	const char *via; /* the package whose `requires` leads there, or NULL */
};
struct vertex {
	struct edge *edges; /* one to each recipe, in the order in which they were met */
	size_t nedges;
	size_t met; /* the vertex that last got an edge to this one, + 1 */
	enum colour colour;
	size_t place; /* in the plan, once black */
};
/* What a name in needs or requires leads to, found once for each name. */
struct target {
	const char *name;
	size_t slot;              /* of the recipe that makes it; NONE: no recipe does */
	bool given;               /* the ground brings it */
	size_t seen;              /* the vertex it was last met for, + 1 */
	bool followed;            /* requires is known */
	struct target **requires; /* what the package is declared to require */
	size_t nrequires;
};
#define NONE SIZE_MAX

struct planner {
	const struct recipe_set *set;
	struct arena scratch;
	struct dict index;   /* recipe name -> its recipe's slot in set->at */
	struct dict targets; /* name -> struct target */
	struct vertex *vertices;
	VEC(struct edge) found;    /* of the vertex that is linked just now */
	VEC(struct target *) todo; /* what its needs lead to */
	VEC(size_t) order;         /* finished vertices */
	VEC(const struct edge *)
	path; /* edges between the grey ones, for the message about a cycle */
};

static void
planner_release_scope(struct planner *p)
{
	free(p->vertices);
	VEC_FREE(&p->found);
	VEC_FREE(&p->todo);
	dict_release(&p->index);
	dict_release(&p->targets);
	arena_release(&p->scratch);
	VEC_FREE(&p->order);
	VEC_FREE(&p->path);
}

static size_t
slot_of(const struct planner *p, const struct recipe *r)
{
	struct recipe **at = dict_get(&p->index, r->name);

	return (size_t)(at - p->set->at);
}

static const struct recipe_package *
declared_package(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->npackages; i++) {
		if (strcmp(r->packages[i].name, name) == 0)
			return &r->packages[i];
	}
	return NULL;
}

static int
missing(const struct planner *p, const struct recipe *r, const struct recipe_need *need,
	struct err *err)
{
	VEC(const char *) known = { 0 };
	const char *nearest;

	for (size_t i = 0; i < p->set->n; i++) {
		for (size_t j = 0; j < p->set->at[i]->npackages; j++)
			VEC_PUSH(&known, p->set->at[i]->packages[j].name);
	}
	nearest = doc_nearest(need->name, known.at, known.n);
	VEC_FREE(&known);
	err_set(err, ERR_INPUT, "%s:%d:%d: recipe '%s' needs '%s', which no recipe makes",
		r->path, need->line, need->col, r->name, need->name);
	if (nearest)
		return err_hint(err, "did you mean '%s'?", nearest);
	return err_hint(err, "write a recipe that makes a package '%s', or remove the need",
			need->name);
}

static struct target *
target_of(struct planner *p, const char *name)
{
	struct target *t = dict_get(&p->targets, name);
	const struct recipe *maker;

	if (t)
		return t;
	t = arena_alloc(&p->scratch, sizeof(*t));
	t->name = name;
	t->given = recipe_is_given(p->set, name);
	maker = t->given ? NULL : recipe_of_package(p->set, name);
	t->slot = maker ? slot_of(p, maker) : NONE;
	dict_set(&p->targets, name, t);
	return t;
}

static void
find_requires(struct planner *p, struct target *t)
{
	const struct recipe_package *declared = declared_package(p->set->at[t->slot], t->name);

	t->followed = true;
	if (!declared)
		return;
	t->requires = arena_array(&p->scratch, declared->requires.n, sizeof(struct target *));
	for (size_t i = 0; i < declared->requires.n; i++)
	t->requires[t->nrequires++] = target_of(p, declared->requires.at[i].name);
}

/* The edges that one need brings: to its recipe, and on to whatever the declared `requires` of
 * the needed packages name, as far as that goes. Requirements that are no package of ours
 * (sonames, paths) are left to the solver. */
static void
follow(struct planner *p, size_t v, const struct recipe_need *need, struct target *first)
{
	p->todo.n = 0;
	VEC_PUSH(&p->todo, first);
	for (size_t i = 0; i < p->todo.n; i++) {
		struct target *t = p->todo.at[i];
		struct edge e = { .to = t->slot, .need = need, .via = i ? t->name : NULL };

		if (t->slot == NONE || t->seen == v + 1)
			continue;
		t->seen = v + 1;
		if (p->vertices[t->slot].met != v + 1)
			VEC_PUSH(&p->found, e);
		p->vertices[t->slot].met = v + 1;
		if (!t->followed)
			find_requires(p, t);
		for (size_t j = 0; j < t->nrequires; j++)
			if (t->requires[j] -> seen != v + 1)
				VEC_PUSH(&p->todo, t->requires[j]);
	}
}

static int
link_vertex(struct planner *p, size_t v, struct err *err)
{
	const struct recipe *r = p->set->at[v];
	struct vertex *x = &p->vertices[v];

	p->found.n = 0;
	for (size_t i = 0; i < r->nneeds; i++) {
		struct target *t = target_of(p, r->needs[i].name);

		if (t->given)
			continue;
		if (t->slot == NONE)
			return missing(p, r, &r->needs[i], err);
		follow(p, v, &r->needs[i], t);
	}
	x->nedges = p->found.n;
	x->edges = arena_array(&p->scratch, x->nedges, sizeof(*x->edges));
	if (x->nedges)
		memcpy(x->edges, p->found.at, x->nedges * sizeof(*x->edges));
	return 0;
}

/* "error: PLACE: dependency cycle: a -> b -> a", then one line for each edge of it. The path
 * holds the edges from the root of the search; the cycle begins after the edge that entered
 * closing->to. */
static int
cycle(const struct planner *p, size_t v, const struct edge *closing, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ERR_TEXT_MAX);
	const struct recipe *r = p->set->at[closing->to];
	size_t first = 0, shown = 0;

	for (size_t i = 0; i < p->path.n; i++) {
		if (p->path.at[i]->to == closing->to)
			first = i + 1;
	}
	buf_add_format(&text, "dependency cycle of %zu recipes:", p->path.n - first + 1);
	for (size_t i = first; i <= p->path.n; i++) {
		const struct edge *e = i < p->path.n ? p->path.at[i] : closing;

		if (shown++ < MAX_CYCLE_LINES)
			buf_add_format(&text, "\n  %s:%d:%d: %s needs %s%s%s%s", r->path,
				       e->need->line, e->need->col, r->name, e->need->name,
				       e->via ? ", which requires " : "", e->via ? e->via : "",
				       i == p->path.n ? ": closes the cycle" : "");
		r = p->set->at[e->to];
	}
	if (shown > MAX_CYCLE_LINES)
		buf_add_format(&text, "\n  and %zu more", shown - MAX_CYCLE_LINES);
	err_set(err, ERR_INPUT, "%s:%d:%d: %s", p->set->at[v]->path, closing->need->line,
		closing->need->col, buf_text(&text));
	return err_hint(err, "remove one of these needs, or split the recipe in two");
}

/* Depth first; as deep as the longest chain of needs. */
static int
visit(struct planner *p, size_t v, struct err *err)
{
	struct vertex *x = &p->vertices[v];

	x->colour = GREY;
	if (link_vertex(p, v, err) < 0)
		return -1;
	for (size_t i = 0; i < x->nedges; i++) {
		const struct edge *e = &x->edges[i];

		if (p->vertices[e->to].colour == GREY)
			return cycle(p, v, e, err);
		if (p->vertices[e->to].colour == BLACK)
			continue;
		VEC_PUSH(&p->path, e);
		if (visit(p, e->to, err) < 0)
			return -1;
		p->path.n--;
	}
	x->colour = BLACK;
	x->place = p->order.n;
	VEC_PUSH(&p->order, v);
	return 0;
}

static int
unknown_recipe(const struct planner *p, const char *name, struct err *err)
{
	VEC(const char *) known = { 0 };
	const char *nearest;

	for (size_t i = 0; i < p->set->n; i++)
		VEC_PUSH(&known, p->set->at[i]->name);
	nearest = doc_nearest(name, known.at, known.n);
	VEC_FREE(&known);
	err_set(err, ERR_INPUT, "no recipe is named '%s'", name);
	if (nearest)
		return err_hint(err, "did you mean '%s'?", nearest);
	return -1;
}

static int
visit_named(struct planner *p, const char *const *names, size_t nnames, struct err *err)
{
	for (size_t i = 0; i < nnames; i++) {
		const struct recipe *r = recipe_find(p->set, names[i]);
		size_t v;

		if (!r)
			return unknown_recipe(p, names[i], err);
		v = slot_of(p, r);
		if (p->vertices[v].colour == WHITE && visit(p, v, err) < 0)
			return -1;
	}
	for (size_t v = 0; nnames == 0 && v < p->set->n; v++) {
		if (p->vertices[v].colour == WHITE && visit(p, v, err) < 0)
			return -1;
	}
	return 0;
}

/* How many users and needs each node has, and room for them. */
static void
make_room(struct arena *a, const struct planner *p, struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		const struct vertex *v = &p->vertices[p->order.at[i]];

		plan->at[i].nneeds = v->nedges;
		for (size_t j = 0; j < v->nedges; j++)
			plan->at[p->vertices[v->edges[j].to].place].nusers++;
	}
	for (size_t i = 0; i < plan->n; i++) {
		struct plan_node *node = &plan->at[i];

		node->needs = arena_array(a, node->nneeds, sizeof(size_t));
		node->named = arena_array(a, node->nneeds, sizeof(size_t));
		node->users = arena_array(a, node->nusers, sizeof(size_t));
		node->nneeds = node->nusers = 0;
	}
}

/* Whoever is met in an order is filed in that order, so nothing need be sorted. */
static void
fill_lists(const struct planner *p, struct plan *plan)
{
	CLEANUP(mem_free) size_t *filed = mem_alloc((plan->n + 1) * sizeof(*filed));

	for (size_t i = 0; i < plan->n; i++) {
		const struct vertex *v = &p->vertices[p->order.at[i]];

		for (size_t j = 0; j < v->nedges; j++) {
			struct plan_node *need = &plan->at[p->vertices[v->edges[j].to].place];

			need->users[need->nusers++] = i;
		}
	}
	for (size_t i = 0; i < plan->n; i++) {
		for (size_t j = 0; j < plan->at[i].nusers; j++) {
			struct plan_node *user = &plan->at[plan->at[i].users[j]];

			user->needs[user->nneeds++] = i;
		}
	}
	for (size_t slot = 0; slot < p->set->n; slot++) {
		const struct vertex *v = &p->vertices[slot];
		const struct plan_node *node = &plan->at[v->place];

		for (size_t j = 0; v->colour == BLACK && j < node->nusers; j++)
			plan->at[node->users[j]].named[filed[node->users[j]]++] = v->place;
	}
}

int
plan_make(struct arena *a, const struct recipe_set *set, const char *const *names,
	  size_t nnames, struct plan *out, struct err *err)
{
	CLEANUP(planner_release) struct planner p = { .set = set };

	p.vertices = mem_alloc((set->n + 1) * sizeof(*p.vertices));
	for (size_t i = 0; i < set->n; i++)
		dict_set(&p.index, set->at[i]->name, &set->at[i]);
	if (visit_named(&p, names, nnames, err) < 0)
		return -1;
	out->n = p.order.n;
	out->at = arena_array(a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++) {
		out->at[i].recipe = set->at[p.order.at[i]];
		out->at[i].slot = p.order.at[i];
		out->at[i].duration_ms = PLAN_DEFAULT_MS;
	}
	make_room(a, &p, out);
	fill_lists(&p, out);
	plan_weigh(out);
	return 0;
}

void
plan_weigh(struct plan *p)
{
	for (size_t i = p->n; i-- > 0;) {
		struct plan_node *node = &p->at[i];
		int64_t longest = 0;

		for (size_t j = 0; j < node->nusers; j++)
			longest = KILN_MAX(longest, p->at[node->users[j]].path_ms);
		node->path_ms = node->duration_ms + longest;
	}
}

void
plan_closure(struct arena *a, const struct plan *p, size_t node, size_t **out, size_t *n)
{
	CLEANUP(mem_free) bool *in = mem_alloc(p->n * sizeof(*in));
	size_t count = 0;

	/* Needs stand before their users, so one pass downwards reaches everything. */
	in[node] = true;
	for (size_t i = node + 1; i-- > 0;) {
		for (size_t j = 0; in[i] && j < p->at[i].nneeds; j++)
			in[p->at[i].needs[j]] = true;
		count += in[i];
	}
	*out = arena_array(a, count, sizeof(size_t));
	*n = 0;
	for (size_t i = 0; i < node; i++) {
		if (in[i])
			(*out)[(*n)++] = i;
	}
}
