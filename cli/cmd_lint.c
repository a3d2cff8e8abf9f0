/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"
#include "builder/plan.h"
#include "builder/stage.h"
#include "cli/imaging.h"
#include "cli/verbs.h"

struct lint {
	struct cli *cli;
	struct doc *problems; /* list of texts */
	size_t recipes, images;
	struct dict seen; /* paths of recipes */
};

static void
lint_release_scope(struct lint *l)
{
	dict_release(&l->seen);
}

static void
problem(struct lint *l, const struct err *e)
{
	doc_push(&l->cli->arena, l->problems, doc_text(&l->cli->arena, e->text));
	if (!l->cli->json)
		cli_say("error: %s", e->text);
}

static void
lint_tests(struct lint *l, const struct recipe_set *set)
{
	struct err found;

	for (size_t i = 0; i < set->n; i++)
		if (plan_check_test(set, set->at[i], &found) < 0)
			problem(l, &found);
}

/* What only shows when all are seen together: names given twice, needs that neither the stage
 * nor its ground has, cycles. */
static void
lint_together(struct lint *l)
{
	struct workspace *w = &l->cli->workspace;
	CLEANUP(dict_release) struct dict given = { 0 };
	struct recipe_set set;
	struct plan plan;
	struct err found;

	if (recipe_load_all(&l->cli->arena, &w->place, &set, &found) < 0 ||
	    stage_fit(w->stage, &set, &given, &found) < 0 ||
	    plan_make(&l->cli->arena, &set, NULL, 0, &plan, &found) < 0)
		problem(l, &found);
	else
		lint_tests(l, &set);
}

static int
lint_stage(struct lint *l, struct err *err)
{
	struct workspace *w = &l->cli->workspace;
	size_t n, before = l->problems->n;
	const char **names;
	struct err found;

	if (recipe_list_place(&l->cli->arena, &w->place, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = arena_format(&l->cli->arena, "%s/%s/recipe.yaml",
						w->place.dir, names[i]);
		struct recipe *r;

		/* Stages may share a directory. */
		if (!dict_add(&l->seen, path, l))
			continue;
		if (recipe_load(&l->cli->arena, w->dirfd, path, w->epoch, &r, &found) < 0)
			problem(l, &found);
		l->recipes++;
	}
	if (l->problems->n == before)
		lint_together(l);
	return 0;
}

/* The seed of the stage, once it is pinned; before that `kiln seed lock` is what reads it. */
static void
lint_seed(struct lint *l)
{
	struct workspace *w = &l->cli->workspace;
	const char *lock = seed_lock_path(&l->cli->arena, w->stage->seed);
	struct seed seed;
	struct err found;

	if (w->stage->nground || !dict_add(&l->seen, lock, l) ||
	    faccessat(w->dirfd, lock, F_OK, 0) < 0)
		return;
	if (seed_load(&l->cli->arena, w, &seed, &found) < 0)
		problem(l, &found);
}

/* Without --ground: of every stage. */
static int
lint_recipes(struct lint *l, struct err *err)
{
	struct workspace *w = &l->cli->workspace;
	const struct stages *all = w->stages;

	for (size_t i = 0; i < all->n; i++) {
		if (l->cli->ground && w->stage != &all->at[i])
			continue;
		if (!l->cli->ground &&
		    stage_choose(&l->cli->arena, w, all->at[i].name, err) < 0)
			return -1;
		lint_seed(l);
		if (lint_stage(l, err) < 0)
			return -1;
	}
	return 0;
}

static int
lint_images(struct lint *l, struct err *err)
{
	struct workspace *w = &l->cli->workspace;
	const char **names;
	size_t n;

	if (faccessat(w->dirfd, "images/catalog", F_OK, 0) < 0)
		return 0;
	if (tree_list(&l->cli->arena, w->dirfd, "images/catalog", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = arena_format(&l->cli->arena, "images/catalog/%s", names[i]);
		size_t len = strlen(names[i]);
		struct image *image;
		struct err found;

		if (len < 5 || strcmp(names[i] + len - 5, ".yaml") != 0)
			continue;
		if (image_load(&l->cli->arena, w->dirfd, path, &image, &found) < 0 ||
		    imaging_check(w, image, &found) < 0)
			problem(l, &found);
		l->images++;
	}
	return 0;
}

static int
lint_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	CLEANUP(lint_release) struct lint l = { .cli = cli };
	const char *counts;
	struct doc *out;

	(void)args;
	(void)operands;
	(void)n;
	if (cli_open(cli, 0, err) < 0)
		return -1;
	l.problems = doc_list(&cli->arena);
	if (lint_recipes(&l, err) < 0 || lint_images(&l, err) < 0)
		return -1;
	out = doc_map(&cli->arena);
	doc_set(&cli->arena, out, "recipes", doc_number(&cli->arena, (int64_t)l.recipes));
	doc_set(&cli->arena, out, "images", doc_number(&cli->arena, (int64_t)l.images));
	doc_set(&cli->arena, out, "problems", l.problems);
	if (cli->json && cli_json(cli, out, err) < 0)
		return -1;
	counts = arena_format(&cli->arena, "%s and %s",
			      cli_count(&cli->arena, l.recipes, "recipe"),
			      cli_count(&cli->arena, l.images, "image"));
	if (l.problems->n)
		return err_set(err, ERR_INPUT, "%s in %s",
			       cli_count(&cli->arena, l.problems->n, "problem"), counts);
	if (!cli->json)
		(void)printf("%s: no problems\n", counts);
	return 0;
}

const struct command cmd_lint = {
	.name = "lint",
	.task = "start",
	.summary = "check recipes, images and the seed without building",
	.synopsis = "",
	.description =
		"Reads everything as a build would: keys and types, names, needs that no recipe makes,\n"
		"cycles. Every problem is shown with file, line and column.",
	.example = "kiln lint",
	.args_size = 1,
	.run = lint_run,
};
