/* SPDX-License-Identifier: Apache-2.0 */
#include "images/image.h"
#include "tests/unit/test.h"

#define NAME "images/catalog/app.yaml"
#define HEAD "format: 1\nname: app\nsummary: An application\n"

static int
parse(struct arena *a, const char *text, struct image **out, struct err *err)
{
	return image_parse(a, text, strlen(text), NAME, out, err);
}

TEST(image_reads_every_key)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im;

	assert_ok(parse(&a,
			HEAD "description: |\n  Two\n  lines\n"
			     "ground: final\n"
			     "packages: [baselayout, \"zlib >= 1.2\"]\n"
			     "prefer: [busybox]\n"
			     "config:\n"
			     "  entrypoint: [/usr/bin/app, --serve]\n"
			     "  cmd: [now]\n"
			     "  env: {PATH: /usr/bin, LANG: C.UTF-8}\n"
			     "  user: app:app\n"
			     "  workdir: /srv\n"
			     "  labels: {b: two, a: one}\n"
			     "  stop_signal: INT\n"
			     "  ports: [8080, 53/udp]\n"
			     "  volumes: [/var/lib/app]\n"
			     "links: {usr/bin/sh: busybox}\n",
			&im, err));
	assert_string_equal(im->path, NAME);
	assert_string_equal(im->name, "app");
	assert_string_equal(im->description, "Two\nlines\n");
	assert_int_equal(im->npackages, 2);
	assert_string_equal(im->packages[1], "zlib >= 1.2");
	assert_string_equal(im->prefer[0], "busybox");
	assert_int_equal(im->nentrypoint, 2);
	assert_string_equal(im->entrypoint[1], "--serve");
	assert_string_equal(im->cmd[0], "now");
	assert_string_equal(im->env[0].key, "LANG"); /* sorted: a map has no order */
	assert_string_equal(im->labels[0].value, "one");
	assert_string_equal(im->user, "app:app");
	assert_string_equal(im->workdir, "/srv");
	assert_string_equal(im->stop_signal, "INT");
	assert_string_equal(im->ground, "final");
	assert_int_equal(im->nports, 2);
	assert_string_equal(im->ports[0], "8080/tcp");
	assert_string_equal(im->ports[1], "53/udp");
	assert_string_equal(im->volumes[0], "/var/lib/app");
	assert_string_equal(im->links[0].value, "busybox");
	assert_int_equal(im->line, 2);
}

TEST(image_has_defaults_for_everything_but_three_keys)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im;

	assert_ok(parse(&a, HEAD "packages: [baselayout]\n", &im, err));
	assert_string_equal(im->user, "0");
	assert_string_equal(im->workdir, "/");
	assert_string_equal(im->stop_signal, "TERM");
	assert_int_equal(im->ncmd + im->nentrypoint + im->nenv + im->nlabels + im->nlinks, 0);
	assert_null(im->description);
}

TEST(image_leaves_to_a_service_what_it_says)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im;

	assert_ok(parse(&a, HEAD "packages: [a]\nconfig: {service: web, workdir: /srv}\n", &im,
			err));
	assert_string_equal(im->service, "web");
	assert_string_equal(im->workdir, "/srv");
	assert_null(im->user);
	assert_null(im->stop_signal);
	assert_fails(parse(&a,
			   HEAD
			   "packages: [a]\nconfig: {service: web, entrypoint: [/usr/bin/a]}\n",
			   &im, err),
		     ":5:36: 'entrypoint' and 'service' both say what is started");
}

TEST(image_refuses_an_unknown_key_at_its_place_and_names_the_nearest)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im;

	assert_fails(parse(&a, "format: 1\nname: app\nsumary: x\npackages: [a]\n", &im, err),
		     NAME ":3:1: unknown key 'sumary' (did you mean 'summary'?)");
	assert_fails(parse(&a, HEAD "packages: [a]\nconfig:\n  enviro: {A: b}\n", &im, err),
		     NAME ":6:3: unknown key 'config.enviro'");
	assert_fails(parse(&a, HEAD "packages: [a]\nconfig: {entrypont: [x]}\n", &im, err),
		     "(did you mean 'config.entrypoint'?)");
}

TEST(image_refuses_each_wrong_type_and_value_with_its_place)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "name: app\n", ":1:1: 'format: 1' is missing" },
		{ "format: 2\nname: app\n", ":1:9: this Kiln reads 'format: 1' only" },
		{ "format: 1\nsummary: x\npackages: [a]\n", "'name' is missing" },
		{ "format: 1\nname: app\npackages: [a]\n", "'summary' is missing" },
		{ HEAD, "'packages' is missing" },
		{ HEAD "packages: [a]\nconfig: {labels: {kiln.ground: x}}\n",
		  ":5:19: labels that begin with 'kiln.' are set by Kiln" },
		{ HEAD "packages: a\n", ":4:11: 'packages' must be a list of text" },
		{ HEAD "packages: []\n", "'packages' must have 1 to" },
		{ HEAD "packages: [[a]]\n", ":4:12: 'packages' must be text" },
		{ HEAD "packages: [a, b, a]\n", ":4:18: 'packages' names 'a' twice" },
		{ HEAD "packages: [a]\nprefer: [\"a b\"]\n",
		  "'prefer': 'a b' is no package name" },
		{ "format: 1\nname: A\nsummary: x\npackages: [a]\n",
		  ":2:7: 'name' must be lower-case" },
		{ "format: 1\nname: -a\nsummary: x\npackages: [a]\n",
		  "'name' must be lower-case" },
		{ "format: 1\nname: app\nsummary: \"a\\nb\"\npackages: [a]\n",
		  ":3:10: 'summary' must be one line" },
		{ HEAD "packages: [a]\nconfig: no\n", ":5:9: 'config' must be a map" },
		{ HEAD "packages: [a]\nconfig: {env: [A]}\n", "'env' must be a map of text" },
		{ HEAD "packages: [a]\nconfig: {env: {1A: b}}\n",
		  "'1A' is no name of an environment variable" },
		{ HEAD "packages: [a]\nconfig: {env: {A=B: b}}\n",
		  "'A=B' is no name of an environment variable" },
		{ HEAD "packages: [a]\nconfig: {user: \"a b\"}\n",
		  "'user' must be USER or USER:GROUP" },
		{ HEAD "packages: [a]\nconfig: {user: \":1\"}\n",
		  "'user' must be USER or USER:GROUP" },
		{ HEAD "packages: [a]\nconfig: {workdir: srv}\n",
		  "'workdir' must be an absolute path" },
		{ HEAD "packages: [a]\nconfig: {workdir: /a/../b}\n",
		  "'workdir' must be an absolute path" },
		{ HEAD "packages: [a]\nconfig: {stop_signal: TERMM}\n", "did you mean 'TERM'" },
		{ HEAD "packages: [a]\nconfig: {ports: [http]}\n",
		  ":5:18: 'http' is not a port" },
		{ HEAD "packages: [a]\nconfig: {ports: [65536]}\n", "'65536' is not a port" },
		{ HEAD "packages: [a]\nconfig: {ports: [080]}\n", "'080' is not a port" },
		{ HEAD "packages: [a]\nconfig: {ports: [80/icmp]}\n",
		  "'80/icmp' is not a port" },
		{ HEAD "packages: [a]\nconfig: {volumes: [/]}\n",
		  "'volumes': '/' is not an absolute path" },
		{ HEAD "packages: [a]\nconfig: {service: a b}\n",
		  "'service' must be the name of a service" },
		{ HEAD "packages: [a]\nground: [final]\n", "'ground' must be text" },
		{ HEAD "packages: [a]\nlinks: {/usr/x: y}\n",
		  ":5:9: 'links': '/usr/x' is not a relative path" },
		{ HEAD "packages: [a]\nlinks: {usr/../x: y}\n", "is not a relative path" },
		{ "- a\n", "an image is a map of keys" },
	};
	CLEANUP(arena_release) struct arena a = { 0 };
	struct image *im;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_fails(parse(&a, cases[i].text, &im, err), cases[i].reason);
		assert_non_null(strstr(err->text, NAME));
	}
}

TEST(image_definition_digest_is_that_of_its_bytes)
{
	static const char text[] = HEAD "packages: [a]\n";
	CLEANUP(arena_release) struct arena a = { 0 };
	struct digest want;
	struct image *im;

	assert_ok(parse(&a, text, &im, err));
	digest_of(text, strlen(text), &want);
	assert_true(digest_equal(&want, &im->definition));
	assert_int_equal(im->definition_size, strlen(text));
}

static void
put(int dir, const char *path, const char *text)
{
	struct err err;
	CLEANUP(fd_close) int fd = -1;

	if (fd_create(dir, path, 0644, &fd, &err) < 0 ||
	    fd_write_all(fd, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

TEST(image_catalog_is_read_sorted_by_name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = test_tmpdir();
	struct image **all;
	size_t n;

	assert_ok(image_load_all(&a, dir, &all, &n, err));
	assert_int_equal(n, 0);
	assert_ok(fd_mkdirs(dir, "images/catalog", err));
	put(dir, "images/catalog/a-b.yaml",
	    "format: 1\nname: a-b\nsummary: x\npackages: [p]\n");
	put(dir, "images/catalog/a.yaml", "format: 1\nname: a\nsummary: x\npackages: [p]\n");
	put(dir, "images/catalog/.swap", "x");
	assert_ok(image_load_all(&a, dir, &all, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(all[0]->name, "a");
	assert_string_equal(all[1]->name, "a-b");
	put(dir, "images/catalog/c.yml", "format: 1\n");
	assert_fails(image_load_all(&a, dir, &all, &n, err),
		     "images/catalog/c.yml is not an image definition");
}

TEST(image_must_stand_in_a_file_of_its_name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = test_tmpdir();
	struct image *im;

	put(dir, "other.yaml", HEAD "packages: [a]\n");
	assert_fails(image_load(&a, dir, "other.yaml", &im, err),
		     "other.yaml:2:1: image 'app' must stand in a file named app.yaml");
	assert_fails(image_load(&a, dir, "none.yaml", &im, err), "none.yaml");
}

TEST(image_catalog_of_ours_is_right)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = -1;
	struct image **all;
	size_t n;

	assert_ok(fd_open("..", O_RDONLY | O_DIRECTORY, &dir, err));
	assert_ok(image_load_all(&a, dir, &all, &n, err));
	assert_true(n >= 2);
}
