/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes, facts and trees made up for tests of what comes after parsing. */
#pragma once

#include "builder/buildroot.h"
#include "builder/recipe.h"
#include "repo/pkgfile.h"
#include "tests/unit/test.h"

#define MADE_EPOCH INT64_C(1767225600)

/* A recipe NAME with one step, at recipes/NAME/recipe.yaml. */
struct made_recipe {
	const char *name, *needs; /* needs: flow list, "[a, b-devel]" or NULL */
	const char *more;         /* top-level lines, or NULL */
};
/* recipes/ of a directory. */
struct recipe_place made_place(int dirfd, int64_t epoch);
/* Loads them as kiln would, from a directory of the test. */
void made_set(struct arena *a, const struct made_recipe *at, size_t n, struct recipe_set *out);
/* One recipe parsed from its text. */
struct recipe *made_one(struct arena *a, const char *yaml);
/* Entries of files and links: "d /usr/bin", "f /usr/bin/x", "l /usr/lib/liba.so liba.so.1";
 * sorted. */
void made_manifest(struct arena *a, const char *const *lines, size_t n, struct manifest *out);
/* Facts with digests made from the name. */
struct pkgfacts *made_facts(struct arena *a, const char *name);
void made_digest(const char *text, struct digest *out);
