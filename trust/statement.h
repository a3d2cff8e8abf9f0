/* SPDX-License-Identifier: Apache-2.0 */
/*
 * in-toto Statement v1 with SLSA Provenance v1: made from an action and its record, never from
 * what a build printed; read back for verification. No unknown field at statement level or in
 * subjects (stock verifiers refuse them); our own data stands inside the predicate.
 */
#pragma once

#include "base/digest.h"
#include "base/doc.h"

#define STATEMENT_TYPE    "https://in-toto.io/Statement/v1"
#define STATEMENT_SLSA_V1 "https://slsa.dev/provenance/v1"
#define STATEMENT_INVENTORY                                                                    \
	"https://kiln.invalid/inventory/v1" /* sources and seed of a repository */
#define STATEMENT_SEED "seed"               /* a ground of other people's binaries */
#define STATEMENT_RPM_BUILD                                                                    \
	"https://kiln.invalid/buildtypes/rpm/v1" /* the build type of a package */

/* Predicate types of the further statements. */
#define STATEMENT_TEST_RESULT  "https://in-toto.io/attestation/test-result/v0.1"
#define STATEMENT_REFERENCE    "https://in-toto.io/attestation/reference/v0.1"
#define STATEMENT_RELEASE      "https://in-toto.io/attestation/release/v0.2"
#define STATEMENT_VSA          "https://slsa.dev/verification_summary/v1"
#define STATEMENT_OPENVEX      "https://openvex.dev/ns"
#define STATEMENT_MAX_SUBJECTS 1024 /* what stock verifiers accept */

struct statement_resource { /* an in-toto ResourceDescriptor */
	const char *name;   /* may be NULL */
	const char *uri;    /* may be NULL */
	struct digest sha256;
	struct doc *annotations; /* map, or NULL */
};

struct statement {
	const char *predicate_type;
	struct statement_resource *subjects; /* name and digest only */
	size_t nsubjects;
	const char *build_type;
	struct doc *external, *internal; /* maps */
	struct statement_resource
		*dependencies; /* sources, environment packages, seed entries */
	size_t ndependencies;
	const char *builder_id;
	struct doc *builder_version;           /* map of text, or NULL */
	struct doc *metadata;                  /* map, or NULL */
	struct statement_resource *byproducts; /* log, record */
	size_t nbyproducts;
	struct doc
		*predicate; /* other predicate types: used as is; set by parse for every type */
};

/* Canonical JSON. */
int statement_make(const struct statement *s, struct buf *out, struct err *err) MUST_CHECK;
/* Unknown predicate content is ignored (monotonic rule); a missing required field is
 * ERR_VERIFY. */
int statement_parse(struct arena *a, const char *text, size_t n, const char *name,
		    struct statement *out, struct err *err) MUST_CHECK;
/* What a package was built on, as its environment says: "seed", or the stages whose packages
 * were its ground, "cross,temporary" (docs/bootstrap.md); NULL when it names none. */
const char *statement_ground(struct arena *a, const struct statement *s);
/* Packages that are shipped together were built on the same ground; begins empty. */
struct statement_grounds {
	const char *first, *ground; /* the first package and its ground */
};
int statement_same_ground(struct statement_grounds *seen, const char *package,
			  const char *ground, struct err *err) MUST_CHECK;
/* The subject whose sha256 equals d, or NULL. */
const struct statement_resource *statement_subject(const struct statement *s,
						   const struct digest *d);

/* ---- predicates of the further statements ---- */

/* A test that passed; used: what it was run in and what it left, by digest. */
struct doc *statement_test_result(struct arena *a, const char *test,
				  const struct statement_resource *used, size_t n);
/* The same of one that may have failed. */
struct doc *statement_test_outcome(struct arena *a, const char *test, bool passed,
				   const struct statement_resource *used, size_t n);
/* Whether a test result says that this test passed. */
bool statement_test_passed(const struct statement *s, const char *test);
/* Points at a document that is too large for a statement. */
struct doc *statement_reference(struct arena *a, const char *attester, const char *name,
				const struct digest *sha256, const char *media_type);
/* A repository as a whole, in as many statements as its files need. part: from 1. */
struct doc *statement_release(struct arena *a, const char *purl, unsigned part, unsigned parts);

/* What a verifier found. Stock readers take levels of the form SLSA_BUILD_LEVEL_3 only, and
 * inputs all or none. */
struct statement_vsa {
	const char *verifier_id, *verifier_version; /* version may be NULL */
	int64_t time;                               /* of the verdict: the verifier's clock */
	const char *resource_uri;                   /* purl, or where the artefact is */
	const char *policy_uri;
	const struct digest *policy_sha256;      /* may be NULL */
	const struct statement_resource *inputs; /* bundles that were read: uri and digest */
	size_t ninputs;
	bool passed;
	const char *const *levels;
	size_t nlevels;
};
struct doc *statement_vsa(struct arena *a, const struct statement_vsa *v);
