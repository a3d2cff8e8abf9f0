/* SPDX-License-Identifier: Apache-2.0 */
/* The lock on its own: what `kiln lock` and publishing ask, without building anything. */
#include "builder/lock_priv.h"

static int
check_jobs(struct build_session *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		if (s->jobs[i].known && lock_job(s, &s->jobs[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A result counts when its signature can be judged. */
static int
find_results(struct build_session *s, struct err *err)
{
	size_t known;

	if (!s->b->signer)
		return 0;
	if (build_memo_recall(s, &known, err) < 0)
		return -1;
	return known < s->plan.n ? build_session_probe(s, &known, err) : 0;
}

static int
run(struct build_session *s, enum lock_mode mode, struct err *err)
{
	if (lock_begin(s, mode, err) < 0 || find_results(s, err) < 0 || check_jobs(s, err) < 0)
		return -1;
	memo_save(s->memo);
	return lock_end(s, err);
}

int
lock_run(struct arena *a, struct builder *b, enum lock_mode mode, const struct build_options *o,
	 struct lock_summary *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };

	*out = (struct lock_summary){ 0 };
	if (build_session_load_memo(a, b, NULL, 0, &s, err) < 0)
		return -1;
	s.options = o;
	if (run(&s, mode, err) < 0)
		return -1;
	*out = s.lock->summary;
	out->recipes = s.set.n;
	out->seed = s.seed.npackages;
	for (size_t i = 0; i < s.set.n; i++)
		out->resolved += lock_is_resolved(s.lock, i);
	return 0;
}
