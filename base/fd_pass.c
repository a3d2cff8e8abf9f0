/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in messages: one datagram, one control message. */
#include "base/fd.h"
#include <sys/socket.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

int
fd_send(int sock, const void *data, size_t n, const int *fds, size_t nfds, struct err *err)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t done;

	if (nfds > FD_PASS_MAX || n == 0)
		return err_set(err, ERR_LIMIT, "message of %zu bytes and %zu descriptors", n,
			       nfds);
	memcpy(&iov.iov_base, &data, sizeof(data));
	if (nfds) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	/* send without descriptors: inside a chamber sendmsg is asked about, send is not. */
	do
		done = nfds ? sendmsg(sock, &msg, MSG_NOSIGNAL)
			    : send(sock, data, n, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		return err_sys(err, "send");
	return 0;
}

/* Takes the descriptors out of msg; all that came, so that none can leak. */
static size_t
take_fds(struct msghdr *msg, int got[FD_PASS_MAX])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		count = KILN_MIN(count, FD_PASS_MAX - n);
		memcpy(got + n, CMSG_DATA(c), count * sizeof(int));
		n += count;
	}
	return n;
}

int
fd_receive(int sock, void *data, size_t *n, int *fds, size_t *nfds, struct err *err)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = data, .iov_len = *n };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	int got[FD_PASS_MAX];
	size_t ngot;
	ssize_t done;
	unsigned resets = 0;

	/* A peer that ended without reading what we sent resets the socket, once; what it said
	 * comes after. */
	do
		done = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (done < 0 && (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	if (done < 0)
		return err_sys(err, "receive");
	ngot = take_fds(&msg, got);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || ngot > *nfds) {
		for (size_t i = 0; i < ngot; i++)
			close(got[i]);
		return err_set(err, ERR_LIMIT,
			       "message larger than %zu bytes or %zu descriptors", *n, *nfds);
	}
	if (ngot)
		memcpy(fds, got, ngot * sizeof(int));
	*n = (size_t)done;
	*nfds = ngot;
	return 0;
}
