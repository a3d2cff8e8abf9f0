/* SPDX-License-Identifier: Apache-2.0 */
/* Sources from files and from an HTTP server on this machine's loopback, made by the test. */
#include "builder/source_priv.h"
#include "base/arena.h"
#include "base/buf.h"
#include "tests/unit/test.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define TEXT_MAX ((size_t)1024 * 1024)

static const char kiln[] =
	"format: 1\nname: x\nid: x\nversion: 1\nbuilder: https://x.invalid/\n";
static const char hello[] = "hello, kiln\n";

/* A server that gives each connection the next answer of a list, then ends. */
struct server {
	pid_t pid;
	int port;
};

static void
serve(int sock, const char *const *answers, size_t n)
{
	char request[4096];

	(void)alarm(60);
	for (size_t i = 0; i < n; i++) {
		int c = accept(sock, NULL, NULL);

		if (c < 0 || read(c, request, sizeof(request)) < 0 ||
		    write(c, answers[i], strlen(answers[i])) < 0)
			_exit(1);
		(void)shutdown(c, SHUT_WR);
		(void)!read(c, request, sizeof(request)); /* until the client closes */
		close(c);
	}
	_exit(0);
}

static struct server
server_with(const char *const *answers, size_t n)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct server s;
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(sock >= 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(sock, 8), 0);
	assert_int_equal(getsockname(sock, (struct sockaddr *)&at, &len), 0);
	s.port = ntohs(at.sin_port);
	s.pid = fork();
	if (s.pid == 0)
		serve(sock, answers, n);
	close(sock);
	/* The host's proxy is not for this machine's own addresses. */
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	return s;
}

static void
server_release(struct server *s)
{
	int status;

	(void)kill(s->pid, SIGKILL);
	(void)waitpid(s->pid, &status, 0);
}
DEFINE_RELEASE(struct server, server_release);

struct place {
	struct arena a;
	int dirfd;
	struct workspace w;
	struct cas *store;
	struct source_pin pin;
	const char *locations[3];
};

static void
place_release(struct place *p)
{
	cas_close(p->store);
	workspace_close(&p->w);
	(void)close(p->dirfd);
	arena_release(&p->a);
}
DEFINE_RELEASE(struct place, place_release);

/* A workspace and a pin of hello[] at the locations. */
static void
place_init(struct place *p, const char *mirrors, struct err *err)
{
	const char *text;

	*p = (struct place){ .dirfd = test_tmpdir() };
	text = arena_format(&p->a, "%s%s", kiln, mirrors);
	assert_ok(fd_publish(p->dirfd, "kiln.yaml", text, strlen(text), 0644, err));
	assert_ok(workspace_open(&p->a, test_tmpdir_path(p->dirfd), NULL, NULL, &p->w, err));
	assert_ok(cas_open(p->w.store_path, true, &p->store, err));
	p->pin = (struct source_pin){ .name = "hello.txt",
				      .where = "recipes/x/recipe.yaml:9:5" };
	p->pin.locations = p->locations;
	digest_of(hello, sizeof(hello) - 1, &p->pin.sha256);
}

static void
pin_at(struct place *p, const char *location)
{
	p->locations[p->pin.nlocations++] = location;
}

static int
fetch(struct place *p, bool *fetched, struct err *err)
{
	return source_fetch(&p->w, p->store, &p->pin, NULL, fetched, err);
}

static const char *
url_of(struct place *p, const struct server *s, const char *path)
{
	return arena_format(&p->a, "http://127.0.0.1:%d/%s", s->port, path);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 12\r\n\r\n"
static const char ok[] = OK_HEAD "hello, kiln\n";
static const char gone[] =
	"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
static const char down[] =
	"HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
static const char other[] = OK_HEAD "hello, kiln?";
static const char part[] = OK_HEAD "hello";

TEST(source_is_fetched_once_and_then_served_from_the_store)
{
	CLEANUP(server_release) struct server s = server_with((const char *const[]){ ok }, 1);
	CLEANUP(place_release) struct place p;
	CLEANUP(buf_free) struct buf text = BUF_MAX(TEXT_MAX);
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "hello.txt"));
	assert_ok(fetch(&p, &fetched, err));
	assert_true(fetched);
	assert_ok(cas_get(p.store, &p.pin.sha256, &text, err));
	assert_string_equal(buf_text(&text), hello);
	assert_ok(fetch(&p, &fetched, err));
	assert_false(fetched);
}

TEST(source_of_wrong_bytes_is_reported_and_the_next_place_tried)
{
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ other, gone, ok }, 3);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	pin_at(&p, url_of(&p, &s, "b"));
	pin_at(&p, url_of(&p, &s, "c"));
	assert_ok(fetch(&p, &fetched, err));
	assert_true(fetched);
}

TEST(source_that_no_place_has_lists_each_with_its_reason)
{
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ other, gone }, 2);
	CLEANUP(place_release) struct place p;
	char have[DIGEST_HEX];
	struct digest d;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	pin_at(&p, url_of(&p, &s, "b"));
	digest_of("hello, kiln?", 12, &d);
	digest_hex(&d, have);
	assert_fails(fetch(&p, &fetched, err),
		     "recipes/x/recipe.yaml:9:5: cannot fetch hello.txt\n");
	assert_non_null(strstr(err->text, arena_format(&p.a, "/a: has sha256 %s, but ", have)));
	assert_non_null(strstr(err->text, "/b: the server answered 404"));
	assert_non_null(strstr(err->text, "\nhint: check the address and the digest"));
	assert_int_equal(err->code, ERR_FETCH);
	assert_int_equal(err->sys, 0);
	assert_false(cas_has(p.store, &p.pin.sha256));
}

TEST(source_that_is_gone_everywhere_says_so)
{
	CLEANUP(server_release) struct server s = server_with((const char *const[]){ gone }, 1);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	pin_at(&p, "debian-snapshot:20260101T000000Z/pool/a");
	p.pin.where = "bootstrap/seed.lock:3";
	assert_fails(fetch(&p, &fetched, err), "run `kiln seed lock --update`");
	assert_non_null(strstr(err->text, "kiln.yaml maps no mirror to debian-snapshot"));
	assert_int_equal(err->sys, ENOENT);
}

TEST(source_is_tried_again_when_the_network_fails_and_only_then)
{
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ down, part, ok }, 3);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	assert_ok(fetch(&p, &fetched, err));
	assert_true(fetched);
}

TEST(source_gives_up_after_three_tries)
{
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ part, part, part, ok }, 4);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	assert_fails(fetch(&p, &fetched, err), "/a: tried 3 times: ");
}

TEST(source_follows_a_redirect_but_not_to_a_file)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *to_file =
		"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nConnection: close\r\n"
		"Content-Length: 0\r\n\r\n";
	const char *onward = "HTTP/1.1 302 Found\r\nLocation: /b\r\nConnection: close\r\n"
			     "Content-Length: 0\r\n\r\n";
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ to_file, onward, ok }, 3);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	assert_fails(fetch(&p, &fetched, err), "not supported");
	assert_ok(fetch(&p, &fetched, err));
}

TEST(source_longer_than_its_pin_is_cut_off)
{
	CLEANUP(server_release) struct server s = server_with((const char *const[]){ ok }, 1);
	CLEANUP(place_release) struct place p;
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	p.pin.size = 5;
	assert_fails(fetch(&p, &fetched, err), "is larger than 5 bytes");
}

TEST(source_get_is_bounded_by_its_buffer)
{
	CLEANUP(server_release)
	struct server s = server_with((const char *const[]){ ok, ok }, 2);
	CLEANUP(place_release) struct place p;
	CLEANUP(buf_free) struct buf all = BUF_MAX(12);
	CLEANUP(buf_free) struct buf small = BUF_MAX(11);

	place_init(&p, "", err);
	assert_ok(source_get(url_of(&p, &s, "a"), &all, err));
	assert_string_equal(buf_text(&all), hello);
	assert_fails(source_get(url_of(&p, &s, "a"), &small, err), "is larger than 11 bytes");
}

TEST(source_beside_the_recipe_is_read_from_the_workspace)
{
	CLEANUP(place_release) struct place p;
	const struct recipe r = { .path = "recipes/x/recipe.yaml", .dir = "recipes/x" };
	struct recipe_source s = {
		.url = "file:hello.txt", .filename = "hello.txt", .line = 9, .col = 5
	};
	bool fetched;

	place_init(&p, "", err);
	s.sha256 = p.pin.sha256;
	assert_ok(source_pin_of(&p.a, &r, &s, &p.pin, err));
	assert_string_equal(p.pin.locations[0], "file:recipes/x/hello.txt");
	assert_fails(fetch(&p, &fetched, err),
		     "recipes/x/recipe.yaml:9:5: cannot fetch hello.txt");
	assert_ok(fd_mkdirs(p.dirfd, "recipes/x", err));
	assert_ok(fd_publish(p.dirfd, "recipes/x/hello.txt", "other", 5, 0644, err));
	assert_fails(fetch(&p, &fetched, err), "file:recipes/x/hello.txt: has sha256 ");
	assert_ok(fd_publish(p.dirfd, "recipes/x/hello.txt", hello, sizeof(hello) - 1, 0644,
			     err));
	assert_ok(fetch(&p, &fetched, err));
	assert_true(fetched);
	s.url = "file:/etc/passwd";
	assert_fails(source_pin_of(&p.a, &r, &s, &p.pin, err), "is not beside the recipe");
}

TEST(source_of_an_archive_comes_from_the_mirror_that_kiln_yaml_names)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int mirror = test_tmpdir();
	const char *at = arena_strdup(&a, test_tmpdir_path(mirror));
	CLEANUP(place_release) struct place p;
	const char **urls;
	size_t n;
	bool fetched;

	place_init(
		&p,
		arena_format(
			&a,
			"mirrors: {debian: 'file:%s/', debian-snapshot: 'https://s.invalid'}\n",
			at),
		err);
	assert_ok(source_resolve(&a, &p.w, "debian-snapshot:2026/pool/x", &urls, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(urls[0], "https://s.invalid/2026/pool/x");
	pin_at(&p, "debian:pool/h/hello.txt");
	assert_fails(fetch(&p, &fetched, err), "debian:pool/h/hello.txt: ");
	assert_int_equal(err->sys, ENOENT);
	assert_ok(fd_mkdirs(mirror, "pool/h", err));
	assert_ok(fd_publish(mirror, "pool/h/hello.txt", hello, sizeof(hello) - 1, 0644, err));
	assert_ok(fetch(&p, &fetched, err));
	assert_true(fetched);
}

TEST(source_archives_are_told_apart_by_what_they_say_of_themselves)
{
	static const char text[] =
		"Debian|oldstable|bookworm|bookworm|main|amd64|http://a.invalid/debian/\n"
		"Debian|oldstable-updates|bookworm-updates|bookworm-updates|main|amd64|http://a.invalid/debian/\n"
		"Debian|oldstable-security|bookworm-security|bookworm-security|main|amd64|http://a.invalid/sec\n"
		"Debian|oldstable|bookworm|bookworm|main|arm64|http://b.invalid/debian/\n"
		". nodistro|nodistro|nodistro|nodistro|main|amd64|https://c.invalid/\n"
		"broken line\n";
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct source_index *list;
	size_t n;

	assert_ok(source_apt_parse(&a, text, &list, &n, err));
	assert_int_equal(n, 3);
	assert_string_equal(list[0].archive, "debian");
	assert_string_equal(list[0].base, "http://a.invalid/debian");
	assert_string_equal(list[1].release, "bookworm-updates");
	assert_string_equal(list[2].archive, "debian-security");
	assert_string_equal(list[2].base, "http://a.invalid/sec");
	assert_fails(source_apt_parse(&a, "x\n", &list, &n, err), "reads no Debian archive");
}

struct seen {
	unsigned calls;
	uint64_t done, total;
};

static void
count(void *arg, const char *name, uint64_t done, uint64_t total)
{
	struct seen *s = arg;

	(void)name;
	s->calls++;
	s->done = done;
	s->total = total;
}

TEST(source_progress_ends_with_the_whole_file)
{
	CLEANUP(server_release) struct server s = server_with((const char *const[]){ ok }, 1);
	CLEANUP(place_release) struct place p;
	struct seen seen = { 0 };
	const struct source_progress progress = { .update = count, .arg = &seen };
	bool fetched;

	place_init(&p, "", err);
	pin_at(&p, url_of(&p, &s, "a"));
	assert_ok(source_fetch(&p.w, p.store, &p.pin, &progress, &fetched, err));
	assert_true(seen.calls >= 1);
	assert_int_equal(seen.done, 12);
	assert_int_equal(seen.total, 12);
}
