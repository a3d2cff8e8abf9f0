/* SPDX-License-Identifier: Apache-2.0 */
#include "images/rootfs.h"
#include "tests/unit/images/fixture.h"

static void
names(const char *text, unsigned fields, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict d = { 0 };

	if (reason)
		assert_fails(rootfs_names_parse(&a, text, strlen(text), "/etc/passwd", fields,
						&d, err),
			     reason);
	else
		assert_ok(rootfs_names_parse(&a, text, strlen(text), "/etc/passwd", fields, &d,
					     err));
}

TEST(rootfs_names_are_read_strictly)
{
	names("root:x:0:0:r:/root:/bin/sh\n\nnobody:x:65534:65534::/:", 7, NULL, err);
	names("root:x:0:\n", 4, NULL, err);
	names("", 7, NULL, err);
	names("root:x:0:0:r:/root\n", 7, "/etc/passwd:1: not a line of 7 fields", err);
	names("root:x:0:0:r:/root:/bin/sh:more\n", 7, ":1: not a line of 7 fields", err);
	names("a:x:1:\n\nb:x:01:\n", 4, ":3: not a line", err);
	names("a:x:-1:\n", 4, ":1: not a line", err);
	names("a:x:4294967294:\n", 4, ":1: not a line", err);
	names("a:x:99999999999999999999:\n", 4, ":1: not a line", err);
	names(":x:1:\n", 4, ":1: not a line", err);
	names("a:x:1:\na:x:1:\n", 4, ":2: 'a' is there twice", err);
}

TEST(rootfs_capabilities_become_what_the_kernel_stores)
{
	static const char raw[] =
		"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00";
	char out[ROOTFS_CAPS_BYTES];

	/* net_raw is bit 13, bpf bit 39, which lies in the upper word */
	assert_ok(rootfs_caps_parse("cap_net_raw,cap_bpf=ep", out, err));
	assert_memory_equal(out, raw, sizeof(out));
	assert_ok(rootfs_caps_parse("cap_net_raw+i", out, err));
	assert_int_equal(out[0], 0);
	assert_int_equal(out[4], 0);
	assert_int_equal(out[9], 0x20);
	assert_fails(rootfs_caps_parse("cap_net_raw", out, err), "is not of the form");
	assert_fails(rootfs_caps_parse("cap_net_raw=e", out, err), "is not of the form");
	assert_fails(rootfs_caps_parse("cap_net_raw=x", out, err), "is not of the form");
	assert_fails(rootfs_caps_parse("=ep", out, err), "is not of the form");
	assert_fails(rootfs_caps_parse("cap_nothing=ep", out, err),
		     "no capability is called 'cap_nothing'");
	assert_fails(rootfs_caps_parse("cap_kill,=ep", out, err), "is not of the form");
}

/* Fills a tree from everything in the fixture. */
static int
fill(struct fixture *f, const struct rootfs_link *links, size_t nlinks, struct rootfs *out,
     struct err *err)
{
	int spool;

	assert_ok(fd_memory("spool", &spool, err));
	{
		const struct rootfs_spec spec = { .store = f->store,
						  .packages = f->all,
						  .npackages = f->n,
						  .links = links,
						  .nlinks = nlinks,
						  .links_owner = "images/catalog/x.yaml",
						  .epoch = FIXTURE_EPOCH + 100,
						  .spool_fd = spool };

		return rootfs_fill(&f->a, &spec, out, err);
	}
}

static void
body_is(const struct rootfs *r, const char *path, const char *text)
{
	const struct rootfs_entry *e = rootfs_find(r, path);
	char have[256] = "";

	assert_non_null(e);
	assert_int_equal(e->size, strlen(text));
	assert_int_equal(pread(r->spool_fd, have, e->size, (off_t)e->offset), e->size);
	assert_string_equal(have, text);
}

TEST(rootfs_holds_files_through_links_with_owners_and_database)
{
	static const struct fixture_file files[] = {
		{ .path = "/bin/app", .type = MANIFEST_FILE, .mode = 04755, .body = "program" },
		{ .path = "/bin/bpp",
		  .type = MANIFEST_FILE,
		  .mode = 04755,
		  .body = "program",
		  .hardlink = "/bin/app" },
		{ .path = "/lib/x/y", .type = MANIFEST_LINK, .body = "../z" },
		{ .path = "/usr/bin/ping",
		  .type = MANIFEST_FILE,
		  .mode = 0755,
		  .body = "ping",
		  .caps = "cap_net_raw=ep" },
		{ .path = "/var/lib/app",
		  .type = MANIFEST_DIR,
		  .mode = 0750,
		  .user = "app",
		  .group = "app" },
	};
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
	const struct rootfs_entry *e;

	fixture_open(&f);
	fixture_package(&f, "app", NULL, files, ARRAY_LEN(files));
	fixture_baselayout(&f);
	assert_ok(fill(&f, NULL, 0, &r, err));
	body_is(&r, "usr/bin/app", "program");
	assert_null(rootfs_find(&r, "bin/app"));
	e = rootfs_find(&r, "usr/bin/app");
	assert_int_equal(e->mode, S_IFREG | 04755);
	assert_int_equal(e->mtime, FIXTURE_EPOCH);
	e = rootfs_find(&r, "usr/bin/bpp");
	assert_true(e->hardlink);
	assert_string_equal(e->target, "usr/bin/app");
	assert_string_equal(rootfs_find(&r, "bin")->target, "usr/bin");
	assert_string_equal(rootfs_find(&r, "usr/lib/x/y")->target, "../z");
	assert_non_null(rootfs_find(&r, "usr/bin/ping")->caps);
	e = rootfs_find(&r, "var/lib/app");
	assert_int_equal(e->uid, 100);
	assert_int_equal(e->gid, 101);
	assert_int_equal(e->mode, S_IFDIR | 0750);
	e = rootfs_find(&r, "usr/lib/x"); /* nobody's directory */
	assert_int_equal(e->mode, S_IFDIR | 0755);
	assert_int_equal(e->mtime, FIXTURE_EPOCH + 100);
	assert_true(rootfs_find(&r, ROOTFS_RPMDB)->size > 4096);
	assert_string_equal(rootfs_find(&r, ROOTFS_RPMDB_LINK)->target,
			    "../../usr/lib/sysimage/rpm");
	for (size_t i = 1; i < r.n; i++)
		assert_true(strcmp(r.at[i - 1]->path, r.at[i]->path) < 0);
	assert_ok(rootfs_check_user(&r, "app:app", err));
	assert_ok(rootfs_check_user(&r, "1000:1000", err));
	assert_fails(rootfs_check_user(&r, "nobody", err), "the image knows no user 'nobody'");
	assert_fails(rootfs_check_user(&r, "app:staff", err),
		     "the image knows no group 'staff'");
	close(r.spool_fd);
}

static void
conflict(const struct fixture_file *one, const struct fixture_file *two, const char *reason,
	 struct err *err)
{
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };

	fixture_open(&f);
	fixture_package(&f, "one", NULL, one, 1);
	fixture_package(&f, "two", NULL, two, 1);
	if (reason) {
		assert_fails(fill(&f, NULL, 0, &r, err), reason);
		return;
	}
	assert_ok(fill(&f, NULL, 0, &r, err));
	close(r.spool_fd);
}

TEST(rootfs_shares_what_is_equal_and_refuses_what_is_not)
{
	const struct fixture_file file = {
		.path = "/etc/x", .type = MANIFEST_FILE, .mode = 0644, .body = "a"
	};
	const struct fixture_file other = {
		.path = "/etc/x", .type = MANIFEST_FILE, .mode = 0644, .body = "b"
	};
	const struct fixture_file mode = {
		.path = "/etc/x", .type = MANIFEST_FILE, .mode = 0600, .body = "a"
	};
	const struct fixture_file dir = { .path = "/etc/x",
					  .type = MANIFEST_DIR,
					  .mode = 0755 };
	const struct fixture_file link = { .path = "/etc/x",
					   .type = MANIFEST_LINK,
					   .body = "y" };
	const struct fixture_file away = { .path = "/etc/x",
					   .type = MANIFEST_LINK,
					   .body = "z" };
	const struct fixture_file below = {
		.path = "/etc/x/y", .type = MANIFEST_FILE, .mode = 0644, .body = "a"
	};
	const struct fixture_file owned = {
		.path = "/etc/x", .type = MANIFEST_DIR, .mode = 0755, .user = "app"
	};

	conflict(&file, &file, NULL, err);
	conflict(&dir, &dir, NULL, err);
	conflict(&link, &link, NULL, err);
	conflict(&dir, &below, NULL, err);
	conflict(
		&file, &other,
		"/etc/x is a file in one-1-1.x86_64.rpm and a file in two-1-1.x86_64.rpm (they differ in content)",
		err);
	conflict(&file, &mode, "(they differ in mode)", err);
	conflict(&file, &dir,
		 "is a file in one-1-1.x86_64.rpm and a directory in two-1-1.x86_64.rpm", err);
	conflict(&link, &dir, "(they differ in kind)", err);
	conflict(&link, &away, "(they differ in target)", err);
	conflict(&dir, &owned, "(they differ in owner)", err);
	conflict(
		&file, &below,
		"/etc/x/y of two-1-1.x86_64.rpm lies below /etc/x, which is a file in one-1-1.x86_64.rpm",
		err);
}

TEST(rootfs_refuses_an_owner_nobody_declares)
{
	const struct fixture_file file = { .path = "/etc/x",
					   .type = MANIFEST_FILE,
					   .mode = 0644,
					   .body = "a",
					   .user = "web" };
	const struct fixture_file group = { .path = "/etc/x",
					    .type = MANIFEST_FILE,
					    .mode = 0644,
					    .body = "a",
					    .group = "web" };
	CLEANUP(fixture_close) struct fixture f, g;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };

	fixture_open(&f);
	fixture_baselayout(&f);
	fixture_package(&f, "one", NULL, &file, 1);
	assert_fails(fill(&f, NULL, 0, &r, err),
		     "/etc/x belongs to user 'web', which no package of the image declares");
	fixture_open(&g);
	fixture_package(&g, "one", NULL, &group, 1);
	assert_fails(fill(&g, NULL, 0, &r, err), "belongs to group 'web'");
}

TEST(rootfs_follows_links_only_inside_and_not_forever)
{
	const struct fixture_file loop[] = {
		{ .path = "/a", .type = MANIFEST_LINK, .body = "b" },
		{ .path = "/b", .type = MANIFEST_LINK, .body = "a" }
	};
	const struct fixture_file through = {
		.path = "/a/x", .type = MANIFEST_FILE, .mode = 0644, .body = "x"
	};
	const struct fixture_file up[] = {
		{ .path = "/etc/up", .type = MANIFEST_LINK, .body = "../../../var" },
		{ .path = "/etc/top", .type = MANIFEST_LINK, .body = "/opt" }
	};
	const struct fixture_file in[] = {
		{ .path = "/etc/up/x", .type = MANIFEST_FILE, .mode = 0644, .body = "x" },
		{ .path = "/etc/top/y", .type = MANIFEST_FILE, .mode = 0644, .body = "y" }
	};
	CLEANUP(fixture_close) struct fixture f, g;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };

	fixture_open(&g);
	fixture_open(&f);
	fixture_package(&f, "loop", NULL, loop, 2);
	fixture_package(&f, "through", NULL, &through, 1);
	assert_fails(fill(&f, NULL, 0, &r, err), "more than 40 links on the way");
	fixture_package(&g, "in", NULL, in, 2);
	fixture_package(&g, "up", NULL, up, 2);
	assert_ok(fill(&g, NULL, 0, &r, err));
	body_is(&r, "var/x", "x");
	body_is(&r, "opt/y", "y");
	close(r.spool_fd);
}

TEST(rootfs_adds_links_of_the_definition_and_refuses_taken_paths)
{
	const struct rootfs_link good = { "bin/sh", "app" }, taken = { "etc/passwd", "x" };
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
	CLEANUP(rootfs_release) struct rootfs none = { .spool_fd = -1 };

	fixture_open(&f);
	fixture_baselayout(&f);
	assert_ok(fill(&f, &good, 1, &r, err));
	assert_string_equal(rootfs_find(&r, "usr/bin/sh")->target, "app");
	close(r.spool_fd);
	assert_fails(fill(&f, &taken, 1, &none, err), "images/catalog/x.yaml");
}

TEST(rootfs_refuses_a_blob_that_is_another_package)
{
	const struct fixture_file file = {
		.path = "/etc/x", .type = MANIFEST_FILE, .mode = 0644, .body = "a"
	};
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
	struct pkgfacts *p;

	fixture_open(&f);
	p = fixture_package(&f, "one", NULL, &file, 1);
	p->header.bytes[0] ^= 1;
	assert_fails(fill(&f, NULL, 0, &r, err), "another package than recorded");
}

static const struct fixture_file sysusers = { .path = "/usr/lib/sysusers.d/web.conf",
					      .type = MANIFEST_FILE,
					      .mode = 0644,
					      .body = NULL };

/* A tree of baselayout and of packages with these files of sysusers.d. */
static int
accounts(struct fixture *f, const char *one, const char *two, struct rootfs *r, struct err *err)
{
	struct fixture_file file = sysusers;

	fixture_open(f);
	file.body = one;
	fixture_package(f, "one", NULL, &file, 1);
	file.body = two;
	file.path = "/usr/lib/sysusers.d/two.conf";
	fixture_package(f, "two", NULL, &file, two != NULL);
	fixture_baselayout(f);
	return fill(f, NULL, 0, r, err);
}

static void
refuse_accounts(const char *one, const char *two, const char *reason, struct err *err)
{
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };

	assert_fails(accounts(&f, one, two, &r, err), reason);
}

TEST(rootfs_composes_accounts_from_what_packages_declare)
{
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };

	assert_ok(accounts(
		&f, "g web 33\nu web 33:web \"The web\" /srv /bin/sh\nm web app\n",
		"# x\n\nu early 20 - -\ng app 101\nu late 40:101\nm app web\nm late web\n", &r,
		err));
	body_is(&r, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\napp:x:100:101:app:/:/bin/false\n"
		"early:!:20:20::/:/usr/sbin/nologin\nweb:!:33:33:The web:/srv:/bin/sh\n"
		"late:!:40:101::/:/usr/sbin/nologin\n");
	body_is(&r, "etc/group", "root:x:0:\napp:x:101:web\nearly:x:20:\nweb:x:33:app,late\n");
	assert_ok(rootfs_check_user(&r, "late:web", err));
	close(r.spool_fd);
}

TEST(rootfs_refuses_accounts_that_mean_two_things)
{
	refuse_accounts("u web 33\n", "u other 33\n",
			"the group 'web' is 33 for one-1-1.x86_64.rpm, but two-1-1.x86_64.rpm "
			"gives 33 to 'other'",
			err);
	refuse_accounts("g web 33\nu web 33:web\n", "u web 34:web\n",
			"the user 'web' is 34 for two-1-1.x86_64.rpm, but one-1-1.x86_64.rpm "
			"gives 33 to 'web'",
			err);
	refuse_accounts("u app 7\n", NULL, "'app'", err);
	refuse_accounts("u new 100:app\n", NULL,
			"but baselayout-1-1.x86_64.rpm gives 100 to 'app'", err);
	refuse_accounts("u web 33:none\n", NULL,
			"user 'web' is of the group 'none', which no package", err);
	refuse_accounts("u web -\n", NULL, "'u web -' cannot be carried out", err);
	refuse_accounts("u web /etc/x\n", NULL, "cannot be carried out", err);
	refuse_accounts("u W 1\n", NULL, "cannot be carried out", err);
	refuse_accounts("u web 1 \"a:b\"\n", NULL, "cannot be carried out", err);
	refuse_accounts("r - 1-100\n", NULL, "'r - 1-100' cannot be carried out", err);
	refuse_accounts("u web 4294967295\n", NULL, "cannot be carried out", err);
}

#define UNIT "/usr/lib/systemd/system/web.service"

/* A tree with the unit, and what it says. */
static int
service(struct fixture *f, const char *unit, struct rootfs *r, struct rootfs_service *out,
	struct err *err)
{
	const struct fixture_file files[] = {
		{ .path = "/usr/lib/sysusers.d/web.conf",
		  .type = MANIFEST_FILE,
		  .mode = 0644,
		  .body = "u web 711 \"Web\" /\n" },
		{ .path = UNIT, .type = MANIFEST_FILE, .mode = 0644, .body = unit },
	};

	fixture_open(f);
	fixture_package(f, "web", NULL, files, ARRAY_LEN(files));
	fixture_baselayout(f);
	assert_ok(fill(f, NULL, 0, r, err));
	return rootfs_service_read(&f->a, r, "web", out, err);
}

TEST(rootfs_reads_how_a_service_starts)
{
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
	struct rootfs_service s;

	assert_ok(
		service(&f,
			"[Unit]\nDescription=Any $ thing\n\n[Service]\nType=exec\n"
			"ExecStart=/usr/bin/web  -g \"daemon off;\" x'y z'\n"
			"ExecReload=/usr/bin/web --reload\nUser=web\nGroup=web\n"
			"WorkingDirectory=/srv\nKillSignal=SIGQUIT\n\n[Install]\nWantedBy=x\n",
			&r, &s, err));
	assert_int_equal(s.nrun, 4);
	assert_string_equal(s.run[0], "/usr/bin/web");
	assert_string_equal(s.run[2], "daemon off;");
	assert_string_equal(s.run[3], "xy z");
	assert_string_equal(s.user, "711:711");
	assert_string_equal(s.directory, "/srv");
	assert_string_equal(s.stop_signal, "QUIT");
	assert_fails(rootfs_service_read(&f.a, &r, "app", &s, err),
		     "no package of the image has a service 'app'");
	assert_non_null(strstr(err->text, "they have: web"));
	close(r.spool_fd);
}

TEST(rootfs_service_has_defaults)
{
	CLEANUP(fixture_close) struct fixture f;
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
	struct rootfs_service s;

	assert_ok(service(&f, "[Service]\nExecStart=/usr/bin/web\n", &r, &s, err));
	assert_int_equal(s.nrun, 1);
	assert_string_equal(s.user, "0");
	assert_string_equal(s.directory, "/");
	assert_string_equal(s.stop_signal, "TERM");
}

TEST(rootfs_refuses_a_service_that_only_systemd_could_start)
{
	static const struct {
		const char *unit, *reason;
	} cases[] = {
		{ "[Service]\nType=exec\n", "has no ExecStart" },
		{ "[Service]\nExecStart=web\n", "'ExecStart=web' cannot be carried out" },
		{ "[Service]\nExecStart=/usr/bin/web $A\n", "cannot be carried out" },
		{ "[Service]\nExecStart=/usr/bin/web \"a\n", "cannot be carried out" },
		{ "[Service]\nExecStart=/usr/bin/web\nExecStart=/usr/bin/b\n",
		  "'ExecStart=/usr/bin/b' cannot be carried out" },
		{ "[Service]\nExecStart=/usr/bin/web\nEnvironment=A=b\n",
		  "'Environment=A=b' cannot be carried out" },
		{ "[Service]\nExecStart=/usr/bin/web\nType=forking\n", "'Type=forking'" },
		{ "[Service]\nExecStart=/usr/bin/web\nUser=nobody-knows\n",
		  "knows no user 'nobody-knows'" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(fixture_close) struct fixture f;
		CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = -1 };
		struct rootfs_service s;

		assert_fails(service(&f, cases[i].unit, &r, &s, err), cases[i].reason);
	}
}
