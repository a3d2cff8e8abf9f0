/* SPDX-License-Identifier: Apache-2.0 */
/* What a run says before it begins: why each recipe is built, what may yet be cut off, and how
 * long it will take. */
#include "base/mem.h"
#include "builder/build_priv.h"

/* The action of a node whose environment is not known yet: everything else of it is. */
static int
action_without_environment(struct build_session *s, const struct recipe *r, struct doc **out,
			   struct err *err)
{
	struct buildroot root = { 0 };
	struct action action;
	struct action_input in = {
		.recipe = r, .root = &root, .seed = &s->seed, .vendor = s->b->workspace->vendor
	};

	if (seed_ground(s->a, &s->seed, (const char *const *)r->ground, r->nground,
			&root.ground, &root.nground, err) < 0 ||
	    action_make(s->a, &in, &action, err) < 0)
		return -1;
	*out = action.doc;
	return 0;
}

/* Something below is to be built first. Where nothing else changed, an identical result of that
 * ends the matter: the node is served. */
static int
tell_waiting(struct build_session *s, struct build_job *job, const char *below,
	     struct build_reason *out, struct err *err)
{
	const struct recipe *r = job->node->recipe;
	struct doc *now;

	if (action_without_environment(s, r, &now, err) < 0)
		return -1;
	if (!out->before)
		out->text = arena_format(s->a, "waits for %s; not built before", below);
	else if (action_only_environment(out->before, now))
		out->text = arena_format(
			s->a, "waits for %s; built again only if that comes out different",
			below);
	else
		out->text = arena_format(s->a, "waits for %s; changed besides", below);
	job->maybe = out->before && action_only_environment(out->before, now);
	return 0;
}

static const char *
first_unknown_need(const struct build_session *s, const struct plan_node *node)
{
	for (size_t i = 0; i < node->nneeds; i++) {
		const struct build_job *need = &s->jobs[node->needs[i]];

		if (!need->known)
			return need->node->recipe->name;
	}
	return NULL;
}

int
build_tell_reason(struct build_session *s, size_t node, struct build_reason *out,
		  struct err *err)
{
	struct build_job *job = &s->jobs[node];
	const char *below = first_unknown_need(s, job->node);

	*out = (struct build_reason){ .text = "its environment cannot be solved" };
	if (result_last_action(s->a, s->b->store, build_session_note(s, job->node->recipe),
			       &out->before, err) < 0)
		return -1;
	if (below)
		return tell_waiting(s, job, below, out, err);
	if (!job->identified)
		return 0;
	if (job->foreign) {
		out->text = "what is in the store was signed by another builder key";
		return 0;
	}
	out->text = "not built before";
	if (!out->before)
		return 0;
	out->text = action_difference(s->a, out->before, job->action.doc);
	if (*out->text == '\0')
		out->text = "its result is gone from the store";
	else
		out->text = arena_format(s->a, "changed: %s", out->text);
	return 0;
}

struct telling {
	const struct build_session *s;
	const char *recipe;
};

static void
tell_change(void *arg, const char *path, const char *before, const char *now)
{
	const struct telling *t = arg;

	build_session_event(t->s, BUILD_CHANGE, t->recipe,
			    arena_format(t->s->a, "%s: %s -> %s", path, before, now));
}

void
build_tell_changes(struct build_session *s, size_t node, const struct build_reason *reason)
{
	struct build_job *job = &s->jobs[node];
	struct telling t = { .s = s, .recipe = job->node->recipe->name };

	if (!s->options->why || !reason->before || !job->identified || job->told)
		return;
	job->told = true;
	action_changes(s->a, reason->before, job->action.doc, tell_change, &t);
}

static int
tell_all(struct build_session *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		struct build_reason reason;

		if (s->jobs[i].known)
			continue;
		if (build_tell_reason(s, i, &reason, err) < 0)
			return -1;
		build_session_event(s, BUILD_PLANNED, s->jobs[i].node->recipe->name,
				    reason.text);
		build_tell_changes(s, i, &reason);
	}
	return 0;
}

/* The whole number next below the cube root. */
static uint64_t
cube_root(uint64_t v)
{
	uint64_t root = 0;

	for (int bit = 20; bit >= 0; bit--) {
		uint64_t next = root | (uint64_t)1 << bit;

		if (next * next * next <= v)
			root = next;
	}
	return root;
}

/* Over the sources of a distribution, time grows with the 0.36th power of their size: nearly
 * the cube root. PLAN_DEFAULT_MS is for GUESS_BYTES, and for what was not fetched yet. */
#define GUESS_BYTES ((uint64_t)1024 * 1024)
static int64_t
guess_duration(const struct build_session *s, const struct recipe *r)
{
	uint64_t bytes = 0, size;
	struct err ignored;

	for (size_t i = 0; i < r->nsources; i++) {
		if (cas_size(s->b->store, &r->sources[i].sha256, &size, &ignored) == 0)
			bytes += KILN_MIN(size, (uint64_t)1 << 50);
	}
	if (bytes == 0)
		return PLAN_DEFAULT_MS;
	return PLAN_DEFAULT_MS * (int64_t)cube_root(bytes) / (int64_t)cube_root(GUESS_BYTES);
}

int
build_tell_weigh(struct build_session *s, size_t *unmeasured, struct err *err)
{
	*unmeasured = 0;
	for (size_t i = 0; i < s->plan.n; i++) {
		struct plan_node *node = &s->plan.at[i];
		int64_t ms = -1;

		node->duration_ms = 0;
		if (s->jobs[i].known)
			continue;
		if (result_last_duration(s->b->store, build_session_note(s, node->recipe), &ms,
					 err) < 0)
			return -1;
		s->jobs[i].guessed = ms < 0;
		node->duration_ms = ms < 0 ? guess_duration(s, node->recipe) : ms;
		*unmeasured += ms < 0;
	}
	plan_weigh(&s->plan);
	return 0;
}

int
build_tell_plan(struct build_session *s, unsigned jobs, struct err *err)
{
	CLEANUP(mem_free) bool *todo = mem_alloc(s->plan.n + 1);
	struct build_summary *sum = s->summary;

	if (build_tell_weigh(s, &sum->unmeasured, err) < 0)
		return -1;
	if ((s->options->dry_run || s->options->why) && tell_all(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		todo[i] = !s->jobs[i].known && !s->jobs[i].maybe;
		sum->maybe += s->jobs[i].maybe;
	}
	sum->least_ms = schedule_estimate(&s->plan, todo, jobs);
	for (size_t i = 0; i < s->plan.n; i++)
		todo[i] = !s->jobs[i].known;
	sum->most_ms = schedule_estimate(&s->plan, todo, jobs);
	return 0;
}
