/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/lineage.h"
#include "base/dict.h"
#include "base/json.h"
#include "base/vec.h"
#include "builder/result_index.h"
#include "builder/stage.h"
#include "trust/statement.h"

#define STATEMENT_MAX ((size_t)16 * 1024 * 1024)
#define NOTE_MAX      ((size_t)4096)
#define NO_PARENT     SIZE_MAX

struct build { /* behind the package, with what led here */
	const char *key, *package, *stage;
	size_t parent;
};
struct search {
	struct arena *a;
	struct builder *b;
	const struct keyring *ring;
	const char *goal;        /* of the seed */
	struct dict files, keys; /* met: packages by file digest, builds by action */
	VEC(struct build) at;
	const char *version; /* of the goal, once it is found */
};

static void
search_release_scope(struct search *s)
{
	dict_release(&s->files);
	dict_release(&s->keys);
	VEC_FREE(&s->at);
}

static int
last_key(struct search *s, const char *recipe, const char **key, struct err *err)
{
	const char *note = workspace_note(s->a, s->b->workspace, recipe);
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX);
	struct doc *d;
	bool found;

	if (cas_ref_get(s->b->store, "last", note, &text, &found, err) < 0)
		return -1;
	if (!found) {
		(void)err_set(err, ERR_INPUT, "'%s' was not built in this store", recipe);
		return err_hint(err, "kiln build %s", recipe);
	}
	if (json_parse(s->a, buf_text(&text), text.len, note, &d, err) < 0)
		return -1;
	*key = doc_get_text(d, "key");
	return *key ? 0 : err_set(err, ERR_INPUT, "refs/last/%s is damaged", note);
}

static int
read_build(struct search *s, const struct build *b, struct statement *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(STATEMENT_MAX);
	struct result r;
	bool found;

	if (result_load(s->a, s->b->store, b->key, &r, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_INPUT, "the store no longer holds the build of %s",
			       b->package);
	if (result_trust(s->b->store, s->ring, b->key, &r, err) < 0 ||
	    cas_get(s->b->store, &r.statement, &text, err) < 0)
		return err_wrap(err, "%s", b->package);
	return statement_parse(s->a, arena_strndup(s->a, buf_text(&text), text.len), text.len,
			       b->package, out, err);
}

struct found {
	struct arena *a;
	const char *key;
};

static void
on_found(void *arg, const char *key, const char *recipe, const char *nevra)
{
	struct found *f = arg;

	(void)recipe;
	(void)nevra;
	if (!f->key)
		f->key = arena_strdup(f->a, key);
}

/* A package that a build saw: the build that made it comes next, unless it was met. */
static int
meet(struct search *s, const struct statement_resource *d, size_t parent, struct err *err)
{
	const char *stage = doc_get_text(d->annotations, "stage");
	struct found f = { .a = s->a };
	char hex[DIGEST_HEX];
	size_t n;

	digest_hex(&d->sha256, hex);
	if (!dict_add(&s->files, hex, s))
		return 0;
	if (result_index_find(s->b->store, hex, on_found, &f, &n, err) < 0)
		return -1;
	if (!f.key)
		return err_set(err, ERR_INPUT, "no build in the store made %s (sha256 %.16s)",
			       d->name ? d->name : "a package", hex);
	if (dict_add(&s->keys, f.key, s))
		VEC_PUSH(&s->at,
			 ((struct build){ .key = f.key,
					  .package = d->name ? d->name : hex,
					  .stage = stage ? stage : s->at.at[parent].stage,
					  .parent = parent }));
	return 0;
}

/* *done: this build saw the goal. */
static int
look(struct search *s, size_t i, bool *done, struct err *err)
{
	struct statement st;
	const struct build b = s->at.at[i];

	if (read_build(s, &b, &st, err) < 0)
		return -1;
	for (size_t k = 0; k < st.ndependencies; k++) {
		const struct statement_resource *d = &st.dependencies[k];
		const char *role = doc_get_text(d->annotations, "role");

		if (role && !strcmp(role, "seed") && d->name && !strcmp(d->name, s->goal)) {
			s->version = doc_get_text(d->annotations, "version");
			*done = true;
			return 0;
		}
	}
	for (size_t k = 0; k < st.ndependencies; k++) {
		const char *role = doc_get_text(st.dependencies[k].annotations, "role");

		if (role && !strcmp(role, "environment") &&
		    meet(s, &st.dependencies[k], i, err) < 0)
			return -1;
	}
	return 0;
}

static void
tell(struct search *s, size_t last, struct lineage *out)
{
	size_t n = 1;

	for (size_t i = last; i != NO_PARENT; i = s->at.at[i].parent)
		n++;
	out->n = n;
	out->steps = arena_array(s->a, n, sizeof(*out->steps));
	out->steps[--n] = (struct lineage_step){ .package = s->goal, .version = s->version };
	for (size_t i = last; i != NO_PARENT; i = s->at.at[i].parent)
		out->steps[--n] = (struct lineage_step){ .package = s->at.at[i].package,
							 .stage = s->at.at[i].stage };
}

int
lineage_find(struct arena *a, struct builder *b, const struct keyring *ring, const char *recipe,
	     const char *key, const char *seed_package, struct lineage *out, struct err *err)
{
	CLEANUP(search_release)
	struct search s = { .a = a, .b = b, .ring = ring, .goal = seed_package };
	struct build first = { .key = key,
			       .package = recipe,
			       .stage = b->workspace->stage->name,
			       .parent = NO_PARENT };
	bool done = false;

	*out = (struct lineage){ 0 };
	if (!key && last_key(&s, recipe, &first.key, err) < 0)
		return -1;
	(void)dict_add(&s.keys, first.key, &s);
	VEC_PUSH(&s.at, first);
	for (size_t i = 0; i < s.at.n && !done; i++) {
		if (look(&s, i, &done, err) < 0)
			return -1;
		out->builds++;
		if (done)
			tell(&s, i, out);
	}
	return 0;
}
