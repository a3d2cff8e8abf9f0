/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packages together satisfy a request, by RPM's rules (libsolv's doorway; DISTTYPE_RPM
 * set explicitly). Facts come from memory. One version per name. Several providers of a
 * capability without a stated preference are an error that lists them; an unsatisfiable need is
 * explained as the chain from the request to the missing capability.
 */
#pragma once

#include "repo/pkgfacts.h"

struct solve_request {
	const struct pkgfacts *const *packages; /* the universe */
	size_t npackages;
	const char *const *wants; /* names or capabilities ("zlib-devel", "pkgconfig(zlib)") */
	size_t nwants;
	const char *const *prefer; /* package names that win when several provide */
	size_t nprefer;
	const char *const
		*assume; /* capabilities taken as given (what the ground offers), may be NULL */
	size_t nassume;
	const char *subject; /* for messages: "recipe zlib" */
};
/* Chosen packages sorted by name, allocated in a. */
int solve_run(struct arena *a, const struct solve_request *r, const struct pkgfacts ***out,
	      size_t *n, struct err *err) MUST_CHECK;
