/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order: 1 look up what is remembered, 2 check that the log holds it, 3 sign what has no
 * signature yet, 4 find at the end of the log what a killed run appended, 5 append the rest in
 * one batch, 6 let the witnesses cosign, 7 stamp, write and remember each.
 */
#include "trust/ledger.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "trust/timestamp.h"

#define REF_KIND    "logged"
#define REF_FORMAT  1 /* raised whenever what is remembered gains a member */
#define REF_MAX     ((size_t)4096)
#define MAX_ITEMS   ((size_t)TLOG_MAX_BATCH)
#define TAIL_FACTOR 2 /* how far beyond the batch a killed append is looked for */

struct line { /* one item and what is known of it */
	struct ledger_item *item;
	char key[DIGEST_HEX]; /* of its reference */
	struct digest leaf;
	struct tlog_entry entry;
	struct line *same; /* an earlier line of the same statement */
	bool logged;       /* its place is known, whoever put it there */
};
struct run {
	const struct ledger *l;
	struct arena arena;
	struct tlog_office office;
	const struct key_public *stamper;
	char log_id[DIGEST_HEX];
	int dirfd;
	struct line *lines; /* sorted by name */
	size_t n;
	/* The log as it is. */
	struct tlog_checkpoint checkpoint;
	struct buf note;
	struct tlog_tree *tree;
};

static void
run_release(struct run *r)
{
	if (r->tree)
		tlog_tree_free(r->tree);
	if (r->dirfd >= 0)
		close(r->dirfd);
	buf_free(&r->note);
	arena_release(&r->arena);
}
DEFINE_RELEASE(struct run, run_release);

/* ---- the log ---- */

/* The newest checkpoint, with its bytes for proofs, and the tree under it. */
static int
see_log(struct run *r, struct err *err)
{
	struct note note;

	buf_clear(&r->note);
	if (r->tree)
		tlog_tree_free(STEAL_PTR(r->tree));
	if (fd_read_file(r->dirfd, TLOG_CHECKPOINT, &r->note, err) < 0 ||
	    note_parse(&r->arena, buf_text(&r->note), r->note.len, &note, err) < 0 ||
	    note_verify(&note, &r->office.key, NULL, err) < 0 ||
	    tlog_checkpoint_parse(&r->arena, note.text, note.text_len, &r->checkpoint, err) < 0)
		return -1;
	return tlog_tree_open(r->dirfd, r->checkpoint.size, &r->tree, err);
}

static int
open_log(struct run *r, struct err *err)
{
	const struct ledger *l = r->l;
	struct digest id;

	if (tlog_author_open(&r->office, l->signer, l->origin, err) < 0 ||
	    key_need(signer_keys(l->signer), KEY_TIMESTAMP, &r->stamper, err) < 0)
		return -1;
	material_log_id(&r->office.key, &id);
	digest_hex(&id, r->log_id);
	if (fd_mkdirs(AT_FDCWD, l->dir, err) < 0 ||
	    fd_open(l->dir, O_RDONLY | O_DIRECTORY, &r->dirfd, err) < 0 ||
	    tlog_append_begin(r->dirfd, &r->office.author, err) < 0)
		return -1;
	return see_log(r, err);
}

/* ---- bundles ---- */

struct open_bundle {
	struct arena arena; /* of this one: a batch may be large */
	struct dsse_bundle b;
	const struct key_public *signer;
};

static void
bundle_close(struct open_bundle *o)
{
	dsse_bundle_release(&o->b);
	arena_release(&o->arena);
}
DEFINE_RELEASE(struct open_bundle, bundle_close);

/* Only what a key of this set signed in this role is entered. */
static int
bundle_open(const struct run *r, const struct line *line, struct open_bundle *o,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	const struct ledger_item *item = line->item;

	if (cas_get(r->l->store, &item->bare, &text, err) < 0 ||
	    dsse_bundle_parse(&o->arena, buf_text(&text), text.len, item->name, &o->b, err) < 0)
		return -1;
	if (dsse_bundle_verify_as(&o->b, signer_keys(r->l->signer), item->role, &o->signer,
				  err) < 0)
		return err_wrap(err, "%s", item->name);
	return 0;
}

/* ---- what is remembered ---- */

/* References live as long as the blob of their name does: a bundle as signed is kept by
 * whatever made it, and what was logged of it with it. */
static void
name_line(struct line *line)
{
	struct digest d = line->item->bare;

	if (line->item->statement)
		digest_of(line->item->statement->data, line->item->statement->len, &d);
	digest_hex(&d, line->key);
}

/* Whose signature, which log, whose clock: what is remembered of others is not asked for. */
static bool
is_ours(const struct run *r, const struct line *line, const struct doc *d)
{
	const struct key_public *signer =
		key_of_role(signer_keys(r->l->signer), line->item->role);
	const char *by = doc_get_text(d, "signer"), *log = doc_get_text(d, "log");
	const char *clock = doc_get_text(d, "timestamps");

	return by && log && clock && strcmp(log, r->log_id) == 0 &&
	       strcmp(clock, r->stamper->id) == 0 &&
	       (!line->item->statement || (signer && strcmp(by, signer->id) == 0));
}

/* The log holds this leaf at this place. */
static bool
holds(struct run *r, uint64_t index, const struct digest *want)
{
	struct tlog_proof proof;
	struct digest leaf;
	struct err ignored;

	return index < r->checkpoint.size &&
	       tlog_tree_prove(r->tree, &r->checkpoint.root, index, &leaf, &proof, &ignored) ==
		       0 &&
	       digest_equal(&leaf, want);
}

static int
recall(struct run *r, struct line *line, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(REF_MAX);
	struct ledger_item *item = line->item;
	struct digest bundle, leaf;
	int64_t format, index;
	struct err unreadable;
	struct doc *d = NULL;
	bool found;

	if (cas_ref_get(r->l->store, REF_KIND, line->key, &text, &found, err) < 0)
		return -1;
	if (!found ||
	    json_parse(&a, buf_text(&text), text.len, line->key, &d, &unreadable) < 0 ||
	    !doc_int(doc_get(d, "format"), &format) || format != REF_FORMAT ||
	    !is_ours(r, line, d) || !doc_int(doc_get(d, "index"), &index) || index < 0 ||
	    !doc_get_digest(d, "bundle", &bundle) || !doc_get_digest(d, "leaf", &leaf) ||
	    !cas_keep(r->l->store, &bundle) || !holds(r, (uint64_t)index, &leaf))
		return 0;
	item->bundle = bundle;
	item->index = (uint64_t)index;
	item->remembered = true;
	return 0;
}

static int
remember(struct run *r, const struct line *line, const struct key_public *signer,
	 struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(REF_MAX);
	struct doc *d = doc_map(&a);

	doc_set(&a, d, "format", doc_number(&a, REF_FORMAT));
	doc_set(&a, d, "index", doc_number(&a, (int64_t)line->item->index));
	doc_set_digest(&a, d, "bundle", &line->item->bundle);
	doc_set_digest(&a, d, "leaf", &line->leaf);
	doc_set_text(&a, d, "signer", signer->id);
	doc_set_text(&a, d, "log", r->log_id);
	doc_set_text(&a, d, "timestamps", r->stamper->id);
	json_write(d, &text);
	if (buf_check(&text, "log reference", err) < 0)
		return -1;
	return cas_ref_put(r->l->store, REF_KIND, line->key, text.data, text.len, err);
}

/* ---- entering ---- */

static int
by_name(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return strcmp(x->item->name, y->item->name);
}

static int
sign_statement(struct run *r, struct line *line, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct ledger_item *item = line->item;

	if (signer_bundle_as(r->l->signer, item->role, item->statement->data,
			     item->statement->len, &bundle, err) < 0)
		return err_wrap(err, "%s", item->name);
	return cas_put(r->l->store, bundle.data, bundle.len, &item->bare, err);
}

static int
make_entry(struct run *r, struct line *line, struct err *err)
{
	CLEANUP(bundle_close) struct open_bundle o = { .signer = NULL };
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);

	if ((line->item->statement && sign_statement(r, line, err) < 0) ||
	    bundle_open(r, line, &o, err) < 0 ||
	    tlog_entry_make(&o.b, o.signer, &entry, err) < 0)
		return -1;
	tlog_leaf(entry.data, entry.len, &line->leaf);
	line->entry.data = arena_strndup(&r->arena, entry.data, entry.len); /* JSON: no zero */
	line->entry.n = entry.len;
	return 0;
}

/* Steps 1 to 3. *todo: how many have to be in the log and are not known to be. */
static int
prepare(struct run *r, size_t *todo, struct err *err)
{
	CLEANUP(dict_release) struct dict seen = { 0 };

	*todo = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct line *line = &r->lines[i];

		name_line(line);
		line->same = dict_get(&seen, line->key);
		if (line->same)
			continue;
		dict_set(&seen, line->key, line);
		if (recall(r, line, err) < 0)
			return -1;
		if (line->item->remembered)
			continue;
		if (make_entry(r, line, err) < 0)
			return -1;
		(*todo)++;
	}
	return 0;
}

static bool
is_new(const struct line *line)
{
	return !line->same && !line->item->remembered && !line->logged;
}

/* Step 4. A batch is appended whole, so what was killed behind it lies at the end. */
static int
find_tail(struct run *r, size_t todo, struct err *err)
{
	CLEANUP(dict_release) struct dict wanted = { 0 };
	uint64_t size = r->checkpoint.size;
	uint64_t first = size - KILN_MIN(size, (uint64_t)todo * TAIL_FACTOR);
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < r->n; i++) {
		if (!is_new(&r->lines[i]))
			continue;
		digest_hex(&r->lines[i].leaf, hex);
		dict_set(&wanted, hex, &r->lines[i]);
	}
	for (uint64_t index = first; index < size; index++) {
		struct tlog_proof proof;
		struct digest leaf;
		struct line *line;

		if (tlog_tree_prove(r->tree, &r->checkpoint.root, index, &leaf, &proof, err) <
		    0)
			return -1;
		digest_hex(&leaf, hex);
		line = dict_get(&wanted, hex);
		if (!line)
			continue;
		line->logged = true;
		line->item->index = index;
	}
	return 0;
}

/* Step 5. */
static int
append(struct run *r, struct err *err)
{
	struct tlog_entry *batch = arena_array(&r->arena, r->n + 1, sizeof(*batch));
	struct tlog_checkpoint new;
	uint64_t index;
	size_t count = 0;

	for (size_t i = 0; i < r->n; i++)
		if (is_new(&r->lines[i]))
			batch[count++] = r->lines[i].entry;
	if (count == 0)
		return 0;
	if (tlog_append(&r->arena, r->dirfd, &r->office.author, batch, count, &new, err) < 0)
		return -1;
	index = new.size - count;
	for (size_t i = 0; i < r->n; i++) {
		if (!is_new(&r->lines[i]))
			continue;
		r->lines[i].logged = true;
		r->lines[i].item->index = index++;
	}
	return see_log(r, err);
}

/* Step 6. Those who are enough already are not asked again. */
static int
cosign(struct run *r, struct err *err)
{
	const struct witness_http_circle *c = r->l->witnesses;
	struct note note;

	if (!c)
		return 0;
	if (note_parse(&r->arena, buf_text(&r->note), r->note.len, &note, err) < 0)
		return -1;
	if ((int64_t)note_count(&note, c->keys, c->n, NULL) >= c->quorum)
		return 0;
	if (witness_http_gather(c, r->dirfd, &r->office.key, false, err) < 0)
		return -1;
	return see_log(r, err);
}

/* The entry as a bundle carries it. */
static int
prove(struct run *r, const struct line *line, struct arena *a, struct dsse_entry *out,
      struct err *err)
{
	struct tlog_proof *proof = arena_alloc(a, sizeof(*proof));
	struct digest leaf, log_id;

	if (tlog_tree_prove(r->tree, &r->checkpoint.root, line->item->index, &leaf, proof,
			    err) < 0)
		return -1;
	if (!digest_equal(&leaf, &line->leaf))
		return err_set(err, ERR_VERIFY, "log: entry %llu is not what was appended",
			       (unsigned long long)line->item->index);
	material_log_id(&r->office.key, &log_id);
	*out = (struct dsse_entry){ .index = line->item->index,
				    .size = r->checkpoint.size,
				    .log_id = log_id,
				    .root = r->checkpoint.root,
				    .hashes = proof->at,
				    .nhashes = proof->n,
				    .checkpoint = buf_text(&r->note),
				    .checkpoint_len = r->note.len,
				    .body = line->entry.data,
				    .body_len = line->entry.n };
	return 0;
}

/* Step 7, for one. */
static int
finish(struct run *r, struct line *line, struct err *err)
{
	CLEANUP(bundle_close) struct open_bundle o = { .signer = NULL };
	CLEANUP(buf_free) struct buf stamp = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	struct dsse_entry entry;
	struct digest imprint;

	if (bundle_open(r, line, &o, err) < 0 || prove(r, line, &o.arena, &entry, err) < 0)
		return -1;
	digest_of(o.b.sig.data, o.b.sig.len, &imprint);
	if (signer_sign(r->l->signer, KEY_TIMESTAMP, SIGNER_TYPE_TIMESTAMP, 0, imprint.bytes,
			DIGEST_BYTES, &stamp, err) < 0)
		return err_wrap(err, "%s", line->item->name);
	o.b.entry = &entry;
	o.b.timestamp = stamp.data;
	o.b.timestamp_len = stamp.len;
	dsse_bundle_rewrite(&o.b, &text);
	if (buf_check(&text, line->item->name, err) < 0 ||
	    cas_put(r->l->store, text.data, text.len, &line->item->bundle, err) < 0)
		return -1;
	return remember(r, line, o.signer, err);
}

static int
enter(struct run *r, struct err *err)
{
	size_t todo;

	if (prepare(r, &todo, err) < 0)
		return -1;
	if (todo > 0 && (find_tail(r, todo, err) < 0 || append(r, err) < 0))
		return -1;
	if (cosign(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		struct line *line = &r->lines[i];

		if (line->same) {
			line->item->bundle = line->same->item->bundle;
			line->item->index = line->same->item->index;
			line->item->remembered = line->same->item->remembered;
		} else if (!line->item->remembered && finish(r, line, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
begin(struct run *r, struct ledger_item *items, struct err *err)
{
	if (r->n > MAX_ITEMS)
		return err_set(err, ERR_LIMIT, "%zu statements to log at once, at most %zu",
			       r->n, MAX_ITEMS);
	r->lines = arena_array(&r->arena, r->n + 1, sizeof(*r->lines));
	for (size_t i = 0; i < r->n; i++) {
		items[i].remembered = false;
		r->lines[i].item = &items[i];
	}
	qsort(r->lines, r->n, sizeof(*r->lines), by_name);
	return open_log(r, err);
}

int
ledger_enter(const struct ledger *l, struct ledger_item *items, size_t n, struct err *err)
{
	CLEANUP(run_release)
	struct run r = { .l = l, .dirfd = -1, .n = n, .note = BUF_MAX(NOTE_MAX_BYTES) };

	if (begin(&r, items, err) < 0 || enter(&r, err) < 0)
		return err_wrap(err, "log %s", l->dir);
	return 0;
}

int
ledger_recall(const struct ledger *l, struct ledger_item *items, size_t n, bool *all,
	      struct err *err)
{
	CLEANUP(run_release)
	struct run r = { .l = l, .dirfd = -1, .n = n, .note = BUF_MAX(NOTE_MAX_BYTES) };

	if (begin(&r, items, err) < 0)
		return err_wrap(err, "log %s", l->dir);
	*all = true;
	for (size_t i = 0; i < n && *all; i++) {
		name_line(&r.lines[i]);
		if (recall(&r, &r.lines[i], err) < 0)
			return err_wrap(err, "log %s", l->dir);
		*all = r.lines[i].item->remembered;
	}
	return 0;
}

static int
give(const struct cas *store, const char *name, ledger_each_fn *each, void *arg,
     struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(REF_MAX);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct digest blob;
	struct doc *d;
	bool found;

	if (cas_ref_get(store, REF_KIND, name, &text, &found, err) < 0)
		return -1;
	if (!found || json_parse(&a, buf_text(&text), text.len, name, &d, err) < 0 ||
	    !doc_get_digest(d, "bundle", &blob) || !cas_keep(store, &blob))
		return 0;
	if (cas_get(store, &blob, &bundle, err) < 0)
		return -1;
	return each(arg, name, &bundle, err);
}

int
ledger_each(const struct cas *store, ledger_each_fn *each, void *arg, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	size_t n;

	if (tree_list(&a, cas_dirfd(store), "refs/" REF_KIND, &names, &n, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	for (size_t i = 0; i < n; i++)
		if (give(store, names[i], each, arg, err) < 0)
			return -1;
	return 0;
}
