/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_pack_priv.h"
#include "base/json.h"
#include "tests/unit/test.h"

static const char rich[] =
	"format: 1\n"
	"name: rich\n"
	"version: \"1.2\"\n"
	"release: 3\n"
	"rpm_epoch: 2\n"
	"summary: Everything\n"
	"description: |\n  Two \"lines\"\n  \\ of it\n"
	"license: MIT\n"
	"homepage: https://example.org/\n"
	"arch: noarch\n"
	"epoch: 2026-01-01\n"
	"build:\n"
	"  steps:\n"
	"    - name: one\n"
	"      run: true\n"
	"packages:\n"
	"  - name: rich\n"
	"    summary: The first\n"
	"    requires: [other >= 1.0, plain]\n"
	"    provides: [virtual = 2]\n"
	"    conflicts: [old < 1]\n"
	"    obsoletes: [old <= 1]\n"
	"    recommends: [more]\n"
	"    exclude_provides: [/usr/lib/private/**]\n"
	"    owners:\n"
	"      - {path: /usr/bin/su, mode: \"4755\", reason: changes user}\n"
	"      - {path: /etc/rich.conf, user: rich, group: rich, config: true}\n"
	"    users: [{name: rich, id: 9, home: /srv}]\n"
	"    directories: [{path: /srv/rich, user: rich, mode: \"0700\"}]\n"
	"  - name: rich-more\n"
	"    files: [/usr/share/more, /usr/share/rich-*/x]\n";

static void
text_of(const struct recipe *r, struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	json_write(build_pack_recipe_doc(&a, r), out);
}

TEST(build_pack_tells_all_of_a_recipe_that_packages_are_made_of)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf sent = BUF_MAX(1 << 20);
	CLEANUP(buf_free) struct buf again = BUF_MAX(1 << 20);
	struct recipe *r, got;
	struct doc *d;

	assert_ok(recipe_parse(&a, rich, strlen(rich), "recipes/rich/recipe.yaml", 7, &r, err));
	text_of(r, &sent);
	assert_ok(json_parse(&a, buf_text(&sent), sent.len, "job", &d, err));
	assert_ok(build_pack_recipe_read(&a, d, &got, err));
	text_of(&got, &again);
	assert_string_equal(buf_text(&again), buf_text(&sent));

	assert_string_equal(got.path, "recipes/rich/recipe.yaml");
	assert_string_equal(got.version, "1.2");
	assert_string_equal(got.release, "3");
	assert_int_equal(got.rpm_epoch, 2);
	assert_int_equal(got.epoch, r->epoch);
	assert_true(got.noarch);
	assert_string_equal(got.description, r->description);
	assert_int_equal(got.npackages, 2);
	assert_int_equal(got.packages[0].requires.n, 2);
	assert_string_equal(pkgdep_text(&a, &got.packages[0].requires.at[0]), "other >= 1.0");
	assert_int_equal(got.packages[0].nexclude_provides, 1);
	assert_int_equal(got.packages[0].nowners, 2);
	assert_int_equal(got.packages[0].owners[0].mode, 04755);
	assert_int_equal(got.packages[0].owners[1].mode, -1);
	assert_string_equal(got.packages[0].owners[0].reason, "changes user");
	assert_true(got.packages[0].owners[1].config);
	assert_int_equal(got.packages[1].line, r->packages[1].line);
	assert_int_equal(got.packages[1].nfiles, 2);
	assert_string_equal(got.packages[1].files[1], "/usr/share/rich-*/x");
}

TEST(build_pack_refuses_what_is_no_job)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char text[] = "{\"name\":\"x\",\"packages\":[]}";
	struct recipe got;
	struct doc *d;

	assert_ok(json_parse(&a, text, strlen(text), "job", &d, err));
	assert_fails(build_pack_recipe_read(&a, d, &got, err), "cannot be read");
}
