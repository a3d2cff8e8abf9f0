/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a YAML file replaced where they stand, and what that changed shown as a diff. */
#include "base/vec.h"
#include "builder/update_priv.h"

#define CONTEXT 3

/* The byte at which a scalar begins. Columns count characters. */
static const char *
find_byte(const char *text, const char *end, const struct doc *at)
{
	const char *p = text;

	for (int line = 1; line < at->line && p; line++) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	for (int col = 1; p && col < at->col; col++) {
		if (p >= end || *p == '\n')
			return NULL;
		p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	return p;
}

/* Where the value itself stands, within quotes or without; NULL when it is not spelled out. */
static const char *
find_value(const char *text, const char *end, const struct doc *at)
{
	const char *p = at->kind == DOC_TEXT ? find_byte(text, end, at) : NULL;
	size_t n = p ? strlen(at->text) : 0;
	char quote = '\0';

	if (p && p < end && (*p == '"' || *p == '\''))
		quote = *p++;
	if (!p || (size_t)(end - p) < n || strncmp(p, at->text, n) != 0)
		return NULL;
	if (quote && (p + n >= end || p[n] != quote))
		return NULL;
	return p;
}

struct place {
	const char *at;
	const struct update_edit *edit;
};

static int
by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	return (a->at > b->at) - (a->at < b->at);
}

int
update_edit_apply(const char *text, size_t n, const char *path, const struct update_edit *edits,
		  size_t nedits, struct buf *out, struct err *err)
{
	struct arena a = { 0 };
	struct place *places = arena_array(&a, nedits + 1, sizeof(*places));
	const char *end = text + n, *from = text;
	int rc = 0;

	for (size_t i = 0; i < nedits && rc == 0; i++) {
		places[i] = (struct place){ .at = find_value(text, end, edits[i].at),
					    .edit = &edits[i] };
		if (!places[i].at)
			rc = doc_error(edits[i].at, path, err,
				       "this value cannot be edited in place: write it as "
				       "plain text");
	}
	if (rc == 0 && nedits)
		qsort(places, nedits, sizeof(*places), by_place);
	for (size_t i = 0; i < nedits && rc == 0; i++) {
		buf_add(out, from, (size_t)(places[i].at - from));
		buf_add_str(out, places[i].edit->value);
		from = places[i].at + strlen(places[i].edit->at->text);
	}
	buf_add(out, from, (size_t)(end - from));
	arena_release(&a);
	return rc < 0 ? -1 : buf_check(out, path, err);
}

struct line {
	const char *at;
	size_t n;
	bool whole; /* ends in a line break */
};
typedef VEC(struct line) line_vec;

static void
split(const char *text, line_vec *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		struct line l = { .at = text, .n = n, .whole = text[n] == '\n' };

		VEC_PUSH(out, l);
		text += n + l.whole;
	}
}

static bool
same(const struct line *x, const struct line *y)
{
	return x->n == y->n && x->whole == y->whole && !memcmp(x->at, y->at, x->n);
}

static void
put(struct buf *out, char sign, const struct line *l)
{
	buf_add_char(out, sign);
	buf_add(out, l->at, l->n);
	buf_add_str(out, l->whole ? "\n" : "\n\\ No newline at end of file\n");
}

/* Lines from..to, of which the differing ones lie in groups: old lines, then new ones. */
static void
put_hunk(struct buf *out, const line_vec *x, const line_vec *y, size_t from, size_t to)
{
	if (to - from == 1)
		buf_add_format(out, "@@ -%zu +%zu @@\n", from + 1, from + 1);
	else
		buf_add_format(out, "@@ -%zu,%zu +%zu,%zu @@\n", from + 1, to - from, from + 1,
			       to - from);
	for (size_t i = from; i < to;) {
		size_t stop = i;

		while (stop < to && !same(&x->at[stop], &y->at[stop]))
			stop++;
		for (size_t j = i; j < stop; j++)
			put(out, '-', &x->at[j]);
		for (size_t j = i; j < stop; j++)
			put(out, '+', &y->at[j]);
		if (stop < to)
			put(out, ' ', &x->at[stop]);
		i = stop + (stop < to);
	}
}

void
update_edit_diff(const char *path, const char *before, const char *after, struct buf *out)
{
	line_vec x = { 0 }, y = { 0 };
	size_t n;

	split(before, &x);
	split(after, &y);
	n = KILN_MIN(x.n, y.n);
	for (size_t i = 0; i < n;) {
		size_t last = i, from, to;

		if (same(&x.at[i], &y.at[i])) {
			i++;
			continue;
		}
		for (size_t j = i; j < n && j <= last + 2 * CONTEXT + 1; j++)
			if (!same(&x.at[j], &y.at[j]))
				last = j;
		from = i > CONTEXT ? i - CONTEXT : 0;
		to = KILN_MIN(last + 1 + CONTEXT, n);
		if (!out->len)
			buf_add_format(out, "--- a/%s\n+++ b/%s\n", path, path);
		put_hunk(out, &x, &y, from, to);
		i = to;
	}
	VEC_FREE(&x);
	VEC_FREE(&y);
}
