/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token, from the inside out:
 *
 *   TimeStampResp { granted, ContentInfo { SignedData {
 *     TSTInfo     { version, policy, imprint, serial, time }
 *     SignerInfo  { which certificate, signed attributes, signature over them } } } }
 *
 * Everything in it but imprint, serial, time and signature is fixed, so it is written as bytes.
 * Nobody has to hand the key out for it: the signature is asked for like any other.
 */
#include "trust/timestamp_priv.h"
#include "base/clock.h"
#include "trust/key_priv.h"

#define TAG_INTEGER      0x02
#define TAG_OCTETS       0x04
#define TAG_TIME         0x18
#define TAG_SEQUENCE     0x30
#define TAG_SET          0x31
#define TAG_CONTEXT_0    0xa0
#define SERIAL_BYTES     16
#define LENGTH_LONG_FORM 0x80

static const uint8_t zero[] = { 0x02, 0x01, 0x00 }, one[] = { 0x02, 0x01, 0x01 },
		     three[] = { 0x02, 0x01, 0x03 };
static const uint8_t oid_signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					   0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const uint8_t oid_tst_info[] = { 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7,
					0x0d, 0x01, 0x09, 0x10, 0x01, 0x04 };
static const uint8_t oid_content_type[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					    0xf7, 0x0d, 0x01, 0x09, 0x03 };
static const uint8_t oid_message_digest[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					      0xf7, 0x0d, 0x01, 0x09, 0x04 };
static const uint8_t oid_signing_certificate[] = { 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7,
						   0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f };
static const uint8_t sha256[] = { 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				  0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00 };
static const uint8_t ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
					0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* 2.999.1: a policy must be named, nobody gave us a number, and 2.999 is the arc for examples.
 * (The arc of UUIDs has numbers that Go's parser refuses.) */
static const uint8_t oid_policy[] = { 0x06, 0x03, 0x88, 0x37, 0x01 };

static void
add(struct buf *b, const void *bytes, size_t n)
{
	buf_add(b, bytes, n);
}
#define ADD(b, bytes) add(b, bytes, sizeof(bytes))

/* tag, length, and what b holds: b becomes that. */
static void
wrap(struct buf *b, uint8_t tag)
{
	CLEANUP(buf_free) struct buf inner = BUF_MAX(b->max);

	buf_add(&inner, b->data, b->len);
	buf_clear(b);
	buf_add_char(b, (char)tag);
	if (inner.len < LENGTH_LONG_FORM) {
		buf_add_char(b, (char)inner.len);
	} else if (inner.len <= UINT8_MAX) {
		buf_add_char(b, (char)(LENGTH_LONG_FORM | 1));
		buf_add_char(b, (char)inner.len);
	} else { /* TIMESTAMP_MAX_BYTES fits 16 bits */
		buf_add_char(b, (char)(LENGTH_LONG_FORM | 2));
		buf_add_be16(b, (uint16_t)inner.len);
	}
	buf_add(b, inner.data, inner.len);
	b->overflow = b->overflow || inner.overflow;
}

static void
add_wrapped(struct buf *b, uint8_t tag, const void *bytes, size_t n)
{
	CLEANUP(buf_free) struct buf inner = BUF_MAX(b->max);

	buf_add(&inner, bytes, n);
	wrap(&inner, tag);
	buf_add(b, inner.data, inner.len);
}

/* "20260102030405Z": generalized time without a fraction. */
static void
add_time(struct buf *b, int64_t now)
{
	char text[CLOCK_TEXT_MAX], digits[CLOCK_TEXT_MAX];
	size_t n = 0;

	clock_rfc3339(now, text);
	for (const char *p = text; *p; p++)
		if (*p != '-' && *p != ':' && *p != 'T')
			digits[n++] = *p;
	add_wrapped(b, TAG_TIME, digits, n);
}

/* Positive and of one length. */
static void
add_serial(struct buf *b, const struct digest *imprint, int64_t now)
{
	struct digest_state *s = digest_begin();
	char text[CLOCK_TEXT_MAX];
	struct digest d;

	clock_rfc3339(now, text);
	digest_add(s, text, strlen(text));
	digest_add(s, imprint->bytes, DIGEST_BYTES);
	digest_end(s, &d);
	d.bytes[0] = (uint8_t)((d.bytes[0] & 0x3f) | 0x40);
	add_wrapped(b, TAG_INTEGER, d.bytes, SERIAL_BYTES);
}

static void
write_info(const struct digest *imprint, int64_t now, struct buf *out)
{
	CLEANUP(buf_free) struct buf hashed = BUF_MAX(out->max);

	ADD(&hashed, sha256);
	add_wrapped(&hashed, TAG_OCTETS, imprint->bytes, DIGEST_BYTES);
	wrap(&hashed, TAG_SEQUENCE);
	ADD(out, one);
	ADD(out, oid_policy);
	buf_add(out, hashed.data, hashed.len);
	add_serial(out, imprint, now);
	add_time(out, now);
	wrap(out, TAG_SEQUENCE);
}

static void
add_attribute(struct buf *b, const uint8_t *oid, size_t n, const struct buf *value)
{
	CLEANUP(buf_free) struct buf attribute = BUF_MAX(b->max);

	buf_add(&attribute, oid, n);
	add_wrapped(&attribute, TAG_SET, value->data, value->len);
	wrap(&attribute, TAG_SEQUENCE);
	buf_add(b, attribute.data, attribute.len);
}

/* In the order of DER, which sorts a set by its bytes: here by length. */
static void
write_attributes(const struct buf *info, const struct key_public *k, struct buf *out)
{
	CLEANUP(buf_free) struct buf value = BUF_MAX(out->max);
	struct digest d;

	ADD(&value, oid_tst_info);
	add_attribute(out, oid_content_type, sizeof(oid_content_type), &value);

	buf_clear(&value);
	digest_of(info->data, info->len, &d);
	add_wrapped(&value, TAG_OCTETS, d.bytes, DIGEST_BYTES);
	add_attribute(out, oid_message_digest, sizeof(oid_message_digest), &value);

	/* SigningCertificateV2 { certs { ESSCertIDv2 { digest, by default SHA-256 } } } */
	buf_clear(&value);
	digest_of(k->cert, k->cert_len, &d);
	add_wrapped(&value, TAG_OCTETS, d.bytes, DIGEST_BYTES);
	for (int depth = 0; depth < 3; depth++)
		wrap(&value, TAG_SEQUENCE);
	add_attribute(out, oid_signing_certificate, sizeof(oid_signing_certificate), &value);
}

static int
write_signer(const struct key_public *k, const struct buf *attributes, const struct buf *sig,
	     struct buf *out, struct err *err)
{
	ADD(out, one);
	if (timestamp_signer_id(k, out, err) < 0)
		return -1;
	ADD(out, sha256);
	add_wrapped(out, TAG_CONTEXT_0, attributes->data, attributes->len);
	ADD(out, ecdsa_sha256);
	add_wrapped(out, TAG_OCTETS, sig->data, sig->len);
	wrap(out, TAG_SEQUENCE);
	return 0;
}

static void
write_content(const struct buf *info, struct buf *out)
{
	CLEANUP(buf_free) struct buf octets = BUF_MAX(out->max);

	add_wrapped(&octets, TAG_OCTETS, info->data, info->len);
	ADD(out, oid_tst_info);
	add_wrapped(out, TAG_CONTEXT_0, octets.data, octets.len);
	wrap(out, TAG_SEQUENCE);
}

static void
write_response(const struct buf *content, const struct buf *signer, struct buf *out)
{
	CLEANUP(buf_free) struct buf data = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);

	ADD(&data, three);
	add_wrapped(&data, TAG_SET, sha256, sizeof(sha256));
	buf_add(&data, content->data, content->len);
	add_wrapped(&data, TAG_SET, signer->data, signer->len);
	wrap(&data, TAG_SEQUENCE);

	ADD(&token, oid_signed_data);
	add_wrapped(&token, TAG_CONTEXT_0, data.data, data.len);
	wrap(&token, TAG_SEQUENCE);

	buf_clear(&data);
	add_wrapped(&data, TAG_SEQUENCE, zero, sizeof(zero)); /* granted */
	buf_add(&data, token.data, token.len);
	wrap(&data, TAG_SEQUENCE);
	buf_add(out, data.data, data.len);
	out->overflow = out->overflow || data.overflow || token.overflow;
}

/* The inner part, and the attributes that are signed with it: as the set that they are. */
static void
write_signed(const struct key_public *k, const struct digest *imprint, int64_t when,
	     struct buf *info, struct buf *attributes, struct buf *set)
{
	write_info(imprint, when, info);
	write_attributes(info, k, attributes);
	add_wrapped(set, TAG_SET, attributes->data, attributes->len);
}

int
timestamp_write(const struct key_public *k, const struct digest *imprint, int64_t when,
		const struct buf *sig, struct buf *set, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf info = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf attributes = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf content = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf signer = BUF_MAX(TIMESTAMP_MAX_BYTES);

	write_signed(k, imprint, when, &info, &attributes, set);
	if (write_signer(k, &attributes, sig, &signer, err) < 0)
		return -1;
	write_content(&info, &content);
	write_response(&content, &signer, out);
	return buf_check(out, "timestamp", err);
}

int
timestamp_make(struct key_private *k, const struct digest *imprint, int64_t now,
	       struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf info = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf attributes = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf set = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(TIMESTAMP_MAX_BYTES);
	const struct key_public *public = key_private_public(k);

	write_signed(public, imprint, now, &info, &attributes, &set);
	if (buf_check(&set, "timestamp", err) < 0 ||
	    key_private_sign_ecdsa(k, set.data, set.len, &sig, err) < 0)
		return -1;
	buf_clear(&set);
	return timestamp_write(public, imprint, now, &sig, &set, out, err);
}

/* "YYYYMMDDHHMMSSZ", first and only once behind its tag. */
static bool
guess_time(const uint8_t *token, size_t n, int64_t *when)
{
	static const uint8_t head[] = { TAG_TIME, 15 };
	const uint8_t *at = memmem(token, n, head, sizeof(head));
	char text[CLOCK_TEXT_MAX];

	if (!at || (size_t)(token + n - at) < sizeof(head) + 15)
		return false;
	at += sizeof(head);
	(void)snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", (const char *)at,
		       (const char *)at + 4, (const char *)at + 6, (const char *)at + 8,
		       (const char *)at + 10, (const char *)at + 12);
	return clock_parse(text, when);
}

bool
timestamp_guess(const uint8_t *token, size_t n, int64_t *when, struct buf *sig)
{
	const uint8_t *at = memmem(token, n, ecdsa_sha256, sizeof(ecdsa_sha256));
	const uint8_t *end = token + n;

	if (!at || !guess_time(token, n, when))
		return false;
	at += sizeof(ecdsa_sha256);
	if (end - at < 2 || at[0] != TAG_OCTETS || end - at - 2 != at[1])
		return false;
	buf_add(sig, at + 2, at[1]);
	return !sig->overflow;
}
