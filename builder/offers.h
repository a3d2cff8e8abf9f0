/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ground offers to the packages of an environment besides the seed's own `provides`: the
 * sonames of its shared libraries with their symbol versions, and its programs by path, in both
 * spellings of a merged /usr. Found once for each ground, from its trees, and kept in the store
 * (refs/offers/DIGEST), since nothing but the ground's digests decides it.
 */
#pragma once

#include "builder/seed.h"

struct offers {
	const char **at; /* sorted */
	size_t n;
};
/* What built packages of the ground provide by their facts, which trees do not tell. */
void offers_add_built(struct arena *a, const struct seed_package *const *ground, size_t n,
		      struct offers *o);
/* found is false when this ground was not looked through yet. */
int offers_load(struct arena *a, const struct cas *store, const struct seed *seed,
		const struct seed_package *const *ground, size_t nground, struct offers *out,
		bool *found, struct err *err) MUST_CHECK;
/* Unpacks what is missing of the ground, looks through it, remembers. Its .debs are in the
 * store. */
int offers_find(struct arena *a, struct sandbox *s, struct cas *store, const struct seed *seed,
		const struct seed_package *const *ground, size_t nground, struct offers *out,
		struct err *err) MUST_CHECK;
