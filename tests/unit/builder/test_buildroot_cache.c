/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "tests/unit/builder/made.h"

struct scene {
	struct arena a;
	struct cas *store;
	struct buildroot_cache *cache;
};

static void
scene_release_scope(struct scene *s)
{
	buildroot_cache_free(s->cache);
	cas_close(s->store);
	arena_release(&s->a);
}

static void
open_scene(struct scene *s)
{
	struct err err;
	char path[4096];
	int dir = test_tmpdir();

	(void)snprintf(path, sizeof(path), "%s/store", test_tmpdir_path(dir));
	if (cas_open(path, true, &s->store, &err) < 0)
		fail_msg("%s", err.text);
	s->cache = buildroot_cache_make();
}

/* A tree in the store that holds what the lines say, or says so. */
static void
put_tree(struct scene *s, const char *name, const char *const *lines, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(65536);
	struct manifest m;
	struct err err;
	char tmp[64];

	made_manifest(&s->a, lines, n, &m);
	manifest_write(&m, &text);
	if (cas_tmp_dir(s->store, tmp, &err) < 0 ||
	    fd_mkdirs(cas_dirfd(s->store), arena_format(&s->a, "tmp/%s/tree", tmp), &err) < 0 ||
	    cas_tree_commit(s->store, tmp, "tree", name, text.data, text.len, &err) < 0)
		fail_msg("%s", err.text);
	cas_tmp_drop(s->store, tmp);
}
#define PUT(s, name, ...)                                                                      \
	put_tree(s, name, (const char *const[]){ __VA_ARGS__ },                                \
		 ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })))

/* Fix-ups, packages and ground: as buildroot_fill lays them. */
static bool
fits(struct scene *s, const char *const *packages, size_t n, struct buildroot *root)
{
	static const struct seed_package sh = { .name = "sh" }, libc = { .name = "libc" };
	struct err err;
	bool yes = false;

	*root = (struct buildroot){ .npackages = n, .nground = 2, .ntrees = n + 3 };
	root->ground = arena_array(&s->a, 2, sizeof(*root->ground));
	root->ground[0] = &sh;
	root->ground[1] = &libc;
	root->trees = arena_array(&s->a, root->ntrees, sizeof(*root->trees));
	root->trees[0] = "fix";
	for (size_t i = 0; i < n; i++)
		root->trees[i + 1] = packages[i];
	root->trees[n + 1] = "sh";
	root->trees[n + 2] = "libc";
	if (buildroot_cache_check(&s->a, s->cache, s->store, root, &yes, &err) < 0)
		fail_msg("%s", err.text);
	return yes;
}

static void
put_ground(struct scene *s)
{
	PUT(s, "fix", "d  etc", "f  etc/passwd");
	PUT(s, "sh", "d  usr", "d  usr/bin", "f  usr/bin/sh one");
	PUT(s, "libc", "d  usr", "d  usr/lib", "f  usr/lib/libc.so");
}

TEST(buildroot_cache_reads_a_ground_once_for_all_environments)
{
	static const char *const one[] = { "one" }, *const two[] = { "two" };
	CLEANUP(scene_release) struct scene s = { .store = NULL };
	const struct buildroot_tree *t;
	struct buildroot root;
	const char **trees;
	size_t n;

	(void)err;
	open_scene(&s);
	put_ground(&s);
	PUT(&s, "one", "d  usr", "d  usr/share", "f  usr/share/one");
	PUT(&s, "two", "d  usr", "d  usr/share", "f  usr/share/two");
	assert_true(fits(&s, one, 1, &root));
	/* What is not there any more was not read again. */
	assert_int_equal(unlinkat(cas_dirfd(s.store), "manifests/sh", 0), 0);
	assert_true(fits(&s, two, 1, &root));
	trees = buildroot_cache_ground(s.cache, &root, &n);
	assert_non_null(trees);
	assert_int_equal(n, 3);
	assert_string_equal(trees[0], "fix");
	assert_string_equal(trees[2], "libc");
	root.nground = 1;
	assert_null(buildroot_cache_ground(s.cache, &root, &n));
	assert_ok(buildroot_cache_tree(s.cache, s.store, "libc", &t, err));
	assert_int_equal(t->files, 1);
	assert_int_equal(t->manifest.n, 3);
}

TEST(buildroot_cache_watches_directories_of_ground_and_packages_each_once)
{
	static const char *const both[] = { "one", "two" };
	static const char *const want[] = { "etc", "usr/bin", "usr/lib", "usr/share" };
	CLEANUP(scene_release) struct scene s = { .store = NULL };
	struct buildroot root;

	(void)err;
	open_scene(&s);
	put_ground(&s);
	PUT(&s, "one", "d  usr", "d  usr/share", "f  usr/share/one");
	PUT(&s, "two", "d  usr", "d  usr/bin", "f  usr/bin/two");
	assert_true(fits(&s, both, 2, &root));
	assert_int_equal(root.nwatch, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(root.watch[i], want[i]);
	assert_true(fits(&s, NULL, 0, &root));
	assert_int_equal(root.nwatch, 3);
}

TEST(buildroot_cache_sees_what_is_at_odds_in_packages_and_with_the_ground)
{
	static const char *const one[] = { "one" }, *const two[] = { "one", "two" },
				 *const sh[] = { "othersh" }, *const same[] = { "samesh" };
	CLEANUP(scene_release) struct scene s = { .store = NULL };
	struct buildroot root;

	(void)err;
	open_scene(&s);
	put_ground(&s);
	PUT(&s, "one", "f  usr/share/x one");
	PUT(&s, "two", "f  usr/share/x two");
	PUT(&s, "othersh", "f  usr/bin/sh two");
	PUT(&s, "samesh", "f  usr/bin/sh one");
	assert_true(fits(&s, one, 1, &root));
	assert_false(fits(&s, two, 2, &root));
	assert_false(fits(&s, sh, 1, &root));
	assert_true(fits(&s, same, 1, &root));
}
