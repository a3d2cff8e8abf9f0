/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carrying a part of the store to a machine without a network, as a static tree:
 *
 *   DIR/cas/HEX      blobs: packages, statements, bundles, records, logs, actions, sources and
 *                    seed packages
 *   DIR/ac/KEY       results, as in refs/action
 *   DIR/proof/HEX    of packages that were published and that something here was made of, as in
 *                    refs/proof: publishing needs their statements
 *   DIR/kiln.json    what the two hold: {"format":1,"objects":[{"sha256","bytes"}],
 *                    "results":[{"action","recipe"}],"proofs":[HEX]}; written last
 *
 * An import takes a blob only when its digest is its name, and a result only when its statement
 * convinces (result_trust); others are told and left out, and then simply built.
 */
#pragma once

#include "builder/build.h"

struct transfer_report {
	uint64_t objects, bytes, results; /* carried */
	uint64_t present;                 /* objects that were there already */
	uint64_t unbuilt;                 /* export: recipes that are not built as they stand */
	uint64_t refused; /* import: results and proofs that were not believed */
};
/* The named recipes (none: all) with all they need. What is not fetched is an error. */
int transfer_export(struct builder *b, const char *dir, const char *const *names, size_t nnames,
		    struct transfer_report *out, struct err *err) MUST_CHECK;
/* The same results to the shared cache: objects and bytes stay 0. why: of the first that was
 * not sent, counted in refused; NULL when all were. */
int transfer_push(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		  volatile const bool *stop, struct transfer_report *out, const char **why,
		  struct err *err) MUST_CHECK;
/* refused: a result and why; may be NULL. */
int transfer_import(struct cas *store, const char *dir, const struct keyring *ring,
		    void (*refused)(void *arg, const char *recipe, const char *why), void *arg,
		    struct transfer_report *out, struct err *err) MUST_CHECK;
