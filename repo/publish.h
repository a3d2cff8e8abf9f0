/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing: signs each package (signature header only), makes and signs its second statement
 * (same buildDefinition; subjects NAME.rpm signed and NAME.rpm;unsigned), assembles the
 * metadata, signs it, and exchanges the finished tree with the old one in a single rename.
 *
 *   out/repo/packages/NAME.rpm, NAME.rpm.sigstore.json
 *   out/repo/packages/NAME.rpm.cdx.json .spdx.json .sbom.sigstore.json .test.sigstore.json
 *                                             bills of materials, test result (pkgsbom.h)
 *   out/repo/packages/NAME.rpm.installed.sigstore.json .twice.sigstore.json
 *                                             what was found out about it (verdict.h)
 *   out/repo/packages/NAME.rpm.DIGEST.sigstore.json   of older packages that these were made of
 *   beside each .sigstore.json: .tlog-proof (C2SP) and .intoto.jsonl (the bare envelope)
 *   out/repo/log/    the transparency log with every statement of the tree
 *   out/repo/repodata/repomd.xml .asc .key and metadata
 *   out/repo/keys/   public keys;  out/repo/inventory.json, inventory.json.sigstore.json
 *   out/repo/kiln.repo
 *   out/repo/release.sigstore.json            all of this by digest; release-2... when it is
 * much
 */
#pragma once

#include "base/cas.h"
#include "repo/pkgfacts.h"
#include "trust/signer.h"
#include "trust/statement.h"
#include "trust/witness_http.h"

/* An older build of a package, which something published was made with. */
#define PUBLISH_KIND_EARLIER "earlier-package"

struct publish_input { /* one line of the inventory: a source or a seed package */
	const char *name, *uri;
	struct digest sha256;
	uint64_t size;
	const char *kind; /* "source", "seed", "patch", "recipe-file", PUBLISH_KIND_EARLIER */
};
struct publish_spec {
	struct cas *store;
	struct signer *signer;
	const struct pkgfacts *const *packages;
	size_t npackages;
	const struct publish_input *inputs; /* sorted by digest inside */
	size_t ninputs;
	int64_t epoch;                                      /* the newest of the packages' */
	const char *distribution;                           /* "Kiln Linux" */
	const char *distribution_id, *distribution_version; /* ID, VERSION_ID (or NULL) */
	const char *repo_id;                                /* "kiln" */
	const char *log_dir;    /* the log of the key set; begun when it is not there */
	const char *log_origin; /* its name */
	const struct witness_http_circle *witnesses; /* who cosigns it (ledger.h), or NULL */
	/* Its public keys go along as a package (keypack.h), in the name of this builder. */
	bool keyring;
	const char *builder_id;
	/* Signatures of metadata end this many seconds after now, which is then their time; 0:
	 * they never end, and their time is the epoch. */
	int64_t metadata_expires, now;
};
struct publish_summary {
	size_t packages, reused; /* reused: signed files and bundles taken from the store */
	bool unchanged;          /* the tree at dest was already exactly this */
	struct digest repomd;
};
/* dest: path of the tree, e.g. "out/repo" beneath dirfd. */
int publish_commit(const struct publish_spec *spec, int dirfd, const char *dest,
		   struct publish_summary *out, struct err *err) MUST_CHECK;
#define PUBLISH_EXPIRES (14 * 86400) /* of publish_resign, when nothing else is said */
/* Signs the metadata of the published tree again, now, and nothing else: what a timer does so
 * that signatures which end never do. Refused when the present signature is by none of our
 * keys, whether it ended or not. Of spec only store, signer and the last two fields count. */
int publish_resign(const struct publish_spec *spec, int dirfd, const char *dest,
		   struct err *err) MUST_CHECK;
/* Remembers where the statement of a built package is (refs/proof/<digest of the unsigned
 * file>). A package that is rebuilt with the same environment digest rebuilds nobody, so what
 * was made with the older file stays published, and its statement must stay findable.
 * Publishing remembers what it publishes; the builder should remember every package it proves.
 */
int publish_remember(struct cas *store, const struct pkgfacts *f, struct err *err) MUST_CHECK;
/* The statement of the package whose unsigned file has this digest, as it was remembered, by a
 * builder key of ring. found is false when none is in the store; out and name live in a. */
int publish_recall(struct arena *a, const struct cas *store, const struct keyring *ring,
		   const struct digest *file, const char **name, struct digest *bundle,
		   struct statement *out, bool *found, struct err *err) MUST_CHECK;
/* The inventory as bytes and as signed bundle; images ship it too. */
int publish_inventory(const struct publish_input *inputs, size_t n, struct buf *out,
		      struct err *err) MUST_CHECK;
