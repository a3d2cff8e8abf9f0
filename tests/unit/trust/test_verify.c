/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "trust/verify.h"

#define BUNDLE_MAX ((size_t)64 * 1024)
#define HEX_A      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char payload[] =
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"entries\":[]},"
	"\"predicateType\":\"https://kiln.invalid/inventory/v1\","
	"\"subject\":[{\"digest\":{\"sha256\":\"" HEX_A "\"},\"name\":\"repo\"}]}";

static int
verify(struct key_private *k, const char *text, const char *type, const struct digest *subject,
       struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(BUNDLE_MAX);
	struct statement s;

	keyset_bundle(k, key_private_public(k)->id, text, &bundle);
	if (verify_bundle(&a, keyset_ring(), bundle.data, bundle.len, "r.json", type, subject,
			  &s, err) < 0)
		return -1;
	assert_string_equal(s.subjects[0].name, "repo");
	return 0;
}

TEST(verify_bundle_demands_signer_type_and_subject)
{
	struct key_private *builder = keyset_private(KEY_BUILDER);
	struct digest a, b;

	memset(a.bytes, 0xaa, sizeof(a.bytes));
	memset(b.bytes, 0xbb, sizeof(b.bytes));
	assert_ok(verify(builder, payload, STATEMENT_INVENTORY, &a, err));
	assert_ok(verify(builder, payload, STATEMENT_INVENTORY, NULL, err));
	assert_fails(verify(builder, payload, STATEMENT_INVENTORY, &b, err),
		     "r.json: speaks of other bytes: sha256 bbbb");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify(builder, payload, STATEMENT_SLSA_V1, &a, err),
		     "r.json: predicate type is");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify(keyset_other_private(KEY_BUILDER), payload, STATEMENT_INVENTORY, &a,
			    err),
		     "r.json: signed by the unknown key SHA256:");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify(builder, "{\"_type\":\"x\"}", STATEMENT_INVENTORY, &a, err),
		     "r.json");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify(builder, "not json", STATEMENT_INVENTORY, &a, err), "r.json");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(verify_bundle_refuses_a_signed_payload_of_another_type)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf pae = BUF_MAX(BUNDLE_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(1024);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(BUNDLE_MAX);
	struct statement s;

	dsse_pae("text/plain", payload, strlen(payload), &pae);
	assert_ok(key_private_sign_ecdsa(keyset_private(KEY_BUILDER), pae.data, pae.len, &sig,
					 err));
	dsse_bundle_write(key_of_role(keyset_ring(), KEY_BUILDER)->id, "text/plain", payload,
			  strlen(payload), sig.data, sig.len, &bundle);
	assert_fails(verify_bundle(&a, keyset_ring(), bundle.data, bundle.len, "r.json",
				   STATEMENT_INVENTORY, NULL, &s, err),
		     "r.json: payload type is 'text/plain'");
}

struct seen {
	int n;
	bool ok;
	char text[64];
};

static void
remember(void *arg, bool ok, const char *what)
{
	struct seen *seen = arg;

	seen->n++;
	seen->ok = ok;
	(void)snprintf(seen->text, sizeof(seen->text), "%s", what);
}

TEST(verify_note_reports_when_somebody_listens)
{
	struct seen seen = { 0 };
	struct verify_report report = { .step = remember, .arg = &seen }, deaf = { 0 };

	verify_note(NULL, true, "nobody %d", 1);
	verify_note(&deaf, true, "nobody %d", 2);
	assert_int_equal(seen.n, 0);
	verify_note(&report, true, "signature %s", "good");
	assert_int_equal(seen.n, 1);
	assert_true(seen.ok);
	assert_string_equal(seen.text, "signature good");
}
