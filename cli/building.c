/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/building.h"
#include "base/clock.h"
#include "base/json.h"
#include "builder/plan.h"
#include "cli/progress.h"

#define BLOCKED_MAX 10 /* told by name for one failure; the rest are counted */

struct telling {
	struct cli *cli;
	int64_t start_ms;
	bool dry_run;
	const char *stage;
	const struct build_summary *summary;
	struct doc *planned; /* what would be built: recipe and reason */
	struct {
		const char *by; /* the failure whose users are being told */
		size_t n;
	} blocked;
	bool stopping; /* said */
};

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

static void PRINTF_LIKE(2, 3) say_timed(const struct telling *t, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	int64_t s = (clock_monotonic_ms() - t->start_ms) / 1000;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli_say("[%3lld:%02lld] %s", (long long)(s / 60), (long long)(s % 60), text);
}

/* A failure may block thousands: they are told by name only at first, and then counted. */
static void
end_blocked(struct telling *t)
{
	if (t->blocked.n > BLOCKED_MAX)
		say_timed(t, "%-8s %zu more that need %s", "blocked",
			  t->blocked.n - BLOCKED_MAX, t->blocked.by);
	t->blocked.by = NULL;
	t->blocked.n = 0;
}

static void
blocked_line(struct telling *t, const char *name, const char *by)
{
	if (t->blocked.by && strcmp(t->blocked.by, by) != 0)
		end_blocked(t);
	t->blocked.by = by;
	if (++t->blocked.n <= BLOCKED_MAX)
		say_timed(t, "%-8s %s: needs %s", "blocked", name, by);
}

static void
on_tick(void *arg, const struct build_now *now)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct status_line lines[STATUS_LINES_MAX];
	struct telling *t = arg;
	size_t max = (size_t)KILN_MAX(status_height() / 2, 1);

	end_blocked(t);
	if (cli_stopped && !t->stopping) {
		t->stopping = true;
		say_timed(t, "%-8s ending what runs; what was finished is kept", "stop");
	}
	/* What is fetched draws a line of its own; a stream on the same terminal would be torn.
	 */
	if (!status_is_live() || strcmp(now->doing, "fetching") == 0 ||
	    (t->cli->json && isatty(STDOUT_FILENO)))
		return;
	status_show(lines,
		    progress_lines(&a, now, KILN_MIN(max, (size_t)STATUS_LINES_MAX), lines));
}

struct event_words {
	const char *shown, *json;
	const char *key; /* of the text in JSON */
};

static const struct event_words words[] = {
	[BUILD_LOCK] = { "lock", "lock", "text" },
	[BUILD_PLANNED] = { "plan", "planned", "reason" },
	[BUILD_NEEDS] = { "needs", "needs", "text" },
	[BUILD_UNPACK] = { "unpack", "unpack", "text" },
	[BUILD_STARTED] = { "build", "started", "reason" },
	[BUILD_CHANGE] = { "change", "change", "change" },
	[BUILD_SERVED] = { "store", "served", "reason" },
	[BUILD_DONE] = { "done", "done", "text" },
	[BUILD_FAILED] = { "failed", "failed", "cause" },
	[BUILD_CHECKED] = { "checked", "checked", "difference" },
	[BUILD_TESTED] = { "tested", "tested", "failure" },
	[BUILD_BLOCKED] = { "blocked", "blocked", "by" },
	[BUILD_PHASE] = { "phase", "phase", "phase" },
	[BUILD_CACHE] = { "cache", "cache", "text" },
};

static struct doc *
failure_doc(struct arena *a, const struct build_failure *f)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", f->recipe);
	doc_set_text(a, d, "cause", f->cause);
	doc_set_text(a, d, "message", f->message);
	doc_set_text(a, d, "where", f->where);
	doc_set_text(a, d, "log", f->log);
	return d;
}

/* One line of the stream; the summary is its last. */
static void
stream_event(const struct telling *t, enum build_event e, const char *name, const char *text)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf line = BUF_MAX(DOC_MAX_BYTES);
	const struct build_summary *s = t->summary;
	struct doc *d = doc_map(&a);

	/* The failure of this event is the last that was added, if it was. */
	if (e == BUILD_FAILED && s->nfailures &&
	    strcmp(s->failures[s->nfailures - 1].recipe, name) == 0)
		d = failure_doc(&a, &s->failures[s->nfailures - 1]);
	doc_set_text(&a, d, "event", e == BUILD_PLANNED && !name ? "plan" : words[e].json);
	doc_set_text(&a, d, "stage", t->stage);
	doc_set(&a, d, "time_ms", doc_number(&a, clock_monotonic_ms() - t->start_ms));
	doc_set_text(&a, d, "recipe", name);
	if (e == BUILD_PLANNED && !name) {
		doc_set(&a, d, "recipes", doc_number(&a, (int64_t)s->recipes));
		doc_set(&a, d, "todo", doc_number(&a, (int64_t)s->todo));
	} else {
		doc_set_text(&a, d, words[e].key, text);
	}
	json_write(d, &line);
	if (!line.overflow)
		(void)printf("%s\n", buf_text(&line));
	(void)fflush(stdout);
}

/* Each package that differs has a line. */
static void
checked_lines(const struct telling *t, const char *name, const char *difference)
{
	if (!difference)
		say_timed(t, "%-8s %s: the same packages, byte by byte", "checked", name);
	for (const char *at = difference; at;) {
		size_t n = strcspn(at, "\n");

		say_timed(t, "%-8s %s: %.*s", "differs", name, (int)n, at);
		at = at[n] ? at + n + 1 : NULL;
	}
}

static void
on_event(void *arg, enum build_event e, const char *name, const char *text)
{
	struct telling *t = arg;

	if (cli_stopped && (e == BUILD_BLOCKED || e == BUILD_FAILED))
		return;
	if (t->cli->json)
		stream_event(t, e, name, text);
	if (e == BUILD_PLANNED && name)
		plan_line(t, name, text);
	if ((e == BUILD_PLANNED && name && t->dry_run) ||
	    (e == BUILD_PHASE && strcmp(text, "lock") != 0))
		return;
	if (e == BUILD_CHANGE) {
		change_line(t, name, text);
		return;
	}
	if (e == BUILD_BLOCKED) {
		blocked_line(t, name, text);
		return;
	}
	end_blocked(t);
	if (e == BUILD_CHECKED)
		checked_lines(t, name, text);
	else if (e == BUILD_TESTED)
		say_timed(t, "%-8s %s: %s", text ? "failed" : "tested", name,
			  text ? text : "its test passed");
	else if (e == BUILD_PHASE)
		say_timed(t, "%-8s %s: another Kiln works on it", "waits", name);
	else
		say_timed(t, "%-8s %s%s%s", words[e].shown, name ? name : "",
			  name && text ? ": " : "", text ? text : "");
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
cache_doc(struct arena *a, const struct build_summary *s)
{
	struct doc *d = doc_map(a);

	doc_set(a, d, "hits", doc_number(a, (int64_t)s->cache_hits));
	doc_set(a, d, "misses", doc_number(a, (int64_t)s->cache_misses));
	doc_set(a, d, "refused", doc_number(a, (int64_t)s->cache_refused));
	doc_set(a, d, "unanswered", doc_number(a, (int64_t)s->cache_down));
	doc_set(a, d, "sent", doc_number(a, (int64_t)s->cache_sent));
	doc_set(a, d, "unsent", doc_number(a, (int64_t)s->cache_unsent));
	return d;
}

static void
print_cache(const struct build_summary *s)
{
	if (s->cache_hits + s->cache_misses + s->cache_refused + s->cache_down)
		(void)printf(
			"shared cache: %zu found, %zu not there, %zu refused, %zu without answer\n",
			s->cache_hits, s->cache_misses, s->cache_refused, s->cache_down);
	if (s->cache_sent + s->cache_unsent)
		(void)printf("shared cache: %zu sent, %zu not sent\n", s->cache_sent,
			     s->cache_unsent);
}

static struct doc *
summary_doc(struct arena *a, const char *stage, const struct build_summary *s,
	    struct doc *planned)
{
	struct doc *d = doc_map(a), *failures = doc_list(a);

	doc_set_text(a, d, "event", "summary");
	doc_set_text(a, d, "stage", stage);
	doc_set(a, d, "built", doc_number(a, (int64_t)s->built));
	doc_set(a, d, "served", doc_number(a, (int64_t)s->served));
	doc_set(a, d, "failed", doc_number(a, (int64_t)s->failed));
	doc_set(a, d, "blocked", doc_number(a, (int64_t)s->blocked));
	doc_set(a, d, "maybe", doc_number(a, (int64_t)s->maybe));
	doc_set(a, d, "lock_changes", doc_number(a, (int64_t)s->locked));
	doc_set(a, d, "estimate_ms", doc_number(a, s->most_ms));
	doc_set(a, d, "estimate_least_ms", doc_number(a, s->least_ms));
	doc_set(a, d, "elapsed_ms", doc_number(a, s->elapsed_ms));
	for (size_t i = 0; i < s->nfailures; i++)
		doc_push(a, failures, failure_doc(a, &s->failures[i]));
	doc_set(a, d, "failures", failures);
	doc_set(a, d, "planned", planned);
	doc_set(a, d, "cache", cache_doc(a, s));
	return d;
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
	(void)printf("takes about %s", progress_time(a, s->least_ms));
	if (s->most_ms != s->least_ms)
		(void)printf(" to %s", progress_time(a, s->most_ms));
	if (s->unmeasured)
		(void)printf(" (%s never built here, taken as %s each)",
			     cli_count(a, s->unmeasured, "recipe"),
			     progress_time(a, PLAN_DEFAULT_MS));
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

static struct telling
telling_of(struct cli *cli, const struct building *a, struct build_summary *summary)
{
	return (struct telling){ .cli = cli,
				 .start_ms = clock_monotonic_ms(),
				 .dry_run = a->dry_run,
				 .stage = a->stage,
				 .planned = doc_list(&cli->arena),
				 .summary = summary };
}

int
building_run(struct cli *cli, const struct building *a, const char *const *names, size_t n,
	     struct build_summary *out, struct err *err)
{
	struct build_summary s = { 0 };
	struct telling t = telling_of(cli, a, &s);
	struct source_progress progress = status_fetching;
	struct build_options o = { .jobs = a->jobs,
				   .keep_going = a->keep_going,
				   .dry_run = a->dry_run,
				   .why = a->why,
				   .locked = a->locked || cli_is_ci(),
				   .event = on_event,
				   .tick = on_tick,
				   .arg = &t,
				   .progress = &progress,
				   .stop = &cli_stopped };

	progress.stop = &cli_stopped;
	if (build_run(&cli->arena, &cli->builder, names, n, &o, &s, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	end_blocked(&t);
	status_clear();
	for (size_t i = 0; i < s.nfailures; i++)
		print_failure(&s.failures[i]);
	if (cli->json &&
	    cli_json(cli, summary_doc(&cli->arena, a->stage, &s, t.planned), err) < 0)
		return -1;
	if (!cli->json)
		print_summary(&cli->arena, &s, a->dry_run);
	if (!cli->json)
		print_cache(&s);
	*out = s;
	return s.failed ? failed(&s, a->keep_going, err) : 0;
}

static int
not_the_same(const struct build_checked *c, struct err *err)
{
	if (!c->different)
		return err_set(err, ERR_REPRO, "%zu of %zu recipes cannot be built elsewhere",
			       c->failed, c->checked);
	err_set(err, ERR_REPRO, "%zu of %zu recipes did not come out the same", c->different,
		c->checked);
	return err_hint(err,
			"docs/hardening.md lists what makes a build depend on where it runs");
}

int
building_check(struct cli *cli, const struct building *a, const char *const *names, size_t n,
	       struct err *err)
{
	struct build_summary none = { 0 };
	struct telling t = telling_of(cli, a, &none);
	struct source_progress progress = status_fetching;
	struct build_options o = { .jobs = a->jobs,
				   .event = on_event,
				   .arg = &t,
				   .progress = &progress,
				   .stop = &cli_stopped };
	struct doc *d = doc_map(&cli->arena);
	struct build_checked c;

	progress.stop = &cli_stopped;
	if (build_check(&cli->arena, &cli->builder, names, n, &o, &c, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	for (size_t i = 0; i < c.nfailures; i++)
		cli_say("\nfailed elsewhere: %s: %s%s%s", c.failures[i].recipe,
			c.failures[i].message, c.failures[i].log_tail ? "\n" : "",
			c.failures[i].log_tail ? c.failures[i].log_tail : "");
	doc_set_text(&cli->arena, d, "event", "check");
	doc_set_text(&cli->arena, d, "stage", a->stage);
	doc_set(&cli->arena, d, "checked", doc_number(&cli->arena, (int64_t)c.checked));
	doc_set(&cli->arena, d, "different", doc_number(&cli->arena, (int64_t)c.different));
	doc_set(&cli->arena, d, "failed", doc_number(&cli->arena, (int64_t)c.failed));
	if (cli->json && cli_json(cli, d, err) < 0)
		return -1;
	if (!cli->json)
		(void)printf("%s built again: %zu the same, %zu different, %zu failed\n",
			     cli_count(&cli->arena, c.checked, "recipe"),
			     c.checked - c.different - c.failed, c.different, c.failed);
	return c.different || c.failed ? not_the_same(&c, err) : 0;
}

static void
print_test(const struct build_failure *f)
{
	cli_say("\nfailed: test of %s: %s", f->recipe, f->message);
	if (f->log_tail && *f->log_tail)
		cli_say("--- last lines of its output ---\n%s---", f->log_tail);
	if (f->where)
		cli_say("at %s", f->where);
}

int
building_test(struct cli *cli, const struct building *a, const char *const *names, size_t n,
	      struct err *err)
{
	struct build_summary none = { 0 };
	struct telling t = telling_of(cli, a, &none);
	struct build_options o = { .event = on_event, .arg = &t, .stop = &cli_stopped };
	struct doc *d = doc_map(&cli->arena);
	struct build_tested c;

	if (build_test(&cli->arena, &cli->builder, names, n, &o, &c, err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	for (size_t i = 0; i < c.nfailures; i++)
		print_test(&c.failures[i]);
	doc_set_text(&cli->arena, d, "event", "test");
	doc_set_text(&cli->arena, d, "stage", a->stage);
	doc_set(&cli->arena, d, "passed", doc_number(&cli->arena, (int64_t)c.passed));
	doc_set(&cli->arena, d, "served", doc_number(&cli->arena, (int64_t)c.served));
	doc_set(&cli->arena, d, "failed", doc_number(&cli->arena, (int64_t)c.failed));
	doc_set(&cli->arena, d, "without", doc_number(&cli->arena, (int64_t)c.without));
	if (cli->json && cli_json(cli, d, err) < 0)
		return -1;
	if (!cli->json)
		(void)printf("%s: %zu passed, %zu had passed before, %zu failed; "
			     "%s without a test\n",
			     cli_count(&cli->arena, c.passed + c.served + c.failed, "test"),
			     c.passed, c.served, c.failed,
			     cli_count(&cli->arena, c.without, "recipe"));
	return c.failed ? err_set(err, ERR_BUILD, "%s failed",
				  cli_count(&cli->arena, c.failed, "test"))
			: 0;
}
