/* SPDX-License-Identifier: Apache-2.0 */
/* Several signatures on one statement: the bare envelope beside a bundle. */
#include "base/json.h"
#include "trust/dsse_priv.h"

#define SIGNATURE_MAX 1024
#define ENVELOPE_MAX  (DSSE_MAX_BYTES * 2)
#define ENVELOPE_HEAD 128  /* its names, and the brackets around the signatures */
#define ENVELOPE_EACH 2048 /* of a further signature */

void
dsse_envelope_write(const struct dsse_bundle *b, const struct dsse_along *along,
		    struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *envelope = dsse_envelope_doc(&a, b, out);
	struct doc *list = doc_get(envelope, "signatures");

	for (size_t i = 0; along && i < along->n; i++)
		doc_push(&a, list,
			 dsse_signature_doc(&a, along->at[i].keyid, along->at[i].sig,
					    along->at[i].len, out));
	json_write(envelope, out);
	buf_add_char(out, '\n');
}

static int
read_one(struct arena *a, const struct doc *d, struct dsse_along *out, struct err *err)
{
	static const char *const fields[] = { "keyid", "sig", NULL };
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGNATURE_MAX);
	char *copy;

	if (out->n == DSSE_MAX_ALONG)
		return err_set(err, ERR_VERIFY, "the envelope has more than %d signatures",
			       DSSE_MAX_ALONG + 1);
	if (dsse_only_fields(d, "signature", fields, err) < 0 ||
	    dsse_need_text(d, "signature", "keyid", &out->at[out->n].keyid, err) < 0 ||
	    dsse_need_base64(d, "signature", "sig", &sig, err) < 0)
		return -1;
	copy = arena_array(a, sig.len, 1);
	memcpy(copy, sig.data, sig.len);
	out->at[out->n].sig = copy;
	out->at[out->n++].len = sig.len;
	return 0;
}

static int
differs(const char *name, struct err *err)
{
	return err_set(err, ERR_VERIFY, "%s does not say what the bundle beside it says", name);
}

/* Only the tail after b's own signature is read; that the rest is as b has it, and that nothing
 * hides in the tail, is found by writing it all again. */
static int
read_tail(struct arena *a, const struct buf *text, size_t from, const char *name,
	  struct dsse_along *along, struct err *err)
{
	const char *tail = text->data + from;
	size_t n = text->len - from;
	CLEANUP(buf_free) struct buf list = BUF_MAX(DSSE_MAX_ALONG * ENVELOPE_EACH);
	struct doc *d;

	if (n < 4 || tail[0] != ',' || memcmp(tail + n - 3, "]}\n", 3) != 0)
		return differs(name, err);
	buf_add_char(&list, '[');
	buf_add(&list, tail + 1, n - 4);
	buf_add_char(&list, ']');
	if (buf_check(&list, "signatures", err) < 0 ||
	    json_parse(a, list.data, list.len, name, &d, err) < 0)
		return -1;
	for (size_t i = 0; i < d->n; i++)
		if (read_one(a, d->items[i].value, along, err) < 0)
			return err_wrap(err, "%s", name);
	return 0;
}

int
dsse_envelope_read(struct arena *a, const struct dsse_bundle *b, const struct buf *text,
		   const char *name, struct dsse_along *along, struct err *err)
{
	CLEANUP(buf_free) struct buf alone = BUF_MAX(ENVELOPE_MAX);
	CLEANUP(buf_free) struct buf again = BUF_MAX(ENVELOPE_MAX);
	size_t n;

	*along = (struct dsse_along){ .n = 0 };
	dsse_envelope_write(b, NULL, &alone);
	if (buf_check(&alone, "envelope", err) < 0)
		return -1;
	if (text->len == alone.len && memcmp(text->data, alone.data, alone.len) == 0)
		return 0;
	n = alone.len - 3; /* "]}" and the newline */
	if (text->len < alone.len || memcmp(text->data, alone.data, n) != 0)
		return differs(name, err);
	if (read_tail(a, text, n, name, along, err) < 0)
		return err_recode(err, ERR_VERIFY);
	dsse_envelope_write(b, along, &again);
	if (again.len != text->len || memcmp(again.data, text->data, again.len) != 0)
		return differs(name, err);
	return 0;
}

static void
count(struct dsse_signers *s, const struct key_public *k)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i]->der_len == k->der_len &&
		    memcmp(s->at[i]->der, k->der, k->der_len) == 0)
			return;
	s->at[s->n++] = k;
}

int
dsse_along_verify(const struct dsse_bundle *b, const struct dsse_along *along,
		  const struct keyring *ring, enum key_role role, struct dsse_signers *out,
		  struct err *err)
{
	const struct key_public *k;
	struct err unknown;

	*out = (struct dsse_signers){ .n = 0 };
	if (dsse_bundle_verify_as(b, ring, role, &k, err) < 0)
		return -1;
	count(out, k);
	for (size_t i = 0; i < along->n; i++) {
		struct dsse_bundle one = *b;
		const struct key_public *known = key_find(ring, along->at[i].keyid);

		if (!known || known->role != role)
			continue;
		one.hint = one.keyid = along->at[i].keyid;
		one.sig = (struct buf){ .data = (char *)(uintptr_t)along->at[i].sig,
					.len = along->at[i].len };
		if (key_check_valid(known, ring->now, &unknown) < 0)
			continue; /* a key that counts no more takes nothing from the others */
		if (dsse_bundle_verify_as(&one, ring, role, &k, err) < 0)
			return -1;
		count(out, k);
	}
	return 0;
}
