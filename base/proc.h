/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes of ours: spawned with an explicit environment, captured, waited for. */
#pragma once

#include "base/buf.h"

struct proc_spec {
	const char *const
		*argv; /* NULL-terminated; argv[0] looked up in /usr/bin:/bin:/usr/sbin:/sbin */
	const char *const *env; /* NULL-terminated NAME=VALUE; NULL means a minimal fixed one */
	int in, out, err;       /* descriptors for 0, 1, 2; -1 means /dev/null */
	int timeout_ms;         /* 0: none */
};
/* Runs to the end. *status is the exit code, or 128 + signal. */
int proc_run(const struct proc_spec *spec, int *status, struct err *err) MUST_CHECK;
/* Runs argv, collects stdout up to out->max; non-zero exit is an error that quotes stderr. */
int proc_capture(const char *const *argv, struct buf *out, struct err *err) MUST_CHECK;
/* Leaves a forked child: flushes coverage data, then _exit. */
void proc_child_exit(int code) NO_RETURN;
/* After fork, before untrusted work: closes every descriptor but 0-2 and keep[0..n) (sorted not
 * required). */
void proc_close_others(const int *keep, size_t n);
/* Waits for pid, retrying EINTR; *status as in proc_run. */
int proc_wait(pid_t pid, int *status, struct err *err) MUST_CHECK;
/* Runs fn in a forked child that is confined first: no new privileges, no core, no descriptors
 * but keep[], rlimits (address space, file size, cpu seconds), Landlock without any path where
 * the kernel has it. The child's err comes back typed. For parsing hostile bytes whose result
 * is written to a kept descriptor. */
typedef int proc_child_fn(void *arg, struct err *err);
int proc_confined(proc_child_fn *fn, void *arg, const int *keep, size_t nkeep,
		  struct err *err) MUST_CHECK;

/* Work that another processor can do meanwhile: fn runs in a forked child, which is not
 * confined and has the descriptors keep[] (NULL: all), and only its verdict comes back. What it
 * allocates and notes is gone with it. */
struct proc_aside {
	pid_t pid; /* 0: none */
	int from;
};
int proc_aside_begin(proc_child_fn *fn, void *arg, const int *keep, size_t nkeep,
		     struct proc_aside *out, struct err *err) MUST_CHECK;
/* Waits for the verdict: what fn returned, with its err. */
int proc_aside_end(struct proc_aside *a, struct err *err) MUST_CHECK;
/* Ends one that nobody waits for any more. */
void proc_aside_release(struct proc_aside *a);
DEFINE_RELEASE(struct proc_aside, proc_aside_release);

/* A fence (Landlock, and no new privileges): this process, and all it starts, reaches no file
 * but beneath its gates; what is open already stays usable. It has no TCP, and sends no signal
 * and no abstract socket's message to others, unless `how` says so. It cannot be taken down. */
enum { PROC_GATE_READ = 1, PROC_GATE_WRITE = 2, PROC_GATE_RUN = 4 };
enum { PROC_FENCE_NETWORK = 1, PROC_FENCE_SIGNALS = 2 };
struct proc_gate {
	int fd; /* of a directory or a file, O_PATH is enough */
	unsigned rights;
};
int proc_fence(const struct proc_gate *gates, size_t n, unsigned how,
	       struct err *err) MUST_CHECK;
/* The same where the kernel can, and nothing where it cannot: one wall more where others stand.
 */
int proc_fence_if(const struct proc_gate *gates, size_t n, unsigned how,
		  struct err *err) MUST_CHECK;
int proc_fence_version(void); /* of Landlock; 0: the kernel has none */
