/* SPDX-License-Identifier: Apache-2.0 */
/* One node of the plan, step by step: see the phases in build_priv.h. */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "builder/lock_priv.h"

/* What ends the whole run and not only this build: no chamber can stand, or the disk is full.
 */
static bool
is_fatal(const struct err *e)
{
	return e->code == ERR_SANDBOX || e->code == ERR_IO || e->code == ERR_INTERRUPTED;
}

static const char *
cause_of(const struct err *e)
{
	switch (e->code) {
	case ERR_FETCH:
		return "source";
	case ERR_SANDBOX:
		return "sandbox";
	case ERR_LIMIT:
		return "limit";
	case ERR_BUILD:
		return "build";
	case ERR_NONE:
	case ERR_INPUT:
	case ERR_IO:
	case ERR_SOLVE:
	case ERR_INTERRUPTED:
	case ERR_USAGE:
	case ERR_VERIFY:
	case ERR_REPRO:
	default:
		return "recipe";
	}
}

void
build_job_tidy(struct build_session *s, struct build_job *job)
{
	build_lock_release(&job->lock);
	build_desk_leave(s, job, job->done != NULL);
	job->phase = BUILD_ENDED;
}

static void
remember(struct build_session *s, const struct build_failure *f)
{
	struct build_summary *sum = s->summary;

	if (!sum->failures)
		sum->failures =
			arena_array(s->a, KILN_MIN(s->plan.n, (size_t)BUILD_MAX_FAILURES),
				    sizeof(*sum->failures));
	if (sum->nfailures < BUILD_MAX_FAILURES)
		sum->failures[sum->nfailures++] = *f;
}

/* What cannot be built elsewhere is built all the same: its users are checked, too. */
static enum schedule_outcome
fail(struct build_session *s, struct build_job *job, const struct build_failure *f)
{
	remember(s, f);
	build_job_tidy(s, job);
	build_session_event(s, BUILD_FAILED, f->recipe, f->cause);
	return job->check ? SCHEDULE_BUILT : SCHEDULE_FAILED;
}

/* A failure of ours about this recipe alone. -1: it ends the run. */
static int
give_up(struct build_session *s, struct build_job *job, enum schedule_outcome *out,
	struct err *err)
{
	struct build_failure f = { .recipe = job->node->recipe->name, .cause = cause_of(err) };
	struct err worse;

	if (build_commit_give_up(s, job, &worse) < 0)
		*err = worse;
	if (job->killed) {
		build_job_tidy(s, job);
		*out = SCHEDULE_FAILED;
		return 0;
	}
	if (is_fatal(err)) {
		build_job_tidy(s, job);
		return err_wrap(err, "recipe %s", f.recipe);
	}
	f.message = arena_strdup(s->a, err->text);
	*out = fail(s, job, &f);
	return 0;
}

/* how: when the plan said that it would be built, NULL when it did not. */
static enum schedule_outcome
serve(struct build_session *s, struct build_job *job, const char *how)
{
	build_job_tidy(s, job);
	if (how)
		build_session_event(s, BUILD_SERVED, job->node->recipe->name, how);
	return SCHEDULE_SERVED;
}

static int
open_chamber(struct build_session *s, struct build_job *job, struct err *err)
{
	CLEANUP(build_chamber_release) struct build_chamber c = { .inputs = NULL };
	const struct recipe *r = job->node->recipe;

	if (build_commit_packages(s, &job->root, err) < 0 ||
	    buildroot_fill(s->a, s->b->sandbox, s->b->store, &s->seed,
			   arena_format(s->a, "recipe %s", r->name), &job->root, err) < 0 ||
	    build_desk_take(s, job, err) < 0 || build_chamber_make(s, job, &c, err) < 0)
		return -1;
	c.spec.keep_failed = job->check ? NULL : build_session_note(s, r);
	c.spec.harvest_tmp = job->desk->tmp;
	c.spec.harvest_files = true;
	return sandbox_begin(s->b->sandbox, &c.spec, &job->run, err);
}

/* Whoever held the lock before may have built just this. */
static int
on_locked(struct build_session *s, size_t node, int *fd, enum schedule_outcome *out,
	  struct err *err)
{
	struct build_job *job = &s->jobs[node];
	struct build_reason reason = { .text = NULL };

	if (build_lock_take(&job->lock, err) < 0 || build_session_lookup(s, job, err) < 0)
		return give_up(s, job, out, err);
	if (job->known) {
		*out = serve(s, job, "another Kiln built it just now");
		return 0;
	}
	if (build_quota_start(s, err) < 0 ||
	    (s->options->why && build_tell_reason(s, node, &reason, err) < 0))
		return give_up(s, job, out, err);
	build_session_event(s, BUILD_STARTED, job->node->recipe->name, reason.text);
	build_tell_changes(s, node, &reason);
	if (open_chamber(s, job, err) < 0)
		return give_up(s, job, out, err);
	job->phase = BUILD_RUNNING;
	*fd = sandbox_run_fd(job->run);
	*out = SCHEDULE_WAIT;
	return 0;
}

static int
begin_locking(struct build_session *s, size_t node, int *fd, enum schedule_outcome *out,
	      struct err *err)
{
	struct build_job *job = &s->jobs[node];

	if (build_lock_begin(s->b->store, arena_format(s->a, "action-%s", job->action.hex),
			     &job->lock, err) < 0)
		return give_up(s, job, out, err);
	if (job->lock.fd >= 0)
		return on_locked(s, node, fd, out, err);
	job->phase = BUILD_LOCKING;
	*fd = job->lock.sock;
	*out = SCHEDULE_WAIT;
	return 0;
}

/* What is known is built all the same. */
static int
begin_check(struct build_session *s, struct build_job *job, int *fd, enum schedule_outcome *out,
	    struct err *err)
{
	if (build_quota_start(s, err) < 0)
		return give_up(s, job, out, err);
	build_session_event(s, BUILD_STARTED, job->node->recipe->name, "again, elsewhere");
	if (open_chamber(s, job, err) < 0)
		return give_up(s, job, out, err);
	job->phase = BUILD_RUNNING;
	*fd = sandbox_run_fd(job->run);
	*out = SCHEDULE_WAIT;
	return 0;
}

static int
on_new(struct build_session *s, size_t node, int *fd, enum schedule_outcome *out,
       struct err *err)
{
	struct build_job *job = &s->jobs[node];
	bool planned = job->known;

	if (job->check)
		return begin_check(s, job, fd, out, err);
	if (build_session_identify(s, node, err) < 0)
		return give_up(s, job, out, err);
	if (job->known) {
		*out = serve(s, job, planned ? NULL : "what it needs came out the same");
		return 0;
	}
	*fd = build_cache_wants(s, job) ? build_cache_begin(s, job) : -1;
	if (*fd < 0)
		return begin_locking(s, node, fd, out, err);
	job->phase = BUILD_ASKING;
	*out = SCHEDULE_WAIT;
	return 0;
}

/* Somebody may have built just this and shared it. */
static int
on_answered(struct build_session *s, size_t node, int *fd, enum schedule_outcome *out,
	    struct err *err)
{
	struct build_job *job = &s->jobs[node];

	if (build_cache_answer(s, job, err) < 0)
		return give_up(s, job, out, err);
	if (job->known) {
		*out = serve(s, job, NULL);
		return 0;
	}
	if (!job->killed)
		return begin_locking(s, node, fd, out, err);
	build_job_tidy(s, job);
	*out = SCHEDULE_FAILED;
	return 0;
}

/* What the run used and attempted, in packages. */
static int
map_trace(struct build_session *s, struct build_job *job, struct err *err)
{
	if (job->outcome->cause == SANDBOX_INTERRUPTED)
		return 0;
	if (trace_map(s->a, s->b->store, &job->root, &job->outcome->seen, &job->trace, err) < 0)
		return -1;
	job->record.trace = &job->trace;
	return 0;
}

/* Log and trace, as those of the recipe's last run. In a batch. */
static int
put_run(struct build_session *s, struct build_job *job, struct err *err)
{
	const char *note = build_session_note(s, job->node->recipe);
	struct trace_run run = { .action = job->action.hex,
				 .outcome = sandbox_cause_word(job->outcome->cause),
				 .trace = job->trace,
				 .seen = job->outcome->seen };

	if (build_log_keep(s, job, &run.log, err) < 0)
		return -1;
	job->record.log = run.log;
	return job->record.trace ? trace_store(s->b->store, note, &run, err)
				 : trace_note_log(s->b->store, note, &run.log, err);
}

/* The same alone: nothing else will come of the run. Who hears of a failure may look at it at
 * once. */
static int
keep_run(struct build_session *s, struct build_job *job, struct err *err)
{
	if (build_commit_enter(s, err) < 0 || put_run(s, job, err) < 0 ||
	    build_commit_leave(s, err) < 0)
		return -1;
	return build_commit_all(s, err);
}

static int
fail_in_chamber(struct build_session *s, struct build_job *job, enum schedule_outcome *out,
		struct err *err)
{
	const struct recipe *r = job->node->recipe;
	struct build_failure f = { .recipe = r->name,
				   .cause = sandbox_cause_word(job->outcome->cause) };

	if (keep_run(s, job, err) < 0)
		return give_up(s, job, out, err);
	if (job->killed || job->outcome->cause == SANDBOX_INTERRUPTED) {
		build_job_tidy(s, job);
		*out = SCHEDULE_FAILED;
		return 0;
	}
	if (build_log_tail(s->a, job->desk->log_fd, &f.log_tail, err) < 0)
		return give_up(s, job, out, err);
	f.message = arena_strdup(s->a, job->outcome->message);
	if (job->outcome->seen.nviolations)
		f.message = arena_format(s->a, "%s; no build may do what it tried: %s",
					 f.message, trace_words(s->a, &job->outcome->seen));
	f.where = job->outcome->cause == SANDBOX_UNPACK_FAILED
			  ? build_chamber_source(s->a, r, job->outcome->step)
			  : build_chamber_where(s, job, job->outcome->step);
	*out = fail(s, job, &f);
	return 0;
}

static int
begin_packing(struct build_session *s, struct build_job *job, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES * 4);

	manifest_write(&job->harvest, &text);
	if (buf_check(&text, "manifest of the output", err) < 0)
		return -1;
	digest_of(buf_text(&text), text.len, &job->record.output);
	return build_pack_begin(s, job, &text, err);
}

static int
on_ran(struct build_session *s, struct build_job *job, int *fd, enum schedule_outcome *out,
       struct err *err)
{
	job->outcome = arena_alloc(s->a, sizeof(*job->outcome));
	if (sandbox_collect(s->a, STEAL_PTR(job->run), job->outcome, &job->harvest, err) < 0)
		return give_up(s, job, out, err);
	job->record = (struct record){ .result = job->outcome,
				       .has_check = job->node->recipe->check.run != NULL };
	if (map_trace(s, job, err) < 0)
		return give_up(s, job, out, err);
	if (job->outcome->cause != SANDBOX_OK)
		return fail_in_chamber(s, job, out, err);
	if (begin_packing(s, job, err) < 0)
		return give_up(s, job, out, err);
	job->phase = BUILD_PACKING;
	*fd = job->pack.pipe;
	*out = SCHEDULE_WAIT;
	return 0;
}

static const char *
words_of(struct arena *a, const struct build_job *job, size_t npackages)
{
	return arena_format(a, "%lld.%lld s, %zu package%s",
			    (long long)job->outcome->elapsed_ms / 1000,
			    (long long)job->outcome->elapsed_ms % 1000 / 100, npackages,
			    npackages == 1 ? "" : "s");
}

/* Nothing can be made of what was built; the run is kept all the same. */
static int
fail_to_pack(struct build_session *s, struct build_job *job, enum schedule_outcome *out,
	     struct err *err)
{
	struct err worse;

	if (keep_run(s, job, &worse) < 0)
		*err = worse;
	return give_up(s, job, out, err);
}

static int
on_packed(struct build_session *s, struct build_job *job, enum schedule_outcome *out,
	  struct err *err)
{
	struct pkgfacts *facts;
	size_t n;

	if (build_pack_collect(s, job, &facts, &n, err) < 0)
		return fail_to_pack(s, job, out, err);
	if (job->check) {
		if (build_check_compare(s, job, facts, n, err) < 0)
			return give_up(s, job, out, err);
		build_job_tidy(s, job);
		*out = SCHEDULE_BUILT;
		return 0;
	}
	if (build_commit_enter(s, err) < 0 || put_run(s, job, err) < 0)
		return give_up(s, job, out, err);
	build_pack_adopt(s, job, facts, n);
	build_quota_add(s, job, facts, n);
	if (build_prove(s, job, facts, n, err) < 0 ||
	    build_commit_queue(s, job, words_of(s->a, job, n), err) < 0)
		return give_up(s, job, out, err);
	job->phase = BUILD_ENDED;
	*out = SCHEDULE_BUILT;
	return 0;
}

static int
step(struct build_session *s, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct build_job *job = &s->jobs[node];

	switch (job->phase) {
	case BUILD_NEW:
		return on_new(s, node, fd, out, err);
	case BUILD_ASKING:
		return on_answered(s, node, fd, out, err);
	case BUILD_LOCKING:
		return on_locked(s, node, fd, out, err);
	case BUILD_RUNNING:
		return on_ran(s, job, fd, out, err);
	case BUILD_PACKING:
		return on_packed(s, job, out, err);
	case BUILD_ENDED:
	default:
		return err_set(err, ERR_BUILD, "recipe %s was advanced after its end",
			       job->node->recipe->name);
	}
}

/* What ended well must also be what the lock says. */
static int
job_advance(void *arg, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct build_session *s = arg;

	if (build_commit_look(s, err) < 0 || step(s, node, fd, out, err) < 0)
		return -1;
	if ((*out == SCHEDULE_BUILT || *out == SCHEDULE_SERVED) &&
	    lock_job(s, &s->jobs[node], err) < 0)
		return give_up(s, &s->jobs[node], out, err);
	return 0;
}

static void
job_kill(void *arg, size_t node)
{
	struct build_session *s = arg;
	struct build_job *job = &s->jobs[node];

	job->killed = true;
	if (job->phase == BUILD_ASKING)
		cache_ask_kill(&job->ask);
	if (job->phase == BUILD_LOCKING)
		build_lock_kill(&job->lock);
	if (job->phase == BUILD_RUNNING)
		sandbox_kill(job->run);
	/* Packing ends by itself soon, and then the work of the build is kept. */
}

const struct schedule_runner build_job_runner = {
	.advance = job_advance,
	.kill = job_kill,
};
