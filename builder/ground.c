/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/ground.h"
#include "builder/recipe_priv.h"

#define GROUND_MAX_BYTES ((size_t)16 * 1024 * 1024)

#define PIN(key, member, reader, check)                                                        \
	{                                                                                      \
		.name = (key), .read = (reader), .wrong = (check),                             \
		.at = offsetof(struct ground_pin, member), .flags = RECIPE_REQUIRED,           \
		.summary = "`kiln bootstrap` writes it"                                        \
	}

/* "[e:]v-r": what is left to check is checked where it is compared with the package. */
static const char *
wrong_version(const char *s)
{
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+~^:-",
			    *s))
			return "a version";
	return NULL;
}

static const struct recipe_field pin_fields[] = {
	PIN("name", name, recipe_read_text, recipe_words_name),
	PIN("version", version, recipe_read_text, wrong_version),
	PIN("action", action, recipe_read_digest, NULL),
	PIN("file", file, recipe_read_digest, NULL),
	PIN("environment", environment, recipe_read_digest, NULL),
};
static const struct recipe_table pin_table = { .path = "stages[].packages[]",
					       .fields = pin_fields,
					       .n = ARRAY_LEN(pin_fields),
					       .size = sizeof(struct ground_pin),
					       .line = offsetof(struct ground_pin, line),
					       .col = RECIPE_NOWHERE };

static const struct recipe_field stage_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_step,
	  .at = offsetof(struct ground_stage, name),
	  .flags = RECIPE_REQUIRED,
	  .summary = "`kiln bootstrap` writes it" },
	{ .name = "packages",
	  .sub = &pin_table,
	  .at = offsetof(struct ground_stage, packages),
	  .count = offsetof(struct ground_stage, n),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  .summary = "`kiln bootstrap` writes them" },
};
static const struct recipe_table stage_table = { .path = "stages[]",
						 .fields = stage_fields,
						 .n = ARRAY_LEN(stage_fields),
						 .size = sizeof(struct ground_stage),
						 .line = RECIPE_NOWHERE,
						 .col = RECIPE_NOWHERE };

static const struct recipe_field fields[] = {
	{ .name = "format",
	  .read = recipe_read_format,
	  .at = RECIPE_NOWHERE,
	  .flags = RECIPE_REQUIRED,
	  .summary = "version of this format: 1" },
	{ .name = "stages",
	  .sub = &stage_table,
	  .at = offsetof(struct ground_lock, at),
	  .count = offsetof(struct ground_lock, n),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  .summary = "`kiln bootstrap` writes them" },
};
static const struct recipe_table table = { .path = "",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct ground_pin *)x)->name,
		      ((const struct ground_pin *)y)->name);
}

static int
check(struct ground_lock *l, struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		struct ground_stage *s = &l->at[i];

		if (ground_find(l, s->name) != s)
			return err_set(err, ERR_INPUT, "%s: stage '%s' is there twice",
				       GROUND_LOCK, s->name);
		qsort(s->packages, s->n, sizeof(*s->packages), by_name);
		for (size_t j = 1; j < s->n; j++)
			if (by_name(&s->packages[j - 1], &s->packages[j]) == 0)
				return err_set(err, ERR_INPUT, "%s:%d: '%s' is pinned twice",
					       GROUND_LOCK, s->packages[j].line,
					       s->packages[j].name);
	}
	return 0;
}

int
ground_load(struct arena *a, const struct workspace *w, struct ground_lock *out,
	    struct err *err)
{
	const struct recipe_file f = { GROUND_LOCK, "a ground is pinned", GROUND_MAX_BYTES,
				       &table };
	struct ground_lock l = { .n = 0 };
	struct doc *root;
	struct stat st;

	*out = l;
	if (fstatat(w->dirfd, GROUND_LOCK, &st, 0) < 0 && errno == ENOENT)
		return 0;
	if (recipe_table_load(a, w->dirfd, &f, &l, &root, err) < 0 || check(&l, err) < 0)
		return -1;
	*out = l;
	return 0;
}

static void
write_digest(struct buf *out, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	buf_add_format(out, "        %s: %s\n", key, hex);
}

void
ground_write(const struct ground_lock *l, struct buf *out)
{
	buf_add_str(out, "# What the stages came to. `kiln bootstrap` writes this file.\n"
			 "format: 1\nstages:\n");
	for (size_t i = 0; i < l->n; i++) {
		const struct ground_stage *s = &l->at[i];

		buf_add_format(out, "  - name: %s\n    packages:\n", s->name);
		for (size_t j = 0; j < s->n; j++) {
			const struct ground_pin *p = &s->packages[j];

			buf_add_format(out, "      - name: %s\n        version: \"%s\"\n",
				       p->name, p->version);
			write_digest(out, "action", &p->action);
			write_digest(out, "file", &p->file);
			write_digest(out, "environment", &p->environment);
		}
	}
}

const struct ground_stage *
ground_find(const struct ground_lock *l, const char *stage)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].name, stage) == 0)
			return &l->at[i];
	return NULL;
}

const struct ground_pin *
ground_package(const struct ground_stage *s, const char *name)
{
	const struct ground_pin key = { .name = name };

	if (!s->n)
		return NULL;
	return bsearch(&key, s->packages, s->n, sizeof(key), by_name);
}
