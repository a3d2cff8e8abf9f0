/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock for processes of ours: the way to all files is closed but for a few gates. */
#include "base/fd.h"
#include "base/proc.h"
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* By their numbers: the headers of the build machine may be older than its users' kernels. */
#define FENCE_FS_FIRST   0x1fffULL /* all rights of version 1 */
#define FENCE_REFER      (1ULL << 13)
#define FENCE_TRUNCATE   (1ULL << 14)
#define FENCE_IOCTL_DEV  (1ULL << 15)
#define FENCE_NET        3ULL /* binding and connecting of TCP */
#define FENCE_SCOPE      3ULL /* abstract sockets of others, signals to others */
#define FENCE_ABI_REFER  2
#define FENCE_ABI_TRUNC  3
#define FENCE_ABI_NET    4
#define FENCE_ABI_IOCTL  5
#define FENCE_ABI_SCOPE  6
#define FENCE_RUN        (1ULL << 0)
#define FENCE_WRITE_FILE (1ULL << 1)
#define FENCE_READ_FILE  (1ULL << 2)
#define FENCE_READ_DIR   (1ULL << 3)
/* What means something for a file that is no directory. */
#define FENCE_OF_FILES                                                                         \
	(FENCE_RUN | FENCE_WRITE_FILE | FENCE_READ_FILE | FENCE_TRUNCATE | FENCE_IOCTL_DEV)

struct ruleset { /* landlock_ruleset_attr of version 6; older kernels take its beginning */
	uint64_t fs, net, scoped;
};

int
proc_fence_version(void)
{
	long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static struct ruleset
all_of(int abi, unsigned how)
{
	struct ruleset r = { .fs = FENCE_FS_FIRST };

	if (abi >= FENCE_ABI_REFER)
		r.fs |= FENCE_REFER;
	if (abi >= FENCE_ABI_TRUNC)
		r.fs |= FENCE_TRUNCATE;
	if (abi >= FENCE_ABI_IOCTL)
		r.fs |= FENCE_IOCTL_DEV;
	if (abi >= FENCE_ABI_NET && !(how & PROC_FENCE_NETWORK))
		r.net = FENCE_NET;
	if (abi >= FENCE_ABI_SCOPE && !(how & PROC_FENCE_SIGNALS))
		r.scoped = FENCE_SCOPE;
	return r;
}

static size_t
size_of(int abi)
{
	if (abi >= FENCE_ABI_SCOPE)
		return sizeof(struct ruleset);
	return abi >= FENCE_ABI_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

static int
open_gate(int rules, const struct proc_gate *g, const struct ruleset *all, struct err *err)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = g->fd };
	struct stat st;

	if (fstat(g->fd, &st) < 0)
		return err_sys(err, "a gate of the fence");
	if (g->rights & PROC_GATE_READ)
		rule.allowed_access |= FENCE_READ_FILE | FENCE_READ_DIR;
	if (g->rights & PROC_GATE_RUN)
		rule.allowed_access |= FENCE_RUN;
	if (g->rights & PROC_GATE_WRITE)
		rule.allowed_access |= all->fs & ~(FENCE_RUN | FENCE_READ_FILE |
						   FENCE_READ_DIR | FENCE_IOCTL_DEV);
	rule.allowed_access &= all->fs;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FENCE_OF_FILES;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(err, "a gate of the fence");
	return 0;
}

int
proc_fence(const struct proc_gate *gates, size_t n, unsigned how, struct err *err)
{
	int abi = proc_fence_version();
	CLEANUP(fd_close) int rules = -1;
	struct ruleset all = all_of(abi, how);

	if (abi < 1)
		return err_set(err, ERR_IO, "this kernel has no Landlock");
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, size_of(abi), 0);
	if (rules < 0)
		return err_sys(err, "making a fence");
	for (size_t i = 0; i < n; i++)
		if (open_gate(rules, &gates[i], &all, err) < 0)
			return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return err_sys(err, "raising a fence");
	return 0;
}

int
proc_fence_if(const struct proc_gate *gates, size_t n, unsigned how, struct err *err)
{
	int abi = proc_fence_version();

	/* Version 1 forbids every rename and link from one directory to another. */
	if (abi < 1 || (n > 0 && abi < FENCE_ABI_REFER))
		return 0;
	return proc_fence(gates, n, how, err);
}
