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
/* IDLE -> READY (all needs done) -> RUNNING (waits for its descriptor) -> DONE | FAILED.
 * IDLE or READY -> BLOCKED when something it needs failed, or when nothing new shall start. */
enum schedule_state {
	SCHEDULE_IS_IDLE,
	SCHEDULE_IS_READY,
	SCHEDULE_IS_RUNNING,
	SCHEDULE_IS_DONE,
	SCHEDULE_HAS_FAILED,
	SCHEDULE_IS_BLOCKED
};
struct schedule_counts {
	size_t served, built, failed, blocked;
};
/* The loop as it stands, for whoever shows it. Everything is the loop's. */
struct schedule_now {
	const enum schedule_state *states; /* of every node */
	const size_t *running;             /* in the order of their beginning */
	size_t nrunning;
	size_t ready;    /* could start, were there room */
	bool for_memory; /* a place is free, but what is ready wants more memory than is left */
	uint64_t memory; /* limits of what runs */
	struct schedule_counts counts;
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
	/* Is told of every node that is not begun because `by`, which it needs, failed;
	 * plan->n: merely because nothing begins any more. */
	void (*blocked)(void *arg, size_t node, size_t by);
};
struct schedule_options {
	unsigned jobs;   /* waiting at once, >= 1 */
	uint64_t memory; /* bytes that the limits of what runs may add up to; one always runs.
			    0: no bound */
	bool keep_going; /* after a failure go on with what does not depend on it */
	volatile const bool *stop; /* NULL: never */
	/* Called whenever the loop comes round, a few times a second at least when stop is
	 * there; NULL: never. */
	void (*tick)(void *arg, const struct schedule_now *now);
	void *tick_arg;
};
/* Runs the whole plan. 0 also when nodes failed; ERR_INTERRUPTED when stopped. */
int schedule_run(const struct plan *p, const struct schedule_runner *runner,
		 const struct schedule_options *o, struct schedule_counts *out,
		 struct err *err) MUST_CHECK;
/* How long the nodes of todo (NULL: all) take by their durations when as many as jobs run at
 * once, started in the loop's order. */
int64_t schedule_estimate(const struct plan *p, const bool *todo, unsigned jobs);
/* The same from the middle of a run: ms are what each node that is not over takes yet; o: jobs
 * and memory, as the loop has them. */
int64_t schedule_rest(const struct plan *p, const struct schedule_now *now, const int64_t *ms,
		      const struct schedule_options *o);
