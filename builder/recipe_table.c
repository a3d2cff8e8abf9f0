/* SPDX-License-Identifier: Apache-2.0 */
/* The walker over the tables of recipe_schema.c: which keys may stand where, and what is
 * missing. */
#include "builder/recipe_priv.h"
#include "base/fd.h"

static const struct recipe_field *
find_field(const struct recipe_table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

/* The full path of a key of that name somewhere else in a recipe, or NULL. */
static const char *
elsewhere(const char *key)
{
	size_t n;
	const struct recipe_key *keys = recipe_keys(&n);

	for (size_t i = 0; i < n; i++) {
		const char *dot = strrchr(keys[i].path, '.');

		if (!strcmp(dot ? dot + 1 : keys[i].path, key))
			return keys[i].path;
	}
	return NULL;
}

static int
unknown_key(struct recipe_reader *r, const struct recipe_table *t, const struct doc_item *item,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_MAX(RECIPE_LINE_MAX);
	const char *path =
		arena_format(r->a, "%s%s%s", t->path, *t->path ? "." : "", item->key);
	const char **names = arena_array(r->a, t->n, sizeof(*names));
	struct doc at = { .line = item->key_line, .col = item->key_col };
	const char *shown = recipe_read_shown(r->a, item->key);
	const char *why = r->other ? NULL : recipe_schema_planned(path, false, &path);
	const char *near;

	for (size_t i = 0; i < t->n; i++) {
		names[i] = t->fields[i].name;
		buf_add_format(&list, "%s%s", i ? " " : "", names[i]);
	}
	near = doc_nearest(item->key, names, t->n);
	near = near || r->other ? near : elsewhere(item->key);
	if (!why && near)
		return doc_error(&at, r->path, err, "unknown key '%s' (did you mean '%s'?)",
				 shown, near);
	(void)doc_error(&at, r->path, err, "unknown key '%s'", shown);
	why = why || r->other ? why : recipe_schema_planned(item->key, true, &path);
	if (why)
		return err_hint(err, "'%s' is planned but not there yet; %s", path, why);
	return err_hint(err, "the keys here are: %s", buf_text(&list));
}

static int
check_keys(struct recipe_reader *r, const struct recipe_table *t, const struct doc *d,
	   struct err *err)
{
	for (size_t i = 0; i < d->n; i++)
		if (!find_field(t, d->items[i].key))
			return unknown_key(r, t, &d->items[i], err);
	for (size_t i = 0; i < t->n; i++) {
		const struct recipe_field *f = &t->fields[i];

		if (!(f->flags & RECIPE_REQUIRED) || doc_get(d, f->name))
			continue;
		(void)doc_error(d, r->path, err, "missing key '%s'", f->name);
		return err_hint(err, "%s: %s", f->name, f->summary);
	}
	return 0;
}

/* A list of maps: one struct for each. */
static int
read_items(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const struct recipe_table *t = v->field->sub;
	char *items;

	if (recipe_read_check_list(r, v, "a list of maps", err) < 0)
		return -1;
	items = arena_array(r->a, v->doc->n, t->size);
	for (size_t i = 0; i < v->doc->n; i++) {
		const struct doc *d = v->doc->items[i].value;
		char *item = items + i * t->size;

		if (t->blank)
			memcpy(item, t->blank, t->size);
		if (t->line != RECIPE_NOWHERE)
			memcpy(item + t->line, &d->line, sizeof(int));
		if (t->col != RECIPE_NOWHERE)
			memcpy(item + t->col, &d->col, sizeof(int));
		if (d->kind != DOC_MAP)
			return recipe_read_wrong(
				r, &(struct recipe_value){ .field = v->field, .doc = d },
				"a list of maps", err);
		if (recipe_table_read(r, t, d, item, err) < 0)
			return -1;
	}
	recipe_read_set_list(v, items, v->doc->n);
	return 0;
}

static int
read_field(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	const struct recipe_field *f = v->field;

	if (f->read)
		return f->read(r, v, err);
	if (f->flags & RECIPE_LISTED)
		return read_items(r, v, err);
	if (v->doc->kind != DOC_MAP)
		return recipe_read_wrong(r, v, "a map", err);
	return recipe_table_read(r, f->sub, v->doc, v->base, err);
}

int
recipe_table_read(struct recipe_reader *r, const struct recipe_table *t, const struct doc *d,
		  void *base, struct err *err)
{
	if (check_keys(r, t, d, err) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		const struct recipe_value v = { .field = &t->fields[i],
						.doc = doc_get(d, t->fields[i].name),
						.base = base };

		if (v.doc && read_field(r, &v, err) < 0)
			return -1;
	}
	return t->finish ? t->finish(r, d, base, err) : 0;
}

int
recipe_table_load(struct arena *a, int dirfd, const struct recipe_file *f, void *base,
		  struct doc **root, struct err *err)
{
	struct recipe_reader reader = { .a = a, .path = f->path, .other = true };
	CLEANUP(buf_free) struct buf text = BUF_MAX(f->max_bytes);

	if (fd_read_file(dirfd, f->path, &text, err) < 0 ||
	    doc_parse(a, buf_text(&text), text.len, f->path, root, err) < 0)
		return -1;
	if ((*root)->kind != DOC_MAP)
		return doc_error(*root, f->path, err, "%s by a map of keys", f->what);
	return recipe_table_read(&reader, f->table, *root, base, err);
}

static int
by_key(const void *x, const void *y)
{
	return strcmp((*(const struct doc_item *const *)x)->key,
		      (*(const struct doc_item *const *)y)->key);
}

struct doc *
recipe_table_normal(struct arena *a, const struct recipe_table *t, const struct doc *d)
{
	const struct doc_item **sorted = arena_array(a, d->n, sizeof(const struct doc_item *));
	struct doc *out = d->kind == DOC_LIST ? doc_list(a) : doc_map(a);

	if (d->kind == DOC_TEXT)
		return doc_text(a, d->text);
	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->items[i];
	if (d->kind == DOC_MAP)
		qsort(sorted, d->n, sizeof(const struct doc_item *), by_key);
	for (size_t i = 0; i < d->n; i++) {
		const struct recipe_field *f =
			t && sorted[i]->key ? find_field(t, sorted[i]->key) : NULL;
		const struct recipe_table *below = sorted[i]->key ? (f ? f->sub : NULL) : t;

		if (f && (f->flags & RECIPE_UNKEYED))
			continue;
		if (sorted[i]->key)
			doc_set(a, out, sorted[i]->key,
				recipe_table_normal(a, below, sorted[i]->value));
		else
			doc_push(a, out, recipe_table_normal(a, below, sorted[i]->value));
	}
	return out;
}
