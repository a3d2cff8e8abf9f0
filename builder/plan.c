/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan.h"
#include "base/dict.h"
#include "base/vec.h"

#define MAX_CYCLE_LINES 12

#define NONE UINT32_MAX /* no recipe; sets are far smaller */

enum colour { WHITE, GREY, BLACK };

/* Everything is an index of 32 bits: a distribution has half a million edges, and deciding
 * nothing is mostly waiting for memory. Where an edge comes from is only found again when a
 * cycle must be told (find_reason). */
struct vertex {
	uint32_t *edges; /* slots, one to each recipe, in the order in which they were met */
	uint32_t nedges;
	uint32_t place; /* in the plan, once black */
	enum colour colour;
};
/* What a name in needs or requires leads to, found once for each name. */
struct target {
	const char *name;
	uint32_t id;
	uint32_t slot;    /* of the recipe that makes it, or NONE */
	bool given;       /* the ground brings it */
	bool followed;    /* requires is known */
	uint32_t *brings; /* targets that the package is declared to require */
	size_t nbrings;
};
/* Why there is an edge. */
struct reason {
	const struct recipe_need *need; /* the place that asks for it */
	const char *via;                /* the package whose `requires` leads there, or NULL */
};

struct planner {
	const struct recipe_set *set;
	struct arena scratch;
	struct dict names;            /* name -> struct target */
	VEC(struct target *) targets; /* by id */
	VEC(uint32_t) seen;           /* by id: the vertex it was last met for, + 1 */
	uint32_t *met;                /* by slot: the same of its vertex */
	struct vertex *vertices;      /* by slot */
	VEC(uint32_t) found;          /* slots: edges of the vertex that is linked just now */
	VEC(uint32_t) todo;           /* targets: what its needs lead to */
	VEC(uint32_t) order;          /* finished vertices */
	VEC(uint32_t) path;           /* the grey ones, for the message about a cycle */
};

static void
planner_release_scope(struct planner *p)
{
	free(p->vertices);
	free(p->met);
	VEC_FREE(&p->targets);
	VEC_FREE(&p->seen);
	VEC_FREE(&p->found);
	VEC_FREE(&p->todo);
	dict_release(&p->names);
	arena_release(&p->scratch);
	VEC_FREE(&p->order);
	VEC_FREE(&p->path);
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

/* who: "recipe". */
static int
missing(const struct recipe_set *set, const struct recipe *r, const char *who,
	const struct recipe_need *need, struct err *err)
{
	VEC(const char *) known = { 0 };
	const char *nearest;

	for (size_t i = 0; i < set->n; i++) {
		for (size_t j = 0; j < set->at[i]->npackages; j++)
			VEC_PUSH(&known, set->at[i]->packages[j].name);
	}
	nearest = doc_nearest(need->name, known.at, known.n);
	VEC_FREE(&known);
	err_set(err, ERR_INPUT, "%s:%d:%d: %s '%s' needs '%s', which no recipe makes", r->path,
		need->line, need->col, who, r->name, need->name);
	if (nearest)
		return err_hint(err, "did you mean '%s'?", nearest);
	return err_hint(err, "write a recipe that makes a package '%s', or remove the need",
			need->name);
}

int
plan_check_test(const struct recipe_set *set, const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->test.nneeds; i++) {
		const struct recipe_need *need = &r->test.needs[i];

		if (!recipe_of_package(set, need->name) && !recipe_is_given(set, need->name))
			return missing(set, r, "the test of", need, err);
	}
	return 0;
}

static struct target *
add_target(struct planner *p, const char *name, uint32_t slot)
{
	struct target *t = arena_alloc(&p->scratch, sizeof(*t));

	*t = (struct target){ .name = name,
			      .id = (uint32_t)p->targets.n,
			      .slot = slot,
			      .given = recipe_is_given(p->set, name) };
	dict_set(&p->names, name, t);
	VEC_PUSH(&p->targets, t);
	VEC_PUSH(&p->seen, 0);
	return t;
}

/* Names of packages are unique in a set. */
static void
add_packages(struct planner *p)
{
	for (size_t slot = 0; slot < p->set->n; slot++)
		for (size_t i = 0; i < p->set->at[slot]->npackages; i++)
			(void)add_target(p, p->set->at[slot]->packages[i].name, (uint32_t)slot);
}

static struct target *
target_of(struct planner *p, const char *name)
{
	struct target *t = dict_get(&p->names, name);
	const struct recipe *maker;

	if (t)
		return t;
	/* A split of a package, or nothing of ours. */
	maker = recipe_of_package(p->set, name);
	if (maker)
		t = dict_get(&p->names, maker->packages[0].name);
	return add_target(p, name, t ? t->slot : NONE);
}

static void
find_requires(struct planner *p, struct target *t)
{
	const struct recipe_package *declared = declared_package(p->set->at[t->slot], t->name);

	t->followed = true;
	if (!declared)
		return;
	t->brings = arena_array(&p->scratch, declared->requires.n, sizeof(*t->brings));
	for (size_t i = 0; i < declared->requires.n; i++) {
		const struct target *r = target_of(p, declared->requires.at[i].name);

		/* Requirements that are no package of ours (sonames, paths) are left to the
		 * solver. */
		if (r->slot != NONE && !r->given)
			t->brings[t->nbrings++] = r->id;
	}
}

/* The edges that one need brings: to its recipe, and on to whatever the declared `requires` of
 * the needed packages name, as far as that goes. */
static void
follow(struct planner *p, size_t v, const struct target *first)
{
	const uint32_t mark = (uint32_t)v + 1;

	p->todo.n = 0;
	if (p->seen.at[first->id] != mark)
		VEC_PUSH(&p->todo, first->id);
	p->seen.at[first->id] = mark;
	for (size_t i = 0; i < p->todo.n; i++) {
		struct target *t = p->targets.at[p->todo.at[i]];

		if (p->met[t->slot] != mark)
			VEC_PUSH(&p->found, t->slot);
		p->met[t->slot] = mark;
		if (!t->followed)
			find_requires(p, t);
		for (size_t j = 0; j < t->nbrings; j++) {
			if (p->seen.at[t->brings[j]] == mark)
				continue;
			p->seen.at[t->brings[j]] = mark;
			VEC_PUSH(&p->todo, t->brings[j]);
		}
	}
}

static int
link_vertex(struct planner *p, size_t v, struct err *err)
{
	const struct recipe *r = p->set->at[v];
	struct vertex *x = &p->vertices[v];

	p->found.n = 0;
	for (size_t i = 0; i < r->nneeds; i++) {
		const struct target *t = target_of(p, r->needs[i].name);

		if (t->given)
			continue;
		if (t->slot == NONE)
			return missing(p->set, r, "recipe", &r->needs[i], err);
		follow(p, v, t);
	}
	x->nedges = (uint32_t)p->found.n;
	x->edges = arena_array(&p->scratch, x->nedges, sizeof(*x->edges));
	if (x->nedges)
		memcpy(x->edges, p->found.at, x->nedges * sizeof(*x->edges));
	return 0;
}

/* The first need of the vertex that leads to this slot, by the same walk that found the edge.
 */
static struct reason
find_reason(struct planner *p, size_t v, size_t slot)
{
	const struct recipe *r = p->set->at[v];

	memset(p->seen.at, 0, p->seen.n * sizeof(*p->seen.at));
	memset(p->met, 0, p->set->n * sizeof(*p->met));
	for (size_t i = 0; i < r->nneeds; i++) {
		const struct target *need = target_of(p, r->needs[i].name);

		if (need->given)
			continue;
		follow(p, v, need);
		for (size_t j = 0; j < p->todo.n; j++) {
			const struct target *t = p->targets.at[p->todo.at[j]];

			if (t->slot == slot)
				return (struct reason){ &r->needs[i], j ? t->name : NULL };
		}
	}
	abort(); /* there is an edge */
}

/* "error: PLACE: dependency cycle: a -> b -> a", then one line for each edge of it. The path
 * holds the vertices from the root of the search to the last one, which leads back to `first`.
 */
static int
cycle(struct planner *p, size_t first, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ERR_TEXT_MAX);
	const size_t n = p->path.n, last = p->path.at[n - 1];
	const struct reason closing = find_reason(p, last, first);
	size_t begin = 0;

	while (p->path.at[begin] != first)
		begin++;
	buf_add_format(&text, "dependency cycle of %zu recipes:", n - begin);
	for (size_t i = begin; i < n && i < begin + MAX_CYCLE_LINES; i++) {
		const struct recipe *r = p->set->at[p->path.at[i]];
		struct reason why =
			find_reason(p, p->path.at[i], i + 1 < n ? p->path.at[i + 1] : first);

		buf_add_format(&text, "\n  %s:%d:%d: %s needs %s%s%s%s", r->path,
			       why.need->line, why.need->col, r->name, why.need->name,
			       why.via ? ", which requires " : "", why.via ? why.via : "",
			       i + 1 == n ? ": closes the cycle" : "");
	}
	if (n - begin > MAX_CYCLE_LINES)
		buf_add_format(&text, "\n  and %zu more", n - begin - MAX_CYCLE_LINES);
	err_set(err, ERR_INPUT, "%s:%d:%d: %s", p->set->at[last]->path, closing.need->line,
		closing.need->col, buf_text(&text));
	return err_hint(err, "remove one of these needs, or split the recipe in two");
}

/* Depth first; as deep as the longest chain of needs. */
static int
visit(struct planner *p, size_t v, struct err *err)
{
	struct vertex *x = &p->vertices[v];

	x->colour = GREY;
	VEC_PUSH(&p->path, (uint32_t)v);
	if (link_vertex(p, v, err) < 0)
		return -1;
	for (size_t i = 0; i < x->nedges; i++) {
		const struct vertex *to = &p->vertices[x->edges[i]];

		if (to->colour == GREY)
			return cycle(p, x->edges[i], err);
		if (to->colour == WHITE && visit(p, x->edges[i], err) < 0)
			return -1;
	}
	p->path.n--;
	x->colour = BLACK;
	x->place = (uint32_t)p->order.n;
	VEC_PUSH(&p->order, (uint32_t)v);
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
		v = target_of(p, r->packages[0].name)->slot;
		if (p->vertices[v].colour == WHITE && visit(p, v, err) < 0)
			return -1;
	}
	for (size_t v = 0; nnames == 0 && v < p->set->n; v++) {
		if (p->vertices[v].colour == WHITE && visit(p, v, err) < 0)
			return -1;
	}
	return 0;
}

/* Needs of each node, in the order in which they were met. */
static void
fill_needs(struct arena *a, const struct planner *p, struct plan *plan)
{
	size_t total = 0;
	uint32_t *needs;

	for (size_t i = 0; i < plan->n; i++)
		total += p->vertices[p->order.at[i]].nedges;
	needs = arena_array(a, total, sizeof(*needs));
	for (size_t i = 0; i < plan->n; i++) {
		const struct vertex *v = &p->vertices[p->order.at[i]];
		struct plan_node *node = &plan->at[i];

		node->needs = needs;
		node->nneeds = v->nedges;
		for (size_t j = 0; j < v->nedges; j++)
			*needs++ = p->vertices[v->edges[j]].place;
	}
}

/* Slots are sorted by name, and whoever is met in an order is filed in that order. */
static void
sort_needs(const struct planner *p, struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		plan->at[i].nneeds = 0;
	for (size_t slot = 0; slot < p->set->n; slot++) {
		const struct vertex *v = &p->vertices[slot];
		const struct plan_node *node = &plan->at[v->place];

		for (size_t j = 0; v->colour == BLACK && j < node->nusers; j++) {
			struct plan_node *user = &plan->at[node->users[j]];

			user->needs[user->nneeds++] = v->place;
		}
	}
}

/* Half a million edges: what is counted in stands close together. */
void
plan_find_users(struct arena *a, struct plan *p)
{
	CLEANUP(mem_free) size_t *end = mem_alloc((p->n + 1) * sizeof(*end));
	size_t total = 0;
	uint32_t *users;

	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->at[i].nneeds; j++)
			end[p->at[i].needs[j]]++;
	for (size_t i = 0; i < p->n; i++) {
		total += end[i];
		end[i] = total - end[i];
	}
	users = arena_array(a, total, sizeof(*users));
	for (size_t i = 0; i < p->n; i++)
		p->at[i].users = users + end[i];
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->at[i].nneeds; j++)
			users[end[p->at[i].needs[j]]++] = (uint32_t)i;
	for (size_t i = 0; i < p->n; i++)
		p->at[i].nusers = (size_t)(users + end[i] - p->at[i].users);
}

int
plan_make(struct arena *a, const struct recipe_set *set, const char *const *names,
	  size_t nnames, struct plan *out, struct err *err)
{
	CLEANUP(planner_release) struct planner p = { .set = set };

	if (set->n >= NONE)
		return err_set(err, ERR_LIMIT, "more than %u recipes", NONE - 1);
	p.vertices = mem_alloc((set->n + 1) * sizeof(*p.vertices));
	p.met = mem_alloc((set->n + 1) * sizeof(*p.met));
	add_packages(&p);
	if (visit_named(&p, names, nnames, err) < 0)
		return -1;
	out->n = p.order.n;
	out->at = arena_array(a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++) {
		out->at[i].recipe = set->at[p.order.at[i]];
		out->at[i].slot = p.order.at[i];
		out->at[i].duration_ms = PLAN_DEFAULT_MS;
	}
	fill_needs(a, &p, out);
	plan_find_users(a, out);
	sort_needs(&p, out);
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
