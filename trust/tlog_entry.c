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

int
tlog_entry_make(const struct dsse_bundle *b, const struct key_public *signer, struct buf *out,
		struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf pae = BUF_MAX(DSSE_MAX_BYTES + 512);
	struct doc *data = doc_map(&a), *sig = doc_map(&a), *spec = doc_map(&a);
	struct doc *verifier = doc_map(&a), *entry = doc_map(&a);
	struct digest d;

	dsse_pae(b->payload_type, b->payload.data, b->payload.len, &pae);
	if (buf_check(&pae, "payload", err) < 0)
		return -1;
	digest_of(pae.data, pae.len, &d);
	doc_set_text(&a, data, "algorithm", "SHA2_256");
	doc_set(&a, data, "digest", base64_of(&a, d.bytes, DIGEST_BYTES));
	doc_set_text(&a, verifier, "keyDetails", "PKIX_ECDSA_P256_SHA_256");
	doc_set(&a, verifier, "publicKey",
		under(&a, "rawBytes", base64_of(&a, signer->der, signer->der_len)));
	doc_set(&a, sig, "content", base64_of(&a, b->sig.data, b->sig.len));
	doc_set(&a, sig, "verifier", verifier);
	doc_set(&a, spec, "data", data);
	doc_set(&a, spec, "signature", sig);
	doc_set_text(&a, entry, "apiVersion", "0.0.2");
	doc_set_text(&a, entry, "kind", "hashedrekord");
	doc_set(&a, entry, "spec", under(&a, "hashedRekordV002", spec));
	json_write(entry, out);
	return buf_check(out, "log entry", err);
}
