/* SPDX-License-Identifier: Apache-2.0 */
/* How entries of the memo stand in its file: integers of 8 bytes as this machine has them,
 * texts with their zero byte. */
#pragma once

#include "base/buf.h"
#include "builder/memo.h"

struct memo_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};
struct memo_file {
	const char *path; /* beneath the workspace */
	struct memo_stamp stamp;
};
struct memo_entry {
	const char *name;
	struct memo_file *files; /* the recipe, then its patches */
	size_t nfiles;
	struct recipe *recipe;
	bool lasting; /* may be remembered */
	bool decided;
	struct memo_decision decision;
};

struct memo_wire {
	const char *at, *end;
	bool bad; /* it ended early; what was read since is empty */
};
size_t memo_wire_count(struct memo_wire *w);
void memo_wire_digest(struct memo_wire *w, struct digest *out);
void memo_wire_entry(struct arena *a, struct memo_wire *w, struct memo_entry *out);
void memo_wire_add_entry(struct buf *out, const struct memo_entry *e);
