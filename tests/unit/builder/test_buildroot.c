/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/builder/made.h"

/* Two layers, each of lines as made_manifest takes them. */
static int
check(const char *const *one, size_t none, const char *const *two, size_t ntwo, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct buildroot_layer layers[2] = { { .name = "package one" },
					     { .name = "package two" } };

	made_manifest(&a, one, none, &layers[0].manifest);
	made_manifest(&a, two, ntwo, &layers[1].manifest);
	return buildroot_check(layers, 2, "recipe x", err);
}
#define CHECK(one, two) check(one, ARRAY_LEN(one), two, ARRAY_LEN(two), err)

TEST(buildroot_lets_trees_share_directories_and_identical_entries)
{
	static const char *const one[] = { "d  usr", "d  usr/bin", "f  usr/bin/a",
					   "f  usr/same s", "l  usr/l t" };
	static const char *const two[] = { "d  usr", "d  usr/bin", "f  usr/bin/b",
					   "f  usr/same s", "l  usr/l t" };

	assert_ok(CHECK(one, two));
}

TEST(buildroot_refuses_two_files_at_one_path_by_name_of_both)
{
	static const char *const one[] = { "f  usr/bin/a one" };
	static const char *const two[] = { "f  usr/bin/a two" };

	assert_fails(CHECK(one, two),
		     "recipe x: '/usr/bin/a' is in both package one and package two, "
		     "with different contents or modes");
	assert_non_null(strstr(err->text, "\nhint: "));
}

TEST(buildroot_refuses_links_with_different_targets)
{
	static const char *const one[] = { "l  usr/bin/sh bash" };
	static const char *const two[] = { "l  usr/bin/sh busybox" };

	assert_fails(CHECK(one, two), "with different targets");
}

TEST(buildroot_refuses_a_link_over_a_directory)
{
	static const char *const one[] = { "l  lib usr/lib" };
	static const char *const two[] = { "d  lib", "f  lib/x" };

	assert_fails(CHECK(one, two),
		     "'/lib' is a link in package one and a directory in package two");
}

TEST(buildroot_refuses_a_file_over_a_directory)
{
	static const char *const one[] = { "d  usr/x" };
	static const char *const two[] = { "f  usr/x" };

	assert_fails(CHECK(one, two),
		     "'/usr/x' is a directory in package one and a file in package two");
}

/* A ground without packages: the seed itself is tested elsewhere. */
TEST(buildroot_solves_the_runtime_closure_of_the_needs)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct recipe_need need = { .name = "lib-devel", .line = 9, .col = 11 };
	struct recipe r = {
		.path = "recipes/x/recipe.yaml", .name = "x", .needs = &need, .nneeds = 1
	};
	struct pkgfacts *devel = made_facts(&a, "lib-devel"), *lib = made_facts(&a, "lib");
	const struct pkgfacts *all[] = { lib, devel, made_facts(&a, "other") };
	struct pkgdep needs_lib[] = { { .name = "/bin/sh" }, { .name = "lib" } };
	const char *offers[] = { "/bin/sh" };
	struct seed seed = { 0 };
	struct buildroot root;

	devel->requires = (struct pkgdeps){ .at = needs_lib, .n = 2 };
	assert_ok(buildroot_solve(&a, &r, &seed, all, 3, offers, 1, &root, err));
	assert_int_equal(root.npackages, 2);
	assert_string_equal(root.packages[0]->id.name, "lib");
	assert_string_equal(root.packages[1]->id.name, "lib-devel");
	assert_fails(buildroot_solve(&a, &r, &seed, all, 3, NULL, 0, &root, err),
		     "recipes/x/recipe.yaml:9:11: ");
	assert_non_null(strstr(err->text, "/bin/sh"));
}
