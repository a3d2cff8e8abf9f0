/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build sees: the seed packages of its ground and the built packages that its needs
 * bring, with their runtime closure. Known by digests first (buildroot_solve, cheap), made real
 * as read-only trees only when something must run (buildroot_fill).
 */
#pragma once

#include "builder/seed.h"

struct buildroot {
	const struct seed_package **ground; /* sorted by name */
	size_t nground;
	const struct pkgfacts **packages; /* sorted by name */
	size_t npackages;
	bool shadow;        /* packages may hide files of the ground */
	const char **trees; /* topmost first; after buildroot_fill */
	size_t ntrees;
	const char *const *watch; /* sandbox_trace_dirs of them; live as long as the cache */
	size_t nwatch;
	struct buildroot_cache *cache; /* the caller's; set before buildroot_fill */
};

/* ---- buildroot_cache.c: trees of a run, each read once ---- */
struct buildroot_tree {
	struct manifest manifest;
	size_t files; /* of its entries */
};
struct buildroot_cache *buildroot_cache_make(void);
void buildroot_cache_free(struct buildroot_cache *c);
/* Stays until another environment is filled. */
int buildroot_cache_tree(struct buildroot_cache *c, const struct cas *store, const char *name,
			 const struct buildroot_tree **out, struct err *err) MUST_CHECK;
/* The trees of its ground, fix-ups first, if an environment on it was checked before; else
 * NULL.
 */
const char **buildroot_cache_ground(const struct buildroot_cache *c,
				    const struct buildroot *root, size_t *n);
/* Whether the trees of root, which are there, fit together; sets what is watched. */
int buildroot_cache_check(struct arena *a, struct buildroot_cache *c, const struct cas *store,
			  struct buildroot *root, bool *fits, struct err *err) MUST_CHECK;

/* universe: the packages of all recipes that r needs, directly or not. offers: what the ground
 * offers besides seed->provides, may be NULL. */
int buildroot_solve(struct arena *a, const struct recipe *r, const struct seed *seed,
		    const struct pkgfacts *const *universe, size_t nuniverse,
		    const char *const *offers, size_t noffers, struct buildroot *out,
		    struct err *err) MUST_CHECK;
/* Makes the trees that are missing and checks that they fit together. */
int buildroot_fill(struct arena *a, struct sandbox *s, struct cas *store,
		   const struct seed *seed, const char *subject, struct buildroot *root,
		   struct err *err) MUST_CHECK;

/* Trees that are laid over each other: two may share directories and identical entries, nothing
 * else. ERR_INPUT names the path and both packages. */
struct buildroot_layer {
	const char *name; /* for messages: "zlib", "seed package gcc-12" */
	struct manifest manifest;
};
int buildroot_check(const struct buildroot_layer *layers, size_t n, const char *subject,
		    struct err *err) MUST_CHECK;
/* Entries of two trees at one path that are no contradiction. */
bool buildroot_is_same(const struct manifest_entry *a, const struct manifest_entry *b);

/* Name of the tree of a built package in the store. */
const char *buildroot_tree(struct arena *a, const struct pkgfacts *f);
