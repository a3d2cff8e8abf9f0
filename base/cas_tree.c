/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked trees with their manifests, and the small references. */
#include "base/cas_batch_priv.h"
#include "base/tree.h"

static bool
is_there(const struct cas *c, const char *dir, const char *name, mode_t type)
{
	char path[CAS_PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fstatat(c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & S_IFMT) == type;
}

/* A tree's own times are its package's: the mark of use is on its manifest. */
bool
cas_tree_has(const struct cas *c, const char *name)
{
	char path[CAS_PATH_MAX];
	struct err ignored;

	if (cas_check_name(name, &ignored) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "manifests/%s", name);
	return cas_use(c, path, S_IFREG) && is_there(c, "trees", name, S_IFDIR);
}

/* By descriptor, never by name: when root works in another user's store, a name could be
 * exchanged for a link between two calls. */
static int
seal_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	const struct cas *c = arg;
	CLEANUP(fd_close) int fd = -1;
	mode_t mode = S_ISDIR(e->st->st_mode) || (e->st->st_mode & 0111) ? 0555 : 0444;

	if (S_ISLNK(e->st->st_mode)) {
		if (geteuid() == 0 &&
		    fchownat(e->dirfd, e->name, c->uid, c->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_sys(err, "%s: give", e->path);
		return 0;
	}
	if (!S_ISREG(e->st->st_mode) && !S_ISDIR(e->st->st_mode))
		return err_set(err, ERR_INPUT, "%s: devices, pipes and sockets are not allowed",
			       e->path);
	fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "%s", e->path);
	if (cas_give(c, fd, e->path, err) < 0)
		return -1;
	if ((e->st->st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return err_sys(err, "%s: chmod", e->path);
	return 0;
}

/* The root stays writable until it stands in trees/: a directory whose ".." changes must be. */
static int
seal(const struct cas *c, const char *path, struct err *err)
{
	CLEANUP(fd_close) int root = -1;

	if (fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &root, err) <
		    0 ||
	    cas_give(c, root, path, err) < 0)
		return -1;
	if (fchmod(root, 0755) < 0)
		return err_sys(err, "%s: chmod", path);
	/* seal_entry only reads c */
	if (tree_walk(c->dirfd, path, seal_entry, (void *)(uintptr_t)c, err) < 0 ||
	    tree_sync(c->dirfd, path, err) < 0)
		return -1;
	return 0;
}

static int
move_in(const struct cas *c, const char *from, const char *to, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (renameat(c->dirfd, from, c->dirfd, to) < 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return 0; /* another process was first, with the same name and so the
				     same tree */
		return err_sys(err, "%s: rename", to);
	}
	if (fd_open_beneath(c->dirfd, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	if (fchmod(fd, 0555) < 0 || fsync(fd) < 0)
		return err_sys(err, "%s", to);
	return fd_sync_dir(c->dirfd, "trees", err);
}

int
cas_tree_commit(struct cas *c, const char *tmp, const char *sub, const char *name,
		const void *manifest, size_t n, struct err *err)
{
	char from[CAS_PATH_MAX], to[CAS_PATH_MAX];
	int len = snprintf(from, sizeof(from), "tmp/%s/%s", tmp, sub);

	if (cas_check_name(name, err) < 0 || cas_check_name(tmp, err) < 0)
		return -1;
	if (len < 0 || (size_t)len >= sizeof(from))
		return err_set(err, ERR_LIMIT, "%s: path too long", sub);
	if (cas_tree_has(c, name))
		return 0;
	(void)snprintf(to, sizeof(to), "trees/%s", name);
	if (seal(c, from, err) == 0) {
		if (cas_publish(c, "manifests", name, manifest, n, 0444, err) < 0)
			return -1;
		if (move_in(c, from, to, err) == 0)
			return 0;
	}
	(void)err_wrap(err, "tree %s", name);
	return cas_failed(c, err);
}

int
cas_tree_manifest(const struct cas *c, const char *name, struct buf *out, struct err *err)
{
	char path[CAS_PATH_MAX];

	if (cas_check_name(name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "manifests/%s", name);
	if (fd_read_file(c->dirfd, path, out, err) < 0)
		return err_wrap(err, "store %s", c->path);
	return 0;
}

/* First out of the way with one rename, so that half a tree is never seen under its name. */
int
cas_tree_remove(struct cas *c, const char *name, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX], tmp[64], gone[CAS_PATH_MAX];

	if (cas_check_name(name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "trees/%s", name);
	if (is_there(c, "trees", name, S_IFDIR)) {
		if (cas_tmp_dir(c, tmp, err) < 0 ||
		    fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd,
				    err) < 0)
			return -1;
		(void)snprintf(gone, sizeof(gone), "tmp/%s/gone", tmp);
		if (fchmod(fd, 0755) < 0 || renameat(c->dirfd, path, c->dirfd, gone) < 0)
			return err_sys(err, "store %s: remove %s", c->path, path);
		if (fd_sync_dir(c->dirfd, "trees", err) < 0)
			return -1;
		cas_tmp_drop(c, tmp);
	}
	(void)snprintf(path, sizeof(path), "manifests/%s", name);
	if (unlinkat(c->dirfd, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, "store %s: remove %s", c->path, path);
	return 0;
}

int
cas_ref_get(const struct cas *c, const char *kind, const char *name, struct buf *out,
	    bool *found, struct err *err)
{
	char path[CAS_PATH_MAX];

	if (cas_check_name(kind, err) < 0 || cas_check_name(name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "refs/%s/%s", kind, name);
	*found = false;
	if (fd_read_file(c->dirfd, path, out, err) < 0)
		return err->sys == ENOENT ? 0 : err_wrap(err, "store %s", c->path);
	*found = cas_use(c, path, S_IFREG); /* it may have gone meanwhile */
	return 0;
}

bool
cas_ref_keep(const struct cas *c, const char *kind, const char *name)
{
	char path[CAS_PATH_MAX];
	struct err ignored;

	if (cas_check_name(kind, &ignored) < 0 || cas_check_name(name, &ignored) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "refs/%s/%s", kind, name);
	return cas_use(c, path, S_IFREG);
}

/* Where a file system knows no births a mark of use looks like one: that costs time only. */
int64_t
cas_ref_born(const struct cas *c, const char *kind, const char *name)
{
	char path[CAS_PATH_MAX];
	struct err ignored;
	struct statx st;

	if (cas_check_name(kind, &ignored) < 0 || cas_check_name(name, &ignored) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "refs/%s/%s", kind, name);
	if (statx(c->dirfd, path, AT_SYMLINK_NOFOLLOW, STATX_CTIME | STATX_BTIME, &st) < 0)
		return 0;
	if (!(st.stx_mask & STATX_BTIME))
		st.stx_btime = st.stx_ctime;
	return (int64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec;
}

int
cas_ref_put(struct cas *c, const char *kind, const char *name, const void *data, size_t n,
	    struct err *err)
{
	char dir[CAS_PATH_MAX];

	if (cas_check_name(kind, err) < 0 || cas_check_name(name, err) < 0)
		return -1;
	if (c->batch)
		return cas_batch_ref(c, kind, name, data, n, err);
	(void)snprintf(dir, sizeof(dir), "refs/%s", kind);
	if (faccessat(c->dirfd, dir, F_OK, 0) < 0 &&
	    (cas_make_dir(c, dir, err) < 0 || fd_sync_dir(c->dirfd, "refs", err) < 0))
		return cas_failed(c, err);
	return cas_publish(c, dir, name, data, n, 0644, err);
}
