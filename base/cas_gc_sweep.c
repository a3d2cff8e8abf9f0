/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal, in an order in which a crash at any moment leaves a store that is only less tidy:
 *
 * 1. references, and their directories synced: nothing speaks of what goes next
 * 2. trees: each moved into tmp/ with one rename, never half a tree under its name; then
 *    trees/ synced, then their manifests, then what is in tmp/
 * 3. blobs
 * 4. files in locks/ that nobody holds
 */
#include "base/cas_gc_priv.h"
#include "base/tree.h"
#include <sys/file.h>

static void
tell(struct cas_gc *g, const struct cas_gc_object *o, struct cas_gc_report *out)
{
	char path[CAS_PATH_MAX];

	out->gone_objects++;
	out->gone_bytes += o->bytes;
	cas_gc_path(o, path);
	if (g->o->gone)
		g->o->gone(g->o->arg, path, o->bytes);
}

static int
remove_refs(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char path[CAS_PATH_MAX];
	const char **kinds;
	size_t n;

	for (size_t i = 0; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_REF)
			continue;
		cas_gc_path(o, path);
		if (unlinkat(g->c->dirfd, path, 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove %s", path);
	}
	if (tree_list(&a, g->c->dirfd, "refs", &kinds, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "refs/%.*s", CAS_NAME_MAX, kinds[i]);
		if (fd_sync_dir(g->c->dirfd, path, err) < 0)
			return -1;
	}
	return 0;
}

/* A directory whose ".." changes must be writable. */
static int
move_out(struct cas_gc *g, const char *from, const char *to, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(g->c->dirfd, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) <
	    0)
		return -1;
	if (fchmod(fd, 0755) < 0 || renameat(g->c->dirfd, from, g->c->dirfd, to) < 0)
		return err_sys(err, "remove %s", from);
	return 0;
}

/* Those of the trees that went, and of trees that never came: a crash between the two. Held
 * alone, nobody is just there. */
static int
remove_manifests(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char path[CAS_PATH_MAX];
	const char **names;
	size_t n;

	if (tree_list(&a, g->c->dirfd, "manifests", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "trees/%.*s", CAS_NAME_MAX, names[i]);
		if (faccessat(g->c->dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "manifests/%.*s", CAS_NAME_MAX, names[i]);
		if (unlinkat(g->c->dirfd, path, 0) < 0)
			return err_sys(err, "remove %s", path);
	}
	return 0;
}

static int
remove_trees(struct cas_gc *g, struct err *err)
{
	char tmp[64], from[CAS_PATH_MAX], to[CAS_PATH_MAX];
	int rc = 0;

	if (cas_tmp_dir(g->c, tmp, err) < 0)
		return -1;
	for (size_t i = 0; i < g->at.n && rc == 0; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_TREE)
			continue;
		cas_gc_path(o, from);
		(void)snprintf(to, sizeof(to), "tmp/%s/%zu", tmp, i);
		rc = move_out(g, from, to, err);
	}
	if (rc == 0)
		rc = fd_sync_dir(g->c->dirfd, "trees", err);
	if (rc == 0)
		rc = remove_manifests(g, err);
	cas_tmp_drop(g->c, tmp);
	return rc;
}

/* Sorted by digest, so the blobs of a shelf come together and it is opened once. */
static int
remove_blobs(struct cas_gc *g, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX], shelf[CAS_PATH_MAX] = "";

	for (size_t i = g->first; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_BLOB)
			continue;
		cas_gc_path(o, path);
		if (strncmp(path, shelf, strlen("blobs/ab")) != 0) {
			if (fd >= 0)
				close(STEAL_FD(fd));
			(void)snprintf(shelf, sizeof(shelf), "%.8s", path);
			if (fd_open_beneath(g->c->dirfd, shelf, O_RDONLY | O_DIRECTORY, &fd,
					    err) < 0)
				return -1;
		}
		if (unlinkat(fd, path + strlen("blobs/ab/"), 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove %s", path);
	}
	return 0;
}

/* Under the exclusive lock nobody can be between opening such a file and locking it; what is
 * held all the same belongs to a process that outlived its store, and stays. */
static int
each_lock(struct cas_gc *g, bool removing, uint64_t *n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	size_t nnames;

	if (tree_list(&a, g->c->dirfd, "locks", &names, &nnames, err) < 0)
		return -1;
	for (size_t i = 0; i < nnames; i++) {
		CLEANUP(fd_close) int fd = -1;
		char path[CAS_PATH_MAX];

		if (strcmp(names[i], CAS_LOCK_OF_USERS) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "locks/%.*s", CAS_NAME_MAX, names[i]);
		if (fd_open_beneath(g->c->dirfd, path, O_RDWR | O_NOFOLLOW, &fd, err) < 0) {
			if (err->sys == ENOENT)
				continue;
			return -1;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (!removing && cas_gc_root(g, names[i], strlen(names[i]), err) < 0)
				return -1;
			continue;
		}
		*n += removing;
		if (removing && !g->o->dry_run && unlinkat(g->c->dirfd, path, 0) < 0)
			return err_sys(err, "remove %s", path);
	}
	return 0;
}

int
cas_gc_keep_locked(struct cas_gc *g, struct err *err)
{
	uint64_t none = 0;

	return each_lock(g, false, &none, err);
}

int
cas_gc_sweep(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		if (!g->at.at[i].kept)
			tell(g, &g->at.at[i], out);
	}
	if (!g->o->dry_run &&
	    (remove_refs(g, err) < 0 || remove_trees(g, err) < 0 || remove_blobs(g, err) < 0))
		return -1;
	return each_lock(g, true, &out->locks, err);
}
