/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action: everything that can influence the bytes of a build, as canonical JSON; the
 * SHA-256 of it is the action key. No clock, no name of this machine, no path of it, no
 * signature.
 */
#pragma once

#include "builder/buildroot.h"

#define ACTION_FORMAT     3
#define ACTION_KEY_FORMAT 1 /* raised when the meaning of a member changes */
#define ACTION_CHAMBER                                                                         \
	"kiln-chamber/3"   /* profile of walls, mounts and environment variables               \
			    */
#define ACTION_CPUS      2 /* CPUs that every build sees, whatever the machine has */
#define ACTION_ARCH      "x86_64"
#define ACTION_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct action_input {
	const struct recipe *recipe;
	const struct buildroot *root;
	const struct seed *seed;
	const char *vendor; /* the distribution's, part of every package */
};
struct action {
	struct doc *doc;
	const char *text; /* its canonical JSON */
	struct digest key;
	char hex[DIGEST_HEX]; /* of the key */
};

int action_make(struct arena *a, const struct action_input *in, struct action *out,
		struct err *err) MUST_CHECK;
/* The software that makes bytes, as a map of name to version: librpm, libzstd, libarchive,
 * format. */
int action_packager(struct arena *a, struct doc **out, struct err *err) MUST_CHECK;
/* What differs between the action a recipe was last built by and the one it has now, in words:
 * "recipe, sources, environment (zlib-devel)". */
const char *action_difference(struct arena *a, const struct doc *before, const struct doc *now);
/* The same field by field: tell is called with "recipe.build.steps[make].run, line 3" and both
 * values, shortened, "nothing" where one side has none. */
typedef void action_change_fn(void *arg, const char *path, const char *before, const char *now);
void action_changes(struct arena *a, const struct doc *before, const struct doc *now,
		    action_change_fn *tell, void *arg);
/* Whether nothing but the environment differs, which may yet turn out the same. */
bool action_only_environment(const struct doc *before, const struct doc *now);
/* Digest of the normalised recipe, by which provenance and inventory name it. */
void action_recipe_digest(const struct recipe *r, struct digest *out);
