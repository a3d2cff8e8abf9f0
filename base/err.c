/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

static void
fill(struct err *err, enum err_code code, int sys, const char *fmt, va_list ap)
{
	err->code = code;
	err->sys = sys;
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
}

int
err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

static void
append(struct err *err, const char *text)
{
	size_t len = strlen(err->text);
	size_t room = sizeof(err->text) - len - 1;
	size_t n = KILN_MIN(strlen(text), room);

	memcpy(err->text + len, text, n);
	err->text[len + n] = '\0';
}

int
err_sys(struct err *err, const char *fmt, ...)
{
	int saved = errno;
	char reason[128];
	va_list ap;

	va_start(ap, fmt);
	fill(err, ERR_IO, saved, fmt, ap);
	va_end(ap);
	append(err, ": ");
	append(err, strerror_r(saved, reason, sizeof(reason)));
	if (saved == ENOSPC)
		append(err,
		       "\nhint: free disk space and run the same command again; finished work is kept");
	errno = saved;
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[ERR_TEXT_MAX];
	va_list ap;

	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	fill(err, err->code, err->sys, fmt, ap);
	va_end(ap);
	append(err, ": ");
	append(err, inner);
	return -1;
}

int
err_hint(struct err *err, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	append(err, "\nhint: ");
	append(err, text);
	return -1;
}

int
err_recode(struct err *err, enum err_code code)
{
	err->code = code;
	return -1;
}

int
err_exit_code(const struct err *err)
{
	if (err->code == ERR_USAGE)
		return 2;
	if (err->code == ERR_VERIFY)
		return 3;
	if (err->code == ERR_REPRO)
		return 4;
	return 1;
}
