/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

static int
version_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct doc *d = doc_map(&cli->arena);

	(void)args;
	(void)operands;
	(void)n;
	doc_set_text(&cli->arena, d, "kiln", CLI_VERSION);
	doc_set(&cli->arena, d, "recipe_format", doc_number(&cli->arena, 1));
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("kiln %s (recipe format 1, store format 1)\n", CLI_VERSION);
	return 0;
}

const struct command cmd_version = {
	.name = "version",
	.task = "about",
	.summary = "show the version and the formats it reads",
	.synopsis = "",
	.example = "kiln version --json",
	.args_size = 1,
	.run = version_run,
};
