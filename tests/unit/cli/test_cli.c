/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "tests/unit/test.h"

TEST(cli_tames_what_could_draw_on_a_terminal)
{
	char text[] = "a\033[2Jb\tc\nd\r\x7f"
		      "e\xc2\x9b"
		      "f \xc3\xa9\xff";
	char zero[] = { 'a', 0, 'b', 0 };

	cli_tame(text, strlen(text));
	assert_string_equal(text, "a?[2Jb\tc\nd??e??f \xc3\xa9?");
	cli_tame(zero, 3);
	assert_string_equal(zero, "a?b");
}

TEST(cli_writes_sizes_and_counts_for_people)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(cli_bytes(&a, 0), "0 B");
	assert_string_equal(cli_bytes(&a, 1023), "1023 B");
	assert_string_equal(cli_bytes(&a, 1024), "1.0 KiB");
	assert_string_equal(cli_bytes(&a, 1536), "1.5 KiB");
	assert_string_equal(cli_bytes(&a, (uint64_t)5 << 30), "5.0 GiB");
	assert_string_equal(cli_bytes(&a, (uint64_t)1 << 60), "1048576.0 TiB");
	assert_string_equal(cli_count(&a, 0, "recipe"), "0 recipes");
	assert_string_equal(cli_count(&a, 1, "recipe"), "1 recipe");
	assert_string_equal(cli_count(&a, 2, "recipe"), "2 recipes");
}

TEST(cli_names_paths_as_the_user_did)
{
	struct cli c = { .directory = "." };

	assert_string_equal(cli_path(&c, "out/repo"), "out/repo");
	c.directory = "ws";
	assert_string_equal(cli_path(&c, "out/repo"), "ws/out/repo");
	assert_string_equal(cli_path(&c, "/x"), "/x");
	arena_release(&c.arena);
}
