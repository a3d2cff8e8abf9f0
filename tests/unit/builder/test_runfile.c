/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/runfile.h"
#include "base/fd.h"
#include "base/tree.h"
#include "tests/unit/test.h"

struct scene {
	struct arena a;
	char dir[64];
	struct cas *store;
	struct workspace workspace;
	struct runfile *file;
	char path[256]; /* of the run's file */
	struct runfile_entry *runs;
	size_t n;
};

static void
scene_release_scope(struct scene *s)
{
	struct err ignored;

	runfile_close(s->file);
	cas_close(s->store);
	(void)!tree_remove(AT_FDCWD, s->dir, &ignored);
	arena_release(&s->a);
}

static const struct build_now *
some_run(void)
{
	static const struct build_running running[] = {
		{ "gcc", "build", 65000, 120000, false }, { "zlib", "package", 10, 30000, true }
	};
	static const struct build_waiting waiting[] = { { "curl", "for zlib" } };
	static const struct build_now now = { .doing = "building",
					      .recipes = 9,
					      .todo = 5,
					      .done = 2,
					      .failed = 1,
					      .idle = 1,
					      .running = running,
					      .nrunning = 2,
					      .waiting = waiting,
					      .nwaiting = 1,
					      .elapsed_ms = 70000,
					      .rest_ms = 90000 };

	return &now;
}

static void
set_scene(struct scene *s)
{
	struct err e, *err = &e;
	const char **names;
	size_t n;

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/kiln-runfile-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	assert_ok(cas_open(arena_format(&s->a, "%s/store", s->dir), true, &s->store, err));
	s->workspace.path = s->dir;
	assert_ok(runfile_open(s->store, &s->workspace, &s->file, err));
	runfile_write(s->file, some_run());
	assert_ok(tree_list(&s->a, cas_dirfd(s->store), "tmp", &names, &n, err));
	for (size_t i = 0; i < n; i++)
		if (!strstr(names[i], ".lock"))
			(void)snprintf(s->path, sizeof(s->path), "%s/store/tmp/%s/run.json",
				       s->dir, names[i]);
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

static char *
text_of(struct scene *s)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1 << 20);
	struct err e, *err = &e;

	assert_ok(fd_read_file(AT_FDCWD, s->path, &b, err));
	return arena_strdup(&s->a, buf_text(&b));
}

static void
put(struct scene *s, const char *text, size_t n)
{
	CLEANUP(fd_close) int fd = -1;
	struct err e, *err = &e;

	assert_int_equal(unlink(s->path), 0);
	assert_ok(fd_create(AT_FDCWD, s->path, 0600, &fd, err));
	assert_ok(fd_write_all(fd, text, n, err));
}

static size_t
count(struct scene *s)
{
	struct err e, *err = &e;

	assert_ok(runfile_list(&s->a, s->store, &s->runs, &s->n, err));
	return s->n;
}

/* The file with one word exchanged for another, which stands there once. */
static size_t
count_with(struct scene *s, const char *before, const char *now)
{
	char *text = text_of(s), *at = strstr(text, before);
	char *changed;
	size_t n;

	assert_non_null(at);
	changed = arena_format(&s->a, "%.*s%s%s", (int)(at - text), text, now,
			       at + strlen(before));
	put(s, changed, strlen(changed));
	n = count(s);
	put(s, text, strlen(text));
	return n;
}

TEST(runfile_tells_others_what_a_run_is_at)
{
	SCENE;
	assert_int_equal(count(&s), 1);
	assert_int_equal(s.runs[0].pid, getpid());
	assert_string_equal(s.runs[0].workspace, s.dir);
	assert_string_equal(s.runs[0].now.doing, "building");
	assert_int_equal(s.runs[0].now.todo, 5);
	assert_int_equal(s.runs[0].now.done, 2);
	assert_int_equal(s.runs[0].now.nrunning, 2);
	assert_string_equal(s.runs[0].now.running[0].recipe, "gcc");
	assert_in_range(s.runs[0].now.running[0].elapsed_ms, 65000, 125000);
	assert_int_equal(s.runs[0].now.running[0].expected_ms, 120000);
	assert_true(s.runs[0].now.running[1].guessed);
	assert_in_range(s.runs[0].now.rest_ms, 30000, 90000);
	assert_string_equal(s.runs[0].now.waiting[0].why, "for zlib");
	runfile_close(STEAL_PTR(s.file));
	assert_int_equal(count(&s), 0);
}

TEST(runfile_of_a_process_that_is_gone_is_not_told)
{
	char pid[64];

	SCENE;
	(void)snprintf(pid, sizeof(pid), "\"pid\":%d", (int)getpid());
	assert_int_equal(count_with(&s, "\"began\":\"", "\"began\":\"9"), 0);
	assert_int_equal(count_with(&s, pid, "\"pid\":1"), 0);
	assert_int_equal(count_with(&s, pid, "\"pid\":2147483647"), 0);
	assert_int_equal(count_with(&s, pid, "\"pid\":-1"), 0);
	assert_int_equal(count_with(&s, "\"where\":\"pid:", "\"where\":\"qid:"), 0);
	assert_int_equal(count(&s), 1);
}

TEST(runfile_that_was_tampered_with_is_not_believed)
{
	SCENE;
	assert_int_equal(count_with(&s, "\"format\":1", "\"format\":2"), 0);
	assert_int_equal(count_with(&s, "\"todo\":5", "\"todo\":-5"), 0);
	assert_int_equal(count_with(&s, "\"todo\":5", "\"todo\":\"5\""), 0);
	assert_int_equal(count_with(&s, "\"recipe\":\"gcc\"", "\"recipe\":7"), 0);
	assert_int_equal(
		count_with(&s, "\"expectedMs\":120000", "\"expectedMs\":9007199254740991"), 0);
	assert_int_equal(count_with(&s, "\"waiting\":[", "\"waiting\":[1,"), 0);
	assert_int_equal(count_with(&s, "\"running\":[", "\"running\":{},\"x\":["), 0);
	/* Moments of the future, and an end long past, are no reason to doubt. */
	assert_int_equal(count_with(&s, "\"endMs\":", "\"endMs\":1,\"x\":"), 1);
	assert_int_equal(s.runs[0].now.rest_ms, 0);
}

TEST(runfile_reads_no_more_than_it_must)
{
	size_t n = RUNFILE_MAX_BYTES + 1;
	char *big;

	SCENE;
	big = arena_alloc(&s.a, n);
	memset(big, ' ', n);
	put(&s, big, n);
	assert_int_equal(count(&s), 0);
	memset(big, '[', n);
	put(&s, big, RUNFILE_MAX_BYTES - 1);
	assert_int_equal(count(&s), 0);
	put(&s, "", 0);
	assert_int_equal(count(&s), 0);
	/* Nor does it follow a link, or wait for a pipe. */
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(symlink("/etc/passwd", s.path), 0);
	assert_int_equal(count(&s), 0);
	assert_int_equal(unlink(s.path), 0);
	assert_int_equal(mkfifo(s.path, 0600), 0);
	assert_int_equal(count(&s), 0);
}
