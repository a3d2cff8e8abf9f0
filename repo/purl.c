/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/purl.h"

#include "base/buf.h"
#include "base/utf8.h"

#define PURL_MAX ((size_t)16384)

/* Letters, digits and ". - _ ~" stand for themselves; locale plays no part. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(".-_~", c));
}

static void
add_encoded(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (is_plain(*s))
			buf_add_char(out, *s);
		else
			buf_add_format(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

const char *
purl_make(struct arena *a, const struct purl_distribution *d, const struct nevra *id)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(PURL_MAX);

	buf_add_str(&t, PURL_RPM);
	add_encoded(&t, d->id);
	buf_add_char(&t, '/');
	add_encoded(&t, id->name);
	buf_add_char(&t, '@');
	add_encoded(&t, id->version);
	buf_add_char(&t, '-');
	add_encoded(&t, id->release);
	buf_add_str(&t, "?arch=");
	add_encoded(&t, id->arch);
	buf_add_str(&t, "&distro=");
	add_encoded(&t, d->id);
	if (d->version) {
		buf_add_char(&t, '-');
		add_encoded(&t, d->version);
	}
	if (id->epoch)
		buf_add_format(&t, "&epoch=%lld", (long long)id->epoch);
	return arena_strdup(a, buf_text(&t));
}

const char *
purl_generic(struct arena *a, const char *name, const char *version)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(PURL_MAX);

	buf_add_str(&t, "pkg:generic/");
	add_encoded(&t, name);
	buf_add_char(&t, '@');
	add_encoded(&t, version);
	return arena_strdup(a, buf_text(&t));
}

static int
hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* In place; false: broken escape, or a byte that no name has. */
static bool
decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return false;
		*to++ = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
	return true;
}

bool
purl_parse(struct arena *a, const char *text, struct purl *out)
{
	size_t n = strcspn(text, "?#");
	char *base, *at, *slash;

	if (strncasecmp(text, "pkg:", 4) != 0 || n > PURL_MAX)
		return false;
	base = arena_strndup(a, text, n);
	slash = strchr(base + 4, '/');
	at = strrchr(base, '@');
	/* "pkg:npm/@scope/name": what is followed by a slash begins no version. */
	if (at && strchr(at, '/'))
		at = NULL;
	if (!slash || slash == base + 4 || !slash[1])
		return false;
	if (at)
		*at++ = '\0';
	for (char *c = base; c < slash; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (!decode(base) || (at && !decode(at)) || !utf8_is_printable(base, strlen(base)) ||
	    (at && !utf8_is_printable(at, strlen(at))))
		return false;
	*out = (struct purl){ .base = base, .version = at && *at ? at : NULL };
	return true;
}
