/* SPDX-License-Identifier: Apache-2.0 */
/* While the builder key is rotated the next one signs along; a policy counts keys. */
#include "base/base.h"
#include "base/fd.h"
#include "base/json.h"
#include "repo/pkgverify.h"
#include "tests/unit/repo/shop.h"
#include "trust/dsse.h"

#define ZLIB     "packages/zlib-1-1.x86_64.rpm"
#define ENVELOPE ZLIB ".intoto.jsonl"
#define TEXT_MAX ((size_t)1 << 20)

struct turn { /* a repository published in the middle of a rotation */
	struct shop s;
	char *keys;
	int dirfd;
};

static void
turn_close(struct turn *t)
{
	shop_close(&t->s);
	free(t->keys);
	(void)close(t->dirfd);
}
DEFINE_RELEASE(struct turn, turn_close);

static void
turn_open(struct turn *t)
{
	static const struct key_choice how = { .vendor = "V",
					       .now = SHOP_EPOCH - 1000,
					       .ed25519 = true };
	struct publish_summary sum;
	struct err err;
	bool made;

	t->dirfd = test_tmpdir();
	t->keys = mem_strdup(test_tmpdir_path(t->dirfd));
	assert_int_equal(key_init_as(t->keys, &how, &made, &err), 0);
	assert_int_equal(key_rotate(t->keys, KEY_BUILDER, &how, &made, &err), 0);
	shop_open_with(&t->s, t->keys);
	t->s.ring = (struct keyring){ 0 };
	assert_int_equal(key_load(&t->s.a, t->keys, &t->s.ring, &err), 0);
	shop_stock(&t->s);
	assert_int_equal(shop_publish(&t->s, &sum, &err), 0);
}

static int
judge(struct turn *t, const char *policy, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(rules_release) struct rules rules = { 0 };
	const struct verify_terms terms = { .ring = &t->s.ring, .rules = &rules };
	struct pkgverify_summary found;

	if (rules_parse(&a, policy, strlen(policy), "p.yaml", t->keys, &rules, err) < 0)
		return -1;
	if (pkgverify_file_by(shop_path(&t->s, ZLIB), &terms, &found, err) < 0)
		return -1;
	return pkgverify_repo_by(shop_path(&t->s, ""), &terms, &found, err);
}

static const struct doc *
signatures(struct turn *t, struct doc **envelope)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	struct err err;

	shop_read(&t->s, ENVELOPE, &text);
	assert_int_equal(json_parse(&t->s.a, text.data, text.len, "e", envelope, &err), 0);
	return doc_get(*envelope, "signatures");
}

static void
put(struct turn *t, const struct doc *envelope)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	struct err err;

	json_write(envelope, &text);
	buf_add_char(&text, '\n');
	assert_int_equal(fd_publish(AT_FDCWD, shop_path(&t->s, ENVELOPE), text.data, text.len,
				    0644, &err),
			 0);
}

/* Another signature of the same statement by the key that signs. */
static const char *
sign_again(struct turn *t, const char *type, const char *payload64)
{
	CLEANUP(buf_free) struct buf payload = BUF_MAX(TEXT_MAX);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(TEXT_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	struct err err;

	assert_int_equal(digest_unbase64(payload64, strlen(payload64), &payload, &err), 0);
	assert_int_equal(signer_sign(t->s.signer, KEY_BUILDER, type, 0, payload.data,
				     payload.len, &sig, &err),
			 0);
	digest_base64(sig.data, sig.len, &text);
	return arena_strdup(&t->s.a, buf_text(&text));
}

TEST(pkgverify_counts_the_next_builder_key_that_signed_along)
{
	CLEANUP(turn_close) struct turn t;
	struct publish_summary again;
	struct doc *envelope;

	turn_open(&t);
	assert_int_equal(signatures(&t, &envelope)->n, 2);
	assert_ok(judge(&t, "format: 1\n", err));
	assert_ok(judge(&t, "format: 1\nsignatures: 2\n", err));
	assert_fails(judge(&t, "format: 1\nsignatures: 3\n", err),
		     "signed by 2 of the builder keys, and p.yaml demands 3");
	assert_ok(shop_publish(&t.s, &again, err));
	assert_true(again.unchanged);
}

TEST(pkgverify_counts_only_keys_that_it_knows_and_the_policy_names)
{
	CLEANUP(turn_close) struct turn t;
	const struct key_public *active, *next;
	struct keyring old = { 0 };
	const char *both;

	turn_open(&t);
	active = key_of_role(&t.s.ring, KEY_BUILDER);
	next = key_next(&t.s.ring, KEY_BUILDER);
	both = arena_format(&t.s.a,
			    "format: 1\nbuilders:\n  - {key: \"%s\"}\n  - {key: \"%s\"}\n"
			    "signatures: 2\n",
			    active->id, next->id);
	assert_ok(judge(&t, both, err));
	for (size_t i = 0; i < t.s.ring.n; i++)
		if (t.s.ring.at[i].state != KEY_NEXT)
			t.s.ring.at[old.n++] = t.s.ring.at[i];
	t.s.ring.n = old.n;
	assert_ok(judge(&t, "format: 1\n", err));
	assert_fails(judge(&t, "format: 1\nsignatures: 2\n", err),
		     "signed by 1 of the builder keys, and p.yaml demands 2");
}

TEST(pkgverify_counts_one_key_once_however_often_it_signed)
{
	CLEANUP(turn_close) struct turn t;
	const struct doc *list;
	struct doc *envelope;
	const char *payload;

	turn_open(&t);
	list = signatures(&t, &envelope);
	payload = doc_get_text(envelope, "payload");
	doc_set_text(&t.s.a, list->items[1].value, "keyid",
		     doc_get_text(list->items[0].value, "keyid"));
	doc_set_text(&t.s.a, list->items[1].value, "sig",
		     sign_again(&t, SIGNER_TYPE_INTOTO, payload));
	put(&t, envelope);
	assert_ok(judge(&t, "format: 1\n", err));
	assert_fails(judge(&t, "format: 1\nsignatures: 2\n", err),
		     "signed by 1 of the builder keys, and p.yaml demands 2");
}

TEST(pkgverify_refuses_further_signatures_that_are_not_true)
{
	CLEANUP(turn_close) struct turn t;
	const struct doc *list;
	struct doc *envelope, *second;
	const char *good;

	turn_open(&t);
	list = signatures(&t, &envelope);
	second = list->items[1].value;
	good = doc_get_text(second, "sig");
	/* by the next key, but of something else */
	doc_set_text(&t.s.a, second, "sig", sign_again(&t, SIGNER_TYPE_INTOTO_NEXT, "e30="));
	put(&t, envelope);
	assert_fails(judge(&t, "format: 1\nsignatures: 2\n", err), "does not verify");
	doc_set_text(&t.s.a, second, "sig", good);
	doc_set_text(&t.s.a, second, "extra", "x");
	put(&t, envelope);
	assert_fails(judge(&t, "format: 1\n", err), "unknown field 'extra'");
}

TEST(pkgverify_refuses_an_envelope_that_differs_before_its_further_signatures)
{
	CLEANUP(turn_close) struct turn t;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	const char *const tails[] = { ",]}\n", ",{}]}\n", ",{\"keyid\":\"x\",\"sig\":\"\"}]}\n",
				      ", {\"keyid\":\"x\",\"sig\":\"eA==\"}]}\n", "]} \n" };
	const char *end;

	turn_open(&t);
	shop_read(&t.s, ENVELOPE, &text);
	end = strstr(buf_text(&text), "},{");
	assert_non_null(end);
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		const char *bad = arena_format(&t.s.a, "%.*s%s", (int)(end + 1 - text.data),
					       text.data, tails[i]);

		assert_ok(fd_publish(AT_FDCWD, shop_path(&t.s, ENVELOPE), bad, strlen(bad),
				     0644, err));
		assert_fails(judge(&t, "format: 1\n", err), ENVELOPE + strlen("packages/"));
	}
	text.data[20] ^= 1;
	assert_ok(fd_publish(AT_FDCWD, shop_path(&t.s, ENVELOPE), text.data, text.len, 0644,
			     err));
	assert_fails(judge(&t, "format: 1\n", err),
		     "does not say what the bundle beside it says");
}
