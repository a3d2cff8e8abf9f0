/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results are made durable by a process beside the loop (base/cas_batch.h), many at once when
 * they come fast. A job whose result was handed over is over for the loop: what needs it may go
 * on with what is in memory. But it is said to be done, sent to others, and its lock given up,
 * only when the result is as good as on the disk; and what needs the blobs of its packages
 * waits for them (build_commit_packages).
 */
#include "builder/build_priv.h"

int
build_commit_enter(struct build_session *s, struct err *err)
{
	if (!s->batch && cas_batch_open(s->b->store, &s->batch, err) < 0)
		return -1;
	cas_batch_enter(s->batch);
	return 0;
}

int
build_commit_leave(struct build_session *s, struct err *err)
{
	return cas_batch_leave(s->batch, &s->ticket, err);
}

int
build_commit_queue(struct build_session *s, struct build_job *job, const char *text,
		   struct err *err)
{
	if (build_commit_leave(s, err) < 0)
		return -1;
	job->ticket = s->ticket;
	job->done = text;
	if (s->last_committing)
		s->last_committing->next_committing = job;
	else
		s->committing = job;
	s->last_committing = job;
	return 0;
}

/* What was handed over ends in the same order. */
static void
finish(struct build_session *s, uint64_t ticket)
{
	while (s->committing && s->committing->ticket <= ticket) {
		struct build_job *job = s->committing;

		s->committing = job->next_committing;
		if (!s->committing)
			s->last_committing = NULL;
		if (job->done) {
			build_memo_written(s, job);
			build_session_event(s, BUILD_DONE, job->node->recipe->name, job->done);
			build_cache_send(s, job);
		}
		build_job_tidy(s, job);
	}
}

int
build_commit_look(struct build_session *s, struct err *err)
{
	uint64_t ticket;

	if (!s->committing)
		return 0;
	if (cas_batch_done(s->batch, &ticket, err) < 0)
		return -1;
	finish(s, ticket);
	return 0;
}

int
build_commit_all(struct build_session *s, struct err *err)
{
	if (!s->batch)
		return 0;
	if (cas_batch_wait(s->batch, s->ticket, err) < 0)
		return -1;
	finish(s, s->ticket);
	return 0;
}

int
build_commit_packages(struct build_session *s, const struct buildroot *root, struct err *err)
{
	for (size_t i = 0; s->committing && i < root->npackages; i++)
		if (!cas_has(s->b->store, &root->packages[i]->file))
			return build_commit_all(s, err);
	return 0;
}

/* A job fails: what it was writing goes, what it handed over is waited for, and nothing is said
 * of it. */
int
build_commit_give_up(struct build_session *s, struct build_job *job, struct err *err)
{
	if (s->batch)
		cas_batch_cancel(s->batch);
	job->done = NULL;
	return job->ticket ? build_commit_all(s, err) : 0;
}

void
build_commit_end(struct build_session *s)
{
	cas_batch_close(STEAL_PTR(s->batch));
	s->committing = s->last_committing = NULL;
}
