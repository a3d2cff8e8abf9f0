/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/witness.h"

#include "base/fd.h"

#define STATE_SUFFIX   ".checkpoint"
#define FORK_SUFFIX    ".forked"
#define STATE_NAME_MAX (DIGEST_HEX + sizeof(STATE_SUFFIX))
#define STATE_MODE     0644

int
witness_key(const struct keyring *ring, const char *name, struct note_key *out, struct err *err)
{
	const struct key_public *k;

	if (key_need(ring, KEY_WITNESS, &k, err) < 0)
		return -1;
	return note_key_make(name, NOTE_COSIGNATURE, key_ed25519_point(k), out, err);
}

int
witness_open(struct witness *w, struct signer *s, const char *name, int statefd,
	     struct err *err)
{
	*w = (struct witness){ .signer = s, .statefd = statefd };
	return witness_key(signer_keys(s), name, &w->key, err);
}

/* An origin may hold a slash. */
static void
state_name(const char *origin, const char *suffix, char out[STATE_NAME_MAX])
{
	char hex[DIGEST_HEX];
	struct digest d;

	digest_of(origin, strlen(origin), &d);
	digest_hex(&d, hex);
	(void)snprintf(out, STATE_NAME_MAX, "%s%s", hex, suffix);
}

/* false in *found: the log was never seen. */
static int
read_state(const struct witness *w, struct arena *a, const char *origin, bool *found,
	   struct tlog_checkpoint *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	char name[STATE_NAME_MAX];
	struct note note;

	*found = false;
	state_name(origin, STATE_SUFFIX, name);
	if (fd_read_plain(w->statefd, name, &text, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (note_parse(a, buf_text(&text), text.len, &note, err) < 0 ||
	    tlog_checkpoint_parse(a, note.text, note.text_len, out, err) < 0) {
		err_wrap(err, "what this witness saw of %s (%s)", origin, name);
		return err_hint(err, "put back a copy of it: without it a fork is not seen");
	}
	if (strcmp(out->origin, origin) != 0)
		return err_set(err, ERR_VERIFY, "%s is not what this witness saw of %s", name,
			       origin);
	*found = true;
	return 0;
}

/* A checkpoint with the log's signature alone. */
static int
write_note(const struct witness *w, const struct witness_ask *ask, const struct note *note,
	   const char *suffix, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct note_signature by_log = *note_find(note, ask->log);
	const struct note bare = {
		.text = note->text, .text_len = note->text_len, .signatures = &by_log, .n = 1
	};
	char name[STATE_NAME_MAX];

	state_name(ask->log->name, suffix, name);
	note_write(&bare, &text);
	if (buf_check(&text, "checkpoint", err) < 0)
		return -1;
	return fd_publish(w->statefd, name, text.data, text.len, STATE_MODE, err);
}

static int
judge_size(const struct tlog_checkpoint *old, struct witness_seen *seen, struct err *err)
{
	const struct tlog_checkpoint *new = &seen->checkpoint;

	if (new->size < old->size) {
		seen->verdict = WITNESS_BEHIND;
		return err_set(err, ERR_VERIFY,
			       "the log %s is rolled back: it shows %llu entries, and this "
			       "witness cosigned %llu",
			       new->origin, (unsigned long long)new->size,
			       (unsigned long long)old->size);
	}
	if (new->size > old->size || digest_equal(&new->root, &old->root))
		return 0;
	seen->verdict = WITNESS_FORKED;
	return err_set(err, ERR_VERIFY,
		       "the log %s is forked: this witness cosigned another root of %llu "
		       "entries",
		       new->origin, (unsigned long long)old->size);
}

static int
judge_growth(const struct witness_ask *ask, const struct tlog_checkpoint *old,
	     struct witness_seen *seen, struct err *err)
{
	const struct tlog_checkpoint *new = &seen->checkpoint;

	if (ask->grew(ask->arg, old, new, err) == 0)
		return 0;
	seen->verdict = WITNESS_UNPROVEN;
	(void)err_recode(err, ERR_VERIFY);
	if (!old)
		return err_wrap(err, "the log %s is not what its checkpoint says", new->origin);
	return err_wrap(err, "the log %s is forked or damaged since this witness cosigned it",
			new->origin);
}

int
witness_growth_of_tiles(void *arg, const struct tlog_checkpoint *old,
			const struct tlog_checkpoint *new, struct err *err)
{
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	const int *dirfd = arg;
	struct tlog_proof proof;
	struct digest root;

	if (tlog_tree_open(*dirfd, new->size, &t, err) < 0 || tlog_tree_root(t, &root, err) < 0)
		return -1;
	if (!digest_equal(&root, &new->root))
		return err_set(err, ERR_VERIFY, "its tiles do not fit its root");
	if (!old)
		return 0;
	return tlog_tree_prove_growth(t, &new->root, old->size, &old->root, &proof, err);
}

static int
sign(const struct witness *w, struct arena *a, struct note *note, int64_t when, struct err *err)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(NOTE_MAX_BYTES);
	struct note_signature s = { .n = 0 };

	for (size_t i = 0; i < NOTE_TIME_BYTES; i++)
		buf_add_char(&sig, (char)((uint64_t)when >> (56 - 8 * i)));
	if (signer_sign(w->signer, KEY_WITNESS, SIGNER_TYPE_CHECKPOINT, when, note->text,
			note->text_len, &sig, err) < 0)
		return -1;
	s.bytes = (const uint8_t *)sig.data;
	s.n = sig.len;
	/* What is handed out is what a verifier will read. */
	if (note_put(a, note, &w->key, &s, err) < 0)
		return -1;
	return note_verify(note, &w->key, NULL, err);
}

static int
read_checkpoint(struct arena *a, const struct witness_ask *ask, const struct note *note,
		struct tlog_checkpoint *out, struct err *err)
{
	if (note_verify(note, ask->log, NULL, err) < 0 ||
	    tlog_checkpoint_parse(a, note->text, note->text_len, out, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(out->origin, ask->log->name) == 0)
		return 0;
	return err_set(err, ERR_VERIFY, "the checkpoint is of %s, the key of %s", out->origin,
		       ask->log->name);
}

int
witness_cosign(const struct witness *w, struct arena *a, const struct witness_ask *ask,
	       struct note *note, struct witness_seen *out, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	struct note cosigned = *note;
	struct tlog_checkpoint old;
	struct err unkept;
	bool found;

	*out = (struct witness_seen){ .verdict = WITNESS_UNSIGNED };
	if (read_checkpoint(a, ask, note, &out->checkpoint, err) < 0)
		return -1;
	out->verdict = WITNESS_BROKEN;
	if (tlog_hold(w->statefd, &lock, err) < 0 ||
	    read_state(w, a, ask->log->name, &found, &old, err) < 0)
		return -1;
	out->before = found ? old.size : 0;
	if (found && judge_size(&old, out, err) < 0) {
		/* The refusal is what counts; that it could not be kept is said with it. */
		if (out->verdict == WITNESS_FORKED &&
		    write_note(w, ask, note, FORK_SUFFIX, &unkept) < 0)
			(void)err_hint(err, "it could not be kept: %s", unkept.text);
		return -1;
	}
	if (judge_growth(ask, found ? &old : NULL, out, err) < 0 ||
	    sign(w, a, &cosigned, ask->when, err) < 0 ||
	    write_note(w, ask, note, STATE_SUFFIX, err) < 0)
		return -1;
	out->verdict = WITNESS_COSIGNED;
	*note = cosigned;
	return 0;
}

int
witness_merge(struct arena *a, struct note *to, const struct note *from,
	      const struct note_key *witnesses, size_t n, struct err *err)
{
	size_t taken = 0;

	if (to->text_len != from->text_len || memcmp(to->text, from->text, to->text_len) != 0) {
		err_set(err, ERR_VERIFY, "it cosigns another checkpoint than the log's");
		return err_hint(err,
				"the log may have grown since: let the witness look again");
	}
	for (size_t i = 0; i < n; i++) {
		const struct note_signature *s = note_find(from, &witnesses[i]);

		if (!s)
			continue;
		if (witnesses[i].kind != NOTE_COSIGNATURE)
			return err_set(err, ERR_INPUT, "%s is no key of a witness",
				       witnesses[i].name);
		if (note_verify(from, &witnesses[i], NULL, err) < 0 ||
		    note_put(a, to, &witnesses[i], s, err) < 0)
			return -1;
		taken++;
	}
	return taken ? 0 : err_set(err, ERR_VERIFY, "none of the named witnesses cosigned it");
}
