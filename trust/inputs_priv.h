/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (inputs.c) leaves for judging (inputs_check.c) and telling (inputs_explain.c).
 */
#pragma once

#include "base/dict.h"
#include "base/vec.h"
#include "trust/inputs.h"

struct inputs_known { /* a verified statement and where it came from */
	struct verify_found found;
	const char *bundle; /* name of its file, safe to print */
	size_t index;       /* among all statements of the set */
	bool met;           /* some inputs_check needed it */
};

struct inputs_about { /* the statements about one digest */
	struct inputs_known *known;
	struct inputs_about *next;
};

enum inputs_kind { INPUTS_SOURCE, INPUTS_SEED, INPUTS_UNPROVEN };
struct inputs_leaf { /* an entry of the inventory */
	const char *name;
	enum inputs_kind kind;
	bool met;
};

struct inputs_set {
	struct arena arena;
	const struct verify_terms *terms; /* NULL: none */
	const struct keyring *ring;
	int dirfd; /* of the bundles, while some may have to be read */
	const char *dir;
	bool whole;
	struct dict files;                /* name of a bundle's file -> struct inputs_known */
	struct dict statements;           /* subject digest as hex -> struct inputs_about */
	struct dict inventory;            /* digest as hex -> struct inputs_leaf */
	VEC(struct inputs_leaf *) leaves; /* the same, in the inventory's order */
	VEC(struct inputs_known *) known;
};

const struct inputs_about *inputs_find(const struct inputs_set *s, const struct digest *d);
struct inputs_leaf *inputs_find_leaf(const struct inputs_set *s, const struct digest *d);
/* Reads what s needs, and what that needs, and so on, if it is there. */
int inputs_fetch(struct inputs_set *set, const struct statement *s, struct err *err) MUST_CHECK;
