/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit of a workspace's packages (docs/hardening.md): what repo/pkgaudit.h finds, held
 * against what recipes declare. A run looks at built packages, package files and repositories;
 * the same rules judge packages as they are made where the stage, or kiln.yaml, says `audit:
 * strict`.
 */
#pragma once

#include "builder/build.h"
#include "repo/pkgaudit.h"

struct audit_excuse { /* an exception, and whether anything needed it */
	const struct recipe *recipe;
	const struct recipe_except *except;
	bool used, looked; /* looked: all packages of its recipe were */
};
struct audit {
	struct pkgaudit found;
	const struct recipe_set *set;
	struct audit_excuse *excuses;
	size_t nexcuses;
};
/* set NULL: no recipes are known, so nothing is excused. a outlives it. */
void audit_begin(struct arena *a, const struct recipe_set *set, struct audit *out);
void audit_release(struct audit *au);
DEFINE_RELEASE(struct audit, audit_release);

/* The packages of recipes as they are built; package: only the one of that name, or NULL. */
int audit_recipes(struct audit *au, struct builder *b, const struct recipe *const *recipes,
		  size_t nrecipes, const char *package, struct err *err) MUST_CHECK;
/* Package files, those of one source together; paths as the user named them. */
int audit_files(struct audit *au, const char *const *paths, size_t n,
		struct err *err) MUST_CHECK;
/* Every package of a published repository. */
int audit_repository(struct audit *au, const char *path, struct err *err) MUST_CHECK;

/* ---- audit_parts.c ---- */
/* Why a recipe says that something at path may be amiss, by which exception (untouched: by an
 * owner); NULL: it does not. */
const char *audit_reason(const struct recipe *r, const char *package, enum pkgaudit_check c,
			 const char *path, const struct recipe_except **by);
/* Parts of a build, before they are written: ERR_BUILD names what is amiss and the remedy. */
struct split_part;
int audit_parts(struct arena *a, struct recipe *r, int files_dirfd,
		const struct split_part *parts, size_t nparts, struct err *err) MUST_CHECK;
