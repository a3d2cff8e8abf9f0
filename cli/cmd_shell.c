/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

struct shell_args {
	bool failed;
};

static const struct opt shell_opts[] = {
	OPT(FLAG, struct shell_args, failed, 0, "failed", NULL,
	    "enter the last failure exactly as it was left"),
};

static int
shell_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	CLEANUP(terminal_close) struct terminal t = { .inside = -1 };
	const struct shell_args *a = args;
	struct doc *d = doc_map(&cli->arena);
	int status = 0;

	(void)n;
	if (cli_open(cli, CLI_STORE | CLI_SANDBOX, err) < 0 || terminal_open(&t, err) < 0)
		return -1;
	cli_say("preparing the chamber of %s; leave it with exit. Nothing that is done there is kept.",
		operands[0]);
	if (build_shell(&cli->arena, &cli->builder, operands[0], a->failed, t.inside, &status,
			err) < 0)
		return -1;
	terminal_close(&t);
	doc_set(&cli->arena, d, "status", doc_number(&cli->arena, status));
	return cli->json ? cli_json(cli, d, err) : 0;
}

const struct command cmd_shell = {
	.name = "shell",
	.task = "look",
	.summary = "enter the chamber of a recipe, or its last failure",
	.synopsis = "RECIPE",
	.description =
		"The same walls stand as in a build. What the recipe needs must be built. With --failed,\n"
		"/build and /tmp are as the failed step left them.",
	.example = "kiln shell --failed busybox",
	.opts = shell_opts,
	.nopts = ARRAY_LEN(shell_opts),
	.args_size = sizeof(struct shell_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = shell_run,
};
