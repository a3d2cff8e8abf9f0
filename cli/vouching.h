/* SPDX-License-Identifier: Apache-2.0 */
/* What `kiln verify` found, as a statement for whoever trusts this verifier: SLSA's
 * verification summary (VSA) v1. */
#pragma once

#include "cli/verifying.h"

struct vouching {
	const char *file;     /* that is written; FILE.intoto.jsonl beside it */
	const char *path;     /* of the artefact */
	struct digest before; /* of it, before it was verified */
	const char *name, *resource;
};
/* What is to be verified: a package, a repository by its repomd.xml, an image by the manifest
 * that its index names. */
int vouching_begin(struct cli *cli, const char *path, struct vouching *v,
		   struct err *err) MUST_CHECK;
/* The verdict, signed with the rebuilder key: whoever verifies is not whoever built. */
int vouching_write(struct cli *cli, const struct vouching *v, const struct verifying *by,
		   bool passed, struct err *err) MUST_CHECK;
