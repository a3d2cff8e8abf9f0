/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is decided with a memo is what would be decided without: over random distributions and
 * random edits (property_world.h), every key and every environment, what is built and what
 * cannot be. KILN_PROPERTY_WORLDS=1000 looks longer than `make check` does.
 */
#include "builder/graph.h"
#include "tests/unit/builder/property_world.h"

#define WORLDS 2
#define ROUNDS 14

enum fate { FATE_SERVED, FATE_BUILT, FATE_UNSOLVED, FATE_BLOCKED };

struct run {
	struct build_session s;
	enum fate *fate; /* by node */
};

static void
run_release_scope(struct run *r)
{
	build_session_end(&r->s);
}

/* Which recipes, for a run that is not about all. */
static size_t
some_names(struct world *w, const char *out[1])
{
	unsigned i = (unsigned)world_random(w, WORLD_RECIPES);

	if (world_random(w, 4) || !w->at[i].there)
		return 0;
	out[0] = arena_format(&w->a, "r%02u", i);
	return 1;
}

static bool
is_blocked(const struct run *r, size_t node)
{
	const struct plan_node *p = &r->s.plan.at[node];

	for (size_t i = 0; i < p->nneeds; i++)
		if (r->fate[p->needs[i]] >= FATE_UNSOLVED)
			return true;
	return false;
}

static enum fate
decide(struct world *w, struct run *r, size_t node, bool may_build)
{
	struct build_job *job = &r->s.jobs[node];
	struct err e;

	if (is_blocked(r, node))
		return FATE_BLOCKED;
	if (build_session_identify(&r->s, node, &e) < 0) {
		if (e.code != ERR_SOLVE)
			fail_msg("%s", e.text);
		return FATE_UNSOLVED;
	}
	if (job->known)
		return FATE_SERVED;
	if (!may_build)
		fail_msg("%s is not there, but was served%s", job->node->recipe->name, w->did);
	if (dict_get(&w->keys, job->action.hex))
		fail_msg("%s is rebuilt under an old key%s", job->node->recipe->name, w->did);
	world_build(w, &r->s, job);
	return FATE_BUILT;
}

/* As build_run does it. */
static void
run_with_memo(struct world *w, const char *const *names, size_t n, struct run *r)
{
	struct err e;
	size_t known;

	if (build_session_load_memo(&w->a, &w->builder, names, n, &r->s, &e) < 0 ||
	    build_memo_recall(&r->s, &known, &e) < 0)
		fail_msg("%s%s", e.text, w->did);
	if (known < r->s.plan.n && build_session_probe(&r->s, &known, &e) < 0)
		fail_msg("%s%s", e.text, w->did);
	r->fate = arena_array(&w->a, r->s.plan.n, sizeof(*r->fate));
	for (size_t i = 0; i < r->s.plan.n; i++)
		r->fate[i] = decide(w, r, i, true);
	memo_save(r->s.memo);
}

static void
compare_with_scratch(struct world *w, const char *const *names, size_t n, const struct run *r)
{
	CLEANUP(run_release) struct run fresh = { 0 };
	struct err e;

	if (build_session_load(&w->a, &w->builder, names, n, &fresh.s, &e) < 0)
		fail_msg("%s%s", e.text, w->did);
	assert_int_equal(fresh.s.plan.n, r->s.plan.n);
	fresh.fate = arena_array(&w->a, fresh.s.plan.n, sizeof(*fresh.fate));
	for (size_t i = 0; i < fresh.s.plan.n; i++) {
		const char *name = fresh.s.plan.at[i].recipe->name;

		assert_string_equal(name, r->s.plan.at[i].recipe->name);
		fresh.fate[i] = decide(w, &fresh, i, false);
		if (fresh.fate[i] == FATE_SERVED ? r->fate[i] > FATE_BUILT
						 : r->fate[i] != fresh.fate[i])
			fail_msg("%s: fate %d with the memo, %d without%s", name, r->fate[i],
				 fresh.fate[i], w->did);
		if (fresh.fate[i] == FATE_SERVED &&
		    strcmp(fresh.s.jobs[i].action.hex, r->s.jobs[i].action.hex) != 0)
			fail_msg("%s has another key with the memo%s", name, w->did);
	}
}

/* What an image of this package would hold, by the solver's rules. */
static bool
closure(struct world *w, struct run *r, size_t node, const struct pkgfacts ***out, size_t *n)
{
	const char *wants[] = { r->s.plan.at[node].recipe->packages[0].name };
	bool *in = arena_array(&w->a, r->s.plan.n, sizeof(*in));
	struct dict given = { 0 };
	size_t *below, nbelow;
	struct err e;

	plan_closure(&w->a, &r->s.plan, node, &below, &nbelow);
	in[node] = true;
	for (size_t i = 0; i < nbelow; i++)
		in[below[i]] = true;
	for (size_t i = 0; i < r->s.plan.n; i++)
		if (in[i] && build_session_result(&r->s, i, &e) < 0)
			fail_msg("%s", e.text);
	return universe_force(&w->a, &r->s.universe, in, &given, wants, 1, out, n);
}

/* `kiln affected` finds an image by everything that it would hold. */
static size_t
reach_all(struct world *w, struct run *r)
{
	struct graph g = {
		.set = r->s.set, .plan = r->s.plan, .memo = r->s.memo, .store = w->builder.store
	};
	const struct pkgfacts **at = NULL;
	size_t n = 0, reached = 0;
	struct err e;

	for (size_t i = 0; i < g.plan.n; i++) {
		const char *name = g.plan.at[i].recipe->packages[0].name, *by;

		if (r->fate[i] > FATE_BUILT || !closure(w, r, i, &at, &n))
			continue;
		for (size_t j = 0; j < n; j++, reached++) {
			struct graph_affected hit = { .recipe = recipe_find(&g.set,
									    at[j]->recipe) };

			if (graph_reaches(&w->a, &g, &name, 1, &hit, 1, &by, &e) < 0)
				fail_msg("%s", e.text);
			if (!by)
				fail_msg("%s comes to hold %s unseen%s", name, at[j]->id.name,
					 w->did);
		}
	}
	return reached;
}

struct counts {
	size_t reached, built, served, remembered;
};

static void
one_round(struct world *w, struct counts *c)
{
	CLEANUP(run_release) struct run r = { 0 };
	const char *names[1];
	size_t n = some_names(w, names);

	run_with_memo(w, names, n, &r);
	for (size_t i = 0; i < r.s.plan.n; i++) {
		c->built += r.fate[i] == FATE_BUILT;
		c->served += r.fate[i] == FATE_SERVED;
		c->remembered += r.fate[i] == FATE_SERVED && !r.s.jobs[i].identified;
	}
	compare_with_scratch(w, names, n, &r);
	c->reached += n ? 0 : reach_all(w, &r);
}

static void
one_world(uint64_t seed, struct counts *c)
{
	struct world w;

	world_make(&w, seed);
	for (unsigned round = 0; round < ROUNDS; round++) {
		w.did = arena_format(&w.a, "\n  world %llu, round %u", (unsigned long long)seed,
				     round);
		for (uint64_t edits = round ? world_random(&w, 4) : 0; edits-- > 0;)
			world_edit(&w);
		/* Sometimes the clock of the file system has gone on in between. */
		if (world_random(&w, 2))
			(void)usleep(12000);
		one_round(&w, c);
	}
	world_release(&w);
}

TEST(property_a_memo_decides_what_would_be_decided_without)
{
	const char *more = getenv("KILN_PROPERTY_WORLDS");
	uint64_t n = more ? strtoull(more, NULL, 10) : WORLDS;
	struct counts c = { 0 };

	for (uint64_t seed = 1; seed <= n; seed++)
		one_world(seed, &c);
	print_message("%llu worlds: %zu built, %zu served, %zu of them from the memo\n",
		      (unsigned long long)n, c.built, c.served, c.remembered);
	/* It is no proof of anything if nothing was remembered, or nothing ever built again. */
	assert_true(c.remembered > c.served / 4);
	assert_true(c.built > n * WORLD_RECIPES);
	assert_true(c.reached > c.built);
}
