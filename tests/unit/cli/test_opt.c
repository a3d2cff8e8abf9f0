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
	.name = "demo",
	.summary = "",
	.synopsis = "A [B]",
	.example = "",
	.opts = demo_opts,
	.nopts = ARRAY_LEN(demo_opts),
	.args_size = sizeof(struct demo),
	.min_operands = 1,
	.max_operands = 2,
};

static const struct opt_word demo_words[] = {
	{ "list", NULL, "list", 0 },
	{ "export", "ROLE", "export", 1 },
};
static const struct command word_command = {
	.name = "key",
	.summary = "",
	.example = "",
	.words = demo_words,
	.nwords = ARRAY_LEN(demo_words),
	.args_size = 1,
};

struct parsed {
	struct arena arena;
	const struct command *command; /* NULL: demo */
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
	return opt_parse(&p->arena, p->command ? p->command : &demo_command, argc, argv,
			 &p->demo, &p->common, &p->operands, &p->n, err);
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

	assert_fails(parse(&p, "demo --fats x", err),
		     "unknown option '--fats' (did you mean '--fast'?)");
	assert_int_equal(err->code, ERR_USAGE);
	assert_fails(parse(&p, "demo -z x", err), "unknown option '-z'");
	arena_release(&p.arena);
}

TEST(opt_refuses_bad_numbers_missing_values_and_values_of_flags)
{
	struct parsed p = { 0 };

	assert_fails(parse(&p, "demo --jobs 4x a", err), "wants a number, not '4x'");
	assert_fails(parse(&p, "demo --jobs 99999999999 a", err), "wants a number");
	assert_fails(parse(&p, "demo --jobs= a", err), "wants a number, not ''");
	assert_fails(parse(&p, "demo --jobs=+4 a", err), "wants a number, not '+4'");
	assert_fails(parse(&p, "demo --jobs=-4 a", err), "wants a number, not '-4'");
	assert_fails(parse(&p, "demo a --file", err), "wants a value (F)");
	assert_fails(parse(&p, "demo --fast=1 a", err), "takes no value");
	arena_release(&p.arena);
}

TEST(opt_counts_operands)
{
	struct parsed p = { 0 };

	assert_fails(parse(&p, "demo", err), "usage: kiln demo [options] A [B]");
	assert_fails(parse(&p, "demo a b c", err), "usage: kiln demo [options] A [B]");
	arena_release(&p.arena);
}

TEST(opt_help_needs_no_operands)
{
	struct parsed p = { 0 };

	assert_ok(parse(&p, "demo --help", err));
	assert_true(p.common.help);
	arena_release(&p.arena);
}

TEST(opt_takes_one_of_the_declared_words_with_its_operands)
{
	struct parsed p = { .command = &word_command };

	assert_ok(parse(&p, "key list", err));
	assert_ok(parse(&p, "key --json export packages", err));
	assert_true(p.common.json);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.operands[1], "packages");
	assert_fails(parse(&p, "key", err), "usage: kiln key list | export ROLE");
	assert_fails(parse(&p, "key list x", err), "usage: kiln key list\n");
	assert_fails(parse(&p, "key export", err), "usage: kiln key export ROLE");
	assert_fails(parse(&p, "key exprot x", err),
		     "unknown word 'exprot' (did you mean 'export'?)");
	assert_fails(parse(&p, "key zzz", err), "unknown word 'zzz'");
	assert_int_equal(err->code, ERR_USAGE);
	arena_release(&p.arena);
}

TEST(opt_leading_takes_common_options_only)
{
	char kiln[] = "kiln", c[] = "-C", dir[] = "ws", json[] = "--json", build[] = "build",
	     jobs[] = "--jobs";
	char *good[] = { kiln, c, dir, json, build, jobs, NULL };
	char *bad[] = { kiln, jobs, build, NULL };
	char *cut[] = { kiln, json, c, NULL };
	struct opt_common common = { .help = false };
	int at = 0;

	assert_ok(opt_leading(6, good, &common, &at, err));
	assert_int_equal(at, 4);
	assert_true(common.json);
	assert_string_equal(common.directory, "ws");
	assert_fails(opt_leading(3, bad, &common, &at, err), "unknown option '--jobs'");
	assert_fails(opt_leading(3, cut, &common, &at, err),
		     "option --directory wants a value (DIR)");
	assert_ok(opt_leading(1, good, &common, &at, err));
	assert_int_equal(at, 1);
}
