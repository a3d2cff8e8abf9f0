/* SPDX-License-Identifier: Apache-2.0 */
#include "base/doc.h"
#include "base/mem.h"
#include "tests/unit/test.h"

static int
parse(struct arena *a, const char *text, struct doc **out, struct err *err)
{
	return doc_parse(a, text, strlen(text), "f.yaml", out, err);
}

TEST(doc_parse_keeps_text_as_text_and_knows_places)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = NULL, *list;

	assert_ok(
		parse(&a, "version: 5.10\nlist:\n  - a\n  - 'b'\nnone: ~\nempty:\n", &d, err));
	assert_int_equal(d->kind, DOC_MAP);
	assert_string_equal(doc_get_text(d, "version"), "5.10");
	list = doc_get(d, "list");
	assert_int_equal(list->n, 2);
	assert_int_equal(list->items[1].value->line, 4);
	assert_int_equal(list->items[1].value->col, 5);
	assert_true(list->items[0].value->plain);
	assert_false(list->items[1].value->plain);
	assert_int_equal(doc_get(d, "none")->kind, DOC_NULL);
	assert_int_equal(doc_get(d, "empty")->kind, DOC_NULL);
	assert_int_equal(d->items[1].key_line, 2);
	assert_int_equal(d->items[1].key_col, 1);
	assert_null(doc_get(d, "absent"));
	assert_null(doc_get(list, "a"));
	assert_null(doc_get(NULL, "a"));
	assert_null(doc_get_text(d, "list"));
}

TEST(doc_parse_refuses_surprises_by_line_and_column)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key 'a' is given twice" },
		{ "{a: 1, \"a\": 2}", "f.yaml:1:8: key 'a' is given twice" },
		{ "{\"a\\e\": 1, \"a\\e\": 2}", "f.yaml:1:12: key 'a?' is given twice" },
		{ "a: &x 1\nb: *x\n", "f.yaml:1:4: anchors and tags are not allowed" },
		{ "a: &x [1]\n", "f.yaml:1:4: anchors and tags" },
		{ "b: *x\n", "f.yaml:1:4: aliases are not allowed" },
		{ "a: !!str 1\n", "f.yaml:1:4: anchors and tags" },
		{ "a: !x {b: 1}\n", "f.yaml:1:4: anchors and tags" },
		{ "a: ! 1\n", "f.yaml:1:4: anchors and tags" },
		{ "b: 1\n<<: {a: 1}\n", "f.yaml:2:1: merge keys" },
		{ "a: 1\n---\nb: 2\n", "f.yaml:2:1: only one document" },
		{ "%YAML 1.1\n---\na: 1\n", "directives are not allowed" },
		{ "%TAG ! tag:x,2000:\n---\na: 1\n", "directives are not allowed" },
		{ "? [a]\n: 1\n", "f.yaml:1:3: a key must be plain text" },
		{ "a: \"x\\0y\"\n", "f.yaml:1:4: text may not hold a zero byte" },
		{ "a: [1, 2\n", "f.yaml:2:1: " },
		{ "a: b: c\n", "f.yaml:1:5: " },
		{ "a:\n\tb: 1\n", "f.yaml:2:1: " },
		{ "", "f.yaml: empty document" },
		{ "# only a comment\n", "f.yaml: empty document" },
		{ "a: \xff\n", "f.yaml: not UTF-8" },
		{ "a: \x01\n", "f.yaml: byte 3: " },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct doc *d = NULL;

		assert_fails(parse(&a, bad[i].text, &d, err), bad[i].why);
		assert_null(d);
	}
}

TEST(doc_parse_bounds_depth_and_size)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char deep[2 * DOC_MAX_DEPTH + 8];
	struct doc *d = NULL;

	memset(deep, '[', DOC_MAX_DEPTH + 1);
	memset(deep + DOC_MAX_DEPTH + 1, ']', DOC_MAX_DEPTH + 1);
	deep[2 * DOC_MAX_DEPTH + 2] = '\0';
	assert_fails(parse(&a, deep, &d, err), "f.yaml:1:65: nested too deeply");
	memmove(deep, deep + 1, strlen(deep));
	deep[strlen(deep) - 1] = '\0';
	assert_ok(parse(&a, deep, &d, err));
	assert_fails(doc_parse(&a, deep, DOC_MAX_BYTES + 1, "f", &d, err), "f: larger than");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(doc_parse_of_many_keys_is_not_quadratic)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);
	struct doc *d = NULL;

	for (int i = 0; i < 100000; i++)
		buf_add_format(&text, "key%d: %d\n", i, i);
	assert_ok(doc_parse(&a, text.data, text.len, "big", &d, err));
	assert_int_equal(d->n, 100000);
}

TEST(doc_scalars_follow_yaml_1_2_core)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} numbers[] = { { "0", true, 0 },
			{ "-12", true, -12 },
			{ "+7", true, 7 },
			{ "0o17", true, 15 },
			{ "0xFf", true, 255 },
			{ "010", true, 10 },
			{ "9007199254740991", true, DOC_MAX_INT },
			{ "9007199254740992", false, 0 },
			{ "99999999999999999999", false, 0 },
			{ "1.0", false, 0 },
			{ "1_000", false, 0 },
			{ "'1'", false, 0 },
			{ "0x", false, 0 },
			{ "-0x1", false, 0 },
			{ "-", false, 0 },
			{ "1 2", false, 0 },
			{ "0o8", false, 0 } };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = NULL;
	bool b = false;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int64_t v = 0;

		assert_ok(parse(&a, numbers[i].text, &d, err));
		assert_int_equal(doc_int(d, &v), numbers[i].ok);
		assert_int_equal(v, numbers[i].value);
	}
	assert_ok(parse(&a, "True", &d, err));
	assert_true(doc_bool(d, &b) && b);
	assert_ok(parse(&a, "false", &d, err));
	assert_true(doc_bool(d, &b) && !b);
	assert_ok(parse(&a, "yes", &d, err));
	assert_false(doc_bool(d, &b));
	assert_ok(parse(&a, "'true'", &d, err));
	assert_false(doc_bool(d, &b));
	assert_false(doc_bool(NULL, &b));
}

TEST(doc_is_built_in_memory)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *map = doc_map(&a), *list = doc_list(&a);
	int64_t v;
	bool b;

	doc_set_text(&a, map, "k", "one");
	doc_set_text(&a, map, "k", "two");
	doc_set_text(&a, map, "skipped", NULL);
	for (int i = 0; i < 100; i++)
		doc_push(&a, list, doc_number(&a, i));
	doc_set(&a, map, "list", list);
	doc_set(&a, map, "yes", doc_boolean(&a, true));
	assert_int_equal(map->n, 3);
	assert_string_equal(doc_get_text(map, "k"), "two");
	assert_true(doc_int(list->items[99].value, &v) && v == 99);
	assert_true(doc_bool(doc_get(map, "yes"), &b) && b);
}

TEST(doc_error_names_the_place_when_there_is_one)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = NULL;

	assert_ok(parse(&a, "a:\n  b: c\n", &d, err));
	assert_fails(doc_error(doc_get(doc_get(d, "a"), "b"), "f.yaml", err, "bad %d", 1),
		     "f.yaml:2:6: bad 1");
	assert_int_equal(err->code, ERR_INPUT);
	assert_fails(doc_error(doc_map(&a), "f.yaml", err, "bad"), "f.yaml: bad");
}

TEST(doc_nearest_finds_typing_errors_only)
{
	static const char *const keys[] = { "name", "version", "sources", "build" };

	assert_string_equal(doc_nearest("nmae", keys, 4), "name");
	assert_string_equal(doc_nearest("versoin", keys, 4), "version");
	assert_string_equal(doc_nearest("source", keys, 4), "sources");
	assert_string_equal(doc_nearest("build", keys, 4), "build");
	assert_null(doc_nearest("homepage", keys, 4));
	assert_null(doc_nearest("x", keys, 4));
	assert_null(doc_nearest("", keys, 4));
}

TEST(doc_keeps_digests_as_hex_and_reads_nothing_else_as_one)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *map = doc_map(&a);
	struct digest d, back;

	digest_of("x", 1, &d);
	doc_set_digest(&a, map, "good", &d);
	doc_set_text(&a, map, "short", "abcd");
	assert_true(doc_get_digest(map, "good", &back));
	assert_true(digest_equal(&d, &back));
	assert_false(doc_get_digest(map, "short", &back));
	assert_false(doc_get_digest(map, "missing", &back));
}
