/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays a distribution's graph through the scheduler's rule and says how near the time comes to
 * its lower bound, the larger of work / workers and the longest path; beside it first come,
 * first served: what became ready first starts first.
 *
 * usage: makespan LINES WORKERS...   (lines as tests/bench/runtime.py writes them: name, 0,
 * seconds, needs; one whose name begins with '+' takes neither time nor a place. Topological
 * order is found here, needs that are not in the file are left out.)
 *
 * Prints "WORKERS bound-ms ours-ms fifo-ms longest-path-ms".
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
	bool *builds; /* of each node: it takes a place */
};

static size_t
place(struct graph *g, struct line *l)
{
	VEC(uint32_t) needs = { 0 };
	struct plan_node *node;
	char *save = NULL;

	l->state = 1;
	for (char *s = strtok_r(l->needs, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		struct line *need = dict_get(&g->index, s);

		if (need && need->state != 1)
			VEC_PUSH(&needs, (uint32_t)(need->state ? need->place : place(g, need)));
	}
	l->state = 2;
	l->place = g->plan.n++;
	node = &g->plan.at[l->place];
	node->duration_ms = l->ms;
	g->builds[l->place] = l->name[0] != '+';
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

			need->users = mem_resize(need->users, need->nusers + 1, sizeof(uint32_t));
			need->users[need->nusers++] = (uint32_t)i;
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

/* ---- first come, first served ---- */
struct fifo {
	const struct graph *g;
	size_t *missing, *ready; /* ready: in the order of becoming so */
	size_t head, tail;
	size_t *running;
	int64_t *ends;
	size_t nrunning;
};

static void
release(struct fifo *f, size_t node)
{
	const struct plan_node *n = &f->g->plan.at[node];

	for (size_t i = 0; i < n->nusers; i++) {
		size_t user = n->users[i];

		if (--f->missing[user] > 0)
			continue;
		if (f->g->builds[user])
			f->ready[f->tail++] = user;
		else
			release(f, user);
	}
}

static int64_t
end_earliest(struct fifo *f)
{
	size_t first = 0;
	int64_t at;

	for (size_t i = 1; i < f->nrunning; i++)
		if (f->ends[i] < f->ends[first])
			first = i;
	at = f->ends[first];
	release(f, f->running[first]);
	f->nrunning--;
	f->running[first] = f->running[f->nrunning];
	f->ends[first] = f->ends[f->nrunning];
	return at;
}

static int64_t
play_fifo(const struct graph *g, unsigned jobs)
{
	size_t n = g->plan.n;
	struct fifo f = { .g = g };
	int64_t now = 0;

	f.missing = mem_alloc(n * sizeof(*f.missing));
	f.ready = mem_alloc(n * sizeof(*f.ready));
	f.running = mem_alloc(jobs * sizeof(*f.running));
	f.ends = mem_alloc(jobs * sizeof(*f.ends));
	for (size_t i = 0; i < n; i++)
		f.missing[i] = g->plan.at[i].nneeds;
	for (size_t i = 0; i < n; i++) {
		if (g->plan.at[i].nneeds == 0 && g->builds[i])
			f.ready[f.tail++] = i;
	}
	while (f.head < f.tail || f.nrunning) {
		if (f.head == f.tail || f.nrunning == jobs) {
			now = end_earliest(&f);
			continue;
		}
		f.running[f.nrunning] = f.ready[f.head];
		f.ends[f.nrunning++] = now + g->plan.at[f.ready[f.head++]].duration_ms;
	}
	free(f.missing);
	free(f.ready);
	free(f.running);
	free(f.ends);
	return now;
}

static void
play(struct graph *g, unsigned jobs)
{
	int64_t work = 0, longest = 0, bound;

	for (size_t i = 0; i < g->plan.n; i++) {
		work += g->plan.at[i].duration_ms;
		longest = KILN_MAX(longest, g->plan.at[i].path_ms);
	}
	bound = KILN_MAX(work / jobs, longest);
	printf("%u %lld %lld %lld %lld\n", jobs, (long long)bound,
	       (long long)schedule_estimate(&g->plan, g->builds, jobs),
	       (long long)play_fifo(g, jobs), (long long)longest);
}

int
main(int argc, char **argv)
{
	struct graph g = { .n = 0 };
	struct buf text = BUF_MAX((size_t)256 * 1024 * 1024);
	struct err err;

	if (argc < 3)
		return 2;
	if (fd_read_file(AT_FDCWD, argv[1], &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	read_lines(&g, text.data);
	g.plan.at = arena_array(&g.a, g.n, sizeof(*g.plan.at));
	g.builds = arena_array(&g.a, g.n, sizeof(*g.builds));
	for (size_t i = 0; i < g.n; i++)
		if (!g.lines[i].state)
			(void)place(&g, &g.lines[i]);
	link_users(&g.plan);
	plan_weigh(&g.plan);
	for (int i = 2; i < argc; i++) {
		unsigned jobs = (unsigned)strtoul(argv[i], NULL, 10);

		if (jobs > 0)
			play(&g, jobs);
	}
	return 0;
}
