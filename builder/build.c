/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_watch.h"
#include "base/clock.h"
#include "builder/lock_priv.h"

static unsigned
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static unsigned
jobs_of(const struct build_session *s)
{
	return s->options->jobs ? s->options->jobs : cores();
}

/* On a machine where nothing was unpacked yet, what comes before the plan is already long: what
 * it needs is asked before. */
static int
check_room_first(struct build_session *s, uint64_t *memory, bool *checked, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct recipe *r = s->plan.at[i].recipe;
		struct build_ground *g;

		if (r->nneeds == 0 || s->jobs[i].known)
			continue;
		if (build_session_ground(s, r, &g, err) < 0)
			return -1;
		if (!g->known)
			return build_room_check_first(s, jobs_of(s), memory, checked, err);
	}
	return 0;
}

/* The grounds of what needs no package, too. */
static int
unpack_missing(struct build_session *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		if (!s->jobs[i].known && build_unpack_ground(s, s->plan.at[i].recipe, err) < 0)
			return -1;
	}
	return 0;
}

static int
is_unpacked(struct build_session *s, bool *yes, struct err *err)
{
	struct build_ground *g;

	*yes = true;
	for (size_t i = 0; i < s->plan.n; i++) {
		if (build_session_ground(s, s->plan.at[i].recipe, &g, err) < 0)
			return -1;
	}
	for (g = s->grounds; g && *yes; g = g->next) {
		for (size_t j = 0; j < g->n && *yes; j++)
			*yes = seed_tree_has(s->b->store, g->packages[j]);
	}
	return 0;
}

/* Only saying what would be built fetches and unpacks nothing. */
static int
look_through(struct build_session *s, struct err *err)
{
	bool unpacked = true;

	/* Then what the store knows of the seed is all there is to know. */
	if (!s->b->sandbox)
		return 0;
	if (s->options->dry_run && is_unpacked(s, &unpacked, err) < 0)
		return -1;
	return unpacked ? build_session_offers(s, err) : 0;
}

int
build_decide(struct build_session *s, size_t *known, struct err *err)
{
	if (build_memo_recall(s, known, err) < 0)
		return -1;
	if (*known == s->plan.n)
		return 0;
	if (look_through(s, err) < 0 || build_cache_consult(s, err) < 0)
		return -1;
	return build_session_probe(s, known, err);
}

static int
run_plan(struct build_session *s, struct build_watch *w, uint64_t memory, struct err *err)
{
	struct schedule_options o = {
		.jobs = jobs_of(s),
		.memory = memory,
		.keep_going = s->options->keep_going,
		.stop = s->options->stop,
	};
	struct schedule_counts counts;
	struct err later;
	int rc = build_watch_run(w, &o, &counts, err);

	/* Stopped or not, what was finished is kept. */
	if (build_commit_all(s, rc < 0 ? &later : err) < 0 || rc < 0)
		return -1;
	s->summary->built = counts.built;
	s->summary->served = counts.served;
	s->summary->failed = counts.failed;
	s->summary->blocked = counts.blocked;
	return 0;
}

/* What cannot stand is told before anything is done. */
static int
wake(struct build_session *s, struct err *err)
{
	if (s->b->sandbox && sandbox_wake(s->b->sandbox, err) < 0)
		return -1;
	return s->b->signer ? signer_wake(s->b->signer, err) : 0;
}

/* What is known, and what that leaves to be built. */
static int
make_plan(struct build_session *s, struct build_watch *w, uint64_t *memory, bool *checked,
	  struct err *err)
{
	struct build_summary *sum = s->summary;
	size_t known;

	if (build_memo_recall(s, &known, err) < 0)
		return -1;
	if (known < s->plan.n && !s->options->dry_run &&
	    (wake(s, err) < 0 || build_watch_show(w, err) < 0 ||
	     check_room_first(s, memory, checked, err) < 0))
		return -1;
	if (known < s->plan.n && build_decide(s, &known, err) < 0)
		return -1;
	sum->recipes = s->plan.n;
	sum->todo = s->plan.n - known;
	build_session_event(s, BUILD_PLANNED, NULL,
			    arena_format(s->a, "%zu recipe%s: %zu to build, %zu in the store",
					 sum->recipes, sum->recipes == 1 ? "" : "s", sum->todo,
					 known));
	return sum->todo ? build_tell_plan(s, jobs_of(s), err) : 0;
}

/* Everything that the chambers are to see is there afterwards. */
static int
make_ready(struct build_session *s, struct build_watch *w, struct err *err)
{
	size_t unmeasured;

	build_watch_doing(w, "fetching");
	if (build_fetch_missing(s, err) < 0 || unpack_missing(s, err) < 0)
		return -1;
	/* Once more: a guess is better when the sources are there. */
	return build_tell_weigh(s, &unmeasured, err);
}

static int
plan_and_run(struct build_session *s, struct build_watch *w, struct err *err)
{
	struct build_summary *sum = s->summary;
	uint64_t memory = 0;
	bool checked = false;

	if (make_plan(s, w, &memory, &checked, err) < 0)
		return -1;
	if (s->options->dry_run) {
		sum->built = sum->todo - sum->maybe;
		sum->served = sum->recipes - sum->todo;
		return 0;
	}
	if (sum->todo && !checked && build_room_check(s, jobs_of(s), &memory, err) < 0)
		return -1;
	if (sum->todo && make_ready(s, w, err) < 0)
		return -1;
	return run_plan(s, w, memory, err);
}

int
build_run(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	  const struct build_options *o, struct build_summary *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	CLEANUP(build_watch_end) struct build_watch *w = NULL;
	int64_t start = clock_monotonic_ms();
	int rc;

	*out = (struct build_summary){ 0 };
	if (build_session_load_memo(a, b, names, nnames, &s, err) < 0)
		return -1;
	s.options = o;
	s.summary = out;
	if (lock_begin(&s, o->locked ? LOCK_REFUSE : LOCK_FOLLOW, err) < 0 ||
	    build_cache_open(&s, err) < 0)
		return -1;
	build_watch_begin(&s, &w);
	rc = plan_and_run(&s, w, err);
	build_cache_finish(&s);
	memo_save(s.memo);
	if (rc < 0)
		lock_leave(&s);
	if (rc < 0 || lock_end(&s, err) < 0)
		return -1;
	out->locked = s.lock->summary.changes;
	out->elapsed_ms = clock_monotonic_ms() - start;
	return 0;
}
