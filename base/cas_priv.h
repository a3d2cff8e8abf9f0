/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the store share. All paths are relative to dirfd and stay beneath it. */
#pragma once

#include "base/cas.h"
#include "base/fd.h"

#define CAS_OWNER_LEN     16
#define CAS_LOCK_OF_USERS "users"
#define CAS_NAME_MAX      200
#define CAS_PATH_MAX      512
#define CAS_MANIFEST_MAX  ((size_t)512 * 1024 * 1024)

struct cas {
	int dirfd;
	char *path;
	uid_t uid;
	gid_t gid;
	/* This process's mark in tmp/: everything it makes there is called OWNER-N, and the
	 * file OWNER.lock is flocked as long as the owner (or a child that works for it) lives.
	 * A pid can be reused; a lock cannot outlive its holders. */
	char owner[CAS_OWNER_LEN + 1];
	int owner_fd;
	int users_fd; /* locks/users: shared as long as the store is open, see cas_gc.h */
	pid_t maker;  /* only the process that opened the store gives its mark back */
	unsigned long long next;
};

/* Root gives what it made to the store's owner. */
int cas_give(const struct cas *c, int fd, const char *what, struct err *err) MUST_CHECK;
/* Makes a directory of the store; an existing one is fine. */
int cas_make_dir(const struct cas *c, const char *path, struct err *err) MUST_CHECK;
/* Names that may stand in the store: printable ASCII without '/' and space, no leading '.'. */
int cas_check_name(const char *name, struct err *err) MUST_CHECK;
/* A fresh file tmp/OWNER-N; name receives its path under the store. */
int cas_tmp_file(struct cas *c, char name[64], int *fd, struct err *err) MUST_CHECK;
/* Adds where and, when the disk is full, what to do. Returns -1. */
int cas_failed(const struct cas *c, struct err *err);
void cas_blob_path(const struct digest *d, char out[CAS_PATH_MAX]);
/* Replaces DIR/NAME atomically and durably. */
int cas_publish(struct cas *c, const char *dir, const char *name, const void *data, size_t n,
		mode_t mode, struct err *err) MUST_CHECK;
