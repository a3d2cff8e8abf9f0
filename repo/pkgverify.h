/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification of a package file or a whole repository, offline, by trusted keys that never
 * come from the tree under test. Every failure is ERR_VERIFY and names the piece.
 */
#pragma once

#include "repo/pkgfile.h"
#include "trust/inputs.h"
#include "trust/verify.h"

struct pkgverify_summary {
	int64_t expires; /* when the signature of the metadata ends; 0: never */
	size_t packages,
		inputs; /* inputs: distinct sources, seed packages and build packages known */
	struct verify_strength strength;
	struct doc
		*origin; /* inputs_explain of a lone package, where pkgverify_explain asked */
};
/* path: .../packages/FILE.rpm with its bundle beside and the inventory one directory up. */
int pkgverify_file_by(const char *path, const struct verify_terms *terms,
		      struct pkgverify_summary *out, struct err *err) MUST_CHECK;
/* The same; out->origin tells, in the arena, where it came from. */
int pkgverify_explain(struct arena *a, const char *path, const struct verify_terms *terms,
		      struct pkgverify_summary *out, struct err *err) MUST_CHECK;
/* path: a repository tree: repomd signature, every metadata file, every package listed and none
 * besides, each package as above. */
int pkgverify_repo_by(const char *path, const struct verify_terms *terms,
		      struct pkgverify_summary *out, struct err *err) MUST_CHECK;

/* By keys alone. now: for expiry of the metadata signature, 0: not checked. */
int pkgverify_file(const char *path, const struct keyring *ring,
		   const struct verify_report *report, struct pkgverify_summary *out,
		   struct err *err) MUST_CHECK;
int pkgverify_repo(const char *path, const struct keyring *ring, int64_t now,
		   const struct verify_report *report, struct pkgverify_summary *out,
		   struct err *err) MUST_CHECK;
