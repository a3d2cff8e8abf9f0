/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener goes to the warden in a message; under the filter, sending a descriptor is a
 * question that nobody would hear yet. So somebody from before the filter sends it, and is dead
 * when the first byte of a build is read: a process, but in our memory and with our
 * descriptors, because copying them would take a tenth of a chamber's start. It makes two calls
 * and returns.
 */
#include "builder/sandbox_priv.h"
#include "base/proc.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#define CARRIER_STACK 16384

static struct carrier {
	struct msghdr message;
	struct iovec part;
	union {
		char bytes[CMSG_SPACE(SANDBOX_NOTE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	int notes, hear, tell;
	pid_t pid;
	_Alignas(16) char stack[CARRIER_STACK];
} carrier;

static int
carry(void *arg)
{
	const struct carrier *c = arg;
	char go;

	if (read(c->hear, &go, 1) != 1)
		return 1;
	return sendmsg(c->notes, &c->message, MSG_NOSIGNAL) < 0;
}

int
sandbox_carry_begin(int notes, struct err *err)
{
	struct carrier *c = &carrier;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");
	c->hear = ends[0];
	c->tell = ends[1];
	c->notes = notes;
	c->pid = clone(carry, c->stack + sizeof(c->stack), CLONE_VM | CLONE_FILES | SIGCHLD, c);
	return c->pid < 0 ? err_sys(err, "starting a process") : 0;
}

int
sandbox_carry(const struct sandbox_note *note, const int *fds, size_t n, struct err *err)
{
	struct carrier *c = &carrier;
	struct cmsghdr *control = &c->control.align;
	int status;

	c->part.iov_len = sizeof(*note);
	memcpy(&c->part.iov_base, &note, sizeof(note));
	c->message = (struct msghdr){ .msg_iov = &c->part,
				      .msg_iovlen = 1,
				      .msg_control = c->control.bytes,
				      .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(control), fds, n * sizeof(int));
	if (write(c->tell, "c", 1) != 1)
		return err_sys(err, "handing over the listener");
	if (proc_wait(c->pid, &status, err) < 0)
		return -1;
	if (status != 0)
		return err_set(err, ERR_SANDBOX, "the listener did not reach the warden");
	/* Shared, so closed once. */
	close(c->hear);
	close(c->tell);
	return 0;
}
