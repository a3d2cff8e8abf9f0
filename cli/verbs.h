/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb, in the order of help. Each is declared at the end of its cmd_<verb>.c. */
#pragma once

#include "cli/opt.h"

extern const struct command cmd_init, cmd_lint, cmd_new, cmd_fetch, cmd_lock, cmd_update,
	cmd_build, cmd_bootstrap, cmd_shell, cmd_log, cmd_status, cmd_graph, cmd_why,
	cmd_affected, cmd_trace, cmd_publish, cmd_image, cmd_verify, cmd_sbom, cmd_audit,
	cmd_policy, cmd_key, cmd_tlog, cmd_seed, cmd_store, cmd_selftest, cmd_help, cmd_version;
