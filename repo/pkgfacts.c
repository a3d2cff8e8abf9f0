/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgfacts.h"
#include "base/json.h"

#define PKGFACTS_FORMAT    1
#define PKGFACTS_MAX_DEPS  100000
#define PKGFACTS_MAX_PATHS 2000000
#define PKGFACTS_BUF_MAX   ((size_t)1024 * 1024 * 1024)

/* Writing. */

static void
put_digest(struct arena *a, struct doc *map, const char *key, const struct digest *d)
{
	static const struct digest none;
	char hex[DIGEST_HEX];

	if (digest_equal(d, &none))
		return;
	digest_hex(d, hex);
	doc_set_text(a, map, key, hex);
}

static struct doc *
deps_doc(struct arena *a, const struct pkgdeps *deps)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < deps->n; i++)
		doc_push(a, list, doc_text(a, pkgdep_text(a, &deps->at[i])));
	return list;
}

static void
put_id(struct arena *a, struct doc *map, const struct nevra *id)
{
	doc_set_text(a, map, "name", id->name);
	doc_set(a, map, "epoch", doc_number(a, id->epoch));
	doc_set_text(a, map, "version", id->version);
	doc_set_text(a, map, "release", id->release);
	doc_set_text(a, map, "arch", id->arch);
}

struct doc *
pkgfacts_doc(struct arena *a, const struct pkgfacts *f)
{
	struct doc *map = doc_map(a), *paths = doc_list(a);

	doc_set(a, map, "format", doc_number(a, PKGFACTS_FORMAT));
	put_id(a, map, &f->id);
	doc_set_text(a, map, "recipe", f->recipe);
	doc_set_text(a, map, "summary", f->summary);
	doc_set_text(a, map, "license", f->license);
	doc_set(a, map, "build_time", doc_number(a, f->build_time));
	put_digest(a, map, "file", &f->file);
	put_digest(a, map, "header", &f->header);
	put_digest(a, map, "environment", &f->environment);
	doc_set(a, map, "size", doc_number(a, (int64_t)f->size));
	doc_set(a, map, "installed_size", doc_number(a, (int64_t)f->installed_size));
	doc_set(a, map, "provides", deps_doc(a, &f->provides));
	doc_set(a, map, "requires", deps_doc(a, &f->requires));
	doc_set(a, map, "conflicts", deps_doc(a, &f->conflicts));
	doc_set(a, map, "obsoletes", deps_doc(a, &f->obsoletes));
	doc_set(a, map, "recommends", deps_doc(a, &f->recommends));
	for (size_t i = 0; i < f->npaths; i++)
		doc_push(a, paths, doc_text(a, f->paths[i]));
	doc_set(a, map, "paths", paths);
	put_digest(a, map, "action", &f->action);
	put_digest(a, map, "statement", &f->statement);
	put_digest(a, map, "bundle", &f->bundle);
	return map;
}

/* Reading. One cursor carries what every step needs, the first failure included. */

struct reader {
	struct arena *a;
	const struct doc *map;
	const char *name;
	struct err *err;
};

static int
wrong(const struct reader *r, const char *key, const char *why)
{
	const struct doc *at = doc_get(r->map, key);

	return doc_error(at ? at : r->map, r->name, r->err, "package facts: '%s' %s", key, why);
}

/* required: absent is a failure; else *out stays NULL. */
static int
get_text(const struct reader *r, const char *key, bool required, const char **out)
{
	const char *text = doc_get_text(r->map, key);

	if (!text && (required || doc_get(r->map, key)))
		return wrong(r, key, "is missing or not a text");
	*out = arena_strdup(r->a, text);
	return 0;
}

static int
get_number(const struct reader *r, const char *key, int64_t *out)
{
	if (!doc_int(doc_get(r->map, key), out) || *out < 0)
		return wrong(r, key, "is missing or not a number of zero or more");
	return 0;
}

static int
get_digest(const struct reader *r, const char *key, struct digest *out)
{
	const struct doc *d = doc_get(r->map, key);

	memset(out, 0, sizeof(*out));
	if (!d)
		return 0;
	if (d->kind != DOC_TEXT || !digest_parse(d->text, out))
		return wrong(r, key, "is not a SHA-256 in lower-case hexadecimal");
	return 0;
}

/* A list of texts of at most max items; absent is an error. */
static int
get_list(const struct reader *r, const char *key, size_t max, const struct doc **out)
{
	const struct doc *list = doc_get(r->map, key);

	if (!list || list->kind != DOC_LIST)
		return wrong(r, key, "is missing or not a list");
	if (list->n > max)
		return wrong(r, key, "has too many entries");
	for (size_t i = 0; i < list->n; i++) {
		if (list->items[i].value->kind != DOC_TEXT)
			return wrong(r, key, "holds something that is not a text");
	}
	*out = list;
	return 0;
}

static int
get_deps(const struct reader *r, const char *key, struct pkgdeps *out)
{
	const struct doc *list;

	if (get_list(r, key, PKGFACTS_MAX_DEPS, &list) < 0)
		return -1;
	out->at = arena_array(r->a, list->n, sizeof(*out->at));
	out->n = list->n;
	for (size_t i = 0; i < list->n; i++) {
		if (pkgdep_parse(r->a, list->items[i].value->text, &out->at[i], r->err) < 0)
			return err_wrap(r->err, "%s: package facts: '%s'", r->name, key);
	}
	pkgdep_sort(out);
	return 0;
}

static int
get_paths(const struct reader *r, struct pkgfacts *f)
{
	const struct doc *list;

	if (get_list(r, "paths", PKGFACTS_MAX_PATHS, &list) < 0)
		return -1;
	f->paths = arena_array(r->a, list->n, sizeof(*f->paths));
	f->npaths = list->n;
	for (size_t i = 0; i < list->n; i++) {
		f->paths[i] = arena_strdup(r->a, list->items[i].value->text);
		if (f->paths[i][0] != '/')
			return wrong(r, "paths", "holds a path that is not absolute");
		if (i && strcmp(f->paths[i - 1], f->paths[i]) >= 0)
			return wrong(r, "paths", "is not sorted");
	}
	return 0;
}

static int
get_id(const struct reader *r, struct nevra *id)
{
	if (get_text(r, "name", true, &id->name) < 0 ||
	    get_number(r, "epoch", &id->epoch) < 0 ||
	    get_text(r, "version", true, &id->version) < 0 ||
	    get_text(r, "release", true, &id->release) < 0 ||
	    get_text(r, "arch", true, &id->arch) < 0)
		return -1;
	if (!nevra_is_name(id->name))
		return wrong(r, "name", "is not a name a package may have");
	if (!nevra_is_version(id->version))
		return wrong(r, "version", "is not a version a package may have");
	if (!nevra_is_version(id->release))
		return wrong(r, "release", "is not a release a package may have");
	if (!nevra_is_name(id->arch))
		return wrong(r, "arch", "is not an architecture");
	return 0;
}

static int
get_digests(const struct reader *r, struct pkgfacts *f)
{
	if (get_digest(r, "file", &f->file) < 0 || get_digest(r, "header", &f->header) < 0 ||
	    get_digest(r, "environment", &f->environment) < 0 ||
	    get_digest(r, "action", &f->action) < 0 ||
	    get_digest(r, "statement", &f->statement) < 0 ||
	    get_digest(r, "bundle", &f->bundle) < 0)
		return -1;
	return 0;
}

int
pkgfacts_parse(struct arena *a, const struct doc *d, const char *name, struct pkgfacts *out,
	       struct err *err)
{
	const struct reader r = { .a = a, .map = d, .name = name, .err = err };
	struct pkgfacts f = { 0 };
	int64_t format, size, installed;

	if (!d || d->kind != DOC_MAP)
		return err_set(err, ERR_INPUT, "%s: package facts are not a map", name);
	if (get_number(&r, "format", &format) < 0)
		return -1;
	if (format != PKGFACTS_FORMAT)
		return wrong(&r, "format", "is not one this Kiln reads");
	if (get_id(&r, &f.id) < 0 || get_text(&r, "recipe", false, &f.recipe) < 0 ||
	    get_text(&r, "summary", false, &f.summary) < 0 ||
	    get_text(&r, "license", false, &f.license) < 0 ||
	    get_number(&r, "build_time", &f.build_time) < 0 ||
	    get_number(&r, "size", &size) < 0 ||
	    get_number(&r, "installed_size", &installed) < 0 || get_digests(&r, &f) < 0 ||
	    get_deps(&r, "provides", &f.provides) < 0 ||
	    get_deps(&r, "requires", &f.requires) < 0 ||
	    get_deps(&r, "conflicts", &f.conflicts) < 0 ||
	    get_deps(&r, "obsoletes", &f.obsoletes) < 0 ||
	    get_deps(&r, "recommends", &f.recommends) < 0 || get_paths(&r, &f) < 0)
		return -1;
	f.size = (uint64_t)size;
	f.installed_size = (uint64_t)installed;
	*out = f;
	return 0;
}

void
pkgfacts_environment(const struct pkgfacts *f, const struct manifest *m, struct digest *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(PKGFACTS_BUF_MAX);
	struct doc *map = doc_map(&a);
	struct digest files;
	char hex[DIGEST_HEX];

	manifest_write(m, &text);
	if (text.overflow)
		abort(); /* a package's manifest is bounded far below when it is made */
	digest_of(buf_text(&text), text.len, &files);
	digest_hex(&files, hex);
	doc_set(&a, map, "format", doc_number(&a, PKGFACTS_FORMAT));
	put_id(&a, map, &f->id);
	doc_set(&a, map, "provides", deps_doc(&a, &f->provides));
	doc_set(&a, map, "requires", deps_doc(&a, &f->requires));
	doc_set_text(&a, map, "files", hex);
	json_digest_hex(map, hex);
	if (!digest_parse(hex, out))
		abort();
}
