/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "builder/runfile.h"
#include "builder/stage.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "trust/statement.h"

struct status_args {
	bool all;
};

static const struct opt status_opts[] = {
	OPT(FLAG, struct status_args, all, 'a', "all", NULL,
	    "list every recipe, also those that are built"),
};

static const struct {
	enum build_standing standing;
	const char *word;
} standings[] = { { BUILD_IS_BUILT, "built" },
		  { BUILD_IS_STALE, "stale" },
		  { BUILD_IS_NEW, "new" },
		  { BUILD_HAS_FAILED, "failed" } };

static const char *
word_of(enum build_standing s)
{
	for (size_t i = 0; i < ARRAY_LEN(standings); i++)
		if (standings[i].standing == s)
			return standings[i].word;
	return "";
}

static const char *const tests[] = { [BUILD_TEST_NOT_RUN] = "not run",
				     [BUILD_TEST_PASSED] = "passed",
				     [BUILD_TEST_FAILED] = "failed" };

/* Others may have written what is told of their runs. */
static void
print_tamed(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);

	cli_tame(copy, strlen(copy));
	(void)printf("%s\n", copy);
}

static void
print_run(struct arena *a, const struct runfile_entry *r)
{
	struct status_line lines[STATUS_LINES_MAX];
	size_t n = progress_lines(a, &r->now, STATUS_LINES_MAX, lines);

	print_tamed(a,
		    arena_format(a, "process %lld builds %s", (long long)r->pid, r->workspace));
	for (size_t i = 0; i < n; i++)
		print_tamed(a, lines[i].text);
}

static struct doc *
runs_doc(struct arena *a, const struct runfile_entry *runs, size_t n)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++) {
		struct doc *d = progress_doc(a, &runs[i].now);

		doc_set(a, d, "pid", doc_number(a, runs[i].pid));
		doc_set_text(a, d, "workspace", runs[i].workspace);
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
state_doc(struct arena *a, const struct build_state *s)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", s->recipe);
	doc_set_text(a, d, "state", word_of(s->standing));
	doc_set_text(a, d, "reason", s->reason);
	doc_set_text(a, d, "test", tests[s->test]);
	doc_set_text(a, d, "test_message", s->test_message);
	if (s->last) {
		doc_set_text(a, d, "cause", s->last->cause);
		doc_set_text(a, d, "message", s->last->message);
		doc_set_text(a, d, "where", s->last->where);
		doc_set_text(a, d, "log", s->last->log);
	}
	return d;
}

static void
print_state(struct arena *a, const struct build_state *s)
{
	if (!s->last) {
		print_tamed(a,
			    arena_format(a, "%-8s %s%s%s%s%s", word_of(s->standing), s->recipe,
					 s->reason ? ": " : "", s->reason ? s->reason : "",
					 s->test ? ", test " : "",
					 s->test ? tests[s->test] : ""));
		if (s->test_message)
			print_tamed(a, arena_format(a, "         %s", s->test_message));
		if (s->test_where)
			print_tamed(a, arena_format(a, "         at %s", s->test_where));
		return;
	}
	print_tamed(a, arena_format(a, "%-8s %s (%s): %s", word_of(s->standing), s->recipe,
				    s->last->cause, s->last->message ? s->last->message : ""));
	if (s->last->where)
		print_tamed(a, arena_format(a, "         at %s", s->last->where));
	if (s->last->log)
		print_tamed(a, arena_format(a, "         log: kiln log %s", s->recipe));
}

static void
count(const struct build_state *states, size_t n, size_t counts[ARRAY_LEN(standings)])
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < ARRAY_LEN(standings); j++)
			counts[j] += states[i].standing == standings[j].standing;
}

static void
count_tests(const struct build_state *states, size_t n, size_t counts[ARRAY_LEN(tests)])
{
	for (size_t i = 0; i < n; i++)
		counts[states[i].test]++;
}

static void
print_tests(struct arena *a, const struct build_state *states, size_t n)
{
	size_t counts[ARRAY_LEN(tests)] = { 0 };

	count_tests(states, n, counts);
	if (counts[BUILD_TEST_NONE] == n)
		return;
	(void)printf("%s: %zu passed, %zu failed, %zu not run\n",
		     cli_count(a, n - counts[BUILD_TEST_NONE], "test"),
		     counts[BUILD_TEST_PASSED], counts[BUILD_TEST_FAILED],
		     counts[BUILD_TEST_NOT_RUN]);
}

static struct doc *
tests_doc(struct arena *a, const struct build_state *states, size_t n)
{
	size_t counts[ARRAY_LEN(tests)] = { 0 };
	struct doc *d = doc_map(a);

	count_tests(states, n, counts);
	doc_set(a, d, "passed", doc_number(a, (int64_t)counts[BUILD_TEST_PASSED]));
	doc_set(a, d, "failed", doc_number(a, (int64_t)counts[BUILD_TEST_FAILED]));
	doc_set(a, d, "not_run", doc_number(a, (int64_t)counts[BUILD_TEST_NOT_RUN]));
	return d;
}

/* What needs somebody's eye. */
static bool
is_shown(const struct build_state *s, bool all)
{
	return all || s->standing != BUILD_IS_BUILT || s->test == BUILD_TEST_FAILED;
}

static void
print_states(struct arena *a, const struct build_state *states, size_t n, bool all)
{
	size_t counts[ARRAY_LEN(standings)] = { 0 };

	count(states, n, counts);
	for (size_t i = 0; i < n; i++)
		if (is_shown(&states[i], all))
			print_state(a, &states[i]);
	(void)printf("%s: ", cli_count(a, n, "recipe"));
	for (size_t i = 0; i < ARRAY_LEN(standings); i++)
		(void)printf("%s%zu %s", i ? ", " : "", counts[i], standings[i].word);
	(void)printf("\n");
	print_tests(a, states, n);
}

static struct doc *
states_doc(struct arena *a, const struct build_state *states, size_t n, bool all)
{
	size_t counts[ARRAY_LEN(standings)] = { 0 };
	struct doc *d = doc_map(a), *list = doc_list(a);

	count(states, n, counts);
	for (size_t i = 0; i < ARRAY_LEN(standings); i++)
		doc_set(a, d, standings[i].word, doc_number(a, (int64_t)counts[i]));
	for (size_t i = 0; i < n; i++)
		if (is_shown(&states[i], all))
			doc_push(a, list, state_doc(a, &states[i]));
	doc_set(a, d, "tests", tests_doc(a, states, n));
	doc_set(a, d, "recipes", list);
	return d;
}

static bool
is_here(struct cli *cli, const struct runfile_entry *runs, size_t n)
{
	CLEANUP(mem_free) char *path = realpath(cli->workspace.path, NULL);

	for (size_t i = 0; path && i < n; i++)
		if (strcmp(runs[i].workspace, path) == 0)
			return true;
	return false;
}

/* What the recipes of this stage are built on: the seed, or packages of earlier stages. */
static struct doc *
ground_doc(struct arena *a, const struct stage *stage)
{
	struct doc *d = doc_map(a), *on = doc_list(a);

	doc_set_text(a, d, "stage", stage->name);
	for (size_t i = 0; i < stage->nground; i++) {
		struct doc *part = doc_map(a);

		doc_set_text(a, part, "stage", stage->ground[i].stage);
		doc_set(a, part, "packages",
			doc_number(a, (int64_t)stage->ground[i].npackages));
		doc_push(a, on, part);
	}
	if (stage->nground)
		doc_set(a, d, "on", on);
	else
		doc_set_text(a, d, "on", STATEMENT_SEED);
	return d;
}

static void
print_ground(struct arena *a, const struct stage *stage)
{
	(void)printf("stage %s, built on ", stage->name);
	for (size_t i = 0; i < stage->nground; i++)
		(void)printf("%s%s of %s", i ? ", " : "",
			     cli_count(a, stage->ground[i].npackages, "package"),
			     stage->ground[i].stage);
	(void)printf("%s\n", stage->nground ? "" : "the seed");
}

/* While a run is under way here, how recipes stand is what that run decides. */
static int
status_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct status_args *o = args;
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);
	struct build_state *states = NULL;
	struct runfile_entry *runs;
	size_t nruns, nstates = 0;
	bool here;

	if (cli_open(cli, CLI_STORE, err) < 0 ||
	    runfile_list(a, cli->builder.store, &runs, &nruns, err) < 0)
		return -1;
	here = n == 0 && is_here(cli, runs, nruns);
	for (size_t i = 0; i < nruns && !cli->json; i++)
		print_run(a, &runs[i]);
	if (!here && build_state(a, &cli->builder, operands, n, &states, &nstates, err) < 0)
		return -1;
	if (cli->json) {
		doc_set(a, d, "runs", runs_doc(a, runs, nruns));
		doc_set(a, d, "ground", ground_doc(a, cli->workspace.stage));
		if (!here)
			doc_set(a, d, "workspace", states_doc(a, states, nstates, o->all));
		return cli_json(cli, d, err);
	}
	if (!here) {
		print_ground(a, cli->workspace.stage);
		print_states(a, states, nstates, o->all || n > 0);
	}
	return 0;
}

const struct command cmd_status = {
	.name = "status",
	.task = "look",
	.summary = "say what runs, and how the recipes stand",
	.synopsis = "[RECIPE...]",
	.description =
		"Every Kiln that builds in this store is told with what it runs and what waits. When\n"
		"none builds this workspace: what its stage is built on; which recipes are built as they\n"
		"now stand, stale (they or what they need changed), new (never built here) or failed.",
	.example = "kiln status --all",
	.opts = status_opts,
	.nopts = ARRAY_LEN(status_opts),
	.args_size = sizeof(struct status_args),
	.max_operands = -1,
	.run = status_verb,
};
