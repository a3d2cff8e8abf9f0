/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: opened beneath a directory, read with a limit, written whole, published
 * atomically. -1 is "empty". Every descriptor is O_CLOEXEC. `dirfd` is a directory and `path`
 * stays beneath it. With AT_FDCWD the path is one the user named: it may be absolute and links
 * in it are followed (not in fd_open_beneath, which never leaves its directory).
 */
#pragma once

#include "base/buf.h"
#include "base/mem.h"
#include <fcntl.h>
#include <limits.h>

static inline void
fd_close_scope(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

/* Opens path beneath dirfd: openat2 with RESOLVE_BENEATH|NO_MAGICLINKS; symlinks inside the
 * tree are followed unless flags has O_NOFOLLOW. flags as for open(2). */
int fd_open_beneath(int dirfd, const char *path, int flags, int *fd,
		    struct err *err) MUST_CHECK;
/* The same, but a symbolic link anywhere in path is refused: what hostile bytes made is opened
 * so. */
int fd_open_straight(int dirfd, const char *path, int flags, int *fd,
		     struct err *err) MUST_CHECK;
/* Opens a path the user named (follows links, may be absolute). */
int fd_open(const char *path, int flags, int *fd, struct err *err) MUST_CHECK;
/* Opens a directory for reading. */
int fd_open_dir(int dirfd, const char *path, int *fd, struct err *err) MUST_CHECK;
/* open(2) with O_CREAT|O_EXCL|O_WRONLY beneath dirfd. */
int fd_create(int dirfd, const char *path, mode_t mode, int *fd, struct err *err) MUST_CHECK;
/* Creates path and its parents as directories (0755); existing directories are fine. */
int fd_mkdirs(int dirfd, const char *path, struct err *err) MUST_CHECK;

int fd_read_all(int fd, struct buf *out, struct err *err) MUST_CHECK; /* up to out->max */
int fd_read_file(int dirfd, const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* A plain file where hostile bytes may have put another thing: through no link, and nothing is
 * waited for. What is no regular file is ERR_VERIFY. size may be NULL. */
int fd_open_plain(int dirfd, const char *path, int *fd, uint64_t *size,
		  struct err *err) MUST_CHECK;
/* The same, read up to out->max; errors name path. */
int fd_read_plain(int dirfd, const char *path, struct buf *out, struct err *err) MUST_CHECK;
int fd_write_all(int fd, const void *data, size_t n, struct err *err) MUST_CHECK;
/* Copies until end of file or max bytes (more is ERR_LIMIT); *n, if not NULL, is what was
 * copied. copy_file_range where the kernel can, else read and write. */
int fd_copy(int in, int out, uint64_t max, uint64_t *n, struct err *err) MUST_CHECK;

/* Replaces dirfd/path atomically and durably: temporary name beside it, fsync, rename, fsync of
 * the directory. path may contain directories, which must exist. */
int fd_publish(int dirfd, const char *path, const void *data, size_t n, mode_t mode,
	       struct err *err) MUST_CHECK;
/* Opens a fresh temporary file beside path; name (>= FD_TMP_MAX) receives its path under dirfd.
 */
#define FD_TMP_MAX 512
int fd_tmp(int dirfd, const char *path, char name[FD_TMP_MAX], int *fd,
	   struct err *err) MUST_CHECK;
/* fsync fd, rename tmp to path (replacing), fsync the directory. Does not close fd. */
int fd_commit(int dirfd, int fd, const char *tmp, const char *path, struct err *err) MUST_CHECK;
int fd_sync_dir(int dirfd, const char *path,
		struct err *err) MUST_CHECK; /* "." for dirfd itself */
/* Close of a written file; an error here is lost data. *fd becomes -1. */
int fd_close(int *fd, const char *what, struct err *err) MUST_CHECK;
/* An anonymous temporary file (memfd), for data that is passed between processes. */
int fd_memory(const char *what, int *fd, struct err *err) MUST_CHECK;

/* One message with descriptors over a SOCK_SEQPACKET socket (SCM_RIGHTS). n > 0.
 * fd_receive: *n is in: capacity, out: length, 0 at end of file; *nfds likewise. Received
 * descriptors are O_CLOEXEC and belong to the caller. A truncated message is ERR_LIMIT. */
#define FD_PASS_MAX 64
int fd_send(int sock, const void *data, size_t n, const int *fds, size_t nfds,
	    struct err *err) MUST_CHECK;
int fd_receive(int sock, void *data, size_t *n, int *fds, size_t *nfds,
	       struct err *err) MUST_CHECK;
