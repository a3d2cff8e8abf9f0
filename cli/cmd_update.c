/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "builder/update.h"
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

struct update_args {
	bool dry_run;
};

static const struct opt update_opts[] = {
	OPT(FLAG, struct update_args, dry_run, 'n', "dry-run", NULL,
	    "show what would change, write no recipe"),
};

struct reported {
	struct cli *cli;
	struct doc *recipes;
	bool dry_run;
};

static const char *const outcomes[] = {
	[UPDATE_CURRENT] = "current", [UPDATE_NEWER] = "newer", [UPDATE_FAILED] = "failed"
};

static void
add_report(struct reported *t, const struct update_report *r)
{
	struct arena *a = &t->cli->arena;
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", r->recipe);
	doc_set_text(a, d, "outcome", outcomes[r->outcome]);
	doc_set_text(a, d, "before", r->before);
	doc_set_text(a, d, "after", r->after);
	doc_set_text(a, d, "diff", r->diff);
	doc_set_text(a, d, "message", r->message);
	doc_push(a, t->recipes, d);
}

static void
print_diff(const char *diff)
{
	CLEANUP(mem_free) char *text = mem_strdup(diff);

	cli_tame(text, strlen(text));
	(void)printf("%s", text);
	(void)fflush(stdout);
}

static void
on_report(void *arg, const struct update_report *r)
{
	struct reported *t = arg;

	add_report(t, r);
	switch (r->outcome) {
	case UPDATE_CURRENT:
		cli_say("%s: %s is the newest", r->recipe, r->before);
		break;
	case UPDATE_NEWER:
		cli_say("%s: %s -> %s%s", r->recipe, r->before, r->after,
			t->dry_run ? " (dry run)" : "");
		if (!t->cli->json)
			print_diff(r->diff);
		if (r->message)
			cli_say("%s: %s", r->recipe, r->message);
		break;
	case UPDATE_FAILED:
	default:
		cli_say("failed: %s: %s", r->recipe, r->message);
		break;
	}
}

static int
print_summary(struct cli *cli, const struct update_summary *s, struct doc *recipes, bool dry,
	      struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);

	doc_set(a, d, "recipes", recipes);
	doc_set(a, d, "newer", doc_number(a, (int64_t)s->newer));
	doc_set(a, d, "current", doc_number(a, (int64_t)s->current));
	doc_set(a, d, "failed", doc_number(a, (int64_t)s->failed));
	doc_set(a, d, "undeclared", doc_number(a, (int64_t)s->undeclared));
	if (cli->json)
		return cli_json(cli, d, err);
	cli_say("%s %s, %zu up to date, %zu failed%s", cli_count(a, s->newer, "recipe"),
		dry ? "would be updated" : "updated", s->current, s->failed,
		s->undeclared ? arena_format(a, "; %zu do not say where to look (update:)",
					     s->undeclared)
			      : "");
	if (s->newer && !dry)
		cli_say("look at the difference, then `kiln build`, which brings kiln.lock along");
	return 0;
}

static int
update_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct update_args *ua = args;
	struct reported t = { .cli = cli,
			      .recipes = doc_list(&cli->arena),
			      .dry_run = ua->dry_run };
	struct source_progress progress = status_fetching;
	const struct update_options o = {
		.dry_run = ua->dry_run, .report = on_report, .arg = &t, .progress = &progress
	};
	struct update_summary s;

	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	cli_catch_signals();
	progress.stop = &cli_stopped;
	if (update_run(&cli->arena, &cli->workspace, cli->builder.store, operands, n, &o, &s,
		       err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	if (print_summary(cli, &s, t.recipes, ua->dry_run, err) < 0)
		return -1;
	if (!s.failed)
		return 0;
	return err_set(err, ERR_FETCH, "%s could not be looked after",
		       cli_count(&cli->arena, s.failed, "recipe"));
}

const struct command cmd_update = {
	.name = "update",
	.task = "build",
	.summary = "find newer upstream versions and write them into the recipes",
	.synopsis = "[RECIPE...]",
	.description =
		"Looks where each recipe's `update` says, fetches and hashes the sources of the newest\n"
		"version, and edits version, digests and release (to 1) in place. Every other byte of\n"
		"the recipe stays. Without names all recipes that have `update` are looked after.",
	.example = "kiln update --dry-run zlib",
	.opts = update_opts,
	.nopts = ARRAY_LEN(update_opts),
	.args_size = sizeof(struct update_args),
	.max_operands = -1,
	.run = update_verb,
};
