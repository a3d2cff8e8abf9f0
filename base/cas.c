/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cas_priv.h"
#include "base/mem.h"
#include "base/tree.h"
#include <pwd.h>
#include <sys/file.h>
#include <sys/random.h>

#define FORMAT_TEXT "1\n"
#define FORMAT_MAX  64
#define STORE_USER  "kiln"

static const char *const store_dirs[] = { "blobs", "locks", "manifests", "quarantine",
					  "refs",  "tmp",   "trees" };

/* Whose store it is, and whether this process may work in it. */
static int
settle_owner(struct cas *c, struct err *err)
{
	struct passwd pw, *found = NULL;
	struct stat st;
	char text[4096];

	if (fstat(c->dirfd, &st) < 0)
		return err_sys(err, "store %s", c->path);
	c->uid = st.st_uid;
	c->gid = st.st_gid;
	if (geteuid() != 0 && geteuid() != st.st_uid) {
		(void)err_set(err, ERR_INPUT, "store %s belongs to uid %u, not to you (uid %u)",
			      c->path, (unsigned)st.st_uid, (unsigned)geteuid());
		return err_hint(err, "name a store of your own with KILN_STORE");
	}
	if (geteuid() != 0 || st.st_uid != 0)
		return 0;
	if (getpwnam_r(STORE_USER, &pw, text, sizeof(text), &found) != 0)
		found = NULL;
	c->uid = found ? pw.pw_uid : CAS_FALLBACK_UID;
	c->gid = found ? pw.pw_gid : CAS_FALLBACK_UID;
	return cas_give(c, c->dirfd, c->path, err);
}

static bool
is_store_dir(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(store_dirs); i++) {
		if (strcmp(name, store_dirs[i]) == 0)
			return true;
	}
	return false;
}

static int
read_format(struct cas *c, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(FORMAT_MAX);

	*found = fd_read_file(c->dirfd, "format", &text, err) == 0;
	if (!*found)
		return err->sys == ENOENT ? 0 : -1;
	if (strcmp(buf_text(&text), FORMAT_TEXT) == 0)
		return 0;
	(void)err_set(err, ERR_INPUT, "%s: not a store of format 1", c->path);
	return err_hint(
		err, "it was made by another version of kiln: use that one, or another store");
}

/* A directory without a format file becomes a store only if nothing foreign is in it. The
 * format file comes last: without it, making begins again. */
static int
make_layout(struct cas *c, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char **names;
	bool found;
	size_t n;

	if (tree_list(&a, c->dirfd, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], "format") == 0) /* another process has just made it */
			return read_format(c, &found, err);
		if (!is_store_dir(names[i]) && strncmp(names[i], ".format.", 8) != 0)
			return err_set(err, ERR_INPUT, "%s: holds '%s' and is no store",
				       c->path, names[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(store_dirs); i++) {
		if (cas_make_dir(c, store_dirs[i], err) < 0)
			return -1;
	}
	if (fd_publish(c->dirfd, "format", FORMAT_TEXT, strlen(FORMAT_TEXT), 0444, err) < 0 ||
	    fd_open_beneath(c->dirfd, "format", O_RDONLY, &fd, err) < 0)
		return -1;
	return cas_give(c, fd, "format", err);
}

int
cas_file(struct cas *c, const char *name, int *fd, struct err *err)
{
	CLEANUP(fd_close) int got = -1;

	if (cas_check_name(name, err) < 0 ||
	    fd_open_beneath(c->dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW, &got, err) < 0 ||
	    cas_give(c, got, name, err) < 0)
		return -1;
	*fd = STEAL_FD(got);
	return 0;
}

static int
check_format(struct cas *c, bool create, struct err *err)
{
	bool found;

	if (read_format(c, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	if (create)
		return make_layout(c, err);
	(void)err_set(err, ERR_INPUT, "%s: no store there", c->path);
	return err_hint(err,
			"run `kiln init` in the workspace, or name a store with KILN_STORE");
}

static int
take_lock(int fd, int how, const char *path, struct err *err)
{
	while (flock(fd, how) < 0) {
		if (errno != EINTR)
			return err_sys(err, "%s: lock", path);
	}
	return 0;
}

/* Whoever collects removes lock files that nobody holds: what was locked must still be what has
 * the name. */
static int
lock_named(struct cas *c, const char *name, int how, int *fd, struct err *err)
{
	char path[CAS_PATH_MAX];

	if (cas_check_name(name, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "locks/%s", name);
	for (;;) {
		CLEANUP(fd_close) int got = -1;
		struct stat ours, named;

		if (fd_open_beneath(c->dirfd, path, O_RDWR | O_CREAT | O_NOFOLLOW, &got, err) <
			    0 ||
		    cas_give(c, got, path, err) < 0 || take_lock(got, how, path, err) < 0)
			return -1;
		if (fstat(got, &ours) < 0)
			return err_sys(err, "%s", path);
		if (fstatat(c->dirfd, path, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
		    named.st_ino != ours.st_ino)
			continue;
		*fd = STEAL_FD(got);
		return 0;
	}
}

int
cas_lock(struct cas *c, const char *name, int *fd, struct err *err)
{
	return lock_named(c, name, LOCK_EX, fd, err);
}

int
cas_lock_try(struct cas *c, const char *name, int *fd, struct err *err)
{
	*fd = -1;
	if (lock_named(c, name, LOCK_EX | LOCK_NB, fd, err) == 0 || err->sys == EWOULDBLOCK)
		return 0;
	return -1;
}

static int
clean_tmp(const struct cas *c, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	char path[CAS_PATH_MAX];
	size_t n;

	if (tree_list(&a, c->dirfd, "tmp", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i]) > CAS_OWNER_LEN && cas_owner_lives(c, names[i]))
			continue;
		(void)snprintf(path, sizeof(path), "tmp/%s", names[i]);
		if (tree_remove(c->dirfd, path, err) < 0)
			return -1;
	}
	return 0;
}

/* Cleaning and signing in happen under one lock, so a lock file is never seen before it is
 * held. */
static int
enter_tmp(struct cas *c, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	unsigned long long salt = 0;
	char path[CAS_PATH_MAX];
	struct stat st;

	if (cas_lock(c, CAS_LOCK_OF_TMP, &lock, err) < 0 || clean_tmp(c, err) < 0)
		return -1;
	if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
		return err_sys(err, "store %s: no random name", c->path);
	(void)snprintf(c->owner, sizeof(c->owner), "%016llx", salt);
	(void)snprintf(path, sizeof(path), "tmp/%s.lock", c->owner);
	if (fd_create(c->dirfd, path, 0600, &c->owner_fd, err) < 0 ||
	    cas_give(c, c->owner_fd, path, err) < 0)
		return -1;
	if (flock(c->owner_fd, LOCK_EX | LOCK_NB) < 0 || fstat(c->owner_fd, &st) < 0)
		return err_sys(err, "%s: lock", path);
	c->start = st.st_mtime;
	return 0;
}

int
cas_open(const char *path, bool create, struct cas **out, struct err *err)
{
	CLEANUP(cas_close) struct cas *c = mem_alloc(sizeof(*c));

	c->dirfd = c->owner_fd = -1;
	c->path = mem_strdup(path);
	c->maker = getpid();
	if (create && fd_mkdirs(AT_FDCWD, path, err) < 0)
		return err_wrap(err, "store");
	if (fd_open_dir(AT_FDCWD, path, &c->dirfd, err) < 0) {
		(void)err_wrap(err, "store");
		return err_hint(
			err,
			"run `kiln init` in the workspace, or name a store with KILN_STORE");
	}
	if (settle_owner(c, err) < 0 || check_format(c, create, err) < 0 ||
	    enter_tmp(c, err) < 0)
		return -1;
	*out = STEAL_PTR(c);
	return 0;
}

int
cas_tmp_file(struct cas *c, char name[64], int *fd, struct err *err)
{
	do {
		(void)snprintf(name, 64, "tmp/%s-%llu", c->owner, c->next++);
		if (fd_create(c->dirfd, name, 0600, fd, err) == 0)
			return cas_give(c, *fd, name, err);
	} while (err->sys == EEXIST); /* a forked child counts from the same number */
	return -1;
}

int
cas_tmp_dir(struct cas *c, char name[64], struct err *err)
{
	CLEANUP(fd_close) int tmp = -1;
	CLEANUP(fd_close) int fd = -1;
	int rc;

	if (fd_open_beneath(c->dirfd, "tmp", O_RDONLY | O_DIRECTORY, &tmp, err) < 0)
		return -1;
	do {
		(void)snprintf(name, 64, "%s-%llu", c->owner, c->next++);
		rc = mkdirat(tmp, name, 0700);
	} while (rc < 0 && errno == EEXIST);
	if (rc < 0)
		return err_sys(err, "store %s: tmp/%s", c->path, name);
	if (fd_open_beneath(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) < 0)
		return err_wrap(err, "tmp");
	return cas_give(c, fd, name, err);
}

void
cas_tmp_drop(struct cas *c, const char *name)
{
	char path[CAS_PATH_MAX];
	struct err ignored;

	(void)snprintf(path, sizeof(path), "tmp/%s", name);
	if (strchr(name, '/') || tree_remove(c->dirfd, path, &ignored) < 0)
		return; /* the next open removes what is left */
}

int
cas_failed(const struct cas *c, struct err *err)
{
	(void)err_wrap(err, "store %s", c->path);
	if (err->sys != ENOSPC && err->sys != EDQUOT)
		return -1;
	return err_hint(err, "free space where the store is (`kiln store gc` may), then run "
			     "this again: what was finished is kept");
}

int
cas_publish(struct cas *c, const char *dir, const char *name, const void *data, size_t n,
	    mode_t mode, struct err *err)
{
	CLEANUP(fd_close) int gate = -1;
	CLEANUP(fd_close) int fd = -1;
	char tmp[64], path[CAS_PATH_MAX];
	int rc;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (cas_tmp_file(c, tmp, &fd, err) < 0)
		return cas_failed(c, err);
	rc = fd_write_all(fd, data, n, err);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = err_sys(err, "chmod");
	/* Else what replaces an old one could go instead of it. */
	if (rc == 0)
		rc = cas_gate(c, LOCK_SH, &gate, err);
	if (rc == 0)
		rc = fd_commit(c->dirfd, fd, tmp, path, err);
	if (rc < 0) {
		(void)unlinkat(c->dirfd, tmp, 0);
		(void)err_wrap(err, "write %s", path);
		return cas_failed(c, err);
	}
	return fd_close(&fd, path, err);
}
