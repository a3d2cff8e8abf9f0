/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/mem.h"

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->overflow || n > b->max - b->len) {
		b->overflow = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = KILN_MAX(b->cap * 2, (size_t)256);

		b->cap = KILN_MAX(cap, b->len + n + 1);
		b->data = mem_resize(b->data, b->cap, 1);
	}
	return b->data + b->len;
}

void
buf_add(struct buf *b, const void *data, size_t n)
{
	char *at = buf_reserve(b, n);

	if (!at)
		return;
	if (n)
		memcpy(at, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_add_format(struct buf *b, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	buf_add(b, text, (size_t)n);
}

void
buf_add_be16(struct buf *b, uint16_t v)
{
	unsigned char raw[2] = { (unsigned char)(v >> 8), (unsigned char)v };

	buf_add(b, raw, sizeof(raw));
}

void
buf_add_be32(struct buf *b, uint32_t v)
{
	buf_add_be16(b, (uint16_t)(v >> 16));
	buf_add_be16(b, (uint16_t)v);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->overflow = false;
	if (b->data)
		b->data[0] = '\0';
}

const char *
buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

int
buf_check(const struct buf *b, const char *what, struct err *err)
{
	if (b->overflow)
		return err_set(err, ERR_LIMIT, "%s: larger than %zu bytes", what, b->max);
	return 0;
}

char *
buf_steal(struct buf *b)
{
	char *p = b->data ? b->data : mem_strdup("");

	b->data = NULL;
	b->len = b->cap = 0;
	return p;
}

void
buf_free(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
}
