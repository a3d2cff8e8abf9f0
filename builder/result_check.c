/* SPDX-License-Identifier: Apache-2.0 */
/* Results against the blobs they name. */
#include "base/fd.h"
#include "base/tree.h"
#include "builder/result.h"

#define RESULT_PATH_MAX 300

static bool
is_whole(const struct cas *store, const char *name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct result r = { 0 };
	struct err ignored;
	struct digest key;
	bool found = false;

	return digest_parse(name, &key) &&
	       result_load(&a, store, name, &r, &found, &ignored) == 0 && found;
}

int
result_check(struct cas *store, bool repair, void (*bad)(void *, const char *), void *arg,
	     uint64_t *n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;
	const char **names;
	size_t nnames;

	*n = 0;
	if (cas_lock(store, CAS_LOCK_OF_GC, &lock, err) < 0)
		return -1;
	if (faccessat(cas_dirfd(store), "refs/action", F_OK, 0) < 0)
		return 0; /* nothing was built yet */
	if (tree_list(&a, cas_dirfd(store), "refs/action", &names, &nnames, err) < 0)
		return -1;
	for (size_t i = 0; i < nnames; i++) {
		char path[RESULT_PATH_MAX];

		if (is_whole(store, names[i]))
			continue;
		(void)snprintf(path, sizeof(path), "refs/action/%s", names[i]);
		++*n;
		if (bad)
			bad(arg, path);
		if (repair && unlinkat(cas_dirfd(store), path, 0) < 0 && errno != ENOENT)
			return err_sys(err, "remove %s", path);
	}
	return repair && *n ? fd_sync_dir(cas_dirfd(store), "refs/action", err) : 0;
}
