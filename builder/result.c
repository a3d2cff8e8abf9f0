/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/result.h"
#include "base/json.h"

#define RESULT_FORMAT    1
#define RESULT_MAX_BYTES DOC_MAX_BYTES
#define LAST_KIND        "last"

static struct doc *
write_doc(struct arena *a, const char *recipe, const struct result *r)
{
	struct doc *d = doc_map(a), *packages = doc_list(a), *environment = doc_list(a);

	doc_set(a, d, "format", doc_number(a, RESULT_FORMAT));
	doc_set_text(a, d, "recipe", recipe);
	for (size_t i = 0; i < r->npackages; i++)
		doc_push(a, packages, pkgfacts_doc(a, &r->packages[i]));
	doc_set(a, d, "packages", packages);
	for (size_t i = 0; i < r->nenvironment; i++) {
		struct doc *e = doc_map(a);

		doc_set_text(a, e, "name", r->environment[i].name);
		doc_set_text(a, e, "purl", r->environment[i].purl);
		doc_set_digest(a, e, "file", &r->environment[i].file);
		doc_push(a, environment, e);
	}
	doc_set(a, d, "environment", environment);
	doc_set_digest(a, d, "record", &r->record);
	doc_set_digest(a, d, "log", &r->log);
	doc_set_digest(a, d, "statement", &r->statement);
	doc_set_digest(a, d, "bundle", &r->bundle);
	if (r->measures)
		doc_set(a, d, "measures", r->measures);
	return d;
}

static int
get_note(struct arena *a, const struct cas *store, const char *name, struct doc **out,
	 struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(4096);
	bool found;

	*out = NULL;
	if (cas_ref_get(store, LAST_KIND, name, &json, &found, err) < 0)
		return -1;
	return found ? json_parse(a, buf_text(&json), json.len, name, out, err) : 0;
}

int
result_note_last(struct cas *store, const char *note, const char *key_hex,
		 const struct result *r, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf before = BUF_MAX(4096);
	CLEANUP(buf_free) struct buf json = BUF_MAX(4096);
	struct doc *d = doc_map(&a);
	struct err damaged;
	int64_t elapsed;
	bool found;

	doc_set_text(&a, d, "key", key_hex);
	if (doc_int(doc_get(r->measures, "elapsedMs"), &elapsed))
		doc_set(&a, d, "ms", doc_number(&a, elapsed));
	json_write(d, &json);
	if (buf_check(&json, LAST_KIND, err) < 0)
		return -1;
	if (cas_ref_get(store, LAST_KIND, note, &before, &found, &damaged) == 0 && found &&
	    strcmp(buf_text(&before), buf_text(&json)) == 0)
		return 0;
	return cas_ref_put(store, LAST_KIND, note, json.data, json.len, err);
}

int
result_store(struct cas *store, const char *recipe, const char *key_hex, struct result *r,
	     struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf json = BUF_MAX(RESULT_MAX_BYTES);

	json_write(write_doc(&a, recipe, r), &json);
	if (buf_check(&json, "action result", err) < 0 ||
	    cas_ref_put(store, "action", key_hex, json.data, json.len, err) < 0)
		return -1;
	digest_of(json.data, json.len, &r->text);
	return 0;
}

static int
broken(const char *key_hex, struct err *err)
{
	err_set(err, ERR_IO, "the result of action %s in the store is damaged", key_hex);
	return err_hint(
		err,
		"`kiln store check --repair` puts damaged objects aside; then build again");
}

static int
read_packages(struct arena *a, const struct doc *list, const char *key_hex, struct result *out,
	      struct err *err)
{
	if (!list || list->kind != DOC_LIST || list->n == 0)
		return broken(key_hex, err);
	out->npackages = list->n;
	out->packages = arena_array(a, list->n, sizeof(*out->packages));
	for (size_t i = 0; i < list->n; i++) {
		if (pkgfacts_parse(a, list->items[i].value, key_hex, &out->packages[i], err) <
		    0)
			return err_wrap(err, "action result");
	}
	return 0;
}

static int
read_environment(struct arena *a, const struct doc *list, const char *key_hex,
		 struct result *out, struct err *err)
{
	if (!list || list->kind != DOC_LIST)
		return broken(key_hex, err);
	out->nenvironment = list->n;
	out->environment = arena_array(a, list->n, sizeof(*out->environment));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;
		struct result_input *e = &out->environment[i];

		e->name = doc_get_text(d, "name");
		e->purl = doc_get_text(d, "purl");
		if (!e->name || !e->purl || !doc_get_digest(d, "file", &e->file))
			return broken(key_hex, err);
	}
	return 0;
}

static bool
has_blobs(const struct cas *store, const struct result *r)
{
	for (size_t i = 0; i < r->npackages; i++) {
		if (!cas_has(store, &r->packages[i].file) ||
		    !cas_has(store, &r->packages[i].action))
			return false;
	}
	return cas_has(store, &r->record) && cas_has(store, &r->log) &&
	       cas_has(store, &r->statement) && cas_has(store, &r->bundle);
}

int
result_read(struct arena *a, const char *text, size_t n, const char *key_hex,
	    struct result *out, struct err *err)
{
	struct result r = { 0 };
	struct doc *d;
	int64_t format;

	if (json_parse(a, text, n, key_hex, &d, err) < 0)
		return err_wrap(err, "action result");
	if (!doc_int(doc_get(d, "format"), &format) || format != RESULT_FORMAT ||
	    !doc_get_digest(d, "record", &r.record) || !doc_get_digest(d, "log", &r.log) ||
	    !doc_get_digest(d, "statement", &r.statement) ||
	    !doc_get_digest(d, "bundle", &r.bundle))
		return broken(key_hex, err);
	if (read_packages(a, doc_get(d, "packages"), key_hex, &r, err) < 0 ||
	    read_environment(a, doc_get(d, "environment"), key_hex, &r, err) < 0)
		return -1;
	r.measures = doc_get(d, "measures");
	*out = r;
	return 0;
}

int
result_parse(struct arena *a, const struct cas *store, const char *text, size_t n,
	     const char *key_hex, struct result *out, bool *found, struct err *err)
{
	struct result r;

	if (result_read(a, text, n, key_hex, &r, err) < 0)
		return -1;
	*found = has_blobs(store, &r);
	if (*found)
		*out = r;
	return 0;
}

int
result_load(struct arena *a, const struct cas *store, const char *key_hex, struct result *out,
	    bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(RESULT_MAX_BYTES);

	if (cas_ref_get(store, "action", key_hex, &json, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	if (result_parse(a, store, buf_text(&json), json.len, key_hex, out, found, err) < 0)
		return -1;
	if (*found)
		digest_of(buf_text(&json), json.len, &out->text);
	return 0;
}

int
result_last_action(struct arena *a, const struct cas *store, const char *name, struct doc **out,
		   struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(ACTION_MAX_BYTES);
	struct digest key;
	struct doc *note;

	*out = NULL;
	if (get_note(a, store, name, &note, err) < 0)
		return -1;
	if (!doc_get_digest(note, "key", &key) || !cas_has(store, &key))
		return 0;
	if (cas_get(store, &key, &json, err) < 0)
		return -1;
	return json_parse(a, buf_text(&json), json.len, name, out, err);
}

int
result_last_peak(struct arena *a, const struct cas *store, const char *name, int64_t *bytes,
		 struct err *err)
{
	struct result r = { 0 };
	bool found = false;
	struct doc *note;
	const char *key;

	if (get_note(a, store, name, &note, err) < 0)
		return -1;
	key = doc_get_text(note, "key");
	if (key && result_load(a, store, key, &r, &found, err) < 0)
		return -1;
	if (found)
		(void)doc_int(doc_get(r.measures, "peakMemoryBytes"), bytes);
	return 0;
}

int
result_last_duration(const struct cas *store, const char *name, int64_t *ms, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *note;
	int64_t v;

	if (get_note(&a, store, name, &note, err) < 0)
		return -1;
	if (doc_int(doc_get(note, "ms"), &v) && v >= 0)
		*ms = v;
	return 0;
}
