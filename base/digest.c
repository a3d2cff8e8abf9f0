/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's plain SHA-256, which it would rather see called through EVP: that reads a
 * configuration file, sets up providers and takes a megabyte first, in every process that
 * hashes a few bytes, and chooses the same code in the end.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"
#include "base/buf.h"
#include "base/mem.h"
#include <openssl/sha.h>

#define READ_CHUNK ((size_t)256 * 1024)

struct digest_state {
	SHA256_CTX ctx;
};

/* It says that it could fail; there is nothing in it that could. */
static void
must(int ok)
{
	if (ok != 1)
		abort();
}

struct digest_state *
digest_begin(void)
{
	struct digest_state *s = mem_alloc(sizeof(*s));

	must(SHA256_Init(&s->ctx));
	return s;
}

void
digest_add(struct digest_state *s, const void *data, size_t n)
{
	must(SHA256_Update(&s->ctx, data, n));
}

void
digest_end(struct digest_state *s, struct digest *out)
{
	must(SHA256_Final(out->bytes, &s->ctx));
	digest_free(s);
}

void
digest_free(struct digest_state *s)
{
	free(s);
}

void
digest_of(const void *data, size_t n, struct digest *out)
{
	struct digest_state *s = digest_begin();

	digest_add(s, data, n);
	digest_end(s, out);
}

int
digest_fd(int fd, struct digest *out, uint64_t *size, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *s = digest_begin();
	CLEANUP(mem_free) char *chunk = mem_room(READ_CHUNK);
	uint64_t total = 0;

	for (;;) {
		ssize_t n = read(fd, chunk, READ_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		digest_add(s, chunk, (size_t)n);
		total += (uint64_t)n;
	}
	digest_end(STEAL_PTR(s), out);
	if (size)
		*size = total;
	return 0;
}

static void
write_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex[bytes[i] >> 4];
		out[2 * i + 1] = hex[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void
digest_hex(const struct digest *d, char out[DIGEST_HEX])
{
	write_hex(d->bytes, DIGEST_BYTES, out);
}

void
digest_sha1_of(const void *data, size_t n, char out[DIGEST_SHA1_HEX])
{
	uint8_t bytes[SHA_DIGEST_LENGTH];

	must(SHA1(data, n, bytes) != NULL);
	write_hex(bytes, sizeof(bytes), out);
}

int
digest_sha1_fd(int fd, char out[DIGEST_SHA1_HEX], struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_room(READ_CHUNK);
	uint8_t bytes[SHA_DIGEST_LENGTH];
	SHA_CTX ctx;
	ssize_t n;

	must(SHA1_Init(&ctx));
	while ((n = read(fd, chunk, READ_CHUNK)) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(err, "read");
		if (n > 0)
			must(SHA1_Update(&ctx, chunk, (size_t)n));
	}
	must(SHA1_Final(bytes, &ctx));
	write_hex(bytes, sizeof(bytes), out);
	return 0;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool
digest_parse(const char *hex, struct digest *out)
{
	struct digest d;

	if (strnlen(hex, DIGEST_HEX) != DIGEST_HEX - 1)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		d.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = d;
	return true;
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}
