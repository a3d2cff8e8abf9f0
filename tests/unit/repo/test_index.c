/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/index.h"
#include "base/json.h"
#include "tests/unit/test.h"
#include <sqlite3.h>

/* Results of this test are {"recipe":"zlib","ms":N}; each holds one package named after its
 * recipe, whose digests are those of the recipe's name. */
static int
read_made(struct arena *a, const char *key, const char *text, size_t n,
	  struct index_result *out, struct err *err)
{
	struct doc *d;

	if (json_parse(a, text, n, key, &d, err) < 0)
		return -1;
	out->recipe = doc_get_text(d, "recipe");
	(void)doc_int(doc_get(d, "ms"), &out->duration_ms);
	out->peak_bytes = out->duration_ms * 1000;
	out->npackages = 1;
	out->packages = arena_alloc(a, sizeof(*out->packages));
	out->packages->nevra = arena_format(a, "lib-%s-1.2-3.x86_64", out->recipe);
	out->packages->bytes = 10;
	digest_of(out->recipe, strlen(out->recipe), &out->packages->file);
	return 0;
}

static struct cas *
store_in(int dir)
{
	struct cas *c = NULL;
	struct err err;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/store", test_tmpdir_path(dir));
	if (cas_open(path, true, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void
put_result(struct cas *c, const char *recipe, int ms)
{
	char key[DIGEST_HEX], text[200];
	struct digest d;
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"recipe\":\"%s\",\"ms\":%d}", recipe, ms);
	digest_of(text, strlen(text), &d);
	digest_hex(&d, key);
	assert_int_equal(cas_ref_put(c, "action", key, text, strlen(text), &err), 0);
	(void)snprintf(text, sizeof(text), "{\"key\":\"%s\"}", key);
	assert_int_equal(cas_ref_put(c, "last", recipe, text, strlen(text), &err), 0);
}

/* As if the last change were long ago, so that the index may rely on times. */
static void
let_settle(struct cas *c)
{
	struct timespec t[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	(void)utimensat(cas_dirfd(c), "refs/action", t, 0);
	(void)utimensat(cas_dirfd(c), "refs/last", t, 0);
}

static int64_t
duration_of(struct cas *c, const char *recipe)
{
	CLEANUP(index_free) struct index *x = NULL;
	int64_t ms = -1, peak = -1;
	struct err err;

	if (index_open(c, read_made, false, &x, &err) < 0 ||
	    index_last(x, recipe, &ms, &peak, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(peak, ms < 0 ? -1 : ms * 1000);
	return ms;
}

static void
count(void *arg, const struct index_recipe *r)
{
	*(uint64_t *)arg += r->results * 1000 + r->packages * 100 + r->bytes;
}

static void
note(void *arg, const char *key, const char *recipe, const char *nevra)
{
	assert_int_equal(strlen(key), DIGEST_HEX - 1);
	assert_non_null(recipe);
	(void)snprintf(arg, 64, "%s", nevra);
}

TEST(index_answers_from_results_it_was_never_told_of)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = store_in(dir);
	CLEANUP(index_free) struct index *x = NULL;
	uint64_t sum = 0;
	char found[64] = "", hex[DIGEST_HEX];
	struct digest d;

	assert_int_equal(duration_of(c, "zlib"), -1);
	put_result(c, "zlib", 5);
	put_result(c, "musl", 7);
	assert_int_equal(duration_of(c, "zlib"), 5);
	put_result(c, "zlib", 6); /* the same package once more */
	assert_int_equal(duration_of(c, "zlib"), 6);
	assert_ok(index_open(c, read_made, false, &x, err));
	assert_ok(index_each_recipe(x, count, &sum, err));
	assert_int_equal(sum, 3220);
	digest_of("musl", 4, &d);
	digest_hex(&d, hex);
	assert_ok(index_find(x, hex, note, found, err));
	assert_string_equal(found, "lib-musl-1.2-3.x86_64");
	found[0] = '\0';
	assert_ok(index_find(x, "lib-zlib", note, found, err));
	assert_string_equal(found, "lib-zlib-1.2-3.x86_64");
	found[0] = '\0';
	assert_ok(index_find(x, "lib", note, found, err));
	assert_string_equal(found, "");
}

TEST(index_sees_what_came_and_went_by_the_times_of_directories)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = store_in(dir);

	put_result(c, "zlib", 5);
	let_settle(c);
	assert_int_equal(duration_of(c, "zlib"), 5);
	assert_int_equal(duration_of(c, "zlib"), 5); /* nothing changed: nothing read */
	put_result(c, "musl", 7);
	assert_int_equal(duration_of(c, "musl"), 7);
	let_settle(c);
	assert_int_equal(duration_of(c, "musl"), 7);
	assert_int_equal(unlinkat(cas_dirfd(c), "refs/last/musl", 0), 0);
	assert_int_equal(duration_of(c, "musl"), -1);
	assert_int_equal(duration_of(c, "zlib"), 5);
}

static void
spoil(struct cas *c, const char *sql)
{
	char path[4096];
	sqlite3 *db;

	(void)snprintf(path, sizeof(path), "%s/" INDEX_FILE, cas_path(c));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

TEST(index_that_is_damaged_foreign_or_newer_is_made_anew)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = store_in(dir);
	static const char *const spoils[] = {
		"PRAGMA user_version=2",
		"DROP TABLE result",
		"CREATE TABLE more(x)",
		"CREATE TRIGGER t AFTER INSERT ON result BEGIN DELETE FROM ref; END",
	};

	put_result(c, "zlib", 5);
	let_settle(c);
	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		assert_int_equal(duration_of(c, "zlib"), 5);
		spoil(c, spoils[i]);
		assert_int_equal(duration_of(c, "zlib"), 5);
	}
	/* Truncated at, and filled with rubbish from, every sector but the first two. */
	for (off_t at = 0; at < 12288; at += 512) {
		CLEANUP(fd_close) int fd = -1;
		char rubbish[5000];

		memset(rubbish, 0x5a, sizeof(rubbish));
		assert_ok(fd_open_beneath(cas_dirfd(c), INDEX_FILE, O_RDWR, &fd, err));
		if (at % 1024 == 0)
			assert_int_equal(ftruncate(fd, at), 0);
		else
			assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), at),
					 sizeof(rubbish));
		assert_int_equal(duration_of(c, "zlib"), 5);
	}
}

TEST(index_that_is_locked_or_cannot_be_written_is_done_without)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = store_in(dir);
	char path[4096];
	sqlite3 *db;

	put_result(c, "zlib", 5);
	assert_int_equal(duration_of(c, "zlib"), 5);
	(void)snprintf(path, sizeof(path), "%s/" INDEX_FILE, cas_path(c));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	put_result(c, "musl", 7);
	assert_int_equal(duration_of(c, "musl"), 7);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_ok(index_drop(c, err));
	assert_int_equal(mkdirat(cas_dirfd(c), INDEX_FILE, 0700), 0);
	assert_int_equal(duration_of(c, "musl"), 7);
	assert_int_equal(unlinkat(cas_dirfd(c), INDEX_FILE, AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/nonexistent/elsewhere", cas_dirfd(c), INDEX_FILE), 0);
	assert_int_equal(duration_of(c, "musl"), 7);
}

TEST(index_that_lies_is_told_from_one_made_anew)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = store_in(dir);
	CLEANUP(index_free) struct index *x = NULL;
	CLEANUP(index_free) struct index *truth = NULL;
	struct digest said, is;

	put_result(c, "zlib", 5);
	let_settle(c);
	assert_int_equal(duration_of(c, "zlib"), 5);
	assert_ok(index_open(c, read_made, true, &truth, err));
	assert_ok(index_digest(truth, &is, err));
	assert_ok(index_open(c, read_made, false, &x, err));
	assert_ok(index_digest(x, &said, err));
	assert_true(digest_equal(&said, &is));
	index_free(STEAL_PTR(x));
	spoil(c, "UPDATE result SET duration_ms=6");
	assert_ok(index_open(c, read_made, false, &x, err));
	assert_ok(index_digest(x, &said, err));
	assert_false(digest_equal(&said, &is));
}
