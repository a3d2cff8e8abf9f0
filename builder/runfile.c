/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/runfile.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"

#define RUNFILE_FORMAT 1
#define RUNFILE_NEXT   "next.json"
#define STAT_MAX_BYTES 4096
#define STAT_BEGAN     20 /* fields of /proc/PID/stat from the state to the time of beginning */
#define NAMESPACE_MAX  64
#define DAY_MS         ((int64_t)24 * 3600 * 1000)
#define TIME_MAX_MS    (10000 * DAY_MS)

struct runfile {
	struct cas *store;
	char tmp[64];
	int dirfd;
	char *workspace;
};

/* When the process began, in the kernel's ticks; false: there is none. */
static bool
began(int64_t pid, char out[NAMESPACE_MAX])
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(STAT_MAX_BYTES);
	char path[64];
	struct err ignored;
	const char *p;
	int spaces = 0;

	(void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	if (fd_read_file(AT_FDCWD, path, &text, &ignored) < 0)
		return false;
	/* The name before it may hold anything, spaces and parentheses too. */
	p = strrchr(buf_text(&text), ')');
	for (; p && *p && spaces < STAT_BEGAN; p++)
		spaces += *p == ' ';
	if (!p || !*p)
		return false;
	(void)snprintf(out, NAMESPACE_MAX, "%.*s", (int)strcspn(p, " \n"), p);
	return true;
}

/* Process ids mean something only in their own name space, and until the next boot. */
static void
where_ids_count(char out[NAMESPACE_MAX * 2])
{
	CLEANUP(buf_free) struct buf boot = BUF_MAX(STAT_MAX_BYTES);
	char ns[NAMESPACE_MAX] = "";
	struct err ignored;
	ssize_t n = readlinkat(AT_FDCWD, "/proc/self/ns/pid", ns, sizeof(ns) - 1);

	ns[n > 0 ? n : 0] = '\0';
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &boot, &ignored) < 0)
		buf_clear(&boot);
	(void)snprintf(out, (size_t)NAMESPACE_MAX * 2, "%s %.*s", ns,
		       (int)strcspn(buf_text(&boot), "\n"), buf_text(&boot));
}

int
runfile_open(struct cas *store, const struct workspace *w, struct runfile **out,
	     struct err *err)
{
	CLEANUP(runfile_close) struct runfile *f = mem_alloc(sizeof(*f));
	char path[128];

	f->store = store;
	f->dirfd = -1;
	f->workspace = realpath(w->path, NULL);
	if (!f->workspace)
		return err_sys(err, "%s", w->path);
	if (cas_tmp_dir(store, f->tmp, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s", f->tmp);
	if (fd_open_dir(cas_dirfd(store), path, &f->dirfd, err) < 0)
		return -1;
	*out = STEAL_PTR(f);
	return 0;
}

void
runfile_close(struct runfile *f)
{
	if (!f)
		return;
	if (f->dirfd >= 0)
		close(f->dirfd);
	if (f->tmp[0])
		cas_tmp_drop(f->store, f->tmp);
	free(f->workspace);
	free(f);
}

static void
set_number(struct arena *a, struct doc *d, const char *key, int64_t v)
{
	doc_set(a, d, key, doc_number(a, v));
}

static struct doc *
running_doc(struct arena *a, const struct build_now *now, int64_t at)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < now->nrunning && i < RUNFILE_MAX_RUNNING; i++) {
		const struct build_running *r = &now->running[i];
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "recipe", r->recipe);
		doc_set_text(a, d, "phase", r->phase);
		set_number(a, d, "sinceMs", at - r->elapsed_ms);
		set_number(a, d, "expectedMs", r->expected_ms);
		doc_set(a, d, "guessed", doc_boolean(a, r->guessed));
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
waiting_doc(struct arena *a, const struct build_now *now)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < now->nwaiting; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "recipe", now->waiting[i].recipe);
		doc_set_text(a, d, "why", now->waiting[i].why);
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
run_doc(struct arena *a, const struct runfile *f, const struct build_now *now)
{
	struct doc *d = doc_map(a);
	int64_t at = clock_monotonic_ms();
	char start[NAMESPACE_MAX] = "", where[NAMESPACE_MAX * 2];

	(void)began(getpid(), start);
	where_ids_count(where);
	set_number(a, d, "format", RUNFILE_FORMAT);
	set_number(a, d, "pid", getpid());
	doc_set_text(a, d, "began", start);
	doc_set_text(a, d, "where", where);
	doc_set_text(a, d, "workspace", f->workspace);
	doc_set_text(a, d, "doing", now->doing);
	set_number(a, d, "sinceMs", at - now->elapsed_ms);
	if (now->rest_ms >= 0)
		set_number(a, d, "endMs", at + now->rest_ms);
	set_number(a, d, "recipes", (int64_t)now->recipes);
	set_number(a, d, "todo", (int64_t)now->todo);
	set_number(a, d, "done", (int64_t)now->done);
	set_number(a, d, "failed", (int64_t)now->failed);
	set_number(a, d, "blocked", (int64_t)now->blocked);
	set_number(a, d, "ready", (int64_t)now->ready);
	set_number(a, d, "idle", (int64_t)now->idle);
	doc_set(a, d, "running", running_doc(a, now, at));
	doc_set(a, d, "waiting", waiting_doc(a, now));
	return d;
}

/* Not synced: after a crash nobody asks for it. */
void
runfile_write(struct runfile *f, const struct build_now *now)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(RUNFILE_MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	struct err ignored;

	json_write(run_doc(&a, f, now), &text);
	(void)unlinkat(f->dirfd, RUNFILE_NEXT, 0);
	if (buf_check(&text, RUNFILE_NAME, &ignored) < 0 ||
	    fd_create(f->dirfd, RUNFILE_NEXT, 0600, &fd, &ignored) < 0 ||
	    fd_write_all(fd, text.data, text.len, &ignored) < 0)
		return;
	(void)renameat(f->dirfd, RUNFILE_NEXT, f->dirfd, RUNFILE_NAME);
}

/* ---- reading ---- */
static bool
get_number(const struct doc *d, const char *key, int64_t max, int64_t *out)
{
	int64_t v;

	if (!doc_int(doc_get(d, key), &v) || v < 0 || v > max)
		return false;
	*out = v;
	return true;
}

static bool
get_count(const struct doc *d, const char *key, size_t *out)
{
	int64_t v;

	if (!get_number(d, key, DOC_MAX_INT, &v))
		return false;
	*out = (size_t)v;
	return true;
}

static bool
get_words(const struct doc *d, const char *key, const char **out)
{
	const char *text = doc_get_text(d, key);

	if (!text || strlen(text) > RUNFILE_MAX_TEXT)
		return false;
	*out = text;
	return true;
}

/* How long ago; a moment of the future is now. */
static bool
get_elapsed(const struct doc *d, int64_t at, int64_t *out)
{
	int64_t since;

	if (!get_number(d, "sinceMs", DOC_MAX_INT, &since))
		return false;
	*out = KILN_MAX(at - since, (int64_t)0);
	return true;
}

static bool
read_running(struct arena *a, const struct doc *list, int64_t at, struct build_now *out)
{
	struct build_running *r;

	if (!list || list->kind != DOC_LIST || list->n > RUNFILE_MAX_RUNNING)
		return false;
	r = arena_array(a, list->n, sizeof(*r));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;

		if (!get_words(d, "recipe", &r[i].recipe) ||
		    !get_words(d, "phase", &r[i].phase) ||
		    !get_elapsed(d, at, &r[i].elapsed_ms) ||
		    !get_number(d, "expectedMs", TIME_MAX_MS, &r[i].expected_ms) ||
		    !doc_bool(doc_get(d, "guessed"), &r[i].guessed))
			return false;
	}
	out->running = r;
	out->nrunning = list->n;
	return true;
}

static bool
read_waiting(struct arena *a, const struct doc *list, struct build_now *out)
{
	struct build_waiting *w;

	if (!list || list->kind != DOC_LIST || list->n > BUILD_WAITING_MAX)
		return false;
	w = arena_array(a, list->n, sizeof(*w));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;

		if (!get_words(d, "recipe", &w[i].recipe) || !get_words(d, "why", &w[i].why))
			return false;
	}
	out->waiting = w;
	out->nwaiting = list->n;
	return true;
}

static bool
is_alive(const struct doc *d, int64_t pid)
{
	char start[NAMESPACE_MAX], where[NAMESPACE_MAX * 2];
	const char *there = doc_get_text(d, "where"), *then = doc_get_text(d, "began");

	where_ids_count(where);
	return there && then && strcmp(there, where) == 0 && began(pid, start) &&
	       strcmp(start, then) == 0;
}

/* False: nobody's, or not to be believed. */
static bool
read_run(struct arena *a, const struct doc *d, struct runfile_entry *out)
{
	struct build_now *now = &out->now;
	int64_t at = clock_monotonic_ms(), format, end;

	*out = (struct runfile_entry){ .now = { .rest_ms = -1 } };
	if (!get_number(d, "format", RUNFILE_FORMAT, &format) || format != RUNFILE_FORMAT ||
	    !get_number(d, "pid", INT32_MAX, &out->pid) || !is_alive(d, out->pid))
		return false;
	if (get_number(d, "endMs", DOC_MAX_INT, &end))
		now->rest_ms = KILN_MIN(KILN_MAX(end - at, (int64_t)0), TIME_MAX_MS);
	return get_words(d, "workspace", &out->workspace) &&
	       get_words(d, "doing", &now->doing) && get_elapsed(d, at, &now->elapsed_ms) &&
	       get_count(d, "recipes", &now->recipes) && get_count(d, "todo", &now->todo) &&
	       get_count(d, "done", &now->done) && get_count(d, "failed", &now->failed) &&
	       get_count(d, "blocked", &now->blocked) && get_count(d, "ready", &now->ready) &&
	       get_count(d, "idle", &now->idle) &&
	       read_running(a, doc_get(d, "running"), at, now) &&
	       read_waiting(a, doc_get(d, "waiting"), now);
}

static int
by_pid(const void *x, const void *y)
{
	int64_t a = ((const struct runfile_entry *)x)->pid,
		b = ((const struct runfile_entry *)y)->pid;

	return (a > b) - (a < b);
}

int
runfile_list(struct arena *a, const struct cas *store, struct runfile_entry **out, size_t *n,
	     struct err *err)
{
	const char **names;
	size_t nnames;

	if (tree_list(a, cas_dirfd(store), "tmp", &names, &nnames, err) < 0)
		return -1;
	*out = arena_array(a, KILN_MIN(nnames, (size_t)RUNFILE_MAX_RUNS), sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < nnames && *n < RUNFILE_MAX_RUNS; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(RUNFILE_MAX_BYTES);
		CLEANUP(fd_close) int fd = -1;
		struct err ignored;
		struct doc *d;

		/* It may go while we look: that is no failure. */
		if (fd_open_straight(cas_dirfd(store),
				     arena_format(a, "tmp/%s/" RUNFILE_NAME, names[i]),
				     O_RDONLY | O_NONBLOCK, &fd, &ignored) < 0 ||
		    fd_read_all(fd, &text, &ignored) < 0 ||
		    json_parse(a, buf_text(&text), text.len, RUNFILE_NAME, &d, &ignored) < 0)
			continue;
		*n += read_run(a, d, &(*out)[*n]);
	}
	qsort(*out, *n, sizeof(**out), by_pid);
	return 0;
}
