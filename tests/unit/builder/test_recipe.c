/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/recipe.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/tree.h"
#include "tests/unit/builder/made.h"
#include "tests/unit/test.h"

#define TEXT_MAX ((size_t)1024 * 1024)
#define EPOCH    1767225600

static const char start[] = "format: 1\nname: zlib\nversion: 1.2.13\nsummary: Compression\n"
			    "license: Zlib\n";
static const char build[] = "build:\n  steps: [{name: make, run: make}]\n";
static const char sum[] = "71feb7947e3c00ef125f83b79a4e529bde31171e5babe48b391f06758d1ab0a1";

static struct recipe *
parsed(struct arena *a, const char *text, struct err *err)
{
	struct recipe *r = NULL;

	assert_ok(recipe_parse(a, text, strlen(text), "recipes/zlib/recipe.yaml", EPOCH, &r,
			       err));
	return r;
}

static struct recipe *
with(struct arena *a, const char *more, struct err *err)
{
	return parsed(a, arena_format(a, "%s%s%s", start, build, more), err);
}

static void
refuse(struct arena *a, const char *text, const char *reason, struct err *err)
{
	struct recipe *r = NULL;

	assert_fails(recipe_parse(a, text, strlen(text), "r.yaml", EPOCH, &r, err), reason);
	assert_null(r);
}

static void
refuse_with(const char *more, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	refuse(&a, arena_format(&a, "%s%s%s", start, build, more), reason, err);
}

TEST(recipe_has_defaults_for_what_it_leaves_out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = with(&a, "", err);

	assert_string_equal(r->release, "1");
	assert_string_equal(r->dir, "recipes/zlib");
	assert_string_equal(r->description, "Compression");
	assert_int_equal(r->epoch, EPOCH);
	assert_false(r->noarch);
	assert_null(r->check.run);
	assert_null(r->kernel_release);
	assert_null(r->kernel_version);
	assert_int_equal(r->limits.time_s, sandbox_limits_default.time_s);
	assert_int_equal(r->npackages, 1);
	assert_string_equal(r->packages[0].name, "zlib");
	assert_string_equal(r->packages[0].summary, "Compression");
}

TEST(recipe_sources_expand_name_and_version_and_choose_where_to_unpack)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = with(
		&a,
		arena_format(
			&a,
			"sources:\n"
			"  - {url: 'https://x.org/{name}-{version}.tar.gz', sha256: %s}\n"
			"  - {url: 'file:a.conf', sha256: %s}\n"
			"  - {url: 'debian:pool/a/b.tar.xz', sha256: %s, unpack: false, into: t}\n",
			sum, sum, sum),
		err);

	assert_int_equal(r->nsources, 3);
	assert_string_equal(r->sources[0].url, "https://x.org/zlib-1.2.13.tar.gz");
	assert_string_equal(r->sources[0].filename, "zlib-1.2.13.tar.gz");
	assert_string_equal(r->sources[0].into, "src");
	assert_int_equal(r->sources[0].strip, 1);
	assert_true(r->sources[0].unpack);
	assert_int_equal(r->sources[0].line, 9);
	assert_false(r->sources[1].unpack);
	assert_string_equal(r->sources[1].filename, "a.conf");
	assert_string_equal(r->sources[1].into, "src-2");
	assert_false(r->sources[2].unpack);
	assert_string_equal(r->sources[2].into, "t");
}

TEST(recipe_reads_every_kind_of_value)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = parsed(
		&a,
		arena_format(
			&a,
			"%s"
			"release: 3\nepoch: 2026-02-03\nrpm_epoch: 2\narch: noarch\nground: [base]\n"
			"build:\n"
			"  needs: [musl-gcc]\n  prefer: [busybox]\n  env: {CC: gcc, AR: ar}\n"
			"  steps:\n    - name: make\n      run: |\n        make\n"
			"  check: make test\n"
			"  limits: {memory: 3MiB, disk: 7, time: 2h, processes: 9, log: 1KiB}\n"
			"packages:\n"
			"  - name: zlib\n    requires: [b, a >= 2]\n"
			"    owners: [{path: /x, mode: '4755', reason: why}, {path: /y, config: true}]\n",
			start),
		err);

	assert_int_equal(r->rpm_epoch, 2);
	assert_int_equal(r->epoch, 1770076800);
	assert_true(r->noarch);
	assert_string_equal(r->ground[0], "base");
	assert_string_equal(r->needs[0].name, "musl-gcc");
	assert_string_equal(r->env[0].name, "AR");
	assert_string_equal(r->env[1].value, "gcc");
	assert_string_equal(r->steps[0].run, "make\n");
	assert_int_equal(r->steps[0].line, 17);
	assert_string_equal(r->check.run, "make test");
	assert_int_equal(r->limits.memory_bytes, 3 * 1024 * 1024);
	assert_int_equal(r->limits.disk_bytes, 7);
	assert_int_equal(r->limits.time_s, 7200);
	assert_int_equal(r->limits.processes, 9);
	assert_int_equal(r->limits.log_bytes, 1024);
	assert_int_equal(r->packages[0].requires.n, 2);
	assert_string_equal(r->packages[0].requires.at[0].name, "a");
	assert_int_equal(r->packages[0].owners[0].mode, 04755);
	assert_int_equal(r->packages[0].owners[1].mode, -1);
	assert_true(r->packages[0].owners[1].config);
}

static void
normal_of(const char *text, char hex[65], struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	json_digest_hex(parsed(&a, text, err)->normal, hex);
}

TEST(recipe_normal_form_ignores_comments_order_and_what_changes_no_byte)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char one[65], two[65], three[65];

	normal_of(arena_format(&a, "%s%s", start, build), one, err);
	normal_of(
		arena_format(
			&a, "# hello\n%s%s%s", build, start,
			"homepage: https://x.org/\nupdate: {from: debian, repo: x}\neol: 2027-01-01\n"),
		two, err);
	assert_string_equal(one, two);
	normal_of(arena_format(
			  &a, "%s%s", start,
			  "build:\n  steps: [{name: make, run: make}]\n  limits: {time: 1h}\n"),
		  two, err);
	assert_string_equal(one, two);
	normal_of(arena_format(&a, "%s%s", start,
			       "build:\n  steps: [{name: make, run: make all}]\n"),
		  three, err);
	assert_string_not_equal(one, three);
}

TEST(recipe_kernel_has_defaults_once_it_is_asked_for_and_counts)
{
	static const char head[] = "build:\n  steps: [{name: make, run: make}]\n";
	CLEANUP(arena_release) struct arena a = { 0 };
	char one[65], two[65], three[65];
	const struct recipe *r =
		parsed(&a, arena_format(&a, "%s%s  uname: {}\n", start, head), err);

	assert_string_equal(r->kernel_release, SANDBOX_KERNEL_RELEASE);
	assert_string_equal(r->kernel_version, SANDBOX_KERNEL_VERSION);
	r = parsed(&a, arena_format(&a, "%s%s  uname: {release: 5.4.0-x}\n", start, head), err);
	assert_string_equal(r->kernel_release, "5.4.0-x");
	assert_string_equal(r->kernel_version, SANDBOX_KERNEL_VERSION);
	normal_of(arena_format(&a, "%s%s", start, head), one, err);
	normal_of(arena_format(&a, "%s%s  uname: {}\n", start, head), two, err);
	normal_of(arena_format(&a, "%s%s  uname: {release: 5.4.0-x}\n", start, head), three,
		  err);
	assert_string_not_equal(one, two);
	assert_string_not_equal(two, three);
}

TEST(recipe_normal_form_leaves_mirrors_out_and_keeps_digests)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf json = BUF_MAX(TEXT_MAX);
	const struct recipe *r = with(
		&a,
		arena_format(
			&a,
			"sources:\n  - {url: 'https://x.org/a', mirrors: ['https://y.org/a'], "
			"upstream: 'https://z.org/a', sha256: %s}\n",
			sum),
		err);

	json_write(r->normal, &json);
	assert_non_null(strstr(buf_text(&json), sum));
	assert_non_null(strstr(buf_text(&json), "https://x.org/a"));
	assert_null(strstr(buf_text(&json), "y.org"));
	assert_null(strstr(buf_text(&json), "z.org"));
}

TEST(recipe_refuses_a_key_that_stands_twice)
{
	refuse_with("license: MIT\n", "twice", err);
}

TEST(recipe_licences_follow_the_grammar_of_spdx)
{
	static const char *const good[] = { "MIT",
					    "(MIT OR Apache-2.0) AND 0BSD",
					    "LicenseRef-x.y-1",
					    "GPL-2.0-or-later WITH Classpath-exception-2.0",
					    "Apache-1.0+",
					    "((MIT))" };
	static const char *const bad[][2] = {
		{ "GPL-2.0", "did you mean 'GPL-2.0-only'?" },
		{ "mit", "did you mean 'MIT'?" },
		{ "MIT AND", "ends too early" },
		{ "(MIT", "parenthesis is not closed" },
		{ "MIT)", "does not continue" },
		{ "MIT Zlib", "does not continue" },
		{ "MIT WITH MIT", "not an SPDX exception" },
		{ "LicenseRef-", "not an SPDX identifier" },
		{ "GPL-2.0-only+", "not an SPDX identifier" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };

		(void)parsed(
			&a,
			arena_format(
				&a,
				"format: 1\nname: x\nversion: 1\nsummary: s\nlicense: %s\n%s",
				good[i], build),
			err);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };

		refuse(&a,
		       arena_format(
			       &a,
			       "format: 1\nname: x\nversion: 1\nsummary: s\nlicense: %s\n%s",
			       bad[i][0], build),
		       bad[i][1], err);
	}
}

static void
expect_same(const char *have, const char *want)
{
	size_t n = strlen(want);

	while (n && want[n - 1] == '\n')
		n--;
	if (strlen(have) != n || strncmp(have, want, n) != 0) {
		print_error("have: %s\nwant: %s\n", have, want);
		fail();
	}
}

static void
golden_case(struct arena *a, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf in = BUF_MAX(TEXT_MAX);
	CLEANUP(buf_free) struct buf want = BUF_MAX(TEXT_MAX);
	struct recipe *r;

	assert_ok(fd_read_file(AT_FDCWD, arena_format(a, "golden/recipe/%s/in.yaml", name), &in,
			       err));
	assert_ok(fd_read_file(AT_FDCWD, arena_format(a, "golden/recipe/%s/expect.err", name),
			       &want, err));
	if (recipe_parse(a, buf_text(&in), in.len, "recipes/zlib/recipe.yaml", EPOCH, &r,
			 err) == 0) {
		print_error("%s: accepted\n", name);
		fail();
	}
	print_message("golden: %s\n", name);
	assert_int_equal(err->code, ERR_INPUT);
	expect_same(err->text, buf_text(&want));
}

TEST(recipe_errors_are_the_golden_ones_to_the_letter)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	size_t n;

	assert_ok(tree_list(&a, AT_FDCWD, "golden/recipe", &names, &n, err));
	assert_true(n >= 20);
	for (size_t i = 0; i < n; i++)
		golden_case(&a, names[i], err);
}

/* A workspace's recipes/ made for one test. */
static void
put(int dirfd, const char *path, const char *text, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *slash = strrchr(path, '/');

	assert_ok(fd_mkdirs(dirfd, arena_strndup(&a, path, (size_t)(slash - path)), err));
	assert_ok(fd_publish(dirfd, path, text, strlen(text), 0644, err));
}

static const char *
simple(struct arena *a, const char *name, const char *more)
{
	return arena_format(a,
			    "format: 1\nname: %s\nversion: 1\nsummary: s\nlicense: MIT\n%s%s",
			    name, build, more);
}

TEST(recipe_set_is_sorted_and_finds_packages_and_their_splits)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct recipe_place place = made_place(dirfd, EPOCH);
	struct recipe_set set;

	put(dirfd, "recipes/b/recipe.yaml",
	    simple(&a, "b", "packages: [{name: b}, {name: b-libs, files: [/x]}]\n"), err);
	put(dirfd, "recipes/a/recipe.yaml", simple(&a, "a", ""), err);
	put(dirfd, "recipes/c-doc/recipe.yaml", simple(&a, "c-doc", "splits: {doc: true}\n"),
	    err);
	put(dirfd, "recipes/README.md", "words\n", err);
	assert_ok(recipe_load_all(&a, &place, &set, err));
	assert_int_equal(set.n, 3);
	assert_string_equal(set.at[0]->name, "a");
	assert_ptr_equal(recipe_find(&set, "b"), set.at[1]);
	assert_null(recipe_find(&set, "c"));
	assert_ptr_equal(recipe_of_package(&set, "b-libs"), set.at[1]);
	assert_ptr_equal(recipe_of_package(&set, "b-libs-devel"), set.at[1]);
	assert_ptr_equal(recipe_of_package(&set, "a-static"), set.at[0]);
	assert_null(recipe_of_package(&set, "a-doc"));
	assert_ptr_equal(recipe_of_package(&set, "c-doc-doc"), set.at[2]);
	assert_null(recipe_of_package(&set, "c-doc-locale"));
	assert_null(recipe_of_package(&set, "-devel"));
}

TEST(recipe_set_refuses_a_package_of_two_recipes_and_names_both)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct recipe_place place = made_place(dirfd, EPOCH);
	struct recipe_set set;

	put(dirfd, "recipes/a/recipe.yaml", simple(&a, "a", "packages:\n  - name: x\n"), err);
	put(dirfd, "recipes/b/recipe.yaml", simple(&a, "b", "packages:\n  - name: x\n"), err);
	assert_fails(
		recipe_load_all(&a, &place, &set, err),
		"recipes/b/recipe.yaml:9: package 'x' is also made by recipes/a/recipe.yaml:9");
}

TEST(recipe_is_named_as_its_directory)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	struct recipe_place place = made_place(dirfd, EPOCH);
	struct recipe_set set;

	put(dirfd, "recipes/a/recipe.yaml", simple(&a, "b", ""), err);
	assert_fails(
		recipe_load_all(&a, &place, &set, err),
		"recipes/a/recipe.yaml:2:7: the recipe is named 'b', but its directory 'a'");
}

TEST(recipe_patches_are_digested_and_missing_ones_named_with_their_line)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	const char *text = simple(
		&a, "a",
		arena_format(&a,
			     "patches: [fix.patch]\nsources: [{url: 'file:s', sha256: %s}]\n",
			     sum));
	struct digest want;
	struct recipe *r;

	put(dirfd, "recipes/a/recipe.yaml", text, err);
	assert_fails(recipe_load(&a, dirfd, "recipes/a/recipe.yaml", EPOCH, &r, err),
		     "recipes/a/recipe.yaml:8:11: patch: recipes/a/fix.patch");
	put(dirfd, "recipes/a/fix.patch", "diff\n", err);
	assert_ok(recipe_load(&a, dirfd, "recipes/a/recipe.yaml", EPOCH, &r, err));
	digest_of("diff\n", 5, &want);
	assert_true(digest_equal(&want, &r->patches[0].sha256));
}

TEST(recipe_larger_than_a_mebibyte_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(mem_free) char *big = mem_alloc(RECIPE_MAX_BYTES + 2);
	struct recipe *r;

	memset(big, '#', RECIPE_MAX_BYTES + 1);
	assert_fails(recipe_parse(&a, big, RECIPE_MAX_BYTES + 1, "r.yaml", EPOCH, &r, err),
		     "larger than 1 MiB");
}

TEST(recipe_makes_data_of_what_a_package_declares)
{
	static const char *const want[][2] = {
		{ "/run/web", NULL },
		{ "/usr/lib/systemd/system/web.service",
		  "[Unit]\nDescription=Serves pages\nAfter=network.target\n\n[Service]\nType=exec\n"
		  "ExecStart=/usr/sbin/web -f\nUser=web\nKillSignal=SIGQUIT\n\n[Install]\n"
		  "WantedBy=multi-user.target\n" },
		{ "/usr/lib/sysusers.d/web.conf",
		  "g data 12\ng web 11\nu web 11:web \"web\" /var/lib/web /usr/sbin/nologin\n"
		  "m web data\nu log 13:data \"Logs\" / /usr/bin/sh\n" },
		{ "/usr/lib/tmpfiles.d/web.conf",
		  "d /var/lib/web 0750 web data -\nd /run/web 0755 root root -\n" },
		{ "/var/lib/web", NULL },
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = with(
		&a,
		"packages:\n  - name: web\n    summary: 'The \"web\"'\n"
		"    groups: [{name: data, id: 12}]\n    users:\n"
		"      - {name: web, id: 11, groups: [data], home: /var/lib/web}\n"
		"      - {name: log, id: 13, group: data, summary: Logs, shell: /usr/bin/sh}\n"
		"    directories:\n"
		"      - {path: /var/lib/web, user: web, group: data, mode: \"0750\"}\n"
		"      - {path: /run/web}\n"
		"    services: [{name: web, run: /usr/sbin/web -f, user: web, summary: Serves pages, "
		"stop_signal: QUIT}]\n"
		"  - name: web-user\n    users: [{name: other, id: 14}]\n",
		err);

	assert_int_equal(r->packages[0].nmade, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(r->packages[0].made[i].path, want[i][0]);
		if (want[i][1])
			assert_string_equal(r->packages[0].made[i].text, want[i][1]);
		else
			assert_null(r->packages[0].made[i].text);
	}
	assert_int_equal(r->packages[0].made[4].mode, 0750);
	assert_string_equal(r->packages[0].made[4].group, "data");
	assert_int_equal(r->packages[1].nmade, 1);
}

TEST(recipe_refuses_declarations_that_nobody_could_carry_out)
{
#define ONE(text) "packages: [{name: web, " text "}]\n"
	refuse_with(ONE("users: [{name: web}]"), "missing key 'id'", err);
	refuse_with(ONE("users: [{name: web, id: 0}]"),
		    "'id' must be a whole number from 1 to 60000", err);
	refuse_with(ONE("users: [{name: Web, id: 1}]"), "'name' must be an account name", err);
	refuse_with(ONE("users: [{name: web, id: 1, summary: 'a:b'}]"),
		    "'summary' must be text without", err);
	refuse_with(ONE("users: [{name: web, id: 1, home: 'x y'}]"),
		    "'home' must be an absolute path", err);
	refuse_with(ONE("users: [{name: web, id: 1}, {name: b, id: 1}]"),
		    "'users': 'web' and 'b' have one name or number", err);
	refuse_with(ONE("groups: [{name: web, id: 1}, {name: web, id: 2}]"),
		    "'groups': 'web' and 'web' have one name or number", err);
	refuse_with(ONE("directories: [{path: /var/../etc}]"),
		    "'path' must be an absolute path", err);
	refuse_with(ONE("directories: [{path: /srv, mode: \"0777\"}]"),
		    "mode 0777 lets everybody write to '/srv'", err);
	refuse_with(ONE("directories: [{path: /srv}, {path: /srv}]"),
		    "package 'web' declares '/srv' twice", err);
	refuse_with(ONE("services: [{name: web, run: web}]"),
		    "'run' must be a program by its absolute", err);
	refuse_with(ONE("services: [{name: web, run: '/bin/a $B'}]"), "without % $ and", err);
	refuse_with(ONE("services: [{name: a/b, run: /bin/a}]"), "'name' must be letters", err);
	refuse_with(ONE("services: [{name: a, run: /bin/a, stop_signal: STOP}]"),
		    "'stop_signal' must be one of", err);
#undef ONE
}

TEST(recipe_takes_patches_out_of_archives_in_order)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = with(
		&a,
		arena_format(
			&a,
			"sources: [{url: 'file:x.tar', sha256: %s}]\npatches:\n  - a.patch\n"
			"  - {url: 'debian:pool/x/x_{version}.debian.tar.xz', sha256: %s,\n"
			"     member: debian/patches/b.patch, strip: 0, resolves: [CVE-2026-0001]}\n"
			"  - c.patch\n",
			sum, sum),
		err);

	assert_int_equal(r->nsources, 2);
	assert_string_equal(r->sources[1].url, "debian:pool/x/x_1.2.13.debian.tar.xz");
	assert_string_equal(r->sources[1].filename, "x_1.2.13.debian.tar.xz");
	assert_string_equal(r->sources[1].into, "patches/0002");
	assert_string_equal(r->sources[1].extract[0], "debian/patches/b.patch");
	assert_string_equal(r->sources[1].resolves[0], "CVE-2026-0001");
	assert_int_equal(r->sources[1].level, 0);
	assert_int_equal(r->sources[1].strip, 0);
	assert_int_equal(r->npatches, 2);
	assert_string_equal(r->patches[1].file, "c.patch");
	assert_int_equal(r->patches[1].order, 3);
	assert_int_equal(r->patches[1].level, 1);
	assert_int_equal(recipe_patch_line(r), r->patches[0].line);
}

TEST(recipe_refuses_patches_that_are_nowhere_or_twice)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *head =
		arena_format(&a, "sources: [{url: 'file:x.tar', sha256: %s}]\npatches: ", sum);
	const char *one = arena_format(
		&a, "{url: 'debian:pool/x/x.tar.xz', sha256: %s, member: a.patch}", sum);

#define REFUSED(text, reason) refuse_with(arena_format(&a, "%s%s\n", head, text), reason, err)
	REFUSED("[{resolves: [CVE-2026-0001]}]", "missing key 'file', or 'url' of an archive");
	REFUSED("[{file: a, url: 'debian:pool/x.tar'}]", "are two places of one patch");
	REFUSED("[{url: 'debian:pool/x.tar', member: a}]",
		"missing key 'sha256', which url needs");
	REFUSED(arena_format(&a, "[{url: 'debian:pool/x.tar', sha256: %s}]", sum),
		"missing key 'member', which url needs");
	REFUSED("[{file: a, member: b}]", "'member' is for a patch of an archive");
	REFUSED(arena_format(&a, "[{url: 'debian:pool/x.tar', sha256: %s, member: 'a''b'}]",
			     sum),
		"'member' must be the name of a member");
	REFUSED("[{url: 'file:x.tar'}]", "'url' must be https://");
	REFUSED(arena_format(&a, "[%s, %s]", one, one), "'patches' names 'a.patch' twice");
#undef REFUSED
}

TEST(recipe_test_is_read_and_changes_nothing_of_the_build)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *without = with(&a, "", err);
	const struct recipe *r =
		with(&a, "test: {run: zcat --version, needs: [gzip, zlib-devel]}\n", err);
	char before[DIGEST_HEX], now[DIGEST_HEX];

	assert_null(without->test.run.run);
	assert_string_equal(r->test.run.run, "zcat --version");
	assert_int_equal(r->test.run.line, 8);
	assert_int_equal(r->test.nneeds, 2);
	assert_string_equal(r->test.needs[1].name, "zlib-devel");
	assert_int_equal(r->nneeds, 0);
	json_digest_hex(without->normal, before);
	json_digest_hex(r->normal, now);
	assert_string_equal(before, now);
}

TEST(recipe_test_is_refused_by_line_when_it_is_wrong)
{
	refuse_with("test: ./x\n", "r.yaml:8:7: 'test' must be a map, not './x'", err);
	refuse_with("test: {needs: [a]}\n", "r.yaml:8:7: missing key 'run'", err);
	refuse_with("test: {run: [a]}\n", "r.yaml:8:13: 'run' must be text, not a list", err);
	refuse_with("test: {run: x, needs: [a, a]}\n", "'needs' names 'a' twice", err);
	refuse_with("test: {run: x, limits: {}}\n", "r.yaml:8:16: unknown key 'limits'", err);
}

TEST(recipe_splits_and_debuginfo_are_asked_for_and_count)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *plain = with(&a, "", err);
	const struct recipe *r = with(&a, "splits: {doc: true, locale: false}\n", err);
	char before[DIGEST_HEX], now[DIGEST_HEX];

	assert_false(plain->doc || plain->locale || plain->debuginfo);
	assert_true(r->doc && !r->locale);
	json_digest_hex(plain->normal, before);
	json_digest_hex(r->normal, now);
	assert_string_not_equal(before, now);
	refuse_with("splits: {debuginfo: true}\n", "unknown key 'debuginfo'", err);
	refuse_with("splits: {doc: all}\n", "'doc' must be true or false, not 'all'", err);
}
