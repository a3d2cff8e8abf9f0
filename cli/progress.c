/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"
#include "base/doc.h"

#define NAME_COLUMNS_MAX 32

const char *
progress_time(struct arena *a, int64_t ms)
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

/* What is not there is not told. */
static void
add_count(struct buf *out, size_t n, const char *what)
{
	if (n)
		buf_add_format(out, ", %zu %s", n, what);
}

static const char *
head_line(struct arena *a, const struct build_now *now)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(ERR_TEXT_MAX);
	int64_t s = now->elapsed_ms / 1000;

	buf_add_format(&out, "[%3lld:%02lld] ", (long long)(s / 60), (long long)(s % 60));
	if (strcmp(now->doing, "building") != 0) {
		buf_add_format(&out, "%s", now->doing);
		if (now->todo)
			buf_add_format(&out, " for %s", cli_count(a, now->todo, "recipe"));
		return arena_strdup(a, buf_text(&out));
	}
	buf_add_format(&out, "%zu of %zu done", now->done, now->todo);
	if (now->rest_ms >= 0)
		buf_add_format(&out, ", about %s left", progress_time(a, now->rest_ms));
	add_count(&out, now->nrunning, now->nrunning == 1 ? "runs" : "run");
	add_count(&out, now->ready, "ready");
	add_count(&out, now->idle, now->idle == 1 ? "waits" : "wait");
	add_count(&out, now->failed, "failed");
	add_count(&out, now->blocked, "not begun");
	return arena_strdup(a, buf_text(&out));
}

static int
name_columns(const struct build_now *now, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = KILN_MAX(most, strlen(now->running[i].recipe));
	return (int)KILN_MIN(most, (size_t)NAME_COLUMNS_MAX);
}

static const char *
running_line(struct arena *a, const struct build_running *r, int columns)
{
	const char *elapsed = progress_time(a, r->elapsed_ms);

	if (strcmp(r->phase, "lock") == 0)
		return arena_format(a, "  %-*s  lock     %s; another Kiln works on it", columns,
				    r->recipe, elapsed);
	return arena_format(a, "  %-*s  %-7s  %s of %s %s", columns, r->recipe, r->phase,
			    elapsed, r->guessed ? "perhaps" : "about",
			    progress_time(a, r->expected_ms));
}

static const char *
waiting_line(struct arena *a, const struct build_now *now)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(ERR_TEXT_MAX * 4);
	size_t more = now->ready + now->idle - KILN_MIN(now->nwaiting, now->ready + now->idle);

	buf_add_str(&out, "  next: ");
	for (size_t i = 0; i < now->nwaiting; i++)
		buf_add_format(&out, "%s%s (%s)", i ? ", " : "", now->waiting[i].recipe,
			       now->waiting[i].why);
	add_count(&out, more, "more");
	return arena_strdup(a, buf_text(&out));
}

size_t
progress_lines(struct arena *a, const struct build_now *now, size_t max,
	       struct status_line *out)
{
	size_t n = 0, show;
	int columns;

	out[n++] = (struct status_line){ head_line(a, now), STATUS_BOLD };
	/* The head, a line for what waits and one for those that are not shown. */
	show = max > 3 ? KILN_MIN(now->nrunning, max - 3) : 0;
	columns = name_columns(now, show);
	for (size_t i = 0; i < show; i++)
		out[n++] = (struct status_line){ running_line(a, &now->running[i], columns),
						 STATUS_PLAIN };
	if (n < max && show < now->nrunning)
		out[n++] = (struct status_line){
			arena_format(a, "  and %zu more", now->nrunning - show), STATUS_PLAIN
		};
	if (n < max && now->nwaiting)
		out[n++] = (struct status_line){ waiting_line(a, now), STATUS_FAINT };
	return n;
}

static struct doc *
running_doc(struct arena *a, const struct build_running *r)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", r->recipe);
	doc_set_text(a, d, "phase", r->phase);
	doc_set(a, d, "elapsed_ms", doc_number(a, r->elapsed_ms));
	doc_set(a, d, "expected_ms", doc_number(a, r->expected_ms));
	doc_set(a, d, "guessed", doc_boolean(a, r->guessed));
	return d;
}

struct doc *
progress_doc(struct arena *a, const struct build_now *now)
{
	const struct {
		const char *key;
		size_t n;
	} counts[] = { { "recipes", now->recipes }, { "todo", now->todo },
		       { "done", now->done },       { "failed", now->failed },
		       { "blocked", now->blocked }, { "ready", now->ready },
		       { "idle", now->idle } };
	struct doc *d = doc_map(a), *running = doc_list(a), *waiting = doc_list(a);

	doc_set_text(a, d, "doing", now->doing);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		doc_set(a, d, counts[i].key, doc_number(a, (int64_t)counts[i].n));
	doc_set(a, d, "elapsed_ms", doc_number(a, now->elapsed_ms));
	if (now->rest_ms >= 0)
		doc_set(a, d, "remaining_ms", doc_number(a, now->rest_ms));
	for (size_t i = 0; i < now->nrunning; i++)
		doc_push(a, running, running_doc(a, &now->running[i]));
	for (size_t i = 0; i < now->nwaiting; i++) {
		struct doc *w = doc_map(a);

		doc_set_text(a, w, "recipe", now->waiting[i].recipe);
		doc_set_text(a, w, "why", now->waiting[i].why);
		doc_push(a, waiting, w);
	}
	doc_set(a, d, "running", running);
	doc_set(a, d, "waiting", waiting);
	return d;
}
