/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that could start, the one with the longest way before it on top. */
#pragma once

#include "builder/schedule.h"

/* Those whose limits of memory are the same: most of a plan. So the first that fits is found
 * without looking at every one that does not. */
struct schedule_line {
	uint64_t memory;
	size_t *at; /* a binary heap of nodes */
	size_t n, cap;
};
struct schedule_queue {
	const struct plan *plan;
	struct schedule_line *lines;
	size_t nlines, n;
};

/* The limit that counts while the node runs. */
uint64_t schedule_memory(const struct plan *p, size_t node);
void schedule_queue_push(struct schedule_queue *q, size_t node);
/* The queue is not empty. Of equally long ways the earlier node of the plan comes first. */
size_t schedule_queue_first(const struct schedule_queue *q);
/* Takes the first whose limit of memory is not above room; plan->n: none. */
size_t schedule_queue_pop(struct schedule_queue *q, uint64_t room);
void schedule_queue_release(struct schedule_queue *q);
DEFINE_RELEASE(struct schedule_queue, schedule_queue_release);
