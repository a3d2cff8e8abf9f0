/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `build.debuginfo: true`: what is compiled and linked carries what debuggers want to know, and
 * the build's last step moves that out of programs and libraries to /usr/lib/debug/.build-id,
 * where gdb finds it by build id. Paths in it begin with /usr/src/debug/NAME-VERSION, wherever
 * it was built.
 */
#pragma once

#include "builder/recipe.h"

extern const char debuginfo_script[]; /* of the last step, and part of the key */
#define DEBUGINFO_STEP      "debuginfo"
#define DEBUGINFO_VARIABLES 3
/* What becomes of the variables of a build, "NAME=VALUE" each, in place; there is room for
 * DEBUGINFO_VARIABLES more. top: where the sources are. */
void debuginfo_flags(struct arena *a, const struct recipe *r, const char *top, const char **env,
		     size_t *n);
