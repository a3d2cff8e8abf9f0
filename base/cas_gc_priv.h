/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between taking stock (cas_gc.c), what names what (cas_gc_edges.c, remembered by
 * cas_gc_graph.c), what is kept (cas_gc_mark.c) and removal (cas_gc_sweep.c).
 */
#pragma once

#include "base/arena.h"
#include "base/cas_gc.h"
#include "base/cas_priv.h"
#include "base/vec.h"

#define CAS_GC_TEXT_MAX                                                                        \
	((uint64_t)64 * 1024 * 1024)          /* longer blobs are no documents of ours         \
					       */
#define CAS_GC_TEXT_MIN 66                    /* a digest in braces */
#define CAS_GC_GULP     ((uint64_t)64 * 1024) /* up to here one read shows what a blob is */

#define CAS_GC_MAX    ((size_t)1 << 30) /* objects, and edges: numbers of 32 bits */
#define CAS_GC_UNREAD UINT32_MAX
#define CAS_GC_LEAF   0u /* names nothing */
#define CAS_GC_ABSENT ((uint32_t)1 << 31)
#define CAS_GC_NEAR   ((size_t)1 << 16)

enum cas_gc_kind { CAS_GC_BLOB, CAS_GC_TREE, CAS_GC_REF };

struct cas_gc_object {
	struct digest digest; /* zero when the name has none */
	uint64_t bytes;       /* as the disk counts them */
	uint64_t size;        /* of a blob or reference */
	int64_t mtime;
	const char *name; /* "rpm-HEX-1", "last/zlib"; NULL for blobs */
	enum cas_gc_kind kind;
	uint32_t edges; /* where they begin in the graph's; CAS_GC_UNREAD: nobody has looked */
	bool nameless;  /* without a digest: nothing leads to it */
	bool kept;
};
struct cas_gc {
	struct cas *c;
	const struct cas_gc_options *o;
	int lock;       /* CAS_LOCK_OF_GC */
	int64_t oldest; /* what was marked then or later stays */
	struct arena names;
	/* Sorted by digest, those without one first; then by kind and name. Indexes into it are
	 * the nodes of the graph. */
	VEC(struct cas_gc_object) at;
	size_t nblobs;  /* these come first, in their order, while stock is taken */
	size_t first;   /* of those with a digest */
	uint32_t *near; /* near[i]: the first whose digest begins with the 16 bits i, or more */
	/* Of each object that was read: a count, then so many numbers. A number is that of the
	 * first object of the digest; with CAS_GC_ABSENT, of what is not in the store. */
	VEC(uint32_t) edges;
	VEC(struct digest) absent;
	bool learned;      /* of a blob, what no file remembers */
	VEC(size_t) todo;  /* kept, but what they lead to was not looked at */
	VEC(size_t) newly; /* kept since a unit was begun */
	struct buf text;
	uint64_t kept_bytes;
};

/* Path of an object under the store. */
void cas_gc_path(const struct cas_gc_object *o, char out[CAS_PATH_MAX]);
/* When an object was last used or made; false: it is gone. */
bool cas_gc_used(const struct cas_gc *g, const struct cas_gc_object *o, int64_t *when);
/* ---- cas_gc_edges.c ---- */
/* The first 16 bits. */
size_t cas_gc_near(const struct digest *d);
/* The first object of this digest, or at.n. */
size_t cas_gc_find(const struct cas_gc *g, const struct digest *d);
typedef void cas_gc_word_fn(struct cas_gc *g, const struct digest *d, void *arg);
/* Calls fn for every word of 64 hexadecimal digits in text. */
void cas_gc_each_word(struct cas_gc *g, const char *text, size_t n, cas_gc_word_fn *fn,
		      void *arg);
/* Reads an object unless that was done: edges of at[i] is a place in g->edges then. */
int cas_gc_learn(struct cas_gc *g, size_t i, struct err *err) MUST_CHECK;
/* ---- cas_gc_graph.c ---- */
/* What the file `graph` knows of the blobs that are there. It may be missing or damaged. */
void cas_gc_recall(struct cas_gc *g);
/* Remembers the edges of all blobs that stay; best effort. */
void cas_gc_remember(struct cas_gc *g);
/* ---- cas_gc_mark.c ---- */
/* Keeps one object with all that it leads to. */
int cas_gc_keep(struct cas_gc *g, size_t i, struct err *err) MUST_CHECK;
/* Roots: what a lock that somebody holds speaks of. */
int cas_gc_keep_locked(struct cas_gc *g, struct err *err) MUST_CHECK;
/* Keeps what the roots, the grace and the budgets say. */
int cas_gc_mark(struct cas_gc *g, struct cas_gc_report *out, struct err *err) MUST_CHECK;
/* ---- cas_gc_sweep.c ---- */
int cas_gc_sweep(struct cas_gc *g, struct cas_gc_report *out, struct err *err) MUST_CHECK;
