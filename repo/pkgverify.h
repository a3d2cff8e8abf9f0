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
};
/* path: .../packages/FILE.rpm with its bundle beside and the inventory one directory up. */
int pkgverify_file(const char *path, const struct keyring *ring,
		   const struct verify_report *report, struct pkgverify_summary *out,
		   struct err *err) MUST_CHECK;
/* path: a repository tree: repomd signature, every metadata file, every package listed and none
 * besides, each package as above. now: for expiry of the metadata signature, 0: not checked. */
int pkgverify_repo(const char *path, const struct keyring *ring, int64_t now,
		   const struct verify_report *report, struct pkgverify_summary *out,
		   struct err *err) MUST_CHECK;
