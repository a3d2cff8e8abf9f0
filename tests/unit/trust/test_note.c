/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"
#include "tests/unit/trust/notary.h"

#define TEXT "log.example.org\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define MARK "\xE2\x80\x94 "

static void
signed_note(struct buf *out, const struct notary *const *who, size_t n)
{
	buf_add_str(out, TEXT "\n");
	for (size_t i = 0; i < n; i++)
		notary_sign(who[i], 1700000000, TEXT, strlen(TEXT), out);
}

TEST(a_note_key_is_read_as_others_write_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf again = BUF_MAX(1024);
	/* Made by another program. */
	const char *vkey =
		"log.example.org+61251d32+AW12MZTLa8JMvrXi2CqIS47NKzYbSV0xTRkMbctDTrci";
	struct note_key k;

	assert_ok(note_key_parse(&a, vkey, &k, err));
	assert_string_equal(k.name, "log.example.org");
	assert_int_equal(k.id, 0x61251d32);
	note_key_write(&k, &again);
	assert_string_equal(buf_text(&again), vkey);
}

TEST(a_note_key_that_does_not_belong_together_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct note_key k;

	assert_fails(note_key_parse(&a,
				    "log.example.net+61251d32+"
				    "AW12MZTLa8JMvrXi2CqIS47NKzYbSV0xTRkMbctDTrci",
				    &k, err),
		     "does not belong to name and key");
	assert_fails(note_key_parse(&a, "x+61251d32+AgAA", &k, err), "neither");
	assert_fails(note_key_parse(&a, "x+612+AgAA", &k, err), "three parts");
	assert_fails(note_key_parse(&a, "x", &k, err), "three parts");
}

TEST(a_note_is_verified_by_each_key_that_is_known)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct notary log, witness, stranger;
	const struct notary *who[] = { &witness, &log };
	struct note note;
	int64_t when = 0;

	notary_open(&log, "log.example.org", NOTE_ED25519);
	notary_open(&witness, "witness.example.net", NOTE_COSIGNATURE);
	notary_open(&stranger, "stranger.example.net", NOTE_ED25519);
	signed_note(&text, who, 2);
	assert_ok(note_parse(&a, text.data, text.len, &note, err));
	assert_string_equal(note.text, TEXT);
	assert_int_equal(note.n, 2);
	assert_ok(note_verify(&note, &log.key, NULL, err));
	assert_ok(note_verify(&note, &witness.key, &when, err));
	assert_int_equal(when, 1700000000);
	assert_fails(note_verify(&note, &stranger.key, NULL, err), "not signed by stranger");
}

/* One right signature of a key does not cover for a wrong one beside it. */
TEST(a_wrong_signature_of_a_known_key_spoils_the_note)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct notary log;
	struct note note;

	notary_open(&log, "log.example.org", NOTE_ED25519);
	buf_add_str(&text, TEXT "\n");
	notary_sign(&log, 0, TEXT, strlen(TEXT), &text);
	notary_sign(&log, 0, "another text\n", 13, &text);
	assert_ok(note_parse(&a, text.data, text.len, &note, err));
	assert_fails(note_verify(&note, &log.key, NULL, err), "is wrong");
}

/* A log's key and a witness's are of different kinds, though both sign with Ed25519. */
TEST(a_cosignature_does_not_pass_for_a_signature)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	struct notary log, twin;
	const struct notary *who[] = { &twin };
	struct note note;

	notary_open(&log, "log.example.org", NOTE_ED25519);
	notary_open(&twin, "log.example.org", NOTE_COSIGNATURE);
	signed_note(&text, who, 1);
	assert_ok(note_parse(&a, text.data, text.len, &note, err));
	assert_fails(note_verify(&note, &log.key, NULL, err), "not signed by");
	note.signatures[0].id = log.key.id;
	assert_fails(note_verify(&note, &log.key, NULL, err), "is wrong");
}

TEST(thresholds_count_keys_and_not_names)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(buf_free) struct buf again = BUF_MAX(NOTE_MAX_BYTES);
	struct notary log, one, two, alias;
	const struct notary *who[] = { &log, &one, &two, &alias };
	struct note note;
	int64_t newest;

	notary_open(&log, "log.example.org", NOTE_ED25519);
	notary_open(&one, "one.example.net", NOTE_COSIGNATURE);
	notary_open(&two, "two.example.net", NOTE_COSIGNATURE);
	alias = one;
	assert_ok(note_key_make("alias.example.net", NOTE_COSIGNATURE, one.key.public,
				&alias.key, err));
	signed_note(&text, who, 4);
	assert_ok(note_parse(&a, text.data, text.len, &note, err));
	{
		const struct note_key keys[] = { alias.key, one.key, two.key, two.key };

		assert_int_equal(note_count(&note, keys, 4, &newest), 2);
		assert_int_equal(newest, 1700000000);
		assert_int_equal(note_count(&note, keys, 0, &newest), 0);
		assert_int_equal(newest, 0);
		/* The name that is not there takes nothing from the one that is. */
		note.n = 2;
		assert_int_equal(note_count(&note, keys, 4, NULL), 1);
		note.n = 4;
	}
	note_write(&note, &again);
	assert_string_equal(buf_text(&again), buf_text(&text));
}

TEST(what_is_no_note_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct note note;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "no blank line" },
		{ "text\n", "no blank line" },
		{ "text\n\n", "nobody signed" },
		{ "text\n\n" MARK "name AAAAAAAA", "cut off" },
		{ "text\n\n- name AAAAAAAA\n", "not a signature line" },
		{ "text\n\n" MARK "name\n", "without a name" },
		{ "text\n\n" MARK "na+me AAAAAAAA\n", "no good name" },
		{ "text\n\n" MARK "name AAAA\n", "without bytes" },
		{ "text\n\n" MARK "name A\n", "base64" },
		{ "te\rxt\n\n" MARK "name AAAAAAAA\n", "control character" },
		{ "te\xffxt\n\n" MARK "name AAAAAAAA\n", "not UTF-8" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(note_parse(&a, bad[i].text, strlen(bad[i].text), &note, err),
			     bad[i].why);
}
