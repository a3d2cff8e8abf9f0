/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, checkpoints, note keys and log proofs: what is accepted can be written again.
 */
#include "trust/tlog.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
read_key(struct arena *a, const char *text)
{
	CLEANUP(buf_free) struct buf again = BUF_MAX(4096);
	struct note_key k, same;
	struct err err;

	if (note_key_parse(a, text, &k, &err) < 0)
		return;
	note_key_write(&k, &again);
	if (note_key_parse(a, buf_text(&again), &same, &err) < 0)
		abort();
	assert(k.id == same.id && k.kind == same.kind);
}

/* What cosignatures are put on is written again. */
static void
write_again(struct arena *a, const struct note *note)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(2 * NOTE_MAX_BYTES);
	struct note same;
	struct err err;

	note_write(note, &text);
	if (note_parse(a, buf_text(&text), text.len, &same, &err) < 0)
		abort();
	assert(same.n == note->n && same.text_len == note->text_len);
	for (size_t i = 0; i < same.n; i++)
		assert(same.signatures[i].id == note->signatures[i].id &&
		       same.signatures[i].n == note->signatures[i].n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf again = BUF_MAX(NOTE_MAX_BYTES);
	struct tlog_checkpoint c;
	struct tlog_proof p;
	struct note note;
	const char *text = arena_strndup(&a, (const char *)data, n), *rest;
	struct err err;
	uint64_t index;
	size_t len;

	read_key(&a, text);
	if (tlog_checkpoint_parse(&a, text, n, &c, &err) == 0) {
		tlog_checkpoint_write(&c, &again);
		assert(again.len <= n);
	}
	if (tlog_proof_parse(text, n, &p, &index, &rest, &len, &err) == 0)
		assert(p.n <= TLOG_MAX_PROOF && rest + len == text + n);
	if (note_parse(&a, text, n, &note, &err) == 0) {
		assert(note.n > 0 && note.n <= NOTE_MAX_SIGNATURES);
		assert(note.text[note.text_len - 1] == '\n');
		write_again(&a, &note);
	}
	return 0;
}
