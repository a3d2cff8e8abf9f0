/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

struct fetch_args {
	bool all, dry_run;
};

static const struct opt fetch_opts[] = {
	OPT(FLAG, struct fetch_args, all, 0, "all", NULL,
	    "of every recipe of every stage, so that nothing needs a network later"),
	OPT(FLAG, struct fetch_args, dry_run, 'n', "dry-run", NULL,
	    "with --all: count what is there and what is missing, fetch nothing"),
};

static void
set_number(struct arena *a, struct doc *d, const char *key, uint64_t v)
{
	doc_set(a, d, key, doc_number(a, (int64_t)v));
}

struct failures {
	struct cli *cli;
	struct doc *list;
};

static void
on_failure(void *arg, const char *name, const struct err *why)
{
	struct failures *f = arg;
	struct arena *a = &f->cli->arena;
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "name", name);
	doc_set_text(a, d, "message", why->text);
	doc_push(a, f->list, d);
	cli_say("failed: %s", why->text);
}

static void
say_counts(struct arena *a, const struct build_fetch_all *all)
{
	(void)printf("%s: %zu in the store (%s)", cli_count(a, all->inputs, "input"),
		     all->inputs - all->missing, cli_bytes(a, all->present_bytes));
	if (all->dry_run)
		(void)printf(", %zu missing (%s, and %zu whose size no pin says)\n",
			     all->missing, cli_bytes(a, all->missing_bytes), all->unknown);
	else
		(void)printf(", %zu fetched (%s), %zu failed\n", all->fetched,
			     cli_bytes(a, all->fetched_bytes), all->failed);
}

static int
fetch_all(struct cli *cli, const struct fetch_args *args,
	  const struct source_progress *progress, struct err *err)
{
	struct arena *a = &cli->arena;
	struct failures f = { .cli = cli, .list = doc_list(a) };
	struct build_fetch_all all = {
		.dry_run = args->dry_run, .progress = progress, .fail = on_failure, .arg = &f
	};
	struct doc *d = doc_map(a);

	if (build_fetch_all(a, &cli->builder, &all, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	set_number(a, d, "inputs", all.inputs);
	set_number(a, d, "present", all.inputs - all.missing);
	set_number(a, d, "presentBytes", all.present_bytes);
	set_number(a, d, "missing", all.missing);
	set_number(a, d, "missingBytes", all.missing_bytes);
	set_number(a, d, "unknownSize", all.unknown);
	set_number(a, d, "fetched", all.fetched);
	set_number(a, d, "fetchedBytes", all.fetched_bytes);
	doc_set(a, d, "failed", f.list);
	if (cli->json) {
		if (cli_json(cli, d, err) < 0)
			return -1;
	} else {
		say_counts(a, &all);
	}
	if (!all.failed)
		return 0;
	(void)err_set(err, ERR_FETCH, "%s could not be fetched",
		      cli_count(a, all.failed, "input"));
	return err_hint(err, "each is named above, with every place that was tried; what came "
			     "is kept");
}

static int
fetch_named(struct cli *cli, const char *const *names, size_t n,
	    const struct source_progress *progress, struct err *err)
{
	size_t fetched = 0, present = 0;
	struct doc *d = doc_map(&cli->arena);

	if (build_fetch(&cli->builder, names, n, progress, &fetched, &present, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	set_number(&cli->arena, d, "fetched", fetched);
	set_number(&cli->arena, d, "present", present);
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s fetched, %zu already in the store\n",
		     cli_count(&cli->arena, fetched, "input"), present);
	return 0;
}

static int
fetch_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct fetch_args *a = args;
	struct source_progress progress = status_fetching;

	if (a->all && n)
		return err_set(err, ERR_USAGE, "--all is of every recipe: name none");
	if (a->dry_run && !a->all)
		return err_set(err, ERR_USAGE, "--dry-run belongs to --all");
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	cli_catch_signals();
	progress.stop = &cli_stopped;
	return a->all ? fetch_all(cli, a, &progress, err)
		      : fetch_named(cli, operands, n, &progress, err);
}

const struct command cmd_fetch = {
	.name = "fetch",
	.task = "build",
	.summary = "bring and verify all inputs",
	.synopsis = "[RECIPE...]",
	.description =
		"Brings sources and seed packages into the store, each checked against its pinned\n"
		"SHA-256. Nothing that is fetched is executed. Afterwards no command needs a network.\n"
		"With --all those of every stage of bootstrap/stages.yaml; what one place no longer has\n"
		"is named, and keeps nothing else from coming.",
	.example = "kiln fetch --all --dry-run",
	.opts = fetch_opts,
	.nopts = ARRAY_LEN(fetch_opts),
	.args_size = sizeof(struct fetch_args),
	.max_operands = -1,
	.run = fetch_run,
};
