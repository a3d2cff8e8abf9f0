/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bill of materials of a package, made from two things that were checked before: the
 * package itself (files, licence, what it requires) and the statement of its build (recipe,
 * sources, patches, tools and seed by digest). Nothing is looked up and nothing is guessed, so
 * whoever has both can make the same bytes again.
 *
 *   NAME.rpm.cdx.json            CycloneDX 1.6
 *   NAME.rpm.spdx.json           SPDX 2.3
 *   NAME.rpm.sbom.sigstore.json  statement about NAME.rpm: the CycloneDX document as predicate
 *                                when the signer takes so much, else a reference to it. That
 *                                document names the SPDX one by digest.
 *   NAME.rpm.test.sigstore.json  test-result; only where the recipe has a check
 */
#pragma once

#include "repo/pkgfile.h"
#include "repo/purl.h"
#include "trust/sbom.h"
#include "trust/statement.h"

#define PKGSBOM_CYCLONEDX ".cdx.json"
#define PKGSBOM_SPDX      ".spdx.json"
#define PKGSBOM_BUNDLE    ".sbom.sigstore.json"
#define PKGSBOM_TEST      ".test.sigstore.json"
#define PKGSBOM_CHECK     "build.check" /* what passed, in its words */

struct pkgsbom_spec {
	int fd;           /* the package, signed or not */
	const char *name; /* of the file, for messages and references */
	struct digest file;
	const struct statement *build;
	struct purl_distribution distribution; /* id NULL: not known, and no purl is written */
};
/* The model; without its SHA-1 sums the package's contents are not read. */
int pkgsbom_make(struct arena *a, const struct pkgsbom_spec *spec, bool sha1, struct sbom *out,
		 struct err *err) MUST_CHECK;
/* Both documents. */
int pkgsbom_write(const struct pkgsbom_spec *spec, struct buf *cyclonedx, struct buf *spdx,
		  struct err *err) MUST_CHECK;
/* What the build said of the distribution; false: it was made before builds said so. */
bool pkgsbom_distribution(const struct statement *build, struct purl_distribution *out);

/* The statement that is signed, about the subjects of the package's provenance. */
int pkgsbom_statement(const struct pkgsbom_spec *spec, const struct buf *cyclonedx,
		      struct buf *out, struct err *err) MUST_CHECK;
/* The test-result of a package whose recipe has a check; *has is false when it has none. */
int pkgsbom_test(const struct pkgsbom_spec *spec, struct buf *out, bool *has,
		 struct err *err) MUST_CHECK;

/* Does a document speak of this package? Its digest, every file of the package with its digest
 * and no other, every recipe, source, patch, tool and seed package of the build and no other.
 * ERR_VERIFY names the first difference. */
int pkgsbom_check(const struct pkgsbom_spec *spec, const struct sbom *said,
		  struct err *err) MUST_CHECK;
