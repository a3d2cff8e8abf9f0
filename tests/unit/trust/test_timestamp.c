/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/keyset.h"
#include "trust/timestamp.h"

#define DATA "a signature"
#define WHEN 1800000000

static void
make(const char *data, struct buf *out)
{
	struct digest imprint;
	struct err err;

	digest_of(data, strlen(data), &imprint);
	if (timestamp_make(keyset_private(KEY_TIMESTAMP), &imprint, WHEN, out, &err) < 0)
		fail_msg("%s", err.text);
}

static int
check(const struct keyring *ring, const void *token, size_t n, const char *data, bool *stamped,
      int64_t *when, struct err *err)
{
	return timestamp_verify(ring, token, n, data, strlen(data), stamped, when, err);
}

TEST(timestamp_says_when_something_was_there)
{
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);
	bool stamped = false;
	int64_t when = 0;

	make(DATA, &token);
	assert_ok(check(keyset_ring(), token.data, token.len, DATA, &stamped, &when, err));
	assert_true(stamped);
	assert_int_equal(when, WHEN);
}

TEST(timestamp_of_a_key_that_is_not_in_the_ring_says_nothing)
{
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);
	struct keyring nobody = { 0 };
	bool stamped = true;
	int64_t when = 0;

	make(DATA, &token);
	assert_ok(check(&nobody, token.data, token.len, DATA, &stamped, &when, err));
	assert_false(stamped);
	assert_fails(check(&nobody, token.data, token.len, "other", &stamped, &when, err),
		     "timestamp: ");
}

TEST(timestamp_refuses_other_bytes_and_other_keys)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);
	struct keyring his = { 0 };
	bool stamped = false;
	int64_t when = 0;

	make(DATA, &token);
	assert_fails(check(keyset_ring(), token.data, token.len, "a signaturf", &stamped, &when,
			   err),
		     "not by a trusted timestamp key over this signature");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_ok(key_load(&a, keyset_other_path(), &his, err));
	assert_fails(check(&his, token.data, token.len, DATA, &stamped, &when, err),
		     "not by a trusted timestamp key over this signature");
	assert_false(stamped);
}

/* The frame around what is signed has bytes that say nothing (version numbers, the letters of
 * the issuer's name): a token that is changed there still says the same, and no other. */
TEST(timestamp_with_a_flipped_bit_is_refused_or_says_the_same)
{
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);
	size_t refused = 0;

	make(DATA, &token);
	for (size_t bit = 0; bit < token.len * 8; bit += 3) {
		char *at = token.data + bit / 8;
		bool stamped = false;
		int64_t when = 0;

		*at = (char)(*at ^ 1 << bit % 8);
		if (check(keyset_ring(), token.data, token.len, DATA, &stamped, &when, err) < 0)
			refused++;
		else
			assert_true(stamped && when == WHEN);
		*at = (char)(*at ^ 1 << bit % 8);
	}
	assert_true(refused > token.len * 2); /* of 8/3 for each byte */
}

TEST(timestamp_refuses_what_is_cut_off_or_longer)
{
	CLEANUP(buf_free) struct buf token = BUF_MAX(2 * TIMESTAMP_MAX_BYTES);
	bool stamped = false;
	int64_t when = 0;

	make(DATA, &token);
	for (size_t n = 0; n < token.len; n++)
		assert_fails(check(keyset_ring(), token.data, n, DATA, &stamped, &when, err),
			     "timestamp: ");
	buf_add_char(&token, '\0');
	assert_fails(check(keyset_ring(), token.data, token.len, DATA, &stamped, &when, err),
		     "not in its one DER form");
	while (token.len <= TIMESTAMP_MAX_BYTES)
		buf_add_char(&token, '\0');
	assert_fails(check(keyset_ring(), token.data, token.len, DATA, &stamped, &when, err),
		     "are accepted");
}

/* The certificate counts for twenty years, and a clock can be wrong. */
TEST(timestamp_refuses_a_time_at_which_the_certificate_did_not_count)
{
	CLEANUP(buf_free) struct buf token = BUF_MAX(TIMESTAMP_MAX_BYTES);
	struct digest imprint;
	bool stamped = false;
	int64_t when = 0;

	digest_of(DATA, strlen(DATA), &imprint);
	assert_ok(timestamp_make(keyset_private(KEY_TIMESTAMP), &imprint, KEYSET_CREATED - 1,
				 &token, err));
	assert_fails(check(keyset_ring(), token.data, token.len, DATA, &stamped, &when, err),
		     "not by a trusted timestamp key");
}
