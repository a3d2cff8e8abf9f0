/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packages an environment may be chosen from, cut to those that a solver could ever pick:
 * what the wants name or something picked requires, by capability, whatever the version. What
 * is left out can satisfy nothing that is asked, so the solution is the same, and solving costs
 * what the environment holds and not what the distribution does.
 *
 * Nearly always there is nothing to solve: everything that is asked has one provider, so the
 * set follows by itself (universe_force). It is what a solver comes to before its first choice,
 * and if nothing is left open then, that is the solution.
 */
#pragma once

#include "base/dict.h"
#include "repo/pkgfacts.h"

struct universe {
	struct dict providers;            /* capability -> struct universe_entry */
	struct universe_package **owners; /* packages that own paths, in the order of adding */
	size_t nowners, cap;
	uint64_t round; /* of universe_force */
};

/* node: of the plan; facts live as long as the universe, its own memory comes from a. */
void universe_add(struct arena *a, struct universe *u, size_t node,
		  const struct pkgfacts *facts);
/* The packages of the nodes in `below` that wants may bring, sorted by name. */
void universe_reach(struct arena *a, const struct universe *u, const bool *below,
		    const char *const *wants, size_t nwants, const struct pkgfacts ***out,
		    size_t *n);
/* The environment that follows without any choice. False: there is a choice to make, or
 * something that only a solver can tell (conflicts, what nobody provides, paths, versions of
 * what is given); then nothing is said. given: what is there besides packages, keys of a dict;
 * below as above. *out: sorted by name, in a. */
bool universe_force(struct arena *a, struct universe *u, const bool *below,
		    const struct dict *given, const char *const *wants, size_t nwants,
		    const struct pkgfacts ***out, size_t *n);
void universe_release(struct universe *u);
DEFINE_RELEASE(struct universe, universe_release);
