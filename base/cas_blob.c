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

static int
fill(int in, int out, struct digest *d, uint64_t *size, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *s = digest_begin();
	CLEANUP(mem_free) char *chunk = mem_room(READ_CHUNK);

	for (*size = 0;;) {
		ssize_t n = read(in, chunk, READ_CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		digest_add(s, chunk, (size_t)n);
		if (fd_write_all(out, chunk, (size_t)n, err) < 0)
			return -1;
		*size += (uint64_t)n;
	}
	digest_end(STEAL_PTR(s), d);
	return 0;
}

static int
check_expected(const struct digest *got, const struct digest *expect, struct err *err)
{
	char have[DIGEST_HEX], want[DIGEST_HEX];

	if (!expect || digest_equal(got, expect))
		return 0;
	digest_hex(got, have);
	digest_hex(expect, want);
	return err_set(err, ERR_FETCH, "sha256 is %s, wanted %s", have, want);
}

int
cas_put_fd(struct cas *c, int fd, const struct digest *expect, struct digest *out,
	   uint64_t *size, struct err *err)
{
	CLEANUP(fd_close) int tmp_fd = -1;
	struct digest d = { { 0 } };
	uint64_t n = 0;
	char tmp[64];
	int rc;

	if (cas_tmp_file(c, tmp, &tmp_fd, err) < 0)
		return cas_failed(c, err);
	rc = fill(fd, tmp_fd, &d, &n, err);
	if (rc == 0)
		rc = check_expected(&d, expect, err);
	if (rc == 0)
		rc = place(c, tmp_fd, tmp, &d, err);
	if (rc < 0 || !c->batch)
		(void)unlinkat(c->dirfd, tmp, 0);
	if (rc < 0)
		return err->code == ERR_FETCH ? -1 : cas_failed(c, err);
	if (out)
		*out = d;
	if (size)
		*size = n;
	return fd_close(&tmp_fd, "blob", err);
}

int
cas_put(struct cas *c, const void *data, size_t n, struct digest *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest d;
	char tmp[64], path[CAS_PATH_MAX];
	int rc;

	digest_of(data, n, &d);
	if (cas_keep(c, &d) && c->batch) {
		cas_batch_there(c, &d);
		rc = 0;
	} else if (cas_keep(c, &d)) {
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
