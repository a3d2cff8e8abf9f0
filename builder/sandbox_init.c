/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of a chamber, in this order, one function each:
 *
 *   1 close every descriptor that is not its own      (it never execs: O_CLOEXEC does nothing)
 *   2 one-line user maps, first choice of the OOM killer, not dumpable, die with the warden
 *   3 wait until the warden has put it in its cgroup; then the cgroup namespace
 *   4 host name, domain name, loopback
 *   5 leave the host's root for an empty one, then wait for a run: its spec and its rooms come
 *     from the warden; then mounts
 *   6 the walls of sandbox_walls.c, seccomp last; all later processes inherit them
 *   7 inputs, placed by a child that may be taken over by a hostile archive
 *   8 steps, one shell after the other; what a step leaves running dies before the next
 *   9 exit: the kernel kills whatever is left in the pid namespace
 *
 * Each wall is reported to the warden by the code that raised it.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tar.h"
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define EXEC_FAILED   127
#define CARRIER_STACK 16384

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
	struct sandbox_note note = { .kind = SANDBOX_NOTE_WALL };
	int n = snprintf(note.wall.name, sizeof(note.wall.name), "%s", name);
	int m = snprintf(note.wall.detail, sizeof(note.wall.detail), "%s", detail);

	if (n < 0 || m < 0 || (size_t)n >= sizeof(note.wall.name) ||
	    (size_t)m >= sizeof(note.wall.detail))
		return err_set(err, ERR_SANDBOX, "the words for wall %s are too long", name);
	note.wall.required = required;
	say(arg, &note);
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
	if (sandbox_ids_map(SANDBOX_UID, SANDBOX_UID, err) < 0 || prefer_for_oom(err) < 0 ||
	    sandbox_ids_die_with_parent(err) < 0)
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

	if (sandbox_mount_enter(&c->rooms, &c->stage, c->spec->full_proc ? &machine : NULL,
				err) < 0)
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

/* The warden counts processes and their memory with it; from outside it may not look at us. */
static int
show_proc(const struct sandbox_chamber *c, int *proc, struct err *err)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_PROC };

	if (fd_open("/proc", O_RDONLY | O_DIRECTORY, proc, err) < 0)
		return -1;
	return fd_send(c->notes, &note, sizeof(note), proc, 1, err);
}

/*
 * The listener goes to the warden in a message; under the filter, sending a descriptor is a
 * question that nobody would hear yet. So somebody from before the filter sends it, and is dead
 * when the first byte of a build is read: a process, but in our memory and with our
 * descriptors, because copying them would take a tenth of a chamber's start. It makes two calls
 * and returns.
 */
struct carrier {
	struct msghdr message;
	struct iovec part;
	struct sandbox_note note;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	int notes, hear, tell;
	pid_t pid;
	_Alignas(16) char stack[CARRIER_STACK];
};

static int
carry_listener(void *arg)
{
	const struct carrier *c = arg;
	char go;

	if (read(c->hear, &go, 1) != 1)
		return 1;
	return sendmsg(c->notes, &c->message, MSG_NOSIGNAL) < 0;
}

static int
start_carrier(const struct sandbox_chamber *chamber, struct carrier *c, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");
	c->hear = ends[0];
	c->tell = ends[1];
	c->notes = chamber->notes;
	c->note.kind = SANDBOX_NOTE_LISTENER;
	c->part = (struct iovec){ .iov_base = &c->note, .iov_len = sizeof(c->note) };
	c->message = (struct msghdr){ .msg_iov = &c->part,
				      .msg_iovlen = 1,
				      .msg_control = c->control.bytes,
				      .msg_controllen = sizeof(c->control.bytes) };
	c->pid = clone(carry_listener, c->stack + sizeof(c->stack),
		       CLONE_VM | CLONE_FILES | SIGCHLD, c);
	return c->pid < 0 ? err_sys(err, "starting a process") : 0;
}

static int
pass_listener(struct carrier *c, int listener, struct err *err)
{
	struct cmsghdr *control = &c->control.align;
	int status;

	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(control), &listener, sizeof(listener));
	/* Without a listener, the end of the pipe ends it: Landlock's scope is round us by now,
	 * and the carrier, who is outside, cannot be signalled. */
	if (listener < 0)
		close(STEAL_FD(c->tell));
	else if (write(c->tell, "l", 1) != 1)
		return err_sys(err, "handing over the listener");
	if (proc_wait(c->pid, &status, err) < 0)
		return -1;
	if (listener >= 0 && status != 0)
		return err_set(err, ERR_SANDBOX, "the listener did not reach the warden");
	/* Shared, so closed once. */
	close(c->hear);
	if (c->tell >= 0)
		close(c->tell);
	if (listener >= 0)
		close(listener);
	return 0;
}

/* Whoever holds the last reference to the mounts takes them apart, which waits for an RCU grace
 * period and frees what lies in them. Not pid 1 on its way out, for whose end the warden waits.
 */
static int
hand_over_mounts(const struct sandbox_chamber *c, struct err *err)
{
	struct sandbox_note note = { .kind = SANDBOX_NOTE_MOUNTS };
	CLEANUP(fd_close) int fd = -1;

	if (fd_open("/proc/self/ns/mnt", O_RDONLY, &fd, err) < 0)
		return -1;
	return fd_send(c->notes, &note, sizeof(note), &fd, 1, err);
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

/* 6 */
static int
raise_walls(struct sandbox_chamber *c, struct err *err)
{
	static struct carrier carrier;
	int listener = -1;
	struct sandbox_walls walls = {
		.limits = &c->spec->limits,
		.cpus = &c->cpus,
		.filter = &c->filter,
		.listener = &listener,
		.report = report,
		.arg = c,
	};

	umask(022);
	if (start_carrier(c, &carrier, err) < 0 || sandbox_walls_raise(&walls, err) < 0)
		return -1;
	if (pass_listener(&carrier, listener, err) < 0)
		return -1;
	return c->spec->kernel_release ? check_uname(c, err) : 0;
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
	c->rooms = (struct sandbox_rooms){ fds[1], fds[2], fds[3], fds[4], fds[5], fds[6] };
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
	if (become(err) < 0 || wait_for_warden(c, err) < 0 || name_host(c, err) < 0 ||
	    sandbox_mount_leave(&c->stage, err) < 0 || take_fit(c, a, spec, err) < 0 ||
	    enter_rooms(c, err) < 0 || show_proc(c, &c->proc, err) < 0 ||
	    hand_over_mounts(c, err) < 0 || raise_walls(c, err) < 0)
		return -1;
	sandbox_mount_close(&c->rooms);
	return 0;
}

static int
open_below(const char *dest, int *dirfd, const char **rest, struct err *err)
{
	static const char *const tops[] = { "/build", "/out" };

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		size_t n = strlen(tops[i]);

		if (strncmp(dest, tops[i], n) != 0 || (dest[n] != '\0' && dest[n] != '/'))
			continue;
		*rest = dest + n;
		while (**rest == '/')
			(*rest)++;
		return fd_open(tops[i], O_RDONLY | O_DIRECTORY, dirfd, err);
	}
	return err_set(err, ERR_INPUT, "%s is not below /build or /out", dest);
}

static int
set_mtime(int fd, int64_t mtime, const char *path, struct err *err)
{
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	return futimens(fd, times) < 0 ? err_sys(err, "setting the time of %s", path) : 0;
}

static int
copy_input(const struct sandbox_spec *s, const struct sandbox_input *in, int dirfd,
	   const char *path, struct err *err)
{
	CLEANUP(fd_close) int out = -1;
	CLEANUP(mem_free) char *parent = mem_strdup(path);
	char *slash = strrchr(parent, '/');

	if (slash) {
		*slash = '\0';
		if (fd_mkdirs(dirfd, parent, err) < 0)
			return -1;
	}
	if (unlinkat(dirfd, path, 0) < 0 && errno != ENOENT)
		return err_sys(err, "replacing %s", path);
	if (fd_create(dirfd, path, 0600, &out, err) < 0 ||
	    fd_copy(in->fd, out, s->limits.disk_bytes, NULL, err) < 0)
		return -1;
	if (fchmod(out, in->exec ? 0755 : 0644) < 0)
		return err_sys(err, "%s", path);
	if (set_mtime(out, s->mtime, path, err) < 0)
		return -1;
	return fd_close(&out, path, err);
}

static int
unpack_input(const struct sandbox_spec *s, const struct sandbox_input *in, int dirfd,
	     const char *path, struct err *err)
{
	CLEANUP(fd_close) int dest = -1;
	struct tar_select select = { .strip = in->strip,
				     .members = in->members,
				     .nmembers = in->nmembers,
				     .merge_usr = in->merge_usr };
	struct tar_limits limits = tar_limits_source;

	limits.max_bytes = KILN_MIN(limits.max_bytes, s->limits.disk_bytes);
	if (*path && fd_mkdirs(dirfd, path, err) < 0)
		return -1;
	if (fd_open_beneath(dirfd, *path ? path : ".", O_RDONLY | O_DIRECTORY, &dest, err) < 0)
		return -1;
	return tar_unpack(in->fd, (enum tar_kind)in->archive, dest, &select, &limits, s->mtime,
			  err);
}

static int
place_input(const struct sandbox_spec *s, const struct sandbox_input *in, struct err *err)
{
	CLEANUP(fd_close) int dirfd = -1;
	const char *path = "";

	if (open_below(in->dest, &dirfd, &path, err) < 0)
		return -1;
	if (lseek(in->fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
		return err_sys(err, "reading the input for %s", in->dest);
	if (in->kind == SANDBOX_UNPACK)
		return unpack_input(s, in, dirfd, path, err);
	if (!*path)
		return err_set(err, ERR_INPUT, "%s is a directory, not a file's name",
			       in->dest);
	return copy_input(s, in, dirfd, path, err);
}

/* What the child of 7 says when it fails: which input, and why. One atomic pipe write. */
struct unpack_answer {
	int input;
	struct err err;
};
_Static_assert(sizeof(struct unpack_answer) <= 4096, "an answer must fit one pipe write");

/* The child of 7. It reads hostile archives, so it keeps only its inputs and this pipe. */
static void
place_inputs(const struct sandbox_chamber *c, int pipe)
{
	const struct sandbox_spec *s = c->spec;
	int keep[1 + SANDBOX_MAX_INPUTS] = { pipe };
	struct unpack_answer answer = { .err = { .code = ERR_NONE } };

	for (size_t i = 0; i < s->ninputs; i++)
		keep[1 + i] = s->inputs[i].fd;
	proc_close_others(keep, 1 + s->ninputs);
	for (size_t i = 0; i < s->ninputs; i++) {
		answer.input = (int)i;
		if (place_input(s, &s->inputs[i], &answer.err) == 0)
			continue;
		if (write(pipe, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
			proc_child_exit(3);
		proc_child_exit(2);
	}
	proc_child_exit(0);
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

/* What the child says is as trustworthy as the archive it read. */
static void
read_answer(int fd, size_t ninputs, struct sandbox_note *note)
{
	struct unpack_answer answer;

	if (read(fd, &answer, sizeof(answer)) == (ssize_t)sizeof(answer) && answer.input >= 0 &&
	    (size_t)answer.input < ninputs) {
		answer.err.text[sizeof(answer.err.text) - 1] = '\0';
		note->err = answer.err;
		note->step = answer.input;
		return;
	}
	err_set(&note->err, ERR_INPUT, "unpacking ended with status %d without saying why",
		note->status);
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
		place_inputs(c, answer[1]);
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
		read_answer(answer[0], c->spec->ninputs, &note);
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
	execve(argv[0], args, vars);
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
	if (c->spec->nsteps == 0 || access("/bin/sh", X_OK) == 0)
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
