/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan.h"
#include "tests/unit/builder/made.h"

#define SET(...)                                                                               \
	CLEANUP(arena_release) struct arena a = { 0 };                                         \
	static const struct made_recipe recipes[] = { __VA_ARGS__ };                           \
	struct recipe_set set;                                                                 \
	struct plan plan = { 0 };                                                              \
	made_set(&a, recipes, ARRAY_LEN(recipes), &set)

static size_t
place_of(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->at[i].recipe->name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

TEST(plan_puts_everything_after_what_it_needs)
{
	SET({ "app", "[lib-devel, tool]", NULL }, { "lib", "[tool]", NULL },
	    { "tool", NULL, NULL }, { "alone", NULL, NULL });

	assert_ok(plan_make(&a, &set, NULL, 0, &plan, err));
	assert_int_equal(plan.n, 4);
	assert_true(place_of(&plan, "tool") < place_of(&plan, "lib"));
	assert_true(place_of(&plan, "lib") < place_of(&plan, "app"));
	assert_int_equal(plan.at[place_of(&plan, "app")].nneeds, 2);
	assert_int_equal(plan.at[place_of(&plan, "tool")].nusers, 2);
	assert_int_equal(plan.at[place_of(&plan, "alone")].nneeds, 0);
}

TEST(plan_of_a_name_holds_only_what_it_needs)
{
	SET({ "app", "[lib]", NULL }, { "lib", NULL, NULL }, { "other", NULL, NULL });
	const char *names[] = { "app" };

	assert_ok(plan_make(&a, &set, names, 1, &plan, err));
	assert_int_equal(plan.n, 2);
	assert_true(place_of(&plan, "other") == SIZE_MAX);
}

TEST(plan_follows_declared_requires_of_what_is_needed)
{
	SET({ "app", "[gcc]", NULL },
	    { "gcc", NULL, "packages:\n  - name: gcc\n    requires: [libc >= 1, /bin/sh]\n" },
	    { "libc", NULL, NULL });
	size_t app, *below, n;

	assert_ok(plan_make(&a, &set, NULL, 0, &plan, err));
	app = place_of(&plan, "app");
	assert_int_equal(plan.at[app].nneeds, 2);
	assert_int_equal(plan.at[place_of(&plan, "gcc")].nneeds, 0);
	plan_closure(&a, &plan, app, &below, &n);
	assert_int_equal(n, 2);
}

TEST(plan_weighs_the_longest_way_to_the_end)
{
	SET({ "a", NULL, NULL }, { "b", "[a]", NULL }, { "c", "[b]", NULL },
	    { "d", "[a]", NULL });

	assert_ok(plan_make(&a, &set, NULL, 0, &plan, err));
	for (size_t i = 0; i < plan.n; i++)
		plan.at[i].duration_ms = 10;
	plan.at[place_of(&plan, "d")].duration_ms = 15;
	plan_weigh(&plan);
	assert_int_equal(plan.at[place_of(&plan, "a")].path_ms, 30);
	assert_int_equal(plan.at[place_of(&plan, "b")].path_ms, 20);
	assert_int_equal(plan.at[place_of(&plan, "d")].path_ms, 15);
}

TEST(plan_names_the_line_of_a_need_that_nobody_makes)
{
	SET({ "app", "[zlib-deve]", NULL }, { "zlib-devel", NULL, NULL });

	assert_fails(
		plan_make(&a, &set, NULL, 0, &plan, err),
		"recipes/app/recipe.yaml:9:11: recipe 'app' needs 'zlib-deve', which no recipe makes");
	assert_non_null(strstr(err->text, "hint: did you mean 'zlib-devel'?"));
}

TEST(plan_shows_every_edge_of_a_cycle)
{
	SET({ "a", "[b]", NULL }, { "b", "[c]", NULL }, { "c", "[b]", NULL });

	assert_fails(plan_make(&a, &set, NULL, 0, &plan, err),
		     "dependency cycle of 2 recipes:");
	assert_non_null(strstr(err->text, "recipes/b/recipe.yaml:9:11: b needs c"));
	assert_non_null(
		strstr(err->text, "recipes/c/recipe.yaml:9:11: c needs b: closes the cycle"));
	assert_null(strstr(err->text, "recipes/a/"));
	assert_non_null(strstr(err->text, "hint: "));
}

TEST(plan_refuses_a_recipe_that_needs_itself)
{
	SET({ "a", "[a-devel]", NULL });

	assert_fails(plan_make(&a, &set, NULL, 0, &plan, err),
		     "recipes/a/recipe.yaml:9:11: dependency cycle of 1 ");
}

TEST(plan_finds_a_cycle_through_requires)
{
	SET({ "gcc", "[make]", NULL },
	    { "make", NULL, "packages:\n  - name: make\n    requires: [gcc]\n" });

	assert_fails(plan_make(&a, &set, NULL, 0, &plan, err),
		     "gcc needs make, which requires gcc");
}

TEST(plan_refuses_an_unknown_name)
{
	SET({ "zlib", NULL, NULL });
	const char *names[] = { "zlibb" };

	assert_fails(plan_make(&a, &set, names, 1, &plan, err),
		     "no recipe is named 'zlibb'\nhint: did you mean 'zlib'?");
}
