/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cas_batch_priv.h"
#include "base/tree.h"
#include "tests/unit/test.h"
#include <signal.h>

struct scene {
	int dir;
	struct cas *store;
	struct cas_batch *batch;
};

static void
scene_release_scope(struct scene *s)
{
	cas_batch_close(s->batch);
	cas_close(s->store);
	fd_close_scope(&s->dir);
}

static void
open_scene(struct scene *s)
{
	struct err err;
	char path[4096];

	s->dir = test_tmpdir();
	(void)snprintf(path, sizeof(path), "%s/store", test_tmpdir_path(s->dir));
	if (cas_open(path, true, &s->store, &err) < 0 ||
	    cas_batch_open(s->store, &s->batch, &err) < 0)
		fail_msg("%s", err.text);
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s = { .dir = -1 };                                 \
	open_scene(&s)

static size_t
count_tmp(const struct cas *c)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	struct err err;
	size_t n = 0;

	assert_int_equal(tree_list(&a, cas_dirfd(c), "tmp", &names, &n, &err), 0);
	return n;
}

TEST(cas_batch_brings_all_of_a_ticket_into_the_store)
{
	CLEANUP(buf_free) struct buf ref = BUF_MAX(100);
	struct cas_report report;
	uint64_t ticket;
	struct digest d;
	bool found;

	SCENE;
	cas_batch_enter(s.batch);
	assert_ok(cas_put(s.store, "blob", 4, &d, err));
	assert_ok(cas_ref_put(s.store, "kind", "name", "1", 1, err));
	/* Nobody sees it before. */
	assert_false(cas_has(s.store, &d));
	assert_ok(cas_ref_get(s.store, "kind", "name", &ref, &found, err));
	assert_false(found);
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_ok(cas_batch_wait(s.batch, ticket, err));
	assert_true(cas_has(s.store, &d));
	assert_ok(cas_ref_get(s.store, "kind", "name", &ref, &found, err));
	assert_true(found);
	assert_string_equal(buf_text(&ref), "1");
	assert_int_equal(count_tmp(s.store), 1);
	assert_ok(cas_check(s.store, false, NULL, NULL, &report, err));
	assert_int_equal(report.corrupt, 0);
	assert_int_equal(report.blobs, 1);
}

TEST(cas_batch_puts_what_comes_after_it_at_once)
{
	struct digest d;
	uint64_t ticket;

	SCENE;
	cas_batch_enter(s.batch);
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_ok(cas_put(s.store, "blob", 4, &d, err));
	assert_true(cas_has(s.store, &d));
}

TEST(cas_batch_keeps_the_order_of_tickets_and_survives_equal_ones)
{
	CLEANUP(buf_free) struct buf ref = BUF_MAX(100);
	uint64_t ticket = 0, done;
	struct digest d;
	bool found;
	char n[32];

	SCENE;
	for (int i = 0; i < 700; i++) { /* more than may wait */
		cas_batch_enter(s.batch);
		assert_ok(cas_put(s.store, "the same", 8, &d, err));
		(void)snprintf(n, sizeof(n), "%d", i);
		assert_ok(cas_ref_put(s.store, "kind", "name", n, strlen(n), err));
		assert_ok(cas_batch_leave(s.batch, &ticket, err));
	}
	assert_int_equal(ticket, 700);
	assert_ok(cas_batch_wait(s.batch, ticket, err));
	assert_ok(cas_batch_done(s.batch, &done, err));
	assert_int_equal(done, ticket);
	assert_ok(cas_ref_get(s.store, "kind", "name", &ref, &found, err));
	assert_string_equal(buf_text(&ref), "699");
	assert_int_equal(count_tmp(s.store), 1);
}

/* A ticket of several messages. */
TEST(cas_batch_ends_what_nobody_waits_for)
{
	uint64_t ticket, done = 0;
	struct digest d;

	SCENE;
	for (int i = 0; i < 3; i++) {
		cas_batch_enter(s.batch);
		assert_ok(cas_put(s.store, &i, sizeof(i), &d, err));
		assert_ok(cas_batch_leave(s.batch, &ticket, err));
	}
	while (done < ticket) /* a test that hangs fails, too */
		assert_ok(cas_batch_done(s.batch, &done, err));
	assert_true(cas_has(s.store, &d));
	/* Having waited for what is long done hurries nobody. */
	assert_ok(cas_batch_wait(s.batch, 1, err));
	assert_ok(cas_batch_wait(s.batch, ticket, err));
}

TEST(cas_batch_takes_a_large_ticket_as_one)
{
	uint64_t ticket;
	struct digest d;

	SCENE;
	cas_batch_enter(s.batch);
	for (int i = 0; i < 1000; i++)
		assert_ok(cas_put(s.store, &i, sizeof(i), &d, err));
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_ok(cas_batch_wait(s.batch, ticket, err));
	assert_true(cas_has(s.store, &d));
	assert_int_equal(count_tmp(s.store), 1);
}

TEST(cas_batch_adopts_a_file_only_if_it_is_what_was_said)
{
	CLEANUP(fd_close) int good = -1;
	CLEANUP(fd_close) int bad = -1;
	char one[64], two[64];
	uint64_t ticket;
	struct digest d, other;
	struct stat st;
	char path[CAS_PATH_MAX];

	SCENE;
	digest_of("bytes", 5, &d);
	digest_of("others", 6, &other);
	assert_ok(cas_tmp_file(s.store, one, &good, err));
	assert_ok(cas_tmp_file(s.store, two, &bad, err));
	assert_int_equal(write(good, "bytes", 5), 5);
	assert_int_equal(write(bad, "bytes", 5), 5);
	cas_batch_adopt(s.batch, one, &d);
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_ok(cas_batch_wait(s.batch, ticket, err));
	cas_blob_path(&d, path);
	assert_int_equal(fstatat(cas_dirfd(s.store), path, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_nlink, 1);
	cas_batch_adopt(s.batch, two, &other);
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_fails(cas_batch_wait(s.batch, ticket, err), "its bytes are not what was said");
	assert_false(cas_has(s.store, &other));
	/* After a failure nothing more is taken. */
	assert_fails(cas_batch_leave(s.batch, &ticket, err), "its bytes are not what was said");
}

TEST(cas_batch_says_when_its_process_is_gone)
{
	uint64_t ticket;

	SCENE;
	assert_int_equal(kill(cas_batch_pid(s.batch), SIGKILL), 0);
	cas_batch_enter(s.batch);
	assert_ok(cas_ref_put(s.store, "kind", "name", "1", 1, err));
	if (cas_batch_leave(s.batch, &ticket, err) == 0)
		assert_fails(cas_batch_wait(s.batch, ticket, err), "has ended");
}

TEST(cas_batch_that_is_cancelled_leaves_nothing)
{
	uint64_t ticket;
	struct digest d;

	SCENE;
	cas_batch_enter(s.batch);
	assert_ok(cas_put(s.store, "blob", 4, &d, err));
	cas_batch_cancel(s.batch);
	assert_int_equal(count_tmp(s.store), 1);
	cas_batch_enter(s.batch);
	assert_ok(cas_batch_leave(s.batch, &ticket, err));
	assert_ok(cas_batch_wait(s.batch, ticket, err));
	assert_false(cas_has(s.store, &d));
}

TEST(cas_batch_drops_what_was_entered_and_not_left)
{
	SCENE;
	cas_batch_enter(s.batch);
	assert_ok(cas_put(s.store, "blob", 4, NULL, err));
	assert_int_equal(count_tmp(s.store), 2);
	cas_batch_close(STEAL_PTR(s.batch));
	assert_int_equal(count_tmp(s.store), 1);
	assert_ok(cas_put(s.store, "blob", 4, NULL, err));
}
