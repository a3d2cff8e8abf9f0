/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key_fence_priv.h"
#include "base/fd.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define DEPTH_MAX 256 /* of the key set beneath the root */

#if defined(__x86_64__)
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif
#define OTHER_NUMBERS 0x40000000 /* system calls of x32 are numbered from here */

/* What any program needs. A system that lacks one has it elsewhere, or nowhere. */
static const struct {
	const char *path;
	unsigned rights;
	bool network;
} common[] = {
	{ "/usr", PROC_GATE_READ | PROC_GATE_RUN, false },
	{ "/lib", PROC_GATE_READ | PROC_GATE_RUN, false },
	{ "/lib64", PROC_GATE_READ | PROC_GATE_RUN, false },
	{ "/bin", PROC_GATE_READ | PROC_GATE_RUN, false },
	{ "/sbin", PROC_GATE_READ | PROC_GATE_RUN, false },
	{ "/etc/ld.so.cache", PROC_GATE_READ, false },
	{ "/etc/ssl/openssl.cnf", PROC_GATE_READ, false },
	{ "/dev/null", PROC_GATE_READ | PROC_GATE_WRITE, false },
	{ "/dev/random", PROC_GATE_READ, false },
	{ "/dev/zero", PROC_GATE_READ, false },
	{ "/dev/urandom", PROC_GATE_READ, false },
	{ "/etc/hosts", PROC_GATE_READ, true },
	{ "/etc/nsswitch.conf", PROC_GATE_READ, true },
	{ "/etc/resolv.conf", PROC_GATE_READ, true },
	{ "/etc/ssl/certs", PROC_GATE_READ, true },
};

void
key_reach_release(struct key_reach *r)
{
	for (size_t i = 0; i < r->gates.n; i++)
		(void)close(r->gates.at[i].fd);
	VEC_FREE(&r->gates);
}

int
key_reach_add(struct key_reach *r, const char *path, unsigned rights, struct err *err)
{
	struct proc_gate gate = { .fd = -1, .rights = rights };

	if (path[0] != '/')
		return err_set(err, ERR_INPUT, "%s: name it with its whole path", path);
	if (fd_open(path, O_PATH, &gate.fd, err) < 0)
		return -1;
	VEC_PUSH(&r->gates, gate);
	return 0;
}

static int
read_paths(struct key_reach *r, const struct key_described *how, const struct doc *list,
	   unsigned rights, struct err *err)
{
	if (!list)
		return 0;
	if (list->kind != DOC_LIST)
		return doc_error(list, how->name, err, "a list of paths is due");
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *path = list->items[i].value;
		struct err why;

		if (path->kind != DOC_TEXT)
			return doc_error(path, how->name, err, "a list of paths is due");
		if (key_reach_add(r, path->text, rights, &why) < 0)
			return doc_error(path, how->name, err, "%s", why.text);
	}
	return 0;
}

static int
read_switch(const struct key_described *how, const struct doc *d, const char *name, bool *out,
	    struct err *err)
{
	const struct doc *value = doc_get(d, name);

	if (value && !doc_bool(value, out))
		return doc_error(value, how->name, err, "'%s' must be true or false", name);
	return 0;
}

int
key_reach_read(struct key_reach *r, const struct key_described *how, const struct doc *d,
	       struct err *err)
{
	if (read_switch(how, d, "sockets", &r->sockets, err) < 0 ||
	    read_switch(how, d, "network", &r->network, err) < 0)
		return -1;
	if (read_paths(r, how, doc_get(d, "reads"), PROC_GATE_READ | PROC_GATE_RUN, err) < 0)
		return -1;
	return read_paths(r, how, doc_get(d, "writes"), PROC_GATE_READ | PROC_GATE_WRITE, err);
}

void
key_reach_join(struct key_reach *to, struct key_reach *from)
{
	for (size_t i = 0; i < from->gates.n; i++)
		VEC_PUSH(&to->gates, from->gates.at[i]);
	VEC_FREE(&from->gates);
	to->sockets = to->sockets || from->sockets;
	to->network = to->network || from->network;
}

static void
add_common(struct key_reach *r)
{
	struct err absent;

	for (size_t i = 0; i < ARRAY_LEN(common); i++) {
		struct proc_gate gate = { .fd = -1, .rights = common[i].rights };

		if ((!common[i].network || r->network) &&
		    fd_open(common[i].path, O_PATH, &gate.fd, &absent) == 0)
			VEC_PUSH(&r->gates, gate);
	}
}

static bool
is_gate(const struct key_reach *r, const struct stat *dir)
{
	struct stat gate;

	for (size_t i = 0; i < r->gates.n; i++)
		if (fstat(r->gates.at[i].fd, &gate) == 0 && gate.st_dev == dir->st_dev &&
		    gate.st_ino == dir->st_ino)
			return true;
	return false;
}

/* A gate at the key set or above it would open the keys in files. */
static int
check_set(const struct key_reach *r, int set, struct err *err)
{
	char up[3 * DEPTH_MAX + 2] = ".";
	struct stat here, below;

	for (size_t i = 0; i < DEPTH_MAX; i++) {
		if (fstatat(set, up, &here, 0) < 0)
			return err_sys(err, "cannot follow the key set to the root");
		if (i > 0 && here.st_dev == below.st_dev && here.st_ino == below.st_ino)
			return 0; /* the root is its own parent */
		if (is_gate(r, &here)) {
			(void)err_set(err, ERR_INPUT,
				      "what a key's description opens to its module or "
				      "program holds the key set itself");
			return err_hint(err, "name narrower `reads` and `writes`, or move the "
					     "key set");
		}
		below = here;
		memcpy(up + 1 + 3 * i, "/..", 4);
	}
	return err_set(err, ERR_LIMIT, "the key set lies too deep");
}

struct filter {
	VEC(struct sock_filter) steps;
};

static void
filter_release(struct filter *f)
{
	VEC_FREE(&f->steps);
}
DEFINE_RELEASE(struct filter, filter_release);

static void
add(struct filter *f, struct sock_filter step)
{
	VEC_PUSH(&f->steps, step);
}

static void
load(struct filter *f, size_t offset)
{
	add(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* Refuses when what was loaded compares, or with unless when it does not. */
static void
refuse_if(struct filter *f, unsigned compare, unsigned value, bool unless)
{
	add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | compare | BPF_K, value, unless, !unless));
	add(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES));
}

static void
refuse(struct filter *f, unsigned call)
{
	refuse_if(f, BPF_JEQ, call, false);
}

/* What Landlock does not ask about, or not in each version. A pair counts as a socket: one of
 * datagrams can still call another by its name. */
static int
forbid(const struct key_reach *r, struct err *err)
{
	CLEANUP(filter_release) struct filter f = { 0 };
	struct sock_fprog program;

	load(&f, offsetof(struct seccomp_data, arch));
	refuse_if(&f, BPF_JEQ, THIS_MACHINE, true);
	load(&f, offsetof(struct seccomp_data, nr));
	refuse_if(&f, BPF_JGE, OTHER_NUMBERS, false);
	refuse(&f, SYS_truncate);
	if (!r->network)
		refuse(&f, SYS_io_uring_setup); /* a ring makes sockets */
	if (!r->network && !r->sockets) {
		refuse(&f, SYS_socket);
		refuse(&f, SYS_socketpair);
		refuse(&f, SYS_connect);
	} else if (!r->network) {
		add(&f,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0));
		add(&f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socketpair,
						     0, 3));
		load(&f, offsetof(struct seccomp_data, args[0]));
		refuse_if(&f, BPF_JEQ, AF_UNIX, true);
	}
	add(&f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program = (struct sock_fprog){ .len = (unsigned short)f.steps.n, .filter = f.steps.at };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return err_sys(err, "forbidding system calls");
	return 0;
}

int
key_fence(const struct key_reach *wanted, int set, struct err *err)
{
	CLEANUP(key_reach_release)
	struct key_reach r = { .sockets = wanted->sockets, .network = wanted->network };

	for (size_t i = 0; i < wanted->gates.n; i++) {
		struct proc_gate gate = wanted->gates.at[i];

		gate.fd = fcntl(gate.fd, F_DUPFD_CLOEXEC, 0);
		if (gate.fd < 0)
			return err_sys(err, "a gate of the fence");
		VEC_PUSH(&r.gates, gate);
	}
	add_common(&r);
	if (check_set(&r, set, err) < 0)
		return -1;
	if (proc_fence_version() < 1) {
		(void)err_set(err, ERR_INPUT,
			      "a key behind a module or a program is fenced off by Landlock, "
			      "which this kernel lacks");
		return err_hint(err, "keep keys in files here, or sign on a kernel that has it "
				     "(5.13 or newer)");
	}
	if (proc_fence(r.gates.at, r.gates.n, r.network ? PROC_FENCE_NETWORK : 0, err) < 0)
		return -1;
	return forbid(&r, err);
}
