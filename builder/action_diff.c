/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two actions: in a few words, and field by field. */
#include "base/json.h"
#include "builder/action.h"

#define VALUE_MAX   60 /* bytes of a value that a message shows */
#define DIGEST_SHOW 12 /* hex digits that tell two digests apart for a reader */

static bool
same_doc(const struct doc *a, const struct doc *b)
{
	char x[DIGEST_HEX], y[DIGEST_HEX];

	if (!a || !b)
		return a == b;
	json_digest_hex(a, x);
	json_digest_hex(b, y);
	return strcmp(x, y) == 0;
}

static void
add_word(struct buf *text, const char *separator, const char *word)
{
	if (text->len)
		buf_add_str(text, separator);
	buf_add_str(text, word);
}

/* The members of two maps that differ, comma-separated. */
static void
differing(const struct doc *before, const struct doc *now, struct buf *out)
{
	for (size_t i = 0; now && i < now->n; i++) {
		if (!same_doc(doc_get(before, now->items[i].key), now->items[i].value))
			add_word(out, ", ", now->items[i].key);
	}
	for (size_t i = 0; before && i < before->n; i++) {
		if (!doc_get(now, before->items[i].key))
			add_word(out, ", ", before->items[i].key);
	}
}

const char *
action_difference(struct arena *a, const struct doc *before, const struct doc *now)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ACTION_MAX_BYTES);

	for (size_t i = 0; i < now->n; i++) {
		CLEANUP(buf_free) struct buf inner = BUF_MAX(ACTION_MAX_BYTES);
		const struct doc *old = doc_get(before, now->items[i].key),
				 *new = now->items[i].value;

		if (same_doc(old, new))
			continue;
		add_word(&text, "; ", now->items[i].key);
		if (old && old->kind == DOC_MAP && new->kind == DOC_MAP)
			differing(old, new, &inner);
		if (inner.len)
			buf_add_format(&text, " (%s)", buf_text(&inner));
	}
	return arena_strndup(a, buf_text(&text), text.len);
}

bool
action_only_environment(const struct doc *before, const struct doc *now)
{
	for (size_t i = 0; i < now->n; i++) {
		const char *key = now->items[i].key;

		if (strcmp(key, "environment") != 0 &&
		    !same_doc(doc_get(before, key), now->items[i].value))
			return false;
	}
	return true;
}

static bool
is_hex_digest(const char *s)
{
	return strlen(s) == DIGEST_HEX - 1 && strspn(s, "0123456789abcdef") == DIGEST_HEX - 1;
}

/* A line of text, cut to what a message can hold. */
static const char *
shown_line(struct arena *a, const char *s, size_t n)
{
	if (n <= VALUE_MAX)
		return arena_format(a, "'%.*s'", (int)n, s);
	return arena_format(a, "'%.*s...'", VALUE_MAX, s);
}

static const char *
shown(struct arena *a, const struct doc *d)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(ACTION_MAX_BYTES);

	if (!d)
		return "nothing";
	if (d->kind == DOC_TEXT && is_hex_digest(d->text))
		return arena_format(a, "%.*s", DIGEST_SHOW, d->text);
	if (d->kind == DOC_TEXT)
		return shown_line(a, d->text, strcspn(d->text, "\n"));
	json_write(d, &json);
	if (json.len <= VALUE_MAX)
		return arena_strndup(a, buf_text(&json), json.len);
	return arena_format(a, "%.*s...", VALUE_MAX, buf_text(&json));
}

struct diff {
	struct arena *a;
	action_change_fn *tell;
	void *arg;
};

/* Two scripts: the first line in which they part. */
static bool
tell_lines(struct diff *d, const char *path, const char *old, const char *new)
{
	int line = 1;

	if (!strchr(old, '\n') && !strchr(new, '\n'))
		return false;
	while (*old && *new) {
		size_t m = strcspn(old, "\n"), n = strcspn(new, "\n");

		if (m != n || memcmp(old, new, m) != 0 || !old[m] || !new[n])
			break;
		old += m + 1;
		new += n + 1;
		line++;
	}
	d->tell(d->arg, arena_format(d->a, "%s, line %d", path, line),
		shown_line(d->a, old, strcspn(old, "\n")),
		shown_line(d->a, new, strcspn(new, "\n")));
	return true;
}

/* Items of a list are called by their own name where they have one. */
static const char *
item_path(struct arena *a, const char *path, const struct doc *item, size_t i)
{
	const char *name = doc_get_text(item, "name");

	if (!name)
		name = doc_get_text(item, "file");
	if (name)
		return arena_format(a, "%s[%s]", path, name);
	return arena_format(a, "%s[%zu]", path, i + 1);
}

static void
walk(struct diff *d, const char *path, const struct doc *old, const struct doc *new)
{
	const struct doc *wide = !old || (new &&new->n > old->n) ? new : old;

	if (same_doc(old, new))
		return;
	if (old && new && old->kind == DOC_MAP &&new->kind == DOC_MAP) {
		const char *dot = *path ? "." : "";

		for (size_t i = 0; i < new->n; i++) {
			const char *key = new->items[i].key;

			walk(d, arena_format(d->a, "%s%s%s", path, dot, key), doc_get(old, key),
			     new->items[i].value);
		}
		for (size_t i = 0; i < old->n; i++) {
			const char *key = old->items[i].key;

			if (!doc_get(new, key))
				walk(d, arena_format(d->a, "%s%s%s", path, dot, key),
				     old->items[i].value, NULL);
		}
		return;
	}
	if (old && new && old->kind == DOC_LIST &&new->kind == DOC_LIST) {
		for (size_t i = 0; i < wide->n; i++)
			walk(d, item_path(d->a, path, wide->items[i].value, i),
			     i < old->n ? old->items[i].value : NULL,
			     i < new->n ? new->items[i].value : NULL);
		return;
	}
	if (old && new && old->kind == DOC_TEXT &&new->kind == DOC_TEXT &&
	    tell_lines(d, path, old->text, new->text))
		return;
	d->tell(d->arg, path, shown(d->a, old), shown(d->a, new));
}

void
action_changes(struct arena *a, const struct doc *before, const struct doc *now,
	       action_change_fn *tell, void *arg)
{
	struct diff d = { .a = a, .tell = tell, .arg = arg };

	walk(&d, "", before, now);
}
