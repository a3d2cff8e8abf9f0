/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/bootstrap.h"
#include "cli/building.h"
#include "cli/verbs.h"

static const struct opt bootstrap_opts[] = {
	OPT(NUM, struct building, jobs, 'j', "jobs", "N",
	    "run at most N chambers at once (default: one per core)"),
	OPT(FLAG, struct building, keep_going, 'k', "keep-going", NULL,
	    "in a stage, build what does not depend on a failure"),
	OPT(FLAG, struct building, dry_run, 'n', "dry-run", NULL,
	    "say what would be built and why, build nothing"),
	OPT(FLAG, struct building, why, 0, "why", NULL, "say why each recipe is built"),
};

/* For the last line of the stream. */
static void
tell_pinned(struct cli *cli, const struct stage *stage, size_t n, bool changed,
	    struct doc *done)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "stage", stage->name);
	doc_set(a, d, "packages", doc_number(a, (int64_t)n));
	doc_set(a, d, "changed", doc_boolean(a, changed));
	doc_push(a, done, d);
}

/* *open: something of the stage is still to be built, so that the next cannot be told. */
static int
run_stage(struct cli *cli, const struct building *args, const struct stage *stage,
	  struct doc *done, bool *open, struct err *err)
{
	struct building a = *args;
	struct build_summary s;
	bool changed = false;
	size_t n = 0;

	if (stage_choose(&cli->arena, &cli->workspace, stage->name, err) < 0)
		return -1;
	cli_say("stage %s", stage->name);
	a.stage = stage->name;
	if (building_run(cli, &a, NULL, 0, &s, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	*open = a.dry_run && s.built + s.maybe > 0;
	if (*open)
		return 0;
	if (bootstrap_pin(&cli->arena, &cli->builder, a.dry_run, &changed, &n, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	*open = a.dry_run && changed;
	tell_pinned(cli, stage, n, changed, done);
	if (*open)
		cli_say("stage %s: would be pinned anew", stage->name);
	else
		cli_say("stage %s: %s %s", stage->name, cli_count(&cli->arena, n, "package"),
			changed ? "pinned in bootstrap/ground.lock; commit it"
				: "as pinned in bootstrap/ground.lock");
	return 0;
}

static int
bootstrap_run(struct cli *cli, void *args, const char *const *operands, size_t n,
	      struct err *err)
{
	const struct building *a = args;
	struct doc *done = doc_list(&cli->arena), *last = doc_map(&cli->arena);
	const struct stage **stages;
	bool open = false;
	size_t nstages;

	(void)operands;
	(void)n;
	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | (a->dry_run ? 0 : CLI_SIGNER), err) < 0)
		return -1;
	cli_catch_signals();
	sandbox_heed(cli->builder.sandbox, &cli_stopped);
	bootstrap_stages(&cli->arena, cli->workspace.stages, cli->workspace.stage, &stages,
			 &nstages);
	if (nstages == 0) {
		err_set(err, ERR_INPUT,
			"stage '%s' stands on the seed: nothing comes before it",
			cli->workspace.stage->name);
		return err_hint(err, "--ground names a stage that stands on others");
	}
	for (size_t i = 0; i < nstages && !open; i++)
		if (run_stage(cli, a, stages[i], done, &open, err) < 0)
			return -1;
	if (open)
		cli_say("what later stages would build is not known before this is done");
	doc_set_text(&cli->arena, last, "event", "bootstrap");
	doc_set(&cli->arena, last, "stages", done);
	doc_set(&cli->arena, last, "complete", doc_boolean(&cli->arena, !open));
	return cli->json ? cli_json(cli, last, err) : 0;
}

const struct command cmd_bootstrap = {
	.name = "bootstrap",
	.task = "build",
	.summary = "build the stages that the distribution stands on",
	.synopsis = "",
	.description =
		"Builds, stage after stage, what the standard stage of bootstrap/stages.yaml (or that of\n"
		"--ground) stands on, and pins it in bootstrap/ground.lock. What is built stays in the\n"
		"store: the same command goes on where it was stopped. docs/bootstrap.md explains stages.",
	.example = "kiln bootstrap --dry-run",
	.opts = bootstrap_opts,
	.nopts = ARRAY_LEN(bootstrap_opts),
	.args_size = sizeof(struct building),
	.run = bootstrap_run,
};
