/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/graph.h"
#include "base/mem.h"
#include "base/vec.h"
#include "builder/build_priv.h"

#define NOWHERE SIZE_MAX

int
graph_load(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	   struct graph *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { .a = a };

	if (build_session_load_plan(a, b, names, nnames, &s, err) < 0)
		return -1;
	memo_save(s.memo);
	*out = (struct graph){
		.set = s.set, .seed = s.seed, .plan = s.plan, .memo = s.memo, .store = b->store
	};
	return 0;
}

static const char *
name_of(const struct graph *g, size_t node)
{
	return g->plan.at[node].recipe->name;
}

void
graph_text(const struct graph *g, struct buf *out)
{
	for (size_t i = 0; i < g->plan.n; i++) {
		const struct plan_node *node = &g->plan.at[i];

		buf_add_str(out, node->recipe->name);
		buf_add_char(out, ':');
		for (size_t j = 0; j < node->nneeds; j++) {
			buf_add_char(out, ' ');
			buf_add_str(out, name_of(g, node->needs[j]));
		}
		buf_add_char(out, '\n');
	}
}

/* Names of recipes hold no quote and no backslash. */
void
graph_dot(const struct graph *g, struct buf *out)
{
	buf_add_str(out, "digraph kiln {\n\trankdir=RL;\n\tnode [shape=box];\n");
	for (size_t i = 0; i < g->plan.n; i++) {
		const struct plan_node *node = &g->plan.at[i];

		buf_add_format(out, "\t\"%s\";\n", node->recipe->name);
		for (size_t j = 0; j < node->nneeds; j++)
			buf_add_format(out, "\t\"%s\" -> \"%s\";\n", node->recipe->name,
				       name_of(g, node->needs[j]));
	}
	buf_add_str(out, "}\n");
}

static size_t
node_of(const struct graph *g, const char *name)
{
	const struct recipe *r = recipe_find(&g->set, name);

	if (!r)
		r = recipe_of_package(&g->set, name);
	for (size_t i = 0; r && i < g->plan.n; i++)
		if (g->plan.at[i].recipe == r)
			return i;
	return NOWHERE;
}

static int
unknown(const struct graph *g, const char *name, struct err *err)
{
	VEC(const char *) known = { 0 };
	const char *nearest;

	for (size_t i = 0; i < g->set.npackages; i++)
		VEC_PUSH(&known, g->set.packages[i].package);
	for (size_t i = 0; i < g->set.n; i++)
		VEC_PUSH(&known, g->set.at[i]->name);
	nearest = doc_nearest(name, known.at, known.n);
	VEC_FREE(&known);
	err_set(err, ERR_INPUT, "no recipe and no package is named '%s'", name);
	return nearest ? err_hint(err, "did you mean '%s'?", nearest) : -1;
}

/* The need of r that leads to the recipe `next`: by name, else the one whose package requires
 * it. */
static struct graph_step
step_to(const struct graph *g, const struct recipe *r, const struct recipe *next)
{
	struct graph_step s = { .recipe = r };

	for (size_t i = 0; i < r->nneeds; i++) {
		if (recipe_of_package(&g->set, r->needs[i].name) == next) {
			s.need = &r->needs[i];
			return s;
		}
	}
	/* The plan follows `requires` of what is needed; any of the needs may have brought it.
	 */
	s.need = r->nneeds ? &r->needs[0] : NULL;
	s.required = next->name;
	return s;
}

int
graph_why(struct arena *a, const struct graph *g, const char *from, const char *to,
	  struct graph_step **out, size_t *n, struct err *err)
{
	CLEANUP(mem_free) size_t *next = mem_alloc((g->plan.n + 1) * sizeof(*next));
	size_t start = node_of(g, from), end = node_of(g, to), at;
	VEC(size_t) todo = { 0 };

	*n = 0;
	if (start == NOWHERE || end == NOWHERE)
		return unknown(g, start == NOWHERE ? from : to, err);
	for (size_t i = 0; i < g->plan.n; i++)
		next[i] = NOWHERE;
	/* From the end upwards, so that every node knows its next step down. */
	next[end] = end;
	VEC_PUSH(&todo, end);
	for (size_t i = 0; i < todo.n && next[start] == NOWHERE; i++) {
		const struct plan_node *node = &g->plan.at[todo.at[i]];

		for (size_t j = 0; j < node->nusers; j++) {
			if (next[node->users[j]] != NOWHERE)
				continue;
			next[node->users[j]] = todo.at[i];
			VEC_PUSH(&todo, node->users[j]);
		}
	}
	VEC_FREE(&todo);
	if (next[start] == NOWHERE)
		return 0;
	*out = arena_array(a, g->plan.n, sizeof(**out));
	for (at = start; at != end; at = next[at])
		(*out)[(*n)++] = step_to(g, g->plan.at[at].recipe, g->plan.at[next[at]].recipe);
	(*out)[(*n)++] = (struct graph_step){ .recipe = g->plan.at[end].recipe };
	return 0;
}
