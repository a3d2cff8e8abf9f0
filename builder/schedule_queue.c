/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "builder/schedule_priv.h"

static bool
goes_first(const struct schedule_queue *q, size_t x, size_t y)
{
	int64_t a = q->plan->at[x].path_ms, b = q->plan->at[y].path_ms;

	return a != b ? a > b : x < y;
}

void
schedule_queue_push(struct schedule_queue *q, size_t node)
{
	size_t i = q->n++;

	if (q->n > q->cap) {
		q->cap = q->cap ? q->cap * 2 : 64;
		q->at = mem_resize(q->at, q->cap, sizeof(*q->at));
	}
	for (; i && goes_first(q, node, q->at[(i - 1) / 2]); i = (i - 1) / 2)
		q->at[i] = q->at[(i - 1) / 2];
	q->at[i] = node;
}

size_t
schedule_queue_pop(struct schedule_queue *q)
{
	size_t top = q->at[0], last = q->at[--q->n], i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= q->n)
			break;
		if (child + 1 < q->n && goes_first(q, q->at[child + 1], q->at[child]))
			child++;
		if (!goes_first(q, q->at[child], last))
			break;
		q->at[i] = q->at[child];
		i = child;
	}
	q->at[i] = last;
	return top;
}

void
schedule_queue_release(struct schedule_queue *q)
{
	free(q->at);
	q->at = NULL;
	q->n = q->cap = 0;
}
