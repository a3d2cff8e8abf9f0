/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key.h"
#include "trust/key_backend_priv.h"
#include "base/mem.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define ECDSA_MAX_BYTES 72 /* two integers of at most 33 bytes, DER */
#define RSA_MAX_BYTES   (KEY_RSA_MAX_BITS / 8)
#define PUBLIC_MAX_DER  (RSA_MAX_BYTES + 64) /* modulus, exponent and what wraps them */
#define EXPONENT_BITS   64
#define SCRYPT_N        16384 /* 16 MiB, some 50 ms */
#define SCRYPT_R        8
#define SCRYPT_P        1

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);
DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(X509_SIG *, X509_SIG_free);
DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free);
DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free);

/* SubjectPublicKeyInfo { id-ecPublicKey, prime256v1 }, BIT STRING, uncompressed point follows.
 */
static const uint8_t p256_prefix[KEY_P256_DER - KEY_P256_POINT + 1] = {
	0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
	0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04
};

/* SubjectPublicKeyInfo { id-Ed25519 }, BIT STRING, the point follows. */
static const uint8_t ed25519_prefix[KEY_ED25519_DER - KEY_ED25519_POINT] = {
	0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00
};

/* OpenSSL keeps a queue of reasons; the last is the nearest to us, the rest must not linger. */
static int
openssl_error(struct err *err, enum err_code code, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(err, code, "%s: %s", what, reason ? reason : "refused by OpenSSL");
}

static int
spki_of(struct arena *a, const EVP_PKEY *pkey, const uint8_t **der, size_t *len,
	struct err *err)
{
	uint8_t *copy, *end;
	int n = i2d_PUBKEY(pkey, NULL);

	if (n <= 0)
		return openssl_error(err, ERR_INPUT, "public key");
	copy = end = arena_alloc(a, (size_t)n);
	if (i2d_PUBKEY(pkey, &end) != n)
		return openssl_error(err, ERR_INPUT, "public key");
	*der = copy;
	*len = (size_t)n;
	return 0;
}

bool
key_spki_is_p256(const uint8_t *der, size_t len)
{
	return len == KEY_P256_DER && memcmp(der, p256_prefix, sizeof(p256_prefix)) == 0;
}

static bool
is_ed25519(const uint8_t *der, size_t len)
{
	return len == KEY_ED25519_DER &&
	       memcmp(der, ed25519_prefix, sizeof(ed25519_prefix)) == 0;
}

static int
check_kind(enum key_kind kind, const uint8_t *der, size_t len, struct err *err)
{
	if (kind == KEY_ED25519)
		return is_ed25519(der, len) ? 0 : err_set(err, ERR_INPUT, "not an Ed25519 key");
	return key_spki_is_p256(der, len)
		       ? 0
		       : err_set(err, ERR_INPUT, "not an ECDSA key on P-256");
}

static int
rsa_check(const EVP_PKEY *pkey, struct err *err)
{
	int bits = EVP_PKEY_get_bits(pkey);
	CLEANUP(BN_free) BIGNUM *e = NULL;

	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
		return err_set(err, ERR_INPUT, "not an RSA key");
	if (bits < KEY_RSA_MIN_BITS || bits > KEY_RSA_MAX_BITS)
		return err_set(err, ERR_INPUT, "RSA key of %d bits (%d to %d are accepted)",
			       bits, KEY_RSA_MIN_BITS, KEY_RSA_MAX_BITS);
	if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e))
		return openssl_error(err, ERR_INPUT, "RSA exponent");
	if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > EXPONENT_BITS)
		return err_set(err, ERR_INPUT, "RSA key with an unsuitable exponent");
	return 0;
}

static int
fits_role(enum key_role role, const EVP_PKEY *pkey, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const uint8_t *der;
	size_t len;

	if (key_role_kind(role) == KEY_OPENPGP && EVP_PKEY_get_base_id(pkey) != NID_ED25519)
		return rsa_check(pkey, err);
	if (key_role_kind(role) == KEY_OPENPGP)
		return 0;
	if (spki_of(&a, pkey, &der, &len, err) < 0)
		return -1;
	return check_kind(key_role_kind(role), der, len, err);
}

static struct key_secret *
secret_of(EVP_PKEY *pkey)
{
	struct key_secret *s = mem_alloc(sizeof(*s));

	s->pkey = pkey;
	return s;
}

static EVP_PKEY *
make_pkey(enum key_kind kind, unsigned int rsa_bits)
{
	switch (kind) {
	case KEY_P256:
	case KEY_CERTIFIED:
		return EVP_EC_gen("P-256");
	case KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case KEY_OPENPGP:
	default:
		return rsa_bits ? EVP_RSA_gen(rsa_bits)
				: EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
}

int
key_secret_make(enum key_role role, unsigned int rsa_bits, struct key_secret **out,
		struct err *err)
{
	EVP_PKEY *pkey = make_pkey(key_role_kind(role), rsa_bits);

	if (!pkey)
		return openssl_error(err, ERR_IO, "cannot make a key");
	*out = secret_of(pkey);
	return 0;
}

/* Hands out the passphrase that was given, if one was. */
static int
give_passphrase(char *text, int size, int writing, void *arg)
{
	const char *passphrase = arg;
	size_t n = passphrase ? strlen(passphrase) : 0;

	(void)writing;
	if (!passphrase || n > (size_t)size)
		return -1;
	memcpy(text, passphrase, n);
	return (int)n;
}

static int
refuse_secret(const struct buf *pem, const char *passphrase, struct err *err)
{
	if (!strstr(buf_text(pem), "ENCRYPTED"))
		return openssl_error(err, ERR_INPUT, "not a private key in PEM");
	if (passphrase)
		return openssl_error(err, ERR_INPUT,
				     "the passphrase does not open this private key");
	ERR_clear_error();
	(void)err_set(err, ERR_INPUT, "this private key needs a passphrase");
	return err_hint(
		err,
		"type it on a terminal, or name a file that holds it with KILN_PASSPHRASE_FILE");
}

int
key_secret_parse(enum key_role role, const struct buf *pem, const char *passphrase,
		 struct key_secret **out, struct err *err)
{
	CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	CLEANUP(BIO_free_all) BIO *bio = NULL;

	if (pem->len > INT_MAX || !(bio = BIO_new_mem_buf(buf_text(pem), (int)pem->len)))
		return err_set(err, ERR_LIMIT, "private key too large");
	pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase,
				       (void *)(uintptr_t)passphrase);
	if (!pkey)
		return refuse_secret(pem, passphrase, err);
	if (fits_role(role, pkey, err) < 0)
		return -1;
	*out = secret_of(STEAL_PTR(pkey));
	return 0;
}

/* Scrypt: the file may be stolen, and then only the cost of each guess protects the key. */
static bool
write_encrypted(BIO *bio, EVP_PKEY *pkey, const char *passphrase)
{
	CLEANUP(PKCS8_PRIV_KEY_INFO_free) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	X509_ALGOR *pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N,
						SCRYPT_R, SCRYPT_P);
	CLEANUP(X509_SIG_free) X509_SIG *sig = NULL;

	if (info && pbe)
		sig = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, pbe);
	if (!sig) {
		X509_ALGOR_free(pbe);
		return false;
	}
	return PEM_write_bio_PKCS8(bio, sig) == 1;
}

int
key_secret_pem(const struct key_secret *s, const char *passphrase, struct buf *out,
	       struct err *err)
{
	CLEANUP(BIO_free_all) BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	bool good;
	long n;

	good = bio && (passphrase ? write_encrypted(bio, s->pkey, passphrase)
				  : PEM_write_bio_PKCS8PrivateKey(bio, s->pkey, NULL, NULL, 0,
								  NULL, NULL) == 1);
	n = good ? BIO_get_mem_data(bio, &text) : 0;
	if (n <= 0)
		return openssl_error(err, ERR_IO, "cannot write a private key");
	buf_add(out, text, (size_t)n);
	return buf_check(out, "private key", err);
}

int
key_secret_spki(struct arena *a, const struct key_secret *s, const uint8_t **der, size_t *len,
		struct err *err)
{
	return spki_of(a, s->pkey, der, len, err);
}

int
key_secret_sign_ecdsa(const struct key_secret *s, const void *data, size_t n, struct buf *sig,
		      struct err *err)
{
	CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[ECDSA_MAX_BYTES];
	size_t len = sizeof(der);
	struct digest d;

	if (s->backend) {
		digest_of(data, n, &d);
		return s->backend->sign(s->arg, KEY_USE_ECDSA, d.bytes, DIGEST_BYTES, sig, err);
	}
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->pkey) != 1 ||
	    EVP_DigestSign(ctx, der, &len, data, n) != 1)
		return openssl_error(err, ERR_IO, "cannot sign");
	buf_add(sig, der, len);
	return buf_check(sig, "signature", err);
}

int
key_secret_sign_ed25519(const struct key_secret *s, const void *data, size_t n, struct buf *sig,
			struct err *err)
{
	CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t raw[KEY_ED25519_SIG];
	size_t len = sizeof(raw);

	if (s->backend)
		return s->backend->sign(s->arg, KEY_USE_ED25519, data, n, sig, err);
	if (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, s->pkey) != 1 ||
	    EVP_DigestSign(ctx, raw, &len, data, n) != 1)
		return openssl_error(err, ERR_IO, "cannot sign");
	buf_add(sig, raw, len);
	return buf_check(sig, "signature", err);
}

int
key_secret_sign_rsa(const struct key_secret *s, const uint8_t digest[32], struct buf *sig,
		    struct err *err)
{
	CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(s->pkey, NULL);
	uint8_t raw[RSA_MAX_BYTES];
	size_t len = sizeof(raw);

	if (s->backend)
		return s->backend->sign(s->arg, KEY_USE_RSA, digest, DIGEST_BYTES, sig, err);
	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1 ||
	    EVP_PKEY_sign(ctx, raw, &len, digest, DIGEST_BYTES) != 1)
		return openssl_error(err, ERR_IO, "cannot sign");
	buf_add(sig, raw, len);
	return buf_check(sig, "signature", err);
}

void
key_secret_free(struct key_secret *s)
{
	if (!s)
		return;
	if (s->backend)
		s->backend->free(s->arg);
	EVP_PKEY_free(s->pkey); /* wipes the numbers */
	free(s);
}

struct key_secret *
key_secret_behind(const struct key_backend *b, void *arg)
{
	struct key_secret *s = secret_of(NULL);

	s->backend = b;
	s->arg = arg;
	return s;
}

int
key_secret_begin(enum key_role role, struct key_secret *s, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const uint8_t *der;
	size_t len;

	if (s->backend->begin(s->arg, &a, &der, &len, err) < 0)
		return -1;
	s->pkey = d2i_PUBKEY(NULL, &der, (long)len);
	if (!s->pkey)
		return openssl_error(err, ERR_INPUT, "public key");
	return fits_role(role, s->pkey, err);
}

int
key_ecdsa_der(const uint8_t raw[64], struct buf *out, struct err *err)
{
	CLEANUP(ECDSA_SIG_free) ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	uint8_t der[ECDSA_MAX_BYTES], *end = der;
	int n;

	if (!sig || !r || !s || !ECDSA_SIG_set0(sig, r, s))
		return openssl_error(err, ERR_IO, "signature");
	n = i2d_ECDSA_SIG(sig, &end);
	buf_add(out, der, n > 0 ? (size_t)n : 0);
	return buf_check(out, "signature", err);
}

int
key_spki_of_any(struct arena *a, const char *pem, size_t n, const uint8_t **der, size_t *len,
		struct err *err)
{
	CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	CLEANUP(BIO_free_all) BIO *bio = NULL;

	if (n > INT_MAX || !(bio = BIO_new_mem_buf(pem, (int)n)))
		return err_set(err, ERR_LIMIT, "public key too large");
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (!pkey)
		return openssl_error(err, ERR_INPUT, "not a public key in PEM");
	return spki_of(a, pkey, der, len, err);
}

int
key_spki_of_pem(struct arena *a, enum key_kind kind, const char *pem, size_t n,
		const uint8_t **der, size_t *len, struct err *err)
{
	CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	CLEANUP(BIO_free_all) BIO *bio = NULL;
	const char *begin = memmem(pem, n, "-----BEGIN", 10);

	if (n > INT_MAX || !(bio = BIO_new_mem_buf(pem, (int)n)))
		return err_set(err, ERR_LIMIT, "public key too large");
	if (begin && memmem(begin + 1, n - (size_t)(begin + 1 - pem), "-----BEGIN", 10))
		return err_set(err, ERR_INPUT, "more than one PEM block (one key per file)");
	pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	if (!pkey)
		return openssl_error(err, ERR_INPUT, "not a public key in PEM");
	if (spki_of(a, pkey, der, len, err) < 0)
		return -1;
	return check_kind(kind, *der, *len, err);
}

int
key_spki_of_rsa(struct arena *a, struct key_number modulus, struct key_number exponent,
		const uint8_t **der, size_t *len, struct err *err)
{
	CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = NULL;
	CLEANUP(EVP_PKEY_CTX_free)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	CLEANUP(OSSL_PARAM_BLD_free) OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	CLEANUP(OSSL_PARAM_free) OSSL_PARAM *params = NULL;
	CLEANUP(BN_free) BIGNUM *n = NULL;
	CLEANUP(BN_free) BIGNUM *e = NULL;

	if (modulus.n > RSA_MAX_BYTES || exponent.n > EXPONENT_BITS / 8)
		return err_set(err, ERR_LIMIT, "RSA key too large (%d bits are accepted)",
			       KEY_RSA_MAX_BITS);
	n = BN_bin2bn(modulus.bytes, (int)modulus.n, NULL);
	e = BN_bin2bn(exponent.bytes, (int)exponent.n, NULL);
	if (!ctx || !bld || !n || !e ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) ||
	    !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) ||
	    !(params = OSSL_PARAM_BLD_to_param(bld)) || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return openssl_error(err, ERR_INPUT, "RSA key");
	if (!BN_is_odd(n))
		return err_set(err, ERR_INPUT, "RSA key with an even modulus");
	if (rsa_check(pkey, err) < 0)
		return -1;
	return spki_of(a, pkey, der, len, err);
}

void
key_spki_of_p256(struct arena *a, const uint8_t point[KEY_P256_POINT], const uint8_t **der,
		 size_t *len)
{
	uint8_t *out = arena_alloc(a, KEY_P256_DER);

	memcpy(out, p256_prefix, sizeof(p256_prefix));
	memcpy(out + sizeof(p256_prefix) - 1, point, KEY_P256_POINT);
	*der = out;
	*len = KEY_P256_DER;
}

void
key_spki_of_ed25519(struct arena *a, const uint8_t point[KEY_ED25519_POINT],
		    const uint8_t **der, size_t *len)
{
	uint8_t *out = arena_alloc(a, KEY_ED25519_DER);

	memcpy(out, ed25519_prefix, sizeof(ed25519_prefix));
	memcpy(out + sizeof(ed25519_prefix), point, KEY_ED25519_POINT);
	*der = out;
	*len = KEY_ED25519_DER;
}

static struct key_number
number_of(struct arena *a, const BIGNUM *bn)
{
	int n = BN_num_bytes(bn);
	uint8_t *bytes = arena_alloc(a, (size_t)n + 1);

	return (struct key_number){ .bytes = bytes, .n = (size_t)BN_bn2bin(bn, bytes) };
}

int
key_spki_rsa_numbers(struct arena *a, const uint8_t *der, size_t len,
		     struct key_number *modulus, struct key_number *exponent, struct err *err)
{
	const uint8_t *at = der;
	CLEANUP(EVP_PKEY_free) EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)len);
	CLEANUP(BN_free) BIGNUM *n = NULL;
	CLEANUP(BN_free) BIGNUM *e = NULL;

	if (!pkey || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
	    !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e))
		return openssl_error(err, ERR_INPUT, "not an RSA key");
	*modulus = number_of(a, n);
	*exponent = number_of(a, e);
	return 0;
}

void
key_sha1(const void *data, size_t n, uint8_t out[KEY_SHA1_BYTES])
{
	unsigned int len = 0;

	if (EVP_Digest(data, n, out, &len, EVP_sha1(), NULL) != 1 || len != KEY_SHA1_BYTES)
		abort(); /* a broken installation; no input can cause it */
}

/* Taking a key apart costs more than verifying by it, and a repository is verified by few keys:
 * the last ones are kept. Borrowed, until as many others were asked for. */
static EVP_PKEY *
public_of(const uint8_t *der, size_t len)
{
	static _Thread_local struct {
		uint8_t der[PUBLIC_MAX_DER];
		size_t len;
		EVP_PKEY *pkey;
	} kept[8];
	static _Thread_local size_t next;
	EVP_PKEY *pkey;

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (kept[i].pkey && kept[i].len == len && memcmp(kept[i].der, der, len) == 0)
			return kept[i].pkey;
	if (len > sizeof(kept[0].der))
		return NULL;
	pkey = d2i_PUBKEY(NULL, &(const uint8_t *){ der }, (long)len);
	if (!pkey)
		return NULL;
	next = (next + 1) % ARRAY_LEN(kept);
	EVP_PKEY_free(kept[next].pkey);
	memcpy(kept[next].der, der, len);
	kept[next].len = len;
	kept[next].pkey = pkey;
	return pkey;
}

bool
key_verify_ecdsa(const struct key_public *k, const void *data, size_t n, const void *sig,
		 size_t sig_len)
{
	CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = NULL;
	EVP_PKEY *pkey;
	bool good;

	if (!key_signs_ecdsa(k->role) || sig_len > ECDSA_MAX_BYTES)
		return false;
	pkey = key_spki_is_p256(k->der, k->der_len) ? public_of(k->der, k->der_len) : NULL;
	ctx = EVP_MD_CTX_new();
	/* OpenSSL re-encodes the signature and compares: only DER, nothing behind it. */
	good = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
	       EVP_DigestVerify(ctx, sig, sig_len, data, n) == 1;
	ERR_clear_error();
	return good;
}

bool
key_verify_rsa(const struct key_public *k, const uint8_t digest[32], const void *sig,
	       size_t sig_len)
{
	CLEANUP(EVP_PKEY_CTX_free) EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey;
	uint8_t padded[RSA_MAX_BYTES] = { 0 };
	struct err ignored;
	size_t size;
	bool good;

	if (key_role_kind(k->role) != KEY_OPENPGP || key_ed25519_point(k))
		return false;
	pkey = public_of(k->der, k->der_len);
	if (!pkey || rsa_check(pkey, &ignored) < 0)
		return false;
	size = (size_t)EVP_PKEY_get_size(pkey);
	if (sig_len > size || size > sizeof(padded))
		return false;
	/* OpenPGP strips leading zeros, OpenSSL wants exactly the size of the modulus. */
	memcpy(padded + size - sig_len, sig, sig_len);
	ctx = EVP_PKEY_CTX_new(pkey, NULL);
	good = ctx && EVP_PKEY_verify_init(ctx) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_verify(ctx, padded, size, digest, DIGEST_BYTES) == 1;
	ERR_clear_error();
	return good;
}

bool
key_verify_ed25519(const uint8_t public[32], const void *data, size_t n, const uint8_t sig[64])
{
	CLEANUP(EVP_MD_CTX_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CLEANUP(EVP_PKEY_free)
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, KEY_ED25519_POINT);
	bool good = ctx && pkey && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
		    EVP_DigestVerify(ctx, sig, KEY_ED25519_SIG, data, n) == 1;

	ERR_clear_error();
	return good;
}
