/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of Kiln needs to know of a package without opening it: identity, digests,
 * dependencies. Made when a package is written, kept as JSON in action results.
 */
#pragma once

#include "base/digest.h"
#include "base/doc.h"
#include "base/manifest.h"
#include "repo/nevra.h"

enum pkgdep_op { PKGDEP_ANY, PKGDEP_LT, PKGDEP_LE, PKGDEP_EQ, PKGDEP_GE, PKGDEP_GT };

struct pkgdep {
	const char
		*name; /* capability: a name, a path, "libz.so.1()(64bit)", "pkgconfig(zlib)" */
	enum pkgdep_op op;
	const char *evr; /* NULL when op is ANY */
};
struct pkgdeps {
	struct pkgdep *at; /* sorted by (name, op, evr), unique */
	size_t n;
};

struct pkgfacts {
	struct nevra id;
	const char *recipe; /* the recipe it came from */
	const char *summary, *license;
	int64_t build_time;        /* the recipe's epoch */
	struct digest file;        /* SHA-256 of the unsigned .rpm: the blob in the store */
	struct digest header;      /* SHA-256 of the immutable header: its identity */
	struct digest environment; /* what the keys of its users hash (DESIGN.md section 5) */
	uint64_t size, installed_size;
	struct pkgdeps provides, requires, conflicts, obsoletes, recommends;
	const char **paths; /* absolute paths it owns, sorted: for requires of a path */
	size_t npaths;
	/* Proof; zero digests until known. */
	struct digest
		action; /* the action key, SHA-256 of the action's canonical JSON (a blob) */
	struct digest statement, bundle; /* blobs of the build-time statement and its bundle */
};

struct doc *pkgfacts_doc(struct arena *a, const struct pkgfacts *f);
int pkgfacts_parse(struct arena *a, const struct doc *d, const char *name, struct pkgfacts *out,
		   struct err *err) MUST_CHECK;
/* The environment digest: manifest with types, modes, contents, links; name, version, release,
 * provides, requires. Summary, licence and build time do not count. */
void pkgfacts_environment(const struct pkgfacts *f, const struct manifest *m,
			  struct digest *out);

/* "zlib", "zlib >= 1.2", "pkgconfig(zlib) = 1.2.13". */
int pkgdep_parse(struct arena *a, const char *text, struct pkgdep *out,
		 struct err *err) MUST_CHECK;
/* Its version in parts; op is not ANY. */
int pkgdep_evr(struct arena *a, const struct pkgdep *d, struct nevra *out,
	       struct err *err) MUST_CHECK;
const char *pkgdep_text(struct arena *a, const struct pkgdep *d);
int pkgdep_compare(const void *a, const void *b); /* for qsort */
void pkgdep_sort(struct pkgdeps *d);              /* sorts and drops duplicates */
bool pkgdep_matches(const struct pkgdep *want, const struct pkgdep *have);
