/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/verbs.h"

struct build_args {
	unsigned jobs;
	bool keep_going, dry_run, why;
};

static const struct opt build_opts[] = {
	OPT(NUM, struct build_args, jobs, 'j', "jobs", "N", "run at most N chambers at once (default: one per core)"),
	OPT(FLAG, struct build_args, keep_going, 'k', "keep-going", NULL, "build what does not depend on a failure"),
	OPT(FLAG, struct build_args, dry_run, 'n', "dry-run", NULL, "say what would be built, build nothing"),
	OPT(FLAG, struct build_args, why, 0, "why", NULL, "say why each recipe is built"),
};

/* What a build run wants at least; a bigger recipe declares more in its limits. */
#define BUILD_WANT_DISK   ((uint64_t)3 * 1024 * 1024 * 1024)
#define BUILD_WANT_MEMORY ((uint64_t)3 * 1024 * 1024 * 1024)

static void
on_event(void *arg, enum build_event e, const char *name, const char *text)
{
	static const char *const words[] = {
		[BUILD_PLANNED] = "plan",   [BUILD_STARTED] = "build", [BUILD_STEP] = "step", [BUILD_SERVED] = "store",
		[BUILD_DONE] = "done", [BUILD_FAILED] = "failed", [BUILD_BLOCKED] = "blocked",
	};
	const int64_t *start = arg;
	int64_t s = (clock_monotonic_ms() - *start) / 1000;

	cli_say("[%3lld:%02lld] %-8s %s%s%s", (long long)(s / 60), (long long)(s % 60), words[e],
		name ? name : "", name && text ? ": " : "", text ? text : "");
}

static int
preflight(struct cli *cli, struct err *err)
{
	uint64_t disk, memory;

	if (workspace_room(&cli->workspace, &disk, &memory, err) < 0)
		return -1;
	cli_say("needs about %s of disk and %s of memory; free: %s and %s", cli_bytes(&cli->arena, BUILD_WANT_DISK),
		cli_bytes(&cli->arena, BUILD_WANT_MEMORY), cli_bytes(&cli->arena, disk),
		cli_bytes(&cli->arena, memory));
	if (disk < BUILD_WANT_DISK) {
		err_set(err, ERR_IO, "the store %s has only %s free", cli->workspace.store_path,
			cli_bytes(&cli->arena, disk));
		return err_hint(err, "free disk space, or set KILN_STORE to a directory on a larger disk");
	}
	if (memory < BUILD_WANT_MEMORY) {
		err_set(err, ERR_IO, "only %s of memory are available", cli_bytes(&cli->arena, memory));
		return err_hint(err, "end other programs, or lower `limits: {memory: ...}` of the recipes");
	}
	return 0;
}

static void
print_failure(const struct build_failure *f)
{
	cli_say("\nfailed: %s (%s): %s", f->recipe, f->cause, f->message);
	if (f->log_tail && *f->log_tail)
		cli_say("--- last lines of its log (`kiln log %s` shows all) ---\n%s---", f->recipe, f->log_tail);
	if (f->where)
		cli_say("at %s", f->where);
	cli_say("to look inside: kiln shell --failed %s", f->recipe);
}

static struct doc *
summary_doc(struct arena *a, const struct build_summary *s)
{
	struct doc *d = doc_map(a), *failures = doc_list(a);

	doc_set(a, d, "built", doc_number(a, (int64_t)s->built));
	doc_set(a, d, "served", doc_number(a, (int64_t)s->served));
	doc_set(a, d, "failed", doc_number(a, (int64_t)s->failed));
	doc_set(a, d, "blocked", doc_number(a, (int64_t)s->blocked));
	doc_set(a, d, "elapsed_ms", doc_number(a, s->elapsed_ms));
	for (size_t i = 0; i < s->nfailures; i++) {
		struct doc *f = doc_map(a);

		doc_set_text(a, f, "recipe", s->failures[i].recipe);
		doc_set_text(a, f, "cause", s->failures[i].cause);
		doc_set_text(a, f, "message", s->failures[i].message);
		doc_set_text(a, f, "where", s->failures[i].where);
		doc_push(a, failures, f);
	}
	doc_set(a, d, "failures", failures);
	return d;
}

static void
print_summary(const struct build_summary *s, bool dry)
{
	int64_t seconds = s->elapsed_ms / 1000;

	if (dry)
		(void)printf("would build %zu, serve %zu from the store\n", s->built, s->served);
	else if (s->built + s->failed + s->blocked == 0)
		(void)printf("nothing to build: %zu recipes are served from the store\n", s->served);
	else
		(void)printf("%zu built, %zu served from the store, %zu failed, %zu blocked in %lld:%02lld\n",
			     s->built, s->served, s->failed, s->blocked, (long long)(seconds / 60),
			     (long long)(seconds % 60));
}

static int
run_build(struct cli *cli, const struct build_args *a, const char *const *names, size_t n,
	  struct err *err)
{
	int64_t start = clock_monotonic_ms();
	struct build_options o = { .jobs = a->jobs, .keep_going = a->keep_going, .dry_run = a->dry_run,
				   .why = a->why, .event = on_event, .arg = &start, .stop = &cli_stopped };
	struct build_summary s = { 0 };

	if (build_run(&cli->arena, &cli->builder, names, n, &o, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nfailures; i++)
		print_failure(&s.failures[i]);
	if (cli->json)
		cli_json(summary_doc(&cli->arena, &s));
	else
		print_summary(&s, a->dry_run);
	if (cli_stopped)
		return err_set(err, ERR_INTERRUPTED, "interrupted; finished packages are kept, the next run goes on from there");
	if (s.failed)
		return err_set(err, ERR_BUILD, "%zu of the recipes failed", s.failed);
	return 0;
}

static int
build_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct build_args *a = args;

	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | (a->dry_run ? 0 : CLI_SIGNER), err) < 0)
		return -1;
	cli_catch_signals();
	if (!a->dry_run && preflight(cli, err) < 0)
		return -1;
	return run_build(cli, a, operands, n, err);
}

const struct command cmd_build = {
	.name = "build",
	.task = "build",
	.summary = "build recipes with all they need, in order",
	.synopsis = "[RECIPE...]",
	.description = "Each recipe is built alone in a single-use chamber without network. What did not\n"
		       "change is served from the store. Without names all recipes are built.",
	.example = "kiln build --jobs 2 busybox zlib",
	.opts = build_opts,
	.nopts = ARRAY_LEN(build_opts),
	.args_size = sizeof(struct build_args),
	.max_operands = -1,
	.run = build_verb,
};
