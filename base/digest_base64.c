/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/digest.h"

void
digest_base64(const void *data, size_t n, struct buf *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)p[i] << 16;
		char quad[4];

		if (left > 1)
			v |= (unsigned)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		quad[0] = alphabet[v >> 18];
		quad[1] = alphabet[v >> 12 & 63];
		quad[2] = '=';
		quad[3] = '=';
		if (left > 1)
			quad[2] = alphabet[v >> 6 & 63];
		if (left > 2)
			quad[3] = alphabet[v & 63];
		buf_add(out, quad, sizeof(quad));
	}
}

static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* Strict, so that one text has one meaning: padded, no white space, no bits beyond the last
 * byte. */
int
digest_unbase64(const char *text, size_t n, struct buf *out, struct err *err)
{
	size_t pad = 0;

	if (n % 4 != 0)
		return err_set(err, ERR_INPUT, "base64: length %zu is no multiple of 4", n);
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n; i += 4) {
		size_t have = i + 4 == n ? 4 - pad : 4;
		unsigned v = 0;
		unsigned char raw[3];

		for (size_t k = 0; k < 4; k++) {
			int s = k < have ? sextet(text[i + k]) : 0;

			if (s < 0)
				return err_set(err, ERR_INPUT,
					       "base64: bad character at byte %zu", i + k);
			v = v << 6 | (unsigned)s;
		}
		raw[0] = (unsigned char)(v >> 16);
		raw[1] = (unsigned char)(v >> 8);
		raw[2] = (unsigned char)v;
		if ((have < 4 && raw[2]) || (have < 3 && raw[1]))
			return err_set(err, ERR_INPUT, "base64: stray bits at its end");
		buf_add(out, raw, have - 1);
	}
	return buf_check(out, "base64", err);
}
