/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

static int
init_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const char *dir = n ? cli_path(cli, operands[0]) : cli->directory;
	struct doc *d = doc_map(&cli->arena);

	(void)args;
	if (workspace_init(dir, err) < 0)
		return -1;
	cli_say("a workspace is in %s: kiln.yaml, recipes/, bootstrap/, images/catalog/", dir);
	if (strcmp(dir, ".") != 0)
		cli_say("next: cd %s, then kiln seed lock, kiln build, kiln publish, kiln image hello",
			dir);
	else
		cli_say("next: kiln seed lock, kiln build, kiln publish, kiln image hello");
	doc_set_text(&cli->arena, d, "path", dir);
	return cli->json ? cli_json(cli, d, err) : 0;
}

const struct command cmd_init = {
	.name = "init",
	.task = "start",
	.summary = "start a workspace",
	.synopsis = "[DIR]",
	.description =
		"Writes kiln.yaml, a first recipe, a seed definition and an image definition.\n"
		"Nothing that exists is overwritten.",
	.example = "kiln init my-distribution",
	.args_size = 1,
	.max_operands = 1,
	.run = init_run,
};
