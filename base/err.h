/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One failure as a copyable value.
 *
 * A function that can fail returns 0, or -1 with *err filled; never an errno, never a positive
 * failure. NULL from a lookup means "not there", not "failed". The struct needs no freeing, so
 * a sandbox child reports failure by writing the same struct down a pipe.
 *
 * Messages: lower case, no full stop, they name the thing; a remedy follows on a line of its
 * own
 * ("...\nhint: run `kiln fetch`"). Libraries never print one; cli/ prints it once.
 */
#pragma once

#include "base/base.h"
#include <stdarg.h>

enum err_code {
	ERR_NONE,
	ERR_INPUT,       /* a recipe, document, archive or other input is wrong */
	ERR_LIMIT,       /* a named limit was reached */
	ERR_IO,          /* the operating system said no */
	ERR_FETCH,       /* a source could not be brought, or is not what was pinned */
	ERR_SOLVE,       /* no package set satisfies the request */
	ERR_SANDBOX,     /* a wall of the chamber cannot stand */
	ERR_BUILD,       /* a build step failed */
	ERR_INTERRUPTED, /* the user asked to stop */
	ERR_USAGE,       /* bad command line: exit 2 */
	ERR_VERIFY,      /* verification refused: exit 3 */
	ERR_REPRO        /* not reproducible: exit 4 */
};

#define ERR_TEXT_MAX 2000

struct err {
	enum err_code code;
	int sys;                 /* errno at the point of failure, 0 if none */
	char text[ERR_TEXT_MAX]; /* "outer: inner: cause"; cut at the right, always terminated
				  */
};
_Static_assert(sizeof(struct err) <= 4096, "an err must fit one atomic pipe write");

/* All return -1. err_sys appends strerror(errno); err_wrap puts context in front, keeps the
 * code. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Appends "\nhint: ..." (the remedy). Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Changes the code of a failure, e.g. input errors met while verifying become ERR_VERIFY. -1.
 */
int err_recode(struct err *err, enum err_code code);
/* The process exit code that belongs to a failure: 1, 2, 3 or 4. */
int err_exit_code(const struct err *err) MUST_CHECK;
