/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of publish: what is signed (publish_sign.c), which proofs of older
 * packages go along (publish_proof.c), how all that is signed is logged (publish_log.c), what
 * is said in text (publish_text.c), and how the tree is laid and exchanged (publish.c,
 * publish_tree.c). */
#pragma once

#include "base/vec.h"
#include "repo/publish.h"
#include "repo/repomd.h"
#include "trust/dsse.h"
#include "trust/statement.h"

#define PUBLISH_MAX_DOCUMENT ((size_t)256 * 1024 * 1024)
#define PUBLISH_MAX_FILE     (UINT64_MAX / 2)
#define PUBLISH_BUNDLE       ".sigstore.json"

struct publish_package {
	const struct pkgfacts *facts;
	const char *name;           /* NAME.rpm */
	struct digest file, bundle; /* blobs: the signed package, its statement's bundle */
	struct digest cyclonedx, spdx, sbom; /* blobs: bills, and the bundle for them */
	struct digest test;                  /* the bundle of its test's result, if tested */
	bool tested;
	uint64_t size;
	struct repomd_fragment fragment;
	const struct statement_resource *inputs; /* what it was made of: name and digest */
	size_t ninputs;
	const char *ground; /* what it was built on (trust/statement.h), or NULL */
	bool reused;
};

enum publish_kind {
	PUBLISH_BLOB,     /* its bytes are a blob of the store */
	PUBLISH_MADE,     /* already written into the new tree */
	PUBLISH_PROOF,    /* that the bundle `source` is logged, */
	PUBLISH_ENVELOPE, /* and its bare envelope */
	PUBLISH_LOG       /* a file of the log */
};
struct publish_file { /* one file of the tree */
	const char *path;
	struct digest digest;
	enum publish_kind kind;
	struct digest source; /* PROOF, ENVELOPE: blob of the bundle */
	bool along;           /* ENVELOPE: with the signature of the next builder key, */
	struct digest second; /* which is this blob */
};

struct publish_run {
	const struct publish_spec *spec;
	const struct key_public *builder, *packages_key, *metadata_key;
	struct arena arena;
	const struct pkgfacts *keyring;   /* the package that is built nowhere, or NULL */
	struct publish_package *packages; /* sorted by name */
	VEC(struct publish_file) files;
	int log, log_lock; /* held once its files are listed */
};

/* What publishing remembers, by what it depends on: out is NULL when there is nothing that this
 * version can use.
 */
int publish_ref_get(struct publish_run *run, const struct doc *key, struct doc **out,
		    struct err *err) MUST_CHECK;
int publish_ref_put(struct publish_run *run, const struct doc *key, struct doc *value,
		    struct err *err) MUST_CHECK;
/* Makes the keyring package and adds it, with what it is made of, to spec. */
int publish_keyring_add(struct publish_run *run, struct publish_spec *spec,
			struct err *err) MUST_CHECK;
/* Signs one package and its statement, or takes both from the store. */
int publish_sign_package(struct publish_run *run, struct publish_package *p,
			 struct err *err) MUST_CHECK;
/* Bills of materials and the result of its tests, of the signed package; build: the statement
 * of its build, with the published subjects. */
int publish_sbom(struct publish_run *run, struct publish_package *p,
		 const struct statement *build, struct err *err) MUST_CHECK;
/* What they depend on besides the package, where they are remembered, and the files. */
void publish_sbom_key(struct publish_run *run, struct doc *key);
void publish_sbom_note(struct publish_run *run, const struct publish_package *p,
		       struct doc *ref);
bool publish_sbom_recall(struct publish_run *run, const struct doc *ref,
			 struct publish_package *p);
void publish_sbom_add(struct publish_run *run, const struct publish_package *p);
/* What was found out about a package after it was built; added to run->files. */
int publish_verdict_add(struct publish_run *run, const struct publish_package *p,
			struct err *err) MUST_CHECK;
/* The statements about the tree as a whole: all files listed so far but bundles, which speak
 * for themselves, by digest; added to run->files. */
int publish_release_add(struct publish_run *run, struct err *err) MUST_CHECK;
/* Signs a statement, or finds the bundle of one that was signed. what: its kind of reference.
 */
int publish_sign_statement(struct publish_run *run, const char *what, const struct statement *s,
			   struct digest *bundle, struct err *err) MUST_CHECK;

/* While the builder key is rotated: the next key's signature on the statement of a bundle, as a
 * blob; made once per statement and key. *along: there is a next key. */
int publish_sign_along(struct publish_run *run, const struct digest *bundle,
		       const struct dsse_bundle *b, bool *along, struct digest *second,
		       struct err *err) MUST_CHECK;

/* The bundle that vouches for an inventory; signed once per inventory and key. */
int publish_sign_inventory(struct publish_run *run, const struct buf *inventory,
			   struct digest *bundle, struct err *err) MUST_CHECK;
/* Armored signature of repomd.xml, as a blob: the one that is remembered if it lasts, else a
 * new one; again: a new one in any case. */
int publish_sign_repomd(struct publish_run *run, const struct buf *repomd, bool again,
			struct digest *asc, struct err *err) MUST_CHECK;

/* The bundles of packages that are no longer published but that published ones were made of:
 * added to run->files as packages/NAME.DIGEST.sigstore.json. */
int publish_proof_add(struct publish_run *run, struct err *err) MUST_CHECK;

/* Logs every bundle of run->files and exchanges it for the one with its proof; adds the proofs,
 * the bare envelopes and the log itself. */
int publish_log_add(struct publish_run *run, struct err *err) MUST_CHECK;
/* The bytes of a file that is not MADE. */
int publish_log_write(const struct publish_run *run, const struct publish_file *f, int out,
		      struct err *err) MUST_CHECK;

/* The text of kiln.repo. */
void publish_text_repo(const struct publish_run *run, struct buf *out);

/* A tree that is being published: its parent directory, locked, and its names there. */
struct publish_tree {
	int parent, lock;
	const char *name, *fresh; /* "repo", ".repo.new" */
};
/* The parent of dest, locked; the tree stays as it is. */
int publish_tree_lock(struct arena *a, int dirfd, const char *dest, struct publish_tree *out,
		      struct err *err) MUST_CHECK;
/* Waits for other publishers, removes what killed ones left, makes the new directory. */
int publish_tree_begin(struct arena *a, int dirfd, const char *dest, struct publish_tree *out,
		       struct err *err) MUST_CHECK;
/* Is the published tree exactly these files? */
bool publish_tree_is(const struct publish_tree *t, struct publish_file *files, size_t n);
int publish_tree_fill(const struct publish_tree *t, const struct publish_run *run,
		      struct err *err) MUST_CHECK;
/* Durable, then visible in one rename, then the old one goes. */
int publish_tree_exchange(const struct publish_tree *t, struct err *err) MUST_CHECK;
int publish_tree_drop(const struct publish_tree *t, struct err *err) MUST_CHECK;
void publish_tree_release(struct publish_tree *t);
DEFINE_RELEASE(struct publish_tree, publish_tree_release);
