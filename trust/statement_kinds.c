/* SPDX-License-Identifier: Apache-2.0 */
/* Predicates of the statements that are no provenance. Each holds what was seen, by digest; no
 * clock but where a standard demands the time of a verdict. */
#include "trust/statement.h"

#include "base/clock.h"

static struct doc *
resource(struct arena *a, const struct statement_resource *r)
{
	struct doc *d = doc_map(a), *digest = doc_map(a);

	doc_set_text(a, d, "name", r->name);
	doc_set_text(a, d, "uri", r->uri);
	doc_set_digest(a, digest, "sha256", &r->sha256);
	doc_set(a, d, "digest", digest);
	return d;
}

static struct doc *
resources(struct arena *a, const struct statement_resource *at, size_t n)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++)
		doc_push(a, list, resource(a, &at[i]));
	return list;
}

static struct doc *
texts(struct arena *a, const char *const *at, size_t n)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++)
		doc_push(a, list, doc_text(a, at[i]));
	return list;
}

static struct doc *
with_id(struct arena *a, const char *id)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "id", id);
	return d;
}

struct doc *
statement_test_outcome(struct arena *a, const char *test, bool passed,
		       const struct statement_resource *used, size_t n)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "result", passed ? "PASSED" : "FAILED");
	doc_set(a, d, "configuration", resources(a, used, n));
	doc_set(a, d, passed ? "passedTests" : "failedTests", texts(a, &test, 1));
	return d;
}

struct doc *
statement_test_result(struct arena *a, const char *test, const struct statement_resource *used,
		      size_t n)
{
	return statement_test_outcome(a, test, true, used, n);
}

bool
statement_test_passed(const struct statement *s, const char *test)
{
	const struct doc *passed = doc_get(s->predicate, "passedTests");
	const char *result = doc_get_text(s->predicate, "result");

	if (!result || strcmp(result, "PASSED") != 0 || !passed || passed->kind != DOC_LIST)
		return false;
	for (size_t i = 0; i < passed->n; i++) {
		const struct doc *word = passed->items[i].value;

		if (word->kind == DOC_TEXT && strcmp(word->text, test) == 0)
			return true;
	}
	return false;
}

struct doc *
statement_reference(struct arena *a, const char *attester, const char *name,
		    const struct digest *sha256, const char *media_type)
{
	const struct statement_resource r = { .name = name, .sha256 = *sha256 };
	struct doc *d = doc_map(a), *list = resources(a, &r, 1);

	doc_set_text(a, list->items[0].value, "mediaType", media_type);
	doc_set(a, d, "attester", with_id(a, attester));
	doc_set(a, d, "references", list);
	return d;
}

struct doc *
statement_release(struct arena *a, const char *purl, unsigned part, unsigned parts)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "purl", purl);
	if (parts > 1) { /* one statement has at most 1024 subjects */
		doc_set(a, d, "kiln_part", doc_number(a, part));
		doc_set(a, d, "kiln_parts", doc_number(a, parts));
	}
	return d;
}

struct doc *
statement_vsa(struct arena *a, const struct statement_vsa *v)
{
	static const char *const failed[] = { "FAILED" };
	struct doc *d = doc_map(a), *verifier = with_id(a, v->verifier_id),
		   *policy = doc_map(a);
	char when[CLOCK_TEXT_MAX];

	clock_rfc3339(v->time, when);
	doc_set_text(a, verifier, "version", v->verifier_version);
	doc_set(a, d, "verifier", verifier);
	doc_set_text(a, d, "timeVerified", when);
	doc_set_text(a, d, "resourceUri", v->resource_uri);
	doc_set_text(a, policy, "uri", v->policy_uri);
	if (v->policy_sha256) {
		struct doc *digest = doc_map(a);

		doc_set_digest(a, digest, "sha256", v->policy_sha256);
		doc_set(a, policy, "digest", digest);
	}
	doc_set(a, d, "policy", policy);
	if (v->ninputs)
		doc_set(a, d, "inputAttestations", resources(a, v->inputs, v->ninputs));
	doc_set_text(a, d, "verificationResult", v->passed ? "PASSED" : "FAILED");
	/* A refused artefact has no level, whatever its builder said; SLSA has a word for it.
	 */
	doc_set(a, d, "verifiedLevels",
		v->passed ? texts(a, v->levels, v->nlevels) : texts(a, failed, 1));
	doc_set_text(a, d, "slsaVersion", "1.2");
	return d;
}
