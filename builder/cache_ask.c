/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lookup, in a child of its own: entry, result.json, bundle.json; only when these convince,
 * the blobs, each hashed while it comes; last the result gets its name in the store.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "builder/cache_priv.h"
#include "trust/dsse.h"
#include <signal.h>

#define FAST_MS 1000 /* a lookup without a result that takes no longer wastes no time */

struct asking {
	struct arena a;
	struct cache_http *http;
	struct cas *store;
	const struct keyring *ring;
	const char *recipe, *key;
	bool take;
	int text; /* receives result.json */
	struct cache_entry entry;
	struct result result;
	struct cache_answer *answer;
};

static int
gone(const struct cache_file *f, struct err *err)
{
	return err_set(err, ERR_VERIFY, "%s is gone from the cache", f->path);
}

/* Where the entry and the blob disagree, one of them lies. */
static int
check_blob(const struct cache_file *f, const struct cache_sink *sink, struct err *err)
{
	char hex[DIGEST_HEX];

	if (sink->done != f->size)
		return err_set(err, ERR_VERIFY, "%s has %llu bytes, the entry says %llu",
			       f->path, (unsigned long long)sink->done,
			       (unsigned long long)f->size);
	if (digest_equal(&sink->sha256, &f->sha256))
		return 0;
	digest_hex(&sink->sha256, hex);
	return err_set(err, ERR_VERIFY, "%s holds other bytes: their sha256 is %s", f->path,
		       hex);
}

static int
get_blob(struct asking *x, const struct cache_file *f, struct cache_sink *sink, struct err *err)
{
	char hex[DIGEST_HEX];
	bool found;

	digest_hex(&f->sha256, hex);
	sink->max = f->size;
	if (cache_curl_get(x->http, "cas", hex, sink, &found, err) < 0) {
		if (err->code == ERR_LIMIT)
			return err_set(err, ERR_VERIFY,
				       "%s is longer than the %llu bytes of the entry", f->path,
				       (unsigned long long)f->size);
		return err_wrap(err, "%s", f->path);
	}
	x->answer->bytes += sink->done;
	return found ? check_blob(f, sink, err) : gone(f, err);
}

static int
get_text(struct asking *x, const char *path, size_t max, struct buf *out, struct err *err)
{
	const struct cache_file *f = cache_wire_find(&x->entry, path);
	struct cache_sink sink = { .text = out, .fd = -1 };

	if (!f)
		return err_set(err, ERR_VERIFY, "the entry has no %s", path);
	if (f->size > max)
		return err_set(err, ERR_VERIFY, "%s is larger than %zu bytes", path, max);
	return get_blob(x, f, &sink, err);
}

/* Through a scratch file: the store takes only what is whole. */
static int
take_blob(struct asking *x, const struct cache_file *f, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct cache_sink sink = { .fd = -1 };
	char dir[64];
	int rc;

	if (cas_has(x->store, &f->sha256))
		return 0;
	if (cas_tmp_dir(x->store, dir, err) < 0)
		return -1;
	rc = fd_open_beneath(cas_dirfd(x->store), arena_format(&x->a, "tmp/%s/x", dir),
			     O_CREAT | O_EXCL | O_RDWR, &fd, err);
	sink.fd = fd;
	if (rc == 0)
		rc = get_blob(x, f, &sink, err);
	if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0)
		rc = err_sys(err, "%s", f->path);
	if (rc == 0)
		rc = cas_put_fd(x->store, fd, &f->sha256, NULL, NULL, err);
	cas_tmp_drop(x->store, dir);
	return rc;
}

static int
look_for_blob(struct asking *x, const struct cache_file *f, struct err *err)
{
	char hex[DIGEST_HEX];
	bool found;

	digest_hex(&f->sha256, hex);
	if (cas_has(x->store, &f->sha256))
		return 0;
	if (cache_curl_head(x->http, "cas", hex, &found, err) < 0)
		return err_wrap(err, "%s", f->path);
	return found ? 0 : gone(f, err);
}

/* What the result names, with the size that the entry claims for it. */
static int
bring_blobs(struct asking *x, struct err *err)
{
	struct cache_entry want;
	uint64_t total = 0;

	cache_entry_list(&x->a, NULL, &x->result, &want);
	for (size_t i = 0; i < want.n; i++) {
		const struct cache_file *f = cache_wire_digest(&x->entry, &want.at[i].sha256);

		if (!f)
			return err_set(err, ERR_VERIFY, "the entry does not list %s",
				       want.at[i].path);
		/* The packages come first in the list, and their sizes are signed. */
		if (i < x->result.npackages && f->size != x->result.packages[i].size)
			return err_set(
				err, ERR_VERIFY,
				"%s has %llu bytes in the entry, the statement says %llu",
				want.at[i].path, (unsigned long long)f->size,
				(unsigned long long)x->result.packages[i].size);
		want.at[i].size = f->size;
		total += f->size;
		if (total > CACHE_TOTAL_MAX)
			return err_set(err, ERR_VERIFY, "the entry is larger than %llu bytes",
				       (unsigned long long)CACHE_TOTAL_MAX);
	}
	for (size_t i = 0; i < want.n; i++) {
		if ((x->take ? take_blob : look_for_blob)(x, &want.at[i], err) < 0)
			return -1;
	}
	return 0;
}

/* found: the server has an entry. */
static int
get_entry(struct asking *x, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_ENTRY_MAX);
	struct cache_sink sink = { .text = &text, .fd = -1, .max = CACHE_ENTRY_MAX };

	if (cache_curl_get(x->http, "ac", x->key, &sink, found, err) < 0)
		return err->code == ERR_LIMIT ? err_recode(err, ERR_VERIFY) : -1;
	x->answer->bytes += sink.done;
	return *found ? cache_wire_parse(&x->a, buf_text(&text), text.len, &x->entry, err) : 0;
}

static int
ask(struct asking *x, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf result = BUF_MAX(CACHE_RESULT_MAX);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	const char *signer;

	if (get_entry(x, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	if (get_text(x, CACHE_RESULT_NAME, CACHE_RESULT_MAX, &result, err) < 0 ||
	    get_text(x, CACHE_BUNDLE_NAME, DSSE_MAX_BYTES, &bundle, err) < 0 ||
	    cache_entry_trust(&x->a, x->ring, x->key, &result, &bundle, &x->result, &signer,
			      err) < 0 ||
	    bring_blobs(x, err) < 0)
		return -1;
	(void)snprintf(x->answer->text, sizeof(x->answer->text), "%s", signer);
	if (!x->take)
		return fd_write_all(x->text, result.data, result.len, err);
	return result_store(x->store, x->recipe, x->key, &x->result, err);
}

static void
judge(struct cache_answer *answer, bool found, int rc, const struct err *e)
{
	answer->outcome = found ? CACHE_HIT : CACHE_MISS;
	if (rc == 0)
		return;
	answer->outcome = e->code == ERR_VERIFY ? CACHE_REFUSED : CACHE_DOWN;
	(void)snprintf(answer->text, sizeof(answer->text), "%.*s", (int)strcspn(e->text, "\n"),
		       e->text);
}

static NO_RETURN void
be_child(struct cache *c, struct asking *x, int out, pid_t parent)
{
	struct cache_answer answer = { .outcome = CACHE_MISS };
	const int keep[] = { out, x->text };
	bool found = false;
	struct err e = { .code = ERR_NONE };
	int rc;

	x->answer = &answer;
	rc = cache_narrow(c, keep, ARRAY_LEN(keep), parent, &x->http, &x->store, &e);
	if (rc == 0)
		rc = ask(x, &found, &e);
	judge(&answer, found, rc, &e);
	if (x->http)
		cache_curl_close(x->http);
	if (x->store)
		cas_close(x->store);
	proc_child_exit(write(out, &answer, sizeof(answer)) != sizeof(answer));
}
_Static_assert(sizeof(struct cache_answer) <= 4096, "an answer must fit one atomic pipe write");

int
cache_ask_begin(struct cache *c, const char *recipe, const char *key_hex, bool take,
		struct cache_ask *ask, struct err *err)
{
	CLEANUP(fd_close) int here = -1;
	CLEANUP(fd_close) int there = -1;
	CLEANUP(fd_close) int text = -1;
	struct asking x = { .ring = c->ring, .recipe = recipe, .key = key_hex, .take = take };
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	here = ends[0];
	there = ends[1];
	if (fd_memory("result", &text, err) < 0)
		return -1;
	x.text = text;
	pid = fork();
	if (pid < 0)
		return err_sys(err, "cannot start a process");
	if (pid == 0)
		be_child(c, &x, there, parent);
	*ask = (struct cache_ask){ .pid = pid, .start_ms = clock_monotonic_ms() };
	ask->pipe = STEAL_FD(here);
	ask->text = STEAL_FD(text);
	return 0;
}

/* Slow answers that bring nothing are as bad as none. */
static bool
weigh(struct cache *c, const struct cache_answer *answer, int64_t elapsed_ms)
{
	bool was_off = c->off;

	c->strikes = answer->outcome == CACHE_DOWN ? c->strikes + 1 : 0;
	if (answer->outcome != CACHE_HIT && elapsed_ms > FAST_MS)
		c->waste_ms += elapsed_ms - FAST_MS;
	c->off = c->off || c->strikes >= CACHE_STRIKES || c->waste_ms > CACHE_WASTE_MS;
	return c->off && !was_off;
}

void
cache_ask_collect(struct cache *c, struct cache_ask *ask, struct cache_answer *out, bool *off)
{
	struct cache_answer said = { .outcome = CACHE_MISS };
	ssize_t got;
	struct err e;
	int status;

	do {
		got = read(ask->pipe, &said, sizeof(said));
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(said)) {
		said = (struct cache_answer){ .outcome = CACHE_DOWN };
		(void)snprintf(said.text, sizeof(said.text), "the lookup was ended");
	}
	said.text[sizeof(said.text) - 1] = '\0';
	(void)!proc_wait(ask->pid, &status, &e);
	ask->pid = 0;
	close(STEAL_FD(ask->pipe));
	*off = weigh(c, &said, clock_monotonic_ms() - ask->start_ms);
	*out = said;
}

int
cache_ask_result(struct arena *a, struct cache_ask *ask, const char *key_hex,
		 struct result *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(CACHE_RESULT_MAX);

	if (lseek(ask->text, 0, SEEK_SET) < 0)
		return err_sys(err, "result of the shared cache");
	if (fd_read_all(ask->text, &text, err) < 0)
		return -1;
	return result_read(a, buf_text(&text), text.len, key_hex, out, err);
}

void
cache_ask_kill(struct cache_ask *ask)
{
	if (ask->pid > 0)
		(void)kill(ask->pid, SIGKILL);
}

void
cache_ask_release(struct cache_ask *ask)
{
	struct err ignored;
	int status;

	cache_ask_kill(ask);
	if (ask->pid > 0)
		(void)!proc_wait(ask->pid, &status, &ignored);
	ask->pid = 0;
	if (ask->pipe >= 0)
		close(STEAL_FD(ask->pipe));
	if (ask->text >= 0)
		close(STEAL_FD(ask->text));
}
