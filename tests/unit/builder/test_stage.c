/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "builder/bootstrap.h"
#include "builder/ground.h"
#include "builder/stage.h"
#include "tests/unit/test.h"

static const char kiln[] =
	"format: 1\nname: x\nid: x\nversion: 1\nbuilder: https://x.invalid/\n";
#define HEAD "format: 1\ndefault: final\nstages:\n"
static const char good[] =
	HEAD "  - {name: cross, recipes: bootstrap/cross}\n"
	     "  - {name: aside, recipes: bootstrap/aside}\n"
	     "  - name: tools\n    recipes: recipes\n    only: [make, bash]\n    shadow: true\n"
	     "    ground: [{stage: cross, packages: [gcc, libc]}]\n"
	     "  - name: final\n    recipes: recipes\n    env: {B: two, A: one}\n"
	     "    ground: [{stage: tools, packages: [make]}]\n";

struct place {
	struct arena a;
	int dirfd;
	struct workspace w;
	struct stages stages;
};

static void
place_release(struct place *p)
{
	workspace_close(&p->w);
	if (p->dirfd >= 0)
		(void)close(p->dirfd);
	arena_release(&p->a);
}
DEFINE_RELEASE(struct place, place_release);

static struct place
place_with(const char *path, const char *text, struct err *err)
{
	struct place p = { .dirfd = test_tmpdir() };

	assert_ok(fd_mkdirs(p.dirfd, "bootstrap", err));
	assert_ok(fd_publish(p.dirfd, "kiln.yaml", kiln, strlen(kiln), 0644, err));
	if (path)
		assert_ok(fd_publish(p.dirfd, path, text, strlen(text), 0644, err));
	assert_ok(workspace_open(&p.a, test_tmpdir_path(p.dirfd), NULL, NULL, &p.w, err));
	return p;
}

static void
refuse(const char *text, const char *reason, struct err *err)
{
	CLEANUP(place_release) struct place p = place_with(STAGE_YAML, text, err);

	assert_fails(stage_load(&p.a, &p.w, &p.stages, err), reason);
}

TEST(stage_of_a_workspace_without_stages_is_recipes_on_the_seed)
{
	CLEANUP(place_release) struct place p = place_with(NULL, NULL, err);

	assert_ok(stage_choose(&p.a, &p.w, NULL, err));
	assert_string_equal(p.w.stage->name, STAGE_SEED);
	assert_string_equal(p.w.place.dir, "recipes");
	assert_string_equal(p.w.lock, "kiln.lock");
	assert_int_equal(p.w.stage->nground, 0);
	assert_fails(stage_choose(&p.a, &p.w, "sead", err), "there is no stage 'sead'");
	assert_non_null(strstr(err->text, "did you mean 'seed'?"));
}

TEST(stage_chosen_says_where_recipes_lie_and_which_count)
{
	CLEANUP(place_release) struct place p = place_with(STAGE_YAML, good, err);

	assert_ok(stage_choose(&p.a, &p.w, "tools", err));
	assert_int_equal(p.w.place.nonly, 2);
	assert_string_equal(p.w.place.only[0], "bash"); /* sorted */
	assert_true(p.w.stage->shadow);
	assert_string_equal(p.w.stage->ground[0].packages[1], "libc");
	assert_string_equal(p.w.lock, "kiln-tools.lock");
	assert_string_equal(p.w.suffix, "-tools");
	assert_ok(stage_choose(&p.a, &p.w, NULL, err));
	assert_string_equal(p.w.stage->name, "final");
	assert_null(p.w.place.only);
	assert_string_equal(p.w.lock, "kiln.lock");
	assert_int_equal(p.w.stage->nenv, 2);
	assert_string_equal(p.w.stage->env[0].name, "A");
}

TEST(stage_that_does_not_fit_is_refused_with_its_line)
{
	refuse(HEAD "  - {name: a, recipes: a, ground: [{stage: final, packages: [x]}]}\n"
		    "  - {name: final, recipes: r}\n",
	       "bootstrap/stages.yaml:4:36: stage 'a' stands on 'final', which comes later",
	       err);
	refuse(HEAD "  - {name: final, recipes: r, ground: [{stage: final, packages: [x]}]}\n",
	       "which comes of itself", err);
	refuse(HEAD "  - {name: seed, recipes: r}\n"
		    "  - {name: final, recipes: r, ground: [{stage: seed, packages: [x]}]}\n",
	       "stage 'final' stands on packages of 'seed', the word for other people's", err);
	refuse(HEAD "  - {name: final, recipes: r, ground: [{stage: fnal, packages: [x]}]}\n",
	       "there is no stage 'fnal'", err);
	refuse(HEAD "  - {name: final, recipes: r}\n  - {name: final, recipes: s}\n",
	       "two stages are named 'final'", err);
	refuse(HEAD "  - {name: last, recipes: r}\n", "there is no stage 'final'", err);
	refuse(HEAD "  - {name: final, recipes: ../r}\n", "without '..'", err);
	refuse(HEAD "  - {name: final, recipes: r, equals: final}\n",
	       "stage 'final' must equal 'final', which is no earlier one", err);
	refuse(HEAD "  - {name: final, recipes: r, equals: fnal}\n", "there is no stage 'fnal'",
	       err);
	refuse(HEAD
	       "  - {name: first, recipes: r}\n"
	       "  - {name: final, recipes: r, seed: x, ground: [{stage: first, packages: [a]}]}\n",
	       "'seed' is for a stage without a ground of packages", err);
	refuse(HEAD "  - {name: final, recipes: r, shadow: true}\n",
	       "'shadow' is for a ground of packages", err);
	refuse(HEAD "  - {name: final, recipes: r, grounds: []}\n", "did you mean 'ground'?",
	       err);
}

TEST(bootstrap_stages_are_those_stood_on_in_order)
{
	CLEANUP(place_release) struct place p = place_with(STAGE_YAML, good, err);
	const struct stage **at;
	size_t n;

	assert_ok(stage_load(&p.a, &p.w, &p.stages, err));
	bootstrap_stages(&p.a, &p.stages, stage_find(&p.stages, "final"), &at, &n);
	assert_int_equal(n, 2);
	assert_string_equal(at[0]->name, "cross");
	assert_string_equal(at[1]->name, "tools");
	bootstrap_stages(&p.a, &p.stages, stage_find(&p.stages, "aside"), &at, &n);
	assert_int_equal(n, 0);
}

static void
fill_lock(struct ground_lock *l, struct ground_stage s[1], struct ground_pin p[2])
{
	p[0] = (struct ground_pin){ .name = "gcc", .version = "1:12.2~rc1-1" };
	p[1] = (struct ground_pin){ .name = "libc", .version = "2.36-1" };
	for (size_t i = 0; i < 2; i++) {
		digest_of(p[i].name, 1, &p[i].action);
		digest_of(p[i].name, 2, &p[i].file);
		digest_of(p[i].name, 3, &p[i].environment);
	}
	s[0] = (struct ground_stage){ .name = "cross", .packages = p, .n = 2 };
	*l = (struct ground_lock){ .at = s, .n = 1 };
}

TEST(ground_lock_is_read_as_it_is_written)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(65536), again = BUF_MAX(65536);
	struct ground_lock l, back;
	struct ground_stage s[1];
	struct ground_pin p[2];

	fill_lock(&l, s, p);
	ground_write(&l, &text);
	{
		CLEANUP(place_release)
		struct place at = place_with(GROUND_LOCK, buf_text(&text), err);

		assert_ok(ground_load(&at.a, &at.w, &back, err));
		ground_write(&back, &again);
		assert_string_equal(buf_text(&again), buf_text(&text));
		assert_true(
			digest_equal(&ground_package(ground_find(&back, "cross"), "libc")->file,
				     &p[1].file));
		assert_null(ground_package(ground_find(&back, "cross"), "lib"));
		assert_null(ground_find(&back, "tools"));
	}
	buf_free(&again);
}

static void
refuse_lock(const char *text, const char *reason, struct err *err)
{
	CLEANUP(place_release) struct place p = place_with(GROUND_LOCK, text, err);
	struct ground_lock l;

	assert_fails(ground_load(&p.a, &p.w, &l, err), reason);
}

TEST(ground_lock_that_is_none_is_refused)
{
#define HEX "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1"
#define PIN                                                                                    \
	"      - {name: a, version: 1-1, action: " HEX ", file: " HEX ", environment: " HEX    \
	"}\n"
	refuse_lock("format: 1\nstages:\n  - name: x\n    packages:\n" PIN PIN,
		    "bootstrap/ground.lock:6: 'a' is pinned twice", err);
	refuse_lock("format: 1\nstages:\n  - name: x\n    packages:\n" PIN
		    "  - name: x\n    packages:\n" PIN,
		    "stage 'x' is there twice", err);
	refuse_lock("format: 2\nstages: []\n", "'format' must be 1", err);
	refuse_lock("format: 1\nstages:\n  - name: x\n    packages:\n"
		    "      - {name: a, version: 1-1, action: " HEX ", file: " HEX "}\n",
		    "missing key 'environment'", err);
	refuse_lock("- a\n", "a ground is pinned by a map of keys", err);
}

TEST(stages_to_compare_are_chosen_by_the_seeds_they_come_from)
{
	CLEANUP(place_release)
	struct place p = place_with(
		STAGE_YAML,
		HEAD
		"  - {name: cross, recipes: c}\n  - {name: other, recipes: c, seed: clang}\n"
		"  - {name: final, recipes: r, ground: [{stage: cross, packages: [gcc]}]}\n"
		"  - {name: again, recipes: r, ground: [{stage: final, packages: [gcc]}], equals: final}\n"
		"  - {name: diverse, recipes: r, ground: [{stage: other, packages: [gcc]}], equals: final}\n",
		err);
	struct bootstrap_choice choice = { .fixpoint = true };
	const struct stage **at;
	size_t n;

	assert_ok(stage_load(&p.a, &p.w, &p.stages, err));
	assert_ok(bootstrap_compared(&p.a, &p.stages, &choice, &at, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(at[0]->name, "again");
	choice = (struct bootstrap_choice){ .seed = "clang" };
	assert_ok(bootstrap_compared(&p.a, &p.stages, &choice, &at, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(at[0]->name, "diverse");
	choice.seed = NULL;
	assert_ok(bootstrap_compared(&p.a, &p.stages, &choice, &at, &n, err));
	assert_int_equal(n, 2);
	choice.seed = "icc";
	assert_fails(bootstrap_compared(&p.a, &p.stages, &choice, &at, &n, err),
		     "no stage on seed 'icc' says what it must equal");
	/* What is compared is built first. */
	bootstrap_stages(&p.a, &p.stages, stage_find(&p.stages, "diverse"), &at, &n);
	assert_int_equal(n, 3);
	assert_string_equal(at[2]->name, "final");
}
