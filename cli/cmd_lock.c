/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/lock.h"
#include "cli/cli.h"
#include "cli/verbs.h"

struct lock_args {
	bool check;
};

static const struct opt lock_opts[] = {
	OPT(FLAG, struct lock_args, check, 0, "check", NULL,
	    "write nothing; exit 1 and say what changed when the lock is not fresh"),
};

struct heard {
	struct cli *cli;
	struct doc *changes;
};

static void
on_event(void *arg, enum build_event e, const char *name, const char *text)
{
	struct heard *h = arg;
	struct arena *a = &h->cli->arena;
	struct doc *d = doc_map(a);

	if (e != BUILD_LOCK)
		return;
	doc_set_text(a, d, "what", name);
	doc_set_text(a, d, "change", text);
	doc_push(a, h->changes, d);
	cli_say("%s: %s", name, text);
}

static void
print_summary(struct arena *a, const char *file, const struct lock_summary *s, bool check)
{
	(void)printf("%s %s: %s, %s with a result, %s of the ground%s\n", file,
		     check        ? "is fresh"
		     : s->written ? "written"
				  : "is as it should be",
		     cli_count(a, s->recipes, "recipe"),
		     s->resolved == s->recipes ? "all" : arena_format(a, "%zu", s->resolved),
		     cli_count(a, s->seed, "package"), s->written ? "; commit it" : "");
}

/* Results count when there are keys to judge them by; none are made for that. */
static int
lock_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct lock_args *la = args;
	struct arena *a = &cli->arena;
	struct heard heard = { .cli = cli, .changes = doc_list(a) };
	const struct build_options o = { .event = on_event, .arg = &heard };
	struct lock_summary s;
	struct doc *d;

	(void)operands;
	(void)n;
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	if (key_present(cli->workspace.keys_path) &&
	    signer_open(cli->workspace.keys_path, &cli->builder.signer, err) < 0)
		return -1;
	if (lock_run(a, &cli->builder, la->check ? LOCK_REFUSE : LOCK_ACCEPT, &o, &s, err) < 0)
		return -1;
	if (!cli->json) {
		print_summary(a, cli->workspace.lock, &s, la->check);
		return 0;
	}
	d = doc_map(a);
	doc_set(a, d, "written", doc_boolean(a, s.written));
	doc_set(a, d, "recipes", doc_number(a, (int64_t)s.recipes));
	doc_set(a, d, "resolved", doc_number(a, (int64_t)s.resolved));
	doc_set(a, d, "seed", doc_number(a, (int64_t)s.seed));
	doc_set(a, d, "changes", heard.changes);
	return cli_json(cli, d, err);
}

const struct command cmd_lock = {
	.name = "lock",
	.task = "build",
	.summary = "write down every input by digest in kiln.lock",
	.synopsis = "",
	.description =
		"kiln.lock holds the seed, each recipe, source and patch by SHA-256, and what came of\n"
		"them as far as it was built. Builds keep it; with --locked, in CI and when publishing\n"
		"a lock that does not fit is refused. This accepts what the workspace says now. It\n"
		"builds and fetches nothing. Commit the file.",
	.example = "kiln lock --check",
	.opts = lock_opts,
	.nopts = ARRAY_LEN(lock_opts),
	.args_size = sizeof(struct lock_args),
	.run = lock_verb,
};
