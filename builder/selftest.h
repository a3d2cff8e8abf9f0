/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack suite against this machine: raises chambers over a store of its own, runs in them
 * the attack program that is carried inside kiln (builder/attack/), and says of each attack
 * what it met. What each must meet stands in builder/attack/attacks.def and, for attacks that
 * need a chamber of their own, in selftest_scene.c. docs/chamber.md explains walls and groups.
 */
#pragma once

#include "builder/sandbox.h"

#define SELFTEST_GROUPS  30
#define SELFTEST_GOT_MAX 160

struct selftest_attack {
	const char *name, *wall, *words;
	int group; /* of docs/chamber.md, 1 to 30; 0: no attack, but what must go on working */
	const char *wanted;
	char got[SELFTEST_GOT_MAX];
	bool held;
};
struct selftest_report {
	struct selftest_attack *at;
	size_t n, nattacks, nheld;                    /* nheld of n: controls too */
	struct sandbox_wall walls[SANDBOX_MAX_WALLS]; /* of the chamber most attacks ran in */
	size_t nwalls;
};
/* what is the attack, or the crowd of attacks, that runs now. */
typedef void selftest_progress_fn(void *arg, const char *what, size_t done, size_t all);

/* Works below a fresh directory in dir ("/tmp"), which is gone afterwards. 0 also when attacks
 * went through: compare nheld with n. -1 when no chamber can be raised at all; err says what is
 * missing. The report lives in a. */
int selftest_run(struct arena *a, const char *dir, selftest_progress_fn *progress, void *arg,
		 struct selftest_report *out, struct err *err) MUST_CHECK;
