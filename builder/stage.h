/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages (docs/bootstrap.md): which recipes are built on which ground. bootstrap/stages.yaml
 * lists them in order; the first ones stand on the seed, later ones on packages of earlier ones
 * and on nothing else. What a run builds is one stage: `kiln build --ground NAME`.
 *
 * Without that file there is one stage: recipes/ on the seed.
 */
#pragma once

#include "builder/workspace.h"

#define STAGE_YAML "bootstrap/stages.yaml"
#define STAGE_SEED "seed" /* the stage of a workspace without stages.yaml */

struct stage_part { /* what a ground takes from an earlier stage */
	const char *stage;
	const char **packages; /* in the order of the file */
	size_t npackages;
	int line, col;
};
struct stage {
	const char *name;
	const char *recipes; /* directory of the workspace */
	const char **only;   /* of the recipes there, sorted; NULL: all */
	size_t nonly;
	const char *seed;          /* of a stage that stands on one; NULL: the standard one */
	struct stage_part *ground; /* none: the seed */
	size_t nground;
	struct recipe_env *env; /* of its builds, unless a recipe says otherwise; sorted */
	size_t nenv;
	struct recipe_step *finish; /* of its builds, after their own and their check */
	size_t nfinish;
	bool strict; /* its builds fail on what `kiln audit` finds */
	bool shadow; /* what it builds hides files of its ground (a C library built anew) */
	const char *equals; /* earlier stage whose packages it must make again; or NULL */
	int line, col;
};
struct stages {
	struct stage *at; /* every ground names earlier ones only */
	size_t n;
	const char *standard;        /* the stage of a run that names none */
	struct doc *fixups;          /* of grounds without the seed (docs/seed.md) */
	struct digest fixups_digest; /* of its canonical JSON */
};

int stage_load(struct arena *a, const struct workspace *w, struct stages *out,
	       struct err *err) MUST_CHECK;
/* NULL: there is none of that name. */
const struct stage *stage_find(const struct stages *s, const char *name);
/* Makes w a workspace of that stage (NULL: the standard one): its recipes are w->place. */
int stage_choose(struct arena *a, struct workspace *w, const char *name,
		 struct err *err) MUST_CHECK;
/* Makes set, the recipes of the stage, stand on its ground: names receives those of the
 * ground's packages, and must live as long as set. A recipe that wants groups of the seed where
 * there are none is ERR_INPUT. */
int stage_fit(const struct stage *stage, struct recipe_set *set, struct dict *names,
	      struct err *err) MUST_CHECK;
