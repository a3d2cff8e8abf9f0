/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/buildroot.h"
#include "base/dict.h"
#include "base/mem.h"
#include "base/tar.h"
#include "repo/solve.h"

const char *
buildroot_tree(struct arena *a, const struct pkgfacts *f)
{
	char hex[DIGEST_HEX];

	digest_hex(&f->file, hex);
	return arena_format(a, "rpm-%s-1", hex);
}

static int
solve_needs(struct arena *a, const struct recipe *r, struct solve_request *q,
	    struct buildroot *out, struct err *err)
{
	const char **wants = arena_array(a, r->nneeds, sizeof(*wants));

	for (size_t i = 0; i < r->nneeds; i++)
		wants[i] = r->needs[i].name;
	q->wants = wants;
	q->nwants = r->nneeds;
	q->prefer = (const char *const *)r->prefer;
	q->nprefer = r->nprefer;
	q->subject = arena_format(a, "recipe %s", r->name);
	if (solve_run(a, q, &out->packages, &out->npackages, err) < 0)
		return err_wrap(err, "%s:%d:%d", r->path, r->needs[0].line, r->needs[0].col);
	return 0;
}

int
buildroot_solve(struct arena *a, const struct recipe *r, const struct seed *seed,
		const struct pkgfacts *const *universe, size_t nuniverse,
		const char *const *offers, size_t noffers, struct buildroot *out,
		struct err *err)
{
	const char **assume = arena_array(a, seed->nprovides + noffers, sizeof(*assume));
	struct solve_request q = { .packages = universe,
				   .npackages = nuniverse,
				   .assume = assume,
				   .nassume = seed->nprovides + noffers };

	*out = (struct buildroot){ 0 };
	for (size_t i = 0; i < seed->nprovides; i++)
		assume[i] = seed->provides[i];
	for (size_t i = 0; i < noffers; i++)
		assume[seed->nprovides + i] = offers[i];
	if (seed_ground(a, seed, (const char *const *)r->ground, r->nground, &out->ground,
			&out->nground, err) < 0)
		return err_wrap(err, "%s", r->path);
	if (r->nneeds == 0)
		return 0;
	return solve_needs(a, r, &q, out, err);
}

static const char *
type_word(const struct manifest_entry *e)
{
	return e->type == MANIFEST_DIR    ? "a directory"
	       : e->type == MANIFEST_LINK ? "a link"
					  : "a file";
}

bool
buildroot_is_same(const struct manifest_entry *a, const struct manifest_entry *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == MANIFEST_DIR)
		return true;
	if (a->type == MANIFEST_LINK)
		return strcmp(a->target, b->target) == 0;
	return a->mode == b->mode && a->size == b->size && digest_equal(&a->digest, &b->digest);
}

/* Which layer brought a path first. */
struct claim {
	const struct buildroot_layer *layer;
	const struct manifest_entry *entry;
};

static int
conflict(const struct claim *first, const struct buildroot_layer *layer,
	 const struct manifest_entry *e, const char *subject, struct err *err)
{
	if (first->entry->type == e->type)
		err_set(err, ERR_INPUT, "%s: '/%s' is in both %s and %s, with different %s",
			subject, e->path, first->layer->name, layer->name,
			e->type == MANIFEST_LINK ? "targets" : "contents or modes");
	else
		err_set(err, ERR_INPUT, "%s: '/%s' is %s in %s and %s in %s", subject, e->path,
			type_word(first->entry), first->layer->name, type_word(e), layer->name);
	return err_hint(
		err,
		"need only one of them, or move the file to another place in one of their recipes");
}

int
buildroot_check(const struct buildroot_layer *layers, size_t n, const char *subject,
		struct err *err)
{
	CLEANUP(dict_release) struct dict seen = { 0 };
	CLEANUP(mem_free) struct claim *claims = NULL;
	size_t total = 0, used = 0;

	for (size_t i = 0; i < n; i++)
		total += layers[i].manifest.n;
	claims = mem_alloc((total + 1) * sizeof(*claims));
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < layers[i].manifest.n; j++) {
			const struct manifest_entry *e = &layers[i].manifest.at[j];
			const struct claim *first = dict_get(&seen, e->path);

			if (first && !buildroot_is_same(first->entry, e))
				return conflict(first, &layers[i], e, subject, err);
			if (first)
				continue;
			claims[used] = (struct claim){ .layer = &layers[i], .entry = e };
			dict_set(&seen, e->path, &claims[used++]);
		}
	}
	return 0;
}

/* The trees are fix-ups, packages, ground. */
static const char *
name_of(struct arena *a, const struct buildroot *root, size_t tree)
{
	size_t nfix = root->ntrees - root->npackages - root->nground;

	if (tree < nfix)
		return "the seed's fix-ups";
	tree -= nfix;
	if (tree < root->npackages)
		return arena_format(a, "package %s", root->packages[tree]->id.name);
	return arena_format(a, "seed package %s", root->ground[tree - root->npackages]->name);
}

/* Two are at odds: which, and about what. */
static int
tell_conflict(struct cas *store, const struct buildroot *root, const char *subject,
	      struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct buildroot_layer *layers = arena_array(&a, root->ntrees, sizeof(*layers));

	for (size_t i = 0; i < root->ntrees; i++) {
		const struct buildroot_tree *t;

		if (buildroot_cache_tree(root->cache, store, root->trees[i], &t, err) < 0)
			return -1;
		layers[i].name = name_of(&a, root, i);
		layers[i].manifest = t->manifest;
	}
	return buildroot_check(layers, root->ntrees, subject, err);
}

int
buildroot_fill(struct arena *a, struct sandbox *s, struct cas *store, const struct seed *seed,
	       const char *subject, struct buildroot *root, struct err *err)
{
	size_t nground = 0, nfix;
	const char **ground = buildroot_cache_ground(root->cache, root, &nground);
	bool fits;

	if (!ground && seed_trees(a, s, store, seed, root->ground, root->nground, &ground,
				  &nground, err) < 0)
		return err_wrap(err, "seed");
	nfix = nground - root->nground;
	root->shadow = seed->shadow;
	root->ntrees = nground + root->npackages;
	root->trees = arena_array(a, root->ntrees, sizeof(*root->trees));
	for (size_t i = 0; i < nground; i++)
		root->trees[i < nfix ? i : i + root->npackages] = ground[i];
	for (size_t i = 0; i < root->npackages; i++) {
		const struct pkgfacts *f = root->packages[i];

		root->trees[nfix + i] = buildroot_tree(a, f);
		if (sandbox_unpack_tree(s, store, &f->file, TAR_RPM, root->trees[nfix + i],
					err) < 0)
			return err_wrap(err, "package %s", f->id.name);
	}
	if (buildroot_cache_check(a, root->cache, store, root, &fits, err) < 0)
		return err_wrap(err, "%s", subject);
	return fits ? 0 : tell_conflict(store, root, subject, err);
}
