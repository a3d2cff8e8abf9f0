/* SPDX-License-Identifier: Apache-2.0 */
/* Deterministic gzip: no time, no name, OS 255 or constant, fixed level. Reading is bounded. */
#pragma once

#include "base/buf.h"

#define GZIP_LEVEL 6

int gzip_write(const void *data, size_t n, struct buf *out, struct err *err) MUST_CHECK;
int gzip_file(int in, int out, struct err *err) MUST_CHECK; /* in: from offset 0 to its end */
int gzip_read(const void *data, size_t n, struct buf *out,
	      struct err *err) MUST_CHECK; /* <= out->max */
/* Decompresses in (from offset 0) and hashes the plain bytes, at most max of them. */
struct digest;
int gzip_digest(int in, uint64_t max, struct digest *out, uint64_t *size,
		struct err *err) MUST_CHECK;
