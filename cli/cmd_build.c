/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "builder/plan.h"
#include "cli/cli.h"
#include "cli/status.h"
#include "cli/verbs.h"

struct build_args {
	unsigned jobs;
	bool keep_going, dry_run, why;
};

static const struct opt build_opts[] = {
	OPT(NUM, struct build_args, jobs, 'j', "jobs", "N",
	    "run at most N chambers at once (default: one per core)"),
	OPT(FLAG, struct build_args, keep_going, 'k', "keep-going", NULL,
	    "build what does not depend on a failure"),
	OPT(FLAG, struct build_args, dry_run, 'n', "dry-run", NULL,
	    "say what would be built and why, build nothing"),
	OPT(FLAG, struct build_args, why, 0, "why", NULL, "say why each recipe is built"),
};

#define RUNNING_MAX 64 /* names that the live line can tell */

struct telling {
	struct cli *cli;
	int64_t start_ms;
	bool dry_run;
	struct doc *planned;              /* what would be built: recipe and reason */
	const char *running[RUNNING_MAX]; /* borrowed from the plan */
	size_t nrunning, ended;
};

static void
begin_running(struct telling *t, const char *name)
{
	if (t->nrunning < RUNNING_MAX)
		t->running[t->nrunning++] = name;
}

static void
end_running(struct telling *t, const char *name)
{
	t->ended++;
	for (size_t i = 0; i < t->nrunning; i++) {
		if (strcmp(t->running[i], name) == 0) {
			memmove(&t->running[i], &t->running[i + 1],
				(t->nrunning - i - 1) * sizeof(t->running[0]));
			t->nrunning--;
			return;
		}
	}
}

static void
plan_line(struct telling *t, const char *name, const char *reason)
{
	struct arena *a = &t->cli->arena;
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", name);
	doc_set_text(a, d, "reason", reason);
	doc_push(a, t->planned, d);
	if (t->dry_run && !t->cli->json)
		(void)printf("%s: %s\n", name, reason);
}

/* A field that differs, below the reason it belongs to. */
static void
change_line(struct telling *t, const char *name, const char *text)
{
	struct arena *a = &t->cli->arena;

	for (size_t i = t->planned->n; i-- > 0;) {
		struct doc *d = t->planned->items[i].value, *list = doc_get(d, "changes");

		if (strcmp(doc_get_text(d, "recipe"), name) != 0)
			continue;
		if (!list) {
			list = doc_list(a);
			doc_set(a, d, "changes", list);
		}
		doc_push(a, list, doc_text(a, text));
		break;
	}
	if (t->dry_run && !t->cli->json)
		(void)printf("  %s\n", text);
	if (!t->dry_run)
		cli_say("                 %s", text);
}

static void
on_tick(void *arg)
{
	CLEANUP(buf_free) struct buf names = BUF_MAX(4096);
	const struct telling *t = arg;
	int64_t s = (clock_monotonic_ms() - t->start_ms) / 1000;

	if (!status_is_live() || t->nrunning == 0)
		return;
	for (size_t i = 0; i < t->nrunning; i++)
		buf_add_format(&names, "%s%s", i ? ", " : "", t->running[i]);
	status_draw("[%3lld:%02lld] building %s, %zu done", (long long)(s / 60),
		    (long long)(s % 60), buf_text(&names), t->ended);
}

static void
on_event(void *arg, enum build_event e, const char *name, const char *text)
{
	static const char *const words[] = {
		[BUILD_PLANNED] = "plan",    [BUILD_NEEDS] = "needs",
		[BUILD_UNPACK] = "unpack",   [BUILD_STARTED] = "build",
		[BUILD_CHANGE] = "change",   [BUILD_SERVED] = "store",
		[BUILD_DONE] = "done",       [BUILD_FAILED] = "failed",
		[BUILD_BLOCKED] = "blocked",
	};
	struct telling *t = arg;
	int64_t s = (clock_monotonic_ms() - t->start_ms) / 1000;

	if (cli_stopped && (e == BUILD_BLOCKED || e == BUILD_FAILED))
		return;
	if (e == BUILD_PLANNED && name)
		plan_line(t, name, text);
	if (e == BUILD_PLANNED && name && t->dry_run)
		return;
	if (e == BUILD_CHANGE) {
		change_line(t, name, text);
		return;
	}
	if (e == BUILD_STARTED)
		begin_running(t, name);
	if (e == BUILD_DONE || e == BUILD_FAILED || e == BUILD_SERVED || e == BUILD_BLOCKED)
		end_running(t, name);
	cli_say("[%3lld:%02lld] %-8s %s%s%s%s", (long long)(s / 60), (long long)(s % 60),
		words[e], name ? name : "", name && text ? ": " : "",
		e == BUILD_BLOCKED ? "needs " : "", text ? text : "");
	on_tick(t);
}

/* What to change in the recipe when a limit ended its build. */
static const char *
limit_of(const char *cause)
{
	static const char *const limits[][2] = { { "timeout", "time" },
						 { "memory", "memory" },
						 { "disk", "disk" },
						 { "processes", "processes" },
						 { "log", "log" } };

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		if (strcmp(cause, limits[i][0]) == 0)
			return limits[i][1];
	return NULL;
}

/* log_tail is there when the chamber ran, and then what it left is kept. */
static void
print_failure(const struct build_failure *f)
{
	const char *limit = limit_of(f->cause);

	cli_say("\nfailed: %s (%s): %s", f->recipe, f->cause, f->message);
	if (f->log_tail && *f->log_tail)
		cli_say("--- last lines of its log (`kiln log %s` shows all) ---\n%s---",
			f->recipe, f->log_tail);
	if (f->where)
		cli_say("at %s", f->where);
	if (limit)
		cli_say("hint: if the build is right, raise `build: {limits: {%s: ...}}` of recipes/%s/recipe.yaml",
			limit, f->recipe);
	if (f->log_tail)
		cli_say("to look inside: kiln shell --failed %s", f->recipe);
}

static struct doc *
summary_doc(struct arena *a, const struct build_summary *s, struct doc *planned)
{
	struct doc *d = doc_map(a), *failures = doc_list(a);

	doc_set(a, d, "built", doc_number(a, (int64_t)s->built));
	doc_set(a, d, "served", doc_number(a, (int64_t)s->served));
	doc_set(a, d, "failed", doc_number(a, (int64_t)s->failed));
	doc_set(a, d, "blocked", doc_number(a, (int64_t)s->blocked));
	doc_set(a, d, "maybe", doc_number(a, (int64_t)s->maybe));
	doc_set(a, d, "estimate_ms", doc_number(a, s->most_ms));
	doc_set(a, d, "estimate_least_ms", doc_number(a, s->least_ms));
	doc_set(a, d, "elapsed_ms", doc_number(a, s->elapsed_ms));
	for (size_t i = 0; i < s->nfailures; i++) {
		struct doc *f = doc_map(a);

		doc_set_text(a, f, "recipe", s->failures[i].recipe);
		doc_set_text(a, f, "cause", s->failures[i].cause);
		doc_set_text(a, f, "message", s->failures[i].message);
		doc_set_text(a, f, "where", s->failures[i].where);
		doc_push(a, failures, f);
	}
	doc_set(a, d, "failures", failures);
	doc_set(a, d, "planned", planned);
	return d;
}

static const char *
duration(struct arena *a, int64_t ms)
{
	int64_t s = (ms + 500) / 1000;

	if (s < 60)
		return arena_format(a, "%lld s", (long long)s);
	if (s < 3600)
		return arena_format(a, "%lld:%02lld min", (long long)(s / 60),
				    (long long)(s % 60));
	return arena_format(a, "%lld:%02lld h", (long long)(s / 3600),
			    (long long)(s / 60 % 60));
}

static void
print_estimate(struct arena *a, const struct build_summary *s)
{
	(void)printf("would build %zu, serve %zu from the store", s->built, s->served);
	if (s->maybe)
		(void)printf("; %zu more only if what they need comes out different", s->maybe);
	(void)printf("\n");
	if (s->built + s->maybe == 0)
		return;
	(void)printf("takes about %s", duration(a, s->least_ms));
	if (s->most_ms != s->least_ms)
		(void)printf(" to %s", duration(a, s->most_ms));
	if (s->unmeasured)
		(void)printf(" (%s never built here, taken as %s each)",
			     cli_count(a, s->unmeasured, "recipe"),
			     duration(a, PLAN_DEFAULT_MS));
	(void)printf("\n");
}

static void
print_summary(struct arena *a, const struct build_summary *s, bool dry)
{
	int64_t seconds = s->elapsed_ms / 1000;

	if (dry)
		print_estimate(a, s);
	else if (s->built + s->failed + s->blocked == 0)
		(void)printf("nothing to build: %s served from the store\n",
			     cli_count(a, s->served, "recipe"));
	else
		(void)printf(
			"%zu built, %zu served from the store, %zu failed, %zu not begun in %lld:%02lld\n",
			s->built, s->served, s->failed, s->blocked, (long long)(seconds / 60),
			(long long)(seconds % 60));
}

static int
failed(const struct build_summary *s, bool keep_going, struct err *err)
{
	if (s->failed == 1 && s->nfailures == 1)
		err_set(err, ERR_BUILD, "recipe %s failed", s->failures[0].recipe);
	else
		err_set(err, ERR_BUILD, "%zu recipes failed", s->failed);
	if (s->blocked && !keep_going)
		err_hint(err, "`kiln build --keep-going` builds what does not need them");
	return -1;
}

static int
run_build(struct cli *cli, const struct build_args *a, const char *const *names, size_t n,
	  struct err *err)
{
	struct telling t = { .cli = cli,
			     .start_ms = clock_monotonic_ms(),
			     .dry_run = a->dry_run,
			     .planned = doc_list(&cli->arena) };
	struct source_progress progress = status_fetching;
	struct build_options o = { .jobs = a->jobs,
				   .keep_going = a->keep_going,
				   .dry_run = a->dry_run,
				   .why = a->why,
				   .event = on_event,
				   .tick = on_tick,
				   .arg = &t,
				   .progress = &progress,
				   .stop = &cli_stopped };
	struct build_summary s = { 0 };

	progress.stop = &cli_stopped;
	if (build_run(&cli->arena, &cli->builder, names, n, &o, &s, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	status_clear();
	for (size_t i = 0; i < s.nfailures; i++)
		print_failure(&s.failures[i]);
	if (cli->json && cli_json(cli, summary_doc(&cli->arena, &s, t.planned), err) < 0)
		return -1;
	if (!cli->json)
		print_summary(&cli->arena, &s, a->dry_run);
	return s.failed ? failed(&s, a->keep_going, err) : 0;
}

static int
build_verb(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct build_args *a = args;

	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | (a->dry_run ? 0 : CLI_SIGNER), err) < 0)
		return -1;
	cli_catch_signals();
	sandbox_heed(cli->builder.sandbox, &cli_stopped);
	return run_build(cli, a, operands, n, err);
}

const struct command cmd_build = {
	.name = "build",
	.task = "build",
	.summary = "build recipes with all they need, in order",
	.synopsis = "[RECIPE...]",
	.description =
		"Each recipe is built alone in a single-use chamber without network. What did not\n"
		"change is served from the store. Without names all recipes are built.",
	.example = "kiln build --jobs 2 busybox zlib",
	.opts = build_opts,
	.nopts = ARRAY_LEN(build_opts),
	.args_size = sizeof(struct build_args),
	.max_operands = -1,
	.run = build_verb,
};
