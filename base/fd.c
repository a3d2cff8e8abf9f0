/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>

#define COPY_CHUNK    ((size_t)256 * 1024)
#define READ_FIRST    ((size_t)16 * 1024) /* most of what is read whole is smaller */
#define KERNEL_CHUNK  ((size_t)1 << 30)
#define BENEATH_TRIES 64 /* openat2 asks to try again while a rename races with ".." */
#define TMP_TRIES     32

static int
open_resolved(int dirfd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? 0644 : 0,
		.resolve = resolve,
	};
	long fd = -1;

	for (int i = 0; i < BENEATH_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static int
open_beneath(int dirfd, const char *path, int flags)
{
	return open_resolved(dirfd, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

/* A path that hangs on AT_FDCWD was named by the user; anything else stays beneath its dirfd.
 */
static int
open_any(int dirfd, const char *path, int flags)
{
	int fd;

	if (dirfd != AT_FDCWD)
		return open_beneath(dirfd, path, flags);
	do
		fd = openat(AT_FDCWD, path, flags | O_CLOEXEC, 0644);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int
fd_open_beneath(int dirfd, const char *path, int flags, int *fd, struct err *err)
{
	int got = open_beneath(dirfd, path, flags);

	if (got < 0 && errno == EXDEV)
		return err_set(err, ERR_INPUT, "%s: leads out of its directory", path);
	if (got < 0)
		return err_sys(err, "%s", path);
	*fd = got;
	return 0;
}

int
fd_open_straight(int dirfd, const char *path, int flags, int *fd, struct err *err)
{
	int got = open_resolved(dirfd, path, flags,
				RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);

	if (got < 0 && errno == ELOOP)
		(void)err_set(err, ERR_INPUT, "%s: leads through a symbolic link", path);
	else if (got < 0 && errno == EXDEV)
		(void)err_set(err, ERR_INPUT, "%s: leads out of its directory", path);
	else if (got < 0)
		return err_sys(err, "%s", path);
	if (got < 0)
		return -1;
	*fd = got;
	return 0;
}

int
fd_open(const char *path, int flags, int *fd, struct err *err)
{
	int got = open_any(AT_FDCWD, path, flags);

	if (got < 0)
		return err_sys(err, "%s", path);
	*fd = got;
	return 0;
}

int
fd_open_dir(int dirfd, const char *path, int *fd, struct err *err)
{
	if (dirfd == AT_FDCWD)
		return fd_open(path, O_RDONLY | O_DIRECTORY, fd, err);
	return fd_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, fd, err);
}

/* Opens the directory that holds path; *base points at the last component within path. */
static int
open_parent(int dirfd, const char *path, const char **base, int *fd, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	*base = slash ? slash + 1 : path;
	if (!**base || strcmp(*base, ".") == 0 || strcmp(*base, "..") == 0)
		return err_set(err, ERR_INPUT, "'%s': not the name of a file", path);
	if (!slash)
		return fd_open_dir(dirfd, ".", fd, err);
	if (slash == path)
		return fd_open_dir(dirfd, "/", fd, err);
	if ((size_t)(slash - path) >= sizeof(parent))
		return err_set(err, ERR_LIMIT, "%s: path too long", path);
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return fd_open_dir(dirfd, parent, fd, err);
}

int
fd_create(int dirfd, const char *path, mode_t mode, int *fd, struct err *err)
{
	CLEANUP(fd_close) int parent = -1;
	const char *base;
	int got;

	if (open_parent(dirfd, path, &base, &parent, err) < 0)
		return -1;
	got = openat(parent, base, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode);
	if (got < 0)
		return err_sys(err, "%s", path);
	*fd = got;
	return 0;
}

/* Makes the directory path, whose parents exist. */
static int
make_dir(int dirfd, const char *path, struct err *err)
{
	CLEANUP(fd_close) int parent = -1;
	CLEANUP(fd_close) int made = -1;
	const char *base;

	if (open_parent(dirfd, path, &base, &parent, err) < 0)
		return -1;
	if (mkdirat(parent, base, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "%s", path);
	return fd_open_dir(dirfd, path, &made, err);
}

int
fd_mkdirs(int dirfd, const char *path, struct err *err)
{
	char prefix[PATH_MAX];
	size_t len = strlen(path);
	int there;

	if (len >= sizeof(prefix))
		return err_set(err, ERR_LIMIT, "%s: path too long", path);
	there = open_any(dirfd, path, O_PATH | O_DIRECTORY);
	if (there >= 0)
		return fd_close(&there, path, err);
	for (size_t i = 1; i <= len; i++) {
		if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
			continue;
		memcpy(prefix, path, i);
		prefix[i] = '\0';
		there = open_any(dirfd, prefix, O_PATH | O_DIRECTORY);
		if (there >= 0 ? fd_close(&there, prefix, err) < 0
			       : make_dir(dirfd, prefix, err) < 0)
			return -1;
	}
	return 0;
}

static ssize_t
read_some(int fd, void *data, size_t n)
{
	ssize_t got;

	do
		got = read(fd, data, n);
	while (got < 0 && errno == EINTR);
	return got;
}

int
fd_read_all(int fd, struct buf *out, struct err *err)
{
	for (;;) {
		size_t room = out->max - out->len;
		size_t want =
			KILN_MIN(room, KILN_MAX(READ_FIRST, KILN_MIN(out->len, COPY_CHUNK)));
		char *at = buf_reserve(out, want), spare;
		ssize_t n = want ? read_some(fd, at, want) : read_some(fd, &spare, 1);

		if (n < 0)
			return err_sys(err, "read");
		if (n > 0 && !want)
			return err_set(err, ERR_LIMIT, "larger than %zu bytes", out->max);
		if (at)
			at[want ? n : 0] = '\0';
		if (n == 0)
			return 0;
		out->len += (size_t)n;
	}
}

int
fd_read_file(int dirfd, const char *path, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = open_any(dirfd, path, O_RDONLY | O_NOCTTY);

	if (fd < 0)
		return err_sys(err, "%s", path);
	if (fd_read_all(fd, out, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

int
fd_open_plain(int dirfd, const char *path, int *fd, uint64_t *size, struct err *err)
{
	CLEANUP(fd_close) int got = -1;
	struct stat st;

	if (fd_open_straight(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &got, err) < 0)
		return -1;
	if (fstat(got, &st) < 0)
		return err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_VERIFY, "%s is not a regular file", path);
	if (size)
		*size = (uint64_t)st.st_size;
	*fd = STEAL_FD(got);
	return 0;
}

int
fd_read_plain(int dirfd, const char *path, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_plain(dirfd, path, &fd, NULL, err) < 0)
		return -1;
	return fd_read_all(fd, out, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

int
fd_write_all(int fd, const void *data, size_t n, struct err *err)
{
	const char *at = data;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(err, "write");
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Copies up to max bytes inside the kernel; 1 when the rest must be read and written. */
static int
copy_in_kernel(int in, int out, uint64_t max, uint64_t *n, struct err *err)
{
	while (*n < max) {
		ssize_t done = copy_file_range(in, NULL, out, NULL,
					       (size_t)KILN_MIN(max - *n, KERNEL_CHUNK), 0);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT))
			return err_sys(err, "copy");
		if (done <= 0) /* other systems' files, pipes, /proc: reading will tell */
			return 1;
		*n += (uint64_t)done;
	}
	return 1;
}

int
fd_copy(int in, int out, uint64_t max, uint64_t *n, struct err *err)
{
	CLEANUP(mem_free) char *chunk = NULL;
	uint64_t total = 0;
	ssize_t got;

	if (copy_in_kernel(in, out, max, &total, err) < 0)
		return -1;
	chunk = mem_room(COPY_CHUNK);
	while ((got = read_some(in, chunk, COPY_CHUNK)) > 0) {
		if ((uint64_t)got > max - total)
			return err_set(err, ERR_LIMIT, "larger than %llu bytes",
				       (unsigned long long)max);
		if (fd_write_all(out, chunk, (size_t)got, err) < 0)
			return -1;
		total += (uint64_t)got;
	}
	if (got < 0)
		return err_sys(err, "read");
	if (n)
		*n = total;
	return 0;
}

int
fd_tmp(int dirfd, const char *path, char name[FD_TMP_MAX], int *fd, struct err *err)
{
	CLEANUP(fd_close) int parent = -1;
	const char *base;

	if (open_parent(dirfd, path, &base, &parent, err) < 0)
		return -1;
	for (int i = 0; i < TMP_TRIES; i++) {
		unsigned long long salt = 0;
		int got, len;

		if (getrandom(&salt, sizeof(salt), 0) != (ssize_t)sizeof(salt))
			return err_sys(err, "%s: no random name", path);
		len = snprintf(name, FD_TMP_MAX, "%.*s.%.32s.%016llx", (int)(base - path), path,
			       base, salt);
		if (len < 0 || len >= FD_TMP_MAX)
			return err_set(err, ERR_LIMIT, "%s: path too long", path);
		got = openat(parent, name + (base - path),
			     O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (got >= 0) {
			*fd = got;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, "%s: temporary file", path);
}

int
fd_commit(int dirfd, int fd, const char *tmp, const char *path, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	const char *old, *new;

	if (open_parent(dirfd, tmp, &old, &from, err) < 0 ||
	    open_parent(dirfd, path, &new, &to, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(err, "%s: fsync", path);
	if (renameat(from, old, to, new) < 0)
		return err_sys(err, "%s: rename", path);
	if (fsync(to) < 0)
		return err_sys(err, "%s: fsync of its directory", path);
	return 0;
}

int
fd_publish(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
	   struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char tmp[FD_TMP_MAX];
	int rc;

	if (fd_tmp(dirfd, path, tmp, &fd, err) < 0)
		return -1;
	rc = fd_write_all(fd, data, n, err);
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = err_sys(err, "chmod");
	if (rc == 0)
		rc = fd_commit(dirfd, fd, tmp, path, err);
	if (rc < 0) {
		(void)unlinkat(dirfd, tmp, 0);
		return err_wrap(err, "write %s", path);
	}
	return fd_close(&fd, path, err);
}

int
fd_sync_dir(int dirfd, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_dir(dirfd, path, &fd, err) < 0)
		return -1;
	if (fsync(fd) < 0)
		return err_sys(err, "%s: fsync", path);
	return 0;
}

int
fd_close(int *fd, const char *what, struct err *err)
{
	int rc = close(*fd);

	*fd = -1;
	if (rc < 0 && errno != EINTR) /* on Linux the descriptor is gone after EINTR, too */
		return err_sys(err, "%s: close", what);
	return 0;
}

int
fd_memory(const char *what, int *fd, struct err *err)
{
	int got = memfd_create(what, MFD_CLOEXEC);

	if (got < 0)
		return err_sys(err, "%s: memory file", what);
	*fd = got;
	return 0;
}
