/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of imgverify_layout (images/image.h) that publishing needs too. */
#pragma once

#include "images/image.h"

/* What lies beside dest while it is exchanged: "out/images/.busybox" + suffix. After the proof
 * is exchanged and before the layout is, the old proof stands under the second name. */
#define IMGVERIFY_NEW        ".new"
#define IMGVERIFY_NEW_ATTEST ".attest.new"
#define IMGVERIFY_ATTEST     ".attest"
const char *imgverify_sibling(struct arena *a, const char *dest, const char *suffix);

/* The layout by itself: strict documents, every blob by its digest, the layer's plain bytes by
 * its diff_id, nothing unreferenced. Fills blobs and manifest. */
int imgverify_blobs(int dirfd, struct imgverify_summary *out, struct err *err) MUST_CHECK;
