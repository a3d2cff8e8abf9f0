/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"

#define BUNDLE_MAX ((size_t)64 * 1024)
#define PAYLOAD    "{\"a\":1}" /* base64: eyJhIjoxfQ== */

static const char *
builder_id(void)
{
	return key_of_role(keyset_ring(), KEY_BUILDER)->id;
}

static int
parse_and_verify(const struct buf *text, const struct key_public **signer, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };

	if (dsse_bundle_parse(&a, buf_text(text), text->len, "b.json", &b, err) < 0)
		return -1;
	return dsse_bundle_verify(&b, keyset_ring(), signer, err);
}

/* The trusted builder's bundle with one piece replaced must be refused for that reason. */
static void
refused(struct err *err, const char *from, const char *to, const char *reason)
{
	CLEANUP(buf_free) struct buf good = BUF_MAX(BUNDLE_MAX);
	CLEANUP(buf_free) struct buf bad = BUF_MAX(BUNDLE_MAX);

	keyset_bundle(keyset_private(KEY_BUILDER), builder_id(), PAYLOAD, &good);
	keyset_replace(&good, from, to, &bad);
	assert_fails(parse_and_verify(&bad, NULL, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(dsse_pae_matches_the_vector_of_the_specification)
{
	CLEANUP(buf_free) struct buf pae = BUF_MAX(256);

	dsse_pae("http://example.com/HelloWorld", "hello world", 11, &pae);
	assert_string_equal(pae.data, "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
	buf_clear(&pae);
	dsse_pae("", "", 0, &pae);
	assert_string_equal(pae.data, "DSSEv1 0  0 ");
}

TEST(dsse_bundle_is_written_as_canonical_json)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(BUNDLE_MAX);

	dsse_bundle_write("SHA256:abc", DSSE_INTOTO_TYPE, PAYLOAD, strlen(PAYLOAD), "\1\2\3", 3,
			  &out);
	assert_string_equal(
		out.data,
		"{\"dsseEnvelope\":{\"payload\":\"eyJhIjoxfQ==\",\"payloadType\":\"application/vnd.in-toto+json\","
		"\"signatures\":[{\"keyid\":\"SHA256:abc\",\"sig\":\"AQID\"}]},"
		"\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
		"\"verificationMaterial\":{\"publicKey\":{\"hint\":\"SHA256:abc\"}}}");
}

TEST(dsse_bundle_verifies_and_names_its_signer)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BUNDLE_MAX);
	const struct key_public *signer = NULL;

	keyset_bundle(keyset_private(KEY_BUILDER), builder_id(), PAYLOAD, &text);
	assert_ok(parse_and_verify(&text, &signer, err));
	assert_ptr_equal(signer, key_of_role(keyset_ring(), KEY_BUILDER));
}

TEST(dsse_bundle_of_other_signers_has_another_hint_and_no_key_id)
{
	CLEANUP(buf_free) struct buf good = BUF_MAX(BUNDLE_MAX);
	CLEANUP(buf_free) struct buf spki = BUF_MAX(256);
	CLEANUP(buf_free) struct buf bad = BUF_MAX(BUNDLE_MAX);
	const struct key_public *k = key_of_role(keyset_ring(), KEY_BUILDER);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct digest d;

	digest_of(k->der, k->der_len, &d);
	digest_base64(d.bytes, DIGEST_BYTES, &spki);
	keyset_bundle(keyset_private(KEY_BUILDER), spki.data, PAYLOAD, &good);
	keyset_replace(&good, arena_format(&a, "\"keyid\":\"%s\",", spki.data), "", &bad);
	assert_ok(parse_and_verify(&bad, NULL, err));
}

TEST(dsse_refuses_a_changed_payload_type_or_signature)
{
	refused(err, "eyJhIjoxfQ==", "eyJhIjoyfQ==", "does not verify");
	refused(err, "eyJhIjoxfQ==", "", "'payload' is empty");
	refused(err, "eyJhIjoxfQ==", "eyJhIjoxf", "'payload'");
	refused(err, DSSE_INTOTO_TYPE, "application/vnd.in-toto+jsoN", "does not verify");
	refused(err, "\"sig\":\"", "\"sig\":\"AAAA", "does not verify");
}

TEST(dsse_refuses_every_flipped_byte_of_the_signature)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(BUNDLE_MAX);

	keyset_bundle(keyset_private(KEY_BUILDER), builder_id(), PAYLOAD, &text);
	assert_ok(dsse_bundle_parse(&a, text.data, text.len, "b", &b, err));
	for (size_t i = 0; i < b.sig.len; i++) {
		b.sig.data[i] = (char)(b.sig.data[i] ^ 0x10);
		assert_fails(dsse_bundle_verify(&b, keyset_ring(), NULL, err),
			     "does not verify");
		b.sig.data[i] = (char)(b.sig.data[i] ^ 0x10);
	}
	assert_ok(dsse_bundle_verify(&b, keyset_ring(), NULL, err));
}

TEST(dsse_refuses_other_keys_and_swapped_key_ids)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BUNDLE_MAX);
	const char *strange = key_private_public(keyset_other_private(KEY_BUILDER))->id;
	const char *packages = key_of_role(keyset_ring(), KEY_PACKAGES)->id;

	keyset_bundle(keyset_other_private(KEY_BUILDER), strange, PAYLOAD, &text);
	assert_fails(parse_and_verify(&text, NULL, err), "signed by the unknown key SHA256:");
	assert_non_null(strstr(err->text, strange));
	buf_clear(&text);
	keyset_bundle(keyset_other_private(KEY_BUILDER), builder_id(), PAYLOAD, &text);
	assert_fails(parse_and_verify(&text, NULL, err), "does not verify");
	buf_clear(&text);
	keyset_bundle(keyset_private(KEY_BUILDER), packages, PAYLOAD, &text);
	assert_fails(parse_and_verify(&text, NULL, err),
		     "which is a packages key, not a builder key");
	refused(err, "\"keyid\":\"SHA256:", "\"keyid\":\"SHA256;",
		"is not the hint of the bundle");
	refused(err, "\"hint\":\"SHA256:", "\"hint\":\"SHA256;",
		"is not the hint of the bundle");
}

TEST(dsse_refuses_fields_it_does_not_know)
{
	refused(err, "{\"dsseEnvelope\"", "{\"x\":1,\"dsseEnvelope\"",
		"bundle has the unknown field 'x'");
	refused(err, "{\"payload\"", "{\"x\":1,\"payload\"",
		"dsseEnvelope has the unknown field 'x'");
	refused(err, "{\"keyid\"", "{\"cert\":\"\",\"keyid\"",
		"signature has the unknown field 'cert'");
	refused(err, "{\"publicKey\"", "{\"certificate\":{},\"publicKey\"",
		"verificationMaterial has the unknown field 'certificate'");
	refused(err, "{\"hint\"", "{\"x\":null,\"hint\"",
		"publicKey has the unknown field 'x'");
	refused(err, "v0.3+json", "v0.2+json", "mediaType is");
	refused(err, "{\"payload\"", "{\"payload\":\"\",\"payload\"", "b.json");
}

TEST(dsse_refuses_any_number_of_signatures_but_one)
{
	refused(err, "\"signatures\":[", "\"signatures\":[{\"sig\":\"AQID\"},",
		"not exactly one signature");
	refused(err, "\"signatures\":[{", "\"signatures\":[],\"x\":[{", "unknown field 'x'");
	refused(err, "\"signatures\"", "\"signature\"", "unknown field 'signature'");
}

TEST(dsse_refuses_wrong_types_and_missing_pieces)
{
	static const char *const texts[] = {
		"",
		"null",
		"[]",
		"{}",
		"{\"mediaType\":1}",
		"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\"}",
		"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",\"verificationMaterial\":{}}",
		"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
		"\"verificationMaterial\":{\"publicKey\":{\"hint\":\"a\"}},\"dsseEnvelope\":"
		"{\"payload\":\"YQ==\",\"payloadType\":\"t\",\"signatures\":[7]}}",
		"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
		"\"verificationMaterial\":{\"publicKey\":{\"hint\":\"a\"}},\"dsseEnvelope\":"
		"{\"payload\":5,\"payloadType\":\"t\",\"signatures\":[{\"sig\":\"YQ==\"}]}}"
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct dsse_bundle b = { 0 };

		assert_fails(
			dsse_bundle_parse(&a, texts[i], strlen(texts[i]), "b.json", &b, err),
			"b.json");
		assert_int_equal(err->code, ERR_VERIFY);
		assert_null(b.payload.data);
	}
}

TEST(dsse_refuses_texts_and_bundles_over_their_limits)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf hint = BUF_MAX(1024);
	struct dsse_bundle b = { 0 };

	buf_add_str(&hint, "\"hint\":\"");
	for (size_t i = 0; i < 300; i++)
		buf_add_char(&hint, 'a');
	refused(err, "\"hint\":\"", hint.data, "longer than 256 bytes");
	assert_fails(dsse_bundle_parse(&a, "", DSSE_MAX_BYTES * 2, "big", &b, err),
		     "big: bundle of");
}

TEST(dsse_refuses_a_flood_of_values_before_reading_them)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(1 << 20);
	struct dsse_bundle b;

	buf_add_str(&text, "{\"a\":[");
	for (int i = 0; i < 1000; i++)
		buf_add_str(&text, "0,");
	buf_add_str(&text, "0]}");
	assert_fails(dsse_bundle_parse(&a, text.data, text.len, "x.json", &b, err),
		     "x.json: not a bundle: it holds too many values");
	assert_int_equal(err->code, ERR_VERIFY);
}

/* What is shown before it is verified cannot draw on the terminal. */
TEST(dsse_refuses_key_names_that_are_not_printable)
{
	static const char text[] =
		"{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
		"\"verificationMaterial\":{\"publicKey\":{\"hint\":\"x\\nverified: all\"}},"
		"\"dsseEnvelope\":{}}";
	CLEANUP(arena_release) struct arena a = { 0 };
	struct dsse_bundle b;

	assert_fails(dsse_bundle_parse(&a, text, strlen(text), "x.json", &b, err),
		     "publicKey: 'hint' is not printable");
	assert_fails(dsse_bundle_parse(&a, "{\"\\u001b[2J\":1}", 15, "x.json", &b, err),
		     "bundle has the unknown field '?[2J'");
}
