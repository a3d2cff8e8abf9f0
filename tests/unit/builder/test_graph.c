/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/graph.h"
#include "builder/memo.h"
#include "tests/unit/builder/made.h"

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct scene {
	struct arena a;
	struct graph g;
	struct seed_group group;
	struct seed_package gcc;
	const char *grouped[1];
};

static void
scene_release_scope(struct scene *s)
{
	arena_release(&s->a);
}

/* app -> lib-devel, lib -> tool; lonely; tool requires base at run time. */
static void
set_scene(struct scene *s)
{
	static const struct made_recipe recipes[] = {
		{ "app", "[lib-devel]", NULL },
		{ "base", NULL, NULL },
		{ "lib", "[tool]",
		  "sources:\n  - url: https://example.org/lib-1.tar.gz\n    sha256: " DIGEST
		  "\n" },
		{ "lonely", NULL, NULL },
		{ "tool", NULL, "packages:\n  - name: tool\n    requires: [base]\n" },
	};
	CLEANUP(fd_close) int dir = -1;
	struct err e;

	memset(s, 0, sizeof(*s));
	made_set(&s->a, recipes, ARRAY_LEN(recipes), &s->g.set);
	dir = test_tmpdir();
	memo_open(&s->a, dir, ".kiln/plan", MADE_EPOCH, &s->g.memo);
	s->gcc.name = "gcc-12";
	made_digest("gcc", &s->gcc.sha256);
	s->grouped[0] = "gcc-12";
	s->group = (struct seed_group){
		.name = "cc", .standard = true, .packages = s->grouped, .n = 1
	};
	s->g.seed = (struct seed){
		.groups = &s->group, .ngroups = 1, .packages = &s->gcc, .npackages = 1
	};
	if (plan_make(&s->a, &s->g.set, NULL, 0, &s->g.plan, &e) < 0)
		fail_msg("%s", e.text);
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

static const char *
affected(struct scene *s, const char *what)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
	struct graph_affected *hits;
	struct err e;
	size_t n;

	if (graph_affected(&s->a, &s->g, what, &hits, &n, &e) < 0)
		return arena_strdup(&s->a, e.text);
	for (size_t i = 0; i < n; i++)
		buf_add_format(&text, "%s%s %s", i ? ", " : "",
			       hits[i].hit == GRAPH_CARRIES ? "carries" : "with",
			       hits[i].recipe->name);
	return arena_strdup(&s->a, buf_text(&text));
}

TEST(graph_says_the_shortest_way)
{
	struct graph_step *steps;
	size_t n;

	SCENE;
	assert_ok(graph_why(&s.a, &s.g, "app", "tool", &steps, &n, err));
	assert_int_equal(n, 3);
	assert_string_equal(steps[0].need->name, "lib-devel");
	assert_string_equal(steps[1].recipe->name, "lib");
	assert_string_equal(steps[1].need->name, "tool");
	assert_null(steps[2].need);
	assert_ok(graph_why(&s.a, &s.g, "lib", "base", &steps, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(steps[0].required, "base");
	assert_ok(graph_why(&s.a, &s.g, "app", "lonely", &steps, &n, err));
	assert_int_equal(n, 0);
	assert_fails(graph_why(&s.a, &s.g, "app", "tol", &steps, &n, err),
		     "no recipe and no package is named 'tol'\nhint: did you mean 'tool'?");
}

TEST(graph_finds_everything_that_carries_or_was_built_with)
{
	SCENE;
	assert_string_equal(affected(&s, "lib-1.tar.gz"), "carries lib, with app");
	assert_string_equal(affected(&s, "https://example.org/lib-1.tar.gz"),
			    "carries lib, with app");
	assert_string_equal(affected(&s, "sha256:" DIGEST), "carries lib, with app");
	assert_string_equal(affected(&s, DIGEST), "carries lib, with app");
	/* What was built with something that was built with it is reached too. */
	assert_string_equal(affected(&s, "base"), "carries base, with lib, with app");
	assert_string_equal(affected(&s, "lib-devel"), "carries lib, with app");
	assert_string_equal(affected(&s, "lonely"), "carries lonely");
	assert_non_null(strstr(affected(&s, "gcc-12"), "with lonely"));
	assert_non_null(strstr(affected(&s, "nothing-1.tar.gz"), "nothing here is or was"));
	assert_non_null(strstr(affected(&s, "sha256:12"), "is no SHA-256 digest"));
}

TEST(graph_finds_images_through_what_their_packages_require)
{
	struct graph_affected hit = { .hit = GRAPH_CARRIES };
	const char *tool[] = { "lonely", "tool" }, *lonely[] = { "lonely" };
	const char *by;

	SCENE;
	hit.recipe = recipe_find(&s.g.set, "base");
	assert_ok(graph_reaches(&s.a, &s.g, tool, 2, &hit, 1, &by, err));
	assert_string_equal(by, "base");
	assert_ok(graph_reaches(&s.a, &s.g, lonely, 1, &hit, 1, &by, err));
	assert_null(by);
}

/* The set is loaded without files of patches, so the recipe gets one here. */
TEST(graph_affected_finds_a_patch_by_path_and_digest)
{
	struct recipe_patch patch = { .file = "fix.patch" };
	char hex[DIGEST_HEX];
	struct recipe *tool;

	SCENE;
	tool = s.g.set.at[4];
	assert_string_equal(tool->name, "tool");
	made_digest("fix", &patch.sha256);
	digest_hex(&patch.sha256, hex);
	tool->patches = &patch;
	tool->npatches = 1;
	assert_string_equal(affected(&s, "recipes/tool/fix.patch"),
			    affected(&s, arena_format(&s.a, "sha256:%s", hex)));
	assert_non_null(strstr(affected(&s, hex), "tool"));
	assert_non_null(strstr(affected(&s, hex), "lib"));
	assert_null(strstr(affected(&s, hex), "lonely"));
}

TEST(graph_is_written_as_text_dot_and_svg)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(65536);
	CLEANUP(buf_free) struct buf dot = BUF_MAX(65536);
	CLEANUP(buf_free) struct buf svg = BUF_MAX(65536);

	SCENE;
	graph_text(&s.g, &text);
	assert_non_null(strstr(buf_text(&text), "\napp: lib\n"));
	graph_dot(&s.g, &dot);
	assert_non_null(strstr(buf_text(&dot), "\t\"app\" -> \"lib\";\n"));
	graph_svg(&s.g, &svg);
	assert_non_null(strstr(buf_text(&svg), "<title>app</title>"));
	assert_non_null(strstr(buf_text(&svg), "</svg>\n"));
}
