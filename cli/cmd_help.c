/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

static void
help_all(void)
{
	const char *task = "";

	(void)printf(
		"kiln: builds an operating system from declared inputs, each package alone in a sealed chamber\n"
		"\nusage: kiln COMMAND [options] [operands]\n");
	for (size_t i = 0; i < cli_ncommands; i++) {
		const struct command *c = cli_commands[i];

		if (strcmp(task, c->task) != 0)
			(void)printf("\n%s\n", c->task);
		task = c->task;
		(void)printf("  %-9s %s\n", c->name, c->summary);
	}
	(void)printf(
		"\n`kiln COMMAND --help` shows options and an example; `kiln help recipe` lists the keys of a recipe.\n"
		"Exit codes: 0 done, 1 failed, 2 bad command line, 3 verification refused, 4 not reproducible.\n");
}

static int
unknown_topic(const char *name, struct err *err)
{
	err_set(err, ERR_USAGE, "no help on '%s'", name);
	return err_hint(err, "`kiln help` lists the commands");
}

static int
commands_json(struct cli *cli, const char *only, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *all = doc_list(a);

	for (size_t i = 0; i < cli_ncommands; i++) {
		struct doc *d = doc_map(a);

		if (only && strcmp(cli_commands[i]->name, only) != 0)
			continue;
		doc_set_text(a, d, "name", cli_commands[i]->name);
		doc_set_text(a, d, "task", cli_commands[i]->task);
		doc_set_text(a, d, "summary", cli_commands[i]->summary);
		doc_push(a, all, d);
	}
	return only && all->n == 0 ? unknown_topic(only, err) : cli_json(cli, all, err);
}

/* The default stands at the end, because some take a sentence. */
static void
help_recipe(void)
{
	size_t n;
	const struct recipe_key *k = recipe_keys(&n);

	for (size_t i = 0; i < n; i++) {
		bool required = strcmp(k[i].fallback, "required") == 0;

		(void)printf("%-24s %s: %s (%s%s)\n", k[i].path, k[i].type, k[i].summary,
			     required ? "" : "default: ", k[i].fallback);
	}
}

static int
recipe_json(struct cli *cli, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *all = doc_list(a);
	size_t n;
	const struct recipe_key *k = recipe_keys(&n);

	for (size_t i = 0; i < n; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "key", k[i].path);
		doc_set_text(a, d, "type", k[i].type);
		doc_set_text(a, d, "default", k[i].fallback);
		doc_set_text(a, d, "summary", k[i].summary);
		doc_push(a, all, d);
	}
	return cli_json(cli, all, err);
}

static int
help_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	bool on_recipe = n && strcmp(operands[0], "recipe") == 0;

	(void)args;
	if (cli->json && on_recipe)
		return recipe_json(cli, err);
	if (cli->json)
		return commands_json(cli, n ? operands[0] : NULL, err);
	if (n == 0) {
		help_all();
		return 0;
	}
	if (on_recipe) {
		help_recipe();
		return 0;
	}
	for (size_t i = 0; i < cli_ncommands; i++) {
		if (strcmp(cli_commands[i]->name, operands[0]) == 0) {
			opt_help(cli_commands[i], stdout);
			return 0;
		}
	}
	return unknown_topic(operands[0], err);
}

const struct command cmd_help = {
	.name = "help",
	.task = "about",
	.summary = "show the commands, one command, or the keys of a recipe",
	.synopsis = "[COMMAND | recipe]",
	.example = "kiln help build",
	.args_size = 1,
	.max_operands = 1,
	.run = help_run,
};
