/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct shell_args {
	bool failed;
};

static const struct opt shell_opts[] = {
	OPT(FLAG, struct shell_args, failed, 0, "failed", NULL, "enter the last failure exactly as it was left"),
};

static int
shell_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct shell_args *a = args;
	int status = 0;

	(void)n;
	if (cli_open(cli, CLI_STORE | CLI_SANDBOX, err) < 0)
		return -1;
	cli_say("entering the chamber of %s; leave with exit. Nothing you do here is kept.", operands[0]);
	if (build_shell(&cli->arena, &cli->builder, operands[0], a->failed, STDIN_FILENO, &status, err) < 0)
		return -1;
	if (status)
		return err_set(err, ERR_BUILD, "the shell ended with status %d", status);
	return 0;
}

const struct command cmd_shell = {
	.name = "shell",
	.task = "look",
	.summary = "enter the chamber of a recipe, or its last failure",
	.synopsis = "[--failed] RECIPE",
	.example = "kiln shell --failed busybox",
	.opts = shell_opts,
	.nopts = ARRAY_LEN(shell_opts),
	.args_size = sizeof(struct shell_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = shell_run,
};
