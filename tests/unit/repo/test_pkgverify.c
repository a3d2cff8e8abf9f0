/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/fd.h"
#include "base/tree.h"
#include "repo/pkgverify.h"
#include "tests/unit/repo/shop.h"

#define MAX_BYTES ((size_t)1 << 24)
#define APP       "packages/app-1-1.x86_64.rpm"
#define ZLIB      "packages/zlib-1-1.x86_64.rpm"
#define BUNDLE    ".sigstore.json"

struct notes {
	struct buf text;
	bool failed;
};

static void
note(void *arg, bool ok, const char *what)
{
	struct notes *n = arg;

	n->failed |= !ok;
	buf_add_format(&n->text, "%s\n", what);
}

static int
verify_repo(struct shop *s, struct err *err)
{
	struct pkgverify_summary sum;

	return pkgverify_repo(shop_path(s, ""), &s->ring, 0, NULL, &sum, err);
}

static int
verify_file(struct shop *s, const char *path, struct err *err)
{
	struct pkgverify_summary sum;

	return pkgverify_file(shop_path(s, path), &s->ring, NULL, &sum, err);
}

/* Both ways of looking must refuse, with exit code 3 and this reason. */
static void
assert_refused(struct shop *s, const char *file, const char *reason, struct err *err)
{
	assert_fails(verify_repo(s, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
	if (!file)
		return;
	assert_fails(verify_file(s, file, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

static void
publish(struct shop *s)
{
	struct publish_summary sum;
	struct err err = { .text = "" };

	if (shop_publish(s, &sum, &err) < 0)
		fail_msg("%s", err.text);
}

static void
stocked(struct shop *s)
{
	shop_open(s);
	shop_stock(s);
	publish(s);
}

static void
put(struct shop *s, const char *path, const struct buf *data)
{
	struct err err;

	assert_int_equal(fd_publish(s->dir, arena_format(&s->a, "out/repo/%s", path),
				    data->data, data->len, 0644, &err),
			 0);
}

/* Flips one bit of the byte at this fraction (in percent) of the file. */
static void
flip(struct shop *s, const char *path, size_t percent)
{
	CLEANUP(buf_free) struct buf data = BUF_MAX(MAX_BYTES);
	size_t at;

	shop_read(s, path, &data);
	at = KILN_MIN(data.len * percent / 100, data.len - 1);
	data.data[at] = (char)(data.data[at] ^ 1);
	put(s, path, &data);
}

static void
copy(struct shop *s, const char *from, const char *to)
{
	CLEANUP(buf_free) struct buf data = BUF_MAX(MAX_BYTES);

	shop_read(s, from, &data);
	put(s, to, &data);
}

static void
drop(struct shop *s, const char *path)
{
	assert_int_equal(unlink(shop_path(s, path)), 0);
}

TEST(pkgverify_accepts_a_published_repository_and_counts)
{
	CLEANUP(shop_close) struct shop s;
	struct notes n = { .text = BUF_MAX(MAX_BYTES) };
	struct verify_report report = { .step = note, .arg = &n };
	struct pkgverify_summary sum;

	stocked(&s);
	assert_ok(pkgverify_repo(shop_path(&s, ""), &s.ring, 0, &report, &sum, err));
	assert_int_equal(sum.packages, 2);
	assert_int_equal(sum.inputs, 4); /* two sources, the seed, zlib */
	assert_false(n.failed);
	assert_non_null(strstr(buf_text(&n.text), "signature by a trusted metadata key"));
	assert_non_null(strstr(buf_text(&n.text), "all 4 inputs are known"));
	assert_non_null(strstr(buf_text(&n.text), "2 of 2 are in a log"));
	buf_free(&n.text);
}

TEST(pkgverify_accepts_one_file_and_counts)
{
	CLEANUP(shop_close) struct shop s;
	struct pkgverify_summary sum;

	stocked(&s);
	assert_ok(pkgverify_file(shop_path(&s, APP), &s.ring, NULL, &sum, err));
	assert_int_equal(sum.packages, 1);
	assert_int_equal(sum.inputs, 4);
	assert_ok(pkgverify_file(shop_path(&s, ZLIB), &s.ring, NULL, &sum, err));
	assert_int_equal(sum.inputs, 2);
}

TEST(pkgverify_accepts_a_tree_that_was_moved)
{
	CLEANUP(shop_close) struct shop s;
	struct pkgverify_summary sum;

	stocked(&s);
	assert_int_equal(renameat(s.dir, "out/repo", s.dir, "elsewhere"), 0);
	assert_ok(pkgverify_repo(arena_format(&s.a, "%s/elsewhere", s.root), &s.ring, 0, NULL,
				 &sum, err));
}

TEST(pkgverify_refuses_a_flipped_bit_anywhere_in_a_package)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf good = BUF_MAX(MAX_BYTES);

	stocked(&s);
	shop_read(&s, APP, &good);
	for (size_t percent = 0; percent <= 100; percent += 4) {
		flip(&s, APP, percent);
		assert_fails(verify_repo(&s, err),
			     APP " is not the file that the metadata lists");
		assert_int_equal(err->code, ERR_VERIFY);
		assert_fails(verify_file(&s, APP, err), "app-1-1.x86_64.rpm");
		assert_int_equal(err->code, ERR_VERIFY);
		put(&s, APP, &good);
	}
	assert_ok(verify_repo(&s, err));
}

TEST(pkgverify_refuses_a_changed_bundle)
{
	CLEANUP(shop_close) struct shop s;
	static const size_t places[] = { 10, 50, 90 };

	stocked(&s);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEANUP(buf_free) struct buf good = BUF_MAX(MAX_BYTES);

		shop_read(&s, APP BUNDLE, &good);
		flip(&s, APP BUNDLE, places[i]);
		assert_refused(&s, APP, "app-1-1.x86_64.rpm.sigstore.json", err);
		put(&s, APP BUNDLE, &good);
		assert_ok(verify_repo(&s, err));
	}
}

TEST(pkgverify_refuses_a_missing_bundle)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	drop(&s, APP BUNDLE);
	assert_refused(&s, APP, "app-1-1.x86_64.rpm.sigstore.json: No such file", err);
}

TEST(pkgverify_refuses_the_bundle_of_another_package)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	copy(&s, ZLIB BUNDLE, APP BUNDLE);
	assert_refused(&s, APP, "app-1-1.x86_64.rpm.sigstore.json: speaks of other bytes", err);
}

TEST(pkgverify_refuses_the_bundle_of_an_input_that_was_changed)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	flip(&s, ZLIB BUNDLE, 50);
	assert_refused(&s, APP, "zlib-1-1.x86_64.rpm.sigstore.json", err);
	drop(&s, ZLIB BUNDLE);
	assert_fails(verify_file(&s, APP, err), "app-1-1.x86_64.rpm: its input input2");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(pkgverify_refuses_changed_repository_metadata)
{
	static const char *const paths[] = { "repodata/repomd.xml", "repodata/repomd.xml.asc" };
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(buf_free) struct buf good = BUF_MAX(MAX_BYTES);

		shop_read(&s, paths[i], &good);
		flip(&s, paths[i], 50);
		assert_refused(&s, NULL, "repodata/repomd.xml: ", err);
		drop(&s, paths[i]);
		assert_refused(&s, NULL, "No such file", err);
		put(&s, paths[i], &good);
	}
}

/* The name of a metadata file, which is made of its digest. */
static const char *
metadata_of(struct shop *s, const char *kind)
{
	const char **names;
	struct err err;
	size_t n;

	assert_int_equal(tree_list(&s->a, s->dir, "out/repo/repodata", &names, &n, &err), 0);
	for (size_t i = 0; i < n; i++)
		if (strstr(names[i], kind))
			return arena_format(&s->a, "repodata/%s", names[i]);
	fail_msg("no %s", kind);
	return NULL;
}

TEST(pkgverify_refuses_changed_metadata_files)
{
	static const char *const kinds[] = { "primary", "filelists", "other" };

	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEANUP(buf_free) struct buf good = BUF_MAX(MAX_BYTES);
		const char *path = metadata_of(&s, kinds[i]);

		shop_read(&s, path, &good);
		flip(&s, path, 60);
		assert_refused(&s, NULL, "is not the file that the metadata lists", err);
		assert_non_null(strstr(err->text, kinds[i]));
		put(&s, path, &good);
	}
}

TEST(pkgverify_refuses_what_the_metadata_does_not_list)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	copy(&s, APP, "packages/extra-1-1.x86_64.rpm");
	assert_refused(&s, NULL, "packages/extra-1-1.x86_64.rpm is not listed in the metadata",
		       err);
	drop(&s, "packages/extra-1-1.x86_64.rpm");
	copy(&s, "kiln.repo", "repodata/extra-primary.xml.gz");
	assert_refused(&s, NULL, "repodata/extra-primary.xml.gz is not listed in repomd.xml",
		       err);
}

TEST(pkgverify_refuses_a_listed_package_that_is_missing)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	drop(&s, APP);
	assert_refused(&s, NULL, "app-1-1.x86_64.rpm: No such file", err);
}

TEST(pkgverify_refuses_one_package_under_the_name_of_another)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	copy(&s, ZLIB, APP);
	copy(&s, ZLIB BUNDLE, APP BUNDLE);
	assert_fails(verify_repo(&s, err), APP " is not the file that the metadata lists");
	assert_fails(verify_file(&s, APP, err),
		     "app-1-1.x86_64.rpm says it is zlib-1-1.x86_64.rpm");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(pkgverify_refuses_links_in_place_of_files)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	assert_int_equal(rename(shop_path(&s, APP), shop_path(&s, "app.rpm")), 0);
	assert_int_equal(symlink("../app.rpm", shop_path(&s, APP)), 0);
	assert_refused(&s, APP, "app-1-1.x86_64.rpm", err);
}

/* An attacker who builds, signs and publishes with keys of his own, all consistent. */
TEST(pkgverify_refuses_a_whole_tree_by_other_keys_and_shows_the_fingerprint)
{
	CLEANUP(shop_close) struct shop s;
	struct keyring theirs = { 0 };

	shop_open_with(&s, shop_other_keys());
	shop_stock(&s);
	publish(&s);
	assert_ok(key_load(&s.a, shop_other_keys(), &theirs, err));
	assert_fails(verify_repo(&s, err), key_of_role(&theirs, KEY_METADATA)->id);
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify_file(&s, APP, err), key_of_role(&theirs, KEY_BUILDER)->id);
	assert_int_equal(err->code, ERR_VERIFY);
	s.ring = theirs;
	assert_ok(verify_repo(&s, err));
}

/* His keys in keys/ of a good tree do not make it good: clients would import them. */
TEST(pkgverify_never_takes_keys_from_the_tree)
{
	static const char *const names[] = { "packages.asc", "metadata.asc", "builder.pub" };
	CLEANUP(shop_close) struct shop s;
	struct keyring ours;

	stocked(&s);
	ours = s.ring;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(buf_free) struct buf good = BUF_MAX(MAX_BYTES);
		CLEANUP(buf_free) struct buf key = BUF_MAX(MAX_BYTES);
		const char *path = arena_format(&s.a, "keys/%s", names[i]);

		assert_ok(fd_read_file(AT_FDCWD,
				       arena_format(&s.a, "%s/%s", shop_other_keys(), names[i]),
				       &key, err));
		shop_read(&s, path, &good);
		put(&s, path, &key);
		assert_refused(&s, NULL, "which is not trusted", err);
		assert_ok(verify_file(&s, APP,
				      err)); /* one file alone is asked nothing of keys/ */
		put(&s, path, &good);
		assert_ok(verify_repo(&s, err));
	}
	s.ring.n = 0;
	assert_refused(&s, APP, "key", err);
	s.ring = ours;
}

/* Each role needs its own key: the trusted ones of the other roles do not do. */
TEST(pkgverify_demands_the_key_of_each_role)
{
	CLEANUP(shop_close) struct shop s;
	struct key_public some[KEY_ROLES];
	struct keyring all;

	stocked(&s);
	all = s.ring;
	assert_int_equal(all.n, KEY_ROLES);
	/* All but the log's, which signs nothing of a repository. */
	for (unsigned skip = 0; skip < KEY_LOG; skip++) {
		s.ring = (struct keyring){ .at = some };
		for (size_t i = 0; i < all.n; i++)
			if (all.at[i].role != (enum key_role)skip)
				some[s.ring.n++] = all.at[i];
		assert_fails(verify_repo(&s, err), "key");
		assert_int_equal(err->code, ERR_VERIFY);
	}
}

TEST(pkgverify_refuses_an_unsigned_package)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf bare = BUF_MAX(MAX_BYTES);

	stocked(&s);
	assert_ok(cas_get(s.store, &s.packages[1]->file, &bare, err));
	put(&s, APP, &bare);
	assert_fails(verify_file(&s, APP, err), "app-1-1.x86_64.rpm is not signed");
	assert_int_equal(err->code, ERR_VERIFY);
}

/* An inventory that lacks the seed package, truly signed: publishing refuses to make such a
 * one. */
TEST(pkgverify_names_an_input_that_the_inventory_misses)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	shop_sign_inventory(&s, s.ninputs - 1);
	assert_fails(verify_repo(&s, err), ".rpm.sigstore.json: its input input1 (sha256 ");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(verify_file(&s, APP, err),
		     "app-1-1.x86_64.rpm: its input input1 (sha256 ");
	assert_int_equal(err->code, ERR_VERIFY);
}

TEST(pkgverify_follows_inputs_to_a_package_that_is_no_longer_published)
{
	CLEANUP(shop_close) struct shop s;
	struct pkgverify_summary sum;
	char hex[DIGEST_HEX], path[256];

	stocked(&s);
	digest_hex(&s.packages[0]->file, hex);
	(void)snprintf(path, sizeof(path), ZLIB ".%.16s" BUNDLE, hex);
	s.packages[0] = s.packages[1]; /* app without zlib */
	s.n = 1;
	publish(&s);
	assert_ok(pkgverify_repo(shop_path(&s, ""), &s.ring, 0, NULL, &sum, err));
	assert_int_equal(sum.packages, 1);
	assert_int_equal(sum.inputs, 4);
	flip(&s, path, 50);
	assert_refused(&s, APP, ".sigstore.json", err);
	drop(&s, path);
	assert_refused(&s, APP, "its input input2 (sha256 ", err);
}

TEST(pkgverify_refuses_a_changed_or_missing_inventory)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	flip(&s, "inventory.json", 50);
	assert_refused(&s, APP, "inventory.json", err);
	copy(&s, "kiln.repo", "inventory.json");
	assert_refused(&s, APP, "speaks of other bytes", err);
	drop(&s, "inventory.json");
	assert_refused(&s, APP, "inventory.json: No such file", err);
}

TEST(pkgverify_says_what_is_not_there)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	assert_fails(verify_file(&s, "packages/none.rpm", err), "none.rpm: No such file");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_int_equal(renameat(s.dir, "out/repo", s.dir, "gone"), 0);
	assert_refused(&s, NULL, "No such file", err);
}
