/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept environments. The same list of trees, in the same order, is composed once and stays
 * until SANDBOX_MAX_BASES others were used since; one that a chamber stands on never goes. The
 * kernel takes 500 layers in one overlay and two overlays on top of each other, of which a
 * chamber's root is the second: so a list is cut into groups of SANDBOX_GROUP_TREES, each an
 * overlay of its own, and a chamber's root is made of the groups. Only the last group holds the
 * ground.
 *
 * Which files a run opens is told by marks on its base (sandbox_trace.c), which stay with it.
 * They do not say who opened: while one run is watched, another one of the same trees gets a
 * base of its own.
 *
 * What a base is made of is pinned in the store (base/cas.h) before it is mounted and as long
 * as the helper keeps it or a warden runs on it.
 */
#include "builder/sandbox_priv.h"
#include "base/dict.h"
#include "base/fd.h"

static void
base_free(struct sandbox_base *b)
{
	if (b->pin >= 0)
		close(b->pin);
	if (b->trace >= 0)
		close(b->trace);
	if (b->marked >= 0)
		close(b->marked);
	free(b);
}
DEFINE_CLEANUP(struct sandbox_base *, base_free);

/* The one that was used longest ago of those that nobody uses. All in use: they are as many as
 * there are chambers, and the next one that is needed may stay. */
static void
make_room(struct sandbox_helper *h)
{
	size_t oldest = h->bases.n;

	if (h->bases.n < SANDBOX_MAX_BASES)
		return;
	for (size_t i = 0; i < h->bases.n; i++)
		if (h->bases.at[i]->users == 0 &&
		    (oldest == h->bases.n || h->bases.at[i]->used < h->bases.at[oldest]->used))
			oldest = i;
	if (oldest == h->bases.n)
		return;
	sandbox_mount_drop(h->scratch, h->bases.at[oldest]->number,
			   h->bases.at[oldest]->ngroups);
	base_free(h->bases.at[oldest]);
	h->bases.at[oldest] = h->bases.at[--h->bases.n];
}

/* A tree named twice would overlap itself: the first name counts. */
static const char **
distinct(struct arena *a, const struct sandbox_spec *s, size_t *n)
{
	CLEANUP(dict_release) struct dict seen = { 0 };
	const char **names = arena_array(a, s->ntrees + 1, sizeof(*names));

	*n = 0;
	for (size_t i = 0; i < s->ntrees; i++)
		if (dict_add(&seen, s->trees[i], &seen))
			names[(*n)++] = s->trees[i];
	return names;
}

static void
make_key(const char *const *names, size_t n, char key[DIGEST_HEX])
{
	struct digest_state *hash = digest_begin();
	struct digest digest;

	for (size_t i = 0; i < n; i++)
		digest_add(hash, names[i], strlen(names[i]) + 1);
	digest_end(hash, &digest);
	digest_hex(&digest, key);
}

/* A run whose use of files is watched has its base to itself. */
static struct sandbox_base *
find(struct sandbox_helper *h, const char *key, bool watched)
{
	for (size_t i = 0; i < h->bases.n; i++) {
		struct sandbox_base *b = h->bases.at[i];

		if (strcmp(b->key, key) == 0 && (b->users == 0 || (!watched && !b->watched))) {
			b->watched = watched;
			return b;
		}
	}
	return NULL;
}

/* Without a trace, or the memory of it, nothing is known of use: no reason to fail. */
static struct sandbox_base *
make(const char *key, bool watched)
{
	struct sandbox_base *b = mem_alloc(sizeof(*b));
	struct err ignored;

	b->pin = -1;
	b->watched = watched;
	b->trace = sandbox_trace_open();
	b->marked = -1;
	if (b->trace >= 0 && fd_memory("marked", &b->marked, &ignored) < 0)
		b->marked = -1;
	memcpy(b->key, key, DIGEST_HEX);
	return b;
}

/* Groups of nearly one size: an overlay of a single layer does not exist. */
static int
mount_groups(struct sandbox_helper *h, struct sandbox_base *b, const char *const *names,
	     size_t n, struct err *err)
{
	size_t groups = (n + SANDBOX_GROUP_TREES - 1) / SANDBOX_GROUP_TREES;

	b->number = h->numbers++;
	b->ngroups = (unsigned)groups;
	for (size_t i = 0; i < groups; i++) {
		size_t from = n * i / groups, to = n * (i + 1) / groups;
		struct sandbox_group g = { .base = b->number,
					   .group = (unsigned)i,
					   .last = i + 1 == groups };

		if (sandbox_mount_group(h->scratch, &g, names + from, to - from, err) < 0) {
			sandbox_mount_drop(h->scratch, b->number, b->ngroups);
			return -1;
		}
	}
	return 0;
}

int
sandbox_base_find(struct sandbox_helper *h, const struct sandbox_spec *s,
		  struct sandbox_base **out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(base_free) struct sandbox_base *made = NULL;
	char key[DIGEST_HEX];
	const char **names;
	size_t n;

	/* By the list as it is given: sorting hundreds of names is only for who composes them.
	 */
	make_key(s->trees, s->ntrees, key);
	*out = find(h, key, s->nwatch > 0);
	if (!*out && s->ntrees > 0) {
		names = distinct(&a, s, &n);
		make_room(h);
		made = make(key, s->nwatch > 0);
		if (cas_pin(h->cas, key, names, n, &made->pin, err) < 0 ||
		    mount_groups(h, made, names, n, err) < 0)
			return -1;
		*out = made;
		VEC_PUSH(&h->bases, STEAL_PTR(made));
	}
	if (*out)
		(*out)->used = ++h->clock;
	return 0;
}
