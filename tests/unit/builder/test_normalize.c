/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/normalize.h"
#include "tests/unit/builder/made.h"

#define HEAD                                                                                   \
	"format: 1\nname: x\nversion: \"1\"\nrelease: 1\nsummary: Made for a test\n"           \
	"license: MIT\nhomepage: https://example.org/\n"                                       \
	"build:\n  steps:\n    - name: make\n      run: \"true\"\n"

static int
normalize(struct arena *a, const char *const *lines, size_t n, struct pkgfile_entry **entries,
	  size_t *count, struct err *err)
{
	struct manifest m;

	made_manifest(a, lines, n, &m);
	return normalize_tree(a, made_one(a, HEAD), &m, entries, count, err);
}

static void
refuses(const char *line, const char *reason, const char *remedy)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err e, *err = &e;
	struct pkgfile_entry *entries;
	size_t n;

	assert_fails(normalize(&a, &line, 1, &entries, &n, err), reason);
	if (!strstr(err->text, remedy))
		fail_msg("no '%s' in: %s", remedy, err->text);
}

TEST(normalize_drops_what_libtool_and_install_info_leave)
{
	static const char *const lines[] = { "d  usr",
					     "d  usr/lib",
					     "f  usr/lib/libx.la",
					     "f  usr/lib/libx.so.1",
					     "d  usr/share",
					     "d  usr/share/info",
					     "f  usr/share/info/dir" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry *e;
	size_t n;

	assert_ok(normalize(&a, lines, ARRAY_LEN(lines), &e, &n, err));
	assert_int_equal(n, 5);
	assert_string_equal(e[2].path, "/usr/lib/libx.so.1");
	assert_string_equal(e[2].source, "usr/lib/libx.so.1");
	assert_null(e[1].source);
}

TEST(normalize_marks_documents_and_licences)
{
	static const char *const lines[] = { "f  usr/share/doc/x/README",
					     "f  usr/share/licenses/x/COPYING",
					     "f  usr/share/x/data" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry *e;
	size_t n;

	assert_ok(normalize(&a, lines, ARRAY_LEN(lines), &e, &n, err));
	assert_int_equal(e[0].flags, PKGFILE_DOC);
	assert_int_equal(e[1].flags, PKGFILE_LICENSE);
	assert_int_equal(e[2].flags, 0);
}

TEST(normalize_refuses_files_outside_the_system_directories)
{
	refuses("f  opt/x/bin",
		"the build installed '/opt/x/bin'; packages hold files below /usr, /etc and /var",
		"--prefix=/usr");
	refuses("f  x", "the build installed '/x'", "--prefix=/usr");
	refuses("d  data", "the build installed '/data'", "--prefix=/usr");
	refuses("f  usr/local/bin/x", "/usr/local belongs to the administrator",
		"--prefix=/usr");
}

TEST(normalize_refuses_what_undoes_the_merged_usr)
{
	refuses("f  bin/x", "the build installed '/bin/x', but /bin is a link to /usr/bin",
		"--bindir=/usr/bin");
	refuses("d  lib64", "the build installed '/lib64'", "--libdir=/usr/lib64");
	refuses("l  sbin usr/other", "/sbin is a link to /usr/sbin", "--sbindir=/usr/sbin");
}

TEST(normalize_allows_the_links_and_directories_of_a_base_system)
{
	static const char *const lines[] = { "l  bin usr/bin", "l  lib64 usr/lib",
					     "d  tmp",         "d  proc",
					     "d  home/user",   "f  etc/passwd",
					     "d  var/tmp" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry *e;
	size_t n;

	assert_ok(normalize(&a, lines, ARRAY_LEN(lines), &e, &n, err));
	assert_int_equal(n, 7);
}

TEST(normalize_refuses_links_into_the_build_directory)
{
	refuses("l  usr/bin/x /build/src/x",
		"'/usr/bin/x' as a link to '/build/src/x', which is gone", "relative");
	refuses("l  usr/bin/x /out/usr/bin/y", "which is gone after the build", "relative");
}

TEST(normalize_refuses_an_empty_harvest)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry *e;
	size_t n;

	assert_fails(normalize(&a, NULL, 0, &e, &n, err), "the build installed nothing");
	assert_non_null(strstr(err->text, "$DESTDIR"));
}

TEST(normalize_takes_a_package_that_is_only_declared)
{
	static const char *const declared[] = {
		"packages: [{name: x, requires: [y]}]\n",
		"packages: [{name: x, provides: [y]}]\n",
		"packages: [{name: x, recommends: [y]}]\n",
		"packages: [{name: x, directories: [{path: /var/x}]}]\n",
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry *e;
	struct manifest m = { 0 };
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(declared); i++) {
		const char *text = arena_format(&a, "%s%s", HEAD, declared[i]);

		assert_ok(normalize_tree(&a, made_one(&a, text), &m, &e, &n, err));
		assert_int_equal(n, 0);
	}
	/* What a package is not says nothing of what it is. */
	assert_fails(normalize_tree(&a,
				    made_one(&a, HEAD "packages: [{name: x, "
						      "conflicts: [y]}]\n"),
				    &m, &e, &n, err),
		     "the build installed nothing");
}

/* Owners of package x on these entries. */
static int
own(struct arena *a, const char *owners, struct pkgfile_entry *e, size_t n, struct err *err)
{
	struct recipe *r = made_one(
		a, arena_format(a, HEAD "packages:\n  - name: x\n    owners:\n%s", owners));

	return normalize_owners(r, &r->packages[0], e, n, err);
}

TEST(normalize_takes_owners_modes_and_flags_from_the_recipe)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry e[] = {
		{ .path = "/etc/x", .type = MANIFEST_DIR, .mode = 0755 },
		{ .path = "/etc/x/conf", .type = MANIFEST_FILE, .mode = 0644 },
		{ .path = "/usr/bin/su", .type = MANIFEST_FILE, .mode = 0755 },
	};

	assert_ok(own(&a,
		      "      - {path: /etc/x, group: wheel, mode: \"0750\", reason: secrets}\n"
		      "      - {path: \"/etc/x/**\", config: true, reason: edited by hand}\n"
		      "      - {path: /usr/bin/su, mode: \"4755\", reason: changes the user}\n",
		      e, ARRAY_LEN(e), err));
	assert_int_equal(e[0].mode, 0750);
	assert_string_equal(e[0].group, "wheel");
	assert_null(e[1].group);
	assert_int_equal(e[1].mode, 0644);
	assert_int_equal(e[1].flags, PKGFILE_CONFIG | PKGFILE_NOREPLACE);
	assert_int_equal(e[2].mode, 04755);
}

TEST(normalize_refuses_owners_that_match_nothing)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry e[] = {
		{ .path = "/usr/bin/x", .type = MANIFEST_FILE, .mode = 0755 }
	};

	assert_fails(
		own(&a, "      - {path: /usr/bin/y, user: daemon, reason: none}\n", e, 1, err),
		"recipes/x/recipe.yaml:13:5: package 'x': owners: '/usr/bin/y' matches nothing in it");
}

TEST(normalize_refuses_what_everybody_may_write)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct pkgfile_entry e[] = { { .path = "/var/x", .type = MANIFEST_DIR, .mode = 0755 } };

	assert_fails(
		own(&a, "      - {path: /var/x, mode: \"0777\", reason: none}\n", e, 1, err),
		"mode 0777 lets everybody write to '/var/x'");
	assert_ok(own(&a, "      - {path: /var/x, mode: \"1777\", reason: everybody's}\n", e, 1,
		      err));
}
