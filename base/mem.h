/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory that is either there or the program ends: running out aborts. */
#pragma once

#include "base/base.h"

void *mem_alloc(size_t size) MUST_CHECK; /* zeroed */
void *mem_room(size_t size) MUST_CHECK;  /* not zeroed: for what is read into */
void *mem_resize(void *old, size_t n, size_t size) MUST_CHECK; /* n * size, overflow aborts */
char *mem_strdup(const char *s) MUST_CHECK;
char *mem_strndup(const char *s, size_t n) MUST_CHECK;
char *mem_format(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;
void *mem_dup(const void *data, size_t len) MUST_CHECK; /* len + 1 bytes, the last one zero */

/* CLEANUP(mem_free) for any pointer that free() takes. */
static inline void
mem_free_scope(void *slot)
{
	int saved = errno;

	free(*(void **)slot);
	errno = saved;
}
