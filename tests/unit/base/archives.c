/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "tests/unit/base/archives.h"
#include <archive.h>
#include <archive_entry.h>

static void
pad(struct buf *b, size_t to)
{
	while (b->len % to)
		buf_add(b, "", 1);
}

static void
tar_header(struct buf *b, const char *name, char type, const char *link, size_t size)
{
	char h[512] = { 0 };
	unsigned sum = 8 * ' ';

	memcpy(h, name, strnlen(name, 100));
	memcpy(h + 100, "0000755", 7);
	memcpy(h + 108, "0000000", 7);
	memcpy(h + 116, "0000000", 7);
	for (size_t i = 11; i-- > 0; size >>= 3)
		h[124 + i] = (char)('0' + (size & 7));
	memcpy(h + 136, "00000000001", 11);
	h[156] = type;
	if (link)
		memcpy(h + 157, link, strnlen(link, 100));
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	for (size_t i = 7; i-- > 0; sum >>= 3)
		h[148 + i] = (char)('0' + (sum & 7));
	buf_add(b, h, sizeof(h));
}

void
archives_tar(struct buf *b, const char *name, char type, const char *link, const char *body)
{
	tar_header(b, name, type, link, body ? strlen(body) : 0);
	if (body)
		buf_add_str(b, body);
	pad(b, 512);
}

void
archives_tar_end(struct buf *b)
{
	static const char zeros[1024];

	buf_add(b, zeros, sizeof(zeros));
}

void
archives_pax(struct buf *b, const char *key, const char *value)
{
	char text[8192];
	size_t n = strlen(key) + strlen(value) + 3, len = n + 1;

	while (len != n + (size_t)snprintf(NULL, 0, "%zu", len))
		len = n + (size_t)snprintf(NULL, 0, "%zu", len);
	(void)snprintf(text, sizeof(text), "%zu %s=%s\n", len, key, value);
	archives_tar(b, "PaxHeaders/x", 'x', NULL, text);
}

void
archives_ar(struct buf *b, const char *name, const void *data, size_t n)
{
	if (b->len == 0)
		buf_add_str(b, "!<arch>\n");
	buf_add_format(b, "%-16s%-12s%-6s%-6s%-8s%-10zu`\n", name, "0", "0", "0", "100644", n);
	buf_add(b, data, n);
	if (n % 2)
		buf_add_char(b, '\n');
}

void
archives_cpio(struct buf *b, const char *name, unsigned mode, unsigned ino, unsigned nlink,
	      const char *body)
{
	size_t n = body ? strlen(body) : 0;

	buf_add_format(b, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino,
		       mode, 0, 0, nlink, 0, n, 0, 0, 0, 0, strlen(name) + 1, 0);
	buf_add(b, name, strlen(name) + 1);
	pad(b, 4);
	if (n)
		buf_add(b, body, n);
	pad(b, 4);
}

void
archives_cpio_end(struct buf *b)
{
	archives_cpio(b, "TRAILER!!!", 0, 0, 1, NULL);
}

void
archives_pack(const char *filter, const struct buf *in, struct buf *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *space = malloc(ARCHIVES_MAX);
	size_t used = 0;

	assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, space, ARCHIVES_MAX, &used), ARCHIVE_OK);
	archive_entry_set_pathname(e, "x");
	archive_entry_set_filetype(e, AE_IFREG);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, in->data, in->len), in->len);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_entry_free(e);
	(void)archive_write_free(a);
	buf_add(out, space, used);
	free(space);
}

void
archives_deb(struct buf *out, const char *suffix, const struct buf *data)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "data.tar.%s", suffix);
	archives_ar(out, "debian-binary", "2.0\n", 4);
	archives_ar(out, "control.tar.xz", "", 0);
	archives_ar(out, name, data->data, data->len);
}

/* A header section with no tag in it. */
static void
rpm_header(struct buf *b)
{
	buf_add(b, "\x8e\xad\xe8\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

void
archives_rpm(struct buf *out, const struct buf *payload)
{
	char lead[96] = { 0 };

	memcpy(lead, "\xed\xab\xee\xdb\3\0\0\0\0\1", 10);
	memcpy(lead + 10, "x-1-1", 5);
	lead[77] = 1; /* operating system */
	lead[79] = 5; /* header-style signature */
	buf_add(out, lead, sizeof(lead));
	rpm_header(out);
	rpm_header(out);
	buf_add(out, payload->data, payload->len);
}

int
archives_fd(const struct buf *b)
{
	struct err err;
	int fd = -1;

	if (fd_memory("archive", &fd, &err) < 0 ||
	    fd_write_all(fd, b->data, b->len, &err) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		fail_msg("%s", err.text);
	return fd;
}
