/* SPDX-License-Identifier: Apache-2.0 */
/* What the last run of a recipe used and attempted; and whether a shorter list would do. */
#include "builder/build_priv.h"

static int
find_node(struct build_session *s, const char *name, size_t *node, struct err *err)
{
	size_t known;

	if (build_session_offers(s, err) < 0 || build_session_probe(s, &known, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		if (strcmp(s->plan.at[i].recipe->name, name) != 0)
			continue;
		*node = i;
		if (s->jobs[i].identified)
			return 0;
		err_set(err, ERR_INPUT, "what '%s' needs is not built as it now stands", name);
		return err_hint(err, "run `kiln build %s`", name);
	}
	return err_set(err, ERR_INPUT, "no recipe is named '%s'", name);
}

/* A copy of a map without one key. */
static struct doc *
without(struct arena *a, const struct doc *map, const char *key)
{
	struct doc *out = doc_map(a);

	for (size_t i = 0; map && i < map->n; i++)
		if (strcmp(map->items[i].key, key) != 0)
			doc_set(a, out, map->items[i].key, map->items[i].value);
	return out;
}

static struct doc *
normal_with(struct arena *a, const struct doc *normal, const struct trace_advice *advice)
{
	struct doc *out = without(a, normal, "build");
	struct doc *build = without(a, doc_get(normal, "build"), "needs");
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < advice->nneeds; i++)
		doc_push(a, list, doc_text(a, advice->needs[i]));
	if (advice->nneeds)
		doc_set(a, build, "needs", list);
	doc_set(a, out, "build", build);
	return out;
}

/* The recipe as it would be after the edit. */
static const struct recipe *
edit(struct arena *a, const struct recipe *r, const struct trace_advice *advice)
{
	struct recipe *out = arena_alloc(a, sizeof(*out));

	*out = *r;
	out->needs = arena_array(a, advice->nneeds, sizeof(*out->needs));
	out->nneeds = advice->nneeds;
	for (size_t i = 0; i < advice->nneeds; i++)
		out->needs[i] = (struct recipe_need){ .name = advice->needs[i],
						      .line = r->name_line,
						      .col = r->name_col };
	out->normal = normal_with(a, r->normal, advice);
	return out;
}

static int
run(struct build_session *s, struct build_summary *sum, struct err *err)
{
	struct schedule_runner runner = build_job_runner;
	struct schedule_options o = { .jobs = 1, .stop = s->options->stop };
	struct schedule_counts counts;

	s->summary = sum;
	runner.arg = s;
	if (build_fetch_missing(s, err) < 0)
		return -1;
	if (schedule_run(&s->plan, &runner, &o, &counts, err) < 0)
		return -1;
	return build_commit_all(s, err);
}

static const struct pkgfacts *
find_package(const struct result *r, const char *name)
{
	for (size_t i = 0; i < r->npackages; i++)
		if (strcmp(r->packages[i].id.name, name) == 0)
			return &r->packages[i];
	return NULL;
}

/* The first difference; NULL: none. */
static const char *
difference(struct arena *a, const struct result *before, const struct result *now)
{
	for (size_t i = 0; i < before->npackages; i++) {
		const struct pkgfacts *was = &before->packages[i];
		const struct pkgfacts *is = find_package(now, was->id.name);

		if (!is)
			return arena_format(a, "package %s is gone", was->id.name);
		if (!digest_equal(&was->file, &is->file))
			return arena_format(a, "package %s is another one", was->id.name);
	}
	return before->npackages == now->npackages ? NULL : "there are more packages";
}

static int
prove(struct build_session *s, size_t node, struct build_trace *out, struct err *err)
{
	struct build_summary sum = { 0 };
	struct build_job *job = &s->jobs[node];
	const char *name = job->node->recipe->name;
	struct result before = job->result;

	if (!job->known) {
		err_set(err, ERR_INPUT, "'%s' is not built as it now stands", name);
		return err_hint(err, "run `kiln build %s`", name);
	}
	s->plan.at[node].recipe = edit(s->a, out->recipe, &out->advice);
	job->identified = job->known = false;
	job->result = (struct result){ 0 };
	if (build_session_identify(s, node, err) < 0 || run(s, &sum, err) < 0)
		return -1;
	/* What was built for the proof stays in the store; what is told stays the recipe's. */
	if (trace_store(s->b->store, build_session_note(s, out->recipe), &out->run, err) < 0)
		return -1;
	if (!job->known) {
		out->proof = BUILD_PROOF_FAILED;
		out->proof_words = sum.nfailures ? sum.failures[0].message : "it failed";
		return 0;
	}
	out->proof_words = difference(s->a, &before, &job->result);
	out->proof = out->proof_words ? BUILD_PROOF_DIFFERENT : BUILD_PROOF_SAME;
	return 0;
}

int
build_trace(struct arena *a, struct builder *b, const char *name, bool prove_it,
	    const struct build_options *o, struct build_trace *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	struct build_trace t = { .recipe = NULL };
	struct build_job *job;
	size_t node = 0;
	bool found;

	if (build_session_load(a, b, &name, 1, &s, err) < 0)
		return -1;
	s.options = o;
	if (find_node(&s, name, &node, err) < 0 ||
	    trace_load(a, b->store, workspace_note(a, b->workspace, name), &t.run, &found,
		       err) < 0)
		return -1;
	if (!found) {
		err_set(err, ERR_INPUT, "no run of '%s' is on record in this store", name);
		return err_hint(err, "run `kiln build %s`", name);
	}
	job = &s.jobs[node];
	t.recipe = job->node->recipe;
	t.current = strcmp(t.run.action, job->action.hex) == 0;
	if (t.current && strcmp(t.run.outcome, "ok") == 0)
		trace_advise(a, t.recipe, job->root.packages, job->root.npackages, &t.run.trace,
			     &t.advice);
	if (prove_it && t.advice.needs && prove(&s, node, &t, err) < 0)
		return -1;
	*out = t;
	return 0;
}
