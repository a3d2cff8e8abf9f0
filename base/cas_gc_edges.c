/* SPDX-License-Identifier: Apache-2.0 */
/* What names what: the words of 64 hexadecimal digits in documents. */
#include "base/cas_gc_priv.h"

#define WORD (DIGEST_HEX - 1)

size_t
cas_gc_near(const struct digest *d)
{
	return (size_t)d->bytes[0] << 8 | d->bytes[1];
}

size_t
cas_gc_find(const struct cas_gc *g, const struct digest *d)
{
	size_t low = g->near[cas_gc_near(d)], end = g->near[cas_gc_near(d) + 1], high = end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(&g->at.at[mid].digest, d, sizeof(*d)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < end && digest_equal(&g->at.at[low].digest, d) ? low : g->at.n;
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* A word that begins at i or later, and before i + WORD, covers i + WORD - 1: most text is
 * never looked at. What stands before i is no digit. */
void
cas_gc_each_word(struct cas_gc *g, const char *text, size_t n, cas_gc_word_fn *fn, void *arg)
{
	for (size_t i = 0; i + WORD <= n;) {
		size_t begin = i + WORD, end = begin;
		char hex[DIGEST_HEX] = { 0 };
		struct digest d;

		while (begin > i && is_hex(text[begin - 1]))
			begin--;
		while (begin < i + WORD && end < n && is_hex(text[end]))
			end++;
		if (end - begin == WORD) {
			memcpy(hex, text + begin, WORD);
			if (digest_parse(hex, &d))
				fn(g, &d, arg);
		}
		i = begin < i + WORD ? end + 1 : i + WORD;
	}
}

/* Whether the first byte, all that is looked at of a large blob, is that of a document. */
static bool
begins_document(int fd)
{
	char c;

	return pread(fd, &c, 1, 0) == 1 && c == '{';
}

/* Reads a document into g->text; what is none leaves it empty. What the sizes already say costs
 * no call. */
static int
read_text(struct cas_gc *g, const struct cas_gc_object *o, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX];
	ssize_t got;

	buf_clear(&g->text);
	if (o->size < CAS_GC_TEXT_MIN || o->size > CAS_GC_TEXT_MAX)
		return 0;
	cas_gc_path(o, path);
	fd = openat(g->c->dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(err, "%s", path); /* a dry run shares the store */
	if (o->kind == CAS_GC_BLOB && o->size > CAS_GC_GULP && !begins_document(fd))
		return 0;
	got = pread(fd, buf_reserve(&g->text, (size_t)o->size), (size_t)o->size, 0);
	if (got < 0)
		return err_sys(err, "%s", path);
	g->text.len = (size_t)got;
	if (o->kind == CAS_GC_BLOB && got && g->text.data[0] != '{')
		buf_clear(&g->text);
	return 0;
}

/* A reference is read each time, so what it names in vain need not be remembered. */
static void
add_edge(struct cas_gc *g, const struct digest *d, void *arg)
{
	const struct cas_gc_object *o = arg;
	size_t to = cas_gc_find(g, d);

	if (to < g->at.n) {
		VEC_PUSH(&g->edges, (uint32_t)to);
	} else if (o->kind == CAS_GC_BLOB) {
		VEC_PUSH(&g->edges, CAS_GC_ABSENT | (uint32_t)g->absent.n);
		VEC_PUSH(&g->absent, *d);
	}
}

int
cas_gc_learn(struct cas_gc *g, size_t i, struct err *err)
{
	struct cas_gc_object *o = &g->at.at[i];
	size_t at = g->edges.n;

	if (o->edges != CAS_GC_UNREAD)
		return 0;
	if (read_text(g, o, err) < 0)
		return -1;
	g->learned = g->learned || (o->kind == CAS_GC_BLOB && o->size >= CAS_GC_TEXT_MIN);
	o->edges = CAS_GC_LEAF;
	if (g->text.len == 0)
		return 0;
	VEC_PUSH(&g->edges, 0);
	cas_gc_each_word(g, g->text.data, g->text.len, add_edge, o);
	if (g->edges.n > CAS_GC_MAX)
		return err_set(err, ERR_LIMIT, "more than %zu edges", CAS_GC_MAX);
	g->edges.at[at] = (uint32_t)(g->edges.n - at - 1);
	o->edges = (uint32_t)at;
	return 0;
}
