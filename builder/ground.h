/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stages came to: bootstrap/ground.lock names, for every stage that others stand on, its
 * packages by action, file and environment digest. `kiln bootstrap` writes it, it is committed,
 * and builds never write it by themselves, as with seed.lock.
 */
#pragma once

#include "builder/seed.h"
#include "builder/stage.h"

#define GROUND_LOCK "bootstrap/ground.lock"

struct ground_pin {                 /* a package as a stage made it */
	const char *name, *version; /* version: "[e:]v-r" */
	struct digest action, file, environment;
	int line;
};
struct ground_stage {
	const char *name;
	struct ground_pin *packages; /* sorted by name */
	size_t n;
};
struct ground_lock {
	struct ground_stage *at; /* in the order of stages.yaml */
	size_t n;
};

/* A missing file is an empty lock. */
int ground_load(struct arena *a, const struct workspace *w, struct ground_lock *out,
		struct err *err) MUST_CHECK;
/* In one canonical spelling. */
void ground_write(const struct ground_lock *l, struct buf *out);
const struct ground_stage *ground_find(const struct ground_lock *l, const char *stage);
const struct ground_pin *ground_package(const struct ground_stage *s, const char *name);
