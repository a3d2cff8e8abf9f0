/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open-addressed hash table; `sorted` is made when someone iterates and thrown away by the
 * next insert. The hash is seeded per process so that hostile keys cannot be chosen to collide;
 * no order made by it is ever visible.
 */
#include "base/dict.h"
#include "base/mem.h"
#include <sys/auxv.h>

#define FIRST_CAP ((size_t)16)

struct dict_slot {
	char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

static uint64_t
hash_key(const char *key)
{
	uint64_t seed[2] = { 0, 0 }, h;
	unsigned long at = getauxval(AT_RANDOM); /* 16 bytes from the kernel */

	if (at)
		memcpy(seed, (const void *)at,
		       sizeof(seed)); /* NOLINT(performance-no-int-to-ptr) */
	h = seed[0] ^ 0xcbf29ce484222325U;
	for (; *key; key++) {
		h = (h ^ (unsigned char)*key) * 0x9e3779b97f4a7c15U;
		h ^= h >> 29;
	}
	h = (h ^ seed[1]) * 0xff51afd7ed558ccdU;
	return h ^ (h >> 32);
}

/* The slot of key, or the free one where it belongs; cap > n, so there is always one. */
static struct dict_slot *
find(const struct dict *d, const char *key, uint64_t hash)
{
	size_t i = (size_t)hash & (d->cap - 1);

	while (d->slots[i].key &&
	       (d->slots[i].hash != hash || strcmp(d->slots[i].key, key) != 0))
		i = (i + 1) & (d->cap - 1);
	return &d->slots[i];
}

static void
grow(struct dict *d)
{
	struct dict old = *d;

	d->cap = old.cap ? old.cap * 2 : FIRST_CAP;
	d->slots = mem_alloc(d->cap * sizeof(*d->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i].key)
			*find(d, old.slots[i].key, old.slots[i].hash) = old.slots[i];
	}
	free(old.slots);
}

void *
dict_get(const struct dict *d, const char *key)
{
	return d->n ? find(d, key, hash_key(key))->value : NULL;
}

bool
dict_has(const struct dict *d, const char *key)
{
	return d->n && find(d, key, hash_key(key))->key;
}

bool
dict_add(struct dict *d, const char *key, void *value)
{
	uint64_t hash = hash_key(key);
	struct dict_slot *slot;

	if (d->n && find(d, key, hash)->key)
		return false;
	if (d->n * 3 >= d->cap * 2)
		grow(d);
	slot = find(d, key, hash);
	slot->key = mem_strdup(key);
	slot->value = value;
	slot->hash = hash;
	d->n++;
	d->nsorted = 0;
	return true;
}

void
dict_set(struct dict *d, const char *key, void *value)
{
	if (!dict_add(d, key, value))
		find(d, key, hash_key(key))->value = value;
}

static int
by_key(const void *a, const void *b)
{
	const struct dict_slot *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

const char *
dict_at(struct dict *d, size_t i, void **value)
{
	if (d->nsorted != d->n) {
		d->sorted = mem_resize(d->sorted, d->n, sizeof(struct dict_slot *));
		d->nsorted = 0;
		for (size_t s = 0; s < d->cap; s++) {
			if (d->slots[s].key)
				d->sorted[d->nsorted++] = &d->slots[s];
		}
		qsort(d->sorted, d->n, sizeof(struct dict_slot *), by_key);
	}
	if (value)
		*value = d->sorted[i]->value;
	return d->sorted[i]->key;
}

void
dict_release(struct dict *d)
{
	for (size_t i = 0; i < d->cap; i++)
		free(d->slots[i].key);
	free(d->slots);
	free(d->sorted);
	*d = (struct dict){ 0 };
}
