/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seed: the pinned binary packages everything starts from. bootstrap/seed.yaml names
 * packages in groups and the fix-ups that maintainer scripts would have made;
 * bootstrap/seed.lock pins version, size, digest and place of each .deb, written by seed_lock
 * from the archive's signed index after gpgv, in a confined child, has checked it. Builds never
 * re-lock. A stage may name another seed (builder/stage.h): bootstrap/seed-NAME.yaml and .lock.
 */
#pragma once

#include "builder/source.h"

struct seed_package {
	const char *name, *version, *location; /* "debian:pool/main/g/..." */
	const char *snapshot; /* archive time for debian-snapshot:, "20260101T000000Z" */
	struct digest sha256;
	uint64_t size;
	const struct pkgfacts
		*built;   /* of an earlier stage, location: its name; NULL: a .deb */
	const char *lock; /* the file that pins it, and where */
	int line;
};
struct seed {
	const char *yaml, *lock; /* "bootstrap/seed.yaml", "bootstrap/seed.lock" */
	struct seed_group {
		const char *name;
		bool standard; /* part of the default ground */
		const char **packages;
		size_t n;
	} * groups; /* sorted by name */
	size_t ngroups;
	struct seed_package *packages; /* sorted by name */
	size_t npackages;
	struct doc *fixups;          /* map: links, files, directories (see docs/seed.md) */
	struct digest fixups_digest; /* of its canonical JSON */
	const char *
		*provides; /* capabilities the ground offers to the solver, e.g. "/bin/sh" */
	size_t nprovides;
	bool shadow; /* packages may hide files of this ground (builder/stage.h) */
	const struct recipe_env *env; /* what its builds see unless a recipe says otherwise */
	size_t nenv;
	const struct recipe_step *finish; /* what its builds run last */
	size_t nfinish;
	bool strict; /* its builds fail on what the audit finds */
};
/* That of the workspace's stage. */
int seed_load(struct arena *a, const struct workspace *w, struct seed *out,
	      struct err *err) MUST_CHECK;
/* The lock of the seed of that name; NULL: the standard one. */
const char *seed_lock_path(struct arena *a, const char *name);
/* Writes seed.lock anew (update) or only what is missing in it. Says what changed through note.
 */
int seed_lock(struct workspace *w, bool update, void (*note)(void *, const char *), void *arg,
	      struct err *err) MUST_CHECK;
/* The packages of the groups (NULL: the standard ones), sorted by name. */
int seed_ground(struct arena *a, const struct seed *s, const char *const *groups,
		size_t ngroups, const struct seed_package ***out, size_t *n,
		struct err *err) MUST_CHECK;
int seed_pin(struct arena *a, const struct seed_package *p, struct source_pin *out,
	     struct err *err) MUST_CHECK;
/* Whether the package's tree is in the store. */
bool seed_tree_has(const struct cas *store, const struct seed_package *p);
/* What its tree holds, once it is unpacked; false: it is not. */
struct seed_held {
	uint64_t files, links, bytes; /* bytes of the files */
};
int seed_held(const struct cas *store, const struct seed_package *p, bool *unpacked,
	      struct seed_held *out, struct err *err) MUST_CHECK;
/* Trees: one per .deb named "deb-<sha256>-1" (built packages: "rpm-<sha256>-1"), and one of
 * fix-ups named "fix-<sha256>-1". Makes
 * those missing through the sandbox. trees: names, fix-ups first (topmost). */
int seed_trees(struct arena *a, struct sandbox *s, struct cas *store, const struct seed *seed,
	       const struct seed_package *const *packages, size_t n, const char ***trees,
	       size_t *ntrees, struct err *err) MUST_CHECK;
