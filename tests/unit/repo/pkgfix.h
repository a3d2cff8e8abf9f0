/* SPDX-License-Identifier: Apache-2.0 */
/* A small harvest and the specification of a package with one of everything in it. */
#pragma once

#include "repo/pkgfile.h"
#include "tests/unit/test.h"

#define PKGFIX_TIME 1700000000

/* Files are made in a fresh directory; entries are in no useful order. Ends the test on
 * failure. */
void pkgfix_make(struct arena *a, struct pkgfile_spec *out);
/* A package of spec in an anonymous file. */
int pkgfix_write(const struct pkgfile_spec *spec, struct pkgfile_ids *ids);
void pkgfix_bytes(int fd, struct buf *out);  /* all of it, whatever the offset */
int pkgfix_file(const void *data, size_t n); /* an anonymous file with these bytes, offset 0 */
struct pkgfile_entry *pkgfix_entry(struct pkgfile_spec *s, const char *path);
