/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is tried against limits and against whoever collects the output. Every bomb has an end
 * of its own, far beyond where the chamber must have stopped it.
 */
#include "builder/attack/attack.h"
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define MAX_FORKS    3000
#define MAX_MEMORY   ((size_t)1024) /* MiB */
#define MAX_FILL     ((size_t)4096) /* of 64 KiB each */
#define MAX_SEGMENTS 1024           /* MiB */
#define MAX_INODES   100000
#define MAX_FLOOD    100000
#define HANG_S       15
#define DEEP         200
#define CHUNK        65536
#define HOLE         ((off_t)6 << 20)
#define DAEMON_NAME  "kiln-daemon"

/* Forks sleepers until it may not, says how many, ends them. */
int
attack_fork_bomb(void)
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

/* Sleepers that stay, so that the next fork of the step is refused too. */
int
attack_fork_crowd(void)
{
	for (int n = 0; n < MAX_FORKS; n++) {
		pid_t pid = fork();

		if (pid < 0)
			return errno;
		if (pid == 0) {
			sleep(HANG_S);
			_exit(0);
		}
	}
	return 0;
}

int
attack_memory_bomb(void)
{
	for (size_t n = 0; n < MAX_MEMORY; n++) {
		char *p = malloc(1 << 20);

		if (!p)
			return ENOMEM;
		memset(p, 1, 1 << 20);
		usleep(500);
	}
	return 0;
}

/* Memory that belongs to no process: files in the chamber's shared memory. */
int
attack_shared_memory_bomb(void)
{
	static char chunk[CHUNK];
	int fd = open("/dev/shm/bomb", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	for (size_t n = 0; fd >= 0 && n < MAX_FILL; n++) {
		if (write(fd, chunk, sizeof(chunk)) < 0)
			return errno;
		usleep(500);
	}
	return fd < 0 ? errno : 0;
}

/* The same without any name to find it by. */
int
attack_memfd_bomb(void)
{
	static char chunk[CHUNK];
	int fd = memfd_create("bomb", MFD_CLOEXEC);

	for (size_t n = 0; fd >= 0 && n < MAX_FILL; n++) {
		if (write(fd, chunk, sizeof(chunk)) < 0)
			return errno;
		usleep(500);
	}
	return fd < 0 ? errno : 0;
}

/* Segments that stay when nobody has them attached. */
int
attack_segment_bomb(void)
{
	for (size_t n = 0; n < MAX_SEGMENTS; n++) {
		int id = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600);
		void *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

		if (p == (void *)-1)
			return errno;
		memset(p, 1, 1 << 20);
		if (shmdt(p) < 0)
			return errno;
		usleep(500);
	}
	return 0;
}

int
attack_mapping_bomb(void)
{
	for (size_t n = 0; n < MAX_SEGMENTS; n++) {
		void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return errno;
		memset(p, 1, 1 << 20);
		usleep(500);
	}
	return 0;
}

int
attack_fill_disk(void)
{
	static char chunk[CHUNK];
	int fd = open("/build/fill", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	signal(SIGXFSZ, SIG_IGN);
	for (size_t n = 0; fd >= 0 && n < MAX_FILL; n++)
		if (write(fd, chunk, sizeof(chunk)) < 0)
			return errno;
	return fd < 0 ? errno : 0;
}

int
attack_fill_inodes(void)
{
	for (int n = 0; n < MAX_INODES; n++) {
		char name[64];
		int fd;

		(void)snprintf(name, sizeof(name), "/build/inode-%d", n);
		fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0)
			return errno;
		close(fd);
	}
	return 0;
}

int
attack_flood(void)
{
	for (int n = 0; n < MAX_FLOOD; n++)
		puts("flood flood flood flood flood flood flood flood flood flood flood flood");
	return 0;
}

int
attack_hang(void)
{
	alarm(0);
	for (int s = 0; s < HANG_S; s++)
		sleep(1);
	return 0;
}

/* Ignores every signal that can be ignored. */
int
attack_stubborn_hang(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_IGN);
	return attack_hang();
}

/* Survives its parent and keeps writing to the output. */
int
attack_daemonize(void)
{
	pid_t child = fork();

	if (child == 0) {
		setsid();
		if (fork() == 0) {
			int fd = open("/out/daemon", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

			close(0);
			close(1);
			close(2);
			usleep(500000);
			for (int n = 0; n < MAX_INODES; n++)
				if (write(fd, "alive\n", 6) < 0 || usleep(10000) < 0)
					_exit(1);
			_exit(0);
		}
		_exit(0);
	}
	return waitpid(child, NULL, 0) == child ? 0 : errno;
}

/* EEXIST: a process of another step is still there. Ours are pid 1, the shell and this one. */
int
attack_look_for_daemon(void)
{
	for (int pid = 2; pid < 32768; pid++)
		if (pid != getpid() && pid != getppid() && kill(pid, 0) == 0)
			return EEXIST;
	return 0;
}

/* ---- outputs ---- */
static int
make_text(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
	int rc = fd < 0 || write(fd, "text\n", 5) != 5 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

int
attack_out_plain(void)
{
	int rc = make_text("/out/plain", 0700);

	if (rc)
		return rc;
	(void)setxattr("/out/plain", "user.x", "1", 1, 0);
	return attack_errno(link("/out/plain", "/out/linked"));
}

int
attack_out_fifo(void)
{
	return attack_errno(mkfifo("/out/pipe", 0644));
}

/* A socket file where the output is. */
int
attack_bind_out(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/out/sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return attack_errno(bind(fd, (struct sockaddr *)&un, sizeof(un)));
}

/* Set-id by the mode of open, which no filter on chmod sees. */
int
attack_setid_out(void)
{
	return attack_errno(open("/out/setid", O_CREAT | O_WRONLY | O_CLOEXEC, 04755));
}

int
attack_setgid_out(void)
{
	return attack_errno(open("/out/setid", O_CREAT | O_WRONLY | O_CLOEXEC, 02755));
}

int
attack_out_newline(void)
{
	return make_text("/out/a\nb", 0644);
}

int
attack_out_invalid_name(void)
{
	return make_text("/out/\377", 0644);
}

int
attack_out_holes(void)
{
	for (int i = 0; i < 2; i++) {
		char path[32];
		int fd;

		(void)snprintf(path, sizeof(path), "/out/hole-%d", i);
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, HOLE) < 0)
			return errno;
		close(fd);
	}
	return 0;
}

int
attack_out_deep(void)
{
	if (chdir("/out") < 0)
		return errno;
	for (int i = 0; i < DEEP; i++)
		if (mkdir("d", 0755) < 0 || chdir("d") < 0)
			return errno;
	return 0;
}

/* Links at every place a careless collector would follow one. They are data, and stay inside.
 */
int
attack_out_links(void)
{
	static const char *const links[][2] = {
		{ "/etc", "/out/etc" },
		{ "../../../../etc/shadow", "/out/climb" },
		{ "/proc/self/root", "/out/root" },
		{ ".", "/out/self" },
		{ "loop", "/out/loop" },
		{ "/out", "/out/out" },
		{ "/dev/zero", "/out/endless" },
		{ "nowhere", "/out/dangling" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			return errno;
	return 0;
}

/* Directories nobody may read, files nobody may write: taken all the same. */
int
attack_out_closed(void)
{
	if (mkdir("/out/closed", 0755) < 0)
		return errno;
	if (make_text("/out/closed/file", 0400) != 0)
		return EIO;
	return attack_errno(chmod("/out/closed", 0));
}
