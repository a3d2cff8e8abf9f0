/* SPDX-License-Identifier: Apache-2.0 */
/* Inside one warden: sandbox_warden.c and its parts. */
#pragma once

#include "builder/sandbox_priv.h"

#define SANDBOX_LOG_CHUNK 4096 /* <= PIPE_BUF: does not block once the reader has room */

struct sandbox_warden {
	struct sandbox_job *job;
	const struct sandbox_spec *spec;
	struct sandbox_rooms rooms;
	struct sandbox_meter meter;
	struct sandbox_notify seen;
	struct sandbox_trace trace;
	struct sandbox_result result;
	struct err refused; /* a wall could not stand; code ERR_NONE: all did */
	pid_t pid;
	int pidfd, notes, log; /* our ends */
	int listener;          /* where pid 1's descendants ask; -1: nobody does */
	int mounts;            /* the mount namespace: ends when we exit, after the answer */
	int64_t began_ms;
	char pending[SANDBOX_LOG_CHUNK];
	size_t npending;
	bool log_ended, full, done, reaped, watched;
};

/* ---- sandbox_warden_watch.c ---- */
int sandbox_warden_add_wall(struct sandbox_result *r, const struct sandbox_wall *wall,
			    struct err *err) MUST_CHECK;
/* Relays and watches until pid 1 is reaped, and everything it said is heard. */
int sandbox_warden_reap(struct sandbox_warden *w, struct err *err) MUST_CHECK;
void sandbox_warden_look_for_full(struct sandbox_warden *w);

/* ---- sandbox_warden_judge.c ---- */
/* Whether every required wall stood, and why the run failed if it did. */
int sandbox_warden_judge(struct sandbox_warden *w, struct err *err) MUST_CHECK;

/* ---- sandbox_warden_keep.c ---- */
/* Starts with what a failed build left. */
int sandbox_warden_resume(const struct sandbox_warden *w, struct err *err) MUST_CHECK;
/* Before anything of the run is read: nothing can be opened any more but the rooms and the
 * store.
 */
int sandbox_warden_fence(const struct sandbox_warden *w, struct err *err) MUST_CHECK;
/* Copies /out into the store; its manifest is the descriptor in *answer. What a package may not
 * hold is a cause. */
int sandbox_warden_harvest(struct sandbox_warden *w, struct arena *a, int *answer,
			   struct err *err) MUST_CHECK;
void sandbox_warden_keep_if_failed(struct sandbox_warden *w);
