/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper before it is one: a fork of the conductor that waits to be needed, and then
 * becomes a program of its own, which is carried in this one as bytes (builder/chamber/). Every
 * chamber is two forks of the helper. The conductor is linked with fifty libraries in three
 * hundred mappings, each of which every fork copies and every end takes down again: half of
 * what a chamber cost. The program has a dozen. It also knows nothing of the conductor's
 * memory, and what a chamber could find as its own executable is not kiln's file but sealed
 * memory.
 *
 * Where the kernel refuses to run it (sysctl vm.memfd_noexec), the fork is the helper: the same
 * code, slower.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10 /* Linux 6.3; headers may be older */
#endif
#define ABOVE 64 /* no descriptor that is to be moved stands where another one goes */

extern const unsigned char sandbox_image_program[], sandbox_image_program_end[];

struct start {
	int sock, store;
	const struct sandbox_cgroups *cgroups;
};

/* Away from the terminal: an interrupt is the conductor's to answer. Nothing of the conductor's
 * stays open here but what is ours. */
static int
detach(const struct start *s, struct err *err)
{
	static const int ignored[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE };
	int keep[2 + SANDBOX_GROUPS] = { s->sock, s->store };
	size_t n = 2;
	CLEANUP(fd_close) int null = -1;

	(void)setsid();
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		if (s->cgroups->of[i].dir >= 0)
			keep[n++] = s->cgroups->of[i].dir;
	proc_close_others(keep, n);
	sandbox_limit_settle(s->cgroups);
	if (sandbox_ids_rename(SANDBOX_IMAGE_NAME, err) < 0 ||
	    fd_open("/dev/null", O_RDWR, &null, err) < 0)
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return err_sys(err, "leaving the terminal");
	return 0;
}

/* The conductor may never want a chamber. */
static bool
is_woken(int sock)
{
	char word;
	ssize_t n;

	do
		n = recv(sock, &word, sizeof(word), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(word);
}

/* Nobody may change it any more: whoever is inside could otherwise reach for the next chamber
 * through /proc/PID/exe. */
static int
make_program(int *out, struct err *err)
{
	size_t n = (size_t)(sandbox_image_program_end - sandbox_image_program);
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	CLEANUP(fd_close) int fd = memfd_create(SANDBOX_IMAGE_NAME, flags | MFD_EXEC);

	if (fd < 0)
		fd = memfd_create(SANDBOX_IMAGE_NAME, flags);
	if (fd < 0)
		return err_sys(err, "making memory for a program");
	if (fd_write_all(fd, sandbox_image_program, n, err) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
	    0)
		return err_sys(err, "sealing a program");
	*out = STEAL_FD(fd);
	return 0;
}

/* In two moves: at first no descriptor may take a number that another one still has. What is
 * not there (-1) stays so. */
static int
place_descriptors(const struct start *s, struct err *err)
{
	int from[SANDBOX_IMAGE_FDS] = {
		[SANDBOX_IMAGE_SOCK] = s->sock, [SANDBOX_IMAGE_STORE] = s->store
	};

	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		from[SANDBOX_IMAGE_GROUPS + i] = s->cgroups->of[i].dir;
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		if (from[i] >= 0 && (from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, ABOVE)) < 0)
			return err_sys(err, "passing descriptors on");
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		close(SANDBOX_IMAGE_FIRST + (int)i);
		if (from[i] >= 0 && dup2(from[i], SANDBOX_IMAGE_FIRST + (int)i) < 0)
			return err_sys(err, "passing descriptors on");
	}
	return 0;
}

/* Comes back only when the kernel refuses. */
static void
become_program(void)
{
	char name[] = SANDBOX_IMAGE_NAME, *argv[] = { name, NULL }, *env[] = { NULL };
	CLEANUP(fd_close) int program = -1;
	struct err ignored;

	if (make_program(&program, &ignored) == 0)
		(void)fexecve(program, argv, env);
}

static void NO_RETURN
give_up(const struct start *s, const struct err *err)
{
	struct err ignored;

	if (is_woken(s->sock) && fd_send(s->sock, err, sizeof(*err), NULL, 0, &ignored) < 0)
		proc_child_exit(1);
	proc_child_exit(1);
}

void
sandbox_image_run(const struct cas *store, int sock, const struct sandbox_cgroups *cgroups)
{
	struct start s = { .sock = sock, .store = cas_dirfd(store), .cgroups = cgroups };
	struct err err = { .code = ERR_NONE };

	if (detach(&s, &err) < 0)
		give_up(&s, &err);
	if (!is_woken(sock))
		proc_child_exit(0);
	if (place_descriptors(&s, &err) < 0)
		proc_child_exit(1);
	become_program();
	sandbox_helper_main();
}
