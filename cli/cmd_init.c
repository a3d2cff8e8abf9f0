/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

static int
init_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const char *dir = n ? operands[0] : cli->directory;

	(void)args;
	if (workspace_init(dir, err) < 0)
		return -1;
	cli_say("workspace made in %s: kiln.yaml, recipes/, bootstrap/, images/catalog/", dir);
	cli_say("next: kiln lint, kiln seed lock, kiln build");
	return 0;
}

const struct command cmd_init = {
	.name = "init",
	.task = "start",
	.summary = "start a workspace",
	.synopsis = "[DIR]",
	.description = "Writes kiln.yaml, a first recipe, a seed definition and an image definition.\n"
		       "Nothing that exists is overwritten.",
	.example = "kiln init my-distribution",
	.args_size = 1,
	.max_operands = 1,
	.run = init_run,
};
