/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by elfdeps*.c: one reader per kind of file, all adding through elfdeps_add. */
#pragma once

#include "repo/elfdeps.h"

#define ELFDEPS_MAX_DEPS                                                                       \
	100000 /* of one package; a hostile file could repeat itself for ever */
#define ELFDEPS_MAX_NAME 512

/* Adds "name op evr" (copied); a name no capability may have is ERR_INPUT naming path. */
int elfdeps_add(struct arena *a, struct pkgdeps *deps, const char *path, const struct pkgdep *d,
		struct err *err) MUST_CHECK;
/* elfdeps_pc.c: a pkg-config module. */
int elfdeps_pc(struct arena *a, int fd, const char *path, struct elfdeps *out,
	       struct err *err) MUST_CHECK;
/* elfdeps_account.c: sysusers.d, /etc/passwd and /etc/group. */
bool elfdeps_is_account(const char *path);
int elfdeps_account(struct arena *a, int fd, const char *path, struct elfdeps *out,
		    struct err *err) MUST_CHECK;
/* elfdeps_cmake.c: CMake's packages. */
bool elfdeps_is_cmake(const char *path);
int elfdeps_cmake(struct arena *a, int fd, const char *path, struct elfdeps *out,
		  struct err *err) MUST_CHECK;
/* elfdeps_python.c: Python's packages and its interpreter. */
bool elfdeps_is_python(const char *path);
int elfdeps_python(struct arena *a, int fd, const char *path, struct elfdeps *out,
		   struct err *err) MUST_CHECK;
int elfdeps_python_abi(struct arena *a, const char *path, struct elfdeps *out,
		       struct err *err) MUST_CHECK;
/* elfdeps_pep.c: versions (PEP 440); false: it is none. */
#define ELFDEPS_VERSION_PARTS 16
struct elfdeps_version {
	const char *epoch;                       /* NULL: none */
	const char *part[ELFDEPS_VERSION_PARTS]; /* numbers without zeros before them */
	size_t n;
	const char *suffix; /* "~rc1", "^post2", or "" */
	bool any;           /* it ends in ".*" */
};
bool elfdeps_pep_version(struct arena *a, const char *text, struct elfdeps_version *out);
const char *elfdeps_pep_text(struct arena *a, const struct elfdeps_version *v);
/* Whether the condition of a requirement holds; -1: it cannot be read. */
int elfdeps_pep_marker(struct arena *a, const char *text, const char *python,
		       bool *out) MUST_CHECK;
/* elfdeps_script.c: the interpreter of an executable that begins with "#!". */
int elfdeps_script(struct arena *a, int fd, const char *path, struct elfdeps *out,
		   struct err *err) MUST_CHECK;
