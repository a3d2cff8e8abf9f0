/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 as a value, never as text in memory. OpenSSL's doorway for hashing. */
#pragma once

#include "base/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX   65 /* with the terminating zero */

struct digest {
	uint8_t bytes[DIGEST_BYTES];
};

struct digest_state; /* running SHA-256 */

struct digest_state *digest_begin(void) MUST_CHECK;
void digest_add(struct digest_state *s, const void *data, size_t n);
void digest_end(struct digest_state *s, struct digest *out); /* frees s */
void digest_free(struct digest_state *s);
DEFINE_CLEANUP(struct digest_state *, digest_free);

void digest_of(const void *data, size_t n, struct digest *out);
/* Hashes from the current offset to the end; size may be NULL. */
int digest_fd(int fd, struct digest *out, uint64_t *size, struct err *err) MUST_CHECK;
void digest_hex(const struct digest *d, char out[DIGEST_HEX]);
bool digest_parse(const char *hex,
		  struct digest *out); /* 64 lower-case hex digits, else false */
bool digest_equal(const struct digest *a, const struct digest *b);
/* SHA-1, for formats that demand it beside SHA-256 (SPDX 2.3). It is no proof of anything: what
 * is trusted is the SHA-256. From the current offset to the end, and of memory. */
#define DIGEST_SHA1_HEX 41
int digest_sha1_fd(int fd, char out[DIGEST_SHA1_HEX], struct err *err) MUST_CHECK;
void digest_sha1_of(const void *data, size_t n, char out[DIGEST_SHA1_HEX]);
/* Standard base64 with padding; decode also takes the URL-safe alphabet (DSSE 1.0.2). */
struct buf;
void digest_base64(const void *data, size_t n, struct buf *out);
int digest_unbase64(const char *text, size_t n, struct buf *out, struct err *err) MUST_CHECK;
