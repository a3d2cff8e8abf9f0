/* SPDX-License-Identifier: Apache-2.0 */
/* The question as bytes, and the side of the witness. */
#include "trust/witness_http.h"

#include "base/clock.h"
#include "trust/tlog_priv.h"

#define OLD         "old "
#define SIZE_TYPE   "text/x.tlog.size"
#define SIZE_DIGITS 32 /* of a size in decimal */

void
witness_http_write(const struct witness_http_request *q, struct buf *out)
{
	buf_add_format(out, OLD "%llu\n", (unsigned long long)q->old);
	tlog_proof_lines(&q->proof, out);
	buf_add(out, q->checkpoint, q->checkpoint_len);
}

static int
malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_INPUT, "request: %s", what);
}

static int
read_old(const char *line, size_t n, uint64_t *out, struct err *err)
{
	const size_t word = strlen(OLD);
	char number[SIZE_DIGITS] = "";

	if (n <= word || n - word >= sizeof(number) || memcmp(line, OLD, word) != 0 ||
	    memchr(line, '\0', n))
		return malformed(err, "no line `old SIZE`");
	memcpy(number, line + word, n - word);
	return tlog_checkpoint_size(number, out) ? 0 : malformed(err, "no good old size");
}

int
witness_http_parse(const char *text, size_t n, struct witness_http_request *out,
		   struct err *err)
{
	const char *at = text, *end = text + n, *newline;

	*out = (struct witness_http_request){ .old = 0 };
	newline = memchr(at, '\n', n);
	if (!newline)
		return malformed(err, "no line `old SIZE`");
	if (read_old(at, (size_t)(newline - at), &out->old, err) < 0)
		return -1;
	for (;;) {
		at = newline + 1;
		newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			return malformed(err, "cut off");
		if (newline == at)
			break;
		if (out->proof.n == WITNESS_HTTP_PROOF)
			return malformed(err, "over 63 hashes");
		if (tlog_proof_add(at, (size_t)(newline - at), &out->proof, err) < 0)
			return malformed(err, "a line that is no hash");
	}
	out->checkpoint = newline + 1;
	out->checkpoint_len = (size_t)(end - out->checkpoint);
	if (out->checkpoint_len > NOTE_MAX_BYTES)
		return malformed(err, "the checkpoint is too long");
	return 0;
}

/* ---- the witness ---- */

struct offer {
	const struct witness_http_request *q;
	bool elsewhere; /* it begins where this witness is not */
};

static int
growth_of_proof(void *arg, const struct tlog_checkpoint *old, const struct tlog_checkpoint *new,
		struct err *err)
{
	struct offer *o = arg;
	const uint64_t had = old ? old->size : 0;
	struct digest empty;

	if (o->q->old != had) {
		o->elsewhere = true;
		return err_set(err, ERR_VERIFY, "the proof begins at %llu entries, not at %llu",
			       (unsigned long long)o->q->old, (unsigned long long)had);
	}
	digest_of("", 0, &empty);
	if (new->size == 0 && !digest_equal(&new->root, &empty))
		return err_set(err, ERR_VERIFY, "an empty log with the root of another");
	if (tlog_extends(had, old ? &old->root : &empty, new->size, &new->root, &o->q->proof))
		return 0;
	return err_set(err, ERR_VERIFY, "the proof does not lead from %llu entries to %llu",
		       (unsigned long long)had, (unsigned long long)new->size);
}

static void
say(struct http_reply *out, int status, const char *words)
{
	out->status = status;
	out->type = "text/plain; charset=utf-8";
	buf_clear(&out->body);
	buf_add_format(&out->body, "%s\n", words);
}

/* The key by which the checkpoint's log signed it; *known: the log has one here at all. */
static const struct note_key *
key_of(const struct witness_http_office *o, const struct note *note, const char *origin,
       bool *known)
{
	struct err ignored;

	*known = false;
	for (size_t i = 0; i < o->nlogs; i++) {
		if (strcmp(o->logs[i].name, origin) != 0)
			continue;
		*known = true;
		if (note_verify(note, &o->logs[i], NULL, &ignored) == 0)
			return &o->logs[i];
	}
	return NULL;
}

static void
say_size(struct http_reply *out, uint64_t size)
{
	out->status = 409;
	out->type = SIZE_TYPE;
	buf_clear(&out->body);
	buf_add_format(&out->body, "%llu\n", (unsigned long long)size);
}

static void
say_refusal(const struct offer *o, const struct witness_seen *seen, struct http_reply *out)
{
	switch (seen->verdict) {
	case WITNESS_BEHIND:
	case WITNESS_FORKED:
		say_size(out, seen->before);
		return;
	case WITNESS_UNPROVEN:
		if (o->elsewhere)
			say_size(out, seen->before);
		else
			say(out, 422, "the consistency proof does not hold");
		return;
	case WITNESS_UNSIGNED:
		say(out, 403, "not signed by the log's key");
		return;
	case WITNESS_BROKEN:
	case WITNESS_COSIGNED:
		/* What is wrong here is its owner's business. */
		say(out, 500, "this witness cannot cosign");
		return;
	}
}

static void
give_line(const struct note *note, const struct note_key *key, struct http_reply *out)
{
	const struct note_signature *s = note_find(note, key);

	out->status = 200;
	out->type = "text/plain; charset=utf-8";
	buf_clear(&out->body);
	note_signature_write(key, s->bytes, s->n, &out->body);
}

static void
add_checkpoint(const struct witness_http_office *o, const struct http_request *q,
	       struct http_reply *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct witness_ask ask = { .when = clock_wall(), .grew = growth_of_proof };
	struct witness_http_request r;
	struct offer offer = { .q = &r };
	struct witness_seen seen;
	struct tlog_checkpoint c;
	struct note note;
	struct err err;
	bool known;

	if (witness_http_parse(q->body, q->body_len, &r, &err) < 0 ||
	    note_parse(&a, r.checkpoint, r.checkpoint_len, &note, &err) < 0 ||
	    tlog_checkpoint_parse(&a, note.text, note.text_len, &c, &err) < 0) {
		say(out, 400, err.text);
		return;
	}
	ask.log = key_of(o, &note, c.origin, &known);
	ask.arg = &offer;
	if (!known)
		say(out, 404, "no log that this witness cosigns");
	else if (!ask.log)
		say(out, 403, "not signed by the log's key");
	else if (r.old > c.size)
		say(out, 400, "the old size is beyond the checkpoint's");
	else if (witness_cosign(o->witness, &a, &ask, &note, &seen, &err) == 0)
		give_line(&note, &o->witness->key, out);
	else
		say_refusal(&offer, &seen, out);
	/* Where it is is asked as a matter of course. */
	if (ask.log && r.old <= c.size && !offer.elsewhere)
		o->tell(o->arg, &seen, out->status == 200 ? NULL : &err);
}

void
witness_http_answer(void *office, const struct http_request *q, struct http_reply *out)
{
	const size_t n = strlen(WITNESS_HTTP_PATH);

	if (q->target_len != n || memcmp(q->target, WITNESS_HTTP_PATH, n) != 0)
		say(out, 404, "this witness answers at " WITNESS_HTTP_PATH " only");
	else if (q->method_len != 4 || memcmp(q->method, "POST", 4) != 0)
		say(out, 405, "POST a checkpoint");
	else
		add_checkpoint(office, q, out);
}
