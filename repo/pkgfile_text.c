/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that enter a header: UTF-8 and printable, so that every reader and XML can carry them.
 */
#include "repo/pkgfile_priv.h"
#include "base/utf8.h"

#define TEXT_MAX ((size_t)64 * 1024)

int
pkgfile_text_check(const char *what, const char *text, struct err *err)
{
	size_t left = strlen(text), n;
	uint32_t cp;

	if (left > TEXT_MAX)
		return err_set(err, ERR_LIMIT, "%s is longer than %zu bytes", what, TEXT_MAX);
	for (; left; text += n, left -= n) {
		n = utf8_decode(text, left, &cp);
		if (n == 0)
			return err_set(err, ERR_INPUT, "%s is not UTF-8", what);
		if (cp != '\n' && cp != '\t' && !utf8_is_printable(text, n))
			return err_set(err, ERR_INPUT, "%s holds a control character", what);
	}
	return 0;
}
