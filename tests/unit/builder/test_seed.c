/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/seed_priv.h"
#include "base/arena.h"
#include "base/manifest.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1024 * 1024)

static const char kiln[] =
	"format: 1\nname: x\nid: x\nversion: 1\nbuilder: https://x.invalid/\n";
static const char wanted[] = "format: 1\ngroups:\n"
			     "  - {name: make, standard: true, packages: [make, libc6]}\n"
			     "  - {name: cc, packages: [gcc-12, libc6]}\n"
			     "provides: [/bin/sh]\n";
static const char sum[] = "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1";

struct place {
	struct arena a;
	int dirfd;
	struct workspace w;
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

static void
write_text(int dirfd, const char *path, const char *text, struct err *err)
{
	assert_ok(fd_publish(dirfd, path, text, strlen(text), 0644, err));
}

static struct place
place_with(const char *yaml, const char *lock, struct err *err)
{
	struct place p = { .dirfd = test_tmpdir() };

	assert_ok(fd_mkdirs(p.dirfd, "bootstrap", err));
	write_text(p.dirfd, "kiln.yaml", kiln, err);
	write_text(p.dirfd, SEED_YAML, yaml, err);
	if (lock)
		write_text(p.dirfd, SEED_LOCK, lock, err);
	assert_ok(workspace_open(&p.a, test_tmpdir_path(p.dirfd), NULL, NULL, &p.w, err));
	return p;
}

static const char *
lock_of(struct arena *a, const char *const *names, size_t n)
{
	const char *text = "format: 1\npackages:\n";

	for (size_t i = 0; i < n; i++)
		text = arena_format(
			a,
			"%s  - {name: %s, version: \"1:2-3\", size: 9, sha256: %s, "
			"location: \"debian:pool/%s.deb\", snapshot: 20260101T000000Z}\n",
			text, names[i], sum, names[i]);
	return text;
}

static const char *const three[] = { "make", "libc6", "gcc-12" };

TEST(seed_is_read_with_its_groups_and_pins_sorted)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release) struct place p = place_with(wanted, lock_of(&a, three, 3), err);
	const struct seed_package **ground;
	struct source_pin pin;
	struct seed s;
	size_t n;

	assert_ok(seed_load(&p.a, &p.w, &s, err));
	assert_string_equal(s.groups[0].name, "cc");
	assert_string_equal(s.packages[0].name, "gcc-12");
	assert_string_equal(s.provides[0], "/bin/sh");
	assert_ok(seed_ground(&p.a, &s, NULL, 0, &ground, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(ground[0]->name, "libc6");
	assert_string_equal(ground[1]->name, "make");
	assert_ok(seed_ground(&p.a, &s, (const char *const[]){ "cc", "make" }, 2, &ground, &n,
			      err));
	assert_int_equal(n, 3);
	assert_fails(seed_ground(&p.a, &s, (const char *const[]){ "mak" }, 1, &ground, &n, err),
		     "ground 'mak' is no group of bootstrap/seed.yaml (did you mean 'make'?)");
	assert_ok(seed_pin(&p.a, &s.packages[1], &pin, err));
	assert_string_equal(pin.name, "libc6.deb");
	assert_string_equal(pin.where, "bootstrap/seed.lock:4");
	assert_int_equal(pin.size, 9);
	assert_string_equal(pin.locations[0], "debian:pool/libc6.deb");
	assert_string_equal(pin.locations[1],
			    "debian-snapshot:20260101T000000Z/pool/libc6.deb");
}

TEST(seed_lock_out_of_step_names_the_remedy)
{
	static const char *const four[] = { "gcc-12", "libc6", "m4", "make" };
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release)
	struct place less = place_with(wanted, lock_of(&a, three, 2), err);
	CLEANUP(place_release)
	struct place more = place_with(wanted, lock_of(&a, four, 4), err);
	CLEANUP(place_release) struct place none = place_with(wanted, NULL, err);
	struct seed s;

	assert_fails(
		seed_load(&less.a, &less.w, &s, err),
		"bootstrap/seed.yaml: 'gcc-12' is not pinned in bootstrap/seed.lock\nhint: run `kiln seed lock`");
	assert_fails(seed_load(&more.a, &more.w, &s, err),
		     "bootstrap/seed.lock:5: 'm4' is in no group of bootstrap/seed.yaml");
	assert_fails(seed_load(&none.a, &none.w, &s, err), "is not pinned");
}

static void
refuse(const char *yaml, const char *lock, const char *reason, struct err *err)
{
	CLEANUP(place_release) struct place p = place_with(yaml, lock, err);
	struct seed s;

	assert_fails(seed_load(&p.a, &p.w, &s, err), reason);
}

TEST(seed_refuses_what_leads_out_and_what_is_no_package)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	refuse("format: 1\ngroups: [{name: a, packages: ['../x']}]\n", NULL,
	       "bootstrap/seed.yaml:2:31: 'packages' must be a Debian package name", err);
	refuse("format: 1\ngroups: [{name: a, packages: [x]}]\nfixups: {links: {../x: y}}\n",
	       NULL, "bootstrap/seed.yaml:3:18: '../x' must be a path without a leading /",
	       err);
	refuse("format: 1\ngroups: [{name: a, packages: [x]}]\nfixups: {file: {}}\n", NULL,
	       "bootstrap/seed.yaml:3:10: unknown key 'file' (did you mean 'files'?)", err);
	refuse(wanted,
	       arena_format(
		       &a,
		       "format: 1\npackages:\n  - {name: x, version: 1, size: 1, sha256: %s, location: "
		       "'https://x.org/x.deb', snapshot: 20260101T000000Z}\n",
		       sum),
	       "'location' must be debian:pool/... or debian-security:pool/... of a .deb", err);
	refuse(wanted, "format: 1\npackages:\n  - {name: x, version: 1}\n",
	       "missing key 'size'", err);
	refuse(wanted, lock_of(&a, (const char *const[]){ "make", "make" }, 2),
	       "'make' is pinned twice", err);
}

TEST(seed_versions_have_debians_order)
{
	static const char *const rising[] = {
		"0~~",           "0~",          "0",      "1.0~rc1-1",  "1.0-1", "1.0-1+b1",
		"1.0-1+deb12u1", "1.0-2",       "1.0a-1", "1.0+dfsg-1", "1.1-1", "1.10-1",
		"2-0.1",         "2-1~deb12u1", "2-1",    "1:0.1-1",
	};

	for (size_t i = 0; i < ARRAY_LEN(rising); i++)
		for (size_t j = 0; j < ARRAY_LEN(rising); j++) {
			int order = seed_version_compare(rising[i], rising[j]);

			if ((order > 0) - (order < 0) != (i > j) - (i < j)) {
				print_error("%s against %s: %d\n", rising[i], rising[j], order);
				fail();
			}
		}
	assert_int_equal(seed_version_compare("1.00", "1.0"), 0);
	assert_int_equal(seed_version_compare("0:1-1", "1-1"), 0);
}

TEST(seed_index_gives_wanted_stanzas_only)
{
	static const char text[] =
		"Package: make\nVersion: 4.3\nDescription: x\n Package: not this\n"
		"Filename: pool/make.deb\nSize: 7\nSHA256: abc\n\n"
		"Package: makedev\nVersion: 1\nFilename: pool/m\nSize: 1\nSHA256: d\n\n"
		"Package: gcc-12\nVersion: 1\nSize: 1\nSHA256: d\n\n"
		"Package: libc6\nVersion: 2\nFilename: pool/l\nSize: 1\nSHA256: d";
	static const char *const names[] = { "gcc-12", "libc6", "make" };
	CLEANUP(buf_free) struct buf out = BUF_MAX(TEXT_MAX);

	assert_ok(seed_index_scan(text, sizeof(text) - 1, names, 3, &out, err));
	assert_string_equal(buf_text(&out),
			    "make\t4.3\t7\tabc\tpool/make.deb\nlibc6\t2\t1\td\tpool/l\n");
}

TEST(seed_release_file_gives_digests_and_date)
{
	static const char text[] =
		"Codename: x\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nMD5Sum:\n"
		" 0ed6d4c8891eb86358b94bb35d9e4da4 5 main/a\n"
		"SHA256:\n"
		" 71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1      7 main/a\n"
		" 71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a2      8 main/a.xz\n"
		"SHA512:\n x\n";
	char snapshot[SEED_SNAPSHOT_MAX];
	struct digest d;
	uint64_t size;

	assert_true(seed_index_listed(text, "main/a", &d, &size));
	assert_int_equal(size, 7);
	assert_int_equal(d.bytes[31], 0xa1);
	assert_false(seed_index_listed(text, "main/b", &d, &size));
	assert_false(seed_index_listed("Date: x\n", "main/a", &d, &size));
	assert_true(seed_index_date(text, snapshot));
	assert_string_equal(snapshot, "20260711T101637Z");
	assert_false(seed_index_date("Date: Sat, 11 Foo 2026 10:16:37 UTC\n", snapshot));
	assert_false(seed_index_date("Date: Sat, 11 Jul 2026 10:16:37 CET\n", snapshot));
	assert_false(seed_index_date("", snapshot));
}

static const char fixups[] = "fixups:\n  links: {bin: usr/bin, usr/bin/sh: bash}\n"
			     "  files: {etc/passwd: 'build:x:1000:'}\n  directories: [tmp]\n"
			     "  programs: {usr/bin/cc: '#!/bin/sh'}\n";

TEST(seed_fixups_become_a_tree_of_their_own)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release)
	struct place p = place_with(arena_format(&a, "%s%s", wanted, fixups),
				    lock_of(&a, three, 3), err);
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	CLEANUP(cas_close) struct cas *store = NULL;
	struct manifest m;
	const char **trees;
	struct seed s;
	size_t n;

	assert_ok(seed_load(&p.a, &p.w, &s, err));
	assert_ok(cas_open(p.w.store_path, true, &store, err));
	for (int i = 0; i < 2; i++)
		assert_ok(seed_trees(&p.a, NULL, store, &s, NULL, 0, &trees, &n, err));
	assert_int_equal(n, 1);
	assert_ok(cas_tree_manifest(store, trees[0], &text, err));
	assert_ok(manifest_parse(&p.a, buf_text(&text), text.len, "m", &m, err));
	assert_int_equal(m.n, 8);
	assert_int_equal(manifest_find(&m, "etc/passwd")->mode, 0644);
	assert_int_equal(manifest_find(&m, "usr/bin/cc")->mode, 0755);
	assert_string_equal(manifest_find(&m, "bin")->target, "usr/bin");
	assert_string_equal(manifest_find(&m, "usr/bin/sh")->target, "bash");
	assert_int_equal(manifest_find(&m, "etc/passwd")->size, 13);
	assert_non_null(manifest_find(&m, "tmp"));
}

TEST(seed_fixups_write_nothing_through_a_link)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release)
	struct place p = place_with(
		arena_format(&a, "%sfixups:\n  links: {bin: usr/bin}\n  files: {bin/x: y}\n",
			     wanted),
		lock_of(&a, three, 3), err);
	CLEANUP(cas_close) struct cas *store = NULL;
	const char **trees;
	struct seed s;
	size_t n;

	assert_ok(seed_load(&p.a, &p.w, &s, err));
	assert_ok(cas_open(p.w.store_path, true, &store, err));
	assert_fails(seed_trees(&p.a, NULL, store, &s, NULL, 0, &trees, &n, err),
		     "fix-ups: bootstrap/seed.yaml:7: 'bin': link: File exists");
}

TEST(seed_package_that_was_not_fetched_names_the_remedy)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release) struct place p = place_with(wanted, lock_of(&a, three, 3), err);
	CLEANUP(cas_close) struct cas *store = NULL;
	const struct seed_package **ground;
	const char **trees;
	struct seed s;
	size_t n, ntrees;

	assert_ok(seed_load(&p.a, &p.w, &s, err));
	assert_ok(seed_ground(&p.a, &s, NULL, 0, &ground, &n, err));
	assert_ok(cas_open(p.w.store_path, true, &store, err));
	assert_fails(
		seed_trees(&p.a, NULL, store, &s, ground, n, &trees, &ntrees, err),
		"bootstrap/seed.lock:4: seed package 'libc6' is not in the store\nhint: run `kiln fetch`");
}

TEST(seed_of_this_tree_is_in_step_with_its_lock)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct seed_package **ground;
	struct workspace w = { 0 };
	struct seed s;
	size_t n;

	assert_ok(workspace_open(&a, "..", NULL, NULL, &w, err));
	assert_ok(seed_load(&a, &w, &s, err));
	assert_ok(seed_ground(&a, &s, NULL, 0, &ground, &n, err));
	assert_true(n >= 50);
	workspace_close(&w);
}

/* What an index would have to be read from: a mirror of ours, in the place of the host's
 * archive. */
static int
read_mirror(const char *inrelease, struct err *err)
{
	static const struct source_index index = { "debian", "http://unused.invalid",
						   "bookworm", "main" };
	static const char *const names[] = { "make" };
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(place_release) struct place p = place_with(wanted, NULL, err);
	struct workspace_mirror mirror = { "debian", arena_format(&a, "file://%s/mirror",
								  test_tmpdir_path(p.dirfd)) };
	const struct seed_query q = { &p.w, &index, 1, names, 1 };
	struct seed_package *found;
	size_t n;

	assert_ok(fd_mkdirs(p.dirfd, "mirror/dists/bookworm", err));
	if (inrelease)
		write_text(p.dirfd, "mirror/dists/bookworm/InRelease", inrelease, err);
	p.w.mirrors = &mirror;
	p.w.nmirrors = 1;
	return seed_index_read(&p.a, &q, &found, &n, err);
}

TEST(seed_index_without_a_good_signature_is_refused)
{
	static const char plain[] =
		"Codename: bookworm\nDate: Sat, 11 Jul 2026 10:16:37 UTC\nSHA256:\n";
	static const char forged[] =
		"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nCodename: bookworm\n"
		"-----BEGIN PGP SIGNATURE-----\n\niHUEABYKAB0=\n=AAAA\n"
		"-----END PGP SIGNATURE-----\n";

	assert_fails(read_mirror(NULL, err), "debian bookworm: ");
	assert_fails(read_mirror(plain, err), "debian bookworm: its signature is not one of ");
	assert_non_null(strstr(err->text,
			       "\nhint: bring the package debian-archive-keyring up to date"));
	assert_fails(read_mirror(forged, err), "debian bookworm: its signature is not one of ");
	assert_fails(read_mirror("", err), "debian bookworm: its signature is not one of ");
}
