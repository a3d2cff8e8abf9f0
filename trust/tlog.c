/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/tlog.h"

#define LEAF_MARK 0x00
#define NODE_MARK 0x01

void
tlog_leaf(const void *entry, size_t n, struct digest *out)
{
	struct digest_state *s = digest_begin();
	const uint8_t mark = LEAF_MARK;

	digest_add(s, &mark, 1);
	digest_add(s, entry, n);
	digest_end(s, out);
}

void
tlog_node(const struct digest *left, const struct digest *right, struct digest *out)
{
	uint8_t both[1 + 2 * DIGEST_BYTES] = { NODE_MARK };

	memcpy(both + 1, left->bytes, DIGEST_BYTES);
	memcpy(both + 1 + DIGEST_BYTES, right->bytes, DIGEST_BYTES);
	digest_of(both, sizeof(both), out);
}

/* The step that both checks share: where the walk stands in the old tree (or at the leaf) and
 * at the last leaf of the new one. */
struct walk {
	uint64_t at, last;
};

static bool
joins_left(const struct walk *w)
{
	return (w->at & 1) || w->at == w->last;
}

/* After a hash was joined on the left: levels at which the right edge has no sibling are
 * skipped. */
static void
climb(struct walk *w)
{
	while (w->at != 0 && !(w->at & 1)) {
		w->at >>= 1;
		w->last >>= 1;
	}
}

bool
tlog_includes(const struct digest *leaf, uint64_t index, uint64_t size,
	      const struct tlog_proof *p, const struct digest *root)
{
	struct walk w = { .at = index, .last = size - 1 };
	struct digest r = *leaf;

	if (size == 0 || index >= size || p->n > TLOG_MAX_PROOF)
		return false;
	for (size_t i = 0; i < p->n; i++) {
		if (w.last == 0)
			return false;
		if (joins_left(&w)) {
			tlog_node(&p->at[i], &r, &r);
			climb(&w);
		} else {
			tlog_node(&r, &p->at[i], &r);
		}
		w.at >>= 1;
		w.last >>= 1;
	}
	return w.last == 0 && digest_equal(&r, root);
}

static bool
is_empty_root(const struct digest *d)
{
	struct digest empty;

	digest_of("", 0, &empty);
	return digest_equal(d, &empty);
}

bool
tlog_extends(uint64_t old_size, const struct digest *old_root, uint64_t new_size,
	     const struct digest *new_root, const struct tlog_proof *p)
{
	struct walk w = { .at = old_size - 1, .last = new_size - 1 };
	struct digest was, is;
	size_t i = 0;

	if (old_size > new_size || p->n > TLOG_MAX_PROOF)
		return false;
	if (old_size == 0)
		return p->n == 0 && is_empty_root(old_root) &&
		       (new_size > 0 || is_empty_root(new_root));
	if (old_size == new_size)
		return p->n == 0 && digest_equal(old_root, new_root);
	while (w.at & 1) {
		w.at >>= 1;
		w.last >>= 1;
	}
	/* A full old tree is itself the first hash. */
	if (w.at == 0)
		was = is = *old_root;
	else if (p->n > 0)
		was = is = p->at[i++];
	else
		return false;
	for (; i < p->n; i++) {
		if (w.last == 0)
			return false;
		if (joins_left(&w)) {
			tlog_node(&p->at[i], &was, &was);
			tlog_node(&p->at[i], &is, &is);
			climb(&w);
		} else {
			tlog_node(&is, &p->at[i], &is);
		}
		w.at >>= 1;
		w.last >>= 1;
	}
	return w.last == 0 && digest_equal(&was, old_root) && digest_equal(&is, new_root);
}
