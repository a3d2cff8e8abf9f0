/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/schedule_priv.h"
#include "base/vec.h"
#include <poll.h>

#define STOP_LOOK_MS 200 /* how long a stop that came just before poll() can stay unseen */

/* A node that is more urgent than all others but wants more memory than is left is passed over
 * by this many starts for each job; then nothing else starts until it fits. */
#define PASSED_OVER_MAX 4

struct slot {
	size_t missing; /* needs that are not done */
	int fd;
};
struct loop {
	const struct plan *plan;
	const struct schedule_runner *runner;
	const struct schedule_options *options;
	struct schedule_counts *counts;
	struct slot *slots;
	enum schedule_state *states;
	struct schedule_queue ready; /* no node in it is ever blocked before the end */
	struct pollfd *polls;
	size_t *polled; /* what is RUNNING, in the order of its beginning */
	size_t running;
	uint64_t memory;     /* limits of what runs */
	size_t first_failed; /* plan->n: none */
	bool ending;         /* what runs was told to end; nothing starts */
	size_t passed;       /* how often the first that is ready was passed over */
};

static void
loop_release_scope(struct loop *l)
{
	free(l->slots);
	free(l->states);
	free(l->polls);
	free(l->polled);
	schedule_queue_release(&l->ready);
}

static void
block(struct loop *l, size_t node, size_t by)
{
	l->states[node] = SCHEDULE_IS_BLOCKED;
	l->counts->blocked++;
	if (l->runner->blocked)
		l->runner->blocked(l->runner->arg, node, by);
}

/* Everything that waits for the failed node, directly or not. */
static void
block_users(struct loop *l, size_t failed)
{
	VEC(size_t) todo = { 0 };

	VEC_PUSH(&todo, failed);
	for (size_t i = 0; i < todo.n; i++) {
		const struct plan_node *node = &l->plan->at[todo.at[i]];

		for (size_t j = 0; j < node->nusers; j++) {
			if (l->states[node->users[j]] != SCHEDULE_IS_IDLE)
				continue;
			block(l, node->users[j], failed);
			VEC_PUSH(&todo, node->users[j]);
		}
	}
	VEC_FREE(&todo);
}

static void
finish(struct loop *l, size_t node, enum schedule_outcome outcome)
{
	const struct plan_node *p = &l->plan->at[node];

	if (outcome == SCHEDULE_FAILED) {
		l->states[node] = SCHEDULE_HAS_FAILED;
		l->counts->failed++;
		l->first_failed = KILN_MIN(l->first_failed, node);
		block_users(l, node);
		return;
	}
	l->states[node] = SCHEDULE_IS_DONE;
	l->counts->served += outcome == SCHEDULE_SERVED;
	l->counts->built += outcome == SCHEDULE_BUILT;
	for (size_t i = 0; i < p->nusers; i++) {
		size_t user = p->users[i];

		if (--l->slots[user].missing == 0 && l->states[user] == SCHEDULE_IS_IDLE) {
			l->states[user] = SCHEDULE_IS_READY;
			schedule_queue_push(&l->ready, user);
		}
	}
}

static void
begin_running(struct loop *l, size_t node)
{
	l->states[node] = SCHEDULE_IS_RUNNING;
	l->polled[l->running++] = node;
	l->memory += schedule_memory(l->plan, node);
}

static void
end_running(struct loop *l, size_t node)
{
	size_t i = 0;

	while (l->polled[i] != node)
		i++;
	memmove(&l->polled[i], &l->polled[i + 1], (--l->running - i) * sizeof(*l->polled));
	l->memory -= schedule_memory(l->plan, node);
}

static int
advance(struct loop *l, size_t node, struct err *err)
{
	struct slot *s = &l->slots[node];
	bool was_running = l->states[node] == SCHEDULE_IS_RUNNING;
	enum schedule_outcome outcome = SCHEDULE_FAILED;
	int rc = l->runner->advance(l->runner->arg, node, &s->fd, &outcome, err);

	if (rc == 0 && outcome == SCHEDULE_WAIT) {
		if (!was_running)
			begin_running(l, node);
		return 0;
	}
	if (was_running)
		end_running(l, node);
	s->fd = -1;
	l->states[node] = SCHEDULE_HAS_FAILED;
	if (rc < 0)
		return -1;
	finish(l, node, outcome);
	return 0;
}

/* Memory that what starts next may want; one always runs. */
static uint64_t
room(const struct loop *l)
{
	if (l->running == 0 || l->options->memory == 0)
		return UINT64_MAX;
	return l->options->memory - KILN_MIN(l->options->memory, l->memory);
}

static bool
has_place(const struct loop *l)
{
	return l->running == 0 || l->running < l->options->jobs;
}

/* The ready node with the longest way before it that has room; plan->n: none. */
static size_t
next_ready(struct loop *l)
{
	size_t first, node;

	if (l->ready.n == 0 || !has_place(l))
		return l->plan->n;
	first = schedule_queue_first(&l->ready);
	if (schedule_memory(l->plan, first) > room(l) &&
	    l->passed >= (size_t)PASSED_OVER_MAX * l->options->jobs)
		return l->plan->n;
	node = schedule_queue_pop(&l->ready, room(l));
	if (node == first)
		l->passed = 0;
	else if (node < l->plan->n)
		l->passed++;
	return node;
}

static int
start_ready(struct loop *l, struct err *err)
{
	while (!l->ending && (l->first_failed == l->plan->n || l->options->keep_going)) {
		size_t node = next_ready(l);

		if (node == l->plan->n)
			return 0;
		if (advance(l, node, err) < 0)
			return -1;
		if (l->options->stop && *l->options->stop)
			return 0;
	}
	return 0;
}

static void
end_all(struct loop *l)
{
	if (l->ending)
		return;
	l->ending = true;
	for (size_t i = 0; i < l->running; i++)
		l->runner->kill(l->runner->arg, l->polled[i]);
}

static void
tell_tick(const struct loop *l)
{
	struct schedule_now now = { .states = l->states,
				    .running = l->polled,
				    .nrunning = l->running,
				    .ready = l->ready.n,
				    .for_memory = l->ready.n && has_place(l),
				    .memory = l->memory,
				    .counts = *l->counts };

	if (l->options->tick)
		l->options->tick(l->options->tick_arg, &now);
}

static int
wait_running(struct loop *l, struct err *err)
{
	size_t n = l->running;

	for (size_t i = 0; i < n; i++)
		l->polls[i] =
			(struct pollfd){ .fd = l->slots[l->polled[i]].fd, .events = POLLIN };
	if (poll(l->polls, n, l->options->stop && !l->ending ? STOP_LOOK_MS : -1) < 0) {
		if (errno == EINTR)
			return 0;
		return err_sys(err, "cannot wait for builds");
	}
	/* From the end, because what ends leaves the list. */
	for (size_t i = n; i-- > 0;) {
		if (l->polls[i].revents && advance(l, l->polled[i], err) < 0)
			return -1;
	}
	return 0;
}

/* One failure that ends everything is kept; what still runs is ended and collected. */
static int
run_to_end(struct loop *l, struct err *err)
{
	struct err later;
	bool failed = start_ready(l, err) < 0;

	while (l->running > 0) {
		bool stopped = l->options->stop && *l->options->stop;

		if (stopped || failed)
			end_all(l);
		tell_tick(l);
		if (wait_running(l, failed ? &later : err) < 0)
			failed = true;
		if (!failed && start_ready(l, err) < 0)
			failed = true;
	}
	return failed ? -1 : 0;
}

static void
block_rest(struct loop *l)
{
	for (size_t i = 0; i < l->plan->n; i++) {
		if (l->states[i] == SCHEDULE_IS_IDLE || l->states[i] == SCHEDULE_IS_READY)
			block(l, i, l->plan->n);
	}
}

int
schedule_run(const struct plan *p, const struct schedule_runner *runner,
	     const struct schedule_options *o, struct schedule_counts *out, struct err *err)
{
	CLEANUP(loop_release)
	struct loop l = {
		.plan = p, .runner = runner, .options = o, .counts = out, .first_failed = p->n
	};

	*out = (struct schedule_counts){ 0 };
	l.slots = mem_alloc((p->n + 1) * sizeof(*l.slots));
	l.states = mem_alloc((p->n + 1) * sizeof(*l.states));
	l.polls = mem_alloc((p->n + 1) * sizeof(*l.polls));
	l.polled = mem_alloc((p->n + 1) * sizeof(*l.polled));
	l.ready.plan = p;
	for (size_t i = 0; i < p->n; i++) {
		l.slots[i].missing = p->at[i].nneeds;
		l.slots[i].fd = -1;
		l.states[i] = p->at[i].nneeds ? SCHEDULE_IS_IDLE : SCHEDULE_IS_READY;
		if (l.states[i] == SCHEDULE_IS_READY)
			schedule_queue_push(&l.ready, i);
	}
	if (run_to_end(&l, err) < 0)
		return -1;
	if (o->stop && *o->stop)
		return err_set(err, ERR_INTERRUPTED, "stopped; what was finished is kept");
	if (l.first_failed < p->n)
		block_rest(&l);
	return 0;
}
