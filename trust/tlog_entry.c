/* SPDX-License-Identifier: Apache-2.0 */
/* What is logged of a statement: a Rekor v2 hashedrekord 0.0.2, byte for byte what stock
 * verifiers rebuild from bundle and key. The statement itself is not in the log, only its
 * digest. */
#include "base/json.h"
#include "trust/tlog.h"

static struct doc *
base64_of(struct arena *a, const void *data, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TLOG_MAX_ENTRY);

	digest_base64(data, n, &text);
	return doc_text(a, buf_text(&text));
}

static struct doc *
under(struct arena *a, const char *key, struct doc *value)
{
	struct doc *map = doc_map(a);

	doc_set(a, map, key, value);
	return map;
}

static void
write_entry(struct arena *a, struct doc *digest, struct doc *key, struct doc *signature,
	    struct buf *out)
{
	struct doc *data = doc_map(a), *sig = doc_map(a), *spec = doc_map(a);
	struct doc *verifier = doc_map(a), *entry = doc_map(a);

	doc_set_text(a, data, "algorithm", "SHA2_256");
	doc_set(a, data, "digest", digest);
	doc_set_text(a, verifier, "keyDetails", "PKIX_ECDSA_P256_SHA_256");
	doc_set(a, verifier, "publicKey", under(a, "rawBytes", key));
	doc_set(a, sig, "content", signature);
	doc_set(a, sig, "verifier", verifier);
	doc_set(a, spec, "data", data);
	doc_set(a, spec, "signature", sig);
	doc_set_text(a, entry, "apiVersion", "0.0.2");
	doc_set_text(a, entry, "kind", "hashedrekord");
	doc_set(a, entry, "spec", under(a, "hashedRekordV002", spec));
	json_write(entry, out);
}

int
tlog_entry_make(const struct dsse_bundle *b, const struct key_public *signer, struct buf *out,
		struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf pae = BUF_MAX(DSSE_MAX_BYTES + 512);
	struct digest d;

	dsse_pae(b->payload_type, b->payload.data, b->payload.len, &pae);
	if (buf_check(&pae, "payload", err) < 0)
		return -1;
	digest_of(pae.data, pae.len, &d);
	write_entry(&a, base64_of(&a, d.bytes, DIGEST_BYTES),
		    base64_of(&a, signer->der, signer->der_len),
		    base64_of(&a, b->sig.data, b->sig.len), out);
	return buf_check(out, "log entry", err);
}

static struct doc *
descend(struct doc *d, const char *const *path)
{
	for (; d && *path; path++)
		d = doc_get(d, *path);
	return d && d->kind == DOC_TEXT ? d : NULL;
}

static bool
decode(const struct doc *text, struct buf *out)
{
	struct err ignored;

	return digest_unbase64(text->text, strlen(text->text), out, &ignored) == 0;
}

/* The three things that differ are taken out, and the entry that they make must be this one. */
int
tlog_entry_parse(struct arena *a, const void *data, size_t n, struct tlog_entry_parts *out,
		 struct err *err)
{
	static const char *const digest_at[] = { "spec", "hashedRekordV002", "data", "digest",
						 NULL };
	static const char *const sig_at[] = { "spec", "hashedRekordV002", "signature",
					      "content", NULL };
	static const char *const key_at[] = { "spec",     "hashedRekordV002", "signature",
					      "verifier", "publicKey",        "rawBytes",
					      NULL };
	CLEANUP(buf_free) struct buf digest = BUF_MAX(TLOG_MAX_ENTRY);
	CLEANUP(buf_free) struct buf key = BUF_MAX(TLOG_MAX_ENTRY);
	CLEANUP(buf_free) struct buf again = BUF_MAX(TLOG_MAX_ENTRY);
	struct doc *d, *dd, *sd, *kd;

	if (json_parse(a, data, n, "entry", &d, err) < 0)
		return err_recode(err, ERR_VERIFY);
	dd = descend(d, digest_at);
	sd = descend(d, sig_at);
	kd = descend(d, key_at);
	if (!dd || !sd || !kd || !decode(dd, &digest) || !decode(kd, &key) || key.len == 0 ||
	    digest.len != DIGEST_BYTES)
		return err_set(err, ERR_VERIFY, "not the entry of a statement");
	write_entry(a, dd, kd, sd, &again);
	if (again.len != n || memcmp(again.data, data, n) != 0)
		return err_set(err, ERR_VERIFY, "not the entry of a statement");
	memcpy(out->digest.bytes, digest.data, DIGEST_BYTES);
	out->key_len = key.len;
	out->key = memcpy(arena_alloc(a, key.len), key.data, key.len);
	return 0;
}
