/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "base/json.h"
#include "trust/ledger.h"
#include "trust/trustroot.h"
#include "trust/verify.h"

#define ORIGIN  "log.example.org"
#define TEXT    ((size_t)256 * 1024)
#define PAYLOAD "{\"a\":%d}"

/* A store, a signer and a log of the trusted set. */
struct desk {
	struct arena a;
	struct cas *store;
	struct signer *signer;
	struct ledger ledger;
	int dir;
};

static void
desk_close(struct desk *d)
{
	signer_stop(d->signer);
	cas_close(d->store);
	close(d->dir);
	arena_release(&d->a);
}
DEFINE_RELEASE(struct desk, desk_close);

static void
desk_open(struct desk *d)
{
	struct err err;

	*d = (struct desk){ .dir = test_tmpdir() };
	if (cas_open(arena_format(&d->a, "%s/store", test_tmpdir_path(d->dir)), true, &d->store,
		     &err) < 0 ||
	    signer_start(keyset_path(), &d->signer, &err) < 0)
		fail_msg("%s", err.text);
	d->ledger =
		(struct ledger){ .store = d->store,
				 .signer = d->signer,
				 .dir = arena_format(&d->a, "%s/log", test_tmpdir_path(d->dir)),
				 .origin = ORIGIN };
}

/* The bundle over number i as signed, in the store. */
static struct ledger_item
signed_item(struct desk *d, int i)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(TEXT);
	const char *payload = arena_format(&d->a, PAYLOAD, i);
	struct ledger_item item = { .name = arena_format(&d->a, "p%05d", i),
				    .role = KEY_BUILDER };
	struct err err;

	if (signer_bundle(d->signer, payload, strlen(payload), &bundle, &err) < 0 ||
	    cas_put(d->store, bundle.data, bundle.len, &item.bare, &err) < 0)
		fail_msg("%s", err.text);
	return item;
}

static void
read_bundle(struct desk *d, const struct ledger_item *item, struct buf *out)
{
	struct err err;

	buf_clear(out);
	if (cas_get(d->store, &item->bundle, out, &err) < 0)
		fail_msg("%s", err.text);
}

static int
verify(struct desk *d, const struct buf *text, struct material *m, struct err *err)
{
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	const struct key_public *signer;

	if (dsse_bundle_parse(&d->a, buf_text(text), text->len, "b.json", &b, err) < 0 ||
	    dsse_bundle_verify(&b, keyset_ring(), &signer, err) < 0)
		return -1;
	return material_verify(&d->a, &b, signer, keyset_ring(), m, err);
}

TEST(ledger_logs_and_stamps_what_is_signed)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	struct ledger_item items[3];
	struct material m;

	desk_open(&d);
	for (int i = 0; i < 3; i++)
		items[i] = signed_item(&d, 2 - i);
	assert_ok(ledger_enter(&d.ledger, items, 3, err));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(items[i].index, 2 - i); /* in the order of the names */
		assert_false(items[i].remembered);
		read_bundle(&d, &items[i], &text);
		assert_ok(verify(&d, &text, &m, err));
		assert_true(m.logged && m.stamped);
		assert_int_equal(m.index, 2 - i);
		assert_int_equal(m.checkpoint.size, 3);
		assert_string_equal(m.checkpoint.origin, ORIGIN);
		assert_true(m.when > KEYSET_CREATED);
	}
}

TEST(ledger_logs_nothing_twice_and_gives_the_same_bytes)
{
	CLEANUP(desk_close) struct desk d;
	struct ledger_item first, again, twice[2];
	bool all = true;

	desk_open(&d);
	first = signed_item(&d, 1);
	again = first;
	assert_ok(ledger_recall(&d.ledger, &again, 1, &all, err));
	assert_false(all);
	assert_ok(ledger_enter(&d.ledger, &first, 1, err));
	assert_ok(ledger_recall(&d.ledger, &again, 1, &all, err));
	assert_true(all && digest_equal(&again.bundle, &first.bundle));
	twice[0] = again;
	twice[1] = signed_item(&d, 2);
	assert_ok(ledger_enter(&d.ledger, twice, 2, err));
	assert_true(twice[0].remembered && digest_equal(&twice[0].bundle, &first.bundle));
	assert_int_equal(twice[1].index, 1);
	twice[0] = twice[1];
	twice[0].name = "another name";
	assert_ok(ledger_enter(&d.ledger, twice, 2, err));
	assert_true(twice[0].remembered && twice[1].remembered);
	assert_int_equal(twice[0].index, 1);
}

TEST(ledger_signs_a_statement_once)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	struct ledger_item one = { .name = "s", .role = KEY_IMAGE, .statement = &text }, two;

	desk_open(&d);
	buf_add_str(&text, "{\"statement\":1}");
	two = one;
	assert_ok(ledger_enter(&d.ledger, &one, 1, err));
	assert_ok(ledger_enter(&d.ledger, &two, 1, err));
	assert_true(!one.remembered && two.remembered &&
		    digest_equal(&one.bundle, &two.bundle));
	two.role = KEY_BUILDER; /* another signer is another statement */
	assert_ok(ledger_enter(&d.ledger, &two, 1, err));
	assert_false(two.remembered);
	assert_int_equal(two.index, 1);
}

/* A run that was killed between the append and the memory of it. */
TEST(ledger_finds_what_a_killed_run_appended)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf name = BUF_MAX(256);
	struct ledger_item items[5];
	char hex[DIGEST_HEX];

	desk_open(&d);
	for (int i = 0; i < 5; i++)
		items[i] = signed_item(&d, i);
	assert_ok(ledger_enter(&d.ledger, items, 5, err));
	for (int i = 0; i < 5; i++) {
		digest_hex(&items[i].bare, hex);
		assert_return_code(unlinkat(cas_dirfd(d.store),
					    arena_format(&d.a, "refs/logged/%s", hex), 0),
				   errno);
	}
	assert_ok(ledger_enter(&d.ledger, items, 5, err));
	for (int i = 0; i < 5; i++)
		assert_int_equal(items[i].index, i);
	items[0] = signed_item(&d, 9);
	assert_ok(ledger_enter(&d.ledger, items, 1, err));
	assert_int_equal(items[0].index, 5);
}

/* A log that lost its memory, or another one in its place, is no proof any more. */
TEST(ledger_believes_its_memory_only_where_the_log_agrees)
{
	CLEANUP(desk_close) struct desk d;
	struct ledger_item item;

	desk_open(&d);
	item = signed_item(&d, 1);
	assert_ok(ledger_enter(&d.ledger, &item, 1, err));
	d.ledger.dir = arena_format(&d.a, "%s2", d.ledger.dir);
	assert_ok(ledger_enter(&d.ledger, &item, 1, err));
	assert_false(item.remembered);
	d.ledger.origin = "other.example.org";
	assert_fails(ledger_enter(&d.ledger, &item, 1, err), "log ");
}

TEST(ledger_enters_only_what_its_own_keys_signed)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	struct ledger_item item = { .name = "strange", .role = KEY_BUILDER };

	desk_open(&d);
	keyset_bundle(keyset_other_private(KEY_BUILDER),
		      key_private_public(keyset_other_private(KEY_BUILDER))->id, "{}", &text);
	assert_ok(cas_put(d.store, text.data, text.len, &item.bare, err));
	assert_fails(ledger_enter(&d.ledger, &item, 1, err), "strange: signed by the unknown");
}

/* ---- every piece changed ---- */

static void
refused(struct desk *d, const struct buf *good, const char *from, const char *to,
	const char *reason, struct err *err)
{
	CLEANUP(buf_free) struct buf bad = BUF_MAX(TEXT);
	struct material m;

	keyset_replace(good, from, to, &bad);
	assert_fails(verify(d, &bad, &m, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(material_refuses_other_forms)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{ "\"tlogEntries\":[", "\"tlogEntries\":[{},", "exactly one log entry" },
		{ "\"rfc3161Timestamps\":[", "\"rfc3161Timestamps\":[{},",
		  "exactly one timestamp" },
		{ "\"kind\":\"hashedrekord\"", "\"kind\":\"dsse\"", "of the kind dsse 0.0.2" },
		{ "\"version\":\"0.0.2\"", "\"version\":\"0.0.1\"",
		  "of the kind hashedrekord 0.0.1" },
		{ "\"integratedTime\":\"0\"", "\"integratedTime\":\"1700000000\"",
		  "nobody signed it" },
		{ "\"integratedTime\":\"0\"",
		  "\"integratedTime\":\"0\",\"inclusionPromise\":{\"signedEntryTimestamp\":\"AA==\"}",
		  "log entry has the unknown field 'inclusionPromise'" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":\"03\"", "no number in decimal digits" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":\"-3\"", "no number in decimal digits" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":3", "no text field 'treeSize'" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":\"9999999999999999999\"",
		  "'treeSize' is too large" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":\"99999999999999999999\"",
		  "no number in decimal digits" },
		{ "\"treeSize\":\"3\"", "\"treeSize\":\"4\"",
		  "another tree than its checkpoint" },
		{ "\"logIndex\":\"1\",\"rootHash\"", "\"logIndex\":\"0\",\"rootHash\"",
		  "one index and its proof another" },
		{ "\"rootHash\":\"", "\"rootHash\":\"AAAA", "rootHash has" },
		{ "\"hashes\":[", "\"hashes\":[\"AAAA\",", "hash of the inclusionProof has 3" },
		{ "\"hashes\":[", "\"hashes\":[7,", "hash of the inclusionProof is not there" },
		{ "\"keyId\":\"", "\"keyId\":\"====", "keyId of the log" },
		{ "\"signedTimestamp\":\"MII", "\"signedTimestamp\":\"-II",
		  "signedTimestamp is empty or not plain base64" },
		{ "\"signedTimestamp\":\"", "\"more\":1,\"signedTimestamp\":\"",
		  "timestamp has the unknown field 'more'" },
		{ "\"checkpoint\":{", "\"checkpoint\":{\"a\":{},",
		  "checkpoint has the unknown field 'a'" },
		{ "\"logId\":{", "\"logId\":{\"keyId\":\"\",", "b.json" },
		{ ORIGIN "\\n3", "other.example.org\\n3", "not signed by" },
	};
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf good = BUF_MAX(TEXT);
	struct ledger_item items[3];

	desk_open(&d);
	for (int i = 0; i < 3; i++)
		items[i] = signed_item(&d, i);
	assert_ok(ledger_enter(&d.ledger, items, 3, err));
	read_bundle(&d, &items[1], &good);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		refused(&d, &good, cases[i].from, cases[i].to, cases[i].reason, err);
}

/* The bundle of one statement with the entry or the timestamp of another. */
TEST(material_refuses_pieces_of_another_bundle)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf first = BUF_MAX(TEXT);
	CLEANUP(buf_free) struct buf second = BUF_MAX(TEXT);
	CLEANUP(buf_free) struct buf mixed = BUF_MAX(TEXT);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle other = { 0 };
	struct ledger_item items[2];
	struct material m;
	const struct dsse_entry *own;

	desk_open(&d);
	items[0] = signed_item(&d, 0);
	items[1] = signed_item(&d, 1);
	assert_ok(ledger_enter(&d.ledger, items, 2, err));
	read_bundle(&d, &items[0], &first);
	read_bundle(&d, &items[1], &second);
	assert_ok(dsse_bundle_parse(&d.a, first.data, first.len, "b", &b, err));
	assert_ok(dsse_bundle_parse(&d.a, second.data, second.len, "b", &other, err));
	dsse_bundle_rewrite(&b, &mixed);
	assert_string_equal(mixed.data, first.data);
	own = b.entry;
	b.entry = other.entry;
	buf_clear(&mixed);
	dsse_bundle_rewrite(&b, &mixed);
	assert_fails(verify(&d, &mixed, &m, err),
		     "the log entry is not that of this signature");
	b.entry = own;
	b.timestamp = other.timestamp;
	b.timestamp_len = other.timestamp_len;
	buf_clear(&mixed);
	dsse_bundle_rewrite(&b, &mixed);
	assert_fails(verify(&d, &mixed, &m, err), "timestamp: not by a trusted timestamp key");
}

TEST(material_without_the_keys_of_log_and_clock_is_only_consistent)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct ledger_item item;
	const struct key_public *k = key_of_role(keyset_ring(), KEY_BUILDER);
	struct key_public only = *k;
	struct keyring ring = { .at = &only, .n = 1 };
	struct material m;

	desk_open(&d);
	item = signed_item(&d, 0);
	assert_ok(ledger_enter(&d.ledger, &item, 1, err));
	read_bundle(&d, &item, &text);
	assert_ok(dsse_bundle_parse(&d.a, text.data, text.len, "b", &b, err));
	assert_ok(material_verify(&d.a, &b, k, &ring, &m, err));
	assert_false(m.logged || m.stamped);
}

TEST(material_lies_beside_as_proof_and_envelope)
{
	CLEANUP(desk_close) struct desk d;
	CLEANUP(buf_free) struct buf proof = BUF_MAX(TEXT);
	CLEANUP(buf_free) struct buf envelope = BUF_MAX(TEXT);
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct dsse_bundle bare;
	struct ledger_item item;
	struct tlog_checkpoint c;
	struct note_key log;
	struct doc *line;

	desk_open(&d);
	item = signed_item(&d, 0);
	assert_ok(ledger_enter(&d.ledger, &item, 1, err));
	read_bundle(&d, &item, &text);
	assert_ok(dsse_bundle_parse(&d.a, text.data, text.len, "b", &b, err));
	bare = b;
	bare.entry = NULL;
	assert_fails(material_beside(&bare, NULL, &proof, &envelope, err), "it was not logged");
	assert_ok(material_beside(&b, NULL, &proof, &envelope, err));
	assert_ok(tlog_author_key(keyset_ring(), ORIGIN, &log, err));
	assert_ok(tlog_proof_check(&d.a, proof.data, proof.len, &log, b.entry->body,
				   b.entry->body_len, &c, NULL, err));
	assert_int_equal(envelope.data[envelope.len - 1], '\n');
	assert_ok(json_parse(&d.a, envelope.data, envelope.len, "line", &line, err));
	assert_string_equal(doc_get_text(line, "payloadType"), DSSE_INTOTO_TYPE);
}

/* ---- the root of trust, and the files of a log ---- */

TEST(trustroot_lists_log_and_clock_and_is_refused_when_changed)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT);
	CLEANUP(buf_free) struct buf bad = BUF_MAX(TEXT);
	const char *origin;
	struct doc *root;

	assert_ok(trustroot_write(keyset_ring(), ORIGIN, &text, err));
	assert_ok(json_parse(&a, text.data, text.len, "root", &root, err));
	assert_int_equal(doc_get(root, "tlogs")->n, 1);
	assert_int_equal(doc_get(root, "timestampAuthorities")->n, 1);
	assert_ok(trustroot_check(&a, keyset_ring(), text.data, text.len, &origin, err));
	assert_string_equal(origin, ORIGIN);
	keyset_replace(&text, "https://" ORIGIN "\",\"hash", "https://log.example.com\",\"hash",
		       &bad);
	assert_fails(trustroot_check(&a, keyset_ring(), bad.data, bad.len, &origin, err),
		     "lists other keys");
	assert_fails(trustroot_check(&a, keyset_ring(), "{}", 2, &origin, err), "names no log");
}

TEST(tlog_files_are_those_of_the_size)
{
	static const struct {
		uint64_t size;
		const char *names;
	} cases[] = {
		{ 0, "checkpoint" },
		{ 1, "tile/entries/000.p/1 tile/0/000.p/1 checkpoint" },
		{ 256, "tile/entries/000 tile/0/000 tile/1/000.p/1 checkpoint" },
		{ 258,
		  "tile/entries/000 tile/entries/001.p/2 tile/0/000 tile/0/001.p/2 tile/1/000.p/1 checkpoint" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(buf_free) struct buf all = BUF_MAX(TEXT);
		const char **names;
		size_t n;

		assert_ok(tlog_files(&a, cases[i].size, &names, &n, err));
		for (size_t k = 0; k < n; k++) {
			if (k)
				buf_add_char(&all, ' ');
			buf_add_str(&all, names[k]);
		}
		assert_string_equal(all.data, cases[i].names);
	}
	{
		CLEANUP(arena_release) struct arena a = { 0 };
		const char **names;
		size_t n;

		assert_fails(tlog_files(&a, TLOG_MAX_SIZE, &names, &n, err), "more than");
	}
}
