/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "tests/unit/test.h"

static int
parse(struct arena *a, const char *text, struct doc **out, struct err *err)
{
	return json_parse(a, text, strlen(text), "f.json", out, err);
}

static void
expect(const char *in, const char *want)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf b = BUF_MAX(10000);
	struct err err;
	struct doc *d = NULL;

	if (parse(&a, in, &d, &err) < 0)
		fail_msg("%s: %s", in, err.text);
	json_write(d, &b);
	assert_string_equal(buf_text(&b), want);
}

TEST(json_write_is_canonical)
{
	expect(" { \"b\" : [ 1 , true , null ] , \"a\" : { } } ",
	       "{\"a\":{},\"b\":[1,true,null]}");
	expect("\"\\u20ac$\\u000f\\nA'\\u0042\\u0022\\\\\\/\\u007f\"",
	       "\"\u20ac$\\u000f\\nA'B\\\"\\\\/\x7f\"");
	expect("\"\\b\\t\\n\\u000b\\f\\r\\u001f\"", "\"\\b\\t\\n\\u000b\\f\\r\\u001f\"");
	expect("-0", "0");
	expect("-9007199254740991", "-9007199254740991");
}

TEST(json_write_sorts_by_utf16_code_units)
{
	/* the example of RFC 8785 section 3.2.3, then the pair where UTF-8 order differs */
	expect("{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6,\"\\u00f6\":7}",
	       "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"\u00f6\":7,\"\u20ac\":1,\"\U0001f600\":5,\"\ufb33\":3}");
	expect("{\"\\uffff\":1,\"\\ue000\":2,\"\\ud800\\udc00\":3,\"\\ud7ff\":4}",
	       "{\"\ud7ff\":4,\"\U00010000\":3,\"\ue000\":2,\"\uffff\":1}");
	expect("{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}");
}

TEST(json_parse_refuses_by_line_and_column)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "{}\n x", "f.json:2:2: end of file expected" },
		{ "{} {}", "end of file expected" },
		{ "{\"a\":1,\n\"a\":2}", "f.json:2:" },
		{ "{\"a\":1,\"a\":2}", "duplicate object key" },
		{ "{\"a\":\n 1.5}", "f.json:2:2: only whole numbers" },
		{ "[1e3]", "f.json:1:2: only whole numbers" },
		{ "[1,\n-1E3]", "f.json:2:1: only whole numbers" },
		{ "9007199254740992", "number beyond 2^53" },
		{ "[-99999999999999999999]", "f.json:1:2: number beyond" },
		{ "\"\xff\"", "f.json:1:1: unable to decode byte 0xff" },
		{ "\"\\ud800\"", "f.json:1:" },
		{ "\"\\u0000\"", "f.json:1:" },
		{ "\"a\nb\"", "f.json:1:" },
		{ "", "f.json:1:" },
		{ "{", "f.json:1:" },
		{ "[1,]", "f.json:1:" },
		{ "nul", "f.json:1:" },
		{ "01", "f.json:1:" },
		{ "NaN", "f.json:1:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct doc *d = NULL;

		assert_fails(parse(&a, bad[i].text, &d, err), bad[i].why);
		assert_int_equal(err->code, ERR_INPUT);
	}
}

TEST(json_parse_bounds_depth_and_ignores_brackets_in_text)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char deep[2 * DOC_MAX_DEPTH + 8];
	struct doc *d = NULL;

	memset(deep, '[', DOC_MAX_DEPTH + 1);
	memset(deep + DOC_MAX_DEPTH + 1, ']', DOC_MAX_DEPTH + 1);
	deep[2 * DOC_MAX_DEPTH + 2] = '\0';
	assert_fails(parse(&a, deep, &d, err), "f.json:1:65: nested too deeply");
	memmove(deep, deep + 1, strlen(deep));
	deep[strlen(deep) - 1] = '\0';
	assert_ok(parse(&a, deep, &d, err));
	deep[0] = '"';
	memset(deep + 1, '[', 2 * DOC_MAX_DEPTH);
	memcpy(deep + 1, "\\\"1.5", 5);
	deep[2 * DOC_MAX_DEPTH] = '"';
	deep[2 * DOC_MAX_DEPTH + 1] = '\0';
	assert_ok(parse(&a, deep, &d, err));
}

TEST(json_parse_counts_values_before_they_cost_memory)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX((size_t)DOC_MAX_NODES * 3);
	struct doc *d;

	buf_add_char(&text, '[');
	for (int i = 0; i < DOC_MAX_NODES; i++)
		buf_add_str(&text, "0,");
	buf_add_str(&text, "0]");
	assert_fails(json_parse(&a, text.data, text.len, "x.json", &d, err),
		     "x.json:1:8000001: too many values");
}

TEST(json_parse_quotes_nothing_that_a_terminal_would_obey)
{
	static const char text[] = "{\"a\": \x1b[2Jverified\n}";
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d;

	assert_fails(json_parse(&a, text, strlen(text), "x.json", &d, err), "x.json:1:");
	assert_null(strchr(err->text, '\x1b'));
	assert_null(strchr(err->text, '\n'));
}

TEST(json_parse_refuses_a_zero_byte_after_the_text)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = NULL;

	assert_fails(json_parse(&a, "1\0", 2, "f", &d, err), "f:1:2: a zero byte");
	assert_fails(json_parse(&a, "{\"a\\u0000\":1}", 13, "f", &d, err), "f:1:");
}

TEST(json_digest_does_not_depend_on_order)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *one = NULL, *two = NULL;
	char x[65], y[65];

	assert_ok(parse(&a, "{\"a\":1,\"b\":2}", &one, err));
	assert_ok(parse(&a, "{ \"b\":2, \"a\":1 }", &two, err));
	json_digest_hex(one, x);
	json_digest_hex(two, y);
	assert_string_equal(x, y);
	assert_string_equal(x,
			    "43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777");
}

TEST(json_parse_opaque_looks_at_no_number_and_at_all_else)
{
	static const char text[] =
		"{\"a\":[9.8,1e300,-3,123456789012345678901234567890],\"b\":\"7.5\"}";
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = NULL;

	assert_ok(json_parse_opaque(&a, text, strlen(text), "f", &d, err));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(doc_get(d, "a")->items[i].value->kind, DOC_NULL);
	assert_string_equal(doc_get_text(d, "b"), "7.5");
	assert_fails(json_parse_opaque(&a, "{\"a\":1.}", 8, "f", &d, err), "f:1:");
	assert_fails(json_parse_opaque(&a, "[1e999]", 7, "f", &d, err), "f:1:");
	assert_fails(json_parse_opaque(&a, "{\"a\":1.5,\"a\":2}", 15, "f", &d, err), "f:1:");
}
