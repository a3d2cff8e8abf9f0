/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kiln build --check`: what is built is built again, at another path, by another user, with
 * another number of processors and with addresses that change, and compared byte by byte.
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "repo/pkgdiff.h"

static const struct pkgfacts *
find_package(const struct pkgfacts *at, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i].id.name, name) == 0)
			return &at[i];
	return NULL;
}

static int
compare_one(struct build_session *s, const struct build_job *job, const struct pkgfacts *was,
	    size_t now, const char **words, struct err *err)
{
	CLEANUP(fd_close) int before = -1;
	CLEANUP(fd_close) int after = -1;

	if (cas_get_fd(s->b->store, &was->file, &before, err) < 0 ||
	    fd_open_plain(cas_dirfd(s->b->store), package_path(s->a, job->desk->tmp, now),
			  &after, NULL, err) < 0)
		return -1;
	return pkgdiff_files(s->a, before, after, was->id.name, words, err);
}

static void
note(struct build_session *s, struct build_job *job, const char *package, const char *words)
{
	job->difference =
		arena_format(s->a, "%s%spackage %s: %s", job->difference ? job->difference : "",
			     job->difference ? "\n" : "", package, words);
}

/* The statement speaks of the packages that were built first: those are the ones served. */
static int
vouch(struct build_session *s, const struct build_job *job, struct err *err)
{
	const struct result *r = &job->result;
	const struct pkgfacts **packages = arena_array(s->a, r->npackages, sizeof(*packages));
	struct statement_resource used[2] = { { .name = "action.json",
						.sha256 = job->action.key } };
	const struct build_verdict v = { .kind = VERDICT_TWICE,
					 .recipe = job->node->recipe->name,
					 .passed = !job->difference,
					 .packages = packages,
					 .npackages = r->npackages,
					 .used = used,
					 .nused = ARRAY_LEN(used) };
	struct digest bundle;

	for (size_t i = 0; i < r->npackages; i++)
		packages[i] = &r->packages[i];
	if (build_verdict_chamber(s, job->outcome, &used[1], err) < 0)
		return -1;
	return build_verdict(s, &v, &bundle, err);
}

int
build_check_compare(struct build_session *s, struct build_job *job,
		    const struct pkgfacts *facts, size_t n, struct err *err)
{
	const struct result *before = &job->result;

	for (size_t i = 0; i < n; i++) {
		const struct pkgfacts *was =
			find_package(before->packages, before->npackages, facts[i].id.name);
		const char *words = "it is there in the second build only";

		if (was && digest_equal(&was->file, &facts[i].file))
			continue;
		if (was && compare_one(s, job, was, i, &words, err) < 0)
			return -1;
		note(s, job, facts[i].id.name, words);
	}
	for (size_t i = 0; i < before->npackages; i++)
		if (!find_package(facts, n, before->packages[i].id.name))
			note(s, job, before->packages[i].id.name,
			     "it is there in the first build only");
	if (vouch(s, job, err) < 0)
		return -1;
	job->compared = true;
	build_session_event(s, BUILD_CHECKED, job->node->recipe->name, job->difference);
	return 0;
}

/* What is to be checked has been built; its environment is solved anew. */
static int
prepare(struct build_session *s, const char *const *names, size_t n, struct err *err)
{
	size_t known;

	if (build_session_offers(s, err) < 0 || build_session_probe(s, &known, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		struct build_job *job = &s->jobs[i];
		const char *name = job->node->recipe->name;

		if (!job->known) {
			err_set(err, ERR_INPUT, "recipe '%s' is not built as it now stands",
				name);
			return err_hint(err, "run `kiln build %s`", name);
		}
		job->check = build_session_is_named(names, n, name);
		if (job->check && build_session_result(s, i, err) < 0)
			return -1;
	}
	return 0;
}

/* Sources and grounds may have left the store since. */
static int
fetch(struct build_session *s, struct err *err)
{
	int rc;

	for (size_t i = 0; i < s->plan.n; i++)
		s->jobs[i].known = !s->jobs[i].check;
	rc = build_fetch_missing(s, err);
	for (size_t i = 0; i < s->plan.n && rc == 0; i++)
		if (s->jobs[i].check)
			rc = build_unpack_ground(s, s->plan.at[i].recipe, err);
	for (size_t i = 0; i < s->plan.n; i++)
		s->jobs[i].known = true;
	return rc;
}

static int
run(struct build_session *s, struct err *err)
{
	struct schedule_runner runner = build_job_runner;
	struct schedule_options o = { .jobs = s->options->jobs ? s->options->jobs : 1,
				      .keep_going = true,
				      .stop = s->options->stop };
	struct schedule_counts counts;

	runner.arg = s;
	if (schedule_run(&s->plan, &runner, &o, &counts, err) < 0)
		return -1;
	return build_commit_all(s, err);
}

int
build_check(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	    const struct build_options *o, struct build_checked *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	struct build_summary sum = { 0 };

	*out = (struct build_checked){ 0 };
	if (build_session_load(a, b, names, nnames, &s, err) < 0)
		return -1;
	s.options = o;
	s.summary = &sum;
	if (prepare(&s, names, nnames, err) < 0 || fetch(&s, err) < 0 || run(&s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++) {
		out->checked += s.jobs[i].check;
		out->different += s.jobs[i].difference != NULL;
		out->failed += s.jobs[i].check && !s.jobs[i].compared;
	}
	out->failures = sum.failures;
	out->nfailures = sum.nfailures;
	return 0;
}
