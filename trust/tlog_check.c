/* SPDX-License-Identifier: Apache-2.0 */
/* The whole log read again from its entries: what a monitor or a mirror does before it
 * believes. */
#include "base/fd.h"
#include "base/mem.h"
#include "trust/tlog_priv.h"

struct audit {
	int dirfd;
	uint64_t size, from; /* entries before from are given to nobody */
	struct edge {        /* hashes of the level that are not yet a whole tile */
		uint64_t n;
		unsigned int width;
		struct digest at[TLOG_WIDTH];
	} levels[TLOG_LEVELS];
};

/* The tile on disk is what the entries make it. */
static int
compare(struct audit *a, int level, struct err *err)
{
	struct edge *e = &a->levels[level];
	struct digest there[TLOG_WIDTH];
	char name[TLOG_NAME];

	if (tlog_tile_read(a->dirfd, level, e->n, e->width, there, err) < 0)
		return -1;
	if (memcmp(there, e->at, e->width * sizeof(*there)) == 0)
		return 0;
	tlog_tile_name(level, e->n, e->width, name);
	return err_set(err, ERR_VERIFY, "log: %s is not made of the log's entries", name);
}

static int
push(struct audit *a, struct digest d, struct err *err)
{
	for (int level = 0; level < TLOG_LEVELS; level++) {
		struct edge *e = &a->levels[level];

		e->at[e->width++] = d;
		if (e->width < TLOG_WIDTH)
			return 0;
		if (compare(a, level, err) < 0)
			return -1;
		tlog_tile_fold(e->at, TLOG_WIDTH, &d);
		e->n++;
		e->width = 0;
	}
	return err_set(err, ERR_LIMIT, "log of more than 2^48 entries");
}

static int
read_bundle(struct audit *a, uint64_t n, tlog_each_fn *each, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TLOG_BUNDLE_MAX);
	unsigned int width = tlog_tile_width(TLOG_ENTRIES, n, a->size);
	struct digest leaf;
	const uint8_t *p;

	if (tlog_tile_entries(a->dirfd, n, width, &text, err) < 0)
		return -1;
	p = (const uint8_t *)text.data;
	for (unsigned int i = 0; i < width; i++) {
		size_t len = (size_t)(p[0] << 8 | p[1]);

		tlog_leaf(p + 2, len, &leaf);
		if (push(a, leaf, err) < 0)
			return -1;
		if (each && n * TLOG_WIDTH + i >= a->from &&
		    each(arg, n * TLOG_WIDTH + i, p + 2, len, err) < 0)
			return -1;
		p += 2 + len;
	}
	return 0;
}

/* Begins at the tile of the first entry that is asked for. What stands left of it above level 0
 * is taken from the tiles: that they fit the root is checked with the rest. */
static int
resume(struct audit *a, struct err *err)
{
	uint64_t count = a->from / TLOG_WIDTH;

	a->levels[0].n = count;
	for (int level = 1; level < TLOG_LEVELS; level++, count /= TLOG_WIDTH) {
		struct edge *e = &a->levels[level];

		e->n = count / TLOG_WIDTH;
		e->width = (unsigned int)(count % TLOG_WIDTH);
		if (e->width > 0 &&
		    tlog_tile_read(a->dirfd, level, e->n, tlog_tile_width(level, e->n, a->size),
				   e->at, err) < 0)
			return -1;
	}
	return 0;
}

int
tlog_check_from(int dirfd, const struct tlog_checkpoint *c, uint64_t from, tlog_each_fn *each,
		void *arg, struct err *err)
{
	CLEANUP(mem_free) struct audit *a = mem_alloc(sizeof(*a));
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct digest root;

	a->dirfd = dirfd;
	a->size = c->size;
	a->from = KILN_MIN(from, c->size);
	if (resume(a, err) < 0)
		return -1;
	for (uint64_t n = a->from / TLOG_WIDTH; n * TLOG_WIDTH < c->size; n++) {
		if (read_bundle(a, n, each, arg, err) < 0)
			return -1;
	}
	for (int level = 0; level < TLOG_LEVELS; level++) {
		if (a->levels[level].width > 0 && compare(a, level, err) < 0)
			return -1;
	}
	if (tlog_tree_open(dirfd, c->size, &t, err) < 0 || tlog_tree_root(t, &root, err) < 0)
		return -1;
	if (!digest_equal(&root, &c->root))
		return err_set(err, ERR_VERIFY,
			       "log: the tiles do not fit the checkpoint of size %llu",
			       (unsigned long long)c->size);
	return 0;
}

int
tlog_check(int dirfd, const struct tlog_checkpoint *c, tlog_each_fn *each, void *arg,
	   struct err *err)
{
	return tlog_check_from(dirfd, c, 0, each, arg, err);
}
