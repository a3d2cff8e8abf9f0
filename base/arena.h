/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that dies together: a recipe set, a plan, an image tree live in one arena each.
 * Nothing inside is freed singly. Lifecycle: `struct arena a = { 0 };` then arena_release(&a),
 * or CLEANUP(arena_release). All memory is zeroed; under ASan unused space is poisoned.
 */
#pragma once

#include "base/base.h"

struct arena {
	struct arena_block *head;
};

void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_array(struct arena *a, size_t n, size_t size) MUST_CHECK; /* overflow aborts */
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;        /* NULL stays NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n) MUST_CHECK;
char *arena_format(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
void arena_release(struct arena *a);
DEFINE_RELEASE(struct arena, arena_release);
