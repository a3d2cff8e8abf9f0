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
/* elfdeps_script.c: the interpreter of an executable that begins with "#!". */
int elfdeps_script(struct arena *a, int fd, const char *path, struct elfdeps *out,
		   struct err *err) MUST_CHECK;
