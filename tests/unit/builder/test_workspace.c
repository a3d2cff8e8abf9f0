/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/recipe.h"
#include "builder/workspace.h"
#include "base/arena.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1024 * 1024)

static const char minimal[] =
	"format: 1\nname: My Linux\nid: my\nversion: \"1\"\nbuilder: https://b.invalid/x\n";

static int
made(const char *text, struct err *err)
{
	int dirfd = test_tmpdir();

	assert_ok(fd_publish(dirfd, "kiln.yaml", text, strlen(text), 0644, err));
	return dirfd;
}

static void
refuse(const char *more, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = made(arena_format(&a, "%s%s", minimal, more), err);
	struct workspace w = { 0 };

	assert_fails(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err), reason);
}

TEST(workspace_has_defaults_for_what_kiln_yaml_leaves_out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = made(minimal, err);
	const char *path = arena_strdup(&a, test_tmpdir_path(dirfd));
	struct workspace w = { 0 };

	assert_ok(workspace_open(&a, path, NULL, "", &w, err));
	assert_string_equal(w.name, "My Linux");
	assert_string_equal(w.vendor, "My Linux");
	assert_string_equal(w.repository, "my");
	assert_int_equal(w.epoch, 1767225600);
	assert_string_equal(w.store_path, arena_format(&a, "%s/.kiln/store", path));
	assert_string_equal(w.keys_path, arena_format(&a, "%s/.kiln/keys", path));
	workspace_close(&w);
}

TEST(workspace_is_found_from_a_directory_below_it)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = made(minimal, err);
	const char *path = arena_strdup(&a, test_tmpdir_path(dirfd));
	struct workspace w = { 0 };

	assert_ok(fd_mkdirs(dirfd, "recipes/zlib", err));
	assert_ok(workspace_open(&a, arena_format(&a, "%s/recipes/zlib", path), "/var/s",
				 "/var/k", &w, err));
	assert_string_equal(w.path, arena_format(&a, "%s/recipes/zlib/../..", path));
	assert_string_equal(w.store_path, "/var/s");
	assert_string_equal(w.keys_path, "/var/k");
	workspace_close(&w);
}

TEST(workspace_without_kiln_yaml_is_an_error_that_names_the_remedy)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct workspace w = { 0 };

	assert_fails(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err),
		     "no kiln.yaml in '");
	assert_non_null(strstr(err->text, "hint: `kiln init` makes a workspace"));
}

TEST(workspace_errors_name_line_and_nearest_key)
{
	refuse("vendr: x\n", "kiln.yaml:6:1: unknown key 'vendr' (did you mean 'vendor'?)",
	       err);
	refuse("test: x\n",
	       "kiln.yaml:6:1: unknown key 'test'\nhint: the keys here are: format name", err);
	refuse("epoch: soon\n", "kiln.yaml:6:8: 'epoch' must be a date", err);
	refuse("mirrors: {debain: 'https://x.org'}\n", "kiln.yaml:6:11: 'debain' is no archive",
	       err);
	refuse("mirrors: {debian: x.org}\n", "kiln.yaml:6:19: 'debian' must be an address",
	       err);
}

TEST(workspace_mirrors_are_urls_without_slash_at_their_end)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close)
	int dirfd = made(
		arena_format(
			&a,
			"%smirrors: {debian: 'https://x.org/d/', debian-security: 'file:/srv/s'}\n",
			minimal),
		err);
	struct workspace w = { 0 };

	assert_ok(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err));
	assert_int_equal(w.nmirrors, 2);
	assert_string_equal(w.mirrors[0].base, "https://x.org/d");
	assert_string_equal(w.mirrors[1].base, "file:///srv/s");
	workspace_close(&w);
}

TEST(workspace_tells_how_much_room_there_is)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = made(minimal, err);
	struct workspace w = { 0 };
	uint64_t disk = 0, memory = 0;

	assert_ok(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err));
	assert_ok(workspace_room(&w, &disk, &memory, err));
	assert_true(disk > 0);
	assert_true(memory > 1024 * 1024);
	workspace_close(&w);
}

static void
expect_file(int dirfd, const char *path, const char *part, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);

	assert_ok(fd_read_file(dirfd, path, &text, err));
	assert_non_null(strstr(buf_text(&text), part));
}

TEST(workspace_init_writes_what_can_be_read_and_overwrites_nothing)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	const char *path = arena_strdup(&a, test_tmpdir_path(dirfd));
	struct recipe_set set;
	struct workspace w = { 0 };

	assert_ok(fd_publish(dirfd, ".gitignore", "mine\n", 5, 0644, err));
	assert_ok(workspace_init(path, err));
	assert_ok(workspace_init(path, err));
	expect_file(dirfd, ".gitignore", "mine", err);
	expect_file(dirfd, "images/catalog/hello.yaml", "packages: [hello]", err);
	assert_ok(workspace_open(&a, path, NULL, NULL, &w, err));
	assert_ok(recipe_load_all(&a, w.dirfd, w.epoch, &set, err));
	assert_int_equal(set.n, 1);
	workspace_close(&w);
}

TEST(workspace_init_writes_the_seed_of_this_tree)
{
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(fd_close) int root = -1;
	CLEANUP(buf_free) struct buf ours = BUF_MAX(TEXT_MAX);

	assert_ok(fd_open("..", O_RDONLY | O_DIRECTORY, &root, err));
	assert_ok(fd_read_file(root, "bootstrap/seed.yaml", &ours, err));
	assert_ok(workspace_init(test_tmpdir_path(dirfd), err));
	expect_file(dirfd, "bootstrap/seed.yaml", buf_text(&ours), err);
}
