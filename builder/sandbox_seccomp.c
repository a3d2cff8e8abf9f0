/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls a chamber may make (libseccomp's doorway).
 *
 * Two programs stand, and the kernel obeys the stricter. The first is the allow-list of the
 * architecture: what it does not name does not exist (ENOSYS), also calls newer than the list
 * and foreign ABIs. The second refuses what programs probe for and must be told "no", by name
 * or by argument: it asks the warden, who writes the attempt down and answers with the errno of
 * the same tables (sandbox_seccomp_judge). Who is asked judges numbers in registers, which
 * nobody can change meanwhile; with nobody to ask the call is ENOSYS. Where a host's own filter
 * has a listener already, a third program with the errnos in it takes the second's place: the
 * same wall, blind.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define MAX_INSNS 4096 /* the kernel's limit for one program */

/* clang-format off */
/* Not mq_open and its kin: Landlock forbids to make a queue, so without it a build would see another
 * kernel. */
static const char *const allowed[] = {
	"accept", "accept4", "bind", "brk", "capget", "capset", "chdir", "clock_getres",
	"clock_gettime", "clock_nanosleep", "clone", "close", "close_range", "connect",
	"copy_file_range", "dup", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fcntl",
	"fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat",
	"fstatfs", "fsync", "ftruncate", "futex", "get_mempolicy", "get_robust_list", "getcpu",
	"getcwd", "getdents64", "getegid", "geteuid", "getgid", "getgroups", "getitimer",
	"getpeername", "getpgid", "getpid", "getppid", "getpriority", "getrandom", "getresgid",
	"getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
	"gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_setup", "io_submit",
	"ioctl", "ioprio_get", "ioprio_set", "kill", "lgetxattr", "linkat", "listen",
	"listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "madvise", "mbind",
	"membarrier", "memfd_create", "mincore", "mkdirat", "mknodat", "mlock", "mlock2",
	"mlockall", "mmap", "mprotect", "mremap", "msgctl", "msgget", "msgrcv", "msgsnd",
	"msync", "munlock", "munlockall", "munmap", "nanosleep", "newfstatat",
	"openat", "openat2", "personality", "pidfd_open", "pidfd_send_signal", "pipe2",
	"pkey_alloc", "pkey_free", "pkey_mprotect", "ppoll", "prctl", "pread64", "preadv",
	"preadv2", "prlimit64", "process_vm_readv", "pselect6", "ptrace", "pwrite64",
	"pwritev", "pwritev2", "read", "readahead", "readlinkat", "readv", "recvfrom",
	"recvmmsg", "recvmsg", "removexattr", "renameat", "renameat2", "restart_syscall",
	"rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
	"rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
	"sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
	"sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "semctl",
	"semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto",
	"set_mempolicy", "set_robust_list", "set_tid_address", "setfsgid", "setfsuid",
	"setgid", "setgroups", "setitimer", "setpgid", "setpriority", "setregid", "setresgid",
	"setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "setuid", "setxattr",
	"shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd4", "socket",
	"socketpair", "splice", "statfs", "statx", "symlinkat", "sync", "sync_file_range",
	"syncfs", "sysinfo", "tee", "tgkill", "timer_create", "timer_delete",
	"timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
	"timerfd_gettime", "timerfd_settime", "times", "tkill", "truncate", "umask", "uname",
	"unlinkat", "utimensat", "wait4", "waitid", "write", "writev",
};

/* The calls that younger architectures never had. */
static const char *const allowed_x86_64[] = {
	"access", "alarm", "arch_prctl", "chmod", "creat", "dup2", "epoll_create",
	"epoll_wait", "eventfd", "fork", "futimesat", "getdents", "getpgrp", "inotify_init",
	"link", "lstat", "mkdir", "mknod", "open", "pause", "pipe", "poll", "readlink",
	"rename", "rmdir", "select", "signalfd", "stat", "symlink", "time", "unlink", "utime",
	"utimes", "vfork",
};

static const char *const denied[] = {
	"acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
	"delete_module", "fanotify_init", "fanotify_mark", "finit_module", "init_module",
	"kcmp", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mount",
	"move_pages", "name_to_handle_at", "nfsservctl", "open_by_handle_at",
	"perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_writev", "quotactl",
	"quotactl_fd", "reboot", "request_key", "sched_setaffinity", "seccomp",
	"setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog",
	"umount2", "unshare", "userfaultfd", "vhangup",
};

static const char *const denied_x86_64[] = {
	"create_module", "ioperm", "iopl",
};

/* The kernel's own answers: yes for what one owns already, EINVAL for ids that are not mapped here.
 * A recipe may ask that all of it succeed and do nothing. */
static const char *const owners[] = {
	"fchown", "fchownat",
};
static const char *const owners_x86_64[] = {
	"chown", "lchown",
};
/* clang-format on */

#define ANY UINT32_MAX
/* Refused when all comparisons hold. Only the low 32 bits count wherever the kernel reads an
 * int. */
static const struct argument_rule {
	const char *name;
	int error;
	unsigned n;
	struct scmp_arg_cmp cmp[2];
} argument_rules[] = {
#define BITS(i, mask, value)                                                                   \
	{                                                                                      \
		i, SCMP_CMP_MASKED_EQ, mask, value                                             \
	}
#define CLONE_RULE(flag)                                                                       \
	{                                                                                      \
		"clone", EPERM, 1,                                                             \
		{                                                                              \
			BITS(0, flag, flag)                                                    \
		}                                                                              \
	}
	CLONE_RULE(CLONE_NEWUSER),
	CLONE_RULE(CLONE_NEWNS),
	CLONE_RULE(CLONE_NEWPID),
	CLONE_RULE(CLONE_NEWNET),
	CLONE_RULE(CLONE_NEWIPC),
	CLONE_RULE(CLONE_NEWUTS),
	CLONE_RULE(CLONE_NEWCGROUP),
	{ "chmod", EPERM, 1, { BITS(1, S_ISUID, S_ISUID) } },
	{ "chmod", EPERM, 1, { BITS(1, S_ISGID, S_ISGID) } },
	{ "fchmod", EPERM, 1, { BITS(1, S_ISUID, S_ISUID) } },
	{ "fchmod", EPERM, 1, { BITS(1, S_ISGID, S_ISGID) } },
	{ "fchmodat", EPERM, 1, { BITS(2, S_ISUID, S_ISUID) } },
	{ "fchmodat", EPERM, 1, { BITS(2, S_ISGID, S_ISGID) } },
	{ "mknod", EPERM, 1, { BITS(1, S_IFMT, S_IFCHR) } },
	{ "mknod", EPERM, 1, { BITS(1, S_IFMT, S_IFBLK) } },
	{ "mknodat", EPERM, 1, { BITS(2, S_IFMT, S_IFCHR) } },
	{ "mknodat", EPERM, 1, { BITS(2, S_IFMT, S_IFBLK) } },
	{ "ioctl", EPERM, 1, { BITS(1, ANY, TIOCSTI) } },
	{ "ioctl", EPERM, 1, { BITS(1, ANY, TIOCLINUX) } },
	{ "personality", EPERM, 1, { { 0, SCMP_CMP_NE, 0xffffffff, 0 } } },
	/* Of another process: one uid for all, so pid 1's limits could be lowered. */
	{ "prlimit64", EPERM, 1, { { 0, SCMP_CMP_NE, 0, 0 } } },
	/* A device 0:0 that any user may make. */
	{ "renameat2", EPERM, 1, { BITS(4, RENAME_WHITEOUT, RENAME_WHITEOUT) } },
	{ "socketpair", EAFNOSUPPORT, 1, { { 0, SCMP_CMP_NE, AF_UNIX, 0 } } },
	{ "socket", EAFNOSUPPORT, 1, { { 0, SCMP_CMP_GT, AF_NETLINK, 0 } } },
	{ "socket",
	  EPROTONOSUPPORT,
	  2,
	  { BITS(0, ANY, AF_NETLINK), { 2, SCMP_CMP_NE, 0, 0 } } },
#undef CLONE_RULE
#undef BITS
};

/* Asked about although allowed: attempts on the network. The walls round it are the network
 * namespace; the answer is always "go on". A connected socket's send() names no address and is
 * passed over, at no cost. */
static const struct watch_rule {
	const char *name;
	unsigned n;
	struct scmp_arg_cmp cmp;
} watch_rules[] = {
	{ "connect", 0, { 0 } },
	{ "sendto", 1, { 4, SCMP_CMP_NE, 0, 0 } },
	{ "sendmsg", 0, { 0 } },
	{ "sendmmsg", 0, { 0 } },
};

static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

/* Answered by the warden for recipes that fix it. */
static const struct watch_rule uname_rule = { "uname", 0, { 0 } };

static int
failed(struct err *err, const char *what, int rc)
{
	errno = -rc;
	err_sys(err, "seccomp: %s", what);
	return err_recode(err, ERR_SANDBOX);
}

static const struct arch {
	uint32_t token;
	const char *kernel; /* as uname says it */
} archs[] = {
	[SANDBOX_X86_64] = { SCMP_ARCH_X86_64, "x86_64" },
	[SANDBOX_AARCH64] = { SCMP_ARCH_AARCH64, "aarch64" },
};

/* What one program is made for. */
struct variant {
	enum sandbox_arch arch;
	bool fake_chown, fixed_uname;
};

static const struct table {
	const char *const *names;
	size_t n;
	bool x86_64; /* only there */
	enum { ALLOW, DENY, OWN } meaning;
} tables[] = {
	{ allowed, ARRAY_LEN(allowed), false, ALLOW },
	{ allowed_x86_64, ARRAY_LEN(allowed_x86_64), true, ALLOW },
	{ denied, ARRAY_LEN(denied), false, DENY },
	{ denied_x86_64, ARRAY_LEN(denied_x86_64), true, DENY },
	{ owners, ARRAY_LEN(owners), false, OWN },
	{ owners_x86_64, ARRAY_LEN(owners_x86_64), true, OWN },
};

/* Of the table's architecture. Numbers go into libseccomp as the build host's: it translates.
 */
static int
resolve(const struct variant *p, const char *name)
{
	if (seccomp_syscall_resolve_name_arch(archs[p->arch].token, name) < 0)
		return -1;
	return seccomp_syscall_resolve_name(name);
}

/* A name that cannot be resolved would silently be a call that does not exist. */
static int
add_table(scmp_filter_ctx ctx, const struct variant *p, const struct table *t, uint32_t action,
	  struct err *err)
{
	if (t->x86_64 && p->arch != SANDBOX_X86_64)
		return 0;
	for (size_t i = 0; i < t->n; i++) {
		int nr = resolve(p, t->names[i]), rc;

		if (nr < 0)
			return err_set(err, ERR_SANDBOX, "libseccomp does not know %s of %s",
				       t->names[i], archs[p->arch].kernel);
		rc = seccomp_rule_add_exact(ctx, action, nr, 0);
		if (rc < 0)
			return failed(err, t->names[i], rc);
	}
	return 0;
}

/* What the second program refuses must pass the first, or nobody is asked. */
static uint32_t
list_action(const struct variant *p, const struct table *t)
{
	return t->meaning == OWN && p->fake_chown ? SCMP_ACT_ERRNO(0) : SCMP_ACT_ALLOW;
}

static int
add_list(scmp_filter_ctx ctx, const struct variant *p, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (add_table(ctx, p, &tables[i], list_action(p, &tables[i]), err) < 0)
			return -1;
	return 0;
}

static uint32_t
refusal(bool ask, int error)
{
	return ask ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO((uint32_t)error);
}

static bool
is_open_family(int family)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (families[i] == family)
			return true;
	return false;
}

static int
add_families(scmp_filter_ctx ctx, bool ask, struct err *err)
{
	for (int family = 0; family < AF_NETLINK; family++) {
		struct scmp_arg_cmp cmp = { 0, SCMP_CMP_MASKED_EQ, ANY, (scmp_datum_t)family };
		int rc;

		if (is_open_family(family))
			continue;
		rc = seccomp_rule_add_exact_array(ctx, refusal(ask, EAFNOSUPPORT),
						  SCMP_SYS(socket), 1, &cmp);
		if (rc < 0)
			return failed(err, "socket families", rc);
	}
	return 0;
}

static int
add_refusals(scmp_filter_ctx ctx, const struct variant *p, bool ask, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		if (tables[i].meaning == DENY &&
		    add_table(ctx, p, &tables[i], refusal(ask, EPERM), err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++) {
		const struct argument_rule *r = &argument_rules[i];
		int nr = resolve(p, r->name);
		int rc;

		if (nr < 0)
			continue;
		rc = seccomp_rule_add_exact_array(ctx, refusal(ask, r->error), nr, r->n,
						  r->cmp);
		if (rc < 0)
			return failed(err, r->name, rc);
	}
	return add_families(ctx, ask, err);
}

static int
add_blind(scmp_filter_ctx ctx, const struct variant *p, struct err *err)
{
	return add_refusals(ctx, p, false, err);
}

static int
watch(scmp_filter_ctx ctx, const struct watch_rule *r, struct err *err)
{
	int nr = seccomp_syscall_resolve_name(r->name);
	int rc = seccomp_rule_add_exact_array(ctx, SCMP_ACT_NOTIFY, nr, r->n, &r->cmp);

	return rc < 0 ? failed(err, r->name, rc) : 0;
}

static int
add_asking(scmp_filter_ctx ctx, const struct variant *p, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(watch_rules); i++)
		if (watch(ctx, &watch_rules[i], err) < 0)
			return -1;
	if (p->fixed_uname && watch(ctx, &uname_rule, err) < 0)
		return -1;
	return add_refusals(ctx, p, true, err);
}

static int
export_program(scmp_filter_ctx ctx, struct sandbox_program *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf code = BUF_MAX(MAX_INSNS * sizeof(struct sock_filter));
	int rc;

	if (fd_memory("seccomp filter", &fd, err) < 0)
		return -1;
	rc = seccomp_export_bpf(ctx, fd);
	if (rc < 0)
		return failed(err, "export", rc);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "seccomp filter");
	if (fd_read_all(fd, &code, err) < 0)
		return err_wrap(err, "seccomp filter");
	if (code.len == 0 || code.len % sizeof(struct sock_filter) != 0)
		return err_set(err, ERR_SANDBOX, "seccomp: libseccomp made no whole program");
	out->n = (uint16_t)(code.len / sizeof(struct sock_filter));
	out->code = buf_steal(&code);
	return 0;
}

typedef int fill_fn(scmp_filter_ctx ctx, const struct variant *p, struct err *err);

/* Every other architecture, x32 and 32-bit calls included, meets ENOSYS. */
static int
choose_arch(scmp_filter_ctx ctx, enum sandbox_arch arch)
{
	int rc = 0;

	if (archs[arch].token == seccomp_arch_native())
		return 0;
	rc = seccomp_arch_add(ctx, archs[arch].token);
	return rc < 0 ? rc : seccomp_arch_remove(ctx, seccomp_arch_native());
}

static int
compile(const struct variant *p, uint32_t otherwise, fill_fn *fill, struct sandbox_program *out,
	struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	int rc;

	if (!ctx)
		return err_set(err, ERR_SANDBOX, "seccomp: libseccomp cannot start a filter");
	rc = choose_arch(ctx, p->arch);
	if (rc >= 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
	if (rc >= 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		rc = failed(err, "attributes", rc);
	else if (fill(ctx, p, err) < 0 || export_program(ctx, out, err) < 0)
		rc = -1;
	seccomp_release(ctx);
	return rc < 0 ? -1 : 0;
}

int
sandbox_seccomp_native(enum sandbox_arch *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(archs); i++) {
		if (archs[i].token != seccomp_arch_native())
			continue;
		*out = (enum sandbox_arch)i;
		return 0;
	}
	return err_set(err, ERR_SANDBOX,
		       "chambers need x86_64 or aarch64: there is no table of "
		       "system calls for this machine");
}

int
sandbox_seccomp_number(enum sandbox_arch arch, const char *name)
{
	return seccomp_syscall_resolve_name_arch(archs[arch].token, name);
}

const char *
sandbox_seccomp_machine(enum sandbox_arch arch)
{
	return archs[arch].kernel;
}

struct sandbox_filter
sandbox_seccomp_choose(const struct sandbox_filters *f, const struct sandbox_profile *p)
{
	return (struct sandbox_filter){
		.list = &f->program[p->fake_chown ? SANDBOX_FILTER_LIST_CHOWN
						  : SANDBOX_FILTER_LIST],
		.asking = &f->program[p->fixed_uname ? SANDBOX_FILTER_ASKING_UNAME
						     : SANDBOX_FILTER_ASKING],
		.blind = &f->program[SANDBOX_FILTER_BLIND],
		.fixed_uname = p->fixed_uname,
		.digest = f->digest[p->fake_chown][p->fixed_uname],
	};
}

static void
digest_profile(struct sandbox_filters *f, bool fake_chown, bool fixed_uname)
{
	struct sandbox_profile p = { .fake_chown = fake_chown, .fixed_uname = fixed_uname };
	struct sandbox_filter chosen = sandbox_seccomp_choose(f, &p);
	const struct sandbox_program *all[] = { chosen.list, chosen.asking, chosen.blind };
	struct digest_state *hash = digest_begin();

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		digest_add(hash, all[i]->code, all[i]->n * sizeof(struct sock_filter));
	digest_end(hash, &f->digest[fake_chown][fixed_uname]);
}

int
sandbox_seccomp_make(enum sandbox_arch arch, struct sandbox_filters *out, struct err *err)
{
	static const struct {
		uint32_t otherwise;
		fill_fn *fill;
		bool fake_chown, fixed_uname;
	} programs[] = {
		[SANDBOX_FILTER_LIST] = { SCMP_ACT_ERRNO(ENOSYS), add_list, false, false },
		[SANDBOX_FILTER_LIST_CHOWN] = { SCMP_ACT_ERRNO(ENOSYS), add_list, true, false },
		[SANDBOX_FILTER_ASKING] = { SCMP_ACT_ALLOW, add_asking, false, false },
		[SANDBOX_FILTER_ASKING_UNAME] = { SCMP_ACT_ALLOW, add_asking, false, true },
		[SANDBOX_FILTER_BLIND] = { SCMP_ACT_ALLOW, add_blind, false, false },
	};
	struct sandbox_filters f = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		struct variant v = { arch, programs[i].fake_chown, programs[i].fixed_uname };

		if (compile(&v, programs[i].otherwise, programs[i].fill, &f.program[i], err) <
		    0) {
			sandbox_seccomp_free(&f);
			return -1;
		}
	}
	for (int i = 0; i < 4; i++)
		digest_profile(&f, i & 1, i & 2);
	*out = f;
	return 0;
}

void
sandbox_seccomp_free(struct sandbox_filters *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->program); i++)
		free(f->program[i].code);
	memset(f, 0, sizeof(*f));
}

static long
install(const struct sandbox_program *p, unsigned flags)
{
	struct sock_fprog prog = { .len = p->n, .filter = p->code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* Signals wait while the warden looks, where the kernel can (5.19): a call that starts anew is
 * counted anew. */
static long
install_asking(const struct sandbox_program *p)
{
	long fd = install(p, SECCOMP_FILTER_FLAG_NEW_LISTENER |
				     SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);

	if (fd < 0 && errno == EINVAL)
		fd = install(p, SECCOMP_FILTER_FLAG_NEW_LISTENER);
	return fd;
}

/* The list first: the second program then forbids seccomp itself. */
int
sandbox_seccomp_install(const struct sandbox_filter *f, int *listener, struct err *err)
{
	long fd = -1, rc = install(f->list, 0);

	if (rc == 0)
		rc = fd = install_asking(f->asking);
	if (rc < 0 && errno == EBUSY && f->fixed_uname) {
		err_set(err, ERR_SANDBOX,
			"uname cannot be fixed: a filter of the host already has a listener");
		return err_hint(err, "run kiln where nobody else answers its system calls, or "
				     "leave 'uname' out of the recipe");
	}
	if (rc < 0 && errno == EBUSY)
		rc = install(f->blind, 0);
	if (rc < 0) {
		err_sys(err, "installing the seccomp filter");
		err_recode(err, ERR_SANDBOX);
		return err_hint(err, "the kernel needs CONFIG_SECCOMP_FILTER");
	}
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER)
		return err_set(err, ERR_SANDBOX,
			       "the seccomp filter was installed but is not there");
	*listener = (int)fd;
	return 0;
}

static bool
holds(const struct scmp_arg_cmp *cmp, const uint64_t args[6])
{
	uint64_t v = args[cmp->arg];

	switch (cmp->op) {
	case SCMP_CMP_MASKED_EQ:
		return (v & cmp->datum_a) == cmp->datum_b;
	case SCMP_CMP_NE:
		return v != cmp->datum_a;
	case SCMP_CMP_GT:
		return v > cmp->datum_a;
	case _SCMP_CMP_MIN:
	case SCMP_CMP_LT:
	case SCMP_CMP_LE:
	case SCMP_CMP_EQ:
	case SCMP_CMP_GE:
	case _SCMP_CMP_MAX:
	default:
		return true; /* no rule has it; refusing is never wrong */
	}
}

static int
judge_arguments(const char *name, const uint64_t args[6])
{
	for (size_t i = 0; i < ARRAY_LEN(argument_rules); i++) {
		const struct argument_rule *r = &argument_rules[i];
		bool all = strcmp(r->name, name) == 0;

		for (unsigned j = 0; all && j < r->n; j++)
			all = holds(&r->cmp[j], args);
		if (all)
			return r->error;
	}
	if (strcmp(name, "socket") == 0 && !is_open_family((int)args[0]))
		return EAFNOSUPPORT;
	return 0;
}

static bool
is_watched(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(watch_rules); i++)
		if (strcmp(watch_rules[i].name, name) == 0)
			return true;
	return false;
}

int
sandbox_seccomp_judge(enum sandbox_arch arch, int nr, const uint64_t args[6],
		      char name[SANDBOX_CALL_MAX])
{
	char *known = seccomp_syscall_resolve_num_arch(archs[arch].token, nr);
	int error;

	(void)snprintf(name, SANDBOX_CALL_MAX, "%s", known ? known : "?");
	free(known);
	if (is_watched(name) || strcmp(name, uname_rule.name) == 0)
		return 0;
	error = judge_arguments(name, args);
	/* Nothing else asks but what is denied by name. */
	return error ? error : EPERM;
}
