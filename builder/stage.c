/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/stage.h"
#include "base/json.h"
#include "builder/recipe_priv.h"
#include "builder/seed_priv.h"
#include "trust/statement.h"

#define STAGE_MAX_BYTES ((size_t)1024 * 1024)

static const char *
wrong_directory(const char *s)
{
	return manifest_is_path(s) ? NULL : "a directory of the workspace, without '..'";
}

static const struct recipe_field part_fields[] = {
	{ .name = "stage",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct stage_part, stage),
	  .flags = RECIPE_REQUIRED,
	  .summary = "name of an earlier stage" },
	{ .name = "packages",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_name,
	  .at = offsetof(struct stage_part, packages),
	  .count = offsetof(struct stage_part, npackages),
	  .flags = RECIPE_REQUIRED,
	  .summary = "names of packages that it makes" },
};
static const struct recipe_table part_table = { .path = "stages[].ground[]",
						.fields = part_fields,
						.n = ARRAY_LEN(part_fields),
						.size = sizeof(struct stage_part),
						.line = offsetof(struct stage_part, line),
						.col = offsetof(struct stage_part, col) };

static const struct recipe_field finish_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct recipe_step, name),
	  .flags = RECIPE_REQUIRED,
	  .summary = "what messages call the step" },
	{ .name = "run",
	  .read = recipe_read_script,
	  .at = offsetof(struct recipe_step, run),
	  .count = offsetof(struct recipe_step, line),
	  .flags = RECIPE_REQUIRED,
	  .summary = "what `/bin/sh -e` runs" },
};
static const struct recipe_table finish_table = { .path = "stages[].finish[]",
						  .fields = finish_fields,
						  .n = ARRAY_LEN(finish_fields),
						  .size = sizeof(struct recipe_step),
						  .line = RECIPE_NOWHERE,
						  .col = RECIPE_NOWHERE };

static const struct recipe_field stage_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct stage, name),
	  .flags = RECIPE_REQUIRED,
	  .summary = "what `--ground` calls it" },
	{ .name = "recipes",
	  .read = recipe_read_text,
	  .wrong = wrong_directory,
	  .at = offsetof(struct stage, recipes),
	  .flags = RECIPE_REQUIRED,
	  .summary = "directory of its recipes" },
	{ .name = "only",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_name,
	  .at = offsetof(struct stage, only),
	  .count = offsetof(struct stage, nonly) },
	{ .name = "seed",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct stage, seed) },
	{ .name = "ground",
	  .sub = &part_table,
	  .at = offsetof(struct stage, ground),
	  .count = offsetof(struct stage, nground),
	  .flags = RECIPE_LISTED },
	{ .name = "env",
	  .read = recipe_read_env,
	  .at = offsetof(struct stage, env),
	  .count = offsetof(struct stage, nenv) },
	{ .name = "finish",
	  .sub = &finish_table,
	  .at = offsetof(struct stage, finish),
	  .count = offsetof(struct stage, nfinish),
	  .flags = RECIPE_LISTED },
	{ .name = "audit", .read = recipe_read_strict, .at = offsetof(struct stage, strict) },
	{ .name = "shadow", .read = recipe_read_bool, .at = offsetof(struct stage, shadow) },
	{ .name = "equals",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct stage, equals) },
};
static const struct recipe_table stage_table = { .path = "stages[]",
						 .fields = stage_fields,
						 .n = ARRAY_LEN(stage_fields),
						 .size = sizeof(struct stage),
						 .line = offsetof(struct stage, line),
						 .col = offsetof(struct stage, col) };

static const struct recipe_field fields[] = {
	{ .name = "format",
	  .read = recipe_read_format,
	  .at = RECIPE_NOWHERE,
	  .flags = RECIPE_REQUIRED,
	  .summary = "version of this format: 1" },
	{ .name = "default",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct stages, standard),
	  .flags = RECIPE_REQUIRED,
	  .summary = "the stage of a run that names none" },
	{ .name = "fixups", .sub = &seed_fixup_table },
	{ .name = "stages",
	  .sub = &stage_table,
	  .at = offsetof(struct stages, at),
	  .count = offsetof(struct stages, n),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  .summary = "the stages, each after those it stands on" },
};
static const struct recipe_table table = { .path = "",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

const struct stage *
stage_find(const struct stages *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->at[i].name, name) == 0)
			return &s->at[i];
	return NULL;
}

static int
unknown(struct arena *a, const struct stages *s, const struct doc *at, const char *name,
	struct err *err)
{
	const char **known = arena_array(a, s->n, sizeof(*known));
	const char *near;

	for (size_t i = 0; i < s->n; i++)
		known[i] = s->at[i].name;
	near = doc_nearest(name, known, s->n);
	if (at)
		(void)doc_error(at, STAGE_YAML, err, "there is no stage '%s'", name);
	else
		(void)err_set(err, ERR_INPUT, "%s: there is no stage '%s'", STAGE_YAML, name);
	return near ? err_hint(err, "did you mean '%s'?", near) : -1;
}

/* A ground of later stages would be a cycle, and a need of one a way around the seed. */
static int
check_part(struct arena *a, const struct stages *s, size_t i, const struct stage_part *p,
	   struct err *err)
{
	const struct doc at = { .line = p->line, .col = p->col };
	const struct stage *on = stage_find(s, p->stage);

	if (!on)
		return unknown(a, s, &at, p->stage, err);
	if (on < &s->at[i] && strcmp(p->stage, STATEMENT_SEED) == 0) {
		(void)doc_error(&at, STAGE_YAML, err,
				"stage '%s' stands on packages of '" STATEMENT_SEED
				"', the word for other people's",
				s->at[i].name);
		return err_hint(err, "give that stage another name");
	}
	if (on < &s->at[i])
		return 0;
	(void)doc_error(&at, STAGE_YAML, err, "stage '%s' stands on '%s', which comes %s",
			s->at[i].name, p->stage, on == &s->at[i] ? "of itself" : "later");
	return err_hint(err, "a stage stands on earlier ones only");
}

/* What it is compared with is made before. */
static int
check_equals(struct arena *a, const struct stages *s, const struct stage *st, struct err *err)
{
	const struct doc at = { .line = st->line, .col = st->col };
	const struct stage *with = stage_find(s, st->equals);

	if (!with)
		return unknown(a, s, &at, st->equals, err);
	if (with >= st)
		return doc_error(&at, STAGE_YAML, err,
				 "stage '%s' must equal '%s', which is no earlier one",
				 st->name, st->equals);
	return 0;
}

static int
by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int
check(struct arena *a, struct stages *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		struct stage *st = &s->at[i];
		const struct doc at = { .line = st->line, .col = st->col };

		if (stage_find(s, st->name) != st)
			return doc_error(&at, STAGE_YAML, err, "two stages are named '%s'",
					 st->name);
		if (st->seed && st->nground)
			return doc_error(&at, STAGE_YAML, err,
					 "'seed' is for a stage without a ground of packages");
		if (st->equals && check_equals(a, s, st, err) < 0)
			return -1;
		if (st->shadow && !st->nground)
			return doc_error(&at, STAGE_YAML, err,
					 "'shadow' is for a ground of packages");
		for (size_t j = 0; j < st->nground; j++)
			if (check_part(a, s, i, &st->ground[j], err) < 0)
				return -1;
		if (st->nonly)
			qsort(st->only, st->nonly, sizeof(*st->only), by_text);
	}
	return stage_find(s, s->standard) ? 0 : unknown(a, s, NULL, s->standard, err);
}

static void
digest_fixups(struct arena *a, const struct doc *root, struct stages *s)
{
	char hex[DIGEST_HEX];

	s->fixups = root ? doc_get(root, "fixups") : NULL;
	s->fixups = s->fixups ? s->fixups : doc_map(a);
	json_digest_hex(s->fixups, hex);
	if (!digest_parse(hex, &s->fixups_digest))
		abort(); /* json_digest_hex writes what digest_parse reads */
}

/* recipes/ on the seed. */
static void
make_single(struct arena *a, struct stages *s)
{
	s->n = 1;
	s->at = arena_array(a, 1, sizeof(*s->at));
	s->at[0] = (struct stage){ .name = STAGE_SEED, .recipes = "recipes" };
	s->standard = STAGE_SEED;
	digest_fixups(a, NULL, s);
}

int
stage_load(struct arena *a, const struct workspace *w, struct stages *out, struct err *err)
{
	const struct recipe_file f = { STAGE_YAML, "stages are described", STAGE_MAX_BYTES,
				       &table };
	struct stages s = { .n = 0 };
	struct doc *root;
	struct stat st;

	if (fstatat(w->dirfd, STAGE_YAML, &st, 0) < 0 && errno == ENOENT) {
		make_single(a, out);
		return 0;
	}
	if (recipe_table_load(a, w->dirfd, &f, &s, &root, err) < 0 || check(a, &s, err) < 0)
		return -1;
	digest_fixups(a, root, &s);
	*out = s;
	return 0;
}

int
stage_choose(struct arena *a, struct workspace *w, const char *name, struct err *err)
{
	struct stages *s = arena_alloc(a, sizeof(*s));
	const struct stage *chosen;

	if (stage_load(a, w, s, err) < 0)
		return -1;
	chosen = stage_find(s, name ? name : s->standard);
	if (!chosen)
		return unknown(a, s, NULL, name, err);
	w->stages = s;
	w->stage = chosen;
	w->place.dir = chosen->recipes;
	w->place.only = (const char *const *)chosen->only;
	w->place.nonly = chosen->nonly;
	w->suffix = strcmp(chosen->name, s->standard) == 0
			    ? ""
			    : arena_format(a, "-%s", chosen->name);
	w->lock = arena_format(a, "kiln%s.lock", w->suffix);
	return 0;
}

/* Groups are the seed's; a stage that stands on packages has none. */
static int
refuse_groups(const struct stage *stage, const struct recipe_set *set, struct err *err)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct recipe *r = set->at[i];

		if (!r->ground)
			continue;
		err_set(err, ERR_INPUT,
			"%s: 'ground' names groups of the seed, but stage '%s' stands on packages",
			r->path, stage->name);
		return err_hint(err, "needs: names the packages of this stage and its ground");
	}
	return 0;
}

int
stage_fit(const struct stage *stage, struct recipe_set *set, struct dict *names,
	  struct err *err)
{
	if (!stage->nground)
		return 0;
	if (refuse_groups(stage, set, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->nground; i++)
		for (size_t j = 0; j < stage->ground[i].npackages; j++)
			dict_set(names, stage->ground[i].packages[j], set);
	set->given = names;
	set->shadow = stage->shadow;
	return 0;
}
