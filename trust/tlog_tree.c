/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a tree: every hash of it is in a tile, or a few hashes of one tile away. A proof
 * touches the tiles on the way from the leaf to the root and those of the right edge: a
 * handful, which are kept while the tree is open.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "trust/tlog_priv.h"

#define KEPT 16 /* tiles in memory: twice what one proof touches */

struct tile {
	bool used;
	int level;
	uint64_t n;
	unsigned int width;
	struct digest at[TLOG_WIDTH];
};
struct tlog_tree {
	int dirfd;
	uint64_t size;
	size_t reads, next;
	struct tile kept[KEPT];
};

int
tlog_tree_open(int dirfd, uint64_t size, struct tlog_tree **out, struct err *err)
{
	struct tlog_tree *t;

	if (size > TLOG_MAX_SIZE)
		return err_set(err, ERR_LIMIT, "log of more than 2^48 entries");
	t = mem_alloc(sizeof(*t));
	t->dirfd = dirfd;
	t->size = size;
	*out = t;
	return 0;
}

void
tlog_tree_free(struct tlog_tree *t)
{
	free(t);
}

size_t
tlog_tree_reads(const struct tlog_tree *t)
{
	return t->reads;
}

static int
tile_of(struct tlog_tree *t, int level, uint64_t n, const struct tile **out, struct err *err)
{
	unsigned int width = tlog_tile_width(level, n, t->size);
	struct tile *slot;

	for (size_t i = 0; i < KEPT; i++) {
		slot = &t->kept[i];
		if (slot->used && slot->level == level && slot->n == n) {
			*out = slot;
			return 0;
		}
	}
	slot = &t->kept[t->next++ % KEPT];
	slot->used = false;
	if (tlog_tile_read(t->dirfd, level, n, width, slot->at, err) < 0)
		return -1;
	t->reads++;
	slot->used = true;
	slot->level = level;
	slot->n = n;
	slot->width = width;
	*out = slot;
	return 0;
}

/* The hash over the 2^level leaves from index << level on, which are all there. */
static int
whole(struct tlog_tree *t, unsigned int level, uint64_t index, struct digest *out,
      struct err *err)
{
	size_t count = (size_t)1 << (level % TLOG_BITS);
	uint64_t first = index << (level % TLOG_BITS);
	struct digest work[TLOG_WIDTH];
	const struct tile *tile;

	if (tile_of(t, (int)(level / TLOG_BITS), first / TLOG_WIDTH, &tile, err) < 0)
		return -1;
	memcpy(work, &tile->at[first % TLOG_WIDTH], count * sizeof(*work));
	tlog_tile_fold(work, count, out);
	return 0;
}

/* The largest power of two below n, n > 1. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* MTH(D[lo:lo+n]) for a range that is a subtree: whole subtrees from the right edge leftwards.
 */
static int
range(struct tlog_tree *t, uint64_t lo, uint64_t n, struct digest *out, struct err *err)
{
	uint64_t end = lo + n;
	struct digest left;
	bool any = false;

	for (uint64_t rest = n; rest > 0; rest &= rest - 1) {
		unsigned int level = (unsigned int)__builtin_ctzll(rest);

		end -= UINT64_C(1) << level;
		if (whole(t, level, end >> level, &left, err) < 0)
			return -1;
		if (any)
			tlog_node(&left, out, out);
		else
			*out = left;
		any = true;
	}
	return 0;
}

int
tlog_tree_root_at(struct tlog_tree *t, uint64_t size, struct digest *out, struct err *err)
{
	if (size > t->size)
		return err_set(err, ERR_INPUT, "the log never had %llu entries: it holds %llu",
			       (unsigned long long)size, (unsigned long long)t->size);
	if (size == 0) {
		digest_of("", 0, out);
		return 0;
	}
	return range(t, 0, size, out, err);
}

int
tlog_tree_root(struct tlog_tree *t, struct digest *out, struct err *err)
{
	return tlog_tree_root_at(t, t->size, out, err);
}

static void
reverse(struct tlog_proof *p)
{
	for (size_t i = 0; i < p->n / 2; i++) {
		struct digest d = p->at[i];

		p->at[i] = p->at[p->n - 1 - i];
		p->at[p->n - 1 - i] = d;
	}
}

int
tlog_tree_prove(struct tlog_tree *t, const struct digest *root, uint64_t index,
		struct digest *leaf, struct tlog_proof *out, struct err *err)
{
	uint64_t lo = 0, n = t->size;
	struct digest at;

	if (index >= t->size)
		return err_set(err, ERR_INPUT, "the log has no entry %llu: it holds %llu",
			       (unsigned long long)index, (unsigned long long)t->size);
	out->n = 0;
	while (n > 1) {
		uint64_t k = split(n);
		bool left = index - lo < k;

		if (range(t, left ? lo + k : lo, left ? n - k : k, &out->at[out->n++], err) < 0)
			return -1;
		lo = left ? lo : lo + k;
		n = left ? k : n - k;
	}
	reverse(out);
	if (whole(t, 0, index, &at, err) < 0)
		return -1;
	if (!tlog_includes(&at, index, t->size, out, root))
		return err_set(err, ERR_VERIFY,
			       "the log's tiles do not fit its checkpoint of size %llu",
			       (unsigned long long)t->size);
	if (leaf)
		*leaf = at;
	return 0;
}

int
tlog_tree_prove_growth(struct tlog_tree *t, const struct digest *root, uint64_t old_size,
		       const struct digest *old_root, struct tlog_proof *out, struct err *err)
{
	uint64_t lo = 0, n = t->size, m = old_size;
	bool inner = false;

	if (old_size > t->size)
		return err_set(err, ERR_VERIFY, "the log has shrunk from %llu entries to %llu",
			       (unsigned long long)old_size, (unsigned long long)t->size);
	out->n = 0;
	while (m > 0 && m != n) {
		uint64_t k = split(n);
		bool left = m <= k;

		if (range(t, left ? lo + k : lo, left ? n - k : k, &out->at[out->n++], err) < 0)
			return -1;
		if (left) {
			n = k;
			continue;
		}
		lo += k;
		m -= k;
		n -= k;
		inner = true;
	}
	if (inner && range(t, lo, n, &out->at[out->n++], err) < 0)
		return -1;
	reverse(out);
	if (!tlog_extends(old_size, old_root, t->size, root, out))
		return err_set(err, ERR_VERIFY,
			       "the log of %llu entries is not a continuation of that of %llu",
			       (unsigned long long)t->size, (unsigned long long)old_size);
	return 0;
}

int
tlog_tree_entry(struct tlog_tree *t, uint64_t index, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(TLOG_BUNDLE_MAX);
	uint64_t n = index / TLOG_WIDTH;
	const uint8_t *p;

	if (index >= t->size)
		return err_set(err, ERR_INPUT, "the log has no entry %llu: it holds %llu",
			       (unsigned long long)index, (unsigned long long)t->size);
	if (tlog_tile_entries(t->dirfd, n, tlog_tile_width(TLOG_ENTRIES, n, t->size), &bundle,
			      err) < 0)
		return -1;
	p = (const uint8_t *)bundle.data;
	for (unsigned int i = 0; i < index % TLOG_WIDTH; i++)
		p += 2 + (p[0] << 8 | p[1]);
	buf_add(out, p + 2, (size_t)(p[0] << 8 | p[1]));
	return buf_check(out, "log entry", err);
}
