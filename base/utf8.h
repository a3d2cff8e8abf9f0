/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 as RFC 3629 defines it: no overlong form, no surrogate, nothing above U+10FFFF. */
#pragma once

#include "base/base.h"

/* The length of the valid sequence at s (n bytes left), 0 when there is none; *cp its code
 * point. */
size_t utf8_decode(const char *s, size_t n, uint32_t *cp);
bool utf8_is_valid(const char *s, size_t n);
/* Valid, and without C0, C1 and DEL: what may stand in a name or a message. */
bool utf8_is_printable(const char *s, size_t n);
/* A copy of s that is safe to print: every other byte becomes '?'. Cut to cap - 1 bytes. */
void utf8_show(const char *s, char *out, size_t cap);
