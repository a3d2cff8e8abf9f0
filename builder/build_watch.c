/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_watch.h"
#include "base/clock.h"
#include "base/mem.h"
#include "builder/runfile.h"

#define SHOW_PAUSE_MS  100  /* between two views: more often nobody can read them */
#define LOCK_SEEN_MS   1000 /* a lock held longer than this is another Kiln's work */
#define REST_PAUSE_MS  1000 /* between two reckonings when nothing changed */
#define REST_COST_PART 50   /* reckoning may take this part of the time */
#define OVERDUE_PART   8    /* what is overdue takes this part of its time yet */

/* Until this much was built, the pace is believed to be what was expected. */
#define PACE_MEASURED_MS 30000
#define PACE_GUESSED_MS  5000

struct watched {
	bool todo;
	enum build_phase phase;
	int64_t begun_ms, phase_ms; /* 0: not yet */
	const char *word;           /* the phase as it was said last; NULL: not yet */
};
struct pace {
	int64_t expected_ms, taken_ms;
};
struct build_watch {
	struct build_session *s;
	const struct build_options *outer;
	struct build_options options; /* what the session sees */
	const struct schedule_options *loop;
	struct runfile *file; /* NULL: nothing is to be built */
	struct watched *jobs;
	const char *doing;
	int64_t begun_ms, shown_ms;
	int64_t rest_ms, rest_at_ms, rest_cost_ms;
	int64_t *ms; /* of each node, for the reckoning */
	size_t todo, done, failed, blocked;
	struct pace paces[2];   /* measured, guessed */
	bool changed, stopping; /* stopping: it was shown that the run was told to */
	struct build_running *running;
	struct build_waiting waiting[BUILD_WAITING_MAX];
};

/* ---- the time that is left ---- */
static int64_t
expected(const struct build_watch *w, size_t node)
{
	const struct pace *p = &w->paces[w->s->jobs[node].guessed];

	return (int64_t)((double)w->s->plan.at[node].duration_ms * (double)p->taken_ms /
			 (double)p->expected_ms);
}

static void
learn_pace(struct build_watch *w, size_t node, int64_t taken_ms)
{
	struct pace *p = &w->paces[w->s->jobs[node].guessed];

	p->expected_ms += w->s->plan.at[node].duration_ms;
	p->taken_ms += taken_ms;
}

static int64_t
left_of(const struct build_watch *w, size_t node, enum schedule_state state, int64_t now_ms)
{
	int64_t whole = expected(w, node), elapsed = now_ms - w->jobs[node].begun_ms;

	if (!w->jobs[node].todo)
		return -1;
	if (state != SCHEDULE_IS_RUNNING)
		return whole;
	return KILN_MAX(whole - elapsed, elapsed / OVERDUE_PART);
}

static void
reckon(struct build_watch *w, const struct schedule_now *now, int64_t now_ms)
{
	int64_t pause = KILN_MAX(w->changed ? SHOW_PAUSE_MS : REST_PAUSE_MS,
				 w->rest_cost_ms * REST_COST_PART);

	if (w->rest_at_ms && now_ms - w->rest_at_ms < pause)
		return;
	for (size_t i = 0; i < w->s->plan.n; i++)
		w->ms[i] = left_of(w, i, now->states[i], now_ms);
	w->rest_ms = schedule_rest(&w->s->plan, now, w->ms, w->loop);
	w->rest_at_ms = now_ms;
	w->rest_cost_ms = clock_monotonic_ms() - now_ms;
}

/* ---- the view ---- */
static const char locked[] = "lock";

static const char *
word_of(enum build_phase p)
{
	if (p == BUILD_RUNNING)
		return "build";
	if (p == BUILD_ASKING)
		return "cache";
	return p == BUILD_PACKING ? "package" : "start";
}

/* Of several needs that are missing one that runs, else the one with the longest way. */
static size_t
awaited(const struct build_watch *w, const struct schedule_now *now, size_t node)
{
	const struct plan *p = &w->s->plan;
	size_t best = p->n;

	for (size_t i = 0; i < p->at[node].nneeds; i++) {
		size_t need = p->at[node].needs[i];

		if (now->states[need] == SCHEDULE_IS_RUNNING)
			return need;
		if (now->states[need] != SCHEDULE_IS_DONE &&
		    (best == p->n || p->at[need].path_ms > p->at[best].path_ms))
			best = need;
	}
	return best;
}

static const char *
why_waits(const struct build_watch *w, const struct schedule_now *now, size_t node,
	  struct arena *a)
{
	size_t need = awaited(w, now, node);

	if (need < w->s->plan.n)
		return arena_format(a, "for %s", w->s->plan.at[need].recipe->name);
	return now->for_memory ? "for memory" : "for a free place";
}

/* The most urgent of what waits, in the order in which the loop would start it. */
static void
collect_waiting(struct build_watch *w, const struct schedule_now *now, struct build_now *out,
		struct arena *a)
{
	const struct plan *p = &w->s->plan;
	size_t first[BUILD_WAITING_MAX], n = 0;

	for (size_t i = 0; i < p->n; i++) {
		bool ready = now->states[i] == SCHEDULE_IS_READY;
		size_t at;

		if (!w->jobs[i].todo || (!ready && now->states[i] != SCHEDULE_IS_IDLE))
			continue;
		out->ready += ready;
		out->idle += !ready;
		for (at = n; at && p->at[first[at - 1]].path_ms < p->at[i].path_ms; at--)
			if (at < BUILD_WAITING_MAX)
				first[at] = first[at - 1];
		if (at < BUILD_WAITING_MAX)
			first[at] = i;
		n = KILN_MIN(n + 1, (size_t)BUILD_WAITING_MAX);
	}
	for (size_t i = 0; i < n; i++)
		w->waiting[i] = (struct build_waiting){ p->at[first[i]].recipe->name,
							why_waits(w, now, first[i], a) };
	out->waiting = w->waiting;
	out->nwaiting = n;
}

static void
collect_running(struct build_watch *w, const struct schedule_now *now, struct build_now *out,
		int64_t now_ms)
{
	for (size_t i = 0; i < now->nrunning; i++) {
		size_t node = now->running[i];
		struct watched *j = &w->jobs[node];

		w->running[i] = (struct build_running){
			.recipe = w->s->plan.at[node].recipe->name,
			.phase = j->word ? j->word : word_of(j->phase),
			.elapsed_ms = now_ms - j->begun_ms,
			.expected_ms = expected(w, node),
			.guessed = w->s->jobs[node].guessed,
		};
	}
	out->running = w->running;
	out->nrunning = now->nrunning;
}

/* now: NULL before the loop runs. */
static void
show(struct build_watch *w, const struct schedule_now *now)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	int64_t now_ms = clock_monotonic_ms();
	struct build_now view = { .doing = w->doing,
				  .recipes = w->s->plan.n,
				  .todo = w->todo,
				  .done = w->done,
				  .failed = w->failed,
				  .blocked = w->blocked,
				  .idle = now ? 0 : w->todo,
				  .elapsed_ms = now_ms - w->begun_ms,
				  .rest_ms = -1 };

	w->shown_ms = now_ms;
	if (now) {
		reckon(w, now, now_ms);
		view.rest_ms = KILN_MAX(w->rest_ms - (now_ms - w->rest_at_ms), (int64_t)0);
		collect_running(w, now, &view, now_ms);
		collect_waiting(w, now, &view, &a);
	}
	if (w->changed && w->file)
		runfile_write(w->file, &view);
	w->changed = false;
	if (w->outer->tick)
		w->outer->tick(w->outer->arg, &view);
}

/* ---- what happens ---- */
static void
say_phase(struct build_watch *w, size_t node, const char *word)
{
	if (w->jobs[node].word == word)
		return;
	w->jobs[node].word = word;
	w->changed = true;
	build_session_event(w->s, BUILD_PHASE, w->s->plan.at[node].recipe->name, word);
}

static bool
runs(const struct build_now *now, const char *recipe)
{
	for (size_t i = 0; i < now->nrunning; i++)
		if (strcmp(now->running[i].recipe, recipe) == 0)
			return true;
	return false;
}

/* Who it is, if it says so itself (runfile.h): somebody may want to end it. */
static void
say_locked(struct build_watch *w, size_t node)
{
	const char *name = w->s->plan.at[node].recipe->name;
	struct runfile_entry *others;
	struct err ignored;
	size_t n;

	if (w->jobs[node].word == locked)
		return;
	say_phase(w, node, locked);
	if (runfile_list(w->s->a, w->s->b->store, &others, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (others[i].pid != getpid() && runs(&others[i].now, name))
			build_session_event(w->s, BUILD_LOCK, name,
					    arena_format(w->s->a, "process %lld of %s has it",
							 (long long)others[i].pid,
							 others[i].workspace));
}

static void
end_job(struct build_watch *w, size_t node, enum schedule_outcome outcome, int64_t now_ms)
{
	struct watched *j = &w->jobs[node];

	w->changed = true;
	if (outcome == SCHEDULE_FAILED) {
		w->failed++;
		return;
	}
	w->done += j->todo;
	if (outcome == SCHEDULE_BUILT)
		learn_pace(w, node, now_ms - j->begun_ms);
}

static int
on_advance(void *arg, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct build_watch *w = arg;
	struct watched *j = &w->jobs[node];
	enum build_phase phase;
	int rc;

	if (!j->begun_ms)
		j->begun_ms = clock_monotonic_ms();
	rc = build_job_runner.advance(w->s, node, fd, out, err);
	if (rc < 0)
		return -1;
	if (*out != SCHEDULE_WAIT) {
		end_job(w, node, *out, clock_monotonic_ms());
		return 0;
	}
	phase = w->s->jobs[node].phase;
	if (phase == j->phase)
		return 0;
	j->phase = phase;
	j->phase_ms = clock_monotonic_ms();
	w->changed = true;
	/* Every build takes its lock; only one that another Kiln holds is worth a word. */
	if (phase == BUILD_RUNNING || phase == BUILD_PACKING)
		say_phase(w, node, word_of(phase));
	return 0;
}

static void
on_kill(void *arg, size_t node)
{
	const struct build_watch *w = arg;

	build_job_runner.kill(w->s, node);
}

static void
on_blocked(void *arg, size_t node, size_t by)
{
	struct build_watch *w = arg;

	w->blocked++;
	if (by < w->s->plan.n)
		build_session_event(w->s, BUILD_BLOCKED, w->s->plan.at[node].recipe->name,
				    w->s->plan.at[by].recipe->name);
}

static bool
is_stopped(const struct build_watch *w)
{
	return w->outer->stop && *w->outer->stop;
}

static void
on_tick(void *arg, const struct schedule_now *now)
{
	struct build_watch *w = arg;
	int64_t now_ms = clock_monotonic_ms();
	struct err told_later;

	(void)!build_commit_look(w->s, &told_later);
	for (size_t i = 0; i < now->nrunning; i++) {
		const struct watched *j = &w->jobs[now->running[i]];

		if (j->phase == BUILD_LOCKING && now_ms - j->phase_ms >= LOCK_SEEN_MS)
			say_locked(w, now->running[i]);
	}
	/* What was told to end may have ended before the next view. */
	if (is_stopped(w) && !w->stopping) {
		w->stopping = true;
		show(w, now);
	} else if (now_ms - w->shown_ms >= SHOW_PAUSE_MS) {
		show(w, now);
	}
}

/* The event comes after the failure was added to the summary. */
static void
keep_failure(struct build_watch *w, const char *name)
{
	struct build_summary *sum = w->s->summary;
	struct build_failure *f = sum->nfailures ? &sum->failures[sum->nfailures - 1] : NULL;

	if (f && strcmp(f->recipe, name) == 0)
		build_state_keep_failure(w->s, f);
}

static void
on_event(void *arg, enum build_event e, const char *name, const char *text)
{
	struct build_watch *w = arg;

	w->changed = true;
	if (e == BUILD_FAILED)
		keep_failure(w, name);
	if (e == BUILD_UNPACK)
		build_watch_doing(w, "unpacking");
	if (w->outer->event)
		w->outer->event(w->outer->arg, e, name, text);
}

/* ---- the run ---- */
void
build_watch_begin(struct build_session *s, struct build_watch **out)
{
	struct build_watch *w = mem_alloc(sizeof(*w));

	w->s = s;
	w->outer = s->options;
	w->options = *s->options;
	w->options.event = on_event;
	w->options.arg = w;
	w->doing = "planning";
	w->begun_ms = clock_monotonic_ms();
	w->paces[0] = (struct pace){ PACE_MEASURED_MS, PACE_MEASURED_MS };
	w->paces[1] = (struct pace){ PACE_GUESSED_MS, PACE_GUESSED_MS };
	s->options = &w->options;
	*out = w;
}

int
build_watch_show(struct build_watch *w, struct err *err)
{
	if (!w->file && runfile_open(w->s->b->store, w->s->b->workspace, &w->file, err) < 0)
		return -1;
	w->changed = true;
	show(w, NULL);
	return 0;
}

void
build_watch_doing(struct build_watch *w, const char *doing)
{
	if (strcmp(w->doing, doing) == 0)
		return;
	w->doing = doing;
	w->changed = true;
	if (w->file)
		show(w, NULL);
}

int
build_watch_run(struct build_watch *w, struct schedule_options *o,
		struct schedule_counts *counts, struct err *err)
{
	const struct schedule_runner runner = { w, on_advance, on_kill, on_blocked };
	size_t n = w->s->plan.n;

	w->jobs = arena_array(w->s->a, n, sizeof(*w->jobs));
	w->ms = arena_array(w->s->a, n, sizeof(*w->ms));
	w->running = arena_array(w->s->a, n, sizeof(*w->running));
	for (size_t i = 0; i < n; i++)
		w->jobs[i].todo = !w->s->jobs[i].known;
	w->todo = w->s->summary->todo;
	w->loop = o;
	o->tick = w->todo ? on_tick : NULL;
	o->tick_arg = w;
	w->doing = "building";
	w->changed = true;
	return schedule_run(&w->s->plan, &runner, o, counts, err);
}

void
build_watch_end(struct build_watch *w)
{
	if (!w)
		return;
	w->s->options = w->outer;
	runfile_close(w->file);
	free(w);
}
