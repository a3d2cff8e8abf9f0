/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "base/manifest.h"
#include "builder/sandbox_priv.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define MAX   ((uint64_t)1024 * 1024)
#define MTIME 1000000000

struct pair {
	int from, to;
	struct arena a;
	struct manifest m;
};

static struct pair
fresh(void)
{
	struct pair p = { .from = test_tmpdir(), .to = test_tmpdir() };

	umask(022);
	return p;
}

static void
put(int dirfd, const char *path, const char *text, mode_t mode)
{
	int fd = openat(dirfd, path, O_CREAT | O_WRONLY | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Holes: a size without blocks. */
static void
stretch(int dirfd, const char *path, off_t size)
{
	int fd = openat(dirfd, path, O_WRONLY);

	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int
harvest(struct pair *p, struct err *err)
{
	struct sandbox_harvest h = { p->from, p->to, MAX, MTIME, false, -1 };

	return sandbox_harvest_tree(&p->a, &h, &p->m, err);
}

static int
keep(struct pair *p, struct err *err)
{
	struct sandbox_harvest h = { p->from, p->to, MAX, MTIME, false, -1 };

	return sandbox_harvest_keep(&h, err);
}

static void
done(struct pair *p)
{
	arena_release(&p->a);
	close(p->from);
	close(p->to);
}

static mode_t
mode_of(int dirfd, const char *path, struct stat *st)
{
	assert_int_equal(fstatat(dirfd, path, st, AT_SYMLINK_NOFOLLOW), 0);
	return st->st_mode;
}

TEST(harvest_copies_files_links_and_directories_as_new_inodes)
{
	struct pair p = fresh();
	struct stat a, b;

	assert_int_equal(mkdirat(p.from, "usr", 0700), 0);
	put(p.from, "usr/x", "hello", 0711);
	put(p.from, "usr-y", "conf", 0600);
	assert_int_equal(symlinkat("/etc/shadow", p.from, "usr/l"), 0);
	assert_int_equal(linkat(p.from, "usr/x", p.from, "usr/z", 0), 0);
	assert_ok(harvest(&p, err));
	assert_int_equal(p.m.n, 5);
	assert_string_equal(p.m.at[0].path, "usr");
	assert_string_equal(p.m.at[1].path,
			    "usr-y"); /* strcmp of whole paths: '-' before '/' */
	assert_string_equal(p.m.at[2].path, "usr/l");
	assert_string_equal(p.m.at[2].target, "/etc/shadow");
	assert_int_equal(p.m.at[3].size, 5);
	assert_string_equal(p.m.at[4].hardlink, "usr/x");
	assert_int_equal(mode_of(p.to, "usr/x", &b) & 07777, 0755);
	assert_int_equal(b.st_mtim.tv_sec, MTIME);
	assert_int_equal(mode_of(p.from, "usr/x", &a) & 07777, 0711);
	assert_true(a.st_ino != b.st_ino);
	assert_int_equal(b.st_nlink, 2);
	assert_int_equal(mode_of(p.to, "usr-y", &b) & 07777, 0644);
	assert_int_equal(mode_of(p.to, "usr", &b) & 07777, 0755);
	assert_int_equal(b.st_mtim.tv_sec, MTIME);
	done(&p);
}

TEST(harvest_of_files_makes_no_directory_for_nothing)
{
	struct pair p = fresh();
	struct sandbox_harvest h = { p.from, p.to, MAX, MTIME, true, -1 };
	struct stat st;

	assert_int_equal(mkdirat(p.from, "a", 0755), 0);
	assert_int_equal(mkdirat(p.from, "a/b", 0755), 0);
	assert_int_equal(mkdirat(p.from, "a/empty", 0755), 0);
	assert_int_equal(mkdirat(p.from, "none", 0755), 0);
	assert_int_equal(mkdirat(p.from, "linked", 0755), 0);
	put(p.from, "a/b/x", "hello", 0711);
	assert_int_equal(linkat(p.from, "a/b/x", p.from, "linked/x", 0), 0);
	assert_ok(sandbox_harvest_tree(&p.a, &h, &p.m, err));
	assert_int_equal(p.m.n, 7);
	assert_int_equal(mode_of(p.to, "a/b/x", &st) & 07777, 0755);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(mode_of(p.to, "a", &st) & 07777, 0755);
	assert_int_equal(mode_of(p.to, "linked", &st) & 07777, 0755);
	assert_true(fstatat(p.to, "a/empty", &st, 0) < 0 && errno == ENOENT);
	assert_true(fstatat(p.to, "none", &st, 0) < 0 && errno == ENOENT);
	done(&p);
}

TEST(harvest_hashes_the_bytes_it_wrote)
{
	struct pair p = fresh();
	struct digest wanted;

	put(p.from, "f", "hello", 0644);
	assert_ok(harvest(&p, err));
	digest_of("hello", 5, &wanted);
	assert_true(digest_equal(&p.m.at[0].digest, &wanted));
	done(&p);
}

TEST(harvest_of_nothing_is_an_empty_manifest)
{
	struct pair p = fresh();

	assert_ok(harvest(&p, err));
	assert_int_equal(p.m.n, 0);
	done(&p);
}

TEST(harvest_refuses_a_fifo_without_waiting_for_a_writer)
{
	struct pair p = fresh();

	assert_int_equal(mkfifoat(p.from, "pipe", 0666), 0);
	assert_fails(harvest(&p, err), "/out/pipe: is a FIFO, which a package may not hold");
	assert_int_equal(err->code, ERR_INPUT);
	done(&p);
}

TEST(harvest_refuses_a_socket)
{
	struct pair p = fresh();
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%.90s/s", test_tmpdir_path(p.from));
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
	assert_fails(harvest(&p, err), "/out/s: is a socket");
	done(&p);
}

TEST(harvest_refuses_set_id_files_and_says_what_to_do)
{
	struct pair p = fresh();

	put(p.from, "su", "x", 0755);
	assert_int_equal(fchmodat(p.from, "su", 04755, 0), 0);
	assert_fails(harvest(&p, err), "/out/su: has a set-id bit; say so in the recipe");
	done(&p);
}

TEST(harvest_refuses_names_with_control_characters_and_prints_them_safely)
{
	struct pair p = fresh();

	put(p.from, "a\nb", "x", 0644);
	assert_fails(harvest(&p, err), "/out/a\\x0ab: the name is not one a package may hold");
	done(&p);
}

TEST(harvest_refuses_names_that_are_not_utf8)
{
	struct pair p = fresh();

	put(p.from, "\xff\xfe", "x", 0644);
	assert_fails(harvest(&p, err), "/out/\\xff\\xfe: the name");
	done(&p);
}

TEST(harvest_refuses_link_targets_that_are_not_text)
{
	struct pair p = fresh();

	assert_int_equal(symlinkat("a\x01", p.from, "l"), 0);
	assert_fails(harvest(&p, err), "/out/l: the link's target is not plain UTF-8 text");
	done(&p);
}

TEST(harvest_bounds_the_apparent_size_of_holes)
{
	struct pair p = fresh();

	put(p.from, "small", "x", 0644);
	put(p.from, "huge", "", 0644);
	stretch(p.from, "huge", (off_t)1 << 40);
	assert_fails(harvest(&p, err), "/out/huge: the output is larger than 1048576 bytes");
	assert_int_equal(err->code, ERR_LIMIT);
	done(&p);
}

TEST(harvest_bounds_the_sum_of_sizes)
{
	struct pair p = fresh();

	for (int i = 0; i < 3; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		put(p.from, name, "", 0644);
		stretch(p.from, name, (off_t)MAX / 2);
	}
	assert_fails(harvest(&p, err), "/out/f2: the output is larger");
	done(&p);
}

static void
dig(int dirfd, int depth)
{
	int at = dup(dirfd);

	for (int i = 0; i < depth; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0755), 0);
		next = openat(at, "d", O_DIRECTORY | O_RDONLY);
		close(at);
		at = next;
	}
	close(at);
}

TEST(harvest_bounds_the_depth)
{
	struct pair p = fresh();

	dig(p.from, SANDBOX_MAX_DEPTH + 1);
	assert_fails(harvest(&p, err), "more than 64 directories deep");
	done(&p);
}

TEST(harvest_takes_the_deepest_that_is_allowed)
{
	struct pair p = fresh();

	dig(p.from, SANDBOX_MAX_DEPTH);
	assert_ok(harvest(&p, err));
	assert_int_equal(p.m.n, SANDBOX_MAX_DEPTH);
	done(&p);
}

TEST(harvest_never_follows_a_link_to_a_directory)
{
	struct pair p = fresh();
	struct stat st;

	assert_int_equal(symlinkat("/etc", p.from, "etc"), 0);
	assert_ok(harvest(&p, err));
	assert_int_equal(p.m.n, 1);
	assert_int_equal(p.m.at[0].type, MANIFEST_LINK);
	assert_true(S_ISLNK(mode_of(p.to, "etc", &st)));
	done(&p);
}

TEST(harvest_never_writes_through_what_stands_in_the_destination)
{
	struct pair p = fresh();
	int elsewhere = test_tmpdir();

	assert_int_equal(mkdirat(p.from, "d", 0755), 0);
	put(p.from, "d/f", "x", 0644);
	assert_int_equal(symlinkat(test_tmpdir_path(elsewhere), p.to, "d"), 0);
	assert_fails(harvest(&p, err), "copying d");
	assert_int_equal(faccessat(elsewhere, "f", F_OK, 0), -1);
	close(elsewhere);
	done(&p);
}

TEST(harvest_drops_extended_attributes)
{
	struct pair p = fresh();
	int fd;

	put(p.from, "f", "x", 0644);
	fd = openat(p.from, "f", O_RDONLY);
	(void)fsetxattr(fd, "user.overlay.opaque", "y", 1, 0); /* not every /tmp knows it */
	close(fd);
	assert_ok(harvest(&p, err));
	fd = openat(p.to, "f", O_RDONLY);
	assert_int_equal(flistxattr(fd, NULL, 0), 0);
	close(fd);
	done(&p);
}

TEST(keep_passes_over_what_it_cannot_take)
{
	struct pair p = fresh();
	struct stat st;

	assert_int_equal(mkfifoat(p.from, "pipe", 0666), 0);
	put(p.from, "a\nb", "x", 0644);
	put(p.from, "f", "x", 0640);
	assert_int_equal(fchmodat(p.from, "f", 04640, 0), 0);
	assert_int_equal(mkdirat(p.from, "d", 0711), 0);
	assert_ok(keep(&p, err));
	assert_int_equal(mode_of(p.to, "f", &st) & 07777, 0640);
	assert_int_equal(mode_of(p.to, "d", &st) & 07777, 0711);
	assert_int_equal(faccessat(p.to, "pipe", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(p.to, "a\nb", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	done(&p);
}

TEST(keep_leaves_out_files_past_the_limit)
{
	struct pair p = fresh();
	struct stat st;

	put(p.from, "big", "", 0644);
	stretch(p.from, "big", (off_t)1 << 40);
	put(p.from, "small", "x", 0644);
	assert_ok(keep(&p, err));
	assert_int_equal(faccessat(p.to, "big", F_OK, 0), -1);
	assert_int_equal(mode_of(p.to, "small", &st) & 0777, 0644);
	done(&p);
}

TEST(harvest_stops_when_it_is_told_to)
{
	struct pair p = fresh();
	int word[2];
	struct sandbox_harvest h = { p.from, p.to, MAX, MTIME, false, -1 };

	assert_int_equal(pipe(word), 0);
	h.stop = word[0];
	put(p.from, "f", "x", 0644);
	assert_int_equal(write(word[1], "k", 1), 1);
	assert_fails(sandbox_harvest_tree(&p.a, &h, &p.m, err), "interrupted");
	assert_int_equal(err->code, ERR_INTERRUPTED);
	close(word[0]);
	close(word[1]);
	done(&p);
}
