/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a distribution's graph through the scheduler's rule and says how near the time comes to
 * its lower bound, the larger of work / workers and the longest path; beside it the order of
 * the plan without weights.
 *
 * usage: makespan GRAPH.tsv WORKERS...   (columns as in tests/bench/world.py; topological order
 * is found here, needs that are not in the file are left out)
 */
#include "base/dict.h"
#include "base/fd.h"
#include "base/vec.h"
#include "builder/schedule.h"

struct line {
	const char *name;
	char *needs;
	int64_t ms;
	size_t place;
	int state;
};
struct graph {
	struct arena a;
	struct line *lines;
	size_t n;
	struct dict index;
	struct plan plan;
};

static size_t
place(struct graph *g, struct line *l)
{
	VEC(size_t) needs = { 0 };
	struct plan_node *node;
	char *save = NULL;

	l->state = 1;
	for (char *s = strtok_r(l->needs, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		struct line *need = dict_get(&g->index, s);

		if (need && need->state != 1)
			VEC_PUSH(&needs, need->state ? need->place : place(g, need));
	}
	l->state = 2;
	l->place = g->plan.n++;
	node = &g->plan.at[l->place];
	node->duration_ms = l->ms;
	node->needs = needs.at; /* lives as long as the process */
	node->nneeds = needs.n;
	return l->place;
}

static void
link_users(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t j = 0; j < p->at[i].nneeds; j++) {
			struct plan_node *need = &p->at[p->at[i].needs[j]];

			need->users = mem_resize(need->users, need->nusers + 1, sizeof(size_t));
			need->users[need->nusers++] = i;
		}
}

static void
read_lines(struct graph *g, char *text)
{
	char *save = NULL;

	g->lines = arena_array(&g->a, strlen(text) / 8 + 1, sizeof(*g->lines));
	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		struct line *l = &g->lines[g->n];

		if (*s == '#')
			continue;
		l->name = strsep(&s, "\t");
		(void)strsep(&s, "\t");
		l->ms = strtoll(strsep(&s, "\t"), NULL, 10) * 1000;
		l->needs = strsep(&s, "\t");
		dict_set(&g->index, l->name, l);
		g->n++;
	}
}

int
main(int argc, char **argv)
{
	struct graph g = { .n = 0 };
	struct buf text = BUF_MAX((size_t)256 * 1024 * 1024);
	struct err err;
	int64_t work = 0, longest = 0;

	if (argc < 3)
		return 2;
	if (fd_read_file(AT_FDCWD, argv[1], &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	read_lines(&g, text.data);
	g.plan.at = arena_array(&g.a, g.n, sizeof(*g.plan.at));
	for (size_t i = 0; i < g.n; i++)
		if (!g.lines[i].state)
			(void)place(&g, &g.lines[i]);
	link_users(&g.plan);
	for (int i = 2; i < argc; i++) {
		unsigned jobs = (unsigned)strtoul(argv[i], NULL, 10);
		int64_t bound, ours, plain;

		plan_weigh(&g.plan);
		work = longest = 0;
		for (size_t j = 0; j < g.plan.n; j++) {
			work += g.plan.at[j].duration_ms;
			longest = KILN_MAX(longest, g.plan.at[j].path_ms);
		}
		bound = KILN_MAX(work / jobs, longest);
		ours = schedule_estimate(&g.plan, NULL, jobs);
		for (size_t j = 0; j < g.plan.n; j++)
			g.plan.at[j].path_ms = 0;
		plain = schedule_estimate(&g.plan, NULL, jobs);
		printf("%u workers: bound %lld s, longest way first %.4f, order of the plan %.4f\n",
		       jobs, (long long)(bound / 1000), (double)ours / (double)bound,
		       (double)plain / (double)bound);
	}
	return 0;
}
