/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by pkgfile*.c and pkgdb.c. A package file is
 *
 *   lead (96 bytes) | signature header | zeros up to 8 | main header | payload
 *
 * and either header is an 8-byte magic, two counts (il entries, dl bytes), il index entries of
 * 16 bytes, dl bytes of data. Every size is checked against these limits and against the file
 * before librpm sees a byte.
 */
#pragma once

#include "repo/pkgfile.h"

#define PKGFILE_LEAD_BYTES       96
#define PKGFILE_INTRO_BYTES      16 /* magic and the two counts */
#define PKGFILE_INDEX_BYTES      16
#define PKGFILE_MAX_TAGS         1000
#define PKGFILE_MAX_SIGNATURE    ((uint64_t)64 * 1024)
#define PKGFILE_MAX_HEADER       ((uint64_t)128 * 1024 * 1024)
#define PKGFILE_MAX_INDEX        ((size_t)PKGFILE_INTRO_BYTES + PKGFILE_MAX_TAGS * PKGFILE_INDEX_BYTES)
#define PKGFILE_MAX_ENTRIES      500000
#define PKGFILE_MAX_DEPS         100000
#define PKGFILE_MAX_PACKET       4096                   /* an OpenPGP signature */
#define PKGFILE_MAX_FILE         ((uint64_t)UINT32_MAX) /* larger ones need LONGSIZE and 07070X */
#define PKGFILE_SHA256           8                      /* RPM's number of it */
#define PKGFILE_SMALL            ((uint64_t)256 * 1024) /* installed; see pkgfile_put_level */
#define PKGFILE_SIGNATURE_REGION 62
#define PKGFILE_HEADER_REGION    63

/* Where things lie in the file; header_start counts its magic in. */
struct pkgfile_layout {
	uint64_t signature_start, signature_end; /* without the zeros */
	uint64_t header_start, payload_start, size;
};

/* What the signature header of our packages holds, and nothing else. */
struct pkgfile_signatures {
	char sha256[65], sha1[41]; /* of the main header with its magic */
	uint32_t size;             /* main header and payload */
	uint32_t archive_size;     /* payload uncompressed */
	const uint8_t *rsa;        /* OpenPGP packet, NULL while unsigned */
	size_t rsa_len;
};

struct headerToken_s; /* librpm's type Header is a pointer to one */

/* pkgfile_layout.c: bytes and bounds, without librpm. */
int pkgfile_layout_find(int fd, const char *name, struct pkgfile_layout *out,
			struct err *err) MUST_CHECK;
int pkgfile_layout_bytes(int fd, const char *name, uint64_t start, uint64_t end,
			 struct buf *out, struct err *err) MUST_CHECK;
void pkgfile_layout_lead(const struct nevra *id, uint8_t lead[PKGFILE_LEAD_BYTES]);

/* pkgfile_text.c: UTF-8, printable, of sane length. */
int pkgfile_text_check(const char *what, const char *text, struct err *err) MUST_CHECK;

/* pkgfile_entries.c: a sorted copy of the specification's entries, each checked; tags of them.
 */
int pkgfile_entries_sort(struct arena *a, const struct pkgfile_spec *spec,
			 struct pkgfile_entry **out, struct err *err) MUST_CHECK;
int pkgfile_entries_put(struct headerToken_s *h, const struct pkgfile_spec *spec,
			struct err *err) MUST_CHECK;
uint64_t pkgfile_entries_size(const struct pkgfile_entry *entries, size_t n); /* installed */

/* pkgfile_put.c: the whole main header; entries of spec are sorted. The caller frees it. */
int pkgfile_put_header(const struct pkgfile_spec *spec, const char payload_hex[65],
		       const char archive_hex[65], struct headerToken_s **out,
		       struct err *err) MUST_CHECK;

/* zstd's level, without workers: the same bytes on every machine. Tables of level 9 are 20 MB,
 * of level 3 768 KB, of level 1 64 KB, and each is cleared for every package, which may cost
 * more than everything else about a small one; so what is small, and would hardly be smaller,
 * gets level 1. */
const char *pkgfile_put_level(const struct pkgfile_spec *spec);

/* pkgfile_signature.c: the signature header. */
void pkgfile_signature_digests(const void *header, size_t n, struct pkgfile_signatures *out);
/* Ready to follow the lead: with magic and the zeros behind. */
int pkgfile_signature_write(const struct pkgfile_signatures *s, struct buf *out,
			    struct err *err) MUST_CHECK;
/* Reads it strictly; packet keeps the OpenPGP packet that out->rsa points to. */
int pkgfile_signature_read(int fd, const char *name, const struct pkgfile_layout *l,
			   struct buf *packet, struct pkgfile_signatures *out,
			   struct err *err) MUST_CHECK;
/* header (with magic) has the digests and the file the size that s states, else ERR_VERIFY. */
int pkgfile_signature_check(const struct pkgfile_signatures *s, const struct buf *header,
			    const struct pkgfile_layout *l, const char *name,
			    struct err *err) MUST_CHECK;

/* pkgfile_read.c: bounds, digests of header and payload, then librpm's header. To be closed
 * also when opening failed. */
struct pkgfile_opened {
	struct pkgfile_layout layout;
	struct pkgfile_signatures signatures; /* rsa points into packet */
	struct buf packet, raw_header;        /* raw_header with its magic */
	uint8_t lead[PKGFILE_LEAD_BYTES];
	struct headerToken_s *header;
	struct digest digest; /* of the main header */
};
int pkgfile_read_open(int fd, const char *name, struct pkgfile_opened *out,
		      struct err *err) MUST_CHECK;
int pkgfile_read_facts(struct arena *a, const struct pkgfile_opened *o, const char *name,
		       struct pkgfile *out, struct err *err) MUST_CHECK;
void pkgfile_read_close(struct pkgfile_opened *o);
DEFINE_RELEASE(struct pkgfile_opened, pkgfile_read_close);

/* pkgfile_body.c: a librpm stream (its type FD_t points to one) over a descriptor of its own
 * that stands at offset `at`; mode as for librpm's Fdopen. */
struct _FD_s;
int pkgfile_body_stream(int fd, uint64_t at, const char *mode, struct _FD_s **out,
			struct err *err) MUST_CHECK;
