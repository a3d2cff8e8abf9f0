/* SPDX-License-Identifier: Apache-2.0 */
/* A warden's verdict: which walls stood, and whose doing a failure was. */
#include "builder/sandbox_warden_priv.h"
#include "base/clock.h"
#include <signal.h>

#define PROCESS_MARGIN 8 /* a sample that saw this few less than the limit saw the limit */

static bool
is_crowded(const struct sandbox_warden *w)
{
	return w->meter.peak_processes + PROCESS_MARGIN >= w->spec->limits.processes ||
	       sandbox_limit_crowded(&w->meter);
}

/* Why a step failed, when it was not the step's own doing. */
static void
attribute(struct sandbox_warden *w)
{
	struct sandbox_result *r = &w->result;
	const struct sandbox_limits *l = &w->spec->limits;
	char was[300], size[SANDBOX_WORDS];

	if (r->cause != SANDBOX_STEP_FAILED && r->cause != SANDBOX_TIMEOUT &&
	    r->cause != SANDBOX_UNPACK_FAILED)
		return;
	sandbox_warden_look_for_full(w);
	(void)snprintf(was, sizeof(was), "%.290s", r->message);
	if (sandbox_limit_killed(&w->meter)) {
		r->cause = SANDBOX_MEMORY;
		sandbox_limit_size(size, l->memory_bytes);
		(void)snprintf(r->message, sizeof(r->message), "out of memory at %s: %s", size,
			       was);
	} else if (r->cause == SANDBOX_TIMEOUT && !is_crowded(w)) {
		return;
	} else if (w->full || r->status == 128 + SIGXFSZ) {
		r->cause = SANDBOX_DISK;
		sandbox_limit_size(size, l->disk_bytes);
		(void)snprintf(r->message, sizeof(r->message),
			       "disk full at %s or %llu files: %s", size,
			       (unsigned long long)l->inodes, was);
	} else if (is_crowded(w)) {
		r->cause = SANDBOX_PROCESSES;
		(void)snprintf(r->message, sizeof(r->message), "too many processes, at %u: %s",
			       l->processes, was);
	}
}

static bool
stands(const struct sandbox_result *r, const char *wall)
{
	for (size_t i = 0; i < r->nwalls; i++)
		if (strcmp(r->walls[i].name, wall) == 0)
			return true;
	return false;
}

/* Every required wall must have said that it stands; what was not heard of does not. */
static int
check_walls(const struct sandbox_warden *w, struct err *err)
{
	const char *const required[] = {
		"namespaces",
		"read-only root",
		"proc",
		"dev",
		"tmpfs caps",
		"network",
		"no_new_privs",
		"seccomp",
		"rlimits",
		"capabilities",
		w->spec->kernel_release ? "uname" : "seccomp",
	};

	for (size_t i = 0; i < ARRAY_LEN(required); i++)
		if (!stands(&w->result, required[i]))
			return err_set(err, ERR_SANDBOX, "the wall '%s' did not stand",
				       required[i]);
	return 0;
}

int
sandbox_warden_judge(struct sandbox_warden *w, struct err *err)
{
	struct sandbox_result *r = &w->result;
	char size[SANDBOX_WORDS];

	r->elapsed_ms = clock_monotonic_ms() - w->began_ms;
	if (w->refused.code != ERR_NONE) {
		*err = w->refused;
		return err_wrap(err, "raising the chamber");
	}
	if (r->cause == SANDBOX_OK && !w->done) {
		if (!sandbox_limit_killed(&w->meter))
			return err_set(err, ERR_SANDBOX, "the chamber's first process died");
		r->cause = SANDBOX_MEMORY;
		sandbox_limit_size(size, w->spec->limits.memory_bytes);
		(void)snprintf(r->message, sizeof(r->message), "out of memory at %s", size);
	}
	r->peak_memory_bytes = w->meter.peak;
	attribute(w);
	/* Interrupted before the walls were up: nothing ran, so nothing ran without them. */
	return r->cause == SANDBOX_INTERRUPTED ? 0 : check_walls(w, err);
}
