/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tokens: OpenSSL's TS_* functions decide, on what is left after the form, the status
 * and the hash were looked at here. */
#include "trust/timestamp_priv.h"

#include <openssl/err.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

DEFINE_CLEANUP(TS_RESP *, TS_RESP_free);
DEFINE_CLEANUP(TS_VERIFY_CTX *, TS_VERIFY_CTX_free);
DEFINE_CLEANUP(X509 *, X509_free);

#define DAY_SECONDS 86400

static int
refuse(struct err *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(err, ERR_VERIFY, "timestamp: %s%s%s", what, reason ? ": " : "",
		       reason ? reason : "");
}

static int
write_id(X509 *x, struct buf *out, struct err *err)
{
	uint8_t der[1024], *end = der;
	int name, serial;

	name = i2d_X509_NAME(X509_get_issuer_name(x), NULL);
	serial = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), NULL);
	if (name <= 0 || serial <= 0 || (size_t)name + (size_t)serial > sizeof(der))
		return refuse(err, "the certificate of the key has no usable name");
	name = i2d_X509_NAME(X509_get_issuer_name(x), &end);
	serial = i2d_ASN1_INTEGER(X509_get0_serialNumber(x), &end);
	buf_add_char(out, 0x30);
	if (name + serial < 0x80) {
		buf_add_char(out, (char)(name + serial));
	} else {
		buf_add_char(out, (char)0x82);
		buf_add_be16(out, (uint16_t)(name + serial));
	}
	buf_add(out, der, (size_t)(end - der));
	return buf_check(out, "timestamp", err);
}

/* Bytes behind the response, or a second spelling of it, would make two files of one token. */
static bool
is_exact(const TS_RESP *r, const void *token, size_t n)
{
	uint8_t *der = NULL;
	int len = i2d_TS_RESP(r, &der);
	bool same = len > 0 && (size_t)len == n && memcmp(der, token, n) == 0;

	OPENSSL_free(der);
	return same;
}

/* SHA-2 only: what stood under a weaker hash may have been something else. */
static bool
has_strong_imprint(TS_TST_INFO *info)
{
	const ASN1_OBJECT *oid = NULL;
	X509_ALGOR *algorithm = TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(info));
	int nid;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(oid);
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool
read_time(const ASN1_TIME *t, int64_t *out)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;

	ASN1_TIME_free(epoch);
	*out = (int64_t)days * DAY_SECONDS + seconds;
	return good && *out >= 0;
}

static X509 *
certificate(const uint8_t *der, size_t len)
{
	return d2i_X509(NULL, &der, (long)len);
}

/* What a verifier asks of a chain again and again, read once. */
struct chain {
	struct digest of; /* the leaf */
	int64_t from, until;
	struct buf id; /* how tokens name it */
};

static int
read_chain(const struct key_public *k, struct chain *out, struct err *err)
{
	CLEANUP(X509_free) X509 *cert = certificate(k->cert, k->cert_len);
	CLEANUP(X509_free) X509 *issuer = certificate(k->issuer, k->issuer_len);
	int64_t issuer_from, issuer_until;

	if (!cert || !issuer || !read_time(X509_get0_notBefore(cert), &out->from) ||
	    !read_time(X509_get0_notAfter(cert), &out->until) ||
	    !read_time(X509_get0_notBefore(issuer), &issuer_from) ||
	    !read_time(X509_get0_notAfter(issuer), &issuer_until))
		return refuse(err, "the certificates of the key have no usable dates");
	out->from = KILN_MAX(out->from, issuer_from);
	out->until = KILN_MIN(out->until, issuer_until);
	buf_clear(&out->id);
	return write_id(cert, &out->id, err);
}

/* That the issuer signed the leaf, and for what, was checked when the key was loaded. */
static int
chain_of(const struct key_public *k, const struct chain **out, struct err *err)
{
	static _Thread_local struct chain kept = { .id = BUF_MAX(TIMESTAMP_MAX_BYTES) };
	struct digest_state *s = digest_begin();
	struct digest of;

	digest_add(s, k->cert, k->cert_len);
	digest_add(s, k->issuer, k->issuer_len);
	digest_end(s, &of);
	if (!digest_equal(&of, &kept.of)) {
		kept.of = (struct digest){ 0 };
		if (read_chain(k, &kept, err) < 0)
			return -1;
		kept.of = of;
	}
	*out = &kept;
	return 0;
}

int
timestamp_signer_id(const struct key_public *k, struct buf *out, struct err *err)
{
	const struct chain *chain;

	if (chain_of(k, &chain, err) < 0)
		return -1;
	buf_add(out, chain->id.data, chain->id.len);
	return 0;
}

int
timestamp_valid_from(const struct key_public *k, int64_t *out, struct err *err)
{
	const struct chain *chain;

	if (chain_of(k, &chain, err) < 0)
		return -1;
	*out = chain->from;
	return 0;
}

/* A token of our own making has one form: it is written again around its signature and
 * compared, which is a tenth of the work that OpenSSL has with any token. */
static bool
is_ours_by(const struct key_public *k, const void *token, size_t n, const void *data,
	   size_t len, int64_t *when)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf set = BUF_MAX(TIMESTAMP_MAX_BYTES);
	CLEANUP(buf_free) struct buf again = BUF_MAX(TIMESTAMP_MAX_BYTES);
	const struct chain *chain;
	struct digest imprint;
	struct err ignored;

	digest_of(data, len, &imprint);
	return timestamp_guess(token, n, when, &sig) && chain_of(k, &chain, &ignored) == 0 &&
	       *when >= chain->from && *when <= chain->until &&
	       timestamp_write(k, &imprint, *when, &sig, &set, &again, &ignored) == 0 &&
	       again.len == n && memcmp(again.data, token, n) == 0 &&
	       key_verify_ecdsa(k, set.data, set.len, sig.data, sig.len);
}

/* The chain of a key as what may have signed at `when`. The context owns what it is given. */
static bool
trust_key(TS_VERIFY_CTX *ctx, const struct key_public *k, int64_t when)
{
	CLEANUP(X509_free) X509 *cert = certificate(k->cert, k->cert_len);
	CLEANUP(X509_free) X509 *issuer = certificate(k->issuer, k->issuer_len);
	STACK_OF(X509) *untrusted = sk_X509_new_null();
	X509_STORE *store = X509_STORE_new();

	TS_VERIFY_CTS_set_certs(ctx, untrusted);
	TS_VERIFY_CTX_set_store(ctx, store);
	if (!cert || !issuer || !untrusted || !store || sk_X509_push(untrusted, cert) <= 0)
		return false;
	cert = NULL; /* the stack's now */
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)when);
	return X509_STORE_add_cert(store, issuer) == 1;
}

/* k NULL: form and imprint only. */
static bool
is_by(TS_RESP *r, const struct key_public *k, const void *data, size_t len, int64_t when)
{
	CLEANUP(TS_VERIFY_CTX_free) TS_VERIFY_CTX *ctx = TS_VERIFY_CTX_new();
	BIO *bio = BIO_new_mem_buf(data, (int)len);

	if (!ctx || !bio) {
		BIO_free(bio);
		return false;
	}
	TS_VERIFY_CTX_set_data(ctx, bio);
	TS_VERIFY_CTX_set_flags(ctx, TS_VFY_VERSION | TS_VFY_DATA | (k ? TS_VFY_SIGNATURE : 0));
	if (k && !trust_key(ctx, k, when))
		return false;
	return TS_RESP_verify_response(ctx, r) == 1;
}

static int
check_form(TS_RESP *r, const void *token, size_t n, int64_t *when, struct err *err)
{
	TS_TST_INFO *info;

	if (!r)
		return refuse(err, "not an RFC 3161 response");
	if (!is_exact(r, token, n))
		return refuse(err, "not in its one DER form");
	info = TS_RESP_get_tst_info(r);
	if (!info || ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(r))) !=
			     TS_STATUS_GRANTED)
		return refuse(err, "the response holds no granted token");
	if (!has_strong_imprint(info))
		return refuse(err, "its imprint is not of the SHA-2 family");
	if (!read_time(TS_TST_INFO_get_time(info), when))
		return refuse(err, "its time cannot be read");
	return 0;
}

int
timestamp_verify(const struct keyring *ring, const void *token, size_t n, const void *data,
		 size_t len, bool *stamped, int64_t *when, struct err *err)
{
	const uint8_t *at = token;
	CLEANUP(TS_RESP_free) TS_RESP *r = NULL;
	bool known = false;
	int64_t time;

	if (n > TIMESTAMP_MAX_BYTES || len > TIMESTAMP_MAX_BYTES)
		return err_set(err, ERR_VERIFY, "timestamp of %zu bytes (%zu are accepted)", n,
			       TIMESTAMP_MAX_BYTES);
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == KEY_TIMESTAMP &&
		    is_ours_by(&ring->at[i], token, n, data, len, &time)) {
			*when = time;
			*stamped = true;
			return 0;
		}
	r = d2i_TS_RESP(NULL, &at, (long)n);
	if (check_form(r, token, n, &time, err) < 0)
		return -1;
	for (size_t i = 0; i < ring->n; i++) {
		if (ring->at[i].role != KEY_TIMESTAMP)
			continue;
		known = true;
		if (!is_by(r, &ring->at[i], data, len, time))
			continue;
		ERR_clear_error();
		*when = time;
		*stamped = true;
		return 0;
	}
	if (known || !is_by(r, NULL, data, len, time))
		return refuse(err, "not by a trusted timestamp key over this signature");
	*stamped = false;
	return 0;
}
