/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/vec.h"
#include "repo/solve.h"
#include "tests/unit/test.h"

#define MAX_LINE 512

struct building { /* one case while it is read */
	struct arena a;
	char title[MAX_LINE];
	VEC(struct pkgfacts *) packages;
	VEC(const char *) wants;
	VEC(const char *) prefer;
	VEC(const char *) assume;
	VEC(const char *) fails;
	char *get;
};

static void
add_dep(struct arena *a, struct pkgdeps *deps, const char *text)
{
	struct pkgdep *grown = arena_array(a, deps->n + 1, sizeof(*grown));
	struct err err;

	if (deps->n)
		memcpy(grown, deps->at, deps->n * sizeof(*grown));
	if (pkgdep_parse(a, text, &grown[deps->n], &err) < 0)
		abort();
	deps->at = grown;
	deps->n++;
}

static void
add_path(struct arena *a, struct pkgfacts *f, const char *path)
{
	const char **grown = arena_array(a, f->npaths + 1, sizeof(*grown));

	if (f->npaths)
		memcpy(grown, f->paths, f->npaths * sizeof(*grown));
	grown[f->npaths++] = arena_strdup(a, path);
	f->paths = grown;
}

static struct pkgfacts *
make_package(struct arena *a, const char *name, const char *evr, const char *arch)
{
	struct pkgfacts *f = arena_alloc(a, sizeof(*f));
	struct err err;

	if (nevra_parse_evr(a, evr, &f->id, &err) < 0)
		abort();
	f->id.name = arena_strdup(a, name);
	f->id.arch = arena_strdup(a, arch);
	f->recipe = f->id.name;
	return f;
}

static void
add_package(struct building *b, const char *text)
{
	char name[MAX_LINE], evr[MAX_LINE], arch[MAX_LINE];
	int n = sscanf(text, "%511s %511s %511s", name, evr, arch);

	assert_true(n >= 2);
	VEC_PUSH(&b->packages, make_package(&b->a, name, evr, n == 3 ? arch : "x86_64"));
}

static void
add_to_package(struct building *b, const char *key, const char *text)
{
	struct pkgfacts *f = b->packages.at[b->packages.n - 1];

	if (strcmp(key, "provides") == 0)
		add_dep(&b->a, &f->provides, text);
	else if (strcmp(key, "requires") == 0)
		add_dep(&b->a, &f->requires, text);
	else if (strcmp(key, "conflicts") == 0)
		add_dep(&b->a, &f->conflicts, text);
	else if (strcmp(key, "obsoletes") == 0)
		add_dep(&b->a, &f->obsoletes, text);
	else if (strcmp(key, "path") == 0)
		add_path(&b->a, f, text);
	else
		fail_msg("unknown word '%s'", key);
}

static void
read_line(struct building *b, const char *key, const char *rest, bool indented)
{
	if (indented)
		add_to_package(b, key, rest);
	else if (strcmp(key, "pkg") == 0)
		add_package(b, rest);
	else if (strcmp(key, "want") == 0)
		VEC_PUSH(&b->wants, arena_strdup(&b->a, rest));
	else if (strcmp(key, "prefer") == 0)
		VEC_PUSH(&b->prefer, arena_strdup(&b->a, rest));
	else if (strcmp(key, "assume") == 0)
		VEC_PUSH(&b->assume, arena_strdup(&b->a, rest));
	else if (strcmp(key, "fails") == 0)
		VEC_PUSH(&b->fails, arena_strdup(&b->a, rest));
	else if (strcmp(key, "get") == 0)
		b->get = arena_strdup(&b->a, rest);
	else
		fail_msg("unknown word '%s'", key);
}

static struct solve_request
request_of(const struct building *b)
{
	return (struct solve_request){
		.packages = (const struct pkgfacts *const *)b->packages.at,
		.npackages = b->packages.n,
		.wants = b->wants.at,
		.nwants = b->wants.n,
		.prefer = b->prefer.at,
		.nprefer = b->prefer.n,
		.assume = b->assume.at,
		.nassume = b->assume.n,
		.subject = "recipe foo",
	};
}

static void
check_result(struct building *b, const struct pkgfacts **got, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(65536);

	for (size_t i = 0; i < n; i++)
		buf_add_format(&text, "%s%s", i ? " " : "", got[i]->id.name);
	if (n == 0)
		buf_add_str(&text, "nothing");
	if (!b->get || strcmp(b->get, buf_text(&text)) != 0)
		fail_msg("case '%s': wanted '%s', got '%s'", b->title,
			 b->get ? b->get : "failure", buf_text(&text));
}

static void
reverse(struct building *b)
{
	for (size_t i = 0; i < b->packages.n / 2; i++) {
		struct pkgfacts *t = b->packages.at[i];

		b->packages.at[i] = b->packages.at[b->packages.n - 1 - i];
		b->packages.at[b->packages.n - 1 - i] = t;
	}
}

static void
run_once(struct building *b, char text[ERR_TEXT_MAX])
{
	struct solve_request r = request_of(b);
	const struct pkgfacts **got;
	struct err err = { .text = "" };
	size_t n;

	if (solve_run(&b->a, &r, &got, &n, &err) == 0) {
		check_result(b, got, n);
	} else {
		if (b->fails.n == 0)
			fail_msg("case '%s': %s", b->title, err.text);
		for (size_t i = 0; i < b->fails.n; i++)
			if (!strstr(err.text, b->fails.at[i]))
				fail_msg("case '%s': wanted '%s' in: %s", b->title,
					 b->fails.at[i], err.text);
	}
	memcpy(text, err.text, ERR_TEXT_MAX);
}

/* Twice, the second time with the packages in the other order: the answer must be the same. */
static void
end_case(struct building *b)
{
	char first[ERR_TEXT_MAX], second[ERR_TEXT_MAX];

	if (*b->title) {
		run_once(b, first);
		reverse(b);
		run_once(b, second);
		if (!strstr(first, "offered twice"))
			assert_string_equal(first, second);
	}
	VEC_FREE(&b->packages);
	VEC_FREE(&b->wants);
	VEC_FREE(&b->prefer);
	VEC_FREE(&b->assume);
	VEC_FREE(&b->fails);
	arena_release(&b->a);
	memset(b, 0, sizeof(*b));
}

TEST(solve_answers_every_case_of_the_table)
{
	struct building b = { 0 };
	FILE *in = fopen("data/solve.data", "re");
	char line[MAX_LINE];
	size_t cases = 0;

	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		char *word = line + strspn(line, " "), *rest;

		line[strcspn(line, "\n")] = '\0';
		if (*word == '\0' || *word == '#')
			continue;
		rest = strchr(word, ' ');
		if (rest)
			*rest++ = '\0';
		if (word == line && strcmp(word, "case") == 0) {
			end_case(&b);
			cases++;
			(void)snprintf(b.title, sizeof(b.title), "%s", rest);
		} else {
			read_line(&b, word, rest ? rest : "", word != line);
		}
	}
	end_case(&b);
	(void)fclose(in);
	assert_true(cases > 40);
}

#define UNIVERSE 2000

/* Package i needs i/2 by name and a soname of i/3: a tree of known shape. */
static void
make_universe(struct building *b)
{
	char text[MAX_LINE];

	for (int i = 1; i <= UNIVERSE; i++) {
		struct pkgfacts *f;

		(void)snprintf(text, sizeof(text), "p%d", i);
		f = make_package(&b->a, text, "1-1", "x86_64");
		(void)snprintf(text, sizeof(text), "libp%d.so.1()(64bit)", i);
		add_dep(&b->a, &f->provides, text);
		if (i > 1) {
			(void)snprintf(text, sizeof(text), "p%d >= 1", i / 2);
			add_dep(&b->a, &f->requires, text);
		}
		if (i > 2) {
			(void)snprintf(text, sizeof(text), "libp%d.so.1()(64bit)", i / 3);
			add_dep(&b->a, &f->requires, text);
		}
		VEC_PUSH(&b->packages, f);
	}
}

static void
mark_needed(bool needed[UNIVERSE + 1], int i)
{
	if (i < 1 || needed[i])
		return;
	needed[i] = true;
	mark_needed(needed, i / 2);
	mark_needed(needed, i / 3);
}

TEST(solve_finds_the_closure_in_two_thousand_packages)
{
	struct building b = { .title = "universe" };
	static bool needed[UNIVERSE + 1];
	const struct pkgfacts **got;
	struct solve_request r;
	size_t n, expected = 0;
	int64_t start = clock_monotonic_ms();

	make_universe(&b);
	VEC_PUSH(&b.wants, "p2000");
	VEC_PUSH(&b.wants, "p1777");
	mark_needed(needed, 2000);
	mark_needed(needed, 1777);
	for (int i = 1; i <= UNIVERSE; i++)
		expected += needed[i];
	r = request_of(&b);
	assert_ok(solve_run(&b.a, &r, &got, &n, err));
	assert_int_equal(n, expected);
	for (size_t i = 0; i < n; i++) {
		assert_true(needed[atoi(got[i]->id.name + 1)]);
		if (i)
			assert_true(strcmp(got[i - 1]->id.name, got[i]->id.name) < 0);
	}
	assert_true(clock_monotonic_ms() - start < 5000);
	VEC_FREE(&b.packages);
	VEC_FREE(&b.wants);
	arena_release(&b.a);
}

TEST(solve_shortens_a_long_chain_in_its_message)
{
	struct building b = { 0 };
	const struct pkgfacts **got;
	struct solve_request r;
	char text[MAX_LINE];
	size_t n;

	for (int i = 0; i < 300; i++) {
		struct pkgfacts *f;

		(void)snprintf(text, sizeof(text), "c%d", i);
		f = make_package(&b.a, text, "1-1", "x86_64");
		(void)snprintf(text, sizeof(text), "c%d", i + 1);
		add_dep(&b.a, &f->requires, text);
		VEC_PUSH(&b.packages, f);
	}
	VEC_PUSH(&b.wants, "c0");
	r = request_of(&b);
	assert_fails(
		solve_run(&b.a, &r, &got, &n, err),
		"recipe foo needs c0, which requires c1, which requires c2, which requires c3, "
		"... (292 more), which requires c296, which requires c297, which requires c298, "
		"which requires c299, which requires c300, which no package provides");
	assert_int_equal(err->code, ERR_SOLVE);
	VEC_FREE(&b.packages);
	VEC_FREE(&b.wants);
	arena_release(&b.a);
}
