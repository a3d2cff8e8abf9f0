/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/offers.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "repo/elfdeps.h"

#define OFFERS_FORMAT    1
#define OFFERS_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* The name of what is remembered: a digest over the ground and the rules by which it is
 * searched. */
static void
ground_hex(struct arena *a, const struct seed *seed, const struct seed_package *const *ground,
	   size_t n, char out[DIGEST_HEX])
{
	struct doc *d = doc_map(a), *list = doc_list(a);
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < n; i++) {
		digest_hex(&ground[i]->sha256, hex);
		doc_push(a, list, doc_text(a, hex));
	}
	digest_hex(&seed->fixups_digest, hex);
	doc_set(a, d, "format", doc_number(a, OFFERS_FORMAT));
	doc_set_text(a, d, "fixups", hex);
	doc_set(a, d, "packages", list);
	json_digest_hex(d, out);
}

int
offers_load(struct arena *a, const struct cas *store, const struct seed *seed,
	    const struct seed_package *const *ground, size_t nground, struct offers *out,
	    bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(OFFERS_MAX_BYTES);
	char hex[DIGEST_HEX];
	struct doc *list;

	ground_hex(a, seed, ground, nground, hex);
	if (cas_ref_get(store, "offers", hex, &json, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	if (json_parse(a, buf_text(&json), json.len, "offers of the ground", &list, err) < 0)
		return -1;
	out->n = 0;
	out->at = arena_array(a, list->n, sizeof(*out->at));
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].value->kind == DOC_TEXT)
			out->at[out->n++] = list->items[i].value->text;
	}
	return 0;
}

struct search {
	struct arena *a;
	struct cas *store;
	struct dict found;
};

static void
search_release_scope(struct search *s)
{
	dict_release(&s->found);
}

/* usr/bin/x is /usr/bin/x and, through the merged /usr, /bin/x. */
static void
add_program(struct search *s, const char *path)
{
	dict_set(&s->found, arena_format(s->a, "/%s", path), s);
	dict_set(&s->found, path + strlen("usr"), s);
}

static bool
is_program(const char *path)
{
	return strncmp(path, "usr/bin/", 8) == 0 || strncmp(path, "usr/sbin/", 9) == 0;
}

/* Where the loader of the seed looks; plugins in deeper directories offer nothing. */
static bool
is_library(const struct manifest_entry *e)
{
	static const char *const dirs[] = { "usr/lib/", "usr/lib64/",
					    "usr/lib/x86_64-linux-gnu/" };
	const char *base = strrchr(e->path, '/');

	for (size_t i = 0; base && i < ARRAY_LEN(dirs); i++) {
		size_t n = strlen(dirs[i]);

		if ((size_t)(base + 1 - e->path) == n && strncmp(e->path, dirs[i], n) == 0)
			return e->type == MANIFEST_FILE && strstr(base, ".so");
	}
	return false;
}

static int
add_library(struct search *s, const char *tree, const struct manifest_entry *e, struct err *err)
{
	const char *path = arena_format(s->a, "trees/%s/%s", tree, e->path);
	CLEANUP(fd_close) int fd = -1;
	struct elfdeps deps = { 0 };

	if (fd_open_beneath(cas_dirfd(s->store), path, O_RDONLY | O_NOFOLLOW, &fd, err) < 0 ||
	    elfdeps_scan(s->a, fd, arena_format(s->a, "/%s", e->path), 0755, &deps, err) < 0)
		return err_wrap(err, "%s", path);
	for (size_t i = 0; i < deps.provides.n; i++)
		dict_set(&s->found, deps.provides.at[i].name, s);
	/* Every library here has the hash table that this asks the loader for. */
	dict_set(&s->found, "rtld(GNU_HASH)", s);
	return 0;
}

static int
search_tree(struct search *s, const char *tree, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(OFFERS_MAX_BYTES);
	struct manifest m;

	if (cas_tree_manifest(s->store, tree, &text, err) < 0 ||
	    manifest_parse(s->a, buf_text(&text), text.len, tree, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < m.n; i++) {
		if (m.at[i].type != MANIFEST_DIR && is_program(m.at[i].path))
			add_program(s, m.at[i].path);
		if (is_library(&m.at[i]) && add_library(s, tree, &m.at[i], err) < 0)
			return -1;
	}
	return 0;
}

static int
remember(struct search *s, const char *hex, struct offers *out, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(OFFERS_MAX_BYTES);
	struct doc *list = doc_list(s->a);
	void *unused;

	out->n = s->found.n;
	out->at = arena_array(s->a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++) {
		out->at[i] = arena_strdup(s->a, dict_at(&s->found, i, &unused));
		doc_push(s->a, list, doc_text(s->a, out->at[i]));
	}
	json_write(list, &json);
	if (buf_check(&json, "offers of the ground", err) < 0)
		return -1;
	return cas_ref_put(s->store, "offers", hex, json.data, json.len, err);
}

int
offers_find(struct arena *a, struct sandbox *sandbox, struct cas *store,
	    const struct seed *seed, const struct seed_package *const *ground, size_t nground,
	    struct offers *out, struct err *err)
{
	CLEANUP(search_release) struct search s = { .a = a, .store = store };
	const char **trees;
	char hex[DIGEST_HEX];
	size_t n;

	ground_hex(a, seed, ground, nground, hex);
	if (seed_trees(a, sandbox, store, seed, ground, nground, &trees, &n, err) < 0)
		return err_wrap(err, "seed");
	for (size_t i = 0; i < n; i++) {
		if (search_tree(&s, trees[i], err) < 0)
			return err_wrap(err, "ground");
	}
	return remember(&s, hex, out, err);
}

void
offers_add_built(struct arena *a, const struct seed_package *const *ground, size_t n,
		 struct offers *o)
{
	size_t total = o->n;
	const char **at;

	for (size_t i = 0; i < n; i++)
		total += ground[i]->built ? 1 + ground[i]->built->provides.n : 0;
	if (total == o->n)
		return;
	at = arena_array(a, total, sizeof(*at));
	memcpy(at, o->at, o->n * sizeof(*at));
	for (size_t i = 0; i < n; i++) {
		const struct pkgfacts *f = ground[i]->built;

		if (!f)
			continue;
		at[o->n++] = arena_format(a, "%s = %s", f->id.name, nevra_evr(a, &f->id));
		for (size_t j = 0; j < f->provides.n; j++)
			at[o->n++] = pkgdep_text(a, &f->provides.at[j]);
	}
	o->at = at;
}
