/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "tests/unit/trust/keyset.h"
#include "tests/unit/trust/notary.h"
#include "trust/verify_log.h"

#define ORIGIN  "log.invalid"
#define ENTRIES 9

/* A policy that demands a log, the notary that signs it, and a memory. */
struct desk {
	struct arena a;
	struct notary log, witness;
	struct note_key witnesses[1];
	struct rules rules;
	struct keyring nobody;
	struct verify_memory *memory;
};

static void
desk_close(struct desk *d)
{
	verify_memory_free(d->memory);
	arena_release(&d->a);
}
DEFINE_RELEASE(struct desk, desk_close);

static void
desk_open(struct desk *d)
{
	struct err err;

	*d = (struct desk){ .memory = NULL };
	notary_open(&d->log, ORIGIN, NOTE_ED25519);
	notary_open(&d->witness, "witness.invalid", NOTE_COSIGNATURE);
	d->witnesses[0] = d->witness.key;
	d->rules = (struct rules){ .name = "p.yaml",
				   .log_given = true,
				   .log_origin = ORIGIN,
				   .log_key = d->log.key,
				   .log_key_given = true,
				   .witnesses = d->witnesses,
				   .nwitnesses = 1 };
	if (verify_memory_open(test_tmpdir_path(test_tmpdir()), &d->memory, &err) < 0)
		fail_msg("%s", err.text);
}

/* A log of n entries; of another history from the entry fork on. */
static const char *
write_log(struct desk *d, size_t n, size_t fork, struct tlog_checkpoint *c)
{
	const char *dir = arena_strdup(&d->a, test_tmpdir_path(test_tmpdir()));
	CLEANUP(fd_close) int dirfd = -1;
	struct tlog_entry entries[ENTRIES];
	struct err err;

	for (size_t i = 0; i < n; i++) {
		const char *text =
			arena_format(&d->a, "%s %zu", i < fork ? "entry" : "other", i);

		entries[i] = (struct tlog_entry){ text, strlen(text) };
	}
	if (fd_open_dir(AT_FDCWD, dir, &dirfd, &err) < 0 ||
	    tlog_append_begin(dirfd, &d->log.author, &err) < 0 ||
	    tlog_append(&d->a, dirfd, &d->log.author, entries, n, c, &err) < 0)
		fail_msg("%s", err.text);
	return dir;
}

/* What a bundle says that was logged when the log was as c. */
static struct material
logged_at(struct desk *d, const struct tlog_checkpoint *c, bool witnessed)
{
	struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct material m = { .logged = true, .checkpoint = *c };
	struct err err;
	size_t n;

	tlog_checkpoint_write(c, &text);
	n = text.len;
	buf_add_str(&text, "\n");
	{
		CLEANUP(buf_free) struct buf line = BUF_MAX(NOTE_MAX_BYTES);

		notary_sign(&d->log, 0, buf_text(&text), n, &line);
		if (witnessed)
			notary_sign(&d->witness, 1000, buf_text(&text), n, &line);
		buf_add_str(&text, buf_text(&line));
	}
	if (note_parse(&d->a, arena_strdup(&d->a, buf_text(&text)), text.len, &m.note, &err) <
	    0)
		fail_msg("%s", err.text);
	buf_free(&text);
	return m;
}

static struct verify_log *
begin(struct desk *d, const char *hint)
{
	return verify_log_make(&d->rules, &d->nobody, d->memory, hint);
}

/* Shows the user a log, which he remembers. */
static void
see(struct desk *d, const char *dir)
{
	CLEANUP(verify_log_free) struct verify_log *l = begin(d, NULL);
	struct err err;

	if (verify_log_tiles(l, dir, 0, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

TEST(verify_log_takes_a_log_that_grew)
{
	CLEANUP(desk_close) struct desk d = { .memory = NULL };
	struct verify_log_words words;
	struct tlog_checkpoint c;
	bool found;

	desk_open(&d);
	see(&d, write_log(&d, 3, ENTRIES, &c));
	{
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, NULL);

		assert_ok(verify_log_tiles(l, write_log(&d, 5, ENTRIES, &c), 0, &found, err));
		verify_log_tell(l, &words);
		assert_true(found && words.remembered && words.tiles);
		assert_int_equal(words.size, 5);
		assert_string_equal(words.origin, ORIGIN);
	}
}

TEST(verify_log_refuses_a_fork_and_less_than_was_seen)
{
	CLEANUP(desk_close) struct desk d = { .memory = NULL };
	struct tlog_checkpoint c;
	const struct {
		size_t n, fork;
		const char *why;
	} shown[] = {
		{ 5, 2, "forked: at 5 entries it had another root" },
		{ 8, 2, "forked: at 5 entries it had another root" },
		{ 3, ENTRIES, "rolled back or forked" },
		{ 3, 2, "rolled back or forked" },
	};

	desk_open(&d);
	see(&d, write_log(&d, 5, ENTRIES, &c));
	for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, NULL);

		assert_fails(verify_log_tiles(l, write_log(&d, shown[i].n, shown[i].fork, &c),
					      0, NULL, err),
			     shown[i].why);
		assert_int_equal(err->code, ERR_VERIFY);
	}
}

TEST(verify_log_connects_less_than_was_seen_by_the_tiles_of_today)
{
	CLEANUP(desk_close) struct desk d = { .memory = NULL };
	struct tlog_checkpoint c;
	const char *today;

	desk_open(&d);
	see(&d, write_log(&d, 5, ENTRIES, &c));
	today = write_log(&d, 7, ENTRIES, &c);
	{
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, today);
		CLEANUP(verify_log_free) struct verify_log *forked = begin(&d, today);

		assert_ok(verify_log_tiles(l, write_log(&d, 3, ENTRIES, &c), 0, NULL, err));
		assert_fails(verify_log_tiles(forked, write_log(&d, 3, 2, &c), 0, NULL, err),
			     "forked");
	}
}

TEST(verify_log_demands_what_the_policy_does)
{
	CLEANUP(desk_close) struct desk d = { .memory = NULL };
	const struct material absent = { .logged = false };
	struct tlog_checkpoint c;
	struct material m;

	desk_open(&d);
	(void)write_log(&d, 3, ENTRIES, &c);
	d.rules.quorum = 1;
	{
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, NULL);
		struct verify_log_words words;

		assert_fails(verify_log_judge(l, &absent, true, "x", err),
			     "x: it is not logged, as p.yaml demands");
		assert_ok(verify_log_judge(l, &absent, false, "x", err));
		m = logged_at(&d, &c, false);
		assert_fails(
			verify_log_judge(l, &m, true, "x", err),
			"0 of the witnesses cosigned its checkpoint, and p.yaml demands 1");
		m = logged_at(&d, &c, true);
		assert_ok(verify_log_judge(l, &m, true, "x", err));
		verify_log_tell(l, &words);
		assert_int_equal(words.witnesses, 1);
		assert_int_equal(words.witnessed, 1000);
	}
	d.rules.log_origin = "other.invalid";
	{
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, NULL);

		assert_fails(
			verify_log_judge(l, &m, true, "x", err),
			"this is the log 'log.invalid', and p.yaml demands 'other.invalid'");
	}
}

TEST(verify_log_refuses_an_entry_of_another_history_than_the_one_shown)
{
	CLEANUP(desk_close) struct desk d = { .memory = NULL };
	struct tlog_checkpoint three, forked, five, eight;
	struct material m;
	const char *dir;

	desk_open(&d);
	(void)write_log(&d, 3, ENTRIES, &three);
	(void)write_log(&d, 3, 2, &forked);
	(void)write_log(&d, 8, ENTRIES, &eight);
	dir = write_log(&d, 5, ENTRIES, &five);
	{
		CLEANUP(verify_log_free) struct verify_log *l = begin(&d, NULL);

		verify_log_later(l, dir);
		m = logged_at(&d, &three, false);
		assert_ok(verify_log_judge(l, &m, true, "x", err));
		m = logged_at(&d, &forked, false);
		assert_fails(verify_log_judge(l, &m, false, "x", err),
			     "the log that it was in is another than the one shown: forked");
		m = logged_at(&d, &eight, false);
		assert_fails(verify_log_judge(l, &m, true, "x", err),
			     "when the log had 8 entries, and only 5 are shown");
		m.checkpoint = five; /* a signature of other words */
		m.note.text_len--;
		assert_fails(verify_log_judge(l, &m, true, "x", err), "x: ");
	}
}
