/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

static int
fetch_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	size_t fetched = 0, present = 0;
	struct source_progress progress = status_fetching;
	struct doc *d;

	(void)args;
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	cli_catch_signals();
	progress.stop = &cli_stopped;
	if (build_fetch(&cli->builder, operands, n, &progress, &fetched, &present, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	d = doc_map(&cli->arena);
	doc_set(&cli->arena, d, "fetched", doc_number(&cli->arena, (int64_t)fetched));
	doc_set(&cli->arena, d, "present", doc_number(&cli->arena, (int64_t)present));
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s fetched, %zu already in the store\n",
		     cli_count(&cli->arena, fetched, "input"), present);
	return 0;
}

const struct command cmd_fetch = {
	.name = "fetch",
	.task = "build",
	.summary = "bring and verify all inputs",
	.synopsis = "[RECIPE...]",
	.description =
		"Brings sources and seed packages into the store, each checked against its pinned\n"
		"SHA-256. Nothing that is fetched is executed. Afterwards no command needs a network.",
	.example = "kiln fetch zlib",
	.args_size = 1,
	.max_operands = -1,
	.run = fetch_run,
};
