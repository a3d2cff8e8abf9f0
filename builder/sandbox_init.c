/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of a chamber, in this order, one function each:
 *
 *   1 close every descriptor that is not its own      (it never execs: O_CLOEXEC does nothing)
 *   2 one-line user maps, first choice of the OOM killer, not dumpable, die with the warden
 *   3 wait until the warden has put it in its cgroup; then the cgroup namespace
 *   4 host name, domain name, loopback
 *   5 leave the host's root for an empty one, raise the walls that need no spec, then wait for
 *     a run: its spec and its rooms come from the warden; then mounts
 *   6 the other walls of sandbox_walls.c, seccomp last; all later processes inherit them
 *   7 inputs, placed by a child that may be taken over by a hostile archive
 *   8 steps, one shell after the other; what a step leaves running dies before the next
 *   9 exit: the kernel kills whatever is left in the pid namespace
 *
 * Each wall is noted by the code that raised it, when it stands; the warden hears of them
 * together, when all do.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define EXEC_FAILED 127

static void
say(const struct sandbox_chamber *c, const struct sandbox_note *note)
{
	struct err ignored;

	/* A warden that does not listen is dead, and then so are we. */
	if (fd_send(c->notes, note, sizeof(*note), NULL, 0, &ignored) < 0)
		proc_child_exit(1);
}

static int
report(void *arg, const char *name, const char *detail, bool required, struct err *err)
{
	const struct sandbox_chamber *c = arg;
	struct sandbox_wall *wall = &c->raised->walls[c->raised->nwalls];
	int n, m;

	if (c->raised->nwalls == SANDBOX_MAX_WALLS)
		return err_set(err, ERR_SANDBOX, "more than %d walls", SANDBOX_MAX_WALLS);
	n = snprintf(wall->name, sizeof(wall->name), "%s", name);
	m = snprintf(wall->detail, sizeof(wall->detail), "%s", detail);
	if (n < 0 || m < 0 || (size_t)n >= sizeof(wall->name) ||
	    (size_t)m >= sizeof(wall->detail))
		return err_set(err, ERR_SANDBOX, "the words for wall %s are too long", name);
	wall->required = required;
	c->raised->nwalls++;
	return 0;
}

static int
wall(const struct sandbox_chamber *c, const char *name, const char *detail, struct err *err)
{
	struct sandbox_chamber copy = *c;

	return report(&copy, name, detail, true, err);
}

/* 1 */
static int
keep_own_descriptors(const struct sandbox_chamber *c, struct err *err)
{
	int keep[] = { c->notes, c->go, c->log };
	CLEANUP(fd_close) int null = -1;

	if (fd_open("/dev/null", O_RDWR, &null, err) < 0)
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(c->log, STDOUT_FILENO) < 0 ||
	    dup2(c->log, STDERR_FILENO) < 0)
		return err_sys(err, "giving the chamber its standard streams");
	proc_close_others(keep, ARRAY_LEN(keep));
	null = -1; /* among the closed */
	return 0;
}

static int
prefer_for_oom(struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open("/proc/self/oom_score_adj", O_WRONLY, &fd, err) < 0 ||
	    fd_write_all(fd, "1000", 4, err) < 0)
		return err_wrap(err, "offering the chamber to the OOM killer first");
	return 0;
}

/* 2 */
static int
become(struct err *err)
{
	if (sandbox_ids_map(SANDBOX_UID, SANDBOX_UID, SANDBOX_UID, err) < 0 ||
	    prefer_for_oom(err) < 0 || sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "hiding from debuggers");
	if (getuid() != SANDBOX_UID || getgid() != SANDBOX_UID || getpid() != 1)
		return err_set(err, ERR_SANDBOX,
			       "the chamber's first process is uid %u, pid %d",
			       (unsigned)getuid(), (int)getpid());
	return 0;
}

/* 3: end of file means that the warden died before it could see us die with it. */
static int
wait_for_warden(const struct sandbox_chamber *c, struct err *err)
{
	char go;

	if (read(c->go, &go, 1) != 1)
		return err_set(err, ERR_SANDBOX, "the warden went away");
	if (go == *SANDBOX_GO_REST)
		sandbox_spare_warm();
	if (unshare(CLONE_NEWCGROUP) < 0) {
		err_sys(err, "entering a cgroup namespace");
		return err_recode(err, ERR_SANDBOX);
	}
	return wall(c, "namespaces", "user mount pid net ipc uts cgroup", err);
}

/* 5 */
static int
enter_rooms(struct sandbox_chamber *c, struct err *err)
{
	const struct sandbox_limits *l = &c->spec->limits;
	const struct sandbox_machine machine = {
		.cpus = (unsigned)CPU_COUNT(&c->cpus),
		.release = c->spec->kernel_release ? c->spec->kernel_release
						   : SANDBOX_KERNEL_RELEASE,
		.version = c->spec->kernel_version ? c->spec->kernel_version
						   : SANDBOX_KERNEL_VERSION,
	};
	char detail[88];

	if (sandbox_mount_enter(&c->rooms, &c->stage, c->spec,
				c->spec->full_proc ? &machine : NULL, err) < 0)
		return -1;
	(void)snprintf(detail, sizeof(detail), "%llu bytes and %llu inodes each",
		       (unsigned long long)l->disk_bytes, (unsigned long long)l->inodes);
	if (wall(c, "read-only root", "overlay", err) < 0 ||
	    wall(c, "proc", c->spec->full_proc ? "own, full, masked" : "own, subset=pid", err) <
		    0 ||
	    wall(c, "dev", "own: full null random urandom zero", err) < 0 ||
	    wall(c, "tmpfs caps", detail, err) < 0)
		return -1;
	return 0;
}

/* 4 */
static int
name_host(const struct sandbox_chamber *c, struct err *err)
{
	CLEANUP(fd_close) int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo" };

	if (sethostname(SANDBOX_HOST_NAME, strlen(SANDBOX_HOST_NAME)) < 0 ||
	    setdomainname(SANDBOX_DOMAIN_NAME, strlen(SANDBOX_DOMAIN_NAME)) < 0)
		return err_sys(err, "naming the chamber's host");
	lo.ifr_flags = IFF_UP | IFF_RUNNING;
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &lo) < 0)
		return err_sys(err, "bringing the private loopback up");
	return wall(c, "network", "private loopback only", err);
}

static void
compare_uname(const struct sandbox_spec *s)
{
	struct utsname u;

	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || uname(&u) < 0)
		proc_child_exit(1);
	proc_child_exit(strcmp(u.release, s->kernel_release) != 0 ||
			strcmp(u.version, s->kernel_version) != 0 ||
			strcmp(u.nodename, SANDBOX_HOST_NAME) != 0);
}

/* By a child: what the warden answers, it writes into memory, and nobody may write to ours. */
static int
check_uname(const struct sandbox_chamber *c, struct err *err)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		compare_uname(c->spec);
	if (pid < 0)
		return err_sys(err, "asking for the kernel's name");
	if (proc_wait(pid, &status, err) < 0)
		return -1;
	if (status != 0)
		return err_set(err, ERR_SANDBOX, "uname does not tell what the recipe wants");
	return wall(c, "uname", c->spec->kernel_release, err);
}

/* With the walls go what the warden needs: /proc, to count processes and their memory, since
 * from outside it may not look at us; and the mounts. Whoever holds the last reference to those
 * takes them apart, which waits for an RCU grace period and frees what lies in them. Not pid 1
 * on its way out, for whose end the warden waits. */
static int
tell_walls(struct sandbox_chamber *c, int mounts, int listener, struct err *err)
{
	int fds[SANDBOX_NOTE_FDS] = { [SANDBOX_NOTE_PROC] = c->proc,
				      [SANDBOX_NOTE_MOUNTS] = mounts,
				      [SANDBOX_NOTE_LISTENER] = listener };

	if (sandbox_carry(c->raised, fds, SANDBOX_NOTE_FDS - (listener < 0), err) < 0)
		return -1;
	if (listener >= 0)
		close(listener);
	c->raised->nwalls = 0;
	if (!c->spec->kernel_release)
		return 0;
	if (check_uname(c, err) < 0)
		return -1;
	say(c, c->raised);
	return 0;
}

/* 6 */
static int
raise_walls(struct sandbox_chamber *c, struct sandbox_walls *walls, struct err *err)
{
	CLEANUP(fd_close) int mounts = -1;
	int listener = -1;

	walls->limits = &c->spec->limits;
	walls->cpus = &c->cpus;
	walls->filter = &c->filter;
	walls->listener = &listener;
	if (fd_open("/proc", O_RDONLY | O_DIRECTORY, &c->proc, err) < 0 ||
	    fd_open("/proc/self/ns/mnt", O_RDONLY, &mounts, err) < 0 ||
	    (c->spec->elsewhere && sandbox_walls_vary(walls, err) < 0) ||
	    sandbox_walls_raise(walls, err) < 0)
		return -1;
	return tell_walls(c, mounts, listener, err);
}

/* 5: the spec and all that is made for this run; lives as long as this process. */
static int
take_fit(struct sandbox_chamber *c, struct arena *a, struct sandbox_spec *spec, struct err *err)
{
	struct sandbox_fit fit;
	int fds[FD_PASS_MAX];
	size_t n = sizeof(fit), nfds = ARRAY_LEN(fds);

	if (fd_receive(c->notes, &fit, &n, fds, &nfds, err) < 0)
		return err_wrap(err, "listening to the warden");
	if (n != sizeof(fit) || nfds < SANDBOX_FIT_FDS)
		return err_set(err, ERR_SANDBOX, "the warden went away");
	c->rooms = (struct sandbox_rooms){ fds[1], fds[2], fds[3], fds[4], fds[5] };
	c->cpus = fit.cpus;
	c->spec = spec;
	if (sandbox_wire_open(a, fds[0], spec, err) < 0 ||
	    sandbox_wire_give(a, spec, &fit.request, fds + SANDBOX_FIT_FDS,
			      nfds - SANDBOX_FIT_FDS, err) < 0)
		return -1;
	c->filter = sandbox_seccomp_choose(
		c->filters, &(struct sandbox_profile){ .fake_chown = spec->fake_chown,
						       .fixed_uname = spec->kernel_release });
	close(fds[0]);
	return 0;
}

static int
raise_all(struct sandbox_chamber *c, struct arena *a, struct sandbox_spec *spec,
	  struct err *err)
{
	static struct sandbox_note raised = { .kind = SANDBOX_NOTE_WALLS };
	struct sandbox_walls walls = { .report = report, .arg = c };

	c->raised = &raised;
	umask(022);
	if (become(err) < 0 || wait_for_warden(c, err) < 0 || name_host(c, err) < 0 ||
	    sandbox_mount_leave(&c->stage, err) < 0 || sandbox_walls_begin(&walls, err) < 0 ||
	    sandbox_carry_begin(c->notes, err) < 0 || take_fit(c, a, spec, err) < 0 ||
	    enter_rooms(c, err) < 0 || raise_walls(c, &walls, err) < 0)
		return -1;
	sandbox_mount_close(&c->rooms);
	return 0;
}

/* Reaps everything until pid ends; other children are orphans of the steps. */
static int
wait_for(pid_t pid)
{
	for (;;) {
		int status;
		pid_t got = waitpid(-1, &status, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return EXEC_FAILED;
		if (got != pid)
			continue;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

/* No process of one step lives into the next, nor past the last. */
static void
kill_rest(void)
{
	(void)kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR)
		;
}

/* 7 */
static bool
give_inputs(const struct sandbox_chamber *c)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_UNPACK, .step = -1 };
	int answer[2];
	pid_t pid;

	if (c->spec->ninputs == 0)
		return true;
	pid = pipe2(answer, O_CLOEXEC) < 0 ? -1 : fork();
	if (pid == 0)
		sandbox_inputs_place(c->spec, answer[1]);
	if (pid < 0) {
		note.kind = SANDBOX_NOTE_REFUSE;
		err_sys(&note.err, "starting the unpacker");
		say(c, &note);
		return false;
	}
	close(answer[1]);
	note.status = wait_for(pid);
	kill_rest();
	if (note.status != 0) {
		sandbox_inputs_answer(answer[0], c->spec->ninputs, &note);
		say(c, &note);
	}
	close(answer[0]);
	for (size_t i = 0; i < c->spec->ninputs; i++)
		close(c->spec->inputs[i].fd);
	return note.status == 0;
}

static void
take_terminal(int tty)
{
	if (dup2(tty, 0) < 0 || dup2(tty, 1) < 0 || dup2(tty, 2) < 0)
		proc_child_exit(EXEC_FAILED);
	(void)ioctl(0, TIOCSCTTY, 0); /* without it there is no job control, and no harm */
}

static void
default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child of 8. Its environment is the spec's and nothing else. */
static void
run_step(const struct sandbox_chamber *c, size_t i)
{
	const struct sandbox_spec *s = c->spec;
	bool interactive = s->tty_fd >= 0 && i + 1 == s->nsteps;
	char script[32];
	const char *argv[] = { "/bin/sh", "-e", script, NULL };
	CLEANUP(mem_free) const char **env = mem_resize(NULL, s->nenv + 1, sizeof(*env));
	char *const *args, *const *vars;

	(void)snprintf(script, sizeof(script), "/kiln/step-%zu", i + 1);
	memcpy(env, s->env, s->nenv * sizeof(*env));
	env[s->nenv] = NULL;
	default_signals();
	(void)setsid();
	if (interactive)
		take_terminal(s->tty_fd);
	if (interactive && s->steps[i].script[0] == '\0') {
		argv[1] = "-i";
		argv[2] = NULL;
	}
	if (chdir("/build") < 0)
		proc_child_exit(EXEC_FAILED);
	proc_close_others(NULL, 0);
	memcpy(&args, &(const char *const *){ argv }, sizeof(args));
	memcpy(&vars, &(const char *const *){ env }, sizeof(vars));
	execve(s->shell ? s->shell : argv[0], args, vars);
	proc_child_exit(EXEC_FAILED);
}

/* The warden marks what it wants to hear of while inputs are placed. */
static bool
wait_for_trace(const struct sandbox_chamber *c)
{
	char go;

	return c->spec->nsteps == 0 || recv(c->notes, &go, 1, 0) == 1;
}

/* Without a copy of our address space, which would cost as much as all mounts: until it execs,
 * the child uses our heap and its own frames, and we wait. */
static pid_t __attribute__((noinline)) start_step(const struct sandbox_chamber *c, size_t i)
{
	pid_t pid = vfork();

	if (pid == 0)
		run_step(c, i);
	return pid;
}

/* 8 */
static bool
run_steps(const struct sandbox_chamber *c)
{
	for (size_t i = 0; i < c->spec->nsteps; i++) {
		struct sandbox_note note = { .kind = SANDBOX_NOTE_STEP, .step = (int)i };
		pid_t pid;

		if (i >= c->spec->shown_from && i < c->spec->shown_to)
			continue;
		pid = start_step(c, i);
		if (pid < 0) {
			note.kind = SANDBOX_NOTE_REFUSE;
			err_sys(&note.err, "starting step '%s'", c->spec->steps[i].name);
			say(c, &note);
			return false;
		}
		note.status = wait_for(pid);
		if (note.status != 0)
			note.processes = sandbox_meter_count(c->proc);
		kill_rest();
		if (note.status != 0) {
			say(c, &note);
			return false;
		}
	}
	return true;
}

static int
check_shell(const struct sandbox_chamber *c, struct err *err)
{
	if (c->spec->nsteps == 0 || c->spec->shell || access("/bin/sh", X_OK) == 0)
		return 0;
	err_sys(err, "the environment has no usable /bin/sh");
	err_recode(err, ERR_INPUT);
	return err_hint(err, "add a package with a shell to the environment");
}

static void
refuse(const struct sandbox_chamber *c, const struct err *err)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_REFUSE, .err = *err };

	say(c, &note);
	proc_child_exit(1);
}

void
sandbox_init_run(const struct sandbox_chamber *given)
{
	struct arena a = { 0 };
	struct sandbox_spec spec;
	struct sandbox_chamber c = *given;
	struct sandbox_note done = { .kind = SANDBOX_NOTE_DONE };
	struct err err = { .code = ERR_NONE };

	if (keep_own_descriptors(&c, &err) < 0 || raise_all(&c, &a, &spec, &err) < 0 ||
	    check_shell(&c, &err) < 0)
		refuse(&c, &err);
	if (!give_inputs(&c) || !wait_for_trace(&c) || !run_steps(&c))
		proc_child_exit(1);
	say(&c, &done);
	proc_child_exit(0);
}
