/* SPDX-License-Identifier: Apache-2.0 */
/* Private halves: for trust/signer and the making of keys only. */
#pragma once

#include "base/proc.h"
#include "trust/key.h"

#define KEY_FILE_MAX ((size_t)64 * 1024)
#define KEY_NAME_MAX 32

struct key_secret;
struct key_private; /* one loaded private key */

/* Reads ROLE.key and its public file; refuses a key file that others may read or that does not
 * belong to the public file. */
int key_private_load(const char *dir, enum key_role role, struct key_private **out,
		     struct err *err) MUST_CHECK;
/* A key behind a module or a program is only read so far, and signs nothing: key_private_begin
 * puts this process, a forked one, into a session of its own and behind a fence
 * (trust/key_fence_priv.h), which cannot be taken down, and
 * has those of them begin. Without any it does nothing. set: the directory of the keys. */
int key_private_begin(struct key_private *const *keys, size_t n, int set,
		      struct err *err) MUST_CHECK;
/* For who asks a key once and goes on: fn runs in a child of its own, which a fence may hold,
 * and writes to *out, which is set before it runs, what is then in text. Of the caller's
 * descriptors the child has set (-1: none) and nothing else: no terminal. */
int key_private_apart(proc_child_fn *fn, void *arg, int set, int *out, struct buf *text,
		      struct err *err) MUST_CHECK;
/* The same of another state. passphrase: of its file, NULL when nobody was asked. */
struct key_place {
	const char *dir;
	enum key_role role;
	enum key_state state;
	const char *passphrase;
};
int key_private_load_at(const struct key_place *at, struct key_private **out,
			struct err *err) MUST_CHECK;
/* The same from a secret alone, while its public file is still to be made: OpenPGP id and
 * certificate stay empty. */
int key_private_load_bare(int dirfd, const struct key_place *at, struct key_private **out,
			  struct err *err) MUST_CHECK;
void key_private_free(struct key_private *k);
DEFINE_CLEANUP(struct key_private *, key_private_free);
const struct key_public *key_private_public(const struct key_private *k);
/* ECDSA P-256 / SHA-256, DER. */
int key_private_sign_ecdsa(struct key_private *k, const void *data, size_t n, struct buf *sig,
			   struct err *err) MUST_CHECK;
/* RSA PKCS#1 v1.5 over a given SHA-256. */
int key_private_sign_rsa(struct key_private *k, const uint8_t digest[32], struct buf *sig,
			 struct err *err) MUST_CHECK;

/* Ed25519 over the data itself; 64 bytes. */
int key_private_sign_ed25519(struct key_private *k, const void *data, size_t n, struct buf *sig,
			     struct err *err) MUST_CHECK;

/* "builder.key", "packages-next.asc", ... of the states active and next. */
void key_file_name(enum key_role role, bool secret, char name[KEY_NAME_MAX]);
void key_state_file(enum key_role role, enum key_state state, bool secret,
		    char name[KEY_NAME_MAX]);
/* "builder-retired-1A2B3C4D.pub": word and the beginning of its id. */
const char *key_past_file(struct arena *a, const struct key_public *k, const char *word,
			  const char *suffix);
bool key_has_file(int dirfd, enum key_role role, enum key_state state, bool secret);

/* keyring.json of a directory that is open. */
#define KEY_RING_FILE "keyring.json"
int key_ring_apply(struct arena *a, int dirfd, const char *path, struct keyring *ring,
		   struct err *err) MUST_CHECK;
/* Replaces what it says of k by k's validity and revocation. */
int key_ring_note(int dirfd, const struct key_public *k, struct err *err) MUST_CHECK;

/* The directory of a set, made 0700, locked until *dirfd is closed: two runs at once make one
 * set. */
int key_vendor_check(const char *vendor, struct err *err) MUST_CHECK;
int key_set_open(const char *dir, int *dirfd, struct err *err) MUST_CHECK;
/* Makes what is missing of a key's two files. */
struct key_set {
	int dirfd;
	unsigned int rsa_bits; /* 0: Ed25519 */
	const struct key_choice *how;
};
int key_set_make(const struct key_set *set, enum key_role role, enum key_state state,
		 bool *made, struct err *err) MUST_CHECK;
/* key_init with another RSA size: unit tests have no seconds to give. */
int key_init_sized(const char *dir, const char *vendor, int64_t now, unsigned int rsa_bits,
		   bool *made, struct err *err) MUST_CHECK;
/* Reads a description in place of a secret. */
struct key_described;
int key_secret_described(const struct key_described *how, const struct buf *text,
			 struct key_secret **out, struct err *err) MUST_CHECK;
/* needed: the file of the secret is encrypted, or describes a token that has no PIN file. */
int key_private_is_locked(int dirfd, const struct key_place *at, bool *needed,
			  struct err *err) MUST_CHECK;
bool key_private_is_outside(const struct key_private *k); /* behind a back-end */
int key_passphrase_fd(int fd, struct buf *out, struct err *err) MUST_CHECK;
