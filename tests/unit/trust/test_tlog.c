/* SPDX-License-Identifier: Apache-2.0 */
/* The log against the definition of RFC 6962, written down naively beside it. */
#include "tests/unit/test.h"
#include "base/fd.h"
#include "base/tree.h"
#include "tests/unit/trust/notary.h"
#include "trust/tlog_priv.h"

#include <sys/wait.h>

#define MANY 700 /* leaves; over two tiles of level 0 */

static void
leaf_of(unsigned int i, struct digest *out)
{
	char text[32];

	tlog_leaf(text, (size_t)snprintf(text, sizeof(text), "entry %u", i), out);
}

/* MTH of RFC 6962 section 2.1, by recursion. */
static void
naive_root(unsigned int lo, unsigned int n, struct digest *out)
{
	struct digest l, r;
	unsigned int k = 1;

	if (n == 0) {
		digest_of("", 0, out);
		return;
	}
	if (n == 1) {
		leaf_of(lo, out);
		return;
	}
	while (k * 2 < n)
		k *= 2;
	naive_root(lo, k, &l);
	naive_root(lo + k, n - k, &r);
	tlog_node(&l, &r, out);
}

static int
grow(int dirfd, unsigned int from, unsigned int n, struct tlog_checkpoint *c, struct err *err)
{
	static struct arena a;
	struct tlog_entry *entries = arena_array(&a, n + 1, sizeof(*entries));
	struct notary notary;

	notary_open(&notary, "log.example.org", NOTE_ED25519);
	for (unsigned int i = 0; i < n; i++) {
		entries[i].data = arena_format(&a, "entry %u", from + i);
		entries[i].n = strlen(entries[i].data);
	}
	if (tlog_append_begin(dirfd, &notary.author, err) < 0)
		return -1;
	return tlog_append(&a, dirfd, &notary.author, entries, n, c, err);
}

static struct tlog_tree *
tree_at(int dirfd, uint64_t size)
{
	struct tlog_tree *t;
	struct err err;

	assert_int_equal(tlog_tree_open(dirfd, size, &t, &err), 0);
	return t;
}

/* Only sizes that were published have their tiles: so each of them is. */
static void
grow_to(int dirfd, unsigned int *at, unsigned int size, struct err *err)
{
	struct tlog_checkpoint c;

	assert_ok(grow(dirfd, *at, size - *at, &c, err));
	assert_int_equal(c.size, size);
	*at = size;
}

TEST(roots_of_many_sizes_are_those_of_the_definition)
{
	int dirfd = test_tmpdir();
	struct digest root, want;
	unsigned int at = 0;

	for (unsigned int size = 0; size <= MANY; size += size < 20 ? 1 : 59) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = tree_at(dirfd, size);

		grow_to(dirfd, &at, size, err);
		assert_ok(tlog_tree_root(t, &root, err));
		naive_root(0, size, &want);
		assert_true(digest_equal(&root, &want));
	}
}

TEST(every_leaf_is_proven_in_every_small_tree)
{
	int dirfd = test_tmpdir();
	struct tlog_proof p;
	struct digest root, leaf, want;
	unsigned int grown = 0;

	for (unsigned int size = 1; size <= 40; size++) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = tree_at(dirfd, size);

		grow_to(dirfd, &grown, size, err);
		assert_ok(tlog_tree_root(t, &root, err));
		for (unsigned int i = 0; i < size; i++) {
			assert_ok(tlog_tree_prove(t, &root, i, &leaf, &p, err));
			leaf_of(i, &want);
			assert_true(digest_equal(&leaf, &want));
			assert_true(tlog_includes(&leaf, i, size, &p, &root));
			/* Nothing else passes: another place, another leaf, one hash less. */
			assert_false(tlog_includes(&leaf, i + 1, size, &p, &root));
			assert_false(tlog_includes(&root, i, size, &p, &root) && size > 1);
			if (p.n > 0) {
				p.n--;
				assert_false(tlog_includes(&leaf, i, size, &p, &root));
				p.at[p.n++].bytes[3] ^= 1;
				assert_false(tlog_includes(&leaf, i, size, &p, &root));
			}
		}
	}
}

TEST(every_small_tree_is_shown_to_continue_every_smaller_one)
{
	int dirfd = test_tmpdir();
	struct tlog_proof p;
	struct digest root, old;
	unsigned int grown = 0;

	for (unsigned int size = 0; size <= 40; size++) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = tree_at(dirfd, size);

		grow_to(dirfd, &grown, size, err);
		assert_ok(tlog_tree_root(t, &root, err));
		for (unsigned int m = 0; m <= size; m++) {
			naive_root(0, m, &old);
			assert_ok(tlog_tree_prove_growth(t, &root, m, &old, &p, err));
			assert_true(tlog_extends(m, &old, size, &root, &p));
			old.bytes[0] ^= 1;
			assert_false(tlog_extends(m, &old, size, &root, &p));
			assert_fails(tlog_tree_prove_growth(t, &root, m, &old, &p, err),
				     "not a continuation");
		}
	}
}

TEST(a_tree_does_not_continue_a_larger_one)
{
	int dirfd = test_tmpdir();
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct tlog_checkpoint c;
	struct tlog_proof p = { .n = 0 };

	assert_ok(grow(dirfd, 0, 5, &c, err));
	t = tree_at(dirfd, 5);
	assert_fails(tlog_tree_prove_growth(t, &c.root, 6, &c.root, &p, err), "has shrunk");
	assert_false(tlog_extends(6, &c.root, 5, &c.root, &p));
}

TEST(a_log_that_grows_in_steps_is_the_one_that_grew_at_once)
{
	int once = test_tmpdir(), steps = test_tmpdir();
	struct tlog_checkpoint a, b;
	unsigned int at = 0;

	assert_ok(grow(once, 0, 600, &a, err));
	for (unsigned int n = 1; at < 600; at += n, n = KILN_MIN(n * 2 + 1, 600 - at))
		assert_ok(grow(steps, at, n, &b, err));
	assert_true(digest_equal(&a.root, &b.root));
	/* An append of nothing changes nothing. */
	assert_ok(grow(steps, 0, 0, &b, err));
	assert_true(digest_equal(&a.root, &b.root));
}

TEST(entries_come_back_as_they_were)
{
	int dirfd = test_tmpdir();
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	CLEANUP(buf_free) struct buf entry = BUF_MAX(TLOG_MAX_ENTRY);
	struct tlog_checkpoint c;

	assert_ok(grow(dirfd, 0, 300, &c, err));
	t = tree_at(dirfd, 300);
	assert_ok(tlog_tree_entry(t, 0, &entry, err));
	assert_string_equal(buf_text(&entry), "entry 0");
	buf_clear(&entry);
	assert_ok(tlog_tree_entry(t, 299, &entry, err));
	assert_string_equal(buf_text(&entry), "entry 299");
	assert_fails(tlog_tree_entry(t, 300, &entry, err), "no entry 300");
}

TEST(names_of_tiles_are_those_of_the_specification)
{
	char name[TLOG_NAME];

	tlog_tile_name(0, 1234067, 256, name);
	assert_string_equal(name, "tile/0/x001/x234/067");
	tlog_tile_name(TLOG_ENTRIES, 5, 44, name);
	assert_string_equal(name, "tile/entries/005.p/44");
	tlog_tile_name(3, 1000, 256, name);
	assert_string_equal(name, "tile/3/x001/000");
}

TEST(a_tree_of_256_has_a_full_tile_and_one_hash_above)
{
	int dirfd = test_tmpdir();
	struct tlog_checkpoint c;
	struct stat st;

	assert_ok(grow(dirfd, 0, 256, &c, err));
	assert_int_equal(fstatat(dirfd, "tile/0/000", &st, 0), 0);
	assert_int_equal(st.st_size, 8192);
	assert_int_equal(fstatat(dirfd, "tile/1/000.p/1", &st, 0), 0);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(fstatat(dirfd, "tile/0/001.p", &st, 0), -1);
}

static void
damage(int dirfd, const char *name, off_t at)
{
	CLEANUP(fd_close) int fd = openat(dirfd, name, O_RDWR);
	char c;

	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

TEST(a_changed_tile_is_found_and_nothing_is_appended)
{
	int dirfd = test_tmpdir();
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct tlog_checkpoint c, after;
	struct tlog_proof p;

	assert_ok(grow(dirfd, 0, 300, &c, err));
	damage(dirfd, "tile/0/001.p/44", 64);
	t = tree_at(dirfd, 300);
	assert_fails(tlog_tree_prove(t, &c.root, 299, NULL, &p, err), "do not fit");
	assert_fails(grow(dirfd, 300, 1, &after, err), "do not fit the checkpoint of size 300");
	assert_int_equal(unlinkat(dirfd, "tile/0/001.p/44", 0), 0);
	assert_fails(grow(dirfd, 300, 1, &after, err), "No such file");
}

TEST(a_tile_that_is_no_tile_is_refused)
{
	int dirfd = test_tmpdir();
	struct digest hashes[TLOG_WIDTH];
	CLEANUP(buf_free) struct buf text = BUF_MAX(TLOG_BUNDLE_MAX);
	struct tlog_checkpoint c;

	assert_ok(grow(dirfd, 0, 10, &c, err));
	assert_ok(fd_publish(dirfd, "tile/0/000.p/10", "short", 5, 0644, err));
	assert_fails(tlog_tile_read(dirfd, 0, 0, 10, hashes, err),
		     "5 bytes, 10 hashes are 320");
	assert_ok(fd_publish(dirfd, "tile/entries/000.p/10", "\0\5abc", 5, 0644, err));
	assert_fails(tlog_tile_entries(dirfd, 0, 10, &text, err), "entry 0 is cut off");
	assert_int_equal(unlinkat(dirfd, "tile/0/000.p/10", 0), 0);
	assert_int_equal(mkfifoat(dirfd, "tile/0/000.p/10", 0644), 0);
	assert_fails(tlog_tile_read(dirfd, 0, 0, 10, hashes, err), "is not a regular file");
	assert_int_equal(unlinkat(dirfd, "tile/0/000.p/10", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dirfd, "tile/0/000.p/10"), 0);
	assert_fails(tlog_tile_read(dirfd, 0, 0, 10, hashes, err), "000.p/10");
}

TEST(an_old_size_is_proven_after_its_partial_tile_is_gone)
{
	int dirfd = test_tmpdir();
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct tlog_checkpoint old, new;
	struct tlog_proof p;
	struct stat st;

	assert_ok(grow(dirfd, 0, 100, &old, err));
	assert_ok(grow(dirfd, 100, 300, &new, err));
	assert_int_equal(fstatat(dirfd, "tile/0/000.p", &st, 0), -1);
	t = tree_at(dirfd, 100);
	assert_ok(tlog_tree_prove(t, &old.root, 99, NULL, &p, err));
}

/* An append that was killed after its tiles, before its checkpoint: the next one takes its
 * place. */
TEST(tiles_of_an_append_that_was_killed_do_no_harm)
{
	int dirfd = test_tmpdir(), clean = test_tmpdir();
	CLEANUP(buf_free) struct buf kept = BUF_MAX(NOTE_MAX_BYTES);
	struct tlog_checkpoint c, want;

	assert_ok(grow(dirfd, 0, 250, &c, err));
	assert_ok(fd_read_file(dirfd, TLOG_CHECKPOINT, &kept, err));
	assert_ok(grow(dirfd, 9000, 20, &c, err));
	assert_ok(fd_publish(dirfd, TLOG_CHECKPOINT, kept.data, kept.len, 0644, err));
	assert_ok(grow(dirfd, 250, 30, &c, err));
	assert_ok(grow(clean, 0, 280, &want, err));
	assert_true(digest_equal(&c.root, &want.root));
}

TEST(a_proof_reads_few_tiles)
{
	int dirfd = test_tmpdir();
	struct tlog_checkpoint c;
	struct tlog_proof p;
	size_t most = 0;

	assert_ok(grow(dirfd, 0, 70000, &c, err));
	for (uint64_t i = 0; i < 70000; i += 4999) {
		CLEANUP(tlog_tree_free) struct tlog_tree *t = tree_at(dirfd, 70000);

		assert_ok(tlog_tree_prove(t, &c.root, i, NULL, &p, err));
		most = KILN_MAX(most, tlog_tree_reads(t));
	}
	assert_in_range(most, 1, 8);
}

TEST(checkpoints_are_read_strictly)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct tlog_checkpoint c;
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "o\n1\n", "three lines" },
		{ "o\n1\nAAAA\nmore\n", "three lines" },
		{ "o\n01\nAAAA\n", "no good size" },
		{ "o\n-1\nAAAA\n", "no good size" },
		{ "o\n\nAAAA\n", "no good size" },
		{ "o\n281474976710657\nAAAA\n", "no good size" },
		{ "o o\n1\nAAAA\n", "no good origin" },
		{ "o+o\n1\nAAAA\n", "no good origin" },
		{ "o\n1\nAAAA\n", "a root of 3 bytes" },
		{ "o\n1\n*AAA\n", "base64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_fails(
			tlog_checkpoint_parse(&a, bad[i].text, strlen(bad[i].text), &c, err),
			bad[i].why);
}

TEST(a_checkpoint_of_another_key_or_origin_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	int dirfd = test_tmpdir();
	struct notary other;
	struct tlog_checkpoint c;

	assert_ok(grow(dirfd, 0, 3, &c, err));
	notary_open(&other, "log.example.com", NOTE_ED25519);
	assert_fails(tlog_checkpoint_load(&a, dirfd, &other.key, &c, NULL, err),
		     "not signed by log.example.com+");
	damage(dirfd, TLOG_CHECKPOINT, 20);
	notary_open(&other, "log.example.org", NOTE_ED25519);
	assert_fails(tlog_checkpoint_load(&a, dirfd, &other.key, &c, NULL, err),
		     "on the note is wrong");
}

TEST(an_entry_that_is_too_long_or_empty_is_refused)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	int dirfd = test_tmpdir();
	struct notary notary;
	struct tlog_checkpoint c;
	struct tlog_entry e = { .data = arena_alloc(&a, TLOG_MAX_ENTRY + 1),
				.n = TLOG_MAX_ENTRY + 1 };

	notary_open(&notary, "log.example.org", NOTE_ED25519);
	assert_ok(tlog_append_begin(dirfd, &notary.author, err));
	assert_fails(tlog_append(&a, dirfd, &notary.author, &e, 1, &c, err), "65536 bytes");
	e.n = 0;
	assert_fails(tlog_append(&a, dirfd, &notary.author, &e, 1, &c, err), "0 bytes");
	e.n = TLOG_MAX_ENTRY;
	assert_ok(tlog_append(&a, dirfd, &notary.author, &e, 1, &c, err));
}

TEST(appends_at_once_stand_in_line)
{
	int dirfd = test_tmpdir();
	CLEANUP(arena_release) struct arena a = { 0 };
	struct notary notary;
	struct tlog_checkpoint c;
	int status;

	assert_ok(grow(dirfd, 0, 1, &c, err));
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			for (int j = 0; j < 10; j++) {
				if (grow(dirfd, 1, 7, &c, err) < 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	notary_open(&notary, "log.example.org", NOTE_ED25519);
	assert_ok(tlog_checkpoint_load(&a, dirfd, &notary.key, &c, NULL, err));
	assert_int_equal(c.size, 281);
	assert_ok(grow(dirfd, 1, 1, &c, err)); /* the tiles fit */
}
