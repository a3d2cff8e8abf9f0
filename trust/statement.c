/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/statement.h"
#include "base/json.h"

#define RESOURCES_MAX 100000

static struct doc *
resource_doc(struct arena *a, const struct statement_resource *r)
{
	struct doc *d = doc_map(a), *digests = doc_map(a);
	char hex[DIGEST_HEX];

	digest_hex(&r->sha256, hex);
	doc_set_text(a, digests, "sha256", hex);
	doc_set(a, d, "digest", digests);
	doc_set_text(a, d, "name", r->name);
	doc_set_text(a, d, "uri", r->uri);
	if (r->annotations)
		doc_set(a, d, "annotations", r->annotations);
	return d;
}

/* Empty, null and absent mean the same; absent is shorter. */
static void
set_resources(struct arena *a, struct doc *map, const char *key,
	      const struct statement_resource *at, size_t n)
{
	struct doc *list;

	if (n == 0)
		return;
	list = doc_list(a);
	for (size_t i = 0; i < n; i++)
		doc_push(a, list, resource_doc(a, &at[i]));
	doc_set(a, map, key, list);
}

static void
set_map(struct arena *a, struct doc *map, const char *key, struct doc *value)
{
	if (value && value->n > 0)
		doc_set(a, map, key, value);
}

static struct doc *
provenance_doc(struct arena *a, const struct statement *s)
{
	struct doc *predicate = doc_map(a), *definition = doc_map(a), *run = doc_map(a),
		   *builder = doc_map(a);

	doc_set_text(a, definition, "buildType", s->build_type);
	doc_set(a, definition, "externalParameters", s->external);
	set_map(a, definition, "internalParameters", s->internal);
	set_resources(a, definition, "resolvedDependencies", s->dependencies, s->ndependencies);
	doc_set(a, predicate, "buildDefinition", definition);

	doc_set_text(a, builder, "id", s->builder_id);
	set_map(a, builder, "version", s->builder_version);
	doc_set(a, run, "builder", builder);
	set_map(a, run, "metadata", s->metadata);
	set_resources(a, run, "byproducts", s->byproducts, s->nbyproducts);
	doc_set(a, predicate, "runDetails", run);
	return predicate;
}

static bool
is_map(const struct doc *d)
{
	return d && d->kind == DOC_MAP;
}

/* What the type of the predicate demands before it can be written. */
static int
check_complete(const struct statement *s, struct err *err)
{
	if (!s->predicate_type || s->nsubjects == 0)
		return err_set(err, ERR_INPUT, "statement without predicate type or subject");
	for (size_t i = 0; i < s->nsubjects; i++) {
		const struct statement_resource *r = &s->subjects[i];

		if (!r->name || r->uri || r->annotations)
			return err_set(err, ERR_INPUT,
				       "a subject has a name and a digest, nothing else");
	}
	if (strcmp(s->predicate_type, STATEMENT_SLSA_V1) != 0)
		return is_map(s->predicate)
			       ? 0
			       : err_set(err, ERR_INPUT, "statement without predicate");
	if (!s->build_type || !s->builder_id || !is_map(s->external))
		return err_set(err, ERR_INPUT,
			       "provenance without build type, builder or external parameters");
	return 0;
}

struct reading {
	struct arena *arena;
	const char *name; /* for messages */
	struct err *err;
};

static int
refuse(const struct reading *r, const struct doc *at, const char *what)
{
	(void)doc_error(at, r->name, r->err, "%s", what);
	return err_recode(r->err, ERR_VERIFY);
}

/* The list may be absent: then it is empty. */
static int
get_list(const struct reading *r, const struct doc *map, const char *key,
	 const struct doc **list)
{
	*list = doc_get(map, key);
	if (!*list || (*list)->kind == DOC_NULL) {
		*list = NULL;
		return 0;
	}
	return (*list)->kind == DOC_LIST ? 0 : refuse(r, *list, "a list is due here");
}

static int
get_map(const struct reading *r, const struct doc *map, const char *key, bool required,
	struct doc **out)
{
	struct doc *d = doc_get(map, key);
	CLEANUP(arena_release) struct arena a = { 0 };

	if (!d || d->kind == DOC_NULL) {
		*out = NULL;
		return required ? refuse(r, map, arena_format(&a, "'%s' is missing", key)) : 0;
	}
	*out = d;
	return d->kind == DOC_MAP
		       ? 0
		       : refuse(r, d, arena_format(&a, "'%s' is not an object", key));
}

static int
get_text(const struct reading *r, const struct doc *map, const char *key, const char **out)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	*out = doc_get_text(map, key);
	if (!*out || !**out)
		return refuse(r, map, arena_format(&a, "'%s' is missing", key));
	return 0;
}

/* Zeros are what a digest is before it is computed; no bytes have it. */
static int
read_resource(const struct reading *r, const struct doc *d, struct statement_resource *out)
{
	const char *hex = doc_get_text(doc_get(d, "digest"), "sha256");
	static const struct digest none;

	if (!is_map(d))
		return refuse(r, d, "an object is due here");
	if (!hex || !digest_parse(hex, &out->sha256))
		return refuse(r, d, "a sha256 digest of 64 lower-case hex digits is missing");
	if (digest_equal(&out->sha256, &none))
		return refuse(r, d, "the sha256 digest was never computed: it is all zeros");
	out->name = doc_get_text(d, "name");
	out->uri = doc_get_text(d, "uri");
	return get_map(r, d, "annotations", false, &out->annotations);
}

static int
read_resources(const struct reading *r, const struct doc *map, const char *key,
	       struct statement_resource **at, size_t *n)
{
	const struct doc *list;

	*at = NULL;
	*n = 0;
	if (get_list(r, map, key, &list) < 0)
		return -1;
	if (!list || list->n == 0)
		return 0;
	if (list->n > RESOURCES_MAX)
		return refuse(r, list, "too many entries");
	*at = arena_array(r->arena, list->n, sizeof(**at));
	for (size_t i = 0; i < list->n; i++) {
		if (read_resource(r, list->items[i].value, &(*at)[i]) < 0)
			return -1;
	}
	*n = list->n;
	return 0;
}

static int
only_fields(const struct reading *r, const struct doc *d, const char *const *fields, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	for (size_t i = 0; i < d->n; i++) {
		size_t f = 0;

		while (f < n && strcmp(fields[f], d->items[i].key) != 0)
			f++;
		if (f == n)
			return refuse(
				r, d,
				arena_format(&a, "unknown field '%.100s'", d->items[i].key));
	}
	return 0;
}

static int
read_subjects(const struct reading *r, const struct doc *root, struct statement *s)
{
	static const char *const fields[] = { "name", "digest" };
	const struct doc *list;

	if (read_resources(r, root, "subject", &s->subjects, &s->nsubjects) < 0)
		return -1;
	if (s->nsubjects == 0 || s->nsubjects > STATEMENT_MAX_SUBJECTS)
		return refuse(r, root, "a statement has between 1 and 1024 subjects");
	list = doc_get(root, "subject");
	for (size_t i = 0; i < s->nsubjects; i++) {
		if (only_fields(r, list->items[i].value, fields, ARRAY_LEN(fields)) < 0)
			return -1;
		if (!s->subjects[i].name)
			return refuse(r, list->items[i].value, "'name' is missing");
	}
	return 0;
}

static int
read_provenance(const struct reading *r, struct statement *s)
{
	struct doc *definition, *run, *builder;

	if (get_map(r, s->predicate, "buildDefinition", true, &definition) < 0 ||
	    get_text(r, definition, "buildType", &s->build_type) < 0 ||
	    get_map(r, definition, "externalParameters", true, &s->external) < 0 ||
	    get_map(r, definition, "internalParameters", false, &s->internal) < 0 ||
	    read_resources(r, definition, "resolvedDependencies", &s->dependencies,
			   &s->ndependencies) < 0)
		return -1;
	if (get_map(r, s->predicate, "runDetails", true, &run) < 0 ||
	    get_map(r, run, "builder", true, &builder) < 0 ||
	    get_text(r, builder, "id", &s->builder_id) < 0 ||
	    get_map(r, builder, "version", false, &s->builder_version) < 0 ||
	    get_map(r, run, "metadata", false, &s->metadata) < 0)
		return -1;
	return read_resources(r, run, "byproducts", &s->byproducts, &s->nbyproducts);
}

static int
read_statement(const struct reading *r, const struct doc *root, struct statement *s)
{
	static const char *const fields[] = { "_type", "subject", "predicateType",
					      "predicate" };
	const char *type;

	if (!is_map(root))
		return refuse(r, root, "a statement is an object");
	if (only_fields(r, root, fields, ARRAY_LEN(fields)) < 0 ||
	    get_text(r, root, "_type", &type) < 0)
		return -1;
	if (strcmp(type, STATEMENT_TYPE) != 0)
		return refuse(r, root, "_type is not that of an in-toto statement v1");
	if (read_subjects(r, root, s) < 0 ||
	    get_text(r, root, "predicateType", &s->predicate_type) < 0 ||
	    get_map(r, root, "predicate", true, &s->predicate) < 0)
		return -1;
	return strcmp(s->predicate_type, STATEMENT_SLSA_V1) == 0 ? read_provenance(r, s) : 0;
}

int
statement_make(const struct statement *s, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(out->max);
	struct doc *root = doc_map(&a);
	struct reading reading = { .arena = &a, .name = "statement", .err = err };
	struct statement readback = { 0 };

	if (check_complete(s, err) < 0)
		return -1;
	doc_set_text(&a, root, "_type", STATEMENT_TYPE);
	set_resources(&a, root, "subject", s->subjects, s->nsubjects);
	doc_set_text(&a, root, "predicateType", s->predicate_type);
	doc_set(&a, root, "predicate",
		strcmp(s->predicate_type, STATEMENT_SLSA_V1) == 0 ? provenance_doc(&a, s)
								  : s->predicate);
	json_write(root, &text);
	if (buf_check(&text, "statement", err) < 0)
		return -1;
	/* What no verifier would read must not be signed. */
	if (json_check(root, text.data, text.len, "statement", err) < 0 ||
	    read_statement(&reading, root, &readback) < 0)
		return err_recode(err, ERR_INPUT);
	buf_add(out, text.data, text.len);
	return buf_check(out, "statement", err);
}

int
statement_parse(struct arena *a, const char *text, size_t n, const char *name,
		struct statement *out, struct err *err)
{
	struct reading r = { .arena = a, .name = name, .err = err };
	struct statement s = { 0 };
	struct doc *root;

	if (json_parse(a, text, n, name, &root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (read_statement(&r, root, &s) < 0)
		return -1;
	*out = s;
	return 0;
}

const struct statement_resource *
statement_subject(const struct statement *s, const struct digest *d)
{
	for (size_t i = 0; i < s->nsubjects; i++) {
		if (digest_equal(&s->subjects[i].sha256, d))
			return &s->subjects[i];
	}
	return NULL;
}
