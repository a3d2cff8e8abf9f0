/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"
#include "base/fd.h"
#include "base/vec.h"
#include <dirent.h>

#define SYNC_SINGLY_MAX 32 /* beyond that one syncfs is cheaper than so many fsyncs */

static void
close_dir(DIR *d)
{
	(void)closedir(d);
}
DEFINE_CLEANUP(DIR *, close_dir);

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Sorted names in the directory fd, which stays open. */
static int
list_fd(struct arena *a, int fd, const char ***names, size_t *n, struct err *err)
{
	CLEANUP(close_dir) DIR *d = NULL;
	VEC(const char *) found = { 0 };
	CLEANUP(fd_close) int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	int failed = 0;

	if (own < 0)
		return err_sys(err, "open");
	d = fdopendir(own);
	if (!d)
		return err_sys(err, "list");
	own = -1; /* it is the DIR's now */
	while (errno = 0, (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (found.n == TREE_MAX_ENTRIES) {
			failed =
				err_set(err, ERR_LIMIT, "more than %d names", TREE_MAX_ENTRIES);
			break;
		}
		VEC_PUSH(&found, arena_strdup(a, e->d_name));
	}
	if (!e && errno)
		failed = err_sys(err, "list");
	if (!failed) {
		*names = arena_array(a, found.n + 1, sizeof(char *));
		if (found.n)
			memcpy(*names, found.at, found.n * sizeof(char *));
		*n = found.n;
		qsort(*names, *n, sizeof(char *), by_name);
	}
	VEC_FREE(&found);
	return failed;
}

int
tree_list(struct arena *a, int dirfd, const char *path, const char ***names, size_t *n,
	  struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_dir(dirfd, path, &fd, err) < 0)
		return -1;
	if (list_fd(a, fd, names, n, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

struct walk {
	tree_visit_fn *visit;
	void *arg;
	struct buf path;
	size_t entries;
};

static int walk_dir(struct walk *w, int fd, unsigned depth, struct err *err);

static int
walk_entry(struct walk *w, int dirfd, const char *name, unsigned depth, struct err *err)
{
	CLEANUP(fd_close) int sub = -1;
	struct stat st;
	struct tree_entry e = { .dirfd = dirfd, .name = name, .st = &st };

	if (buf_check(&w->path, "path", err) < 0)
		return -1;
	e.path = buf_text(&w->path);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s", e.path);
	if (++w->entries > TREE_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "%s: more than %d entries", e.path,
			       TREE_MAX_ENTRIES);
	if (w->visit(w->arg, &e, err) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (depth >= TREE_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: more than %d directories deep", e.path,
			       TREE_MAX_DEPTH);
	sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sub < 0)
		return err_sys(err, "%s", e.path);
	return walk_dir(w, sub, depth + 1, err);
}

static int
walk_dir(struct walk *w, int fd, unsigned depth, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	size_t len = w->path.len, n;
	const char **names;

	if (list_fd(&a, fd, &names, &n, err) < 0)
		return err_wrap(err, "%s", len ? buf_text(&w->path) : ".");
	for (size_t i = 0; i < n; i++) {
		if (len)
			buf_add_char(&w->path, '/');
		buf_add_str(&w->path, names[i]);
		if (walk_entry(w, fd, names[i], depth, err) < 0)
			return -1;
		w->path.len = len;
		w->path.data[len] = '\0';
	}
	return 0;
}

int
tree_walk(int dirfd, const char *path, tree_visit_fn *visit, void *arg, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct walk w = { .visit = visit, .arg = arg, .path = BUF_MAX(TREE_MAX_DEPTH * 256) };
	int rc;

	if (fd_open_dir(dirfd, path, &fd, err) < 0)
		return -1;
	rc = walk_dir(&w, fd, 1, err);
	buf_free(&w.path);
	return rc;
}

static int remove_at(int dirfd, const char *name, unsigned depth, struct err *err);

/* Opens a directory that is to be emptied, whatever its mode forbids. */
static int
open_doomed(int dirfd, const char *name, int *fd, struct err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	struct stat st;

	*fd = openat(dirfd, name, flags);
	if (*fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		*fd = openat(dirfd, name, flags);
	if (*fd < 0)
		return err_sys(err, "%s: remove", name);
	if (fstat(*fd, &st) == 0 && (st.st_mode & 0700) != 0700 && fchmod(*fd, 0700) < 0)
		return err_sys(err, "%s: remove", name);
	return 0;
}

static int
remove_below(int dirfd, const char *name, unsigned depth, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	size_t n;

	if (depth > TREE_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, "%s: more than %d directories deep", name,
			       TREE_MAX_DEPTH);
	if (open_doomed(dirfd, name, &fd, err) < 0)
		return -1;
	if (list_fd(&a, fd, &names, &n, err) < 0)
		return err_wrap(err, "%s", name);
	for (size_t i = 0; i < n; i++) {
		if (remove_at(fd, names[i], depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int
remove_at(int dirfd, const char *name, unsigned depth, struct err *err)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "%s: remove", name);
	if (remove_below(dirfd, name, depth, err) < 0)
		return -1;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, "%s: remove", name);
	return 0;
}

typedef int remove_fn(int dirfd, const char *name, unsigned depth, struct err *err);

static int
remove_by(int dirfd, const char *path, remove_fn *remove, struct err *err)
{
	CLEANUP(fd_close) int parent = -1;
	const char *slash = strrchr(path, '/');
	CLEANUP(mem_free) char *up = NULL;

	if (!slash)
		up = mem_strdup(".");
	else
		up = slash == path ? mem_strdup("/")
				   : mem_strndup(path, (size_t)(slash - path));
	if (fd_open_dir(dirfd, up, &parent, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	if (remove(parent, slash ? slash + 1 : path, 1, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int
tree_remove(int dirfd, const char *path, struct err *err)
{
	return remove_by(dirfd, path, remove_at, err);
}

int
tree_clear(int dirfd, const char *path, struct err *err)
{
	return remove_by(dirfd, path, remove_below, err) == 0 || err->sys == ENOENT ? 0 : -1;
}

struct syncing {
	bool really;
	size_t n;
};

static int
sync_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	struct syncing *s = arg;
	CLEANUP(fd_close) int fd = -1;

	s->n++;
	if (!s->really || (!S_ISREG(e->st->st_mode) && !S_ISDIR(e->st->st_mode)))
		return 0;
	fd = openat(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, "%s: fsync", e->path);
	return 0;
}

int
tree_sync(int dirfd, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct syncing s = { .really = false };

	if (fd_open_dir(dirfd, path, &fd, err) < 0 ||
	    tree_walk(dirfd, path, sync_entry, &s, err) < 0)
		return -1;
	if (s.n > SYNC_SINGLY_MAX)
		return syncfs(fd) < 0 ? err_sys(err, "%s: syncfs", path) : 0;
	s.really = true;
	if (tree_walk(dirfd, path, sync_entry, &s, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(err, "%s: fsync", path);
	return 0;
}
