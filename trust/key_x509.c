/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two certificates of a timestamp authority, as RFC 3161 and its verifiers want them: the
 * first may stamp time and nothing else, the second signed it and itself. Neither names a
 * person or a machine.
 */
#include "trust/key_crypto_priv.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CHAIN_YEARS  20
#define SERIAL_BYTES 16
#define DAY_SECONDS  86400
#define CHAIN_MAX    ((size_t)32 * 1024)
#define DER_MAX      ((int)4096) /* one certificate */

DEFINE_CLEANUP(X509 *, X509_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(X509_EXTENSION *, X509_EXTENSION_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);

struct extension {
	int nid;
	const char *value;
};
static const struct extension issuer_extensions[] = {
	{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
	{ NID_key_usage, "critical,keyCertSign,cRLSign" },
	{ NID_subject_key_identifier, "hash" },
	{ 0, NULL },
};
static const struct extension stamper_extensions[] = {
	{ NID_basic_constraints, "critical,CA:FALSE" },
	{ NID_key_usage, "critical,digitalSignature" },
	{ NID_ext_key_usage, "critical,timeStamping" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid:always" },
	{ 0, NULL },
};

static int
x509_error(struct err *err, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(err, ERR_INPUT, "%s: %s", what, reason ? reason : "refused by OpenSSL");
}

/* Of the public key, so that the same key never has two. */
static bool
set_serial(X509 *cert, const EVP_PKEY *subject)
{
	CLEANUP(BN_free) BIGNUM *n = NULL;
	struct digest d;
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(subject, &der);

	if (len <= 0)
		return false;
	digest_of(der, (size_t)len, &d);
	OPENSSL_free(der);
	d.bytes[0] = (uint8_t)(d.bytes[0] & 0x7f) | 0x40; /* positive, of full length */
	n = BN_bin2bn(d.bytes, SERIAL_BYTES, NULL);
	return n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
}

static bool
set_name(X509_NAME *name, const char *vendor, const char *what)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(256);

	buf_add_format(&text, "%s %s", vendor, what);
	return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
					  (const unsigned char *)vendor, -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)buf_text(&text), -1, -1,
					  0) == 1;
}

static bool
add_extensions(X509 *cert, X509 *issuer, const struct extension *e)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	for (; e->value; e++) {
		CLEANUP(X509_EXTENSION_free)
		X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);

		if (!ext || X509_add_ext(cert, ext, -1) != 1)
			return false;
	}
	return true;
}

struct certificate { /* about to be made */
	EVP_PKEY *subject, *signer;
	X509 *issuer; /* NULL: itself */
	const char *vendor, *what;
	const struct extension *extensions;
	int64_t now;
};

static X509 *
make_certificate(const struct certificate *c)
{
	X509 *cert = X509_new();
	X509 *issuer = c->issuer ? c->issuer : cert;
	time_t from = (time_t)c->now;
	time_t until = from + (time_t)CHAIN_YEARS * 365 * DAY_SECONDS;

	if (cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
	    set_serial(cert, c->subject) && ASN1_TIME_set(X509_getm_notBefore(cert), from) &&
	    ASN1_TIME_set(X509_getm_notAfter(cert), until) &&
	    set_name(X509_get_subject_name(cert), c->vendor, c->what) &&
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1 &&
	    X509_set_pubkey(cert, c->subject) == 1 &&
	    add_extensions(cert, issuer, c->extensions) &&
	    X509_sign(cert, c->signer, EVP_sha256()) > 0)
		return cert;
	X509_free(cert);
	return NULL;
}

int
key_chain_make(const struct key_public *k, const char *vendor, int64_t now, struct buf *pem,
	       struct err *err)
{
	const uint8_t *der = k->der;
	CLEANUP(EVP_PKEY_free) EVP_PKEY *stamper = d2i_PUBKEY(NULL, &der, (long)k->der_len);
	CLEANUP(EVP_PKEY_free) EVP_PKEY *root = EVP_EC_gen("P-256");
	CLEANUP(X509_free) X509 *issuer = NULL;
	CLEANUP(X509_free) X509 *cert = NULL;
	CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;

	issuer = make_certificate(&(struct certificate){ .subject = root,
							 .signer = root,
							 .vendor = vendor,
							 .what = "timestamp issuer",
							 .extensions = issuer_extensions,
							 .now = now });
	if (!bio || !issuer || !stamper)
		return x509_error(err, "cannot make a certificate");
	cert = make_certificate(&(struct certificate){ .subject = stamper,
						       .signer = root,
						       .issuer = issuer,
						       .vendor = vendor,
						       .what = "timestamps",
						       .extensions = stamper_extensions,
						       .now = now });
	if (!cert || PEM_write_bio_X509(bio, cert) != 1 || PEM_write_bio_X509(bio, issuer) != 1)
		return x509_error(err, "cannot make a certificate");
	n = BIO_get_mem_data(bio, &text);
	buf_add(pem, text, n > 0 ? (size_t)n : 0);
	return buf_check(pem, "certificates", err);
}

static int
keep_der(struct arena *a, X509 *cert, const uint8_t **der, size_t *len, struct err *err)
{
	int n = i2d_X509(cert, NULL);
	uint8_t *copy, *end;

	if (n <= 0 || n > DER_MAX)
		return err_set(err, ERR_INPUT, "certificate of %d bytes (%d are accepted)", n,
			       DER_MAX);
	copy = end = arena_alloc(a, (size_t)n);
	if (i2d_X509(cert, &end) != n)
		return x509_error(err, "certificate");
	*der = copy;
	*len = (size_t)n;
	return 0;
}

/* Signed by the issuer, for timestamps and nothing else. */
static int
check_chain(X509 *cert, X509 *issuer, struct err *err)
{
	EVP_PKEY *authority = X509_get0_pubkey(issuer);
	int at = X509_get_ext_by_NID(cert, NID_ext_key_usage, -1);
	X509_EXTENSION *usage = at < 0 ? NULL : X509_get_ext(cert, at);

	if (X509_get_extended_key_usage(cert) != XKU_TIMESTAMP || !usage ||
	    !X509_EXTENSION_get_critical(usage) || X509_check_ca(cert) != 0)
		return err_set(err, ERR_INPUT,
			       "the first certificate is not for timestamps only");
	if (X509_check_ca(issuer) != 1)
		return err_set(err, ERR_INPUT, "the second certificate is not an issuer's");
	if (!authority || X509_check_issued(issuer, cert) != X509_V_OK ||
	    X509_verify(cert, authority) != 1 || X509_verify(issuer, authority) != 1) {
		ERR_clear_error();
		return err_set(err, ERR_INPUT,
			       "the second certificate did not sign the first and itself");
	}
	return 0;
}

int
key_chain_parse(struct arena *a, const char *pem, size_t n, struct key_public *k,
		struct err *err)
{
	CLEANUP(BIO_free_all) BIO *bio = NULL;
	CLEANUP(X509_free) X509 *cert = NULL;
	CLEANUP(X509_free) X509 *issuer = NULL;
	CLEANUP(X509_free) X509 *third = NULL;
	uint8_t *der = NULL, *copy;
	int len;

	if (n > CHAIN_MAX || !(bio = BIO_new_mem_buf(pem, (int)n)))
		return err_set(err, ERR_LIMIT, "certificates too large");
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	issuer = cert ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	if (!issuer)
		return x509_error(err, "not two certificates in PEM");
	third = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ERR_clear_error(); /* its end of file */
	if (third)
		return err_set(err, ERR_INPUT, "more than two certificates");
	if (check_chain(cert, issuer, err) < 0)
		return -1;
	len = i2d_PUBKEY(X509_get0_pubkey(cert), &der);
	if (len <= 0)
		return x509_error(err, "public key");
	copy = arena_alloc(a, (size_t)len);
	memcpy(copy, der, (size_t)len);
	OPENSSL_free(der);
	k->der = copy;
	k->der_len = (size_t)len;
	if (!key_spki_is_p256(copy, (size_t)len))
		return err_set(err, ERR_INPUT, "not a certificate of an ECDSA key on P-256");
	if (keep_der(a, cert, &k->cert, &k->cert_len, err) < 0)
		return -1;
	return keep_der(a, issuer, &k->issuer, &k->issuer_len, err);
}

static void
add_pem(const uint8_t *der, size_t len, BIO *bio, bool *good)
{
	CLEANUP(X509_free) X509 *cert = d2i_X509(NULL, &der, (long)len);

	*good = *good && cert && PEM_write_bio_X509(bio, cert) == 1;
}

int
key_chain_pem(const struct key_public *k, struct buf *out, struct err *err)
{
	CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_mem());
	bool good = bio != NULL;
	char *text = NULL;
	long n;

	add_pem(k->cert, k->cert_len, bio, &good);
	add_pem(k->issuer, k->issuer_len, bio, &good);
	if (!good)
		return x509_error(err, "cannot write certificates");
	n = BIO_get_mem_data(bio, &text);
	buf_add(out, text, n > 0 ? (size_t)n : 0);
	return buf_check(out, "certificates", err);
}
