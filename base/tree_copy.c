/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a tree. Directories are made 0700 and get their mode and time last, deepest first:
 * a read-only directory could not be filled, and filling it would change its time.
 */
#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include "base/vec.h"

struct made_dir {
	const char *path;
	mode_t mode;
	struct timespec mtime;
};

struct copying {
	struct arena a;
	int to; /* root of the copy */
	int64_t mtime;
	VEC(struct made_dir) dirs;
	struct dict first; /* "device:inode" of files with several names -> first path */
};

static void
copying_release(struct copying *c)
{
	VEC_FREE(&c->dirs);
	dict_release(&c->first);
	arena_release(&c->a);
	if (c->to >= 0)
		close(c->to);
}
DEFINE_RELEASE(struct copying, copying_release);

static struct timespec
time_for(const struct copying *c, const struct stat *st)
{
	return c->mtime >= 0 ? (struct timespec){ .tv_sec = (time_t)c->mtime } : st->st_mtim;
}

static int
copy_file(struct copying *c, const struct tree_entry *e, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	struct timespec t = time_for(c, e->st);

	in = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return err_sys(err, "%s", e->path);
	if (fd_create(c->to, e->path, 0600, &out, err) < 0)
		return -1;
	if (fd_copy(in, out, UINT64_MAX, NULL, err) < 0)
		return err_wrap(err, "%s", e->path);
	if (fchmod(out, e->st->st_mode & 07777) < 0 ||
	    futimens(out, (const struct timespec[2]){ t, t }) < 0)
		return err_sys(err, "%s", e->path);
	return fd_close(&out, e->path, err);
}

/* The first path of a file with several names, or NULL when this is the first. */
static const char *
first_name(struct copying *c, const struct tree_entry *e)
{
	char id[64];

	if (e->st->st_nlink < 2)
		return NULL;
	(void)snprintf(id, sizeof(id), "%llx:%llx", (unsigned long long)e->st->st_dev,
		       (unsigned long long)e->st->st_ino);
	if (dict_add(&c->first, id, arena_strdup(&c->a, e->path)))
		return NULL;
	return dict_get(&c->first, id);
}

static int
copy_link(struct copying *c, const struct tree_entry *e, struct err *err)
{
	struct timespec t = time_for(c, e->st);
	char target[PATH_MAX];
	ssize_t n = readlinkat(e->dirfd, e->name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(err, "%s", e->path);
	target[n] = '\0';
	if (symlinkat(target, c->to, e->path) < 0 ||
	    utimensat(c->to, e->path, (const struct timespec[2]){ t, t }, AT_SYMLINK_NOFOLLOW) <
		    0)
		return err_sys(err, "%s", e->path);
	return 0;
}

static int
copy_dir(struct copying *c, const struct tree_entry *e, struct err *err)
{
	struct made_dir d = { .path = arena_strdup(&c->a, e->path),
			      .mode = e->st->st_mode & 07777,
			      .mtime = time_for(c, e->st) };

	if (mkdirat(c->to, e->path, 0700) < 0)
		return err_sys(err, "%s", e->path);
	VEC_PUSH(&c->dirs, d);
	return 0;
}

static int
copy_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	struct copying *c = arg;
	const char *first;

	if (S_ISDIR(e->st->st_mode))
		return copy_dir(c, e, err);
	if (S_ISLNK(e->st->st_mode))
		return copy_link(c, e, err);
	if (!S_ISREG(e->st->st_mode))
		return err_set(err, ERR_INPUT, "%s: neither file, directory nor symbolic link",
			       e->path);
	first = first_name(c, e);
	if (!first)
		return copy_file(c, e, err);
	if (linkat(c->to, first, c->to, e->path, 0) < 0)
		return err_sys(err, "%s: link to %s", e->path, first);
	return 0;
}

static int
finish_dir(int root, const struct made_dir *d, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(root, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	if (fchmod(fd, d->mode) < 0 ||
	    futimens(fd, (const struct timespec[2]){ d->mtime, d->mtime }) < 0)
		return err_sys(err, "%s", d->path);
	return 0;
}

int
tree_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, int64_t mtime,
	  struct err *err)
{
	CLEANUP(copying_release) struct copying c = { .to = -1, .mtime = mtime };
	CLEANUP(fd_close) int source = -1;
	struct made_dir root = { .path = "." };
	struct stat st;

	if (fd_open_dir(from_dirfd, from, &source, err) < 0 ||
	    fd_mkdirs(to_dirfd, to, err) < 0 || fd_open_dir(to_dirfd, to, &c.to, err) < 0)
		return -1;
	if (fstat(source, &st) < 0)
		return err_sys(err, "%s", from);
	if (tree_walk(source, ".", copy_entry, &c, err) < 0)
		return err_wrap(err, "copy %s", from);
	for (size_t i = c.dirs.n; i-- > 0;) {
		if (finish_dir(c.to, &c.dirs.at[i], err) < 0)
			return -1;
	}
	root.mode = st.st_mode & 07777;
	root.mtime = time_for(&c, &st);
	return finish_dir(c.to, &root, err);
}
