/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "builder/normalize.h"
#include "builder/split.h"
#include "tests/unit/builder/made.h"

#define HEAD                                                                                   \
	"format: 1\nname: x\nversion: \"1\"\nrelease: 1\nsummary: Made for a test\n"           \
	"license: MIT\nhomepage: https://example.org/\n"                                       \
	"build:\n  steps:\n    - name: make\n      run: \"true\"\n"

/* Lines as made_manifest takes them, of a recipe with these packages. */
static int
split(struct arena *a, const char *packages, const char *const *lines, size_t n,
      struct split_part **parts, size_t *nparts, struct err *err)
{
	struct recipe *r = made_one(a, arena_format(a, HEAD "%s", packages));
	struct pkgfile_entry *entries;
	struct manifest m;
	size_t count;

	made_manifest(a, lines, n, &m);
	assert_ok(normalize_tree(a, r, &m, &entries, &count, err));
	return split_files(a, r, entries, count, parts, nparts, err);
}

static const struct split_part *
part_of(const struct split_part *parts, size_t n, const char *path)
{
	for (size_t p = 0; p < n; p++) {
		for (size_t i = 0; i < parts[p].n; i++) {
			if (strcmp(parts[p].entries[i].path, path) == 0)
				return &parts[p];
		}
	}
	return NULL;
}

static void
check_part(const struct split_part *parts, size_t n, const char *path, const char *name)
{
	const struct split_part *p = part_of(parts, n, path);

	if (!p || strcmp(p->name, name) != 0)
		fail_msg("%s is in %s, not in %s", path, p ? p->name : "nothing", name);
}

TEST(split_globs_stay_within_a_component)
{
	assert_true(split_match("/usr/bin/*", "/usr/bin/x"));
	assert_true(split_match("/usr/lib/libz.so.*", "/usr/lib/libz.so.1.2.13"));
	assert_false(split_match("/usr/*", "/etc/usr/x"));
	assert_false(split_match("/usr/lib/*.so", "/usr/lib/sub/x.so"));
	assert_true(split_match("/usr/share/[a-m]*", "/usr/share/doc/x"));
	assert_false(split_match("", "/usr"));
}

TEST(split_glob_of_a_directory_takes_what_is_below)
{
	assert_true(split_match("/usr/share/misc", "/usr/share/misc"));
	assert_true(split_match("/usr/share/misc", "/usr/share/misc/a/b"));
	assert_true(split_match("/usr/*/misc", "/usr/share/misc/a"));
	assert_false(split_match("/usr/share/misc", "/usr/share/miscellany"));
}

TEST(split_double_star_stands_for_any_number_of_components)
{
	assert_true(split_match("/**", "/usr/bin/x"));
	assert_true(split_match("/usr/**", "/usr/bin"));
	assert_false(split_match("/usr/**", "/usr"));
	assert_true(split_match("/usr/**/x", "/usr/x"));
	assert_true(split_match("/usr/**/x", "/usr/a/b/x"));
	assert_false(split_match("/usr/**/x", "/usr/a/b/y"));
}

TEST(split_gives_headers_links_and_archives_to_devel_and_static)
{
	static const char *const lines[] = {
		"d  usr",
		"d  usr/include",
		"f  usr/include/x.h",
		"d  usr/lib",
		"f  usr/lib/libx.a",
		"f  usr/lib/libx.so.1",
		"l  usr/lib/libx.so libx.so.1",
		"d  usr/lib/pkgconfig",
		"f  usr/lib/pkgconfig/x.pc",
		"d  usr/lib/musl",
		"d  usr/lib/musl/lib",
		"f  usr/lib/musl/lib/libx.a",
		"l  usr/lib/musl/lib/libx.so ../../libx.so.1",
		"d  usr/lib/musl/include",
		"f  usr/lib/musl/include/x.h",
		"f  usr/lib/plugin.so",
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n;

	assert_ok(split(&a, "", lines, ARRAY_LEN(lines), &p, &n, err));
	assert_int_equal(n, 3);
	check_part(p, n, "/usr/include/x.h", "x-devel");
	check_part(p, n, "/usr/lib/libx.so", "x-devel");
	check_part(p, n, "/usr/lib/pkgconfig/x.pc", "x-devel");
	check_part(p, n, "/usr/lib/musl/lib/libx.so", "x-devel");
	check_part(p, n, "/usr/lib/musl/include/x.h", "x-devel");
	check_part(p, n, "/usr/lib/libx.a", "x-static");
	check_part(p, n, "/usr/lib/musl/lib/libx.a", "x-static");
	check_part(p, n, "/usr/lib/libx.so.1", "x");
	check_part(p, n, "/usr/lib/plugin.so", "x");
}

TEST(split_standard_directories_are_nobodys_and_others_are_shared)
{
	static const char *const lines[] = { "d  usr",
					     "d  usr/lib",
					     "d  usr/lib/musl",
					     "d  usr/lib/musl/include",
					     "f  usr/lib/musl/include/x.h",
					     "f  usr/lib/musl/x.a",
					     "d  usr/share",
					     "d  usr/share/man",
					     "d  usr/share/x" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n, owners = 0;

	assert_ok(split(&a, "", lines, ARRAY_LEN(lines), &p, &n, err));
	assert_null(part_of(p, n, "/usr"));
	assert_null(part_of(p, n, "/usr/lib"));
	assert_null(part_of(p, n, "/usr/share/man"));
	check_part(p, n, "/usr/share/x", "x");
	for (size_t i = 0; i < n; i++)
		owners += part_of(&p[i], 1, "/usr/lib/musl") != NULL;
	assert_int_equal(owners, 2);
}

TEST(split_globs_come_before_rules_and_the_rest_goes_to_the_first)
{
	static const char *const lines[] = {
		"d  usr",           "d  usr/bin",         "f  usr/bin/x",
		"d  usr/include",   "f  usr/include/x.h", "d  usr/share",
		"f  usr/share/note"
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n;

	assert_ok(split(
		&a,
		"packages:\n  - name: x-libs\n    files: [/usr/include]\n  - name: x\n    files: [/usr/bin/*]\n",
		lines, ARRAY_LEN(lines), &p, &n, err));
	assert_int_equal(n, 2);
	check_part(p, n, "/usr/include/x.h", "x-libs");
	check_part(p, n, "/usr/bin/x", "x");
	check_part(p, n, "/usr/share/note", "x-libs");
}

TEST(split_rule_feeds_a_declared_package_of_that_name)
{
	static const char *const lines[] = { "d  usr", "d  usr/bin", "f  usr/bin/x-config",
					     "d  usr/include", "f  usr/include/x.h" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n;

	assert_ok(split(
		&a,
		"packages:\n  - name: x\n  - name: x-devel\n    files: [/usr/bin/x-config]\n",
		lines, ARRAY_LEN(lines), &p, &n, err));
	assert_int_equal(n, 2);
	check_part(p, n, "/usr/include/x.h", "x-devel");
	assert_int_equal(p[0].n, 0);
}

TEST(split_glob_without_match_names_its_line)
{
	static const char *const lines[] = { "d  usr", "d  usr/bin", "f  usr/bin/x" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n;

	assert_fails(
		split(&a, "packages:\n  - name: x\n    files: [/usr/bin/y]\n", lines,
		      ARRAY_LEN(lines), &p, &n, err),
		"recipes/x/recipe.yaml:13:5: package 'x': files: '/usr/bin/y' matches nothing that was installed");
	assert_non_null(strstr(err->text, "\nhint: `kiln log x`"));
}

TEST(split_glob_that_comes_too_late_names_who_took_it)
{
	static const char *const lines[] = { "d  usr", "d  usr/bin", "f  usr/bin/x" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct split_part *p;
	size_t n;

	assert_fails(
		split(&a,
		      "packages:\n  - name: x\n    files: [/usr/bin/*]\n  - name: y\n    files: [/usr/bin/x]\n",
		      lines, ARRAY_LEN(lines), &p, &n, err),
		"package 'y': files: all that '/usr/bin/x' matches went to 'x' before");
}

TEST(split_starts_a_set_of_hard_links_anew_in_each_package)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct recipe *r = made_one(&a, HEAD "packages:\n  - name: x\n    files: [/usr/bin/a]\n"
					     "  - name: y\n    files: [/usr/bin/*]\n");
	struct pkgfile_entry e[] = {
		{ .path = "/usr/bin/a", .type = MANIFEST_FILE },
		{ .path = "/usr/bin/b", .type = MANIFEST_FILE, .hardlink = "/usr/bin/a" },
		{ .path = "/usr/bin/c", .type = MANIFEST_FILE, .hardlink = "/usr/bin/a" },
	};
	struct split_part *p;
	size_t n;

	assert_ok(split_files(&a, r, e, ARRAY_LEN(e), &p, &n, err));
	assert_int_equal(p[1].n, 2);
	assert_null(p[1].entries[0].hardlink);
	assert_string_equal(p[1].entries[1].hardlink, "/usr/bin/b");
}

TEST(split_adds_what_a_package_declares)
{
	static const char packages[] =
		"packages:\n  - name: x\n  - name: y\n    files: [/usr/share/y]\n"
		"    users: [{name: y, id: 5}]\n"
		"    directories: [{path: /usr/share/y, user: y, mode: \"0700\"}, {path: /srv/y}]\n";
	static const char *const lines[] = { "f  usr/bin/x", "d  usr/share/y" };
	static const char *const paths[] = { "/srv/y", "/usr/lib/sysusers.d/y.conf",
					     "/usr/lib/tmpfiles.d/y.conf", "/usr/share/y" };
	static const char *const twice[] = { "f  usr/bin/x", "f  usr/share/y/z",
					     "f  usr/lib/sysusers.d/y.conf" };
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
	struct recipe *r = made_one(&a, arena_format(&a, HEAD "%s", packages));
	struct split_part *parts;
	size_t n;

	assert_ok(split(&a, packages, lines, 2, &parts, &n, err));
	assert_ok(split_add_made(&a, r, dir, parts, n, err));
	assert_int_equal(parts[0].n, 1);
	assert_int_equal(parts[1].n, ARRAY_LEN(paths));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_string_equal(parts[1].entries[i].path, paths[i]);
	assert_int_equal(parts[1].entries[3].mode, 0700);
	assert_string_equal(parts[1].entries[3].user, "y");
	assert_ok(fd_read_file(dir, parts[1].entries[1].source, &text, err));
	assert_string_equal(buf_text(&text),
			    "g y 5\nu y 5:y \"Made for a test\" / /usr/sbin/nologin\n");
	assert_int_equal(parts[1].entries[1].size, text.len);
	assert_ok(split(&a,
			"packages:\n  - name: x\n    users: [{name: y, id: 5}]\n"
			"    files: [/usr/**]\n",
			twice, 3, &parts, &n, err));
	r = made_one(&a, HEAD "packages: [{name: x, users: [{name: y, id: 5}]}]\n");
	assert_ok(split_add_made(&a, r, dir, parts, n, err));
	assert_ok(split(&a, "packages: [{name: y, users: [{name: y, id: 5}]}]\n", twice, 3,
			&parts, &n, err));
	assert_fails(
		split_add_made(&a, r, dir, parts, n, err),
		"package 'y' declares '/usr/lib/sysusers.d/y.conf', and the build installed it");
}

TEST(split_takes_documents_translations_and_debug_files_where_that_is_asked_for)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char *const lines[] = {
		"d  usr",
		"d  usr/bin",
		"f  usr/bin/x",
		"d  usr/lib",
		"d  usr/lib/debug",
		"d  usr/lib/debug/.build-id",
		"f  usr/lib/debug/.build-id/x.debug",
		"d  usr/share",
		"d  usr/share/locale",
		"d  usr/share/locale/de",
		"f  usr/share/locale/de/x.mo",
		"d  usr/share/man",
		"d  usr/share/man/man1",
		"f  usr/share/man/man1/x.1",
		"d  usr/share/licenses",
		"f  usr/share/licenses/x",
	};
	struct split_part *parts;
	size_t n;

	assert_ok(split(&a, "  debuginfo: true\nsplits: {doc: true, locale: true}\n", lines,
			ARRAY_LEN(lines), &parts, &n, err));
	assert_int_equal(n, 4);
	check_part(parts, n, "/usr/bin/x", "x");
	check_part(parts, n, "/usr/share/licenses/x", "x");
	check_part(parts, n, "/usr/share/man/man1/x.1", "x-doc");
	check_part(parts, n, "/usr/share/locale/de/x.mo", "x-locale");
	check_part(parts, n, "/usr/lib/debug/.build-id/x.debug", "x-debuginfo");
	assert_ok(split(&a, "", lines, ARRAY_LEN(lines), &parts, &n, err));
	assert_int_equal(n, 1);
	assert_ok(split(&a,
			"splits: {doc: true}\npackages: [{name: x}, {name: x-doc, files: "
			"[/usr/share/licenses]}]\n",
			lines, ARRAY_LEN(lines), &parts, &n, err));
	assert_int_equal(n, 2);
	check_part(parts, n, "/usr/share/man/man1/x.1", "x-doc");
	check_part(parts, n, "/usr/share/licenses/x", "x-doc");
}
