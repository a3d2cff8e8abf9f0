/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layer of an image: the root file system as a deterministic pax archive, gzipped. The
 * digest of the plain archive (diff_id) is what the image's configuration names, that of the
 * compressed one what its manifest names.
 */
#pragma once

#include "images/rootfs.h"

struct layer {
	struct digest digest, diff_id;
	uint64_t bytes, tar_bytes; /* compressed, plain */
};
/* tar_fd: empty scratch file; out_fd: empty, receives the compressed layer. Both readable too.
 */
int layer_write(const struct rootfs *r, int tar_fd, int out_fd, struct layer *out,
		struct err *err) MUST_CHECK;
