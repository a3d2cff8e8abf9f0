/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"
#include "base/fd.h"
#include "base/proc.h"
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#define RELAY_BYTES   4096
#define RELAY_LOOK_MS 250 /* how late a changed size of the window may be seen */

static void
copy_size(int master)
{
	static struct winsize last;
	struct winsize now;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &now) < 0 || memcmp(&now, &last, sizeof(now)) == 0)
		return;
	last = now;
	(void)ioctl(master, TIOCSWINSZ, &now);
}

/* False at the end of either side. */
static bool
pass_on(int from, int to)
{
	char bytes[RELAY_BYTES];
	struct err ignored;
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return n > 0 && fd_write_all(to, bytes, (size_t)n, &ignored) == 0;
}

static void
make_raw(const struct termios *before)
{
	struct termios raw = *before;

	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* Until something is printed inside, keys are Kiln's: the preparation can be interrupted. Ends
 * when nobody holds the inner side any more and all it printed was copied. */
static void NO_RETURN
relay(int master, const struct termios *before)
{
	struct pollfd p[2] = { { .fd = master, .events = POLLIN },
			       { .fd = -1, .events = POLLIN } };
	bool going = true, raw = false;

	proc_close_others(&master, 1);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN); /* the chamber's end is what ends this too */
	while (going) {
		copy_size(master);
		if (poll(p, ARRAY_LEN(p), RELAY_LOOK_MS) < 0 && errno != EINTR)
			break;
		if ((p[0].revents & POLLIN) && !raw) {
			make_raw(before);
			raw = true;
			p[1].fd = STDIN_FILENO;
		}
		if (p[0].revents)
			going = pass_on(master, STDOUT_FILENO);
		if (going && p[1].fd >= 0 && p[1].revents && !pass_on(STDIN_FILENO, master))
			p[1].fd = -1;
	}
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, before);
	proc_child_exit(0);
}

static int
open_pair(int *master, int *inside, struct err *err)
{
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0 || unlockpt(*master) < 0)
		return err_sys(err, "pseudo-terminal");
	*inside = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return *inside < 0 ? err_sys(err, "pseudo-terminal") : 0;
}

int
terminal_open(struct terminal *t, struct err *err)
{
	CLEANUP(fd_close) int master = -1;
	CLEANUP(fd_close) int inside = -1;

	*t = (struct terminal){ .inside = -1, .relay = -1 };
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ERR_INPUT,
			"a chamber is entered from a terminal; standard input or output is none");
		return err_hint(err,
				"to run commands without one, make them a step of a recipe");
	}
	if (tcgetattr(STDIN_FILENO, &t->before) < 0)
		return err_sys(err, "terminal");
	if (open_pair(&master, &inside, err) < 0)
		return -1;
	(void)tcsetattr(inside, TCSANOW, &t->before);
	copy_size(master);
	t->relay = fork();
	if (t->relay < 0)
		return err_sys(err, "fork");
	if (t->relay == 0)
		relay(master, &t->before);
	t->inside = STEAL_FD(inside);
	return 0;
}

void
terminal_close(struct terminal *t)
{
	struct err ignored;
	int status;

	if (t->inside < 0)
		return;
	close(STEAL_FD(t->inside));
	(void)!proc_wait(t->relay, &status, &ignored);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}
