/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"
#include "base/json.h"
#include "tests/unit/test.h"

static const struct build_running running[] = {
	{ "gcc", "build", 62000, 200000, false },
	{ "zlib", "package", 3000, 30000, true },
	{ "curl", "lock", 12000, 30000, true },
};
static const struct build_waiting waiting[] = { { "openssl", "for gcc" },
						{ "vim", "for memory" } };
static const struct build_now building = {
	.doing = "building",
	.recipes = 50,
	.todo = 40,
	.done = 12,
	.failed = 1,
	.blocked = 2,
	.ready = 1,
	.idle = 22,
	.running = running,
	.nrunning = 3,
	.waiting = waiting,
	.nwaiting = 2,
	.elapsed_ms = 83000,
	.rest_ms = 250000,
};

TEST(progress_tells_time_as_people_do)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(progress_time(&a, 0), "0 s");
	assert_string_equal(progress_time(&a, 1499), "1 s");
	assert_string_equal(progress_time(&a, 59499), "59 s");
	assert_string_equal(progress_time(&a, 59500), "1:00 min");
	assert_string_equal(progress_time(&a, 250000), "4:10 min");
	assert_string_equal(progress_time(&a, 3900000), "1:05 h");
}

TEST(progress_tells_what_runs_what_waits_and_why)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct status_line lines[STATUS_LINES_MAX];
	const char *const want[] = {
		"[  1:23] 12 of 40 done, about 4:10 min left, 3 run, 1 ready, 22 wait, 1 failed, 2 not begun",
		"  gcc   build    1:02 min of about 3:20 min",
		"  zlib  package  3 s of perhaps 30 s",
		"  curl  lock     12 s; another Kiln works on it",
		"  next: openssl (for gcc), vim (for memory), 21 more",
	};

	assert_int_equal(progress_lines(&a, &building, STATUS_LINES_MAX, lines),
			 ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(lines[i].text, want[i]);
}

TEST(progress_takes_no_more_lines_than_there_are)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct status_line lines[STATUS_LINES_MAX];

	for (size_t max = 1; max < 8; max++)
		assert_true(progress_lines(&a, &building, max, lines) <= max);
	assert_int_equal(progress_lines(&a, &building, 4, lines), 4);
	assert_string_equal(lines[2].text, "  and 2 more");
	assert_int_equal(progress_lines(&a, &building, 1, lines), 1);
}

TEST(progress_before_the_builds_is_a_line_of_what_is_done)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct status_line lines[STATUS_LINES_MAX];
	const struct build_now now = {
		.doing = "unpacking", .todo = 1, .elapsed_ms = 3000, .rest_ms = -1
	};

	assert_int_equal(progress_lines(&a, &now, STATUS_LINES_MAX, lines), 1);
	assert_string_equal(lines[0].text, "[  0:03] unpacking for 1 recipe");
}

TEST(progress_as_json_has_all_of_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(1 << 16);

	json_write(progress_doc(&a, &building), &text);
	assert_string_equal(
		buf_text(&text),
		"{\"blocked\":2,\"doing\":\"building\",\"done\":12,\"elapsed_ms\":83000,\"failed\":1,"
		"\"idle\":22,\"ready\":1,\"recipes\":50,\"remaining_ms\":250000,\"running\":["
		"{\"elapsed_ms\":62000,\"expected_ms\":200000,\"guessed\":false,\"phase\":\"build\",\"recipe\":\"gcc\"},"
		"{\"elapsed_ms\":3000,\"expected_ms\":30000,\"guessed\":true,\"phase\":\"package\",\"recipe\":\"zlib\"},"
		"{\"elapsed_ms\":12000,\"expected_ms\":30000,\"guessed\":true,\"phase\":\"lock\",\"recipe\":\"curl\"}],"
		"\"todo\":40,\"waiting\":[{\"recipe\":\"openssl\",\"why\":\"for gcc\"},"
		"{\"recipe\":\"vim\",\"why\":\"for memory\"}]}");
}
