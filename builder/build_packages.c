/* SPDX-License-Identifier: Apache-2.0 */
/* What is built as the recipes now stand, for publishing and images. */
#include "builder/build_priv.h"
#include "base/dict.h"
#include "base/vec.h"
#include "repo/publish.h"

static int
load_known(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	   struct build_session *s, struct err *err)
{
	size_t known;

	if (build_session_load(a, b, names, nnames, s, err) < 0 ||
	    build_session_probe(s, &known, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		const char *name = s->plan.at[i].recipe->name;

		if (s->jobs[i].known)
			continue;
		err_set(err, ERR_INPUT, "recipe '%s' is not built as it now stands", name);
		return err_hint(err, "run `kiln build %s`", name);
	}
	return 0;
}

static int
compare_facts(const void *a, const void *b)
{
	const struct pkgfacts *x = *(const struct pkgfacts *const *)a,
			      *y = *(const struct pkgfacts *const *)b;

	return strcmp(x->id.name, y->id.name);
}

static bool
is_named(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return n == 0;
}

int
build_packages(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	       const struct pkgfacts ***out, size_t *n, struct err *err)
{
	struct build_session s;
	const struct pkgfacts **at;
	size_t total = 0;

	if (load_known(a, b, names, nnames, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++)
		total += s.jobs[i].result.npackages;
	at = arena_array(a, total, sizeof(*at));
	*n = 0;
	for (size_t i = 0; i < s.plan.n; i++) {
		if (!is_named(names, nnames, s.plan.at[i].recipe->name))
			continue;
		for (size_t j = 0; j < s.jobs[i].result.npackages; j++)
			at[(*n)++] = &s.jobs[i].result.packages[j];
	}
	if (*n)
		qsort(at, *n, sizeof(*at), compare_facts);
	*out = at;
	return 0;
}

/* Inputs by digest, each once. */
struct inventory {
	struct arena *a;
	struct build_session *s;
	struct dict seen;
	VEC(struct publish_input) at;
};

static void
inventory_release_scope(struct inventory *v)
{
	dict_release(&v->seen);
	VEC_FREE(&v->at);
}

static void
add(struct inventory *v, const char *kind, const char *name, const char *uri,
    const struct digest *d, uint64_t size)
{
	struct publish_input in = {
		.kind = kind, .name = name, .uri = uri, .sha256 = *d, .size = size
	};
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	if (dict_add(&v->seen, hex, v))
		VEC_PUSH(&v->at, in);
}

/* The size of what may have left the store since it was used is not known: 0. */
static uint64_t
size_of(const struct inventory *v, const struct digest *d)
{
	struct err ignored;
	uint64_t size = 0;

	if (!cas_has(v->s->b->store, d) || cas_size(v->s->b->store, d, &size, &ignored) < 0)
		return 0;
	return size;
}

static void
add_recipe(struct inventory *v, const struct recipe *r)
{
	const char *slash = strrchr(r->path, '/');
	struct digest d;

	action_recipe_digest(r, &d);
	add(v, "recipe-file", r->path,
	    provenance_file_uri(v->a, r, slash ? slash + 1 : r->path), &d, size_of(v, &d));
	for (size_t i = 0; i < r->nsources; i++)
		add(v, "source", r->sources[i].filename,
		    provenance_source_uri(v->a, r, &r->sources[i]), &r->sources[i].sha256,
		    size_of(v, &r->sources[i].sha256));
	for (size_t i = 0; i < r->npatches; i++)
		add(v, "patch", r->patches[i].file,
		    provenance_file_uri(v->a, r, r->patches[i].file), &r->patches[i].sha256,
		    size_of(v, &r->patches[i].sha256));
}

/* A package whose users were not rebuilt, because it came out the same for them, may since have
 * other bytes (a new summary). What they really saw stays listed, as an earlier build. */
static void
add_earlier(struct inventory *v, const struct result *r, const struct dict *current)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < r->nenvironment; i++) {
		const struct result_input *e = &r->environment[i];

		digest_hex(&e->file, hex);
		if (!dict_has(current, hex))
			add(v, "earlier-package", e->name, e->purl, &e->file,
			    size_of(v, &e->file));
	}
}

static void
note_current(struct build_session *s, struct dict *current)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < s->plan.n; i++) {
		for (size_t j = 0; j < s->jobs[i].result.npackages; j++) {
			digest_hex(&s->jobs[i].result.packages[j].file, hex);
			dict_set(current, hex, s);
		}
	}
}

int
build_inputs(struct arena *a, struct builder *b, const struct publish_input **out, size_t *n,
	     struct err *err)
{
	CLEANUP(dict_release) struct dict current = { 0 };
	struct build_session s;
	CLEANUP(inventory_release) struct inventory v = { .a = a, .s = &s };
	struct publish_input *at;

	if (load_known(a, b, NULL, 0, &s, err) < 0)
		return -1;
	note_current(&s, &current);
	for (size_t i = 0; i < s.plan.n; i++) {
		const struct buildroot *root = &s.jobs[i].root;

		add_recipe(&v, s.plan.at[i].recipe);
		add_earlier(&v, &s.jobs[i].result, &current);
		for (size_t j = 0; j < root->nground; j++)
			if (!root->ground[j]->built)
				add(&v, "seed", root->ground[j]->name,
				    root->ground[j]->location, &root->ground[j]->sha256,
				    root->ground[j]->size);
	}
	add(&v, "seed", "seed fix-ups", PROVENANCE_FIXUPS_URI, &s.seed.fixups_digest, 0);
	at = arena_array(a, v.at.n, sizeof(*at));
	if (v.at.n)
		memcpy(at, v.at.at, v.at.n * sizeof(*at));
	*out = at;
	*n = v.at.n;
	return 0;
}
