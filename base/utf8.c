/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

size_t
utf8_decode(const char *s, size_t n, uint32_t *cp)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	size_t len;
	uint32_t v;

	if (n == 0)
		return 0;
	if (p[0] < 0x80) {
		*cp = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > n)
		return 0;
	v = p[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3f);
	}
	if (v < lowest[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return len;
}

bool
utf8_is_valid(const char *s, size_t n)
{
	while (n) {
		uint32_t cp;
		size_t len = utf8_decode(s, n, &cp);

		if (len == 0)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

bool
utf8_is_printable(const char *s, size_t n)
{
	while (n) {
		uint32_t cp;
		size_t len = utf8_decode(s, n, &cp);

		if (len == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
			return false;
		s += len;
		n -= len;
	}
	return true;
}

void
utf8_show(const char *s, char *out, size_t cap)
{
	size_t left = strlen(s), at = 0;

	while (left) {
		uint32_t cp = 0;
		size_t len = utf8_decode(s, left, &cp);
		bool good = len && cp >= 0x20 && (cp < 0x7f || cp >= 0xa0);

		len = len ? len : 1;
		if (at + (good ? len : 1) >= cap)
			break;
		if (good)
			memcpy(out + at, s, len);
		else
			out[at] = '?';
		at += good ? len : 1;
		s += len;
		left -= len;
	}
	out[at] = '\0';
}
