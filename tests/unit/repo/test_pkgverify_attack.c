/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attacker who owns the tree and, in some tests, one of the three keys: each role must be
 * unable to do what only another may.
 */
#include "base/base.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/tree.h"
#include "repo/pkgverify.h"
#include "tests/unit/repo/shop.h"
#include "trust/openpgp.h"

#define MAX_BYTES ((size_t)1 << 24)
#define APP_NAME  "app-1-1.x86_64.rpm"
#define APP       "packages/" APP_NAME
#define ZLIB      "packages/zlib-1-1.x86_64.rpm"
#define BUNDLE    ".sigstore.json"
#define REPOMD    "repodata/repomd.xml"

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

static void
assert_refused(struct shop *s, const char *reason)
{
	struct err failure = { .text = "" }, *err = &failure;

	assert_fails(verify_repo(s, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

static void
assert_file_refused(struct shop *s, const char *path, const char *reason)
{
	struct err failure = { .text = "" }, *err = &failure;

	assert_fails(verify_file(s, path, err), reason);
	assert_int_equal(err->code, ERR_VERIFY);
}

static void
must(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

static void
stocked(struct shop *s)
{
	struct publish_summary sum;
	struct err err = { .text = "" };

	shop_open(s);
	shop_stock(s);
	must(shop_publish(s, &sum, &err), &err);
}

static void
put(struct shop *s, const char *path, const void *data, size_t n)
{
	struct err err;

	must(fd_publish(s->dir, arena_format(&s->a, "out/repo/%s", path), data, n, 0644, &err),
	     &err);
}

static void
put_text(struct shop *s, const char *path, const char *text)
{
	put(s, path, text, strlen(text));
}

static const char *
text_of(struct shop *s, const char *path)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_BYTES);

	shop_read(s, path, &text);
	return arena_strdup(&s->a, buf_text(&text));
}

/* text with each `from` (there is at least one) replaced. */
static const char *
replaced(struct shop *s, const char *text, const char *from, const char *to)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(MAX_BYTES);
	const char *at = strstr(text, from);

	assert_non_null(at);
	for (; at; text = at + strlen(from), at = strstr(text, from)) {
		buf_add(&out, text, (size_t)(at - text));
		buf_add_str(&out, to);
	}
	buf_add_str(&out, text);
	return arena_strdup(&s->a, buf_text(&out));
}

/* ---- with the metadata key ---- */

static void
put_repomd(struct shop *s, const char *text)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf armor = BUF_MAX(MAX_BYTES);
	struct err err;

	must(signer_sign(s->signer, KEY_METADATA, SIGNER_TYPE_REPOMD, SHOP_EPOCH, text,
			 strlen(text), &sig, &err),
	     &err);
	openpgp_armor("SIGNATURE", sig.data, sig.len, &armor);
	put_text(s, REPOMD, text);
	put(s, REPOMD ".asc", armor.data, armor.len);
}

/* The name of the primary metadata in repodata/. */
static const char *
primary_path(struct shop *s)
{
	const char **names;
	struct err err;
	size_t n;

	must(tree_list(&s->a, s->dir, "out/repo/repodata", &names, &n, &err), &err);
	for (size_t i = 0; i < n; i++)
		if (strstr(names[i], "primary"))
			return arena_format(&s->a, "repodata/%s", names[i]);
	fail_msg("no primary");
	return NULL;
}

static const char *
primary_text(struct shop *s)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf plain = BUF_MAX(MAX_BYTES);
	struct err err;

	shop_read(s, primary_path(s), &packed);
	must(gzip_read(packed.data, packed.len, &plain, &err), &err);
	return arena_strdup(&s->a, buf_text(&plain));
}

/* Puts bytes in the place of the primary metadata and signs that. */
static void
put_primary_bytes(struct shop *s, const void *data, size_t n)
{
	const char *path = primary_path(s), *repomd = text_of(s, REPOMD);
	const char *old_hex = arena_strndup(&s->a, path + strlen("repodata/"), 64);
	struct stat st;
	struct digest d;
	char hex[DIGEST_HEX];

	assert_int_equal(stat(shop_path(s, path), &st), 0);
	digest_of(data, n, &d);
	digest_hex(&d, hex);
	repomd = replaced(s, repomd, old_hex, hex);
	repomd = replaced(s, repomd,
			  arena_format(&s->a, "<size>%lld</size>", (long long)st.st_size),
			  arena_format(&s->a, "<size>%zu</size>", n));
	assert_int_equal(unlink(shop_path(s, path)), 0);
	put(s, arena_format(&s->a, "repodata/%s-primary.xml.gz", hex), data, n);
	put_repomd(s, repomd);
}

static void
put_primary(struct shop *s, const char *text)
{
	CLEANUP(buf_free) struct buf packed = BUF_MAX(MAX_BYTES);
	struct err err;

	must(gzip_write(text, strlen(text), &packed, &err), &err);
	put_primary_bytes(s, packed.data, packed.len);
}

TEST(pkgverify_metadata_key_cannot_list_a_second_primary)
{
	CLEANUP(shop_close) struct shop s;
	const char *text;

	stocked(&s);
	text = text_of(&s, REPOMD);
	put_text(&s, "repodata/evil-primary.xml.gz", "evil");
	put_repomd(&s,
		   replaced(&s, text, "  <data type=\"primary\">",
			    "  <data type=\"primary\"><checksum type=\"sha256\">"
			    "4e6f6b5a7c3a2d1e4e6f6b5a7c3a2d1e4e6f6b5a7c3a2d1e4e6f6b5a7c3a2d1e"
			    "</checksum><location href=\"repodata/evil-primary.xml.gz\"/>"
			    "<size>4</size></data>\n  <data type=\"primary\">"));
	assert_refused(&s, "lists two files of the kind 'primary'");
}

/* Clients that know it would take it instead of the primary that was looked at. */
TEST(pkgverify_metadata_key_cannot_list_another_kind)
{
	CLEANUP(shop_close) struct shop s;
	const char *text;

	stocked(&s);
	text = text_of(&s, REPOMD);
	put_repomd(&s, replaced(&s, text, "\"filelists\"", "\"primary_zck\""));
	assert_refused(&s, "of the kind 'primary_zck', which is not known here");
	put_repomd(&s, text);
	assert_ok(verify_repo(&s, err));
}

TEST(pkgverify_metadata_key_cannot_call_a_package_newer_than_it_is)
{
	static const struct {
		const char *from, *to;
	} lies[] = {
		{ "<version epoch=\"0\" ver=\"1\" rel=\"1\"/>",
		  "<version epoch=\"0\" ver=\"9\" rel=\"1\"/>" },
		{ "<version epoch=\"0\" ver=\"1\" rel=\"1\"/>",
		  "<version epoch=\"3\" ver=\"1\" rel=\"1\"/>" },
		{ "<arch>x86_64</arch>", "<arch>noarch</arch>" },
		{ "<name>app</name>", "<name>appp</name>" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CLEANUP(shop_close) struct shop s;

		stocked(&s);
		put_primary(&s, replaced(&s, primary_text(&s), lies[i].from, lies[i].to));
		assert_refused(&s, APP " is listed as app");
	}
}

TEST(pkgverify_metadata_key_cannot_list_one_package_twice)
{
	CLEANUP(shop_close) struct shop s;
	const char *text, *package, *end;

	stocked(&s);
	text = primary_text(&s);
	package = strstr(text, "<package type");
	end = strstr(package, "</package>") + strlen("</package>");
	package = arena_strndup(&s.a, package, (size_t)(end - package));
	text = replaced(&s, text, "packages=\"2\"", "packages=\"3\"");
	put_primary(&s,
		    replaced(&s, text, package, arena_format(&s.a, "%s%s", package, package)));
	assert_refused(&s, "a location given twice");
}

TEST(pkgverify_metadata_key_cannot_send_clients_elsewhere)
{
	static const char *const hrefs[] = {
		"packages/../../evil.rpm", "../evil.rpm",          "/evil.rpm",
		"keys/evil.rpm",           "packages/.hidden.rpm", "https://evil.invalid/" APP
	};

	for (size_t i = 0; i < ARRAY_LEN(hrefs); i++) {
		CLEANUP(shop_close) struct shop s;

		stocked(&s);
		put_primary(&s, replaced(&s, primary_text(&s), APP, hrefs[i]));
		assert_refused(&s, "a location outside of the repository");
	}
}

/* 64 MiB of zeros in 64 KiB is refused for what it is, without a crash. */
TEST(pkgverify_metadata_key_cannot_bomb)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf zeros = BUF_MAX((size_t)1 << 26);
	CLEANUP(buf_free) struct buf packed = BUF_MAX(MAX_BYTES);
	char *room;

	stocked(&s);
	room = buf_reserve(&zeros, zeros.max);
	memset(room, 0, zeros.max);
	must(gzip_write(room, zeros.max, &packed, err), err);
	put_primary_bytes(&s, packed.data, packed.len);
	assert_refused(&s, "text outside the document");
}

/* ---- with the builder key ---- */

struct forged {
	const char *predicate_type, *build_type, *name;
	const struct digest *inputs;
	size_t ninputs;
	bool empty;
};

/* A statement about the app as it lies there, signed with the builder key. */
static void
put_bundle(struct shop *s, const struct forged *f, const char *path)
{
	CLEANUP(buf_free) struct buf file = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_BYTES);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(MAX_BYTES);
	const char *name = f->name ? f->name : APP_NAME;
	struct statement_resource input = { .name = "seed" };
	struct statement_resource subjects[] = {
		{ .name = name },
		{ .name = arena_format(&s->a, "%s;unsigned", name) },
	};
	struct statement st = {
		.predicate_type = f->predicate_type ? f->predicate_type : STATEMENT_SLSA_V1,
		.build_type = f->build_type ? f->build_type : STATEMENT_RPM_BUILD,
		.subjects = subjects,
		.nsubjects = ARRAY_LEN(subjects),
		.external = doc_map(&s->a),
		.builder_id = "https://kiln.invalid/builder/v1",
		.dependencies = &input,
		.ndependencies = f->empty ? 0 : 1,
		.predicate = doc_map(&s->a),
	};
	struct err err;

	shop_read(s, APP, &file);
	digest_of(file.data, file.len, &subjects[0].sha256);
	subjects[1].sha256 = s->packages[1]->file;
	input.sha256 = s->inputs[2].sha256;
	must(statement_make(&st, &text, &err), &err);
	must(signer_bundle(s->signer, text.data, text.len, &bundle, &err), &err);
	put(s, path, bundle.data, bundle.len);
}

/* A bundle with what lies beside it. */
static void
drop_statement(struct shop *s, const char *stem)
{
	static const char *const suffixes[] = { BUNDLE, ".tlog-proof", ".intoto.jsonl" };

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		assert_int_equal(
			unlink(shop_path(s, arena_format(&s->a, "%s%s", stem, suffixes[i]))),
			0);
}

TEST(pkgverify_refuses_statements_of_another_kind_or_about_nothing)
{
	static const struct {
		struct forged forged;
		const char *reason;
	} cases[] = {
		{ { .predicate_type = STATEMENT_INVENTORY }, "predicate type is " },
		{ { .predicate_type = "https://slsa.dev/provenance/v0.2" },
		  "predicate type is " },
		{ { .build_type = "https://kiln.invalid/buildtypes/image/v1" },
		  "not that of a package" },
		{ { .name = "zlib-1-1.x86_64.rpm" }, "the subject " APP_NAME " is missing" },
		{ { .name = APP_NAME ";unsigned" }, "the subject " APP_NAME " is missing" },
		{ { .empty = true }, "names no inputs" },
	};

	static const char *const bills[] = { APP ".cdx.json", APP ".spdx.json" };
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	/* A bill that tells of other inputs would give the forger away. */
	for (size_t i = 0; i < ARRAY_LEN(bills); i++)
		assert_int_equal(unlink(shop_path(&s, bills[i])), 0);
	drop_statement(&s, APP ".sbom");
	drop_statement(&s, "release");
	put_bundle(&s, &(struct forged){ .name = NULL }, APP BUNDLE);
	assert_ok(verify_repo(&s, err)); /* the forger himself can do it right */
	assert_ok(verify_file(&s, APP, err));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_bundle(&s, &cases[i].forged, APP BUNDLE);
		assert_refused(&s, cases[i].reason);
		assert_file_refused(&s, APP, cases[i].reason);
	}
}

/* ---- what lies beside a package ---- */

/* The bills of one package under the name of another are true, and not of it. */
TEST(pkgverify_refuses_bills_that_are_not_the_signed_ones)
{
	static const char *const kinds[] = { ".cdx.json", ".spdx.json", ".sbom.sigstore.json",
					     ".test.sigstore.json" };
	static const char *const reasons[] = { "the CycloneDX document is not the one",
					       "the SPDX document is not the one",
					       "speaks of other bytes",
					       "speaks of other bytes" };
	static const char zlib[] = "packages/zlib-1-1.x86_64.rpm";
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	drop_statement(&s, "release");
	assert_ok(verify_repo(&s, err));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *mine = arena_format(&s.a, "%s%s", APP, kinds[i]);
		const char *good = text_of(&s, mine);
		const char *other = text_of(&s, arena_format(&s.a, "%s%s", zlib, kinds[i]));

		put(&s, mine, other, strlen(other));
		assert_refused(&s, reasons[i]);
		put(&s, mine, good, strlen(good));
		assert_ok(verify_repo(&s, err));
	}
	drop_statement(&s, APP ".sbom");
	assert_refused(&s, "has an SBOM that nobody signed");
}

TEST(pkgverify_refuses_a_tree_that_is_not_the_released_one)
{
	CLEANUP(shop_close) struct shop s;
	const char *text;

	stocked(&s);
	text = text_of(&s, "kiln.repo");
	put(&s, "kiln.repo", replaced(&s, text, "enabled=1", "enabled=0"), strlen(text));
	assert_refused(&s, "kiln.repo is not the file that was released");
	put(&s, "kiln.repo", text, strlen(text));
	assert_ok(verify_repo(&s, err));
	assert_int_equal(unlink(shop_path(&s, "packages/zlib-1-1.x86_64.rpm.spdx.json")), 0);
	assert_refused(&s, "release.sigstore.json: packages/zlib-1-1.x86_64.rpm.spdx.json");
}

/* ---- one key in the place of another ---- */

/* A directory of the trusted keys in which role's key is that of `from`. */
static const char *
disguised(struct shop *s, enum key_role role, enum key_role from)
{
	const char *dir = arena_format(&s->a, "disguise-%s", key_role_name(role));
	struct err err;

	must(tree_copy(AT_FDCWD, shop_keys(), s->dir, dir, -1, &err), &err);
	for (int i = 0; i < 2; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_BYTES);
		const char *suffix = i ? "key" : "asc";

		must(fd_read_file(
			     s->dir,
			     arena_format(&s->a, "%s/%s.%s", dir, key_role_name(from), suffix),
			     &text, &err),
		     &err);
		must(fd_publish(
			     s->dir,
			     arena_format(&s->a, "%s/%s.%s", dir, key_role_name(role), suffix),
			     text.data, text.len, i ? 0600 : 0644, &err),
		     &err);
	}
	return arena_format(&s->a, "%s/%s", s->root, dir);
}

/* Whoever holds one key signs with it what is not his to sign; everything else is in order. */
TEST(pkgverify_keys_cannot_stand_in_for_each_other)
{
	static const struct {
		enum key_role role, from;
		const char *reason;
	} cases[] = {
		{ KEY_PACKAGES, KEY_METADATA, "which is a metadata key, not a packages key" },
		{ KEY_METADATA, KEY_PACKAGES, "which is a packages key, not a metadata key" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(shop_close) struct shop s;
		CLEANUP(shop_close) struct shop his;
		struct publish_summary sum;

		shop_open(&s); /* for a place to put the keys */
		shop_open_with(&his, disguised(&s, cases[i].role, cases[i].from));
		shop_stock(&his);
		assert_ok(shop_publish(&his, &sum, err));
		assert_refused(&his, cases[i].reason);
	}
}

/* ---- with no key: replay, swapping, adding ---- */

TEST(pkgverify_refuses_the_statement_of_the_build_beside_the_signed_file)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(MAX_BYTES);

	stocked(&s);
	must(cas_get(s.store, &s.packages[1]->bundle, &bundle, err), err);
	put(&s, APP BUNDLE, bundle.data, bundle.len);
	assert_file_refused(&s, APP, APP_NAME BUNDLE ": speaks of other bytes");
	assert_refused(&s, APP_NAME BUNDLE ": speaks of other bytes");
}

TEST(pkgverify_refuses_proof_that_nothing_needs)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(MAX_BYTES);
	struct digest seed;

	stocked(&s);
	seed = s.inputs[2].sha256;
	(void)shop_package(&s, "old", "old\n", &seed, 1); /* built, never published */
	must(cas_get(s.store, &s.packages[2]->bundle, &bundle, err), err);
	put(&s, "packages/old-1-1.x86_64.rpm" BUNDLE, bundle.data, bundle.len);
	assert_refused(&s, "packages/old-1-1.x86_64.rpm" BUNDLE " belongs to no package here");
}

TEST(pkgverify_refuses_provenance_in_place_of_the_inventory)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	put_text(&s, "inventory.json" BUNDLE, text_of(&s, APP BUNDLE));
	assert_refused(&s, "inventory.json" BUNDLE ": predicate type is");
	put_text(&s, APP BUNDLE, text_of(&s, "inventory.json" BUNDLE));
}

TEST(pkgverify_refuses_the_inventory_in_place_of_provenance)
{
	CLEANUP(shop_close) struct shop s;

	stocked(&s);
	put_text(&s, ZLIB BUNDLE, text_of(&s, "inventory.json" BUNDLE));
	assert_refused(&s, "zlib-1-1.x86_64.rpm" BUNDLE ": predicate type is");
	assert_file_refused(&s, APP, "zlib-1-1.x86_64.rpm" BUNDLE ": predicate type is");
}

/* Verified as a repository, used as an image. */
TEST(pkgverify_refuses_what_does_not_belong_to_a_repository)
{
	static const char *const names[] = { "oci-layout", "evil.rpm", ".hidden",
					     "keys/evil.asc" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(shop_close) struct shop s;

		stocked(&s);
		put_text(&s, names[i], "{}");
		assert_refused(
			&s, arena_format(&s.a, "%s does not belong to a repository", names[i]));
	}
}

TEST(pkgverify_refuses_a_second_key_behind_the_good_one)
{
	CLEANUP(shop_close) struct shop s;
	CLEANUP(buf_free) struct buf other = BUF_MAX(MAX_BYTES);
	const char *good;

	stocked(&s);
	good = text_of(&s, "keys/packages.asc");
	must(fd_read_file(AT_FDCWD, arena_format(&s.a, "%s/packages.asc", shop_other_keys()),
			  &other, err),
	     err);
	put_text(&s, "keys/packages.asc", arena_format(&s.a, "%s%s", good, buf_text(&other)));
	assert_refused(&s, "keys/packages.asc");
	put_text(&s, "keys/packages.asc", arena_format(&s.a, "%sapt-key\n", good));
	assert_refused(&s, "keys/packages.asc");
	put_text(&s, "keys/packages.asc", good);
	assert_ok(verify_repo(&s, err));
	put(&s, "repodata/repomd.xml.key", other.data, other.len);
	assert_refused(&s, "repodata/repomd.xml.key is not keys/metadata.asc");
}

TEST(pkgverify_refuses_a_description_that_switches_checks_off)
{
	static const struct {
		const char *from, *to, *reason;
	} cases[] = {
		{ "\ngpgcheck=1", "\ngpgcheck=0", "not a line that publishing writes" },
		{ "\nrepo_gpgcheck=1", "\n#", "does not make clients check all" },
		{ "baseurl=$kiln_repo", "baseurl=https://evil.invalid", "not a line" },
		{ "gpgcheck=1\n", "gpgcheck=1\ngpgcheck=1\n", "not a line" },
		{ "enabled=1\n", "enabled=1\n gpgcheck=0\n", "not a line" },
		{ "[kiln]", "[main]", "not a line" },
		{ "[kiln]", "[kiln]\n[evil]", "not a line" },
		{ "\ngpgkey=$kiln_repo/keys/packages.asc", "\ngpgkey=https://evil.invalid/k",
		  "not a line" },
		{ "# ", "# \x1b[2J", "kiln.repo:1: not a line" },
	};
	CLEANUP(shop_close) struct shop s;
	const char *good;

	stocked(&s);
	good = text_of(&s, "kiln.repo");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_text(&s, "kiln.repo", replaced(&s, good, cases[i].from, cases[i].to));
		assert_refused(&s, cases[i].reason);
	}
	assert_int_equal(unlink(shop_path(&s, "kiln.repo")), 0);
	assert_refused(&s, "kiln.repo: No such file");
}

/* ---- what is no plain file ---- */

TEST(pkgverify_refuses_directories_reached_through_links)
{
	static const char *const names[] = { "packages", "repodata" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(shop_close) struct shop s;
		const char *moved;

		stocked(&s);
		moved = arena_format(&s.a, "%s/elsewhere", s.root);
		assert_int_equal(rename(shop_path(&s, names[i]), moved), 0);
		assert_int_equal(symlink("../../elsewhere", shop_path(&s, names[i])), 0);
		assert_refused(&s, names[i]);
		assert_int_equal(unlink(shop_path(&s, names[i])), 0);
		assert_int_equal(rename(moved, shop_path(&s, names[i])), 0);
		assert_ok(verify_repo(&s, err));
		assert_int_equal(rename(shop_path(&s, names[i]), shop_path(&s, "real")), 0);
		assert_int_equal(symlink("real", shop_path(&s, names[i])), 0);
		assert_refused(&s, "leads through a symbolic link");
	}
}

TEST(pkgverify_never_waits_for_a_fifo_nor_reads_a_directory)
{
	static const char *const paths[] = { REPOMD,
					     REPOMD ".asc",
					     "repodata/repomd.xml.key",
					     APP,
					     APP BUNDLE,
					     "inventory.json",
					     "inventory.json" BUNDLE,
					     "kiln.repo",
					     "keys/packages.asc" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(shop_close) struct shop s;
		const char *path;

		stocked(&s);
		path = shop_path(&s, paths[i]);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0644), 0);
		assert_refused(&s, "is not a regular file");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_refused(&s, "is not a regular file");
		assert_int_equal(rmdir(path), 0);
		assert_int_equal(symlink("/dev/zero", path), 0);
		assert_refused(&s, "symbolic link");
	}
}

/* A sparse terabyte costs the attacker nothing; hashing it would cost us an hour. */
TEST(pkgverify_does_not_hash_what_cannot_be_right)
{
	static const char *const paths[] = { APP,        "repodata/",
					     APP BUNDLE, "inventory.json",
					     REPOMD,     "keys/builder.pub" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEANUP(shop_close) struct shop s;
		int64_t start = clock_monotonic_ms();
		const char *path;

		stocked(&s);
		start = clock_monotonic_ms();
		path = strcmp(paths[i], "repodata/") == 0 ? primary_path(&s) : paths[i];
		assert_int_equal(truncate(shop_path(&s, path), (off_t)1 << 40), 0);
		assert_fails(verify_repo(&s, err), "");
		assert_int_equal(err->code, ERR_VERIFY);
		assert_true(clock_monotonic_ms() - start < 20000);
	}
}

TEST(pkgverify_shows_hostile_names_without_their_control_characters)
{
	static const char *const names[] = { "packages/a\n\x1b[2Jverified", "keys/\xff\x01",
					     "repodata/x\r\n", "\x1b]0;x\a" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(shop_close) struct shop s;

		stocked(&s);
		put_text(&s, names[i], "x");
		assert_fails(verify_repo(&s, err), "");
		for (const char *p = err->text; *p; p++)
			assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 0x7f);
	}
}
