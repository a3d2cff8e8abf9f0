/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String map whose only iteration order is sorted (strcmp), so no hash order reaches an output.
 * Keys are copied, values are borrowed. Lookup O(log n) or better, n inserts O(n log n).
 * `struct dict d = { 0 };` then dict_release(&d).
 */
#pragma once

#include "base/base.h"

struct dict {
	struct dict_slot *slots; /* private to dict.c */
	size_t n, cap;
	struct dict_slot **sorted;
	size_t nsorted;
};

void *dict_get(const struct dict *d, const char *key); /* NULL: not there */
bool dict_has(const struct dict *d, const char *key);
void dict_set(struct dict *d, const char *key, void *value); /* replaces */
bool dict_add(struct dict *d, const char *key, void *value); /* false and unchanged if there */
/* The i-th entry in key order, i < d->n. Amortised: sorts once after the last insert. */
const char *dict_at(struct dict *d, size_t i, void **value);
void dict_release(struct dict *d);
DEFINE_RELEASE(struct dict, dict_release);
