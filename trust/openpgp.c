/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/openpgp.h"
#include "trust/key_priv.h"
#include "trust/openpgp_priv.h"

#define FLAG_CERTIFY   0x01
#define FEATURE_MDC    0x01
#define HASH_SHA512    10
#define SUBPACKETS_MAX 256
#define SIGNATURE_MAX  ((size_t)KEY_RSA_MAX_BITS / 8)

const uint8_t openpgp_curve[OPENPGP_CURVE_BYTES] = { 9,    0x2b, 0x06, 0x01, 0x04,
						     0x01, 0xda, 0x47, 0x0f, 0x01 };

/* Old-format header: the oldest rpm in use reads no other. */
static void
add_packet(struct buf *out, enum openpgp_tag tag, const struct buf *body)
{
	uint8_t head = (uint8_t)(0x80 | tag << 2);

	if (body->len < 256) {
		buf_add_char(out, (char)head);
		buf_add_char(out, (char)body->len);
	} else {
		buf_add_char(out, (char)(head | 1));
		buf_add_be16(out, (uint16_t)body->len); /* OPENPGP_PACKET_MAX fits */
	}
	buf_add(out, body->data, body->len);
}

/* A number as u16 bit length and bytes without leading zeros. */
static void
add_mpi(struct buf *out, const uint8_t *bytes, size_t n)
{
	size_t bits;

	while (n > 0 && bytes[0] == 0) {
		bytes++;
		n--;
	}
	bits = n * 8;
	for (uint8_t top = n > 0 ? bytes[0] : 0x80; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	buf_add_be16(out, (uint16_t)bits);
	buf_add(out, bytes, n);
}

static void
add_subpacket(struct buf *out, enum openpgp_subpacket type, const void *data, size_t n)
{
	buf_add_char(out, (char)(n + 1)); /* all of ours are short */
	buf_add_char(out, (char)type);
	buf_add(out, data, n);
}

static void
add_subpacket_time(struct buf *out, enum openpgp_subpacket type, uint32_t seconds)
{
	uint8_t be[4] = { (uint8_t)(seconds >> 24), (uint8_t)(seconds >> 16),
			  (uint8_t)(seconds >> 8), (uint8_t)seconds };

	add_subpacket(out, type, be, sizeof(be));
}

void
openpgp_cert_subject(const void *key_body, size_t key_len, const void *uid, size_t uid_len,
		     struct buf *out)
{
	buf_add_char(out, (char)0x99);
	buf_add_be16(out, (uint16_t)key_len);
	buf_add(out, key_body, key_len);
	buf_add_char(out, (char)0xb4);
	buf_add_be32(out, (uint32_t)uid_len);
	buf_add(out, uid, uid_len);
}

void
openpgp_hash(const void *data, size_t n, const void *hashed, size_t hashed_len,
	     struct digest *out)
{
	uint8_t trailer[6] = { OPENPGP_VERSION,
			       0xff,
			       (uint8_t)(hashed_len >> 24),
			       (uint8_t)(hashed_len >> 16),
			       (uint8_t)(hashed_len >> 8),
			       (uint8_t)hashed_len };
	struct digest_state *s = digest_begin();

	digest_add(s, data, n);
	digest_add(s, hashed, hashed_len);
	digest_add(s, trailer, sizeof(trailer));
	digest_end(s, out);
}

void
openpgp_fingerprint(const void *key_body, size_t n, uint8_t out[KEY_SHA1_BYTES])
{
	CLEANUP(buf_free) struct buf framed = BUF_MAX(OPENPGP_PACKET_MAX + 3);

	buf_add_char(&framed, (char)0x99);
	buf_add_be16(&framed, (uint16_t)n);
	buf_add(&framed, key_body, n);
	key_sha1(framed.data, framed.len, out);
}

static int
add_key_body(const struct key_public *k, uint32_t created, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const uint8_t *point = key_ed25519_point(k);
	uint8_t prefixed[1 + KEY_ED25519_POINT] = { OPENPGP_POINT };
	struct key_number modulus, exponent;

	if (point) {
		memcpy(prefixed + 1, point, KEY_ED25519_POINT);
		buf_add_char(out, OPENPGP_VERSION);
		buf_add_be32(out, created);
		buf_add_char(out, OPENPGP_EDDSA);
		buf_add(out, openpgp_curve, sizeof(openpgp_curve));
		add_mpi(out, prefixed, sizeof(prefixed));
		return buf_check(out, "key packet", err);
	}
	if (key_spki_rsa_numbers(&a, k->der, k->der_len, &modulus, &exponent, err) < 0)
		return -1;
	buf_add_char(out, OPENPGP_VERSION);
	buf_add_be32(out, created);
	buf_add_char(out, OPENPGP_RSA);
	add_mpi(out, modulus.bytes, modulus.n);
	add_mpi(out, exponent.bytes, exponent.n);
	return buf_check(out, "key packet", err);
}

/* A signature about to be made. */
struct making {
	struct key_private *key;
	enum openpgp_type type;
	uint32_t created;
	uint8_t fingerprint[KEY_SHA1_BYTES];
	const struct buf *extra; /* hashed subpackets beyond time and issuer */
};

/* The numbers of a signature over a digest: one of RSA, two halves of Ed25519. */
static int
add_numbers(struct key_private *k, const struct digest *d, struct buf *body, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_MAX(SIGNATURE_MAX);
	const uint8_t *at;

	if (!key_ed25519_point(key_private_public(k))) {
		if (key_private_sign_rsa(k, d->bytes, &raw, err) < 0)
			return -1;
		add_mpi(body, (const uint8_t *)raw.data, raw.len);
		return 0;
	}
	if (key_private_sign_ed25519(k, d->bytes, DIGEST_BYTES, &raw, err) < 0)
		return -1;
	at = (const uint8_t *)raw.data;
	add_mpi(body, at, KEY_ED25519_SIG / 2);
	add_mpi(body, at + KEY_ED25519_SIG / 2, KEY_ED25519_SIG / 2);
	return 0;
}

static int
add_signature(const struct making *m, const void *data, size_t n, struct buf *out,
	      struct err *err)
{
	CLEANUP(buf_free) struct buf subs = BUF_MAX(SUBPACKETS_MAX);
	CLEANUP(buf_free) struct buf body = BUF_MAX(OPENPGP_PACKET_MAX);
	uint8_t issuer[1 + KEY_SHA1_BYTES] = { OPENPGP_VERSION };
	struct digest d;

	memcpy(issuer + 1, m->fingerprint, KEY_SHA1_BYTES);
	add_subpacket_time(&subs, OPENPGP_SUB_CREATED, m->created);
	add_subpacket(&subs, OPENPGP_SUB_FINGERPRINT, issuer, sizeof(issuer));
	buf_add(&subs, m->extra->data, m->extra->len);

	buf_add_char(&body, OPENPGP_VERSION);
	buf_add_char(&body, (char)m->type);
	buf_add_char(&body, key_ed25519_point(key_private_public(m->key)) ? OPENPGP_EDDSA
									  : OPENPGP_RSA);
	buf_add_char(&body, OPENPGP_SHA256);
	buf_add_be16(&body, (uint16_t)subs.len);
	buf_add(&body, subs.data, subs.len);
	openpgp_hash(data, n, body.data, body.len, &d);

	/* Unhashed: the key id, which parsers of rpm up to 4.18 look for. */
	buf_add_be16(&body, 2 + OPENPGP_KEYID_BYTES);
	add_subpacket(&body, OPENPGP_SUB_ISSUER,
		      m->fingerprint + KEY_SHA1_BYTES - OPENPGP_KEYID_BYTES,
		      OPENPGP_KEYID_BYTES);
	buf_add(&body, d.bytes, 2);
	if (add_numbers(m->key, &d, &body, err) < 0)
		return -1;
	if (buf_check(&subs, "signature", err) < 0 || buf_check(&body, "signature", err) < 0)
		return -1;
	add_packet(out, OPENPGP_SIGNATURE, &body);
	return buf_check(out, "signature", err);
}

static int
check_time(int64_t created, struct err *err)
{
	if (created < 0 || created > UINT32_MAX)
		return err_set(err, ERR_INPUT, "OpenPGP time %lld is out of range",
			       (long long)created);
	return 0;
}

static void
add_cert_subpackets(struct buf *out)
{
	static const uint8_t flags[] = { FLAG_CERTIFY | OPENPGP_FLAG_SIGN };
	static const uint8_t hashes[] = { HASH_SHA512, OPENPGP_SHA256 };
	static const uint8_t features[] = { FEATURE_MDC };

	add_subpacket(out, OPENPGP_SUB_FLAGS, flags, sizeof(flags));
	add_subpacket(out, OPENPGP_SUB_PREFERRED_HASH, hashes, sizeof(hashes));
	add_subpacket(out, OPENPGP_SUB_FEATURES, features, sizeof(features));
}

int
openpgp_cert(struct key_private *k, int64_t created, const char *uid, struct buf *out,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf key_body = BUF_MAX(OPENPGP_PACKET_MAX);
	CLEANUP(buf_free) struct buf uid_body = BUF_MAX(OPENPGP_UID_MAX);
	CLEANUP(buf_free) struct buf subject = BUF_MAX(2 * OPENPGP_PACKET_MAX);
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf extra = BUF_MAX(SUBPACKETS_MAX);
	struct making m = { .key = k, .type = OPENPGP_TYPE_CERT, .extra = &extra };
	struct key_public ignored = { 0 };

	buf_add_str(&uid_body, uid);
	if (check_time(created, err) < 0 || buf_check(&uid_body, "user id", err) < 0 ||
	    add_key_body(key_private_public(k), (uint32_t)created, &key_body, err) < 0)
		return -1;
	m.created = (uint32_t)created;
	openpgp_fingerprint(key_body.data, key_body.len, m.fingerprint);
	openpgp_cert_subject(key_body.data, key_body.len, uid_body.data, uid_body.len,
			     &subject);
	add_packet(out, OPENPGP_KEY, &key_body);
	add_packet(out, OPENPGP_UID, &uid_body);
	add_cert_subpackets(&extra);
	if (add_signature(&m, subject.data, subject.len, out, err) < 0)
		return -1;
	/* What could not be read back must not become a file. */
	return openpgp_cert_parse(&a, out->data, out->len, &ignored, err);
}

static int
parse_fingerprint(const char *hex, uint8_t out[KEY_SHA1_BYTES])
{
	static const char digits[] = "0123456789ABCDEF";

	if (!hex || strlen(hex) != (size_t)2 * KEY_SHA1_BYTES)
		return -1;
	for (size_t i = 0; i < KEY_SHA1_BYTES; i++) {
		const char *high = strchr(digits, hex[2 * i]),
			   *low = strchr(digits, hex[2 * i + 1]);

		if (!high || !low)
			return -1;
		out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return 0;
}

int
openpgp_sign(struct key_private *k, const void *data, size_t n, int64_t created,
	     uint32_t expires, struct buf *out, struct err *err)
{
	const struct key_public *pub = key_private_public(k);
	CLEANUP(buf_free) struct buf extra = BUF_MAX(SUBPACKETS_MAX);
	struct making m = { .key = k, .type = OPENPGP_TYPE_BINARY, .extra = &extra };

	if (check_time(created, err) < 0)
		return -1;
	if (parse_fingerprint(pub->id, m.fingerprint) < 0)
		return err_set(err, ERR_INPUT, "the %s key has no certificate",
			       key_role_name(pub->role));
	if (created < pub->created)
		return err_set(err, ERR_INPUT,
			       "signature time %lld is before the key's own, %lld",
			       (long long)created, (long long)pub->created);
	m.created = (uint32_t)created;
	if (expires > 0)
		add_subpacket_time(&extra, OPENPGP_SUB_EXPIRES, expires);
	return add_signature(&m, data, n, out, err);
}

int
openpgp_revocation(struct key_private *k, int64_t now, const char *reason, struct buf *out,
		   struct err *err)
{
	const struct key_public *pub = key_private_public(k);
	CLEANUP(buf_free) struct buf key_body = BUF_MAX(OPENPGP_PACKET_MAX);
	CLEANUP(buf_free) struct buf subject = BUF_MAX(OPENPGP_PACKET_MAX + 3);
	CLEANUP(buf_free) struct buf why = BUF_MAX(SUBPACKETS_MAX);
	CLEANUP(buf_free) struct buf extra = BUF_MAX(SUBPACKETS_MAX);
	struct making m = { .key = k, .type = OPENPGP_TYPE_REVOKED, .extra = &extra };

	if (check_time(now, err) < 0 || strlen(reason) > OPENPGP_REASON_MAX)
		return err_set(err, ERR_INPUT, "reason of %zu bytes (%d are accepted)",
			       strlen(reason), OPENPGP_REASON_MAX);
	if (add_key_body(pub, (uint32_t)pub->created, &key_body, err) < 0)
		return -1;
	m.created = (uint32_t)now;
	openpgp_fingerprint(key_body.data, key_body.len, m.fingerprint);
	buf_add_char(&subject, (char)0x99);
	buf_add_be16(&subject, (uint16_t)key_body.len);
	buf_add(&subject, key_body.data, key_body.len);
	buf_add_char(&why, 0); /* no code: the text says it */
	buf_add_str(&why, reason);
	add_subpacket(&extra, OPENPGP_SUB_REASON, why.data, why.len);
	return add_signature(&m, subject.data, subject.len, out, err);
}
