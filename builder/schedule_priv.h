/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that could start, the one with the longest way before it on top. */
#pragma once

#include "builder/schedule.h"

struct schedule_queue {
	const struct plan *plan;
	size_t *at; /* a binary heap of nodes */
	size_t n, cap;
};

void schedule_queue_push(struct schedule_queue *q, size_t node);
/* The queue is not empty. Of equally long ways the earlier node of the plan comes first. */
size_t schedule_queue_pop(struct schedule_queue *q);
void schedule_queue_release(struct schedule_queue *q);
DEFINE_RELEASE(struct schedule_queue, schedule_queue_release);
