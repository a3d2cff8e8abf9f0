/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recipe's test: what it made, installed with what that requires and what the test needs, in
 * a fresh chamber that holds nothing else. build_test_solve.c says what that is and by which
 * key it is known, build_test_chamber.c lets it run, build_test.c goes through the recipes.
 */
#pragma once

#include "builder/build_priv.h"

#define BUILD_TEST_FILE    "test.json"   /* the key, as the statement calls it */
#define BUILD_TEST_KEY     1             /* raised when the meaning of a member changes */
#define BUILD_TEST_PROFILE "kiln-test/1" /* variables, and where the tools are */
#define BUILD_TEST_TOOLS   "/build/tools"
#define BUILD_TEST_SHELL   "busybox" /* a package with one static program of that name */

struct build_trial {
	const struct recipe *recipe;
	struct build_job *job;
	const struct pkgfacts **packages; /* what is tested */
	size_t npackages;
	struct buildroot root;        /* these, and what they bring */
	const struct seed *fixups;    /* of the root */
	const struct pkgfacts *shell; /* outside the root; NULL: the root has one */
	struct action key;
	bool passed;
	struct digest bundle; /* of its verdict */
};

/* What all tests of a run may be made of. */
struct build_test_world {
	bool *below;                    /* by node of the plan, and one more for the ground */
	const struct pkgfacts **ground; /* packages of it that no recipe of the stage makes */
	size_t nground;
	struct seed bare; /* nothing at all, for what stands on the seed */
};
int build_test_world_make(struct build_session *s, struct build_test_world *out,
			  struct err *err) MUST_CHECK;
/* Everything of a trial but its outcome. */
int build_test_solve(struct build_session *s, const struct build_test_world *w,
		     struct build_trial *t, struct err *err) MUST_CHECK;
/* Lets it run and signs what came of it. failure is filled when it did not pass. */
int build_test_run(struct build_session *s, struct build_trial *t,
		   struct build_failure *failure, struct err *err) MUST_CHECK;
