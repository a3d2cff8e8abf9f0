/* SPDX-License-Identifier: Apache-2.0 */
/* Between the maker of tokens (timestamp_make.c), which writes DER itself so that the key may
 * be anywhere, and their reader (timestamp.c), which is OpenSSL's. */
#pragma once

#include "trust/timestamp.h"

/* How a token names its signer: DER of IssuerAndSerialNumber, out of a certificate. */
int timestamp_signer_id(const uint8_t *cert, size_t len, struct buf *out,
			struct err *err) MUST_CHECK;
