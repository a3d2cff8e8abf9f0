/* SPDX-License-Identifier: Apache-2.0 */
/* The plan played through with its durations, by the rule of the real loop. */
#include "base/mem.h"
#include "builder/schedule_priv.h"

struct play {
	const struct plan *plan;
	const int64_t *ms; /* what each node takes; below 0: nothing, and no place either */
	unsigned jobs;
	uint64_t memory; /* 0: no bound */
	size_t *missing;
	struct schedule_queue ready;
	struct ending {
		int64_t at;
		size_t node;
	} * running; /* a heap, the earliest end on top */
	size_t nrunning;
	uint64_t used;
	int64_t now;
};

static void
play_release_scope(struct play *p)
{
	free(p->missing);
	free(p->running);
	schedule_queue_release(&p->ready);
}

static bool
ends_first(const struct ending *x, const struct ending *y)
{
	return x->at != y->at ? x->at < y->at : x->node < y->node;
}

static void
begin(struct play *p, struct ending e)
{
	size_t i = p->nrunning++;

	p->used += schedule_memory(p->plan, e.node);
	for (; i && ends_first(&e, &p->running[(i - 1) / 2]); i = (i - 1) / 2)
		p->running[i] = p->running[(i - 1) / 2];
	p->running[i] = e;
}

static struct ending
end_one(struct play *p)
{
	struct ending top = p->running[0], last = p->running[--p->nrunning];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= p->nrunning)
			break;
		if (child + 1 < p->nrunning &&
		    ends_first(&p->running[child + 1], &p->running[child]))
			child++;
		if (!ends_first(&p->running[child], &last))
			break;
		p->running[i] = p->running[child];
		i = child;
	}
	p->running[i] = last;
	p->used -= schedule_memory(p->plan, top.node);
	return top;
}

static void
release_users(struct play *p, size_t node)
{
	const struct plan_node *x = &p->plan->at[node];

	for (size_t i = 0; i < x->nusers; i++) {
		if (--p->missing[x->users[i]] == 0)
			schedule_queue_push(&p->ready, x->users[i]);
	}
}

static size_t
next_ready(struct play *p)
{
	bool bound = p->memory && p->nrunning;

	if (p->ready.n == 0 || (p->nrunning && p->nrunning >= p->jobs))
		return p->plan->n;
	return schedule_queue_pop(&p->ready, bound ? p->memory - KILN_MIN(p->memory, p->used)
						   : UINT64_MAX);
}

static int64_t
play_to_end(struct play *p)
{
	while (p->ready.n || p->nrunning) {
		size_t node = next_ready(p);

		if (node == p->plan->n) {
			struct ending e = end_one(p);

			p->now = e.at;
			release_users(p, e.node);
		} else if (p->ms[node] < 0) {
			release_users(p, node);
		} else {
			begin(p, (struct ending){ p->now + p->ms[node], node });
		}
	}
	return p->now;
}

static void
set_up(struct play *p)
{
	p->ready.plan = p->plan;
	p->missing = mem_alloc((p->plan->n + 1) * sizeof(*p->missing));
	p->running = mem_alloc((p->plan->n + 1) * sizeof(*p->running));
}

int64_t
schedule_estimate(const struct plan *plan, const bool *todo, unsigned jobs)
{
	CLEANUP(mem_free) int64_t *ms = mem_alloc((plan->n + 1) * sizeof(*ms));
	CLEANUP(play_release) struct play p = { .plan = plan, .ms = ms, .jobs = jobs };

	set_up(&p);
	for (size_t i = 0; i < plan->n; i++) {
		ms[i] = !todo || todo[i] ? plan->at[i].duration_ms : -1;
		p.missing[i] = plan->at[i].nneeds;
		if (p.missing[i] == 0)
			schedule_queue_push(&p.ready, i);
	}
	return play_to_end(&p);
}

static bool
is_over(enum schedule_state s)
{
	return s == SCHEDULE_IS_DONE || s == SCHEDULE_HAS_FAILED || s == SCHEDULE_IS_BLOCKED;
}

/* What is over is not played: nobody waits for it, and it waits for nobody. */
int64_t
schedule_rest(const struct plan *plan, const struct schedule_now *now, const int64_t *ms,
	      const struct schedule_options *o)
{
	CLEANUP(play_release)
	struct play p = { .plan = plan, .ms = ms, .jobs = o->jobs, .memory = o->memory };

	set_up(&p);
	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_node *node = &plan->at[i];

		if (is_over(now->states[i])) {
			p.missing[i] = SIZE_MAX;
			continue;
		}
		for (size_t j = 0; j < node->nneeds; j++)
			p.missing[i] += now->states[node->needs[j]] != SCHEDULE_IS_DONE;
		if (now->states[i] == SCHEDULE_IS_RUNNING)
			begin(&p, (struct ending){ KILN_MAX(ms[i], (int64_t)0), i });
		else if (p.missing[i] == 0)
			schedule_queue_push(&p.ready, i);
	}
	return play_to_end(&p);
}
