/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer for layers: POSIX ustar headers, with a pax header before an entry only where
 * ustar has no room. Written here and not by libarchive, so that a layer's bytes are a function
 * of its entries alone and no library upgrade changes the digest of an image.
 */
#include "base/fd.h"
#include "base/manifest.h"
#include "base/mem.h"
#include "base/tar.h"

#define BLOCK         ((size_t)512)
#define PAX_MAX_BYTES ((size_t)64 * 1024)
#define OCTAL_11      077777777777LL /* the most twelve bytes of octal text hold */
#define OCTAL_7       07777777LL
#define CAPS_BYTES    20

struct tar_writer {
	int fd;
};

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], uname[32], gname[32], major[8], minor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is one block");

int
tar_writer_make(int fd, struct tar_writer **out, struct err *err)
{
	if (fcntl(fd, F_GETFD) < 0)
		return err_sys(err, "layer");
	*out = mem_alloc(sizeof(**out));
	(*out)->fd = fd;
	return 0;
}

void
tar_writer_free(struct tar_writer *w)
{
	free(w);
}

/* Octal digits over the whole field but its last byte, which stays zero. */
static void
put_octal(char *field, size_t width, int64_t value)
{
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void
put_text(char *field, size_t width, const char *text)
{
	memcpy(field, text, strnlen(text, width));
}

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void
pax_add(struct buf *out, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;

	while (len != rest + (size_t)snprintf(NULL, 0, "%zu", len))
		len = rest + (size_t)snprintf(NULL, 0, "%zu", len);
	buf_add_format(out, "%zu %s=", len, key);
	buf_add(out, value, n);
	buf_add_char(out, '\n');
}

static void
pax_add_number(struct buf *out, const char *key, int64_t v)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%lld", (long long)v);

	pax_add(out, key, text, (size_t)n);
}

static bool
is_ascii(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s >= 0x80)
			return false;
	}
	return true;
}

/* Puts the path into name and prefix; false when it does not fit. */
static bool
put_path(struct ustar *h, const char *path)
{
	size_t len = strlen(path);

	if (len <= sizeof(h->name)) {
		put_text(h->name, sizeof(h->name), path);
		return true;
	}
	for (size_t i = len - KILN_MIN(len, sizeof(h->name) + 1); i < len - 1; i++) {
		if (path[i] != '/' || i == 0 || i > sizeof(h->prefix))
			continue;
		memcpy(h->prefix, path, i);
		memcpy(h->name, path + i + 1, len - i - 1);
		return true;
	}
	put_text(h->name, sizeof(h->name), path);
	return false;
}

static void
put_number(struct buf *pax, const char *key, char *field, size_t width, int64_t v)
{
	int64_t most = width == 12 ? OCTAL_11 : OCTAL_7;
	bool fits = v >= 0 && v <= most;

	put_octal(field, width, fits ? v : 0);
	if (!fits)
		pax_add_number(pax, key, v);
}

static void
seal(struct ustar *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	put_text(h->magic, sizeof(h->magic), "ustar");
	memcpy(h->version, "00", 2);
	put_octal(h->major, sizeof(h->major), 0);
	put_octal(h->minor, sizeof(h->minor), 0);
	memset(h->checksum, ' ', sizeof(h->checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += p[i];
	put_octal(h->checksum, sizeof(h->checksum) - 1, sum);
	h->checksum[6] = '\0';
}

static int
write_padding(struct tar_writer *w, uint64_t size, struct err *err)
{
	static const char zeros[BLOCK];

	return fd_write_all(w->fd, zeros, (size_t)((BLOCK - size % BLOCK) % BLOCK), err);
}

static int
write_pax(struct tar_writer *w, const char *path, const struct buf *pax, struct err *err)
{
	struct ustar h = { .type = 'x' };
	const char *slash = strrchr(path, '/');
	char name[sizeof(h.name)] = "PaxHeaders/";

	put_text(name + strlen(name), sizeof(name) - strlen(name) - 1,
		 slash ? slash + 1 : path);
	put_text(h.name, sizeof(h.name), name);
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), (int64_t)pax->len);
	put_octal(h.mtime, sizeof(h.mtime), 0);
	seal(&h);
	if (fd_write_all(w->fd, &h, sizeof(h), err) < 0 ||
	    fd_write_all(w->fd, pax->data, pax->len, err) < 0)
		return -1;
	return write_padding(w, pax->len, err);
}

static char
type_flag(const struct tar_entry *e)
{
	if (e->hardlink)
		return '1';
	if (S_ISLNK(e->mode))
		return '2';
	return S_ISDIR(e->mode) ? '5' : '0';
}

static int
check_entry(const struct tar_entry *e, int body_fd, struct err *err)
{
	bool regular = S_ISREG(e->mode) && !e->hardlink;

	if (!manifest_is_path(e->path) && !(S_ISDIR(e->mode) && strcmp(e->path, ".") == 0))
		return err_set(err, ERR_INPUT, "layer entry '%s': not a path for a layer",
			       e->path);
	if (!S_ISREG(e->mode) && !S_ISDIR(e->mode) && !S_ISLNK(e->mode))
		return err_set(err, ERR_INPUT,
			       "layer entry '%s': neither file, directory nor link", e->path);
	if (!e->target != !(e->hardlink || S_ISLNK(e->mode)))
		return err_set(err, ERR_INPUT,
			       "layer entry '%s': a link has a target, others none", e->path);
	if (regular ? e->size && body_fd < 0 : e->size || body_fd >= 0)
		return err_set(err, ERR_INPUT,
			       "layer entry '%s': size and body do not fit its type", e->path);
	return 0;
}

static int
write_header(struct tar_writer *w, const struct tar_entry *e, struct err *err)
{
	CLEANUP(buf_free) struct buf pax = BUF_MAX(PAX_MAX_BYTES);
	CLEANUP(mem_free) char *path = mem_format("%s%s", e->path, S_ISDIR(e->mode) ? "/" : "");
	struct ustar h = { .type = type_flag(e) };

	if (!put_path(&h, path) || !is_ascii(path))
		pax_add(&pax, "path", path, strlen(path));
	if (e->target) {
		put_text(h.link, sizeof(h.link), e->target);
		if (strlen(e->target) > sizeof(h.link) || !is_ascii(e->target))
			pax_add(&pax, "linkpath", e->target, strlen(e->target));
	}
	put_octal(h.mode, sizeof(h.mode), e->mode & 07777);
	put_number(&pax, "size", h.size, sizeof(h.size), (int64_t)e->size);
	put_number(&pax, "uid", h.uid, sizeof(h.uid), e->uid);
	put_number(&pax, "gid", h.gid, sizeof(h.gid), e->gid);
	put_number(&pax, "mtime", h.mtime, sizeof(h.mtime), e->mtime);
	if (e->caps)
		pax_add(&pax, "SCHILY.xattr.security.capability", e->caps, CAPS_BYTES);
	seal(&h);
	if (buf_check(&pax, "pax header", err) < 0 ||
	    (pax.len && write_pax(w, e->path, &pax, err) < 0))
		return -1;
	return fd_write_all(w->fd, &h, sizeof(h), err);
}

int
tar_writer_add(struct tar_writer *w, const struct tar_entry *e, int body_fd, struct err *err)
{
	uint64_t copied = 0;

	if (check_entry(e, body_fd, err) < 0 || write_header(w, e, err) < 0)
		return -1;
	if (e->size == 0)
		return 0;
	if (fd_copy(body_fd, w->fd, e->size, &copied, err) < 0)
		return err_wrap(err, "layer entry '%s'", e->path);
	if (copied != e->size)
		return err_set(
			err, ERR_IO, "layer entry '%s': its file ends after %llu of %llu bytes",
			e->path, (unsigned long long)copied, (unsigned long long)e->size);
	return write_padding(w, e->size, err);
}

int
tar_writer_end(struct tar_writer *w, struct err *err)
{
	static const char zeros[2 * BLOCK];

	return fd_write_all(w->fd, zeros, sizeof(zeros), err);
}
