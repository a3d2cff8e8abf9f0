/* SPDX-License-Identifier: Apache-2.0 */
/* Archives made byte by byte, so that they can be as wrong as a test needs. */
#pragma once

#include "base/buf.h"

#define ARCHIVES_MAX ((size_t)16 * 1024 * 1024)

void archives_tar(struct buf *b, const char *name, char type, const char *link,
		  const char *body);
void archives_tar_end(struct buf *b);
void archives_pax(struct buf *b, const char *key, const char *value); /* for the next entry */
void archives_ar(struct buf *b, const char *name, const void *data, size_t n);
void archives_cpio(struct buf *b, const char *name, unsigned mode, unsigned ino, unsigned nlink,
		   const char *body);
void archives_cpio_end(struct buf *b);
/* filter: "gzip", "xz", "zstd", "bzip2". */
void archives_pack(const char *filter, const struct buf *in, struct buf *out);
/* A .deb around data.tar.SUFFIX, and an .rpm around a compressed cpio. */
void archives_deb(struct buf *out, const char *suffix, const struct buf *data);
void archives_rpm(struct buf *out, const struct buf *payload);
/* A memory file that holds b, offset 0. */
int archives_fd(const struct buf *b);
