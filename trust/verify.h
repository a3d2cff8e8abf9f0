/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one question every consumer asks, as far as it does not depend on what the artefact is:
 * is this bundle signed by a key I trust, and does it speak of these bytes?
 */
#pragma once

#include "trust/material.h"
#include "trust/statement.h"

/* Parses and verifies a bundle with whatever stands beside its signature, reads its statement,
 * demands predicate type and that subject (if not NULL) is among the subjects. Every failure is
 * ERR_VERIFY and names the bundle. */
int verify_bundle(struct arena *a, const struct keyring *ring, const char *text, size_t n,
		  const char *name, const char *predicate_type, const struct digest *subject,
		  struct statement *out, struct err *err) MUST_CHECK;

/* The same of a bundle that another role signs. */
struct verify_ask {
	const struct keyring *ring;
	enum key_role role;
	const char *name; /* of the bundle, for messages */
	const char *predicate_type;
	const struct digest *subject;     /* or NULL */
	struct material *material;        /* NULL, or receives what log and clock say of it */
	const struct key_public **signer; /* NULL, or receives whose it is */
};
int verify_bundle_as(struct arena *a, const struct verify_ask *ask, const char *text, size_t n,
		     struct statement *out, struct err *err) MUST_CHECK;

/* What a verification found, step by step, for people and --json. */
struct verify_report {
	void (*step)(void *arg, bool ok, const char *what); /* may be NULL */
	void *arg;
};
/* A name out of hostile hands as it may be shown: no control character, no broken UTF-8. */
const char *verify_label(struct arena *a, const char *name);
void verify_note(const struct verify_report *r, bool ok, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
