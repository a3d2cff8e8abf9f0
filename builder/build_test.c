/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kiln build --test`. A test that passed is known by its key (refs/test/KEY) and does not run
 * again; how the last one of each recipe ended is remembered for `kiln status`
 * (refs/tested/RECIPE).
 */
#include "builder/build_test_priv.h"
#include "base/json.h"

#define TEST_KIND    "test"
#define TESTED_KIND  "tested"
#define TEST_FORMAT  1
#define TEST_MAX_REF ((size_t)16 * 1024)

static int
put_ref(struct build_session *s, const char *kind, const char *name, struct doc *d,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEST_MAX_REF);

	doc_set(s->a, d, "format", doc_number(s->a, TEST_FORMAT));
	json_write(d, &text);
	if (buf_check(&text, name, err) < 0)
		return -1;
	return cas_ref_put(s->b->store, kind, name, text.data, text.len, err);
}

/* NULL: there is none that can be read. */
static struct doc *
get_ref(struct build_session *s, const char *kind, const char *name)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEST_MAX_REF);
	struct err ignored;
	struct doc *d;
	int64_t format;
	bool found;

	if (cas_ref_get(s->b->store, kind, name, &text, &found, &ignored) < 0 || !found ||
	    json_parse(s->a, buf_text(&text), text.len, name, &d, &ignored) < 0 ||
	    !doc_int(doc_get(d, "format"), &format) || format != TEST_FORMAT)
		return NULL;
	return d;
}

/* This very test passed, and our own key says so of each of these packages. */
static bool
is_known(struct build_session *s, struct build_trial *t)
{
	const struct doc *d = get_ref(s, TEST_KIND, t->key.hex);
	struct err ignored;

	if (!doc_get_digest(d, "bundle", &t->bundle) || !cas_has(s->b->store, &t->bundle))
		return false;
	for (size_t i = 0; i < t->npackages; i++) {
		struct verdict_found v;
		struct digest ran;

		if (verdict_read(s->a, s->b->store, &s->ring, VERDICT_INSTALLED, &t->bundle,
				 &t->packages[i]->file, &v, &ignored) < 0 ||
		    !v.passed || !verdict_used(&v, BUILD_TEST_FILE, &ran) ||
		    !digest_equal(&ran, &t->key.key))
			return false;
	}
	return true;
}

static int
remember(struct build_session *s, const struct build_trial *t, const struct build_failure *f,
	 struct err *err)
{
	struct doc *passed = doc_map(s->a), *last = doc_map(s->a);

	doc_set_digest(s->a, passed, "bundle", &t->bundle);
	doc_set_digest(s->a, last, "bundle", &t->bundle);
	doc_set_text(s->a, last, "action", t->job->action.hex);
	doc_set_digest(s->a, last, "text", &t->recipe->text);
	doc_set(s->a, last, "passed", doc_boolean(s->a, t->passed));
	doc_set_text(s->a, last, "message", f->message);
	doc_set_text(s->a, last, "where", f->where);
	if (t->passed && put_ref(s, TEST_KIND, t->key.hex, passed, err) < 0)
		return -1;
	return put_ref(s, TESTED_KIND, build_session_note(s, t->recipe), last, err);
}

static void
tell(struct build_session *s, const struct build_trial *t, const char *words)
{
	build_session_event(s, BUILD_TESTED, t->recipe->name, words);
}

static int
run_one(struct build_session *s, struct build_trial *t, struct build_tested *out,
	struct err *err)
{
	struct build_failure f = { .recipe = NULL };

	if (is_known(s, t)) {
		t->passed = true;
		out->served++;
		/* Another test of these packages may have failed since, and counted. */
		if (verdict_keep(s->b->store, VERDICT_INSTALLED, t->packages, t->npackages,
				 &t->bundle, err) < 0)
			return -1;
		return remember(s, t, &f, err);
	}
	build_session_event(s, BUILD_STARTED, t->recipe->name, "its test");
	if (build_test_run(s, t, &f, err) < 0 || remember(s, t, &f, err) < 0)
		return -1;
	tell(s, t, t->passed ? NULL : f.message);
	out->passed += t->passed;
	out->failed += !t->passed;
	if (!t->passed && out->nfailures < BUILD_MAX_FAILURES)
		out->failures[out->nfailures++] = f;
	return 0;
}

/* What cannot be tested as it stands is told like a test that failed: the others run. */
static int
cannot(struct build_session *s, const struct build_trial *t, struct build_tested *out,
       const struct err *why)
{
	if (why->code != ERR_SOLVE && why->code != ERR_INPUT)
		return -1;
	out->failed++;
	tell(s, t, why->text);
	if (out->nfailures < BUILD_MAX_FAILURES)
		out->failures[out->nfailures++] =
			(struct build_failure){ .recipe = t->recipe->name,
						.cause = "recipe",
						.message = arena_strdup(s->a, why->text) };
	return 0;
}

static int
test_node(struct build_session *s, const struct build_test_world *w, size_t node,
	  struct build_tested *out, struct err *err)
{
	struct build_trial t = { .recipe = s->plan.at[node].recipe, .job = &s->jobs[node] };

	if (!t.recipe->test.run.run) {
		out->without++;
		return 0;
	}
	if (!t.job->known) {
		err_set(err, ERR_INPUT, "recipe '%s' is not built as it now stands",
			t.recipe->name);
		return err_hint(err, "run `kiln build %s`", t.recipe->name);
	}
	if (build_session_complete(s, node, err) < 0)
		return -1;
	t.recipe = s->plan.at[node].recipe;
	if (build_test_solve(s, w, &t, err) < 0)
		return cannot(s, &t, out, err);
	return run_one(s, &t, out, err);
}

static int
check_names(const struct build_session *s, const char *const *names, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!recipe_find(&s->set, names[i]))
			return err_set(err, ERR_INPUT, "no recipe is named '%s'", names[i]);
	return 0;
}

int
build_test(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	   const struct build_options *o, struct build_tested *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	struct build_summary sum = { 0 };
	struct build_test_world w;

	*out = (struct build_tested){ 0 };
	/* A test may need what the recipe does not: all recipes count. */
	if (build_session_load_memo(a, b, NULL, 0, &s, err) < 0)
		return -1;
	s.options = o;
	s.summary = &sum;
	out->failures = arena_array(a, KILN_MIN(s.plan.n, (size_t)BUILD_MAX_FAILURES),
				    sizeof(*out->failures));
	if (check_names(&s, names, nnames, err) < 0 || build_test_world_make(&s, &w, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++) {
		if (o->stop && *o->stop)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (build_session_is_named(names, nnames, s.plan.at[i].recipe->name) &&
		    test_node(&s, &w, i, out, err) < 0)
			return -1;
	}
	memo_save(s.memo);
	return 0;
}

/* The plan was made of these names, so they are there. */
static struct recipe *
find_of_set(const struct recipe_set *set, const char *name)
{
	size_t i = 0;

	while (strcmp(set->at[i]->name, name) != 0)
		i++;
	return set->at[i];
}

/* Adds a recipe of the set once. */
static void
want(const char **names, size_t *n, const struct recipe *r)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(names[i], r->name) == 0)
			return;
	names[(*n)++] = r->name;
}

int
build_test_recipes(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		   const char ***out, size_t *n, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	const struct workspace *w = b->workspace;
	const struct recipe *shell;

	*n = 0;
	if (nnames == 0)
		return 0;
	if (build_session_load_memo(a, b, names, nnames, &s, err) < 0)
		return -1;
	*out = arena_array(a, s.set.n, sizeof(**out));
	shell = recipe_of_package(&s.set, BUILD_TEST_SHELL);
	for (size_t i = 0; i < nnames; i++) {
		struct recipe *r = find_of_set(&s.set, names[i]);

		want(*out, n, r);
		if (!r->test.run.run)
			continue;
		if (shell)
			want(*out, n, shell);
		if (recipe_complete(a, w->dirfd, w->epoch, r, err) < 0)
			return -1;
		for (size_t j = 0; j < r->test.nneeds; j++) {
			const struct recipe *maker =
				recipe_of_package(&s.set, r->test.needs[j].name);

			if (maker)
				want(*out, n, maker);
		}
	}
	return 0;
}

void
build_test_standing(struct build_session *s, size_t node, struct build_state *out)
{
	const struct recipe *r = s->plan.at[node].recipe;
	const struct doc *d;
	struct digest text;
	bool passed;

	if (!r->test.run.run || !s->jobs[node].known)
		return;
	out->test = BUILD_TEST_NOT_RUN;
	d = get_ref(s, TESTED_KIND, build_session_note(s, r));
	if (!d || !doc_get_digest(d, "text", &text) || !digest_equal(&text, &r->text) ||
	    !doc_get_text(d, "action") ||
	    strcmp(doc_get_text(d, "action"), s->jobs[node].action.hex) != 0 ||
	    !doc_bool(doc_get(d, "passed"), &passed))
		return;
	out->test = passed ? BUILD_TEST_PASSED : BUILD_TEST_FAILED;
	if (passed)
		return;
	out->test_message = doc_get_text(d, "message");
	out->test_where = doc_get_text(d, "where");
}
