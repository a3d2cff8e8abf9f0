/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What blobs name, remembered from one collection to the next in the file `graph`: a blob never
 * changes, so it is read once. References are small, change, and are read each time.
 *
 *   struct head
 *   words     nwords digests, sorted: the blobs that were read, and whatever they name
 *   blobs     nblobs numbers of words, ascending
 *   counts    of each blob, how many edges it has
 *   edges     nedges numbers of words, blob after blob
 *   digest    of all that
 *
 * Numbers are 32 bits in the machine's own order. A file that is not exactly this is no file:
 * then every blob is read again. `store check --repair` removes it, since what it puts aside
 * may have been read when it was corrupt.
 */
#include "base/cas_gc_priv.h"
#include "base/mem.h"

#define GRAPH_MAX    ((size_t)4 << 30)
#define GRAPH_MAGIC  0x31677267u /* also tells the order of bytes */
#define GRAPH_ABSENT UINT32_MAX

struct head {
	uint32_t magic, nwords, nblobs, nedges;
};

/* ---- reading ---- */

struct graph {
	struct head head;
	const struct digest *words;
	const uint32_t *blobs, *counts, *edges;
};

static bool
is_sorted(const struct graph *f)
{
	for (uint32_t i = 0; i + 1 < f->head.nwords; i++) {
		if (memcmp(&f->words[i], &f->words[i + 1], sizeof(*f->words)) >= 0)
			return false;
	}
	return true;
}

/* All numbers are of words that are there, and all counts within the edges. */
static bool
is_closed(const struct graph *f)
{
	uint64_t edges = 0;

	for (uint32_t i = 0; i < f->head.nblobs; i++) {
		edges += f->counts[i];
		if (f->blobs[i] >= f->head.nwords)
			return false;
	}
	for (uint32_t i = 0; i < f->head.nedges; i++) {
		if (f->edges[i] >= f->head.nwords)
			return false;
	}
	return edges == f->head.nedges;
}

static bool
parse(const struct buf *file, struct graph *f)
{
	const char *at = file->data;
	size_t body = file->len - sizeof(struct digest);
	struct digest d;

	if (file->len < sizeof(f->head) + sizeof(struct digest))
		return false;
	memcpy(&f->head, at, sizeof(f->head));
	if (f->head.magic != GRAPH_MAGIC ||
	    body != sizeof(f->head) + (size_t)f->head.nwords * sizeof(struct digest) +
			    ((size_t)f->head.nblobs * 2 + f->head.nedges) * sizeof(uint32_t))
		return false;
	digest_of(at, body, &d);
	if (memcmp(&d, at + body, sizeof(d)) != 0)
		return false;
	f->words = (const void *)(at + sizeof(f->head));
	f->blobs = (const void *)(f->words + f->head.nwords);
	f->counts = f->blobs + f->head.nblobs;
	f->edges = f->counts + f->head.nblobs;
	return is_sorted(f) && is_closed(f);
}

/* Both are sorted, so one pass says which object each word is. */
static uint32_t *
match(struct cas_gc *g, const struct graph *f)
{
	uint32_t *numbers = mem_resize(NULL, (size_t)f->head.nwords + 1, sizeof(*numbers));
	size_t at = g->first;

	for (uint32_t w = 0; w < f->head.nwords; w++) {
		int order = 1;

		while (at < g->at.n && (order = memcmp(&g->at.at[at].digest, &f->words[w],
						       sizeof(*f->words))) < 0)
			at++;
		if (at < g->at.n && order == 0) {
			numbers[w] = (uint32_t)at;
			continue;
		}
		numbers[w] = CAS_GC_ABSENT | (uint32_t)g->absent.n;
		VEC_PUSH(&g->absent, f->words[w]);
	}
	return numbers;
}

void
cas_gc_recall(struct cas_gc *g)
{
	CLEANUP(buf_free) struct buf file = BUF_MAX(GRAPH_MAX);
	CLEANUP(mem_free) uint32_t *numbers = NULL;
	const uint32_t *edge;
	struct err ignored;
	struct graph f;

	if (fd_read_file(g->c->dirfd, CAS_GRAPH, &file, &ignored) < 0 || !parse(&file, &f))
		return;
	numbers = match(g, &f);
	edge = f.edges;
	for (uint32_t b = 0; b < f.head.nblobs; b++) {
		uint32_t n = f.counts[b], i = numbers[f.blobs[b]];

		if (!(i & CAS_GC_ABSENT) && g->at.at[i].kind == CAS_GC_BLOB) {
			g->at.at[i].edges = n ? (uint32_t)g->edges.n : CAS_GC_LEAF;
			if (n)
				VEC_PUSH(&g->edges, n);
			for (uint32_t e = 0; e < n; e++)
				VEC_PUSH(&g->edges, numbers[edge[e]]);
		}
		edge += n;
	}
}

/* ---- writing ---- */

struct writer {
	struct cas_gc *g;
	/* The number of the word of each object and of each absent digest; GRAPH_ABSENT: it is
	 * none. */
	uint32_t *of_object, *of_absent;
	uint32_t *order; /* the absent ones that are words, sorted */
	size_t norder;
	struct head head;
	struct buf file;
};

static void
writer_release_scope(struct writer *w)
{
	free(w->of_object);
	free(w->of_absent);
	free(w->order);
	buf_free(&w->file);
}

static bool
is_remembered(const struct cas_gc *g, const struct cas_gc_object *o)
{
	return o->kind == CAS_GC_BLOB && o->edges != CAS_GC_UNREAD &&
	       (g->o->dry_run || o->kept);
}

static uint32_t *
slot(struct writer *w, uint32_t number)
{
	return number & CAS_GC_ABSENT ? &w->of_absent[number & ~CAS_GC_ABSENT]
				      : &w->of_object[number];
}

/* What is going to be a word gets some number. */
static void
choose(struct writer *w)
{
	const struct cas_gc *g = w->g;

	memset(w->of_object, 0xff, g->at.n * sizeof(uint32_t));
	memset(w->of_absent, 0xff, g->absent.n * sizeof(uint32_t));
	for (size_t i = g->first; i < g->at.n; i++) {
		const uint32_t *edges;

		if (!is_remembered(g, &g->at.at[i]))
			continue;
		w->head.nblobs++;
		w->of_object[i] = 0;
		edges = g->edges.at + g->at.at[i].edges;
		w->head.nedges += edges[0];
		for (uint32_t e = 1; e <= edges[0]; e++)
			*slot(w, edges[e]) = 0;
	}
	for (size_t i = 0; i < g->absent.n; i++) {
		if (w->of_absent[i] == 0)
			w->order[w->norder++] = (uint32_t)i;
	}
}

static int
by_digest(const void *a, const void *b, void *absent)
{
	const struct digest *at = absent;

	return memcmp(&at[*(const uint32_t *)a], &at[*(const uint32_t *)b], sizeof(*at));
}

static void
add_word(struct writer *w, const struct digest *d)
{
	buf_add(&w->file, d, sizeof(*d));
	w->head.nwords++;
}

/* Merges the objects, which are sorted, with what is absent, in which a digest may stand more
 * than once. */
static void
write_words(struct writer *w)
{
	const struct cas_gc *g = w->g;
	const struct digest *last = NULL;
	size_t next = 0;

	if (w->norder)
		qsort_r(w->order, w->norder, sizeof(*w->order), by_digest, g->absent.at);
	for (size_t i = g->first; i <= g->at.n; i++) {
		if (i < g->at.n && w->of_object[i] == GRAPH_ABSENT)
			continue;
		for (; next < w->norder; next++) {
			const struct digest *d = &g->absent.at[w->order[next]];

			if (i < g->at.n && memcmp(d, &g->at.at[i].digest, sizeof(*d)) > 0)
				break;
			if (!last || !digest_equal(d, last))
				add_word(w, d);
			last = d;
			w->of_absent[w->order[next]] = w->head.nwords - 1;
		}
		if (i == g->at.n)
			break;
		w->of_object[i] = w->head.nwords;
		add_word(w, &g->at.at[i].digest);
	}
}

static void
add_number(struct writer *w, uint32_t n)
{
	buf_add(&w->file, &n, sizeof(n));
}

static void
write_edges(struct writer *w)
{
	const struct cas_gc *g = w->g;

	for (int pass = 0; pass < 3; pass++) {
		for (size_t i = g->first; i < g->at.n; i++) {
			const uint32_t *edges;

			if (!is_remembered(g, &g->at.at[i]))
				continue;
			edges = g->edges.at + g->at.at[i].edges;
			if (pass == 0)
				add_number(w, w->of_object[i]);
			if (pass == 1)
				add_number(w, edges[0]);
			for (uint32_t e = 1; pass == 2 && e <= edges[0]; e++)
				add_number(w, *slot(w, edges[e]));
		}
	}
}

void
cas_gc_remember(struct cas_gc *g)
{
	CLEANUP(writer_release) struct writer w = { .g = g, .file = BUF_MAX(GRAPH_MAX) };
	struct digest d;
	struct err ignored;

	w.head.magic = GRAPH_MAGIC;
	w.of_object = mem_resize(NULL, g->at.n + 1, sizeof(uint32_t));
	w.of_absent = mem_resize(NULL, g->absent.n + 1, sizeof(uint32_t));
	w.order = mem_resize(NULL, g->absent.n + 1, sizeof(uint32_t));
	choose(&w);
	buf_add(&w.file, &w.head, sizeof(w.head));
	write_words(&w);
	write_edges(&w);
	if (w.file.overflow)
		return;
	memcpy(w.file.data, &w.head, sizeof(w.head));
	digest_of(w.file.data, w.file.len, &d);
	buf_add(&w.file, &d, sizeof(d));
	if (!w.file.overflow)
		(void)!cas_publish(g->c, ".", CAS_GRAPH, w.file.data, w.file.len, 0644,
				   &ignored);
}
