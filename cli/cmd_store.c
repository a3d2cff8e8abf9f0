/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct store_args {
	bool repair;
};

static const struct opt store_opts[] = {
	OPT(FLAG, struct store_args, repair, 0, "repair", NULL, "check: move corrupt objects to quarantine/"),
};

static void
bad_object(void *arg, const char *what)
{
	(void)arg;
	cli_say("corrupt: %s", what);
}

static int
store_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct store_args *a = args;
	struct cas_report r = { 0 };
	struct doc *d;

	(void)n;
	if (strcmp(operands[0], "check") != 0)
		return err_set(err, ERR_USAGE, "unknown word '%s': kiln store check", operands[0]);
	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    cas_check(cli->builder.store, a->repair, bad_object, NULL, &r, err) < 0)
		return -1;
	d = doc_map(&cli->arena);
	doc_set(&cli->arena, d, "blobs", doc_number(&cli->arena, (int64_t)r.blobs));
	doc_set(&cli->arena, d, "bytes", doc_number(&cli->arena, (int64_t)r.bytes));
	doc_set(&cli->arena, d, "trees", doc_number(&cli->arena, (int64_t)r.trees));
	doc_set(&cli->arena, d, "corrupt", doc_number(&cli->arena, (int64_t)r.corrupt));
	doc_set(&cli->arena, d, "quarantined", doc_number(&cli->arena, (int64_t)r.quarantined));
	if (cli->json)
		cli_json(d);
	else
		(void)printf("%llu blobs (%s) and %llu trees checked, %llu corrupt, %llu quarantined\n",
			     (unsigned long long)r.blobs, cli_bytes(&cli->arena, r.bytes),
			     (unsigned long long)r.trees, (unsigned long long)r.corrupt,
			     (unsigned long long)r.quarantined);
	if (r.corrupt > r.quarantined) {
		err_set(err, ERR_INPUT, "%llu objects of the store are corrupt", (unsigned long long)(r.corrupt - r.quarantined));
		return err_hint(err, "`kiln store check --repair` moves them away; the next build makes or fetches them anew");
	}
	return 0;
}

const struct command cmd_store = {
	.name = "store",
	.task = "look",
	.summary = "check the content store",
	.synopsis = "check [--repair]",
	.example = "kiln store check",
	.opts = store_opts,
	.nopts = ARRAY_LEN(store_opts),
	.args_size = sizeof(struct store_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = store_run,
};
