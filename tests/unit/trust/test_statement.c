/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "base/json.h"
#include "trust/statement.h"

#define STATEMENT_MAX ((size_t)1024 * 1024)
#define HEX_0         "0000000000000000000000000000000000000000000000000000000000000000"
#define HEX_A         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C         "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static struct digest
digest_a(char c)
{
	struct digest d;

	memset(d.bytes, c - 'a' + 0xa, sizeof(d.bytes));
	for (size_t i = 0; i < sizeof(d.bytes); i++)
		d.bytes[i] = (uint8_t)(d.bytes[i] << 4 | d.bytes[i]);
	return d;
}

/* A provenance with one of everything; lives in the arena. */
static struct statement
sample(struct arena *a)
{
	struct statement s = { .predicate_type = STATEMENT_SLSA_V1,
			       .build_type = "https://kiln.invalid/buildtypes/package/v1",
			       .builder_id = "https://kiln.invalid/builder/v1" };

	s.subjects = arena_array(a, 1, sizeof(*s.subjects));
	s.subjects[0] = (struct statement_resource){ .name = "x.rpm", .sha256 = digest_a('a') };
	s.nsubjects = 1;
	s.dependencies = arena_array(a, 1, sizeof(*s.dependencies));
	s.dependencies[0] = (struct statement_resource){ .uri = "https://x.invalid/x.tar",
							 .sha256 = digest_a('b') };
	s.dependencies[0].annotations = doc_map(a);
	doc_set_text(a, s.dependencies[0].annotations, "kind", "source");
	s.ndependencies = 1;
	s.byproducts = arena_array(a, 1, sizeof(*s.byproducts));
	s.byproducts[0] =
		(struct statement_resource){ .name = "build.log", .sha256 = digest_a('c') };
	s.nbyproducts = 1;
	s.external = doc_map(a);
	doc_set_text(a, s.external, "recipe", "x");
	s.internal = doc_map(a);
	s.builder_version = doc_map(a);
	doc_set_text(a, s.builder_version, "kiln", "0.1");
	s.metadata = doc_map(a);
	return s;
}

static const char golden[] =
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"buildDefinition\":{"
	"\"buildType\":\"https://kiln.invalid/buildtypes/package/v1\",\"externalParameters\":{\"recipe\":\"x\"},"
	"\"resolvedDependencies\":[{\"annotations\":{\"kind\":\"source\"},\"digest\":{\"sha256\":\"" HEX_B
	"\"},"
	"\"uri\":\"https://x.invalid/x.tar\"}]},\"runDetails\":{\"builder\":{\"id\":\"https://kiln.invalid/builder/v1\","
	"\"version\":{\"kiln\":\"0.1\"}},\"byproducts\":[{\"digest\":{\"sha256\":\"" HEX_C
	"\"},\"name\":\"build.log\"}]}},"
	"\"predicateType\":\"https://slsa.dev/provenance/v1\","
	"\"subject\":[{\"digest\":{\"sha256\":\"" HEX_A "\"},\"name\":\"x.rpm\"}]}";

TEST(statement_is_canonical_and_reads_back)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATEMENT_MAX);
	CLEANUP(buf_free) struct buf again = BUF_MAX(STATEMENT_MAX);
	struct statement s = sample(&a), back;
	struct digest d = digest_a('a');

	assert_ok(statement_make(&s, &out, err));
	assert_string_equal(out.data, golden);
	assert_ok(statement_parse(&a, out.data, out.len, "s.json", &back, err));
	assert_string_equal(back.build_type, s.build_type);
	assert_string_equal(back.builder_id, s.builder_id);
	assert_string_equal(doc_get_text(back.external, "recipe"), "x");
	assert_int_equal(back.ndependencies, 1);
	assert_string_equal(back.dependencies[0].uri, "https://x.invalid/x.tar");
	assert_null(back.dependencies[0].name);
	assert_string_equal(doc_get_text(back.dependencies[0].annotations, "kind"), "source");
	assert_int_equal(back.nbyproducts, 1);
	assert_ptr_equal(statement_subject(&back, &d), &back.subjects[0]);
	d.bytes[31] ^= 1;
	assert_null(statement_subject(&back, &d));
	assert_ok(statement_make(&back, &again, err));
	assert_string_equal(again.data, golden);
}

TEST(statement_of_another_type_carries_its_predicate_as_it_is)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATEMENT_MAX);
	struct statement s = sample(&a), back;

	s.predicate_type = STATEMENT_INVENTORY;
	assert_fails(statement_make(&s, &out, err), "statement without predicate");
	s.predicate = doc_map(&a);
	doc_set(&a, s.predicate, "sources", doc_list(&a));
	assert_ok(statement_make(&s, &out, err));
	assert_ok(statement_parse(&a, out.data, out.len, "s", &back, err));
	assert_non_null(doc_get(back.predicate, "sources"));
	assert_null(back.build_type);
	assert_int_equal(back.ndependencies, 0);
}

TEST(statement_make_refuses_what_is_incomplete)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATEMENT_MAX);
	struct statement s = sample(&a);

	s.nsubjects = 0;
	assert_fails(statement_make(&s, &out, err), "without predicate type or subject");
	s = sample(&a);
	s.subjects[0].uri = "x";
	assert_fails(statement_make(&s, &out, err),
		     "a subject has a name and a digest, nothing else");
	s = sample(&a);
	s.subjects[0].name = NULL;
	assert_fails(statement_make(&s, &out, err),
		     "a subject has a name and a digest, nothing else");
	s = sample(&a);
	s.builder_id = NULL;
	assert_fails(statement_make(&s, &out, err), "provenance without build type, builder");
	s = sample(&a);
	s.external = doc_list(&a);
	assert_fails(statement_make(&s, &out, err), "or external parameters");
	s = sample(&a);
	s.subjects[0].name = "\xff";
	assert_fails(statement_make(&s, &out, err), "statement");
	assert_int_equal(err->code, ERR_INPUT);
	assert_int_equal(out.len, 0);
}

/* What is signed is read back: a verifier would refuse each of these. */
TEST(statement_make_refuses_what_no_verifier_would_read)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(1 << 20);
	struct doc *predicate = doc_map(&a), *deep = predicate;
	struct statement_resource subject = { .name = "x" };
	struct statement s = { .predicate_type = "https://example.org/type",
			       .subjects = &subject,
			       .nsubjects = 1,
			       .predicate = predicate };

	doc_set_text(&a, predicate, "text", "\xff");
	assert_fails(statement_make(&s, &out, err), "not UTF-8");
	s.predicate = doc_map(&a);
	doc_set(&a, s.predicate, "number", doc_number(&a, DOC_MAX_INT + 1));
	assert_fails(statement_make(&s, &out, err), "beyond 2^53");
	s.predicate = doc_map(&a);
	doc_append(&a, s.predicate, "same", doc_map(&a));
	doc_append(&a, s.predicate, "same", doc_map(&a));
	assert_fails(statement_make(&s, &out, err), "'same' twice");
	s.predicate = deep = doc_map(&a);
	for (int i = 0; i < DOC_MAX_DEPTH; i++) {
		struct doc *below = doc_map(&a);

		doc_set(&a, deep, "in", below);
		deep = below;
	}
	assert_fails(statement_make(&s, &out, err), "nested too deeply");
	assert_int_equal(out.len, 0);
}

TEST(statement_make_keeps_the_limit_of_its_buffer)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(100);
	struct statement s = sample(&a);

	assert_fails(statement_make(&s, &out, err), "larger than 100 bytes");
	assert_int_equal(err->code, ERR_LIMIT);
}

/* The golden statement with one piece replaced must be refused for that reason. */
static void
refused(struct err *err, const char *from, const char *to, const char *reason)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf good = BUF_MAX(STATEMENT_MAX);
	CLEANUP(buf_free) struct buf bad = BUF_MAX(STATEMENT_MAX);
	struct statement out = { .nsubjects = 77 };

	buf_add_str(&good, golden);
	keyset_replace(&good, from, to, &bad);
	assert_fails(statement_parse(&a, bad.data, bad.len, "s.json", &out, err), reason);
	assert_non_null(strstr(err->text, "s.json"));
	assert_int_equal(err->code, ERR_VERIFY);
	assert_int_equal(out.nsubjects, 77);
}

TEST(statement_parse_refuses_unknown_fields_where_stock_verifiers_do)
{
	refused(err, "{\"_type\"", "{\"x\":1,\"_type\"", "unknown field 'x'");
	refused(err, "\"name\":\"x.rpm\"", "\"name\":\"x.rpm\",\"x\":1", "unknown field 'x'");
}

TEST(statement_parse_ignores_unknown_content_of_the_predicate)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf good = BUF_MAX(STATEMENT_MAX);
	CLEANUP(buf_free) struct buf more = BUF_MAX(STATEMENT_MAX);
	struct statement out;

	buf_add_str(&good, golden);
	keyset_replace(&good, "\"runDetails\":{",
		       "\"kiln_more\":[1],\"runDetails\":{\"later\":true,", &more);
	assert_ok(statement_parse(&a, more.data, more.len, "s", &out, err));
	assert_int_equal(out.nbyproducts, 1);
}

TEST(statement_parse_refuses_missing_and_malformed_fields)
{
	refused(err, "Statement/v1", "Statement/v0.1",
		"_type is not that of an in-toto statement v1");
	refused(err, "\"_type\":\"https://in-toto.io/Statement/v1\",", "",
		"'_type' is missing");
	refused(err, "\"predicateType\"", "\"predicate\"", "predicate"); /* a duplicate key */
	refused(err, HEX_A, "AA" HEX_A,
		"a sha256 digest of 64 lower-case hex digits is missing");
	refused(err, "\"sha256\":\"" HEX_A, "\"sha512\":\"" HEX_A, "a sha256 digest");
	refused(err, "\"sha256\":\"" HEX_B, "\"sha256\":\"" HEX_0, "it is all zeros");
	refused(err, "\"sha256\":\"" HEX_B, "\"gitCommit\":\"" HEX_B, "a sha256 digest");
	refused(err, "{\"digest\":{\"sha256\":\"" HEX_A "\"},\"name\":\"x.rpm\"}", "",
		"between 1 and 1024 subjects");
	refused(err, "{\"digest\":{\"sha256\":\"" HEX_A "\"},\"name\":\"x.rpm\"}", "7",
		"an object is due here");
	refused(err, ",\"name\":\"x.rpm\"", "", "'name' is missing");
	refused(err, "\"buildType\"", "\"buildtype\"", "'buildType' is missing");
	refused(err, "\"externalParameters\":{\"recipe\":\"x\"}", "\"externalParameters\":7",
		"'externalParameters' is not an object");
	refused(err, "\"externalParameters\":{\"recipe\":\"x\"},", "",
		"'externalParameters' is missing");
	refused(err, "\"id\":\"https://kiln.invalid/builder/v1\"", "\"id\":\"\"",
		"'id' is missing");
	refused(err, "\"byproducts\":[", "\"byproducts\":{},\"x\":[", "a list is due here");
	refused(err, "\"annotations\":{\"kind\":\"source\"}", "\"annotations\":[]",
		"'annotations' is not an object");
	refused(err, "}]}", "}]} x", "s.json");
}

TEST(statement_parse_refuses_more_than_1024_subjects)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATEMENT_MAX);
	struct statement s = sample(&a);

	s.subjects = arena_array(&a, 1025, sizeof(*s.subjects));
	for (size_t i = 0; i < 1025; i++)
		s.subjects[i] =
			(struct statement_resource){ .name = "n", .sha256 = digest_a('a') };
	s.nsubjects = 1025;
	assert_fails(statement_make(&s, &out, err), "between 1 and 1024 subjects");
	s.nsubjects = 1024;
	assert_ok(statement_make(&s, &out, err));
}

TEST(statement_of_a_test_says_whether_it_passed)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct statement s = { .predicate = statement_test_outcome(&a, "test", true, NULL, 0) };

	assert_true(statement_test_passed(&s, "test"));
	assert_false(statement_test_passed(&s, "build.check"));
	s.predicate = statement_test_outcome(&a, "test", false, NULL, 0);
	assert_string_equal(doc_get_text(s.predicate, "result"), "FAILED");
	assert_false(statement_test_passed(&s, "test"));
	doc_set_text(&a, s.predicate, "passedTests", "test");
	assert_false(statement_test_passed(&s, "test"));
}
