/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper before it is one: a fork of the conductor that waits to be needed, and then
 * becomes a program of its own (base/image.h, builder/chamber/). Every chamber is two forks of
 * the helper: copying the conductor's mappings was half of what a chamber cost. The program has
 * a dozen.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/image.h"
#include "base/proc.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

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
	int fds[SANDBOX_IMAGE_FDS] = {
		[SANDBOX_IMAGE_SOCK] = sock, [SANDBOX_IMAGE_STORE] = s.store
	};

	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		fds[SANDBOX_IMAGE_GROUPS + i] = cgroups->of[i].dir;
	if (detach(&s, &err) < 0)
		give_up(&s, &err);
	if (!is_woken(sock))
		proc_child_exit(0);
	if (image_place(fds, ARRAY_LEN(fds), &err) < 0)
		proc_child_exit(1);
	image_become(SANDBOX_IMAGE_NAME, sandbox_image_program, sandbox_image_program_end);
	sandbox_helper_main();
}
