/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are all inputs known? A directory of bundles and a signed inventory; each input of a
 * statement must be listed in the inventory or be the subject of a verified bundle there, whose
 * own inputs are checked likewise. That must end in the inventory: what is made of nothing, or
 * of itself in a circle, is not known.
 */
#pragma once

#include "trust/verify_terms.h"

struct inputs_set;

struct inputs_place {
	const char *dir;       /* *.sigstore.json, each named after a subject of its own */
	const char *inventory; /* path of inventory.json, its bundle beside it */
	enum key_role inventory_by;
	const struct verify_terms *terms; /* what each must satisfy; borrowed */
	bool whole; /* every bundle is read now; else each when something needs it */
};
int inputs_open(const struct inputs_place *p, struct inputs_set **out,
		struct err *err) MUST_CHECK;
/* Everything at once, by these keys and no policy. */
int inputs_load(const char *dir, const char *inventory_path, const struct keyring *ring,
		struct inputs_set **out, struct err *err) MUST_CHECK;
void inputs_free(struct inputs_set *s);
DEFINE_CLEANUP(struct inputs_set *, inputs_free);
/* Is this the name of a bundle that says how something was built? Beside NAME.rpm lie
 * statements of other kinds too (NAME.rpm.sbom.sigstore.json); they are not read here. */
bool inputs_is_bundle(const char *name);
/* The bundle of the file NAME in dir, read and verified now if it was not; whether it is about
 * what its name says, and what the policy says of it, is the caller's to see. */
int inputs_bundle(struct inputs_set *s, const char *name, const struct verify_found **out,
		  struct err *err) MUST_CHECK;
/* Every bundle that was not read yet. */
int inputs_rest(struct inputs_set *s, struct err *err) MUST_CHECK;
/* A statement whose subject is d, or NULL. */
const struct statement *inputs_statement(const struct inputs_set *s, const struct digest *d);
/* Walks all inputs of s down to sources and seed. *count: distinct inputs met. The failure
 * names the input and the statement that needs it. */
int inputs_check(struct inputs_set *set, const struct statement *s, const char *name,
		 size_t *count, struct err *err) MUST_CHECK;
/* A bundle of the set that no inputs_check needed so far, or NULL. */
const char *inputs_unmet(const struct inputs_set *s);
/* What all checks so far met: statements, sources, seeds, unproven. */
void inputs_count(const struct inputs_set *s, struct verify_strength *out);

/* Where s came from, after inputs_check: a list, generation by generation, of what it was made
 * of: {"generation","packages":[{"name","sha256","builder"}],"sources":[{"name","uri",
 * "sha256"}],"seeds":[...]}; each thing once, where it is met first. */
struct doc *inputs_explain(const struct inputs_set *set, const struct statement *s,
			   struct arena *a);
