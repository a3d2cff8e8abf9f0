/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include "base/fd.h"

#define NEAREST_MAX_LEN 64

static struct doc *
make(struct arena *a, enum doc_kind kind)
{
	struct doc *d = arena_alloc(a, sizeof(*d));

	d->kind = kind;
	return d;
}

struct doc *
doc_map(struct arena *a)
{
	return make(a, DOC_MAP);
}

struct doc *
doc_list(struct arena *a)
{
	return make(a, DOC_LIST);
}

struct doc *
doc_text(struct arena *a, const char *text)
{
	struct doc *d = make(a, DOC_TEXT);

	d->text = arena_strdup(a, text);
	return d;
}

struct doc *
doc_number(struct arena *a, int64_t v)
{
	struct doc *d = make(a, DOC_INT);

	d->number = v;
	return d;
}

struct doc *
doc_boolean(struct arena *a, bool v)
{
	struct doc *d = make(a, DOC_BOOL);

	d->number = v;
	return d;
}

static struct doc_item *
append(struct arena *a, struct doc *d)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 4;
		struct doc_item *items = arena_array(a, cap, sizeof(*items));

		if (d->n)
			memcpy(items, d->items, d->n * sizeof(*items));
		d->items = items;
		d->cap = cap;
	}
	return &d->items[d->n++];
}

void
doc_push(struct arena *a, struct doc *list, struct doc *value)
{
	append(a, list)->value = value;
}

static struct doc_item *
find(const struct doc *d, const char *key)
{
	if (!d || d->kind != DOC_MAP)
		return NULL;
	for (size_t i = 0; i < d->n; i++) {
		if (strcmp(d->items[i].key, key) == 0)
			return &d->items[i];
	}
	return NULL;
}

void
doc_append(struct arena *a, struct doc *map, const char *key, struct doc *value)
{
	struct doc_item *item = append(a, map);

	item->key = arena_strdup(a, key);
	item->value = value;
}

void
doc_set(struct arena *a, struct doc *map, const char *key, struct doc *value)
{
	struct doc_item *there = find(map, key);

	if (there)
		there->value = value;
	else
		doc_append(a, map, key, value);
}

void
doc_set_text(struct arena *a, struct doc *map, const char *key, const char *text)
{
	if (text)
		doc_set(a, map, key, doc_text(a, text));
}

struct doc *
doc_get(const struct doc *d, const char *key)
{
	struct doc_item *item = find(d, key);

	return item ? item->value : NULL;
}

const char *
doc_get_text(const struct doc *d, const char *key)
{
	struct doc *v = doc_get(d, key);

	return v && v->kind == DOC_TEXT ? v->text : NULL;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* YAML 1.2 core: [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+. */
static bool
read_int(const char *s, int64_t *out)
{
	bool negative = *s == '-';
	int base = 10;
	int64_t v = 0;

	if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
		base = s[1] == 'o' ? 8 : 16;
		s += 2;
	} else if (*s == '-' || *s == '+') {
		s++;
	}
	if (!*s)
		return false;
	for (; *s; s++) {
		int digit = digit_value(*s);

		if (digit >= base)
			return false;
		v = v * base + digit;
		if (v > DOC_MAX_INT)
			return false;
	}
	*out = negative ? -v : v;
	return true;
}

bool
doc_int(const struct doc *d, int64_t *out)
{
	if (d && d->kind == DOC_INT) {
		*out = d->number;
		return true;
	}
	return d && d->kind == DOC_TEXT && d->plain && read_int(d->text, out);
}

bool
doc_bool(const struct doc *d, bool *out)
{
	static const char *const words[] = {
		"false", "False", "FALSE", "true", "True", "TRUE"
	};

	if (d && d->kind == DOC_BOOL) {
		*out = d->number != 0;
		return true;
	}
	if (!d || d->kind != DOC_TEXT || !d->plain)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(d->text, words[i]) == 0) {
			*out = i >= 3;
			return true;
		}
	}
	return false;
}

int
doc_error(const struct doc *d, const char *name, struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		text[0] = '\0';
	if (!d || d->line == 0)
		return err_set(err, ERR_INPUT, "%s: %s", name, text);
	return err_set(err, ERR_INPUT, "%s:%d:%d: %s", name, d->line, d->col, text);
}

/* Edit distance where swapping two neighbours counts once. */
static size_t
distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	size_t rows[3][NEAREST_MAX_LEN + 1] = { { 0 } };

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = up[j - 1] + (a[i - 1] != b[j - 1]);

			best = KILN_MIN(best, up[j] + 1);
			best = KILN_MIN(best, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = KILN_MIN(best, up2[j - 2] + 1);
			row[j] = best;
		}
	}
	return rows[na % 3][nb];
}

const char *
doc_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word);
	size_t limit = KILN_MAX((size_t)2, len / 3);
	const char *best = NULL;

	if (len > NEAREST_MAX_LEN)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(candidates[i]), d;

		if (other > NEAREST_MAX_LEN)
			continue;
		d = distance(word, candidates[i]);
		/* Something must remain in common, or every short word is near. */
		if (d <= limit && d < KILN_MIN(len, other)) {
			best = candidates[i];
			limit = d - (d > 0);
		}
	}
	return best;
}

int
doc_load(struct arena *a, int dirfd, const char *path, struct doc **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return -1;
	return doc_parse(a, buf_text(&text), text.len, path, out, err);
}

void
doc_set_digest(struct arena *a, struct doc *map, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	doc_set_text(a, map, key, hex);
}

bool
doc_get_digest(const struct doc *map, const char *key, struct digest *out)
{
	const char *hex = doc_get_text(map, key);

	return hex && digest_parse(hex, out);
}
