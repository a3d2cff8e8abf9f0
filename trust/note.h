/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed notes (C2SP signed-note): text, a blank line, one line for each signature,
 * "EM-DASH NAME BASE64(key id, signature)". Verifiers ignore signatures of keys they do not
 * know and refuse a note when one of a known key is wrong.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

#define NOTE_MAX_BYTES      ((size_t)64 * 1024)
#define NOTE_MAX_SIGNATURES 100
#define NOTE_MAX_NAME       255
#define NOTE_KEY_BYTES      32 /* Ed25519 */
#define NOTE_SIG_BYTES      64
#define NOTE_TIME_BYTES     8 /* before a cosignature's */

enum note_kind {
	NOTE_ED25519 = 1,    /* over the text */
	NOTE_COSIGNATURE = 4 /* C2SP tlog-cosignature v1: over a time and the text */
};
struct note_key {
	const char *name;
	enum note_kind kind;
	uint8_t public[NOTE_KEY_BYTES];
	uint32_t id; /* first four bytes of SHA-256(name, newline, kind, public) */
};
struct note_signature {
	const char *name;
	uint32_t id;
	const uint8_t *bytes; /* behind the id */
	size_t n;
};
struct note {
	const char *text; /* with its last newline */
	size_t text_len;
	struct note_signature *signatures;
	size_t n;
};

/* False: the name is empty, too long, or holds a space, a plus sign or no printable UTF-8. */
bool note_name_is_good(const char *name);
/* Fills id; name is borrowed. */
int note_key_make(const char *name, enum note_kind kind, const uint8_t public[NOTE_KEY_BYTES],
		  struct note_key *out, struct err *err) MUST_CHECK;
/* "NAME+ID+BASE64", the form that keys are passed on in; id and bytes must fit. */
int note_key_parse(struct arena *a, const char *vkey, struct note_key *out,
		   struct err *err) MUST_CHECK;
void note_key_write(const struct note_key *k, struct buf *out);

int note_parse(struct arena *a, const char *data, size_t n, struct note *out,
	       struct err *err) MUST_CHECK;
/* One signature line. sig: what stands behind the key id. */
void note_signature_write(const struct note_key *k, const void *sig, size_t n, struct buf *out);
/* A signature of this key is on the note and right; *when, if not NULL, is a cosignature's
 * time. ERR_VERIFY names the key otherwise. */
int note_verify(const struct note *note, const struct note_key *k, int64_t *when,
		struct err *err) MUST_CHECK;
/* How many of the keys are on the note and right; a key that stands twice among them counts
 * once. *newest, if not NULL: the newest time of a cosignature, 0 when there is none. */
size_t note_count(const struct note *note, const struct note_key *keys, size_t n,
		  int64_t *newest);
/* Puts one signature by k on the note (sig: what stands behind the key id; copied) in place of
 * those by it that are there. */
int note_put(struct arena *a, struct note *note, const struct note_key *k,
	     const struct note_signature *sig, struct err *err) MUST_CHECK;
/* The signature of this key, or NULL; not verified. */
const struct note_signature *note_find(const struct note *note, const struct note_key *k);
/* The note as it is read. */
void note_write(const struct note *note, struct buf *out);
/* What a cosignature signs. */
void note_cosigned(int64_t when, const char *text, size_t n, struct buf *out);
