/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a package comes from the seed: build by build, across stages, by the statements that
 * builds were signed with. Recipes say what a build would see; this is what builds saw.
 */
#pragma once

#include "builder/build.h"
#include "trust/key.h"

struct lineage_step {
	const char *package; /* "gcc-12.2.0-1.x86_64.rpm", or a package of the seed */
	const char *stage;   /* that made it; NULL: the seed's */
	const char *version; /* of a seed package; else NULL */
};
struct lineage {
	struct lineage_step
		*steps; /* the shortest path, from the package down; none: no path */
	size_t n;
	size_t builds; /* whose statements were read: without a path, all that lie behind it */
};
/* recipe: of the workspace's stage, as it was decided to come to (key: of the action), or, key
 * NULL, as it was last built. A build behind it that the store does
 * not hold, or that no key of the ring signed, is an error: what is not seen proves nothing. */
int lineage_find(struct arena *a, struct builder *b, const struct keyring *ring,
		 const char *recipe, const char *key, const char *seed_package,
		 struct lineage *out, struct err *err) MUST_CHECK;
