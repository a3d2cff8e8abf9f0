/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles as files, and the lines of proofs: shared by what reads a tree, what grows it, and the
 * files about it. */
#pragma once

#include "trust/tlog.h"

#define TLOG_BITS    8 /* tree levels in one tile */
#define TLOG_WIDTH   256
#define TLOG_LEVELS  7  /* tile levels of a tree of TLOG_MAX_SIZE, the top one included */
#define TLOG_ENTRIES -1 /* stands for a level: the bundles of entries */
#define TLOG_NAME    96 /* longest path of a tile, with its zero */
/* A bundle of entries, the largest. */
#define TLOG_BUNDLE_MAX ((size_t)TLOG_WIDTH * (TLOG_MAX_ENTRY + 2))

/* tile/L/N, or tile/L/N.p/W when width is less than 256. */
void tlog_tile_name(int level, uint64_t n, unsigned int width, char out[TLOG_NAME]);
/* How many hashes tile n of a level holds in a tree of this size. */
unsigned int tlog_tile_width(int level, uint64_t n, uint64_t size);
/* Reads a tile of hashes, or the first width hashes of the full one. */
int tlog_tile_read(int dirfd, int level, uint64_t n, unsigned int width,
		   struct digest out[TLOG_WIDTH], struct err *err) MUST_CHECK;
/* Reads the entries under tile n of level 0: exactly width of them, checked for their lengths.
 */
int tlog_tile_entries(int dirfd, uint64_t n, unsigned int width, struct buf *out,
		      struct err *err) MUST_CHECK;
/* The hash over count hashes, a power of two; the hashes are overwritten. */
void tlog_tile_fold(struct digest *hashes, size_t count, struct digest *out);

/* A size in text: decimal without leading zeros, at most TLOG_MAX_SIZE. */
bool tlog_checkpoint_size(const char *text, uint64_t *out);
/* The hashes of a proof as lines of base64, and the empty line behind them. */
void tlog_proof_lines(const struct tlog_proof *p, struct buf *out);
/* One more of them, read. */
int tlog_proof_add(const char *line, size_t n, struct tlog_proof *p,
		   struct err *err) MUST_CHECK;
