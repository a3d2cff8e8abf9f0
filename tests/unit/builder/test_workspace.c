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
	assert_ok(recipe_load_all(&a, &w.place, &set, err));
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

TEST(workspace_reads_what_it_says_of_a_shared_cache)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close)
	int dirfd = made(arena_format(&a, "%s%s", minimal,
				      "ca: our.crt\n"
				      "cache:\n"
				      "  url: https://cache.invalid/kiln/\n"
				      "  keys: [ci.pub, /etc/kiln/two.pub]\n"
				      "  write: true\n"
				      "  client_cert: w.crt\n"
				      "  client_key: /run/w.key\n"
				      "  timeout: 5s\n"),
			 err);
	const char *path = arena_strdup(&a, test_tmpdir_path(dirfd));
	const struct workspace_cache_words nothing = { .url = NULL };
	struct workspace w = { 0 };

	assert_ok(workspace_open(&a, path, NULL, NULL, &w, err));
	assert_ok(workspace_cache_apply(&a, &w, &nothing, err));
	assert_string_equal(w.cache.url, "https://cache.invalid/kiln");
	assert_true(w.cache.write);
	assert_int_equal(w.cache.nkeys, 2);
	assert_string_equal(w.cache.keys[0], arena_format(&a, "%s/ci.pub", path));
	assert_string_equal(w.cache.keys[1], "/etc/kiln/two.pub");
	assert_string_equal(w.cache.certificate, arena_format(&a, "%s/w.crt", path));
	assert_string_equal(w.cache.key, "/run/w.key");
	assert_string_equal(w.cache.ca, arena_format(&a, "%s/our.crt", path));
	assert_int_equal(w.cache.timeout_s, 5);
	workspace_close(&w);
}

TEST(workspace_lets_the_environment_speak_against_its_cache)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close)
	int dirfd =
		made(arena_format(&a, "%scache: {url: \"http://a.invalid\"}\n", minimal), err);
	struct workspace_cache_words env = {
		.url = "https://b.invalid/", .write = "1", .login = "l", .trusted = "/t.crt"
	};
	struct workspace w = { 0 };

	assert_ok(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err));
	assert_ok(workspace_cache_apply(&a, &w, &env, err));
	assert_string_equal(w.cache.url, "https://b.invalid");
	assert_true(w.cache.write);
	assert_string_equal(w.cache.login, "l");
	assert_string_equal(w.cache.ca, "/t.crt");
	assert_int_equal(w.cache.timeout_s, WORKSPACE_CACHE_TIMEOUT_S);
	env.write = "yes";
	assert_fails(workspace_cache_apply(&a, &w, &env, err),
		     "KILN_CACHE_WRITE must be 0 or 1");
	env.write = NULL;
	env.url = "http://b.invalid";
	assert_fails(workspace_cache_apply(&a, &w, &env, err),
		     "the cache's password would travel unprotected to 'http://b.invalid'");
	env.url = "http://localhost.invalid:80/x";
	assert_fails(workspace_cache_apply(&a, &w, &env, err), "would travel unprotected");
	env.url = "http://localhost:80/x";
	assert_ok(workspace_cache_apply(&a, &w, &env, err));
	env.certificate = "c";
	assert_fails(workspace_cache_apply(&a, &w, &env, err), "belong together");
	env.url = "none";
	assert_ok(workspace_cache_apply(&a, &w, &env, err));
	assert_null(w.cache.url);
	workspace_close(&w);
}

TEST(workspace_refuses_a_cache_that_cannot_be)
{
	refuse("cache: {url: \"ftp://x\"}\n", "begins with https:// or http://", err);
	refuse("cache: {url: \"https://me:secret@x/\"}\n", "an address without a password",
	       err);
	refuse("cache: {url: \"https://x/?a=b\"}\n", "without ? and #", err);
	refuse("cache: {password: x}\n", "unknown key 'password'", err);
	refuse("cache: yes\n", "'cache' must be a map, or none", err);
	refuse("cache: {url: \"https://x\", write: maybe}\n", "'write' must be true or false",
	       err);
}

TEST(workspace_reads_how_large_the_store_may_grow)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close)
	int dirfd = made(arena_format(&a, "%sstore: {quota: 20GiB, collect: true}\n", minimal),
			 err);
	struct workspace w = { 0 };

	assert_ok(workspace_open(&a, test_tmpdir_path(dirfd), NULL, NULL, &w, err));
	assert_ok(workspace_store_apply(&w, NULL, err));
	assert_int_equal(w.store.quota, (uint64_t)20 << 30);
	assert_true(w.store.collect);
	assert_ok(workspace_store_apply(&w, "512MiB", err));
	assert_int_equal(w.store.quota, (uint64_t)512 << 20);
	assert_fails(workspace_store_apply(&w, "much", err), "KILN_STORE_QUOTA must be a size");
	assert_ok(workspace_store_apply(&w, "none", err));
	assert_int_equal(w.store.quota, 0);
	workspace_close(&w);
	refuse("store: {quota: 0}\n", "'quota' must be a size", err);
	refuse("store: {size: 1GiB}\n", "unknown key 'size'", err);
	refuse("store: 1GiB\n", "'store' must be a map", err);
}
