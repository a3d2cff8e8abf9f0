/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "builder/action.h"
#include "tests/unit/builder/made.h"

#define RECIPE(summary, step)                                                                  \
	"format: 1\nname: x\nversion: \"1\"\nrelease: 1\nsummary: " summary "\n"               \
	"license: MIT\nhomepage: https://example.org/\n"                                       \
	"build:\n  steps:\n    - name: make\n      run: " step "\n"
#define PLAIN RECIPE("Made for a test", "make")

struct scene {
	struct arena a;
	struct seed_package gcc;
	const struct seed_package *ground[1];
	const struct pkgfacts *packages[1];
	struct seed seed;
	struct buildroot root;
};

static void
scene_release_scope(struct scene *s)
{
	arena_release(&s->a);
}

static void
set_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->gcc.name = "gcc-12";
	made_digest("gcc", &s->gcc.sha256);
	made_digest("fixups", &s->seed.fixups_digest);
	s->ground[0] = &s->gcc;
	s->packages[0] = made_facts(&s->a, "lib");
	s->root = (struct buildroot){
		.ground = s->ground, .nground = 1, .packages = s->packages, .npackages = 1
	};
}

static struct action
make(struct scene *s, const char *yaml, const char *vendor)
{
	struct action_input in = { .recipe = made_one(&s->a, yaml),
				   .root = &s->root,
				   .seed = &s->seed,
				   .vendor = vendor };
	struct action out = { .doc = NULL };
	struct err e;

	if (action_make(&s->a, &in, &out, &e) < 0)
		fail_msg("%s", e.text);
	return out;
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

TEST(action_key_is_the_digest_of_its_canonical_text)
{
	struct action x;
	struct digest d;

	SCENE;
	x = make(&s, PLAIN, "Kiln");
	digest_of(x.text, strlen(x.text), &d);
	assert_true(digest_equal(&d, &x.key));
	assert_non_null(strstr(x.text, "\"cpus\":2"));
	assert_non_null(strstr(x.text, "\"librpm\":\""));
	assert_non_null(strstr(x.text, "\"libzstd\":\""));
	assert_non_null(strstr(x.text, "\"libarchive\":\"libarchive "));
}

TEST(action_key_does_not_count_comments_homepage_and_limits)
{
	struct action x, y;

	SCENE;
	x = make(&s, PLAIN, "Kiln");
	y = make(
		&s,
		"# a comment\nhomepage: https://other.example.org/\nname: x\nformat: 1\nversion: \"1\"\nrelease: 1\n"
		"summary: Made for a test\nlicense: MIT\n"
		"build:\n  limits: {time: 5m}\n  steps:\n    - name: make\n      run: make\n",
		"Kiln");
	assert_string_equal(x.hex, y.hex);
}

TEST(action_key_counts_steps_vendor_ground_and_environment)
{
	struct action x, y;
	struct pkgfacts *lib;

	SCENE;
	x = make(&s, PLAIN, "Kiln");
	y = make(&s, RECIPE("Made for a test", "make all"), "Kiln");
	assert_string_equal(action_difference(&s.a, x.doc, y.doc), "recipe (build)");
	y = make(&s, PLAIN, "Other");
	assert_string_equal(action_difference(&s.a, x.doc, y.doc), "distribution (vendor)");
	lib = made_facts(&s.a, "lib");
	made_digest("changed", &lib->environment);
	s.packages[0] = lib;
	y = make(&s, PLAIN, "Kiln");
	assert_string_equal(action_difference(&s.a, x.doc, y.doc), "environment (lib)");
	x = y;
	made_digest("other gcc", &s.gcc.sha256);
	y = make(&s, PLAIN, "Kiln");
	assert_string_equal(action_difference(&s.a, x.doc, y.doc), "ground (packages)");
	assert_string_equal(action_difference(&s.a, y.doc, y.doc), "");
}

TEST(action_key_does_not_count_bytes_that_users_cannot_see)
{
	struct action x, y;
	struct pkgfacts *lib;

	SCENE;
	x = make(&s, PLAIN, "Kiln");
	lib = made_facts(&s.a, "lib");
	lib->summary = "Another summary";
	made_digest("other file", &lib->file);
	made_digest("other header", &lib->header);
	s.packages[0] = lib;
	y = make(&s, PLAIN, "Kiln");
	assert_string_equal(x.hex, y.hex);
}

static void
note_change(void *arg, const char *path, const char *before, const char *now)
{
	buf_add_format(arg, "%s: %s -> %s\n", path, before, now);
}

TEST(action_changes_name_every_field_with_both_values)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
	struct action x, y;
	struct pkgfacts *lib;

	SCENE;
	x = make(&s, RECIPE("Made for a test", "|\n        one\n        two"), "Kiln");
	lib = made_facts(&s.a, "other");
	s.packages[0] = lib;
	y = make(&s, RECIPE("Made anew", "|\n        one\n        three"), "Kiln");
	action_changes(&s.a, x.doc, y.doc, note_change, &text);
	assert_non_null(
		strstr(buf_text(&text), "recipe.summary: 'Made for a test' -> 'Made anew'\n"));
	assert_non_null(strstr(buf_text(&text),
			       "recipe.build.steps[make].run, line 2: 'two' -> 'three'\n"));
	assert_non_null(strstr(buf_text(&text), "environment.other: nothing -> "));
	assert_non_null(strstr(buf_text(&text), "environment.lib: "));
	assert_false(action_only_environment(x.doc, y.doc));
}

TEST(action_of_another_environment_may_still_be_cut_off)
{
	struct action x, y;

	SCENE;
	x = make(&s, PLAIN, "Kiln");
	s.root.npackages = 0;
	y = make(&s, PLAIN, "Kiln");
	assert_true(action_only_environment(x.doc, y.doc));
}
