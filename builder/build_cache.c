/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared cache in a build run. Before anything is fetched every node whose action can be
 * known is asked for, many at once (a loop of its own); what is known only later is asked for
 * when its turn comes. What is built is sent while the run goes on. Nothing here fails a run.
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "base/json.h"

#define ASK_AT_ONCE     8
#define FINISH_LIMIT_MS 60000

int
build_cache_ring(struct build_session *s, struct err *err)
{
	const struct workspace *w = s->b->workspace;
	struct keyring own = { 0 };
	struct err ignored;

	if (s->b->signer)
		own = *signer_keys(s->b->signer);
	else if (key_present(w->keys_path) && key_load(s->a, w->keys_path, &own, &ignored) < 0)
		own.n = 0; /* it is only told what would be built */
	s->judges = own.n > 0;
	s->ring.at = arena_array(s->a, own.n, sizeof(*s->ring.at));
	s->ring.n = own.n;
	if (own.n)
		memcpy(s->ring.at, own.at, own.n * sizeof(*s->ring.at));
	for (size_t i = 0; i < w->cache.nkeys; i++) {
		if (key_load(s->a, w->cache.keys[i], &s->ring, err) < 0) {
			err_wrap(err, "kiln.yaml: cache.keys");
			return err_hint(err,
					"it holds files with public keys of builders whose "
					"results may be used, as `kiln key export` prints");
		}
	}
	return 0;
}

int
build_cache_open(struct build_session *s, struct err *err)
{
	return cache_open(s->b->workspace, s->b->store, &s->ring, &s->cache, err);
}

/* What the cache did not do, in words; the run goes on. */
static void
tell(struct build_session *s, const char *recipe, const struct cache_answer *answer, bool off)
{
	const char *text = arena_strdup(s->a, answer->text);

	if (answer->outcome == CACHE_REFUSED)
		build_session_event(s, BUILD_CACHE, recipe,
				    arena_format(s->a, "entry not taken: %s", text));
	if (answer->outcome == CACHE_DOWN)
		build_session_event(s, BUILD_CACHE, recipe,
				    arena_format(s->a, "no answer: %s", text));
	if (off)
		build_session_event(s, BUILD_CACHE, NULL,
				    "too many answers failed or were slow; the shared cache is "
				    "not asked again in this run");
	s->summary->cache_hits += answer->outcome == CACHE_HIT;
	s->summary->cache_misses += answer->outcome == CACHE_MISS;
	s->summary->cache_refused += answer->outcome == CACHE_REFUSED;
	s->summary->cache_down += answer->outcome == CACHE_DOWN;
}

bool
build_cache_wants(const struct build_session *s, const struct build_job *job)
{
	return !job->asked && cache_is_up(s->cache);
}

int
build_cache_begin(struct build_session *s, struct build_job *job)
{
	struct err e;

	job->asked = true;
	if (cache_ask_begin(s->cache, job->node->recipe->name, job->action.hex,
			    !s->options->dry_run, &job->ask, &e) == 0)
		return job->ask.pipe;
	build_session_event(s, BUILD_CACHE, job->node->recipe->name,
			    arena_strdup(s->a, e.text));
	return -1;
}

/* What the statement names by digest lies in the store, the recipe too. */
static int
take(struct build_session *s, struct build_job *job, struct err *err)
{
	CLEANUP(buf_free) struct buf recipe = BUF_MAX(ACTION_MAX_BYTES);

	json_write(job->node->recipe->normal, &recipe);
	if (buf_check(&recipe, "recipe", err) < 0 ||
	    cas_put(s->b->store, recipe.data, recipe.len, NULL, err) < 0)
		return -1;
	return build_session_lookup(s, job, err);
}

/* Only looked at: known for this run, and nothing of it is kept. */
static int
look(struct build_session *s, struct build_job *job, struct err *err)
{
	if (cache_ask_result(s->a, &job->ask, job->action.hex, &job->result, err) < 0)
		return -1;
	job->known = job->elsewhere = true;
	build_memo_facts(s, job);
	s->summary->cached++;
	build_session_event(s, BUILD_PLANNED, job->node->recipe->name,
			    "would be served from the shared cache");
	return 0;
}

int
build_cache_answer(struct build_session *s, struct build_job *job, struct err *err)
{
	struct cache_answer answer;
	bool off;
	int rc = 0;

	cache_ask_collect(s->cache, &job->ask, &answer, &off);
	tell(s, job->node->recipe->name, &answer, off);
	if (answer.outcome == CACHE_HIT)
		rc = s->options->dry_run ? look(s, job, err) : take(s, job, err);
	cache_ask_release(&job->ask);
	if (rc == 0 && job->known && !job->elsewhere)
		build_session_event(s, BUILD_SERVED, job->node->recipe->name,
				    arena_format(s->a,
						 "from the shared cache, built under key %s",
						 answer.text));
	return rc;
}

/* ---- the loop before the run: a plan whose nodes are done when they are known ---- */

static int
consult_advance(void *arg, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct build_session *s = arg;
	struct build_job *job = &s->jobs[node];

	if (job->ask.pipe >= 0) {
		if (build_cache_answer(s, job, err) < 0)
			return -1;
	} else {
		if (build_session_identify(s, node, err) < 0 && err->code != ERR_SOLVE)
			return -1;
		if (job->identified && !job->known && build_cache_wants(s, job)) {
			*fd = build_cache_begin(s, job);
			*out = *fd >= 0 ? SCHEDULE_WAIT : SCHEDULE_FAILED;
			return 0;
		}
	}
	*out = job->known ? SCHEDULE_SERVED : SCHEDULE_FAILED;
	return 0;
}

static void
consult_kill(void *arg, size_t node)
{
	struct build_session *s = arg;

	cache_ask_kill(&s->jobs[node].ask);
}

int
build_cache_consult(struct build_session *s, struct err *err)
{
	const struct schedule_runner runner = { .arg = s,
						.advance = consult_advance,
						.kill = consult_kill };
	const struct schedule_options o = { .jobs = ASK_AT_ONCE,
					    .keep_going = true,
					    .stop = s->options->stop };
	struct schedule_counts ignored;

	if (!cache_is_up(s->cache))
		return 0;
	return schedule_run(&s->plan, &runner, &o, &ignored, err);
}

void
build_cache_send(struct build_session *s, const struct build_job *job)
{
	if (s->cache)
		cache_send(s->cache, job->node->recipe->name, job->action.hex);
}

void
build_cache_finish(struct build_session *s)
{
	struct cache_report r;

	if (!cache_is_written(s->cache))
		return;
	cache_send_finish(s->cache, FINISH_LIMIT_MS, s->options->stop, &r);
	s->summary->cache_sent = r.sent;
	s->summary->cache_unsent = r.unsent;
	if (r.unsent)
		build_session_event(s, BUILD_CACHE, NULL,
				    arena_format(s->a, "%zu result%s not sent%s%s", r.unsent,
						 r.unsent == 1 ? " was" : "s were",
						 *r.text ? ": " : "", r.text));
}
