/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result of an action, kept in the store under refs/action/KEY: the facts of the packages
 * that came out, and the digests of its record, log and statement. It counts only while every
 * blob it names is there. refs/last remembers the last one of each recipe.
 */
#pragma once

#include "builder/action.h"
#include "trust/verify.h"

struct result_input { /* a package of the environment as it was when this was built */
	const char *name, *purl;
	struct digest file;
};
struct result {
	struct pkgfacts *packages;
	size_t npackages;
	struct digest record, log, statement, bundle;
	struct result_input *environment;
	size_t nenvironment;
	struct doc *measures; /* time and memory; may be NULL */
	struct digest text;   /* of its reference as it was loaded or stored; else zeroes */
};

/* found is false when the store has none, or lacks one of its blobs. */
int result_load(struct arena *a, const struct cas *store, const char *key_hex,
		struct result *out, bool *found, struct err *err) MUST_CHECK;
/* The same of a result's text, wherever it comes from. */
int result_parse(struct arena *a, const struct cas *store, const char *text, size_t n,
		 const char *key_hex, struct result *out, bool *found,
		 struct err *err) MUST_CHECK;
/* The same whether its blobs are there or not. */
int result_read(struct arena *a, const char *text, size_t n, const char *key_hex,
		struct result *out, struct err *err) MUST_CHECK;
int result_store(struct cas *store, const char *recipe, const char *key_hex, struct result *r,
		 struct err *err) MUST_CHECK;

/* Of a recipe, by the name of its notes (workspace_note): this is its last good result, with
 * the time it took. The same result again keeps the note, and its time of birth. */
int result_note_last(struct cas *store, const char *note, const char *key_hex,
		     const struct result *r, struct err *err) MUST_CHECK;
/* The action that last made it, as parsed JSON; NULL when there is none. */
int result_last_action(struct arena *a, const struct cas *store, const char *note,
		       struct doc **out, struct err *err) MUST_CHECK;
/* Bytes of memory that the last good build took at most; untouched when it is not known. */
int result_last_peak(struct arena *a, const struct cas *store, const char *note, int64_t *bytes,
		     struct err *err) MUST_CHECK;
/* Milliseconds of the last good build; untouched when there was none. */
int result_last_duration(const struct cas *store, const char *note, int64_t *ms,
			 struct err *err) MUST_CHECK;

/* Looks at every result: one that cannot be read, or names a blob that is not there, is told to
 * bad as "refs/action/KEY", and with repair removed, so that the recipe is built again. *n: how
 * many were bad. */
int result_check(struct cas *store, bool repair, void (*bad)(void *arg, const char *what),
		 void *arg, uint64_t *n, struct err *err) MUST_CHECK;

/* Over the facts of all packages but their proof, which comes after: byproduct facts.json of
 * the statement. */
void result_facts_digest(const struct pkgfacts *packages, size_t n, struct digest *out);
/* A result that came from elsewhere, whose blobs are all in the store: its statement must be
 * signed by a builder key of ring, speak of this very action, and name by digest all that the
 * result says. ERR_VERIFY names what does not fit. */
int result_trust(const struct cas *store, const struct keyring *ring, const char *key_hex,
		 const struct result *r, struct err *err) MUST_CHECK;
/* The same with the bundle at hand, whose digest is r->bundle; the other blobs need not be
 * there. signer, if not NULL, receives the id of the key, which lives as long as the ring. */
int result_trust_text(const struct keyring *ring, const char *key_hex, const struct result *r,
		      const char *bundle, size_t n, const char **signer,
		      struct err *err) MUST_CHECK;
