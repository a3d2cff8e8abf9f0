/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: from a definition (images/catalog/NAME.yaml) and packages to an OCI layout with its
 * proof. No scriptlet runs; the RPM database is in place; same packages, same bytes.
 *
 *   format: 1
 *   name: busybox
 *   summary: A shell and nothing else
 *   packages: [baselayout, busybox]
 *   config: {entrypoint: [...], cmd: [/bin/sh], env: {PATH: ...}, user: "0", workdir: /,
 * labels: {}, stop_signal: TERM} links: {usr/bin/sh: busybox}       # further symlinks,
 * optional
 */
#pragma once

#include "base/cas.h"
#include "repo/pkgfacts.h"
#include "repo/publish.h"
#include "trust/verify_terms.h"

#define IMAGE_MAX_BYTES ((size_t)256 * 1024)

struct image {
	const char *path; /* images/catalog/NAME.yaml */
	const char *name, *summary, *description;
	const char *ground; /* the stage whose packages it holds; NULL: that of the run */
	const char **packages;
	size_t npackages;
	const char **prefer;
	size_t nprefer;
	const char **entrypoint, **cmd;
	size_t nentrypoint, ncmd;
	struct image_pair {
		const char *key, *value;
	} * env, *labels, *links;
	size_t nenv, nlabels, nlinks;
	const char *service; /* unit of a package that says how it starts; NULL: none */
	const char *user, *workdir, *stop_signal; /* with a service NULL: as that says */
	const char **ports;                       /* "8080/tcp" */
	size_t nports;
	const char **volumes; /* absolute */
	size_t nvolumes;
	struct digest definition; /* of the definition's bytes; it stands in the provenance */
	size_t definition_size;
	int line;
};
int image_load(struct arena *a, int dirfd, const char *path, struct image **out,
	       struct err *err) MUST_CHECK;
int image_parse(struct arena *a, const char *text, size_t n, const char *path,
		struct image **out, struct err *err) MUST_CHECK;
/* Every definition of images/catalog/, sorted by name. */
int image_load_all(struct arena *a, int dirfd, struct image ***out, size_t *n,
		   struct err *err) MUST_CHECK;

struct image_key { /* as struct recipe_key: the schema as data */
	const char *path, *type, *fallback, *summary;
};
const struct image_key *image_keys(size_t *n);

struct image_spec {
	const struct image *image;
	struct cas *store;
	struct signer *signer;
	const struct pkgfacts *const *packages; /* the universe, with bundles in the store */
	size_t npackages;
	const struct publish_input *inputs;
	size_t ninputs;
	const char *distribution, *builder_id;
	const char *log_dir, *log_origin; /* as of a repository: repo/publish.h */
	const struct witness_http_circle *witnesses;
	const char *distribution_id,
		*distribution_version; /* ID, VERSION_ID (or NULL) for package URLs */
};
struct image_summary {
	struct digest manifest, config, layer; /* layer: compressed blob */
	uint64_t layer_bytes, rootfs_bytes;
	const char **packages; /* file names, sorted; in the arena */
	size_t npackages;
	bool unchanged;
};
/* Writes dest (an OCI layout, e.g. "out/images/busybox" beneath dirfd) and dest.attest/ beside
 * it: provenance bundle, packages/ with every bundle its inputs need, inventory. Exchanged as
 * units. */
int image_commit(struct arena *a, const struct image_spec *spec, int dirfd, const char *dest,
		 struct image_summary *out, struct err *err) MUST_CHECK;

struct imgverify_summary {
	size_t blobs, packages, inputs;
	struct digest manifest;
	struct verify_strength strength;
	struct arena *origin_arena; /* in: where to tell what it was made of; NULL: not asked */
	struct doc *origin;         /* inputs_explain */
};
/* Offline: every blob hashes right, nothing unreferenced, the manifest is the subject of a
 * bundle in PATH.attest/ by a trusted key, every package and every input is known. */
int imgverify_layout_by(const char *path, const struct verify_terms *terms,
			struct imgverify_summary *out, struct err *err) MUST_CHECK;
/* By keys alone. */
int imgverify_layout(const char *path, const struct keyring *ring,
		     const struct verify_report *report, struct imgverify_summary *out,
		     struct err *err) MUST_CHECK;
