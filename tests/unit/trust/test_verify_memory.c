/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "tests/unit/trust/keyset.h"
#include "trust/verify_memory.h"

struct desk {
	const char *dir;
	struct note_key key;
};

static void
desk_open(struct desk *d)
{
	uint8_t public[NOTE_KEY_BYTES] = { 7 };
	struct err errs, *err = &errs;

	d->dir = test_tmpdir_path(test_tmpdir());
	assert_ok(note_key_make("log.invalid", NOTE_ED25519, public, &d->key, err));
}

static struct tlog_checkpoint
checkpoint(uint64_t size)
{
	struct tlog_checkpoint c = { .origin = "log.invalid", .size = size };

	memset(c.root.bytes, (int)size, DIGEST_BYTES);
	return c;
}

static void
write_file(const struct desk *d, const char *text)
{
	CLEANUP(fd_close) int fd = -1;
	struct err errs, *err = &errs;

	assert_ok(fd_open_dir(AT_FDCWD, d->dir, &fd, err));
	assert_ok(fd_publish(fd, VERIFY_MEMORY_FILE, text, strlen(text), 0644, err));
}

TEST(verify_memory_starts_empty_and_remembers_what_was_committed)
{
	struct desk d;
	CLEANUP(verify_memory_free) struct verify_memory *m = NULL, *again = NULL;
	struct tlog_checkpoint c = checkpoint(5), seen;
	char deeper[512];
	const struct verify_memory_repository twelve = { .revision = 12, .log = 5 };
	struct verify_memory_repository r;
	bool same;

	desk_open(&d);
	(void)snprintf(deeper, sizeof(deeper), "%s/state/kiln", d.dir);
	assert_ok(verify_memory_open(deeper, &m, err));
	assert_false(verify_memory_log(m, &d.key, &seen));
	assert_false(verify_memory_repository(m, "ABCD", &r));
	verify_memory_saw_log(m, &d.key, &c);
	verify_memory_saw_repository(m, "ABCD", &twelve);
	assert_ok(verify_memory_commit(m, err));
	assert_ok(verify_memory_open(deeper, &again, err));
	assert_true(verify_memory_log(again, &d.key, &seen));
	assert_int_equal(seen.size, 5);
	assert_true(digest_equal(&seen.root, &c.root));
	assert_true(verify_memory_repository(again, "ABCD", &r));
	assert_int_equal(r.revision, 12);
	assert_int_equal(r.log, 5);
	assert_true(verify_memory_knows(again, &d.key, &c, &same) && same);
	c.root.bytes[0] ^= 1;
	assert_true(verify_memory_knows(again, &d.key, &c, &same) && !same);
	c.size = 4;
	assert_false(verify_memory_knows(again, &d.key, &c, &same));
}

TEST(verify_memory_forgets_what_was_dropped)
{
	struct desk d;
	CLEANUP(verify_memory_free) struct verify_memory *m = NULL;
	struct tlog_checkpoint c = checkpoint(5), seen;

	desk_open(&d);
	assert_ok(verify_memory_open(d.dir, &m, err));
	verify_memory_saw_log(m, &d.key, &c);
	verify_memory_drop(m);
	assert_ok(verify_memory_commit(m, err));
	assert_false(verify_memory_log(m, &d.key, &seen));
	assert_int_equal(access(d.dir, F_OK), 0);
}

TEST(verify_memory_only_grows_even_by_two_at_once)
{
	struct desk d;
	CLEANUP(verify_memory_free) struct verify_memory *one = NULL, *two = NULL, *now = NULL;
	struct tlog_checkpoint five = checkpoint(5), nine = checkpoint(9), seen;
	const struct verify_memory_repository r1 = { .revision = 1 }, r2 = { .revision = 2 };
	struct verify_memory_repository r;
	bool same;

	desk_open(&d);
	assert_ok(verify_memory_open(d.dir, &one, err));
	assert_ok(verify_memory_open(d.dir, &two, err));
	verify_memory_saw_log(one, &d.key, &nine);
	verify_memory_saw_repository(one, "A", &r1);
	verify_memory_saw_log(two, &d.key, &five);
	verify_memory_saw_repository(two, "B", &r2);
	assert_ok(verify_memory_commit(one, err));
	assert_ok(verify_memory_commit(two, err));
	assert_ok(verify_memory_open(d.dir, &now, err));
	assert_true(verify_memory_log(now, &d.key, &seen));
	assert_int_equal(seen.size, 9);
	assert_true(verify_memory_knows(now, &d.key, &five, &same) && same);
	assert_true(verify_memory_repository(now, "A", &r));
	assert_true(verify_memory_repository(now, "B", &r));
}

TEST(verify_memory_refuses_a_damaged_file)
{
	static const char *const bad[] = {
		"",
		"{}",
		"{\"format\":2,\"logs\":[],\"repositories\":[]}",
		"{\"format\":1,\"logs\":[],\"logs\":[],\"repositories\":[]}",
		"{\"format\":1,\"logs\":[],\"repositories\":[{\"id\":\"A\",\"log\":0,\"revision\":-1}]}",
		"{\"format\":1,\"logs\":[{\"key\":\"x\",\"seen\":[]}],\"repositories\":[]}",
		"{\"format\":1,\"logs\":[],\"repositories\":[],\"more\":1}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct desk d;
		CLEANUP(verify_memory_free) struct verify_memory *m = NULL;

		desk_open(&d);
		write_file(&d, bad[i]);
		assert_fails(verify_memory_open(d.dir, &m, err), "seen.json");
		assert_int_equal(err->code, ERR_VERIFY);
		assert_non_null(strstr(err->text, "put back a copy"));
	}
}

TEST(verify_memory_is_written_in_one_form)
{
	struct desk d;
	CLEANUP(verify_memory_free) struct verify_memory *m = NULL;
	CLEANUP(buf_free) struct buf text = BUF_MAX(VERIFY_MEMORY_BYTES);
	static const char good[] =
		"{\"format\":1,\"logs\":[],\"repositories\":[{\"id\":\"A\",\"log\":1,\"revision\":3},{\"id\":\"B\",\"log\":2,\"revision\":1}]}\n";

	desk_open(&d);
	assert_ok(verify_memory_open(d.dir, &m, err));
	assert_ok(verify_memory_parse(m, good, strlen(good), "x", err));
	assert_ok(verify_memory_write(m, &text, err));
	assert_string_equal(buf_text(&text), good);
}
