/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warden before its run. What every chamber needs and the kernel is slow to make is made
 * before anybody asks: pid 1 in its namespaces (a network namespace alone costs as much as all
 * mounts), in its cgroup (moving a process waits for the whole machine), named, with its
 * loopback and the walls that need no spec; the writable rooms, of the default limits. Then it
 * waits for one order, and becomes the warden of that run. It has seen nothing of any other
 * run.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ORDER_FDS  3 /* spec, run socket, root */
#define MAPS_MAX   ((size_t)1024 * 1024)
#define WARM_STACK ((size_t)64 * 1024) /* as deep as any of these processes goes */
#define WARM_PAGES 1024 /* of one mapping; a larger one is not for every chamber */
#define PAGE       4096

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; headers may be older */
#endif

static void __attribute__((noinline)) touch_stack(void)
{
	volatile char room[WARM_STACK];

	for (size_t i = 0; i < sizeof(room); i += PAGE)
		room[i] = 0;
}

/* Those pages of it that are there, and so shared since the fork; the others cost no copy. */
static void
warm_range(char *start, size_t npages)
{
	static unsigned char there[WARM_PAGES];
	size_t from, to;

	if (npages > ARRAY_LEN(there) || mincore(start, npages * PAGE, there) < 0)
		return;
	for (from = 0; from < npages; from = to + 1) {
		while (from < npages && !there[from])
			from++;
		for (to = from; to < npages && there[to];)
			to++;
		if (to > from)
			(void)madvise(start + from * PAGE, (to - from) * PAGE,
				      MADV_POPULATE_WRITE);
	}
}

/* "7f00-7f01 rw-p 00000000 00:00 0 name": private and writable are those that fork shared. */
static void
warm_line(const char *line)
{
	unsigned long long from, to;
	uintptr_t at;
	char how[5], *start;

	if (sscanf(line, "%llx-%llx %4s", &from, &to, how) != 3 || how[1] != 'w' ||
	    how[3] != 'p')
		return;
	at = (uintptr_t)from;
	memcpy(&start, &at, sizeof(start));
	warm_range(start, (size_t)(to - from) / PAGE);
}

void
sandbox_spare_warm(void)
{
	CLEANUP(buf_free) struct buf maps = BUF_MAX(MAPS_MAX);
	struct err ignored;

	touch_stack();
	if (fd_read_file(AT_FDCWD, "/proc/self/maps", &maps, &ignored) < 0)
		return;
	for (const char *line = buf_text(&maps); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		warm_line(line);
	}
}

static int
open_pair(int *ours, int *theirs, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket");
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static int
open_pipe(int *out, int *in, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");
	*out = ends[0];
	*in = ends[1];
	return 0;
}

/* What is written to the log can be read by who wrote it, too (/proc/self/fd/1): it may be gone
 * again when the warden, told that it is there, comes to read, and the warden waits for nobody.
 */
static int
open_log(int *out, int *in, struct err *err)
{
	if (open_pipe(out, in, err) < 0)
		return -1;
	return fcntl(*out, F_SETFL, O_NONBLOCK) < 0 ? err_sys(err, "making a pipe") : 0;
}

static int
clone_init(struct sandbox_job *job, struct sandbox_chamber *c, struct err *err)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
			 CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PIDFD,
		.exit_signal = SIGCHLD,
		.pidfd = (uint64_t)(uintptr_t)&job->pidfd,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0) {
		job->pidfd = -1;
		err_sys(err, "cloning the chamber into its namespaces");
		err_recode(err, ERR_SANDBOX);
		return err_hint(err, "see sysctl user.max_*_namespaces");
	}
	if (pid == 0)
		sandbox_init_run(c);
	job->pid = (pid_t)pid;
	return 0;
}

/* Whether there is time to prepare what would only be faster than doing it when it is needed:
 * where runs come fast, no CPU is idle meanwhile, and each page copied early is work too many.
 */
static bool
has_time(const struct sandbox_helper *h, int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };

	return !h->hurry && !h->often && poll(&p, 1, 0) == 0;
}

static int
make_ready(struct sandbox_job *job, int sock, struct err *err)
{
	struct sandbox_chamber c = { .filters = &job->helper->filters,
				     .rooms = { -1, -1, -1, -1, -1 },
				     .proc = -1 };
	CLEANUP(fd_close) int notes = -1;
	CLEANUP(fd_close) int in_group = -1;
	CLEANUP(fd_close) int go = -1;
	CLEANUP(fd_close) int log = -1;

	if (open_pair(&job->notes, &notes, err) < 0 || open_pipe(&go, &in_group, err) < 0 ||
	    open_log(&job->log, &log, err) < 0)
		return -1;
	c.notes = notes;
	c.go = go;
	c.log = log;
	if (clone_init(job, &c, err) < 0)
		return -1;
	sandbox_limit_join(&job->helper->cgroups, job->pid, &job->meter);
	if (write(in_group, has_time(job->helper, sock) ? SANDBOX_GO_REST : SANDBOX_GO_NOW,
		  1) != 1)
		return err_sys(err, "starting the chamber");
	return sandbox_mount_rooms(&sandbox_limits_default, &job->rooms, err);
}

/* false: nobody will ever ask, or nobody can be answered. */
static bool
take_order(struct arena *a, int sock, struct sandbox_job *job)
{
	struct sandbox_order order;
	struct err err = { .code = ERR_NONE };
	int fds[FD_PASS_MAX];
	size_t n = sizeof(order), nfds = ARRAY_LEN(fds), fixed, trace;

	if (fd_receive(sock, &order, &n, fds, &nfds, &err) < 0 || n != sizeof(order))
		return false;
	trace = ORDER_FDS + (order.pinned != 0); /* the pin is only held */
	fixed = trace + (order.traced ? 2 : 0);
	if (nfds < fixed)
		return false;
	job->text = fds[0];
	job->sock = fds[1];
	job->root = fds[2];
	job->turn = order.turn;
	if (order.traced) {
		job->trace = fds[trace];
		job->marked = fds[trace + 1];
		job->base = order.base;
		job->ngroups = order.ngroups;
	}
	if ((sandbox_wire_open(a, job->text, &job->spec, &err) < 0 ||
	     sandbox_wire_give(a, &job->spec, &order.request, fds + fixed, nfds - fixed, &err) <
		     0) &&
	    job->failed.code == ERR_NONE)
		job->failed = err;
	return true;
}

void
sandbox_spare_run(const struct sandbox_helper *h, int sock)
{
	struct arena a = { 0 };
	struct sandbox_job job = { .helper = h,
				   .pidfd = -1,
				   .notes = -1,
				   .log = -1,
				   .text = -1,
				   .root = -1,
				   .sock = -1,
				   .trace = -1,
				   .marked = -1,
				   .meter = { .group = { -1, -1, -1 }, .proc = -1 } };
	struct err err = { .code = ERR_NONE };

	job.rooms = (struct sandbox_rooms){ -1, -1, -1, -1, -1 };
	/* Told to whoever asks: until then there is nobody to tell. */
	if (make_ready(&job, sock, &err) < 0)
		job.failed = err;
	if (has_time(h, sock))
		sandbox_spare_warm();
	if (!take_order(&a, sock, &job))
		proc_child_exit(1);
	close(sock);
	sandbox_warden_run(&job);
}
