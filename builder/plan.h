/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: which recipes to build, and in which order. Edges come from `build.needs` and from
 * the declared `requires` of what is needed, since an environment holds the runtime closure. A
 * plan lives in one arena; its nodes stand in an order in which everything comes after what it
 * needs.
 */
#pragma once

#include "builder/recipe.h"

#define PLAN_DEFAULT_MS 30000 /* a recipe that was never built is guessed to take this long */

struct plan_node {
	const struct recipe *recipe;
	size_t slot;     /* of the recipe in its set */
	uint32_t *needs; /* nodes that must be there before, each once, sorted by their
			    recipes' names */
	size_t nneeds;
	uint32_t *users; /* nodes that wait for this one, sorted */
	size_t nusers;
	int64_t duration_ms; /* of its last build, or the guess */
	int64_t path_ms;     /* its own duration and the longest way of users after it; set by
				plan_weigh */
};
struct plan {
	struct plan_node *at;
	size_t n;
};

/* The named recipes (none: all) and all they need. An unknown name, a need that no recipe makes
 * and a cycle are ERR_INPUT naming file, line and column of the need. */
int plan_make(struct arena *a, const struct recipe_set *set, const char *const *names,
	      size_t nnames, struct plan *out, struct err *err) MUST_CHECK;
/* What the recipe's test needs is made by a recipe, or given by the ground; r is no outline. */
int plan_check_test(const struct recipe_set *set, const struct recipe *r,
		    struct err *err) MUST_CHECK;
/* Sets the users of every node from the needs of all. */
void plan_find_users(struct arena *a, struct plan *p);
/* Sets path_ms of every node from the durations. */
void plan_weigh(struct plan *p);
/* Everything that node needs, directly or not, as sorted indices. */
void plan_closure(struct arena *a, const struct plan *p, size_t node, size_t **out, size_t *n);
