/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `kiln store` that have a file of their own. operands: those after the word. */
#pragma once

#include "cli/cli.h"

struct cmd_store_args {
	bool repair, dry_run;
	const char *keep_bytes, *older_than;
};

typedef int cmd_store_fn(struct cli *cli, const struct cmd_store_args *a,
			 const char *const *operands, size_t n, struct err *err);
cmd_store_fn cmd_store_gc, cmd_store_pin, cmd_store_unpin, cmd_store_export, cmd_store_import;
cmd_store_fn cmd_store_push, cmd_store_inputs;
