/* SPDX-License-Identifier: Apache-2.0 */
#include "images/layer.h"

#include "base/fd.h"
#include "base/gzip.h"
#include "base/tar.h"

static int
add_entry(struct tar_writer *w, const struct rootfs *r, const struct rootfs_entry *e,
	  struct err *err)
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

	/* The writer reads from the current offset: the spool is placed at this entry's bytes.
	 */
	if (body && lseek(r->spool_fd, (off_t)e->offset, SEEK_SET) < 0)
		return err_sys(err, "/%s", e->path);
	return tar_writer_add(w, &t, body ? r->spool_fd : -1, err);
}

static int
write_tar(const struct rootfs *r, int fd, struct err *err)
{
	CLEANUP(tar_writer_free) struct tar_writer *w = NULL;

	if (tar_writer_make(fd, &w, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (add_entry(w, r, r->at[i], err) < 0)
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
