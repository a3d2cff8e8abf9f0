/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resident helper. Forked before anything large exists, in an image of its own
 * (sandbox_image.c), it leaves root, enters its user and mount namespace once, and then answers
 * requests: it finds or makes the base overlay of the environment and hands them to a warden,
 * which does all that can block. One process, no threads.
 *
 * One warden is always spare: with its pid 1 already in namespaces and cgroup, waiting. Whoever
 * asks next does not wait for the kernel to make those. Each still serves one run and dies. The
 * next one is made when the last has had its start; at once when requests come faster than
 * that.
 */
#include "builder/sandbox_priv.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/image.h"
#include "base/proc.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define FIXED_FDS 2  /* spec, run socket */
#define REFILL_MS 10 /* a chamber that starts now should not share the CPUs with the next */
#define OFTEN_MS  30 /* from one request to the next, when they come fast */

static int
enter_namespaces(struct err *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		err_sys(err, "entering a user and a mount namespace");
		err_recode(err, ERR_SANDBOX);
		return err_hint(
			err,
			"user namespaces must be allowed for uid %u: see sysctl "
			"user.max_user_namespaces, kernel.unprivileged_userns_clone and "
			"kernel.apparmor_restrict_unprivileged_userns",
			(unsigned)uid);
	}
	if (sandbox_ids_map(SANDBOX_UID, uid, gid, err) < 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		err_sys(err, "making the helper's mounts private");
		return err_recode(err, ERR_SANDBOX);
	}
	return 0;
}

static int
make_filters(struct sandbox_helper *h, struct err *err)
{
	enum sandbox_arch arch;

	if (sandbox_seccomp_native(&arch, err) < 0)
		return -1;
	return sandbox_seccomp_make_apart(arch, &h->filters, err);
}

/* Descriptors of the store are opened while we may still walk to it. */
static int
settle(struct sandbox_helper *h, pid_t parent, struct err *err)
{
	CLEANUP(fd_close) int trees = -1;
	struct stat st;

	h->store = cas_dirfd(h->cas);
	if (fstat(h->store, &st) < 0)
		return err_sys(err, "looking at the store");
	if (fd_open_beneath(h->store, "trees", O_RDONLY | O_DIRECTORY, &trees, err) < 0)
		return -1;
	if (sandbox_ids_drop(cas_uid(h->cas), st.st_gid ? st.st_gid : (gid_t)cas_uid(h->cas),
			     err) < 0)
		return -1;
	/* cwd is the one thing that follows into the new mount namespace. */
	if (fchdir(trees) < 0)
		return err_sys(err, "entering the store");
	if (enter_namespaces(err) < 0 || sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (getppid() != parent)
		return err_set(err, ERR_INTERRUPTED, "kiln went away");
	if (sched_getaffinity(0, sizeof(h->cpus), &h->cpus) < 0)
		return err_sys(err, "counting CPUs");
	if (sandbox_mount_scratch(&h->scratch, err) < 0)
		return -1;
	return make_filters(h, err);
}

static void
default_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
make_spare(struct sandbox_helper *h, struct err *err)
{
	pid_t self = getpid(), pid;
	int pair[2];

	h->refill = false;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket");
	pid = fork();
	if (pid == 0) {
		default_signals();
		close(h->sock);
		close(h->deaths);
		close(pair[0]);
		if (sandbox_ids_die_with_parent(err) < 0 || getppid() != self)
			proc_child_exit(1);
		sandbox_spare_run(h, pair[1]);
	}
	close(pair[1]);
	if (pid < 0) {
		err_sys(err, "starting a chamber");
		close(pair[0]);
		return -1;
	}
	h->spare = (struct sandbox_spare){ .pid = pid, .sock = pair[0] };
	return 0;
}

static void
forget_spare(struct sandbox_helper *h)
{
	if (h->spare.pid > 0)
		close(h->spare.sock);
	h->spare = (struct sandbox_spare){ .sock = -1 };
}

/* Wardens answer for themselves; here only their bases are given back. */
static void
bury_one(struct sandbox_helper *h, pid_t pid)
{
	if (pid == h->spare.pid)
		forget_spare(h);
	for (size_t i = 0; i < h->users.n; i++) {
		if (h->users.at[i].pid != pid)
			continue;
		if (h->users.at[i].base)
			h->users.at[i].base->users--;
		h->users.at[i] = h->users.at[--h->users.n];
		return;
	}
}

static void
bury(struct sandbox_helper *h)
{
	struct signalfd_siginfo signals[8];
	ssize_t n = read(h->deaths, signals, sizeof(signals)); /* one may stand for many */
	pid_t pid;

	while (n > 0 && (pid = waitpid(-1, NULL, WNOHANG)) > 0)
		bury_one(h, pid);
}

/* The spare becomes the warden of this run. One that died while it waited is replaced once. */
static int
employ(struct sandbox_helper *h, const struct sandbox_order *order, const int *fds, size_t nfds,
       struct sandbox_base *base, struct err *err)
{
	struct sandbox_user user = { .base = base };

	if (h->spare.pid > 0 &&
	    fd_send(h->spare.sock, order, sizeof(*order), fds, nfds, err) < 0)
		forget_spare(h);
	else if (h->spare.pid > 0)
		user.pid = h->spare.pid;
	h->hurry = user.pid == 0;
	h->often = h->users.n > 0 || clock_monotonic_ms() - h->asked_ms < OFTEN_MS;
	h->asked_ms = clock_monotonic_ms();
	if (user.pid == 0) {
		if (make_spare(h, err) < 0 ||
		    fd_send(h->spare.sock, order, sizeof(*order), fds, nfds, err) < 0)
			return -1;
		user.pid = h->spare.pid;
	}
	forget_spare(h);
	h->refill = true;
	h->runs++;
	if (base)
		base->users++;
	VEC_PUSH(&h->users, user);
	return 0;
}

static int
serve(struct sandbox_helper *h, const struct sandbox_request *r, const int *fds, size_t nfds,
      struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct sandbox_spec spec;
	struct sandbox_order order = { .request = *r, .turn = h->runs };
	CLEANUP(fd_close) int root = -1;
	struct sandbox_base *base = NULL;
	int all[FD_PASS_MAX];
	size_t n = 0;

	if (nfds < FIXED_FDS || nfds > FIXED_FDS + 2 + SANDBOX_MAX_INPUTS)
		return err_set(err, ERR_SANDBOX, "the request came without its descriptors");
	if (sandbox_wire_open(&a, fds[0], &spec, err) < 0 ||
	    sandbox_wire_give(&a, &spec, r, fds + FIXED_FDS, nfds - FIXED_FDS, err) < 0 ||
	    sandbox_base_find(h, &spec, &base, err) < 0 ||
	    sandbox_mount_root(h->scratch, base ? base->number : 0, base ? base->ngroups : 0,
			       &root, err) < 0)
		return -1;
	all[n++] = fds[0];
	all[n++] = fds[1];
	all[n++] = root;
	order.pinned = base && base->pin >= 0;
	if (order.pinned)
		all[n++] = base->pin;
	order.traced = base && spec.nwatch > 0 && base->trace >= 0 && base->marked >= 0;
	if (order.traced) {
		order.base = base->number;
		order.ngroups = base->ngroups;
		all[n++] = base->trace;
		all[n++] = base->marked;
	}
	for (size_t i = FIXED_FDS; i < nfds; i++)
		all[n++] = fds[i];
	return employ(h, &order, all, n, base, err);
}

/* The conductor waits on the run's socket; a request that cannot be served is answered there.
 */
static void
answer_failure(int sock, const struct err *failure)
{
	struct sandbox_reply reply = { .raised = false, .err = *failure };
	struct err ignored;

	if (fd_send(sock, &reply, sizeof(reply), NULL, 0, &ignored) < 0)
		return;
}

static bool
serve_next(struct sandbox_helper *h)
{
	struct sandbox_request request;
	struct err err = { .code = ERR_NONE };
	int fds[FD_PASS_MAX];
	size_t n = sizeof(request), nfds = ARRAY_LEN(fds);

	if (fd_receive(h->sock, &request, &n, fds, &nfds, &err) < 0 || n == 0)
		return false;
	if (n != sizeof(request))
		err_set(&err, ERR_SANDBOX, "a request of %zu bytes", n);
	if ((n != sizeof(request) || serve(h, &request, fds, nfds, &err) < 0) &&
	    nfds >= FIXED_FDS)
		answer_failure(fds[1], &err);
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
	return true;
}

/* Requests, deaths, or a moment for making the next spare: whichever comes. */
static bool
turn(struct sandbox_helper *h)
{
	struct pollfd p[] = { { .fd = h->sock, .events = POLLIN },
			      { .fd = h->deaths, .events = POLLIN } };
	struct err ignored;
	int n;

	n = poll(p, ARRAY_LEN(p), !h->refill ? -1 : h->hurry || h->often ? 0 : REFILL_MS);
	if (n < 0)
		return errno == EINTR;
	/* One that cannot be made now is made, or refused with the reason, when it is needed.
	 */
	if (n == 0 && make_spare(h, &ignored) < 0)
		return true;
	if (n == 0 && !h->hurry && !h->often)
		sandbox_spare_warm();
	if (p[1].revents)
		bury(h);
	return p[0].revents == 0 || serve_next(h);
}

static int
watch_deaths(struct sandbox_helper *h, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return err_sys(err, "blocking SIGCHLD");
	h->deaths = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return h->deaths < 0 ? err_sys(err, "making a signalfd") : 0;
}

/* The descriptors came by their numbers. */
static int
adopt(struct sandbox_helper *h, struct err *err)
{
	int fds[SANDBOX_IMAGE_FDS];
	struct cas *store;

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = IMAGE_FIRST + (int)i;
		if (fcntl(fds[i], F_SETFD, FD_CLOEXEC) < 0)
			fds[i] = -1;
	}
	h->sock = fds[SANDBOX_IMAGE_SOCK];
	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		h->cgroups.of[i].dir = fds[SANDBOX_IMAGE_GROUPS + i];
	if (cas_adopt(fds[SANDBOX_IMAGE_STORE], &store, err) < 0)
		return -1;
	h->cas = store;
	return sandbox_ids_rename(SANDBOX_IMAGE_NAME, err);
}

void
sandbox_helper_main(void)
{
	struct sandbox_helper h = { .deaths = -1,
				    .store = -1,
				    .scratch = -1,
				    .spare = { .sock = -1 },
				    .refill = true };
	struct err err = { .code = ERR_NONE }, ignored;
	pid_t parent = getppid();

	if (adopt(&h, &err) < 0 || watch_deaths(&h, &err) < 0 || settle(&h, parent, &err) < 0)
		err.code = err.code == ERR_NONE ? ERR_SANDBOX : err.code;
	if (fd_send(h.sock, &err, sizeof(err), NULL, 0, &ignored) < 0 || err.code != ERR_NONE)
		proc_child_exit(1);
	while (turn(&h))
		;
	proc_child_exit(0);
}
