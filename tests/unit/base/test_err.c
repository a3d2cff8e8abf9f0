/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "tests/unit/test.h"

TEST(err_wrap_puts_context_in_front_and_keeps_the_code)
{
	assert_int_equal(err_set(err, ERR_LIMIT, "too %s", "big"), -1);
	assert_int_equal(err_wrap(err, "file %d", 7), -1);
	assert_string_equal(err->text, "file 7: too big");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(err_sys_appends_the_reason_and_keeps_errno)
{
	errno = ENOENT;
	assert_int_equal(err_sys(err, "open %s", "x"), -1);
	assert_string_equal(err->text, "open x: No such file or directory");
	assert_int_equal(err->sys, ENOENT);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err->code, ERR_IO);
}

TEST(err_full_disk_names_the_remedy)
{
	errno = ENOSPC;
	assert_int_equal(err_sys(err, "write"), -1);
	assert_non_null(strstr(err->text, "\nhint: free disk space"));
}

TEST(err_hint_stands_on_a_line_of_its_own)
{
	(void)err_set(err, ERR_INPUT, "no store");
	(void)err_hint(err, "run `kiln %s`", "init");
	assert_string_equal(err->text, "no store\nhint: run `kiln init`");
}

TEST(err_text_is_cut_at_the_right_and_terminated)
{
	char big[3 * ERR_TEXT_MAX];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	(void)err_set(err, ERR_INPUT, "%s", big);
	(void)err_wrap(err, "head");
	(void)err_hint(err, "lost");
	assert_int_equal(strlen(err->text), ERR_TEXT_MAX - 1);
	assert_memory_equal(err->text, "head: xxx", 9);
}

TEST(err_exit_codes_follow_the_design)
{
	static const struct {
		enum err_code code;
		int exit;
	} want[] = { { ERR_INPUT, 1 }, { ERR_IO, 1 },     { ERR_BUILD, 1 },
		     { ERR_USAGE, 2 }, { ERR_VERIFY, 3 }, { ERR_REPRO, 4 } };

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		(void)err_recode(err, want[i].code);
		assert_int_equal(err_exit_code(err), want[i].exit);
	}
}
