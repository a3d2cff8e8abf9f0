/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal, in an order in which a crash at any moment leaves a store that is only less tidy:
 *
 * 1. references, and their directories synced: nothing speaks of what goes next
 * 2. trees: each moved into tmp/ with one rename, never half a tree under its name; then
 *    trees/ synced, then their manifests, then what is in tmp/
 * 3. blobs
 * 4. files in locks/ that nobody holds
 *
 * Each of 1, 2 and, shelf by shelf, 3 happens under the exclusive gate (cas_use.c): whatever
 * was marked as used since stock was taken stays, a reference with all that it names.
 */
#include "base/cas_gc_priv.h"
#include "base/dict.h"
#include "base/tree.h"

static void
tell(struct cas_gc *g, const struct cas_gc_object *o, struct cas_gc_report *out)
{
	char path[CAS_PATH_MAX];

	out->gone_objects++;
	out->gone_bytes += o->bytes;
	if (!g->o->gone)
		return;
	cas_gc_path(o, path);
	g->o->gone(g->o->arg, path, o->bytes);
}

/* Somebody has begun to rely on it, or it has gone by other hands. */
static int
spare(struct cas_gc *g, size_t i, struct cas_gc_report *out, struct err *err)
{
	int64_t when = 0;

	if (!cas_gc_used(g, &g->at.at[i], &when))
		g->at.at[i].kept = true;
	if (g->at.at[i].kept || when == g->at.at[i].mtime)
		return 0;
	out->spared++;
	return cas_gc_keep(g, i, err);
}

static int
spare_all(struct cas_gc *g, enum cas_gc_kind kind, struct cas_gc_report *out, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (!o->kept && o->kind == kind && spare(g, i, out, err) < 0)
			return -1;
	}
	return 0;
}

static int
remove_refs(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int gate = -1;
	char path[CAS_PATH_MAX];
	const char **kinds;
	size_t n;

	if (cas_gate(g->c, LOCK_EX, &gate, err) < 0 || spare_all(g, CAS_GC_REF, out, err) < 0)
		return -1;
	for (size_t i = 0; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_REF)
			continue;
		cas_gc_path(o, path);
		if (unlinkat(g->c->dirfd, path, 0) < 0)
			return err_sys(err, "remove %s", path);
		tell(g, o, out);
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

/* Those of the trees that went, and of trees that never came: a crash between the two. A young
 * one may be waiting for its tree. */
static int
remove_manifests(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char path[CAS_PATH_MAX];
	const char **names;
	struct stat st;
	size_t n;

	if (tree_list(&a, g->c->dirfd, "manifests", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "trees/%.*s", CAS_NAME_MAX, names[i]);
		if (faccessat(g->c->dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		(void)snprintf(path, sizeof(path), "manifests/%.*s", CAS_NAME_MAX, names[i]);
		if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_mtime >= g->oldest)
			continue;
		if (unlinkat(g->c->dirfd, path, 0) < 0)
			return err_sys(err, "remove %s", path);
	}
	return 0;
}

/* What was pinned since, too, stays; until this is done nobody can pin. */
static int
spare_pinned(struct cas_gc *g, struct cas_gc_report *out, int *hold, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict pinned = { 0 };

	if (cas_pinned(&a, g->c, &pinned, hold, err) < 0)
		return -1;
	for (size_t i = 0; i < g->at.n; i++) {
		struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_TREE || !dict_has(&pinned, o->name))
			continue;
		o->kept = true;
		out->spared++;
	}
	return 0;
}

static int
move_trees(struct cas_gc *g, const char *tmp, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(fd_close) int gate = -1;
	CLEANUP(fd_close) int hold = -1;
	char from[CAS_PATH_MAX], to[CAS_PATH_MAX];

	if (cas_gate(g->c, LOCK_EX, &gate, err) < 0 || spare_pinned(g, out, &hold, err) < 0 ||
	    spare_all(g, CAS_GC_TREE, out, err) < 0)
		return -1;
	for (size_t i = 0; i < g->at.n; i++) {
		const struct cas_gc_object *o = &g->at.at[i];

		if (o->kept || o->kind != CAS_GC_TREE)
			continue;
		cas_gc_path(o, from);
		(void)snprintf(to, sizeof(to), "tmp/%s/%zu", tmp, i);
		if (move_out(g, from, to, err) < 0)
			return -1;
		tell(g, o, out);
	}
	if (fd_sync_dir(g->c->dirfd, "trees", err) < 0)
		return -1;
	return remove_manifests(g, err);
}

static int
remove_trees(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	char tmp[64];
	int rc;

	if (cas_tmp_dir(g->c, tmp, err) < 0)
		return -1;
	rc = move_trees(g, tmp, out, err);
	cas_tmp_drop(g->c, tmp);
	return rc;
}

/* The blobs at[i] to at[end - 1], all of one shelf. */
static int
clear_shelf(struct cas_gc *g, size_t i, size_t end, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(fd_close) int gate = -1;
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX], shelf[CAS_PATH_MAX];

	cas_gc_path(&g->at.at[i], path);
	(void)snprintf(shelf, sizeof(shelf), "%.8s", path);
	if (cas_gate(g->c, LOCK_EX, &gate, err) < 0 ||
	    fd_open_beneath(g->c->dirfd, shelf, O_RDONLY | O_DIRECTORY, &fd, err) < 0)
		return -1;
	for (; i < end; i++) {
		struct cas_gc_object *o = &g->at.at[i];
		const char *name = path + strlen("blobs/ab/");
		struct stat st;

		if (o->kept || o->kind != CAS_GC_BLOB)
			continue;
		cas_gc_path(o, path);
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (st.st_mtime != o->mtime) {
			o->kept = true;
			out->spared++;
			continue;
		}
		if (unlinkat(fd, name, 0) < 0)
			return err_sys(err, "remove %s", path);
		tell(g, o, out);
	}
	return 0;
}

/* Sorted by digest, so the blobs of a shelf come together. */
static int
remove_blobs(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	for (size_t i = g->first, end; i < g->at.n; i = end) {
		size_t found = g->at.n;

		for (end = i; end < g->at.n &&
			      g->at.at[end].digest.bytes[0] == g->at.at[i].digest.bytes[0];
		     end++) {
			if (found == g->at.n && !g->at.at[end].kept &&
			    g->at.at[end].kind == CAS_GC_BLOB)
				found = end;
		}
		if (found < g->at.n && clear_shelf(g, found, end, out, err) < 0)
			return -1;
	}
	return 0;
}

/* What is held stays; who opened a file that is then removed finds out (cas_lock). */
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

		if (strcmp(names[i], CAS_GATE) == 0)
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
	for (size_t i = 0; g->o->dry_run && i < g->at.n; i++) {
		if (!g->at.at[i].kept)
			tell(g, &g->at.at[i], out);
	}
	if (!g->o->dry_run && (remove_refs(g, out, err) < 0 || remove_trees(g, out, err) < 0 ||
			       remove_blobs(g, out, err) < 0))
		return -1;
	return each_lock(g, true, &out->locks, err);
}
