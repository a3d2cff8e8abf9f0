/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pax writer of image layers: ustar headers, and a pax extended header before an entry only
 * when something does not fit (long names, large sizes, capabilities). Written by hand because
 * the bytes are what is promised, and libarchive's writer converts names by the process locale
 * (docs/decisions/0001-own-pax-writer.md). Format: POSIX.1-2017, pax, "ustar Interchange Format".
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/tar.h"

#define TAR_BLOCK     512
#define TAR_PAX_MAX   ((size_t)64 * 1024)
#define TAR_COPY      ((size_t)256 * 1024)
#define TAR_OCTAL_MAX 077777777777ULL /* what 11 octal digits hold */
#define TAR_ID_MAX    07777777U
#define TAR_CAPS_LEN  20

struct tar_writer {
	int fd;
};

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char linkname[100], magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a ustar header is one block");

int
tar_writer_make(int fd, struct tar_writer **out, struct err *err)
{
	if (fd < 0)
		return err_set(err, ERR_IO, "layer: no file to write to");
	*out = mem_alloc(sizeof(**out));
	(*out)->fd = fd;
	return 0;
}

void
tar_writer_free(struct tar_writer *w)
{
	free(w);
}

/* width - 1 octal digits, zero-filled, and a terminating zero. */
static void
octal(char *field, size_t width, uint64_t v)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
}

static void
checksum(struct ustar *h)
{
	const unsigned char *raw = (const unsigned char *)h;
	unsigned sum = 0;

	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += raw[i];
	octal(h->checksum, 7, sum);
	h->checksum[7] = ' ';
}

static void
field_text(char *field, size_t width, const char *text)
{
	memcpy(field, text, KILN_MIN(strlen(text), width));
}

static int
write_padding(int fd, uint64_t n, struct err *err)
{
	static const char zeros[TAR_BLOCK];
	size_t rest = (size_t)(n % TAR_BLOCK);

	return rest ? fd_write_all(fd, zeros, TAR_BLOCK - rest, err) : 0;
}

/* "LEN key=value\n", where LEN counts itself. */
static void
pax_record(struct buf *out, const char *key, const void *value, size_t n)
{
	size_t rest = 1 + strlen(key) + 1 + n + 1, len = rest;
	char digits[24];

	for (;;) {
		size_t with = rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len);

		if (with == len)
			break;
		len = with;
	}
	buf_add_format(out, "%zu %s=", len, key);
	buf_add(out, value, n);
	buf_add_char(out, '\n');
}

static char
type_flag(const struct tar_entry *e)
{
	if (e->hardlink)
		return '1';
	if (S_ISDIR(e->mode))
		return '5';
	return S_ISLNK(e->mode) ? '2' : '0';
}

static void
header_fill(struct ustar *h, const struct tar_entry *e, const char *name, char type, uint64_t size)
{
	memset(h, 0, sizeof(*h));
	field_text(h->name, sizeof(h->name), name);
	octal(h->mode, sizeof(h->mode), e->mode & 07777);
	octal(h->uid, sizeof(h->uid), KILN_MIN(e->uid, TAR_ID_MAX));
	octal(h->gid, sizeof(h->gid), KILN_MIN(e->gid, TAR_ID_MAX));
	octal(h->size, sizeof(h->size), KILN_MIN(size, TAR_OCTAL_MAX));
	octal(h->mtime, sizeof(h->mtime), (uint64_t)KILN_MAX(e->mtime, (int64_t)0));
	h->type = type;
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
}

/* What ustar's fields cannot carry. Sorted by key, so the bytes are a function of the entry. */
static void
pax_records(const struct tar_entry *e, const char *name, uint64_t size, struct buf *out)
{
	char number[24];

	if (e->caps)
		pax_record(out, "SCHILY.xattr.security.capability", e->caps, TAR_CAPS_LEN);
	if (e->gid > TAR_ID_MAX) {
		int n = snprintf(number, sizeof(number), "%u", e->gid);
		pax_record(out, "gid", number, (size_t)n);
	}
	if (e->target && strlen(e->target) > 100)
		pax_record(out, "linkpath", e->target, strlen(e->target));
	if (strlen(name) > 100)
		pax_record(out, "path", name, strlen(name));
	if (size > TAR_OCTAL_MAX) {
		int n = snprintf(number, sizeof(number), "%llu", (unsigned long long)size);
		pax_record(out, "size", number, (size_t)n);
	}
	if (e->uid > TAR_ID_MAX) {
		int n = snprintf(number, sizeof(number), "%u", e->uid);
		pax_record(out, "uid", number, (size_t)n);
	}
}

static int
write_pax(int fd, const struct tar_entry *e, const char *name, uint64_t size, struct err *err)
{
	CLEANUP(buf_free) struct buf records = BUF_MAX(TAR_PAX_MAX);
	struct tar_entry plain = { .mode = S_IFREG | 0644, .mtime = e->mtime };
	struct ustar h;

	pax_records(e, name, size, &records);
	if (buf_check(&records, "layer: extended header", err) < 0)
		return -1;
	if (records.len == 0)
		return 0;
	header_fill(&h, &plain, "PaxHeaders/entry", 'x', records.len);
	checksum(&h);
	if (fd_write_all(fd, &h, sizeof(h), err) < 0 || fd_write_all(fd, records.data, records.len, err) < 0)
		return -1;
	return write_padding(fd, records.len, err);
}

static int
copy_body(int in, int out, uint64_t size, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_alloc(TAR_COPY);
	uint64_t left = size;

	while (left) {
		ssize_t n = read(in, chunk, (size_t)KILN_MIN(left, (uint64_t)TAR_COPY));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "layer: %s", path);
		if (n == 0)
			return err_set(err, ERR_IO, "layer: %s: shorter than its %llu bytes", path, (unsigned long long)size);
		if (fd_write_all(out, chunk, (size_t)n, err) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	return write_padding(out, size, err);
}

int
tar_writer_add(struct tar_writer *w, const struct tar_entry *e, int body_fd, struct err *err)
{
	char type = type_flag(e);
	uint64_t size = type == '0' ? e->size : 0;
	CLEANUP(mem_free) char *name = mem_format("%s%s", e->path, type == '5' ? "/" : "");
	struct ustar h;

	if (write_pax(w->fd, e, name, size, err) < 0)
		return -1;
	header_fill(&h, e, name, type, size);
	if (e->target)
		field_text(h.linkname, sizeof(h.linkname), e->target);
	checksum(&h);
	if (fd_write_all(w->fd, &h, sizeof(h), err) < 0)
		return -1;
	if (size == 0)
		return 0;
	if (body_fd < 0)
		return err_set(err, ERR_IO, "layer: %s: no contents given", e->path);
	return copy_body(body_fd, w->fd, size, e->path, err);
}

int
tar_writer_end(struct tar_writer *w, struct err *err)
{
	static const char zeros[2 * TAR_BLOCK];

	return fd_write_all(w->fd, zeros, sizeof(zeros), err);
}
