/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of pkgverify: one package (pkgverify.c), the metadata and all packages
 * (pkgverify_repo.c), and what a repository may hold besides (pkgverify_tree.c). */
#pragma once

#include "base/fd.h"
#include "repo/verdict.h"
#include "repo/pkgverify.h"

#define PKGVERIFY_BUNDLE      ".sigstore.json"
#define PKGVERIFY_INVENTORY   "inventory.json"
#define PKGVERIFY_REBUILD     ".rebuild." /* NAME.rpm.rebuild.WHO.sigstore.json */
#define PKGVERIFY_RELEASE     "release"
#define PKGVERIFY_DESCRIPTION "kiln.repo"

struct pkgverify_run {
	struct arena arena;
	const struct verify_terms *terms;
	struct inputs_set *inputs;
	int dirfd;          /* of the packages */
	const char **names; /* what lies there, sorted */
	size_t nnames;
	struct verify_strength strength;
	const char **signers; /* ids of the metadata keys that signed a repository */
	size_t nsigners;
	bool own_log;    /* the tree brings its log itself */
	int64_t expires; /* of the signature of a repository */
};
void pkgverify_run_release(struct pkgverify_run *run);
DEFINE_RELEASE(struct pkgverify_run, pkgverify_run_release);

/* Only plain files are opened, and through no link: a tree under test may hold anything. */
int pkgverify_open(int dirfd, const char *path, int *fd, uint64_t *size,
		   struct err *err) MUST_CHECK;
int pkgverify_read(int dirfd, const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Opens the directory of packages and lists it. */
int pkgverify_packages_open(struct pkgverify_run *run, int parent, const char *path,
			    struct err *err) MUST_CHECK;
/* Says what is known of the log. */
void pkgverify_note_log(struct pkgverify_run *run);

/* One file from its one opening to the end: what is hashed is what is parsed. */
struct pkgverify_package {
	int fd;
	const char *name;           /* as it lies in the directory */
	const char *label;          /* the same, safe to show */
	const char *bundle;         /* name of its bundle, safe to show */
	struct digest digest, bare; /* as it is; as it was before signing */
	uint64_t size;
	struct pkgfile head;
	const struct verify_found *found; /* its statement */
	bool billed;                      /* its bill of materials is signed and true */
	bool verdicts[VERDICT_KINDS];     /* signed, and all passed */
};
/* Opens and hashes a package. Close p->fd also after a failure. */
int pkgverify_package_open(struct pkgverify_run *run, const char *name,
			   struct pkgverify_package *p, struct err *err) MUST_CHECK;
/* Everything about an opened package but its inputs: statement, header signature, subjects,
 * policy, what others say of it. */
int pkgverify_package_check(struct pkgverify_run *run, struct pkgverify_package *p,
			    struct err *err) MUST_CHECK;
/* The rebuild statements beside a package, against the policy. */
int pkgverify_rebuild_check(struct pkgverify_run *run, const struct pkgverify_package *p,
			    struct err *err) MUST_CHECK;
/* The names in the directory that begin with prefix: *first and how many. */
size_t pkgverify_beginning(const struct pkgverify_run *run, const char *prefix, size_t *first);

/* What lies beside a package: bills of materials, signed, about these bytes and saying of them
 * what they say themselves; the result of its tests. *has: there is a bill. */
int pkgverify_sbom(struct pkgverify_run *run, const struct pkgverify_package *p, bool *has,
		   struct err *err) MUST_CHECK;
/* What was found out about it (verdict.h). */
int pkgverify_sbom_verdicts(struct pkgverify_run *run, struct pkgverify_package *p,
			    struct err *err) MUST_CHECK;
/* Is it named as such a file? *package: beside which package. */
bool pkgverify_sbom_name(struct arena *a, const char *file, const char **package);

/* "release.sigstore.json", "release-2.sigstore.json" and what lies beside a bundle: its suffix;
 * NULL: it is no such name. */
const char *pkgverify_release_name(const char *name);
/* The statements about the whole tree, if it has any; packages: all, as they were found. */
int pkgverify_release(struct pkgverify_run *run, int root,
		      const struct statement_resource *packages, size_t n,
		      struct err *err) MUST_CHECK;

/* Bundles of packages_dir and the inventory of root into run->inputs, each read when it is
 * asked for. */
int pkgverify_inputs(struct pkgverify_run *run, const char *packages_dir, const char *root,
		     struct err *err) MUST_CHECK;
/* Each proof and each bare envelope in a directory is that of the bundle beside it, and a
 * bundle that was logged has both. */
int pkgverify_beside(struct pkgverify_run *run, int dirfd, struct err *err) MUST_CHECK;
/* Whose signatures stand on the statement of a package, in its bundle and its envelope. */
int pkgverify_signers(struct pkgverify_run *run, const struct pkgverify_package *p,
		      struct dsse_signers *out, struct err *err) MUST_CHECK;
/* log/, where there is one. */
int pkgverify_log(struct pkgverify_run *run, int root, struct err *err) MUST_CHECK;

/* The root of a repository holds what publishing puts there and nothing else; the keys and the
 * description that it offers to clients lead them to no other key than the trusted ones. Looks
 * only: run is as it was but for its arena. */
int pkgverify_tree(struct pkgverify_run *run, int root, const char *path,
		   struct err *err) MUST_CHECK;
