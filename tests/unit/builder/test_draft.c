/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/resource.h>
#include "base/tar.h"
#include "builder/draft_priv.h"
#include "tests/unit/test.h"

#define COMMON "/usr/share/common-licenses/"

static const char mit[] =
	"The MIT License (MIT)\n\nCopyright (c) 2020 Somebody\n\n"
	"Permission is hereby granted, free of charge, to any person obtaining a copy\n"
	"of this software and associated documentation files (the \"Software\"), to deal\n"
	"in the Software without restriction, including without limitation the rights\n"
	"to use, copy, modify, merge, publish, distribute, sublicense, and/or sell\n"
	"copies of the Software, and to permit persons to whom the Software is\n"
	"furnished to do so, subject to the following conditions:\n\n"
	"The above copyright notice and this permission notice shall be included in all\n"
	"copies or substantial portions of the Software.\n\n"
	"THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR\n"
	"IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,\n"
	"FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE\n"
	"AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER\n"
	"LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,\n"
	"OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE\n"
	"SOFTWARE.\n";
static const char gpl_head[] =
	"/* This program is free software; you can redistribute it and/or modify it\n"
	" * under the terms of the GNU General Public License as published by the Free\n"
	" * Software Foundation; either version 3 of the License, or (at your option)\n"
	" * any later version. */\n";

struct packed {
	struct arena a;
	struct tar_writer *w;
	int fd;
};

static void
packed_release(struct packed *p)
{
	tar_writer_free(p->w);
	(void)close(p->fd);
	arena_release(&p->a);
}
DEFINE_RELEASE(struct packed, packed_release);

static struct packed
packed_make(struct err *err)
{
	struct packed p = { .fd = -1 };

	assert_ok(fd_memory("archive", &p.fd, err));
	assert_ok(tar_writer_make(p.fd, &p.w, err));
	return p;
}

static void
holds(struct packed *p, const char *name, const char *text, struct err *err)
{
	CLEANUP(fd_close) int body = -1;
	const struct tar_entry e = { .path = name,
				     .mode = S_IFREG | 0644,
				     .size = strlen(text) };

	assert_ok(fd_memory("body", &body, err));
	assert_ok(fd_write_all(body, text, strlen(text), err));
	assert_int_equal(lseek(body, 0, SEEK_SET), 0);
	assert_ok(tar_writer_add(p->w, &e, body, err));
}

static int
look(struct packed *p, const char *system, struct draft_seen *out, struct err *err)
{
	assert_ok(tar_writer_end(p->w, err));
	assert_int_equal(lseek(p->fd, 0, SEEK_SET), 0);
	return draft_look(&p->a, p->fd, system, out, err);
}

#define PACKED(name)         CLEANUP(packed_release) struct packed name = packed_make(err)
#define HOLDS(p, name, text) holds(&(p), name, text, err)

TEST(draft_reads_the_version_of_an_archives_name)
{
	static const struct {
		const char *file, *version;
	} cases[] = {
		{ "zlib_1.2.13.dfsg.orig.tar.bz2", "1.2.13" },
		{ "less_590.orig.tar.gz", "590" },
		{ "tzdata_2026b.orig.tar.gz", "2026b" },
		{ "foo-bar-1.2.tar.xz", "1.2" },
		{ "v2.0.1.tar.gz", "2.0.1" },
		{ "foo-v3.tgz", "3" },
		{ "icu4c-72_1-src.tgz", "72_1" },
		{ "lib2to3-0.4.tar.gz", "0.4" },
		{ "gcc-12_12.2.0.orig.tar.xz", "12.2.0" },
		{ "p7zip_16.02+dfsg.orig.tar.xz", "16.02" },
		{ "foo.orig_1.0.tar.gz", "1.0" },
		{ "foo.orig.tar.gz", NULL },
		{ "foo_.orig.tar.gz", NULL },
		{ ".tar.gz", NULL },
		{ "foo.tar.gz", NULL },
		{ "foo-1.0-rc1.tar.gz", NULL },
	};
	CLEANUP(arena_release) struct arena a = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *v = draft_version(&a, cases[i].file);

		assert_string_equal(v ? v : "none",
				    cases[i].version ? cases[i].version : "none");
	}
}

TEST(draft_knows_a_licence_by_its_whole_text_only)
{
	static const struct {
		const char *file, *id;
	} cases[] = { { COMMON "GPL-2", "GPL-2.0" },     { COMMON "GPL-3", "GPL-3.0" },
		      { COMMON "LGPL-2.1", "LGPL-2.1" }, { COMMON "Apache-2.0", "Apache-2.0" },
		      { COMMON "MPL-2.0", "MPL-2.0" },   { COMMON "BSD", "BSD-3-Clause" } };
	char changed[sizeof(mit)];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(DRAFT_TEXT);

		if (fd_read_file(AT_FDCWD, cases[i].file, &text, err) < 0)
			fail_msg("%s", err->text);
		assert_string_equal(draft_license_text(buf_text(&text), text.len), cases[i].id);
	}
	assert_string_equal(draft_license_text(mit, strlen(mit)), "MIT");
	/* "without restriction" made "with a restriction". */
	memcpy(changed, mit, sizeof(mit));
	memcpy(strstr(changed, "without restriction"), "with a  restriction", 19);
	assert_null(draft_license_text(changed, strlen(changed)));
	assert_null(draft_license_text("Free for all.\n", 14));
}

TEST(draft_tells_autotools_with_licence_and_words)
{
	PACKED(p);
	struct draft_seen s;

	HOLDS(p, "x-1/configure", "# Generated by GNU Autoconf 2.71\n");
	HOLDS(p, "x-1/configure.ac",
	      "AC_INIT([x], [1], [bugs@example.org], [x], "
	      "[https://example.org/x])\nLT_INIT\n");
	HOLDS(p, "x-1/Makefile.am", "bin_PROGRAMS = x\n");
	HOLDS(p, "x-1/LICENSE", mit);
	HOLDS(p, "x-1/README", "x is a small thing. It does little.\n");
	assert_int_equal(look(&p, NULL, &s, err), 0);
	assert_string_equal(s.system, "autotools");
	assert_int_equal(s.strip, 1);
	assert_int_equal(s.flags, DRAFT_AUTOCONF | DRAFT_CHECK | DRAFT_DESTDIR | DRAFT_LIBTOOL);
	assert_string_equal(s.license, "MIT");
	assert_string_equal(s.summary, "Small thing");
	assert_string_equal(s.homepage, "https://example.org/x");
	assert_int_equal(s.nlicenses, 1);
	assert_int_equal(s.nneeds, 0);
}

TEST(draft_takes_a_gnu_licence_from_what_sources_say_only)
{
	CLEANUP(buf_free) struct buf gpl = BUF_MAX(DRAFT_TEXT);
	struct draft_seen s;

	if (fd_read_file(AT_FDCWD, COMMON "GPL-3", &gpl, err) < 0)
		fail_msg("%s", err->text);
	for (int said = 0; said < 3; said++) {
		PACKED(p);

		HOLDS(p, "x-1/Makefile", "all:\n");
		HOLDS(p, "x-1/COPYING", buf_text(&gpl));
		if (said)
			HOLDS(p, "x-1/x.c", gpl_head);
		if (said == 2)
			HOLDS(p, "x-1/y.c", "// SPDX-License-Identifier: ISC\n");
		assert_int_equal(look(&p, NULL, &s, err), 0);
		if (said == 1)
			assert_string_equal(s.license, "GPL-3.0-or-later");
		else
			assert_null(s.license);
	}
	assert_string_equal(s.evidence, "COPYING: GPL-3.0; 1 source file: GPL-3.0-or-later; "
					"1 source file: ISC");
}

TEST(draft_names_the_tools_of_each_build_system)
{
	static const struct {
		const char *file, *text, *system, *need;
		size_t nneeds;
	} cases[] = {
		{ "CMakeLists.txt", "enable_testing()\n", "cmake", "cmake", 1 },
		{ "meson.build", "project('x')\n", "meson", "meson", 3 },
		{ "Makefile", "install:\n\tcp x $(DESTDIR)$(prefix)\n", "make", NULL, 0 },
		{ "setup.py", "setup()\n", "python", "python3", 1 },
		{ "pyproject.toml",
		  "[build-system]\nrequires = [\"setuptools>=61\", 'wheel']\n", "python",
		  "python3", 4 },
		{ "Makefile.PL", "WriteMakefile();\n", "perl", "perl", 1 },
		{ "configure.ac", "LT_INIT\n", "autotools", "autoconf", 3 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		PACKED(p);
		struct draft_seen s;
		CLEANUP(arena_release) struct arena a = { 0 };

		HOLDS(p, arena_format(&a, "x-1/%s", cases[i].file), cases[i].text);
		assert_int_equal(look(&p, NULL, &s, err), 0);
		assert_string_equal(s.system, cases[i].system);
		assert_int_equal(s.nneeds, cases[i].nneeds);
		if (cases[i].need)
			assert_string_equal(s.needs[0], cases[i].need);
	}
}

TEST(draft_finds_a_build_system_one_directory_down)
{
	PACKED(p);
	struct draft_seen s;

	HOLDS(p, "x-1/lib/CMakeLists.txt", "project(x)\n");
	HOLDS(p, "x-1/doc/index.html", "");
	assert_int_equal(look(&p, NULL, &s, err), 0);
	assert_string_equal(s.dir, "lib");
}

TEST(draft_refuses_archives_that_it_cannot_read_or_build)
{
	struct draft_seen s;

	{
		PACKED(p);
		HOLDS(p, "x-1/notes.txt", "nothing to see\n");
		assert_fails(look(&p, NULL, &s, err), "no build system that is known here");
	}
	{
		PACKED(p);
		HOLDS(p, "x-1/Makefile", "all:\n");
		assert_fails(look(&p, "meson", &s, err), "nothing in it is built by meson");
	}
	{
		PACKED(p);
		HOLDS(p, "x-1/a;rm -rf $HOME/Makefile", "all:\n");
		assert_fails(look(&p, NULL, &s, err), "which no script of ours can name");
	}
	{
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(fd_close) int fd = -1;

		assert_ok(fd_memory("archive", &fd, err));
		assert_ok(fd_write_all(fd, mit, strlen(mit), err));
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_fails(draft_look(&a, fd, NULL, &s, err), "archive: ");
	}
}

/* YAML ends a line, and with it a comment, at U+2028 and U+2029, too. */
TEST(draft_lets_no_name_of_an_archive_end_a_comment)
{
	static const char *const breaks[] = { "\u2028", "\u2029", "\ufeff", "\xc2\x85", "\n" };

	for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
		PACKED(p);
		struct draft_seen s;
		CLEANUP(arena_release) struct arena a = { 0 };
		const char *b = breaks[i];
		bool in_names = i < 3; /* the others no archive of ours can hold there */

		HOLDS(p, "x-1/Makefile", "all:\n");
		if (in_names)
			HOLDS(p, arena_format(&a, "x-1/COPYING.%sepoch: 2001-01-01%s", b, b),
			      "");
		HOLDS(p, "x-1/x.pc",
		      arena_format(&a,
				   "Description: Some%sepoch: 2001-01-01\n"
				   "URL: https://example.org/%sx\n",
				   b, b));
		assert_int_equal(look(&p, NULL, &s, err), 0);
		for (const char *at = s.evidence; *at; at++)
			assert_in_range(*at, 0x20, 0x7e);
		assert_true(!s.summary || !strstr(s.summary, b));
		assert_true(!s.homepage || !strstr(s.homepage, b));
		if (!in_names)
			continue;
		assert_non_null(strstr(s.evidence, "COPYING.??"));
		assert_null(s.summary);
		assert_null(s.homepage);
	}
}

/* Beyond that many nothing is kept; a directory is tried once, not once for each file of it. */
TEST(draft_keeps_a_bounded_number_of_files)
{
	PACKED(p);
	struct draft_seen s;
	CLEANUP(arena_release) struct arena a = { 0 };

	for (int i = 0; i < 4096; i++)
		HOLDS(p, arena_format(&a, "x-1/d%d/COPYING", i), "");
	HOLDS(p, "x-1/Makefile", "all:\n");
	assert_fails(look(&p, NULL, &s, err), "no build system that is known here");
}

TEST(draft_takes_the_only_directory_with_a_build_system)
{
	for (int two = 0; two < 2; two++) {
		PACKED(p);
		struct draft_seen s;

		HOLDS(p, "x-1/a/COPYING", "");
		HOLDS(p, "x-1/a-b/COPYING", "");
		HOLDS(p, "x-1/lib/COPYING", "");
		HOLDS(p, "x-1/lib/Makefile", "all:\n");
		HOLDS(p, "x-1/lib/README", "");
		if (two)
			HOLDS(p, "x-1/lib2/Makefile", "all:\n");
		if (two) {
			assert_fails(look(&p, NULL, &s, err), "no build system");
			continue;
		}
		assert_int_equal(look(&p, NULL, &s, err), 0);
		assert_string_equal(s.dir, "lib");
	}
}

TEST(draft_lets_no_name_of_an_archive_into_a_script)
{
	PACKED(p);
	struct draft_seen s;

	HOLDS(p, "x-1/Makefile", "all:\n");
	HOLDS(p, "x-1/LICENSE$(touch x)", mit);
	HOLDS(p, "x-1/COPYING", mit);
	HOLDS(p, "x-1/LICENSE-`id`", mit);
	assert_int_equal(look(&p, NULL, &s, err), 0);
	assert_int_equal(s.nlicenses, 1);
	assert_string_equal(s.licenses[0], "COPYING");
}

/* The disk is full while the archive is copied: a later `kiln new` must not find a part of it.
 */
TEST(draft_leaves_no_part_of_an_archive)
{
	static const char body[64 * 1024];
	const struct draft_wish wish = { .name = "x",
					 .url = "file:x-1.tar",
					 .file = "x-1.tar" };
	const struct draft d = { .path = "recipes/x/recipe.yaml", .text = "format: 1\n" };
	CLEANUP(fd_close) int dirfd = test_tmpdir();
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(cas_close) struct cas *store = NULL;
	CLEANUP(arena_release) struct arena a = { 0 };
	struct workspace w = { .dirfd = dirfd, .place = { .dir = "recipes" } };
	struct rlimit before, small;
	struct digest digest;
	uint64_t size;
	int rc;

	assert_ok(cas_open(arena_format(&a, "%s/store", test_tmpdir_path(dirfd)), true, &store,
			   err));
	assert_ok(fd_memory("archive", &fd, err));
	assert_ok(fd_write_all(fd, body, sizeof(body), err));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(cas_put_fd(store, fd, NULL, &digest, &size, err));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = sizeof(body) / 2;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = draft_write(&w, store, &digest, &wish, &d, err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err->text, "File too large"));
	*err = (struct err){ .code = ERR_NONE };
	assert_int_equal(faccessat(dirfd, "recipes/x/x-1.tar", F_OK, 0), -1);
	assert_ok(draft_write(&w, store, &digest, &wish, &d, err));
	assert_int_equal(faccessat(dirfd, "recipes/x/x-1.tar", F_OK, 0), 0);
}
