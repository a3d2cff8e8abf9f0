/* SPDX-License-Identifier: Apache-2.0 */
/* Between the maker of tokens (timestamp_make.c), which writes DER itself so that the key may
 * be anywhere, and their reader (timestamp.c), which is OpenSSL's. */
#pragma once

#include "trust/timestamp.h"

/* How a token names its signer: DER of IssuerAndSerialNumber, out of a certificate. */
int timestamp_signer_id(const struct key_public *k, struct buf *out,
			struct err *err) MUST_CHECK;
/* A token as timestamp_make writes it, around a signature that is already there; *set receives
 * what it is over. */
int timestamp_write(const struct key_public *k, const struct digest *imprint, int64_t when,
		    const struct buf *sig, struct buf *set, struct buf *out,
		    struct err *err) MUST_CHECK;
/* Where time and signature seem to stand in such a token; only writing it again tells. */
bool timestamp_guess(const uint8_t *token, size_t n, int64_t *when, struct buf *sig);
