/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a lock of the store blocks, and the loop must not. Usually nobody holds it; when
 * another Kiln builds the same action, a child waits for it and passes the descriptor, which is
 * the lock, through a socket.
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static NO_RETURN void
wait_for_lock(struct cas *store, const char *name, int sock, pid_t parent)
{
	int keep[] = { sock, cas_dirfd(store) }, fd;
	struct err e;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		proc_child_exit(1);
	signal(SIGINT, SIG_IGN); /* the parent decides */
	proc_close_others(keep, ARRAY_LEN(keep));
	if (cas_lock(store, name, &fd, &e) < 0) {
		(void)!write(sock, &e, sizeof(e));
		proc_child_exit(1);
	}
	proc_child_exit(fd_send(sock, "", 1, &fd, 1, &e) < 0);
}

int
build_lock_begin(struct cas *store, const char *name, struct build_lock *l, struct err *err)
{
	CLEANUP(fd_close) int here = -1;
	CLEANUP(fd_close) int there = -1;
	pid_t parent = getpid();
	int pair[2];

	if (cas_lock_try(store, name, &l->fd, err) < 0)
		return -1;
	if (l->fd >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socketpair");
	here = pair[0];
	there = pair[1];
	l->pid = fork();
	if (l->pid < 0) {
		l->pid = 0;
		return err_sys(err, "cannot start a process");
	}
	if (l->pid == 0)
		wait_for_lock(store, name, there, parent);
	l->sock = STEAL_FD(here);
	return 0;
}

int
build_lock_take(struct build_lock *l, struct err *err)
{
	struct err said = { .code = ERR_NONE };
	size_t n = sizeof(said), nfds = 1;
	int status, fd = -1, rc;

	if (l->fd >= 0)
		return 0;
	rc = fd_receive(l->sock, &said, &n, &fd, &nfds, err);
	close(STEAL_FD(l->sock));
	if (proc_wait(l->pid, &status, rc < 0 ? &said : err) < 0)
		rc = -1;
	l->pid = 0;
	if (rc < 0) {
		if (nfds == 1 && fd >= 0)
			close(fd);
		return -1;
	}
	if (nfds == 1) {
		l->fd = fd;
		return 0;
	}
	if (n == sizeof(said)) {
		*err = said;
		return -1;
	}
	return err_set(err, ERR_INTERRUPTED, "the wait for the lock of an action was ended");
}

void
build_lock_kill(struct build_lock *l)
{
	if (l->pid > 0)
		(void)kill(l->pid, SIGKILL);
}

void
build_lock_release(struct build_lock *l)
{
	struct err ignored;
	int status;

	if (l->pid > 0)
		(void)!proc_wait(l->pid, &status, &ignored);
	l->pid = 0;
	if (l->sock >= 0)
		close(STEAL_FD(l->sock));
	if (l->fd >= 0)
		close(STEAL_FD(l->fd));
}
