/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets that are not in a file of the set. ROLE.key then is a YAML description, owned and
 * guarded as a secret is: `pkcs11:` (key_token.c, a Cryptoki module loaded into the process
 * that signs) or `command:` (key_command.c, a program run once per signature). A back-end gives
 * raw signatures and the public half; what is made of them is the same for all.
 */
#pragma once

#include "base/doc.h"
#include "trust/key_crypto_priv.h"

enum key_use {
	KEY_USE_ECDSA,  /* SHA-256 digest in, DER out */
	KEY_USE_RSA,    /* SHA-256 digest in, PKCS#1 v1.5 out */
	KEY_USE_ED25519 /* message in, 64 bytes out */
};
struct key_backend {
	/* The first that runs code of others. der: SubjectPublicKeyInfo of the public half. */
	int (*begin)(void *arg, struct arena *a, const uint8_t **der, size_t *len,
		     struct err *err);
	int (*sign)(void *arg, enum key_use use, const void *data, size_t n, struct buf *sig,
		    struct err *err);
	void (*free)(void *arg);
};
struct key_reach;
struct key_described {
	enum key_role role;
	const char *name; /* of the description, for messages */
	int dirfd;        /* of the set: relative names in it */
	const char *passphrase;
	struct key_reach *reach; /* receives what the back-end must get at */
};
/* Reads a description and all that it needs of files; runs nothing of anybody. */
typedef int key_backend_read_fn(const struct key_described *how, const struct doc *d,
				void **arg, struct err *err);
key_backend_read_fn key_token_read, key_command_read;
extern const struct key_backend key_token_backend, key_command_backend;

/* A secret behind a back-end, which is still to begin; takes arg over. */
struct key_secret *key_secret_behind(const struct key_backend *b, void *arg) MUST_CHECK;
int key_secret_begin(enum key_role role, struct key_secret *s, struct err *err) MUST_CHECK;
/* r and s, 32 bytes each, as DER. */
int key_ecdsa_der(const uint8_t raw[64], struct buf *out, struct err *err) MUST_CHECK;
/* One PEM public key of a kind that any role has. */
int key_spki_of_any(struct arena *a, const char *pem, size_t n, const uint8_t **der,
		    size_t *len, struct err *err) MUST_CHECK;

/* Required text of a description. */
const char *key_described_text(const struct key_described *how, const struct doc *d,
			       const char *field, struct err *err);
/* Refuses any field but these (NULL-terminated) and those that name what may be reached. */
int key_described_only(const struct key_described *how, const struct doc *d,
		       const char *const *fields, struct err *err) MUST_CHECK;
