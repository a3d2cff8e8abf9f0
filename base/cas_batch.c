/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's side of a batch, and the process. A ticket waits a moment for others, unless the
 * caller waits for it, and while some are committed further ones come in; all that are there
 * are then committed together, so that the faster they come, the less each one costs. When the
 * caller dies, the process dies: what it had not finished was not said to be done, and lies in
 * tmp/ under the mark of a dead owner.
 */
#include "base/cas_batch_priv.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define AT_ONCE   256 /* tickets that are committed together */
#define AHEAD     256 /* that may wait to be; each may hold a lock and a log of the caller */
#define GATHER_MS 100 /* from a ticket to its commit; nobody sees it, and it is worth ten */

struct cas_batch {
	struct cas *store;
	pid_t pid;
	int sock;
	uint64_t given, done; /* tickets */
	struct buf lines;     /* what was put since enter */
	struct err failed;    /* code ERR_NONE: nothing has */
};

/* ---- in the process ---- */

static bool
read_line(const char *line, struct cas_batch_item *out)
{
	char kind;

	if (sscanf(line, "%c %511s %511s", &kind, out->from, out->to) != 3)
		return false;
	out->kind = (enum cas_batch_kind)kind;
	return strchr("batr!w", kind) != NULL;
}

struct pending {
	VEC(struct cas_batch_item) items;
	uint64_t ticket;
	size_t tickets;
	bool whole;      /* nothing came after the last ticket */
	bool waited_for; /* by the caller */
};

/* False: the caller is gone, or sends what it never would. */
static bool
take_message(struct pending *p, char *text)
{
	char *next;

	for (char *line = text; *line; line = next) {
		struct cas_batch_item item;

		next = line + strcspn(line, "\n");
		next += *next != '\0';
		if (!read_line(line, &item))
			return false;
		if (item.kind == CAS_BATCH_WAITING) {
			p->waited_for = p->whole;
			continue;
		}
		p->whole = item.kind == CAS_BATCH_TICKET;
		if (p->whole) {
			p->ticket = strtoull(item.to, NULL, 10);
			p->tickets++;
		} else {
			VEC_PUSH(&p->items, item);
		}
	}
	return true;
}

/* Until something comes, or it is time. */
static void
rest(int sock, int64_t until_ms)
{
	struct pollfd one = { .fd = sock, .events = POLLIN };
	int64_t left = until_ms - clock_monotonic_ms();

	if (left > 0)
		(void)poll(&one, 1, (int)left);
}

/* At least one whole ticket, and whatever else comes in the moment after. */
static bool
take_some(int sock, char *text, struct pending *p)
{
	int64_t until = 0;

	p->items.n = 0;
	p->tickets = 0;
	p->whole = p->waited_for = false;
	while (!p->whole || p->tickets < AT_ONCE) {
		ssize_t n;

		if (p->whole && until == 0)
			until = clock_monotonic_ms() + GATHER_MS;
		if (p->whole && !p->waited_for)
			rest(sock, until);
		n = recv(sock, text, CAS_BATCH_MESSAGE, p->whole ? MSG_DONTWAIT : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && p->whole && (errno == EAGAIN || errno == EWOULDBLOCK))
			return true;
		if (n <= 0)
			return n == 0 && p->whole;
		text[n] = '\0';
		if (!take_message(p, text))
			return false;
	}
	return true;
}

static NO_RETURN void
serve(struct cas *c, int sock, pid_t parent)
{
	int keep[] = { sock, c->dirfd, c->owner_fd };
	char *text = mem_alloc(CAS_BATCH_MESSAGE + 1);
	struct pending p = { .ticket = 0 };
	struct cas_batch_answer answer = { .ticket = 0 };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		proc_child_exit(1);
	(void)signal(SIGINT, SIG_IGN); /* the caller decides */
	(void)prctl(PR_SET_NAME, "kiln-commit");
	proc_close_others(keep, ARRAY_LEN(keep));
	while (take_some(sock, text, &p)) {
		struct err err;

		answer.ticket = p.ticket;
		if (answer.err.code != ERR_NONE)
			cas_batch_drop(c, p.items.at, p.items.n);
		else if (cas_batch_commit(c, p.items.at, p.items.n, &err) < 0)
			answer.err = err;
		/* Who closed its end without waiting has it done all the same. */
		(void)!send(sock, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
	proc_child_exit(0);
}

/* ---- in the caller ---- */

/* What was put since enter, and is nobody's now. */
static void
drop_lines(struct cas_batch *b)
{
	struct pending p = { .ticket = 0 };

	if (b->lines.len && take_message(&p, b->lines.data))
		cas_batch_drop(b->store, p.items.at, p.items.n);
	VEC_FREE(&p.items);
	buf_clear(&b->lines);
}

int
cas_batch_open(struct cas *c, struct cas_batch **out, struct err *err)
{
	CLEANUP(fd_close) int theirs = -1;
	struct cas_batch *b;
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socketpair");
	b = mem_alloc(sizeof(*b));
	*b = (struct cas_batch){ .store = c,
				 .sock = pair[0],
				 .lines = BUF_MAX((size_t)64 * 1024 * 1024),
				 .failed = { .code = ERR_NONE } };
	theirs = pair[1];
	b->pid = fork();
	if (b->pid == 0)
		serve(c, theirs, parent);
	if (b->pid < 0) {
		(void)err_sys(err, "cannot start a process");
		cas_batch_close(b);
		return -1;
	}
	*out = b;
	return 0;
}

void
cas_batch_cancel(struct cas_batch *b)
{
	if (b->store->batch == b)
		b->store->batch = NULL;
	drop_lines(b);
}

pid_t
cas_batch_pid(const struct cas_batch *b)
{
	return b->pid;
}

void
cas_batch_close(struct cas_batch *b)
{
	struct err ignored;
	int status;

	if (!b)
		return;
	/* It finishes what it was given, and then ends by itself. */
	close(b->sock);
	if (b->pid > 0)
		(void)!proc_wait(b->pid, &status, &ignored);
	cas_batch_cancel(b);
	buf_free(&b->lines);
	free(b);
}

void
cas_batch_enter(struct cas_batch *b)
{
	b->store->batch = b;
}

static void
add(struct cas_batch *b, enum cas_batch_kind kind, const char *from, const char *to)
{
	buf_add_format(&b->lines, "%c %s %s\n", (char)kind, from, to);
}

void
cas_batch_adopt(struct cas_batch *b, const char *path, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	add(b, CAS_BATCH_ADOPT, path, hex);
}

void
cas_batch_blob(struct cas *c, const char *tmp, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	add(c->batch, CAS_BATCH_BLOB, tmp, hex);
}

void
cas_batch_there(struct cas *c, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	add(c->batch, CAS_BATCH_THERE, "-", hex);
}

int
cas_batch_ref(struct cas *c, const char *kind, const char *name, const void *data, size_t n,
	      struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char tmp[64], to[CAS_PATH_MAX];
	int rc;

	(void)snprintf(to, sizeof(to), "%s/%s", kind, name);
	if (cas_tmp_file(c, tmp, &fd, err) < 0)
		return cas_failed(c, err);
	rc = fd_write_all(fd, data, n, err);
	if (rc == 0 && fchmod(fd, 0644) < 0)
		rc = err_sys(err, "%s", tmp);
	if (rc < 0) {
		(void)unlinkat(c->dirfd, tmp, 0);
		return cas_failed(c, err);
	}
	add(c->batch, CAS_BATCH_REF, tmp, to);
	return fd_close(&fd, to, err);
}

static int
gone(struct cas_batch *b, struct err *err)
{
	(void)err_set(err, ERR_IO, "the process that writes to the store has ended");
	b->failed = *err;
	return -1;
}

static ssize_t
send_text(const struct cas_batch *b, const char *text, size_t n)
{
	ssize_t done;

	do
		done = send(b->sock, text, n, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	return done;
}

/* Only the caller of this kind of socket ever has more than a message. */
static int
send_lines(struct cas_batch *b, struct err *err)
{
	const char *at = buf_text(&b->lines);
	size_t left = b->lines.len;

	while (left) {
		size_t n = KILN_MIN(left, CAS_BATCH_MESSAGE - 1);

		while (at[n - 1] != '\n')
			n--;
		if (send_text(b, at, n) < 0)
			return gone(b, err);
		at += n;
		left -= n;
	}
	buf_clear(&b->lines);
	return 0;
}

int
cas_batch_leave(struct cas_batch *b, uint64_t *ticket, struct err *err)
{
	uint64_t done;

	b->store->batch = NULL;
	if (cas_batch_done(b, &done, err) < 0)
		return -1;
	if (b->given - done >= AHEAD && cas_batch_wait(b, done + 1, err) < 0)
		return -1;
	*ticket = ++b->given;
	buf_add_format(&b->lines, "! - %llu\n", (unsigned long long)b->given);
	if (buf_check(&b->lines, "batch", err) < 0)
		return -1;
	return send_lines(b, err);
}

/* False: nothing to hear, or nothing good. */
static bool
hear(struct cas_batch *b, int flags)
{
	struct cas_batch_answer answer;
	struct err ignored;
	ssize_t n;

	do
		n = recv(b->sock, &answer, sizeof(answer), flags);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return false;
	if (n != (ssize_t)sizeof(answer)) {
		(void)!gone(b, &ignored);
		return false;
	}
	if (answer.err.code != ERR_NONE) {
		b->failed = answer.err;
		return false;
	}
	b->done = answer.ticket;
	return true;
}

int
cas_batch_done(struct cas_batch *b, uint64_t *ticket, struct err *err)
{
	while (b->failed.code == ERR_NONE && hear(b, MSG_DONTWAIT))
		;
	*ticket = b->done;
	if (b->failed.code == ERR_NONE)
		return 0;
	*err = b->failed;
	return -1;
}

int
cas_batch_wait(struct cas_batch *b, uint64_t ticket, struct err *err)
{
	uint64_t done;

	if (cas_batch_done(b, &done, err) < 0)
		return -1;
	if (done < ticket && send_text(b, "w - -\n", 6) < 0)
		return gone(b, err);
	while (b->failed.code == ERR_NONE && b->done < ticket)
		(void)hear(b, 0);
	if (b->failed.code == ERR_NONE)
		return 0;
	*err = b->failed;
	return -1;
}
