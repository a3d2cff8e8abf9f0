/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "builder/schedule_priv.h"

uint64_t
schedule_memory(const struct plan *p, size_t node)
{
	const struct recipe *r = p->at[node].recipe;

	return r ? r->limits.memory_bytes : 0;
}

static bool
goes_first(const struct plan *p, size_t x, size_t y)
{
	int64_t a = p->at[x].path_ms, b = p->at[y].path_ms;

	return a != b ? a > b : x < y;
}

static struct schedule_line *
line_of(struct schedule_queue *q, uint64_t memory)
{
	for (size_t i = 0; i < q->nlines; i++) {
		if (q->lines[i].memory == memory)
			return &q->lines[i];
	}
	q->lines = mem_resize(q->lines, q->nlines + 1, sizeof(*q->lines));
	q->lines[q->nlines] = (struct schedule_line){ .memory = memory };
	return &q->lines[q->nlines++];
}

void
schedule_queue_push(struct schedule_queue *q, size_t node)
{
	struct schedule_line *l = line_of(q, schedule_memory(q->plan, node));
	size_t i = l->n++;

	q->n++;
	if (l->n > l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->at = mem_resize(l->at, l->cap, sizeof(*l->at));
	}
	for (; i && goes_first(q->plan, node, l->at[(i - 1) / 2]); i = (i - 1) / 2)
		l->at[i] = l->at[(i - 1) / 2];
	l->at[i] = node;
}

static size_t
take(const struct plan *p, struct schedule_line *l)
{
	size_t top = l->at[0], last = l->at[--l->n], i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= l->n)
			break;
		if (child + 1 < l->n && goes_first(p, l->at[child + 1], l->at[child]))
			child++;
		if (!goes_first(p, l->at[child], last))
			break;
		l->at[i] = l->at[child];
		i = child;
	}
	l->at[i] = last;
	return top;
}

/* The line whose top goes first; NULL: none has room. */
static struct schedule_line *
best_line(const struct schedule_queue *q, uint64_t room)
{
	struct schedule_line *best = NULL;

	for (size_t i = 0; i < q->nlines; i++) {
		struct schedule_line *l = &q->lines[i];

		if (l->n && l->memory <= room &&
		    (!best || goes_first(q->plan, l->at[0], best->at[0])))
			best = l;
	}
	return best;
}

size_t
schedule_queue_first(const struct schedule_queue *q)
{
	return best_line(q, UINT64_MAX)->at[0];
}

size_t
schedule_queue_pop(struct schedule_queue *q, uint64_t room)
{
	struct schedule_line *l = best_line(q, room);

	if (!l)
		return q->plan->n;
	q->n--;
	return take(q->plan, l);
}

void
schedule_queue_release(struct schedule_queue *q)
{
	for (size_t i = 0; i < q->nlines; i++)
		free(q->lines[i].at);
	free(q->lines);
	q->lines = NULL;
	q->nlines = q->n = 0;
}
