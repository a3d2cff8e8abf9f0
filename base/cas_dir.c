/* SPDX-License-Identifier: Apache-2.0 */
/* A store as a directory that belongs to somebody. Who needs no more links no more. */
#include "base/cas_priv.h"
#include "base/mem.h"

int
cas_adopt(int dirfd, struct cas **out, struct err *err)
{
	struct cas *c = mem_alloc(sizeof(*c));
	struct stat st;

	if (fstat(dirfd, &st) < 0) {
		free(c);
		return err_sys(err, "looking at the store");
	}
	c->dirfd = dirfd;
	c->owner_fd = -1;
	c->path = mem_strdup("of this build");
	c->uid = st.st_uid;
	c->gid = st.st_gid;
	*out = c;
	return 0;
}

void
cas_close(struct cas *c)
{
	char path[CAS_PATH_MAX];

	if (!c)
		return;
	if (c->owner_fd >= 0 && c->maker == getpid()) {
		(void)snprintf(path, sizeof(path), "tmp/%s.lock", c->owner);
		(void)unlinkat(c->dirfd, path, 0);
	}
	if (c->owner_fd >= 0)
		close(c->owner_fd);
	if (c->dirfd >= 0)
		close(c->dirfd);
	free(c->path);
	free(c);
}

int
cas_dirfd(const struct cas *c)
{
	return c->dirfd;
}

uid_t
cas_uid(const struct cas *c)
{
	return c->uid;
}

const char *
cas_path(const struct cas *c)
{
	return c->path;
}

int
cas_give(const struct cas *c, int fd, const char *what, struct err *err)
{
	if (geteuid() == 0 && fchown(fd, c->uid, c->gid) < 0)
		return err_sys(err, "%s: give to uid %u", what, (unsigned)c->uid);
	return 0;
}

int
cas_make_dir(const struct cas *c, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_mkdirs(c->dirfd, path, err) < 0 ||
	    fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	return cas_give(c, fd, path, err);
}

int
cas_check_name(const char *name, struct err *err)
{
	size_t len = strnlen(name, CAS_NAME_MAX + 1);

	if (len == 0 || len > CAS_NAME_MAX || name[0] == '.')
		return err_set(err, ERR_INPUT, "'%.64s': not a name for the store", name);
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return err_set(err, ERR_INPUT, "'%s': not a name for the store", name);
	}
	return 0;
}
