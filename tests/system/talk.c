/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build may say to a network, call by call, for the tests of what is seen of it. Run in
 * a chamber only: it names addresses of documentation networks.
 *
 *   talk connect|sendto|sendmsg|sendmmsg ADDRESS PORT [TIMES]
 *   talk unix PATH             connects a socket to a path
 *   talk loop                  a server and its client on loopback
 *   talk cost CALL TIMES       what TIMES such calls take on a pair of sockets
 *   talk open TIMES DIR        TIMES processes that open every file of DIR
 *   talk blind COMMAND...      runs it under a filter that has a listener already (not in a
 *                              chamber)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage where;
static socklen_t where_size;

static void
set_address(const char *host, int port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&where;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&where;

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((unsigned short)port);
		where_size = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((unsigned short)port);
		where_size = sizeof(*in6);
	} else {
		exit(2);
	}
}

/* addressed: to `where`; else to whoever the socket is connected with. */
static long
say(int fd, const char *how, int addressed)
{
	char word[] = "word";
	struct iovec part = { .iov_base = word, .iov_len = sizeof(word) };
	struct mmsghdr m = { .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };

	if (addressed) {
		m.msg_hdr.msg_name = &where;
		m.msg_hdr.msg_namelen = where_size;
	}
	if (strcmp(how, "connect") == 0)
		return connect(fd, (struct sockaddr *)&where, where_size);
	if (strcmp(how, "sendto") == 0)
		return addressed ? sendto(fd, word, sizeof(word), 0, (struct sockaddr *)&where,
					  where_size)
				 : send(fd, word, sizeof(word), 0);
	if (strcmp(how, "sendmsg") == 0)
		return sendmsg(fd, &m.msg_hdr, 0);
	return sendmmsg(fd, &m, 1, 0);
}

static int
speak(const char *how, int times)
{
	long rc = 0;

	for (int i = 0; i < times; i++) {
		int fd = socket(where.ss_family, SOCK_DGRAM, 0);

		rc = say(fd, how, 1);
		if (i == 0)
			printf("%s: %s\n", how, rc < 0 ? strerrorname_np(errno) : "ok");
		close(fd);
	}
	return 0;
}

static int
speak_unix(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	printf("unix: %s\n", connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0
				     ? strerrorname_np(errno)
				     : "ok");
	return 0;
}

static int
speak_loop(void)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	char got[8];

	set_address("127.0.0.1", 0);
	if (bind(server, (struct sockaddr *)&where, where_size) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&where, &where_size) < 0 ||
	    connect(client, (struct sockaddr *)&where, where_size) < 0)
		return 1;
	server = accept(server, NULL, NULL);
	printf("loop: %s\n", say(client, "sendto", 0) > 0 && recv(server, got, 5, 0) == 5
				     ? "ok"
				     : strerrorname_np(errno));
	return 0;
}

static int
cost(const char *how, int times)
{
	struct timespec from, to;
	char got[16];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < times; i++)
		if (say(pair[0], how, 0) < 0 || recv(pair[1], got, sizeof(got), 0) < 0)
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%s_ns: %ld\n", how,
	       ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec) / times);
	return 0;
}

static void
open_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		int fd = openat(dirfd(dir), e->d_name, O_RDONLY);

		if (fd >= 0)
			close(fd);
	}
}

static int
open_many(int times, const char *path)
{
	for (int i = 0; i < times; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			open_all(path);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* The filter asks about a call that nobody makes. */
static int
blind(char **argv)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 99999, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return 2;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		     &prog);
	/* It counts as long as somebody holds it. */
	if (fd < 0 || fcntl((int)fd, F_SETFD, 0) < 0)
		return 2;
	execv(argv[0], argv);
	return 2;
}

int
main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "blind") == 0)
		return blind(argv + 2);
	if (argc >= 4 && strcmp(argv[1], "cost") == 0)
		return cost(argv[2], atoi(argv[3]));
	if (argc >= 4 && strcmp(argv[1], "open") == 0)
		return open_many(atoi(argv[2]), argv[3]);
	if (argc >= 4) {
		set_address(argv[2], atoi(argv[3]));
		return speak(argv[1], argc > 4 ? atoi(argv[4]) : 1);
	}
	if (argc == 3 && strcmp(argv[1], "unix") == 0)
		return speak_unix(argv[2]);
	if (argc == 2 && strcmp(argv[1], "loop") == 0)
		return speak_loop();
	return 2;
}
