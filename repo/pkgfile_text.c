/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that enter a header: UTF-8 and printable, so that every reader and XML can carry them. */
#include "repo/pkgfile_priv.h"

#define TEXT_MAX ((size_t)64 * 1024)

/* Length of the UTF-8 sequence at s, 0 when it is none (overlong and surrogates included). */
static size_t
utf8_length(const uint8_t *s)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		bool overlong = s[0] == 0xe0 && s[1] < 0xa0, surrogate = s[0] == 0xed && s[1] > 0x9f;

		return (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 && !overlong && !surrogate ? 3 : 0;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		bool out = (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);

		return (s[1] & 0xc0) == 0x80 && (s[2] & 0xc0) == 0x80 && (s[3] & 0xc0) == 0x80 && !out ? 4 : 0;
	}
	return 0;
}

int
pkgfile_text_check(const char *what, const char *text, struct err *err)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t n;

	if (strlen(text) > TEXT_MAX)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, TEXT_MAX);
	for (; *p; p += n) {
		n = utf8_length(p);
		if (n == 0)
			return err_set(err, ERR_INPUT, "%s is not UTF-8", what);
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f)
			return err_set(err, ERR_INPUT, "%s holds a control character", what);
	}
	return 0;
}
