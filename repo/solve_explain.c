/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From libsolv's failing rules to a sentence: the chain of needs from the request to the
 * package whose need fails, found by a breadth-first walk over the same index of providers.
 */
#include "repo/solve_priv.h"

#include "base/buf.h"
#include "base/dict.h"
#include "base/doc.h"
#include "base/mem.h"
#include <solv/pool.h>
#include <solv/problems.h>
#include <solv/solver.h>

#define EXPLAIN_MAX_TEXT  ((size_t)64 * 1024)
#define EXPLAIN_MAX_LINES 4
#define EXPLAIN_MAX_STEPS 8 /* of a chain; longer ones lose their middle */

struct reach {       /* how the walk came to each solvable */
	int *parent; /* solvable that needs it, 0: the request itself, -1: not reached */
	int *dep;    /* what it was needed for */
};

static inline void
queue_scope(Queue *q)
{
	queue_free(q);
}

static void
reach_dep(struct solve_state *s, struct reach *w, Queue *todo, int parent, Id dep)
{
	Pool *pool = s->pool;
	Id p, pp;

	FOR_PROVIDES(p, pp, dep)
	{
		if (p >= s->nsolvables || w->parent[p] >= 0)
			continue;
		w->parent[p] = parent;
		w->dep[p] = dep;
		queue_push(todo, p);
	}
}

static void
reach_walk(struct solve_state *s, struct reach *w)
{
	CLEANUP(queue) Queue todo;

	queue_init(&todo);
	w->parent = arena_array(s->arena, (size_t)s->nsolvables, sizeof(*w->parent));
	w->dep = arena_array(s->arena, (size_t)s->nsolvables, sizeof(*w->dep));
	for (int p = 0; p < s->nsolvables; p++)
		w->parent[p] = -1;
	for (size_t i = 0; i < s->r->nwants; i++)
		reach_dep(s, w, &todo, 0, s->wants[i]);
	for (int at = 0; at < todo.count; at++) {
		const struct pkgfacts *f = s->facts[todo.elements[at]];

		for (size_t j = 0; f && j < f->requires.n; j++)
			reach_dep(s, w, &todo, todo.elements[at],
				  solve_dep_id(s->pool, &f->requires.at[j]));
	}
}

static const char *
solvable_name(struct solve_state *s, int p)
{
	return pool_id2str(s->pool, pool_id2solvable(s->pool, p)->name);
}

static void
chain_step(struct solve_state *s, const struct reach *w, int p, bool first, struct buf *out)
{
	const char *dep = pool_dep2str(s->pool, w->dep[p]);

	buf_add_format(out, first ? " needs %s" : ", which requires %s", dep);
	if (strcmp(dep, solvable_name(s, p)) != 0)
		buf_add_format(out, " (package %s)", solvable_name(s, p));
}

/* "recipe foo needs a, which requires b (package c)": from the request down to p. */
static void
chain_write(struct solve_state *s, const struct reach *w, int p, struct buf *out)
{
	int depth = 0, from_end, step;
	int *path;

	buf_add_str(out, s->r->subject);
	if (p <= 0 || p >= s->nsolvables || w->parent[p] < 0)
		return;
	for (int q = p; q > 0; q = w->parent[q])
		depth++;
	path = arena_array(s->arena, (size_t)depth, sizeof(*path));
	step = depth;
	for (int q = p; q > 0; q = w->parent[q])
		path[--step] = q;
	for (int i = 0; i < depth; i++) {
		from_end = depth - i;
		if (depth > EXPLAIN_MAX_STEPS && i == EXPLAIN_MAX_STEPS / 2)
			buf_add_format(out, ", ... (%d more)", depth - EXPLAIN_MAX_STEPS);
		if (depth <= EXPLAIN_MAX_STEPS || i < EXPLAIN_MAX_STEPS / 2 ||
		    from_end <= EXPLAIN_MAX_STEPS / 2)
			chain_step(s, w, path[i], i == 0, out);
	}
}

static void
need_write(struct solve_state *s, const struct reach *w, int source, Id dep, struct buf *out)
{
	chain_write(s, w, source, out);
	buf_add_format(out, source > 0 ? ", which requires %s" : " needs %s",
		       pool_dep2str(s->pool, dep));
}

static void
clash_write(struct solve_state *s, const struct reach *w, const char *verb, int source,
	    int target, struct buf *out)
{
	chain_write(s, w, source, out);
	buf_add_format(out, ", which %s %s", verb, solvable_name(s, target));
	if (w->parent[target] >= 0) {
		buf_add_str(out, ", but ");
		chain_write(s, w, target, out);
	}
}

/* One line for a failing rule; nothing for rules that are only links between others. */
static void
rule_write(struct solve_state *s, const struct reach *w, Id rule, struct buf *out)
{
	Id source, target, dep;
	SolverRuleinfo type = solver_ruleinfo(s->solver, rule, &source, &target, &dep);

	if (type == SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP ||
	    type == SOLVER_RULE_JOB_UNKNOWN_PACKAGE)
		source = 0;
	if (type == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP ||
	    type == SOLVER_RULE_JOB_NOTHING_PROVIDES_DEP ||
	    type == SOLVER_RULE_JOB_UNKNOWN_PACKAGE) {
		need_write(s, w, source, dep, out);
		buf_add_str(out, ", which no package provides");
	} else if (type == SOLVER_RULE_PKG_CONFLICTS || type == SOLVER_RULE_PKG_SELF_CONFLICT) {
		clash_write(s, w, "conflicts with", source, target, out);
	} else if (type == SOLVER_RULE_PKG_OBSOLETES ||
		   type == SOLVER_RULE_PKG_IMPLICIT_OBSOLETES) {
		clash_write(s, w, "obsoletes", source, target, out);
	}
}

/* Lines of all problems as a sorted set, so that their order is a matter of text alone. */
static void
collect_lines(struct solve_state *s, const struct reach *w, struct dict *lines)
{
	CLEANUP(queue) Queue rules;
	Id problem = 0;

	queue_init(&rules);
	while ((problem = solver_next_problem(s->solver, problem)) != 0) {
		size_t before = lines->n;

		solver_findallproblemrules(s->solver, problem, &rules);
		for (int i = 0; i < rules.count; i++) {
			CLEANUP(buf_free) struct buf line = BUF_MAX(EXPLAIN_MAX_TEXT);

			rule_write(s, w, rules.elements[i], &line);
			if (line.len)
				dict_set(lines, buf_text(&line), lines);
		}
		if (lines->n == before)
			dict_set(lines, solver_problem2str(s->solver, problem), lines);
	}
}

/* A want that nothing meets although its name, or nearly its name, is there. */
static int
hint_for_want(struct solve_state *s, const char *want, const char *const *names,
	      struct err *err)
{
	const struct pkgfacts *there = NULL;
	struct pkgdep d;
	struct err ignored;
	const char *near;

	if (pkgdep_parse(s->arena, want, &d, &ignored) < 0)
		return -1;
	near = doc_nearest(d.name, names, s->r->npackages);
	for (size_t i = 0; near && i < s->r->npackages; i++)
		if (strcmp(names[i], near) == 0)
			there = s->r->packages[i];
	if (!there)
		return -1;
	if (strcmp(near, d.name) != 0)
		return err_hint(err, "did you mean '%s' instead of '%s'?", near, want);
	return err_hint(err, "what is there is %s", nevra_text(s->arena, &there->id));
}

static int
hint_nearest(struct solve_state *s, struct err *err)
{
	const char **names = arena_array(s->arena, s->r->npackages + 1, sizeof(*names));

	for (size_t i = 0; i < s->r->npackages; i++)
		names[i] = s->r->packages[i]->id.name;
	for (size_t i = 0; i < s->r->nwants; i++)
		if (pool_whatprovides_ptr(s->pool, s->wants[i])[0] == 0)
			return hint_for_want(s, s->r->wants[i], names, err);
	return -1;
}

int
solve_explain_problems(struct solve_state *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(EXPLAIN_MAX_TEXT);
	CLEANUP(dict_release) struct dict lines = { 0 };
	struct reach w;

	reach_walk(s, &w);
	collect_lines(s, &w, &lines);
	for (size_t i = 0; i < lines.n && i < EXPLAIN_MAX_LINES; i++)
		buf_add_format(&text, "%s%s", i ? "\n" : "", dict_at(&lines, i, NULL));
	if (lines.n > EXPLAIN_MAX_LINES)
		buf_add_format(&text, "\nand %zu more", lines.n - EXPLAIN_MAX_LINES);
	err_set(err, ERR_SOLVE, "%s", buf_text(&text));
	return hint_nearest(s, err);
}

static bool
is_preferred(struct solve_state *s, int p)
{
	for (size_t i = 0; i < s->r->nprefer; i++)
		if (strcmp(s->r->prefer[i], solvable_name(s, p)) == 0)
			return true;
	return false;
}

/* The provider that dep leaves no choice about: the only one there is, or a preferred one. */
static void
force_dep(struct solve_state *s, bool *forced, Queue *todo, Id dep)
{
	Pool *pool = s->pool;
	Id p, pp;
	int only = 0, count = 0;

	FOR_PROVIDES(p, pp, dep)
	{
		if (count++ == 0 ||
		    (is_preferred(s, p) && solver_get_decisionlevel(s->solver, p) > 0))
			only = p;
	}
	if (!only || forced[only] || (count > 1 && !is_preferred(s, only)))
		return;
	forced[only] = true;
	queue_push(todo, only);
}

/* What is in the set whichever way the open choices fall. */
static bool *
force_walk(struct solve_state *s)
{
	CLEANUP(queue) Queue todo;
	bool *forced = arena_array(s->arena, (size_t)s->nsolvables, sizeof(*forced));

	queue_init(&todo);
	for (size_t i = 0; i < s->r->nwants; i++)
		force_dep(s, forced, &todo, s->wants[i]);
	for (int at = 0; at < todo.count; at++) {
		const struct pkgfacts *f = s->facts[todo.elements[at]];

		for (size_t j = 0; f && j < f->requires.n; j++)
			force_dep(s, forced, &todo, solve_dep_id(s->pool, &f->requires.at[j]));
	}
	return forced;
}

/* The candidates of a choice as "a, b"; 0 when a preference or the rest of the set decided it.
 */
static size_t
choice_names(struct solve_state *s, const Queue *choices, const bool *forced, struct buf *out)
{
	CLEANUP(dict_release) struct dict names = { 0 };

	for (int i = 0; i < choices->count; i++) {
		int p = abs(
			choices->elements[i]); /* libsolv marks those it tried by their sign */

		if (is_preferred(s, p) || forced[p])
			return 0;
		dict_set(&names, solvable_name(s, p), s);
	}
	for (size_t i = 0; i < names.n; i++)
		buf_add_format(out, "%s%s", i ? ", " : "", dict_at(&names, i, NULL));
	return names.n;
}

static void
choice_write(struct solve_state *s, const struct reach *w, const bool *forced, Id alternative,
	     struct dict *lines)
{
	CLEANUP(buf_free) struct buf names = BUF_MAX(EXPLAIN_MAX_TEXT);
	CLEANUP(buf_free) struct buf line = BUF_MAX(EXPLAIN_MAX_TEXT);
	CLEANUP(queue) Queue choices;
	Id id, from, chosen, source, target, dep;
	int level, type;
	SolverRuleinfo info;

	queue_init(&choices);
	type = solver_get_alternative(s->solver, alternative, &id, &from, &chosen, &choices,
				      &level);
	if (type != SOLVER_ALTERNATIVE_TYPE_RULE ||
	    choice_names(s, &choices, forced, &names) < 2)
		return;
	info = solver_ruleinfo(s->solver, id, &source, &target, &dep);
	need_write(s, w, info == SOLVER_RULE_PKG_REQUIRES ? source : 0, dep, &line);
	buf_add_format(&line, ", which several packages provide: %s", buf_text(&names));
	dict_set(lines, buf_text(&line), lines);
}

int
solve_explain_choices(struct solve_state *s, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(EXPLAIN_MAX_TEXT);
	CLEANUP(dict_release) struct dict lines = { 0 };
	int count = solver_alternatives_count(s->solver);
	struct reach w;
	bool *forced;

	if (count == 0)
		return 0;
	reach_walk(s, &w);
	forced = force_walk(s);
	for (int i = 1; i <= count; i++)
		choice_write(s, &w, forced, i, &lines);
	if (lines.n == 0)
		return 0;
	for (size_t i = 0; i < lines.n && i < EXPLAIN_MAX_LINES; i++)
		buf_add_format(&text, "%s%s", i ? "\n" : "", dict_at(&lines, i, NULL));
	if (lines.n > EXPLAIN_MAX_LINES)
		buf_add_format(&text, "\nand %zu more", lines.n - EXPLAIN_MAX_LINES);
	err_set(err, ERR_SOLVE, "%s", buf_text(&text));
	return err_hint(err, "name the one you want under `prefer:`");
}
