/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gzip through libarchive's raw format. libarchive does not look at the trailer, so its CRC-32
 * and length are compared here; an input of several members is therefore refused as damaged.
 */
#include "base/gzip.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/mem.h"
#include <archive.h>
#include <archive_entry.h>

#define READ_BYTES    ((size_t)128 * 1024)
#define TRAILER_BYTES 8
#define HEADER_BYTES  10

static void
reader_free(struct archive *a)
{
	(void)archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, reader_free);

static void
writer_free(struct archive *a)
{
	(void)archive_write_free(a);
}
DEFINE_CLEANUP(struct archive *, writer_free);

static int
failed(struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);

	return err_set(err, ERR_INPUT, "gzip: %s", why ? why : "cannot be read");
}

/* Where compressed bytes go: one of both. */
struct sink {
	struct buf *buf;
	int fd;
	struct err *err;
};

static la_ssize_t
sink_write(struct archive *a, void *arg, const void *data, size_t n)
{
	struct sink *s = arg;

	(void)a;
	if (s->buf)
		buf_add(s->buf, data, n);
	else if (fd_write_all(s->fd, data, n, s->err) < 0)
		return -1;
	return (la_ssize_t)n;
}

static int
begin(struct sink *s, struct archive **out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char level[4];
	int r = ARCHIVE_OK;

	if (!a || !e)
		abort();
	(void)snprintf(level, sizeof(level), "%d", GZIP_LEVEL);
	r |= archive_write_add_filter_gzip(a);
	r |= archive_write_set_format_raw(a);
	r |= archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
	r |= archive_write_set_filter_option(a, "gzip", "compression-level", level);
	r |= archive_write_set_bytes_in_last_block(a, 1);
	r |= archive_write_open(a, s, NULL, sink_write, NULL);
	archive_entry_set_pathname(e, "data"); /* raw format: never written */
	archive_entry_set_filetype(e, AE_IFREG);
	if (r == ARCHIVE_OK)
		r = archive_write_header(a, e);
	archive_entry_free(e);
	if (r != ARCHIVE_OK)
		return failed(a, err);
	*out = STEAL_PTR(a);
	return 0;
}

static int
add(struct archive *a, const char *data, size_t n, struct err *err)
{
	while (n) {
		la_ssize_t done = archive_write_data(a, data, n);

		if (done <= 0)
			return err->code == ERR_NONE ? failed(a, err) : -1;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

int
gzip_write(const void *data, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = NULL;
	struct sink s = { .buf = out, .fd = -1, .err = err };

	err->code = ERR_NONE;
	if (begin(&s, &a, err) < 0 || add(a, data, n, err) < 0)
		return -1;
	if (archive_write_close(a) != ARCHIVE_OK)
		return failed(a, err);
	return buf_check(out, "gzip", err);
}

int
gzip_file(int in, int out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = NULL;
	CLEANUP(mem_free) char *chunk = mem_alloc(READ_BYTES);
	struct sink s = { .fd = out, .err = err };
	off_t at = 0;
	ssize_t n;

	err->code = ERR_NONE;
	if (begin(&s, &a, err) < 0)
		return -1;
	while ((n = pread(in, chunk, READ_BYTES, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "gzip: read");
		if (add(a, chunk, (size_t)n, err) < 0)
			return -1;
		at += n;
	}
	if (archive_write_close(a) != ARCHIVE_OK)
		return err->code == ERR_NONE ? failed(a, err) : -1;
	return 0;
}

static uint32_t
crc_add(uint32_t crc, const unsigned char *p, size_t n)
{
	static uint32_t table[256];

	for (uint32_t i = table[1] ? 256 : 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? 0xedb88320U ^ v >> 1 : v >> 1;
		table[i] = v;
	}
	crc = ~crc;
	while (n--)
		crc = table[(crc ^ *p++) & 0xff] ^ crc >> 8;
	return ~crc;
}

static uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Where plain bytes go, and what is known of them. */
struct plain {
	struct buf *buf;
	struct digest_state *digest;
	uint64_t size, max;
	uint32_t crc;
};

static int
take(struct plain *p, const void *data, size_t n, struct err *err)
{
	if (n > p->max - p->size)
		return err_set(err, ERR_LIMIT, "gzip: more than %llu bytes unpacked",
			       (unsigned long long)p->max);
	p->size += n;
	p->crc = crc_add(p->crc, data, n);
	if (p->buf)
		buf_add(p->buf, data, n);
	if (p->digest)
		digest_add(p->digest, data, n);
	return 0;
}

static struct archive *
make_reader(void)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK)
		abort();
	return a;
}

/* a is open; head and tail are the first two and the last eight bytes of the packed input. */
static int
read_all(struct archive *a, const unsigned char *head, const unsigned char *tail,
	 struct plain *p, struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_alloc(READ_BYTES);
	struct archive_entry *e;
	la_ssize_t n = 0;
	int r;

	if (head[0] != 0x1f || head[1] != 0x8b)
		return err_set(err, ERR_INPUT, "gzip: not gzip data");
	r = archive_read_next_header(a, &e);
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF) /* no entry: nothing was packed */
		return failed(a, err);
	if (archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP || archive_filter_count(a) != 2)
		return err_set(err, ERR_INPUT, "gzip: not gzip data");
	while (r == ARCHIVE_OK && (n = archive_read_data(a, chunk, READ_BYTES)) > 0) {
		if (take(p, chunk, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0)
		return failed(a, err);
	if (le32(tail) != p->crc || le32(tail + 4) != (uint32_t)p->size)
		return err_set(err, ERR_INPUT, "gzip: damaged (its checksum differs)");
	return 0;
}

int
gzip_read(const void *data, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = make_reader();
	struct plain p = { .buf = out, .max = out->max - out->len };
	const unsigned char *bytes = data;

	if (n < HEADER_BYTES + TRAILER_BYTES)
		return err_set(err, ERR_INPUT, "gzip: too short");
	if (archive_read_open_memory(a, data, n) != ARCHIVE_OK)
		return failed(a, err);
	return read_all(a, bytes, bytes + n - TRAILER_BYTES, &p, err);
}

int
gzip_digest(int in, uint64_t max, struct digest *out, uint64_t *size, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = make_reader();
	CLEANUP(digest_free) struct digest_state *s = digest_begin();
	struct plain p = { .digest = s, .max = max };
	unsigned char head[2], tail[TRAILER_BYTES];
	struct stat st;

	if (fstat(in, &st) < 0 || lseek(in, 0, SEEK_SET) < 0)
		return err_sys(err, "gzip");
	if (st.st_size < HEADER_BYTES + TRAILER_BYTES ||
	    pread(in, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    pread(in, tail, sizeof(tail), st.st_size - TRAILER_BYTES) != (ssize_t)sizeof(tail))
		return err_set(err, ERR_INPUT, "gzip: too short");
	if (archive_read_open_fd(a, in, READ_BYTES) != ARCHIVE_OK)
		return failed(a, err);
	if (read_all(a, head, tail, &p, err) < 0)
		return -1;
	digest_end(STEAL_PTR(s), out);
	if (size)
		*size = p.size;
	return 0;
}
