/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chamber: one job, fired alone behind walls, destroyed afterwards.
 *
 * sandbox_start forks the resident helper. Call it before anything large is allocated and
 * before any thread exists. The helper (as root it first drops to the store's uid) enters a
 * user and mount namespace once, keeps read-only base overlays per environment, and clones one
 * chamber per run. The same code serves root and ordinary users. If a required wall (DESIGN.md
 * section 8) cannot stand, the call fails with ERR_SANDBOX, what is missing, and the remedy. No
 * option weakens a wall. Linux 5.12 or newer; descriptors 0 to 2 must be open (the helper keeps
 * 2).
 *
 * Inside: uid 1000, read-only root made of `trees`, writable tmpfs /build /tmp /out /dev/shm,
 * own /proc (subset=pid) and /dev, no /sys, loopback up and private, no capabilities, seccomp
 * allow-list. Working directory /build.
 * What `trees` do not bring, a ground layer does: bin sbin lib lib64 as links to usr/, and
 * /etc/passwd (root, builder, nobody), /etc/group, /etc/hosts.
 * Each step is a fresh shell on /kiln/step-N; what it leaves running dies before the next.
 *
 * Output is harvested by an openat2 walker after pid 1 is reaped: /out is copied into a
 * directory of the store's tmp/, as hostile bytes, with modes reduced to 0644/0755 (0755 when
 * any x bit).
 */
#pragma once

#include "base/cas.h"
#include "base/err.h"
#include "base/manifest.h"

struct sandbox; /* handle of the resident helper */

int sandbox_start(struct cas *store, struct sandbox **out, struct err *err) MUST_CHECK;
/* sandbox_start in two: most runs have nothing to build, and need no chamber made ready. A
 * helper that was only forked is woken by the first chamber that is asked for, at the latest.
 */
int sandbox_fork(struct cas *store, struct sandbox **out, struct err *err) MUST_CHECK;
int sandbox_wake(struct sandbox *s, struct err *err) MUST_CHECK;
void sandbox_stop(struct sandbox *s); /* ends every chamber and the helper */
DEFINE_CLEANUP(struct sandbox *, sandbox_stop);

enum sandbox_input_kind {
	SANDBOX_COPY,   /* the bytes of fd become the file dest (0644, 0755 if exec) */
	SANDBOX_UNPACK, /* fd is an archive, unpacked below dest inside the chamber */
};
struct sandbox_input {
	enum sandbox_input_kind kind;
	int fd;           /* read from offset 0; stays the caller's */
	const char *dest; /* absolute, below /build or /out */
	bool exec;
	int archive; /* enum tar_kind of base/tar.h */
	unsigned strip;
	bool merge_usr;
	const char *const *members; /* NULL: all */
	size_t nmembers;
};

struct sandbox_step {
	const char *name;
	const char *script; /* run as `/bin/sh -e` with it on a file; stdout and stderr go to
			       the log */
};

struct sandbox_limits {
	uint64_t memory_bytes, disk_bytes, log_bytes;
	uint64_t inodes;
	unsigned processes;
	unsigned time_s;
};
extern const struct sandbox_limits
	sandbox_limits_default; /* 2 GiB, 4 GiB, 64 MiB, 1,000,000, 512, 1200 */

/* The kernel that chambers are told of where they are not told the truth. */
#define SANDBOX_KERNEL_RELEASE "6.1.0"
#define SANDBOX_KERNEL_VERSION "#1 SMP"
#define SANDBOX_KERNEL_MAX     64 /* bytes of either that uname can carry */

struct sandbox_spec {
	const char *name; /* for messages only; never visible inside */
	const char *const
		*trees; /* names under the store's trees/, topmost first; may be empty */
	size_t ntrees;
	const char *const *env; /* NAME=VALUE, complete; nothing else is set */
	size_t nenv;
	const struct sandbox_input *inputs; /* placed in order before the first step */
	size_t ninputs;
	const struct sandbox_step *steps; /* none: a job that only unpacks */
	size_t nsteps;
	size_t shown_from, shown_to; /* these steps are there to be read, but not run */
	const char *shell; /* what runs the steps, below /build, where an input puts it; NULL:
			      /bin/sh of the environment */
	struct sandbox_limits limits;
	unsigned cpus;   /* CPUs the job may see and use, >= 1 */
	int64_t mtime;   /* given to what inputs create */
	bool elsewhere;  /* what must not matter is another: the user's number, addresses */
	bool full_proc;  /* /proc with fixed host facts and masks, not only processes */
	bool fake_chown; /* the chown family succeeds and does nothing */
	const char *kernel_release; /* what uname tells of the kernel, both or neither, each
				       shorter than 65; NULL: the truth */
	const char *kernel_version;
	int log_fd;              /* receives output; -1: none */
	int tty_fd;              /* >= 0: interactive: the last step gets it as 0, 1, 2 */
	const char *keep_failed; /* directory name under the store's failed/ for /build and
				    /tmp, or NULL */
	const char
		*resume_failed; /* like it: starts with that copy in /build and /tmp, or NULL */
	const char *harvest_tmp;  /* a cas_tmp_dir name: /out is copied to tmp/NAME/out; NULL:
				     none */
	bool harvest_files;       /* of its directories only those that hold a file or a link;
				     tmp/NAME/out may be there, empty */
	const char *const *watch; /* sandbox_trace_dirs of the trees: files opened there are
				     told; none: nothing is known of use */
	size_t nwatch;
};

enum sandbox_cause {
	SANDBOX_OK,
	SANDBOX_STEP_FAILED,   /* a step exited non-zero or by signal */
	SANDBOX_UNPACK_FAILED, /* an input could not be unpacked: message says why */
	SANDBOX_TIMEOUT,
	SANDBOX_MEMORY,
	SANDBOX_DISK, /* a writable tree was full when the step failed */
	SANDBOX_PROCESSES,
	SANDBOX_LOG_FLOOD,
	SANDBOX_OUTPUT_REFUSED, /* the harvest refused /out: message names the path */
	SANDBOX_INTERRUPTED
};

struct sandbox_wall {
	char name[40];   /* "namespaces", "read-only root", "proc", "dev", "capabilities",
			    "no_new_privs", "seccomp", "rlimits", "tmpfs caps", "landlock",
			    "cgroup" ... */
	char detail[88]; /* e.g. "user mount pid net ipc uts cgroup", "abi 6", "sampled", filter
			    digest */
	bool required;
};
#define SANDBOX_MAX_WALLS 24

/* A forbidden attempt, once for each of its kind. It failed: this says that it was made. */
#define SANDBOX_CALL_MAX     24
#define SANDBOX_PROCESS_MAX  96
#define SANDBOX_ARGUMENT_MAX 128
struct sandbox_violation {
	const char *kind; /* "network", "dns" (port 53, also on loopback) or "denied" */
	char call[SANDBOX_CALL_MAX];         /* "connect" */
	char process[SANDBOX_PROCESS_MAX];   /* "/usr/bin/wget", as far as it can be told */
	char argument[SANDBOX_ARGUMENT_MAX]; /* "198.51.100.7:443", a path, a flag, or "" */
	uint64_t count;
};
struct sandbox_seen {
	bool watched; /* attempts are known; else the host's own filter was in the way */
	const struct sandbox_violation *violations; /* sorted */
	size_t nviolations;
	uint64_t lost;           /* attempts of further kinds than are kept */
	bool used_known;         /* false: opened files may be missing from `used` */
	const char *const *used; /* opened files of the trees, "usr/bin/cc", sorted */
	size_t nused;
};

struct sandbox_result {
	enum sandbox_cause cause;
	int step; /* index of the failed step, or of the input that could not be unpacked; -1 */
	int status;         /* exit code, or 128 + signal */
	char message[1000]; /* words for the cause, e.g. "step 'build' exited 2", "timeout after
			       20m" */
	struct sandbox_wall walls[SANDBOX_MAX_WALLS]; /* those that really stood */
	size_t nwalls;
	int64_t elapsed_ms;
	uint64_t peak_memory_bytes; /* 0: not known */
	uint64_t log_bytes;
	struct sandbox_seen seen; /* in the arena of sandbox_collect */
};

/* Asynchronous: begin, poll sandbox_run_fd for reading, collect when readable. inputs' fds and
 * log_fd are only needed until begin returns. */
struct sandbox_run;
int sandbox_begin(struct sandbox *s, const struct sandbox_spec *spec, struct sandbox_run **out,
		  struct err *err) MUST_CHECK;
int sandbox_run_fd(const struct sandbox_run *r);
void sandbox_kill(
	struct sandbox_run *r); /* asks; collect still follows, cause SANDBOX_INTERRUPTED */
/* Blocks if it is not ready. -1 only when the chamber could not be raised or the helper died
 * (err says why); a failing build is 0 with result->cause set. Frees r. On SANDBOX_OK with
 * harvest_tmp the manifest of what was copied is in `harvest`, allocated in a. */
int sandbox_collect(struct arena *a, struct sandbox_run *r, struct sandbox_result *result,
		    struct manifest *harvest, struct err *err) MUST_CHECK;

/* From now on sandbox_run and sandbox_unpack_tree soon end what runs when *stop is set, with
 * cause SANDBOX_INTERRUPTED. NULL: never. */
void sandbox_heed(struct sandbox *s, volatile const bool *stop);
/* begin + collect. */
int sandbox_run(struct arena *a, struct sandbox *s, const struct sandbox_spec *spec,
		struct sandbox_result *result, struct manifest *harvest,
		struct err *err) MUST_CHECK;

/* The directories that hold the files of these manifests, sorted: for sandbox_spec.watch. */
void sandbox_trace_dirs(struct arena *a, const struct manifest *const *manifests, size_t n,
			const char *const **out, size_t *nout);

const char *
sandbox_cause_word(enum sandbox_cause c); /* "build", "timeout", "memory", "disk", ... */

/* Unpacks a .deb or .rpm blob into trees/NAME (manifest included) by a job without environment;
 * present already is success. Used for seed packages and for built packages. */
int sandbox_unpack_tree(struct sandbox *s, struct cas *store, const struct digest *blob,
			int archive_kind, const char *tree_name, struct err *err) MUST_CHECK;
