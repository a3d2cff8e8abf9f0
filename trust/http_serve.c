/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one poll loop, a fixed number of connections with a fixed number of bytes each.
 * A request must be whole, and its reply taken, before a time that no trickle of bytes moves;
 * when all places are taken the connection that waited longest gives its up.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "trust/http.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#define BACKLOG      128
#define LOOK_MS      500  /* how often *stop is looked at when nothing happens */
#define LINGER_MS    1000 /* for a refused request's rest, so that its reply arrives */
#define REPLY_MAX    (HTTP_BODY_MAX + 1024)
#define REQUESTS_MAX 1000 /* of one connection */
#define CONTINUE     "HTTP/1.1 100 Continue\r\n\r\n"

struct peer {
	int fd; /* -1: free */
	int64_t until;
	struct buf in, out;
	size_t sent;
	unsigned requests;
	bool continued; /* was told to go on with this request */
	bool last;      /* once the reply is out, nothing more is answered */
	bool draining;
};
struct loop {
	const struct http_server *s;
	struct peer peers[HTTP_PEERS];
};

static void
hang_up(struct peer *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	buf_free(&p->in);
	buf_free(&p->out);
	*p = (struct peer){ .fd = -1 };
}

static void
hang_up_all(struct loop *l)
{
	for (size_t i = 0; i < HTTP_PEERS; i++)
		hang_up(&l->peers[i]);
}
DEFINE_RELEASE(struct loop, hang_up_all);

static void
restart_clock(const struct loop *l, struct peer *p)
{
	p->until = clock_monotonic_ms() + l->s->request_ms;
}

/* A free place, or that of who waited longest. */
static struct peer *
place_for(struct loop *l)
{
	struct peer *oldest = &l->peers[0];

	for (size_t i = 0; i < HTTP_PEERS; i++) {
		if (l->peers[i].fd < 0)
			return &l->peers[i];
		if (l->peers[i].until < oldest->until)
			oldest = &l->peers[i];
	}
	hang_up(oldest);
	return oldest;
}

static int
take_peer(struct loop *l, struct err *err)
{
	int fd = accept4(l->s->listenfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer *p;

	if (fd < 0 && (errno == EBADF || errno == EINVAL || errno == ENOTSOCK))
		return err_sys(err, "accept");
	if (fd < 0) {
		/* Too few descriptors: one connection less is one more. */
		if (errno == EMFILE || errno == ENFILE)
			hang_up(place_for(l));
		return 0;
	}
	p = place_for(l);
	*p = (struct peer){ .fd = fd,
			    .in = BUF_MAX(HTTP_HEAD_MAX + HTTP_BODY_MAX + 1),
			    .out = BUF_MAX(REPLY_MAX) };
	restart_clock(l, p);
	return 0;
}

static void
reply(const struct loop *l, struct peer *p, const struct http_reply *r, bool keep)
{
	buf_clear(&p->out);
	p->sent = 0;
	p->last = !keep;
	http_reply_write(r, keep, &p->out);
	restart_clock(l, p);
}

static void
refuse(const struct loop *l, struct peer *p, int status, const char *why)
{
	CLEANUP(buf_free) struct buf words = BUF_MAX(256);
	struct http_reply r = { .status = status, .type = "text/plain; charset=utf-8" };

	buf_add_format(&words, "%s\n", why);
	r.body = words;
	reply(l, p, &r, false);
}

static void
answer(const struct loop *l, struct peer *p, const struct http_request *q)
{
	CLEANUP(buf_free) struct buf body = BUF_MAX(HTTP_BODY_MAX);
	struct http_reply r = { .status = 500, .type = "text/plain; charset=utf-8" };
	bool keep = q->keep && ++p->requests < REQUESTS_MAX;
	size_t used = q->used;

	r.body = body;
	l->s->answer(l->s->arg, q, &r);
	body = r.body;
	reply(l, p, &r, keep);
	memmove(p->in.data, p->in.data + used, p->in.len - used);
	p->in.len -= used;
	p->continued = false;
}

/* What came so far: nothing is parsed while a reply is on its way. */
static void
consider(const struct loop *l, struct peer *p)
{
	struct http_request q;

	if (p->out.len > 0 || p->draining || p->in.len == 0)
		return;
	switch (http_parse(p->in.data, p->in.len, &q)) {
	case HTTP_WHOLE:
		answer(l, p, &q);
		break;
	case HTTP_REFUSED:
		refuse(l, p, q.status, q.why);
		break;
	case HTTP_MORE:
		if (q.continues && !p->continued) {
			p->continued = true;
			buf_add_str(&p->out, CONTINUE);
			p->sent = 0;
		}
		break;
	}
}

static void
receive(const struct loop *l, struct peer *p)
{
	size_t room = p->in.max - p->in.len;
	char chunk[16 * 1024];
	ssize_t n;

	n = recv(p->fd, chunk, p->draining ? sizeof(chunk) : KILN_MIN(room, sizeof(chunk)), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(p);
		return;
	}
	if (p->draining)
		return;
	buf_add(&p->in, chunk, (size_t)n);
	consider(l, p);
}

static void
transmit(const struct loop *l, struct peer *p)
{
	ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		hang_up(p);
		return;
	}
	p->sent += (size_t)n;
	if (p->sent < p->out.len)
		return;
	buf_clear(&p->out);
	if (!p->last) {
		consider(l, p);
		return;
	}
	/* Closed with bytes unread, the reply would be lost with them. */
	(void)shutdown(p->fd, SHUT_WR);
	p->draining = true;
	p->until = clock_monotonic_ms() + LINGER_MS;
}

static void
expire(const struct loop *l, int64_t now, struct peer *p)
{
	if (p->fd < 0 || now < p->until)
		return;
	/* Who sent nothing, or does not take its reply, is told nothing. */
	if (p->in.len == 0 || p->out.len > 0 || p->draining)
		hang_up(p);
	else
		refuse(l, p, 408, "the request did not come in time");
}

static int
turn(struct loop *l, struct err *err)
{
	struct pollfd fds[HTTP_PEERS + 1] = { { .fd = l->s->listenfd, .events = POLLIN } };
	int64_t now = clock_monotonic_ms(), wait = LOOK_MS;

	for (size_t i = 0; i < HTTP_PEERS; i++) {
		struct peer *p = &l->peers[i];
		bool room = p->draining || p->in.len < p->in.max;

		fds[i + 1].fd = p->fd;
		fds[i + 1].events = (short)((p->out.len > 0 ? POLLOUT : 0) |
					    (p->out.len == 0 && room ? POLLIN : 0));
		if (p->fd >= 0)
			wait = KILN_MIN(wait, KILN_MAX(p->until - now, 0));
	}
	if (poll(fds, ARRAY_LEN(fds), (int)wait) < 0)
		return errno == EINTR ? 0 : err_sys(err, "poll");
	for (size_t i = 0; i < HTTP_PEERS; i++) {
		if (fds[i + 1].revents & POLLOUT)
			transmit(l, &l->peers[i]);
		else if (fds[i + 1].revents)
			receive(l, &l->peers[i]);
	}
	now = clock_monotonic_ms();
	for (size_t i = 0; i < HTTP_PEERS; i++)
		expire(l, now, &l->peers[i]);
	return fds[0].revents ? take_peer(l, err) : 0;
}

int
http_serve(const struct http_server *s, struct err *err)
{
	CLEANUP(hang_up_all) struct loop l = { .s = s };

	for (size_t i = 0; i < HTTP_PEERS; i++)
		l.peers[i].fd = -1;
	while (!*s->stop)
		if (turn(&l, err) < 0)
			return err_wrap(err, "server");
	return 0;
}

/* "HOST:PORT", the host in brackets when it holds colons. */
static int
split_address(const char *address, char *host, size_t n, const char **port, struct err *err)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	bool bracketed = len > 2 && address[0] == '[' && address[len - 1] == ']';

	if (bracketed) {
		address++;
		len -= 2;
	}
	if (len == 0 || len >= n || (!bracketed && memchr(address, ':', len)))
		return err_set(err, ERR_USAGE,
			       "'%s' is no address such as 127.0.0.1:8080 or [::1]:8080",
			       address);
	memcpy(host, address, len);
	host[len] = '\0';
	*port = colon + 1;
	return 0;
}

static int
tell_bound(int fd, char bound[HTTP_ADDRESS], struct err *err)
{
	struct sockaddr_storage at;
	socklen_t n = sizeof(at);
	char host[64], port[8];

	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0 ||
	    getnameinfo((struct sockaddr *)&at, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return err_set(err, ERR_IO, "the socket does not say where it listens");
	(void)snprintf(bound, HTTP_ADDRESS, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		       host, port);
	return 0;
}

int
http_listen(const char *address, int *out, char bound[HTTP_ADDRESS], struct err *err)
{
	const struct addrinfo hints = { .ai_flags =
						AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
					.ai_socktype = SOCK_STREAM };
	CLEANUP(fd_close) int fd = -1;
	struct addrinfo *found;
	const char *port;
	char host[64];
	int on = 1, rc;

	if (split_address(address, host, sizeof(host), &port, err) < 0)
		return -1;
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return err_set(err, ERR_USAGE, "'%s': %s", address, gai_strerror(rc));
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		rc = err_sys(err, "cannot listen at %s", address);
	freeaddrinfo(found);
	if (rc < 0 || tell_bound(fd, bound, err) < 0)
		return -1;
	*out = STEAL_FD(fd);
	return 0;
}
