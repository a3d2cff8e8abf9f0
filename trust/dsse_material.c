/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log entry and timestamp as a bundle writes them: integers as decimal text, bytes as padded
 * base64 of the standard alphabet. One meaning has one text here: a second spelling of the same
 * bytes is refused.
 */
#include "trust/dsse_priv.h"

#define ENTRY_KIND        "hashedrekord"
#define ENTRY_VERSION     "0.0.2"
#define ENTRY_MAX         ((size_t)64 * 1024) /* body, or checkpoint */
#define ENTRY_MAX_DIGITS  19                  /* an int64 */
#define TIMESTAMP_MAX     ((size_t)16 * 1024)
#define TEXT_OF_BYTES(n)  (((n) + 2) / 3 * 4)
#define DIGEST_BASE64_MAX 64

/* ---- writing ---- */

static struct doc *
under(struct arena *a, const char *key, struct doc *value)
{
	struct doc *map = doc_map(a);

	doc_set(a, map, key, value);
	return map;
}

static struct doc *
number_text(struct arena *a, uint64_t n)
{
	return doc_text(a, arena_format(a, "%llu", (unsigned long long)n));
}

static struct doc *
proof_doc(struct arena *a, const struct dsse_entry *e, struct buf *out)
{
	struct doc *proof = doc_map(a), *hashes = doc_list(a);

	for (size_t i = 0; i < e->nhashes; i++)
		doc_push(a, hashes, dsse_base64(a, e->hashes[i].bytes, DIGEST_BYTES, out));
	doc_set(a, proof, "logIndex", number_text(a, e->index));
	doc_set(a, proof, "rootHash", dsse_base64(a, e->root.bytes, DIGEST_BYTES, out));
	doc_set(a, proof, "treeSize", number_text(a, e->size));
	doc_set(a, proof, "hashes", hashes);
	doc_set(a, proof, "checkpoint",
		under(a, "envelope",
		      doc_text(a, arena_strndup(a, e->checkpoint, e->checkpoint_len))));
	return proof;
}

static struct doc *
entry_doc(struct arena *a, const struct dsse_entry *e, struct buf *out)
{
	struct doc *entry = doc_map(a), *kind = doc_map(a);

	doc_set_text(a, kind, "kind", ENTRY_KIND);
	doc_set_text(a, kind, "version", ENTRY_VERSION);
	doc_set(a, entry, "logIndex", number_text(a, e->index));
	doc_set(a, entry, "logId",
		under(a, "keyId", dsse_base64(a, e->log_id.bytes, DIGEST_BYTES, out)));
	doc_set(a, entry, "kindVersion", kind);
	doc_set_text(a, entry, "integratedTime", "0"); /* the log says no time */
	doc_set(a, entry, "inclusionProof", proof_doc(a, e, out));
	doc_set(a, entry, "canonicalizedBody", dsse_base64(a, e->body, e->body_len, out));
	return entry;
}

void
dsse_material_write(struct arena *a, const struct dsse_bundle *b, struct doc *material,
		    struct buf *out)
{
	struct doc *list;

	if (b->entry) {
		list = doc_list(a);
		doc_push(a, list, entry_doc(a, b->entry, out));
		doc_set(a, material, "tlogEntries", list);
	}
	if (b->timestamp) {
		list = doc_list(a);
		doc_push(a, list,
			 under(a, "signedTimestamp",
			       dsse_base64(a, b->timestamp, b->timestamp_len, out)));
		doc_set(a, material, "timestampVerificationData",
			under(a, "rfc3161Timestamps", list));
	}
}

/* ---- reading ---- */

/* A required int64 >= 0 as decimal text, without leading zeros. */
static int
need_number(const struct doc *d, const char *what, const char *field, uint64_t *out,
	    struct err *err)
{
	const char *text = doc_get_text(d, field);
	uint64_t v = 0;
	size_t n;

	if (!text)
		return err_set(err, ERR_VERIFY, "%s has no text field '%s'", what, field);
	n = strlen(text);
	if (n == 0 || n > ENTRY_MAX_DIGITS || strspn(text, "0123456789") != n ||
	    (text[0] == '0' && n > 1))
		return err_set(err, ERR_VERIFY, "%s: '%s' is no number in decimal digits", what,
			       field);
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	if (v > INT64_MAX)
		return err_set(err, ERR_VERIFY, "%s: '%s' is too large", what, field);
	*out = v;
	return 0;
}

/* Required bytes as base64 in its one spelling, at most max of them; into the arena. */
static int
need_bytes(struct arena *a, const struct doc *text, const char *what, size_t max,
	   const void **out, size_t *len, struct err *err)
{
	CLEANUP(buf_free) struct buf bytes = BUF_MAX(max);
	CLEANUP(buf_free) struct buf again = BUF_MAX(TEXT_OF_BYTES(max));

	if (!text || text->kind != DOC_TEXT)
		return err_set(err, ERR_VERIFY, "%s is not there or not a text", what);
	if (digest_unbase64(text->text, strlen(text->text), &bytes, err) < 0 ||
	    buf_check(&bytes, what, err) < 0)
		return err_wrap(err, "%s", what);
	digest_base64(bytes.data, bytes.len, &again);
	if (bytes.len == 0 || strcmp(buf_text(&again), text->text) != 0)
		return err_set(err, ERR_VERIFY, "%s is empty or not plain base64", what);
	*out = memcpy(arena_alloc(a, bytes.len), bytes.data, bytes.len);
	*len = bytes.len;
	return 0;
}

static int
need_digest(struct arena *a, const struct doc *text, const char *what, struct digest *out,
	    struct err *err)
{
	const void *bytes;
	size_t len;

	if (need_bytes(a, text, what, DIGEST_BASE64_MAX, &bytes, &len, err) < 0)
		return -1;
	if (len != DIGEST_BYTES)
		return err_set(err, ERR_VERIFY, "%s has %zu bytes, not %d", what, len,
			       DIGEST_BYTES);
	memcpy(out->bytes, bytes, DIGEST_BYTES);
	return 0;
}

static int
read_hashes(struct arena *a, const struct doc *list, struct dsse_entry *e, struct err *err)
{
	struct digest *hashes;

	if (!list || list->kind != DOC_LIST)
		return err_set(err, ERR_VERIFY, "inclusionProof has no list 'hashes'");
	if (list->n > DSSE_MAX_HASHES)
		return err_set(err, ERR_VERIFY,
			       "inclusionProof has %zu hashes (%d are accepted)", list->n,
			       DSSE_MAX_HASHES);
	hashes = arena_array(a, list->n + 1, sizeof(*hashes));
	for (size_t i = 0; i < list->n; i++)
		if (need_digest(a, list->items[i].value, "hash of the inclusionProof",
				&hashes[i], err) < 0)
			return -1;
	e->hashes = hashes;
	e->nhashes = list->n;
	return 0;
}

static int
read_proof(struct arena *a, const struct doc *proof, struct dsse_entry *e, struct err *err)
{
	static const char *const fields[] = { "logIndex", "rootHash",   "treeSize",
					      "hashes",   "checkpoint", NULL };
	static const char *const checkpoint_fields[] = { "envelope", NULL };
	const struct doc *checkpoint;
	uint64_t index;

	if (dsse_only_fields(proof, "inclusionProof", fields, err) < 0 ||
	    need_number(proof, "inclusionProof", "logIndex", &index, err) < 0 ||
	    need_number(proof, "inclusionProof", "treeSize", &e->size, err) < 0 ||
	    need_digest(a, doc_get(proof, "rootHash"), "rootHash", &e->root, err) < 0 ||
	    read_hashes(a, doc_get(proof, "hashes"), e, err) < 0)
		return -1;
	if (index != e->index)
		return err_set(err, ERR_VERIFY,
			       "the log entry has one index and its proof another");
	checkpoint = doc_get(proof, "checkpoint");
	if (dsse_only_fields(checkpoint, "checkpoint", checkpoint_fields, err) < 0)
		return -1;
	e->checkpoint = doc_get_text(checkpoint, "envelope");
	if (!e->checkpoint || strlen(e->checkpoint) > ENTRY_MAX)
		return err_set(err, ERR_VERIFY,
			       "checkpoint has no text 'envelope' of %zu bytes", ENTRY_MAX);
	e->checkpoint_len = strlen(e->checkpoint);
	return 0;
}

static int
read_kind(const struct doc *kind, struct err *err)
{
	static const char *const fields[] = { "kind", "version", NULL };
	const char *name, *version;

	if (dsse_only_fields(kind, "kindVersion", fields, err) < 0 ||
	    dsse_need_text(kind, "kindVersion", "kind", &name, err) < 0 ||
	    dsse_need_text(kind, "kindVersion", "version", &version, err) < 0)
		return -1;
	if (strcmp(name, ENTRY_KIND) != 0 || strcmp(version, ENTRY_VERSION) != 0)
		return err_set(err, ERR_VERIFY,
			       "log entry of the kind %s %s, not " ENTRY_KIND " " ENTRY_VERSION,
			       name, version);
	return 0;
}

static int
read_entry(struct arena *a, const struct doc *entry, struct dsse_entry *e, struct err *err)
{
	static const char *const fields[] = {
		"logIndex",          "logId", "kindVersion", "integratedTime", "inclusionProof",
		"canonicalizedBody", NULL
	};
	static const char *const id_fields[] = { "keyId", NULL };
	const struct doc *id = doc_get(entry, "logId");
	uint64_t when;

	if (dsse_only_fields(entry, "log entry", fields, err) < 0 ||
	    need_number(entry, "log entry", "logIndex", &e->index, err) < 0 ||
	    dsse_only_fields(id, "logId", id_fields, err) < 0 ||
	    need_digest(a, doc_get(id, "keyId"), "keyId of the log", &e->log_id, err) < 0 ||
	    read_kind(doc_get(entry, "kindVersion"), err) < 0)
		return -1;
	/* Nothing signs it; a value other than none would be taken for a time. */
	if (doc_get(entry, "integratedTime") &&
	    (need_number(entry, "log entry", "integratedTime", &when, err) < 0 || when != 0))
		return err_set(err, ERR_VERIFY,
			       "log entry: 'integratedTime' is not 0, and nobody signed it");
	if (need_bytes(a, doc_get(entry, "canonicalizedBody"), "canonicalizedBody", ENTRY_MAX,
		       &e->body, &e->body_len, err) < 0)
		return -1;
	return read_proof(a, doc_get(entry, "inclusionProof"), e, err);
}

/* A list of exactly one value. */
static const struct doc *
only_one(const struct doc *list)
{
	return list->kind == DOC_LIST && list->n == 1 ? list->items[0].value : NULL;
}

static int
read_timestamp(struct arena *a, const struct doc *data, struct dsse_bundle *b, struct err *err)
{
	static const char *const fields[] = { "rfc3161Timestamps", NULL };
	static const char *const stamp_fields[] = { "signedTimestamp", NULL };
	const struct doc *list, *stamp;

	if (dsse_only_fields(data, "timestampVerificationData", fields, err) < 0)
		return -1;
	list = doc_get(data, "rfc3161Timestamps");
	stamp = list ? only_one(list) : NULL;
	if (!stamp)
		return err_set(err, ERR_VERIFY, "the bundle has not exactly one timestamp");
	if (dsse_only_fields(stamp, "timestamp", stamp_fields, err) < 0)
		return -1;
	return need_bytes(a, doc_get(stamp, "signedTimestamp"), "signedTimestamp",
			  TIMESTAMP_MAX, &b->timestamp, &b->timestamp_len, err);
}

int
dsse_material_read(struct arena *a, const struct doc *material, struct dsse_bundle *b,
		   struct err *err)
{
	const struct doc *list = doc_get(material, "tlogEntries"), *entry;
	const struct doc *stamps = doc_get(material, "timestampVerificationData");
	struct dsse_entry *e;

	if (list) {
		entry = only_one(list);
		if (!entry)
			return err_set(err, ERR_VERIFY,
				       "the bundle has not exactly one log entry");
		e = arena_alloc(a, sizeof(*e));
		if (read_entry(a, entry, e, err) < 0)
			return -1;
		b->entry = e;
	}
	return stamps ? read_timestamp(a, stamps, b, err) : 0;
}
