/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transparency log: an append-only Merkle tree (RFC 6962 section 2.1) as a static directory
 * of tiles (C2SP tlog-tiles), which any web server can mirror and any tile client can read:
 *
 *   checkpoint                    signed note with origin, size and root; the one file that
 * changes tile/L/N  tile/L/N.p/W        256 hashes of level L; the last tile of a level holds W
 * of them tile/entries/N[.p/W]          the entries under tile 0/N: u16 length, bytes
 *
 * Readers take the directory as hostile: a proof that is made from it convinces nobody until it
 * was checked against a root, and every function here that hands out a proof has checked it.
 */
#pragma once

#include "base/buf.h"
#include "base/digest.h"
#include "trust/dsse.h"
#include "trust/note.h"

#define TLOG_MAX_ENTRY 65535
#define TLOG_MAX_PROOF 64 /* hashes; 2^48 leaves need at most 49 */
#define TLOG_MAX_SIZE  (UINT64_C(1) << 48)
#define TLOG_MAX_BATCH 1000000 /* entries of one append */

struct tlog_proof {
	struct digest at[TLOG_MAX_PROOF];
	size_t n;
};

/* ---- RFC 6962: hashes and what a verifier checks; no file is read ---- */
void tlog_leaf(const void *entry, size_t n, struct digest *out);
void tlog_node(const struct digest *left, const struct digest *right, struct digest *out);
/* Does the tree of size and root hold leaf at index? (RFC 9162 section 2.1.3.2) */
bool tlog_includes(const struct digest *leaf, uint64_t index, uint64_t size,
		   const struct tlog_proof *p, const struct digest *root);
/* Is the old tree the beginning of the new one? (RFC 9162 section 2.1.4.2) An empty tree is the
 * beginning of every tree, with an empty proof. */
bool tlog_extends(uint64_t old_size, const struct digest *old_root, uint64_t new_size,
		  const struct digest *new_root, const struct tlog_proof *p);

/* ---- A tree on disk, as it was at one size ---- */
struct tlog_tree;
/* dirfd is borrowed: it stays open as long as the tree. Reads nothing yet. */
int tlog_tree_open(int dirfd, uint64_t size, struct tlog_tree **out,
		   struct err *err) MUST_CHECK;
void tlog_tree_free(struct tlog_tree *t);
DEFINE_CLEANUP(struct tlog_tree *, tlog_tree_free);
size_t tlog_tree_reads(const struct tlog_tree *t); /* tiles read from disk so far */
int tlog_tree_root(struct tlog_tree *t, struct digest *out, struct err *err) MUST_CHECK;
/* The root that it had at an earlier size. */
int tlog_tree_root_at(struct tlog_tree *t, uint64_t size, struct digest *out,
		      struct err *err) MUST_CHECK;
/* Proof that index is in the tree; checked against root before it is given. leaf may be NULL.
 */
int tlog_tree_prove(struct tlog_tree *t, const struct digest *root, uint64_t index,
		    struct digest *leaf, struct tlog_proof *out, struct err *err) MUST_CHECK;
/* Proof that the tree of old_size is its beginning; checked against both roots. */
int tlog_tree_prove_growth(struct tlog_tree *t, const struct digest *root, uint64_t old_size,
			   const struct digest *old_root, struct tlog_proof *out,
			   struct err *err) MUST_CHECK;
/* The bytes of one entry; not checked: hash them and prove the leaf. */
int tlog_tree_entry(struct tlog_tree *t, uint64_t index, struct buf *out,
		    struct err *err) MUST_CHECK;

/* ---- Checkpoints ---- */
#define TLOG_CHECKPOINT "checkpoint" /* name of the file */
struct tlog_checkpoint {
	const char *origin;
	uint64_t size;
	struct digest root;
};
void tlog_checkpoint_write(const struct tlog_checkpoint *c, struct buf *out);
/* The text of a note, strictly: three lines, no extension. */
int tlog_checkpoint_parse(struct arena *a, const char *text, size_t n,
			  struct tlog_checkpoint *out, struct err *err) MUST_CHECK;
/* Reads dirfd/checkpoint, demands the log's signature and that origin is the key's name. note,
 * if not NULL, receives the whole signed note (in the arena). */
int tlog_checkpoint_load(struct arena *a, int dirfd, const struct note_key *key,
			 struct tlog_checkpoint *out, struct note *note,
			 struct err *err) MUST_CHECK;

/* ---- Growing it ---- */
struct tlog_entry {
	const void *data;
	size_t n; /* 1 to TLOG_MAX_ENTRY */
};
struct tlog_author {
	const struct note_key *key; /* of the log; its name is the origin */
	/* Makes the signature line of a checkpoint's text (note_signature_write). */
	int (*sign)(void *arg, const char *text, size_t n, struct buf *line, struct err *err);
	void *arg;
};
/* An author whose key is in the signer process. It points into itself: it stays where it is. */
struct signer;
struct tlog_office {
	struct signer *signer;
	struct note_key key;
	struct tlog_author author;
};
int tlog_author_open(struct tlog_office *o, struct signer *s, const char *origin,
		     struct err *err) MUST_CHECK;
/* The log key of a ring under the name that its notes carry. */
int tlog_author_key(const struct keyring *ring, const char *origin, struct note_key *out,
		    struct err *err) MUST_CHECK;
/* An empty log: a checkpoint of size 0. One that is there is left as it is. */
int tlog_append_begin(int dirfd, const struct tlog_author *author, struct err *err) MUST_CHECK;
/* Appends the entries in order and replaces the checkpoint; *out is the new one, its entries
 * are out->size - n and following. Order: lock, check the tree against the checkpoint, write
 * entries and tiles, make them durable, check that the new tree extends the old, sign, rename
 * the checkpoint. Killed anywhere it leaves the old log or the new one. */
int tlog_append(struct arena *a, int dirfd, const struct tlog_author *author,
		const struct tlog_entry *entries, size_t n, struct tlog_checkpoint *out,
		struct err *err) MUST_CHECK;

/* Nobody grows the log until *lock is closed: for who copies it. */
int tlog_hold(int dirfd, int *lock, struct err *err) MUST_CHECK;
/* Every file that a tree of this size consists of, the checkpoint last: what a mirror copies
 * and what belongs into the directory. ERR_LIMIT over TLOG_MAX_FILES. */
#define TLOG_MAX_FILES 1000000
int tlog_files(struct arena *a, uint64_t size, const char ***names, size_t *n,
	       struct err *err) MUST_CHECK;

/* ---- What it holds ---- */
/* The entry of a statement: the bundle's signature by signer, as Rekor v2 logs it. */
int tlog_entry_make(const struct dsse_bundle *b, const struct key_public *signer,
		    struct buf *out, struct err *err) MUST_CHECK;
/* Reads the whole log: every tile must be made of the entries, and the root of the tiles. each,
 * if not NULL, is given every entry in order and stops the reading by failing. */
typedef int tlog_each_fn(void *arg, uint64_t index, const void *entry, size_t n,
			 struct err *err);
int tlog_check(int dirfd, const struct tlog_checkpoint *c, tlog_each_fn *each, void *arg,
	       struct err *err) MUST_CHECK;
/* The same for entries from `from` on. Of the earlier ones only their hashes are read, so that
 * they fit the root; what they are is for who checked them before, and proves the growth. */
int tlog_check_from(int dirfd, const struct tlog_checkpoint *c, uint64_t from,
		    tlog_each_fn *each, void *arg, struct err *err) MUST_CHECK;
/* Takes an entry of a statement apart; only what tlog_entry_make writes is one. */
struct tlog_entry_parts {
	struct digest digest; /* SHA-256 of the statement's pre-authentication encoding */
	const uint8_t *key;   /* SubjectPublicKeyInfo, in the arena */
	size_t key_len;
};
int tlog_entry_parse(struct arena *a, const void *data, size_t n, struct tlog_entry_parts *out,
		     struct err *err) MUST_CHECK;

/* ---- Proofs as files (C2SP tlog-proof@v1) ---- */
/* checkpoint: the whole signed note. */
void tlog_proof_write(const struct tlog_proof *p, uint64_t index, const char *checkpoint,
		      size_t n, struct buf *out);
/* checkpoint points into text. */
int tlog_proof_parse(const char *text, size_t n, struct tlog_proof *p, uint64_t *index,
		     const char **checkpoint, size_t *checkpoint_len,
		     struct err *err) MUST_CHECK;
/* The entry is in the log at a checkpoint that the log signed. signed_by, if not NULL: the
 * note, for those who demand witnesses. */
int tlog_proof_check(struct arena *a, const char *text, size_t n, const struct note_key *log,
		     const void *entry, size_t entry_len, struct tlog_checkpoint *out,
		     struct note *signed_by, struct err *err) MUST_CHECK;
