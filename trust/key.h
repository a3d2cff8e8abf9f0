/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: one per role, in a directory of files. trust/key.c and trust/key_x509.c are OpenSSL's
 * doorways of this room.
 *
 *   builder.key    builder.pub    P-256: statements of how packages were built
 *   image.key      image.pub      P-256: statements of images
 *   rebuilder.key  rebuilder.pub  P-256: verdicts of a rebuild
 *   packages.key   packages.asc   OpenPGP v4: signatures in RPM headers
 *   metadata.key   metadata.asc   OpenPGP v4: repomd.xml
 *   log.key        log.pub        Ed25519: checkpoints of the transparency log
 *   witness.key    witness.pub    Ed25519: cosignatures of somebody's checkpoints
 *   timestamp.key  timestamp.pem  P-256: RFC 3161 timestamps; certificate and its issuer's
 *   keyring.json                  validity and revocation by key id; what it does not name is
 *                                 valid
 *   uses.log                      one line per signature, appended by the signer
 *
 * Secrets are PKCS#8 PEM (0600); .pub is a SubjectPublicKeyInfo in PEM, .asc an armored
 * certificate, .pem two X.509 certificates. A set need not have every role: who builds only
 * needs no witness. The creation time of an OpenPGP key is part of its fingerprint and stands
 * in the certificate. Private keys are read by the signer process only (trust/signer.h).
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/digest.h"

enum key_role {
	KEY_BUILDER,
	KEY_PACKAGES,
	KEY_METADATA,
	KEY_LOG,
	KEY_IMAGE,
	KEY_REBUILDER,
	KEY_TIMESTAMP,
	KEY_WITNESS,
	KEY_ROLES
};
enum key_kind { KEY_P256, KEY_OPENPGP, KEY_ED25519, KEY_CERTIFIED /* P-256 and X.509 */ };
/* A set may hold, per role, one key that signs (ROLE.pub), one that will, and signs along where
 * a format takes several signatures (ROLE-next.pub), and any number whose signatures only count
 * (ROLE-WORDS.pub). */
enum key_state { KEY_ACTIVE, KEY_NEXT, KEY_TRUSTED };
const char *key_state_name(enum key_state s);
const char *key_role_name(enum key_role r); /* "builder", ... */
enum key_kind key_role_kind(enum key_role r);
bool key_signs_ecdsa(enum key_role r); /* P-256, with or without X.509 */

struct key_public {
	enum key_role role;
	const char *id; /* all but OpenPGP: "SHA256:" + unpadded base64 of the SSH wire key's
			   SHA-256 (what ssh-keygen -lf prints); OpenPGP: 40 hex digits upper
			   case */
	const char *origin;      /* file it came from, for messages */
	const char *openpgp_uid; /* OpenPGP only */
	int64_t created;         /* OpenPGP only */
	const uint8_t *der;      /* SubjectPublicKeyInfo */
	size_t der_len;
	const uint8_t *cert; /* OpenPGP certificate, binary packets; X.509: DER */
	size_t cert_len;
	enum key_state state;
	int64_t not_before, not_after; /* 0: open */
	int64_t revoked;               /* since then; 0: never */
	const char *reason;            /* of the revocation */
	int64_t noted;         /* when its entry in keyring.json was made; 0: it has none */
	const uint8_t *issuer; /* X.509: the certificate that vouches for cert, self-signed */
	size_t issuer_len;
};

const char *key_algorithm_name(const struct key_public *k); /* "P-256", "RSA", "Ed25519" */

/* The keys a verifier trusts. */
struct keyring {
	struct key_public *at;
	size_t n;
	int64_t now; /* keys must be valid at it; 0: not asked */
};
/* May k's signatures count? Refuses a revoked key with the reason, and, when when is not 0, a
 * key that was not valid then. */
int key_check_valid(const struct key_public *k, int64_t when, struct err *err) MUST_CHECK;

/* Makes what is missing of the set in dir (created 0700). made tells whether anything was.
 * vendor begins the OpenPGP user id: "VENDOR packages <packages@kiln.invalid>". now: creation
 * time. */
int key_init(const char *dir, const char *vendor, int64_t now, bool *made,
	     struct err *err) MUST_CHECK;
/* The files of builder, packages, metadata and log are there: what `kiln build` and `kiln
 * publish` cannot do without. */
bool key_present(const char *dir);
bool key_any(const char *dir); /* a key of any role is there */
struct key_choice {            /* how keys are made */
	const char *vendor;
	int64_t now;
	bool ed25519;           /* OpenPGP keys: Ed25519 instead of RSA-4096 */
	const char *passphrase; /* of the files that are made; NULL: none */
};
/* The passphrase of key files: the first line of a file, or asked for on the terminal. A buffer
 * that held a secret: CLEANUP(key_wipe) clears it before it is freed. */
int key_passphrase_file(const char *path, struct buf *out, struct err *err) MUST_CHECK;
int key_passphrase_ask(bool twice, struct buf *out, struct err *err) MUST_CHECK;
void key_wipe(struct buf *b);
DEFINE_RELEASE(struct buf, key_wipe);
int key_init_as(const char *dir, const struct key_choice *how, bool *made,
		struct err *err) MUST_CHECK;
/* Begins a rotation: makes ROLE-next beside the key that signs. made: whether it was not there.
 */
int key_rotate(const char *dir, enum key_role role, const struct key_choice *how, bool *made,
	       struct err *err) MUST_CHECK;
/* Ends it: ROLE-next becomes the key that signs; the old one signs no more, and what it signed
 * counts for overlap seconds longer. Killed, it is finished by the next call. */
int key_rotate_finish(const char *dir, enum key_role role, int64_t now, int64_t overlap,
		      struct err *err) MUST_CHECK;
/* Revokes the key of this id in the set: a line in keyring.json, the files out of the signer's
 * way, and, of an OpenPGP key whose secret is there, ROLE-revoked-ID.rev for gpg and sq. */
int key_revoke(const struct key_choice *how, const char *dir, const char *id,
	       const char *reason, struct err *err) MUST_CHECK;
/* Reads the public halves of a key directory, or one .pub / .asc file, or a directory holding
 * only public files; appends to ring. The name of a file tells the role: a word of it, between
 * its ends, dots, dashes and underscores (builder.pub, packages-2026.asc); a single .pub of
 * another name is a builder's. In a directory other files are passed over. A keyring.json in
 * the directory, or beside the file, takes trust away: validity and revocations of all files
 * that are loaded add up. */
int key_load(struct arena *a, const char *path, struct keyring *ring,
	     struct err *err) MUST_CHECK;
/* keyring.json of a ring: times and revocations of the keys that have any, by role and id. */
int key_ring_write(const struct keyring *ring, struct buf *out, struct err *err) MUST_CHECK;
/* path is one file, and nothing beside it says until when its key counts or that it is revoked.
 */
bool key_is_bare(const char *path);
const struct key_public *key_find(const struct keyring *ring, const char *id);
const struct key_public *key_of_role(const struct keyring *ring,
				     enum key_role role); /* active, else the first, or NULL */
const struct key_public *key_next(const struct keyring *ring, enum key_role role); /* or NULL */
/* PEM of a P-256 public key, armored certificate of an OpenPGP one: what `kiln key export`
 * prints. */
int key_export(const struct key_public *k, struct buf *out, struct err *err) MUST_CHECK;
/* The key that signs for the role, or an error that says how to make it. */
int key_need(const struct keyring *ring, enum key_role role, const struct key_public **out,
	     struct err *err) MUST_CHECK;
/* Verifies an ASN.1 DER ECDSA signature over SHA-256(data). false: does not verify. */
bool key_verify_ecdsa(const struct key_public *k, const void *data, size_t n, const void *sig,
		      size_t sig_len);
/* Verifies by an OpenPGP key: PKCS#1 v1.5 over a SHA-256 digest. */
bool key_verify_rsa(const struct key_public *k, const uint8_t digest[32], const void *sig,
		    size_t sig_len);
/* The 32 bytes of an Ed25519 key, of whatever kind of role; NULL of another algorithm. */
const uint8_t *key_ed25519_point(const struct key_public *k);
/* Verifies Ed25519 (RFC 8032) by a raw public key. */
bool key_verify_ed25519(const uint8_t public[32], const void *data, size_t n,
			const uint8_t sig[64]);
