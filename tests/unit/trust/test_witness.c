/* SPDX-License-Identifier: Apache-2.0 */
/* A witness over logs that grow, shrink, fork and are damaged. */
#include "tests/unit/trust/keyset.h"
#include "base/fd.h"
#include "tests/unit/trust/notary.h"
#include "trust/witness.h"

#define ORIGIN "log.example.org"
#define NAME   "witness.example.net"
#define WHEN   1800000000

struct scene {
	struct arena a;
	struct notary log;
	struct signer *signer;
	struct witness w;
	int logfd, statefd;
};

static void
scene_release(struct scene *s)
{
	signer_stop(s->signer);
	(void)close(s->logfd);
	(void)close(s->statefd);
	arena_release(&s->a);
}
DEFINE_RELEASE(struct scene, scene_release);

static void
scene_open(struct scene *s)
{
	struct err err;

	*s = (struct scene){ .logfd = test_tmpdir(), .statefd = test_tmpdir() };
	notary_open(&s->log, ORIGIN, NOTE_ED25519);
	assert_int_equal(signer_start(keyset_path(), &s->signer, &err), 0);
	assert_int_equal(witness_open(&s->w, s->signer, NAME, s->statefd, &err), 0);
}

/* n more entries that begin with word. */
static void
grow(struct scene *s, int dirfd, const char *word, size_t n)
{
	struct tlog_entry *entries = arena_array(&s->a, n, sizeof(*entries));
	struct tlog_checkpoint c;
	struct err err;

	for (size_t i = 0; i < n; i++) {
		entries[i].data = arena_format(&s->a, "%s %zu", word, i);
		entries[i].n = strlen(entries[i].data);
	}
	assert_int_equal(tlog_append_begin(dirfd, &s->log.author, &err), 0);
	assert_int_equal(tlog_append(&s->a, dirfd, &s->log.author, entries, n, &c, &err), 0);
}

static void
load(struct scene *s, int dirfd, struct note *note)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct err err;

	assert_int_equal(fd_read_file(dirfd, TLOG_CHECKPOINT, &text, &err), 0);
	assert_int_equal(note_parse(&s->a, text.data, text.len, note, &err), 0);
}

static int
cosign(struct scene *s, int dirfd, struct note *note, struct witness_seen *seen,
       struct err *err)
{
	const struct witness_ask ask = {
		.log = &s->log.key, .when = WHEN, .grew = witness_growth_of_tiles, .arg = &dirfd
	};

	load(s, dirfd, note);
	return witness_cosign(&s->w, &s->a, &ask, note, seen, err);
}

/* All that is in the state directory: what a refusal must leave alone. */
static const char *
state(struct scene *s)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	char name[DIGEST_HEX];
	struct digest d;
	struct err err;

	digest_of(ORIGIN, strlen(ORIGIN), &d);
	digest_hex(&d, name);
	assert_int_equal(fd_read_file(s->statefd, arena_format(&s->a, "%s.checkpoint", name),
				      &text, &err),
			 0);
	return arena_strdup(&s->a, buf_text(&text));
}

TEST(a_witness_cosigns_a_log_that_grows)
{
	CLEANUP(scene_release) struct scene s;
	struct witness_seen seen;
	struct note note;
	int64_t when = 0;

	scene_open(&s);
	grow(&s, s.logfd, "entry", 300);
	assert_ok(cosign(&s, s.logfd, &note, &seen, err));
	assert_int_equal(seen.before, 0);
	assert_int_equal(note.n, 2);
	assert_ok(note_verify(&note, &s.log.key, NULL, err));
	assert_ok(note_verify(&note, &s.w.key, &when, err));
	assert_int_equal(when, WHEN);
	grow(&s, s.logfd, "more", 500);
	assert_ok(cosign(&s, s.logfd, &note, &seen, err));
	assert_int_equal(seen.before, 300);
	assert_int_equal(seen.checkpoint.size, 800);
	/* The same again is the same log. */
	assert_ok(cosign(&s, s.logfd, &note, &seen, err));
	assert_int_equal(seen.before, 800);
}

TEST(a_witness_refuses_a_log_that_shrinks)
{
	CLEANUP(scene_release) struct scene s;
	CLEANUP(fd_close) int old = test_tmpdir();
	struct witness_seen seen;
	struct note note;
	const char *before;

	scene_open(&s);
	grow(&s, old, "entry", 20);
	grow(&s, s.logfd, "entry", 20);
	grow(&s, s.logfd, "more", 7);
	assert_ok(cosign(&s, s.logfd, &note, &seen, err));
	before = state(&s);
	assert_fails(cosign(&s, old, &note, &seen, err), "rolled back");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_int_equal(note.n, 1);
	assert_string_equal(state(&s), before);
}

TEST(a_witness_refuses_forks_of_the_same_and_of_a_larger_size)
{
	CLEANUP(scene_release) struct scene s;
	CLEANUP(fd_close) int fork = test_tmpdir();
	struct witness_seen seen;
	struct note note;
	const char *before;

	scene_open(&s);
	grow(&s, s.logfd, "entry", 20);
	assert_ok(cosign(&s, s.logfd, &note, &seen, err));
	before = state(&s);
	grow(&s, fork, "other", 20);
	assert_fails(cosign(&s, fork, &note, &seen, err), "forked");
	assert_int_equal(err->code, ERR_VERIFY);
	grow(&s, fork, "other", 20);
	assert_fails(cosign(&s, fork, &note, &seen, err), "not a continuation");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_string_equal(state(&s), before);
}

TEST(a_witness_refuses_what_the_log_did_not_sign)
{
	CLEANUP(scene_release) struct scene s;
	struct witness_seen seen;
	struct note note;

	scene_open(&s);
	grow(&s, s.logfd, "entry", 3);
	notary_open(&s.log, "log.example.com", NOTE_ED25519);
	assert_fails(cosign(&s, s.logfd, &note, &seen, err), "not signed by log.example.com");
	assert_int_equal(err->code, ERR_VERIFY);
}

/* Even of a log that it never saw. */
TEST(a_witness_refuses_tiles_that_do_not_fit)
{
	CLEANUP(scene_release) struct scene s;
	static const uint8_t zeros[44 * DIGEST_BYTES];
	struct witness_seen seen;
	struct note note;

	scene_open(&s);
	grow(&s, s.logfd, "entry", 300);
	assert_ok(fd_publish(s.logfd, "tile/0/001.p/44", zeros, sizeof(zeros), 0644, err));
	assert_fails(cosign(&s, s.logfd, &note, &seen, err), "do not fit its root");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_int_equal(unlinkat(s.logfd, "tile/0/001.p/44", 0), 0);
	assert_fails(cosign(&s, s.logfd, &note, &seen, err), "tile/0/001");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(a_witness_refuses_a_state_that_is_damaged)
{
	CLEANUP(scene_release) struct scene s;
	struct witness_seen seen;
	struct note note;
	char name[DIGEST_HEX];
	struct digest d;

	scene_open(&s);
	grow(&s, s.logfd, "entry", 3);
	digest_of(ORIGIN, strlen(ORIGIN), &d);
	digest_hex(&d, name);
	assert_ok(fd_publish(s.statefd, arena_format(&s.a, "%s.checkpoint", name), "x\n", 2,
			     0644, err));
	assert_fails(cosign(&s, s.logfd, &note, &seen, err), "what this witness saw of");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(cosignatures_are_merged_when_they_are_right)
{
	CLEANUP(scene_release) struct scene s;
	struct notary second;
	struct note_key keys[2];
	struct witness_seen seen;
	struct note own, given, other;
	uint8_t wrong[NOTE_TIME_BYTES + NOTE_SIG_BYTES];

	scene_open(&s);
	notary_open(&second, "second.example.net", NOTE_COSIGNATURE);
	keys[0] = s.w.key;
	keys[1] = second.key;
	grow(&s, s.logfd, "entry", 3);
	load(&s, s.logfd, &own);
	assert_fails(witness_merge(&s.a, &own, &own, keys, 2, err), "none of the named");
	assert_ok(cosign(&s, s.logfd, &given, &seen, err));
	assert_ok(witness_merge(&s.a, &own, &given, keys, 2, err));
	assert_ok(witness_merge(&s.a, &own, &given, keys, 2, err));
	assert_int_equal(own.n, 2);
	assert_int_equal(note_count(&own, keys, 2, NULL), 1);
	memcpy(wrong, given.signatures[1].bytes, sizeof(wrong));
	wrong[20] ^= 1;
	given.signatures[1].bytes = wrong;
	assert_fails(witness_merge(&s.a, &own, &given, keys, 2, err), "is wrong");
	grow(&s, s.logfd, "more", 3);
	load(&s, s.logfd, &other);
	assert_fails(witness_merge(&s.a, &other, &given, keys, 2, err), "another checkpoint");
}
