/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3161 timestamps: a party with a clock says that some bytes were there at a time. The
 * token is a TimeStampResp as bundles carry it: CMS SignedData over a TSTInfo, ECDSA on P-256
 * with SHA-256, without certificates inside; the signer's chain comes from the ring.
 *
 * Made in the signer process only, whose clock it is; see docs/decisions/0030-timestamps.md.
 */
#pragma once

#include "trust/key.h"

#define TIMESTAMP_MAX_BYTES ((size_t)16 * 1024)

struct key_private;
/* Says that what has this digest was there at `now`. The serial number is a digest of both, so
 * one second and one imprint have one number and no counter is kept. */
int timestamp_make(struct key_private *k, const struct digest *imprint, int64_t now,
		   struct buf *out, struct err *err) MUST_CHECK;
/* When the certificate of the key begins to count. */
int timestamp_valid_from(const struct key_public *k, int64_t *out, struct err *err) MUST_CHECK;
/* A token over data by a timestamp key of the ring: *stamped and *when. Without such a key in
 * the ring only its form and imprint are checked and *stamped is false. Everything that does
 * not hold is ERR_VERIFY. */
int timestamp_verify(const struct keyring *ring, const void *token, size_t n, const void *data,
		     size_t len, bool *stamped, int64_t *when, struct err *err) MUST_CHECK;
