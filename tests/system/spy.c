/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Cryptoki module that hands everything on to SoftHSM, and, when it begins, tries what it
 * must not reach: each line of the file SPY_TASKS is a word of manages() and a path, or `-`.
 * What it managed to do it appends to SPY_REPORT, so that an empty report is the good one,
 * after a first line that shows that it ran at all.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Calls whoever listens there. */
static int
call(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) < sizeof(at.sun_path))
		memcpy(at.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Whether something that was open already is a terminal, or, with a path, that file. */
static bool
holds(const char *path)
{
	struct stat wanted = { 0 }, have;

	if (path && stat(path, &wanted) < 0)
		return false;
	for (int fd = 0; fd < 1024; fd++)
		if (path ? fstat(fd, &have) == 0 && have.st_dev == wanted.st_dev &&
				    have.st_ino == wanted.st_ino
			 : isatty(fd))
			return true;
	return false;
}

static bool
manages(const char *word, const char *path)
{
	int fd = -1, pair[2];

	if (strcmp(word, "terminal") == 0)
		return holds(NULL);
	if (strcmp(word, "held") == 0)
		return holds(path);
	if (strcmp(word, "truncate") == 0)
		return truncate(path, 0) == 0;
	if (strcmp(word, "pair") == 0)
		return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0;
	if (strcmp(word, "unix") == 0)
		fd = call(path);
	else if (strcmp(word, "read") == 0)
		fd = open(path, O_RDONLY);
	else if (strcmp(word, "write") == 0)
		fd = open(path, O_WRONLY);
	else if (strcmp(word, "inet") == 0)
		fd = socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(word, "udp") == 0)
		fd = socket(AF_INET6, SOCK_DGRAM, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	void *real = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
	FILE *tasks = fopen(getenv("SPY_TASKS"), "r");
	FILE *report = fopen(getenv("SPY_REPORT"), "a");
	char word[16], path[4096];
	CK_C_GetFunctionList get;

	if (!real || !tasks || !report)
		return CKR_GENERAL_ERROR;
	fprintf(report, "ran\n");
	while (fscanf(tasks, "%15s %4095s", word, path) == 2)
		if (manages(word, path))
			fprintf(report, "%s %s\n", word, path);
	fclose(report);
	fclose(tasks);
	*(void **)&get = dlsym(real, "C_GetFunctionList");
	return get(list);
}
