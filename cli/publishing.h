/* SPDX-License-Identifier: Apache-2.0 */
/* What publishing a repository and assembling an image both start from. */
#pragma once

#include "cli/cli.h"
#include "repo/publish.h"

struct publishing {
	const struct pkgfacts **packages; /* everything built, sorted by name */
	size_t npackages;
	const struct publish_input *inputs;
	size_t ninputs;
	int64_t epoch;                               /* the newest of the packages' */
	const struct witness_http_circle *witnesses; /* of policy.yaml; NULL: none is asked */
};
/* Where the log of the key set lies: beside the keys, one log for one key. */
const char *publishing_log(struct cli *cli);
/* Refuses a lock that is not as the workspace says: what is shipped is what was reviewed. */
int publishing_locked(struct cli *cli, struct err *err) MUST_CHECK;
/* With store, chamber helper and signer open; a recipe that is not built is an error. */
int publishing_load(struct cli *cli, struct publishing *p, struct err *err) MUST_CHECK;
