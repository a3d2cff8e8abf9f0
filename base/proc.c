/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"
#include "base/clock.h"
#include "base/fd.h"
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STDERR_QUOTE_BYTES ((size_t)600)
#define STDERR_MAX_BYTES   ((size_t)1024 * 1024)
#define WAIT_SLICE_MS      1000

static const char *const minimal_env[] = { "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
					   "LC_ALL=C.UTF-8", "TZ=UTC0", "HOME=/nonexistent",
					   NULL };

/* Only there in coverage builds. */
extern void __gcov_dump(void) __attribute__((weak));

void
proc_child_exit(int code)
{
	if (__gcov_dump)
		__gcov_dump();
	_exit(code);
}

int
proc_wait(pid_t pid, int *status, struct err *err)
{
	int raw = 0;
	pid_t got;

	do
		got = waitpid(pid, &raw, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, "wait for child %d", (int)pid);
	*status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
	return 0;
}

/* The file behind argv[0], looked for in fixed places: the caller's PATH is not to be trusted.
 */
static int
find_program(const char *name, char path[PATH_MAX], struct err *err)
{
	static const char *const dirs[] = { "", "/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/" };
	bool has_slash = strchr(name, '/') != NULL;

	for (size_t i = has_slash ? 0 : 1; i < (has_slash ? 1 : ARRAY_LEN(dirs)); i++) {
		int n = snprintf(path, PATH_MAX, "%s%s", dirs[i], name);

		if (n > 0 && n < PATH_MAX && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
			return 0;
	}
	return err_set(err, ERR_IO, "%s: no such program", name);
}

/* spawn's dup2 actions run in order, so a source must never be a 0-2 that was already replaced:
 * every source is first moved above them. */
static int
lift(int fd, int flags, int *out, struct err *err)
{
	CLEANUP(fd_close) int null = -1;
	int got;

	if (fd < 0 && fd_open("/dev/null", flags, &null, err) < 0)
		return -1;
	got = fcntl(fd < 0 ? null : fd, F_DUPFD_CLOEXEC, 3);
	if (got < 0)
		return err_sys(err, "dup");
	*out = got;
	return 0;
}

static int
spawn(const struct proc_spec *spec, const char *path, const int fds[3], pid_t *pid,
      struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char *const *argv, *const *env;
	const char *const *use_env = spec->env ? spec->env : minimal_env;
	int rc;

	/* posix_spawn takes char *const * for history's sake and writes nothing. */
	memcpy(&argv, &spec->argv, sizeof(argv));
	memcpy(&env, &use_env, sizeof(env));
	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attr) != 0)
		abort();
	rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = rc ? rc : posix_spawnattr_setsigmask(&attr, &none);
	rc = rc ? rc : posix_spawnattr_setsigdefault(&attr, &all);
	for (int i = 0; rc == 0 && i < 3; i++)
		rc = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	rc = rc ? rc : posix_spawn(pid, path, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	errno = rc;
	return rc ? err_sys(err, "%s: start", spec->argv[0]) : 0;
}

static int
start(const struct proc_spec *spec, pid_t *pid, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	CLEANUP(fd_close) int errors = -1;
	char path[PATH_MAX];

	if (find_program(spec->argv[0], path, err) < 0 ||
	    lift(spec->in, O_RDONLY, &in, err) < 0 ||
	    lift(spec->out, O_WRONLY, &out, err) < 0 ||
	    lift(spec->err, O_WRONLY, &errors, err) < 0)
		return -1;
	return spawn(spec, path, (const int[3]){ in, out, errors }, pid, err);
}

/* 1 when pid ended before the deadline, 0 when not. */
static int
ends_in_time(pid_t pid, int timeout_ms, struct err *err)
{
	CLEANUP(fd_close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	int64_t deadline = clock_monotonic_ms() + timeout_ms;

	if (pidfd < 0)
		return err_sys(err, "pidfd of child %d", (int)pid);
	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };
		int64_t left = deadline - clock_monotonic_ms();
		int n;

		if (left <= 0)
			return 0;
		n = poll(&p, 1, (int)KILN_MIN(left, WAIT_SLICE_MS));
		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
	}
}

int
proc_run(const struct proc_spec *spec, int *status, struct err *err)
{
	int in_time = 1;
	struct err reap = { .code = ERR_NONE };
	pid_t pid;

	if (start(spec, &pid, err) < 0)
		return -1;
	if (spec->timeout_ms > 0)
		in_time = ends_in_time(pid, spec->timeout_ms, err);
	if (in_time == 1)
		return proc_wait(pid, status, err);
	(void)kill(pid, SIGKILL);
	if (in_time == 0)
		(void)err_set(err, ERR_LIMIT, "%s: still running after %d ms, ended",
			      spec->argv[0], spec->timeout_ms);
	/* why it was killed is the news, not how it ended */
	return proc_wait(pid, status, &reap) < 0 ? err_wrap(err, "%s", reap.text) : -1;
}

/* The end of what a program said on stderr, as one err text. */
static int
quote_stderr(const char *name, int status, int log, struct err *err)
{
	CLEANUP(buf_free) struct buf said = BUF_MAX(STDERR_MAX_BYTES);
	struct err ignored = { .code = ERR_NONE };
	const char *tail;

	if (lseek(log, 0, SEEK_SET) < 0 || fd_read_all(log, &said, &ignored) < 0)
		buf_add_str(&said, "");
	while (said.len && (said.data[said.len - 1] == '\n' || said.data[said.len - 1] == ' '))
		said.data[--said.len] = '\0';
	tail = buf_text(&said);
	if (said.len > STDERR_QUOTE_BYTES)
		tail += said.len - STDERR_QUOTE_BYTES;
	return err_set(err, ERR_IO, "%s: exit status %d%s%s", name, status, *tail ? ": " : "",
		       tail);
}

int
proc_capture(const char *const *argv, struct buf *out, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	CLEANUP(fd_close) int log = -1;
	struct proc_spec spec = { .argv = argv, .in = -1 };
	int ends[2], status = 0, rc;
	struct err reap = { .code = ERR_NONE };
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	from = ends[0];
	to = ends[1];
	if (fd_memory("stderr", &log, err) < 0)
		return -1;
	spec.out = to;
	spec.err = log;
	if (start(&spec, &pid, err) < 0 || fd_close(&to, "pipe", err) < 0)
		return -1;
	rc = fd_read_all(from, out, err);
	if (rc < 0)
		(void)kill(pid, SIGKILL);
	if (proc_wait(pid, &status, rc < 0 ? &reap : err) < 0)
		return -1;
	if (rc < 0)
		return err_wrap(err, "output of %s", argv[0]);
	return status ? quote_stderr(argv[0], status, log, err) : 0;
}

/* Closes [first, last]; a range beyond the table is fine for the kernel. */
static void
close_between(unsigned first, unsigned last)
{
	if (first <= last)
		(void)close_range(first, last, 0);
}

void
proc_close_others(const int *keep, size_t n)
{
	unsigned next = 3;

	for (;;) {
		unsigned lowest = ~0U;

		for (size_t i = 0; i < n; i++) {
			if (keep[i] >= (int)next && (unsigned)keep[i] < lowest)
				lowest = (unsigned)keep[i];
		}
		if (lowest == ~0U)
			break;
		close_between(next, lowest - 1);
		next = lowest + 1;
	}
	close_between(next, ~0U);
}
