/* SPDX-License-Identifier: Apache-2.0 */
/* The input archive: sources and seed packages of whatever was once published stay, so that it
 * can be built again when no server has them any more. One small reference for each. */
#include "base/cas_batch.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "builder/gc_priv.h"

#define NOTE_MAX ((size_t)8192)

static bool
is_input(const struct publish_input *in)
{
	return !strcmp(in->kind, "source") || !strcmp(in->kind, "patch") ||
	       !strcmp(in->kind, "seed");
}

static int
keep_one(struct cas *store, const struct publish_input *in, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX);
	struct doc *d = doc_map(&a);
	char hex[DIGEST_HEX];

	digest_hex(&in->sha256, hex);
	if (!is_input(in) || !cas_has(store, &in->sha256) ||
	    cas_ref_born(store, GC_KIND_INPUT, hex))
		return 0;
	/* A root keeps what its text names. */
	doc_set_text(&a, d, "sha256", hex);
	doc_set_text(&a, d, "kind", in->kind);
	doc_set_text(&a, d, "name", in->name);
	doc_set_text(&a, d, "uri", in->uri);
	json_write(d, &text);
	if (buf_check(&text, "note of an input", err) < 0)
		return -1;
	return cas_ref_put(store, GC_KIND_INPUT, hex, text.data, text.len, err);
}

int
gc_keep_inputs(struct cas *store, const struct publish_input *inputs, size_t n, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	CLEANUP(cas_batch_close) struct cas_batch *batch = NULL;
	uint64_t ticket;

	/* A collection that has begun does not see them. */
	if (cas_lock(store, CAS_LOCK_OF_GC, &lock, err) < 0 ||
	    cas_batch_open(store, &batch, err) < 0)
		return -1;
	cas_batch_enter(batch);
	for (size_t i = 0; i < n; i++) {
		if (keep_one(store, &inputs[i], err) < 0) {
			cas_batch_cancel(batch);
			return -1;
		}
	}
	if (cas_batch_leave(batch, &ticket, err) < 0)
		return -1;
	return cas_batch_wait(batch, ticket, err);
}

static int
read_one(struct arena *a, const struct cas *store, const char *hex, struct gc_input *out,
	 struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX);
	struct doc *d;
	bool found;

	if (cas_ref_get(store, GC_KIND_INPUT, hex, &text, &found, err) < 0 ||
	    json_parse(a, buf_text(&text), text.len, hex, &d, err) < 0)
		return -1;
	*out = (struct gc_input){ .kind = doc_get_text(d, "kind"),
				  .name = doc_get_text(d, "name"),
				  .uri = doc_get_text(d, "uri") };
	if (!out->kind || !out->name || !out->uri || !digest_parse(hex, &out->sha256))
		return err_set(err, ERR_INPUT, "refs/" GC_KIND_INPUT "/%s is damaged", hex);
	out->present = cas_has(store, &out->sha256);
	return out->present ? cas_size(store, &out->sha256, &out->size, err) : 0;
}

static int
by_name(const void *x, const void *y)
{
	const struct gc_input *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : memcmp(&a->sha256, &b->sha256, sizeof(a->sha256));
}

int
gc_inputs(struct arena *a, const struct cas *store, struct gc_input **out, size_t *n,
	  struct err *err)
{
	const char **names = NULL;

	*n = 0;
	if (tree_list(a, cas_dirfd(store), "refs/" GC_KIND_INPUT, &names, n, err) < 0 &&
	    err->sys != ENOENT)
		return -1;
	*out = arena_array(a, *n + 1, sizeof(**out));
	for (size_t i = 0; i < *n; i++)
		if (read_one(a, store, names[i], &(*out)[i], err) < 0)
			return -1;
	if (*n)
		qsort(*out, *n, sizeof(**out), by_name);
	return 0;
}
