/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing leaves before it was logged: statements go in as they were signed and come out as
 * bundles with log entry and timestamp. All that is new is appended in one batch, in the order
 * of the names, and remembered under refs/logged/, so that nothing is logged or stamped twice
 * and the same statement is the same bundle for ever.
 *
 * refs/logged/<blob of the bundle as signed, or digest of the statement>
 *     -> {bundle: blob, index: place in the log, leaf: hash of the entry, signer, log,
 *         timestamps: whose they are, format}
 *
 * Witnesses are asked when the log has grown: their cosignatures are then in every bundle and
 * proof of the batch. Without their quorum nothing is remembered and the call fails; the next
 * one finds its entries at the end of the log and asks again.
 *
 * What is remembered counts only while the log still holds it at that place. An append that was
 * killed before it could be remembered is found again at the end of the log.
 */
#pragma once

#include "base/cas.h"
#include "trust/material.h"
#include "trust/signer.h"
#include "trust/witness_http.h"

struct ledger {
	struct cas *store;
	struct signer *signer;
	const char *dir;    /* of the log; made when it is not there */
	const char *origin; /* its name */
	/* Who cosigns it before anything carries its checkpoint; NULL: nobody is asked. */
	const struct witness_http_circle *witnesses;
};
struct ledger_item {
	const char *name; /* orders the log, and stands in messages */
	enum key_role role;
	/* A statement that is signed when it is not remembered, ... */
	const struct buf *statement;
	struct digest bare; /* ... or, statement NULL, the blob of its bundle as signed */
	/* Out: */
	struct digest bundle; /* blob, with entry and timestamp */
	uint64_t index;
	bool remembered; /* nothing was done */
};
int ledger_enter(const struct ledger *l, struct ledger_item *items, size_t n,
		 struct err *err) MUST_CHECK;
/* Only looks: *all tells whether every item is remembered, and then they are filled in. */
int ledger_recall(const struct ledger *l, struct ledger_item *items, size_t n, bool *all,
		  struct err *err) MUST_CHECK;
/* The bundle of every statement that was entered with this store and that it still holds. */
typedef int ledger_each_fn(void *arg, const char *name, const struct buf *bundle,
			   struct err *err);
int ledger_each(const struct cas *store, ledger_each_fn *each, void *arg,
		struct err *err) MUST_CHECK;
