/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/dsse_priv.h"
#include "base/json.h"
#include "base/utf8.h"

#define BUNDLE_MEDIA_TYPE "application/vnd.dev.sigstore.bundle.v0.3+json"
#define TEXT_MAX          256 /* key id, hint, payload type */
#define SIGNATURE_MAX     1024
#define PAE_OVERHEAD      ((size_t)64 + TEXT_MAX)
#define MARKS_MAX         (64 + DSSE_MAX_HASHES) /* brackets and commas; ours has 30 and hashes */
/* Base64 of the payload, and of what stands beside it. */
#define BUNDLE_MAX_BYTES (DSSE_MAX_BYTES / 3 * 4 + DSSE_MAX_MATERIAL + 8192)

void
dsse_pae(const char *payload_type, const void *payload, size_t n, struct buf *out)
{
	buf_add_format(out, "DSSEv1 %zu %s %zu ", strlen(payload_type), payload_type, n);
	buf_add(out, payload, n);
}

struct doc *
dsse_base64(struct arena *a, const void *data, size_t n, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BUNDLE_MAX_BYTES);

	digest_base64(data, n, &text);
	if (text.overflow)
		out->overflow = true; /* the writer's one check sees it */
	return doc_text(a, buf_text(&text));
}

struct doc *
dsse_signature_doc(struct arena *a, const char *keyid, const void *sig, size_t n,
		   struct buf *out)
{
	struct doc *signature = doc_map(a);

	doc_set_text(a, signature, "keyid", keyid);
	doc_set(a, signature, "sig", dsse_base64(a, sig, n, out));
	return signature;
}

struct doc *
dsse_envelope_doc(struct arena *a, const struct dsse_bundle *b, struct buf *out)
{
	struct doc *envelope = doc_map(a), *signatures = doc_list(a);

	doc_push(a, signatures, dsse_signature_doc(a, b->keyid, b->sig.data, b->sig.len, out));
	doc_set(a, envelope, "payload", dsse_base64(a, b->payload.data, b->payload.len, out));
	doc_set_text(a, envelope, "payloadType", b->payload_type);
	doc_set(a, envelope, "signatures", signatures);
	return envelope;
}

void
dsse_bundle_rewrite(const struct dsse_bundle *b, struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *bundle = doc_map(&a), *material = doc_map(&a), *hint = doc_map(&a);

	doc_set_text(&a, hint, "hint", b->hint);
	doc_set(&a, material, "publicKey", hint);
	dsse_material_write(&a, b, material, out);
	doc_set_text(&a, bundle, "mediaType", BUNDLE_MEDIA_TYPE);
	doc_set(&a, bundle, "verificationMaterial", material);
	doc_set(&a, bundle, "dsseEnvelope", dsse_envelope_doc(&a, b, out));
	json_write(bundle, out);
}

/* The bytes are borrowed: nothing is added to or released from such a buffer. */
static struct buf
borrowed(const void *data, size_t n)
{
	return (struct buf){ .data = (char *)(uintptr_t)data, .len = n, .cap = n, .max = n };
}

void
dsse_bundle_write(const char *keyid, const char *payload_type, const void *payload, size_t n,
		  const void *sig, size_t sig_len, struct buf *out)
{
	const struct dsse_bundle b = { .keyid = keyid,
				       .hint = keyid,
				       .payload_type = payload_type,
				       .payload = borrowed(payload, n),
				       .sig = borrowed(sig, sig_len) };

	dsse_bundle_rewrite(&b, out);
}

/* d is a map and has no key but those of `fields` (NULL-terminated). */
int
dsse_only_fields(const struct doc *d, const char *what, const char *const *fields,
		 struct err *err)
{
	char shown[100];

	if (!d || d->kind != DOC_MAP)
		return err_set(err, ERR_VERIFY, "%s is not there or not an object", what);
	for (size_t i = 0; i < d->n; i++) {
		const char *const *f = fields;

		while (*f && strcmp(*f, d->items[i].key) != 0)
			f++;
		if (!*f) {
			utf8_show(d->items[i].key, shown, sizeof(shown));
			return err_set(err, ERR_VERIFY, "%s has the unknown field '%s'", what,
				       shown);
		}
	}
	return 0;
}

/* A required text of bounded length. */
int
dsse_need_text(const struct doc *d, const char *what, const char *field, const char **out,
	       struct err *err)
{
	const char *text = doc_get_text(d, field);

	if (!text)
		return err_set(err, ERR_VERIFY, "%s has no text field '%s'", what, field);
	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_VERIFY, "%s: '%s' is longer than %d bytes", what, field,
			       TEXT_MAX);
	if (!utf8_is_printable(text, strlen(text))) /* it is shown before it is verified */
		return err_set(err, ERR_VERIFY, "%s: '%s' is not printable", what, field);
	*out = text;
	return 0;
}

int
dsse_need_base64(const struct doc *d, const char *what, const char *field, struct buf *out,
		 struct err *err)
{
	const char *text = doc_get_text(d, field);

	if (!text)
		return err_set(err, ERR_VERIFY, "%s has no text field '%s'", what, field);
	if (digest_unbase64(text, strlen(text), out, err) < 0)
		return err_wrap(err, "%s: '%s'", what, field);
	if (out->len == 0)
		return err_set(err, ERR_VERIFY, "%s: '%s' is empty", what, field);
	return buf_check(out, field, err);
}

static int
read_material(struct arena *a, const struct doc *material, struct dsse_bundle *b,
	      struct err *err)
{
	static const char *const fields[] = { "publicKey", "tlogEntries",
					      "timestampVerificationData", NULL };
	static const char *const key_fields[] = { "hint", NULL };
	const struct doc *key;

	if (dsse_only_fields(material, "verificationMaterial", fields, err) < 0)
		return -1;
	key = doc_get(material, "publicKey");
	if (dsse_only_fields(key, "publicKey", key_fields, err) < 0)
		return -1;
	if (dsse_need_text(key, "publicKey", "hint", &b->hint, err) < 0)
		return -1;
	return dsse_material_read(a, material, b, err);
}

static int
read_signature(const struct doc *list, struct dsse_bundle *b, struct err *err)
{
	static const char *const fields[] = { "keyid", "sig", NULL };
	const struct doc *signature;

	if (!list || list->kind != DOC_LIST || list->n != 1)
		return err_set(err, ERR_VERIFY, "the envelope has not exactly one signature");
	signature = list->items[0].value;
	if (dsse_only_fields(signature, "signature", fields, err) < 0 ||
	    dsse_need_base64(signature, "signature", "sig", &b->sig, err) < 0)
		return -1;
	/* Other signers leave the key id out and rely on the hint. */
	if (!doc_get(signature, "keyid"))
		return 0;
	if (dsse_need_text(signature, "signature", "keyid", &b->keyid, err) < 0)
		return -1;
	if (strcmp(b->keyid, b->hint) != 0)
		return err_set(err, ERR_VERIFY,
			       "the key id of the signature is not the hint of the bundle");
	return 0;
}

static int
read_bundle(struct arena *a, const struct doc *root, struct dsse_bundle *b, struct err *err)
{
	static const char *const fields[] = { "mediaType", "verificationMaterial",
					      "dsseEnvelope", NULL };
	static const char *const envelope_fields[] = { "payload", "payloadType", "signatures",
						       NULL };
	const struct doc *envelope;
	const char *media_type;

	if (dsse_only_fields(root, "bundle", fields, err) < 0 ||
	    dsse_need_text(root, "bundle", "mediaType", &media_type, err) < 0)
		return -1;
	if (strcmp(media_type, BUNDLE_MEDIA_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "mediaType is '%s', not '%s'", media_type,
			       BUNDLE_MEDIA_TYPE);
	if (read_material(a, doc_get(root, "verificationMaterial"), b, err) < 0)
		return -1;
	envelope = doc_get(root, "dsseEnvelope");
	if (dsse_only_fields(envelope, "dsseEnvelope", envelope_fields, err) < 0 ||
	    dsse_need_text(envelope, "dsseEnvelope", "payloadType", &b->payload_type, err) <
		    0 ||
	    (b->payload.len == 0 &&
	     dsse_need_base64(envelope, "dsseEnvelope", "payload", &b->payload, err) < 0))
		return -1;
	return read_signature(doc_get(envelope, "signatures"), b, err);
}

/* A small file can hold millions of empty values, and each of them costs memory before anybody
 * has signed it. No value of ours begins without one of these marks. */
static bool
has_few_marks(const char *text, size_t n)
{
	size_t marks = 0;

	for (size_t i = 0; i < n && marks <= MARKS_MAX; i++)
		marks += text[i] == '{' || text[i] == '[' || text[i] == ',';
	return marks <= MARKS_MAX;
}

/* The payload is most of a bundle, and base64 needs no reading as JSON: where it stands first,
 * as it does in ours, the text is read without it. What it holds is checked as base64, so a
 * quote or a backslash cannot hide in it. */
static bool
cut_payload(const char *text, size_t n, struct buf *rest, const char **payload, size_t *len)
{
	static const char head[] = "{\"dsseEnvelope\":{\"payload\":\"";
	const size_t m = sizeof(head) - 1;
	const char *end;

	if (n <= m || memcmp(text, head, m) != 0 || !(end = memchr(text + m, '"', n - m)))
		return false;
	*payload = text + m;
	*len = (size_t)(end - *payload);
	buf_add(rest, text, m);
	buf_add(rest, end, n - (size_t)(end - text));
	return !rest->overflow;
}

static int
read_text(struct arena *a, const char *text, size_t n, const char *name, struct dsse_bundle *b,
	  struct err *err)
{
	CLEANUP(buf_free) struct buf rest = BUF_MAX(BUNDLE_MAX_BYTES);
	const char *payload = NULL;
	size_t len = 0;
	struct doc *root;

	if (cut_payload(text, n, &rest, &payload, &len)) {
		text = rest.data;
		n = rest.len;
	}
	if (json_parse(a, text, n, name, &root, err) < 0)
		return -1;
	if (payload && (digest_unbase64(payload, len, &b->payload, err) < 0 ||
			buf_check(&b->payload, "payload", err) < 0))
		return err_wrap(err, "%s: dsseEnvelope: 'payload'", name);
	if (read_bundle(a, root, b, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

int
dsse_bundle_parse(struct arena *a, const char *text, size_t n, const char *name,
		  struct dsse_bundle *out, struct err *err)
{
	CLEANUP(dsse_bundle_release)
	struct dsse_bundle b = { .payload = BUF_MAX(DSSE_MAX_BYTES),
				 .sig = BUF_MAX(SIGNATURE_MAX) };

	if (n > BUNDLE_MAX_BYTES)
		return err_set(err, ERR_VERIFY, "%s: bundle of %zu bytes (%zu are accepted)",
			       name, n, BUNDLE_MAX_BYTES);
	if (!has_few_marks(text, n))
		return err_set(err, ERR_VERIFY, "%s: not a bundle: it holds too many values",
			       name);
	if (read_text(a, text, n, name, &b, err) < 0)
		return err_recode(err, ERR_VERIFY);
	*out = b;
	b.payload.data = b.sig.data = NULL; /* theirs now */
	return 0;
}

void
dsse_bundle_release(struct dsse_bundle *b)
{
	buf_free(&b->payload);
	buf_free(&b->sig);
}

/* The other common hint: base64 of the SHA-256 of the SubjectPublicKeyInfo. */
static bool
is_spki_hint(const struct key_public *k, const char *hint)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	struct digest d;

	digest_of(k->der, k->der_len, &d);
	digest_base64(d.bytes, DIGEST_BYTES, &text);
	return strcmp(buf_text(&text), hint) == 0;
}

static int
find_signer(const struct keyring *ring, enum key_role role, const char *hint,
	    const struct key_public **out, struct err *err)
{
	const struct key_public *other = NULL;

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];

		if (strcmp(k->id, hint) != 0 && !is_spki_hint(k, hint))
			continue;
		if (k->role == role) {
			*out = k;
			return 0;
		}
		other = k;
	}
	if (other)
		return err_set(err, ERR_VERIFY, "signed by %s, which is a %s key, not a %s key",
			       hint, key_role_name(other->role), key_role_name(role));
	(void)err_set(err, ERR_VERIFY, "signed by the unknown key %s", hint);
	return err_hint(err, "if you trust it, name its public key with --key");
}

int
dsse_bundle_verify(const struct dsse_bundle *b, const struct keyring *ring,
		   const struct key_public **signer, struct err *err)
{
	return dsse_bundle_verify_as(b, ring, KEY_BUILDER, signer, err);
}

int
dsse_bundle_verify_as(const struct dsse_bundle *b, const struct keyring *ring,
		      enum key_role role, const struct key_public **signer, struct err *err)
{
	CLEANUP(buf_free) struct buf pae = BUF_MAX(b->payload.len + PAE_OVERHEAD);
	const struct key_public *k;

	if (find_signer(ring, role, b->hint, &k, err) < 0)
		return -1;
	dsse_pae(b->payload_type, b->payload.data, b->payload.len, &pae);
	if (buf_check(&pae, "payload", err) < 0)
		return -1;
	if (!key_verify_ecdsa(k, pae.data, pae.len, b->sig.data, b->sig.len))
		return err_set(err, ERR_VERIFY, "the signature by %s does not verify", k->id);
	if (key_check_valid(k, ring->now, err) < 0)
		return -1;
	if (signer)
		*signer = k;
	return 0;
}
