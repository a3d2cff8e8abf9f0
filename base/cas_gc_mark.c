/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept: roots and all that they lead to, what is young, and what the budgets allow. */
#include "base/cas_gc_priv.h"

static void
keep(struct cas_gc *g, size_t i)
{
	if (g->at.at[i].kept)
		return;
	g->at.at[i].kept = true;
	g->kept_bytes += g->at.at[i].bytes;
	VEC_PUSH(&g->todo, i);
	VEC_PUSH(&g->newly, i);
}

/* All objects of the digest that this is the first of. */
static void
keep_all(struct cas_gc *g, size_t first)
{
	for (size_t i = first;
	     i < g->at.n && digest_equal(&g->at.at[i].digest, &g->at.at[first].digest); i++)
		keep(g, i);
}

static void
keep_word(struct cas_gc *g, const struct digest *d, void *arg)
{
	size_t first = cas_gc_find(g, d);

	(void)arg;
	if (first < g->at.n)
		keep_all(g, first);
}

static bool
is_note(const struct cas_gc *g, const struct cas_gc_object *o, enum cas_gc_role *role)
{
	char kind[CAS_NAME_MAX + 1];
	size_t n = o->kind == CAS_GC_REF ? strcspn(o->name, "/") : 0;

	*role = CAS_GC_UNIT;
	if (n == 0 || n > CAS_NAME_MAX)
		return false;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)n, o->name);
	*role = g->o->role(g->o->arg, kind, o->name + n + 1);
	return *role == CAS_GC_NOTE;
}

/* Follows what was kept until there is nothing new. */
static int
follow(struct cas_gc *g, struct err *err)
{
	while (g->todo.n) {
		size_t i = g->todo.at[--g->todo.n];
		enum cas_gc_role role;
		const uint32_t *edges;

		if (is_note(g, &g->at.at[i], &role))
			continue;
		if (cas_gc_learn(g, i, err) < 0)
			return -1;
		edges = g->edges.at + g->at.at[i].edges;
		for (uint32_t e = 1; e <= edges[0]; e++) {
			if (!(edges[e] & CAS_GC_ABSENT))
				keep_all(g, edges[e]);
		}
	}
	return 0;
}

int
cas_gc_keep(struct cas_gc *g, size_t i, struct err *err)
{
	keep(g, i);
	return follow(g, err);
}

int
cas_gc_root(struct cas_gc *g, const char *text, size_t n, struct err *err)
{
	cas_gc_each_word(g, text, n, keep_word, NULL);
	return follow(g, err);
}

static int
mark_roots(struct cas_gc *g, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		enum cas_gc_role role;
		bool young = g->at.at[i].mtime >= g->oldest;

		if (is_note(g, &g->at.at[i], &role) || role == CAS_GC_ROOT || young)
			keep(g, i);
	}
	return follow(g, err);
}

/* Something of it stays, and nothing that it names is to go. */
static bool
is_free(const struct cas_gc *g, const uint32_t *edges)
{
	bool any = false;

	for (uint32_t e = 1; e <= edges[0]; e++) {
		if (edges[e] & CAS_GC_ABSENT)
			continue;
		if (!g->at.at[edges[e]].kept)
			return false;
		any = true;
	}
	return any;
}

/* A reference all of whose objects stay costs nothing and may save work. */
static int
mark_free_riders(struct cas_gc *g, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_REF)
			continue;
		if (cas_gc_learn(g, i, err) < 0)
			return -1;
		if (is_free(g, g->edges.at + o->edges))
			keep(g, i);
	}
	return follow(g, err);
}

/* References before what they lead to, the newest first; the rest by place, so that the order
 * is the same each time. */
static int
by_age(const void *a, const void *b, void *objects)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct cas_gc_object *at = objects, *p = &at[x], *q = &at[y];

	if ((p->kind == CAS_GC_REF) != (q->kind == CAS_GC_REF))
		return p->kind == CAS_GC_REF ? -1 : 1;
	if (p->mtime != q->mtime)
		return p->mtime > q->mtime ? -1 : 1;
	return x < y ? -1 : 1;
}

/* One unit with what it leads to, when that fits; else nothing of it. */
static int
try_unit(struct cas_gc *g, size_t i, bool *fits, struct err *err)
{
	g->newly.n = 0;
	keep(g, i);
	if (follow(g, err) < 0)
		return -1;
	*fits = g->o->keep_bytes == 0 || g->kept_bytes <= g->o->keep_bytes;
	for (size_t j = 0; !*fits && j < g->newly.n; j++) {
		g->at.at[g->newly.at[j]].kept = false;
		g->kept_bytes -= g->at.at[g->newly.at[j]].bytes;
	}
	return 0;
}

static int
mark_units(struct cas_gc *g, size_t *order, struct err *err)
{
	int64_t oldest = g->o->older_than_s ? g->o->now - g->o->older_than_s : INT64_MIN;
	bool fits = true;
	size_t n = 0;

	for (size_t i = 0; i < g->at.n; i++) {
		if (!g->at.at[i].kept && g->at.at[i].mtime >= oldest)
			order[n++] = i;
	}
	if (n)
		qsort_r(order, n, sizeof(*order), by_age, g->at.at);
	for (size_t i = 0; i < n && fits; i++) {
		if (!g->at.at[order[i]].kept && try_unit(g, order[i], &fits, err) < 0)
			return -1;
	}
	return 0;
}

int
cas_gc_mark(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(mem_free) size_t *order = NULL;

	if (mark_roots(g, err) < 0 || mark_free_riders(g, err) < 0)
		return -1;
	out->rooted_bytes = g->kept_bytes;
	if (!g->o->older_than_s && !g->o->keep_bytes)
		return 0;
	order = mem_resize(NULL, g->at.n + 1, sizeof(*order));
	return mark_units(g, order, err);
}
