/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"
#include "cli/verifying.h"

struct policy_args {
	struct opt_list keys;
};

static const struct opt policy_opts[] = {
	OPT(LIST, struct policy_args, keys, 0, "key", "PATH",
	    "the keys that a verification would trust (may be repeated); default: as kiln verify"),
};

static void
show(const char *head, const struct doc *list)
{
	if (list->n)
		(void)printf("%s\n", head);
	for (size_t i = 0; i < list->n; i++)
		(void)printf("  - %s\n", list->items[i].value->text);
}

static int
policy_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct policy_args *a = args;
	CLEANUP(rules_release) struct rules own = { .name = NULL };
	struct doc *d = doc_map(&cli->arena), *demands, *open;
	struct verifying v = { .policy = n > 1 ? operands[1] : NULL, .keys = &a->keys };

	if (n > 2)
		return err_set(err, ERR_USAGE, "one policy at a time");
	if (verifying_open(cli, &v, &own, err) < 0)
		return -1;
	demands = rules_demands(&cli->arena, v.rules);
	open = rules_open(&cli->arena, v.rules);
	doc_set_text(&cli->arena, d, "policy", v.rules->name);
	doc_set(&cli->arena, d, "demands", demands);
	doc_set(&cli->arena, d, "open", open);
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s\n", v.rules->name);
	show("demands:", demands);
	show("leaves open:", open);
	return 0;
}

static const struct opt_word policy_words[] = {
	{ "check", "[FILE]", "say in words what a policy demands, and what it leaves open",
	  OPT_WORD_ANY },
};

const struct command cmd_policy = {
	.name = "policy",
	.task = "trust",
	.summary = "read a policy and say in words what it demands",
	.description =
		"Without FILE: the policy that `kiln verify` would take, which is policy.yaml of the\n"
		"workspace, else that of the user, else the built-in one.",
	.example = "kiln policy check policy.yaml",
	.opts = policy_opts,
	.nopts = ARRAY_LEN(policy_opts),
	.args_size = sizeof(struct policy_args),
	.words = policy_words,
	.nwords = ARRAY_LEN(policy_words),
	.run = policy_run,
};
