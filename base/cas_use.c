/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who relies on what, so that a collection may run beside builds (cas_gc.h).
 *
 * The mark of use is the time of modification of a blob, a reference, or a tree's manifest.
 * What a process makes is new, and so marked; what it finds and is going to rely on it marks
 * itself, unless the mark there is younger than CAS_FRESH_S. Collecting keeps what was marked
 * later than CAS_FRESH_S before the oldest process opened the store that still has it open, and
 * all that such a reference names; so whatever anybody relies on stays.
 *
 * The one moment left is between marking and removing. Marking happens under a shared lock of
 * the gate, and removal looks at the mark again under the exclusive one, batch by batch: either
 * the mark is seen, or what was to be marked is seen to be gone, which is a miss like any
 * other.
 */
#include "base/cas_priv.h"
#include "base/clock.h"
#include "base/tree.h"
#include <sys/file.h>

#define GATE_PATH "locks/" CAS_GATE

/* Opened each time: a lock belongs to the open file, which forked children would share. */
int
cas_gate(const struct cas *c, int how, int *fd, struct err *err)
{
	CLEANUP(fd_close) int got = -1;

	if (fd_open_beneath(c->dirfd, GATE_PATH, O_RDWR | O_CREAT | O_NOFOLLOW, &got, err) <
		    0 ||
	    cas_give(c, got, GATE_PATH, err) < 0)
		return -1;
	while (flock(got, how) < 0) {
		if (errno != EINTR)
			return err_sys(err, "%s: lock", GATE_PATH);
	}
	*fd = STEAL_FD(got);
	return 0;
}

/* What cannot be marked because the store cannot be written, nobody can collect either. */
bool
cas_use(const struct cas *c, const char *path, mode_t type)
{
	CLEANUP(fd_close) int gate = -1;
	/* Never before our own start, should the clock have been set back. */
	int64_t now = KILN_MAX(clock_wall(), c->start);
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = now } };
	struct err ignored;
	struct stat st;

	if (fstatat(c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (st.st_mode & S_IFMT) != type)
		return false;
	if (st.st_mtime >= now - CAS_FRESH_S)
		return true;
	if (cas_gate(c, LOCK_SH, &gate, &ignored) < 0)
		return true;
	return utimensat(c->dirfd, path, t, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

bool
cas_owner_lives(const struct cas *c, const char *name)
{
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX];
	struct err ignored;

	(void)snprintf(path, sizeof(path), "tmp/%.*s.lock", CAS_OWNER_LEN, name);
	if (fd_open_beneath(c->dirfd, path, O_RDWR | O_NOFOLLOW, &fd, &ignored) < 0)
		return false; /* no lock, no owner */
	return flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int
cas_oldest_user(struct cas *c, int64_t *start, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int lock = -1;
	const char **names;
	size_t n;

	*start = INT64_MAX;
	if (cas_lock(c, CAS_LOCK_OF_TMP, &lock, err) < 0 ||
	    tree_list(&a, c->dirfd, "tmp", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = arena_format(&a, "tmp/%s", names[i]);
		struct stat st;

		if (strlen(names[i]) != CAS_OWNER_LEN + strlen(".lock") ||
		    strcmp(names[i] + CAS_OWNER_LEN, ".lock") != 0 ||
		    strncmp(names[i], c->owner, CAS_OWNER_LEN) == 0 ||
		    fstatat(c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !cas_owner_lives(c, names[i]))
			continue;
		*start = KILN_MIN(*start, (int64_t)st.st_mtime);
	}
	return 0;
}
