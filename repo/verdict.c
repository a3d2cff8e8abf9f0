/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/verdict.h"
#include "base/json.h"
#include "trust/dsse.h"
#include "trust/verify.h"

#define VERDICT_REF_KIND "verdict"
#define VERDICT_FORMAT   1
#define VERDICT_MAX_REF  ((size_t)1024)

static const struct {
	const char *test, *suffix;
} kinds[VERDICT_KINDS] = {
	[VERDICT_INSTALLED] = { "test", ".installed" },
	[VERDICT_TWICE] = { "build --check", ".twice" },
};

const char *
verdict_test(enum verdict_kind kind)
{
	return kinds[kind].test;
}

const char *
verdict_suffix(enum verdict_kind kind)
{
	return kinds[kind].suffix;
}

int
verdict_make(enum verdict_kind kind, bool passed, const struct pkgfacts *const *packages,
	     size_t npackages, const struct statement_resource *used, size_t nused,
	     struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct statement s = { .predicate_type = STATEMENT_TEST_RESULT,
			       .nsubjects = npackages };

	s.subjects = arena_array(&a, npackages, sizeof(*s.subjects));
	for (size_t i = 0; i < npackages; i++)
		s.subjects[i] =
			(struct statement_resource){ .name = nevra_file(&a, &packages[i]->id),
						     .sha256 = packages[i]->file };
	s.predicate = statement_test_outcome(&a, verdict_test(kind), passed, used, nused);
	return statement_make(&s, out, err);
}

static const char *
ref_name(struct arena *a, enum verdict_kind kind, const struct digest *file)
{
	char hex[DIGEST_HEX];

	digest_hex(file, hex);
	return arena_format(a, "%s-%s", kinds[kind].suffix + 1, hex);
}

static const struct doc *
used_of(const struct statement *s)
{
	const struct doc *list = doc_get(s->predicate, "configuration");

	return list && list->kind == DOC_LIST ? list : NULL;
}

bool
verdict_used(const struct verdict_found *v, const char *name, struct digest *out)
{
	const struct doc *list = used_of(&v->statement);

	for (size_t i = 0; list && i < list->n; i++) {
		const struct doc *used = list->items[i].value;
		const char *is = doc_get_text(used, "name");

		if (is && strcmp(is, name) == 0)
			return doc_get_digest(doc_get(used, "digest"), "sha256", out);
	}
	return false;
}

/* A collection of the store reads no payload: what is named nowhere but in there would go.
 * Packages, which have a URI, can be built again. */
static int
add_used(struct arena *a, const struct cas *store, const struct digest *bundle, struct doc *d,
	 struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct doc *kept = doc_map(a);
	const struct doc *list;
	struct statement s;

	if (cas_get(store, bundle, &text, err) < 0 ||
	    dsse_bundle_parse(a, buf_text(&text), text.len, "verdict", &b, err) < 0 ||
	    statement_parse(a, buf_text(&b.payload), b.payload.len, "verdict", &s, err) < 0)
		return -1;
	list = used_of(&s);
	for (size_t i = 0; list && i < list->n; i++) {
		const struct doc *used = list->items[i].value;
		const char *name = doc_get_text(used, "name");
		struct digest sha256;

		if (name && !doc_get(used, "uri") &&
		    doc_get_digest(doc_get(used, "digest"), "sha256", &sha256))
			doc_set_digest(a, kept, name, &sha256);
	}
	doc_set(a, d, "used", kept);
	return 0;
}

int
verdict_keep(struct cas *store, enum verdict_kind kind, const struct pkgfacts *const *packages,
	     size_t npackages, const struct digest *bundle, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(VERDICT_MAX_REF);
	struct doc *d = doc_map(&a);

	doc_set(&a, d, "format", doc_number(&a, VERDICT_FORMAT));
	doc_set_digest(&a, d, "bundle", bundle);
	if (add_used(&a, store, bundle, d, err) < 0)
		return -1;
	json_write(d, &text);
	if (buf_check(&text, "verdict", err) < 0)
		return -1;
	for (size_t i = 0; i < npackages; i++)
		if (cas_ref_put(store, VERDICT_REF_KIND, ref_name(&a, kind, &packages[i]->file),
				text.data, text.len, err) < 0)
			return -1;
	return 0;
}

int
verdict_read(struct arena *a, const struct cas *store, const struct keyring *ring,
	     enum verdict_kind kind, const struct digest *bundle, const struct digest *file,
	     struct verdict_found *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);

	if (cas_get(store, bundle, &text, err) < 0 ||
	    verify_bundle(a, ring, buf_text(&text), text.len, verdict_test(kind),
			  STATEMENT_TEST_RESULT, file, &out->statement, err) < 0)
		return -1;
	out->passed = statement_test_passed(&out->statement, verdict_test(kind));
	out->bundle = *bundle;
	return 0;
}

/* What another key signed, or what was lost, is not our word. */
int
verdict_find(struct arena *a, const struct cas *store, const struct keyring *ring,
	     enum verdict_kind kind, const struct digest *file, struct verdict_found *out,
	     bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VERDICT_MAX_REF);
	const char *name = ref_name(a, kind, file);
	struct digest bundle;
	struct err why;
	struct doc *d;
	int64_t format;

	if (cas_ref_get(store, VERDICT_REF_KIND, name, &text, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	*found = json_parse(a, buf_text(&text), text.len, name, &d, &why) == 0 &&
		 doc_int(doc_get(d, "format"), &format) && format == VERDICT_FORMAT &&
		 doc_get_digest(d, "bundle", &bundle) && cas_has(store, &bundle) &&
		 verdict_read(a, store, ring, kind, &bundle, file, out, &why) == 0;
	return 0;
}
