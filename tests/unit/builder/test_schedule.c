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
	size_t n1[1], n2[1], n4[1], u0[1], u1[1], u3[1];
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
