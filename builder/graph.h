/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about the graph of recipes, answered from outlines (memo.h) and declarations alone:
 * nothing is solved, built or fetched, so that an answer about a whole distribution is there at
 * once.
 */
#pragma once

#include "builder/build.h"
#include "builder/plan.h"

struct graph {
	struct recipe_set set;
	struct seed seed;
	struct plan plan;
	struct memo *memo;
	const struct cas *store; /* NULL: only what is declared is known */
};
/* The named recipes (none: all) and all they need. */
int graph_load(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	       struct graph *out, struct err *err) MUST_CHECK;
/* A line "recipe: needs" for each recipe, in an order in which they can be built. */
void graph_text(const struct graph *g, struct buf *out);
void graph_dot(const struct graph *g, struct buf *out);
/* Columns by how deep a recipe stands above what needs nothing. */
void graph_svg(const struct graph *g, struct buf *out);

/* The shortest way by which `from` comes to need `to`. Both are recipes or packages of recipes.
 * n is 0 when it does not. */
struct graph_step {
	const struct recipe *recipe;
	const struct recipe_need *need; /* by which it goes on; NULL at the last */
	const char
		*required; /* the need does not name the next one's package, but requires it */
};
int graph_why(struct arena *a, const struct graph *g, const char *from, const char *to,
	      struct graph_step **out, size_t *n, struct err *err) MUST_CHECK;

/* Everything that carries X or was built with it. X: a source by file name, address or
 * "sha256:DIGEST"; a patch, package file or action by digest; a seed package by name or digest;
 * a recipe or package by name. */
enum graph_hit { GRAPH_CARRIES = 1, GRAPH_BUILT_WITH };
struct graph_affected {
	const struct recipe *recipe;
	enum graph_hit hit;
	const char *through; /* why: what it carries, or the need that brought it */
};
int graph_affected(struct arena *a, const struct graph *g, const char *what,
		   struct graph_affected **out, size_t *n, struct err *err) MUST_CHECK;
/* Whether one of the packages, or what they come with at run time, is of an affected recipe;
 * its name, or NULL. They come with what they declare to require, and, where they were built,
 * with what of the packages they were built with provides what they turned out to require. */
int graph_reaches(struct arena *a, const struct graph *g, const char *const *packages,
		  size_t npackages, const struct graph_affected *hits, size_t nhits,
		  const char **out, struct err *err) MUST_CHECK;
