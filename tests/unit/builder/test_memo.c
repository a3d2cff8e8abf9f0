/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/memo.h"
#include "base/fd.h"
#include "builder/memo_priv.h"
#include "tests/unit/builder/made.h"

#define PATH  ".kiln/plan-test"
#define PAUSE 20000000 /* ns: longer than a tick of the file system's clock */

static void
put(int dir, const char *name, const char *summary, const char *needs)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err e;
	const char *text = arena_format(
		&a,
		"format: 1\nname: %s\nversion: \"1\"\nrelease: 1\nsummary: %s\n"
		"license: MIT\nhomepage: https://example.org/\nground: [base, cc]\n"
		"sources:\n  - url: file:x.tar\n    sha256: "
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
		"patches: [fix.patch]\nbuild:\n  needs: %s\n  limits: {memory: 3GiB}\n"
		"  steps:\n    - {name: make, run: \"true\"}\n"
		"packages:\n  - name: %s\n    requires: [/bin/sh, lib >= 2]\n",
		name, summary, needs, name);
	const char *path = arena_format(&a, "recipes/%s", name);

	assert_int_equal(fd_mkdirs(dir, path, &e), 0);
	assert_int_equal(fd_publish(dir, arena_format(&a, "%s/recipe.yaml", path), text,
				    strlen(text), 0644, &e),
			 0);
	assert_int_equal(fd_publish(dir, arena_format(&a, "%s/fix.patch", path), summary,
				    strlen(summary), 0644, &e),
			 0);
}

static void
pause_for_tick(void)
{
	struct timespec t = { .tv_nsec = PAUSE };

	(void)nanosleep(&t, NULL);
}

struct scene {
	struct arena a;
	int dir;
	struct memo *memo;
	struct recipe_set set;
	struct dict given;
};

static void
scene_release_scope(struct scene *s)
{
	dict_release(&s->given);
	(void)close(s->dir);
	arena_release(&s->a);
}

static void
look(struct scene *s)
{
	struct err e;

	const struct recipe_place place = made_place(s->dir, MADE_EPOCH);

	memo_open(&s->a, s->dir, PATH, MADE_EPOCH, &s->memo);
	if (memo_recipes(&s->a, s->memo, &place, &s->set, &e) < 0)
		fail_msg("%s", e.text);
}

static void
set_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->dir = test_tmpdir();
	put(s->dir, "app", "An app", "[lib]");
	put(s->dir, "lib", "A library", "[tool]");
	put(s->dir, "tool", "A tool", "[other]");
	pause_for_tick();
	look(s);
	memo_save(s->memo);
}
#define SCENE                                                                                  \
	CLEANUP(scene_release) struct scene s;                                                 \
	set_scene(&s)

TEST(memo_outlines_hold_all_that_a_plan_asks_for)
{
	struct recipe_place place;
	struct recipe_set full;
	struct recipe *r;

	SCENE;
	place = made_place(s.dir, MADE_EPOCH);
	look(&s);
	assert_ok(recipe_load_all(&s.a, &place, &full, err));
	assert_int_equal(s.set.n, full.n);
	for (size_t i = 0; i < full.n; i++) {
		const struct recipe *x = s.set.at[i], *y = full.at[i];

		assert_true(x->outline);
		assert_false(y->outline);
		assert_string_equal(x->name, y->name);
		assert_string_equal(x->path, y->path);
		assert_true(digest_equal(&x->text, &y->text));
		assert_int_equal(x->name_line, y->name_line);
		assert_int_equal(x->limits.memory_bytes, y->limits.memory_bytes);
		assert_int_equal(x->nground, 2);
		assert_string_equal(x->ground[1], y->ground[1]);
		assert_string_equal(x->needs[0].name, y->needs[0].name);
		assert_int_equal(x->needs[0].line, y->needs[0].line);
		assert_int_equal(x->needs[0].col, y->needs[0].col);
		assert_int_equal(x->packages[0].requires.n, 2);
		assert_string_equal(x->packages[0].requires.at[1].name,
				    y->packages[0].requires.at[1].name);
		assert_true(digest_equal(&x->sources[0].sha256, &y->sources[0].sha256));
	}
	r = s.set.at[0];
	assert_ok(recipe_complete(&s.a, s.dir, MADE_EPOCH, r, err));
	assert_false(r->outline);
	assert_string_equal(r->summary, "An app");
}

TEST(memo_reads_what_changed_anew_and_only_that)
{
	SCENE;
	put(s.dir, "lib", "Another library", "[tool]");
	look(&s);
	assert_true(s.set.at[0]->outline);
	assert_false(s.set.at[1]->outline);
	assert_string_equal(s.set.at[1]->summary, "Another library");
	assert_true(s.set.at[2]->outline);
}

TEST(memo_sees_a_patch_that_changed)
{
	struct digest before;

	SCENE;
	before = s.set.at[0]->text;
	assert_ok(fd_publish(s.dir, "recipes/app/fix.patch", "An ape", 6, 0644, err));
	look(&s);
	assert_false(s.set.at[0]->outline);
	assert_false(digest_equal(&before, &s.set.at[0]->text));
}

/* A file that is not older than the look at it could change once more without trace. */
TEST(memo_does_not_remember_what_is_as_young_as_the_look_at_it)
{
	struct timespec later[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = MADE_EPOCH * 2 } };

	SCENE;
	assert_int_equal(utimensat(s.dir, "recipes/tool/recipe.yaml", later, 0), 0);
	look(&s);
	memo_save(s.memo);
	look(&s);
	assert_true(s.set.at[0]->outline);
	assert_false(s.set.at[2]->outline);
	put(s.dir, "tool", "A tool", "[other]");
	pause_for_tick();
	look(&s);
	memo_save(s.memo);
	look(&s);
	assert_true(s.set.at[2]->outline);
}

TEST(memo_keeps_decisions_until_the_recipe_changes)
{
	struct memo_decision d = { .nblobs = 2, .born_ns = 1767225600000000001 };

	SCENE;
	made_digest("in", &d.in);
	made_digest("action", &d.action);
	made_digest("text", &d.text);
	d.blobs = arena_array(&s.a, 2, sizeof(*d.blobs));
	made_digest("blob", &d.blobs[1]);
	memo_decide(s.memo, 1, &d);
	memo_decide(s.memo, 2, &d);
	memo_save(s.memo);
	put(s.dir, "lib", "Another library", "[tool]");
	look(&s);
	assert_null(memo_decided(s.memo, 0));
	assert_null(memo_decided(s.memo, 1));
	assert_non_null(memo_decided(s.memo, 2));
	assert_int_equal(memo_decided(s.memo, 2)->nblobs, 2);
	assert_true(memo_decided(s.memo, 2)->born_ns == d.born_ns);
	assert_true(digest_equal(&memo_decided(s.memo, 2)->text, &d.text));
	assert_true(digest_equal(&memo_decided(s.memo, 2)->blobs[1], &d.blobs[1]));
	assert_true(digest_equal(&memo_decided(s.memo, 2)->action, &d.action));
}

/* Cut anywhere, or any byte changed: it is as if there were none. */
TEST(memo_of_broken_bytes_is_empty)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);

	SCENE;
	assert_ok(fd_read_file(s.dir, PATH, &text, err));
	for (size_t i = 0; i < text.len; i += 61) {
		text.data[i] ^= 0x20;
		assert_ok(fd_publish(s.dir, PATH, text.data, text.len, 0644, err));
		text.data[i] ^= 0x20;
		look(&s);
		assert_int_equal(s.set.n, 3);
		assert_false(s.set.at[0]->outline);
		assert_ok(fd_publish(s.dir, PATH, text.data, i, 0644, err));
		look(&s);
		assert_false(s.set.at[0]->outline);
	}
}

TEST(memo_of_another_epoch_is_empty)
{
	struct recipe_place place;

	SCENE;
	place = made_place(s.dir, MADE_EPOCH + 1);
	memo_open(&s.a, s.dir, PATH, MADE_EPOCH + 1, &s.memo);
	assert_ok(memo_recipes(&s.a, s.memo, &place, &s.set, err));
	assert_false(s.set.at[0]->outline);
}

/* Whatever became of the file, what is read is all of it or nothing. */
TEST(memo_takes_nothing_from_a_file_that_is_not_as_it_was_written)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);
	CLEANUP(arena_release) struct arena a = { 0 };
	struct memo_text out;
	struct digest maker;
	char *bytes;

	SCENE;
	assert_ok(fd_read_file(s.dir, PATH, &text, err));
	bytes = mem_dup(text.data, text.len);
	memcpy(maker.bytes, bytes + strlen("kiln memo 3\n"), DIGEST_BYTES);
	assert_true(memo_wire_read(&a, bytes, text.len, &maker, &out));
	assert_int_equal(out.n, 3);
	for (size_t i = 0; i < text.len; i++) {
		bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
		assert_false(memo_wire_read(&a, bytes, text.len, &maker, &out));
		bytes[i] = text.data[i];
		assert_false(memo_wire_read(&a, bytes, i, &maker, &out));
	}
	maker.bytes[0] ^= 1;
	assert_false(memo_wire_read(&a, bytes, text.len, &maker, &out));
	free(bytes);
}

TEST(memo_lists_recipes_that_came_and_went)
{
	SCENE;
	assert_int_equal(s.set.n, 3);
	put(s.dir, "also", "Another one", "[lib]");
	look(&s);
	memo_save(s.memo);
	assert_int_equal(s.set.n, 4);
	assert_int_equal(unlinkat(s.dir, "recipes/lib/recipe.yaml", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/lib/fix.patch", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/lib", AT_REMOVEDIR), 0);
	look(&s);
	assert_int_equal(s.set.n, 3);
	assert_string_equal(s.set.at[1]->name, "app");
}

/* What a store lost or got is seen by the directory that held it. */
TEST(memo_knows_which_directories_of_a_store_changed)
{
	bool same[MEMO_SHELVES];
	CLEANUP(fd_close) int store = test_tmpdir();

	SCENE;
	assert_ok(fd_mkdirs(store, "blobs/00", err));
	assert_ok(fd_mkdirs(store, "blobs/ab", err));
	assert_ok(fd_mkdirs(store, "refs/action", err));
	assert_ok(fd_mkdirs(store, "tmp", err));
	pause_for_tick();
	memo_shelves(s.memo, store, same);
	assert_false(same[0] || same[0xab] || same[MEMO_SHELF_ACTION]);
	memo_prove(s.memo, true);
	memo_save(s.memo);
	look(&s);
	memo_shelves(s.memo, store, same);
	assert_true(same[0] && same[0xab] && same[MEMO_SHELF_ACTION]);
	assert_false(same[0xac]); /* that is not there */
	assert_ok(fd_publish(store, "blobs/ab/x", "x", 1, 0444, err));
	look(&s);
	memo_shelves(s.memo, store, same);
	assert_true(same[0] && !same[0xab]);
	/* Saved for another reason, the stamps stay what the proofs speak of. */
	put(s.dir, "app", "Yet an app", "[lib]");
	pause_for_tick();
	look(&s);
	memo_shelves(s.memo, store, same);
	memo_save(s.memo);
	look(&s);
	memo_shelves(s.memo, store, same);
	assert_true(same[0] && !same[0xab]);
}

static void
keep_plan(struct scene *s, const struct digest *in, struct plan *out)
{
	struct err e;

	dict_set(&s->given, "tool", s);
	dict_set(&s->given, "other", s);
	s->set.given = &s->given;
	if (plan_make(&s->a, &s->set, NULL, 0, out, &e) < 0)
		fail_msg("%s", e.text);
	memo_keep_plan(s->memo, out, in);
	memo_save(s->memo);
}

TEST(memo_gives_back_the_plan_of_unchanged_recipes)
{
	const struct digest in = { .bytes = { 1 } }, other = { .bytes = { 2 } };
	struct plan made, kept;

	SCENE;
	keep_plan(&s, &in, &made);
	look(&s);
	assert_false(memo_plan(&s.a, s.memo, &s.set, &other, &kept));
	assert_true(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
	assert_int_equal(kept.n, made.n);
	for (size_t i = 0; i < made.n; i++) {
		const struct plan_node *x = &made.at[i], *y = &kept.at[i];

		assert_string_equal(x->recipe->name, y->recipe->name);
		assert_ptr_equal(y->recipe, s.set.at[y->slot]);
		assert_int_equal(x->nneeds, y->nneeds);
		assert_int_equal(x->nusers, y->nusers);
		for (size_t j = 0; j < x->nneeds; j++)
			assert_int_equal(x->needs[j], y->needs[j]);
		for (size_t j = 0; j < x->nusers; j++)
			assert_int_equal(x->users[j], y->users[j]);
	}
	/* It outlasts a memo that was written for another reason. */
	memo_decide(s.memo, 0, NULL);
	memo_save(s.memo);
	look(&s);
	assert_true(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
}

TEST(memo_gives_no_plan_of_changed_recipes)
{
	const struct digest in = { .bytes = { 1 } };
	struct plan made, kept;

	SCENE;
	keep_plan(&s, &in, &made);
	put(s.dir, "lib", "A library", "[app]");
	pause_for_tick();
	look(&s);
	assert_false(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
	memo_save(s.memo);
	look(&s);
	assert_false(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
}

TEST(memo_gives_no_plan_of_recipes_that_came_or_went)
{
	const struct digest in = { .bytes = { 1 } };
	struct plan made, kept;

	SCENE;
	keep_plan(&s, &in, &made);
	put(s.dir, "more", "Another one", "[lib]");
	pause_for_tick();
	look(&s);
	assert_false(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
	assert_int_equal(unlinkat(s.dir, "recipes/more/recipe.yaml", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/more/fix.patch", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/more", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/app/recipe.yaml", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/app/fix.patch", 0), 0);
	assert_int_equal(unlinkat(s.dir, "recipes/app", AT_REMOVEDIR), 0);
	look(&s);
	assert_false(memo_plan(&s.a, s.memo, &s.set, &in, &kept));
}

/* Each of these is a file with a right sum that no Kiln wrote. */
TEST(memo_gives_no_plan_that_is_none)
{
	uint32_t slots[3] = { 2, 1, 0 }, nneeds[3] = { 0, 1, 1 }, needs[2] = { 0, 1 };
	const struct {
		uint32_t *at, value;
	} wrong[] = { { &slots[1], 2 }, { &slots[1], 3 }, { &needs[0], 1 }, { &needs[1], 7 } };
	struct memo_text t = { .plan = { .n = 3,
					 .slots = slots,
					 .nneeds = nneeds,
					 .needs = needs,
					 .nedges = 2 } };
	struct plan made, kept;
	struct memo_text old;
	struct memo_entry *at[3];
	uint32_t right;

	SCENE;
	keep_plan(&s, &t.plan.in, &made);
	for (size_t i = 0; i <= ARRAY_LEN(wrong); i++) {
		CLEANUP(buf_free) struct buf before = BUF_MAX(MEMO_MAX_BYTES);
		CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);

		assert_ok(fd_read_file(s.dir, PATH, &before, err));
		memcpy(t.maker.bytes, before.data + strlen("kiln memo 7\n"), DIGEST_BYTES);
		assert_true(memo_wire_read(&s.a, before.data, before.len, &t.maker, &old));
		for (size_t j = 0; j < 3; j++)
			at[j] = &old.entries[j];
		t.recipes = old.recipes;
		right = i < ARRAY_LEN(wrong) ? *wrong[i].at : 0;
		if (i < ARRAY_LEN(wrong))
			*wrong[i].at = wrong[i].value;
		memo_wire_write(&t, at, 3, &text);
		if (i < ARRAY_LEN(wrong))
			*wrong[i].at = right;
		assert_ok(fd_publish(s.dir, PATH, text.data, text.len, 0644, err));
		look(&s);
		assert_int_equal(memo_plan(&s.a, s.memo, &s.set, &t.plan.in, &kept),
				 i == ARRAY_LEN(wrong));
	}
}
