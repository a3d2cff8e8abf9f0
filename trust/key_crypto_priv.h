/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What trust/ asks of OpenSSL about keys; key.c is the only file of the room that talks
 * to it. Public keys travel as SubjectPublicKeyInfo DER, so no foreign type leaves that file.
 *
 * Accepted, and nothing else: EC on P-256 with an uncompressed point, Ed25519, and RSA of
 * KEY_RSA_MIN_BITS to KEY_RSA_MAX_BITS with a public exponent of at most 64 bits.
 */
#pragma once

#include "trust/key.h"

#define KEY_RSA_BITS      4096 /* what key_init makes */
#define KEY_RSA_MIN_BITS  2048
#define KEY_RSA_MAX_BITS  8192
#define KEY_SHA1_BYTES    20
#define KEY_P256_DER      91 /* length of a P-256 SubjectPublicKeyInfo */
#define KEY_P256_POINT    65 /* 04 || X || Y, the last bytes of it */
#define KEY_ED25519_DER   44
#define KEY_ED25519_SIG   64
#define KEY_ED25519_POINT 32 /* the last bytes of it */

struct evp_pkey_st; /* OpenSSL's, whose headers stay behind the doorways */
struct key_backend;
struct key_secret {                        /* a key pair with its private half */
	struct evp_pkey_st *pkey;          /* behind a back-end: the public half */
	const struct key_backend *backend; /* NULL: the secret is in pkey */
	void *arg;
};

/* rsa_bits counts for OpenPGP keys only; 0 makes them Ed25519. */
int key_secret_make(enum key_role role, unsigned int rsa_bits, struct key_secret **out,
		    struct err *err) MUST_CHECK;
/* PEM of the kind that fits the role. passphrase: NULL when there is none to try. */
int key_secret_parse(enum key_role role, const struct buf *pem, const char *passphrase,
		     struct key_secret **out, struct err *err) MUST_CHECK;
/* PKCS#8; under a passphrase with AES-256 and scrypt. */
int key_secret_pem(const struct key_secret *s, const char *passphrase, struct buf *out,
		   struct err *err) MUST_CHECK;
int key_secret_spki(struct arena *a, const struct key_secret *s, const uint8_t **der,
		    size_t *len, struct err *err) MUST_CHECK;
int key_secret_sign_ecdsa(const struct key_secret *s, const void *data, size_t n,
			  struct buf *sig, struct err *err) MUST_CHECK;
int key_secret_sign_ed25519(const struct key_secret *s, const void *data, size_t n,
			    struct buf *sig, struct err *err) MUST_CHECK;
int key_secret_sign_rsa(const struct key_secret *s, const uint8_t digest[32], struct buf *sig,
			struct err *err) MUST_CHECK;
void key_secret_free(struct key_secret *s);
DEFINE_CLEANUP(struct key_secret *, key_secret_free);

/* A new authority for timestamps: two PEM certificates, of this key and of an issuer whose own
 * secret is forgotten at once, so it never vouches for another. */
int key_chain_make(const struct key_public *k, const char *vendor, int64_t now, struct buf *pem,
		   struct err *err) MUST_CHECK;
/* Reads the two: der, cert and issuer of k. The first must be a P-256 key for timestamps and
 * nothing else, signed by the second. */
int key_chain_parse(struct arena *a, const char *pem, size_t n, struct key_public *k,
		    struct err *err) MUST_CHECK;
/* Both as PEM. */
int key_chain_pem(const struct key_public *k, struct buf *out, struct err *err) MUST_CHECK;

bool key_spki_is_p256(const uint8_t *der, size_t len);
/* One PEM block "PUBLIC KEY" with a key of this kind, P-256 or Ed25519. */
int key_spki_of_pem(struct arena *a, enum key_kind kind, const char *pem, size_t n,
		    const uint8_t **der, size_t *len, struct err *err) MUST_CHECK;
void key_spki_of_p256(struct arena *a, const uint8_t point[KEY_P256_POINT], const uint8_t **der,
		      size_t *len);
void key_spki_of_ed25519(struct arena *a, const uint8_t point[KEY_ED25519_POINT],
			 const uint8_t **der, size_t *len);
struct key_number { /* big-endian, no leading zero byte */
	const uint8_t *bytes;
	size_t n;
};
int key_spki_of_rsa(struct arena *a, struct key_number modulus, struct key_number exponent,
		    const uint8_t **der, size_t *len, struct err *err) MUST_CHECK;
/* The numbers of an RSA key, allocated in the arena. */
int key_spki_rsa_numbers(struct arena *a, const uint8_t *der, size_t len,
			 struct key_number *modulus, struct key_number *exponent,
			 struct err *err) MUST_CHECK;
/* Names a key in OpenPGP v4; never a protection. */
void key_sha1(const void *data, size_t n, uint8_t out[KEY_SHA1_BYTES]);
