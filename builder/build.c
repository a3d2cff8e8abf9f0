/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include "base/clock.h"

/* What a run wants to find free before it begins: /build and /out of each chamber are memory,
 * and the store takes trees of the seed, packages and logs. */
#define ROOM_DISK_BASE   ((uint64_t)1024 * 1024 * 1024)
#define ROOM_DISK_EACH   ((uint64_t)64 * 1024 * 1024)
#define ROOM_MEMORY_BASE ((uint64_t)1024 * 1024 * 1024)
#define MIB              ((uint64_t)1024 * 1024)

static int
check_room(struct build_session *s, size_t to_build, uint64_t *memory, struct err *err)
{
	uint64_t disk, need = ROOM_DISK_BASE + ROOM_DISK_EACH * to_build;

	if (workspace_room(s->b->workspace, &disk, memory, err) < 0)
		return -1;
	if (disk < need) {
		err_set(err, ERR_IO,
			"building %zu recipes needs about %llu MiB of disk where the store is (%s); %llu MiB are free",
			to_build, (unsigned long long)(need / MIB), cas_path(s->b->store),
			(unsigned long long)(disk / MIB));
		return err_hint(
			err,
			"free disk space, or set KILN_STORE to a directory on a larger disk");
	}
	if (*memory < ROOM_MEMORY_BASE) {
		err_set(err, ERR_IO,
			"building needs about %llu MiB of free memory; %llu MiB are available",
			(unsigned long long)(ROOM_MEMORY_BASE / MIB),
			(unsigned long long)(*memory / MIB));
		return err_hint(err,
				"end other programs, or build on a machine with more memory");
	}
	return 0;
}

/* What is known of a node that cannot be served. */
static int
tell_reasons(struct build_session *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		const char *reason;

		if (s->jobs[i].known)
			continue;
		if (build_session_reason(s, i, &reason, err) < 0)
			return -1;
		build_session_event(s, BUILD_PLANNED, s->jobs[i].node->recipe->name, reason);
	}
	return 0;
}

static unsigned
cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

static int
run_plan(struct build_session *s, uint64_t memory, struct err *err)
{
	struct schedule_runner runner = build_job_runner;
	struct schedule_options o = {
		.jobs = s->options->jobs ? s->options->jobs : cores(),
		.memory = memory,
		.keep_going = s->options->keep_going,
		.stop = s->options->stop,
	};
	struct schedule_counts counts;

	runner.arg = s;
	if (schedule_run(&s->plan, &runner, &o, &counts, err) < 0)
		return -1;
	s->summary->built = counts.built;
	s->summary->served = counts.served;
	s->summary->failed = counts.failed;
	s->summary->blocked = counts.blocked;
	return 0;
}

static int
plan_and_run(struct build_session *s, struct err *err)
{
	uint64_t memory = 0;
	size_t known, missing;

	if (build_session_offers(s, err) < 0 || build_session_probe(s, &known, err) < 0)
		return -1;
	missing = s->plan.n - known;
	build_session_event(s, BUILD_PLANNED, NULL,
			    arena_format(s->a, "%zu recipe%s: %zu to build, %zu in the store",
					 s->plan.n, s->plan.n == 1 ? "" : "s", missing, known));
	if ((s->options->dry_run || s->options->why) && tell_reasons(s, err) < 0)
		return -1;
	if (s->options->dry_run) {
		s->summary->built = missing;
		s->summary->served = known;
		return 0;
	}
	if (missing &&
	    (check_room(s, missing, &memory, err) < 0 || build_fetch_missing(s, err) < 0))
		return -1;
	return run_plan(s, memory, err);
}

int
build_run(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	  const struct build_options *o, struct build_summary *out, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	int64_t start = clock_monotonic_ms();

	*out = (struct build_summary){ 0 };
	if (build_session_load(a, b, names, nnames, &s, err) < 0)
		return -1;
	s.options = o;
	s.summary = out;
	if (plan_and_run(&s, err) < 0)
		return -1;
	out->elapsed_ms = clock_monotonic_ms() - start;
	return 0;
}
