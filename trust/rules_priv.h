/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by what reads a policy: the file as a whole (rules_read.c), its parties
 * (rules_party.c). */
#pragma once

#include "base/doc.h"
#include "trust/rules.h"

struct rules_reader {
	struct arena *a;
	const char *name; /* of the file, for messages */
	const char *dir;  /* where files it names are */
	struct rules *out;
	struct err *err;
};

/* Only these keys, NULL-terminated; with the nearest one named. */
int rules_read_keys(struct rules_reader *r, const struct doc *map, const char *const *keys);
int rules_read_text(struct rules_reader *r, const struct doc *d, const char *what,
		    const char **out);
int rules_read_wrong(struct rules_reader *r, const struct doc *d, const char *what,
		     const char *want);
int rules_read_count(struct rules_reader *r, const struct doc *map, const char *key,
		     size_t parties, int64_t *out);
int rules_read_builders(struct rules_reader *r, const struct doc *d);
int rules_read_log(struct rules_reader *r, const struct doc *d);
int rules_read_witnesses(struct rules_reader *r, const struct doc *d);
int rules_read_rebuilds(struct rules_reader *r, const struct doc *d);
