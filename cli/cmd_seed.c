/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct seed_args {
	bool update;
};

static const struct opt seed_opts[] = {
	OPT(FLAG, struct seed_args, update, 0, "update", NULL, "lock: take the newest version of every package"),
};

static void
note(void *arg, const char *text)
{
	(void)arg;
	cli_say("%s", text);
}

static int
show(struct cli *cli, struct err *err)
{
	struct arena *a = &cli->arena;
	struct seed seed = { 0 };
	struct doc *d = doc_map(a), *all = doc_list(a);
	uint64_t bytes = 0;

	if (seed_load(a, &cli->workspace, &seed, err) < 0)
		return -1;
	for (size_t i = 0; i < seed.npackages; i++) {
		const struct seed_package *p = &seed.packages[i];
		struct doc *one = doc_map(a);
		char hex[DIGEST_HEX];

		digest_hex(&p->sha256, hex);
		doc_set_text(a, one, "name", p->name);
		doc_set_text(a, one, "version", p->version);
		doc_set_text(a, one, "sha256", hex);
		doc_push(a, all, one);
		bytes += p->size;
		if (!cli->json)
			(void)printf("%-28s %-24s %9llu  %.16s\n", p->name, p->version,
				     (unsigned long long)p->size, hex);
	}
	doc_set(a, d, "packages", all);
	doc_set(a, d, "bytes", doc_number(a, (int64_t)bytes));
	if (cli->json)
		cli_json(d);
	else
		(void)printf("%zu packages, %s\n", seed.npackages, cli_bytes(a, bytes));
	return 0;
}

static int
seed_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct seed_args *a = args;

	(void)n;
	if (cli_open(cli, 0, err) < 0)
		return -1;
	if (strcmp(operands[0], "show") == 0)
		return show(cli, err);
	if (strcmp(operands[0], "lock") != 0)
		return err_set(err, ERR_USAGE, "unknown word '%s': kiln seed lock|show", operands[0]);
	return seed_lock(&cli->workspace, a->update, note, NULL, err);
}

const struct command cmd_seed = {
	.name = "seed",
	.task = "trust",
	.summary = "lock and inspect the seed",
	.synopsis = "lock [--update] | show",
	.description = "lock writes bootstrap/seed.lock from the signed index of the archive that this\n"
		       "machine's apt uses. Builds never lock by themselves. show lists what is pinned.",
	.example = "kiln seed show",
	.opts = seed_opts,
	.nopts = ARRAY_LEN(seed_opts),
	.args_size = sizeof(struct seed_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = seed_run,
};
