/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events made into a struct doc. What makes YAML surprising or expensive is refused
 * where it is met: anchors, aliases, tags, merge keys, directives, second documents, duplicate
 * keys.
 */
#include "base/dict.h"
#include "base/doc.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <yaml.h>

struct frame {
	struct doc *node;
	struct dict keys; /* of a map, to find duplicates */
	const char *key;  /* of a map: waiting for its value */
	int key_line, key_col;
};

struct reading {
	struct arena *a;
	const char *name;
	yaml_parser_t parser;
	struct doc *root;
	struct frame stack[DOC_MAX_DEPTH];
	size_t depth, nodes;
};

static void
reading_free(struct reading *r)
{
	while (r->depth)
		dict_release(&r->stack[--r->depth].keys);
	yaml_parser_delete(&r->parser);
	free(r);
}
DEFINE_CLEANUP(struct reading *, reading_free);

static void
event_done(yaml_event_t *e)
{
	yaml_event_delete(e);
}
DEFINE_RELEASE(yaml_event_t, event_done);

static int
refuse(const struct reading *r, const yaml_mark_t *at, struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "%s:%d:%d: %s", r->name, (int)at->line + 1,
		       (int)at->column + 1, what);
}

static int
refuse_parser(const struct reading *r, struct err *err)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "cannot be read as YAML";

	if (p->error == YAML_READER_ERROR)
		return err_set(err, ERR_INPUT, "%s: byte %zu: %s", r->name, p->problem_offset,
			       problem);
	return refuse(r, &p->problem_mark, err, problem);
}

static bool
is_null(const char *s)
{
	return !*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 ||
	       strcmp(s, "NULL") == 0;
}

/* Hangs node into what is open; the first one is the root. */
static void
attach(struct reading *r, struct doc *node)
{
	struct frame *f;
	struct doc_item *item;

	if (r->depth == 0) {
		r->root = node;
		return;
	}
	f = &r->stack[r->depth - 1];
	if (f->node->kind == DOC_LIST) {
		doc_push(r->a, f->node, node);
		return;
	}
	doc_append(r->a, f->node, f->key, node);
	item = &f->node->items[f->node->n - 1];
	item->key_line = f->key_line;
	item->key_col = f->key_col;
	f->key = NULL;
}

/* True when the next scalar is a key. */
static bool
wants_key(const struct reading *r)
{
	return r->depth && r->stack[r->depth - 1].node->kind == DOC_MAP &&
	       !r->stack[r->depth - 1].key;
}

static int
new_node(struct reading *r, const yaml_event_t *e, enum doc_kind kind, struct doc **out,
	 struct err *err)
{
	struct doc *d;

	if (++r->nodes > DOC_MAX_NODES)
		return err_set(err, ERR_LIMIT, "%s: more than %d values", r->name,
			       DOC_MAX_NODES);
	d = arena_alloc(r->a, sizeof(*d));
	d->kind = kind;
	d->line = (int)e->start_mark.line + 1;
	d->col = (int)e->start_mark.column + 1;
	*out = d;
	return 0;
}

static int
open_collection(struct reading *r, const yaml_event_t *e, bool tagged, enum doc_kind kind,
		struct err *err)
{
	struct doc *node;

	if (tagged)
		return refuse(r, &e->start_mark, err, "anchors and tags are not allowed");
	if (wants_key(r))
		return refuse(r, &e->start_mark, err, "a key must be plain text");
	if (r->depth == DOC_MAX_DEPTH)
		return refuse(r, &e->start_mark, err, "nested too deeply");
	if (new_node(r, e, kind, &node, err) < 0)
		return -1;
	attach(r, node);
	r->stack[r->depth++] = (struct frame){ .node = node };
	return 0;
}

static int
take_key(struct reading *r, const yaml_event_t *e, const char *text, struct err *err)
{
	struct frame *f = &r->stack[r->depth - 1];
	char shown[128];

	if (strcmp(text, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse(r, &e->start_mark, err, "merge keys ('<<') are not allowed");
	if (!dict_add(&f->keys, text, NULL)) {
		utf8_show(text, shown, sizeof(shown));
		return err_set(err, ERR_INPUT, "%s:%d:%d: key '%s' is given twice", r->name,
			       (int)e->start_mark.line + 1, (int)e->start_mark.column + 1,
			       shown);
	}
	f->key = arena_strdup(r->a, text);
	f->key_line = (int)e->start_mark.line + 1;
	f->key_col = (int)e->start_mark.column + 1;
	return 0;
}

static int
take_scalar(struct reading *r, const yaml_event_t *e, struct err *err)
{
	const char *text = (const char *)e->data.scalar.value;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct doc *node;

	if (e->data.scalar.anchor || e->data.scalar.tag)
		return refuse(r, &e->start_mark, err, "anchors and tags are not allowed");
	if (strlen(text) != e->data.scalar.length)
		return refuse(r, &e->start_mark, err, "text may not hold a zero byte");
	if (wants_key(r))
		return take_key(r, e, text, err);
	if (new_node(r, e, plain && is_null(text) ? DOC_NULL : DOC_TEXT, &node, err) < 0)
		return -1;
	node->plain = plain;
	node->text = node->kind == DOC_TEXT ? arena_strdup(r->a, text) : NULL;
	attach(r, node);
	return 0;
}

/* 1 when the stream has ended. */
static int
take_event(struct reading *r, const yaml_event_t *e, struct err *err)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (e->data.document_start.version_directive ||
		    e->data.document_start.tag_directives.start !=
			    e->data.document_start.tag_directives.end)
			return refuse(r, &e->start_mark, err, "directives are not allowed");
		if (r->root)
			return refuse(r, &e->start_mark, err, "only one document is allowed");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(r, &e->start_mark, err, "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		return take_scalar(r, e, err);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(
			r, e, e->data.sequence_start.anchor || e->data.sequence_start.tag,
			DOC_LIST, err);
	case YAML_MAPPING_START_EVENT:
		return open_collection(
			r, e, e->data.mapping_start.anchor || e->data.mapping_start.tag,
			DOC_MAP, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		dict_release(&r->stack[--r->depth].keys);
		return 0;
	case YAML_STREAM_END_EVENT:
		return 1;
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	case YAML_NO_EVENT:
	default:
		return 0;
	}
}

static int
take_all(struct reading *r, struct err *err)
{
	int rc = 0;

	while (rc == 0) {
		CLEANUP(event_done) yaml_event_t e = { .type = YAML_NO_EVENT };

		if (!yaml_parser_parse(&r->parser, &e))
			return refuse_parser(r, err);
		rc = take_event(r, &e, err);
	}
	return rc < 0 ? -1 : 0;
}

int
doc_parse(struct arena *a, const char *text, size_t n, const char *name, struct doc **out,
	  struct err *err)
{
	CLEANUP(reading_free) struct reading *r = NULL;

	if (n > DOC_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", name,
			       DOC_MAX_BYTES);
	if (!utf8_is_valid(text, n))
		return err_set(err, ERR_INPUT, "%s: not UTF-8", name);
	r = mem_alloc(sizeof(*r));
	r->a = a;
	r->name = name;
	if (!yaml_parser_initialize(&r->parser))
		abort(); /* out of memory */
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, n);
	if (take_all(r, err) < 0)
		return -1;
	if (!r->root)
		return err_set(err, ERR_INPUT, "%s: empty document", name);
	*out = r->root;
	return 0;
}
