/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directory trees by dirfd: walked in sorted order (strcmp of names, parents before children),
 * never following a link, bounded in depth and count. The only caller of readdir.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#define TREE_MAX_DEPTH   256
#define TREE_MAX_ENTRIES 4000000

struct tree_entry {
	int dirfd;             /* of the directory that holds it; valid during the call only */
	const char *name;      /* one component */
	const char *path;      /* from the walk's root, "usr/bin/x"; "" for the root itself */
	const struct stat *st; /* lstat */
};
typedef int tree_visit_fn(void *arg, const struct tree_entry *e, struct err *err);

/* Calls visit for every entry under dirfd/path (not for the root itself), directories before
 * what they hold. Stops at the first -1. */
int tree_walk(int dirfd, const char *path, tree_visit_fn *visit, void *arg,
	      struct err *err) MUST_CHECK;
/* Sorted names of one directory, allocated in the arena. */
int tree_list(struct arena *a, int dirfd, const char *path, const char ***names, size_t *n,
	      struct err *err) MUST_CHECK;
/* Removes dirfd/path and all below it; unreadable directories are made readable first. Missing
 * is success. Races with nobody: callers own the tree. */
int tree_remove(int dirfd, const char *path, struct err *err) MUST_CHECK;
/* The same of what is below it; the directory stays. */
int tree_clear(int dirfd, const char *path, struct err *err) MUST_CHECK;
/* Copies a tree: types, modes, links, contents; times set to mtime if >= 0. */
int tree_copy(int from_dirfd, const char *from, int to_dirfd, const char *to, int64_t mtime,
	      struct err *err) MUST_CHECK;
/* fsyncs every file and directory below dirfd/path (syncfs where that is cheaper). */
int tree_sync(int dirfd, const char *path, struct err *err) MUST_CHECK;
