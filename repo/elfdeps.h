/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files require and provide by themselves: ELF sonames and symbol versions (libelf's
 * doorway), pkg-config modules, script interpreters. Same results as rpm's own helpers
 * (facts/rpm.md section 2), from hostile bytes, bounded.
 */
#pragma once

#include "repo/pkgfacts.h"

struct elfdeps {
	struct pkgdeps provides,
		requires; /* grown in the arena; sort at the end with pkgdep_sort */
};
/* fd: the file at offset 0; path absolute; mode: permission bits. Files of no interest add
 * nothing. */
int elfdeps_scan(struct arena *a, int fd, const char *path, mode_t mode, struct elfdeps *out,
		 struct err *err) MUST_CHECK;
