/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: a short scan of our own comes first, because jansson forgets where a value stood: it
 * bounds the depth and refuses real numbers by line and column. jansson then judges the
 * grammar.
 */
#include "base/json.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <jansson.h>

static void
let_go(json_t *j)
{
	json_decref(j);
}
DEFINE_CLEANUP(json_t *, let_go);

struct scan {
	const char *at, *end, *line_start;
	int line, depth;
	size_t marks; /* brackets and commas: every value but the first follows one */
	bool opaque;  /* numbers are for jansson to judge */
	const char *name;
};

static int
scan_error(const struct scan *s, const char *at, struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "%s:%d:%d: %s", s->name, s->line,
		       (int)(at - s->line_start) + 1, what);
}

/* Past the string that begins at s->at; a broken one is for jansson to report. */
static void
skip_string(struct scan *s)
{
	for (s->at++; s->at < s->end && *s->at != '"' && *s->at != '\n'; s->at++) {
		if (*s->at == '\\' && s->at + 1 < s->end && s->at[1] != '\n')
			s->at++;
	}
	if (s->at < s->end && *s->at == '"')
		s->at++;
}

static int
scan_number(struct scan *s, struct err *err)
{
	const char *start = s->at;
	int64_t v = 0;

	for (; s->at < s->end && strchr("+-0123456789.eE", *s->at) && *s->at; s->at++) {
		if (s->opaque)
			continue;
		if (strchr(".eE", *s->at))
			return scan_error(s, start, err, "only whole numbers are allowed");
		if (*s->at < '0')
			continue;
		v = v * 10 + (*s->at - '0');
		if (v > DOC_MAX_INT)
			return scan_error(s, start, err, "number beyond 2^53 - 1");
	}
	return 0;
}

static int
scan_all(struct scan *s, struct err *err)
{
	while (s->at < s->end) {
		char c = *s->at;

		if (c == '"') {
			skip_string(s);
			continue;
		}
		if (c == '-' || (c >= '0' && c <= '9')) {
			if (scan_number(s, err) < 0)
				return -1;
			continue;
		}
		if (c == '\0') /* jansson would take it for the end and not look behind it */
			return scan_error(s, s->at, err, "a zero byte");
		if ((c == '{' || c == '[') && ++s->depth > DOC_MAX_DEPTH)
			return scan_error(s, s->at, err, "nested too deeply");
		/* Before jansson spends memory on each of them. */
		if ((c == '{' || c == '[' || c == ',') && ++s->marks > DOC_MAX_NODES)
			return scan_error(s, s->at, err, "too many values");
		if (c == '}' || c == ']')
			s->depth--;
		s->at++;
		if (c == '\n') {
			s->line++;
			s->line_start = s->at;
		}
	}
	return 0;
}

static struct doc *convert(struct arena *a, json_t *j);

static struct doc *
convert_map(struct arena *a, json_t *j)
{
	struct doc *map = doc_map(a);
	const char *key;
	json_t *value;

	json_object_foreach(j, key, value) doc_append(a, map, key, convert(a, value));
	return map;
}

static struct doc *
convert_list(struct arena *a, json_t *j)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < json_array_size(j); i++)
		doc_push(a, list, convert(a, json_array_get(j, i)));
	return list;
}

/* Depth and number were bounded by the scan. Real numbers were refused there, or nobody looks
 * at numbers at all. */
static struct doc *
convert(struct arena *a, json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return convert_map(a, j);
	case JSON_ARRAY:
		return convert_list(a, j);
	case JSON_STRING:
		return doc_text(a, json_string_value(j));
	case JSON_INTEGER:
		return doc_number(a, json_integer_value(j));
	case JSON_TRUE:
		return doc_boolean(a, true);
	case JSON_FALSE:
		return doc_boolean(a, false);
	case JSON_REAL:
	case JSON_NULL:
	default:
		return arena_alloc(a, sizeof(struct doc));
	}
}

static int
parse(struct arena *a, struct scan *s, size_t flags, struct doc **out, struct err *err)
{
	CLEANUP(let_go) json_t *j = NULL;
	size_t n = (size_t)(s->end - s->at);
	const char *text = s->at;
	char shown[JSON_ERROR_TEXT_LENGTH];
	json_error_t why;

	if (n > DOC_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", s->name,
			       DOC_MAX_BYTES);
	if (scan_all(s, err) < 0)
		return -1;
	j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | flags, &why);
	if (!j) { /* jansson quotes the text it stumbled over */
		utf8_show(why.text, shown, sizeof(shown));
		return err_set(err, ERR_INPUT, "%s:%d:%d: %s", s->name, KILN_MAX(why.line, 1),
			       KILN_MAX(why.column, 1), shown);
	}
	*out = convert(a, j);
	return 0;
}

int
json_parse(struct arena *a, const char *text, size_t n, const char *name, struct doc **out,
	   struct err *err)
{
	struct scan s = {
		.at = text, .end = text + n, .line_start = text, .line = 1, .name = name
	};

	return parse(a, &s, 0, out, err);
}

int
json_parse_opaque(struct arena *a, const char *text, size_t n, const char *name,
		  struct doc **out, struct err *err)
{
	struct scan s = { .at = text,
			  .end = text + n,
			  .line_start = text,
			  .line = 1,
			  .opaque = true,
			  .name = name };

	/* An integer too large for its type is a real number, like any other. */
	return parse(a, &s, JSON_DECODE_INT_AS_REAL, out, err);
}

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

static void
write_escaped(unsigned char c, struct buf *out)
{
	static const char named[] = "btn?fr"; /* \b \t \n, no \v, \f \r */

	if (c == '"' || c == '\\')
		buf_add_format(out, "\\%c", c);
	else if (c >= '\b' && c <= '\r' && c != '\v')
		buf_add_format(out, "\\%c", named[c - '\b']);
	else
		buf_add_format(out, "\\u%04x", c);
}

static void
write_text(const char *s, struct buf *out)
{
	buf_add_char(out, '"');
	while (*s) {
		const char *start = s;

		while (is_plain((unsigned char)*s))
			s++;
		buf_add(out, start, (size_t)(s - start));
		if (*s)
			write_escaped((unsigned char)*s++, out);
	}
	buf_add_char(out, '"');
}

/* A byte's rank such that comparing UTF-8 bytes orders by UTF-16 code units: characters above
 * U+FFFF (lead bytes f0-f4) are surrogates there and come before U+E000-U+FFFF (lead ee, ef).
 */
static int
utf16_rank(unsigned char c)
{
	return c == 0xee || c == 0xef ? c + 0x10 : c;
}

static int
by_key(const void *a, const void *b)
{
	const struct doc_item *const *x = a, *const *y = b;
	const char *p = (*x)->key, *q = (*y)->key;

	while (*p && *p == *q) {
		p++;
		q++;
	}
	return utf16_rank((unsigned char)*p) - utf16_rank((unsigned char)*q);
}

static const struct doc_item **
sort_items(const struct doc *d)
{
	const struct doc_item **sorted = mem_room(d->n * sizeof(const struct doc_item *));

	for (size_t i = 0; i < d->n; i++)
		sorted[i] = &d->items[i];
	qsort(sorted, d->n, sizeof(const struct doc_item *), by_key);
	return sorted;
}

static int
check_keys(const struct doc *d, const char *name, struct err *err)
{
	CLEANUP(mem_free) const struct doc_item **sorted = NULL;

	if (d->kind != DOC_MAP && d->kind != DOC_LIST)
		return 0;
	if (d->kind == DOC_MAP)
		sorted = sort_items(d);
	for (size_t i = 0; i < d->n; i++) {
		if (sorted && i && by_key(&sorted[i - 1], &sorted[i]) == 0)
			return err_set(err, ERR_INPUT, "%s: key '%.100s' twice", name,
				       sorted[i]->key);
		if (check_keys(d->items[i].value, name, err) < 0)
			return -1;
	}
	return 0;
}

int
json_check(const struct doc *d, const char *text, size_t n, const char *name, struct err *err)
{
	struct scan s = {
		.at = text, .end = text + n, .line_start = text, .line = 1, .name = name
	};

	if (n > DOC_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", name,
			       DOC_MAX_BYTES);
	if (!utf8_is_valid(text, n))
		return err_set(err, ERR_INPUT, "%s: not UTF-8", name);
	/* The depth of d is bounded before it is walked. */
	return scan_all(&s, err) < 0 ? -1 : check_keys(d, name, err);
}

static void
write_map(const struct doc *d, struct buf *out)
{
	CLEANUP(mem_free) const struct doc_item **sorted = sort_items(d);

	buf_add_char(out, '{');
	for (size_t i = 0; i < d->n; i++) {
		if (i)
			buf_add_char(out, ',');
		write_text(sorted[i]->key, out);
		buf_add_char(out, ':');
		json_write(sorted[i]->value, out);
	}
	buf_add_char(out, '}');
}

static void
write_list(const struct doc *d, struct buf *out)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < d->n; i++) {
		if (i)
			buf_add_char(out, ',');
		json_write(d->items[i].value, out);
	}
	buf_add_char(out, ']');
}

void
json_write(const struct doc *d, struct buf *out)
{
	switch (d->kind) {
	case DOC_NULL:
		buf_add_str(out, "null");
		break;
	case DOC_BOOL:
		buf_add_str(out, d->number ? "true" : "false");
		break;
	case DOC_INT:
		buf_add_format(out, "%lld", (long long)d->number);
		break;
	case DOC_TEXT:
		write_text(d->text, out);
		break;
	case DOC_LIST:
		write_list(d, out);
		break;
	case DOC_MAP:
		write_map(d, out);
		break;
	}
}

void
json_digest_hex(const struct doc *d, char out[65])
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIZE_MAX / 2);
	struct digest digest;

	json_write(d, &text);
	digest_of(text.data, text.len, &digest);
	digest_hex(&digest, out);
}
