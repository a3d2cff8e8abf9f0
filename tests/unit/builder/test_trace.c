/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "builder/sandbox_priv.h"
#include "builder/trace.h"
#include "tests/unit/builder/made.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- attempts ---- */

static void
expect_address(const char *host, unsigned port, const char *kind, const char *words)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	char text[SANDBOX_ARGUMENT_MAX] = "";
	const char *got;

	if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
		got = sandbox_notify_address(&in, sizeof(in), text);
	else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
		got = sandbox_notify_address(&in6, sizeof(in6), text);
	else
		fail_msg("%s", host);
	if (!kind) {
		assert_null(got);
		return;
	}
	assert_string_equal(got, kind);
	assert_string_equal(text, words);
}

TEST(notify_calls_an_address_outside_network_and_port_53_dns)
{
	(void)err;
	expect_address("198.51.100.7", 443, "network", "198.51.100.7:443");
	expect_address("127.0.0.1", 8080, NULL, NULL);
	expect_address("127.9.9.9", 1, NULL, NULL);
	expect_address("0.0.0.0", 80, NULL, NULL);
	expect_address("127.0.0.1", 53, "dns", "127.0.0.1:53");
	expect_address("192.0.2.1", 53, "dns", "192.0.2.1:53");
	expect_address("2001:db8::1", 443, "network", "[2001:db8::1]:443");
	expect_address("::1", 443, NULL, NULL);
	expect_address("::", 443, NULL, NULL);
	expect_address("::1", 53, "dns", "[::1]:53");
	expect_address("::ffff:127.0.0.1", 80, NULL, NULL);
	expect_address("::ffff:198.51.100.7", 80, "network", "[::ffff:198.51.100.7]:80");
}

TEST(notify_takes_a_cut_address_and_other_families_for_no_attempt)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/run/nscd/socket" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = 1 };
	char text[SANDBOX_ARGUMENT_MAX];

	(void)err;
	assert_null(sandbox_notify_address(&un, sizeof(un), text));
	assert_null(sandbox_notify_address(&in, 7, text));
	assert_null(sandbox_notify_address(&in, 1, text));
	assert_null(sandbox_notify_address(&in, 0, text));
}

TEST(notify_keeps_each_kind_once_and_counts_what_it_cannot_keep)
{
	static struct sandbox_notify n;
	struct sandbox_violation v = { .kind = "denied", .call = "mount", .count = 1 };

	(void)err;
	for (int i = 0; i < 5; i++)
		sandbox_notify_add(&n, &v);
	assert_int_equal(n.n, 1);
	assert_int_equal(n.at[0].count, 5);
	for (int i = 0; i < SANDBOX_MAX_VIOLATIONS + 10; i++) {
		(void)snprintf(v.argument, sizeof(v.argument), "/%d", i);
		sandbox_notify_add(&n, &v);
	}
	assert_int_equal(n.n, SANDBOX_MAX_VIOLATIONS);
	assert_int_equal(n.lost, 11);
}

/* ---- what a warden says ---- */

TEST(seen_survives_the_way_to_the_conductor_sorted)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SEEN);
	CLEANUP(arena_release) struct arena a = { 0 };
	static struct sandbox_notify n;
	struct sandbox_violation v = { .kind = "network",
				       .call = "connect",
				       .process = "/usr/bin/a \"b\"",
				       .argument = "192.0.2.1:80",
				       .count = 3 };
	struct sandbox_trace t = { .group = -1, .known = true };
	struct sandbox_seen seen;

	sandbox_notify_add(&n, &v);
	v = (struct sandbox_violation){ .kind = "denied", .call = "mount", .count = 1 };
	sandbox_notify_add(&n, &v);
	n.lost = 7;
	dict_set(&t.used, "usr/bin/z", NULL);
	dict_set(&t.used, "usr/bin/a", NULL);
	assert_ok(sandbox_wire_seen_write(&n, true, &t, &text, err));
	assert_ok(sandbox_wire_seen_read(&a, buf_text(&text), text.len, &seen, err));
	assert_true(seen.watched && seen.used_known);
	assert_int_equal(seen.nviolations, 2);
	assert_string_equal(seen.violations[0].call, "mount");
	assert_string_equal(seen.violations[1].process, "/usr/bin/a \"b\"");
	assert_int_equal(seen.violations[1].count, 3);
	assert_int_equal(seen.lost, 7);
	assert_int_equal(seen.nused, 2);
	assert_string_equal(seen.used[0], "usr/bin/a");
	sandbox_trace_free(&t);
}

TEST(seen_without_any_file_is_not_known)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SEEN);
	CLEANUP(arena_release) struct arena a = { 0 };
	static struct sandbox_notify n;
	struct sandbox_trace t = { .group = -1, .known = true };
	struct sandbox_seen seen;

	/* A step is a shell, which is a file: a kernel that tells of none tells nothing. */
	assert_ok(sandbox_wire_seen_write(&n, false, &t, &text, err));
	assert_ok(sandbox_wire_seen_read(&a, buf_text(&text), text.len, &seen, err));
	assert_false(seen.used_known);
	assert_false(seen.watched);
}

TEST(seen_refuses_nonsense)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct sandbox_seen seen;
	static const char *const bad[] = {
		"{}",
		"{\"known\":true,\"lost\":0,\"used\":[\"../x\"],\"violations\":[],\"watched\":true}",
		"{\"known\":true,\"lost\":-1,\"used\":[],\"violations\":[],\"watched\":true}",
		"{\"known\":true,\"lost\":0,\"used\":[],\"violations\":[{}],\"watched\":true}",
		"{\"known\":1,\"lost\":0,\"used\":[],\"violations\":[],\"watched\":true}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(sandbox_wire_seen_read(&a, bad[i], strlen(bad[i]), &seen, err),
			     "cannot be read back");
}

TEST(trace_dirs_are_those_that_hold_files_sorted_and_once)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	static const char *const one[] = { "d /usr", "d /usr/bin", "f /usr/bin/x",
					   "f /usr/bin/y", "d /empty" };
	static const char *const two[] = { "f /top", "l /usr/lib/l target", "f /usr/bin/z" };
	struct manifest m[2];
	const struct manifest *all[] = { &m[0], &m[1] };
	const char *const *dirs;
	size_t n;

	(void)err;
	made_manifest(&a, one, ARRAY_LEN(one), &m[0]);
	made_manifest(&a, two, ARRAY_LEN(two), &m[1]);
	sandbox_trace_dirs(&a, all, 2, &dirs, &n);
	assert_int_equal(n, 2);
	assert_string_equal(dirs[0], "");
	assert_string_equal(dirs[1], "usr/bin");
}

/* ---- advice ---- */

static struct pkgfacts *
package(struct arena *a, const char *name, const char *requires)
{
	struct pkgfacts *f = made_facts(a, name);

	if (requires) {
		f->requires.at = arena_alloc(a, sizeof(*f->requires.at));
		f->requires.at[0] = (struct pkgdep){ .name = requires };
		f->requires.n = 1;
	}
	return f;
}

static struct trace_package
use(const char *name, size_t files, bool only_libraries)
{
	return (struct trace_package){ .name = name,
				       .files = files,
				       .holds = 10,
				       .only_libraries = only_libraries,
				       .example = files ? "usr/include/x.h" : NULL };
}

struct scene {
	struct arena a;
	const struct pkgfacts *root[8];
	size_t nroot;
	struct trace_package at[8];
	struct trace trace;
	struct recipe *recipe;
};

static void
scene_release(struct scene *s)
{
	arena_release(&s->a);
}
DEFINE_RELEASE(struct scene, scene_release);

static void
add(struct scene *s, const char *name, const char *requires, size_t files, bool libraries)
{
	s->root[s->nroot++] = package(&s->a, name, requires);
	s->at[s->trace.n++] = use(name, files, libraries);
	s->trace.at = s->at;
	s->trace.known = true;
}

static void
needing(struct scene *s, const char *needs)
{
	struct made_recipe r = { .name = "it", .needs = needs };
	struct recipe_set set;

	made_set(&s->a, &r, 1, &set);
	s->recipe = set.at[0];
}

static struct trace_advice
advise(struct scene *s)
{
	struct trace_advice v;

	trace_advise(&s->a, s->recipe, s->root, s->nroot, &s->trace, &v);
	return v;
}

TEST(advice_drops_a_need_of_which_nothing_was_opened)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[curl, zlib-devel]");
	add(&s, "curl", NULL, 0, false);
	add(&s, "zlib-devel", NULL, 3, false);
	v = advise(&s);
	assert_int_equal(v.nunused, 1);
	assert_string_equal(v.unused[0]->name, "curl");
	assert_int_equal(v.nneeds, 1);
	assert_string_equal(v.needs[0], "zlib-devel");
}

TEST(advice_says_nothing_is_unused_when_not_all_was_heard)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[curl]");
	add(&s, "curl", NULL, 0, false);
	s.trace.known = false;
	v = advise(&s);
	assert_int_equal(v.nunused, 0);
	assert_null(v.needs);
}

TEST(advice_says_nothing_of_a_package_without_files)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[meta]");
	add(&s, "meta", NULL, 0, false);
	s.at[0].holds = 0;
	v = advise(&s);
	assert_int_equal(v.nunused, 0);
}

TEST(advice_names_what_is_used_through_another_need)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[curl-devel]");
	add(&s, "curl-devel", "zlib-devel", 2, false);
	add(&s, "zlib-devel", NULL, 1, false);
	v = advise(&s);
	assert_int_equal(v.nunused, 0);
	assert_int_equal(v.nleaks, 1);
	assert_string_equal(v.leaks[0].package, "zlib-devel");
	assert_string_equal(v.leaks[0].through, "curl-devel");
	assert_int_equal(v.nneeds, 2);
	assert_string_equal(v.needs[0], "curl-devel");
	assert_string_equal(v.needs[1], "zlib-devel");
}

TEST(advice_leaves_a_tools_libraries_to_the_tool)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[curl]");
	add(&s, "curl", "libz.so.1", 1, false);
	add(&s, "zlib", NULL, 1, true);
	v = advise(&s);
	assert_int_equal(v.nleaks, 0);
	assert_null(v.needs);
}

TEST(advice_keeps_what_only_a_dropped_need_brings)
{
	CLEANUP(scene_release) struct scene s = { .nroot = 0 };
	struct trace_advice v;

	(void)err;
	needing(&s, "[bundle]");
	add(&s, "bundle", "part", 0, false);
	add(&s, "part", NULL, 1, true);
	v = advise(&s);
	assert_int_equal(v.nunused, 1);
	assert_int_equal(v.nleaks, 1);
	assert_int_equal(v.nneeds, 1);
	assert_string_equal(v.needs[0], "part");
}

/* ---- the last run ---- */

TEST(trace_run_is_kept_and_read_back)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(cas_close) struct cas *store = NULL;
	struct trace_package at[] = { use("zlib", 3, false), use("curl", 0, false) };
	struct sandbox_violation v = { .kind = "dns",
				       .call = "connect",
				       .process = "/usr/bin/wget",
				       .argument = "127.0.0.1:53",
				       .count = 2 };
	struct trace_run run = { .action = "ab",
				 .outcome = "build",
				 .trace = { .known = true, .at = at, .n = 2 },
				 .seen = { .watched = true,
					   .violations = &v,
					   .nviolations = 1,
					   .lost = 4 } },
			 got;
	struct digest log, other;
	int dirfd = test_tmpdir();
	char path[64];
	bool found;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/store", dirfd);
	assert_ok(cas_open(path, true, &store, err));
	assert_ok(trace_load(&a, store, "it", &got, &found, err));
	assert_false(found);
	assert_ok(trace_last_log(store, "it", &log, &found, err));
	assert_false(found);
	assert_ok(cas_put(store, "said", 4, &run.log, err));
	assert_ok(cas_put(store, "said more", 9, &other, err));
	assert_ok(trace_note_log(store, "it", &run.log, err));
	assert_ok(trace_last_log(store, "it", &log, &found, err));
	assert_true(found && digest_equal(&log, &run.log));
	assert_ok(trace_load(&a, store, "it", &got, &found, err));
	assert_false(found);
	assert_ok(trace_store(store, "it", &run, err));
	/* One that was interrupted leaves what was known before. */
	assert_ok(trace_note_log(store, "it", &other, err));
	assert_ok(trace_last_log(store, "it", &log, &found, err));
	assert_true(found && digest_equal(&log, &other));
	assert_ok(trace_load(&a, store, "it", &got, &found, err));
	assert_true(found);
	assert_string_equal(got.action, "ab");
	assert_string_equal(got.outcome, "build");
	assert_int_equal(got.trace.n, 2);
	assert_int_equal(got.trace.at[0].files, 3);
	assert_true(got.seen.watched);
	assert_string_equal(got.seen.violations[0].argument, "127.0.0.1:53");
	assert_int_equal(got.seen.lost, 4);
	assert_string_equal(trace_words(&a, &got.seen),
			    "connect to 127.0.0.1:53 by /usr/bin/wget");
	close(dirfd);
}
