/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to and from struct doc (jansson's doorway for reading). Integers only: a real number is
 * an error, but where a foreign document's numbers are opaque. Writing is canonical (RFC 8785,
 * JCS): sorted keys by UTF-16 code units, no white space.
 */
#pragma once

#include "base/doc.h"

/* Duplicate keys, invalid UTF-8, depth over DOC_MAX_DEPTH, trailing bytes: errors naming line
 * and column. */
int json_parse(struct arena *a, const char *text, size_t n, const char *name, struct doc **out,
	       struct err *err) MUST_CHECK;
/* The same of a foreign document whose numbers nobody looks at: whole or real, each is
 * DOC_NULL.
 */
int json_parse_opaque(struct arena *a, const char *text, size_t n, const char *name,
		      struct doc **out, struct err *err) MUST_CHECK;
/* Whether json_parse would take text, which json_write made of d, without doing it: bounds,
 * numbers, UTF-8, and no key twice. */
int json_check(const struct doc *d, const char *text, size_t n, const char *name,
	       struct err *err) MUST_CHECK;
void json_write(const struct doc *d, struct buf *out);
/* The SHA-256 of the canonical form, as text for keys: 64 hex digits into out. */
void json_digest_hex(const struct doc *d, char out[65]);
