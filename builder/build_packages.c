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

	if (build_session_load_memo(a, b, names, nnames, s, err) < 0 ||
	    build_memo_recall(s, &known, err) < 0 ||
	    (known < s->plan.n && build_session_probe(s, &known, err) < 0))
		return -1;
	for (size_t i = 0; i < s->plan.n; i++) {
		const char *name = s->plan.at[i].recipe->name;

		if (s->jobs[i].known && build_session_result(s, i, err) < 0)
			return -1;
		if (s->jobs[i].known)
			continue;
		err_set(err, ERR_INPUT, "recipe '%s' is not built as it now stands", name);
		return err_hint(err, "run `kiln build %s`", name);
	}
	memo_save(s->memo);
	return 0;
}

static int
compare_facts(const void *a, const void *b)
{
	const struct pkgfacts *x = *(const struct pkgfacts *const *)a,
			      *y = *(const struct pkgfacts *const *)b;

	return strcmp(x->id.name, y->id.name);
}

int
build_packages(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	       const struct pkgfacts ***out, size_t *n, struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	const struct pkgfacts **at;
	size_t total = 0;

	if (load_known(a, b, names, nnames, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++)
		total += s.jobs[i].result.npackages;
	at = arena_array(a, total, sizeof(*at));
	*n = 0;
	for (size_t i = 0; i < s.plan.n; i++) {
		if (!build_session_is_named(names, nnames, s.plan.at[i].recipe->name))
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

struct earlier { /* a package that is none of what is built now */
	const char *name, *uri;
	struct digest file;
	const struct pkgfacts
		*ground; /* as the ground's stage built it; NULL: not of the ground */
};
struct earlier_list { /* a VEC */
	struct earlier *at;
	size_t n, cap;
};

static int
read_statement(struct inventory *v, const struct earlier *e, struct statement *out, bool *found,
	       struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	const char *name;
	struct digest bundle;

	if (!e->ground)
		return publish_recall(v->a, v->s->b->store, &v->s->ring, &e->file, &name,
				      &bundle, out, found, err);
	*found = true;
	if (cas_get(v->s->b->store, &e->ground->statement, &text, err) < 0)
		return -1;
	return statement_parse(v->a, buf_text(&text), text.len, e->name, out, err);
}

/* What it was made of, by its statement. Its words go into the inventory as they stand there:
 * the signature is ours. */
static int
add_made_of(struct inventory *v, const struct earlier *e, struct earlier_list *more,
	    struct err *err)
{
	struct statement st;
	bool found;

	if (read_statement(v, e, &st, &found, err) < 0)
		return err_wrap(err, "statement of %s", e->name);
	for (size_t i = 0; found && i < st.ndependencies; i++) {
		const struct statement_resource *d = &st.dependencies[i];
		const char *role = doc_get_text(d->annotations, "role");

		if (!role || !d->name || !d->uri)
			continue;
		if (strcmp(role, "environment") == 0)
			VEC_PUSH(more, ((struct earlier){ d->name, d->uri, d->sha256, NULL }));
		else
			add(v, strcmp(role, "recipe") == 0 ? "recipe-file" : role, d->name,
			    d->uri, &d->sha256, size_of(v, &d->sha256));
	}
	return 0;
}

static const struct pkgfacts *
of_ground(const struct build_ground *g, const struct digest *file)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->packages[i]->built && digest_equal(&g->packages[i]->sha256, file))
			return g->packages[i]->built;
	return NULL;
}

/* A package whose users were not rebuilt, because it came out the same for them, may since have
 * other bytes (a new summary); and the ground of a stage was built by earlier ones. What users
 * really saw stays listed, as an earlier build, with what it was made of in turn. A package of
 * the ground is listed even if today's came out the same to the byte: it is not made of itself.
 */
static int
add_earlier(struct inventory *v, const struct result *r, const struct build_ground *g,
	    const struct dict *current, struct err *err)
{
	struct earlier_list todo = { 0 };
	char hex[DIGEST_HEX];
	int rc = 0;

	for (size_t i = 0; i < r->nenvironment; i++)
		VEC_PUSH(&todo,
			 ((struct earlier){ r->environment[i].name, r->environment[i].purl,
					    r->environment[i].file,
					    of_ground(g, &r->environment[i].file) }));
	for (size_t i = 0; i < todo.n && rc == 0; i++) {
		const struct earlier e = todo.at[i];

		digest_hex(&e.file, hex);
		if ((!e.ground && dict_has(current, hex)) || dict_has(&v->seen, hex))
			continue;
		add(v, PUBLISH_KIND_EARLIER, e.name, e.uri, &e.file, size_of(v, &e.file));
		rc = add_made_of(v, &e, &todo, err);
	}
	VEC_FREE(&todo);
	return rc;
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

static void
add_ground(struct inventory *v, const struct build_ground *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (!g->packages[i]->built)
			add(v, "seed", g->packages[i]->name, g->packages[i]->location,
			    &g->packages[i]->sha256, g->packages[i]->size);
}

int
build_inputs(struct arena *a, struct builder *b, const struct publish_input **out, size_t *n,
	     struct err *err)
{
	CLEANUP(dict_release) struct dict current = { 0 };
	CLEANUP(build_session_end) struct build_session s = { 0 };
	CLEANUP(inventory_release) struct inventory v = { .a = a, .s = &s };
	struct publish_input *at;

	if (load_known(a, b, NULL, 0, &s, err) < 0)
		return -1;
	note_current(&s, &current);
	for (size_t i = 0; i < s.plan.n; i++) {
		const struct recipe *r = s.plan.at[i].recipe;
		struct build_ground *ground;

		if (build_session_complete(&s, i, err) < 0 ||
		    build_session_ground(&s, r, &ground, err) < 0)
			return -1;
		add_recipe(&v, r);
		if (add_earlier(&v, &s.jobs[i].result, ground, &current, err) < 0)
			return -1;
		add_ground(&v, ground);
	}
	add(&v, "seed", "seed fix-ups", PROVENANCE_FIXUPS_URI, &s.seed.fixups_digest, 0);
	at = arena_array(a, v.at.n, sizeof(*at));
	if (v.at.n)
		memcpy(at, v.at.at, v.at.n * sizeof(*at));
	*out = at;
	*n = v.at.n;
	return 0;
}
