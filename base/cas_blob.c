/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cas_batch_priv.h"
#include "base/mem.h"

#define READ_CHUNK ((size_t)256 * 1024)
#define PLACE_MAX  100 /* times that a blob may be collected just when it is needed again */

void
cas_blob_path(const struct digest *d, char out[CAS_PATH_MAX])
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)snprintf(out, CAS_PATH_MAX, "blobs/%.2s/%s", hex, hex);
}

bool
cas_keep(const struct cas *c, const struct digest *d)
{
	char path[CAS_PATH_MAX];

	cas_blob_path(d, path);
	return cas_use(c, path, S_IFREG);
}

bool
cas_has(const struct cas *c, const struct digest *d)
{
	char path[CAS_PATH_MAX];
	struct stat st;

	cas_blob_path(d, path);
	return fstatat(c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Makes blobs/ab, and what stands in it, survive a crash. */
static int
sync_shelf(const struct cas *c, const char *path, struct err *err)
{
	char dir[CAS_PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%.8s", path); /* "blobs/ab" */
	return fd_sync_dir(c->dirfd, dir, err);
}

/* Gives the finished temporary file its name. A link, not a rename: what is there is never
 * replaced. */
static int
place(struct cas *c, int fd, const char *tmp, const struct digest *d, struct err *err)
{
	char path[CAS_PATH_MAX], shelf[CAS_PATH_MAX];

	cas_blob_path(d, path);
	(void)snprintf(shelf, sizeof(shelf), "%.8s", path);
	if (fchmod(fd, 0444) < 0 || (!c->batch && fsync(fd) < 0))
		return err_sys(err, "%s", path);
	if (c->batch) {
		cas_batch_blob(c, tmp, d);
		return 0;
	}
	if (faccessat(c->dirfd, shelf, F_OK, 0) < 0 &&
	    (cas_make_dir(c, shelf, err) < 0 || fd_sync_dir(c->dirfd, "blobs", err) < 0))
		return -1;
	for (int i = 0; i < PLACE_MAX; i++) {
		if (linkat(c->dirfd, tmp, c->dirfd, path, 0) < 0 && errno != EEXIST)
			return err_sys(err, "%s", path);
		if (cas_use(c, path, S_IFREG))
			return sync_shelf(c, path, err);
	}
	err_set(err, ERR_IO, "%s: not a file", path);
	return err_hint(err, "run `kiln store check --repair`");
}

/* As much as there is, up to n. */
static int
read_some(int in, char *out, size_t n, size_t *got, struct err *err)
{
	for (*got = 0; *got < n;) {
		ssize_t more = read(in, out + *got, n - *got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return err_sys(err, "read");
		if (more == 0)
			break;
		*got += (size_t)more;
	}
	return 0;
}

struct blob {
	const struct digest *expect; /* NULL: anything */
	struct digest d;
	uint64_t size;
};

/* chunk: the first n bytes of it, and room for READ_CHUNK. */
static int
fill(int in, char *chunk, size_t n, int out, struct blob *b, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *s = digest_begin();

	while (n > 0) {
		digest_add(s, chunk, n);
		b->size += n;
		if (fd_write_all(out, chunk, n, err) < 0 ||
		    read_some(in, chunk, READ_CHUNK, &n, err) < 0)
			return -1;
	}
	digest_end(STEAL_PTR(s), &b->d);
	return 0;
}

static int
check_expected(const struct blob *b, struct err *err)
{
	char have[DIGEST_HEX], want[DIGEST_HEX];

	if (!b->expect || digest_equal(&b->d, b->expect))
		return 0;
	digest_hex(&b->d, have);
	digest_hex(b->expect, want);
	return err_set(err, ERR_FETCH, "sha256 is %s, wanted %s", have, want);
}

int
cas_put(struct cas *c, const void *data, size_t n, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest d;
	char tmp[64], path[CAS_PATH_MAX];
	bool there;
	int rc;

	digest_of(data, n, &d);
	there = cas_keep(c, &d);
	if (there && c->batch) {
		cas_batch_there(c, &d);
		rc = 0;
	} else if (there) {
		cas_blob_path(&d, path);
		rc = sync_shelf(c, path, err); /* another process may just have placed it */
	} else {
		if (cas_tmp_file(c, tmp, &fd, err) < 0)
			return cas_failed(c, err);
		rc = fd_write_all(fd, data, n, err);
		if (rc == 0)
			rc = place(c, fd, tmp, &d, err);
		if (rc < 0 || !c->batch)
			(void)unlinkat(c->dirfd, tmp, 0);
	}
	if (rc < 0)
		return cas_failed(c, err);
	if (out)
		*out = d;
	return 0;
}

/* The first n bytes of it are in chunk. */
static int
put_large(struct cas *c, int fd, char *chunk, size_t n, struct blob *b, struct err *err)
{
	CLEANUP(fd_close) int tmp_fd = -1;
	char tmp[64];
	int rc;

	if (cas_tmp_file(c, tmp, &tmp_fd, err) < 0)
		return cas_failed(c, err);
	rc = fill(fd, chunk, n, tmp_fd, b, err);
	if (rc == 0)
		rc = check_expected(b, err);
	if (rc == 0)
		rc = place(c, tmp_fd, tmp, &b->d, err);
	if (rc < 0 || !c->batch)
		(void)unlinkat(c->dirfd, tmp, 0);
	if (rc < 0)
		return err->code == ERR_FETCH ? -1 : cas_failed(c, err);
	return fd_close(&tmp_fd, "blob", err);
}

/* What is small is known before a file is made for it: it may be there. */
int
cas_put_fd(struct cas *c, int fd, const struct digest *expect, struct digest *out,
	   uint64_t *size, struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_room(READ_CHUNK);
	struct blob b = { .expect = expect };
	size_t n;
	int rc;

	if (read_some(fd, chunk, READ_CHUNK, &n, err) < 0)
		return cas_failed(c, err);
	if (n == READ_CHUNK) {
		rc = put_large(c, fd, chunk, n, &b, err);
	} else {
		b.size = n;
		digest_of(chunk, n, &b.d);
		rc = check_expected(&b, err) < 0 ? -1 : cas_put(c, chunk, n, NULL, err);
	}
	if (rc < 0)
		return -1;
	if (out)
		*out = b.d;
	if (size)
		*size = b.size;
	return 0;
}

static int
open_blob(const struct cas *c, const struct digest *d, int *fd, struct err *err)
{
	char path[CAS_PATH_MAX];

	cas_blob_path(d, path);
	if (fd_open_beneath(c->dirfd, path, O_RDONLY | O_NOFOLLOW, fd, err) == 0)
		return 0;
	if (err->sys != ENOENT)
		return err_wrap(err, "store %s", c->path);
	(void)err_set(err, ERR_IO, "store %s: no blob %s", c->path, path + strlen("blobs/ab/"));
	err->sys = ENOENT;
	return err_hint(err, "run `kiln fetch`");
}

static int
refuse_corrupt(const struct cas *c, const struct digest *d, struct err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	(void)err_set(err, ERR_IO, "store %s: blob %s is corrupt", c->path, hex);
	return err_hint(err, "run `kiln store check --repair`, then `kiln fetch`");
}

int
cas_get_fd(const struct cas *c, const struct digest *d, int *fd, struct err *err)
{
	CLEANUP(fd_close) int got = -1;
	struct digest now;

	if (open_blob(c, d, &got, err) < 0 || digest_fd(got, &now, NULL, err) < 0)
		return -1;
	if (!digest_equal(&now, d))
		return refuse_corrupt(c, d, err);
	if (lseek(got, 0, SEEK_SET) < 0)
		return err_sys(err, "seek");
	*fd = STEAL_FD(got);
	return 0;
}

int
cas_get(const struct cas *c, const struct digest *d, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest now;
	size_t before = out->len;

	if (open_blob(c, d, &fd, err) < 0)
		return -1;
	if (fd_read_all(fd, out, err) < 0)
		return err_wrap(err, "blob");
	digest_of(buf_text(out) + before, out->len - before, &now);
	return digest_equal(&now, d) ? 0 : refuse_corrupt(c, d, err);
}

int
cas_size(const struct cas *c, const struct digest *d, uint64_t *size, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (open_blob(c, d, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "blob");
	*size = (uint64_t)st.st_size;
	return 0;
}
