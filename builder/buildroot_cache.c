/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run knows of trees. Every environment of a run stands on one of a few grounds of
 * thousands of entries: a ground is read, and held against itself, once; an environment then
 * costs what its own packages hold. Manifests of packages are kept as long as there are not too
 * many of them; those of grounds as long as the run.
 */
#include "builder/buildroot.h"
#include "base/mem.h"
#include "builder/sandbox.h"

#define MANIFEST_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define KEPT_ENTRIES       ((size_t)500 * 1000) /* of packages; about 100 MB */

struct ground {
	const struct seed_package **packages;
	size_t npackages;
	const char **trees;
	size_t n;
	bool fits;         /* no two of its trees are at odds */
	struct dict first; /* path -> manifest_entry */
	const char *const *watch;
	size_t nwatch;
	struct ground *next;
};

struct buildroot_cache {
	struct arena lasting; /* of grounds */
	struct dict lasting_trees;
	struct ground *grounds;
	struct arena a; /* of packages */
	struct dict trees;
	size_t entries;
};

struct buildroot_cache *
buildroot_cache_make(void)
{
	return mem_alloc(sizeof(struct buildroot_cache));
}

void
buildroot_cache_free(struct buildroot_cache *c)
{
	if (!c)
		return;
	for (struct ground *g = c->grounds; g; g = g->next)
		dict_release(&g->first);
	dict_release(&c->lasting_trees);
	dict_release(&c->trees);
	arena_release(&c->a);
	arena_release(&c->lasting);
	free(c);
}

static int
load(struct arena *a, const struct cas *store, const char *name, struct buildroot_tree **out,
     struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MANIFEST_MAX_BYTES);
	struct buildroot_tree *t = arena_alloc(a, sizeof(*t));

	if (cas_tree_manifest(store, name, &text, err) < 0 ||
	    manifest_parse(a, buf_text(&text), text.len, name, &t->manifest, err) < 0)
		return -1;
	for (size_t i = 0; i < t->manifest.n; i++)
		t->files += t->manifest.at[i].type == MANIFEST_FILE;
	*out = t;
	return 0;
}

int
buildroot_cache_tree(struct buildroot_cache *c, const struct cas *store, const char *name,
		     const struct buildroot_tree **out, struct err *err)
{
	struct buildroot_tree *t = dict_get(&c->lasting_trees, name);

	if (!t)
		t = dict_get(&c->trees, name);
	if (!t) {
		if (load(&c->a, store, name, &t, err) < 0)
			return -1;
		c->entries += t->manifest.n;
		dict_set(&c->trees, name, t);
	}
	*out = t;
	return 0;
}

/* Only between two environments: what was given out is in use until then. */
static void
forget_many(struct buildroot_cache *c)
{
	if (c->entries <= KEPT_ENTRIES)
		return;
	dict_release(&c->trees);
	arena_release(&c->a);
	c->trees = (struct dict){ 0 };
	c->a = (struct arena){ 0 };
	c->entries = 0;
}

/* False: something else is at one of the paths already. */
static bool
claim(struct dict *first, const struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *e = &m->at[i], *there = dict_get(first, e->path);

		if (there && !buildroot_is_same(there, e))
			return false;
		/* The dictionary only lends it. */
		if (!there)
			dict_set(first, e->path, (void *)(uintptr_t)e);
	}
	return true;
}

/* The dirs of nobody's files are not watched; those of several are once. Both are sorted. */
static void
merge_watch(struct arena *a, const struct ground *g, const char *const *more, size_t nmore,
	    struct buildroot *root)
{
	const char **all = arena_array(a, g->nwatch + nmore, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0, j = 0; i < g->nwatch || j < nmore;) {
		int order = i == g->nwatch ? 1 : j == nmore ? -1 : strcmp(g->watch[i], more[j]);

		all[n++] = order <= 0 ? g->watch[i] : more[j];
		i += order <= 0;
		j += order >= 0;
	}
	root->watch = all;
	root->nwatch = n;
}

static int
read_ground(struct buildroot_cache *c, const struct cas *store, struct ground *g,
	    struct err *err)
{
	const struct manifest **all = arena_array(&c->lasting, g->n, sizeof(*all));

	g->fits = true;
	for (size_t i = 0; i < g->n; i++) {
		struct buildroot_tree *t = dict_get(&c->lasting_trees, g->trees[i]);

		if (!t) {
			if (load(&c->lasting, store, g->trees[i], &t, err) < 0)
				return -1;
			dict_set(&c->lasting_trees, g->trees[i], t);
		}
		all[i] = &t->manifest;
		g->fits = g->fits && claim(&g->first, all[i]);
	}
	sandbox_trace_dirs(&c->lasting, all, g->n, &g->watch, &g->nwatch);
	return 0;
}

const char **
buildroot_cache_ground(const struct buildroot_cache *c, const struct buildroot *root, size_t *n)
{
	for (const struct ground *g = c->grounds; g; g = g->next) {
		size_t same = 0;

		while (same < g->npackages && same < root->nground &&
		       g->packages[same] == root->ground[same])
			same++;
		if (same == g->npackages && same == root->nground && g->n) {
			*n = g->n;
			return g->trees;
		}
	}
	return NULL;
}

static bool
is_ground(const struct ground *g, const char *const *trees, size_t n)
{
	if (g->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(g->trees[i], trees[i]) != 0)
			return false;
	return true;
}

static int
find_ground(struct buildroot_cache *c, const struct cas *store, const struct buildroot *root,
	    struct ground **out, struct err *err)
{
	CLEANUP(mem_free) const char **trees = mem_alloc((root->ntrees + 1) * sizeof(*trees));
	size_t n = root->ntrees - root->npackages, nfix = n - root->nground;
	struct ground *g = c->grounds;

	for (size_t i = 0; i < n; i++)
		trees[i] = root->trees[i < nfix ? i : i + root->npackages];
	while (g && !is_ground(g, trees, n))
		g = g->next;
	if (!g) {
		g = arena_alloc(&c->lasting, sizeof(*g));
		g->next = c->grounds;
		c->grounds = g;
		g->n = n;
		g->npackages = root->nground;
		g->packages = arena_array(&c->lasting, root->nground, sizeof(*g->packages));
		for (size_t i = 0; i < root->nground; i++)
			g->packages[i] = root->ground[i];
		g->trees = arena_array(&c->lasting, n, sizeof(*g->trees));
		for (size_t i = 0; i < n; i++)
			g->trees[i] = arena_strdup(&c->lasting, trees[i]);
		if (read_ground(c, store, g, err) < 0) {
			g->n = g->npackages = 0; /* is nobody's; released with the others */
			return -1;
		}
	}
	*out = g;
	return 0;
}

/* What ground and earlier packages have at a path, a package may only have alike. */
static bool
fits_ground(const struct ground *g, const struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *there = dict_get(&g->first, m->at[i].path);

		if (there && !buildroot_is_same(there, &m->at[i]))
			return false;
	}
	return true;
}

int
buildroot_cache_check(struct arena *a, struct buildroot_cache *c, const struct cas *store,
		      struct buildroot *root, bool *fits, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	CLEANUP(dict_release) struct dict first = { 0 };
	size_t nfix = root->ntrees - root->npackages - root->nground;
	const struct manifest **own = arena_array(&scratch, root->npackages, sizeof(*own));
	const char *const *watch;
	struct ground *g;
	size_t nwatch;

	forget_many(c);
	if (find_ground(c, store, root, &g, err) < 0)
		return -1;
	*fits = g->fits;
	for (size_t i = 0; i < root->npackages; i++) {
		const struct buildroot_tree *t;

		if (buildroot_cache_tree(c, store, root->trees[nfix + i], &t, err) < 0)
			return -1;
		own[i] = &t->manifest;
		*fits = *fits && (root->shadow || fits_ground(g, own[i])) &&
			claim(&first, own[i]);
	}
	root->watch = g->watch;
	root->nwatch = g->nwatch;
	if (root->npackages == 0)
		return 0;
	sandbox_trace_dirs(a, own, root->npackages, &watch, &nwatch);
	merge_watch(a, g, watch, nwatch, root);
	return 0;
}
