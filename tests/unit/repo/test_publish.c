/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "base/fd.h"
#include "base/tree.h"
#include "repo/pkgverify.h"
#include "repo/repomd.h"
#include "tests/unit/repo/shop.h"
#include "trust/verify.h"
#include <signal.h>
#include <sys/wait.h>

#define MAX_BYTES ((size_t)1 << 24)

static bool
there(struct shop *s, const char *path)
{
	struct stat st;

	return fstatat(s->dir, arena_format(&s->a, "out/%s", path), &st, AT_SYMLINK_NOFOLLOW) ==
	       0;
}

static void
write_out(struct shop *s, const char *path, const char *text)
{
	struct err err;

	assert_int_equal(fd_publish(s->dir, arena_format(&s->a, "out/%s", path), text,
				    strlen(text), 0644, &err),
			 0);
}

struct listing {
	struct buf text;
};

static int
list_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	struct listing *l = arg;
	CLEANUP(fd_close) int fd = -1;
	struct digest d;
	char hex[DIGEST_HEX] = "";

	if (S_ISREG(e->st->st_mode)) {
		if (fd_open_beneath(e->dirfd, e->name, O_RDONLY, &fd, err) < 0 ||
		    digest_fd(fd, &d, NULL, err) < 0)
			return -1;
		digest_hex(&d, hex);
	}
	buf_add_format(&l->text, "%s %o %s\n", e->path, e->st->st_mode & 07777, hex);
	return 0;
}

/* Every path, mode and digest of the published tree. */
static void
list_tree(struct shop *s, struct listing *out)
{
	struct err err;

	*out = (struct listing){ .text = BUF_MAX(MAX_BYTES) };
	assert_int_equal(tree_walk(s->dir, "out/repo", list_entry, out, &err), 0);
}

TEST(publish_writes_the_tree_that_its_header_draws)
{
	CLEANUP(shop_close) struct shop s;
	static const char *const paths[] = {
		"repo/packages/app-1-1.x86_64.rpm",
		"repo/packages/app-1-1.x86_64.rpm.sigstore.json",
		"repo/packages/zlib-1-1.x86_64.rpm",
		"repo/packages/zlib-1-1.x86_64.rpm.sigstore.json",
		"repo/repodata/repomd.xml",
		"repo/repodata/repomd.xml.asc",
		"repo/repodata/repomd.xml.key",
		"repo/keys/builder.pub",
		"repo/keys/packages.asc",
		"repo/keys/metadata.asc",
		"repo/inventory.json",
		"repo/inventory.json.sigstore.json",
		"repo/kiln.repo",
		"repo/packages/app-1-1.x86_64.rpm.cdx.json",
		"repo/packages/app-1-1.x86_64.rpm.spdx.json",
		"repo/packages/app-1-1.x86_64.rpm.sbom.sigstore.json",
		"repo/packages/app-1-1.x86_64.rpm.test.sigstore.json",
		"repo/release.sigstore.json",
	};
	struct publish_summary sum;
	struct listing tree;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	assert_int_equal(sum.packages, 2);
	assert_int_equal(sum.reused, 0);
	assert_false(sum.unchanged);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (!there(&s, paths[i]))
			fail_msg("%s is missing", paths[i]);
	assert_false(there(&s, ".repo.new"));
	list_tree(&s, &tree);
	assert_non_null(strstr(buf_text(&tree.text), "kiln.repo 644 "));
	assert_non_null(strstr(buf_text(&tree.text), "packages 755 "));
	buf_free(&tree.text);
}

/* What was revoked is offered to nobody, and stock clients are told of no key that is not
 * beside the list they take. */
TEST(publish_offers_no_revoked_key_and_verifies_during_every_rotation)
{
	static const struct key_choice how = { .vendor = "V",
					       .now = SHOP_EPOCH - 1000,
					       .ed25519 = true };
	static const enum key_role turned[] = { KEY_TIMESTAMP, KEY_LOG, KEY_METADATA };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(mem_free) char *keys = mem_strdup(test_tmpdir_path(dirfd));
	CLEANUP(shop_close) struct shop s;
	struct keyring ring = { 0 };
	struct pkgverify_summary found;
	struct publish_summary sum;
	bool made;

	assert_ok(key_init_as(keys, &how, &made, err));
	for (size_t i = 0; i < ARRAY_LEN(turned); i++)
		assert_ok(key_rotate(keys, turned[i], &how, &made, err));
	shop_open_with(&s, keys);
	assert_ok(key_load(&s.a, keys, &ring, err));
	assert_ok(key_revoke(&how, keys, key_of_role(&ring, KEY_IMAGE)->id, "stolen", err));
	signer_stop(s.signer);
	assert_ok(signer_start(keys, &s.signer, err));
	s.ring = (struct keyring){ 0 };
	assert_ok(key_load(&s.a, keys, &s.ring, err));
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	assert_ok(pkgverify_repo(shop_path(&s, ""), &s.ring, 0, NULL, &found, err));
	assert_false(there(&s, "repo/keys/image.pub"));
}

TEST(publish_twice_rewrites_nothing_and_says_so)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary first, second;
	struct stat before, after;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &first, err));
	assert_int_equal(stat(shop_path(&s, "repodata/repomd.xml"), &before), 0);
	assert_ok(shop_publish(&s, &second, err));
	assert_int_equal(stat(shop_path(&s, "repodata/repomd.xml"), &after), 0);
	assert_true(second.unchanged);
	assert_int_equal(second.reused, 2);
	assert_true(digest_equal(&first.repomd, &second.repomd));
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	assert_false(there(&s, ".repo.new"));
}

/* Log entry and time are made once: who loses the tree gets the same one. */
TEST(publish_gives_the_same_bundles_again)
{
	static const char *const paths[] = {
		"packages/zlib-1-1.x86_64.rpm.sigstore.json",
		"packages/zlib-1-1.x86_64.rpm.tlog-proof",
		"packages/zlib-1-1.x86_64.rpm.intoto.jsonl",
		"inventory.json.sigstore.json",
		"log/checkpoint",
	};
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_BYTES);
	struct digest before[ARRAY_LEN(paths)], after;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		shop_read(&s, paths[i], &text);
		digest_of(text.data, text.len, &before[i]);
	}
	assert_ok(tree_remove(s.dir, "out/repo", err));
	assert_ok(shop_publish(&s, &sum, err));
	assert_false(sum.unchanged);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		shop_read(&s, paths[i], &text);
		digest_of(text.data, text.len, &after);
		assert_true(digest_equal(&before[i], &after));
	}
}

TEST(publish_puts_right_what_was_changed_in_the_tree)
{
	static const char *const changed[] = { "packages/zlib-1-1.x86_64.rpm",
					       "repodata/repomd.xml", "kiln.repo",
					       "keys/packages.asc", "stray" };

	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct listing want, got;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	list_tree(&s, &want);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		write_out(&s, arena_format(&s.a, "repo/%s", changed[i]), "changed");
		assert_ok(shop_publish(&s, &sum, err));
		assert_false(sum.unchanged);
		list_tree(&s, &got);
		assert_string_equal(buf_text(&want.text), buf_text(&got.text));
		buf_free(&got.text);
	}
	buf_free(&want.text);
}

TEST(publish_reuses_what_it_signed_when_a_package_is_added)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf before = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf after = BUF_MAX(MAX_BYTES);
	struct publish_summary sum;
	struct digest source;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	shop_read(&s, "packages/zlib-1-1.x86_64.rpm.sigstore.json", &before);
	source = shop_source(&s, "more.tar");
	(void)shop_package(&s, "more", "more\n", &source, 1);
	assert_ok(shop_publish(&s, &sum, err));
	assert_int_equal(sum.packages, 3);
	assert_int_equal(sum.reused, 2);
	assert_false(sum.unchanged);
	shop_read(&s, "packages/zlib-1-1.x86_64.rpm.sigstore.json", &after);
	assert_string_equal(buf_text(&before), buf_text(&after));
	assert_true(there(&s, "repo/packages/more-1-1.x86_64.rpm"));
	/* And a package that is no longer published is gone. */
	s.n--;
	assert_ok(shop_publish(&s, &sum, err));
	assert_false(there(&s, "repo/packages/more-1-1.x86_64.rpm"));
}

/* Same packages, another directory, another store, one key set: all but the ECDSA bundles
 * equal. */
TEST(publish_gives_the_same_metadata_in_two_places)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(shop_close) struct shop t;
	static const char *const same[] = { "repodata/repomd.xml", "repodata/repomd.xml.asc",
					    "inventory.json", "kiln.repo",
					    "packages/app-1-1.x86_64.rpm" };
	struct publish_summary a, b;

	shop_open(&s);
	shop_stock(&s);
	shop_open(&t);
	shop_stock(&t);
	assert_ok(shop_publish(&s, &a, err));
	assert_ok(shop_publish(&t, &b, err));
	assert_true(digest_equal(&a.repomd, &b.repomd));
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		CLEANUP(buf_free) struct buf x = BUF_MAX(MAX_BYTES);
		CLEANUP(buf_free) struct buf y = BUF_MAX(MAX_BYTES);

		shop_read(&s, same[i], &x);
		shop_read(&t, same[i], &y);
		assert_int_equal(x.len, y.len);
		assert_memory_equal(x.data, y.data, x.len);
	}
}

TEST(publish_attests_the_signed_file_the_unsigned_one_and_the_header)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf rpm = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(MAX_BYTES);
	struct publish_summary sum;
	struct statement st;
	struct digest d;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	shop_read(&s, "packages/app-1-1.x86_64.rpm", &rpm);
	shop_read(&s, "packages/app-1-1.x86_64.rpm.sigstore.json", &bundle);
	digest_of(rpm.data, rpm.len, &d);
	assert_ok(verify_bundle(&s.a, &s.ring, buf_text(&bundle), bundle.len, "bundle",
				STATEMENT_SLSA_V1, &d, &st, err));
	assert_int_equal(st.nsubjects, 3);
	assert_string_equal(statement_subject(&st, &d)->name, "app-1-1.x86_64.rpm");
	assert_string_equal(statement_subject(&st, &s.packages[1]->file)->name,
			    "app-1-1.x86_64.rpm;unsigned");
	assert_string_equal(statement_subject(&st, &s.packages[1]->header)->name,
			    "app-1-1.x86_64.rpm;header");
	assert_int_equal(st.ndependencies, 3);
	assert_string_equal(doc_get_text(st.external, "recipe"), "app");
}

TEST(publish_writes_copies_so_that_the_store_cannot_be_changed_through_them)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct stat st;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	assert_int_equal(stat(shop_path(&s, "packages/app-1-1.x86_64.rpm"), &st), 0);
	assert_int_equal(st.st_nlink, 1);
}

/* zlib gets a new summary: app, made with the old file, is not rebuilt. */
static void
rebuild_zlib(struct shop *s)
{
	struct pkgfacts *app = s->packages[1];

	s->n = 0;
	(void)shop_package(s, "zlib", "new library\n", &s->inputs[0].sha256, 1);
	s->packages[s->n++] = app;
}

TEST(publish_ships_the_statement_of_an_older_package_that_others_were_made_of)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(MAX_BYTES);
	struct publish_summary sum;
	struct pkgfacts *old;
	struct statement st;
	char hex[DIGEST_HEX], path[256];

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err)); /* remembers */
	old = s.packages[0];
	rebuild_zlib(&s);
	assert_ok(shop_publish(&s, &sum, err));
	digest_hex(&old->file, hex);
	(void)snprintf(path, sizeof(path), "packages/zlib-1-1.x86_64.rpm.%.16s.sigstore.json",
		       hex);
	shop_read(&s, path, &bundle);
	assert_ok(verify_bundle(&s.a, &s.ring, buf_text(&bundle), bundle.len, "old",
				STATEMENT_SLSA_V1, &old->file, &st, err));
	assert_ok(shop_publish(&s, &sum, err));
	assert_true(sum.unchanged);
}

TEST(publish_refuses_what_nobody_could_verify)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct digest old;

	shop_open(&s);
	shop_stock(&s);
	old = s.packages[0]->file;
	rebuild_zlib(&s); /* never published, never remembered */
	assert_fails(shop_publish(&s, &sum, err),
		     "app-1-1.x86_64.rpm was made of input2 (sha256 ");
	assert_non_null(strstr(err->text, "neither published nor in the inventory"));
	assert_false(there(&s, "repo"));
	/* The inventory may vouch for it, as the builder's does. */
	s.inputs[s.ninputs++] = (struct publish_input){ .name = "zlib-1-1.x86_64.rpm",
							.uri = "pkg:rpm/zlib",
							.kind = PUBLISH_KIND_EARLIER,
							.sha256 = old };
	assert_ok(shop_publish(&s, &sum, err));
}

TEST(publish_refuses_an_inventory_that_lacks_a_source)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	s.ninputs--; /* the seed package */
	assert_fails(shop_publish(&s, &sum, err), "was made of input1 (sha256 ");
}

TEST(publish_removes_what_a_killed_publish_left)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(fd_mkdirs(s.dir, "out/.repo.new/packages/deep", err));
	write_out(&s, ".repo.new/packages/half.rpm", "half");
	assert_ok(shop_publish(&s, &sum, err));
	assert_false(there(&s, ".repo.new"));
	assert_false(there(&s, "repo/packages/half.rpm"));
}

TEST(publish_does_not_replace_what_is_not_a_repository)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(fd_mkdirs(s.dir, "out/repo", err));
	write_out(&s, "repo/thesis.txt", "years of work");
	assert_fails(shop_publish(&s, &sum, err),
		     "repo holds something that is not a published repository");
	assert_true(there(&s, "repo/thesis.txt"));
	assert_false(there(&s, ".repo.new"));
	assert_int_equal(unlinkat(s.dir, "out/repo/thesis.txt", 0), 0);
	assert_ok(shop_publish(&s, &sum, err)); /* an empty directory may be taken */
}

TEST(publish_refuses_a_file_or_link_in_its_place)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	assert_int_equal(symlinkat("elsewhere", s.dir, "out/repo"), 0);
	assert_fails(shop_publish(&s, &sum, err), "repo is there and is not a directory");
}

TEST(publish_leaves_the_old_tree_when_it_fails)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct listing before, after;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	list_tree(&s, &before);
	(void)shop_package(&s, "late", "late\n", NULL, 0);
	memset(&s.packages[s.n - 1]->bundle, 0, sizeof(s.packages[s.n - 1]->bundle));
	assert_fails(shop_publish(&s, &sum, err),
		     "late-1-1.x86_64.rpm has no statement of its build");
	list_tree(&s, &after);
	assert_string_equal(buf_text(&before.text), buf_text(&after.text));
	assert_false(there(&s, ".repo.new"));
	buf_free(&before.text);
	buf_free(&after.text);
}

TEST(publish_attests_only_what_its_own_keys_attested)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	signer_stop(s.signer);
	s.signer = NULL;
	assert_ok(signer_start(shop_other_keys(), &s.signer, err));
	assert_fails(shop_publish(&s, &sum, err), "unknown key SHA256:");
	assert_non_null(strstr(err->text, "hint: publish with the keys it was built with"));
}

TEST(publish_refuses_a_statement_of_another_package)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	s.packages[0]->bundle = s.packages[1]->bundle;
	assert_fails(shop_publish(&s, &sum, err), "speaks of other bytes");
}

TEST(publish_refuses_packages_of_two_grounds)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct digest source;

	shop_open(&s);
	source = shop_source(&s, "source.tar");
	s.ground = "cross";
	shop_package(&s, "one", "1", &source, 1);
	shop_package(&s, "two", "2", &source, 1);
	assert_ok(shop_publish(&s, &sum, err));
	s.ground = "tools";
	shop_package(&s, "three", "3", &source, 1);
	for (int again = 0; again < 2; again++) { /* once signed, they are told apart as well */
		assert_fails(
			shop_publish(&s, &sum, err),
			"one-1-1.x86_64.rpm was built on cross, three-1-1.x86_64.rpm on tools");
		assert_non_null(strstr(err->text, "`kiln build --ground STAGE`"));
	}
	s.ground = NULL;
	s.n--;
	shop_package(&s, "three", "3", &source, 1);
	assert_fails(shop_publish(&s, &sum, err),
		     "three-1-1.x86_64.rpm on nothing that its statement names");
}

TEST(publish_refuses_two_packages_of_one_name)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;

	shop_open(&s);
	shop_stock(&s);
	s.packages[s.n++] = s.packages[0];
	assert_fails(shop_publish(&s, &sum, err), "two packages would be zlib-1-1.x86_64.rpm");
}

/* The lines of a listing below log/, or all others. */
static const char *
part_of(struct arena *a, const struct listing *l, bool log)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(MAX_BYTES);
	const char *p = l->text.data ? buf_text(&l->text) : "";

	while (*p) {
		size_t n = strcspn(p, "\n") + 1;

		if ((strncmp(p, "log", 3) == 0) == log)
			buf_add(&out, p, n);
		p += n;
	}
	return arena_strdup(a, buf_text(&out));
}

/* The log only grows: what was published before is published again with the log of today. */
static bool
is_either(const struct listing *now, const struct listing *x, const struct listing *y)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	bool either = true;

	for (int log = 0; log < 2; log++) {
		const char *is = part_of(&a, now, log);

		either = either && (strcmp(is, part_of(&a, x, log)) == 0 ||
				    strcmp(is, part_of(&a, y, log)) == 0);
	}
	return either;
}

/* Killed at any moment, the tree is the old one or the new one, whole; the next run finishes.
 */
TEST(publish_killed_at_any_moment_leaves_the_old_tree_or_the_new)
{
	CLEANUP(shop_close) struct shop s;
	struct publish_summary sum;
	struct listing old_tree, new_tree, now;
	struct digest source;

	shop_open(&s);
	shop_stock(&s);
	assert_ok(shop_publish(&s, &sum, err));
	list_tree(&s, &old_tree);
	source = shop_source(&s, "more.tar");
	(void)shop_package(&s, "more", "more\n", &source, 1);
	assert_ok(shop_publish(&s, &sum, err));
	list_tree(&s, &new_tree);
	for (int i = 0; i < 16; i++) {
		int status;
		pid_t pid;

		s.n = 2 + (i & 1);
		s.ninputs = 3 + (i & 1);
		pid = fork();
		if (pid == 0)
			_exit(shop_publish(&s, &sum, err) < 0);
		assert_true(pid > 0);
		(void)usleep((useconds_t)(i * 1500));
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		list_tree(&s, &now);
		assert_true(is_either(&now, &old_tree, &new_tree));
		buf_free(&now.text);
	}
	assert_ok(shop_publish(&s, &sum, err));
	assert_false(there(&s, ".repo.new"));
	list_tree(&s, &now);
	assert_string_equal(buf_text(&now.text), buf_text(&new_tree.text));
	buf_free(&now.text);
	buf_free(&old_tree.text);
	buf_free(&new_tree.text);
}

TEST(publish_inventory_is_canonical_sorted_and_without_duplicates)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(MAX_BYTES);
	struct publish_input in[] = {
		{ .name = "b", .uri = "u2", .size = 2, .kind = "seed" },
		{ .name = "a", .uri = "u1", .size = 1, .kind = "source" },
		{ .name = "b", .uri = "u2", .size = 2, .kind = "seed" },
	};

	memset(in[0].sha256.bytes, 0xbb, DIGEST_BYTES);
	memset(in[1].sha256.bytes, 0xaa, DIGEST_BYTES);
	memset(in[2].sha256.bytes, 0xbb, DIGEST_BYTES);
	assert_ok(publish_inventory(in, 3, &out, err));
	assert_string_equal(
		buf_text(&out),
		"{\"format\":1,\"inputs\":["
		"{\"digest\":{\"sha256\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},"
		"\"kind\":\"source\",\"name\":\"a\",\"size\":1,\"uri\":\"u1\"},"
		"{\"digest\":{\"sha256\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"},"
		"\"kind\":\"seed\",\"name\":\"b\",\"size\":2,\"uri\":\"u2\"}]}");
}
