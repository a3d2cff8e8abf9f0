/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/signer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "trust/dsse.h"
#include "trust/signer_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#define DIR_MAX      4096
#define EXIT_SET_UP  126 /* the child could not even be arranged */
#define EXIT_NO_EXEC 127

struct signer {
	pid_t pid; /* 0: gone and reaped, or not started yet */
	int sock;
	const char *passphrase; /* path of the file that holds it, NULL: none */
	bool awake;
	const char *dir;
	struct arena arena; /* of ring */
	struct keyring ring;
};

/* In the child: the null device thrice, the socket, and nothing else. */
static bool
arrange_descriptors(int null, int sock, int passphrase)
{
	const int keep[] = { SIGNER_FD, SIGNER_SECRET_FD };

	/* Out of the way first: either may stand on a number that is about to be taken. */
	null = fcntl(null, F_DUPFD, SIGNER_SECRET_FD + 1);
	sock = fcntl(sock, F_DUPFD, SIGNER_SECRET_FD + 1);
	if (passphrase >= 0)
		passphrase = fcntl(passphrase, F_DUPFD, SIGNER_SECRET_FD + 1);
	if (null < 0 || sock < 0)
		return false;
	for (int fd = 0; fd < SIGNER_FD; fd++) {
		if (dup2(null, fd) < 0)
			return false;
	}
	if (dup2(sock, SIGNER_FD) < 0)
		return false;
	close(SIGNER_SECRET_FD);
	if (passphrase >= 0 && dup2(passphrase, SIGNER_SECRET_FD) < 0)
		return false;
	proc_close_others(keep, ARRAY_LEN(keep));
	return true;
}

/* The same program again, without an environment. */
static void NO_RETURN
become_signer(char *dir, int null, int sock, int passphrase)
{
	static char name[] = "kiln-signer", word[] = SIGNER_ARGV1;
	char *argv[] = { name, word, dir, NULL };
#ifdef __SANITIZE_ADDRESS__
	/* The leak checker wants to trace a process that refuses to be traced. */
	static char leaks_off[] = "ASAN_OPTIONS=detect_leaks=0";
	char *env[] = { leaks_off, NULL };
#else
	char *env[] = { NULL };
#endif
	CLEANUP(buf_free) struct buf reply = BUF_MAX(SIGNER_MAX_REPLY);
	struct err err;

	if (!arrange_descriptors(null, sock, passphrase))
		proc_child_exit(EXIT_SET_UP);
	(void)execve("/proc/self/exe", argv, env);
	(void)err_sys(&err, "cannot execute /proc/self/exe");
	signer_reply_error(&reply, &err);
	if (signer_frame_send(SIGNER_FD, reply.data, reply.len, &err) < 0)
		proc_child_exit(EXIT_SET_UP);
	proc_child_exit(EXIT_NO_EXEC);
}

static int
launch(struct signer *s, const char *dir, struct err *err)
{
	CLEANUP(mem_free) char *path = mem_strdup(dir);
	CLEANUP(fd_close) int null = -1;
	CLEANUP(fd_close) int theirs = -1;
	CLEANUP(fd_close) int passphrase = -1; /* open here for no longer than it takes */
	int pair[2];

	if (strlen(dir) >= DIR_MAX)
		return err_set(err, ERR_LIMIT, "path of %zu bytes", strlen(dir));
	if (fd_open("/dev/null", O_RDWR, &null, err) < 0 ||
	    (s->passphrase && fd_open(s->passphrase, O_RDONLY, &passphrase, err) < 0))
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socketpair");
	s->sock = pair[0];
	theirs = pair[1];
	s->pid = fork();
	if (s->pid == 0)
		become_signer(path, null, theirs, passphrase);
	if (s->pid < 0) {
		s->pid = 0;
		return err_sys(err, "fork");
	}
	return 0;
}

/* Reaps the child after its socket ended; says how it went. */
static int
died(struct signer *s, struct err *err)
{
	struct err ignored;
	int status = 0;
	pid_t pid = s->pid;

	s->pid = 0;
	if (pid == 0)
		return err_set(err, ERR_IO, "the signer process is gone");
	/* Its socket is closed, so it ends by itself; it must not outlive a broken stream
	 * either. */
	(void)kill(pid, SIGKILL);
	if (proc_wait(pid, &status, &ignored) < 0)
		return err_set(err, ERR_IO, "the signer process ended unexpectedly");
	if (status > 128)
		return err_set(err, ERR_IO, "the signer process died of signal %d",
			       status - 128);
	return err_set(err, ERR_IO, "the signer process ended unexpectedly (exit %d)", status);
}

void
signer_reply_error(struct buf *reply, const struct err *err)
{
	buf_clear(reply);
	buf_add_char(reply, (char)(err->code == ERR_NONE ? ERR_IO : err->code));
	buf_add_str(reply, err->text);
}

/* Splits a reply: 0 with the signature in sig, or the child's failure. */
static int
read_reply(struct signer *s, struct buf *sig, struct err *err)
{
	CLEANUP(buf_free) struct buf reply = BUF_MAX(SIGNER_MAX_REPLY);
	enum signer_frame what;

	if (signer_frame_receive(s->sock, &reply, &what, err) < 0 ||
	    what != SIGNER_FRAME_READ || reply.len == 0)
		return died(s, err);
	if (reply.data[0] != ERR_NONE) {
		enum err_code code = (enum err_code)(unsigned char)reply.data[0];

		return err_set(err, code > ERR_REPRO ? ERR_IO : code, "%s", reply.data + 1);
	}
	buf_add(sig, reply.data + 1, reply.len - 1);
	return buf_check(sig, "signature", err);
}

int
signer_passphrase(struct signer *s, const char *path, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	s->passphrase = arena_strdup(&s->arena, path);
	return fd_open(path, O_RDONLY, &fd, err); /* now rather than at the first signature */
}

int
signer_wake(struct signer *s, struct err *err)
{
	CLEANUP(buf_free) struct buf ready = BUF_MAX(SIGNER_MAX_REPLY);

	if (s->awake)
		return 0;
	s->awake = true;
	if (launch(s, s->dir, err) < 0 || read_reply(s, &ready, err) < 0)
		return err_wrap(err, "signer");
	return 0;
}

int
signer_call(struct signer *s, const void *request, size_t n, struct buf *sig, struct err *err)
{
	if (signer_wake(s, err) < 0)
		return -1;
	if (s->pid == 0 || signer_frame_send(s->sock, request, n, err) < 0)
		return died(s, err);
	return read_reply(s, sig, err);
}

/* A key that is revoked or out of its time signs nothing more. */
static int
load_ring(struct signer *s, const char *dir, struct err *err)
{
	if (key_load(&s->arena, dir, &s->ring, err) < 0)
		return -1;
	for (size_t i = 0; i < s->ring.n; i++) {
		const struct key_public *k = &s->ring.at[i];

		if (k->state != KEY_TRUSTED && key_check_valid(k, clock_wall(), err) < 0)
			return err_hint(err,
					"`kiln key rotate` and `kiln key init` make new keys");
	}
	return 0;
}

int
signer_open(const char *key_dir, struct signer **out, struct err *err)
{
	CLEANUP(signer_stop) struct signer *s = mem_alloc(sizeof(*s));

	s->sock = -1;
	s->dir = arena_strdup(&s->arena, key_dir);
	if (load_ring(s, key_dir, err) < 0)
		return err_wrap(err, "signer");
	*out = STEAL_PTR(s);
	return 0;
}

int
signer_start(const char *key_dir, struct signer **out, struct err *err)
{
	CLEANUP(signer_stop) struct signer *s = mem_alloc(sizeof(*s));

	s->sock = -1;
	s->dir = arena_strdup(&s->arena, key_dir);
	/* The process first: it says best what is wrong with a set of keys. */
	if (signer_wake(s, err) < 0)
		return -1;
	if (load_ring(s, key_dir, err) < 0)
		return err_wrap(err, "signer");
	*out = STEAL_PTR(s);
	return 0;
}

void
signer_stop(struct signer *s)
{
	struct err ignored;
	int status;

	if (!s)
		return;
	if (s->sock >= 0) {
		/* Other children of ours may hold a copy of our end: end the connection itself.
		 */
		(void)shutdown(s->sock, SHUT_RDWR);
		close(s->sock);
	}
	if (s->pid > 0 && proc_wait(s->pid, &status, &ignored) < 0)
		s->pid = 0; /* somebody else reaped it */
	arena_release(&s->arena);
	free(s);
}

int
signer_sign(struct signer *s, enum key_role role, const char *payload_type, int64_t created,
	    const void *payload, size_t n, struct buf *sig, struct err *err)
{
	CLEANUP(buf_free) struct buf request = BUF_MAX(SIGNER_MAX_REQUEST);
	size_t type_len = strlen(payload_type);

	if (n > SIGNER_MAX_PAYLOAD)
		return err_set(err, ERR_LIMIT,
			       "signer: payload of %zu bytes (%zu are accepted)", n,
			       SIGNER_MAX_PAYLOAD);
	if (type_len > SIGNER_MAX_TYPE)
		return err_set(err, ERR_INPUT, "signer: payload type of %zu bytes", type_len);
	buf_add_char(&request, (char)role);
	buf_add_be32(&request, (uint32_t)((uint64_t)created >> 32));
	buf_add_be32(&request, (uint32_t)created);
	buf_add_char(&request, (char)type_len);
	buf_add(&request, payload_type, type_len);
	buf_add(&request, payload, n);
	if (buf_check(&request, "request", err) < 0 ||
	    signer_call(s, request.data, request.len, sig, err) < 0)
		return err_wrap(err, "signer");
	return 0;
}

int
signer_bundle_as(struct signer *s, enum key_role role, const void *statement, size_t n,
		 struct buf *bundle, struct err *err)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGNER_MAX_REPLY);
	const struct key_public *k;

	if (key_need(&s->ring, role, &k, err) < 0 ||
	    signer_sign(s, role, SIGNER_TYPE_INTOTO, 0, statement, n, &sig, err) < 0)
		return -1;
	dsse_bundle_write(k->id, SIGNER_TYPE_INTOTO, statement, n, sig.data, sig.len, bundle);
	return buf_check(bundle, "bundle", err);
}

int
signer_bundle(struct signer *s, const void *statement, size_t n, struct buf *bundle,
	      struct err *err)
{
	return signer_bundle_as(s, KEY_BUILDER, statement, n, bundle, err);
}

const struct keyring *
signer_keys(const struct signer *s)
{
	return &s->ring;
}

pid_t
signer_pid(const struct signer *s)
{
	return s->pid;
}
