/* SPDX-License-Identifier: Apache-2.0 */
/* What audit and affected share: which packages an advisory may mean, and whose words about
 * them count. */
#pragma once

#include "base/vec.h"
#include "cli/cli.h"
#include "repo/vex.h"

struct auditing {
	struct cli *cli;
	const struct keyring *ring;
	VEC(struct advisory_target) targets;
	VEC(struct vex_word) words;
	int64_t epoch; /* the newest of what was looked at; 0: not known */
};
void auditing_release(struct auditing *a);
DEFINE_RELEASE(struct auditing, auditing_release);

/* Opens what is asked for: the workspace with store and keys, or, when it can do without, the
 * workspace if there is one. */
int auditing_open(struct auditing *a, bool whole, struct err *err) MUST_CHECK;
/* A repository, an image or a package file, by its signed statements; another word is a recipe
 * or package of the workspace, as built. */
int auditing_add(struct auditing *a, const char *operand, struct err *err) MUST_CHECK;
/* Every package of the workspace, as built. */
int auditing_add_workspace(struct auditing *a, struct err *err) MUST_CHECK;
/* The `vex` of all recipes. */
void auditing_add_recipes(struct auditing *a, const struct recipe_set *set);
/* An OpenVEX document, signed by a trusted builder key in the bundle beside it. */
int auditing_add_vex(struct auditing *a, const char *path, struct err *err) MUST_CHECK;
/* --advisories, else `advisories` of kiln.yaml. */
int auditing_feed(struct cli *cli, const char *named, const char **out,
		  struct err *err) MUST_CHECK;
