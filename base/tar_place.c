/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placing entries beneath one directory. Parents are opened without following any link, the
 * last component is unlinked and made anew, so no byte ever goes through something that was
 * there.
 */
#include "base/mem.h"
#include "base/tar_priv.h"

#define DIR_MODE  0755
#define FILE_MODE 0644
#define EXEC_MODE 0755

/* Values of place->dirs: whether a directory is ours to give a mode. */
static char dir_ours, dir_passed;

void
tar_place_init(struct tar_place *p, int dirfd, int64_t mtime)
{
	*p = (struct tar_place){ .root = dirfd, .mtime = mtime, .parent = -1 };
}

void
tar_place_release(struct tar_place *p)
{
	if (p->parent >= 0)
		close(p->parent);
	p->parent = -1;
	dict_release(&p->dirs);
}

/* Splits name; parent is "" at the top. */
static const char *
split(const char *name, char parent[TAR_NAME_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	memcpy(parent, name, n);
	parent[n] = '\0';
	return slash ? slash + 1 : name;
}

static int
open_dir(struct tar_place *p, const char *path, int *fd, struct err *err)
{
	return fd_open_straight(p->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, fd, err);
}

/* Opens the directory path, making it and its parents where they are missing. Depth is bounded
 * by the name's. */
static int
reach(struct tar_place *p, const char *path, int *fd, struct err *err)
{
	CLEANUP(fd_close) int up = -1;
	CLEANUP(mem_free) char *parent = NULL;
	const char *base;

	if (open_dir(p, path, fd, err) == 0) {
		(void)dict_add(&p->dirs, path, &dir_passed);
		return 0;
	}
	if (err->sys == ENOTDIR)
		return err_set(err, ERR_INPUT,
			       "%s: leads through something that is no directory", path);
	if (err->sys != ENOENT)
		return -1;
	parent = mem_alloc(TAR_NAME_MAX);
	base = split(path, parent);
	if (reach(p, parent, &up, err) < 0)
		return -1;
	if (mkdirat(up, base, DIR_MODE) < 0)
		return err_sys(err, "%s", path);
	dict_set(&p->dirs, path, &dir_ours);
	return open_dir(p, path, fd, err);
}

/* Makes p->parent the directory of name; *base is its last component. */
static int
enter(struct tar_place *p, const char *name, const char **base, struct err *err)
{
	char parent[TAR_NAME_MAX];
	int fd = -1;

	*base = split(name, parent);
	if (p->parent >= 0 && strcmp(parent, p->parent_path) == 0)
		return 0;
	if (reach(p, parent, &fd, err) < 0)
		return err_wrap(err, "archive entry '%s'", name);
	if (p->parent >= 0)
		close(p->parent);
	p->parent = fd;
	memcpy(p->parent_path, parent, strlen(parent) + 1);
	return 0;
}

static const char *
type_word(mode_t mode)
{
	if (S_ISDIR(mode))
		return "directory";
	if (S_ISLNK(mode))
		return "symbolic link";
	return S_ISREG(mode) ? "file" : "special file";
}

/* Enters the parent and takes away what stands under the name: it must be of the same type. */
static int
clear(struct tar_place *p, const char *name, mode_t type, const char **base, struct err *err)
{
	struct stat st;

	if (enter(p, name, base, err) < 0)
		return -1;
	if (fstatat(p->parent, *base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "archive entry '%s'", name);
	if ((st.st_mode & S_IFMT) != type)
		return err_set(err, ERR_INPUT,
			       "archive entry '%s': a %s, but a %s stands there", name,
			       type_word(type), type_word(st.st_mode));
	if (S_ISDIR(type))
		return 0;
	if (unlinkat(p->parent, *base, 0) < 0)
		return err_sys(err, "archive entry '%s'", name);
	return 0;
}

int
tar_place_dir(struct tar_place *p, const char *name, struct err *err)
{
	const char *base;

	if (clear(p, name, S_IFDIR, &base, err) < 0)
		return -1;
	if (mkdirat(p->parent, base, DIR_MODE) < 0 && errno != EEXIST)
		return err_sys(err, "archive entry '%s'", name);
	dict_set(&p->dirs, name, &dir_ours);
	return 0;
}

int
tar_place_file(struct tar_place *p, const char *name, int *fd, struct err *err)
{
	const char *base;

	if (clear(p, name, S_IFREG, &base, err) < 0)
		return -1;
	*fd = openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		     0600);
	return *fd < 0 ? err_sys(err, "archive entry '%s'", name) : 0;
}

int
tar_place_again(struct tar_place *p, const char *name, int *fd, struct err *err)
{
	struct stat st;

	if (fd_open_straight(p->root, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, fd, err) < 0)
		return err_wrap(err, "hard link");
	if (fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT, "hard link to '%s': not a file", name);
	return ftruncate(*fd, 0) < 0 ? err_sys(err, "%s", name) : 0;
}

int
tar_place_done(struct tar_place *p, const char *name, bool exec, int *fd, struct err *err)
{
	struct timespec t = { .tv_sec = (time_t)p->mtime };

	if (fchmod(*fd, exec ? EXEC_MODE : FILE_MODE) < 0 ||
	    futimens(*fd, (const struct timespec[2]){ t, t }) < 0)
		return err_sys(err, "archive entry '%s'", name);
	return fd_close(fd, name, err);
}

int
tar_place_symlink(struct tar_place *p, const char *name, const char *target, struct err *err)
{
	struct timespec t = { .tv_sec = (time_t)p->mtime };
	const char *base;

	if (clear(p, name, S_IFLNK, &base, err) < 0)
		return -1;
	if (symlinkat(target, p->parent, base) < 0 ||
	    utimensat(p->parent, base, (const struct timespec[2]){ t, t },
		      AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "archive entry '%s'", name);
	return 0;
}

int
tar_place_link(struct tar_place *p, const char *name, const char *target, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	char parent[TAR_NAME_MAX];
	const char *base, *old = split(target, parent);
	struct stat st;

	if (strcmp(name, target) == 0)
		return err_set(err, ERR_INPUT, "archive entry '%s': a hard link to itself",
			       name);
	if (open_dir(p, parent, &from, err) < 0 ||
	    fstatat(from, old, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return err_set(
			err, ERR_INPUT,
			"archive entry '%s': a hard link to '%s', which is no file unpacked before",
			name, target);
	if (clear(p, name, S_IFREG, &base, err) < 0)
		return -1;
	if (linkat(from, old, p->parent, base, 0) < 0)
		return err_sys(err, "archive entry '%s': hard link to '%s'", name, target);
	return 0;
}

/* Deepest first is not needed: setting a time changes no other directory's. */
int
tar_place_end(struct tar_place *p, struct err *err)
{
	struct timespec t = { .tv_sec = (time_t)p->mtime };

	for (size_t i = 0; i < p->dirs.n; i++) {
		CLEANUP(fd_close) int fd = -1;
		void *whose = NULL;
		const char *path = dict_at(&p->dirs, i, &whose);

		if (open_dir(p, path, &fd, err) < 0)
			return -1;
		if ((whose == &dir_ours && fchmod(fd, DIR_MODE) < 0) ||
		    futimens(fd, (const struct timespec[2]){ t, t }) < 0)
			return err_sys(err, "%s", *path ? path : ".");
	}
	return 0;
}
