/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of our packages an advisory means: OSV records (a file of one, an array, lines, or a
 * directory of files) against what the statements of builds say was built from what.
 *
 * A package goes by several names: its own package URL, that of the project and the CPE of its
 * recipe, the Debian source its archive came from, the repository on the web. The targets are
 * indexed by these names and the records stream past, so the cost is linear in the size of the
 * feed and does not depend on how many packages there are.
 *
 * Every record is hostile input: bounded, printed only after verify_label.
 */
#pragma once

#include "base/dict.h"
#include "repo/purl.h"
#include "trust/statement.h"

#define ADVISORY_MAX_BYTES    ((size_t)16 * 1024 * 1024) /* one record */
#define ADVISORY_MAX_EVENTS   ((size_t)20000)            /* of one range */
#define ADVISORY_MAX_FINDINGS ((size_t)1000000)

/* How versions under a name are ordered. */
enum advisory_order {
	ADVISORY_RPM,
	ADVISORY_DEB,
	ADVISORY_DEB_UPSTREAM, /* ours is a Debian version without epoch and revision */
	ADVISORY_SEMVER,
	ADVISORY_PLAIN /* a project's own: letters and digits in turn */
};
/* -1, 0, 1. ours and theirs are of a name of that order; nothing is refused. */
int advisory_compare(enum advisory_order order, const char *ours, const char *theirs);

struct advisory_name {
	const char *key;     /* "pkg:deb/debian/zlib", "cpe:zlib:zlib" */
	const char *version; /* NULL: not known, so every version is meant */
	const char *release; /* "12" of Debian 12, NULL: not known */
	enum advisory_order order;
};
/* A package, or something else that an advisory may mean. */
struct advisory_target {
	const char *label;  /* "zlib-1.2.13-1.x86_64" */
	const char *recipe; /* the recipe it is of, or NULL */
	const char *within; /* the repository or image it was found in, or NULL */
	const char *purl;   /* or NULL */
	bool hashed;
	struct digest sha256;
	struct advisory_name *names;
	size_t nnames, cap;
	const char **resolves; /* what its patches settle */
	size_t nresolves;
};
/* From the statement of its build, which may be about several: file is which, NULL the first.
 */
int advisory_target_read(struct arena *a, const struct statement *s, const struct digest *file,
			 struct advisory_target *out, struct err *err) MUST_CHECK;
/* One name more; what cannot be read as one adds none. */
void advisory_target_add_rpm(struct arena *a, struct advisory_target *t,
			     const struct purl_distribution *d, const struct nevra *id);
void advisory_target_add_purl(struct arena *a, struct advisory_target *t, const char *purl);
void advisory_target_add_cpe(struct arena *a, struct advisory_target *t, const char *cpe);
/* uri: where a source was fetched from; upstream: where its project keeps it, or NULL; version:
 * of the project. */
void advisory_target_add_source(struct arena *a, struct advisory_target *t, const char *uri,
				const char *upstream, const char *version);
/* A package of the seed: its Debian source, its version. */
void advisory_target_add_seed(struct arena *a, struct advisory_target *t, const char *uri,
			      const char *version);

enum advisory_status {
	ADVISORY_FIXED,        /* a patch of ours settles it */
	ADVISORY_NOT_AFFECTED, /* a reviewed statement says so */
	ADVISORY_INVESTIGATED, /* it cannot be told, or a reviewed statement says so */
	ADVISORY_AFFECTED
};
const char *advisory_status_name(enum advisory_status s); /* as OpenVEX calls it */

struct advisory_finding {
	const struct advisory_target *target;
	const char *id; /* "CVE-2026-1", or what the record calls itself */
	const char **records;
	size_t nrecords;
	enum advisory_status status;
	const char *why;                  /* in words */
	const char *fixed;                /* the lowest version that is not affected, or NULL */
	const char *summary;              /* of the record, or NULL */
	const char *justification, *note; /* of a statement, or NULL (repo/vex.h) */
};

struct advisory_question {
	const struct advisory_target *targets;
	size_t ntargets;
	const char *const *releases; /* "Debian:12": entries for other releases do not count */
	size_t nreleases;
	const char *only; /* NULL, or the id of the one advisory that is asked about */
};
struct advisory_answer {
	struct advisory_finding **findings; /* by target's label, then id */
	size_t nfindings;
	size_t records, withdrawn; /* read; of them */
	size_t asked;              /* that are about the question's `only` */
};
/* path: as the user named it. */
int advisory_search(struct arena *a, const struct advisory_question *q, const char *path,
		    struct advisory_answer *out, struct err *err) MUST_CHECK;
/* The same of bytes: for fuzzing, and tests. */
int advisory_search_text(struct arena *a, const struct advisory_question *q, const char *text,
			 size_t n, const char *name, struct advisory_answer *out,
			 struct err *err) MUST_CHECK;
