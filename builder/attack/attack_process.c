/* SPDX-License-Identifier: Apache-2.0 */
/* What a process inside is, may become, may do to others. */
#include "builder/attack/attack.h"
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#define MAX_FD   65536
#define MEGABYTE ((size_t)1024 * 1024)

extern char **environ;

int
attack_kill_1(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		(void)kill(1, sig);
	usleep(50000);
	return attack_errno(kill(1, 0));
}

int
attack_kill_1_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, 1, 0);

	if (fd < 0)
		return errno;
	(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	usleep(20000);
	return attack_errno(kill(1, 0));
}

int
attack_kill_host(void)
{
	return attack_errno(kill(attack_number("PROBE_PID"), 0));
}

int
attack_kill_group(void)
{
	int pid = attack_number("PROBE_PID");

	return pid < 2 ? EINVAL : attack_errno(kill(-pid, 0));
}

int
attack_pidfd_host(void)
{
	return attack_errno(syscall(SYS_pidfd_open, attack_number("PROBE_PID"), 0));
}

int
attack_limits_1(void)
{
	struct rlimit none = { 0, 0 };

	return attack_errno(prlimit(1, RLIMIT_NOFILE, &none, NULL));
}

int
attack_renice_host(void)
{
	return attack_errno(setpriority(PRIO_PROCESS, (id_t)attack_number("PROBE_PID"), 19));
}

#define ID_ACT(name, call)                                                                     \
	int attack_##name(void)                                                                \
	{                                                                                      \
		return attack_errno(call);                                                     \
	}
ID_ACT(setuid_root, setuid(0))
ID_ACT(setgid_root, setgid(0))
ID_ACT(setreuid_root, setreuid(0, 0))
ID_ACT(setresuid_root, setresuid(0, 0, 0))
ID_ACT(setresgid_root, setresgid(0, 0, 0))
ID_ACT(setuid_other, setuid(1001))
ID_ACT(widen_bounds, prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0))
ID_ACT(unlock_bits, prctl(PR_SET_SECUREBITS, 0, 0, 0, 0))
ID_ACT(raise_ambient, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0))
ID_ACT(drop_no_new_privs, prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0))
ID_ACT(renice, setpriority(PRIO_PROCESS, 0, -20))
ID_ACT(realtime_io, syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)))

int
attack_do_setgroups(void)
{
	gid_t g = 0;

	return attack_errno(syscall(SYS_setgroups, 1, &g));
}

int
attack_take_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2] = { { ~0U, ~0U, 0 }, { 0x1ff, 0x1ff, 0 } };

	return attack_errno(syscall(SYS_capset, &header, all));
}

/* EEXIST when a set is not empty. */
static int
check_capabilities(const char *status)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *value = attack_proc_line(status, sets[i]);

		if (!value || strspn(value, "0") != strlen(value)) {
			printf("%s %s: %s\n", status, sets[i], value ? value : "none");
			return EEXIST;
		}
	}
	return 0;
}

int
attack_capabilities(void)
{
	return check_capabilities("/proc/self/status");
}

int
attack_capabilities_1(void)
{
	return check_capabilities("/proc/1/status");
}

int
attack_securebits(void)
{
	int wanted = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
		     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
		     SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

	return prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == wanted ? 0 : EEXIST;
}

int
attack_no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EEXIST;
}

int
attack_filtered(void)
{
	const char *mode = attack_proc_line("/proc/self/status", "Seccomp");

	return mode && strcmp(mode, "2") == 0 ? 0 : EEXIST;
}

int
attack_fixed_addresses(void)
{
	return personality(0xffffffff) == ADDR_NO_RANDOMIZE ? 0 : EEXIST;
}

int
attack_affinity(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return attack_errno(sched_setaffinity(0, sizeof(all), &all));
}

int
attack_cpu_count(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return errno;
	return CPU_COUNT(&cpus) == 1 && sysconf(_SC_NPROCESSORS_ONLN) == 1 ? 0 : EEXIST;
}

int
attack_realtime(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return attack_errno(sched_setscheduler(0, SCHED_FIFO, &p));
}

int
attack_oom_lower(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : attack_errno(write(fd, "-1000", 5));
}

int
attack_oom_first(void)
{
	char value[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, value, sizeof(value) - 1) <= 0)
		return errno;
	return atoi(value) == 1000 ? 0 : EEXIST;
}

#define RAISE_ACT(name, what)                                                                  \
	int attack_##name(void)                                                                \
	{                                                                                      \
		struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };                          \
                                                                                               \
		return attack_errno(setrlimit(what, &all));                                    \
	}
RAISE_ACT(raise_processes, RLIMIT_NPROC)
RAISE_ACT(raise_core, RLIMIT_CORE)
RAISE_ACT(raise_file_size, RLIMIT_FSIZE)
RAISE_ACT(raise_files, RLIMIT_NOFILE)
RAISE_ACT(raise_locked, RLIMIT_MEMLOCK)
RAISE_ACT(raise_queues, RLIMIT_MSGQUEUE)
RAISE_ACT(raise_priority, RLIMIT_RTPRIO)

int
attack_core_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_CORE, &l) < 0)
		return errno;
	return l.rlim_cur == 1 && l.rlim_max == 1 ? 0 : ERANGE;
}

int
attack_crash(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		abort();
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && !WCOREDUMP(status) ? 0 : EEXIST;
}

int
attack_lock_memory(void)
{
	void *p = mmap(NULL, MEGABYTE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	return p == MAP_FAILED ? errno : attack_errno(mlock(p, MEGABYTE));
}

int
attack_open_files(void)
{
	for (int n = 0; n < MAX_FD; n++)
		if (open("/dev/null", O_RDONLY) < 0)
			return errno;
	return 0;
}

/* What pid 1 tells of the command line outside. */
int
attack_cmdline_1(void)
{
	char text[4096] = "";
	int fd = open("/proc/1/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	printf("pid 1: %s\n", text);
	for (ssize_t i = 0; i + 1 < n; i++)
		if (text[i] == '\0' && text[i + 1] != '\0')
			return EEXIST;
	return n < 0 ? errno : strcmp(text, "kiln-chamber") == 0 || n == 0 ? 0 : EEXIST;
}

/* Descriptors 0 to 2, and nothing of them leads to the host. */
int
attack_descriptors(void)
{
	struct stat st;

	for (int fd = 3; fd < MAX_FD; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			printf("open: %d\n", fd);
			return EEXIST;
		}
	if (fstat(0, &st) < 0 || !S_ISCHR(st.st_mode) || fstat(1, &st) < 0 ||
	    !S_ISFIFO(st.st_mode) || fstat(2, &st) < 0 || !S_ISFIFO(st.st_mode))
		return EEXIST;
	return 0;
}

int
attack_fds(void)
{
	printf("open:");
	for (int fd = 0; fd < MAX_FD; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf("\n");
	return 0;
}

int
attack_env(void)
{
	for (char **e = environ; *e; e++)
		printf("env: %s\n", *e);
	return 0;
}

/* Only what the job was given; also where /proc keeps it. */
int
attack_environment(void)
{
	static const char *const known[] = {
		"PATH=", "PWD=", "OLDPWD=", "SHLVL=", "PROBE_", ATTACK_MARKER "=", "_="
	};

	for (char **e = environ; *e; e++) {
		int found = 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= strncmp(*e, known[i], strlen(known[i])) == 0;
		if (!found) {
			printf("env: %s\n", *e);
			return EEXIST;
		}
	}
	return 0;
}

int
attack_host_names(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return errno;
	return strcmp(u.nodename, "kiln") == 0 && strcmp(u.domainname, "invalid") == 0 ? 0
										       : EEXIST;
}

int
attack_user_names(void)
{
	uid_t uid = getuid();

	return attack_is_user(uid) && geteuid() == uid && getgid() == uid && getegid() == uid &&
			       getgroups(0, NULL) == 0
		       ? 0
		       : EEXIST;
}

int
attack_terminal(void)
{
	return isatty(0) || isatty(1) || isatty(2) || open("/dev/tty", O_RDWR) >= 0 ? EEXIST
										    : 0;
}

int
attack_take_terminal(void)
{
	int fd = open("/dev/pts/0", O_RDWR | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* Parent of what starts us, by the chamber's own account: pid 1 has none. */
int
attack_init_parent(void)
{
	const char *parent = attack_proc_line("/proc/1/status", "PPid");

	return parent && strcmp(parent, "0") == 0 ? 0 : EEXIST;
}

/* What selftest_scene.c asks for. */
int
attack_uname_told(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return errno;
	return strcmp(u.sysname, "Linux") == 0 && strcmp(u.nodename, "kiln") == 0 &&
			       strcmp(u.domainname, "invalid") == 0 &&
			       strcmp(u.release, "6.0.0-selftest") == 0 &&
			       strcmp(u.version, "#1 selftest") == 0
		       ? 0
		       : EEXIST;
}

/* Into memory that its owner has closed to everybody nothing is written: the call is refused.
 */
static int
ask_closed(void)
{
	int status, rc;
	pid_t pid = fork();

	if (pid == 0) {
		rc = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		_exit(rc == 0 && attack_uname_told() == EPERM ? 0 : EILSEQ);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EIO;
	return WEXITSTATUS(status);
}

/* Killed while the answer is on its way, many times: the next one still gets its own. */
static int
die_asking(void)
{
	struct utsname u;

	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return errno;
		if (pid == 0)
			for (;;)
				(void)uname(&u);
		usleep((unsigned)i * 20);
		(void)kill(pid, SIGKILL);
		if (waitpid(pid, NULL, 0) != pid)
			return errno;
	}
	return 0;
}

/* Whoever answers writes where we say: only there, only as far as it reaches, and only for us.
 */
int
attack_uname_memory(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = sizeof(struct utsname);
	char *at = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	int rc;

	if (at == MAP_FAILED || munmap(at + page, page) < 0)
		return errno;
	memset(at, 'x', page);
	if (syscall(SYS_uname, NULL) == 0 || errno != EFAULT)
		return EILSEQ;
	if (syscall(SYS_uname, (void *)-(long)page) == 0 || errno != EFAULT)
		return EILSEQ;
	if (syscall(SYS_uname, at + page - n + 1) == 0 || errno != EFAULT)
		return EILSEQ;
	memset(at, 'x', page);
	if (syscall(SYS_uname, at + page - n) != 0 || at[page - n - 1] != 'x')
		return EILSEQ;
	rc = die_asking();
	return rc ? rc : ask_closed();
}

int
attack_who(void)
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
