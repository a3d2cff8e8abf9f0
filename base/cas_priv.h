/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the store share. All paths are relative to dirfd and stay beneath it. */
#pragma once

#include "base/cas.h"
#include "base/fd.h"
#include <sys/file.h>

#define CAS_OWNER_LEN    16
#define CAS_LOCK_OF_TMP  "tmp"
#define CAS_GATE         "sweep"
#define CAS_GRAPH        "graph" /* see cas_gc_graph.c */
#define CAS_FRESH_S      1800    /* a mark of use is good for half an hour */
#define CAS_NAME_MAX     200
#define CAS_PATH_MAX     512
#define CAS_MANIFEST_MAX ((size_t)512 * 1024 * 1024)

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
	int64_t start; /* when that was: nothing younger is ever collected while we live */
	pid_t maker;   /* only the process that opened the store gives its mark back */
	unsigned long long next;
	struct cas_batch *batch; /* what is put goes there, see cas_batch.h; else NULL */
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
/* ---- cas_use.c ---- */
/* locks/sweep, exclusive for who removes and shared for who begins to rely on what is old;
 * released by closing *fd. */
int cas_gate(const struct cas *c, int how, int *fd, struct err *err) MUST_CHECK;
/* Marks as used what is there. False: nothing is there. */
bool cas_use(const struct cas *c, const char *path, mode_t type);
/* When the oldest other process opened the store that still has it open; INT64_MAX: there is
 * none. */
int cas_oldest_user(struct cas *c, int64_t *start, struct err *err) MUST_CHECK;
/* The process whose things in tmp/ begin with this name lives. Called under CAS_LOCK_OF_TMP. */
bool cas_owner_lives(const struct cas *c, const char *name);

void cas_blob_path(const struct digest *d, char out[CAS_PATH_MAX]);
/* Replaces DIR/NAME atomically and durably. */
int cas_publish(struct cas *c, const char *dir, const char *name, const void *data, size_t n,
		mode_t mode, struct err *err) MUST_CHECK;
