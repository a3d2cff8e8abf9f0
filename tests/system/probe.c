/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack probe: each argument is one forbidden act; prints "act: errno's name", "act: ok"
 * when it went through. It refuses to run unless it is in a chamber: as root on a host some of
 * these would do what they say.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHAMBER_UID 1000
#define MAX_FORKS   100000

extern char **environ;

static int
result(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
try_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	if (fd >= 0)
		close(fd);
	return result(fd);
}

static int
try_inet(const char *address, int port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, type, 0);
	char byte = 'x';

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
		return errno ? errno : EINVAL;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return errno;
	/* A datagram's refusal comes back with the second call. */
	if (type == SOCK_DGRAM)
		return send(fd, &byte, 1, 0) < 0 || recv(fd, &byte, 1, 0) < 0 ? errno : 0;
	return 0;
}

static int
number(const char *name)
{
	const char *s = getenv(name);

	return s ? atoi(s) : 0;
}

static int
tcp_host(void)
{
	return try_inet("127.0.0.1", number("PROBE_PORT"), SOCK_STREAM);
}

static int
tcp_outside(void)
{
	return try_inet("192.0.2.1", 80, SOCK_STREAM);
}

static int
tcp6_outside(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	inet_pton(AF_INET6, "2001:db8::1", &to.sin6_addr);
	return fd < 0 ? errno : result(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}

static int
dns_local(void)
{
	return try_inet("127.0.0.1", 53, SOCK_DGRAM);
}

static int
dns_outside(void)
{
	return try_inet("192.0.2.53", 53, SOCK_DGRAM);
}

static int
loopback(void)
{
	struct sockaddr_in me = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(me);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&me, n) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&me, &n) < 0)
		return errno;
	return result(connect(client, (struct sockaddr *)&me, n));
}

static int
abstract_host(void)
{
	const char *name = getenv("PROBE_ABSTRACT");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t n = name ? strlen(name) : 0;

	if (fd < 0 || n == 0 || n + 2 > sizeof(to.sun_path))
		return EINVAL;
	memcpy(to.sun_path + 1, name, n);
	return result(connect(fd, (struct sockaddr *)&to,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
}

#define SOCKET_ACT(name, family, type, protocol)                                               \
	static int name(void)                                                                  \
	{                                                                                      \
		return try_socket(family, type, protocol);                                     \
	}
SOCKET_ACT(vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET_ACT(packet, AF_PACKET, SOCK_RAW, 0)
SOCKET_ACT(alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET_ACT(xdp, AF_XDP, SOCK_RAW, 0)
SOCKET_ACT(qipcrtr, AF_QIPCRTR, SOCK_DGRAM, 0)
SOCKET_ACT(bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
SOCKET_ACT(netlink_route, AF_NETLINK, SOCK_RAW, 0)
SOCKET_ACT(netlink_audit, AF_NETLINK, SOCK_RAW, 9)
SOCKET_ACT(netlink_uevent, AF_NETLINK, SOCK_RAW, 15)
SOCKET_ACT(raw_icmp, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET_ACT(high_family, AF_MAX + 7, SOCK_STREAM, 0)

static int
socketpair_inet(void)
{
	int pair[2];

	return result(socketpair(AF_INET, SOCK_STREAM, 0, pair));
}

static int
try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_NOCTTY, 0644);

	if (fd >= 0)
		close(fd);
	return result(fd);
}

#define OPEN_ACT(name, path, flags)                                                            \
	static int name(void)                                                                  \
	{                                                                                      \
		return try_open(path, flags);                                                  \
	}
OPEN_ACT(host_hostname, "/etc/hostname", O_RDONLY)
OPEN_ACT(host_shadow, "/etc/shadow", O_RDONLY)
OPEN_ACT(host_machine_id, "/etc/machine-id", O_RDONLY)
OPEN_ACT(host_resolv, "/etc/resolv.conf", O_RDONLY)
OPEN_ACT(host_root, "/root", O_RDONLY)
OPEN_ACT(host_home, "/home", O_RDONLY)
OPEN_ACT(sys, "/sys", O_RDONLY)
OPEN_ACT(proc_sys, "/proc/sys", O_RDONLY)
OPEN_ACT(proc_kcore, "/proc/kcore", O_RDONLY)
OPEN_ACT(proc_cmdline, "/proc/cmdline", O_RDONLY)
OPEN_ACT(proc_meminfo, "/proc/meminfo", O_RDONLY)
OPEN_ACT(proc_keys, "/proc/keys", O_RDONLY)
OPEN_ACT(sysrq, "/proc/sysrq-trigger", O_WRONLY)
OPEN_ACT(dev_kmsg, "/dev/kmsg", O_RDONLY)
OPEN_ACT(dev_mem, "/dev/mem", O_RDONLY)
OPEN_ACT(dev_tty, "/dev/tty", O_RDONLY)
OPEN_ACT(dev_kvm, "/dev/kvm", O_RDONLY)
OPEN_ACT(proc1_mem, "/proc/1/mem", O_RDWR)
OPEN_ACT(proc1_root, "/proc/1/root", O_RDONLY)
OPEN_ACT(proc1_exe, "/proc/1/exe", O_RDONLY)
OPEN_ACT(proc1_environ, "/proc/1/environ", O_RDONLY)
OPEN_ACT(proc1_cwd, "/proc/1/cwd", O_RDONLY)
OPEN_ACT(proc1_fd, "/proc/1/fd", O_RDONLY)
OPEN_ACT(write_root, "/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_usr, "/usr/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_sh, "/usr/bin/sh", O_WRONLY)
OPEN_ACT(write_dev, "/dev/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_steps, "/kiln/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_proc, "/proc/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_build, "/build/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_tmp, "/tmp/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_out, "/out/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_shm, "/dev/shm/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(dev_null, "/dev/null", O_WRONLY)

static int
host_path(void)
{
	const char *path = getenv("PROBE_PATH");

	return path ? try_open(path, O_RDONLY) : EINVAL;
}

/* EEXIST: the host's path shows; ENOENT: it does not. */
static int
mountinfo(void)
{
	static char text[65536];
	const char *path = getenv("PROBE_PATH");
	int fd = open("/proc/self/mountinfo", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0 || !path)
		return EINVAL;
	text[n] = '\0';
	return strstr(text, path) ? EEXIST : ENOENT;
}

static int
unlink_sh(void)
{
	return result(unlink("/usr/bin/sh"));
}

static int
mkdir_root(void)
{
	return result(mkdir("/kiln-probe", 0755));
}

static int
link_lower(void)
{
	return result(link("/usr/bin/busybox", "/out/hard"));
}

static int
do_mount(void)
{
	return result(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int
do_umount(void)
{
	return result(umount2("/proc", MNT_DETACH));
}

static int
do_remount(void)
{
	return result(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL));
}

#define UNSHARE_ACT(name, flag)                                                                \
	static int name(void)                                                                  \
	{                                                                                      \
		return result(unshare(flag));                                                  \
	}
UNSHARE_ACT(unshare_user, CLONE_NEWUSER)
UNSHARE_ACT(unshare_net, CLONE_NEWNET)
UNSHARE_ACT(unshare_mnt, CLONE_NEWNS)

/* The raw calls, by number: what libc would do first does not matter. */
#define CALL_ACT(name, ...)                                                                    \
	static int name(void)                                                                  \
	{                                                                                      \
		return result(syscall(__VA_ARGS__));                                           \
	}
CALL_ACT(do_setns, SYS_setns, 0, 0)
CALL_ACT(do_chroot, SYS_chroot, "/tmp")
CALL_ACT(do_pivot, SYS_pivot_root, ".", ".")
CALL_ACT(clone_user, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(clone_net_high, SYS_clone, 0x100000000UL | CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0)
CALL_ACT(do_clone3, SYS_clone3, "", 64)
CALL_ACT(do_fsopen, SYS_fsopen, "tmpfs", 0)
CALL_ACT(do_open_tree, SYS_open_tree, AT_FDCWD, "/", 1)
CALL_ACT(do_bpf, SYS_bpf, 0, NULL, 0)
CALL_ACT(do_keyctl, SYS_keyctl, 0, 0)
CALL_ACT(do_add_key, SYS_add_key, "user", "k", "v", 1, 0)
CALL_ACT(do_request_key, SYS_request_key, "user", "k", NULL, 0)
CALL_ACT(do_perf, SYS_perf_event_open, NULL, 0, -1, -1, 0)
CALL_ACT(do_userfaultfd, SYS_userfaultfd, 1)
CALL_ACT(do_io_uring, SYS_io_uring_setup, 1, NULL)
CALL_ACT(do_memfd_secret, SYS_memfd_secret, 0)
CALL_ACT(do_landlock, SYS_landlock_create_ruleset, NULL, 0, 1)
CALL_ACT(do_seccomp, SYS_seccomp, 2, 0, NULL)
CALL_ACT(do_fanotify, SYS_fanotify_init, 0, 0)
CALL_ACT(do_handle, SYS_open_by_handle_at, AT_FDCWD, NULL, 0)
CALL_ACT(do_syslog, SYS_syslog, 3, NULL, 0)
CALL_ACT(do_settime, SYS_clock_settime, 0, NULL)
CALL_ACT(do_module, SYS_init_module, NULL, 0, "")
CALL_ACT(do_kexec, SYS_kexec_load, 0, 0, NULL, 0)
CALL_ACT(do_quotactl, SYS_quotactl, 0, NULL, 0, NULL)
CALL_ACT(do_swapon, SYS_swapon, "/tmp/x", 0)
CALL_ACT(do_reboot, SYS_reboot, 0, 0, 0, NULL)
CALL_ACT(do_acct, SYS_acct, NULL)
CALL_ACT(do_sethostname, SYS_sethostname, "x", 1)
CALL_ACT(do_personality, SYS_personality, 0)
CALL_ACT(ask_personality, SYS_personality, 0xffffffffUL)
CALL_ACT(do_vm_write, SYS_process_vm_writev, 1, NULL, 0, NULL, 0, 0)
CALL_ACT(do_kcmp, SYS_kcmp, 1, 1, 0, 0, 0)
CALL_ACT(do_pidfd_getfd, SYS_pidfd_getfd, 0, 0, 0)
CALL_ACT(newer_call, 600)
CALL_ACT(tiocsti_high, SYS_ioctl, 0, 0xdeadbeef00000000UL | TIOCSTI, "x")
CALL_ACT(fchmodat2, 452, AT_FDCWD, "/build/setid", 04755, 0)
#ifdef __x86_64__
CALL_ACT(do_iopl, SYS_iopl, 3)
CALL_ACT(x32, 0x40000000UL | SYS_getpid)

static int
int80(void)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory"); /* getpid of i386 */
	return rc < 0 ? (int)-rc : 0;
}
#endif

static int
tiocsti(void)
{
	return result(ioctl(0, TIOCSTI, "x"));
}

static int
tioclinux(void)
{
	return result(ioctl(0, TIOCLINUX, "\003"));
}

static int
ptrace_1(void)
{
	return result(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
}

static int
kill_1(void)
{
	(void)kill(1, SIGKILL);
	(void)kill(1, SIGSTOP);
	usleep(100000);
	return result(kill(1, 0));
}

static int
kill_host(void)
{
	return result(kill(number("PROBE_PID"), 0));
}

static int
try_mknod(mode_t kind, unsigned long device)
{
	int rc;

	(void)unlink("/build/node");
	rc = result(mknod("/build/node", kind | 0666, device));
	(void)unlink("/build/node");
	return rc;
}

static int
mknod_char(void)
{
	return try_mknod(S_IFCHR, 0x103);
}

static int
mknod_block(void)
{
	return try_mknod(S_IFBLK, 0x800);
}

static int
mknod_whiteout(void)
{
	return try_mknod(S_IFCHR, 0);
}

static int
setid_file(void)
{
	return open("/build/setid", O_CREAT | O_RDWR, 0755);
}

static int
chmod_setuid(void)
{
	close(setid_file());
	return result(chmod("/build/setid", 04755));
}

static int
chmod_setgid(void)
{
	close(setid_file());
	return result(chmod("/build/setid", 02755));
}

static int
chmod_both(void)
{
	close(setid_file());
	return result(chmod("/build/setid", 06755));
}

static int
chmod_plain(void)
{
	close(setid_file());
	return result(chmod("/build/setid", 01755));
}

static int
fchmod_setuid(void)
{
	int fd = setid_file();
	int rc = result(fchmod(fd, 04755));

	close(fd);
	return rc;
}

static int
fchmodat_setuid(void)
{
	close(setid_file());
	return result(syscall(SYS_fchmodat, AT_FDCWD, "/build/setid", 04755));
}

static int
chown_root(void)
{
	close(setid_file());
	return result(chown("/build/setid", 0, 0));
}

static int
setuid_root(void)
{
	return result(setuid(0));
}

static int
do_setgroups(void)
{
	gid_t g = 0;

	return result(syscall(SYS_setgroups, 1, &g));
}

static int
xattr_caps(void)
{
	close(setid_file());
	return result(setxattr("/build/setid", "security.capability",
			       "\1\0\0\2\377\377\377\377\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0));
}

static int
xattr_trusted(void)
{
	close(setid_file());
	return result(setxattr("/build/setid", "trusted.x", "1", 1, 0));
}

static int
affinity(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return result(sched_setaffinity(0, sizeof(all), &all));
}

static int
huge_file(void)
{
	int fd = open("/build/huge", O_CREAT | O_RDWR, 0644);
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	rc = result(ftruncate(fd, (off_t)1 << 62));
	close(fd);
	(void)unlink("/build/huge");
	return rc;
}

static int
raise_limit(void)
{
	struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };

	return result(setrlimit(RLIMIT_NPROC, &l));
}

static int
core_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_CORE, &l) < 0)
		return errno;
	return l.rlim_cur == 1 && l.rlim_max == 1 ? 0 : ERANGE;
}

static int
renice(void)
{
	return result(setpriority(PRIO_PROCESS, 0, -20));
}

static int
realtime(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return result(sched_setscheduler(0, SCHED_FIFO, &p));
}

static int
oom_lower(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	return fd < 0 ? errno : result(write(fd, "-1000", 5));
}

/* Forks sleepers until it may not, says how many, ends them. */
static int
fork_bomb(void)
{
	int n = 0, rc = 0;

	setpgid(0, 0);
	for (; n < MAX_FORKS; n++) {
		pid_t pid = fork();

		if (pid < 0) {
			rc = errno;
			break;
		}
		if (pid == 0) {
			pause();
			_exit(0);
		}
	}
	printf("forks: %d\n", n);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return rc;
}

static int
memory_bomb(void)
{
	for (;;) {
		char *p = malloc(1 << 20);

		if (!p)
			return ENOMEM;
		memset(p, 1, 1 << 20);
		usleep(500);
	}
}

static int
daemonize(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			int fd = open("/out/daemon", O_CREAT | O_WRONLY, 0644);

			close(0);
			close(1);
			close(2);
			usleep(500000);
			for (;;)
				if (write(fd, "alive\n", 6) < 0 || usleep(10000) < 0)
					_exit(1);
		}
		_exit(0);
	}
	wait(NULL);
	return 0;
}

/* Held for a while, so that another chamber would meet it. */
static int
lock_shared(void)
{
	static const char *const files[] = { "/usr/bin/busybox", "/etc/passwd" };

	for (size_t i = 0; i < 2; i++)
		if (flock(open(files[i], O_RDONLY), LOCK_EX | LOCK_NB) < 0)
			return errno;
	sleep(2);
	return 0;
}

/* A socket file where the output is. */
static int
bind_out(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/out/sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return result(bind(fd, (struct sockaddr *)&un, sizeof(un)));
}

/* Set-id by the mode of open, which no filter on chmod sees. */
static int
setid_out(void)
{
	return result(open("/out/setid", O_CREAT | O_WRONLY, 04755));
}

/* What pid 1 tells of the command line outside. */
static int
cmdline_1(void)
{
	char text[4096] = "";
	int fd = open("/proc/1/cmdline", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	printf("pid 1: %s\n", text);
	for (ssize_t i = 0; i + 1 < n; i++)
		if (text[i] == '\0' && text[i + 1] != '\0')
			return EEXIST;
	return n < 0 ? errno : 0;
}

static int
crash(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		abort();
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && !WCOREDUMP(status) ? 0 : EEXIST;
}

static int
fds(void)
{
	printf("open:");
	for (int fd = 0; fd < 65536; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
	return 0;
}

static int
env(void)
{
	for (char **e = environ; *e; e++)
		printf("env: %s\n", *e);
	return 0;
}

static int
who(void)
{
	struct utsname u;
	char domain[100] = "";
	cpu_set_t cpus;
	char cwd[4096];

	uname(&u);
	if (getdomainname(domain, sizeof(domain)) < 0 || !getcwd(cwd, sizeof(cwd)))
		return errno;
	sched_getaffinity(0, sizeof(cpus), &cpus);
	printf("uid %d gid %d groups %d host %s domain %s cwd %s cpus %d umask %03o\n",
	       getuid(), getgid(), getgroups(0, NULL), u.nodename, domain, cwd,
	       CPU_COUNT(&cpus), (unsigned)umask(022));
	printf("personality %d\n", personality(0xffffffff));
	return 0;
}

static const struct act {
	const char *name;
	int (*run)(void);
} acts[] = {
/* clang-format off */
#define ACT(f) { #f, f }
	ACT(tcp_host), ACT(tcp_outside), ACT(tcp6_outside), ACT(dns_local), ACT(dns_outside),
	ACT(loopback), ACT(abstract_host), ACT(vsock), ACT(packet), ACT(alg), ACT(xdp),
	ACT(qipcrtr), ACT(bluetooth), ACT(netlink_route), ACT(netlink_audit), ACT(netlink_uevent),
	ACT(raw_icmp), ACT(high_family), ACT(socketpair_inet), ACT(host_hostname),
	ACT(host_shadow), ACT(host_machine_id), ACT(host_resolv), ACT(host_root), ACT(host_home),
	ACT(host_path), ACT(mountinfo), ACT(sys), ACT(proc_sys), ACT(proc_kcore),
	ACT(proc_cmdline), ACT(proc_meminfo), ACT(proc_keys), ACT(sysrq), ACT(dev_kmsg),
	ACT(dev_mem), ACT(dev_tty), ACT(dev_kvm), ACT(dev_null), ACT(proc1_mem), ACT(proc1_root),
	ACT(proc1_exe), ACT(proc1_environ), ACT(proc1_cwd), ACT(proc1_fd), ACT(write_root),
	ACT(write_usr), ACT(write_sh), ACT(write_dev), ACT(write_steps), ACT(write_proc),
	ACT(write_build), ACT(write_tmp), ACT(write_out), ACT(write_shm), ACT(unlink_sh),
	ACT(mkdir_root), ACT(link_lower), ACT(do_mount), ACT(do_umount), ACT(do_remount),
	ACT(unshare_user), ACT(unshare_net), ACT(unshare_mnt), ACT(do_setns), ACT(do_chroot),
	ACT(do_pivot), ACT(clone_user), ACT(clone_net_high), ACT(do_clone3), ACT(do_fsopen),
	ACT(do_open_tree), ACT(do_bpf), ACT(do_keyctl), ACT(do_add_key), ACT(do_request_key),
	ACT(do_perf), ACT(do_userfaultfd), ACT(do_io_uring), ACT(do_memfd_secret),
	ACT(do_landlock), ACT(do_seccomp), ACT(do_fanotify), ACT(do_handle), ACT(do_syslog),
	ACT(do_settime), ACT(do_module), ACT(do_kexec), ACT(do_quotactl), ACT(do_swapon),
	ACT(do_reboot), ACT(do_acct), ACT(do_sethostname), ACT(do_personality),
	ACT(ask_personality), ACT(do_vm_write), ACT(do_kcmp), ACT(do_pidfd_getfd),
	ACT(newer_call), ACT(tiocsti), ACT(tiocsti_high), ACT(tioclinux), ACT(fchmodat2),
#ifdef __x86_64__
	ACT(do_iopl), ACT(x32), ACT(int80),
#endif
	ACT(ptrace_1), ACT(kill_1), ACT(kill_host), ACT(mknod_char), ACT(mknod_block),
	ACT(mknod_whiteout), ACT(chmod_setuid), ACT(chmod_setgid), ACT(chmod_both),
	ACT(chmod_plain), ACT(fchmod_setuid), ACT(fchmodat_setuid), ACT(chown_root),
	ACT(setuid_root), ACT(do_setgroups), ACT(xattr_caps), ACT(xattr_trusted), ACT(affinity),
	ACT(huge_file), ACT(raise_limit), ACT(core_limit), ACT(renice), ACT(realtime),
	ACT(oom_lower), ACT(fork_bomb), ACT(memory_bomb), ACT(daemonize), ACT(crash), ACT(bind_out), ACT(lock_shared), ACT(setid_out), ACT(cmdline_1), ACT(fds),
	ACT(env), ACT(who),
#undef ACT
	/* clang-format on */
};

static int
in_chamber(void)
{
	struct utsname u;
	const char *marker = getenv("KILN_PROBE");

	return getuid() == CHAMBER_UID && uname(&u) == 0 && strcmp(u.nodename, "kiln") == 0 &&
	       marker && strcmp(marker, "1") == 0;
}

static int
run_act(const char *name)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		const char *word;
		int rc;

		if (strcmp(acts[i].name, name) != 0)
			continue;
		errno = 0;
		rc = acts[i].run();
		word = rc ? strerrorname_np(rc) : "ok";
		printf("%s: %s\n", name, word ? word : "?");
		fflush(stdout);
		return 0;
	}
	fprintf(stderr, "probe: no act is named %s\n", name);
	return 2;
}

int
main(int argc, char **argv)
{
	if (!in_chamber()) {
		fprintf(stderr, "probe: this is not a chamber; refusing to attack it\n");
		return 3;
	}
	for (int i = 1; i < argc; i++)
		if (run_act(argv[i]) != 0)
			return 2;
	return 0;
}
