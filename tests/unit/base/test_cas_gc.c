/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cas_gc.h"
#include "base/clock.h"
#include "base/manifest.h"
#include "base/tree.h"
#include "tests/unit/test.h"
#include <sys/file.h>
#include <sys/wait.h>

static struct cas *
open_store(int dir)
{
	struct cas *c = NULL;
	struct err err;
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/store", test_tmpdir_path(dir));
	if (cas_open(path, true, &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static enum cas_gc_role
role(void *arg, const char *kind, const char *name)
{
	(void)arg;
	(void)name;
	if (strcmp(kind, "last") == 0)
		return CAS_GC_ROOT;
	return strcmp(kind, "note") == 0 ? CAS_GC_NOTE : CAS_GC_UNIT;
}

/* As if everything was put there long ago: ages are measured from here. */
#define LATER 1000000

static struct cas_gc_options
options(void)
{
	return (struct cas_gc_options){ .now = clock_wall() + LATER,
					.grace_s = 3600,
					.role = role };
}

static void
put(struct cas *c, const char *text, char hex[DIGEST_HEX])
{
	struct digest d;
	struct err err;

	if (cas_put(c, text, strlen(text), &d, &err) < 0)
		fail_msg("%s", err.text);
	digest_hex(&d, hex);
}

static void
put_ref(struct cas *c, const char *kind, const char *name, const char *hex)
{
	char text[200];
	struct err err;

	(void)snprintf(text, sizeof(text), "{\"to\":\"sha256:%s\"}", hex);
	if (cas_ref_put(c, kind, name, text, strlen(text), &err) < 0)
		fail_msg("%s", err.text);
}

static bool
is_there(const struct cas *c, const char *hex)
{
	struct digest d;

	assert_true(digest_parse(hex, &d));
	return cas_has(c, &d);
}

static bool
has_ref(const struct cas *c, const char *kind, const char *name)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000);
	struct err err;
	bool found = false;

	assert_int_equal(cas_ref_get(c, kind, name, &b, &found, &err), 0);
	return found;
}

static void
put_tree(struct cas *c, const char *name)
{
	struct manifest none = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(1000);
	char tmp[64], path[100];
	struct err err;

	manifest_write(&none, &text);
	if (cas_tmp_dir(c, tmp, &err) < 0)
		fail_msg("%s", err.text);
	(void)snprintf(path, sizeof(path), "tmp/%s/t/usr", tmp);
	if (fd_mkdirs(cas_dirfd(c), path, &err) < 0 ||
	    cas_tree_commit(c, tmp, "t", name, buf_text(&text), text.len, &err) < 0)
		fail_msg("%s", err.text);
	cas_tmp_drop(c, tmp);
}

static int
collect(struct cas *c, const struct cas_gc_options *o, struct cas_gc_report *r, struct err *err)
{
	CLEANUP(cas_gc_free) struct cas_gc *g = NULL;

	if (cas_gc_begin(c, o, &g, err) < 0)
		return -1;
	return cas_gc_run(g, r, err);
}

static uint64_t
room(const struct cas *c)
{
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	struct cas *same = (struct cas *)(uintptr_t)c; /* a dry run changes nothing */
	struct err err;

	o.dry_run = true;
	assert_int_equal(collect(same, &o, &r, &err), 0);
	return r.bytes;
}

TEST(cas_gc_keeps_roots_and_all_they_lead_to)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	char leaf[DIGEST_HEX], doc[DIGEST_HEX], lost[DIGEST_HEX], binary[DIGEST_HEX];
	char text[200], tree[100], lost_tree[100];
	struct cas_gc_options o = options();
	struct cas_gc_report dry, r;

	put(c, "leaf", leaf);
	(void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", leaf);
	put(c, text, doc);
	put(c, "lost", lost);
	(void)snprintf(text, sizeof(text), "no document, though it names %s", lost);
	put(c, text, binary);
	(void)snprintf(tree, sizeof(tree), "rpm-%s-1", leaf);
	(void)snprintf(lost_tree, sizeof(lost_tree), "rpm-%s-1", lost);
	put_tree(c, tree);
	put_tree(c, lost_tree);
	put_ref(c, "action", doc, binary); /* lives with the document of its name */
	put_ref(c, "action", lost, lost);
	put_ref(c, "last", "zlib", doc);
	put_ref(c, "note", "weak", lost);

	o.dry_run = true;
	assert_ok(collect(c, &o, &dry, err));
	assert_int_equal(dry.gone_objects, 3);
	assert_true(is_there(c, lost));
	o.dry_run = false;
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, dry.gone_objects);
	assert_int_equal(r.gone_bytes, dry.gone_bytes);
	assert_int_equal(room(c), dry.bytes - dry.gone_bytes);
	assert_true(is_there(c, leaf) && is_there(c, doc) && is_there(c, binary));
	assert_true(cas_tree_has(c, tree) && has_ref(c, "action", doc));
	assert_true(has_ref(c, "last", "zlib") && has_ref(c, "note", "weak"));
	assert_false(is_there(c, lost) || cas_tree_has(c, lost_tree));
	assert_false(has_ref(c, "action", lost));
	assert_int_equal(faccessat(cas_dirfd(c), "manifests", F_OK, 0), 0);
}

TEST(cas_gc_keeps_what_is_young_and_what_the_caller_names)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(cas_gc_free) struct cas_gc *g = NULL;
	char named[DIGEST_HEX], other[DIGEST_HEX];
	struct cas_gc_options o = options();
	struct cas_gc_report r;

	put(c, "named", named);
	put(c, "other", other);
	o.now = clock_wall();
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 0);
	o.now += LATER;
	assert_ok(cas_gc_begin(c, &o, &g, err));
	assert_ok(cas_gc_root(g, named, strlen(named), err));
	assert_ok(cas_gc_run(g, &r, err));
	assert_int_equal(r.gone_objects, 1);
	assert_true(is_there(c, named));
	assert_false(is_there(c, other));
}

static void
set_age(const struct cas *c, const char *path, int64_t age)
{
	struct timespec t[2] = { { .tv_sec = clock_wall() + LATER - age },
				 { .tv_sec = clock_wall() + LATER - age } };

	assert_int_equal(utimensat(cas_dirfd(c), path, t, 0), 0);
}

/* Three results, the first the oldest, which share a blob. */
static void
put_results(struct cas *c, char hex[3][DIGEST_HEX], char shared[DIGEST_HEX])
{
	char text[300], path[200];

	put(c, "shared", shared);
	(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", shared, shared);
	set_age(c, path, 200000);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(text, sizeof(text), "{\"n\":%d,\"to\":\"%s\"}", i, shared);
		put(c, text, hex[i]);
		(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", hex[i], hex[i]);
		set_age(c, path, 100000 * (4 - i) + 10);
		put_ref(c, "action", hex[i], hex[i]);
		(void)snprintf(path, sizeof(path), "refs/action/%.64s", hex[i]);
		set_age(c, path, 100000 * (4 - i));
	}
}

TEST(cas_gc_spends_its_budgets_on_the_newest)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	char hex[3][DIGEST_HEX], shared[DIGEST_HEX];
	struct cas_gc_options o = options();
	struct cas_gc_report r;

	put_results(c, hex, shared);
	o.older_than_s = 350000;
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 2);
	assert_false(has_ref(c, "action", hex[0]) || is_there(c, hex[0]));
	assert_true(has_ref(c, "action", hex[1]) && is_there(c, hex[1]) && is_there(c, shared));

	o.older_than_s = 0;
	o.keep_bytes = room(c); /* all of it */
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 0);
	o.keep_bytes--;
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 2);
	assert_false(has_ref(c, "action", hex[1]));
	assert_true(has_ref(c, "action", hex[2]) && is_there(c, hex[2]) && is_there(c, shared));
	assert_true(room(c) <= o.keep_bytes);
	o.keep_bytes = 0;
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(room(c), 0);
}

/* What a child does with the store while it waits for a byte. */
static pid_t
user_of(int dir, int *tell)
{
	int ready[2], go[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		struct cas *c = open_store(dir);

		(void)!write(ready[1], "1", 1);
		close(go[1]);
		(void)!read(go[0], &byte, 1);
		cas_close(c);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	*tell = go[1];
	return pid;
}

/* A child that opened the store long after `lost` was put, and long before the collection. */
TEST(cas_gc_keeps_what_is_younger_than_the_oldest_process_at_work)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	char lost[DIGEST_HEX], young[DIGEST_HEX], path[200];
	int tell, status;
	pid_t pid;

	put(c, "lost", lost);
	put(c, "young", young);
	(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", lost, lost);
	set_age(c, path, LATER + 1900);
	pid = user_of(dir, &tell);
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 1);
	assert_false(is_there(c, lost));
	assert_true(is_there(c, young));
	close(tell);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_ok(collect(c, &o, &r, err));
	assert_false(is_there(c, young));
}

/* Old objects that somebody begins to rely on after stock was taken: by putting them again, by
 * finding a reference, by finding a tree, by pinning one. */
TEST(cas_gc_spares_what_is_used_while_it_runs)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(cas_gc_free) struct cas_gc *g = NULL;
	CLEANUP(fd_close) int pin = -1;
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	char again[DIGEST_HEX], leaf[DIGEST_HEX], doc[DIGEST_HEX], lost[DIGEST_HEX];
	char text[200], found[100], pinned[100], gone[100], path[300];
	const char *trees[] = { pinned };

	put(c, "again", again);
	put(c, "leaf", leaf);
	put(c, "lost", lost);
	(void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", leaf);
	put(c, text, doc);
	put_ref(c, "action", doc, doc);
	put_ref(c, "action", lost, lost);
	(void)snprintf(found, sizeof(found), "rpm-%s-1", again);
	(void)snprintf(pinned, sizeof(pinned), "rpm-%s-1", leaf);
	(void)snprintf(gone, sizeof(gone), "rpm-%s-1", lost);
	put_tree(c, pinned);
	put_tree(c, gone);
	for (int i = 0; i < 4; i++) {
		const char *hex = (const char *[]){ again, leaf, lost, doc }[i];

		(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", hex, hex);
		set_age(c, path, 2 * LATER);
		(void)snprintf(path, sizeof(path), "refs/action/%.64s", hex);
		if (faccessat(cas_dirfd(c), path, F_OK, 0) == 0)
			set_age(c, path, 2 * LATER);
	}
	assert_ok(cas_gc_begin(c, &o, &g, err));
	put(c, "again", again);
	assert_true(has_ref(c, "action", doc));
	assert_ok(cas_pin(c, "env-1", trees, 1, &pin, err));
	assert_ok(cas_gc_run(g, &r, err));
	assert_true(is_there(c, again) && has_ref(c, "action", doc) && is_there(c, doc));
	assert_true(is_there(c, leaf) && cas_tree_has(c, pinned));
	assert_false(is_there(c, lost) || has_ref(c, "action", lost) || cas_tree_has(c, gone));
	assert_true(r.spared >= 2);
}

/* What is found, while another process collects without end, is whole when it was found. */
static int
collect_all_the_time(int dir, int stop)
{
	struct cas *c = open_store(dir);
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	struct err err;
	char byte;

	o.grace_s = -LATER; /* no grace: only use counts */
	(void)fcntl(stop, F_SETFL, O_NONBLOCK);
	while (read(stop, &byte, 1) < 0) {
		if (collect(c, &o, &r, &err) < 0)
			return 1;
	}
	cas_close(c);
	return 0;
}

TEST(cas_gc_never_takes_what_was_found_a_thousand_times)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	size_t hits = 0, misses = 0; /* both happen; how often is a matter of the moment */
	char leaf[DIGEST_HEX], doc[DIGEST_HEX], text[200], path[300];
	int stop[2], status;
	pid_t pid;

	assert_int_equal(pipe(stop), 0);
	pid = fork();
	if (pid == 0) {
		close(stop[1]);
		_exit(collect_all_the_time(dir, stop[0]));
	}
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "leaf %d", i % 7);
		put(c, text, leaf);
		(void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", leaf);
		put(c, text, doc);
		if (!has_ref(c, "action", doc)) {
			misses++;
			put_ref(c, "action", doc, doc);
		} else {
			hits++;
		}
		assert_true(is_there(c, doc) && is_there(c, leaf));
		/* Long unused, from the next round on. */
		(void)snprintf(path, sizeof(path), "refs/action/%.64s", doc);
		set_age(c, path, 2 * LATER);
		(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", doc, doc);
		(void)!utimensat(cas_dirfd(c), path, (struct timespec[2]){ { 0 }, { 0 } }, 0);
		(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", leaf, leaf);
		(void)!utimensat(cas_dirfd(c), path, (struct timespec[2]){ { 0 }, { 0 } }, 0);
	}
	close(stop[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(hits + misses, 1000);
}

TEST(cas_gc_keeps_pinned_trees)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(fd_close) int pin = -1;
	char tree[100], hex[DIGEST_HEX];
	const char *names[] = { tree };
	struct cas_gc_options o = options();
	struct cas_gc_report r;

	put(c, "of a chamber", hex);
	(void)snprintf(tree, sizeof(tree), "rpm-%s-1", hex);
	put_tree(c, tree);
	assert_ok(cas_pin(c, "env-1", names, 1, &pin, err));
	assert_ok(collect(c, &o, &r, err));
	assert_true(cas_tree_has(c, tree));
	assert_ok(fd_close(&pin, "pin", err));
	assert_ok(collect(c, &o, &r, err));
	assert_false(cas_tree_has(c, tree));
}

TEST(cas_gc_collects_lock_files_but_those_that_are_held)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(fd_close) int held = -1;
	CLEANUP(fd_close) int left = -1;
	char tree[100], hex[DIGEST_HEX], path[200];
	struct cas_gc_options o = options();
	struct cas_gc_report r;

	put(c, "of a chamber", hex);
	(void)snprintf(tree, sizeof(tree), "rpm-%s-1", hex);
	put_tree(c, tree);
	assert_ok(cas_lock(c, tree, &held, err));
	assert_ok(cas_lock(c, "action-1", &left, err));
	assert_ok(fd_close(&left, "lock", err));
	assert_ok(collect(c, &o, &r, err));
	assert_true(cas_tree_has(c, tree));
	assert_int_equal(faccessat(cas_dirfd(c), "locks/action-1", F_OK, 0), -1);
	(void)snprintf(path, sizeof(path), "locks/%.99s", tree);
	assert_int_equal(faccessat(cas_dirfd(c), path, F_OK, 0), 0);
	assert_ok(fd_close(&held, "lock", err));
	assert_ok(collect(c, &o, &r, err));
	assert_false(cas_tree_has(c, tree));
}

TEST(cas_gc_room_counts_what_a_collection_counts)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(fd_close) int lock = -1;
	char hex[DIGEST_HEX];
	uint64_t bytes, whole;

	put(c, "bytes", hex);
	put_ref(c, "action", hex, hex);
	put_tree(c, "tree");
	whole = room(c);
	assert_ok(cas_lock(c, CAS_LOCK_OF_GC, &lock, err)); /* it waits for nobody */
	assert_ok(cas_gc_room(c, &bytes, err));
	assert_true(bytes > 0);
	assert_int_equal(bytes, whole);
}

/* A document that names a leaf, and what keeps both; collected once. */
static void
put_known(struct cas *c, char leaf[DIGEST_HEX], char doc[DIGEST_HEX])
{
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	char text[200];
	struct err err;

	put(c, "leaf", leaf);
	(void)snprintf(text, sizeof(text), "{\"a\":\"%s\",\"b\":\"%064d\"}", leaf, 7);
	put(c, text, doc);
	put_ref(c, "last", "zlib", doc);
	assert_int_equal(collect(c, &o, &r, &err), 0);
	assert_int_equal(r.gone_objects, 0);
}

/* Whoever reads it again does not see the leaf. */
static void
spoil(const struct cas *c, const char *hex)
{
	CLEANUP(fd_close) int fd = -1;
	char path[200];
	struct err err;

	(void)snprintf(path, sizeof(path), "blobs/%.2s/%.64s", hex, hex);
	assert_int_equal(fchmodat(cas_dirfd(c), path, 0644, 0), 0);
	assert_int_equal(fd_open_beneath(cas_dirfd(c), path, O_WRONLY, &fd, &err), 0);
	assert_int_equal(pwrite(fd, "x", 1, 20), 1);
}

TEST(cas_gc_remembers_what_blobs_name)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	char leaf[DIGEST_HEX], doc[DIGEST_HEX], more[DIGEST_HEX], lost[DIGEST_HEX];

	put_known(c, leaf, doc);
	spoil(c, doc);
	/* Others come and go, so that all numbers change. */
	for (int i = 0; i < 40; i++) {
		char text[200];

		(void)snprintf(text, sizeof(text), "{\"%d\":\"%s\"}", i, i ? more : leaf);
		put(c, text, more);
		(void)snprintf(text, sizeof(text), "{\"lost\":%d,\"to\":\"%s\"}", i, more);
		put(c, text, lost);
	}
	put_ref(c, "last", "more", more);
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 40);
	assert_true(is_there(c, leaf) && is_there(c, doc) && is_there(c, more));
	assert_int_equal(unlinkat(cas_dirfd(c), "refs/last/more", 0), 0);
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 40);
	assert_true(is_there(c, leaf) && is_there(c, doc));
}

/* Whatever byte of it is another, and wherever it ends. */
TEST(cas_gc_believes_no_damaged_memory)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	CLEANUP(buf_free) struct buf graph = BUF_MAX(10000);
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	char leaf[DIGEST_HEX], doc[DIGEST_HEX];

	put_known(c, leaf, doc);
	spoil(c, doc);
	assert_ok(fd_read_file(cas_dirfd(c), "graph", &graph, err));
	assert_true(graph.len > 100);
	o.dry_run = true;
	for (size_t i = 0; i < graph.len; i++) {
		graph.data[i] ^= 1;
		assert_ok(fd_publish(cas_dirfd(c), "graph", graph.data, graph.len, 0644, err));
		assert_ok(collect(c, &o, &r, err));
		assert_int_equal(r.gone_objects, 1); /* the leaf: the document was read */
		graph.data[i] ^= 1;
		assert_ok(fd_publish(cas_dirfd(c), "graph", graph.data, i, 0644, err));
		assert_ok(collect(c, &o, &r, err));
		assert_int_equal(r.gone_objects, 1);
	}
	assert_ok(fd_publish(cas_dirfd(c), "graph", graph.data, graph.len, 0644, err));
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 0);
}

TEST(cas_gc_forgets_what_was_corrupt_when_it_is_repaired)
{
	CLEANUP(fd_close) int dir = test_tmpdir();
	CLEANUP(cas_close) struct cas *c = open_store(dir);
	struct cas_gc_options o = options();
	struct cas_gc_report r;
	struct cas_report checked;
	char leaf[DIGEST_HEX], doc[DIGEST_HEX], text[200];

	put_known(c, leaf, doc);
	assert_int_equal(unlinkat(cas_dirfd(c), "graph", 0), 0);
	spoil(c, doc);
	o.dry_run = true;
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 1);
	assert_ok(cas_check(c, true, NULL, NULL, &checked, err));
	assert_int_equal(checked.quarantined, 1);
	(void)snprintf(text, sizeof(text), "{\"a\":\"%s\",\"b\":\"%064d\"}", leaf, 7);
	put(c, text, doc);
	assert_ok(collect(c, &o, &r, err));
	assert_int_equal(r.gone_objects, 0);
}
