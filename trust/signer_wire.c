/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer_priv.h"

#include <sys/socket.h>

#define LENGTH_BYTES 4
#define DROP_BYTES   4096

static int
send_all(int fd, const void *data, size_t n, struct err *err)
{
	const char *at = data;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return err_sys(err, "cannot write to the signer's socket");
		at += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* *got < n: the peer is gone. */
static int
receive_all(int fd, void *data, size_t n, size_t *got, struct err *err)
{
	char *at = data;

	*got = 0;
	while (*got < n) {
		ssize_t r = recv(fd, at + *got, n - *got, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno == ECONNRESET)
			return 0;
		if (r < 0)
			return err_sys(err, "cannot read from the signer's socket");
		if (r == 0)
			return 0;
		*got += (size_t)r;
	}
	return 0;
}

int
signer_frame_send(int fd, const void *body, size_t n, struct err *err)
{
	uint8_t head[LENGTH_BYTES] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16),
				       (uint8_t)(n >> 8), (uint8_t)n };

	if (n > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "message of %zu bytes", n);
	if (send_all(fd, head, sizeof(head), err) < 0)
		return -1;
	return send_all(fd, body, n, err);
}

static int
drop(int fd, size_t n, enum signer_frame *what, struct err *err)
{
	char waste[DROP_BYTES];
	size_t got;

	*what = SIGNER_FRAME_TOO_LONG;
	for (size_t part; n > 0; n -= part) {
		part = KILN_MIN(n, sizeof(waste));
		if (receive_all(fd, waste, part, &got, err) < 0)
			return -1;
		if (got < part) {
			*what = SIGNER_FRAME_END;
			return 0;
		}
	}
	return 0;
}

int
signer_frame_receive(int fd, struct buf *body, enum signer_frame *what, struct err *err)
{
	uint8_t head[LENGTH_BYTES];
	size_t n, got;
	char *room;

	buf_clear(body);
	*what = SIGNER_FRAME_END;
	if (receive_all(fd, head, sizeof(head), &got, err) < 0)
		return -1;
	if (got < sizeof(head))
		return 0;
	n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (n > body->max)
		return drop(fd, n, what, err);
	if (n > 0) {
		room = buf_reserve(body, n);
		if (!room)
			return buf_check(body, "message", err);
		if (receive_all(fd, room, n, &got, err) < 0)
			return -1;
		if (got < n)
			return 0;
		body->len = n;
		body->data[n] = '\0';
	}
	*what = SIGNER_FRAME_READ;
	return 0;
}
