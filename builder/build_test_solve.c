/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_test_priv.h"
#include "base/json.h"
#include "builder/stage.h"
#include "repo/solve.h"

static const struct pkgfacts *
find_made(const struct result *r, const char *name)
{
	for (size_t i = 0; i < r->npackages; i++)
		if (strcmp(r->packages[i].id.name, name) == 0)
			return &r->packages[i];
	return NULL;
}

static const struct pkgfacts *
find_built(const struct build_session *s, const char *name)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct pkgfacts *f =
			s->jobs[i].known ? find_made(&s->jobs[i].result, name) : NULL;

		if (f)
			return f;
	}
	return NULL;
}

static int
make_bare(struct arena *a, struct seed *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);

	out->yaml = "";
	out->fixups = doc_map(a);
	json_write(out->fixups, &text);
	if (buf_check(&text, "fix-ups", err) < 0)
		return -1;
	digest_of(text.data, text.len, &out->fixups_digest);
	return 0;
}

int
build_test_world_make(struct build_session *s, struct build_test_world *out, struct err *err)
{
	size_t known = 0;

	*out = (struct build_test_world){ .nground = 0 };
	out->below = arena_array(s->a, s->plan.n + 1, sizeof(*out->below));
	out->ground = arena_array(s->a, s->seed.npackages, sizeof(*out->ground));
	if (build_memo_recall(s, &known, err) < 0 ||
	    (known < s->plan.n && build_session_probe(s, &known, err) < 0))
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		if (s->jobs[i].known && build_session_result(s, i, err) < 0)
			return -1;
		out->below[i] = s->jobs[i].known;
	}
	out->below[s->plan.n] = true;
	for (size_t i = 0; i < s->seed.npackages; i++) {
		const struct pkgfacts *f = s->seed.packages[i].built;

		/* What the stage makes itself counts, once it is built. */
		if (!f || find_built(s, f->id.name))
			continue;
		out->ground[out->nground++] = f;
		universe_add(s->a, &s->universe, s->plan.n, f);
	}
	return make_bare(s->a, &out->bare, err);
}

/* The packages that the recipe names; its splits are there when they are needed. */
static void
find_tested(struct build_session *s, struct build_trial *t)
{
	const struct recipe *r = t->recipe;

	t->packages = arena_array(s->a, r->npackages, sizeof(*t->packages));
	t->npackages = 0;
	for (size_t i = 0; i < r->npackages; i++) {
		const struct pkgfacts *f = find_made(&t->job->result, r->packages[i].name);

		if (f)
			t->packages[t->npackages++] = f;
	}
}

static int
solve(struct build_session *s, const struct build_test_world *w, struct build_trial *t,
      struct err *err)
{
	const struct recipe *r = t->recipe;
	struct solve_request q = { .prefer = (const char *const *)r->prefer,
				   .nprefer = r->nprefer,
				   .subject = arena_format(s->a, "test of %s", r->name) };
	const char **wants = arena_array(s->a, t->npackages + r->test.nneeds, sizeof(*wants));
	const struct pkgfacts **packages;

	for (size_t i = 0; i < t->npackages; i++)
		wants[q.nwants++] = t->packages[i]->id.name;
	for (size_t i = 0; i < r->test.nneeds; i++)
		wants[q.nwants++] = r->test.needs[i].name;
	q.wants = wants;
	universe_reach(s->a, &s->universe, w->below, wants, q.nwants, &packages, &q.npackages);
	q.packages = packages;
	t->root = (struct buildroot){ .cache = s->trees };
	if (solve_run(s->a, &q, &t->root.packages, &t->root.npackages, err) == 0)
		return 0;
	err_wrap(err, "%s:%d", r->path, r->test.run.line);
	return err_hint(err, "a test sees only what is built: `kiln build` builds all recipes");
}

static bool
has_path(const struct pkgfacts *f, const char *path)
{
	for (size_t i = 0; i < f->npaths; i++)
		if (strcmp(f->paths[i], path) == 0)
			return true;
	return false;
}

static const struct pkgfacts *
find_shell(const struct build_session *s, const struct build_test_world *w)
{
	const struct pkgfacts *built = find_built(s, BUILD_TEST_SHELL);

	if (built)
		return built;
	for (size_t i = 0; i < w->nground; i++)
		if (strcmp(w->ground[i]->id.name, BUILD_TEST_SHELL) == 0)
			return w->ground[i];
	return NULL;
}

/* Where the root has no shell one is lent, which must stand by itself: nothing of what it would
 * require is there. */
static int
lend_shell(struct build_session *s, const struct build_test_world *w, struct build_trial *t,
	   struct err *err)
{
	const struct recipe *r = t->recipe;

	for (size_t i = 0; i < t->root.npackages; i++)
		if (has_path(t->root.packages[i], "/usr/bin/sh"))
			return 0;
	t->shell = find_shell(s, w);
	if (t->shell && t->shell->requires.n == 0 &&
	    has_path(t->shell, "/usr/bin/" BUILD_TEST_SHELL))
		return 0;
	err_set(err, ERR_INPUT,
		"%s:%d: nothing that the test of '%s' installs has a shell, and %s", r->path,
		r->test.run.line, r->name,
		t->shell ? "package '" BUILD_TEST_SHELL "' is not static"
			 : "no package '" BUILD_TEST_SHELL "' is built that could lend one");
	return err_hint(
		err, "put a package with a shell into test.needs, or build a static busybox");
}

static struct doc *
digests(struct arena *a, const struct pkgfacts *const *packages, size_t n, bool files)
{
	struct doc *d = doc_map(a);

	for (size_t i = 0; i < n; i++)
		doc_set_digest(a, d, packages[i]->id.name,
			       files ? &packages[i]->file : &packages[i]->environment);
	return d;
}

/* Whatever can change the outcome, as an action says it of a build. The packages that are
 * tested count by their files, since the verdict speaks of those. */
static int
make_key(struct build_session *s, struct build_trial *t, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ACTION_MAX_BYTES);
	const struct recipe *r = t->recipe;
	struct arena *a = s->a;
	struct doc *d = doc_map(a), *chamber = doc_map(a);

	doc_set_text(a, chamber, "profile", ACTION_CHAMBER " " BUILD_TEST_PROFILE);
	doc_set(a, chamber, "cpus", doc_number(a, ACTION_CPUS));
	doc_set(a, d, "chamber", chamber);
	doc_set(a, d, "environment", digests(a, t->root.packages, t->root.npackages, false));
	doc_set_digest(a, d, "fixups", &t->fixups->fixups_digest);
	doc_set(a, d, "keyFormat", doc_number(a, BUILD_TEST_KEY));
	doc_set_text(a, d, "name", r->name);
	doc_set_text(a, d, "version", r->version);
	doc_set_text(a, d, "release", r->release);
	doc_set(a, d, "packages", digests(a, t->packages, t->npackages, true));
	doc_set_text(a, d, "run", r->test.run.run);
	if (t->shell)
		doc_set(a, d, "shell", digests(a, &t->shell, 1, false));
	json_write(d, &text);
	if (buf_check(&text, "test", err) < 0)
		return err_wrap(err, "test of %s", r->name);
	t->key.doc = d;
	t->key.text = arena_strndup(a, buf_text(&text), text.len);
	digest_of(text.data, text.len, &t->key.key);
	digest_hex(&t->key.key, t->key.hex);
	return 0;
}

int
build_test_solve(struct build_session *s, const struct build_test_world *w,
		 struct build_trial *t, struct err *err)
{
	const struct stage *stage = s->b->workspace->stage;

	t->fixups = stage && stage->nground ? &s->seed : &w->bare;
	find_tested(s, t);
	if (plan_check_test(&s->set, t->recipe, err) < 0 || solve(s, w, t, err) < 0 ||
	    lend_shell(s, w, t, err) < 0)
		return -1;
	return make_key(s, t, err);
}
