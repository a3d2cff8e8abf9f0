/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "cli/opt.h"
#include "tests/unit/test.h"

struct demo {
	bool fast;
	unsigned jobs;
	const char *file;
	struct opt_list keys;
};
static const struct opt demo_opts[] = {
	OPT(FLAG, struct demo, fast, 'f', "fast", NULL, "be fast"),
	OPT(NUM, struct demo, jobs, 'j', "jobs", "N", "jobs"),
	OPT(STR, struct demo, file, 0, "file", "F", "file"),
	OPT(LIST, struct demo, keys, 0, "key", "K", "keys"),
};
static const struct command demo_command = {
	.name = "demo", .summary = "", .synopsis = "A [B]", .example = "", .opts = demo_opts,
	.nopts = ARRAY_LEN(demo_opts), .args_size = sizeof(struct demo), .min_operands = 1, .max_operands = 2,
};

struct parsed {
	struct arena arena;
	struct demo demo;
	struct opt_common common;
	const char **operands;
	size_t n;
};

/* words: split at single spaces; the vector lives as long as the arena. */
static int
parse(struct parsed *p, const char *words, struct err *err)
{
	char *text = arena_strdup(&p->arena, words);
	char **argv = arena_array(&p->arena, 32, sizeof(*argv));
	int argc = 0;

	for (char *word = text; word && argc < 31; argc++) {
		char *space = strchr(word, ' ');

		argv[argc] = word;
		if (space)
			*space++ = '\0';
		word = space;
	}
	return opt_parse(&p->arena, &demo_command, argc, argv, &p->demo, &p->common, &p->operands, &p->n, err);
}

TEST(opt_takes_long_short_attached_and_repeated_options)
{
	struct parsed p = { 0 };

	assert_ok(parse(&p, "demo -f -j3 --file=a.txt --key k1 one --key k2 two", err));
	assert_true(p.demo.fast);
	assert_int_equal(p.demo.jobs, 3);
	assert_string_equal(p.demo.file, "a.txt");
	assert_int_equal(p.demo.keys.n, 2);
	assert_string_equal(p.demo.keys.at[1], "k2");
	assert_int_equal(p.n, 2);
	assert_string_equal(p.operands[1], "two");
	arena_release(&p.arena);
}

TEST(opt_stops_at_two_dashes_and_takes_a_lone_dash_as_operand)
{
	struct parsed p = { 0 };

	assert_ok(parse(&p, "demo - -- --fast", err));
	assert_false(p.demo.fast);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.operands[0], "-");
	assert_string_equal(p.operands[1], "--fast");
	arena_release(&p.arena);
}

TEST(opt_refuses_what_was_not_declared_and_names_the_nearest)
{
	struct parsed p = { 0 };

	assert_fails(parse(&p, "demo --fats x", err), "unknown option '--fats' (did you mean '--fast'?)");
	assert_int_equal(err->code, ERR_USAGE);
	assert_fails(parse(&p, "demo -z x", err), "unknown option '-z'");
	arena_release(&p.arena);
}

TEST(opt_refuses_bad_numbers_missing_values_and_values_of_flags)
{
	struct parsed p = { 0 };

	assert_fails(parse(&p, "demo --jobs 4x a", err), "wants a number, not '4x'");
	assert_fails(parse(&p, "demo --jobs 99999999999 a", err), "wants a number");
	assert_fails(parse(&p, "demo a --file", err), "wants a value (F)");
	assert_fails(parse(&p, "demo --fast=1 a", err), "takes no value");
	arena_release(&p.arena);
}

TEST(opt_counts_operands)
{
	struct parsed p = { 0 };

	assert_fails(parse(&p, "demo", err), "usage: kiln demo A [B]");
	assert_fails(parse(&p, "demo a b c", err), "usage: kiln demo A [B]");
	arena_release(&p.arena);
}

TEST(opt_help_needs_no_operands)
{
	struct parsed p = { 0 };

	assert_ok(parse(&p, "demo --help", err));
	assert_true(p.common.help);
	arena_release(&p.arena);
}
