/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forked children whose verdict comes back. One is confined, for parsing hostile bytes. Order
 * in it: descriptors closed, no core, rlimits, no new privileges, Landlock without a single
 * rule (nothing can be opened any more), then the work. The pipe back carries one struct err;
 * what a taken-over child could put into it is cleaned here.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define CONFINED_ADDRESS_BYTES ((rlim_t)8 << 30)
#define CONFINED_FILE_BYTES    ((rlim_t)16 << 30)
#define CONFINED_CPU_SECONDS   ((rlim_t)600)

#if defined(__SANITIZE_ADDRESS__)
#define CAN_LIMIT_ADDRESSES false /* the sanitizer's shadow alone is terabytes of addresses */
#else
#define CAN_LIMIT_ADDRESSES true
#endif

static int
limit(int what, rlim_t value, struct err *err)
{
	struct rlimit r = { .rlim_cur = value, .rlim_max = value }, now;

	if (getrlimit(what, &now) == 0 && now.rlim_max < value)
		r.rlim_cur = r.rlim_max = now.rlim_max;
	if (setrlimit(what, &r) < 0)
		return err_sys(err, "limit %d of a confined child", what);
	return 0;
}

static int
confine(struct err *err)
{
	if (limit(RLIMIT_CORE, 1, err) < 0 || /* 1, not 0: also skips a piped core handler */
	    limit(RLIMIT_FSIZE, CONFINED_FILE_BYTES, err) < 0 ||
	    limit(RLIMIT_CPU, CONFINED_CPU_SECONDS, err) < 0)
		return -1;
	if (CAN_LIMIT_ADDRESSES && limit(RLIMIT_AS, CONFINED_ADDRESS_BYTES, err) < 0)
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, "prctl of a confined child");
	/* Without Landlock rlimits and no_new_privs still hold. */
	return proc_fence_if(NULL, 0, 0, err);
}

static NO_RETURN void
tell(int result, const struct err *said, int back)
{
	struct err ignored;

	if (result == 0)
		proc_child_exit(0);
	if (fd_write_all(back, said, sizeof(*said), &ignored) < 0)
		proc_child_exit(2);
	proc_child_exit(1);
}

struct child {
	proc_child_fn *fn;
	void *arg;
	const int *keep; /* NULL: every descriptor */
	size_t nkeep;
	bool confined;
};

static void
close_others(const struct child *c, int back)
{
	int *all = mem_alloc((c->nkeep + 1) * sizeof(*all));

	if (c->nkeep)
		memcpy(all, c->keep, c->nkeep * sizeof(*all));
	all[c->nkeep] = back;
	proc_close_others(all, c->nkeep + 1);
	free(all);
}

static int
work(const struct child *c, struct err *err)
{
	if (c->confined && confine(err) < 0)
		return -1;
	if (!c->confined && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, "prctl of a child process");
	return c->fn(c->arg, err);
}

static int
begin(const struct child *c, struct proc_aside *out, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	struct err said = { .code = ERR_NONE };
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	from = ends[0];
	to = ends[1];
	(void)fflush(NULL); /* what is buffered must not be written twice */
	pid = fork();
	if (pid < 0)
		return err_sys(err, "fork");
	if (pid == 0) {
		if (c->confined || c->keep)
			close_others(c, to);
		tell(work(c, &said), &said, to);
	}
	*out = (struct proc_aside){ .pid = pid, .from = STEAL_FD(from) };
	return 0;
}

/* The child may have been taken over: its err is bytes until proven an err. */
static void
clean(struct err *err)
{
	err->text[sizeof(err->text) - 1] = '\0';
	for (char *p = err->text; *p; p++) {
		if ((unsigned char)*p < 0x20 && *p != '\n')
			*p = '?';
	}
	if ((unsigned)err->code == ERR_NONE || (unsigned)err->code > ERR_REPRO)
		err->code = ERR_INPUT;
}

static int
hear(int from, pid_t pid, struct err *err)
{
	struct err said = { .code = ERR_NONE };
	char *at = (char *)&said;
	size_t have = 0;
	ssize_t n;
	int status;

	do {
		n = read(from, at + have, sizeof(said) - have);
		have += n > 0 ? (size_t)n : 0;
	} while ((n < 0 && errno == EINTR) || (n > 0 && have < sizeof(said)));
	if (proc_wait(pid, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	if (status > 128)
		return err_set(err, ERR_LIMIT, "a child process was ended by signal %d",
			       status - 128);
	if (have < sizeof(said))
		return err_set(err, ERR_IO, "a child process ended without a word");
	clean(&said);
	*err = said;
	return -1;
}

int
proc_confined(proc_child_fn *fn, void *arg, const int *keep, size_t nkeep, struct err *err)
{
	const struct child c = { fn, arg, keep, nkeep, true };
	struct proc_aside aside;

	if (nkeep > FD_PASS_MAX)
		return err_set(err, ERR_LIMIT, "a confined child cannot keep %zu descriptors",
			       nkeep);
	return begin(&c, &aside, err) < 0 ? -1 : proc_aside_end(&aside, err);
}

int
proc_aside_begin(proc_child_fn *fn, void *arg, const int *keep, size_t nkeep,
		 struct proc_aside *out, struct err *err)
{
	const struct child c = { fn, arg, keep, nkeep, false };

	return begin(&c, out, err);
}

int
proc_aside_end(struct proc_aside *a, struct err *err)
{
	CLEANUP(fd_close) int from = a->from;
	pid_t pid = a->pid;

	*a = (struct proc_aside){ .pid = 0 };
	return hear(from, pid, err);
}

void
proc_aside_release(struct proc_aside *a)
{
	struct err ignored;
	int status;

	if (!a->pid)
		return;
	(void)kill(a->pid, SIGKILL);
	if (proc_wait(a->pid, &status, &ignored) == 0)
		a->pid = 0;
	(void)close(a->from);
}
