/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "tests/unit/trust/keyset.h"
#include "trust/inputs.h"

#define DEPS_MAX 8

/* Small numbers stand for digests: the SHA-256 of one byte string each. */
static struct digest
digest_no(int n)
{
	struct digest d;

	digest_of(&n, sizeof(n), &d);
	return d;
}

struct shelf { /* a directory of bundles and an inventory one level up, as in a repository */
	struct arena a;
	int dir;
	const char *root, *bundles, *inventory;
};

static void
shelf_open(struct shelf *s)
{
	struct err err;

	memset(s, 0, sizeof(*s));
	s->dir = test_tmpdir();
	s->root = arena_strdup(&s->a, test_tmpdir_path(s->dir));
	s->bundles = arena_format(&s->a, "%s/packages", s->root);
	s->inventory = arena_format(&s->a, "%s/inventory.json", s->root);
	if (fd_mkdirs(s->dir, "packages", &err) < 0)
		abort();
}

static void
shelf_close(struct shelf *s)
{
	close(s->dir);
	arena_release(&s->a);
}
DEFINE_RELEASE(struct shelf, shelf_close);

static void
put(struct shelf *s, const char *path, const void *data, size_t n)
{
	struct err err;

	if (fd_publish(s->dir, path, data, n, 0644, &err) < 0)
		abort();
}

static void
put_bundle_by(struct shelf *s, struct key_private *key, const char *path,
	      const struct statement *st)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(1 << 20);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(1 << 20);
	struct err err = { .text = "" };

	if (statement_make(st, &text, &err) < 0) {
		print_error("%s\n", err.text);
		abort();
	}
	keyset_bundle(key, key_private_public(key)->id, buf_text(&text), &bundle);
	put(s, path, bundle.data, bundle.len);
}

/* A statement about package `subject` made of deps[]. */
static struct statement
made_of(struct shelf *s, int subject, const int *deps, size_t n)
{
	struct statement st = {
		.predicate_type = STATEMENT_SLSA_V1,
		.build_type = "https://kiln.invalid/test",
		.builder_id = "https://kiln.invalid/builder",
		.external = doc_map(&s->a),
	};

	st.subjects = arena_array(&s->a, 1, sizeof(*st.subjects));
	st.subjects[0] =
		(struct statement_resource){ .name = arena_format(&s->a, "p%d.rpm", subject),
					     .sha256 = digest_no(subject) };
	st.nsubjects = 1;
	st.dependencies = arena_array(&s->a, n + 1, sizeof(*st.dependencies));
	for (size_t i = 0; i < n; i++)
		st.dependencies[i] =
			(struct statement_resource){ .name = arena_format(&s->a, "d%d",
									  deps[i]),
						     .sha256 = digest_no(deps[i]) };
	st.ndependencies = n;
	doc_set_text(&s->a, st.external, "recipe", "test");
	return st;
}

static void
put_package(struct shelf *s, int subject, const int *deps, size_t n)
{
	struct statement st = made_of(s, subject, deps, n);

	put_bundle_by(s, keyset_private(KEY_BUILDER),
		      arena_format(&s->a, "packages/p%d.rpm.sigstore.json", subject), &st);
}

static void
put_inventory_bundle(struct shelf *s, const void *data, size_t n)
{
	struct statement_resource subject = { .name = "inventory.json" };
	struct statement st = { .predicate_type = STATEMENT_INVENTORY,
				.subjects = &subject,
				.nsubjects = 1 };

	digest_of(data, n, &subject.sha256);
	st.predicate = doc_map(&s->a);
	put_bundle_by(s, keyset_private(KEY_BUILDER), "inventory.json.sigstore.json", &st);
}

static void
put_inventory(struct shelf *s, const int *inputs, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(1 << 20);
	char hex[DIGEST_HEX];

	buf_add_str(&text, "{\"format\":1,\"inputs\":[");
	for (size_t i = 0; i < n; i++) {
		struct digest d = digest_no(inputs[i]);

		digest_hex(&d, hex);
		buf_add_format(
			&text,
			"%s{\"digest\":{\"sha256\":\"%s\"},\"kind\":\"source\",\"name\":\"s%d\",\"size\":1,\"uri\":\"x:\"}",
			i ? "," : "", hex, inputs[i]);
	}
	buf_add_str(&text, "]}");
	put(s, "inventory.json", text.data, text.len);
	put_inventory_bundle(s, text.data, text.len);
}

static int
load(struct shelf *s, struct inputs_set **set, struct err *err)
{
	return inputs_load(s->bundles, s->inventory, keyset_ring(), set, err);
}

static int
check(struct shelf *s, struct inputs_set *set, int subject, size_t *count, struct err *err)
{
	struct digest d = digest_no(subject);
	const struct statement *st = inputs_statement(set, &d);

	(void)s;
	assert_non_null(st);
	return inputs_check(set, st, "the package", count, err);
}

TEST(inputs_follow_packages_down_to_sources_and_seed)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100, 101, 102 }, 3);
	put_package(&s, 1, (int[]){ 100, 2, 3 }, 3);
	put_package(&s, 2, (int[]){ 101, 3 }, 2);
	put_package(&s, 3, (int[]){ 102 }, 1);
	assert_ok(load(&s, &set, err));
	assert_ok(check(&s, set, 1, &count, err));
	assert_int_equal(count, 5); /* each once: 100 101 102 and packages 2 3 */
	assert_ok(check(&s, set, 3, &count, err));
	assert_int_equal(count, 1);
}

TEST(inputs_statement_is_null_for_unknown_bytes)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	struct digest d = digest_no(77);

	shelf_open(&s);
	put_inventory(&s, NULL, 0);
	assert_ok(load(&s, &set, err));
	assert_null(inputs_statement(set, &d));
}

TEST(inputs_name_an_input_that_the_inventory_misses)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put_package(&s, 1, (int[]){ 100, 2 }, 2);
	put_package(&s, 2, (int[]){ 101 }, 1);
	assert_ok(load(&s, &set, err));
	assert_fails(check(&s, set, 1, &count, err),
		     "p2.rpm.sigstore.json: its input d101 (sha256 ");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(inputs_name_a_package_without_bundle)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put_package(&s, 1, (int[]){ 100, 2 }, 2);
	assert_ok(load(&s, &set, err));
	assert_fails(check(&s, set, 1, &count, err), "the package: its input d2 (sha256 ");
}

static const char circle[] = "made, in a circle, of itself";

TEST(inputs_refuse_packages_that_only_vouch_for_each_other)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put_package(&s, 1, (int[]){ 100, 2 }, 2);
	put_package(&s, 2, (int[]){ 100, 3 }, 2);
	put_package(&s, 3, (int[]){ 100, 2 }, 2);
	put_package(&s, 4, (int[]){ 4, 100 }, 2);
	assert_ok(load(&s, &set, err));
	assert_fails(check(&s, set, 1, &count, err), circle);
	assert_int_equal(err->code, ERR_VERIFY);
	assert_non_null(strstr(err->text, "p2.rpm.sigstore.json"));
	assert_fails(check(&s, set, 4, &count, err), circle);
	assert_non_null(strstr(err->text, "its input d4"));
}

TEST(inputs_refuse_what_is_made_of_nothing)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put_package(&s, 1, (int[]){ 100, 2 }, 2);
	put_package(&s, 2, NULL, 0);
	assert_ok(load(&s, &set, err));
	assert_fails(check(&s, set, 2, &count, err), "the package: it names no inputs");
	assert_fails(check(&s, set, 1, &count, err),
		     "p2.rpm.sigstore.json: it names no inputs");
	assert_int_equal(err->code, ERR_VERIFY);
}

/* A compiler that rebuilds itself to the same bytes: one of its statements stands on the seed,
 * and it does not matter which of them comes first in the directory. */
TEST(inputs_take_a_circle_that_also_stands_on_the_ground)
{
	for (int swap = 0; swap < 2; swap++) {
		CLEANUP(shelf_close) struct shelf s;
		CLEANUP(inputs_free) struct inputs_set *set = NULL;
		struct statement itself, seeded;
		struct digest d = digest_no(2);
		char hex[DIGEST_HEX];
		const char *names[2];
		size_t count;

		shelf_open(&s);
		put_inventory(&s, (int[]){ 100, 101 }, 2);
		put_package(&s, 1, (int[]){ 100, 2 }, 2);
		itself = made_of(&s, 2, (int[]){ 100, 2 }, 2);
		seeded = made_of(&s, 2, (int[]){ 100, 101 }, 2);
		digest_hex(&d, hex);
		names[swap] = "packages/p2.rpm.sigstore.json";
		names[!swap] = arena_format(&s.a, "packages/p2.rpm.%.16s.sigstore.json", hex);
		put_bundle_by(&s, keyset_private(KEY_BUILDER), names[0], &itself);
		put_bundle_by(&s, keyset_private(KEY_BUILDER), names[1], &seeded);
		assert_ok(load(&s, &set, err));
		assert_ok(check(&s, set, 1, &count, err));
		assert_int_equal(count, 3);
	}
}

TEST(inputs_refuse_a_bundle_under_the_name_of_another)
{
	static const char *const names[] = { "p2.rpm",     "p1.rpm.0123456789abcdef",
					     "p1.rpm.",    "p1",
					     "p1.rpm.bak", "P1.rpm" };
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	struct statement st;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	st = made_of(&s, 1, (int[]){ 100 }, 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *path = arena_format(&s.a, "packages/%s.sigstore.json", names[i]);

		put_bundle_by(&s, keyset_private(KEY_BUILDER), path, &st);
		assert_fails(load(&s, &set, err),
			     arena_format(&s.a, "%s.sigstore.json: it speaks of 'p1.rpm'",
					  names[i]));
		assert_int_equal(err->code, ERR_VERIFY);
		assert_int_equal(unlinkat(s.dir, path, 0), 0);
	}
}

TEST(inputs_tell_which_bundle_nothing_needed)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put_package(&s, 1, (int[]){ 100, 2 }, 2);
	put_package(&s, 2, (int[]){ 100 }, 1);
	put_package(&s, 3, (int[]){ 1 }, 1);
	assert_ok(load(&s, &set, err));
	assert_ok(check(&s, set, 3, &count, err));
	assert_string_equal(inputs_unmet(set), "p3.rpm.sigstore.json");
	inputs_free(STEAL_PTR(set));
	put_package(&s, 3, (int[]){ 3, 1 }, 2);
	assert_ok(load(&s, &set, err));
	assert_fails(check(&s, set, 3, &count, err), circle);
	assert_null(inputs_unmet(set));
}

TEST(inputs_show_hostile_names_without_their_control_characters)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;

	shelf_open(&s);
	put_inventory(&s, NULL, 0);
	put(&s, "packages/x\n\x1b[1mverified.sigstore.json", "{}", 2);
	assert_fails(load(&s, &set, err), "x??[1mverified.sigstore.json");
}

/* 60 levels with two ways through each: exponential for a walk without memory. */
TEST(inputs_cost_is_linear_in_the_statements)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	int64_t start;
	size_t count;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 1000 }, 1);
	for (int level = 0; level < 60; level++) {
		int next[] = { 2 * level + 2, 2 * level + 3 };
		int last[] = { 1000 };

		put_package(&s, 2 * level, level == 59 ? last : next, level == 59 ? 1 : 2);
		put_package(&s, 2 * level + 1, level == 59 ? last : next, level == 59 ? 1 : 2);
	}
	assert_ok(load(&s, &set, err));
	start = clock_monotonic_ms();
	assert_ok(check(&s, set, 0, &count, err));
	assert_int_equal(count, 119);
	assert_true(clock_monotonic_ms() - start < 1000);
}

TEST(inputs_refuse_a_bundle_by_another_key)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	struct statement st;

	shelf_open(&s);
	put_inventory(&s, NULL, 0);
	st = made_of(&s, 1, NULL, 0);
	put_bundle_by(&s, keyset_other_private(KEY_BUILDER), "packages/p1.rpm.sigstore.json",
		      &st);
	assert_fails(load(&s, &set, err), "unknown key SHA256:");
	assert_true(strstr(err->text,
			   key_private_public(keyset_other_private(KEY_BUILDER))->id) != NULL);
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(inputs_refuse_an_inventory_that_was_changed)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	static const char text[] = "{\"format\":1,\"inputs\":[]}";

	shelf_open(&s);
	put_inventory(&s, (int[]){ 100 }, 1);
	put(&s, "inventory.json", text, strlen(text));
	assert_fails(load(&s, &set, err), "speaks of other bytes");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(inputs_refuse_an_inventory_of_another_shape)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "{\"format\":2,\"inputs\":[]}", "not an inventory of format 1" },
		{ "{\"format\":1}", "the list of inputs is missing" },
		{ "{\"format\":1,\"inputs\":[{}]}", "input 1 lacks its name or sha256" },
		{ "{\"format\":1,\"inputs\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"00\"}}]}",
		  "input 1 lacks its name or sha256" },
		{ "nonsense", "inventory.json" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(shelf_close) struct shelf s;
		CLEANUP(inputs_free) struct inputs_set *set = NULL;

		shelf_open(&s);
		put(&s, "inventory.json", cases[i].text, strlen(cases[i].text));
		put_inventory_bundle(&s, cases[i].text, strlen(cases[i].text));
		assert_fails(load(&s, &set, err), cases[i].reason);
		assert_int_equal(err->code, ERR_VERIFY);
	}
}

TEST(inputs_refuse_a_missing_inventory_and_a_missing_directory)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;

	shelf_open(&s);
	assert_fails(load(&s, &set, err), "inventory.json");
	assert_int_equal(err->code, ERR_VERIFY);
	put_inventory(&s, NULL, 0);
	assert_fails(inputs_load("no-such-directory", s.inventory, keyset_ring(), &set, err),
		     "no-such-directory");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(inputs_refuse_what_is_no_plain_file)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;

	shelf_open(&s);
	put_inventory(&s, NULL, 0);
	assert_int_equal(mkfifoat(s.dir, "packages/x.rpm.sigstore.json", 0600), 0);
	assert_fails(load(&s, &set, err), "x.rpm.sigstore.json is not a regular file");
}

TEST(inputs_take_a_directory_that_holds_the_inventory_too)
{
	CLEANUP(shelf_close) struct shelf s;
	CLEANUP(inputs_free) struct inputs_set *set = NULL;

	shelf_open(&s);
	put_inventory(&s, (int[]){ 1 }, 1);
	assert_ok(inputs_load(s.root, s.inventory, keyset_ring(), &set, err));
}
