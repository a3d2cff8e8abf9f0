/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the chamber's machinery. Four kinds of process, each the parent of the next, each
 * dying with its parent (PR_SET_PDEATHSIG):
 *
 *   conductor   kiln itself; sandbox.c. Never enters a namespace.
 *   helper      resident, one per conductor; sandbox_helper.c. Not root any more, in its own
 * user and mount namespace; keeps the base overlays; forks one warden per request. warden one
 * per run; sandbox_warden.c. Mounts, clones pid 1, relays the log, watches the limits, harvests
 * after pid 1 is reaped, answers the conductor directly. pid 1       sandbox_init.c. Ours,
 * never execs; raises the walls, then forks the unpacker and the steps, which inherit them.
 *
 * Messages: conductor > helper a struct sandbox_request with descriptors, warden > conductor a
 * struct sandbox_reply, pid 1 > warden a struct sandbox_note; all on SOCK_SEQPACKET sockets.
 */
#pragma once

#include "base/arena.h"
#include "base/doc.h"
#include "base/dict.h"
#include "base/vec.h"
#include "builder/sandbox.h"
#include <sched.h>

#define SANDBOX_UID            1000
#define SANDBOX_OTHER_UID      2000 /* where SANDBOX_UID must not matter */
#define SANDBOX_HOST_NAME      "kiln"
#define SANDBOX_DOMAIN_NAME    "invalid"
#define SANDBOX_MAX_TREES      10000
#define SANDBOX_GROUP_TREES    490 /* overlayfs takes 500 layers; a few are ours */
#define SANDBOX_MAX_INPUTS     56  /* descriptors in one message: FD_PASS_MAX less ours */
#define SANDBOX_MAX_STEPS      64
#define SANDBOX_MAX_ENV        1024
#define SANDBOX_MAX_MEMBERS    4096
#define SANDBOX_MAX_SPEC_BYTES ((size_t)64 * 1024 * 1024)
#define SANDBOX_MAX_BASES      32 /* environments kept; see sandbox_base.c */
#define SANDBOX_MAX_WATCH      100000
#define SANDBOX_MAX_SEEN       ((size_t)64 * 1024 * 1024)
#define SANDBOX_MAX_MANIFEST   DOC_MAX_BYTES /* what can be read back: some 450,000 files */
#define SANDBOX_MAX_DEPTH      64            /* directories below /out */
#define SANDBOX_SAMPLE_MS      100
#define SANDBOX_SHM_SHARE      8 /* /dev/shm may hold disk_bytes / this */

/* ---- sandbox_wire.c ---- */
struct sandbox_request {
	uint32_t has_log, has_tty, ninputs;
	/* descriptors: spec, run socket, [log], [tty], inputs... */
};
struct sandbox_reply {
	bool raised; /* result is meant, else err */
	struct sandbox_result result;
	struct err err;
	uint32_t has_manifest, has_seen;
	uint32_t watched; /* attempts were; nothing was seen unless has_seen */
			  /* descriptors: [the harvest's manifest], [what was seen] */
};
enum sandbox_note_kind {
	SANDBOX_NOTE_WALLS,  /* raised since the last note; may come with descriptors */
	SANDBOX_NOTE_REFUSE, /* err: a wall cannot stand */
	SANDBOX_NOTE_UNPACK, /* err: an input could not be placed; step is its index */
	SANDBOX_NOTE_STEP,   /* step ended with status */
	SANDBOX_NOTE_DONE    /* all of it ended well */
};
/* Descriptors that come with walls, all or all but the last, or none of them. */
enum {
	SANDBOX_NOTE_PROC,     /* the chamber's own /proc */
	SANDBOX_NOTE_MOUNTS,   /* its mount namespace */
	SANDBOX_NOTE_LISTENER, /* where the warden is asked */
	SANDBOX_NOTE_FDS
};
struct sandbox_note {
	enum sandbox_note_kind kind;
	int step, status;
	unsigned processes; /* alive when the step ended */
	unsigned nwalls;
	struct sandbox_wall walls[SANDBOX_MAX_WALLS];
	struct err err;
};
/* The helper gives a spare warden a job. */
struct sandbox_order {
	struct sandbox_request request;
	uint32_t turn;   /* counts runs: they take turns round the CPUs */
	uint32_t pinned; /* a pin of the environment is with it */
	uint32_t traced; /* the trace of base, of ngroups, is with it */
	uint32_t base, ngroups;
	/* descriptors: spec, run socket, root, [pin], [trace, marked], [log], [tty], inputs...
	 */
};
/* The warden gives the waiting pid 1 what it is to work with. */
struct sandbox_fit {
	struct sandbox_request request; /* has_log: not sent */
	cpu_set_t cpus;
	/* descriptors: spec, root, build, tmp, out, shm, [tty], inputs... */
};
#define SANDBOX_FIT_FDS 6
/* Reads the spec out of a descriptor; its own come from sandbox_wire_give: log, tty, inputs. */
int sandbox_wire_open(struct arena *a, int fd, struct sandbox_spec *spec,
		      struct err *err) MUST_CHECK;
int sandbox_wire_give(struct arena *a, struct sandbox_spec *s, const struct sandbox_request *r,
		      const int *fds, size_t nfds, struct err *err) MUST_CHECK;
int sandbox_wire_write(const struct sandbox_spec *spec, struct buf *out,
		       struct err *err) MUST_CHECK;
int sandbox_wire_read(struct arena *a, const char *data, size_t n, struct sandbox_spec *spec,
		      struct err *err) MUST_CHECK;
/* One whole note or reply; text is made to end, numbers to be in range. got is false at end of
 * file. Descriptors, -1 where none came, are the caller's. */
int sandbox_wire_note(int sock, struct sandbox_note *note, int fds[SANDBOX_NOTE_FDS], bool *got,
		      struct err *err) MUST_CHECK;
int sandbox_wire_reply(int sock, struct sandbox_reply *reply, int *manifest, int *seen,
		       bool *got, struct err *err) MUST_CHECK;

/* ---- sandbox_seccomp.c: libseccomp's doorway ---- */
enum {
	SANDBOX_FILTER_LIST,         /* who may be called at all */
	SANDBOX_FILTER_LIST_CHOWN,   /* the same, but the chown family does nothing */
	SANDBOX_FILTER_ASKING,       /* what the warden is asked about */
	SANDBOX_FILTER_ASKING_UNAME, /* the same, and uname */
	SANDBOX_FILTER_BLIND,        /* in its stead, where nobody can be asked */
	SANDBOX_FILTERS
};
struct sandbox_program {
	void *code;
	uint16_t n;
};
struct sandbox_profile {
	bool fake_chown;  /* the chown family succeeds and does nothing */
	bool fixed_uname; /* the warden answers uname */
};
/* The programs of one profile, borrowed. */
struct sandbox_filter {
	const struct sandbox_program *list, *asking, *blind;
	bool fixed_uname;     /* so blind will not do */
	struct digest digest; /* over all three */
};
struct sandbox_filters {
	struct sandbox_program program[SANDBOX_FILTERS];
	struct digest digest[2][2]; /* of a profile: [fake_chown][fixed_uname] */
};
enum sandbox_arch { SANDBOX_X86_64, SANDBOX_AARCH64 };
int sandbox_seccomp_native(enum sandbox_arch *out, struct err *err) MUST_CHECK;
/* Of a system call, negative when the architecture has none of this name. */
int sandbox_seccomp_number(enum sandbox_arch arch, const char *name);
int sandbox_seccomp_make(enum sandbox_arch arch, struct sandbox_filters *out,
			 struct err *err) MUST_CHECK;
/* The same, compiled by another process. */
int sandbox_seccomp_make_apart(enum sandbox_arch arch, struct sandbox_filters *out,
			       struct err *err) MUST_CHECK;
void sandbox_seccomp_free(struct sandbox_filters *f);
DEFINE_RELEASE(struct sandbox_filters, sandbox_seccomp_free);
struct sandbox_filter sandbox_seccomp_choose(const struct sandbox_filters *f,
					     const struct sandbox_profile *p);
const char *sandbox_seccomp_machine(enum sandbox_arch arch); /* as uname says it */
/* listener: where the warden is asked; -1 when the host's own filter has one already. */
int sandbox_seccomp_install(const struct sandbox_filter *f, int *listener,
			    struct err *err) MUST_CHECK;
/* The answer to a call that was asked about: an errno, or 0 for one that is only watched, and
 * for uname. */
int sandbox_seccomp_judge(enum sandbox_arch arch, int nr, const uint64_t args[6],
			  char name[SANDBOX_CALL_MAX]);

/* ---- sandbox_notify.c: forbidden attempts, as the warden is asked about them ---- */
#define SANDBOX_MAX_VIOLATIONS 128 /* kinds kept; more are counted only */
struct sandbox_notify {
	const char *release, *version; /* of the kernel that uname is to tell of, or NULL */
	size_t n;
	uint64_t lost;
	struct sandbox_violation at[SANDBOX_MAX_VIOLATIONS];
};
/* Answers one question, when there is one; false: nobody is left to ask. */
bool sandbox_notify_answer(int listener, struct sandbox_notify *n);
/* What kind of attempt an address is: a word, or NULL when it is none. text receives it in
 * words. */
const char *sandbox_notify_address(const void *address, size_t len,
				   char text[SANDBOX_ARGUMENT_MAX]);
/* Counts one attempt; equal ones are one entry. */
void sandbox_notify_add(struct sandbox_notify *n, const struct sandbox_violation *v);

/* ---- sandbox_trace.c: files of the environment that were opened ---- */
#define SANDBOX_MAX_USED 100000
struct sandbox_trace {
	int group; /* fanotify, non-blocking; -1: nothing is known */
	int base;  /* directory of the base's overlays, "0" and on */
	unsigned ngroups;
	const char *const *dirs;
	size_t ndirs;
	bool known;
	struct sandbox_trace_dir *at; /* sorted by handle */
	size_t n;
	struct dict used; /* paths */
};
/* -1: this kernel cannot tell, or the user has too many. */
int sandbox_trace_open(void);
/* Marks the directories unless `marked` holds a byte, and forgets what an earlier run left in
 * the queue. false: not all could be marked. */
bool sandbox_trace_begin(struct sandbox_trace *t, int marked) MUST_CHECK;
/* Learns the directories by their handles, or recalls them from `marked`; events wait
 * meanwhile. */
void sandbox_trace_learn(struct sandbox_trace *t, int marked);
/* Takes in what happened so far. */
void sandbox_trace_read(struct sandbox_trace *t);
void sandbox_trace_free(struct sandbox_trace *t);

/* ---- sandbox_wire_seen.c: what a warden saw, as one document for the conductor ---- */
int sandbox_wire_seen_write(struct sandbox_notify *n, bool watched, struct sandbox_trace *t,
			    struct buf *out, struct err *err) MUST_CHECK;
int sandbox_wire_seen_read(struct arena *a, const char *text, size_t n,
			   struct sandbox_seen *out, struct err *err) MUST_CHECK;

/* ---- sandbox_ids.c ---- */
int sandbox_ids_drop(uid_t uid, gid_t gid,
		     struct err *err) MUST_CHECK; /* nothing when not root */
/* Maps `inside`, user and group, of the caller's new user namespace to `outside` of its
 * parent's. */
int sandbox_ids_map(uid_t inside, uid_t outside, gid_t outside_gid, struct err *err) MUST_CHECK;
int sandbox_ids_die_with_parent(struct err *err) MUST_CHECK;
/* Makes /proc/PID/cmdline of this process and its children say `name`: what kiln was called
 * with is the host's affair. */
int sandbox_ids_rename(const char *name, struct err *err) MUST_CHECK;

/* ---- sandbox_mount.c ---- */
struct sandbox_rooms {
	int root;                 /* detached read-only overlay */
	int build, tmp, out, shm; /* detached tmpfs */
};
/* From the store's trees/ as working directory; scratch is the working directory after it. */
int sandbox_mount_scratch(int *scratch, struct err *err) MUST_CHECK;
struct sandbox_group {
	unsigned base, group; /* bases/BASE/GROUP below scratch */
	bool last;            /* holds the ground, too */
};
/* An overlay of distinct trees (at least two layers, with the ground counted), topmost first,
 * until it is dropped; what was made of it lives on. */
int sandbox_mount_group(int scratch, const struct sandbox_group *g, const char *const *names,
			size_t n, struct err *err) MUST_CHECK;
void sandbox_mount_drop(int scratch, unsigned base, unsigned ngroups);
/* A chamber's root of the groups of a base; of the ground alone when n is 0. */
int sandbox_mount_root(int scratch, unsigned base, unsigned n, int *root,
		       struct err *err) MUST_CHECK;
/* The writable rooms, before anybody knows for whom. */
int sandbox_mount_rooms(const struct sandbox_limits *l, struct sandbox_rooms *out,
			struct err *err) MUST_CHECK;
/* Again, if they were made for other limits. */
int sandbox_mount_fit(const struct sandbox_limits *l, struct sandbox_rooms *out,
		      struct err *err) MUST_CHECK;
void sandbox_mount_close(struct sandbox_rooms *r);
/* What a full /proc tells of the machine. */
struct sandbox_machine {
	unsigned cpus;
	const char *release, *version; /* of the kernel */
};
/* What pid 1 makes of the host's file system before it leaves that for good. One tmpfs is the
 * root meanwhile; /dev and the steps are directories of it, bound. */
struct sandbox_stage {
	int dev;  /* on it */
	int proc; /* detached, full */
};
int sandbox_mount_leave(struct sandbox_stage *out, struct err *err) MUST_CHECK;
/* Then: makes the rooms and the steps the whole visible file system. Closes the stage.
 * full_proc: NULL for a /proc of processes only. */
int sandbox_mount_enter(const struct sandbox_rooms *r, struct sandbox_stage *stage,
			const struct sandbox_spec *spec,
			const struct sandbox_machine *full_proc, struct err *err) MUST_CHECK;
/* The tools of it. fs may be -1; its words go into the message. */
int sandbox_mount_failed(int fs, const char *what, struct err *err);
int sandbox_mount_finish(int fs, unsigned attributes, const char *what, int *out,
			 struct err *err) MUST_CHECK;
int sandbox_mount_tmpfs(uint64_t bytes, uint64_t inodes, const char *mode, int *out,
			struct err *err) MUST_CHECK;
int sandbox_mount_file(int dirfd, const char *path, const char *text, mode_t mode,
		       struct err *err) MUST_CHECK;
int sandbox_mount_mkdir(int dirfd, const char *path, struct err *err) MUST_CHECK;
int sandbox_mount_attach(int fd, int dirfd, const char *path, struct err *err) MUST_CHECK;

/* ---- sandbox_proc.c ---- */
int sandbox_proc_make(int *proc, struct err *err) MUST_CHECK; /* a full one */
/* Narrowed to processes, or masked as full says. */
int sandbox_proc_attach(int root, int proc, const struct sandbox_machine *full,
			struct err *err) MUST_CHECK;

/* ---- sandbox_walls.c: what pid 1 puts round itself; every process inside inherits it ---- */
typedef int sandbox_wall_fn(void *arg, const char *name, const char *detail, bool required,
			    struct err *err);
struct sandbox_walls {
	const struct sandbox_limits *limits;
	const cpu_set_t *cpus;
	const struct sandbox_filter *filter;
	int *listener; /* out: see sandbox_seccomp_install */
	sandbox_wall_fn *report;
	void *arg;
};
/* Those that need no spec; they stay from then on. */
int sandbox_walls_begin(const struct sandbox_walls *w, struct err *err) MUST_CHECK;
/* For sandbox_spec.elsewhere: the process becomes SANDBOX_OTHER_UID in a user namespace of its
 * own, and addresses are no longer fixed. Before sandbox_walls_raise. */
int sandbox_walls_vary(const struct sandbox_walls *w, struct err *err) MUST_CHECK;
/* The others, in the chamber's rooms, seccomp last. */
int sandbox_walls_raise(const struct sandbox_walls *w, struct err *err) MUST_CHECK;

/* ---- sandbox_limit.c: cgroup where we may, samples always ---- */
enum { SANDBOX_GROUP_MEMORY, SANDBOX_GROUP_PIDS, SANDBOX_GROUP_UNIFIED, SANDBOX_GROUPS };
struct sandbox_cgroup {
	int dir; /* of this conductor's group: runs get a directory below it; -1: none */
	/* known to the conductor only */
	char path[256]; /* of the group above it */
	char leaf[32];  /* where the conductor went, if it moved */
	bool moved;
};
struct sandbox_cgroups {
	struct sandbox_cgroup of[SANDBOX_GROUPS];
};
/* Before the helper drops root. Never fails: without a group, samples must do. */
void sandbox_limit_open(struct sandbox_cgroups *out, uid_t uid);
void sandbox_limit_close(struct sandbox_cgroups *c);
void
sandbox_limit_settle(const struct sandbox_cgroups *c); /* the helper, before it drops root */
struct sandbox_meter {
	const struct sandbox_limits *limits;
	int group[SANDBOX_GROUPS]; /* the run's cgroup directories, or -1 */
	bool limited[SANDBOX_GROUPS];
	int proc; /* the chamber's own /proc, or -1 while it has none */
	uint64_t bytes, peak;
	unsigned processes, peak_processes;
	bool in_ipc; /* the warden is in the chamber's IPC namespace, to see its segments */
};
#define SANDBOX_WORDS 32
void sandbox_limit_size(char out[SANDBOX_WORDS], uint64_t bytes);   /* "2 GiB" */
void sandbox_limit_time(char out[SANDBOX_WORDS], unsigned seconds); /* "20m" */
/* Groups for one run with process pid in them, where they can be had. The kernel may take 10 ms
 * to move a process. */
void sandbox_limit_join(const struct sandbox_cgroups *c, pid_t pid, struct sandbox_meter *m);
void sandbox_limit_set(struct sandbox_meter *m); /* the groups keep to m->limits */
void sandbox_limit_words(const struct sandbox_meter *m, char *out, size_t n);
bool sandbox_limit_crowded(const struct sandbox_meter *m); /* processes were refused */
bool sandbox_limit_killed(const struct sandbox_meter *m);  /* by the kernel, for memory */
void sandbox_limit_leave(const struct sandbox_cgroups *c, pid_t pid, struct sandbox_meter *m);

/* ---- sandbox_meter.c ---- */
unsigned sandbox_meter_count(int proc); /* the processes a /proc shows */
void sandbox_meter_sample(struct sandbox_meter *m, const struct sandbox_rooms *r);

/* ---- sandbox_harvest.c ---- */
struct sandbox_harvest {
	int from, to; /* a hostile tree nobody writes any more, an empty directory */
	uint64_t max_bytes;
	int64_t mtime;
	bool files; /* directories are only made when something is to be put there */
	int stop;   /* readable: stop with ERR_INTERRUPTED; -1: never */
};
/* Copies as new inodes, modes 0644/0755, times mtime. What a package may not hold is ERR_INPUT
 * or ERR_LIMIT. The manifest lives in a. */
int sandbox_harvest_tree(struct arena *a, const struct sandbox_harvest *h, struct manifest *out,
			 struct err *err) MUST_CHECK;
/* Copies what can be copied (files, directories, links, modes, times) and passes over the rest.
 */
int sandbox_harvest_keep(const struct sandbox_harvest *h, struct err *err) MUST_CHECK;

/* ---- sandbox_init.c ---- */
#define SANDBOX_GO_NOW  "g" /* pid 1 is in its cgroup, and a run waits for it */
#define SANDBOX_GO_REST "r" /* nobody does yet */
struct sandbox_chamber {
	/* From its birth. */
	const struct sandbox_filters *filters;
	struct sandbox_stage stage;
	/* Come with the warden's sandbox_fit. */
	struct sandbox_filter filter;
	const struct sandbox_spec *spec; /* its fds are this process's */
	struct sandbox_rooms rooms;
	cpu_set_t cpus;
	int notes;                   /* socket to the warden */
	int go;                      /* pipe: one byte says that it is in its cgroup */
	int log;                     /* pipe: what the steps write */
	int proc;                    /* pid 1's own: its /proc, as directory */
	struct sandbox_note *raised; /* the walls that stand and were not told yet */
};
/* pid 1's whole life. */
void sandbox_init_run(const struct sandbox_chamber *c) NO_RETURN;

/* ---- sandbox_carry.c: how the warden gets the listener ---- */
/* Before the filter: a helper in pid 1's memory. Once in the life of a process. */
int sandbox_carry_begin(int notes, struct err *err) MUST_CHECK;
/* Under it: sends this note with n descriptors, then ends. */
int sandbox_carry(const struct sandbox_note *note, const int *fds, size_t n,
		  struct err *err) MUST_CHECK;

/* ---- sandbox_inputs.c: the unpacker ---- */
/* The whole life of a child of pid 1, which answers through the pipe. */
void sandbox_inputs_place(const struct sandbox_spec *s, int pipe) NO_RETURN;
/* Why it failed, into the note: what the child says is as trustworthy as what it read. */
void sandbox_inputs_answer(int pipe, size_t ninputs, struct sandbox_note *note);

/* ---- sandbox_base.c ---- */
struct sandbox_base {
	char key[DIGEST_HEX]; /* digest of the trees' names */
	unsigned number, ngroups;
	int pin;        /* of the trees; wardens inherit it */
	unsigned users; /* wardens alive */
	uint64_t used;  /* when, by the helper's count */
	bool watched;   /* by the one run that has it to itself: events do not say whose */
	int trace;      /* sandbox_trace_open */
	int marked;     /* memfd: holds a byte once its directories are marked */
};
struct sandbox_helper;
/* The kept environment of these trees, composed now if need be; NULL in *out: no trees. */
int sandbox_base_find(struct sandbox_helper *h, const struct sandbox_spec *s,
		      struct sandbox_base **out, struct err *err) MUST_CHECK;

/* ---- sandbox_image.c: what a forked helper runs ---- */
#define SANDBOX_IMAGE_NAME "kiln-chamber"
enum { /* its descriptors from IMAGE_FIRST on, in this order; those not there are closed */
       SANDBOX_IMAGE_SOCK,
       SANDBOX_IMAGE_STORE,
       SANDBOX_IMAGE_GROUPS,
       SANDBOX_IMAGE_FDS = SANDBOX_IMAGE_GROUPS + SANDBOX_GROUPS
};
/* The whole life of the forked child. */
void sandbox_image_run(const struct cas *store, int sock,
		       const struct sandbox_cgroups *cgroups) NO_RETURN;

/* ---- sandbox_helper.c, sandbox_spare.c, sandbox_warden.c ---- */
struct sandbox_spare {
	pid_t pid; /* 0: there is none */
	int sock;  /* takes one sandbox_order */
};
struct sandbox_user {
	pid_t pid; /* of a warden */
	struct sandbox_base *base;
};
struct sandbox_helper {
	int sock;    /* from the conductor */
	int deaths;  /* signalfd: a warden ended */
	int store;   /* of the outer mount namespace: for plain files only, never for mounts */
	int scratch; /* the working directory: see sandbox_mount.c */
	const struct cas *cas;
	struct sandbox_filters filters;
	struct sandbox_cgroups cgroups;
	cpu_set_t cpus;
	unsigned runs, numbers; /* given to bases so far */
	uint64_t clock;         /* counts uses of bases */
	VEC(struct sandbox_base *) bases;
	VEC(struct sandbox_user) users;
	struct sandbox_spare spare;
	bool refill; /* a spare is to be made when there is a moment */
	bool hurry;  /* at once: the last who asked had to wait for one */
	bool often;  /* another ran when the last asked, or had asked just before */
	int64_t asked_ms;
};
#define SANDBOX_WAKE "w" /* what it waits for before it prepares anything */
/* The helper's whole life, in whichever image; its descriptors are at IMAGE_FIRST. */
void sandbox_helper_main(void) NO_RETURN;
struct sandbox_job {
	const struct sandbox_helper *helper;
	/* The spare's: pid 1, in its namespaces and its cgroup, waiting. */
	struct err failed; /* code ERR_NONE: it is as it should be */
	pid_t pid;
	int pidfd, notes, log;
	struct sandbox_rooms rooms; /* made for the default limits; the root is not */
	struct sandbox_meter meter;
	/* The order's. */
	struct sandbox_spec spec;
	int text; /* the spec as bytes */
	int root; /* the chamber's, detached */
	int sock; /* to the conductor, of this run */
	unsigned turn;
	int trace, marked; /* as in sandbox_base; -1: use is not watched */
	unsigned base, ngroups;
};
/* Makes what every chamber needs, waits for an order on sock, becomes its warden. */
void sandbox_spare_run(const struct sandbox_helper *h, int sock) NO_RETURN;
/* Takes the page faults of a forked process now, when nobody waits, and not one by one later.
 * Where the kernel cannot, nothing changes. */
void sandbox_spare_warm(void);
void sandbox_warden_run(struct sandbox_job *job) NO_RETURN;
