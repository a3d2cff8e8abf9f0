/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document: the one tree that YAML and JSON are read into and canonical JSON is written from.
 *
 * YAML is read strictly (libyaml's doorway): one document, no anchors, aliases, tags or merge
 * keys, no duplicate keys, bounded size, depth and count. Scalars stay text; doc_int and
 * doc_bool read them by YAML 1.2 core rules on request. Every node knows its line and column
 * (1-based) for messages of the form "file:3:1: ...". All nodes live in the arena given.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"

#define DOC_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define DOC_MAX_DEPTH 64
#define DOC_MAX_NODES 4000000
#define DOC_MAX_INT   ((int64_t)9007199254740991) /* what every JSON reader keeps exactly */

enum doc_kind { DOC_NULL, DOC_BOOL, DOC_INT, DOC_TEXT, DOC_LIST, DOC_MAP };

struct doc {
	enum doc_kind kind;
	int line, col;    /* 0 when made in memory */
	bool plain;       /* YAML: an unquoted scalar */
	const char *text; /* DOC_TEXT */
	int64_t number;   /* DOC_INT; DOC_BOOL as 0 or 1 */
	struct doc_item {
		const char *key; /* NULL in a list */
		int key_line, key_col;
		struct doc *value;
	} * items; /* DOC_LIST, DOC_MAP: in document order */
	size_t n, cap;
};

/* Parses YAML. name stands in messages. YAML scalars become DOC_TEXT (null/~/empty plain:
 * DOC_NULL). */
int doc_parse(struct arena *a, const char *text, size_t n, const char *name, struct doc **out,
	      struct err *err) MUST_CHECK;
int doc_load(struct arena *a, int dirfd, const char *path, struct doc **out,
	     struct err *err) MUST_CHECK;

/* Building in memory; text is copied into the arena. */
struct doc *doc_map(struct arena *a) MUST_CHECK;
struct doc *doc_list(struct arena *a) MUST_CHECK;
struct doc *doc_text(struct arena *a, const char *text) MUST_CHECK;
struct doc *doc_number(struct arena *a, int64_t v) MUST_CHECK;
struct doc *doc_boolean(struct arena *a, bool v) MUST_CHECK;
void doc_set(struct arena *a, struct doc *map, const char *key,
	     struct doc *value); /* replaces */
/* doc_set for a key known to be new: no search, so that large maps are made in linear time. */
void doc_append(struct arena *a, struct doc *map, const char *key, struct doc *value);
void doc_push(struct arena *a, struct doc *list, struct doc *value);
/* doc_set with a text value; NULL text sets nothing. */
void doc_set_text(struct arena *a, struct doc *map, const char *key, const char *text);

/* Lookups: NULL when absent (or d is NULL or of another kind). */
struct doc *doc_get(const struct doc *d, const char *key);
const char *doc_get_text(const struct doc *d, const char *key);
/* Digests stand in documents as 64 hex digits. get: false when there is none, or not one. */
void doc_set_digest(struct arena *a, struct doc *map, const char *key, const struct digest *d);
bool doc_get_digest(const struct doc *map, const char *key, struct digest *out);
/* Reading a scalar: false when it is not one (node text not of that form, quoted, or a number
 * beyond DOC_MAX_INT). */
bool doc_int(const struct doc *d, int64_t *out);
bool doc_bool(const struct doc *d, bool *out);

/* "name:line:col: ..." ERR_INPUT; returns -1. */
int doc_error(const struct doc *d, const char *name, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* The candidate nearest to word by edit distance (<= 2, or <= 1/3 of its length), or NULL. */
const char *doc_nearest(const char *word, const char *const *candidates, size_t n);
