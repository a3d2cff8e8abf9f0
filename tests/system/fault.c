/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that fails, for LD_PRELOAD: of all calls that change what lies below FAULT_DIR,
 * opening a file that is made by it included, counted over all processes in the file
 * FAULT_COUNT (8 bytes), the FAULT_AT-th fails with FAULT_ERRNO, and with FAULT_ON=1 each one
 * after it. A write that fails has written half. FAULT_AT=0 only counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic long *count;
static long at;
static int fault, on;
static char dir[4096];
static size_t ndir;

__attribute__((constructor)) static void
begin(void)
{
	const char *file = getenv("FAULT_COUNT"), *d = getenv("FAULT_DIR"),
		   *n = getenv("FAULT_AT");
	const char *e = getenv("FAULT_ERRNO"), *o = getenv("FAULT_ON");
	int fd = file ? open(file, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0 || !d)
		return;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	ndir = (size_t)snprintf(dir, sizeof(dir), "%s", d);
	at = n ? atol(n) : 0;
	fault = e ? atoi(e) : EIO;
	on = o && *o == '1';
	count = p;
}

static int
is_below(int fd)
{
	char link[64], path[4096];
	ssize_t n;
	int saved = errno;

	if (!count)
		return 0;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	errno = saved;
	if (n < (ssize_t)ndir || strncmp(path, dir, ndir) != 0)
		return 0;
	path[n] = '\0';
	return path[ndir] == '\0' || path[ndir] == '/';
}

static int
strike(void)
{
	long n = atomic_fetch_add(count, 1) + 1;

	if (at == 0 || (n != at && !(on && n > at)))
		return 0;
	errno = fault;
	return 1;
}

static int
is_struck(int fd)
{
	return is_below(fd) && strike();
}

/* Of a path from fd on; AT_FDCWD is never in the store. */
static int
is_path_struck(int fd, const char *path)
{
	if (path[0] != '/')
		return fd != AT_FDCWD && is_struck(fd);
	return count && strncmp(path, dir, ndir) == 0 &&
	       (path[ndir] == '/' || path[ndir] == '\0') && strike();
}

/* What is there already is opened whatever the disk says. */
static int
is_making_struck(int fd, const char *path, int flags)
{
	int saved = errno;

	if (!(flags & O_CREAT) || !count || faccessat(fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	errno = saved;
	return is_path_struck(fd, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t
write(int fd, const void *data, size_t n)
{
	if (!is_struck(fd))
		return REAL(write)(fd, data, n);
	if (n > 1)
		(void)!REAL(write)(fd, data, n / 2);
	errno = fault;
	return -1;
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t where)
{
	return is_struck(fd) ? -1 : REAL(pwrite64)(fd, data, n, where);
}

ssize_t
pwrite(int fd, const void *data, size_t n, off_t where)
{
	return is_struck(fd) ? -1 : REAL(pwrite)(fd, data, n, where);
}

ssize_t
copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags)
{
	return is_struck(out) ? -1 : REAL(copy_file_range)(in, from, out, to, n, flags);
}

int
fsync(int fd)
{
	return is_struck(fd) ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	return is_struck(fd) ? -1 : REAL(fdatasync)(fd);
}

int
syncfs(int fd)
{
	return is_struck(fd) ? -1 : REAL(syncfs)(fd);
}

int
ftruncate(int fd, off_t n)
{
	return is_struck(fd) ? -1 : REAL(ftruncate)(fd, n);
}

int
ftruncate64(int fd, off64_t n)
{
	return is_struck(fd) ? -1 : REAL(ftruncate64)(fd, n);
}

int
linkat(int a, const char *from, int b, const char *to, int flags)
{
	return is_struck(b) ? -1 : REAL(linkat)(a, from, b, to, flags);
}

int
renameat(int a, const char *from, int b, const char *to)
{
	return is_struck(b) ? -1 : REAL(renameat)(a, from, b, to);
}

int
mkdirat(int fd, const char *path, mode_t mode)
{
	return is_struck(fd) ? -1 : REAL(mkdirat)(fd, path, mode);
}

int
symlinkat(const char *target, int fd, const char *path)
{
	return is_struck(fd) ? -1 : REAL(symlinkat)(target, fd, path);
}

int
fchmod(int fd, mode_t mode)
{
	return is_struck(fd) ? -1 : REAL(fchmod)(fd, mode);
}

int
unlinkat(int fd, const char *path, int flags)
{
	/* A full disk still lets go of what it holds. */
	if (fault == ENOSPC)
		return REAL(unlinkat)(fd, path, flags);
	return is_struck(fd) ? -1 : REAL(unlinkat)(fd, path, flags);
}

int
mkdir(const char *path, mode_t mode)
{
	return is_path_struck(AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode);
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	return is_struck(b) ? -1 : REAL(renameat2)(a, from, b, to, flags);
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	return is_struck(fd) ? -1 : REAL(fchown)(fd, uid, gid);
}

int
fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags)
{
	return is_path_struck(fd, path) ? -1 : REAL(fchownat)(fd, path, uid, gid, flags);
}

int
futimens(int fd, const struct timespec times[2])
{
	return is_struck(fd) ? -1 : REAL(futimens)(fd, times);
}

int
utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
	return is_path_struck(fd, path) ? -1 : REAL(utimensat)(fd, path, times, flags);
}

ssize_t
sendfile(int out, int in, off_t *from, size_t n)
{
	return is_struck(out) ? -1 : REAL(sendfile)(out, in, from, n);
}

ssize_t
sendfile64(int out, int in, off64_t *from, size_t n)
{
	return is_struck(out) ? -1 : REAL(sendfile64)(out, in, from, n);
}

static mode_t
mode_of(int flags, va_list more)
{
	return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(more, mode_t) : 0;
}

/* The four spellings of opening by name. */
#define OPENING(name, params, args, fd)                                                        \
	int name params                                                                        \
	{                                                                                      \
		va_list more;                                                                  \
		mode_t mode;                                                                   \
                                                                                               \
		va_start(more, flags);                                                         \
		mode = mode_of(flags, more);                                                   \
		va_end(more);                                                                  \
		return is_making_struck(fd, path, flags) ? -1 : REAL(name) args;               \
	}

OPENING(open, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPENING(openat, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), fd)
OPENING(openat64, (int fd, const char *path, int flags, ...), (fd, path, flags, mode), fd)

/* openat2 has no other name. */
long
syscall(long number, ...)
{
	va_list more;
	long a[6];

	va_start(more, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(more, long);
	va_end(more);
	if (number == SYS_openat2 &&
	    is_making_struck((int)a[0], (const char *)a[1],
			     (int)((const struct open_how *)a[2])->flags))
		return -1;
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* The chamber's helper stays in the image that this is loaded into, as where the kernel refuses
 * to run programs from memory; its own program would not hear of this. */
int
fexecve(int fd, char *const argv[], char *const env[])
{
	(void)fd;
	(void)argv;
	(void)env;
	errno = EACCES;
	return -1;
}
