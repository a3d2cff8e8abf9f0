/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/schedule.h"
#include "tests/unit/test.h"

#define MAX 8

/* A runner without chambers: a node waits on a pipe, and ends when a byte is in it. */
struct fake {
	int ends[MAX][2];
	enum schedule_outcome outcome[MAX]; /* WAIT: built after one wait */
	bool fatal[MAX], started[MAX], killed[MAX], blocked[MAX];
	size_t by[MAX], order[MAX], nstarted, running, most;
	volatile bool *stop; /* set when `stop_at` starts */
	size_t stop_at;
};

static int
fake_advance(void *arg, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct fake *f = arg;

	if (f->started[node]) {
		f->running--;
		*out = f->killed[node] ? SCHEDULE_FAILED : SCHEDULE_BUILT;
		return 0;
	}
	f->started[node] = true;
	f->order[f->nstarted++] = node;
	if (f->fatal[node])
		return err_set(err, ERR_SANDBOX, "a wall cannot stand");
	*out = f->outcome[node];
	if (*out != SCHEDULE_WAIT)
		return 0;
	*fd = f->ends[node][0];
	f->running++;
	f->most = KILN_MAX(f->most, f->running);
	if (f->stop && f->stop_at == node)
		*f->stop = true;
	else if (!f->stop)
		assert_int_equal(write(f->ends[node][1], "x", 1), 1);
	return 0;
}

static void
fake_kill(void *arg, size_t node)
{
	struct fake *f = arg;

	f->killed[node] = true;
	assert_int_equal(write(f->ends[node][1], "x", 1), 1);
}

static void
fake_blocked(void *arg, size_t node, size_t by)
{
	struct fake *f = arg;

	f->blocked[node] = true;
	f->by[node] = by;
}

/* 0 <- 1 <- 2, 3 alone, 4 needs 3. */
struct scene {
	struct recipe recipe;
	struct plan_node nodes[5];
	struct plan plan;
	uint32_t n1[1], n2[1], n4[1], u0[1], u1[1], u3[1];
	struct fake fake;
	struct schedule_runner runner;
	struct schedule_options o;
	struct schedule_counts counts;
};

static void
scene_release_scope(struct scene *s)
{
	for (size_t i = 0; i < MAX; i++) {
		close(s->fake.ends[i][0]);
		close(s->fake.ends[i][1]);
	}
}

static void
set_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < MAX; i++)
		assert_int_equal(pipe2(s->fake.ends[i], O_CLOEXEC), 0);
	s->n1[0] = 0;
	s->n2[0] = 1;
	s->n4[0] = 3;
	s->u0[0] = 1;
	s->u1[0] = 2;
	s->u3[0] = 4;
	s->nodes[0] = (struct plan_node){ .users = s->u0, .nusers = 1 };
	s->nodes[1] =
		(struct plan_node){ .needs = s->n1, .nneeds = 1, .users = s->u1, .nusers = 1 };
	s->nodes[2] = (struct plan_node){ .needs = s->n2, .nneeds = 1 };
	s->nodes[3] = (struct plan_node){ .users = s->u3, .nusers = 1 };
	s->nodes[4] = (struct plan_node){ .needs = s->n4, .nneeds = 1 };
	s->recipe.limits.memory_bytes = 100;
	for (size_t i = 0; i < 5; i++) {
		s->nodes[i].recipe = &s->recipe;
		s->nodes[i].duration_ms = 10;
	}
	s->plan = (struct plan){ .at = s->nodes, .n = 5 };
	plan_weigh(&s->plan);
	s->runner = (struct schedule_runner){ &s->fake, fake_advance, fake_kill, fake_blocked };
	s->o.jobs = 2;
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

TEST(schedule_builds_all_in_order_and_not_more_at_once_than_allowed)
{
	SCENE;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.counts.built, 5);
	assert_int_equal(s.fake.most, 2);
	/* The longest way goes first. */
	assert_int_equal(s.fake.order[0], 0);
	assert_int_equal(s.fake.order[1], 3);
}

TEST(schedule_with_one_job_runs_one_at_a_time)
{
	SCENE;
	s.o.jobs = 1;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.fake.most, 1);
}

TEST(schedule_keeps_the_limits_together_below_the_memory)
{
	SCENE;
	s.o.jobs = 8;
	s.o.memory = 150;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.fake.most, 1);
	assert_int_equal(s.counts.built, 5);
}

TEST(schedule_counts_what_is_served_without_waiting)
{
	SCENE;
	for (size_t i = 0; i < 5; i++)
		s.fake.outcome[i] = SCHEDULE_SERVED;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.counts.served, 5);
	assert_int_equal(s.fake.most, 0);
}

TEST(schedule_blocks_the_users_of_a_failure_and_keeps_going_elsewhere)
{
	SCENE;
	s.o.keep_going = true;
	s.fake.outcome[0] = SCHEDULE_FAILED;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.counts.failed, 1);
	assert_int_equal(s.counts.blocked, 2);
	assert_int_equal(s.counts.built, 2);
	assert_true(s.fake.blocked[1] && s.fake.blocked[2]);
	assert_int_equal(s.fake.by[2], 0);
	assert_false(s.fake.started[1]);
}

TEST(schedule_starts_nothing_new_after_a_failure)
{
	SCENE;
	s.fake.outcome[0] = SCHEDULE_FAILED;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.counts.failed, 1);
	assert_int_equal(s.counts.blocked, 4);
	assert_int_equal(s.fake.nstarted, 1);
}

TEST(schedule_ends_what_runs_when_nothing_can_be_built)
{
	SCENE;
	s.fake.fatal[3] = true;
	s.nodes[3].path_ms = 1; /* after node 0, which runs */
	assert_fails(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err),
		     "a wall cannot stand");
	assert_true(s.fake.killed[0]);
	assert_int_equal(s.fake.running, 0);
}

TEST(schedule_stops_when_told_and_collects_what_ran)
{
	volatile bool stop = false;

	SCENE;
	s.o.stop = &stop;
	s.fake.stop = &stop;
	s.fake.stop_at = 3;
	assert_fails(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err), "stopped");
	assert_int_equal(err->code, ERR_INTERRUPTED);
	assert_true(s.fake.killed[0] && s.fake.killed[3]);
	assert_int_equal(s.fake.running, 0);
	assert_false(s.fake.started[1]);
}

/* 0 <- 1 <- 2 take 30 together, 3 <- 4 take 20. */
TEST(schedule_estimate_plays_the_plan_through)
{
	const bool todo[] = { false, true, true, true, false };

	SCENE;
	assert_int_equal(schedule_estimate(&s.plan, NULL, 1), 50);
	assert_int_equal(schedule_estimate(&s.plan, NULL, 2), 30);
	assert_int_equal(schedule_estimate(&s.plan, NULL, 64), 30);
	assert_int_equal(schedule_estimate(&s.plan, todo, 2), 20);
	assert_int_equal(schedule_estimate(&s.plan, todo, 1), 30);
	s.plan.n = 0;
	assert_int_equal(schedule_estimate(&s.plan, NULL, 2), 0);
}

/* Many small ones of which one always runs, as a new one begins before the last has ended. */
#define MANY 40
struct crowd {
	int ends[MANY][2];
	bool started[MANY], told[MANY];
	size_t order[MANY], n, last;
};

static void
end_of(struct crowd *c, size_t node)
{
	if (!c->told[node])
		assert_int_equal(write(c->ends[node][1], "x", 1), 1);
	c->told[node] = true;
}

static int
crowd_advance(void *arg, size_t node, int *fd, enum schedule_outcome *out, struct err *err)
{
	struct crowd *c = arg;

	(void)err;
	*out = c->started[node] ? SCHEDULE_BUILT : SCHEDULE_WAIT;
	if (c->started[node])
		return 0;
	c->started[node] = true;
	*fd = c->ends[node][0];
	if (c->n)
		end_of(c, c->last);
	c->last = node;
	c->order[c->n++] = node;
	return 0;
}

static void
end_the_only_one(void *arg, const struct schedule_now *now)
{
	if (now->nrunning == 1)
		end_of(arg, now->running[0]);
}

TEST(schedule_does_not_pass_over_the_most_urgent_for_ever)
{
	struct recipe small = { .limits = { .memory_bytes = 60 } };
	struct recipe big = { .limits = { .memory_bytes = 150 } };
	struct plan_node nodes[MANY] = { { 0 } };
	struct plan plan = { .at = nodes, .n = MANY };
	struct crowd c = { .n = 0 };
	const struct schedule_runner runner = { &c, crowd_advance, NULL, NULL };
	struct schedule_options o = {
		.jobs = 2, .memory = 150, .tick = end_the_only_one, .tick_arg = &c
	};
	struct schedule_counts counts;
	size_t before = 0;

	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(pipe2(c.ends[i], O_CLOEXEC), 0);
		nodes[i] = (struct plan_node){ .recipe = &small, .path_ms = 100 - (int64_t)i };
	}
	nodes[1].recipe = &big;
	assert_ok(schedule_run(&plan, &runner, &o, &counts, err));
	assert_int_equal(counts.built, MANY);
	while (c.order[before] != 1)
		before++;
	/* First come those that fit beside node 0, but not all of them. */
	assert_in_range(before, 2, MANY / 2);
	for (size_t i = 0; i < MANY; i++) {
		close(c.ends[i][0]);
		close(c.ends[i][1]);
	}
}

struct seen {
	size_t ticks, most_ready;
	bool for_memory, idle;
	struct schedule_counts last;
};

static void
look(void *arg, const struct schedule_now *now)
{
	struct seen *seen = arg;

	seen->ticks++;
	seen->most_ready = KILN_MAX(seen->most_ready, now->ready);
	seen->for_memory = seen->for_memory || now->for_memory;
	seen->idle = seen->idle || now->states[2] == SCHEDULE_IS_IDLE;
	seen->last = now->counts;
	for (size_t i = 0; i < now->nrunning; i++)
		assert_int_equal(now->states[now->running[i]], SCHEDULE_IS_RUNNING);
	assert_int_equal(now->memory, now->nrunning * 100);
}

TEST(schedule_tells_what_runs_and_what_waits_for_what)
{
	struct seen place = { 0 }, memory = { 0 };

	SCENE;
	s.o.jobs = 1;
	s.o.tick = look;
	s.o.tick_arg = &place;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_true(place.ticks >= 5 && place.idle);
	assert_int_equal(place.most_ready, 1); /* node 3 waits for a place */
	assert_false(place.for_memory);
	assert_int_equal(place.last.built, 4);
	set_scene(&s);
	s.o.memory = 150;
	s.o.tick = look;
	s.o.tick_arg = &memory;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_true(memory.for_memory);
}

TEST(schedule_names_no_failure_for_what_merely_does_not_begin)
{
	SCENE;
	s.fake.outcome[0] = SCHEDULE_FAILED;
	assert_ok(schedule_run(&s.plan, &s.runner, &s.o, &s.counts, err));
	assert_int_equal(s.fake.by[1], 0);
	assert_int_equal(s.fake.by[2], 0);
	assert_int_equal(s.fake.by[3], s.plan.n);
	assert_int_equal(s.fake.by[4], s.plan.n);
}

/* 0 is done, 1 has run for half its time, 3 failed and took 4 with it: 5 + 10 remain. */
TEST(schedule_rest_is_played_from_where_the_run_is)
{
	enum schedule_state states[] = { SCHEDULE_IS_DONE, SCHEDULE_IS_RUNNING,
					 SCHEDULE_IS_IDLE, SCHEDULE_HAS_FAILED,
					 SCHEDULE_IS_BLOCKED };
	int64_t ms[] = { 10, 5, 10, 10, 10 };
	struct schedule_now now = { .states = states };

	SCENE;
	assert_int_equal(schedule_rest(&s.plan, &now, ms, &s.o), 15);
	states[3] = SCHEDULE_IS_READY;
	states[4] = SCHEDULE_IS_IDLE;
	assert_int_equal(schedule_rest(&s.plan, &now, ms, &s.o), 20);
	s.o.jobs = 1;
	assert_int_equal(schedule_rest(&s.plan, &now, ms, &s.o), 35);
	s.o.jobs = 8;
	s.o.memory = 150; /* one at a time */
	assert_int_equal(schedule_rest(&s.plan, &now, ms, &s.o), 35);
	ms[3] = -1; /* it is served */
	assert_int_equal(schedule_rest(&s.plan, &now, ms, &s.o), 25);
}
