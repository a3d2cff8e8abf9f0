/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/material.h"
#include "trust/timestamp.h"

void
material_log_id(const struct note_key *log, struct digest *out)
{
	struct digest_state *s = digest_begin();
	const uint8_t kind = (uint8_t)log->kind;

	digest_add(s, log->name, strlen(log->name));
	digest_add(s, "\n", 1);
	digest_add(s, &kind, 1);
	digest_add(s, log->public, NOTE_KEY_BYTES);
	digest_end(s, out);
}

/* The entry must be byte for byte what this signature is logged as: another one's place in the
 * log proves nothing. */
static int
check_body(const struct dsse_bundle *b, const struct key_public *signer, struct err *err)
{
	CLEANUP(buf_free) struct buf want = BUF_MAX(TLOG_MAX_ENTRY);

	if (tlog_entry_make(b, signer, &want, err) < 0)
		return -1;
	if (want.len != b->entry->body_len || memcmp(want.data, b->entry->body, want.len) != 0)
		return err_set(err, ERR_VERIFY,
			       "the log entry is not that of this signature by %s", signer->id);
	return 0;
}

/* The way from the entry to the root of the checkpoint. */
static int
check_inclusion(struct arena *a, const struct dsse_entry *e, struct material *m,
		struct err *err)
{
	struct tlog_proof proof = { .n = e->nhashes };
	struct digest leaf;

	_Static_assert(DSSE_MAX_HASHES <= TLOG_MAX_PROOF, "a proof holds what a bundle may");
	if (note_parse(a, e->checkpoint, e->checkpoint_len, &m->note, err) < 0 ||
	    tlog_checkpoint_parse(a, m->note.text, m->note.text_len, &m->checkpoint, err) < 0)
		return -1;
	if (e->size != m->checkpoint.size || !digest_equal(&e->root, &m->checkpoint.root))
		return err_set(err, ERR_VERIFY,
			       "the inclusion proof leads to another tree than its checkpoint");
	if (e->nhashes)
		memcpy(proof.at, e->hashes, e->nhashes * sizeof(*e->hashes));
	tlog_leaf(e->body, e->body_len, &leaf);
	if (!tlog_includes(&leaf, e->index, e->size, &proof, &e->root))
		return err_set(
			err, ERR_VERIFY,
			"the inclusion proof does not lead to its checkpoint: the log does not hold the entry at %llu",
			(unsigned long long)e->index);
	m->index = e->index;
	return 0;
}

/* The name of a log is what its key signs; the key is what is trusted. */
static int
check_log(const struct dsse_entry *e, const struct key_public *k, struct material *m,
	  struct err *err)
{
	struct note_key log;
	struct digest id;

	if (note_key_make(m->checkpoint.origin, NOTE_ED25519, key_ed25519_point(k), &log, err) <
		    0 ||
	    note_verify(&m->note, &log, NULL, err) < 0)
		return -1;
	material_log_id(&log, &id);
	if (!digest_equal(&id, &e->log_id))
		return err_set(err, ERR_VERIFY, "the log entry names another log than %s",
			       m->checkpoint.origin);
	m->logged = true;
	m->log = k;
	return 0;
}

static int
verify_entry(struct arena *a, const struct dsse_bundle *b, const struct key_public *signer,
	     const struct keyring *ring, struct material *m, struct err *err)
{
	bool known = false;

	if (check_body(b, signer, err) < 0 || check_inclusion(a, b->entry, m, err) < 0)
		return -1;
	for (size_t i = 0; i < ring->n && !m->logged; i++) {
		if (ring->at[i].role != KEY_LOG)
			continue;
		known = true;
		if (check_log(b->entry, &ring->at[i], m, err) == 0)
			return 0;
	}
	return known ? -1 : 0;
}

int
material_verify(struct arena *a, const struct dsse_bundle *b, const struct key_public *signer,
		const struct keyring *ring, struct material *out, struct err *err)
{
	struct material m = { .logged = false };

	if (b->entry && verify_entry(a, b, signer, ring, &m, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (b->timestamp && timestamp_verify(ring, b->timestamp, b->timestamp_len, b->sig.data,
					     b->sig.len, &m.stamped, &m.when, err) < 0)
		return err_recode(err, ERR_VERIFY);
	*out = m;
	return 0;
}

int
material_beside(const struct dsse_bundle *b, const struct dsse_along *along, struct buf *proof,
		struct buf *envelope, struct err *err)
{
	struct tlog_proof path;

	if (!b->entry)
		return err_set(err, ERR_INPUT, "it was not logged");
	path.n = b->entry->nhashes;
	if (path.n)
		memcpy(path.at, b->entry->hashes, path.n * sizeof(*path.at));
	tlog_proof_write(&path, b->entry->index, b->entry->checkpoint, b->entry->checkpoint_len,
			 proof);
	dsse_envelope_write(b, along, envelope);
	return buf_check(proof, "proof", err) < 0 ? -1 : buf_check(envelope, "envelope", err);
}
