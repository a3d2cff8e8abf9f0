/* SPDX-License-Identifier: Apache-2.0 */
/* Typed growable arrays: VEC(int) v = { 0 }; VEC_PUSH(&v, 3); v.at[0]; v.n; VEC_FREE(&v). */
#pragma once

#include "base/mem.h"

#define VEC(type)                                                                              \
	struct {                                                                               \
		type *at;                                                                      \
		size_t n, cap;                                                                 \
	}
#define VEC_PUSH(v, value)                                                                     \
	do {                                                                                   \
		if ((v)->n == (v)->cap) {                                                      \
			(v)->cap = (v)->cap ? (v)->cap * 2 : 8;                                \
			(v)->at = mem_resize((v)->at, (v)->cap, sizeof(*(v)->at));             \
		}                                                                              \
		(v)->at[(v)->n++] = (value);                                                   \
	} while (0)
#define VEC_FREE(v)                                                                            \
	do {                                                                                   \
		free((v)->at);                                                                 \
		(v)->at = NULL;                                                                \
		(v)->n = (v)->cap = 0;                                                         \
	} while (0)
