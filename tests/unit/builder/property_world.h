/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small distribution that changes at random, for test_property.c: its recipes stand in a real
 * workspace, its results in a real store; only the chambers are missing. What a build would
 * bring out is a function of its action, so that cut-offs happen as they do in life. Everything
 * follows from the seed, but for what the clock does between two edits.
 */
#pragma once

#include "builder/build_priv.h"
#include "tests/unit/builder/made.h"

#define WORLD_RECIPES 24
#define WORLD_EDITS   24

struct world_recipe {
	bool there, extra, leaky; /* a second package; what it needs shows in what it makes */
	bool reordered, patched;
	unsigned rank;            /* needs only what ranks lower, so that no cycle comes up */
	uint32_t needs, requires; /* bits: recipes */
	unsigned comment, license, source, version, patch;
	unsigned provides, wants; /* a capability 1 .. 3 that several may provide; 0: none */
};
struct world {
	struct arena a;
	uint64_t random;
	int dir, store_dir;
	struct workspace workspace;
	struct builder builder;
	struct world_recipe at[WORLD_RECIPES], before[WORLD_RECIPES];
	struct dict keys; /* actions whose results the store should have */
	char *old_memo;   /* a copy from earlier */
	size_t old_memo_len;
	const char *did; /* the last edits, for messages */
};

void world_make(struct world *w, uint64_t seed);
void world_release(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
/* One random edit of recipes, store or memo. */
void world_edit(struct world *w);
/* Path of the memo in the workspace. */
const char *world_memo(struct world *w);
/* Puts the result of an identified job into the store, as building it would. */
void world_build(struct world *w, struct build_session *s, struct build_job *job);
