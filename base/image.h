/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forked child that becomes a program of its own, which is carried in this one as bytes. This
 * program is linked with fifty libraries in three hundred mappings, each of which every fork
 * copies and every end takes down again; who forks for each small piece of work does so from
 * one with few. The program knows nothing of this one's memory, and what it could find as its
 * own executable is not our file but sealed memory.
 */
#pragma once

#include "base/err.h"

#define IMAGE_FIRST 3 /* its first descriptor */

/* fds[0..n) go to IMAGE_FIRST and up, to be inherited; what is not there (-1) stays so. */
int image_place(const int *fds, size_t n, struct err *err) MUST_CHECK;
/* Comes back only when the kernel refuses (sysctl vm.memfd_noexec): then the caller does the
 * program's work itself, slower. Its environment is empty. */
void image_become(const char *name, const unsigned char *program, const unsigned char *end);
