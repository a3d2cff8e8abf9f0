/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file as a whole, and its plain lists. */
#include "base/clock.h"
#include "base/fd.h"
#include "trust/dsse.h"
#include "trust/rules_priv.h"

#include <ctype.h>

#define DAY    INT64_C(86400)
#define MAX_N  100000 /* of a unit of time */
#define DIGEST "sha256:"

int
rules_read_wrong(struct rules_reader *r, const struct doc *d, const char *what,
		 const char *want)
{
	return doc_error(d, r->name, r->err, "'%s' must be %s", what, want);
}

int
rules_read_keys(struct rules_reader *r, const struct doc *map, const char *const *keys)
{
	size_t nkeys = 0;

	while (keys[nkeys])
		nkeys++;
	for (size_t i = 0; i < map->n; i++) {
		const struct doc_item *item = &map->items[i];
		struct doc at = { .line = item->key_line, .col = item->key_col };
		const char *shown = verify_label(r->a, item->key), *near;
		size_t k = 0;

		while (k < nkeys && strcmp(keys[k], item->key) != 0)
			k++;
		if (k < nkeys)
			continue;
		near = doc_nearest(item->key, keys, nkeys);
		return near ? doc_error(&at, r->name, r->err,
					"unknown key '%s' (did you mean '%s'?)", shown, near)
			    : doc_error(&at, r->name, r->err, "unknown key '%s'", shown);
	}
	return 0;
}

int
rules_read_text(struct rules_reader *r, const struct doc *d, const char *what, const char **out)
{
	if (!d || d->kind != DOC_TEXT || !*d->text)
		return rules_read_wrong(r, d, what, "text");
	*out = d->text;
	return 0;
}

int
rules_read_count(struct rules_reader *r, const struct doc *map, const char *key, size_t parties,
		 int64_t *out)
{
	const struct doc *d = doc_get(map, key);

	if (!doc_int(d, out) || *out < 1)
		return rules_read_wrong(r, d ? d : map, key, "a whole number of at least 1");
	if ((size_t)*out > parties)
		return doc_error(d, r->name, r->err,
				 "'%s' is %lld, but only %zu are named: nothing could pass",
				 key, (long long)*out, parties);
	return 0;
}

static int
read_words(struct rules_reader *r, const struct doc *d, const char *what,
	   struct rules_words *out)
{
	if (d->kind != DOC_LIST || d->n == 0 || d->n > RULES_MAX_WORDS)
		return rules_read_wrong(r, d, what, "a list of text");
	out->at = arena_array(r->a, d->n, sizeof(*out->at));
	for (size_t i = 0; i < d->n; i++)
		if (rules_read_text(r, d->items[i].value, what, &out->at[i]) < 0)
			return -1;
	out->n = d->n;
	return 0;
}

/* Every `sha256:` of the packages of a seed lock. */
static int
read_lock(struct rules_reader *r, const struct doc *d, struct rules_inputs *out)
{
	static const char *const keys[] = { "lock", NULL };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);
	const char *file = doc_get_text(d, "lock"), *path;
	const struct doc *list;
	struct digest digest;
	struct doc *lock;

	if (rules_read_keys(r, d, keys) < 0)
		return -1;
	if (!file)
		return rules_read_wrong(r, d, "lock", "the name of a seed.lock");
	path = *file == '/' ? file : arena_format(r->a, "%s/%s", r->dir, file);
	if (fd_read_file(AT_FDCWD, path, &text, r->err) < 0 ||
	    doc_parse(r->a, buf_text(&text), text.len, path, &lock, r->err) < 0)
		return err_wrap(r->err, "%s:%d", r->name, d->line);
	list = doc_get(lock, "packages");
	if (!list || list->kind != DOC_LIST || list->n == 0)
		return doc_error(d, r->name, r->err, "%s lists no packages", path);
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *p = list->items[i].value;

		if (!doc_get_digest(p, "sha256", &digest))
			return doc_error(p, path, r->err, "a package without its sha256");
		dict_set(&out->digests, doc_get_text(p, "sha256"), (void *)(uintptr_t)path);
	}
	return 0;
}

/* Digests ("sha256:HEX"), the beginnings of URIs, and {lock: FILE}. */
static int
read_inputs(struct rules_reader *r, const struct doc *d, const char *what,
	    struct rules_inputs *out)
{
	struct digest digest;

	if (d->kind != DOC_LIST || d->n > RULES_MAX_WORDS)
		return rules_read_wrong(
			r, d, what,
			"a list of sha256:DIGEST, beginnings of addresses, and {lock: FILE}");
	out->given = true;
	out->prefixes.at = arena_array(r->a, d->n + 1, sizeof(*out->prefixes.at));
	for (size_t i = 0; i < d->n; i++) {
		const struct doc *item = d->items[i].value;
		const char *word;

		if (item->kind == DOC_MAP) {
			if (read_lock(r, item, out) < 0)
				return -1;
			continue;
		}
		if (rules_read_text(r, item, what, &word) < 0)
			return -1;
		if (strncmp(word, DIGEST, strlen(DIGEST)) != 0)
			out->prefixes.at[out->prefixes.n++] = word;
		else if (digest_parse(word + strlen(DIGEST), &digest))
			dict_set(&out->digests, word + strlen(DIGEST),
				 (void *)(uintptr_t)r->name);
		else
			return doc_error(item, r->name, r->err,
					 "'%s' is no digest: sha256: and 64 hex digits are due",
					 verify_label(r->a, word));
	}
	return 0;
}

static int
read_age(struct rules_reader *r, const struct doc *d)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY }, { 'w', 7 * DAY } };
	const char *text = d->kind == DOC_TEXT ? d->text : "";
	int64_t n = 0;

	while (isdigit((unsigned char)*text) && n <= MAX_N)
		n = n * 10 + (*text++ - '0');
	for (size_t i = 0; n > 0 && n <= MAX_N && i < ARRAY_LEN(units); i++)
		if (text[0] == units[i].letter && !text[1])
			r->out->max_age = n * units[i].seconds;
	return r->out->max_age
		       ? 0
		       : rules_read_wrong(r, d, "max_age", "a span such as 12h, 7d or 4w");
}

/* Asked after the builders are known. One key under two ids counts once. */
static int
read_signatures(struct rules_reader *r, const struct doc *d)
{
	const struct rules *out = r->out;
	bool any = out->nbuilders == 0;
	size_t keys = 0;

	if (!doc_int(d, &r->out->signatures) || out->signatures < 1 ||
	    out->signatures > DSSE_MAX_ALONG + 1)
		return rules_read_wrong(r, d, "signatures", "a whole number of 1 to 9");
	for (size_t i = 0; i < out->nbuilders; i++) {
		const char *key = out->builders[i].key;
		size_t first = 0;

		any = any || !key;
		while (key && first < i &&
		       (!out->builders[first].key ||
			strcmp(out->builders[first].key, key) != 0))
			first++;
		keys += first == i;
	}
	if (!any && (size_t)out->signatures > keys)
		return doc_error(d, r->name, r->err,
				 "'signatures' is %lld, but only %zu builder keys are named: "
				 "nothing could pass",
				 (long long)out->signatures, keys);
	return 0;
}

static int
read_tested(struct rules_reader *r, const struct doc *d)
{
	return read_words(r, d, "tested", &r->out->tested);
}

static int
read_required(struct rules_reader *r, const struct doc *d, const char *what, bool *out)
{
	if (d->kind != DOC_TEXT || strcmp(d->text, "required") != 0)
		return rules_read_wrong(r, d, what, "'required', or left out");
	*out = true;
	return 0;
}

static int
read_twice(struct rules_reader *r, const struct doc *d)
{
	return read_required(r, d, "built_twice", &r->out->twice);
}

static int
read_sbom(struct rules_reader *r, const struct doc *d)
{
	return read_required(r, d, "sbom", &r->out->sbom);
}

static int
read_walls(struct rules_reader *r, const struct doc *d)
{
	return read_words(r, d, "walls", &r->out->walls);
}

static int
read_seeds(struct rules_reader *r, const struct doc *d)
{
	return read_inputs(r, d, "seeds", &r->out->seeds);
}

static int
read_sources(struct rules_reader *r, const struct doc *d)
{
	return read_inputs(r, d, "sources", &r->out->sources);
}

static int
read_licences(struct rules_reader *r, const struct doc *d)
{
	r->out->licences_given = true;
	return read_words(r, d, "licences", &r->out->licences);
}

static int
read_grounds(struct rules_reader *r, const struct doc *d)
{
	return read_words(r, d, "grounds", &r->out->grounds);
}

static int
read_key_files(struct rules_reader *r, const struct doc *d)
{
	struct rules_words files = { 0 };

	if (read_words(r, d, "keys", &files) < 0)
		return -1;
	r->out->own_keys = true;
	for (size_t i = 0; i < files.n; i++) {
		const char *file = files.at[i];

		if (*file != '/')
			file = arena_format(r->a, "%s/%s", r->dir, file);
		if (key_load(r->a, file, &r->out->ring, r->err) < 0)
			return err_wrap(r->err, "%s:%d", r->name, d->items[i].value->line);
	}
	return 0;
}

static int
read_format(struct rules_reader *r, const struct doc *d)
{
	int64_t format;

	if (!doc_int(d, &format))
		return rules_read_wrong(r, d, "format", "a whole number");
	if (format != 1)
		return doc_error(d, r->name, r->err,
				 "a policy of format %lld: this Kiln reads format 1",
				 (long long)format);
	return 0;
}

static int
read_description(struct rules_reader *r, const struct doc *d)
{
	const char *text;

	return rules_read_text(r, d, "description", &text);
}

static const struct {
	const char *name;
	int (*read)(struct rules_reader *r, const struct doc *d);
} fields[] = {
	/* keys first: others may name them by fingerprint */
	{ "format", read_format },           { "description", read_description },
	{ "keys", read_key_files },          { "builders", rules_read_builders },
	{ "signatures", read_signatures },   { "walls", read_walls },
	{ "log", rules_read_log },           { "witnesses", rules_read_witnesses },
	{ "rebuilds", rules_read_rebuilds }, { "seeds", read_seeds },
	{ "sources", read_sources },         { "max_age", read_age },
	{ "licences", read_licences },       { "sbom", read_sbom },
	{ "grounds", read_grounds },         { "tested", read_tested },
	{ "built_twice", read_twice },
};

int
rules_parse(struct arena *a, const char *text, size_t n, const char *name, const char *dir,
	    struct rules *out, struct err *err)
{
	struct rules_reader r = { .a = a, .name = name, .dir = dir, .out = out, .err = err };
	const char *known[ARRAY_LEN(fields) + 1] = { NULL };
	struct doc *root;

	*out = (struct rules){ .name = name };
	if (doc_parse(a, text, n, name, &root, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		known[i] = fields[i].name;
	if (root->kind != DOC_MAP)
		return doc_error(root, name, err,
				 "a policy is a map that begins with format: 1");
	if (rules_read_keys(&r, root, known) < 0)
		return -1;
	if (!doc_get(root, "format"))
		return doc_error(root, name, err, "'format' is missing: write format: 1");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct doc *d = doc_get(root, fields[i].name);

		if (d && fields[i].read(&r, d) < 0) {
			rules_release(out);
			return -1;
		}
	}
	return 0;
}

int
rules_load(struct arena *a, const char *path, struct rules *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RULES_MAX_BYTES);
	const char *slash = strrchr(path, '/');
	const char *dir = !slash          ? "."
			  : slash == path ? "/"
					  : arena_strndup(a, path, (size_t)(slash - path));

	if (fd_read_file(AT_FDCWD, path, &text, err) < 0)
		return err_wrap(err, "policy");
	return rules_parse(a, buf_text(&text), text.len, arena_strdup(a, path), dir, out, err);
}

void
rules_release(struct rules *r)
{
	dict_release(&r->seeds.digests);
	dict_release(&r->sources.digests);
}

const struct rules *
rules_builtin(const struct keyring *ring)
{
	static const struct rules none = { .name = "the built-in policy" };
	static const struct rules logged = { .name = "the built-in policy", .log_given = true };

	return ring && key_of_role(ring, KEY_LOG) ? &logged : &none;
}
