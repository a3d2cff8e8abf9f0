/* SPDX-License-Identifier: Apache-2.0 */
/* The plan played through with its recorded durations, by the rule of the real loop. */
#include "base/mem.h"
#include "builder/schedule_priv.h"

struct play {
	const struct plan *plan;
	const bool *todo; /* NULL: everything */
	size_t *missing;
	struct schedule_queue ready;
	struct ending {
		int64_t at;
		size_t node;
	} * running; /* a heap, the earliest end on top */
	size_t nrunning;
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

int64_t
schedule_estimate(const struct plan *plan, const bool *todo, unsigned jobs)
{
	CLEANUP(play_release) struct play p = { .plan = plan, .todo = todo };
	int64_t now = 0;

	p.ready.plan = plan;
	p.missing = mem_alloc((plan->n + 1) * sizeof(*p.missing));
	p.running = mem_alloc(((size_t)jobs + 1) * sizeof(*p.running));
	for (size_t i = 0; i < plan->n; i++) {
		p.missing[i] = plan->at[i].nneeds;
		if (p.missing[i] == 0)
			schedule_queue_push(&p.ready, i);
	}
	while (p.ready.n || p.nrunning) {
		if (p.ready.n && p.nrunning < jobs) {
			size_t node = schedule_queue_pop(&p.ready);
			bool takes = !todo || todo[node];

			if (takes)
				begin(&p, (struct ending){ now + plan->at[node].duration_ms,
							   node });
			else
				release_users(&p, node);
			continue;
		}
		struct ending e = end_one(&p);

		now = e.at;
		release_users(&p, e.node);
	}
	return now;
}
