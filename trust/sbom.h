/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bill of materials as a model, written as CycloneDX 1.6 and as SPDX 2.3 (both JSON). The
 * model says what is known and no more: the rooms that know packages and images fill it
 * (repo/pkgsbom, images/imgsbom). Same model, same bytes: the only time is the epoch, and
 * identifiers are made from the SHA-256 of what is written.
 *
 *   parts[0] is the subject: a package or an image. Of a package, recipe, sources, patches,
 *   tools and seed packages are what it was made of; of an image, packages, layers and the
 *   operating system are what it holds.
 */
#pragma once

#include "base/digest.h"
#include "base/doc.h"
#include "trust/verify.h"

#define SBOM_TYPE_CYCLONEDX "https://cyclonedx.org/bom" /* in-toto predicate types */
#define SBOM_TYPE_SPDX      "https://spdx.dev/Document"
#define SBOM_MAX_BYTES      DOC_MAX_BYTES
#define SBOM_WRITER         "1" /* raised when the same model is written as other bytes */

enum sbom_kind {
	SBOM_PACKAGE,
	SBOM_IMAGE,
	SBOM_SYSTEM,
	SBOM_LAYER,
	SBOM_RECIPE,
	SBOM_SOURCE,
	SBOM_PATCH,
	SBOM_TOOL,
	SBOM_SEED,
	SBOM_KINDS
};
const char *sbom_kind_name(enum sbom_kind k); /* "package", ... */

struct sbom_part {
	enum sbom_kind kind;
	const char *name;
	const char *version, *purl, *cpe, *license, *summary, *homepage; /* may be NULL */
	const char *supplier;                                            /* may be NULL */
	const char *location; /* where the bytes came from: any URI, may be NULL */
	const char *upstream; /* of a source: where its project keeps it; may be NULL */
	const char *project;  /* purl of the project that a package was made from, or NULL */
	bool hashed;
	struct digest sha256;
	const char **resolves; /* advisories that a patch settles: "CVE-2026-1" */
	size_t nresolves;
	size_t *depends; /* parts it needs at run time, by index */
	size_t ndepends;
};
struct sbom_file {        /* regular files only: links and directories have no contents */
	const char *path; /* absolute */
	struct digest sha256;
	char sha1[DIGEST_SHA1_HEX]; /* SPDX 2.3 demands it */
};
struct sbom {
	int64_t epoch;
	const char *author; /* the distribution's name */
	struct sbom_part *parts;
	size_t nparts;
	struct sbom_file *files;
	size_t nfiles;
	const char **requires; /* capabilities that a package asks for, as RPM spells them */
	size_t nrequires;
	const char *twin; /* file of the same bill as SPDX, which CycloneDX names; or NULL */
	struct digest twin_sha256;
};

void sbom_cyclonedx(const struct sbom *s, struct buf *out);
void sbom_spdx(const struct sbom *s, struct buf *out);
/* The model of a CycloneDX document: of one of ours all of it, of another's what has a place
 * here. Hostile input: ERR_INPUT naming `name`. */
int sbom_parse(struct arena *a, const char *text, size_t n, const char *name, struct sbom *out,
	       struct err *err) MUST_CHECK;
/* The same of a document that was read; out points into it. */
int sbom_parse_doc(struct arena *a, const struct doc *root, const char *name, struct sbom *out,
		   struct err *err) MUST_CHECK;

/* Both documents; the CycloneDX one names the other, spdx_name, by digest. */
void sbom_write(struct sbom *s, const char *spdx_name, struct buf *cyclonedx, struct buf *spdx);
/* The statement that is signed for them: the CycloneDX document as predicate when out takes so
 * much, else a reference to it. */
struct sbom_proof {
	struct statement_resource *subjects; /* what the bill is of */
	size_t nsubjects;
	const char *file, *attester; /* name of the CycloneDX document; builder id */
	const struct buf *cyclonedx;
};
int sbom_statement(const struct sbom_proof *p, struct buf *out, struct err *err) MUST_CHECK;
/* A trusted key vouches for these very documents (spdx: or NULL) as the bill of ask->subject;
 * ask->predicate_type is not looked at. out: what they say. */
int sbom_verify(struct arena *a, const struct verify_ask *ask, const struct buf *bundle,
		const struct buf *cyclonedx, const struct buf *spdx, struct sbom *out,
		struct err *err) MUST_CHECK;

/* "CVE-2026-1234", "GHSA-xxxx-xxxx-xxxx": letters, digits, - _ . : with at least one '-'. */
bool sbom_is_advisory(const char *s);
