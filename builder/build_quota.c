/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quota of the store (`store:` of kiln.yaml). What the store holds is counted once, before
 * a run; then each result adds what it takes, so that no action walks the store. What the
 * figure leaves out, or counts twice, stands in docs/store.md: a quota is kept to within what
 * runs at the moment, not to the byte. When it is reached nothing new starts.
 *
 * With `collect` what nothing needs goes first, the least recently used before the rest. What
 * this run counts on was marked as used since half an hour before it began, so that the grace
 * of a collection in the midst of it is longer by its age.
 */
#include "base/clock.h"
#include "builder/build_priv.h"
#include "builder/gc.h"

#define MIB            ((uint64_t)1024 * 1024)
#define QUOTA_PAGE     ((uint64_t)4096)
#define QUOTA_DOCUMENT ((uint64_t)48 * 1024) /* action, record, statement, bundle, notes */

static unsigned long long
mib(uint64_t bytes)
{
	return (unsigned long long)((bytes + MIB - 1) / MIB);
}

static const struct workspace_store *
asked(const struct build_session *s)
{
	return &s->b->workspace->store;
}

static int
refuse(const struct build_session *s, uint64_t more, struct err *err)
{
	uint64_t quota = asked(s)->quota;
	uint64_t keep = quota > more + MIB ? (quota - more) / MIB : 1;

	if (s->quota.held > quota)
		err_set(err, ERR_LIMIT, "the store %s holds %llu MiB; its quota is %llu MiB",
			cas_path(s->b->store), mib(s->quota.held), mib(quota));
	else
		err_set(err, ERR_LIMIT,
			"the store %s holds %llu MiB and the build needs about %llu MiB more; "
			"its quota is %llu MiB",
			cas_path(s->b->store), mib(s->quota.held), mib(more), mib(quota));
	return err_hint(err,
			"`kiln store gc --keep-bytes %lluMiB` removes what nothing needs; or "
			"raise `store: {quota: ...}` in kiln.yaml (KILN_STORE_QUOTA)",
			(unsigned long long)keep);
}

static bool
fits(const struct build_session *s, uint64_t more)
{
	uint64_t quota = asked(s)->quota;

	return s->quota.held <= quota && more <= quota - s->quota.held;
}

static int
collect(struct build_session *s, uint64_t more, struct err *err)
{
	uint64_t quota = asked(s)->quota;
	struct gc_budget budget = { .keep_bytes = quota > more ? quota - more : 1,
				    .working_s =
					    (clock_monotonic_ms() - s->quota.since_ms) / 1000 };
	struct cas_gc_report r;

	if (gc_run(s->b->store, s->b->workspace, &budget, NULL, NULL, &r, err) < 0)
		return -1;
	s->quota.held = r.bytes - r.gone_bytes;
	s->quota.collected_ms = clock_monotonic_ms();
	build_session_event(
		s, BUILD_NEEDS, NULL,
		arena_format(s->a,
			     "the store held %llu MiB of its quota of %llu MiB: %llu object%s "
			     "that nothing needs removed (%llu MiB)",
			     mib(r.bytes), mib(quota), (unsigned long long)r.gone_objects,
			     r.gone_objects == 1 ? "" : "s", mib(r.gone_bytes)));
	return 0;
}

int
build_quota_check(struct build_session *s, uint64_t more, struct err *err)
{
	if (asked(s)->quota == 0)
		return 0;
	if (s->quota.since_ms == 0)
		s->quota.since_ms = clock_monotonic_ms();
	if (gc_room(s->b->store, &s->quota.held, err) < 0)
		return -1;
	if (!fits(s, more) && asked(s)->collect && collect(s, more, err) < 0)
		return -1;
	return fits(s, more) ? 0 : refuse(s, more, err);
}

void
build_quota_add(struct build_session *s, const struct build_job *job,
		const struct pkgfacts *facts, size_t n)
{
	struct stat st;

	if (asked(s)->quota == 0)
		return;
	s->quota.held += QUOTA_DOCUMENT;
	if (job->desk && fstat(job->desk->log_fd, &st) == 0)
		s->quota.held += (uint64_t)st.st_size + QUOTA_PAGE;
	for (size_t i = 0; i < n; i++)
		s->quota.held += facts[i].size + facts[i].installed_size + QUOTA_PAGE;
}

/* To collect again at once what could not be collected would hold up the whole run. */
int
build_quota_start(struct build_session *s, struct err *err)
{
	if (asked(s)->quota == 0 || fits(s, 0))
		return 0;
	if (asked(s)->collect &&
	    clock_monotonic_ms() - s->quota.collected_ms >= BUILD_QUOTA_PAUSE_MS &&
	    collect(s, 0, err) < 0)
		return -1;
	if (fits(s, 0))
		return 0;
	return err_set(err, ERR_LIMIT,
		       "not started: the store %s holds about %llu MiB; its quota is %llu MiB "
		       "(`kiln store gc` removes what nothing needs)",
		       cas_path(s->b->store), mib(s->quota.held), mib(asked(s)->quota));
}
