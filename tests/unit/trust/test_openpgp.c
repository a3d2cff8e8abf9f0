/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "trust/openpgp_priv.h"

#define SIG_MAX   4096
#define SIGNED_AT (KEYSET_CREATED + 1000)

static void
make_signature(struct key_private *k, const char *data, uint32_t expires, struct buf *out)
{
	struct err err;

	assert_int_equal(openpgp_sign(k, data, strlen(data), SIGNED_AT, expires, out, &err), 0);
}

static int
check(const char *data, const struct buf *sig, int64_t now, struct err *err)
{
	return openpgp_verify(keyset_ring(), KEY_METADATA, data, strlen(data), sig->data,
			      sig->len, now, err);
}

TEST(openpgp_signature_verifies_and_claims_its_key)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	const struct key_public *k = key_of_role(keyset_ring(), KEY_METADATA);
	struct openpgp_claim claim;

	make_signature(keyset_private(KEY_METADATA), "repomd", 60, &sig);
	assert_int_equal((unsigned char)sig.data[0],
			 0x89); /* old format, two bytes of length */
	assert_ok(check("repomd", &sig, 0, err));
	assert_ok(openpgp_claim(sig.data, sig.len, &claim, err));
	assert_string_equal(claim.fingerprint, k->id);
	assert_string_equal(claim.keyid, k->id + 24);
	assert_int_equal(claim.created, SIGNED_AT);
	assert_int_equal(claim.expires, SIGNED_AT + 60);
}

TEST(openpgp_signatures_are_deterministic)
{
	CLEANUP(buf_free) struct buf one = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf two = BUF_MAX(SIG_MAX);

	make_signature(keyset_private(KEY_METADATA), "x", 0, &one);
	make_signature(keyset_private(KEY_METADATA), "x", 0, &two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

TEST(openpgp_every_flipped_bit_of_a_signature_is_refused)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);

	make_signature(keyset_private(KEY_METADATA), "x", 60, &sig);
	for (size_t bit = 0; bit < sig.len * 8; bit++) {
		sig.data[bit / 8] = (char)(sig.data[bit / 8] ^ (1 << bit % 8));
		if (check("x", &sig, SIGNED_AT, err) == 0)
			fail_msg("bit %zu may be flipped", bit);
		assert_int_equal(err->code, ERR_VERIFY);
		sig.data[bit / 8] = (char)(sig.data[bit / 8] ^ (1 << bit % 8));
	}
	assert_ok(check("x", &sig, SIGNED_AT, err));
	for (size_t n = sig.len; n-- > 0;) {
		struct buf cut = sig;

		cut.len = n;
		assert_int_equal(check("x", &cut, SIGNED_AT, err), -1);
	}
}

TEST(openpgp_refuses_other_data_other_keys_other_roles)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf strange = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf role = BUF_MAX(SIG_MAX);

	make_signature(keyset_private(KEY_METADATA), "x", 0, &sig);
	assert_fails(check("y", &sig, 0, err), "does not verify");
	assert_non_null(strstr(err->text, key_of_role(keyset_ring(), KEY_METADATA)->id));
	make_signature(keyset_other_private(KEY_METADATA), "x", 0, &strange);
	assert_fails(check("x", &strange, 0, err), "signed by the unknown key ");
	assert_non_null(
		strstr(err->text, key_private_public(keyset_other_private(KEY_METADATA))->id));
	make_signature(keyset_private(KEY_PACKAGES), "x", 0, &role);
	assert_fails(check("x", &role, 0, err), "which is a packages key, not a metadata key");
}

TEST(openpgp_refuses_an_expired_signature_when_told_the_time)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf forever = BUF_MAX(SIG_MAX);

	make_signature(keyset_private(KEY_METADATA), "x", 60, &sig);
	assert_ok(check("x", &sig, SIGNED_AT + 59, err));
	assert_fails(check("x", &sig, SIGNED_AT + 60, err), "expired at 2023-11-14T22:31:00Z");
	assert_ok(check("x", &sig, 0, err));
	make_signature(keyset_private(KEY_METADATA), "x", 0, &forever);
	assert_ok(check("x", &forever, INT64_MAX, err));
}

TEST(openpgp_refuses_to_sign_before_the_key_was_made)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	struct key_private *k = keyset_private(KEY_METADATA);

	assert_fails(openpgp_sign(k, "x", 1, KEYSET_CREATED - 1, 0, &sig, err),
		     "is before the key's own");
	assert_fails(openpgp_sign(k, "x", 1, -1, 0, &sig, err), "out of range");
	assert_fails(openpgp_sign(k, "x", 1, (int64_t)UINT32_MAX + 1, 0, &sig, err),
		     "out of range");
	assert_fails(openpgp_sign(keyset_private(KEY_BUILDER), "x", 1, SIGNED_AT, 0, &sig, err),
		     "the builder key has no certificate");
	assert_int_equal(sig.len, 0);
}

static void
count_is(const struct buf *sig, size_t wanted, int64_t expires)
{
	struct err err;
	size_t count = 0;
	int64_t ends = -1;

	assert_int_equal(openpgp_count(keyset_ring(), KEY_METADATA, "x", 1, sig->data, sig->len,
				       0, &count, &ends, &err),
			 0);
	assert_int_equal(count, wanted);
	assert_int_equal(ends, expires);
}

TEST(openpgp_counts_each_key_once_and_needs_one_it_knows)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf foreign = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf many = BUF_MAX(9 * SIG_MAX);
	struct openpgp_claim claim;

	make_signature(keyset_private(KEY_METADATA), "x", 60, &sig);
	count_is(&sig, 1, SIGNED_AT + 60);
	make_signature(keyset_private(KEY_METADATA), "x", 30, &sig);
	count_is(&sig, 1, SIGNED_AT + 30); /* the same key twice is one key */
	make_signature(keyset_other_private(KEY_METADATA), "x", 5, &sig);
	count_is(&sig, 1, SIGNED_AT + 30);
	assert_fails(openpgp_claim(sig.data, sig.len, &claim, err),
		     "more than one signature packet");

	make_signature(keyset_other_private(KEY_METADATA), "x", 0, &foreign);
	assert_fails(check("x", &foreign, 0, err), "unknown key");
	make_signature(keyset_private(KEY_METADATA), "x", 0, &foreign);
	count_is(&foreign, 1, 0);
	/* Beside a good one, a bad one by a known key is no accident. */
	make_signature(keyset_private(KEY_METADATA), "y", 0, &foreign);
	assert_fails(check("x", &foreign, 0, err), "does not verify");

	for (int i = 0; i < 9; i++)
		make_signature(keyset_private(KEY_METADATA), "x", 0, &many);
	assert_fails(check("x", &many, 0, err), "more than 8 signature packets");
	assert_fails(openpgp_verify(keyset_ring(), KEY_METADATA, "x", 1, "", 0, 0, err),
		     "no OpenPGP packet");
}

TEST(openpgp_refuses_fields_nobody_signed)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf more = BUF_MAX(SIG_MAX);
	size_t unhashed = 3 + 6 + 6 + 23; /* header, version to length, times, issuer */

	make_signature(keyset_private(KEY_METADATA), "x", 0, &sig);
	assert_int_equal(sig.data[unhashed + 1], 10);
	buf_add(&more, sig.data, unhashed + 2);
	buf_add(&more, "\x05\x03\0\0\0\1", 6); /* an end of validity, not covered by the hash */
	buf_add(&more, sig.data + unhashed + 2, sig.len - unhashed - 2);
	more.data[unhashed + 1] = 16;
	more.data[2] = (char)(more.data[2] + 6);
	assert_fails(check("x", &more, 0, err), "signature with unsigned fields");
}

TEST(openpgp_accepts_new_format_headers)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf new = BUF_MAX(SIG_MAX);
	size_t body;

	make_signature(keyset_private(KEY_METADATA), "x", 0, &sig);
	body = sig.len - 3;
	buf_add_char(&new, (char)0xc2);
	buf_add_char(&new, (char)(((body - 192) >> 8) + 192));
	buf_add_char(&new, (char)(body - 192));
	buf_add(&new, sig.data + 3, body);
	assert_ok(check("x", &new, 0, err));
	new.data[1] = (char)0xe1; /* a partial length */
	assert_fails(check("x", &new, 0, err), "malformed length");
}

TEST(openpgp_certificate_is_read_back)
{
	const struct key_public *k = key_of_role(keyset_ring(), KEY_PACKAGES);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct key_public again = { 0 };

	assert_ok(openpgp_cert_parse(&a, k->cert, k->cert_len, &again, err));
	assert_string_equal(again.id, k->id);
	assert_string_equal(again.openpgp_uid, "Test Vendor packages <packages@kiln.invalid>");
	assert_int_equal(again.created, KEYSET_CREATED);
	assert_int_equal(strlen(again.id), 40);
}

TEST(openpgp_every_flipped_bit_of_a_certificate_is_refused)
{
	const struct key_public *k = key_of_role(keyset_ring(), KEY_PACKAGES);
	CLEANUP(buf_free) struct buf cert = BUF_MAX(OPENPGP_CERT_MAX);

	buf_add(&cert, k->cert, k->cert_len);
	for (size_t bit = 0; bit < cert.len * 8; bit++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct key_public out = { 0 };

		cert.data[bit / 8] = (char)(cert.data[bit / 8] ^ (1 << bit % 8));
		if (openpgp_cert_parse(&a, cert.data, cert.len, &out, err) == 0)
			fail_msg("bit %zu may be flipped", bit);
		assert_null(out.id);
		cert.data[bit / 8] = (char)(cert.data[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t n = cert.len; n-- > 0;) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct key_public out = { 0 };

		assert_int_equal(openpgp_cert_parse(&a, cert.data, n, &out, err), -1);
	}
}

/* The packets of a certificate: key, user id, signature. */
static struct buf
part(const struct key_public *k, int which)
{
	struct buf out = BUF_MAX(OPENPGP_CERT_MAX);
	const uint8_t *at = k->cert;
	size_t key = 3 + ((size_t)at[1] << 8 | at[2]), uid = 2 + (size_t)at[key + 1];

	if (which == 0)
		buf_add(&out, at, key);
	else if (which == 1)
		buf_add(&out, at + key, uid);
	else
		buf_add(&out, at + key + uid, k->cert_len - key - uid);
	return out;
}

TEST(openpgp_certificate_needs_a_user_id_signed_by_its_own_key)
{
	const struct key_public *mine = key_of_role(keyset_ring(), KEY_PACKAGES);
	const struct key_public *theirs = key_of_role(keyset_ring(), KEY_METADATA);
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf key = part(mine, 0);
	CLEANUP(buf_free) struct buf uid = part(mine, 1);
	CLEANUP(buf_free) struct buf foreign = part(theirs, 2);
	CLEANUP(buf_free) struct buf cert = BUF_MAX(OPENPGP_CERT_MAX);
	struct key_public out = { 0 };

	buf_add(&cert, key.data, key.len);
	assert_fails(openpgp_cert_parse(&a, cert.data, cert.len, &out, err),
		     "where a user id is due");
	buf_add(&cert, uid.data, uid.len);
	assert_fails(openpgp_cert_parse(&a, cert.data, cert.len, &out, err),
		     "where a self-signature is due");
	buf_add(&cert, foreign.data, foreign.len);
	assert_fails(openpgp_cert_parse(&a, cert.data, cert.len, &out, err), "not by its key");
	buf_clear(&cert);
	buf_add(&cert, mine->cert, mine->cert_len);
	buf_add(&cert, uid.data, uid.len);
	assert_fails(openpgp_cert_parse(&a, cert.data, cert.len, &out, err),
		     "more than key, user id and self-signature");
}

TEST(openpgp_armor_is_read_back)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIG_MAX);
	CLEANUP(buf_free) struct buf data = BUF_MAX(SIG_MAX);

	/* CRC-24 of "123456789" is 21CF02. */
	openpgp_armor("SIGNATURE", "123456789", 9, &text);
	assert_string_equal(text.data, "-----BEGIN PGP SIGNATURE-----\n\nMTIzNDU2Nzg5\n=Ic8C\n"
				       "-----END PGP SIGNATURE-----\n");
	assert_ok(openpgp_dearmor(text.data, text.len, &data, err));
	assert_string_equal(data.data, "123456789");
}

static int
dearmor(const char *text, struct err *err)
{
	CLEANUP(buf_free) struct buf data = BUF_MAX(SIG_MAX);

	return openpgp_dearmor(text, strlen(text), &data, err);
}

#define B "-----BEGIN PGP SIGNATURE-----\n"
#define E "-----END PGP SIGNATURE-----\n"

TEST(openpgp_dearmor_takes_one_whole_block)
{
	assert_ok(dearmor(B "Comment: yes\r\n\r\nMTIz\r\n" E, err));
	assert_ok(dearmor(B "\nMTIz\n" E "\n", err));
	assert_fails(dearmor("", err), "does not begin with");
	assert_fails(dearmor("x\n" B "\nMTIz\n" E, err), "does not begin with");
	assert_fails(dearmor("-----BEGIN PGP -----\n\nMTIz\n", err), "does not begin with");
	assert_fails(dearmor(B "MTIz\n" E, err), "neither a header nor a blank line");
	assert_fails(dearmor(B "\nMTIz\n", err), "no line");
	assert_fails(dearmor(B "\nMTIz\n-----END PGP MESSAGE-----\n", err), "unexpected line");
	assert_fails(dearmor(B "\nMTIz\n=AAAA\n" E, err), "checksum does not match");
	assert_fails(dearmor(B "\nMTIz\n=AA\n" E, err), "checksum");
	assert_fails(dearmor(B "\nMTIz\n=AAAA\nMTIz\n" E, err), "unexpected line");
	assert_fails(dearmor(B "\nMTIz\n" E B "\nMTIz\n" E, err), "text after its end");
	assert_fails(dearmor(B "\nM!Iz\n" E, err), "armor: ");
}

TEST(openpgp_claim_survives_truncation)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIG_MAX);
	struct openpgp_claim claim;

	make_signature(keyset_private(KEY_METADATA), "x", 0, &sig);
	for (size_t n = sig.len; n-- > 0;)
		assert_int_equal(openpgp_claim(sig.data, n, &claim, err), -1);
}
