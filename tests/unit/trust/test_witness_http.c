/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness answers over HTTP, status by status; no socket is needed for that. */
#include "tests/unit/trust/keyset.h"
#include "base/fd.h"
#include "tests/unit/trust/notary.h"
#include "trust/witness_http.h"

#define ORIGIN "log.example.org"
#define NAME   "witness.example.net"

struct scene {
	struct arena a;
	struct notary log, other;
	struct signer *signer;
	struct witness w;
	struct witness_http_office office;
	struct note_key logs[2];
	int logfd, forkfd, statefd;
	size_t told, refused;
	struct buf said; /* the body of the last answer */
	char type[HTTP_TYPE];
};

static void
scene_release(struct scene *s)
{
	signer_stop(s->signer);
	(void)close(s->logfd);
	(void)close(s->forkfd);
	(void)close(s->statefd);
	buf_free(&s->said);
	arena_release(&s->a);
}
DEFINE_RELEASE(struct scene, scene_release);

static void
tell(void *arg, const struct witness_seen *seen, const struct err *failure)
{
	struct scene *s = arg;

	(void)seen;
	s->told++;
	s->refused += failure != NULL;
}

static void
scene_open(struct scene *s)
{
	struct err err;

	*s = (struct scene){ .logfd = test_tmpdir(),
			     .forkfd = test_tmpdir(),
			     .statefd = test_tmpdir(),
			     .said = BUF_MAX(HTTP_BODY_MAX) };
	notary_open(&s->log, ORIGIN, NOTE_ED25519);
	notary_open(&s->other, "other.example.org", NOTE_ED25519);
	assert_int_equal(signer_start(keyset_path(), &s->signer, &err), 0);
	assert_int_equal(witness_open(&s->w, s->signer, NAME, s->statefd, &err), 0);
	/* Two keys under one name, as while a log changes its key. */
	s->logs[0] = s->other.key;
	s->logs[0].name = ORIGIN;
	s->logs[1] = s->log.key;
	s->office = (struct witness_http_office){
		.witness = &s->w, .logs = s->logs, .nlogs = 2, .tell = tell, .arg = s
	};
}

static void
grow(struct scene *s, int dirfd, const struct notary *log, const char *word, size_t n)
{
	struct tlog_entry *entries = arena_array(&s->a, n, sizeof(*entries));
	struct tlog_checkpoint c;
	struct err err;

	for (size_t i = 0; i < n; i++) {
		entries[i].data = arena_format(&s->a, "%s %zu", word, i);
		entries[i].n = strlen(entries[i].data);
	}
	assert_int_equal(tlog_append_begin(dirfd, &log->author, &err), 0);
	assert_int_equal(tlog_append(&s->a, dirfd, &log->author, entries, n, &c, &err), 0);
}

/* The log's checkpoint with the proof from `from` on, as a client writes it. */
static const char *
question(struct scene *s, int dirfd, uint64_t old, uint64_t from)
{
	CLEANUP(buf_free) struct buf note = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(buf_free) struct buf body = BUF_MAX(HTTP_BODY_MAX);
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct witness_http_request q = { .old = old };
	struct tlog_checkpoint c;
	struct digest root;
	struct note n;
	struct err err;

	assert_int_equal(fd_read_file(dirfd, TLOG_CHECKPOINT, &note, &err), 0);
	assert_int_equal(note_parse(&s->a, note.data, note.len, &n, &err), 0);
	assert_int_equal(tlog_checkpoint_parse(&s->a, n.text, n.text_len, &c, &err), 0);
	assert_int_equal(tlog_tree_open(dirfd, c.size, &t, &err), 0);
	assert_int_equal(tlog_tree_root_at(t, from, &root, &err), 0);
	assert_int_equal(tlog_tree_prove_growth(t, &c.root, from, &root, &q.proof, &err), 0);
	q.checkpoint = note.data;
	q.checkpoint_len = note.len;
	witness_http_write(&q, &body);
	return arena_strdup(&s->a, buf_text(&body));
}

static int
post(struct scene *s, const char *body)
{
	const struct http_request q = { .method = "POST",
					.method_len = 4,
					.target = WITNESS_HTTP_PATH,
					.target_len = strlen(WITNESS_HTTP_PATH),
					.body = body,
					.body_len = strlen(body) };
	struct http_reply r = { .status = 0 };

	buf_clear(&s->said);
	r.body = s->said;
	witness_http_answer(&s->office, &q, &r);
	s->said = r.body;
	(void)snprintf(s->type, sizeof(s->type), "%s", r.type);
	return r.status;
}

TEST(a_witness_answers_with_its_line)
{
	CLEANUP(scene_release) struct scene s;
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct note note;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 300);
	assert_int_equal(post(&s, question(&s, s.logfd, 0, 0)), 200);
	grow(&s, s.logfd, &s.log, "more", 500);
	assert_int_equal(post(&s, question(&s, s.logfd, 300, 300)), 200);
	/* The same again, from where it is. */
	assert_int_equal(post(&s, question(&s, s.logfd, 800, 800)), 200);
	assert_int_equal(s.refused, 0);
	assert_int_equal(s.told, 3);
	assert_ok(fd_read_file(s.logfd, TLOG_CHECKPOINT, &text, err));
	buf_add(&text, s.said.data, s.said.len);
	assert_ok(note_parse(&s.a, text.data, text.len, &note, err));
	assert_int_equal(note.n, 2);
	assert_ok(note_verify(&note, &s.w.key, NULL, err));
}

TEST(a_witness_says_where_it_is)
{
	CLEANUP(scene_release) struct scene s;
	const char *early;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 300);
	early = question(&s, s.logfd, 300, 300);
	assert_int_equal(post(&s, question(&s, s.logfd, 200, 200)), 409);
	assert_string_equal(buf_text(&s.said), "0\n");
	assert_int_equal(post(&s, question(&s, s.logfd, 0, 0)), 200);
	grow(&s, s.logfd, &s.log, "more", 500);
	assert_int_equal(post(&s, question(&s, s.logfd, 0, 0)), 409);
	assert_string_equal(buf_text(&s.said), "300\n");
	assert_string_equal(s.type, "text/x.tlog.size");
	assert_int_equal(s.told, 1); /* that was no refusal of a log */
	assert_int_equal(post(&s, question(&s, s.logfd, 300, 300)), 200);
	/* What is smaller than what was cosigned is told the size as well. */
	assert_int_equal(post(&s, early), 409);
	assert_string_equal(buf_text(&s.said), "800\n");
	assert_int_equal(s.refused, 1);
}

TEST(a_witness_refuses_forks_over_http)
{
	CLEANUP(scene_release) struct scene s;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 300);
	grow(&s, s.forkfd, &s.log, "other", 300);
	assert_int_equal(post(&s, question(&s, s.logfd, 0, 0)), 200);
	assert_int_equal(post(&s, question(&s, s.forkfd, 300, 300)), 409);
	assert_string_equal(buf_text(&s.said), "300\n");
	grow(&s, s.forkfd, &s.log, "other", 10);
	assert_int_equal(post(&s, question(&s, s.forkfd, 300, 300)), 422);
	assert_int_equal(s.refused, 2);
	/* A right checkpoint whose proof is that of another size. */
	grow(&s, s.logfd, &s.log, "more", 30);
	assert_int_equal(post(&s, question(&s, s.logfd, 300, 200)), 422);
	assert_int_equal(post(&s, question(&s, s.logfd, 300, 300)), 200);
}

TEST(a_witness_knows_its_logs)
{
	CLEANUP(scene_release) struct scene s;
	struct notary stranger;
	const char *body;
	char *changed, *digit;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 3);
	grow(&s, s.forkfd, &s.other, "entry", 3);
	body = question(&s, s.logfd, 0, 0);
	assert_int_equal(post(&s, question(&s, s.forkfd, 0, 0)), 404);
	notary_open(&stranger, "stranger.example.org", NOTE_ED25519);
	memcpy(s.logs[1].public, stranger.key.public, NOTE_KEY_BYTES);
	assert_int_equal(
		note_key_make(ORIGIN, NOTE_ED25519, stranger.key.public, &s.logs[1], err), 0);
	assert_int_equal(post(&s, body), 403);
	s.logs[1] = s.log.key;
	/* A signature on another text. */
	changed = arena_strdup(&s.a, body);
	digit = strstr(changed, "\n3\n");
	assert_non_null(digit);
	digit[1] = '4';
	assert_int_equal(post(&s, changed), 403);
	assert_int_equal(s.told, 0);
	assert_int_equal(post(&s, body), 200);
}

TEST(a_witness_refuses_what_is_malformed)
{
	CLEANUP(scene_release) struct scene s;
	CLEANUP(buf_free) struct buf many = BUF_MAX(HTTP_BODY_MAX);
	struct http_request q = { .target = "/", .target_len = 1, .method = "POST" };
	const char *body;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 3);
	body = question(&s, s.logfd, 0, 0);
	assert_int_equal(post(&s, ""), 400);
	assert_int_equal(post(&s, "old\n\n"), 400);
	assert_int_equal(post(&s, "old 00\n\n"), 400);
	assert_int_equal(post(&s, "old -1\n\n"), 400);
	assert_int_equal(post(&s, "old 18446744073709551616\n\n"), 400);
	assert_int_equal(post(&s, "old 1"), 400);
	assert_int_equal(post(&s, "old 1\nAAAA\n\n"), 400);
	assert_int_equal(post(&s, "old 1\n-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n"),
			 400);
	assert_string_equal(buf_text(&s.said), "request: a line that is no hash\n");
	assert_int_equal(post(&s, "old 1\n\n"), 400);
	assert_int_equal(post(&s, arena_format(&s.a, "old 4%s", body + strlen("old 0"))), 400);
	assert_string_equal(buf_text(&s.said), "the old size is beyond the checkpoint's\n");
	buf_add_str(&many, "old 1\n");
	for (int i = 0; i < 64; i++)
		buf_add_str(&many, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	buf_add_str(&many, body + strlen("old 0\n"));
	assert_int_equal(post(&s, buf_text(&many)), 400);
	assert_string_equal(buf_text(&s.said), "request: over 63 hashes\n");
	assert_int_equal(s.told, 0);
	for (int i = 0; i < 2; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(HTTP_BODY_MAX);
		struct http_reply r = { .status = 0 };

		r.body = text;
		witness_http_answer(&s.office, &q, &r);
		text = r.body;
		assert_int_equal(r.status, i == 0 ? 404 : 405);
		q = (struct http_request){ .target = WITNESS_HTTP_PATH,
					   .target_len = strlen(WITNESS_HTTP_PATH),
					   .method = "GET",
					   .method_len = 3 };
	}
}

TEST(a_witness_that_cannot_remember_does_not_cosign)
{
	CLEANUP(scene_release) struct scene s;
	const char *body;
	char name[DIGEST_HEX];
	struct digest d;

	scene_open(&s);
	grow(&s, s.logfd, &s.log, "entry", 3);
	body = question(&s, s.logfd, 0, 0);
	digest_of(ORIGIN, strlen(ORIGIN), &d);
	digest_hex(&d, name);
	assert_ok(fd_publish(s.statefd, arena_format(&s.a, "%s.checkpoint", name), "x\n", 2,
			     0644, err));
	assert_int_equal(post(&s, body), 500);
	assert_string_equal(buf_text(&s.said), "this witness cannot cosign\n");
	assert_int_equal(s.refused, 1);
}
