/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include <stdarg.h>

static NO_RETURN void
out_of_memory(void)
{
	static const char text[] = "kiln: out of memory\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	abort();
}

void *
mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *
mem_room(size_t size)
{
	return mem_resize(NULL, size, 1);
}

void *
mem_resize(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *
mem_dup(const void *data, size_t len)
{
	char *p = mem_alloc(len + 1);

	if (len)
		memcpy(p, data, len);
	return p;
}

char *
mem_strndup(const char *s, size_t n)
{
	return mem_dup(s, strnlen(s, n));
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s));
}

char *
mem_format(const char *fmt, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&out, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return out;
}
