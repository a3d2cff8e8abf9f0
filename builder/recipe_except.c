/* SPDX-License-Identifier: Apache-2.0 */
/* `build.hardening.except`: what the audit may find, by the name of its check. */
#include "builder/recipe_priv.h"
#include "repo/pkgaudit.h"

static const struct recipe_field fields[] = {
	{ .name = "reason",
	  .read = recipe_read_text,
	  .at = offsetof(struct recipe_except, reason),
	  .flags = RECIPE_REQUIRED,
	  .summary = "why it must be so" },
	{ .name = "files",
	  .read = recipe_read_texts,
	  .wrong = recipe_words_glob,
	  .at = offsetof(struct recipe_except, files),
	  .count = offsetof(struct recipe_except, nfiles),
	  .flags = RECIPE_EXPAND,
	  .summary = "where: globs that begin with /" },
};
static const struct recipe_table table = { .path = "build.hardening.except.CHECK",
					   .fields = fields,
					   .n = ARRAY_LEN(fields),
					   .line = RECIPE_NOWHERE,
					   .col = RECIPE_NOWHERE };

static int
unknown(struct recipe_reader *r, const struct doc_item *item, struct err *err)
{
	const struct doc at = { .line = item->key_line, .col = item->key_col };
	CLEANUP(buf_free) struct buf list = BUF_MAX(RECIPE_LINE_MAX);
	const char *names[PKGAUDIT_CHECKS], *near;

	for (size_t i = 0; i < PKGAUDIT_CHECKS; i++) {
		names[i] = pkgaudit_rules[i].name;
		buf_add_format(&list, "%s%s", i ? " " : "", names[i]);
	}
	near = doc_nearest(item->key, names, PKGAUDIT_CHECKS);
	if (near)
		return doc_error(&at, r->path, err,
				 "no check is called '%s' (did you mean '%s'?)",
				 recipe_read_shown(r->a, item->key), near);
	(void)doc_error(&at, r->path, err, "no check is called '%s'",
			recipe_read_shown(r->a, item->key));
	return err_hint(err, "the checks are: %s", buf_text(&list));
}

/* A text is the reason for all files. */
static int
read_one(struct recipe_reader *r, const struct doc_item *item, struct recipe_except *e,
	 struct err *err)
{
	const struct recipe_value value = { .field = &fields[0],
					    .doc = item->value,
					    .base = e };

	e->check = item->key;
	e->line = item->key_line;
	e->col = item->key_col;
	if (item->value->kind == DOC_MAP)
		return recipe_table_read(r, &table, item->value, e, err);
	return recipe_read_text(r, &value, err);
}

int
recipe_except_read(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	struct recipe_except *at;

	if (v->doc->kind != DOC_MAP || v->doc->n == 0)
		return recipe_read_wrong(r, v, "a map of checks to reasons", err);
	at = arena_array(r->a, v->doc->n, sizeof(*at));
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct doc_item *item = &v->doc->items[i];

		if (pkgaudit_find(item->key) == PKGAUDIT_CHECKS)
			return unknown(r, item, err);
		if (read_one(r, item, &at[i], err) < 0)
			return -1;
	}
	recipe_read_set_list(v, at, v->doc->n);
	return 0;
}
