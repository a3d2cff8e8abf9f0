/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bootstrap: the stages that a stage stands on, one after the other, each pinned in
 * bootstrap/ground.lock when all its recipes are built, so that the next can stand on it.
 */
#pragma once

#include "builder/build.h"
#include "builder/stage.h"

/* The stages that goal stands on, directly or not, in order, without goal itself; in a. */
void bootstrap_stages(struct arena *a, const struct stages *s, const struct stage *goal,
		      const struct stage ***out, size_t *n);
/* Pins what later stages take of the stage that b's workspace is of; all its recipes are built
 * as they stand. *changed: the lock was not so before; dry: and is left so. */
int bootstrap_pin(struct arena *a, struct builder *b, bool dry, bool *changed, size_t *packages,
		  struct err *err) MUST_CHECK;
