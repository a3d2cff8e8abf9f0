/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/lock.h"
#include "base/tree.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1024 * 1024)

/* A lock of the corpus, which the fuzzer replays, too. */
static const char *
corpus(struct arena *a, const char *name, size_t *n, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);

	assert_ok(fd_read_file(AT_FDCWD, arena_format(a, "fuzz/corpus/lock/%s", name), &text,
			       err));
	*n = text.len;
	return arena_strndup(a, buf_text(&text), text.len);
}

static struct lock *
parsed(struct arena *a, const char *name, struct err *err)
{
	struct lock *lock = NULL;
	size_t n;
	const char *text = corpus(a, name, &n, err);

	assert_ok(lock_parse(a, text, n, &lock, err));
	return lock;
}

static const char *
written(struct arena *a, const struct lock *lock)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);

	lock_write(lock, &text);
	return arena_strdup(a, buf_text(&text));
}

TEST(lock_is_read_as_it_was_written_to_the_byte)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	size_t n;
	const char *text = corpus(&a, "full", &n, err);
	struct lock *lock = parsed(&a, "full", err);
	const char *out = written(&a, lock);

	assert_int_equal(*out, '#'); /* the line that says who writes it */
	assert_string_equal(strchr(out, '\n') + 1, text);
	assert_int_equal(lock->nrecipes, 2);
	assert_string_equal(lock->recipes[0].sources.at[1].name, "odd name%25.c");
	assert_string_equal(lock->recipes[0].patches.at[0].name, "fix/\xc3\xa9.patch");
	assert_false(lock->recipes[0].resolved);
	assert_true(lock->recipes[1].resolved);
	assert_int_equal(lock->recipes[1].nsees, 2);
	assert_string_equal(lock->seed.at[1].version, "2:3.8.2+dfsg-1+b1");
	assert_ptr_equal(lock_find(lock, "zlib"), &lock->recipes[1]);
	assert_null(lock_find(lock, "zli"));
}

TEST(lock_digest_of_an_entry_is_over_all_that_it_says)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct lock_recipe *r = &parsed(&a, "full", err)->recipes[1], other = *r;
	const char *sees[] = { r->sees[0], "else" };
	struct digest whole, d;

	lock_digest(r, &whole);
	lock_digest(&parsed(&a, "full", err)->recipes[1], &d);
	assert_true(digest_equal(&d, &whole));
	other.sees = sees;
	lock_digest(&other, &d);
	assert_false(digest_equal(&d, &whole));
	other = *r;
	other.packages.n--;
	lock_digest(&other, &d);
	assert_false(digest_equal(&d, &whole));
	other = *r;
	other.resolved = false;
	lock_digest(&other, &d);
	assert_false(digest_equal(&d, &whole));
	other = *r;
	other.version = "else";
	lock_digest(&other, &d);
	assert_false(digest_equal(&d, &whole));
	r--; /* the one with sources */
	lock_digest(r, &whole);
	other = *r;
	other.sources = other.patches;
	other.patches = r->sources;
	lock_digest(&other, &d);
	assert_false(digest_equal(&d, &whole));
}

TEST(lock_survives_the_line_ends_of_other_systems_and_comments)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *plain = written(&a, parsed(&a, "full", err));

	assert_string_equal(written(&a, parsed(&a, "crlf", err)), plain);
	assert_string_equal(written(&a, parsed(&a, "comments", err)), plain);
}

TEST(lock_that_is_not_one_is_refused_with_line_and_remedy)
{
	static const struct {
		const char *name, *reason;
	} cases[] = {
		{ "newer", "kiln.lock is of format 2, and this Kiln knows only format 1" },
		{ "twice", "kiln.lock:20: recipe 'app' stands twice" },
		{ "disorder", "kiln.lock:20: recipe 'aaa' stands out of order" },
		{ "conflict", "kiln.lock:21: it holds a merge conflict" },
		{ "short-digest", "kiln.lock:6: 'groups' is no SHA-256" },
		{ "cut", "an entry of 'sources' is not as it should be" },
		{ "version-ends-in-a-colon", "'version' has no value of its kind" },
		{ "percent", "an entry of 'sources' is not as it should be" },
		{ "vendor", "kiln.lock:3: 'vendor' is no text in double quotes" },
		{ "tabs", "kiln.lock:13: " },
		{ "seed-twice", "package 'bash' stands twice" },
		{ "zero", "it holds a zero byte" },
		{ "nothing", "it ends where 'format: 1' should follow" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		struct lock *lock;
		size_t n;
		const char *text = corpus(&a, cases[i].name, &n, err);

		assert_fails(lock_parse(&a, text, n, &lock, err), cases[i].reason);
		assert_non_null(strstr(err->text, "\nhint: "));
	}
}

struct seen {
	struct arena *a;
	const char *all;
};

static void
note(void *arg, const char *what, const char *field, const char *before, const char *now)
{
	struct seen *s = arg;

	s->all = arena_format(s->a, "%s%s %s %s -> %s\n", s->all, what, field, before, now);
}

TEST(lock_compare_names_what_changed_where_and_how)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct lock *x = parsed(&a, "full", err), *y = parsed(&a, "full", err);
	struct seen s = { .a = &a, .all = "" };

	assert_int_equal(lock_compare(&a, x, y, note, &s), 0);
	y->vendor = "Other";
	y->seed.at[0].version = "5.3-1";
	y->recipes[0].version = "2.1-1";
	y->recipes[0].sources.at[0].name = "app-2.1.tar.gz";
	y->recipes[0].patches.n = 0;
	y->recipes[1].packages.at[0].sha256.bytes[0] ^= 0xff;
	y->recipes[1].environment.bytes[0] ^= 0xff;
	y->recipes[1].sees[1] = "musl-tcc";
	assert_int_equal(lock_compare(&a, x, y, note, &s), 9);
	assert_string_equal(
		s.all, "workspace vendor Kiln Linux -> Other\n"
		       "seed package bash 5.2.15-2+b13 3e23e8160039 -> 5.3-1 3e23e8160039\n"
		       "app version 1:2.0-3 -> 2.1-1\n"
		       "app sources app-2.0.tar.gz 6b86b273ff34 -> nothing\n"
		       "app sources app-2.1.tar.gz nothing -> 6b86b273ff34\n"
		       "app patches fix/\xc3\xa9.patch 4e07408562be -> nothing\n"
		       "zlib packages zlib-1.2.13-1.x86_64 ef2d127de37b -> 102d127de37b\n"
		       "zlib environment musl-gcc there -> nothing\n"
		       "zlib environment musl-tcc nothing -> there\n");
}

TEST(lock_compare_takes_a_result_that_one_side_lacks_for_no_change)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct lock *x = parsed(&a, "full", err), *y = parsed(&a, "full", err);

	y->recipes[1].resolved = false;
	assert_int_equal(lock_compare(&a, x, y, NULL, NULL), 0);
	assert_int_equal(lock_compare(&a, y, x, NULL, NULL), 0);
}

TEST(lock_compare_tells_recipes_that_came_and_went_and_another_order)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct lock *x = parsed(&a, "full", err), *y = parsed(&a, "full", err);
	struct seen s = { .a = &a, .all = "" };
	struct lock_item first = y->recipes[0].sources.at[0];

	y->recipes[0].sources.at[0] = y->recipes[0].sources.at[1];
	y->recipes[0].sources.at[1] = first;
	y->nrecipes = 1;
	assert_int_equal(lock_compare(&a, x, y, note, &s), 2);
	assert_string_equal(s.all, "app sources one order -> another\n"
				   "zlib version 1.2.13-1 -> nothing\n");
}
