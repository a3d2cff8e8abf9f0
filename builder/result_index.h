/* SPDX-License-Identifier: Apache-2.0 */
/* Results as the store's index knows them (repo/index.h). */
#pragma once

#include "builder/result.h"
#include "repo/index.h"

#define RESULT_MANY 100 /* from here on asking the index beats reading references */

int result_index(struct cas *store, bool anew, struct index **out, struct err *err) MUST_CHECK;
/* Compares the index with one made anew of the results: *stale when it says anything else. With
 * repair it is then made anew. */
int result_index_check(struct cas *store, bool repair, bool *stale, struct err *err) MUST_CHECK;
/* Results that hold a package (index_find), each looked up in the store again. What the index
 * does not know is looked for in every result. */
int result_index_find(struct cas *store, const char *what,
		      void (*fn)(void *arg, const char *key, const char *recipe,
				 const char *nevra),
		      void *arg, size_t *n, struct err *err) MUST_CHECK;
