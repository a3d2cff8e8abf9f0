/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof that lies beside an image, in NAME.attest/:
 *
 *   provenance.sigstore.json              subject: the image's manifest; dependencies: the
 *                                         definition and every package by its unsigned digest
 *   packages/FILE.rpm.sigstore.json       build-time proof of these packages and, in turn, of
 *                                         every package that took part in building them
 *   inventory.json (+ .sigstore.json)     sources, seed packages and the definition
 *   sbom.cdx.json, .spdx.json, .sigstore.json   bill of materials (imgsbom.h)
 *
 * imgattest_make computes what is to be said, imgattest_commit signs, logs and writes it.
 */
#pragma once

#include "images/image.h"

#define IMGATTEST_PROVENANCE "provenance.sigstore.json"
#define IMGATTEST_PACKAGES   "packages"
#define IMGATTEST_INVENTORY  "inventory.json"
#define IMGATTEST_BUNDLE     ".sigstore.json"
#define IMGATTEST_CYCLONEDX  "sbom.cdx.json"
#define IMGATTEST_SPDX       "sbom.spdx.json"
#define IMGATTEST_SBOM       "sbom.sigstore.json"
#define IMGATTEST_BUILD_TYPE "https://kiln.invalid/buildtypes/image/v1"
#define IMGATTEST_DEFINITION "kiln:"    /* URI prefix of a file of the workspace */
#define IMGATTEST_PURL       "pkg:rpm/" /* URI prefix of a package */

struct imgattest_spec {
	const struct image_spec *image;
	const struct pkgfacts *const *chosen; /* the image's packages, sorted by name */
	size_t nchosen;
	const char *architecture; /* as OCI calls it */
	int64_t epoch;
	struct digest manifest, layer;
};
struct imgattest {
	struct buf statement; /* provenance of the image */
	struct buf inventory, inventory_statement;
	struct buf cyclonedx, spdx, sbom_statement; /* imgsbom.h */
	const struct pkgfacts *
		*packages; /* chosen and what built them, sorted by file name; arena */
	size_t npackages;
};
/* A package without proof, or an input nobody knows, is an error that names it. */
int imgattest_make(struct arena *a, const struct imgattest_spec *spec, struct imgattest *out,
		   struct err *err) MUST_CHECK;
void imgattest_release(struct imgattest *at);
DEFINE_RELEASE(struct imgattest, imgattest_release);
/* Writes everything into the empty directory dirfd. */
int imgattest_commit(struct arena *a, const struct imgattest *at,
		     const struct image_spec *image, int dirfd, struct err *err) MUST_CHECK;
/* dirfd already says exactly this, as it was signed and logged. */
bool imgattest_is_current(struct arena *a, const struct imgattest *at,
			  const struct image_spec *image, int dirfd);
/* "pkg:rpm/kiln/zlib@1.3-1?arch=x86_64&distro=kiln-1" */
const char *imgattest_purl(struct arena *a, const struct image_spec *image,
			   const struct nevra *id);
