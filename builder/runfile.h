/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run says of itself to others: a small file in its own directory of the store's tmp/,
 * exchanged by rename at every change. It is removed when the run ends; when the run was
 * killed, whoever opens the store next removes it with everything else that was left. Until
 * then it is told from a living one by process id and the time at which that process began.
 * Others may have written anything into it: readers bound it and believe no field.
 */
#pragma once

#include "builder/build.h"

#define RUNFILE_NAME        "run.json"
#define RUNFILE_MAX_BYTES   ((size_t)256 * 1024)
#define RUNFILE_MAX_RUNNING 256 /* what runs of one run */
#define RUNFILE_MAX_TEXT    1024
#define RUNFILE_MAX_RUNS    256

struct runfile;
/* Nothing is written yet. */
int runfile_open(struct cas *store, const struct workspace *w, struct runfile **out,
		 struct err *err) MUST_CHECK;
/* Replaces what others see; what prevents that is no failure of the run. */
void runfile_write(struct runfile *f, const struct build_now *now);
void runfile_close(struct runfile *f);
DEFINE_CLEANUP(struct runfile *, runfile_close);

struct runfile_entry {
	int64_t pid;
	const char *workspace; /* absolute path */
	struct build_now now;  /* times of this moment */
};
/* The living runs in this store, by process id. */
int runfile_list(struct arena *a, const struct cas *store, struct runfile_entry **out,
		 size_t *n, struct err *err) MUST_CHECK;
