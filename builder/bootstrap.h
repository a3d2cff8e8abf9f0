/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bootstrap: the stages that a stage stands on, one after the other, each pinned in
 * bootstrap/ground.lock when what others take of it is built, so that the next can stand on it;
 * and stages that exist to make packages again, compared with those they must equal.
 */
#pragma once

#include "builder/build.h"
#include "builder/stage.h"

/* The stages that goal stands on, directly or not, and that it must equal, in order, without
 * goal itself; in a. */
void bootstrap_stages(struct arena *a, const struct stages *s, const struct stage *goal,
		      const struct stage ***out, size_t *n);
/* The recipes of the stage, which w is a workspace of, that later stages take packages of or
 * make again: what there is to build of it. Sorted. */
int bootstrap_recipes(struct arena *a, const struct workspace *w, const char ***names,
		      size_t *n, struct err *err) MUST_CHECK;
/* Pins what later stages take of the stage that b's workspace is of; the recipes of these names
 * are built as they stand. *changed: the lock was not so before; dry: and is left so. */
struct bootstrap_pinned {
	bool dry;         /* in: write nothing */
	bool changed;     /* the lock was not so before */
	size_t npackages; /* that others take */
};
int bootstrap_pin(struct arena *a, struct builder *b, const char *const *names, size_t n,
		  struct bootstrap_pinned *out, struct err *err) MUST_CHECK;

/* ---- packages made again ---- */

/* Which comparisons: those on the standard seed alone, those that stand on the seed of that
 * name, or (seed NULL, fixpoint false) all. */
struct bootstrap_choice {
	bool fixpoint;
	const char *seed;
};
/* Stages with `equals` that are chosen, in order. None is ERR_INPUT. */
int bootstrap_compared(struct arena *a, const struct stages *s,
		       const struct bootstrap_choice *choice, const struct stage ***out,
		       size_t *n, struct err *err) MUST_CHECK;
struct bootstrap_pair {
	const char *name;                     /* of the package */
	const struct pkgfacts *first, *again; /* NULL: that stage does not make it */
};
struct bootstrap_verdict {
	struct bootstrap_pair *pairs; /* sorted by name */
	size_t n, different;
};
/* b's workspace is of a stage with `equals`; what it makes and the same recipes of the other
 * stage are built. The workspace is of the same stage again afterwards. */
int bootstrap_compare(struct arena *a, struct builder *b, struct bootstrap_verdict *out,
		      struct err *err) MUST_CHECK;
/* A test-result statement (trust/statement.h) about a verdict without a difference: the
 * packages, and what both sides stand on: stages.yaml, ground.lock, locks of stages and seeds.
 */
int bootstrap_statement(struct arena *a, const struct builder *b,
			const struct bootstrap_verdict *v, struct buf *out,
			struct err *err) MUST_CHECK;
