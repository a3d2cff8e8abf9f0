/* SPDX-License-Identifier: Apache-2.0 */
#include "images/layer.h"

#include "base/fd.h"
#include "base/gzip.h"
#include "base/tar.h"
#include <sys/sendfile.h>

#define LAYER_COPY ((uint64_t)1 << 30) /* one sendfile takes no more than 2 GiB */

/* The writer wants a file that ends where the body ends: e's part of the spool, copied to
 * body_fd. */
static int
cut_body(const struct rootfs *r, const struct rootfs_entry *e, int body_fd, struct err *err)
{
	off_t at = (off_t)e->offset;
	uint64_t left = e->size;

	if (ftruncate(body_fd, 0) < 0 || lseek(body_fd, 0, SEEK_SET) < 0)
		return err_sys(err, "/%s", e->path);
	while (left > 0) {
		ssize_t n =
			sendfile(body_fd, r->spool_fd, &at, (size_t)KILN_MIN(left, LAYER_COPY));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "/%s", e->path);
		if (n == 0)
			return err_set(err, ERR_IO, "/%s: the spool ends early", e->path);
		left -= (uint64_t)n;
	}
	return lseek(body_fd, 0, SEEK_SET) < 0 ? err_sys(err, "/%s", e->path) : 0;
}

static int
add_entry(struct tar_writer *w, const struct rootfs *r, const struct rootfs_entry *e,
	  int body_fd, struct err *err)
{
	const struct tar_entry t = {
		.path = e->path,
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = e->mtime,
		.size = e->hardlink ? 0 : e->size,
		.target = e->target,
		.hardlink = e->hardlink,
		.caps = e->caps,
	};
	bool body = S_ISREG(e->mode) && !e->hardlink;

	if (body && cut_body(r, e, body_fd, err) < 0)
		return -1;
	return tar_writer_add(w, &t, body ? body_fd : -1, err);
}

static int
write_tar(const struct rootfs *r, int fd, struct err *err)
{
	CLEANUP(tar_writer_free) struct tar_writer *w = NULL;
	CLEANUP(fd_close) int body_fd = -1; /* used again for every body */

	if (tar_writer_make(fd, &w, err) < 0 || fd_memory("layer body", &body_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (add_entry(w, r, r->at[i], body_fd, err) < 0)
			return -1;
	return tar_writer_end(w, err);
}

static int
hash_file(int fd, struct digest *out, uint64_t *size, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "layer");
	return digest_fd(fd, out, size, err);
}

int
layer_write(const struct rootfs *r, int tar_fd, int out_fd, struct layer *out, struct err *err)
{
	struct layer l;

	if (write_tar(r, tar_fd, err) < 0 ||
	    hash_file(tar_fd, &l.diff_id, &l.tar_bytes, err) < 0)
		return -1;
	if (lseek(tar_fd, 0, SEEK_SET) < 0)
		return err_sys(err, "layer");
	if (gzip_file(tar_fd, out_fd, err) < 0 ||
	    hash_file(out_fd, &l.digest, &l.bytes, err) < 0)
		return -1;
	*out = l;
	return 0;
}
