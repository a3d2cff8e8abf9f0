/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a store with N objects, all long unused, so that collecting can be measured: results of
 * ten blobs each (an action and two statements that name the others, seven that are no
 * documents) and the reference that names them. Every second result is pinned. With a marked
 * store, for a peer that knows ages only, what is pinned is young instead.
 *
 * usage: heap STORE N [marked]
 */
#include "base/cas.h"
#include "base/clock.h"
#include "base/fd.h"
#include <stdlib.h>
#include <sys/stat.h>

#define OF_RESULT      11 /* objects: ten blobs, a reference */
#define DOCUMENTS      3
#define BLOBS          10
#define DOCUMENT_BYTES 8000
#define LONG_AGO       ((int64_t)90 * 86400)

struct heap {
	int dirfd;
	int64_t now;
	bool marked;
	struct buf text;
};

static void
name_of(size_t result, size_t blob, char hex[DIGEST_HEX])
{
	struct digest d;
	size_t id[2] = { result, blob };

	digest_of(id, sizeof(id), &d);
	digest_hex(&d, hex);
}

static int
put(struct heap *h, const char *path, bool young, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct timespec t = { .tv_sec = h->now - (young ? 0 : LONG_AGO) };

	if (fd_create(h->dirfd, path, 0444, &fd, err) < 0 ||
	    fd_write_all(fd, h->text.data, h->text.len, err) < 0)
		return -1;
	return futimens(fd, (const struct timespec[2]){ t, t }) < 0 ? err_sys(err, "%s", path)
								    : 0;
}

static void
write_text(struct heap *h, size_t result, size_t blob)
{
	char hex[DIGEST_HEX];

	buf_clear(&h->text);
	if (blob >= DOCUMENTS && blob < BLOBS) {
		buf_add_format(&h->text, "payload %zu %zu ", result, blob);
		for (int i = 0; i < 20; i++)
			buf_add_str(&h->text, "0123456789");
		return;
	}
	buf_add_str(&h->text, "{\"of\":[");
	for (size_t i = blob == BLOBS ? 0 : blob + 1; i < BLOBS; i++) {
		name_of(result, i, hex);
		buf_add_format(&h->text, "%s\"sha256:%s\"", h->text.len > 8 ? "," : "", hex);
	}
	buf_add_str(&h->text, "],\"words\":\"");
	while (blob < DOCUMENTS && h->text.len < DOCUMENT_BYTES)
		buf_add_str(&h->text, "as long as the documents of a real store are ");
	buf_add_str(&h->text, "\"}");
}

static int
put_result(struct heap *h, size_t result, struct err *err)
{
	char hex[DIGEST_HEX], path[200];
	bool pinned = result % 2 == 0;

	for (size_t i = 0; i < BLOBS; i++) {
		write_text(h, result, i);
		name_of(result, i, hex);
		(void)snprintf(path, sizeof(path), "blobs/%.2s/%s", hex, hex);
		if (put(h, path, h->marked && pinned, err) < 0)
			return -1;
	}
	write_text(h, result, BLOBS);
	name_of(result, 0, hex);
	(void)snprintf(path, sizeof(path), "refs/action/%s", hex);
	if (put(h, path, h->marked && pinned, err) < 0)
		return -1;
	if (!pinned)
		return 0;
	buf_clear(&h->text);
	buf_add_format(&h->text, "{\"key\":\"%s\"}", hex);
	(void)snprintf(path, sizeof(path), "refs/pin/r%zu", result);
	return put(h, path, h->marked, err);
}

static int
fill(struct heap *h, size_t n, struct err *err)
{
	char path[200];

	for (unsigned i = 0; i < 256; i++) {
		(void)snprintf(path, sizeof(path), "blobs/%02x", i);
		if (fd_mkdirs(h->dirfd, path, err) < 0)
			return -1;
	}
	if (fd_mkdirs(h->dirfd, "refs/action", err) < 0 ||
	    fd_mkdirs(h->dirfd, "refs/pin", err) < 0)
		return -1;
	for (size_t i = 0; i < n / OF_RESULT; i++) {
		if (put_result(h, i, err) < 0)
			return -1;
	}
	return syncfs(h->dirfd) < 0 ? err_sys(err, "syncfs") : 0;
}

int
main(int argc, char **argv)
{
	CLEANUP(cas_close) struct cas *c = NULL;
	struct heap h = { .now = clock_wall(), .text = BUF_MAX(16384) };
	struct err err;

	if (argc < 3 || argc > 4)
		return 2;
	h.marked = argc == 4;
	if (cas_open(argv[1], true, &c, &err) == 0) {
		h.dirfd = cas_dirfd(c);
		if (fill(&h, strtoull(argv[2], NULL, 10), &err) == 0)
			return 0;
	}
	fprintf(stderr, "heap: %s\n", err.text);
	return 1;
}
