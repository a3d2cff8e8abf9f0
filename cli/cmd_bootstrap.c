/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "builder/bootstrap.h"
#include "cli/building.h"
#include "cli/publishing.h"
#include "cli/verbs.h"
#include "trust/dsse.h"
#include "trust/ledger.h"

#define VERDICTS "out/bootstrap" /* below the workspace: signed statements */

struct bootstrap_args {
	struct building building; /* first: its options are those of `build` */
	bool compare, fixpoint;
	const char *seed;
};

static const struct opt bootstrap_opts[] = {
	OPT(FLAG, struct bootstrap_args, fixpoint, 0, "fixpoint", NULL,
	    "make again what says so on the same seed; all must come out the same"),
	OPT(FLAG, struct bootstrap_args, compare, 0, "compare", NULL,
	    "make again every stage that says what it must equal"),
	OPT(STR, struct bootstrap_args, seed, 0, "seed", "NAME",
	    "with --compare: only those that start from this seed"),
	OPT(NUM, struct bootstrap_args, building.jobs, 'j', "jobs", "N",
	    "run at most N chambers at once (default: one per core)"),
	OPT(FLAG, struct bootstrap_args, building.keep_going, 'k', "keep-going", NULL,
	    "in a stage, build what does not depend on a failure"),
	OPT(FLAG, struct bootstrap_args, building.dry_run, 'n', "dry-run", NULL,
	    "say what would be built and why, build nothing"),
	OPT(FLAG, struct bootstrap_args, building.why, 0, "why", NULL,
	    "say why each recipe is built"),
};

struct bootstrap {
	struct cli *cli;
	const struct bootstrap_args *args;
	struct doc *done, *verdicts; /* for the last line of the stream */
	bool open; /* dry: something is still to be built, so that what comes later is not known
		    */
	size_t different; /* packages that were not made again */
};

static int
build_stage(struct bootstrap *b, const struct stage *stage, const char *const *names, size_t n,
	    struct err *err)
{
	struct building a = b->args->building;
	struct build_summary s;

	cli_say("stage %s", stage->name);
	a.stage = stage->name;
	if (building_run(b->cli, &a, names, n, &s, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	b->open = a.dry_run && s.built + s.maybe > 0;
	return 0;
}

static void
tell_pinned(struct bootstrap *b, const struct stage *stage, const struct bootstrap_pinned *pin)
{
	struct arena *a = &b->cli->arena;
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "stage", stage->name);
	doc_set(a, d, "packages", doc_number(a, (int64_t)pin->npackages));
	doc_set(a, d, "changed", doc_boolean(a, pin->changed));
	doc_push(a, b->done, d);
	if (b->open)
		cli_say("stage %s: would be pinned anew", stage->name);
	else
		cli_say("stage %s: %s %s", stage->name, cli_count(a, pin->npackages, "package"),
			pin->changed ? "pinned in bootstrap/ground.lock; commit it"
				     : "as pinned in bootstrap/ground.lock");
}

/* What others take of the stage. */
static int
run_stage(struct bootstrap *b, const struct stage *stage, struct err *err)
{
	struct bootstrap_pinned pin = { .dry = b->args->building.dry_run };
	struct cli *cli = b->cli;
	const char **names;
	size_t n;

	if (stage_choose(&cli->arena, &cli->workspace, stage->name, err) < 0 ||
	    bootstrap_recipes(&cli->arena, &cli->workspace, &names, &n, err) < 0 ||
	    build_stage(b, stage, names, n, err) < 0)
		return -1;
	if (b->open)
		return 0;
	if (bootstrap_pin(&cli->arena, &cli->builder, names, n, &pin, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	b->open = pin.dry && pin.changed;
	tell_pinned(b, stage, &pin);
	return 0;
}

static int
run_below(struct bootstrap *b, const struct stage *goal, struct err *err)
{
	const struct stage **stages;
	size_t n;

	bootstrap_stages(&b->cli->arena, b->cli->workspace.stages, goal, &stages, &n);
	for (size_t i = 0; i < n && !b->open; i++)
		if (run_stage(b, stages[i], err) < 0)
			return -1;
	return 0;
}

static void
tell_different(struct bootstrap *b, const struct stage *stage,
	       const struct bootstrap_verdict *v, struct doc *list)
{
	struct arena *a = &b->cli->arena;

	for (size_t i = 0; i < v->n; i++) {
		const struct bootstrap_pair *p = &v->pairs[i];
		char first[DIGEST_HEX] = "not made", again[DIGEST_HEX] = "not made";

		if (p->first && p->again && digest_equal(&p->first->file, &p->again->file))
			continue;
		if (p->first)
			digest_hex(&p->first->file, first);
		if (p->again)
			digest_hex(&p->again->file, again);
		doc_push(a, list, doc_text(a, p->name));
		cli_say("  %s: %.16s in stage %s, %.16s in stage %s", p->name, first,
			stage->equals, again, stage->name);
	}
}

/* The verdict is logged as all that leaves; the file is the bundle. */
static int
sign_verdict(struct bootstrap *b, const struct stage *stage, const struct bootstrap_verdict *v,
	     const char **path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct cli *cli = b->cli;
	const struct ledger ledger = { .store = cli->builder.store,
				       .signer = cli->builder.signer,
				       .dir = publishing_log(cli),
				       .origin = cli->workspace.log };
	struct ledger_item item = { .role = KEY_BUILDER, .statement = &text };

	*path = arena_format(&cli->arena, VERDICTS "/%s-equals-%s.sigstore.json", stage->name,
			     stage->equals);
	item.name = *path;
	if (bootstrap_statement(&cli->arena, &cli->builder, v, &text, err) < 0 ||
	    ledger_enter(&ledger, &item, 1, err) < 0 ||
	    cas_get(ledger.store, &item.bundle, &bundle, err) < 0 ||
	    fd_mkdirs(cli->workspace.dirfd, VERDICTS, err) < 0)
		return -1;
	return fd_publish(cli->workspace.dirfd, *path, bundle.data, bundle.len, 0644, err);
}

static int
judge(struct bootstrap *b, const struct stage *stage, struct err *err)
{
	struct arena *a = &b->cli->arena;
	struct doc *d = doc_map(a), *list = doc_list(a);
	struct bootstrap_verdict v;
	const char *path = NULL;

	if (bootstrap_compare(a, &b->cli->builder, &v, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	tell_different(b, stage, &v, list);
	if (!v.different && sign_verdict(b, stage, &v, &path, err) < 0)
		return err_wrap(err, "stage %s", stage->name);
	if (v.different)
		cli_say("stage %s: %zu of %s not as in stage %s", stage->name, v.different,
			cli_count(a, v.n, "package"), stage->equals);
	else
		cli_say("stage %s: %s, each the same file as in stage %s; signed in %s",
			stage->name, cli_count(a, v.n, "package"), stage->equals, path);
	b->different += v.different;
	doc_set_text(a, d, "stage", stage->name);
	doc_set_text(a, d, "equals", stage->equals);
	doc_set(a, d, "packages", doc_number(a, (int64_t)v.n));
	doc_set(a, d, "different", list);
	doc_set_text(a, d, "statement", path);
	doc_push(a, b->verdicts, d);
	return 0;
}

/* Every stage that is compared, after what it and its counterpart stand on. */
static int
run_compared(struct bootstrap *b, struct err *err)
{
	const struct bootstrap_choice choice = { b->args->fixpoint, b->args->seed };
	struct cli *cli = b->cli;
	const struct stage **stages;
	size_t n;

	if (bootstrap_compared(&cli->arena, cli->workspace.stages, &choice, &stages, &n, err) <
	    0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (run_below(b, stages[i], err) < 0)
			return -1;
		if (b->open)
			return 0;
		if (stage_choose(&cli->arena, &cli->workspace, stages[i]->name, err) < 0 ||
		    build_stage(b, stages[i], NULL, 0, err) < 0)
			return -1;
		if (!b->args->building.dry_run && judge(b, stages[i], err) < 0)
			return -1;
	}
	if (b->different)
		return err_set(err, ERR_REPRO,
			       "%s made again came out different; no statement was signed",
			       cli_count(&cli->arena, b->different, "package"));
	return 0;
}

static int
run_goal(struct bootstrap *b, struct err *err)
{
	const struct stage *goal = b->cli->workspace.stage;

	if (goal->nground)
		return run_below(b, goal, err);
	err_set(err, ERR_INPUT, "stage '%s' stands on the seed: nothing comes before it",
		goal->name);
	return err_hint(err, "--ground names a stage that stands on others");
}

static int
check_usage(const struct bootstrap_args *a, struct err *err)
{
	if (a->seed && !a->compare)
		return err_set(err, ERR_USAGE, "--seed NAME belongs to --compare");
	if (a->fixpoint && a->compare)
		return err_set(err, ERR_USAGE, "--fixpoint is a part of --compare");
	return 0;
}

static int
bootstrap_run(struct cli *cli, void *args, const char *const *operands, size_t n,
	      struct err *err)
{
	const struct bootstrap_args *a = args;
	struct bootstrap b = { .cli = cli,
			       .args = a,
			       .done = doc_list(&cli->arena),
			       .verdicts = doc_list(&cli->arena) };
	struct doc *last = doc_map(&cli->arena);
	bool again = a->compare || a->fixpoint;
	int rc;

	(void)operands;
	(void)n;
	if (check_usage(a, err) < 0 ||
	    cli_open(cli, CLI_STORE | CLI_SANDBOX | (a->building.dry_run ? 0 : CLI_SIGNER),
		     err) < 0)
		return -1;
	cli_catch_signals();
	sandbox_heed(cli->builder.sandbox, &cli_stopped);
	rc = again ? run_compared(&b, err) : run_goal(&b, err);
	if (rc < 0 && err->code != ERR_REPRO)
		return -1;
	if (b.open)
		cli_say("what later stages would build is not known before this is done");
	doc_set_text(&cli->arena, last, "event", "bootstrap");
	doc_set(&cli->arena, last, "stages", b.done);
	doc_set(&cli->arena, last, "complete", doc_boolean(&cli->arena, !b.open));
	if (again)
		doc_set(&cli->arena, last, "compared", b.verdicts);
	if (cli->json && cli_json(cli, last, err) < 0)
		return -1;
	return rc;
}

const struct command cmd_bootstrap = {
	.name = "bootstrap",
	.task = "build",
	.summary = "build the stages that the distribution stands on",
	.synopsis = "",
	.description =
		"Builds, stage after stage, what the standard stage of bootstrap/stages.yaml (or that of\n"
		"--ground) stands on, and pins it in bootstrap/ground.lock. What is built stays in the\n"
		"store: the same command goes on where it was stopped. With --compare or --fixpoint, also\n"
		"builds stages that must come to the same packages as another, and signs the verdict.\n"
		"docs/bootstrap.md explains stages.",
	.example = "kiln bootstrap --dry-run",
	.opts = bootstrap_opts,
	.nopts = ARRAY_LEN(bootstrap_opts),
	.args_size = sizeof(struct bootstrap_args),
	.run = bootstrap_run,
};
