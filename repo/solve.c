/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/solve_priv.h"

#include "base/dict.h"
#include "base/mem.h"
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/solver.h>

#define SOLVE_MAX_PACKAGES ((size_t)1000000)
#define SOLVE_MAX_PATH     4200
#define SOLVE_ASSUMED_NAME "(given)" /* not a legal package name, so it collides with none */

static inline void
pool_scope(Pool **p)
{
	if (*p)
		pool_free(*p);
}

static inline void
solver_scope(Solver **s)
{
	if (*s)
		solver_free(*s);
}

static inline void
queue_scope(Queue *q)
{
	queue_free(q);
}

int
solve_dep_id(Pool *pool, const struct pkgdep *d)
{
	static const int flags[] = {
		[PKGDEP_LT] = REL_LT, [PKGDEP_LE] = REL_LT | REL_EQ,
		[PKGDEP_EQ] = REL_EQ, [PKGDEP_GE] = REL_GT | REL_EQ,
		[PKGDEP_GT] = REL_GT,
	};
	Id name = pool_str2id(pool, d->name, 1);

	if (d->op == PKGDEP_ANY)
		return name;
	return pool_rel2id(pool, name, pool_str2id(pool, d->evr, 1), flags[d->op], 1);
}

/* The other spelling of a path where /bin and its like are links into /usr; false: it has none.
 */
static bool
path_twin(const char *path, char out[SOLVE_MAX_PATH])
{
	static const char *const merged[] = { "/bin/", "/sbin/", "/lib/", "/lib64/" };
	bool below_usr = strncmp(path, "/usr/", 5) == 0;
	const char *rest = below_usr ? path + 4 : path;
	int n = -1;

	for (size_t i = 0; i < ARRAY_LEN(merged); i++)
		if (strncmp(rest, merged[i], strlen(merged[i])) == 0)
			n = snprintf(out, SOLVE_MAX_PATH, "%s%s", below_usr ? "" : "/usr",
				     rest);
	return n > 0 && n < SOLVE_MAX_PATH;
}

static void
note_path(struct dict *paths, const char *name)
{
	if (name[0] == '/')
		dict_set(paths, name, paths);
}

/* Every path somebody asks for; only those become provides of their owners. */
static void
collect_paths(const struct solve_request *r, struct dict *paths)
{
	for (size_t i = 0; i < r->npackages; i++) {
		const struct pkgfacts *f = r->packages[i];

		for (size_t j = 0; j < f->requires.n; j++)
			note_path(paths, f->requires.at[j].name);
		for (size_t j = 0; j < f->conflicts.n; j++)
			note_path(paths, f->conflicts.at[j].name);
	}
	for (size_t i = 0; i < r->nwants; i++)
		note_path(paths, r->wants[i]);
}

static void
provide_path(Pool *pool, Solvable *s, const struct dict *asked, const char *path)
{
	char twin[SOLVE_MAX_PATH];

	if (dict_has(asked, path))
		solvable_add_deparray(s, SOLVABLE_PROVIDES, pool_str2id(pool, path, 1), -1);
	if (path_twin(path, twin) && dict_has(asked, twin))
		solvable_add_deparray(s, SOLVABLE_PROVIDES, pool_str2id(pool, twin, 1), -1);
}

static void
add_deps(Pool *pool, Solvable *s, Id key, const struct pkgdeps *deps)
{
	/* The marker 0 adds plain requires; -1 is for arrays that have no marked part. */
	Id marker = key == SOLVABLE_REQUIRES ? 0 : -1;

	for (size_t i = 0; i < deps->n; i++)
		solvable_add_deparray(s, key, solve_dep_id(pool, &deps->at[i]), marker);
}

static Id
add_package(struct solve_state *st, Repo *repo, const struct pkgfacts *f,
	    const struct dict *asked)
{
	Pool *pool = st->pool;
	Id p = repo_add_solvable(repo);
	Solvable *s = pool_id2solvable(pool, p);

	s->name = pool_str2id(pool, f->id.name, 1);
	s->evr = pool_str2id(pool, nevra_evr(st->arena, &f->id), 1);
	s->arch = pool_str2id(pool, f->id.arch, 1);
	solvable_add_deparray(s, SOLVABLE_PROVIDES,
			      pool_rel2id(pool, s->name, s->evr, REL_EQ, 1), -1);
	add_deps(pool, s, SOLVABLE_PROVIDES, &f->provides);
	for (size_t i = 0; i < f->provides.n; i++)
		if (f->provides.at[i].name[0] == '/')
			provide_path(pool, s, asked, f->provides.at[i].name);
	for (size_t i = 0; i < f->npaths; i++)
		provide_path(pool, s, asked, f->paths[i]);
	add_deps(pool, s, SOLVABLE_REQUIRES, &f->requires);
	add_deps(pool, s, SOLVABLE_CONFLICTS, &f->conflicts);
	add_deps(pool, s, SOLVABLE_OBSOLETES, &f->obsoletes);
	return p;
}

static int
by_name(const void *a, const void *b)
{
	const struct pkgfacts *const *x = a, *const *y = b;

	return strcmp((*x)->id.name, (*y)->id.name);
}

/* Sorted, because libsolv's ids and thereby its order of work follow the order of insertion.
 * Two packages of one name are refused: libsolv would quietly take the older where the newer
 * fails. */
static int
add_packages(struct solve_state *st, Repo *repo, const struct dict *asked, struct err *err)
{
	const struct solve_request *r = st->r;
	const struct pkgfacts **sorted =
		arena_array(st->arena, r->npackages + 1, sizeof(*sorted));

	if (r->npackages > SOLVE_MAX_PACKAGES)
		return err_set(err, ERR_LIMIT, "%s: %zu packages to choose from, at most %zu",
			       r->subject, r->npackages, SOLVE_MAX_PACKAGES);
	for (size_t i = 0; i < r->npackages; i++)
		sorted[i] = r->packages[i];
	qsort(sorted, r->npackages, sizeof(*sorted), by_name);
	/* Ids 0 and 1 are libsolv's own; one more may follow for what is assumed. */
	st->facts = arena_array(st->arena, r->npackages + 3, sizeof(*st->facts));
	for (size_t i = 0; i < r->npackages; i++) {
		if (i && by_name(&sorted[i - 1], &sorted[i]) == 0)
			return err_set(err, ERR_SOLVE,
				       "%s: the package %s is offered twice: %s and %s",
				       r->subject, sorted[i]->id.name,
				       nevra_text(st->arena, &sorted[i - 1]->id),
				       nevra_text(st->arena, &sorted[i]->id));
		st->facts[add_package(st, repo, sorted[i], asked)] = sorted[i];
	}
	return 0;
}

/* What the ground offers, as one package that is always there and never in the result. */
static int
add_assumed(struct solve_state *st, Repo *repo, struct err *err)
{
	Pool *pool = st->pool;
	Solvable *s;
	struct pkgdep d;
	char twin[SOLVE_MAX_PATH];

	if (!st->r->nassume)
		return 0;
	st->assumed = repo_add_solvable(repo);
	s = pool_id2solvable(pool, st->assumed);
	s->name = pool_str2id(pool, SOLVE_ASSUMED_NAME, 1);
	s->evr = pool_str2id(pool, "0-0", 1);
	s->arch = ARCH_NOARCH;
	for (size_t i = 0; i < st->r->nassume; i++) {
		if (pkgdep_parse(st->arena, st->r->assume[i], &d, err) < 0)
			return err_wrap(err, "%s: assumed capability", st->r->subject);
		solvable_add_deparray(s, SOLVABLE_PROVIDES, solve_dep_id(pool, &d), -1);
		if (path_twin(d.name, twin))
			solvable_add_deparray(s, SOLVABLE_PROVIDES, pool_str2id(pool, twin, 1),
					      -1);
	}
	return 0;
}

/* A want is first the name of a package, else a capability. */
static int
add_wants(struct solve_state *st, Queue *jobs, struct err *err)
{
	CLEANUP(dict_release) struct dict names = { 0 };

	for (size_t i = 0; i < st->r->npackages; i++)
		dict_set(&names, st->r->packages[i]->id.name, st);
	st->wants = arena_array(st->arena, st->r->nwants + 1, sizeof(*st->wants));
	for (size_t i = 0; i < st->r->nwants; i++) {
		struct pkgdep d;
		int what;

		if (pkgdep_parse(st->arena, st->r->wants[i], &d, err) < 0)
			return err_wrap(err, "%s", st->r->subject);
		what = dict_has(&names, d.name) ? SOLVER_SOLVABLE_NAME
						: SOLVER_SOLVABLE_PROVIDES;
		st->wants[i] = solve_dep_id(st->pool, &d);
		queue_push2(jobs, SOLVER_INSTALL | what, st->wants[i]);
	}
	if (st->assumed)
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, st->assumed);
	return 0;
}

/* libsolv ranks favoured packages by the job that named them, the latest first. */
static void
add_preferences(struct solve_state *st, Queue *jobs)
{
	for (size_t i = st->r->nprefer; i-- > 0;) {
		Id name = pool_str2id(st->pool, st->r->prefer[i], 1);

		queue_push2(jobs, SOLVER_FAVOR | SOLVER_SOLVABLE_NAME, name);
	}
}

static int
fill_pool(struct solve_state *st, Queue *jobs, struct err *err)
{
	CLEANUP(dict_release) struct dict asked = { 0 };
	Repo *repo;

	pool_setdebugmask(st->pool, 0);           /* a library does not print */
	pool_setdisttype(st->pool, DISTTYPE_RPM); /* Debian's libsolv starts as DISTTYPE_DEB */
	pool_setarch(st->pool, "x86_64");
	repo = repo_create(st->pool, "kiln");
	collect_paths(st->r, &asked);
	if (add_packages(st, repo, &asked, err) < 0 || add_assumed(st, repo, err) < 0 ||
	    add_wants(st, jobs, err) < 0)
		return -1;
	add_preferences(st, jobs);
	st->nsolvables = st->pool->nsolvables;
	/* All names and relations exist by now, as this index demands. */
	pool_createwhatprovides(st->pool);
	return 0;
}

static void
collect_chosen(struct solve_state *st, const struct pkgfacts ***out, size_t *n)
{
	const struct pkgfacts **chosen =
		arena_array(st->arena, (size_t)st->nsolvables + 1, sizeof(*chosen));
	size_t count = 0;

	for (Id p = 0; p < st->nsolvables; p++)
		if (p != st->assumed && st->facts[p] &&
		    solver_get_decisionlevel(st->solver, p) > 0)
			chosen[count++] = st->facts[p];
	*out = chosen;
	*n = count;
}

int
solve_run(struct arena *a, const struct solve_request *r, const struct pkgfacts ***out,
	  size_t *n, struct err *err)
{
	CLEANUP(pool) Pool *pool = pool_create();
	CLEANUP(solver) Solver *solver = NULL;
	CLEANUP(queue) Queue jobs;
	struct solve_state st = { .r = r, .arena = a, .pool = pool };

	queue_init(&jobs);
	if (fill_pool(&st, &jobs, err) < 0)
		return -1;
	solver = solver_create(pool);
	st.solver = solver;
	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	if (solver_solve(solver, &jobs) > 0)
		return solve_explain_problems(&st, err);
	if (solve_explain_choices(&st, err) < 0)
		return -1;
	collect_chosen(&st, out, n);
	return 0;
}
