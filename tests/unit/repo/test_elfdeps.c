/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/elfdeps.h"
#include "tests/unit/repo/pkgfix.h"
#include <elf.h>

#define MAX_TEXT ((size_t)64 * 1024)

/* "P a; P b = 1; R c;" of one file. */
static const char *
scan(struct arena *a, const char *path, mode_t mode, const void *data, size_t n,
     struct err *err)
{
	CLEANUP(fd_close) int fd = pkgfix_file(data, n);
	struct buf text = BUF_MAX(MAX_TEXT);
	struct elfdeps d = { 0 };
	const char *out;

	assert_ok(elfdeps_scan(a, fd, path, mode, &d, err));
	pkgdep_sort(&d.provides);
	pkgdep_sort(&d.requires);
	for (size_t i = 0; i < d.provides.n; i++)
		buf_add_format(&text, "P %s;", pkgdep_text(a, &d.provides.at[i]));
	for (size_t i = 0; i < d.requires.n; i++)
		buf_add_format(&text, "R %s;", pkgdep_text(a, &d.requires.at[i]));
	out = arena_strdup(a, buf_text(&text));
	buf_free(&text);
	return out;
}

static const char *
scan_text(struct arena *a, const char *path, mode_t mode, const char *text, struct err *err)
{
	return scan(a, path, mode, text, strlen(text), err);
}

/* A shared object of two sections: strings, and a dynamic table of soname, two needs, a hash.
 */
struct library {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	Elf64_Dyn dyn[6];
	char strings[128];
};

static void
make_library(struct library *l, const char *soname, const char *needed, Elf64_Sxword hash)
{
	size_t at = 1;

	memset(l, 0, sizeof(*l));
	memcpy(l->eh.e_ident, ELFMAG "\2\1\1", 7);
	l->eh.e_type = ET_DYN;
	l->eh.e_machine = EM_X86_64;
	l->eh.e_version = EV_CURRENT;
	l->eh.e_ehsize = sizeof(l->eh);
	l->eh.e_shoff = offsetof(struct library, sh);
	l->eh.e_shentsize = sizeof(l->sh[0]);
	l->eh.e_shnum = 3;
	l->sh[1] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
				 .sh_offset = offsetof(struct library, strings),
				 .sh_size = sizeof(l->strings) };
	l->sh[2] = (Elf64_Shdr){ .sh_type = SHT_DYNAMIC,
				 .sh_offset = offsetof(struct library, dyn),
				 .sh_size = sizeof(l->dyn),
				 .sh_entsize = sizeof(l->dyn[0]),
				 .sh_link = 1 };
	if (soname) {
		l->dyn[0] = (Elf64_Dyn){ .d_tag = DT_SONAME, .d_un.d_val = at };
		(void)snprintf(l->strings + at, sizeof(l->strings) - at, "%s", soname);
		at += strlen(soname) + 1;
	}
	l->dyn[1] = (Elf64_Dyn){ .d_tag = DT_NEEDED, .d_un.d_val = at };
	(void)snprintf(l->strings + at, sizeof(l->strings) - at, "%s", needed);
	l->dyn[2].d_tag = hash;
}

TEST(elfdeps_of_a_shared_object_are_its_soname_and_what_it_needs)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct library l;

	make_library(&l, "libx.so.1", "libc.so", DT_GNU_HASH);
	assert_string_equal(scan(&a, "/usr/lib/libx.so.1.2", 0644, &l, sizeof(l), err),
			    "P libx.so.1()(64bit);R libc.so()(64bit);R rtld(GNU_HASH);");
	make_library(&l, "libx.so.1", "libc.so", DT_HASH);
	assert_string_equal(scan(&a, "/usr/lib/libx.so.1.2", 0644, &l, sizeof(l), err),
			    "P libx.so.1()(64bit);R libc.so()(64bit);");
	/* Without a soname the file name serves; a plugin's name is nobody's to link. */
	make_library(&l, NULL, "plugin-helper.so", DT_HASH);
	assert_string_equal(scan(&a, "/usr/lib/liby.so", 0644, &l, sizeof(l), err),
			    "P liby.so()(64bit);");
	assert_string_equal(scan(&a, "/usr/lib/plugin.so", 0644, &l, sizeof(l), err), "");
	assert_string_equal(scan(&a, "/usr/lib/debug/liby.so", 0644, &l, sizeof(l), err), "");
	make_library(&l, "libx.so.1", "libc.so", DT_DEBUG);
	assert_string_equal(scan(&a, "/usr/bin/x", 0755, &l, sizeof(l), err),
			    "R libc.so()(64bit);");
	l.eh.e_type = ET_REL;
	assert_string_equal(scan(&a, "/usr/lib/x.o", 0644, &l, sizeof(l), err), "");
}

TEST(elfdeps_of_a_real_program_name_symbol_versions)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct elfdeps d = { 0 }, data = { 0 };
	struct pkgdep libc = { .name = "libc.so.6()(64bit)" };

	assert_ok(fd_open("/proc/self/exe", O_RDONLY, &fd, err));
	assert_ok(elfdeps_scan(&a, fd, "/usr/bin/self", 0755, &d, err));
	pkgdep_sort(&d.requires);
	assert_int_equal(d.provides.n, 0);
	assert_non_null(
		bsearch(&libc, d.requires.at, d.requires.n, sizeof(libc), pkgdep_compare));
	/* A program that nobody may execute needs nothing. */
	assert_ok(elfdeps_scan(&a, fd, "/usr/share/self", 0644, &data, err));
	assert_int_equal(data.requires.n, 0);
}

TEST(elfdeps_refuse_sonames_that_are_no_capability)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct library l;
	struct elfdeps d = { 0 };
	CLEANUP(fd_close) int fd = -1;

	make_library(&l, "libx.so\nR evil", "libc.so", DT_HASH);
	fd = pkgfix_file(&l, sizeof(l));
	assert_fails(elfdeps_scan(&a, fd, "/usr/lib/libx.so", 0644, &d, err),
		     "/usr/lib/libx.so names a library");
}

TEST(elfdeps_survive_every_changed_byte)
{
	struct library l, changed;
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };

	make_library(&l, "libx.so.1", "libc.so", DT_GNU_HASH);
	for (size_t i = 4; i < sizeof(l); i++) {
		for (size_t m = 0; m < ARRAY_LEN(masks); m++) {
			CLEANUP(arena_release) struct arena a = { 0 };
			CLEANUP(fd_close) int fd = -1;
			struct elfdeps d = { 0 };

			changed = l;
			((uint8_t *)&changed)[i] ^= masks[m];
			fd = pkgfix_file(&changed, sizeof(changed));
			if (elfdeps_scan(&a, fd, "/usr/lib/libx.so", 0644, &d, err) < 0)
				assert_non_null(strstr(err->text, "/usr/lib/libx.so"));
		}
	}
}

TEST(elfdeps_of_a_script_are_its_interpreter_as_written)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#!/bin/sh\n", err),
			    "R /bin/sh;");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#! /usr/bin/perl -w", err),
			    "R /usr/bin/perl;");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#!/usr/bin/env python3\n", err),
			    "R /usr/bin/env;R /usr/bin/python3;");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0644, "#!/bin/sh\n", err), "");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#!sh\n", err), "");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#!/../x\n", err), "");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "#!", err), "");
	assert_string_equal(scan_text(&a, "/usr/bin/s", 0755, "", err), "");
	assert_string_equal(scan_text(&a, "/usr/share/doc/s", 0755, "#!/bin/sh\n", err), "");
}

TEST(elfdeps_of_a_module_are_its_version_and_requires)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char text[] =
		"prefix=/usr\nv=1.2\nfull=${v}.3\n# Requires: no\nName: X\nVersion: ${full}\n"
		"Requires: a >= 1, b c=2 # comment\nRequires.private: d<3 e != 4\nLibs: -lx\n";

	assert_string_equal(
		scan_text(&a, "/usr/lib/pkgconfig/x-1.pc", 0644, text, err),
		"P pkgconfig(x-1) = 1.2.3;R pkgconfig(a) >= 1;R pkgconfig(b);R pkgconfig(c) = 2;"
		"R pkgconfig(d) < 3;R pkgconfig(e);");
	assert_string_equal(scan_text(&a, "/usr/share/pkgconfig/y.pc", 0644, "Name: y", err),
			    "P pkgconfig(y);");
	assert_string_equal(
		scan_text(&a, "/usr/share/pkgconfig/y.pc", 0644, "Version: 1 beta\n", err),
		"P pkgconfig(y);");
	assert_string_equal(scan_text(&a, "/usr/share/y.pc", 0644, text, err), "");
}

TEST(elfdeps_of_a_module_end_at_variables_that_double_each_other)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_TEXT);
	CLEANUP(fd_close) int fd = -1;
	struct elfdeps d = { 0 };

	buf_add_str(&text, "v0=xxxxxxxxxx\n");
	for (int i = 1; i < 40; i++)
		buf_add_format(&text, "v%d=${v%d}${v%d}\n", i, i - 1, i - 1);
	fd = pkgfix_file(text.data, text.len);
	assert_fails(elfdeps_scan(&a, fd, "/usr/lib/pkgconfig/x.pc", 0644, &d, err),
		     "/usr/lib/pkgconfig/x.pc: ");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(elfdeps_of_accounts_are_their_names_with_the_line_that_makes_them)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *path = "/usr/lib/sysusers.d/web.conf";
	struct pkgdep d;

	/* "g web 11" and "u web 11:web "The web" /" in base64, filled with zeros to threes. */
	assert_string_equal(scan_text(&a, path, 0644,
				      "# c\ng  web 11\nu web 11:web \"The web\" /\nm web tty\n",
				      err),
			    "P group(web) = ZyB3ZWIgMTEA;"
			    "P user(web) = dSB3ZWIgMTE6d2ViICJUaGUgd2ViIiAv;");
	assert_string_equal(scan_text(&a, path, 0644, "u web 11\nu\nx y z\n\n", err),
			    "P group(web);P user(web) = dSB3ZWIgMTEA;");
	assert_string_equal(scan_text(&a, "/usr/share/x/web.conf", 0644, "u web 11\n", err),
			    "");
	assert_string_equal(scan_text(&a, "/etc/passwd", 0644, "root:x:0\n:x\nnone\n", err),
			    "P user(root);");
	assert_string_equal(scan_text(&a, "/etc/group", 0644, "tty:x:5:\n", err),
			    "P group(tty);");
	assert_ok(pkgdep_parse(&a, "user(web) = dSB3+/A", &d, err));
	assert_fails(pkgdep_parse(&a, "user(web) = dSB3-=A", &d, err), "is not a version");
	assert_fails(pkgdep_parse(&a, "web = dSB3+/A", &d, err), "is not a version");
}

TEST(elfdeps_of_accounts_survive_hostile_lines)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *path = "/usr/lib/sysusers.d/web.conf";
	char line[4000];
	int fd = pkgfix_file("u a\001b 5\n", 8);
	struct elfdeps d = { 0 };

	assert_fails(elfdeps_scan(&a, fd, path, 0644, &d, err), "web.conf names a library");
	close(fd);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_string_equal(scan_text(&a, path, 0644, line, err), "");
	memcpy(line, "u a ", 4);
	assert_string_equal(scan_text(&a, path, 0644, line, err), "");
}

TEST(elfdeps_of_cmake_packages_are_their_name_and_version)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *version = "/usr/lib/cmake/Xy/XyConfigVersion.cmake";

	assert_string_equal(scan_text(&a, "/usr/lib/cmake/Xy/XyConfig.cmake", 0644, "", err),
			    "P cmake(Xy);P cmake(xy);");
	assert_string_equal(scan_text(&a, "/usr/share/cmake/z/z-config.cmake", 0644, "", err),
			    "P cmake(z);");
	assert_string_equal(
		scan_text(&a, version, 0644,
			  "# PACKAGE_VERSION 9\nset ( PACKAGE_VERSION ${X})\n"
			  "SET(PACKAGE_VERSION \"1.2.3\")\nset(PACKAGE_VERSION 4)\n",
			  err),
		"P cmake(Xy) = 1.2.3;P cmake(xy) = 1.2.3;");
	assert_string_equal(scan_text(&a, version, 0644, "set(PACKAGE_VERSION", err), "");
	assert_string_equal(scan_text(&a, version, 0644, "set(PACKAGE_VERSION \"1 2\"", err),
			    "P cmake(Xy) = 1;P cmake(xy) = 1;");
	assert_string_equal(scan_text(&a, "/usr/lib/x/XyConfig.cmake", 0644, "", err), "");
	assert_string_equal(scan_text(&a, "/usr/lib/cmake/Config.cmake", 0644, "", err), "");
}

#define DIST "/usr/lib/python3.11/site-packages/x-1.dist-info/METADATA"

static const char *
scan_python(struct arena *a, const char *fields, struct err *err)
{
	const char *text = scan_text(a, DIST, 0644,
				     arena_format(a, "Name: x\nVersion: 1\n%s", fields), err);
	const char *first = strstr(text, "R python(abi) = 3.11;");

	assert_non_null(first);
	return first + strlen("R python(abi) = 3.11;");
}

TEST(elfdeps_of_python_packages_are_named_and_ranged_as_rpm_does)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(scan_text(&a, DIST, 0644,
				      "Name: A__b-.C\r\nVersion: 01.2.0RC.1\r\n\r\nName: d\n",
				      err),
			    "P python3.11dist(a-b-c) = 1.2~rc1;P python3dist(a-b-c) = 1.2~rc1;"
			    "R python(abi) = 3.11;");
	assert_string_equal(scan_python(&a, "Requires-Dist: a (>=1.0,<2)\n", err),
			    "R python3.11dist(a) < 2;R python3.11dist(a) >= 1;");
	assert_string_equal(scan_python(&a, "Requires-Dist: a~=1.4.2; extra == 'x'\n", err),
			    "");
	assert_string_equal(
		scan_python(&a, "Requires-Dist: a~=1.4.2;python_version>='3.9'\n", err),
		"R python3.11dist(a) < 1.5;R python3.11dist(a) >= 1.4.2;");
	assert_string_equal(
		scan_python(&a, "Requires-Dist: a; platform_release > '9'\n", err),
		"R python3.11dist(a);"); /* differs from machine to machine: it stays */
	assert_string_equal(scan_text(&a, "/usr/bin/python3.11", 0755, "\1", err),
			    "P python(abi) = 3.11;");
	assert_string_equal(scan_text(&a, "/usr/bin/python3.11-config", 0644, "\1", err), "");
	assert_string_equal(scan_text(&a, "/usr/lib/python3/dist-packages/x.dist-info/METADATA",
				      0644, "", err),
			    "");
}

TEST(elfdeps_of_python_refuse_what_they_cannot_read)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "Name: x\n", "METADATA: the version '' cannot be read" },
		{ "Version: 1\n", "the name '' cannot be read" },
		{ "Name: x y\nVersion: 1\n", "the name 'x y'" },
		{ "Name: x\nVersion: one\n", "the version 'one'" },
		{ "Name: x\nVersion: 1.*\n", "the version '1.*'" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a ~=1\n", "the version '1'" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a 1\n", "the requirement '1'" },
		{ "Name: x\nVersion: 1\nRequires-Dist: (a)\n", "the requirement '(a)'" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a; (os_name == 'x'\n",
		  "the marker ' (os_name == 'x''" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a; os_name\n", "the marker ' os_name'" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a; os_name == \"x\n", "the marker" },
		{ "Name: x\nVersion: 1\nRequires-Dist: a; ((((((((((((((((((((1\n",
		  "the marker" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(arena_release) struct arena a = { 0 };
		CLEANUP(fd_close) int fd = pkgfix_file(cases[i].text, strlen(cases[i].text));
		struct elfdeps d = { 0 };

		assert_fails(elfdeps_scan(&a, fd, DIST, 0644, &d, err), cases[i].reason);
	}
}

TEST(elfdeps_of_scripts_find_the_program_that_env_runs)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	assert_string_equal(scan_text(&a, "/usr/bin/x", 0755, "#!/usr/bin/env python3\n", err),
			    "R /usr/bin/env;R /usr/bin/python3;");
	assert_string_equal(
		scan_text(&a, "/usr/bin/x", 0755, "#! /usr/bin/env -S perl -w\nx", err),
		"R /usr/bin/env;R /usr/bin/perl;");
	assert_string_equal(scan_text(&a, "/usr/bin/x", 0755, "#!/usr/bin/env A=b c\n", err),
			    "R /usr/bin/env;");
	assert_string_equal(scan_text(&a, "/usr/bin/x", 0755, "#!/usr/bin/env", err),
			    "R /usr/bin/env;");
}
