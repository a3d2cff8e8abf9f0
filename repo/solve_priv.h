/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two doorway files of libsolv: a filled pool and how to speak of its failures.
 */
#pragma once

#include "repo/solve.h"

struct s_Pool;
struct s_Solver;

struct solve_state {
	const struct solve_request *r;
	struct arena *arena;
	struct s_Pool *pool;
	struct s_Solver *solver;
	const struct pkgfacts **facts; /* by solvable id; NULL for the assumed one */
	int nsolvables;
	int assumed; /* solvable that provides r->assume, 0 when there is none */
	int *wants;  /* dependency id of each want */
};

int solve_dep_id(struct s_Pool *pool, const struct pkgdep *d);
/* Why the request cannot be met: fills err, returns -1. */
int solve_explain_problems(struct solve_state *s, struct err *err) MUST_CHECK;
/* Choices that libsolv made by itself and no preference covers: an error that lists them. */
int solve_explain_choices(struct solve_state *s, struct err *err) MUST_CHECK;
