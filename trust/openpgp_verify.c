/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading of packets an attacker may have written. Everything is bounded by the bytes given,
 * every field must have its one expected value, and nothing may be left over: a certificate is
 * exactly key, user id, self-signature; a detached signature is one packet, or a few of them.
 */
#include "trust/openpgp.h"
#include "base/clock.h"
#include "trust/openpgp_priv.h"

#define SIGNATURES_MAX 8    /* packets in one detached signature */
#define CRITICAL       0x80 /* bit of a subpacket's type: refuse what you do not know */

/* Bytes still to be read. A read past the end gives zeros and sticks in `bad`. */
struct cursor {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static const uint8_t *
take(struct cursor *c, size_t n)
{
	const uint8_t *at = c->at;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	c->at += n;
	c->left -= n;
	return at;
}

static uint32_t
take_be(struct cursor *c, size_t n)
{
	const uint8_t *at = take(c, n);
	uint32_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << 8 | at[i];
	return v;
}

static struct cursor
take_part(struct cursor *c, size_t n)
{
	const uint8_t *at = take(c, n);

	return (struct cursor){ .at = at, .left = at ? n : 0, .bad = !at };
}

/* A number in its one canonical form: the bit length tells exactly the top bit. */
static struct key_number
take_mpi(struct cursor *c)
{
	uint32_t bits = take_be(c, 2);
	size_t n = (bits + 7) / 8;
	const uint8_t *at = take(c, n);

	if (!at || bits == 0 || at[0] >> ((bits - 1) % 8) != 1) {
		c->bad = true;
		return (struct key_number){ 0 };
	}
	return (struct key_number){ .bytes = at, .n = n };
}

/* Length of a new-format packet or a subpacket; partial lengths (224..254) are refused. */
static uint32_t
take_length(struct cursor *c, uint32_t first_partial)
{
	uint32_t first = take_be(c, 1);

	if (first < 192)
		return first;
	if (first == 255)
		return take_be(c, 4);
	if (first >= first_partial)
		c->bad = true;
	return ((first - 192) << 8) + take_be(c, 1) + 192;
}

static int
take_packet(struct cursor *c, enum openpgp_tag want, const char *what, struct cursor *body,
	    struct err *err)
{
	uint32_t head = take_be(c, 1), tag, len;

	if (c->bad || !(head & 0x80))
		return err_set(err, ERR_VERIFY, "no OpenPGP packet where a %s is due", what);
	if (head & 0x40) {
		tag = head & 0x3f;
		len = take_length(c, 224);
	} else {
		tag = head >> 2 & 0x0f;
		if ((head & 3) == 3)
			return err_set(err, ERR_VERIFY, "OpenPGP packet without a length");
		len = take_be(c, (size_t)1 << (head & 3));
	}
	if (c->bad)
		return err_set(err, ERR_VERIFY, "%s packet with a malformed length", what);
	if (tag != want)
		return err_set(err, ERR_VERIFY, "OpenPGP packet %u where a %s is due", tag,
			       what);
	if (len > OPENPGP_PACKET_MAX)
		return err_set(err, ERR_VERIFY, "%s packet of %u bytes (%zu are accepted)",
			       what, len, OPENPGP_PACKET_MAX);
	*body = take_part(c, len);
	if (body->bad)
		return err_set(err, ERR_VERIFY, "%s packet is cut short", what);
	return 0;
}

struct signature {
	const uint8_t *hashed; /* from the version to the end of the hashed subpackets */
	size_t hashed_len;
	uint32_t type;
	bool has_created;
	uint32_t created, lifetime;                 /* lifetime 0: no end */
	const uint8_t *fingerprint, *keyid, *flags; /* NULL: not given */
	const uint8_t *left16;
	uint32_t algorithm;
	struct key_number number, second; /* second: of Ed25519 */
};

/* A known subpacket has one length and appears once. */
static int
take_field(struct cursor *data, size_t n, const uint8_t **field, struct err *err,
	   const char *what)
{
	if (data->left != n || *field)
		return err_set(err, ERR_VERIFY, "signature with a malformed or repeated %s",
			       what);
	*field = take(data, n);
	return 0;
}

static int
take_time(struct cursor *data, const uint8_t **seen, uint32_t *value, struct err *err,
	  const char *what)
{
	struct cursor copy = *data;

	if (take_field(data, 4, seen, err, what) < 0)
		return -1;
	*value = take_be(&copy, 4);
	return 0;
}

static int
read_hashed(struct signature *s, struct cursor c, struct err *err)
{
	const uint8_t *created = NULL, *lifetime = NULL, *issuer = NULL;
	int rc = 0;

	while (rc == 0 && c.left > 0) {
		uint32_t len = take_length(&c, 255);
		struct cursor data = take_part(&c, len);
		uint32_t type = take_be(&data, 1);

		if (c.bad || data.bad)
			return err_set(err, ERR_VERIFY, "signature with malformed subpackets");
		switch (type & ~(uint32_t)CRITICAL) {
		case OPENPGP_SUB_CREATED:
			rc = take_time(&data, &created, &s->created, err, "creation time");
			break;
		case OPENPGP_SUB_EXPIRES:
			rc = take_time(&data, &lifetime, &s->lifetime, err, "expiration time");
			break;
		case OPENPGP_SUB_FINGERPRINT:
			rc = take_field(&data, 1 + KEY_SHA1_BYTES, &issuer, err,
					"issuer fingerprint");
			break;
		case OPENPGP_SUB_ISSUER:
			rc = take_field(&data, OPENPGP_KEYID_BYTES, &s->keyid, err, "issuer");
			break;
		case OPENPGP_SUB_FLAGS:
			rc = take_field(&data, 1, &s->flags, err, "key flags");
			break;
		case OPENPGP_SUB_KEY_EXPIRES:
			rc = err_set(err, ERR_VERIFY,
				     "keys with an end of validity are not supported");
			break;
		case OPENPGP_SUB_PREFERRED_HASH:
		case OPENPGP_SUB_FEATURES:
			break;
		default:
			if (type & CRITICAL)
				rc = err_set(err, ERR_VERIFY,
					     "signature with the unknown critical subpacket %u",
					     type & ~(uint32_t)CRITICAL);
			break;
		}
	}
	if (rc < 0)
		return -1;
	if (issuer && issuer[0] != OPENPGP_VERSION)
		return err_set(err, ERR_VERIFY, "signature by a key of version %u", issuer[0]);
	s->fingerprint = issuer ? issuer + 1 : NULL;
	s->has_created = created != NULL;
	return 0;
}

/* Nothing vouches for this area: only the issuer's key id may stand there. */
static int
read_unhashed(struct signature *s, struct cursor c, struct err *err)
{
	while (c.left > 0) {
		uint32_t len = take_length(&c, 255);
		struct cursor data = take_part(&c, len);
		uint32_t type = take_be(&data, 1);

		if (c.bad || data.bad || type != OPENPGP_SUB_ISSUER)
			return err_set(err, ERR_VERIFY, "signature with unsigned fields");
		if (take_field(&data, OPENPGP_KEYID_BYTES, &s->keyid, err, "issuer") < 0)
			return -1;
	}
	return 0;
}

static int
read_signature(struct cursor body, struct signature *s, struct err *err)
{
	const uint8_t *start = body.at;
	uint32_t version = take_be(&body, 1), type = take_be(&body, 1);
	uint32_t algorithm = take_be(&body, 1), hash = take_be(&body, 1);
	struct cursor hashed, unhashed;

	*s = (struct signature){ .type = type, .hashed = start, .algorithm = algorithm };
	if (version != OPENPGP_VERSION || hash != OPENPGP_SHA256 ||
	    (algorithm != OPENPGP_RSA && algorithm != OPENPGP_EDDSA))
		return err_set(
			err, ERR_VERIFY,
			"signature version %u, algorithm %u, hash %u (only 4, RSA or Ed25519, SHA-256 are accepted)",
			version, algorithm, hash);
	hashed = take_part(&body, take_be(&body, 2));
	s->hashed_len = (size_t)(body.at - start);
	unhashed = take_part(&body, take_be(&body, 2));
	s->left16 = take(&body, 2);
	s->number = take_mpi(&body);
	if (algorithm == OPENPGP_EDDSA)
		s->second = take_mpi(&body);
	if (body.bad || body.left > 0)
		return err_set(err, ERR_VERIFY, "signature packet is malformed");
	if (read_hashed(s, hashed, err) < 0 || read_unhashed(s, unhashed, err) < 0)
		return -1;
	if (!s->has_created)
		return err_set(err, ERR_VERIFY, "signature without a creation time");
	if (s->fingerprint && s->keyid &&
	    memcmp(s->fingerprint + KEY_SHA1_BYTES - OPENPGP_KEYID_BYTES, s->keyid,
		   OPENPGP_KEYID_BYTES) != 0)
		return err_set(err, ERR_VERIFY, "signature names two different issuers");
	return 0;
}

static int
read_detached(const void *sig, size_t n, struct signature *s, struct err *err)
{
	struct cursor c = { .at = sig, .left = n }, body;

	if (take_packet(&c, OPENPGP_SIGNATURE, "signature", &body, err) < 0)
		return -1;
	if (c.left > 0)
		return err_set(err, ERR_VERIFY, "more than one signature packet");
	return read_signature(body, s, err);
}

/* The two halves of an Ed25519 signature, whose leading zeros OpenPGP strips. */
static bool
ed25519_fits(const struct signature *s, const uint8_t *point, const struct digest *d)
{
	const size_t half = KEY_ED25519_SIG / 2;
	uint8_t raw[KEY_ED25519_SIG] = { 0 };

	if (s->algorithm != OPENPGP_EDDSA || s->number.n > half || s->second.n > half)
		return false;
	memcpy(raw + half - s->number.n, s->number.bytes, s->number.n);
	memcpy(raw + 2 * half - s->second.n, s->second.bytes, s->second.n);
	return key_verify_ed25519(point, d->bytes, DIGEST_BYTES, raw);
}

static bool
signature_fits(const struct signature *s, const struct key_public *k, const void *data,
	       size_t n)
{
	const uint8_t *point = key_ed25519_point(k);
	struct digest d;

	openpgp_hash(data, n, s->hashed, s->hashed_len, &d);
	if (memcmp(d.bytes, s->left16, 2) != 0)
		return false;
	if (point)
		return ed25519_fits(s, point, &d);
	return s->algorithm == OPENPGP_RSA &&
	       key_verify_rsa(k, d.bytes, s->number.bytes, s->number.n);
}

static void
hex_upper(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

static int
read_rsa(struct arena *a, struct cursor *c, struct key_public *k, struct err *err)
{
	struct key_number modulus = take_mpi(c), exponent = take_mpi(c);

	if (c->bad || c->left > 0)
		return err_set(err, ERR_VERIFY, "key packet is malformed");
	if (key_spki_of_rsa(a, modulus, exponent, &k->der, &k->der_len, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

static int
read_ed25519(struct arena *a, struct cursor *c, struct key_public *k, struct err *err)
{
	const uint8_t *curve = take(c, OPENPGP_CURVE_BYTES);
	struct key_number point = take_mpi(c);

	if (c->bad || c->left > 0 || point.n != 1 + KEY_ED25519_POINT ||
	    point.bytes[0] != OPENPGP_POINT)
		return err_set(err, ERR_VERIFY, "key packet is malformed");
	if (memcmp(curve, openpgp_curve, OPENPGP_CURVE_BYTES) != 0)
		return err_set(err, ERR_VERIFY, "key on another curve than Ed25519");
	key_spki_of_ed25519(a, point.bytes + 1, &k->der, &k->der_len);
	return 0;
}

static int
read_key(struct arena *a, struct cursor body, struct key_public *k, struct err *err)
{
	uint8_t fingerprint[KEY_SHA1_BYTES];
	struct cursor c = body;
	uint32_t version = take_be(&c, 1), created = take_be(&c, 4), algorithm = take_be(&c, 1);
	char *id = arena_alloc(a, 2 * KEY_SHA1_BYTES + 1);

	if (version != OPENPGP_VERSION ||
	    (algorithm != OPENPGP_RSA && algorithm != OPENPGP_EDDSA))
		return err_set(
			err, ERR_VERIFY,
			"key version %u, algorithm %u (only 4, RSA or Ed25519 are accepted)",
			version, algorithm);
	if ((algorithm == OPENPGP_EDDSA ? read_ed25519(a, &c, k, err)
					: read_rsa(a, &c, k, err)) < 0)
		return -1;
	openpgp_fingerprint(body.at, body.left, fingerprint);
	hex_upper(fingerprint, sizeof(fingerprint), id);
	k->id = id;
	k->created = created;
	k->role = KEY_PACKAGES; /* the reader of the file knows better */
	return 0;
}

static int
read_uid(struct arena *a, struct cursor body, struct key_public *k, struct err *err)
{
	if (body.left == 0 || body.left > OPENPGP_UID_MAX)
		return err_set(err, ERR_VERIFY, "user id of %zu bytes (1 to %d are accepted)",
			       body.left, OPENPGP_UID_MAX);
	for (size_t i = 0; i < body.left; i++) {
		if (body.at[i] < ' ' || body.at[i] > '~')
			return err_set(err, ERR_VERIFY,
				       "user id with a byte outside of printable ASCII");
	}
	k->openpgp_uid = arena_strndup(a, (const char *)body.at, body.left);
	return 0;
}

static int
check_self_signature(const struct signature *s, const struct key_public *k,
		     const struct buf *subject, struct err *err)
{
	char issuer[2 * KEY_SHA1_BYTES + 1];

	if (s->type != OPENPGP_TYPE_CERT)
		return err_set(err, ERR_VERIFY, "self-signature of type 0x%02x", s->type);
	if (s->fingerprint) {
		hex_upper(s->fingerprint, KEY_SHA1_BYTES, issuer);
		if (strcmp(issuer, k->id) != 0)
			return err_set(err, ERR_VERIFY,
				       "the user id is signed by %s, not by its key", issuer);
	}
	if (s->lifetime > 0)
		return err_set(err, ERR_VERIFY, "the self-signature expires");
	if (!s->flags || !(s->flags[0] & OPENPGP_FLAG_SIGN))
		return err_set(err, ERR_VERIFY, "the key is not meant for signing");
	if (!signature_fits(s, k, subject->data, subject->len))
		return err_set(err, ERR_VERIFY, "the self-signature of %s does not verify",
			       k->id);
	return 0;
}

int
openpgp_cert_parse(struct arena *a, const void *data, size_t n, struct key_public *out,
		   struct err *err)
{
	struct cursor c = { .at = data, .left = n }, key, uid, sig;
	CLEANUP(buf_free)
	struct buf subject = BUF_MAX(2 * OPENPGP_PACKET_MAX + OPENPGP_UID_MAX);
	struct key_public k = { 0 };
	struct signature s;
	uint8_t *copy;

	if (n > OPENPGP_CERT_MAX)
		return err_set(err, ERR_VERIFY, "certificate of %zu bytes (%zu are accepted)",
			       n, OPENPGP_CERT_MAX);
	if (take_packet(&c, OPENPGP_KEY, "public key", &key, err) < 0 ||
	    read_key(a, key, &k, err) < 0 ||
	    take_packet(&c, OPENPGP_UID, "user id", &uid, err) < 0 ||
	    read_uid(a, uid, &k, err) < 0 ||
	    take_packet(&c, OPENPGP_SIGNATURE, "self-signature", &sig, err) < 0 ||
	    read_signature(sig, &s, err) < 0)
		return err_wrap(err, "OpenPGP certificate");
	if (c.left > 0)
		return err_set(
			err, ERR_VERIFY,
			"OpenPGP certificate: more than key, user id and self-signature");
	openpgp_cert_subject(key.at, key.left, uid.at, uid.left, &subject);
	if (check_self_signature(&s, &k, &subject, err) < 0)
		return err_wrap(err, "OpenPGP certificate");
	copy = arena_alloc(a, n);
	memcpy(copy, data, n);
	k.cert = copy;
	k.cert_len = n;
	*out = k;
	return 0;
}

static void
claim_of(const struct signature *s, struct openpgp_claim *out)
{
	const uint8_t *keyid = s->keyid;

	*out = (struct openpgp_claim){ .created = s->created,
				       .eddsa = s->algorithm == OPENPGP_EDDSA };
	if (s->fingerprint) {
		hex_upper(s->fingerprint, KEY_SHA1_BYTES, out->fingerprint);
		keyid = s->fingerprint + KEY_SHA1_BYTES - OPENPGP_KEYID_BYTES;
	}
	if (keyid)
		hex_upper(keyid, OPENPGP_KEYID_BYTES, out->keyid);
	if (s->lifetime > 0)
		out->expires = (int64_t)s->created + s->lifetime;
}

int
openpgp_claim(const void *sig, size_t n, struct openpgp_claim *out, struct err *err)
{
	struct signature s;

	if (read_detached(sig, n, &s, err) < 0)
		return -1;
	claim_of(&s, out);
	return 0;
}

static bool
is_claimed(const struct key_public *k, const struct openpgp_claim *claim)
{
	if (key_role_kind(k->role) != KEY_OPENPGP || claim->keyid[0] == '\0')
		return false;
	if (claim->fingerprint[0] != '\0')
		return strcmp(k->id, claim->fingerprint) == 0;
	return strcmp(k->id + strlen(k->id) - strlen(claim->keyid), claim->keyid) == 0;
}

/* The trusted key that the claim names, in its role; NULL: unknown, and err says how. */
static const struct key_public *
find_signer(const struct keyring *ring, enum key_role role, const struct openpgp_claim *claim,
	    struct err *err)
{
	const char *seen = claim->fingerprint[0] != '\0' ? claim->fingerprint : claim->keyid;
	const struct key_public *other = NULL;

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];

		if (!is_claimed(k, claim))
			continue;
		if (k->role == role)
			return k;
		other = k;
	}
	if (other) {
		(void)err_set(err, ERR_VERIFY, "signed by %s, which is a %s key, not a %s key",
			      seen, key_role_name(other->role), key_role_name(role));
	} else if (seen[0] == '\0') {
		(void)err_set(err, ERR_VERIFY, "the signature does not name its key");
	} else {
		(void)err_set(err, ERR_VERIFY, "signed by the unknown key %s", seen);
		(void)err_hint(err, "if you trust it, name its public key with --key");
	}
	return NULL;
}

/* One signature by a known key. */
static int
check_signature(const struct signature *s, const struct openpgp_claim *claim,
		const struct key_public *k, const void *data, size_t n, int64_t now,
		struct err *err)
{
	char when[CLOCK_TEXT_MAX];

	if (s->type != OPENPGP_TYPE_BINARY)
		return err_set(err, ERR_VERIFY,
			       "signature of type 0x%02x (only 0x00, over data, is accepted)",
			       s->type);
	if (!signature_fits(s, k, data, n))
		return err_set(err, ERR_VERIFY, "the signature by %s does not verify", k->id);
	if (s->created < k->created)
		return err_set(err, ERR_VERIFY, "the signature by %s is older than the key",
			       k->id);
	if (now != 0 && claim->expires != 0 && now >= claim->expires) {
		clock_rfc3339(claim->expires, when);
		return err_set(err, ERR_VERIFY, "the signature by %s expired at %s", k->id,
			       when);
	}
	return key_check_valid(k, s->created, err);
}

static bool
is_among(const struct key_public *const *seen, size_t n, const struct key_public *k)
{
	for (size_t i = 0; i < n; i++)
		if (seen[i] == k)
			return true;
	return false;
}

int
openpgp_count(const struct keyring *ring, enum key_role role, const void *data, size_t n,
	      const void *sig, size_t sig_len, int64_t now, size_t *count, int64_t *expires,
	      struct err *err)
{
	const struct key_public *seen[SIGNATURES_MAX];
	struct cursor c = { .at = sig, .left = sig_len };
	size_t known = 0, packets = 0;
	int64_t first = 0;

	do {
		struct openpgp_claim claim;
		const struct key_public *k;
		struct signature s;
		struct cursor body;

		if (++packets > SIGNATURES_MAX)
			return err_set(err, ERR_VERIFY, "more than %d signature packets",
				       SIGNATURES_MAX);
		if (take_packet(&c, OPENPGP_SIGNATURE, "signature", &body, err) < 0 ||
		    read_signature(body, &s, err) < 0)
			return -1;
		claim_of(&s, &claim);
		k = find_signer(ring, role, &claim, err);
		if (!k)
			continue;
		if (check_signature(&s, &claim, k, data, n, now, err) < 0)
			return -1;
		if (claim.expires && (!first || claim.expires < first))
			first = claim.expires;
		if (!is_among(seen, known, k))
			seen[known++] = k;
	} while (c.left > 0);
	if (known == 0)
		return -1; /* err tells of the last that was seen */
	*count = known;
	*expires = first;
	return 0;
}

int
openpgp_verify(const struct keyring *ring, enum key_role role, const void *data, size_t n,
	       const void *sig, size_t sig_len, int64_t now, struct err *err)
{
	int64_t expires;
	size_t count;

	return openpgp_count(ring, role, data, n, sig, sig_len, now, &count, &expires, err);
}
