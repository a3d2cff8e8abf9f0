/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this user saw before: the checkpoints of each log and the newest revision of each
 * repository, in one file, DIR/seen.json. Whoever shows less, or another history, is refused.
 *
 * What is seen counts only when the artefact was accepted as a whole: verify_memory_saw_*
 * collects, verify_memory_commit writes. Two verifications at one time lose nothing of each
 * other: under a lock, what is on disk is read again and only ever grows.
 */
#pragma once

#include "trust/tlog.h"

#define VERIFY_MEMORY_FILE  "seen.json"
#define VERIFY_MEMORY_BYTES ((size_t)4 * 1024 * 1024)
#define VERIFY_MEMORY_ITEMS 10000
#define VERIFY_MEMORY_SIZES 200 /* checkpoints kept of one log, the largest */

struct verify_memory;

/* A directory that is not there is an empty memory; commit makes it. A file that is damaged is
 * refused: forgetting by itself would be what an attacker wants. */
int verify_memory_open(const char *dir, struct verify_memory **out, struct err *err) MUST_CHECK;
void verify_memory_free(struct verify_memory *m);
DEFINE_CLEANUP(struct verify_memory *, verify_memory_free);
/* The form of the file; for tests of the reader. */
int verify_memory_parse(struct verify_memory *m, const char *text, size_t n, const char *name,
			struct err *err) MUST_CHECK;
int verify_memory_write(struct verify_memory *m, struct buf *out, struct err *err) MUST_CHECK;

/* The largest checkpoint that was seen of the log of this key; false: none. */
bool verify_memory_log(const struct verify_memory *m, const struct note_key *key,
		       struct tlog_checkpoint *out);
/* Was the log seen at this size? *same: with this root. */
bool verify_memory_knows(const struct verify_memory *m, const struct note_key *key,
			 const struct tlog_checkpoint *c, bool *same);
void verify_memory_saw_log(struct verify_memory *m, const struct note_key *key,
			   const struct tlog_checkpoint *c);

/* The newest of a repository that was seen: its revision, and how much of its log it brought.
 * id: whose metadata it is. */
struct verify_memory_repository {
	int64_t revision;
	uint64_t log;
};
bool verify_memory_repository(const struct verify_memory *m, const char *id,
			      struct verify_memory_repository *out);
void verify_memory_saw_repository(struct verify_memory *m, const char *id,
				  const struct verify_memory_repository *r);
/* Forgets what was collected since the last commit. */
void verify_memory_drop(struct verify_memory *m);
int verify_memory_commit(struct verify_memory *m, struct err *err) MUST_CHECK;
