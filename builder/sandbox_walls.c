/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walls that belong to a process and pass to its children: raised once, by pid 1, round
 * itself; those that need to know nothing of the run before there is one. The order matters:
 * what needs capabilities comes before they go, seccomp is last.
 * Each wall is reported by the function that raised it, after it has been looked at.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Headers of the build host may be older than its kernel. */
#define RULE_PATH_BENEATH   1
#define FS_WRITE_FILE       (1ULL << 1)
#define FS_REMOVE_TO_SYM    (0x1ffULL << 4) /* remove dir and file, make anything */
#define FS_REFER            (1ULL << 13)    /* abi 2 */
#define FS_TRUNCATE         (1ULL << 14)    /* abi 3 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)     /* abi 6 */
#define SCOPE_SIGNAL        (1ULL << 1)
#define LANDLOCK_ABI_REFER  2
#define LANDLOCK_ABI_TRUNC  3
#define LANDLOCK_ABI_SCOPE  6

#define NOFILE_LIMIT   4096
#define STACK_SOFT     ((rlim_t)8 * 1024 * 1024)
#define STACK_HARD     ((rlim_t)64 * 1024 * 1024) /* compilers raise it to this */
#define MEMLOCK_LIMIT  ((rlim_t)64 * 1024)
#define MSGQUEUE_LIMIT ((rlim_t)819200)

struct landlock_ruleset {
	uint64_t handled_fs, handled_net, scoped;
};
struct landlock_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static int
refuse(struct err *err, const char *what)
{
	err_sys(err, "%s", what);
	return err_recode(err, ERR_SANDBOX);
}

static int
set_limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard, struct err *err)
{
	struct rlimit old, now;

	if (getrlimit(what, &old) < 0)
		return refuse(err, "reading a resource limit");
	now.rlim_max = KILN_MIN(hard, old.rlim_max);
	now.rlim_cur = KILN_MIN(soft, now.rlim_max);
	if (setrlimit(what, &now) < 0)
		return refuse(err, "setting a resource limit");
	return 0;
}

static int
raise_rlimits(const struct sandbox_walls *w, struct err *err)
{
	const struct sandbox_limits *l = w->limits;
	char detail[88];

	/* core 1: the kernel's word for "not even to a piped handler", which runs on the host.
	 */
	if (set_limit(RLIMIT_CORE, 1, 1, err) < 0 ||
	    set_limit(RLIMIT_NPROC, l->processes, l->processes, err) < 0 ||
	    set_limit(RLIMIT_FSIZE, l->disk_bytes, l->disk_bytes, err) < 0 ||
	    set_limit(RLIMIT_NOFILE, NOFILE_LIMIT, NOFILE_LIMIT, err) < 0 ||
	    set_limit(RLIMIT_STACK, STACK_SOFT, STACK_HARD, err) < 0 ||
	    set_limit(RLIMIT_MEMLOCK, MEMLOCK_LIMIT, MEMLOCK_LIMIT, err) < 0 ||
	    set_limit(RLIMIT_MSGQUEUE, MSGQUEUE_LIMIT, MSGQUEUE_LIMIT, err) < 0 ||
	    set_limit(RLIMIT_RTPRIO, 0, 0, err) < 0 || set_limit(RLIMIT_NICE, 0, 0, err) < 0)
		return -1;
	(void)snprintf(detail, sizeof(detail), "processes %u, file size %llu, no core",
		       l->processes, (unsigned long long)l->disk_bytes);
	return w->report(w->arg, "rlimits", detail, true, err);
}

/* Narrowing only: seccomp then forbids widening. */
static int
raise_cpus(const struct sandbox_walls *w, struct err *err)
{
	char detail[32];

	if (sched_setaffinity(0, sizeof(*w->cpus), w->cpus) < 0)
		return refuse(err, "choosing the CPUs");
	(void)snprintf(detail, sizeof(detail), "%d", CPU_COUNT(w->cpus));
	return w->report(w->arg, "cpus", detail, false, err);
}

static int
raise_fixed(const struct sandbox_walls *w, struct err *err)
{
	if (personality(ADDR_NO_RANDOMIZE) < 0)
		return refuse(err, "fixing addresses");
	/* No keys of the user who called. A kernel without keyrings has none to hide. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return refuse(err, "leaving the session keyring");
	return w->report(w->arg, "fixed addresses", "ADDR_NO_RANDOMIZE", false, err);
}

static int
drop_bounds(struct err *err)
{
	unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
			     SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return refuse(err, "dropping a capability from the bounding set");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return refuse(err, "clearing ambient capabilities");
	if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0)
		return refuse(err, "locking the securebits");
	return 0;
}

static int
raise_no_new_privs(const struct sandbox_walls *w, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return refuse(err, "setting no_new_privs");
	return w->report(w->arg, "no_new_privs", "set", true, err);
}

static int
allow_beneath(int ruleset, const char *path, uint64_t rights, struct err *err)
{
	CLEANUP(fd_close) int dir = -1;
	struct landlock_beneath rule = { .allowed = rights };

	if (fd_open(path, O_PATH | O_DIRECTORY, &dir, err) < 0)
		return -1;
	rule.parent = dir;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
		return refuse(err, "adding a Landlock rule");
	return 0;
}

/* Strengthening: where the kernel has it. Reading stays free: all there is to read is ours. */
static int
raise_landlock(const struct sandbox_walls *w, struct err *err)
{
	static const char *const writable[] = { "/build", "/tmp", "/out", "/dev/shm" };
	struct landlock_ruleset set = { .handled_fs =
						FS_WRITE_FILE | FS_REMOVE_TO_SYM | FS_REFER };
	CLEANUP(fd_close) int fd = -1;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	char detail[32];

	if (abi <
	    LANDLOCK_ABI_REFER) /* the first version forbids every rename across directories */
		return 0;
	if (abi >= LANDLOCK_ABI_TRUNC)
		set.handled_fs |= FS_TRUNCATE;
	if (abi >= LANDLOCK_ABI_SCOPE)
		set.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &set,
			  abi >= LANDLOCK_ABI_SCOPE ? sizeof(set) : sizeof(uint64_t), 0);
	if (fd < 0)
		return refuse(err, "making a Landlock ruleset");
	for (size_t i = 0; i < ARRAY_LEN(writable); i++)
		if (allow_beneath(fd, writable[i], set.handled_fs, err) < 0)
			return -1;
	if (allow_beneath(fd, "/dev", FS_WRITE_FILE | (set.handled_fs & FS_TRUNCATE), err) <
		    0 ||
	    allow_beneath(fd, "/proc", FS_WRITE_FILE, err) < 0)
		return -1;
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return refuse(err, "raising Landlock");
	(void)snprintf(detail, sizeof(detail), "abi %ld", abi);
	return w->report(w->arg, "landlock", detail, false, err);
}

static int
raise_capabilities(const struct sandbox_walls *w, struct err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 }, now[2] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0 || syscall(SYS_capget, &header, now) < 0)
		return refuse(err, "dropping capabilities");
	if (memcmp(none, now, sizeof(none)) != 0)
		return err_set(err, ERR_SANDBOX,
			       "capabilities were dropped but are still there");
	return w->report(w->arg, "capabilities", "none; bounding set empty, securebits locked",
			 true, err);
}

static int
raise_seccomp(const struct sandbox_walls *w, struct err *err)
{
	char detail[DIGEST_HEX + 16], hex[DIGEST_HEX];

	digest_hex(&w->filter->digest, hex);
	(void)snprintf(detail, sizeof(detail), "sha256 %s", hex);
	if (sandbox_seccomp_install(w->filter, w->listener, err) < 0)
		return -1;
	return w->report(w->arg, "seccomp", detail, true, err);
}

int
sandbox_walls_begin(const struct sandbox_walls *w, struct err *err)
{
	if (raise_fixed(w, err) < 0 || drop_bounds(err) < 0)
		return -1;
	return raise_no_new_privs(w, err);
}

/* The new namespace gives back capabilities and what bounds them, within itself: they are
 * dropped once more. /proc/self is root's unless one may be dumped; nobody else is here yet. */
int
sandbox_walls_vary(const struct sandbox_walls *w, struct err *err)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return refuse(err, "becoming another user");
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return refuse(err, "becoming another user");
	if (sandbox_ids_map(SANDBOX_OTHER_UID, SANDBOX_UID, SANDBOX_UID, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || personality(0) < 0)
		return refuse(err, "becoming another user");
	if (getuid() != SANDBOX_OTHER_UID || getgid() != SANDBOX_OTHER_UID)
		return err_set(err, ERR_SANDBOX, "the chamber's user is still the same");
	if (drop_bounds(err) < 0)
		return -1;
	return w->report(w->arg, "varied", "user 2000, addresses not fixed", false, err);
}

int
sandbox_walls_raise(const struct sandbox_walls *w, struct err *err)
{
	if (raise_rlimits(w, err) < 0 || raise_cpus(w, err) < 0 || raise_landlock(w, err) < 0 ||
	    raise_capabilities(w, err) < 0)
		return -1;
	return raise_seccomp(w, err);
}
