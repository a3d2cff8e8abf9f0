/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where two builds of one package differ: in words that name the file inside and the first
 * byte, or else the part of the header.
 */
#pragma once

#include "repo/pkgfile.h"

#define PKGDIFF_SHOWN 8 /* files told of */

/* *words: "/usr/bin/x differs from byte 12 on (0x41, 0x42); /etc/y: mode 0644, 0755". Never
 * empty: the files are known to differ. */
int pkgdiff_files(struct arena *a, int before, int now, const char *name, const char **words,
		  struct err *err) MUST_CHECK;
