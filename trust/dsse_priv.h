/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of dsse: envelope and bundle (dsse.c), and the verification material that
 * stands beside a signature once it was logged (dsse_material.c). */
#pragma once

#include "base/doc.h"
#include "trust/dsse.h"

#define DSSE_MAX_MATERIAL ((size_t)256 * 1024) /* entry, checkpoint and timestamp as text */

/* d is a map and has no key but those of `fields` (NULL-terminated). */
int dsse_only_fields(const struct doc *d, const char *what, const char *const *fields,
		     struct err *err) MUST_CHECK;
/* A required text, printable and of bounded length. */
int dsse_need_text(const struct doc *d, const char *what, const char *field, const char **out,
		   struct err *err) MUST_CHECK;
/* Base64 as a text node; what does not fit sticks in out->overflow. */
struct doc *dsse_base64(struct arena *a, const void *data, size_t n, struct buf *out);

/* A required field of base64 that is not empty. */
int dsse_need_base64(const struct doc *d, const char *what, const char *field, struct buf *out,
		     struct err *err) MUST_CHECK;
/* {keyid, sig}. */
struct doc *dsse_signature_doc(struct arena *a, const char *keyid, const void *sig, size_t n,
			       struct buf *out);
struct doc *dsse_envelope_doc(struct arena *a, const struct dsse_bundle *b, struct buf *out);

/* Sets tlogEntries and timestampVerificationData of material, where b has them. */
void dsse_material_write(struct arena *a, const struct dsse_bundle *b, struct doc *material,
			 struct buf *out);
/* Reads both into b, where they are there. */
int dsse_material_read(struct arena *a, const struct doc *material, struct dsse_bundle *b,
		       struct err *err) MUST_CHECK;
