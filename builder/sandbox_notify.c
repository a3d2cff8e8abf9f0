/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warden, asked about a call (seccomp user notification). Three sorts come here:
 *
 * refused: judged by numbers in registers, answered with an errno. This is a wall.
 *
 * watched: connect, sendto, sendmsg, sendmmsg. Looked at, then always let go on to the kernel.
 * The address is read from memory that the build may change meanwhile, so this is an
 * observation and no wall: the wall is the network namespace, with loopback only.
 *
 * answered: uname, for recipes that fix it. The answer goes through a descriptor of the memory
 * that was opened before the question was found still open: whoever has the pid by then, no
 * other process is written to. Who closed its memory (PR_SET_DUMPABLE) is refused.
 *
 * What is read of a process is hostile: bounded, made printable, and believed only if the
 * question is still open afterwards (else the pid may be another's).
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>

#define NOTIFICATION_MAX 512 /* bytes; the kernel's structs may grow */
#define MESSAGES_MAX     16  /* looked at in one sendmmsg */
#define PORT_DNS         53

/* The argument that says most about a refused call. */
enum telling { TELLS_PATH, TELLS_TEXT, TELLS_FAMILY, TELLS_HEX, TELLS_NUMBER };
static const struct told {
	const char *call;
	enum telling how;
	unsigned index;
} told[] = {
	{ "acct", TELLS_PATH, 0 },         { "add_key", TELLS_TEXT, 0 },
	{ "bpf", TELLS_NUMBER, 0 },        { "chmod", TELLS_PATH, 0 },
	{ "chroot", TELLS_PATH, 0 },       { "clone", TELLS_HEX, 0 },
	{ "fchmod", TELLS_HEX, 1 },        { "fchmodat", TELLS_PATH, 1 },
	{ "ioctl", TELLS_HEX, 1 },         { "keyctl", TELLS_NUMBER, 0 },
	{ "mknod", TELLS_PATH, 0 },        { "mknodat", TELLS_PATH, 1 },
	{ "mount", TELLS_PATH, 1 },        { "personality", TELLS_HEX, 0 },
	{ "pivot_root", TELLS_PATH, 0 },   { "quotactl", TELLS_PATH, 1 },
	{ "request_key", TELLS_TEXT, 0 },  { "sethostname", TELLS_TEXT, 0 },
	{ "setns", TELLS_HEX, 1 },         { "socket", TELLS_FAMILY, 0 },
	{ "socketpair", TELLS_FAMILY, 0 }, { "swapon", TELLS_PATH, 0 },
	{ "swapoff", TELLS_PATH, 0 },      { "umount2", TELLS_PATH, 0 },
	{ "unshare", TELLS_HEX, 0 },
};

static const struct {
	int number;
	const char *name;
} families[] = {
	{ AF_INET, "AF_INET" },     { AF_INET6, "AF_INET6" }, { AF_NETLINK, "AF_NETLINK" },
	{ AF_PACKET, "AF_PACKET" }, { AF_ALG, "AF_ALG" },     { AF_VSOCK, "AF_VSOCK" },
	{ AF_XDP, "AF_XDP" },       { AF_CAN, "AF_CAN" },     { AF_BLUETOOTH, "AF_BLUETOOTH" },
};

union notification {
	struct seccomp_notif n;
	char bytes[NOTIFICATION_MAX];
};

/* Whatever is not a plain character becomes '?': these words reach terminals and documents. */
static void
make_plain(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

/* How many bytes could be read; memory ends where it ends. */
static size_t
read_memory(pid_t pid, uint64_t at, void *out, size_t n)
{
	struct iovec here = { .iov_base = out, .iov_len = n };
	struct iovec there = { .iov_len = n };
	uintptr_t address = (uintptr_t)at;
	ssize_t got;

	memcpy(&there.iov_base, &address, sizeof(address));
	got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	return got < 0 ? 0 : (size_t)got;
}

static void
read_text(pid_t pid, uint64_t at, char *out, size_t size)
{
	const uint64_t page = 4096;
	uint64_t first = KILN_MIN((uint64_t)size - 1, page - at % page);
	size_t n = read_memory(pid, at, out, (size_t)first);

	/* The text may end before the next page, which then need not be there. */
	if (n == first && !memchr(out, '\0', n))
		n += read_memory(pid, at + n, out + n, size - 1 - n);
	out[n] = '\0';
}

static void
name_process(pid_t pid, char out[SANDBOX_PROCESS_MAX])
{
	char path[64];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, out, SANDBOX_PROCESS_MAX - 1);
	if (n <= 0)
		n = snprintf(out, SANDBOX_PROCESS_MAX, "?");
	out[n] = '\0';
	make_plain(out);
}

static void
name_family(uint64_t number, char *out, size_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (families[i].number == (int)number) {
			(void)snprintf(out, size, "%s", families[i].name);
			return;
		}
	(void)snprintf(out, size, "family %d", (int)number);
}

static void
tell(pid_t pid, const struct seccomp_data *d, struct sandbox_violation *v)
{
	const struct told *t = NULL;
	uint64_t arg;

	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		if (strcmp(told[i].call, v->call) == 0)
			t = &told[i];
	if (!t)
		return;
	arg = d->args[t->index];
	if (t->how == TELLS_FAMILY)
		name_family(arg, v->argument, sizeof(v->argument));
	else if (t->how == TELLS_HEX)
		(void)snprintf(v->argument, sizeof(v->argument), "0x%llx",
			       (unsigned long long)(arg & UINT32_MAX));
	else if (t->how == TELLS_NUMBER)
		(void)snprintf(v->argument, sizeof(v->argument), "%d", (int)arg);
	else
		read_text(pid, arg, v->argument, sizeof(v->argument));
	make_plain(v->argument);
}

static bool
is_loopback6(const struct in6_addr *a)
{
	return IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a) ||
	       (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

const char *
sandbox_notify_address(const void *address, size_t len, char text[SANDBOX_ARGUMENT_MAX])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	sa_family_t family;
	char host[INET6_ADDRSTRLEN] = "?";
	bool local;
	unsigned port;

	if (len < sizeof(family))
		return NULL;
	memcpy(&family, address, sizeof(family));
	if (family == AF_INET && len >= sizeof(in)) {
		memcpy(&in, address, sizeof(in));
		/* 0.0.0.0 is this host, to connect. */
		local = ntohl(in.sin_addr.s_addr) >> 24 == 127 || in.sin_addr.s_addr == 0;
		port = ntohs(in.sin_port);
		(void)inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
	} else if (family == AF_INET6 && len >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		memcpy(&in6, address, KILN_MIN(len, sizeof(in6)));
		local = is_loopback6(&in6.sin6_addr);
		port = ntohs(in6.sin6_port);
		(void)inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
	} else {
		return NULL;
	}
	(void)snprintf(text, SANDBOX_ARGUMENT_MAX, family == AF_INET ? "%s:%u" : "[%s]:%u",
		       host, port);
	return port == PORT_DNS ? "dns" : local ? NULL : "network";
}

void
sandbox_notify_add(struct sandbox_notify *n, const struct sandbox_violation *v)
{
	for (size_t i = 0; i < n->n; i++) {
		struct sandbox_violation *at = &n->at[i];

		if (strcmp(at->call, v->call) == 0 && strcmp(at->process, v->process) == 0 &&
		    strcmp(at->argument, v->argument) == 0) {
			at->count += v->count;
			return;
		}
	}
	if (n->n == ARRAY_LEN(n->at))
		n->lost += v->count;
	else
		n->at[n->n++] = *v;
}

/* A question that was given up meanwhile says nothing: its pid may be somebody else's now. */
static void
note(int listener, uint64_t id, pid_t pid, struct sandbox_notify *n,
     struct sandbox_violation *v)
{
	name_process(pid, v->process);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0)
		sandbox_notify_add(n, v);
}

struct look {
	int listener;
	const struct seccomp_notif *q;
	struct sandbox_notify *n;
	struct sandbox_violation *v;
};

static void
look_at_address(const struct look *l, uint64_t at, uint64_t len)
{
	char address[sizeof(struct sockaddr_un)] = { 0 };
	pid_t pid = (pid_t)l->q->pid;
	size_t n = read_memory(pid, at, address, KILN_MIN((size_t)len, sizeof(address)));
	const char *kind = at ? sandbox_notify_address(address, n, l->v->argument) : NULL;

	if (!kind)
		return;
	l->v->kind = kind;
	note(l->listener, l->q->id, pid, l->n, l->v);
}

static void
look_at_message(const struct look *l, uint64_t at)
{
	struct msghdr m;
	uintptr_t name;

	if (read_memory((pid_t)l->q->pid, at, &m, sizeof(m)) != sizeof(m))
		return;
	memcpy(&name, &m.msg_name, sizeof(name));
	if (name)
		look_at_address(l, name, m.msg_namelen);
}

static void
look(const struct look *l)
{
	const uint64_t *args = (const uint64_t *)l->q->data.args;
	uint64_t n = KILN_MIN(args[2] & UINT32_MAX, (uint64_t)MESSAGES_MAX);

	if (strcmp(l->v->call, "connect") == 0)
		look_at_address(l, args[1], args[2] & UINT32_MAX);
	else if (strcmp(l->v->call, "sendto") == 0)
		look_at_address(l, args[4], args[5] & UINT32_MAX);
	else if (strcmp(l->v->call, "sendmsg") == 0)
		look_at_message(l, args[1]);
	else
		for (uint64_t i = 0; i < n; i++)
			look_at_message(l, args[1] + i * sizeof(struct mmsghdr));
}

static int
write_answer(int listener, const struct seccomp_notif *q, const void *data, size_t n)
{
	CLEANUP(fd_close) int memory = -1;
	struct err ignored;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)q->pid);
	if (fd_open(path, O_WRONLY, &memory, &ignored) < 0 ||
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &q->id) < 0)
		return EPERM;
	return pwrite(memory, data, n, (off_t)q->data.args[0]) == (ssize_t)n ? 0 : EFAULT;
}

static int
answer_uname(int listener, const struct seccomp_notif *q, const struct sandbox_notify *n,
	     enum sandbox_arch arch)
{
	struct utsname u = { .sysname = "Linux",
			     .nodename = SANDBOX_HOST_NAME,
			     .domainname = SANDBOX_DOMAIN_NAME };

	if (!n->release || !n->version)
		return EPERM;
	(void)snprintf(u.release, sizeof(u.release), "%s", n->release);
	(void)snprintf(u.version, sizeof(u.version), "%s", n->version);
	(void)snprintf(u.machine, sizeof(u.machine), "%s", sandbox_seccomp_machine(arch));
	return write_answer(listener, q, &u, sizeof(u));
}

static void
consider(int listener, const struct seccomp_notif *q, struct sandbox_notify *n)
{
	struct seccomp_notif_resp answer = { .id = q->id };
	struct sandbox_violation v = { .kind = "denied", .count = 1 };
	enum sandbox_arch arch = SANDBOX_X86_64;
	struct err ignored;
	uint64_t args[6];
	int error = EPERM;

	memcpy(args, q->data.args, sizeof(args));
	/* Foreign ABIs do not get here: their calls do not exist. */
	if (sandbox_seccomp_native(&arch, &ignored) == 0)
		error = sandbox_seccomp_judge(arch, q->data.nr, args, v.call);
	if (strcmp(v.call, "uname") == 0) {
		answer.error = -answer_uname(listener, q, n, arch);
	} else if (error) {
		tell((pid_t)q->pid, &q->data, &v);
		note(listener, q->id, (pid_t)q->pid, n, &v);
		answer.error = -error;
	} else {
		look(&(struct look){ .listener = listener, .q = q, .n = n, .v = &v });
		answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	/* Fails when whoever asked is dead. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

bool
sandbox_notify_answer(int listener, struct sandbox_notify *n)
{
	union notification q = { .bytes = { 0 } };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q) == 0) {
		consider(listener, &q.n, n);
		return true;
	}
	return errno == ENOENT || errno == EINTR;
}
