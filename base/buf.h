/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable bytes with a required ceiling. `struct buf b = BUF_MAX(limit);`
 *
 * Invariants: data[len] is a zero byte once anything was added (so data is a C string; before
 * that buf_text() gives ""). Growing past max drops the bytes and sticks in `overflow`; writers
 * add freely and call buf_check() once before they use the result.
 */
#pragma once

#include "base/err.h"

struct buf {
	char *data;
	size_t len, cap, max;
	bool overflow;
};
#define BUF_MAX(limit)                                                                         \
	{                                                                                      \
		.data = NULL, .len = 0, .cap = 0, .max = (limit), .overflow = false            \
	}

void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_add_format(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_be16(struct buf *b, uint16_t v); /* big-endian integers, as OpenPGP and SSH use */
void buf_add_be32(struct buf *b, uint32_t v);
/* Room for n more bytes to be written at data + len by the caller; NULL past the ceiling. */
char *buf_reserve(struct buf *b, size_t n);
void buf_clear(struct buf *b); /* len = 0, keeps the memory */
const char *buf_text(const struct buf *b);
int buf_check(const struct buf *b, const char *what, struct err *err) MUST_CHECK;
char *buf_steal(struct buf *b) MUST_CHECK; /* caller frees; never NULL */
void buf_free(struct buf *b);
DEFINE_RELEASE(struct buf, buf_free);
