/* SPDX-License-Identifier: Apache-2.0 */
/* What `kiln verify` and `kiln policy` share: by which policy and by whose keys. */
#pragma once

#include "cli/cli.h"
#include "trust/rules.h"

struct verifying {
	const char *policy; /* as the user named it, or NULL */
	const struct opt_list *keys;
	struct keyring ring; /* filled by verifying_open, as is: */
	const struct rules *rules;
	const char *file; /* it was read from; NULL: the built-in one */
};
/* The policy: the one named, else policy.yaml of the workspace, else that of the user, else the
 * built-in one. own holds it; it lives as long as v. */
int verifying_open(struct cli *cli, struct verifying *v, struct rules *own,
		   struct err *err) MUST_CHECK;
/* Where what was seen is kept: $XDG_STATE_HOME/kiln, else ~/.local/state/kiln; NULL: nowhere.
 */
const char *verifying_state(struct arena *a);
