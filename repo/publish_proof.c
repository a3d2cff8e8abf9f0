/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every input of what is published must be known to those who verify it: listed in the
 * inventory, published itself, or proven by a bundle that goes along. A tree that would not
 * verify is not published.
 */
#include "repo/publish_priv.h"

#include "base/dict.h"
#include "base/json.h"
#include "trust/verify.h"

#define PROOF_REF_KIND   "proof"
#define PROOF_REF_FORMAT 1
#define PROOF_MAX_REF    ((size_t)4096)
#define PROOF_NAME_HEX   16 /* digits of the digest in a file name */

int
publish_remember(struct cas *store, const struct pkgfacts *f, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(PROOF_MAX_REF);
	struct doc *d = doc_map(&a);
	char hex[DIGEST_HEX];

	doc_set(&a, d, "format", doc_number(&a, PROOF_REF_FORMAT));
	doc_set_text(&a, d, "name", nevra_file(&a, &f->id));
	digest_hex(&f->bundle, hex);
	doc_set_text(&a, d, "bundle", hex);
	digest_hex(&f->file, hex);
	json_write(d, &text);
	if (buf_check(&text, "proof reference", err) < 0)
		return -1;
	return cas_ref_put(store, PROOF_REF_KIND, hex, text.data, text.len, err);
}

/* The remembered bundle of the package whose unsigned file has this digest. */
static int
recall(struct arena *a, const struct cas *store, const char *hex, const char **name,
       struct digest *bundle, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PROOF_MAX_REF);
	struct doc *d;
	const char *bundle_hex;
	int64_t format;

	if (cas_ref_get(store, PROOF_REF_KIND, hex, &text, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	if (json_parse(a, buf_text(&text), text.len, hex, &d, err) < 0)
		return -1;
	*name = doc_get_text(d, "name");
	bundle_hex = doc_get_text(d, "bundle");
	*found = doc_int(doc_get(d, "format"), &format) && format == PROOF_REF_FORMAT &&
		 *name && bundle_hex && digest_parse(bundle_hex, bundle) &&
		 cas_has(store, bundle);
	return 0;
}

int
publish_recall(struct arena *a, const struct cas *store, const struct keyring *ring,
	       const struct digest *file, const char **name, struct digest *bundle,
	       struct statement *out, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	char hex[DIGEST_HEX];

	digest_hex(file, hex);
	if (recall(a, store, hex, name, bundle, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	if (cas_get(store, bundle, &text, err) < 0)
		return -1;
	return verify_bundle(a, ring, buf_text(&text), text.len, *name, STATEMENT_SLSA_V1, file,
			     out, err);
}

struct user { /* a statement whose inputs are still to be looked at */
	const char *name;
	const struct statement_resource *inputs;
	size_t n;
};

struct search {
	struct publish_run *run;
	struct dict known;   /* digests as hex: source or seed, published, or proven */
	struct dict earlier; /* older packages that the inventory vouches for if nothing better
				does */
	VEC(struct user) todo;
};

static void
search_release(struct search *s)
{
	dict_release(&s->known);
	dict_release(&s->earlier);
	VEC_FREE(&s->todo);
}
DEFINE_RELEASE(struct search, search_release);

static void
know(struct dict *where, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	dict_set(where, hex, where);
}

static int
refuse(const char *user, const struct statement_resource *input, const char *hex,
       struct err *err)
{
	err_set(err, ERR_INPUT,
		"%s was made of %s (sha256 %s), which is neither published nor in the inventory, and whose statement is not in the store",
		user, input->name ? input->name : "an input", hex);
	return err_hint(err, "publish what it was made of, or build it again");
}

/* Adds the bundle of an older package to the tree, and what that was made of to the search. */
static int
prove(struct search *s, const char *user, const struct statement_resource *input,
      const char *hex, struct err *err)
{
	struct publish_run *run = s->run;
	struct publish_file file = { .path = NULL };
	struct statement st;
	const char *name = NULL;
	bool found;

	if (publish_recall(&run->arena, run->spec->store, signer_keys(run->spec->signer),
			   &input->sha256, &name, &file.digest, &st, &found, err) < 0)
		return err_wrap(err, "%s: statement of an older input", user);
	if (!found)
		return dict_has(&s->earlier, hex) ? 0 : refuse(user, input, hex, err);
	file.path = arena_format(&run->arena, "packages/%s.%.*s" PUBLISH_BUNDLE, name,
				 PROOF_NAME_HEX, hex);
	VEC_PUSH(&run->files, file);
	for (size_t i = 0; i < st.nsubjects; i++)
		know(&s->known, &st.subjects[i].sha256);
	VEC_PUSH(&s->todo, ((struct user){ name, st.dependencies, st.ndependencies }));
	return 0;
}

static int
look_at(struct search *s, const struct user *u, struct err *err)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < u->n; i++) {
		digest_hex(&u->inputs[i].sha256, hex);
		if (!dict_has(&s->known, hex) && prove(s, u->name, &u->inputs[i], hex, err) < 0)
			return -1;
	}
	return 0;
}

int
publish_proof_add(struct publish_run *run, struct err *err)
{
	CLEANUP(search_release) struct search s = { .run = run };

	for (size_t i = 0; i < run->spec->ninputs; i++) {
		const struct publish_input *in = &run->spec->inputs[i];
		bool earlier = strcmp(in->kind, PUBLISH_KIND_EARLIER) == 0;

		know(earlier ? &s.earlier : &s.known, &in->sha256);
	}
	for (size_t i = 0; i < run->spec->npackages; i++) {
		const struct publish_package *p = &run->packages[i];

		know(&s.known, &p->facts->file);
		know(&s.known, &p->facts->header);
		VEC_PUSH(&s.todo, ((struct user){ p->name, p->inputs, p->ninputs }));
	}
	while (s.todo.n > 0) {
		struct user u = s.todo.at[--s.todo.n];

		if (look_at(&s, &u, err) < 0)
			return -1;
	}
	return 0;
}
