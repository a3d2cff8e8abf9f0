/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop that runs a plan: one poll, no threads. It knows nothing of chambers: a runner
 * advances one node until it needs to wait for a descriptor, and is called again when that is
 * readable. What is ready starts in the order of the longest way to the end of the plan.
 */
#pragma once

#include "builder/plan.h"

enum schedule_outcome {
	SCHEDULE_WAIT,   /* call again when *fd is readable */
	SCHEDULE_SERVED, /* it was there already */
	SCHEDULE_BUILT,
	SCHEDULE_FAILED /* its users are blocked */
};
struct schedule_runner {
	void *arg;
	/* Begins the node, or goes on with it. -1: nothing can be built at all; the loop ends
	 * what runs and gives up. */
	int (*advance)(void *arg, size_t node, int *fd, enum schedule_outcome *out,
		       struct err *err);
	/* Asks a waiting node to end; its descriptor becomes readable and advance collects it.
	 */
	void (*kill)(void *arg, size_t node);
	/* Is told of every node that is not begun because `by` failed. */
	void (*blocked)(void *arg, size_t node, size_t by);
};
struct schedule_options {
	unsigned jobs;   /* waiting at once, >= 1 */
	uint64_t memory; /* bytes that the limits of what runs may add up to; one always runs.
			    0: no bound */
	bool keep_going; /* after a failure go on with what does not depend on it */
	volatile const bool *stop; /* NULL: never */
	void (*tick)(void *arg);   /* called whenever the loop comes round; NULL: never */
	void *tick_arg;
};
struct schedule_counts {
	size_t served, built, failed, blocked;
};
/* Runs the whole plan. 0 also when nodes failed; ERR_INTERRUPTED when stopped. */
int schedule_run(const struct plan *p, const struct schedule_runner *runner,
		 const struct schedule_options *o, struct schedule_counts *out,
		 struct err *err) MUST_CHECK;
/* How long the nodes of todo (NULL: all) take by their durations when as many as jobs run at
 * once, started in the loop's order. */
int64_t schedule_estimate(const struct plan *p, const bool *todo, unsigned jobs);
