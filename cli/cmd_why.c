/* SPDX-License-Identifier: Apache-2.0 */
/* Why one comes to need another: by recipes, or, down to the seed, by what builds really saw.
 */
#include "base/clock.h"
#include "builder/graph.h"
#include "builder/lineage.h"
#include "builder/memo.h"
#include "builder/stage.h"
#include "cli/cli.h"
#include "cli/verbs.h"

static int
why_json(struct cli *cli, const struct graph_step *steps, size_t n, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "recipe", steps[i].recipe->name);
		if (steps[i].need) {
			doc_set_text(a, d, "need", steps[i].need->name);
			doc_set_text(a, d, "file", steps[i].recipe->path);
			doc_set(a, d, "line", doc_number(a, steps[i].need->line));
		}
		doc_push(a, list, d);
	}
	return cli_json(cli, list, err);
}

static int
lineage_json(struct cli *cli, const struct lineage *l, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a), *list = doc_list(a);

	for (size_t i = 0; i < l->n; i++) {
		struct doc *one = doc_map(a);

		doc_set_text(a, one, "package", l->steps[i].package);
		doc_set_text(a, one, "stage", l->steps[i].stage);
		doc_set_text(a, one, "version", l->steps[i].version);
		doc_push(a, list, one);
	}
	doc_set(a, d, "steps", list);
	doc_set(a, d, "builds", doc_number(a, (int64_t)l->builds));
	return cli_json(cli, d, err);
}

/* The seed package "is in" nothing: it was there when something was built, that when the next
 * was. */
static void
lineage_text(struct cli *cli, const struct lineage *l, const char *from, const char *seed)
{
	struct arena *a = &cli->arena;
	const char *all = seed;

	if (!l->n)
		(void)printf("%s has no path to %s: the statements of all %s behind it were "
			     "read\n",
			     from, seed, cli_count(a, l->builds, "build"));
	for (size_t i = 0; i + 1 < l->n; i++) {
		const struct lineage_step *s = &l->steps[i], *next = &l->steps[i + 1];

		(void)printf("%s (stage %s) was built with %s%s%s, of %s%s\n", s->package,
			     s->stage, next->package, next->version ? " " : "",
			     next->version ? next->version : "",
			     next->stage ? "stage " : "the seed",
			     next->stage ? next->stage : "");
	}
	for (size_t i = l->n > 1 ? l->n - 1 : 0; i > 0; i--)
		all = arena_format(a, "%s built %s",
				   i == l->n - 1 ? all : arena_format(a, "%s, which", all),
				   l->steps[i - 1].package);
	if (l->n)
		(void)printf("%s: %s\n", cli_count(a, l->n - 1, "generation"), all);
}

/* What the recipe was decided to come to when it was last planned; NULL: it was not. */
static const char *
key_of(struct arena *a, const struct graph *g, const struct recipe *r)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < g->plan.n; i++) {
		const struct memo_decision *d = memo_decided(g->memo, g->plan.at[i].slot);

		if (g->plan.at[i].recipe != r || !d)
			continue;
		digest_hex(&d->action, hex);
		return arena_strdup(a, hex);
	}
	return NULL;
}

static int
why_seed(struct cli *cli, const char *from, const char *key, const char *seed, struct err *err)
{
	struct keyring ring = { .now = clock_wall() };
	const struct workspace *w = &cli->workspace;
	struct lineage l;

	/* Those whose results a build takes. */
	if (key_load(&cli->arena, w->keys_path, &ring, err) < 0)
		return -1;
	for (size_t i = 0; i < w->cache.nkeys; i++)
		if (key_load(&cli->arena, w->cache.keys[i], &ring, err) < 0)
			return err_wrap(err, "kiln.yaml: cache.keys");
	if (lineage_find(&cli->arena, &cli->builder, &ring, from, key, seed, &l, err) < 0)
		return -1;
	if (cli->json)
		return lineage_json(cli, &l, err);
	lineage_text(cli, &l, from, seed);
	return 0;
}

/* Whether the seed of any stage has the package. */
static bool
is_seed(struct cli *cli, const char *name)
{
	const struct stages *stages = cli->workspace.stages;
	const char *now = cli->workspace.stage->name;
	bool found = false;
	struct err ignored;

	for (size_t i = 0; i < stages->n && !found; i++) {
		struct seed seed = { 0 };

		if (stages->at[i].nground ||
		    stage_choose(&cli->arena, &cli->workspace, stages->at[i].name, &ignored) <
			    0 ||
		    seed_load(&cli->arena, &cli->workspace, &seed, &ignored) < 0)
			continue;
		for (size_t k = 0; k < seed.npackages && !found; k++)
			found = strcmp(seed.packages[k].name, name) == 0;
	}
	return stage_choose(&cli->arena, &cli->workspace, now, &ignored) == 0 && found;
}

static const struct recipe *
recipe_named(const struct graph *g, const char *name)
{
	const struct recipe *r = recipe_find(&g->set, name);

	return r ? r : recipe_of_package(&g->set, name);
}

static int
why_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct graph_step *steps = NULL;
	const struct recipe *from;
	struct graph g;
	size_t nsteps;

	(void)args;
	(void)n;
	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    graph_load(&cli->arena, &cli->builder, NULL, 0, &g, err) < 0)
		return -1;
	from = recipe_named(&g, operands[0]);
	if (from && !recipe_named(&g, operands[1]) && is_seed(cli, operands[1]))
		return why_seed(cli, from->name, key_of(&cli->arena, &g, from), operands[1],
				err);
	if (graph_why(&cli->arena, &g, operands[0], operands[1], &steps, &nsteps, err) < 0)
		return -1;
	if (cli->json)
		return why_json(cli, steps, nsteps, err);
	if (nsteps == 0)
		(void)printf("%s does not need %s\n", operands[0], operands[1]);
	for (size_t i = 0; i + 1 < nsteps; i++) {
		const struct graph_step *s = &steps[i];

		(void)printf("%s:%d:%d: %s needs %s", s->recipe->path, s->need->line,
			     s->need->col, s->recipe->name,
			     s->required ? s->required : s->need->name);
		(void)printf("%s\n", s->required ? ", required by what it names" : "");
	}
	return 0;
}

const struct command cmd_why = {
	.name = "why",
	.task = "look",
	.summary = "show the shortest way by which A comes to need B",
	.synopsis = "A B",
	.description =
		"A and B are recipes or packages. B may also be a package of the seed: then the answer\n"
		"is the shortest way from A to it through what builds really saw, stage by stage, read\n"
		"from their signed statements; or that there is none.",
	.example = "kiln why file zlib",
	.args_size = 1,
	.min_operands = 2,
	.max_operands = 2,
	.run = why_run,
};
