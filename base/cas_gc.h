/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting what nothing needs any more.
 *
 * The store knows nothing of packages, so it reads what it holds as a graph of digests: every
 * word of 64 hexadecimal digits in a reference, or in a blob that begins with '{', that is the
 * name of an object is an edge to it. One digest may name several objects, which live and die
 * together: blob HEX, trees KIND-HEX-1, references KIND/HEX. That keeps too much rather than
 * too little, and stays right when a document gains a member.
 *
 *   cas_gc_begin    every object with its size and age, in one array sorted by digest
 *   cas_gc_root     what is kept, with all that it leads to; any number of times
 *   cas_gc_run      budgets, then removal: references, then trees, then blobs
 *
 * It runs beside builds. Whatever a process relies on, it made or marked as used after it had
 * opened the store (cas_use.c); what was marked since the oldest process that is at work opened
 * it stays, and removal looks at the mark again. What no process relies on any more, but is
 * younger than the grace, is kept as well: a build that was killed goes on where it was. Two
 * collections wait for each other, and so do `store check` and what makes pins.
 */
#pragma once

#include "base/cas.h"

enum cas_gc_role {
	CAS_GC_ROOT, /* kept, with all that it names */
	CAS_GC_UNIT, /* kept as budgets allow, or when all that it names is kept anyway */
	CAS_GC_NOTE  /* kept; what it names does not count */
};
struct cas_gc_options {
	int64_t now;          /* wall clock, seconds */
	int64_t grace_s;      /* what is younger stays */
	int64_t older_than_s; /* what is not rooted goes when it is older; 0: at any age */
	uint64_t keep_bytes;  /* of what is not rooted the newest stays while all that is kept
				 fits; 0: none */
	bool dry_run;
	/* What a reference is. */
	enum cas_gc_role (*role)(void *arg, const char *kind, const char *name);
	/* Each object that goes: "blobs/ab/ab...", "trees/NAME", "refs/KIND/NAME". */
	void (*gone)(void *arg, const char *what, uint64_t bytes);
	void *arg;
};
struct cas_gc_report {
	uint64_t objects, bytes;           /* in the store before */
	uint64_t gone_objects, gone_bytes; /* as the disk counts them */
	uint64_t rooted_bytes;             /* kept whatever the budgets say */
	uint64_t spared;                   /* of what would have gone, used meanwhile */
	uint64_t locks;                    /* files in locks/ that nobody held */
};
struct cas_gc;

/* How much room all objects take, counted beside whoever makes or collects them. */
int cas_gc_room(struct cas *c, uint64_t *bytes, struct err *err) MUST_CHECK;

/* Waits for another collection; options must live as long as the result. */
int cas_gc_begin(struct cas *c, const struct cas_gc_options *o, struct cas_gc **out,
		 struct err *err) MUST_CHECK;
/* Every digest in text is a root. */
int cas_gc_root(struct cas_gc *g, const char *text, size_t n, struct err *err) MUST_CHECK;
int cas_gc_run(struct cas_gc *g, struct cas_gc_report *out, struct err *err) MUST_CHECK;
void cas_gc_free(struct cas_gc *g);
DEFINE_CLEANUP(struct cas_gc *, cas_gc_free);
