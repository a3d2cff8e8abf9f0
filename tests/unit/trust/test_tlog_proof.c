/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs as files: what is written is believed, and nothing else is. */
#include "tests/unit/test.h"
#include "tests/unit/trust/keyset.h"
#include "tests/unit/trust/notary.h"
#include "trust/tlog.h"

#define ORIGIN "log.example.org"

struct scene {
	struct arena a;
	struct notary notary;
	int dirfd;
	struct buf proof;
};

static void
scene_release(struct scene *s)
{
	arena_release(&s->a);
	buf_free(&s->proof);
	close(s->dirfd);
}
DEFINE_RELEASE(struct scene, scene_release);

/* A log of three entries "a", "b", "c" and the proof of "b". */
static void
set_up(struct scene *s, struct err *err)
{
	static const struct tlog_entry entries[] = { { "a", 1 }, { "b", 1 }, { "c", 1 } };
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	CLEANUP(buf_free) struct buf note = BUF_MAX(NOTE_MAX_BYTES);
	struct tlog_checkpoint c;
	struct tlog_proof p;

	s->dirfd = test_tmpdir();
	s->proof = (struct buf)BUF_MAX(NOTE_MAX_BYTES);
	notary_open(&s->notary, ORIGIN, NOTE_ED25519);
	assert_ok(tlog_append_begin(s->dirfd, &s->notary.author, err));
	assert_ok(tlog_append(&s->a, s->dirfd, &s->notary.author, entries, 3, &c, err));
	assert_ok(tlog_tree_open(s->dirfd, 3, &t, err));
	assert_ok(tlog_tree_prove(t, &c.root, 1, NULL, &p, err));
	assert_ok(fd_read_file(s->dirfd, TLOG_CHECKPOINT, &note, err));
	tlog_proof_write(&p, 1, note.data, note.len, &s->proof);
}

static int
check(struct scene *s, const char *text, const char *entry, struct err *err)
{
	struct tlog_checkpoint c;

	return tlog_proof_check(&s->a, text, strlen(text), &s->notary.key, entry, strlen(entry),
				&c, NULL, err);
}

TEST(a_proof_convinces_of_its_entry_alone)
{
	CLEANUP(scene_release) struct scene s = { .dirfd = -1 };

	set_up(&s, err);
	assert_ok(check(&s, buf_text(&s.proof), "b", err));
	assert_fails(check(&s, buf_text(&s.proof), "a", err), "not in the log at this place");
}

TEST(a_proof_may_carry_what_is_extra)
{
	CLEANUP(scene_release) struct scene s = { .dirfd = -1 };
	const char *rest, *text;

	set_up(&s, err);
	rest = strchr(buf_text(&s.proof), '\n') + 1;
	text = arena_format(&s.a, "c2sp.org/tlog-proof@v1\nextra AAAA\n%s", rest);
	assert_ok(check(&s, text, "b", err));
}

/* Every byte counts: whichever is changed, the proof no longer convinces. */
TEST(a_proof_with_any_byte_changed_is_refused)
{
	CLEANUP(scene_release) struct scene s = { .dirfd = -1 };
	struct tlog_checkpoint c;

	set_up(&s, err);
	for (size_t i = 0; i < s.proof.len; i++) {
		char was = s.proof.data[i];

		s.proof.data[i] = was == '1' ? '2' : '1';
		assert_int_equal(tlog_proof_check(&s.a, s.proof.data, s.proof.len,
						  &s.notary.key, "b", 1, &c, NULL, err),
				 -1);
		s.proof.data[i] = was;
	}
	for (size_t n = 0; n < s.proof.len; n++)
		assert_int_equal(tlog_proof_check(&s.a, s.proof.data, n, &s.notary.key, "b", 1,
						  &c, NULL, err),
				 -1);
}

TEST(what_is_no_proof_is_refused)
{
	CLEANUP(scene_release) struct scene s = { .dirfd = -1 };
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "does not begin" },
		{ "c2sp.org/tlog-proof@v2\nindex 1\n\n", "does not begin" },
		{ "c2sp.org/tlog-proof@v1\n\n", "no index" },
		{ "c2sp.org/tlog-proof@v1\nindex 01\n\n", "no good index" },
		{ "c2sp.org/tlog-proof@v1\nindex -1\n\n", "no good index" },
		{ "c2sp.org/tlog-proof@v1\nindex 99999999999999999999999\n\n",
		  "no good index" },
		{ "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n", "no hash" },
		{ "c2sp.org/tlog-proof@v1\nindex 1\n", "cut off" },
		{ "c2sp.org/tlog-proof@v1\nindex 1\n\nnothing", "no blank line" },
	};

	set_up(&s, err);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(check(&s, bad[i].text, "b", err), bad[i].why);
}

TEST(the_whole_log_is_read_and_every_entry_shown)
{
	CLEANUP(scene_release) struct scene s = { .dirfd = -1 };
	struct tlog_checkpoint c;

	set_up(&s, err);
	assert_ok(tlog_checkpoint_load(&s.a, s.dirfd, &s.notary.key, &c, NULL, err));
	assert_ok(tlog_check(s.dirfd, &c, NULL, NULL, err));
	assert_ok(fd_publish(s.dirfd, "tile/entries/000.p/3", "\0\1a\0\1x\0\1c", 9, 0644, err));
	assert_fails(tlog_check(s.dirfd, &c, NULL, NULL, err), "tile/0/000.p/3 is not made of");
	c.root.bytes[0] ^= 1;
	assert_ok(fd_publish(s.dirfd, "tile/entries/000.p/3", "\0\1a\0\1b\0\1c", 9, 0644, err));
	assert_fails(tlog_check(s.dirfd, &c, NULL, NULL, err), "do not fit the checkpoint");
}

/* The form that stock verifiers rebuild from bundle and key and hash. */
TEST(a_statement_is_logged_as_rekor_logs_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);
	struct dsse_bundle b = { .payload_type = DSSE_INTOTO_TYPE,
				 .payload = BUF_MAX(100),
				 .sig = BUF_MAX(100) };

	buf_add_str(&b.payload, "{}");
	buf_add_str(&b.sig, "not DER");
	assert_ok(tlog_entry_make(&b, key_of_role(keyset_ring(), KEY_BUILDER), &entry, err));
	assert_non_null(strstr(entry.data,
			       "{\"apiVersion\":\"0.0.2\",\"kind\":\"hashedrekord\","
			       "\"spec\":{\"hashedRekordV002\":{\"data\":{"
			       "\"algorithm\":\"SHA2_256\",\"digest\":\""));
	assert_non_null(strstr(entry.data, "\"signature\":{\"content\":\"bm90IERFUg==\","
					   "\"verifier\":{\"keyDetails\":"
					   "\"PKIX_ECDSA_P256_SHA_256\",\"publicKey\":{"
					   "\"rawBytes\":\"MFkw"));
	dsse_bundle_release(&b);
}
