/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are all inputs known? A directory of bundles and a signed inventory; each input of a
 * statement must be listed in the inventory or be the subject of a verified bundle there, whose
 * own inputs are checked likewise. That must end in the inventory: what is made of nothing, or
 * of itself in a circle, is not known.
 */
#pragma once

#include "trust/verify.h"

struct inputs_set;

/* Reads and verifies every *.sigstore.json of dir, each named after a subject of its own, and
 * inventory.json with its bundle at inventory_path (its directory entry); keys: ring. */
int inputs_load(const char *dir, const char *inventory_path, const struct keyring *ring,
		struct inputs_set **out, struct err *err) MUST_CHECK;
/* The inventory is signed by another role than the builder; the statements are his. */
int inputs_load_as(const char *dir, const char *inventory_path, enum key_role inventory_by,
		   const struct keyring *ring, struct inputs_set **out,
		   struct err *err) MUST_CHECK;
void inputs_free(struct inputs_set *s);
DEFINE_CLEANUP(struct inputs_set *, inputs_free);
/* A statement whose subject is d, or NULL. */
const struct statement *inputs_statement(const struct inputs_set *s, const struct digest *d);
/* Walks all inputs of s down to sources and seed. *count: distinct inputs met. The failure
 * names the input and the statement that needs it. */
int inputs_check(struct inputs_set *set, const struct statement *s, const char *name,
		 size_t *count, struct err *err) MUST_CHECK;
/* A bundle of the set that no inputs_check needed so far, or NULL. */
const char *inputs_unmet(const struct inputs_set *s);
