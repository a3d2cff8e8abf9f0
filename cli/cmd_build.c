/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/building.h"
#include "cli/verbs.h"

struct build_args {
	struct building run;
	bool no_cache, check, test;
};

static const struct opt build_opts[] = {
	OPT(NUM, struct build_args, run.jobs, 'j', "jobs", "N",
	    "run at most N chambers at once (default: one per core)"),
	OPT(FLAG, struct build_args, run.keep_going, 'k', "keep-going", NULL,
	    "build what does not depend on a failure"),
	OPT(FLAG, struct build_args, run.dry_run, 'n', "dry-run", NULL,
	    "say what would be built and why, build nothing"),
	OPT(FLAG, struct build_args, run.why, 0, "why", NULL, "say why each recipe is built"),
	OPT(FLAG, struct build_args, check, 0, "check", NULL,
	    "then build each again at another path, by another user and with another -j, and compare"),
	OPT(FLAG, struct build_args, test, 0, "test", NULL,
	    "then run the tests of what came out, installed in a fresh chamber"),
	OPT(FLAG, struct build_args, no_cache, 0, "no-cache", NULL,
	    "neither ask the shared cache nor send to it"),
	OPT(FLAG, struct build_args, run.locked, 0, "locked", NULL,
	    "refuse when kiln.lock is not as the recipes say (always so when CI is set)"),
};

/* Making keys takes long: not for a workspace that cannot build anyway. */
static int
check_first(const struct cli *cli, const char *const *names, size_t n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct workspace w;
	struct builder b = { .workspace = &w };
	int rc = 0;

	if (workspace_open(&a, cli->directory, getenv("KILN_STORE"), getenv("KILN_KEYS"), &w,
			   err) < 0)
		return -1;
	if (!key_present(w.keys_path))
		rc = build_check_input(&b, names, n, err);
	workspace_close(&w);
	return rc;
}

/* Tests need what their recipes do not. */
static int
build_all(struct cli *cli, const struct build_args *a, const char *const *names, size_t n,
	  struct err *err)
{
	struct build_summary s;
	const char **more = NULL;
	size_t nmore = 0;

	if (a->test &&
	    build_test_recipes(&cli->arena, &cli->builder, names, n, &more, &nmore, err) < 0)
		return -1;
	return building_run(cli, &a->run, nmore ? (const char *const *)more : names,
			    nmore ? nmore : n, &s, err);
}

static int
build_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct build_args *a = args;
	bool dry = a->run.dry_run;

	if ((!dry && check_first(cli, operands, n, err) < 0) ||
	    cli_open(cli, CLI_STORE | CLI_SANDBOX | (dry ? 0 : CLI_SIGNER), err) < 0)
		return -1;
	cli_catch_signals();
	sandbox_heed(cli->builder.sandbox, &cli_stopped);
	if (a->no_cache)
		cli->workspace.cache.url = NULL;
	if (build_all(cli, a, operands, n, err) < 0 ||
	    (a->check && !dry && building_check(cli, &a->run, operands, n, err) < 0))
		return -1;
	return a->test && !dry ? building_test(cli, &a->run, operands, n, err) : 0;
}

const struct command cmd_build = {
	.name = "build",
	.task = "build",
	.summary = "build recipes with all they need, in order",
	.synopsis = "[RECIPE...]",
	.description =
		"Each recipe is built alone in a single-use chamber without network. What did not\n"
		"change is served from the store. Without names all recipes are built. With --json\n"
		"every event is a line of its own, the last one sums up (docs/planning.md).",
	.example = "kiln build --jobs 2 busybox zlib",
	.opts = build_opts,
	.nopts = ARRAY_LEN(build_opts),
	.args_size = sizeof(struct build_args),
	.max_operands = -1,
	.run = build_verb,
};
