/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a build can do to those who serve it, with nothing but what it was given. Runs in
 * chambers, where there are no libraries.
 *
 *   hostile eat SECONDS     writes to the log and takes it out again before anybody reads it,
 *                           then never ends
 *   hostile hoard SECONDS   leaves as many descriptors in sockets as it may, and waits
 *   hostile cycle           leaves the log's own descriptor in sockets that hold each other
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PASSED_MAX 250
#define TRIES      100
#define WAIT_STEP  200 /* turns of an empty loop */

/* Asks the warden again and again: connections are looked at before they are let go on. */
static void
ask(volatile unsigned *answers)
{
	struct sockaddr_un nowhere = { .sun_family = AF_UNIX, .sun_path = "/build/nowhere" };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	for (;; (*answers)++)
		(void)connect(sock, (struct sockaddr *)&nowhere, sizeof(nowhere));
}

static bool
is_silent(const volatile unsigned *answers)
{
	unsigned before = *answers;

	usleep(5000);
	if (*answers != before)
		return false;
	usleep(300000);
	return *answers == before;
}

/* Whoever was told of a byte comes to read it, and it is gone. Until he who reads the log
 * answers no more: then nobody writes again. */
static int
eat(unsigned seconds)
{
	time_t end = time(NULL) + seconds;
	int log = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK);
	volatile unsigned *answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char byte;

	if (log < 0 || answers == MAP_FAILED)
		return 1;
	if (fork() == 0)
		ask(answers);
	do
		for (int i = 0; i < TRIES; i++) {
			(void)!write(1, "x", 1);
			for (volatile int wait = 0; wait < i * WAIT_STEP; wait++)
				;
			(void)!read(log, &byte, 1);
		}
	while (!is_silent(answers) && time(NULL) < end);
	for (;;)
		pause();
}

static int
pass(int sock, const int *fds, size_t n)
{
	union {
		char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	return sendmsg(sock, &message, MSG_DONTWAIT) < 0 ? errno : 0;
}

/* Until the kernel says that there are too many. */
static int
hoard(unsigned seconds)
{
	int fds[PASSED_MAX] = { 0 }, pair[2], rc = 0;
	unsigned n = 0;

	while (rc != ETOOMANYREFS) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
			return 1;
		for (rc = 0; rc == 0; n += rc == 0)
			rc = pass(pair[0], fds, PASSED_MAX);
	}
	printf("hoard: %u\n", n * PASSED_MAX);
	fflush(stdout);
	sleep(seconds);
	return 0;
}

static int
cycle(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return 1;
	return pass(pair[0], (int[]){ pair[0], pair[1], 1 }, 3) ||
	       pass(pair[1], (int[]){ pair[0], pair[1], 1 }, 3);
}

int
main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "eat") == 0)
		return eat((unsigned)atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "hoard") == 0)
		return hoard((unsigned)atoi(argv[2]));
	if (argc == 2 && strcmp(argv[1], "cycle") == 0)
		return cycle();
	fprintf(stderr, "usage: hostile eat SECONDS | hoard SECONDS | cycle\n");
	return 2;
}
