/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending results, in one child beside the builds: keys go in through a pipe, one report comes
 * out for each. Blobs first, the entry that names them last, so that whatever ends it leaves no
 * half entry. What is in the store was checked there; it is hashed once more as it leaves.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "builder/cache_priv.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#define LOOK_MS    100 /* how long a stop can stay unseen */
#define PIPE_BYTES 1048576
#define QUEUE_MAX  1000 /* orders without a report that fit both pipes with ease */

/* Both are written whole or not at all, so a pipe always holds a number of them. */
struct order {
	char recipe[63]; /* for messages, cut */
	char key[DIGEST_HEX];
};
struct outcome {
	bool sent;
	char text[500];
};
_Static_assert(sizeof(struct outcome) <= PIPE_BUF, "a report must be written at once");
_Static_assert(sizeof(struct outcome) * QUEUE_MAX < PIPE_BYTES, "reports must never block");

static int
put_blob(struct cache_http *http, const struct cas *store, struct cache_file *f,
	 struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char hex[DIGEST_HEX];
	struct stat st;

	if (cas_get_fd(store, &f->sha256, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", f->path);
	f->size = (uint64_t)st.st_size;
	digest_hex(&f->sha256, hex);
	if (cache_curl_put(http, "cas", hex, fd, f->size, err) < 0)
		return err_wrap(err, "%s", f->path);
	return 0;
}

static int
put_text(struct cache_http *http, const char *kind, const char *hex, const struct buf *text,
	 struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_memory(kind, &fd, err) < 0 || fd_write_all(fd, text->data, text->len, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "memory file");
	return cache_curl_put(http, kind, hex, fd, text->len, err);
}

static int
put_entry(struct arena *a, struct cache_http *http, struct cache_entry *files, const char *key,
	  const struct buf *result, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_ENTRY_MAX);
	struct cache_entry e = { .at = arena_array(a, files->n + 1, sizeof(*e.at)),
				 .n = files->n + 1 };
	struct cache_file *last = &e.at[files->n];
	char hex[DIGEST_HEX];

	memcpy(e.at, files->at, files->n * sizeof(*e.at));
	*last = (struct cache_file){ .path = CACHE_RESULT_NAME, .size = result->len };
	digest_of(buf_text(result), result->len, &last->sha256);
	digest_hex(&last->sha256, hex);
	if (put_text(http, "cas", hex, result, err) < 0)
		return err_wrap(err, CACHE_RESULT_NAME);
	cache_wire_write(&e, &text);
	if (buf_check(&text, "the entry", err) < 0)
		return -1;
	return put_text(http, "ac", key, &text, err);
}

static int
send_result(struct cache_http *http, const struct cas *store, const char *key, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_RESULT_MAX);
	struct cache_entry files;
	struct result r;
	bool found;

	if (cas_ref_get(store, "action", key, &text, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_INPUT, "it left the store meanwhile");
	if (result_read(&a, buf_text(&text), text.len, key, &r, err) < 0)
		return -1;
	cache_entry_list(&a, store, &r, &files);
	for (size_t i = 0; i < files.n; i++) {
		if (put_blob(http, store, &files.at[i], err) < 0)
			return -1;
	}
	return put_entry(&a, http, &files, key, &text, err);
}

/* One order after the other until nobody can send any more. After some failures in a row the
 * rest is only reported. */
static void
serve(struct cache_http *http, const struct cas *store, int in, int out)
{
	unsigned strikes = 0;
	struct order o;

	for (;;) {
		struct outcome said = { .sent = false };
		struct err e = { .code = ERR_NONE };
		ssize_t n = read(in, &o, sizeof(o));

		if (n < 0 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(o))
			return;
		said.sent = strikes < CACHE_STRIKES && send_result(http, store, o.key, &e) == 0;
		strikes = said.sent ? 0 : strikes + 1;
		if (e.code != ERR_NONE)
			(void)snprintf(said.text, sizeof(said.text), "%s: %.*s", o.recipe,
				       (int)strcspn(e.text, "\n"), e.text);
		if (write(out, &said, sizeof(said)) != (ssize_t)sizeof(said))
			return;
	}
}

static NO_RETURN void
be_child(struct cache *c, int in, int out, pid_t parent)
{
	const int keep[] = { in, out };
	struct cache_http *http = NULL;
	struct cas *store = NULL;
	struct outcome said = { .sent = false };
	struct err e;
	int rc = cache_narrow(c, keep, ARRAY_LEN(keep), parent, &http, &store, &e);

	if (rc == 0) {
		serve(http, store, in, out);
		cache_curl_close(http);
	} else {
		(void)snprintf(said.text, sizeof(said.text), "%.*s", (int)strcspn(e.text, "\n"),
			       e.text);
		(void)!write(out, &said, sizeof(said));
	}
	if (store)
		cas_close(store);
	proc_child_exit(rc < 0);
}

static int
start(struct cache *c, struct err *err)
{
	CLEANUP(fd_close) int keys_in = -1;
	CLEANUP(fd_close) int keys_out = -1;
	CLEANUP(fd_close) int said_in = -1;
	CLEANUP(fd_close) int said_out = -1;
	struct cache_sender *s = &c->sender;
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	keys_in = ends[1];
	keys_out = ends[0];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	said_in = ends[1];
	said_out = ends[0];
	if (fcntl(keys_in, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "pipe");
	/* Where that is not allowed less is queued before the sender waits. */
	(void)fcntl(keys_in, F_SETPIPE_SZ, PIPE_BYTES);
	(void)fcntl(said_in, F_SETPIPE_SZ, PIPE_BYTES);
	s->pid = fork();
	if (s->pid < 0) {
		s->pid = 0;
		return err_sys(err, "cannot start a process");
	}
	if (s->pid == 0)
		be_child(c, keys_out, said_in, parent);
	s->in = STEAL_FD(keys_in);
	s->out = STEAL_FD(said_out);
	return 0;
}

static void
note_unsent(struct cache *c, const char *why)
{
	c->report.unsent++;
	if (!*c->report.text && why)
		(void)snprintf(c->report.text, sizeof(c->report.text), "%s", why);
}

/* Reports that are there by now, so that their pipe never fills. False: no more will come. */
static bool
hear(struct cache *c, int timeout_ms)
{
	struct pollfd p = { .fd = c->sender.out, .events = POLLIN };
	struct outcome said;

	while (poll(&p, 1, timeout_ms) > 0) {
		if (read(c->sender.out, &said, sizeof(said)) != (ssize_t)sizeof(said))
			return false;
		said.text[sizeof(said.text) - 1] = '\0';
		if (c->sender.queued)
			c->sender.queued--;
		if (said.sent)
			c->report.sent++;
		else
			note_unsent(c, *said.text ? said.text : NULL);
		timeout_ms = 0;
	}
	return true;
}

void
cache_send(struct cache *c, const char *recipe, const char *key_hex)
{
	struct cache_sender *s = &c->sender;
	struct order o = { .recipe = "" };
	struct err e;

	if (!c->words->write)
		return;
	(void)snprintf(o.recipe, sizeof(o.recipe), "%s", recipe);
	(void)snprintf(o.key, sizeof(o.key), "%s", key_hex);
	if (s->in < 0 && !s->off && start(c, &e) < 0)
		s->off = true;
	if (s->off) {
		note_unsent(c, "no process could be started");
		return;
	}
	s->off = !hear(c, 0);
	if (!s->off && s->queued < QUEUE_MAX &&
	    write(s->in, &o, sizeof(o)) == (ssize_t)sizeof(o))
		s->queued++;
	else
		note_unsent(c, "too many results are waiting to be sent");
}

void
cache_send_wait(struct cache *c, volatile const bool *stop)
{
	while (c->sender.queued > QUEUE_MAX / 2 && !(stop && *stop) && hear(c, LOOK_MS))
		;
}

void
cache_send_finish(struct cache *c, int64_t limit_ms, volatile const bool *stop,
		  struct cache_report *out)
{
	struct cache_sender *s = &c->sender;
	int64_t end = clock_monotonic_ms() + limit_ms;
	struct err ignored;
	int status;

	if (s->in >= 0)
		close(STEAL_FD(s->in)); /* the child ends with the last of them */
	while (s->queued && clock_monotonic_ms() < end && !(stop && *stop) && hear(c, LOOK_MS))
		;
	while (s->queued) {
		s->queued--;
		note_unsent(c, "the time for sending was over");
	}
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		(void)!proc_wait(s->pid, &status, &ignored);
		s->pid = 0;
	}
	*out = c->report;
}
