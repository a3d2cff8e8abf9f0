/* SPDX-License-Identifier: Apache-2.0 */
/* A signer of notes for tests, with a key that is made of its name. */
#pragma once

#include "trust/tlog.h"

struct notary {
	struct note_key key;
	uint8_t seed[32];
	struct tlog_author author;
};
void notary_open(struct notary *n, const char *name, enum note_kind kind);
/* A signature line by the notary; when counts for cosignatures only. */
void notary_sign(const struct notary *n, int64_t when, const char *text, size_t len,
		 struct buf *line);
