/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/selftest.h"
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

struct selftest_args {
	bool quiet;
};

static const struct opt selftest_opts[] = {
	OPT(FLAG, struct selftest_args, quiet, 'q', "quiet", NULL,
	    "show only attacks that were not held"),
};

static void
show_progress(void *arg, const char *what, size_t done, size_t all)
{
	(void)arg;
	status_draw("selftest: %s [%zu/%zu]", what, done, all);
}

static struct doc *
walls_doc(struct arena *a, const struct selftest_report *r)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < r->nwalls; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "name", r->walls[i].name);
		doc_set_text(a, d, "detail", r->walls[i].detail);
		doc_set(a, d, "required", doc_boolean(a, r->walls[i].required));
		doc_push(a, list, d);
	}
	return list;
}

static int
show_json(struct cli *cli, const struct selftest_report *r, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a), *list = doc_list(a);

	for (size_t i = 0; i < r->n; i++) {
		const struct selftest_attack *at = &r->at[i];
		struct doc *one = doc_map(a);

		doc_set_text(a, one, "attack", at->name);
		doc_set_text(a, one, "wall", at->wall);
		doc_set_text(a, one, "tries", at->words);
		doc_set(a, one, "group", doc_number(a, at->group));
		doc_set_text(a, one, "wanted", at->wanted);
		doc_set_text(a, one, "got", at->got);
		doc_set(a, one, "held", doc_boolean(a, at->held));
		doc_push(a, list, one);
	}
	doc_set(a, d, "format", doc_number(a, 1));
	doc_set(a, d, "attacks", list);
	doc_set(a, d, "walls", walls_doc(a, r));
	doc_set(a, d, "tried", doc_number(a, (int64_t)r->nattacks));
	doc_set(a, d, "held", doc_boolean(a, r->nheld == r->n));
	return cli_json(cli, d, err);
}

static void
show_table(const struct selftest_report *r, bool quiet)
{
	(void)printf("%-24s %-16s %-16s %s\n", "ATTACK", "WALL", "MET", "");
	for (size_t i = 0; i < r->n; i++) {
		const struct selftest_attack *at = &r->at[i];

		if (at->held && quiet)
			continue;
		(void)printf("%-24s %-16s %-16s %s: %s\n", at->name, at->wall, at->got,
			     at->held ? "held" : "NOT HELD", at->words);
	}
	(void)printf("\nwalls that stood:\n");
	for (size_t i = 0; i < r->nwalls; i++)
		(void)printf("  %-16s %s%s\n", r->walls[i].name, r->walls[i].detail,
			     r->walls[i].required ? "" : " (strengthening)");
	(void)printf("\n%zu attacks, %zu checks that builds still work; %zu not held\n",
		     r->nattacks, r->n - r->nattacks, r->n - r->nheld);
}

static int
selftest_verb(struct cli *cli, void *args, const char *const *operands, size_t n,
	      struct err *err)
{
	const struct selftest_args *a = args;
	const char *tmp = getenv("TMPDIR");
	struct selftest_report r;
	int rc;

	(void)operands;
	(void)n;
	rc = selftest_run(&cli->arena, tmp && *tmp ? tmp : "/tmp", show_progress, NULL, &r,
			  err);
	status_clear();
	if (rc < 0)
		return -1;
	if (cli->json) {
		if (show_json(cli, &r, err) < 0)
			return -1;
	} else {
		show_table(&r, a->quiet);
	}
	if (r.nheld == r.n)
		return 0;
	err_set(err, ERR_SANDBOX, "%zu attacks were not held on this machine", r.n - r.nheld);
	return err_hint(
		err,
		"build nothing you do not trust here; docs/chamber.md says what each wall is for");
}

const struct command cmd_selftest = {
	.name = "selftest",
	.task = "look",
	.summary = "attack this machine's chambers and say which walls hold",
	.synopsis = "",
	.description =
		"Raises chambers over a store of its own, runs the attack program inside and shows what each "
		"attack met. Needs no workspace, no network and no root. docs/chamber.md explains the table.",
	.example = "kiln selftest --quiet",
	.opts = selftest_opts,
	.nopts = ARRAY_LEN(selftest_opts),
	.args_size = sizeof(struct selftest_args),
	.run = selftest_verb,
};
