/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct help_args {
	char none;
};

static int
help_all(struct err *err)
{
	const char *task = "";

	(void)err;
	(void)printf("kiln: builds an operating system from declared inputs, each package alone in a sealed chamber\n"
		     "\nusage: kiln COMMAND [options] [operands]\n");
	for (size_t i = 0; i < cli_ncommands; i++) {
		const struct command *c = cli_commands[i];

		if (strcmp(task, c->task) != 0)
			(void)printf("\n%s\n", c->task);
		task = c->task;
		(void)printf("  %-9s %s\n", c->name, c->summary);
	}
	(void)printf("\n`kiln COMMAND --help` shows options and an example; `kiln help recipe` lists the keys of a recipe.\n"
		     "Exit codes: 0 done, 1 failed, 2 bad command line, 3 verification refused, 4 not reproducible.\n");
	return 0;
}

static void
help_recipe(void)
{
	size_t n;
	const struct recipe_key *k = recipe_keys(&n);

	for (size_t i = 0; i < n; i++)
		(void)printf("%-32s %-14s %-12s %s\n", k[i].path, k[i].type, k[i].fallback, k[i].summary);
}

static int
help_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	(void)cli;
	(void)args;
	if (n == 0)
		return help_all(err);
	if (strcmp(operands[0], "recipe") == 0) {
		help_recipe();
		return 0;
	}
	for (size_t i = 0; i < cli_ncommands; i++) {
		if (strcmp(cli_commands[i]->name, operands[0]) == 0) {
			opt_help(cli_commands[i], stdout);
			return 0;
		}
	}
	err_set(err, ERR_USAGE, "no help on '%s'", operands[0]);
	return err_hint(err, "`kiln help` lists the commands");
}

const struct command cmd_help = {
	.name = "help",
	.task = "about",
	.summary = "show the commands, one command, or the keys of a recipe",
	.synopsis = "[COMMAND|recipe]",
	.example = "kiln help build",
	.args_size = sizeof(struct help_args),
	.max_operands = 1,
	.run = help_run,
};
