/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a harvested tree to entries of packages: what may not be in a package is refused with
 * its remedy, what never should be is dropped (libtool's .la files, the directory of info
 * pages), and owners, modes beyond 0755, capabilities and flags come from the recipe alone.
 */
#pragma once

#include "builder/recipe.h"
#include "repo/pkgfile.h"

#define NORMALIZE_RULES 1 /* part of every action key; raised whenever a rule changes */

/* Entries with absolute paths, sorted; `source` is the path beneath the harvest. */
int normalize_tree(struct arena *a, const struct recipe *r, const struct manifest *harvest,
		   struct pkgfile_entry **out, size_t *n, struct err *err) MUST_CHECK;
/* Applies the owners of a package to its entries, in order; the last that matches wins. */
int normalize_owners(const struct recipe *r, const struct recipe_package *p,
		     struct pkgfile_entry *entries, size_t n, struct err *err) MUST_CHECK;
