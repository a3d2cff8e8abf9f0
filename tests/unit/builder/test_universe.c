/* SPDX-License-Identifier: Apache-2.0 */
/* The cut universe is solved as the whole one is: over random distributions. */
#include "builder/universe.h"
#include "repo/solve.h"
#include "tests/unit/builder/made.h"

#define ROUNDS   400
#define PACKAGES 24

static uint32_t
draw(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % n;
}

/* One of the capabilities "cap-N", a package, or a path in one of its spellings. */
static const char *
draw_capability(struct arena *a, uint32_t *r)
{
	uint32_t kind = draw(r, 8), i = draw(r, PACKAGES);

	if (kind == 0)
		return arena_format(a, "/usr/bin/p%u", i);
	if (kind == 1)
		return arena_format(a, "/bin/p%u", i);
	if (kind < 4)
		return arena_format(a, "cap-%u", i);
	if (kind == 4)
		return arena_format(a, "pkg%02u >= %u", i, draw(r, 3));
	return arena_format(a, "pkg%02u", i);
}

static void
draw_deps(struct arena *a, uint32_t *r, uint32_t most, struct pkgdeps *out)
{
	uint32_t n = draw(r, most + 1);
	struct err e;
	struct pkgdeps old = *out;

	out->at = arena_array(a, old.n + n, sizeof(*out->at));
	if (old.n)
		memcpy(out->at, old.at, old.n * sizeof(*out->at));
	for (uint32_t i = 0; i < n; i++)
		if (pkgdep_parse(a, draw_capability(a, r), &out->at[old.n + i], &e) < 0)
			fail_msg("%s", e.text);
	out->n = old.n + n;
	pkgdep_sort(out);
}

static const struct pkgfacts *
draw_package(struct arena *a, uint32_t *r, uint32_t i)
{
	struct pkgfacts *f = made_facts(a, arena_format(a, "pkg%02u", i));
	struct err e;

	if (draw(r, 3) == 0) {
		struct pkgdeps *p = &f->provides;
		struct pkgdep *at = arena_array(a, p->n + 1, sizeof(*at));

		memcpy(at, p->at, p->n * sizeof(*at));
		if (pkgdep_parse(a, arena_format(a, "cap-%u", draw(r, PACKAGES)), &at[p->n],
				 &e) < 0)
			fail_msg("%s", e.text);
		p->at = at;
		p->n++;
		pkgdep_sort(p);
	}
	if (draw(r, 2)) {
		f->paths = arena_array(a, 1, sizeof(*f->paths));
		f->paths[f->npaths++] = arena_format(a, "/usr/bin/p%u", i);
	}
	draw_deps(a, r, 2, &f->requires);
	if (draw(r, 12) == 0)
		draw_deps(a, r, 1, &f->conflicts);
	if (draw(r, 16) == 0)
		draw_deps(a, r, 1, &f->obsoletes);
	return f;
}

static void
same_answer(struct arena *a, const struct pkgfacts *const *all, size_t nall,
	    const struct pkgfacts *const *cut, size_t ncut, const char *const *wants,
	    size_t nwants, size_t *solved)
{
	struct solve_request q = { .packages = all,
				   .npackages = nall,
				   .wants = wants,
				   .nwants = nwants,
				   .subject = "test" };
	const struct pkgfacts **x = NULL, **y = NULL;
	size_t nx = 0, ny = 0;
	struct err e = { .code = ERR_NONE }, f = { .code = ERR_NONE };
	int whole = solve_run(a, &q, &x, &nx, &e), part;

	q.packages = cut;
	q.npackages = ncut;
	part = solve_run(a, &q, &y, &ny, &f);
	if (whole != part)
		fail_msg("whole: %s; cut: %s", whole ? e.text : "solved",
			 part ? f.text : "solved");
	assert_int_equal(e.code, f.code);
	assert_int_equal(nx, ny);
	for (size_t i = 0; i < nx; i++)
		assert_ptr_equal(x[i], y[i]);
	*solved += whole == 0;
}

TEST(universe_cut_is_solved_as_the_whole)
{
	uint32_t r = 7;
	size_t solved = 0, smaller = 0;

	for (int round = 0; round < ROUNDS; round++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(universe_release) struct universe u = { .owners = NULL };
		const struct pkgfacts *all[PACKAGES], **cut;
		const char *wants[2];
		bool below[PACKAGES];
		size_t nall = 0, ncut;

		for (uint32_t i = 0; i < PACKAGES; i++) {
			const struct pkgfacts *f = draw_package(&a, &r, i);

			universe_add(&a, &u, i, f);
			below[i] = draw(&r, 8) != 0;
			if (below[i])
				all[nall++] = f;
		}
		wants[0] = draw_capability(&a, &r);
		wants[1] = draw_capability(&a, &r);
		universe_reach(&a, &u, below, wants, 2, &cut, &ncut);
		assert_true(ncut <= nall);
		smaller += ncut < nall;
		same_answer(&a, all, nall, cut, ncut, wants, 2, &solved);
	}
	/* The test is worth something: both outcomes came, and most was cut. */
	assert_true(solved > ROUNDS / 20);
	assert_true(solved < ROUNDS);
	assert_true(smaller > ROUNDS / 2);
}

/* What was forced is what the solver says; given: "given-N". */
static void
forced_answer(struct arena *a, struct universe *u, uint32_t *r, const struct pkgfacts **all,
	      size_t nall, const bool *below, size_t *forced, size_t *solved)
{
	CLEANUP(dict_release) struct dict given = { 0 };
	const char *assume[3], *wants[2];
	struct solve_request q = { .packages = all,
				   .npackages = nall,
				   .wants = wants,
				   .nwants = 2,
				   .assume = assume,
				   .nassume = 3,
				   .subject = "test" };
	const struct pkgfacts **x = NULL, **y = NULL;
	size_t nx = 0, ny = 0;
	struct err e = { .code = ERR_NONE };
	int rc;

	for (size_t i = 0; i < 3; i++) {
		assume[i] = arena_format(a, "cap-%u", draw(r, PACKAGES));
		dict_set(&given, assume[i], a);
	}
	wants[0] = arena_format(a, "pkg%02u", draw(r, PACKAGES));
	wants[1] = draw_capability(a, r);
	rc = solve_run(a, &q, &x, &nx, &e);
	*solved += rc == 0;
	if (!universe_force(a, u, below, &given, wants, 2, &y, &ny))
		return;
	++*forced;
	if (rc < 0)
		fail_msg("forced, but: %s", e.text);
	assert_int_equal(nx, ny);
	for (size_t i = 0; i < nx; i++)
		assert_ptr_equal(x[i], y[i]);
}

TEST(universe_forced_is_what_a_solver_says)
{
	uint32_t r = 11;
	size_t forced = 0, solved = 0;

	for (int round = 0; round < ROUNDS; round++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(universe_release) struct universe u = { .owners = NULL };
		const struct pkgfacts *all[PACKAGES];
		bool below[PACKAGES];
		size_t nall = 0;

		for (uint32_t i = 0; i < PACKAGES; i++) {
			const struct pkgfacts *f = draw_package(&a, &r, i);

			universe_add(&a, &u, i, f);
			below[i] = draw(&r, 8) != 0;
			if (below[i])
				all[nall++] = f;
		}
		for (int asked = 0; asked < 20; asked++)
			forced_answer(&a, &u, &r, all, nall, below, &forced, &solved);
	}
	print_message("%zu solved, %zu of them forced\n", solved, forced);
	assert_true(forced > ROUNDS);
	assert_true(solved > forced);
}
