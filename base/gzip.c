/* SPDX-License-Identifier: Apache-2.0 */
#include "base/gzip.h"
#include "base/digest.h"
#include "base/fd.h"
#include <archive.h>
#include <archive_entry.h>

#define GZIP_CHUNK ((size_t)64 * 1024)

static void
writer_free(struct archive *a)
{
	(void)archive_write_free(a);
}
DEFINE_CLEANUP(struct archive *, writer_free);

static void
reader_free(struct archive *a)
{
	(void)archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, reader_free);

static void
entry_free(struct archive_entry *e)
{
	archive_entry_free(e);
}
DEFINE_CLEANUP(struct archive_entry *, entry_free);

static int
fail(struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);

	return err_set(err, ERR_IO, "gzip: %s", why ? why : "unknown error");
}

/* One raw member, no name, no time: what is written depends on the bytes and the level only. */
static int
writer_make(struct archive **out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = archive_write_new();
	char level[2] = { '0' + GZIP_LEVEL, '\0' };

	if (!a || archive_write_set_format_raw(a) != ARCHIVE_OK || archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
	    archive_write_set_filter_option(a, "gzip", "compression-level", level) != ARCHIVE_OK ||
	    archive_write_set_filter_option(a, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK)
		return fail(a, err);
	*out = STEAL_PTR(a);
	return 0;
}

static int
write_header(struct archive *a, struct err *err)
{
	CLEANUP(entry_free) struct archive_entry *e = archive_entry_new();

	archive_entry_set_filetype(e, AE_IFREG);
	if (archive_write_header(a, e) != ARCHIVE_OK)
		return fail(a, err);
	return 0;
}

static la_ssize_t
to_buf(struct archive *a, void *arg, const void *data, size_t n)
{
	struct buf *out = arg;

	buf_add(out, data, n);
	if (out->overflow) {
		archive_set_error(a, ENOSPC, "more than %zu bytes", out->max);
		return -1;
	}
	return (la_ssize_t)n;
}

int
gzip_write(const void *data, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = NULL;

	if (writer_make(&a, err) < 0)
		return -1;
	if (archive_write_open(a, out, NULL, to_buf, NULL) != ARCHIVE_OK)
		return fail(a, err);
	if (write_header(a, err) < 0)
		return -1;
	if ((n && archive_write_data(a, data, n) != (la_ssize_t)n) || archive_write_close(a) != ARCHIVE_OK)
		return fail(a, err);
	return 0;
}

static int
pump(int in, struct archive *a, struct err *err)
{
	char chunk[GZIP_CHUNK];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(in, chunk, sizeof(chunk), at);

		if (n < 0)
			return err_sys(err, "gzip: read");
		if (n == 0)
			return 0;
		if (archive_write_data(a, chunk, (size_t)n) != n)
			return fail(a, err);
		at += n;
	}
}

int
gzip_file(int in, int out, struct err *err)
{
	CLEANUP(writer_free) struct archive *a = NULL;

	if (writer_make(&a, err) < 0)
		return -1;
	if (archive_write_open_fd(a, out) != ARCHIVE_OK)
		return fail(a, err);
	if (write_header(a, err) < 0 || pump(in, a, err) < 0)
		return -1;
	if (archive_write_close(a) != ARCHIVE_OK)
		return fail(a, err);
	return 0;
}

static int
reader_make(struct archive **out, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = archive_read_new();

	if (!a || archive_read_support_filter_gzip(a) != ARCHIVE_OK || archive_read_support_format_raw(a) != ARCHIVE_OK)
		return fail(a, err);
	*out = STEAL_PTR(a);
	return 0;
}

/* The raw reader also takes bytes that are not gzip at all: they must be refused. */
static int
read_header(struct archive *a, struct err *err)
{
	struct archive_entry *e;

	if (archive_read_next_header(a, &e) != ARCHIVE_OK) {
		fail(a, err);
		return err_recode(err, ERR_INPUT);
	}
	if (archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP)
		return err_set(err, ERR_INPUT, "gzip: not in gzip format");
	return 0;
}

int
gzip_read(const void *data, size_t n, struct buf *out, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = NULL;
	char chunk[GZIP_CHUNK];

	if (reader_make(&a, err) < 0)
		return -1;
	if (archive_read_open_memory(a, data, n) != ARCHIVE_OK)
		return fail(a, err);
	if (read_header(a, err) < 0)
		return -1;
	for (;;) {
		la_ssize_t got = archive_read_data(a, chunk, sizeof(chunk));

		if (got < 0) {
			fail(a, err);
			return err_recode(err, ERR_INPUT);
		}
		if (got == 0)
			return buf_check(out, "gzip: unpacked data", err);
		buf_add(out, chunk, (size_t)got);
		if (out->overflow)
			return buf_check(out, "gzip: unpacked data", err);
	}
}

int
gzip_digest(int in, uint64_t max, struct digest *out, uint64_t *size, struct err *err)
{
	CLEANUP(reader_free) struct archive *a = NULL;
	CLEANUP(digest_free) struct digest_state *s = digest_begin();
	struct digest_state *done;
	char chunk[GZIP_CHUNK];
	uint64_t total = 0;
	la_ssize_t got;

	if (lseek(in, 0, SEEK_SET) < 0)
		return err_sys(err, "gzip: seek");
	if (reader_make(&a, err) < 0)
		return -1;
	if (archive_read_open_fd(a, in, GZIP_CHUNK) != ARCHIVE_OK)
		return fail(a, err);
	if (read_header(a, err) < 0)
		return -1;
	while ((got = archive_read_data(a, chunk, sizeof(chunk))) > 0) {
		total += (uint64_t)got;
		if (total > max)
			return err_set(err, ERR_LIMIT, "gzip: unpacks to more than %llu bytes", (unsigned long long)max);
		digest_add(s, chunk, (size_t)got);
	}
	if (got < 0) {
		fail(a, err);
		return err_recode(err, ERR_INPUT);
	}
	done = STEAL_PTR(s);
	digest_end(done, out);
	if (size)
		*size = total;
	return 0;
}
