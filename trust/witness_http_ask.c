/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The side of the log. A witness is asked from size 0, as one that never saw the log; if it did
 * it answers with the size that it saw, and is asked again with the proof from there. What it
 * gives back is believed when its signature verifies, whatever else it says.
 */
#include "trust/witness_http.h"

#include "base/clock.h"
#include "base/fd.h"
#include "trust/tlog_priv.h"

#define TRIES_MAX 4 /* another party may show it the log's next size meanwhile */
#define WORDS_MAX 200

struct asking {
	const struct witness_http_circle *c;
	struct arena *a;
	struct http_line *line;
	struct tlog_tree *tree;
	struct tlog_checkpoint checkpoint;
	struct note note; /* what stands on the log, and what was gathered */
	struct buf text;  /* as the log has it */
};

static void
asking_release(struct asking *k)
{
	if (k->line)
		http_ask_close(k->line);
	if (k->tree)
		tlog_tree_free(k->tree);
	buf_free(&k->text);
}
DEFINE_RELEASE(struct asking, asking_release);

/* The first line of what a witness says beside its status, for a person. */
static void
quote(const struct buf *body, char out[WORDS_MAX])
{
	size_t n = 0;

	for (const char *p = buf_text(body); *p && *p != '\n' && n < WORDS_MAX - 1; p++)
		out[n++] = *p < ' ' || *p > '~' ? '?' : *p;
	out[n] = '\0';
}

static int
explain(const struct asking *k, const struct http_answer *r, struct err *err)
{
	char words[WORDS_MAX];

	quote(&r->body, words);
	(void)err_set(err, ERR_VERIFY, "it answered %ld%s%s", r->status, *words ? ": " : "",
		      words);
	switch (r->status) {
	case 403:
		return err_hint(err,
				"it holds another key of '%s' than signed this: give it "
				"what `kiln tlog key` prints",
				k->checkpoint.origin);
	case 404:
		return err_hint(err,
				"it does not know '%s', or the address is another's: "
				"give it what `kiln tlog key` prints",
				k->checkpoint.origin);
	case 422:
		return err_hint(err,
				"it cosigned another history of '%s': this log was "
				"forked or is damaged (`kiln tlog check`)",
				k->checkpoint.origin);
	default:
		return -1;
	}
}

/* 409: where it is. */
static int
read_size(const struct asking *k, const struct http_answer *r, uint64_t asked, uint64_t *out,
	  struct err *err)
{
	const char *text = buf_text(&r->body);
	size_t n = strcspn(text, "\n");
	char number[32] = "";

	if (n < sizeof(number))
		memcpy(number, text, n);
	if (strlen(text) != n + 1 || r->body.len != n + 1 || !tlog_checkpoint_size(number, out))
		return err_set(err, ERR_VERIFY, "it answered 409 without its size");
	if (*out > k->checkpoint.size) {
		err_set(err, ERR_VERIFY,
			"it cosigned %llu entries of '%s', which has %llu here",
			(unsigned long long)*out, k->checkpoint.origin,
			(unsigned long long)k->checkpoint.size);
		return err_hint(err, "this log was rolled back: bring the later one back");
	}
	if (*out != asked)
		return 0;
	err_set(err, ERR_VERIFY, "it cosigned another root of %llu entries of '%s'",
		(unsigned long long)*out, k->checkpoint.origin);
	return err_hint(err, "this log was forked: compare it with what the witness keeps");
}

/* The lines as they would stand on the checkpoint. */
static int
take_lines(struct asking *k, const struct note_key *key, const struct http_answer *r,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct note given;

	buf_add(&text, k->note.text, k->note.text_len);
	buf_add_char(&text, '\n');
	buf_add(&text, r->body.data, r->body.len);
	if (buf_check(&text, "answer", err) < 0 ||
	    note_parse(k->a, buf_text(&text), text.len, &given, err) < 0)
		return err_wrap(err, "it answered no cosignature");
	return witness_merge(k->a, &k->note, &given, key, 1, err);
}

static int
make_proof(struct asking *k, struct witness_http_request *q, struct err *err)
{
	struct digest root;

	q->proof.n = 0;
	if (tlog_tree_root_at(k->tree, q->old, &root, err) < 0)
		return -1;
	return tlog_tree_prove_growth(k->tree, &k->checkpoint.root, q->old, &root, &q->proof,
				      err);
}

static int
ask(struct asking *k, size_t i, struct err *err)
{
	const char *url = arena_format(k->a, "%s" WITNESS_HTTP_PATH, k->c->urls[i]);
	CLEANUP(buf_free) struct buf body = BUF_MAX(HTTP_BODY_MAX);
	struct http_answer r = { .body = BUF_MAX(NOTE_MAX_BYTES) };
	struct witness_http_request q = { .checkpoint = k->text.data,
					  .checkpoint_len = k->text.len };
	int64_t until = clock_monotonic_ms() + k->c->timeout_ms;
	int rc = -1;

	for (int tries = 0; tries < TRIES_MAX; tries++) {
		struct http_ask h = { .url = url, .post = true };
		int64_t left = until - clock_monotonic_ms();

		buf_clear(&body);
		if (left <= 0) {
			(void)err_set(err, ERR_FETCH, "it took longer than %d ms",
				      k->c->timeout_ms);
			break;
		}
		if (make_proof(k, &q, err) < 0)
			break;
		witness_http_write(&q, &body);
		h.body = body.data;
		h.n = body.len;
		h.timeout_ms = (int)left;
		if (http_ask(k->line, &h, &r, err) < 0)
			break;
		if (r.status == 200)
			rc = take_lines(k, &k->c->keys[i], &r, err);
		else if (r.status != 409)
			(void)explain(k, &r, err);
		else if (read_size(k, &r, q.old, &q.old, err) == 0)
			continue;
		break;
	}
	buf_free(&r.body);
	return rc;
}

static int
load(struct asking *k, int dirfd, const struct note_key *log, struct err *err)
{
	if (tlog_checkpoint_load(k->a, dirfd, log, &k->checkpoint, &k->note, err) < 0)
		return -1;
	note_write(&k->note, &k->text);
	if (buf_check(&k->text, TLOG_CHECKPOINT, err) < 0)
		return -1;
	return tlog_tree_open(dirfd, k->checkpoint.size, &k->tree, err);
}

static bool
has_cosigned(const struct asking *k, const struct note_key *key)
{
	struct err ignored;

	return note_verify(&k->note, key, NULL, &ignored) == 0;
}

/* What was given is on the log before anything is said about the quorum. */
static int
keep(struct asking *k, int dirfd, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);

	note_write(&k->note, &text);
	if (buf_check(&text, TLOG_CHECKPOINT, err) < 0)
		return -1;
	if (text.len == k->text.len && memcmp(text.data, k->text.data, text.len) == 0)
		return 0;
	return fd_publish(dirfd, TLOG_CHECKPOINT, text.data, text.len, 0644, err);
}

static void
ask_all(struct asking *k, bool again, struct buf *failures)
{
	const struct witness_http_circle *c = k->c;

	for (size_t i = 0; i < c->n; i++) {
		struct err err;
		bool ok;

		if (!c->urls[i] || (!again && has_cosigned(k, &c->keys[i])))
			continue;
		ok = ask(k, i, &err) == 0;
		c->tell(c->arg, &c->keys[i], ok ? NULL : &err);
		if (ok)
			continue;
		buf_add_format(failures, "; %s: %.*s", c->keys[i].name,
			       (int)strcspn(err.text, "\n"), err.text);
	}
}

int
witness_http_gather(const struct witness_http_circle *c, int dirfd, const struct note_key *log,
		    bool again, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf failures = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(asking_release)
	struct asking k = { .c = c, .a = &a, .text = BUF_MAX(NOTE_MAX_BYTES) };
	CLEANUP(fd_close) int lock = -1;
	size_t n;

	if (tlog_hold(dirfd, &lock, err) < 0 || http_ask_open(&k.line, err) < 0 ||
	    load(&k, dirfd, log, err) < 0)
		return -1;
	http_ask_trust(k.line, c->ca, c->ca_dir);
	ask_all(&k, again, &failures);
	if (keep(&k, dirfd, err) < 0)
		return -1;
	n = note_count(&k.note, c->keys, c->n, NULL);
	if ((int64_t)n >= c->quorum)
		return 0;
	err_set(err, ERR_VERIFY, "%zu of %zu witnesses cosigned the log %s, and %lld must%s", n,
		c->n, log->name, (long long)c->quorum, buf_text(&failures));
	return err_hint(err, "ask again when they answer; what was cosigned is kept");
}
