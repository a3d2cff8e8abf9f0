/* SPDX-License-Identifier: Apache-2.0 */
/* What reading (inputs.c) leaves for judging (inputs_check.c). */
#pragma once

#include "base/dict.h"
#include "base/vec.h"
#include "trust/inputs.h"

struct inputs_known { /* a verified statement and where it came from */
	struct statement statement;
	const char *bundle; /* name of its file, safe to print */
	size_t index;       /* among all statements of the set */
	bool met;           /* some inputs_check needed it */
};

struct inputs_about { /* the statements about one digest */
	struct inputs_known *known;
	struct inputs_about *next;
};

struct inputs_set {
	struct arena arena;
	struct dict statements; /* subject digest as hex -> struct inputs_about */
	struct dict inventory;  /* digest as hex -> name of the source or seed package */
	VEC(struct inputs_known *) known;
};
