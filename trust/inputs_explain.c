/* SPDX-License-Identifier: Apache-2.0 */
/* Where something came from, generation by generation: what it was made of, what that was made
 * of, and so on down to sources and seed. */
#include "trust/inputs_priv.h"

#include "base/mem.h"

struct telling {
	const struct inputs_set *set;
	struct arena *a;
	struct dict told;                        /* digests as hex */
	VEC(const struct statement *) now, next; /* generations */
	struct doc *packages, *sources, *seeds;
};

static void
telling_release(struct telling *t)
{
	dict_release(&t->told);
	VEC_FREE(&t->now);
	VEC_FREE(&t->next);
}
DEFINE_RELEASE(struct telling, telling_release);

static struct doc *
entry(struct telling *t, const struct statement_resource *r, const char *hex)
{
	struct doc *d = doc_map(t->a);

	doc_set_text(t->a, d, "name", verify_label(t->a, r->name ? r->name : "?"));
	if (r->uri)
		doc_set_text(t->a, d, "uri", verify_label(t->a, r->uri));
	doc_set_text(t->a, d, "sha256", hex);
	return d;
}

static void
tell_input(struct telling *t, const struct statement_resource *r)
{
	const struct inputs_about *about = inputs_find(t->set, &r->sha256);
	const struct inputs_leaf *leaf = inputs_find_leaf(t->set, &r->sha256);
	char hex[DIGEST_HEX];
	struct doc *d;

	digest_hex(&r->sha256, hex);
	if (!dict_add(&t->told, hex, t))
		return;
	d = entry(t, r, hex);
	if (about) {
		const struct verify_found *f = &about->known->found;

		doc_set_text(t->a, d, "builder", f->signer->id);
		doc_push(t->a, t->packages, d);
		VEC_PUSH(&t->next, &f->statement);
	} else if (leaf && leaf->kind == INPUTS_SEED) {
		doc_push(t->a, t->seeds, d);
	} else if (leaf && leaf->kind == INPUTS_UNPROVEN) {
		doc_push(t->a, t->packages, d);
	} else {
		doc_push(t->a, t->sources, d);
	}
}

struct doc *
inputs_explain(const struct inputs_set *set, const struct statement *s, struct arena *a)
{
	CLEANUP(telling_release) struct telling t = { .set = set, .a = a };
	struct doc *all = doc_list(a);

	VEC_PUSH(&t.now, s);
	for (int64_t generation = 1; t.now.n > 0; generation++) {
		struct doc *d = doc_map(a);

		t.packages = doc_list(a);
		t.sources = doc_list(a);
		t.seeds = doc_list(a);
		for (size_t i = 0; i < t.now.n; i++)
			for (size_t j = 0; j < t.now.at[i]->ndependencies; j++)
				tell_input(&t, &t.now.at[i]->dependencies[j]);
		doc_set(a, d, "generation", doc_number(a, generation));
		doc_set(a, d, "packages", t.packages);
		doc_set(a, d, "sources", t.sources);
		doc_set(a, d, "seeds", t.seeds);
		if (t.packages->n + t.sources->n + t.seeds->n > 0)
			doc_push(a, all, d);
		VEC_FREE(&t.now);
		t.now.at = t.next.at;
		t.now.n = t.next.n;
		t.now.cap = t.next.cap;
		t.next.at = NULL;
		t.next.n = t.next.cap = 0;
	}
	return all;
}
