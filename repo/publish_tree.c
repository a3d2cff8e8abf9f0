/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange. Everything happens beneath the parent of the tree, so that the rename stays
 * within one file system:
 *
 *   1. lock .NAME.lock               two publishers of one tree come one after the other
 *   2. remove .NAME.new              left by a killed publisher: an unfinished or an old tree
 *   3. fill .NAME.new, fsync it
 *   4. exchange .NAME.new and NAME   (plain rename when there is no NAME yet); fsync the parent
 *   5. remove .NAME.new              now the old tree
 */
#include "repo/publish_priv.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include <sys/file.h>

/* A directory without this file was not made by us and is not replaced. */
#define TREE_WITNESS "inventory.json"

static const char *const tree_dirs[] = { "keys", "packages", "repodata" };

static int
lock_parent(struct arena *a, int parent, const char *name, int *lock, struct err *err)
{
	const char *path = arena_format(a, ".%s.lock", name);
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(parent, path, O_RDONLY | O_CREAT | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(err, "lock %s", path);
	*lock = STEAL_FD(fd);
	return 0;
}

static int
open_parent(struct arena *a, int dirfd, const char *dest, struct publish_tree *t,
	    struct err *err)
{
	const char *slash = strrchr(dest, '/'), *parent = ".";

	t->name = slash ? slash + 1 : dest;
	if (slash)
		parent = arena_strndup(a, dest, (size_t)(slash - dest));
	if (!*t->name || t->name[0] == '.' || (slash && !*parent))
		return err_set(err, ERR_INPUT, "'%s' is no place for a repository", dest);
	t->fresh = arena_format(a, ".%s.new", t->name);
	if ((slash && fd_mkdirs(dirfd, parent, err) < 0) ||
	    fd_open_beneath(dirfd, parent, O_RDONLY | O_DIRECTORY, &t->parent, err) < 0)
		return -1;
	return 0;
}

static bool
exists(const struct publish_tree *t, struct stat *st)
{
	return fstatat(t->parent, t->name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What stands at the destination must be ours, or an empty directory: it will be removed. */
static int
check_replaceable(struct arena *a, const struct publish_tree *t, struct err *err)
{
	const char *witness = arena_format(a, "%s/" TREE_WITNESS, t->name);
	const char **names;
	struct stat st;
	size_t n;

	if (!exists(t, &st))
		return 0;
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INPUT, "%s is there and is not a directory", t->name);
	if (tree_list(a, t->parent, t->name, &names, &n, err) < 0)
		return -1;
	if (n > 0 && fstatat(t->parent, witness, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		err_set(err, ERR_INPUT, "%s holds something that is not a published repository",
			t->name);
		return err_hint(err, "move it away; publishing replaces the whole directory");
	}
	return 0;
}

static int
make_fresh(struct arena *a, const struct publish_tree *t, struct err *err)
{
	if (tree_remove(t->parent, t->fresh, err) < 0)
		return err_wrap(err, "left-over %s", t->fresh);
	for (size_t i = 0; i < ARRAY_LEN(tree_dirs); i++) {
		const char *dir = arena_format(a, "%s/%s", t->fresh, tree_dirs[i]);

		if (fd_mkdirs(t->parent, dir, err) < 0)
			return -1;
		if (fchmodat(t->parent, dir, 0755, 0) < 0) /* whatever the umask is */
			return err_sys(err, "%s", dir);
	}
	if (fchmodat(t->parent, t->fresh, 0755, 0) < 0)
		return err_sys(err, "%s", t->fresh);
	return 0;
}

int
publish_tree_lock(struct arena *a, int dirfd, const char *dest, struct publish_tree *out,
		  struct err *err)
{
	if (open_parent(a, dirfd, dest, out, err) < 0 ||
	    lock_parent(a, out->parent, out->name, &out->lock, err) < 0)
		return err_wrap(err, "%s", dest);
	return 0;
}

int
publish_tree_begin(struct arena *a, int dirfd, const char *dest, struct publish_tree *out,
		   struct err *err)
{
	if (publish_tree_lock(a, dirfd, dest, out, err) < 0)
		return -1;
	if (check_replaceable(a, out, err) < 0 || make_fresh(a, out, err) < 0)
		return err_wrap(err, "%s", dest);
	return 0;
}

struct comparison {
	struct dict expected; /* path -> struct publish_file */
	struct dict dirs;     /* the directories that they lie in */
	size_t found;
	bool same;
};

static void
expect(struct comparison *c, struct publish_file *f)
{
	CLEANUP(mem_free) char *dir = mem_strdup(f->path);
	char *slash;

	dict_set(&c->expected, f->path, f);
	while ((slash = strrchr(dir, '/'))) {
		*slash = '\0';
		if (!dict_add(&c->dirs, dir, f))
			return;
	}
}

static bool
entry_is(const struct tree_entry *e, const struct publish_file *f)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest digest;
	struct err ignored;

	return fd_open_beneath(e->dirfd, e->name, O_RDONLY | O_NOFOLLOW, &fd, &ignored) == 0 &&
	       digest_fd(fd, &digest, NULL, &ignored) == 0 && digest_equal(&digest, &f->digest);
}

static int
compare_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	struct comparison *c = arg;
	const struct publish_file *f = dict_get(&c->expected, e->path);

	(void)err;
	if (!c->same)
		return 0;
	if (S_ISDIR(e->st->st_mode)) {
		c->same = dict_has(&c->dirs, e->path);
		return 0;
	}
	c->same = f && S_ISREG(e->st->st_mode) && entry_is(e, f);
	c->found++;
	return 0;
}

/* Every byte is read: a tree that only looks unchanged would stay wrong for ever. Whatever
 * cannot be read counts as different and is written anew. */
bool
publish_tree_is(const struct publish_tree *t, struct publish_file *files, size_t n)
{
	struct comparison c = { .same = true };
	struct err ignored;
	struct stat st;
	bool same;

	if (!exists(t, &st))
		return false;
	for (size_t i = 0; i < n; i++)
		expect(&c, &files[i]);
	same = tree_walk(t->parent, t->name, compare_entry, &c, &ignored) == 0 && c.same &&
	       c.found == n;
	dict_release(&c.expected);
	dict_release(&c.dirs);
	return same;
}

/* The directories of the log are as many as it needs. */
static int
make_parents(int dirfd, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *dir = mem_strdup(path);
	char *slash = strchr(dir, '/');

	while (slash) {
		*slash = '\0';
		if (mkdirat(dirfd, dir, 0755) == 0 && fchmodat(dirfd, dir, 0755, 0) < 0)
			return err_sys(err, "%s", dir); /* whatever the umask is */
		*slash = '/';
		slash = strchr(slash + 1, '/');
	}
	return 0;
}

static int
fill_file(int dirfd, const struct publish_run *run, const struct publish_file *f,
	  struct err *err)
{
	CLEANUP(fd_close) int out = -1;

	if (f->kind == PUBLISH_LOG && make_parents(dirfd, f->path, err) < 0)
		return -1;
	if (fd_create(dirfd, f->path, 0644, &out, err) < 0 ||
	    publish_log_write(run, f, out, err) < 0)
		return err_wrap(err, "%s", f->path);
	if (fchmod(out, 0644) < 0) /* whatever the umask is */
		return err_sys(err, "%s", f->path);
	return fd_close(&out, f->path, err);
}

/* Copies, never links: whoever changes a published file must not change the store. */
int
publish_tree_fill(const struct publish_tree *t, const struct publish_run *run, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;

	if (fd_open_beneath(t->parent, t->fresh, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return -1;
	for (size_t i = 0; i < run->files.n; i++) {
		const struct publish_file *f = &run->files.at[i];

		if (f->kind != PUBLISH_MADE && fill_file(dirfd, run, f, err) < 0)
			return -1;
	}
	return 0;
}

int
publish_tree_exchange(const struct publish_tree *t, struct err *err)
{
	struct stat st;
	unsigned how = exists(t, &st) ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	if (tree_sync(t->parent, t->fresh, err) < 0)
		return -1;
	if (renameat2(t->parent, t->fresh, t->parent, t->name, how) < 0) {
		err_sys(err, "exchange %s with %s", t->fresh, t->name);
		return err_hint(
			err,
			"the file system must support renameat2(RENAME_EXCHANGE): ext4, xfs, btrfs, tmpfs do");
	}
	if (fd_sync_dir(t->parent, ".", err) < 0)
		return -1;
	return publish_tree_drop(t, err);
}

int
publish_tree_drop(const struct publish_tree *t, struct err *err)
{
	return tree_remove(t->parent, t->fresh, err);
}

void
publish_tree_release(struct publish_tree *t)
{
	fd_close_scope(&t->lock);
	fd_close_scope(&t->parent);
	t->lock = t->parent = -1;
}
