/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trusted_root.json, as stock sigstore clients read it: which logs and which timestamp
 * authorities count. Keys that sign statements do not stand in it; clients are given them by
 * name (builder.pub, image.pub).
 */
#pragma once

#include "trust/key.h"

/* origin: the name of the log, a bare host name, because clients take it from the log's URL.
 * Every log and timestamp key of the ring is listed, in its order. */
int trustroot_write(const struct keyring *ring, const char *origin, struct buf *out,
		    struct err *err) MUST_CHECK;
/* The origin that a file names, in the arena; it must be exactly what trustroot_write makes of
 * the ring under that name. */
int trustroot_check(struct arena *a, const struct keyring *ring, const char *text, size_t n,
		    const char **origin, struct err *err) MUST_CHECK;
