/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/provenance.h"
#include "tests/unit/builder/made.h"
#include "trust/statement.h"

#define SHA "1111111111111111111111111111111111111111111111111111111111111111"
#define YAML                                                                                   \
	"format: 1\nname: x\nversion: \"1\"\nrelease: 1\nsummary: Made for a test\n"           \
	"license: MIT\nhomepage: https://example.org/\n"                                       \
	"sources:\n  - url: https://example.org/x-{version}.tar.gz\n    sha256: " SHA "\n"     \
	"  - url: file:extra.c\n    sha256: " SHA "\n"                                         \
	"build:\n  steps:\n    - name: make\n      run: make\n  check: make check\n"

struct scene {
	struct arena a;
	struct workspace w;
	struct seed_package gcc;
	const struct seed_package *ground[1];
	const struct pkgfacts *packages[1];
	struct seed seed;
	struct buildroot root;
	struct action action;
	struct sandbox_result result;
	struct record record;
	struct provenance p;
};

static void
scene_release_scope(struct scene *s)
{
	arena_release(&s->a);
}

static void
set_scene(struct scene *s)
{
	struct action_input in;
	struct err e;

	memset(s, 0, sizeof(*s));
	s->w = (struct workspace){ .id = "kiln",
				   .version = "1",
				   .builder_id = "https://kiln.invalid/builder",
				   .vendor = "Kiln" };
	s->gcc = (struct seed_package){ .name = "gcc-12",
					.version = "12.2.0",
					.location = "debian:pool/gcc.deb" };
	made_digest("gcc", &s->gcc.sha256);
	made_digest("fixups", &s->seed.fixups_digest);
	s->ground[0] = &s->gcc;
	s->packages[0] = made_facts(&s->a, "lib");
	s->root = (struct buildroot){
		.ground = s->ground, .nground = 1, .packages = s->packages, .npackages = 1
	};
	s->p.recipe = made_one(&s->a, YAML);
	in = (struct action_input){
		.recipe = s->p.recipe, .root = &s->root, .seed = &s->seed, .vendor = "Kiln"
	};
	if (action_make(&s->a, &in, &s->action, &e) < 0)
		fail_msg("%s", e.text);
	s->result = (struct sandbox_result){ .nwalls = 2,
					     .elapsed_ms = 987654321,
					     .peak_memory_bytes = 123456789 };
	s->result.walls[0] = (struct sandbox_wall){ "seccomp", "filter", true };
	s->result.walls[1] = (struct sandbox_wall){ "landlock", "abi 6", false };
	s->record = (struct record){ .result = &s->result, .has_check = true };
	made_digest("log", &s->record.log);
	s->p.workspace = &s->w;
	s->p.action = &s->action;
	s->p.root = &s->root;
	s->p.seed = &s->seed;
	s->p.record = &s->record;
	made_digest("record", &s->p.record_blob);
	s->p.packages = made_facts(&s->a, "x");
	s->p.npackages = 1;
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	CLEANUP(buf_free) struct buf text = BUF_MAX(PROVENANCE_MAX_BYTES);                     \
	set_scene(&s)

static const struct statement_resource *
dependency(const struct statement *s, const char *name)
{
	for (size_t i = 0; i < s->ndependencies; i++) {
		if (strcmp(s->dependencies[i].name, name) == 0)
			return &s->dependencies[i];
	}
	fail_msg("no dependency '%s'", name);
	return NULL;
}

TEST(provenance_speaks_of_the_file_and_its_header)
{
	struct statement st;

	SCENE;
	assert_ok(provenance_make(&s.p, &text, err));
	assert_ok(statement_parse(&s.a, text.data, text.len, "test", &st, err));
	assert_int_equal(st.nsubjects, 2);
	assert_string_equal(st.subjects[0].name, "x-1-1.x86_64.rpm");
	assert_true(digest_equal(&st.subjects[0].sha256, &s.p.packages[0].file));
	assert_string_equal(st.subjects[1].name, "x-1-1.x86_64.rpm;header");
	assert_true(digest_equal(&st.subjects[1].sha256, &s.p.packages[0].header));
	assert_string_equal(st.builder_id, "https://kiln.invalid/builder");
}

TEST(provenance_lists_every_input_by_digest)
{
	const struct statement_resource *d;
	struct digest recipe;
	struct statement st;

	SCENE;
	assert_ok(provenance_make(&s.p, &text, err));
	assert_ok(statement_parse(&s.a, text.data, text.len, "test", &st, err));
	assert_int_equal(st.ndependencies, 6);
	action_recipe_digest(s.p.recipe, &recipe);
	assert_true(digest_equal(&dependency(&st, "recipes/x/recipe.yaml")->sha256, &recipe));
	assert_string_equal(dependency(&st, "x-1.tar.gz")->uri,
			    "https://example.org/x-1.tar.gz");
	assert_string_equal(dependency(&st, "extra.c")->uri, "kiln:recipes/x/extra.c");
	d = dependency(&st, "lib-1-1.x86_64.rpm");
	assert_true(digest_equal(&d->sha256, &s.packages[0]->file));
	assert_string_equal(d->uri, "pkg:rpm/kiln/lib@1-1?arch=x86_64&distro=kiln-1");
	assert_int_equal(strlen(doc_get_text(d->annotations, "headerDigest")), 64);
	d = dependency(&st, "gcc-12");
	assert_true(digest_equal(&d->sha256, &s.gcc.sha256));
	assert_true(
		digest_equal(&dependency(&st, "seed fix-ups")->sha256, &s.seed.fixups_digest));
}

/* Verifiers refuse a parameter that they do not know: a further one is a new build type. */
TEST(provenance_names_all_that_was_asked_for)
{
	static const char *const known[] = { "recipe", "name", "version", "release", "arch" };
	struct statement st;

	SCENE;
	assert_ok(provenance_make(&s.p, &text, err));
	assert_ok(statement_parse(&s.a, text.data, text.len, "test", &st, err));
	assert_int_equal(st.external->n, ARRAY_LEN(known));
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_non_null(doc_get_text(st.external, known[i]));
	assert_string_equal(doc_get_text(st.external, "recipe"), s.p.recipe->path);
	for (size_t i = 0; i < st.external->n; i++) /* none of them stands in both places */
		assert_null(doc_get(st.internal, st.external->items[i].key));
}

TEST(provenance_holds_the_walls_and_the_check_but_no_time_and_no_memory)
{
	SCENE;
	assert_ok(provenance_make(&s.p, &text, err));
	assert_non_null(strstr(
		text.data, "{\"detail\":\"abi 6\",\"name\":\"landlock\",\"required\":false}"));
	assert_non_null(strstr(text.data, "\"check\":\"passed\""));
	assert_null(strstr(text.data, "987654"));
	assert_null(strstr(text.data, "123456789"));
	assert_null(strstr(text.data, "startedOn"));
}

TEST(provenance_purl_encodes_what_a_purl_does_not_take)
{
	struct nevra id = {
		.name = "g++", .version = "1^2~rc", .release = "3", .arch = "noarch", .epoch = 4
	};

	SCENE;
	assert_string_equal(
		provenance_purl(&s.a, &s.w, &id),
		"pkg:rpm/kiln/g%2B%2B@1%5E2~rc-3?arch=noarch&distro=kiln-1&epoch=4");
}
