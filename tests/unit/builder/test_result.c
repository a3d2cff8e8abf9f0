/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "builder/build_priv.h"
#include "tests/unit/builder/made.h"

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct scene {
	struct arena a;
	struct cas *store;
	struct pkgfacts *facts;
	struct result_input input;
	struct result result;
};

static void
scene_release_scope(struct scene *s)
{
	cas_close(s->store);
	arena_release(&s->a);
}

static void
put(struct scene *s, const char *text, struct digest *out)
{
	struct err e;

	if (cas_put(s->store, text, strlen(text), out, &e) < 0)
		fail_msg("%s", e.text);
}

static void
set_scene(struct scene *s)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	struct err e;

	memset(s, 0, sizeof(*s));
	if (cas_open(arena_format(&s->a, "%s/store", test_tmpdir_path(dir)), true, &s->store,
		     &e) < 0)
		fail_msg("%s", e.text);
	s->facts = made_facts(&s->a, "x");
	put(s, "package", &s->facts->file);
	put(s, "{\"keyFormat\":1}", &s->facts->action);
	put(s, "record", &s->result.record);
	put(s, "log", &s->result.log);
	put(s, "statement", &s->result.statement);
	put(s, "bundle", &s->result.bundle);
	s->input = (struct result_input){ .name = "lib", .purl = "pkg:rpm/kiln/lib@1-1" };
	made_digest("lib", &s->input.file);
	s->result.packages = s->facts;
	s->result.npackages = 1;
	s->result.environment = &s->input;
	s->result.nenvironment = 1;
	s->result.measures = doc_map(&s->a);
	doc_set(&s->a, s->result.measures, "elapsedMs", doc_number(&s->a, 1234));
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

TEST(result_is_read_back_as_it_was_stored)
{
	struct result r;
	int64_t ms = 0;
	bool found;

	SCENE;
	assert_ok(result_store(s.store, "x", KEY, &s.result, err));
	assert_ok(result_note_last(s.store, "x", KEY, &s.result, err));
	assert_ok(result_load(&s.a, s.store, KEY, &r, &found, err));
	assert_true(found);
	assert_int_equal(r.npackages, 1);
	assert_string_equal(r.packages[0].id.name, "x");
	assert_true(digest_equal(&r.packages[0].file, &s.facts->file));
	assert_true(digest_equal(&r.bundle, &s.result.bundle));
	assert_int_equal(r.nenvironment, 1);
	assert_string_equal(r.environment[0].purl, "pkg:rpm/kiln/lib@1-1");
	assert_ok(result_last_duration(s.store, "x", &ms, err));
	assert_int_equal(ms, 1234);
}

TEST(result_does_not_count_while_a_blob_is_missing)
{
	struct result r;
	bool found;

	SCENE;
	made_digest("never stored", &s.result.log);
	assert_ok(result_store(s.store, "x", KEY, &s.result, err));
	assert_ok(result_load(&s.a, s.store, KEY, &r, &found, err));
	assert_false(found);
}

TEST(result_of_an_unknown_action_is_not_found)
{
	struct result r;
	struct doc *last;
	int64_t ms = 7;
	bool found;

	SCENE;
	assert_ok(result_load(&s.a, s.store, KEY, &r, &found, err));
	assert_false(found);
	assert_ok(result_last_action(&s.a, s.store, "x", &last, err));
	assert_null(last);
	assert_ok(result_last_duration(s.store, "x", &ms, err));
	assert_int_equal(ms, 7);
}

TEST(result_remembers_the_last_action_of_a_recipe)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char hex[DIGEST_HEX];
	struct doc *last;
	int64_t born;

	SCENE;
	digest_hex(&s.facts->action, hex);
	assert_ok(result_store(s.store, "x", hex, &s.result, err));
	assert_ok(result_last_action(&s.a, s.store, "x", &last, err));
	assert_null(last);
	assert_ok(result_note_last(s.store, "x", hex, &s.result, err));
	assert_ok(result_last_action(&s.a, s.store, "x", &last, err));
	assert_non_null(doc_get(last, "keyFormat"));
	assert_ok(result_last_action(&s.a, s.store, "x@libc", &last, err));
	assert_null(last);
	/* Nothing is written where nothing changed. */
	assert_int_equal(utimensat(cas_dirfd(s.store), "refs/last/x", long_ago, 0), 0);
	born = cas_ref_born(s.store, "last", "x");
	assert_ok(result_note_last(s.store, "x", hex, &s.result, err));
	assert_true(cas_ref_born(s.store, "last", "x") == born);
	assert_ok(result_note_last(s.store, "x", KEY, &s.result, err));
	assert_true(cas_ref_born(s.store, "last", "x") != born);
}

TEST(result_that_is_damaged_names_the_remedy)
{
	static const char damaged[] = "{\"format\":1,\"packages\":[]}";
	struct result r;
	bool found;

	SCENE;
	assert_ok(cas_ref_put(s.store, "action", KEY, damaged, strlen(damaged), err));
	assert_fails(result_load(&s.a, s.store, KEY, &r, &found, err),
		     "the result of action " KEY);
	assert_non_null(strstr(err->text, "kiln store check --repair"));
}

/* A log of n lines, "line 1" and so on. */
static int
make_log(struct arena *a, int n)
{
	struct err e;
	int fd = -1;

	if (fd_memory("log", &fd, &e) < 0)
		fail_msg("%s", e.text);
	for (int i = 1; i <= n; i++) {
		const char *line = arena_format(a, "line %d\n", i);

		assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	}
	return fd;
}

TEST(build_log_tail_is_forty_lines)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = make_log(&a, 100);
	const char *tail;

	assert_ok(build_log_tail(&a, fd, &tail, err));
	assert_memory_equal(tail, "line 61\nline 62\n", 16);
	assert_non_null(strstr(tail, "line 100\n"));
}

TEST(build_log_tail_of_a_short_log_is_all_of_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = make_log(&a, 2);
	const char *tail;

	assert_ok(build_log_tail(&a, fd, &tail, err));
	assert_string_equal(tail, "line 1\nline 2\n");
}

TEST(build_log_tail_takes_commands_to_the_terminal_away)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = make_log(&a, 0);
	const char *tail;

	assert_int_equal(write(fd, "a\033]0;b\007\0c\n", 10), 10);
	assert_ok(build_log_tail(&a, fd, &tail, err));
	assert_string_equal(tail, "a?]0;b??c\n");
}

TEST(build_lock_that_nobody_holds_is_taken_at_once)
{
	struct build_lock one = { .sock = -1, .fd = -1 };

	SCENE;
	assert_ok(build_lock_begin(s.store, "action-x", &one, err));
	assert_int_equal(one.pid, 0);
	assert_int_equal(one.sock, -1);
	assert_true(one.fd >= 0);
	assert_ok(build_lock_take(&one, err));
	build_lock_release(&one);
	assert_int_equal(one.fd, -1);
}

TEST(build_lock_that_another_holds_is_passed_by_a_child)
{
	struct build_lock one = { .sock = -1, .fd = -1 }, two = { .sock = -1, .fd = -1 };
	struct err why;

	SCENE;
	assert_ok(build_lock_begin(s.store, "action-x", &one, err));
	/* The second waits in its child until it is killed. */
	assert_ok(build_lock_begin(s.store, "action-x", &two, err));
	assert_int_equal(two.fd, -1);
	build_lock_kill(&two);
	assert_int_equal(build_lock_take(&two, &why), -1);
	assert_int_equal(why.code, ERR_INTERRUPTED);
	/* Or until the first gives it up. */
	assert_ok(build_lock_begin(s.store, "action-x", &two, err));
	assert_int_equal(two.fd, -1);
	build_lock_release(&one);
	assert_ok(build_lock_take(&two, err));
	assert_true(two.fd >= 0);
	build_lock_release(&two);
}
