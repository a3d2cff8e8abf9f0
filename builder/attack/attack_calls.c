/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that no build needs. By number: what libc would do first does not matter. */
#include "builder/attack/attack.h"
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Headers may be older than the kernel: these numbers are the same on every architecture. */
#define NR_MOUNT_SETATTR    442
#define NR_QUOTACTL_FD      443
#define NR_LANDLOCK         444
#define NR_LANDLOCK_RULE    445
#define NR_LANDLOCK_SELF    446
#define NR_MEMFD_SECRET     447
#define NR_PROCESS_MRELEASE 448
#define NR_SHADOW_STACK     453
#define NR_STATMOUNT        457
#define NR_LISTMOUNT        458
#define NR_LSM_SET          460
#define NR_MSEAL            462
#define NR_OPEN_TREE_ATTR   467

#define CALL_ACT(name, ...)                                                                    \
	int attack_##name(void)                                                                \
	{                                                                                      \
		return attack_errno(syscall(__VA_ARGS__));                                     \
	}
/* clang-format off */
CALL_ACT(do_mount, SYS_mount, "none", "/tmp", "tmpfs", 0, NULL)
CALL_ACT(do_umount, SYS_umount2, "/proc", MNT_DETACH)
CALL_ACT(do_remount, SYS_mount, NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)
CALL_ACT(do_bind, SYS_mount, "/proc", "/tmp", NULL, MS_BIND, NULL)
CALL_ACT(unshare_user, SYS_unshare, CLONE_NEWUSER)
CALL_ACT(unshare_net, SYS_unshare, CLONE_NEWNET)
CALL_ACT(unshare_mnt, SYS_unshare, CLONE_NEWNS)
CALL_ACT(unshare_pid, SYS_unshare, CLONE_NEWPID)
CALL_ACT(unshare_cgroup, SYS_unshare, CLONE_NEWCGROUP)
CALL_ACT(do_setns, SYS_setns, 0, 0)
CALL_ACT(do_chroot, SYS_chroot, "/tmp")
CALL_ACT(do_pivot, SYS_pivot_root, ".", ".")
CALL_ACT(clone_user, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_mnt, SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_pid, SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_ipc, SYS_clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_uts, SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_cgroup, SYS_clone, CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_net_high, SYS_clone, 0x100000000UL | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(do_clone3, SYS_clone3, "", 64)
CALL_ACT(do_fsopen, SYS_fsopen, "tmpfs", 0)
CALL_ACT(do_fsmount, SYS_fsmount, -1, 0, 0)
CALL_ACT(do_fsconfig, SYS_fsconfig, -1, 0, NULL, NULL, 0)
CALL_ACT(do_fspick, SYS_fspick, AT_FDCWD, "/", 0)
CALL_ACT(do_move_mount, SYS_move_mount, AT_FDCWD, "/proc", AT_FDCWD, "/tmp", 0)
CALL_ACT(do_open_tree, SYS_open_tree, AT_FDCWD, "/", 1)
CALL_ACT(do_open_tree_attr, NR_OPEN_TREE_ATTR, AT_FDCWD, "/", 1, NULL, 0)
CALL_ACT(do_mount_setattr, NR_MOUNT_SETATTR, AT_FDCWD, "/", 0, NULL, 0)
CALL_ACT(do_statmount, NR_STATMOUNT, NULL, NULL, 0, 0)
CALL_ACT(do_listmount, NR_LISTMOUNT, NULL, NULL, 0, 0)
CALL_ACT(do_bpf, SYS_bpf, 0, NULL, 0)
CALL_ACT(do_keyctl, SYS_keyctl, 0, -3, 0)
CALL_ACT(do_add_key, SYS_add_key, "user", "k", "v", 1, -3)
CALL_ACT(do_request_key, SYS_request_key, "user", "kiln-beacon", NULL, 0)
CALL_ACT(do_perf, SYS_perf_event_open, NULL, 0, -1, -1, 0)
CALL_ACT(do_userfaultfd, SYS_userfaultfd, 1)
CALL_ACT(do_io_uring, SYS_io_uring_setup, 1, NULL)
CALL_ACT(do_io_uring_enter, SYS_io_uring_enter, -1, 1, 0, 0, NULL, 0)
CALL_ACT(do_io_uring_register, SYS_io_uring_register, -1, 0, NULL, 0)
CALL_ACT(do_memfd_secret, NR_MEMFD_SECRET, 0)
CALL_ACT(do_landlock, NR_LANDLOCK, NULL, 0, 1)
CALL_ACT(do_landlock_rule, NR_LANDLOCK_RULE, -1, 0, NULL, 0)
CALL_ACT(do_landlock_self, NR_LANDLOCK_SELF, -1, 0)
CALL_ACT(do_seccomp, SYS_seccomp, 2, 0, NULL)
CALL_ACT(do_fanotify, SYS_fanotify_init, 0, 0)
CALL_ACT(do_handle, SYS_open_by_handle_at, AT_FDCWD, NULL, 0)
CALL_ACT(do_name_handle, SYS_name_to_handle_at, AT_FDCWD, "/", NULL, NULL, 0)
CALL_ACT(do_syslog, SYS_syslog, 3, NULL, 0)
CALL_ACT(do_settime, SYS_clock_settime, 0, NULL)
CALL_ACT(do_settimeofday, SYS_settimeofday, NULL, NULL)
CALL_ACT(do_adjtime, SYS_adjtimex, NULL)
CALL_ACT(do_clock_adjtime, SYS_clock_adjtime, 0, NULL)
CALL_ACT(do_module, SYS_init_module, NULL, 0, "")
CALL_ACT(do_module_file, SYS_finit_module, -1, "", 0)
CALL_ACT(do_module_out, SYS_delete_module, NULL, 0)
CALL_ACT(do_kexec, SYS_kexec_load, 0, 0, NULL, 0)
CALL_ACT(do_quotactl, SYS_quotactl, 0, NULL, 0, NULL)
CALL_ACT(do_quotactl_fd, NR_QUOTACTL_FD, -1, 0, 0, NULL)
CALL_ACT(do_swapon, SYS_swapon, "/tmp/x", 0)
CALL_ACT(do_swapoff, SYS_swapoff, "/tmp/x")
CALL_ACT(do_reboot, SYS_reboot, 0, 0, 0, NULL)
CALL_ACT(do_acct, SYS_acct, NULL)
CALL_ACT(do_vhangup, SYS_vhangup)
CALL_ACT(do_sethostname, SYS_sethostname, "x", 1)
CALL_ACT(do_setdomainname, SYS_setdomainname, "x", 1)
CALL_ACT(do_personality, SYS_personality, 0)
CALL_ACT(linux32, SYS_personality, PER_LINUX32)
CALL_ACT(ask_personality, SYS_personality, 0xffffffffUL)
CALL_ACT(do_vm_write, SYS_process_vm_writev, 1, NULL, 0, NULL, 0, 0)
CALL_ACT(do_move_pages, SYS_move_pages, 1, 0, NULL, NULL, NULL, 0)
CALL_ACT(do_kcmp, SYS_kcmp, 1, 1, 0, 0, 0)
CALL_ACT(do_pidfd_getfd, SYS_pidfd_getfd, 0, 0, 0)
CALL_ACT(do_madvise_other, SYS_process_madvise, -1, NULL, 0, 0, 0)
CALL_ACT(do_mrelease, NR_PROCESS_MRELEASE, -1, 0)
CALL_ACT(do_shadow_stack, NR_SHADOW_STACK, 0, 4096, 0)
CALL_ACT(do_lsm_set, NR_LSM_SET, 0, NULL, 0, 0)
CALL_ACT(do_mseal, NR_MSEAL, 0, 4096, 0)
CALL_ACT(newer_call, 600)
CALL_ACT(no_call, -1L & 0x7fffffff)
CALL_ACT(tiocsti, SYS_ioctl, 0, TIOCSTI, "x")
CALL_ACT(tiocsti_high, SYS_ioctl, 0, 0xdeadbeef00000000UL | TIOCSTI, "x")
CALL_ACT(tioclinux, SYS_ioctl, 0, TIOCLINUX, "\003")
CALL_ACT(tioclinux_high, SYS_ioctl, 0, 0xdeadbeef00000000UL | TIOCLINUX, "\003")
CALL_ACT(set_mm, SYS_prctl, PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0)
#ifdef __x86_64__
CALL_ACT(do_iopl, SYS_iopl, 3)
CALL_ACT(do_ioperm, SYS_ioperm, 0x80, 1, 1)
CALL_ACT(do_kexec_file, SYS_kexec_file_load, -1, -1, 0, "", 0)
CALL_ACT(do_old_module, 174, "x", 0)
CALL_ACT(do_uselib, 134, "/x")
CALL_ACT(do_modify_ldt, 154, 0, NULL, 0)
CALL_ACT(x32, 0x40000000UL | SYS_getpid)
CALL_ACT(x32_mount, 0x40000000UL | SYS_mount, NULL, NULL, NULL, 0, NULL)

static int
by_int80(long number)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(number) : "memory");
	return rc < 0 ? (int)-rc : 0;
}

int
attack_int80(void)
{
	return by_int80(20); /* getpid of i386 */
}

int
attack_int80_keyctl(void)
{
	return by_int80(288);
}
#endif
/* clang-format on */

/* The way from a namespace to its parent. */
int
attack_parent_namespace(void)
{
	int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : attack_errno(ioctl(fd, NS_GET_PARENT));
}

int
attack_parent_pids(void)
{
	int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : attack_errno(ioctl(fd, NS_GET_PARENT));
}

int
attack_do_vm_read(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x1000, 1 };

	return attack_errno(process_vm_readv(1, &here, 1, &there, 1, 0));
}

int
attack_ptrace_1(void)
{
	return attack_errno(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

int
attack_ptrace_seize_1(void)
{
	return attack_errno(ptrace(PTRACE_SEIZE, 1, NULL, NULL));
}
