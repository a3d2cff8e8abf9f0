/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included first by every file: attributes, scope guards, and the calls nobody may make.
 *
 * Two lifetimes exist, no third. A local resource is declared with CLEANUP and starts empty
 * (NULL, -1); ownership leaves only by STEAL_PTR or STEAL_FD. What lives longer lives in an
 * arena (base/arena.h) and dies with it. A guard never reports failure: what must be known to
 * have succeeded (close of a written file, a commit, a reap) is called explicitly.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NO_RETURN         __attribute__((noreturn))
#define UNUSED            __attribute__((unused))
#define KILN_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define KILN_MAX(a, b)    ((a) > (b) ? (a) : (b))

/* CLEANUP(fn) calls fn##_scope(&variable) when the variable leaves scope; errno survives. */
#define CLEANUP(fn) __attribute__((cleanup(fn##_scope)))

/* Makes fn##_scope for a pointer type whose empty value is NULL. */
#define DEFINE_CLEANUP(type, fn)                                                               \
	static inline void fn##_scope(type *v)                                                 \
	{                                                                                      \
		int saved_errno_ = errno;                                                      \
		if (*v)                                                                        \
			fn(*v);                                                                \
		errno = saved_errno_;                                                          \
	}                                                                                      \
	struct semicolon_

/* Makes fn##_scope for a struct released in place: fn takes a pointer to it. */
#define DEFINE_RELEASE(type, fn)                                                               \
	static inline void fn##_scope(type *v)                                                 \
	{                                                                                      \
		int saved_errno_ = errno;                                                      \
		fn(v);                                                                         \
		errno = saved_errno_;                                                          \
	}                                                                                      \
	struct semicolon_

#define STEAL_PTR(p)                                                                           \
	({                                                                                     \
		__typeof__(p) stolen_ = (p);                                                   \
		(p) = NULL;                                                                    \
		stolen_;                                                                       \
	})
#define STEAL_FD(fd)                                                                           \
	({                                                                                     \
		int stolen_ = (fd);                                                            \
		(fd) = -1;                                                                     \
		stolen_;                                                                       \
	})

/* Calls with no safe use here: unbounded copies, shells, host-dependent time. */
#define KILN_BANNED(call) kiln_banned_call_##call
#undef strcpy
#define strcpy(d, s) KILN_BANNED(strcpy)
#undef strcat
#define strcat(d, s) KILN_BANNED(strcat)
#undef strncpy
#define strncpy(d, s, n) KILN_BANNED(strncpy)
#undef strncat
#define strncat(d, s, n) KILN_BANNED(strncat)
#undef sprintf
#define sprintf(...) KILN_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) KILN_BANNED(vsprintf)
#undef strtok
#define strtok(s, d) KILN_BANNED(strtok)
#undef gets
#define gets(s) KILN_BANNED(gets)
#undef system
#define system(c) KILN_BANNED(system)
#undef popen
#define popen(c, m) KILN_BANNED(popen)
#undef mktemp
#define mktemp(t) KILN_BANNED(mktemp)
#undef localtime
#define localtime(t) KILN_BANNED(localtime)
#undef gmtime
#define gmtime(t) KILN_BANNED(gmtime)
#undef ctime
#define ctime(t) KILN_BANNED(ctime)
#undef asctime
#define asctime(t) KILN_BANNED(asctime)
