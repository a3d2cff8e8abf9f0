/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failed/RECIPE holds /build and /tmp of the recipe's last failure, for `kiln shell --failed`,
 * and may be the largest thing in a store. It is wanted as long as that failure is how the
 * recipe stands: until it was built since, or no workspace has it any more. refs/failed/RECIPE
 * is the note of it, which goes when no workspace has the recipe.
 */
#include "base/tree.h"
#include "builder/gc_priv.h"
#include <fcntl.h>

#define FAILED_DIR   "failed"
#define FAILED_NOTES "refs/failed"
#define FAILED_PATH  300
#define BLOCK_BYTES  512 /* unit of st_blocks */
#define NS_IN_SECOND ((int64_t)1000000000)

static int
add_room(void *arg, const struct tree_entry *e, struct err *err)
{
	uint64_t *bytes = arg;

	(void)err;
	*bytes += (uint64_t)e->st->st_blocks * BLOCK_BYTES;
	return 0;
}

static bool
is_wanted(const struct gc_failed *f, const char *recipe, const struct stat *st)
{
	int64_t built = cas_ref_born(f->store, "last", recipe);
	int64_t failed = (int64_t)st->st_mtim.tv_sec * NS_IN_SECOND + st->st_mtim.tv_nsec;

	return st->st_mtime >= f->before || (dict_has(f->recipes, recipe) && built <= failed);
}

static void
tell(const struct gc_failed *f, const char *path, uint64_t bytes, struct cas_gc_report *out)
{
	out->gone_objects++;
	out->gone_bytes += bytes;
	if (f->gone)
		f->gone(f->arg, path, bytes);
}

/* A collection keeps the notes that it does not know, and has counted them. */
static int
drop_notes(const struct gc_failed *f, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const int dirfd = cas_dirfd(f->store);
	const char **names;
	struct stat st;
	size_t n;

	if (tree_list(&a, dirfd, FAILED_NOTES, &names, &n, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	for (size_t i = 0; i < n; i++) {
		char path[FAILED_PATH];

		(void)snprintf(path, sizeof(path), FAILED_NOTES "/%s", names[i]);
		if (dict_has(f->recipes, names[i]) ||
		    fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    st.st_mtime >= f->before)
			continue;
		if (!f->dry_run && unlinkat(dirfd, path, 0) < 0)
			return err_sys(err, "remove %s", path);
		tell(f, path, (uint64_t)st.st_blocks * BLOCK_BYTES, out);
	}
	return 0;
}

int
gc_failed_run(const struct gc_failed *f, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const int dirfd = cas_dirfd(f->store);
	const char **names;
	struct stat st;
	size_t n;

	if (drop_notes(f, out, err) < 0)
		return -1;
	if (faccessat(dirfd, FAILED_DIR, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0; /* nothing ever failed here */
	if (tree_list(&a, dirfd, FAILED_DIR, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char path[FAILED_PATH];
		uint64_t bytes = 0;

		(void)snprintf(path, sizeof(path), FAILED_DIR "/%s", names[i]);
		if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    tree_walk(dirfd, path, add_room, &bytes, err) < 0)
			continue; /* another failure takes its place just now */
		out->objects++;
		out->bytes += bytes;
		if (is_wanted(f, names[i], &st))
			continue;
		if (!f->dry_run && tree_remove(dirfd, path, err) < 0)
			return -1;
		tell(f, path, bytes, out);
	}
	return 0;
}

int
gc_failed_room(const struct cas *store, uint64_t *bytes, struct err *err)
{
	const int dirfd = cas_dirfd(store);
	struct err changing;

	*bytes = 0;
	if (faccessat(dirfd, FAILED_DIR, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, FAILED_DIR);
	/* A failure that takes the place of another just now is counted by the next who asks.
	 */
	(void)!tree_walk(dirfd, FAILED_DIR, add_room, bytes, &changing);
	return 0;
}
