/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run's warden: makes the rooms, sets pid 1 to work, relays the log, watches
 * time, memory, log and the conductor, reaps pid 1, looks at what was left, answers. It may
 * block: nobody else waits for it. The tmpfs of a run die with it, after the answer is out.
 */
#include "builder/sandbox_priv.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tree.h"
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define LOG_CHUNK       4096 /* <= PIPE_BUF: does not block once the reader has room */
#define NEARLY_FULL     ((uint64_t)64 * 1024)
#define NEARLY_FULL_INO 1
#define TRACE_MS        25 /* the kernel keeps 16384 events: more than can happen in this time */
#define PROCESS_MARGIN  8  /* a sample that saw this few less than the limit saw the limit */

struct warden {
	struct sandbox_job *job;
	const struct sandbox_spec *spec;
	struct sandbox_rooms rooms;
	struct sandbox_meter meter;
	struct sandbox_notify seen;
	struct sandbox_trace trace;
	struct sandbox_result result;
	struct err refused; /* a wall could not stand; code ERR_NONE: all did */
	pid_t pid;
	int pidfd, notes, log; /* our ends */
	int listener;          /* where pid 1's descendants ask; -1: nobody does */
	int mounts; /* the mount namespace: taken apart when we exit, after the answer */
	int64_t began_ms;
	char pending[LOG_CHUNK];
	size_t npending;
	bool log_ended, full, done, reaped, watched;
};

/* The chamber must not go on. The first reason counts. */
static void end(struct warden *w, enum sandbox_cause cause, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void
end(struct warden *w, enum sandbox_cause cause, const char *fmt, ...)
{
	va_list ap;

	if (w->result.cause != SANDBOX_OK || w->refused.code != ERR_NONE)
		return;
	w->result.cause = cause;
	va_start(ap, fmt);
	if (vsnprintf(w->result.message, sizeof(w->result.message), fmt, ap) < 0)
		w->result.message[0] = '\0';
	va_end(ap);
	(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
}

/* The n CPUs of this run; runs take turns round those there are. */
static void
choose_cpus(const struct sandbox_helper *h, unsigned turn, unsigned wanted, cpu_set_t *out)
{
	unsigned have = (unsigned)CPU_COUNT(&h->cpus);
	unsigned n = KILN_MIN(KILN_MAX(wanted, 1U), have);
	unsigned first = turn * n % KILN_MAX(have, 1U), index = 0;

	CPU_ZERO(out);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &h->cpus))
			continue;
		if ((index + have - first) % have < n)
			CPU_SET(cpu, out);
		index++;
	}
}

static int
copy_tree(const struct warden *w, int from, int to, struct err *err)
{
	struct sandbox_harvest h = { .from = from,
				     .to = to,
				     .stop = w->job->sock,
				     .max_bytes = w->spec->limits.disk_bytes };

	return sandbox_harvest_keep(&h, err);
}

static int
copy_kept(const struct warden *w, const char *what, int to, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(mem_free) char *path = mem_format("failed/%s/%s", w->spec->resume_failed, what);

	if (fd_open_beneath(w->job->helper->store, path, O_RDONLY | O_DIRECTORY, &from, err) <
		    0 ||
	    copy_tree(w, from, to, err) < 0)
		return err_wrap(err, "taking up the failed build %s", w->spec->resume_failed);
	return 0;
}

static int
prepare(struct warden *w, struct err *err)
{
	if (sandbox_mount_rooms(w->spec, &w->rooms, err) < 0)
		return -1;
	if (!w->spec->resume_failed)
		return 0;
	if (copy_kept(w, "build", w->rooms.build, err) < 0 ||
	    copy_kept(w, "tmp", w->rooms.tmp, err) < 0)
		return -1;
	return 0;
}

static int
add_wall(struct sandbox_result *r, const struct sandbox_wall *wall, struct err *err)
{
	if (r->nwalls == SANDBOX_MAX_WALLS)
		return err_set(err, ERR_SANDBOX, "more than %d walls", SANDBOX_MAX_WALLS);
	r->walls[r->nwalls++] = *wall;
	return 0;
}

/* Memory is a wall of the warden's own; how it stands differs from host to host, so it says. */
static int
limit_memory(struct warden *w, struct err *err)
{
	struct sandbox_wall wall = { .name = "memory", .required = false };

	w->meter.limits = &w->spec->limits;
	sandbox_limit_set(&w->meter);
	sandbox_limit_words(&w->meter, wall.detail, sizeof(wall.detail));
	return add_wall(&w->result, &wall, err);
}

/* What cannot be watched is not known, and no reason to fail. Marking goes on while pid 1
 * raises its walls and places inputs; the steps wait for it. */
static void
start_trace(struct warden *w)
{
	const struct sandbox_job *job = w->job;
	struct sandbox_trace *t = &w->trace;
	CLEANUP(mem_free) char *path = mem_format("bases/%u", job->base);
	struct err ignored;

	if (job->trace >= 0) {
		t->group = job->trace;
		t->ngroups = job->ngroups;
		t->dirs = w->spec->watch;
		t->ndirs = w->spec->nwatch;
		if (fd_open_beneath(job->helper->scratch, path, O_RDONLY | O_DIRECTORY,
				    &t->base, &ignored) < 0 ||
		    !sandbox_trace_begin(t, job->marked))
			t->group = -1;
	}
	/* To a pid 1 that is gone nothing needs to be said. */
	(void)send(w->notes, "g", 1, MSG_NOSIGNAL);
	if (t->group >= 0)
		sandbox_trace_learn(t);
}

static int
launch(struct warden *w, struct err *err)
{
	const struct sandbox_spec *s = w->spec;
	const struct sandbox_rooms *r = &w->rooms;
	int fds[FD_PASS_MAX] = { w->job->text, r->root, r->build, r->tmp,
				 r->out,       r->shm,  r->steps };
	struct sandbox_fit fit = { .request = { .has_tty = s->tty_fd >= 0,
						.ninputs = (uint32_t)s->ninputs } };
	size_t n = SANDBOX_FIT_FDS;
	struct err ignored;

	if (limit_memory(w, err) < 0)
		return -1;
	choose_cpus(w->job->helper, w->job->turn, s->cpus, &fit.cpus);
	if (s->tty_fd >= 0)
		fds[n++] = s->tty_fd;
	for (size_t i = 0; i < s->ninputs; i++)
		fds[n++] = s->inputs[i].fd;
	/* A pid 1 that is gone has said why, and that is still to be read. */
	if (fd_send(w->notes, &fit, sizeof(fit), fds, n, &ignored) < 0)
		w->done = false;
	for (size_t i = 0; i < s->ninputs; i++)
		close(s->inputs[i].fd);
	close(w->job->text);
	if (s->nsteps)
		start_trace(w);
	return 0;
}

static void
take_step_end(struct warden *w, const struct sandbox_note *note)
{
	const char *name = note->step >= 0 && (size_t)note->step < w->spec->nsteps
				   ? w->spec->steps[note->step].name
				   : "?";

	w->result.step = note->step;
	w->result.status = note->status;
	w->meter.peak_processes = KILN_MAX(w->meter.peak_processes, note->processes);
	if (note->status > 128)
		end(w, SANDBOX_STEP_FAILED, "step '%s' was killed by signal %d", name,
		    note->status - 128);
	else
		end(w, SANDBOX_STEP_FAILED, "step '%s' exited %d", name, note->status);
}

static void
take_note(struct warden *w)
{
	struct sandbox_note note;
	struct err err = { .code = ERR_NONE };
	bool got = false;
	int fd = -1;

	if (sandbox_wire_note(w->notes, &note, &fd, &got, &err) < 0) {
		note.kind = SANDBOX_NOTE_REFUSE;
		note.err = err;
	} else if (!got) {
		close(w->notes);
		w->notes = -1;
		return;
	}
	switch (note.kind) {
	case SANDBOX_NOTE_WALL:
		if (add_wall(&w->result, &note.wall, &err) < 0)
			w->refused = err;
		break;
	case SANDBOX_NOTE_PROC:
		if (w->meter.proc >= 0)
			close(w->meter.proc);
		w->meter.proc = fd;
		break;
	case SANDBOX_NOTE_LISTENER:
		if (w->listener >= 0)
			close(w->listener);
		w->listener = fd;
		w->watched = true;
		break;
	case SANDBOX_NOTE_MOUNTS:
		if (w->mounts >= 0)
			close(w->mounts);
		w->mounts = fd;
		break;
	case SANDBOX_NOTE_REFUSE:
		if (w->result.cause == SANDBOX_OK && w->refused.code == ERR_NONE)
			w->refused = note.err;
		(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
		break;
	case SANDBOX_NOTE_UNPACK:
		w->result.status = note.status;
		w->result.step = note.step;
		end(w, SANDBOX_UNPACK_FAILED, "%.900s", note.err.text);
		break;
	case SANDBOX_NOTE_STEP:
		take_step_end(w, &note);
		break;
	case SANDBOX_NOTE_DONE:
		w->done = true;
		break;
	}
}

static void
read_log(struct warden *w)
{
	uint64_t left = w->spec->limits.log_bytes - w->result.log_bytes;
	char words[SANDBOX_WORDS];
	ssize_t n = read(w->log, w->pending, sizeof(w->pending));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		w->log_ended = true;
		return;
	}
	w->npending = (size_t)n;
	if ((uint64_t)n >= left) {
		w->npending = (size_t)left;
		sandbox_limit_size(words, w->spec->limits.log_bytes);
		end(w, SANDBOX_LOG_FLOOD, "log flood: more than %s", words);
		w->log_ended = true;
	}
	w->result.log_bytes += w->npending;
	if (w->spec->log_fd < 0)
		w->npending = 0;
}

static void
write_log(struct warden *w)
{
	struct err ignored;

	/* A reader that went away does not stop a build. */
	if (fd_write_all(w->spec->log_fd, w->pending, w->npending, &ignored) < 0)
		w->log_ended = true;
	w->npending = 0;
}

static bool
is_full(int room)
{
	struct statvfs fs;

	return fstatvfs(room, &fs) == 0 && ((uint64_t)fs.f_bavail * fs.f_bsize < NEARLY_FULL ||
					    fs.f_favail <= NEARLY_FULL_INO);
}

static void
watch(struct warden *w)
{
	const struct sandbox_limits *l = &w->spec->limits;
	int64_t elapsed = clock_monotonic_ms() - w->began_ms;
	char words[SANDBOX_WORDS];

	sandbox_meter_sample(&w->meter, &w->rooms);
	w->full |= is_full(w->rooms.build) || is_full(w->rooms.tmp) || is_full(w->rooms.out) ||
		   is_full(w->rooms.shm);
	if (w->meter.bytes > l->memory_bytes) {
		sandbox_limit_size(words, l->memory_bytes);
		end(w, SANDBOX_MEMORY, "out of memory at %s", words);
	}
	if (w->spec->tty_fd < 0 && elapsed > (int64_t)l->time_s * 1000) {
		sandbox_limit_time(words, l->time_s);
		end(w, SANDBOX_TIMEOUT, "timeout after %s", words);
	}
}

/* Without a question, the last process that could ask is gone. */
static void
answer(struct warden *w, short events)
{
	if ((events & POLLIN) && sandbox_notify_answer(w->listener, &w->seen))
		return;
	close(w->listener);
	w->listener = -1;
}

static void
hear_conductor(struct warden *w)
{
	char word;

	/* A word or the end of the socket: either way nobody wants this any more. */
	if (recv(w->job->sock, &word, 1, MSG_DONTWAIT) >= 0)
		end(w, SANDBOX_INTERRUPTED, "interrupted");
}

enum { POLL_PID, POLL_NOTES, POLL_LOG, POLL_LISTENER, POLL_CONDUCTOR, NPOLL };

/* One turn. false: pid 1 is dead, and with it every process inside. */
static bool
turn(struct warden *w)
{
	bool blocked = w->npending > 0;
	struct pollfd p[NPOLL] = {
		[POLL_PID] = { .fd = w->pidfd, .events = POLLIN },
		[POLL_NOTES] = { .fd = w->notes, .events = POLLIN },
		[POLL_LOG] = { .fd = blocked        ? w->spec->log_fd
				     : w->log_ended ? -1
						    : w->log,
			       .events = blocked ? POLLOUT : POLLIN },
		[POLL_LISTENER] = { .fd = w->listener, .events = POLLIN },
		[POLL_CONDUCTOR] = { .fd = w->result.cause == SANDBOX_OK ? w->job->sock : -1,
				     .events = POLLIN },
	};

	if (poll(p, NPOLL, w->trace.group >= 0 ? TRACE_MS : SANDBOX_SAMPLE_MS) < 0 &&
	    errno != EINTR)
		return false;
	if (p[POLL_NOTES].revents)
		take_note(w);
	if (p[POLL_LOG].revents && blocked)
		write_log(w);
	else if (p[POLL_LOG].revents)
		read_log(w);
	if (p[POLL_LISTENER].revents)
		answer(w, p[POLL_LISTENER].revents);
	if (p[POLL_CONDUCTOR].revents)
		hear_conductor(w);
	return p[POLL_PID].revents == 0;
}

/* What was said and written before the end is still in the socket and the pipe. */
static void
drain(struct warden *w)
{
	while (w->notes >= 0)
		take_note(w);
	while (!w->log_ended || w->npending > 0) {
		if (w->npending > 0)
			write_log(w);
		else
			read_log(w);
	}
}

static int
reap(struct warden *w, struct err *err)
{
	int64_t sampled_ms = 0, traced_ms = 0;
	siginfo_t info;

	while (turn(w)) {
		int64_t now = clock_monotonic_ms();

		if (now - traced_ms >= TRACE_MS) {
			traced_ms = now;
			sandbox_trace_read(&w->trace);
		}
		if (now - sampled_ms < SANDBOX_SAMPLE_MS)
			continue;
		sampled_ms = now;
		watch(w);
	}
	(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return err_sys(err, "reaping the chamber");
	w->reaped = true;
	drain(w);
	sandbox_trace_read(&w->trace);
	return 0;
}

static bool
is_crowded(const struct warden *w)
{
	return w->meter.peak_processes + PROCESS_MARGIN >= w->spec->limits.processes ||
	       sandbox_limit_crowded(&w->meter);
}

/* Why a step failed, when it was not the step's own doing. */
static void
attribute(struct warden *w)
{
	struct sandbox_result *r = &w->result;
	const struct sandbox_limits *l = &w->spec->limits;
	char was[300], size[SANDBOX_WORDS];

	if (r->cause != SANDBOX_STEP_FAILED && r->cause != SANDBOX_TIMEOUT &&
	    r->cause != SANDBOX_UNPACK_FAILED)
		return;
	w->full |= is_full(w->rooms.build) || is_full(w->rooms.tmp) || is_full(w->rooms.out) ||
		   is_full(w->rooms.shm);
	(void)snprintf(was, sizeof(was), "%.290s", r->message);
	if (sandbox_limit_killed(&w->meter)) {
		r->cause = SANDBOX_MEMORY;
		sandbox_limit_size(size, l->memory_bytes);
		(void)snprintf(r->message, sizeof(r->message), "out of memory at %s: %s", size,
			       was);
	} else if (r->cause == SANDBOX_TIMEOUT && !is_crowded(w)) {
		return;
	} else if (w->full || r->status == 128 + SIGXFSZ) {
		r->cause = SANDBOX_DISK;
		sandbox_limit_size(size, l->disk_bytes);
		(void)snprintf(r->message, sizeof(r->message),
			       "disk full at %s or %llu files: %s", size,
			       (unsigned long long)l->inodes, was);
	} else if (is_crowded(w)) {
		r->cause = SANDBOX_PROCESSES;
		(void)snprintf(r->message, sizeof(r->message), "too many processes, at %u: %s",
			       l->processes, was);
	}
}

static bool
stands(const struct sandbox_result *r, const char *wall)
{
	for (size_t i = 0; i < r->nwalls; i++)
		if (strcmp(r->walls[i].name, wall) == 0)
			return true;
	return false;
}

/* Every required wall must have said that it stands; what was not heard of does not. */
static int
check_walls(const struct warden *w, struct err *err)
{
	const char *const required[] = {
		"namespaces",
		"read-only root",
		"proc",
		"dev",
		"tmpfs caps",
		"network",
		"no_new_privs",
		"seccomp",
		"rlimits",
		"capabilities",
		w->spec->kernel_release ? "uname" : "seccomp",
	};

	for (size_t i = 0; i < ARRAY_LEN(required); i++)
		if (!stands(&w->result, required[i]))
			return err_set(err, ERR_SANDBOX, "the wall '%s' did not stand",
				       required[i]);
	return 0;
}

static int
judge(struct warden *w, struct err *err)
{
	struct sandbox_result *r = &w->result;
	char size[SANDBOX_WORDS];

	r->elapsed_ms = clock_monotonic_ms() - w->began_ms;
	if (w->refused.code != ERR_NONE) {
		*err = w->refused;
		return err_wrap(err, "raising the chamber");
	}
	if (r->cause == SANDBOX_OK && !w->done) {
		if (!sandbox_limit_killed(&w->meter))
			return err_set(err, ERR_SANDBOX, "the chamber's first process died");
		r->cause = SANDBOX_MEMORY;
		sandbox_limit_size(size, w->spec->limits.memory_bytes);
		(void)snprintf(r->message, sizeof(r->message), "out of memory at %s", size);
	}
	r->peak_memory_bytes = w->meter.peak;
	attribute(w);
	/* Interrupted before the walls were up: nothing ran, so nothing ran without them. */
	return r->cause == SANDBOX_INTERRUPTED ? 0 : check_walls(w, err);
}

static int
harvest(struct warden *w, struct arena *a, int *answer, struct err *err)
{
	const struct sandbox_spec *s = w->spec;
	CLEANUP(mem_free) char *path = mem_format("tmp/%s/out", s->harvest_tmp);
	CLEANUP(fd_close) int to = -1;
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_MANIFEST);
	struct sandbox_harvest h = { .from = w->rooms.out,
				     .max_bytes = s->limits.disk_bytes,
				     .mtime = s->mtime,
				     .stop = w->job->sock };
	struct manifest m = { 0 };

	if (mkdirat(w->job->helper->store, path, 0755) < 0)
		return err_sys(err, "making %s in the store", path);
	if (fd_open_beneath(w->job->helper->store, path, O_RDONLY | O_DIRECTORY, &to, err) < 0)
		return -1;
	h.to = to;
	if (sandbox_harvest_tree(a, &h, &m, err) < 0) {
		if (err->code != ERR_INPUT && err->code != ERR_LIMIT &&
		    err->code != ERR_INTERRUPTED)
			return -1;
		w->result.cause = err->code == ERR_INTERRUPTED ? SANDBOX_INTERRUPTED
							       : SANDBOX_OUTPUT_REFUSED;
		(void)snprintf(w->result.message, sizeof(w->result.message), "%.990s",
			       err->text);
		return 0;
	}
	manifest_write(&m, &text);
	if (buf_check(&text, "the manifest of the output", err) < 0) {
		w->result.cause = SANDBOX_OUTPUT_REFUSED;
		(void)snprintf(w->result.message, sizeof(w->result.message),
			       "/out holds too many files: %zu entries make %.500s", m.n,
			       err->text);
		return 0;
	}
	if (fd_memory("harvest", &fd, err) < 0 ||
	    fd_write_all(fd, text.data, text.len, err) < 0)
		return -1;
	*answer = STEAL_FD(fd);
	return 0;
}

static int
keep_room(const struct warden *w, int dirfd, const char *what, int from, struct err *err)
{
	CLEANUP(fd_close) int to = -1;

	if (mkdirat(dirfd, what, 0700) < 0)
		return err_sys(err, "keeping %s", what);
	if (fd_open_beneath(dirfd, what, O_RDONLY | O_DIRECTORY, &to, err) < 0)
		return -1;
	return copy_tree(w, from, to, err);
}

/* Which step failed: -1 when it was none of them. */
static int
keep_step(const struct warden *w, int dirfd, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", w->result.step);

	if (fd_create(dirfd, "step", 0600, &fd, err) < 0 ||
	    fd_write_all(fd, text, (size_t)n, err) < 0)
		return err_wrap(err, "keeping the number of the failed step");
	return fd_close(&fd, "the number of the failed step", err);
}

/* 0700: what a failed build left is nobody else's to read or to change. */
static int
keep(const struct warden *w, struct err *err)
{
	CLEANUP(mem_free) char *path = mem_format("failed/%s", w->spec->keep_failed);
	CLEANUP(fd_close) int dirfd = -1;
	int store = w->job->helper->store;

	if (mkdirat(store, "failed", 0700) < 0 && errno != EEXIST)
		return err_sys(err, "making failed/ in the store");
	if (tree_remove(store, path, err) < 0)
		return -1;
	if (mkdirat(store, path, 0700) < 0)
		return err_sys(err, "making %s in the store", path);
	if (fd_open_beneath(store, path, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    keep_step(w, dirfd, err) < 0 ||
	    keep_room(w, dirfd, "build", w->rooms.build, err) < 0)
		return -1;
	return keep_room(w, dirfd, "tmp", w->rooms.tmp, err);
}

/* A build's failure outweighs that its remains could not be kept whole: said, not raised. */
static void
keep_if_failed(struct warden *w)
{
	struct sandbox_result *r = &w->result;
	struct err err = { .code = ERR_NONE };
	size_t n = strlen(r->message);

	if (r->cause == SANDBOX_OK || r->cause == SANDBOX_INTERRUPTED || !w->spec->keep_failed)
		return;
	if (keep(w, &err) < 0)
		(void)snprintf(r->message + n, sizeof(r->message) - n,
			       " (its directories could not be kept whole: %.300s)", err.text);
}

/* A job that only unpacks runs nothing that could attempt or use anything. */
static int
tell_seen(struct warden *w, int *fd, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SEEN);
	CLEANUP(fd_close) int made = -1;

	if (w->spec->nsteps == 0)
		return 0;
	if (sandbox_wire_seen_write(&w->seen, w->watched, &w->trace, &text, err) < 0 ||
	    fd_memory("seen", &made, err) < 0 ||
	    fd_write_all(made, text.data, text.len, err) < 0)
		return -1;
	*fd = STEAL_FD(made);
	return 0;
}

struct answer {
	struct sandbox_reply reply;
	int manifest, seen;
};

static int
run(struct warden *w, struct arena *a, struct answer *out, struct err *err)
{
	if (prepare(w, err) < 0 || launch(w, err) < 0 || reap(w, err) < 0 || judge(w, err) < 0)
		return -1;
	if (w->result.cause == SANDBOX_OK && w->spec->harvest_tmp &&
	    harvest(w, a, &out->manifest, err) < 0)
		return err_wrap(err, "harvesting");
	keep_if_failed(w);
	return tell_seen(w, &out->seen, err);
}

static int
send_answer(int sock, struct answer *out, struct err *err)
{
	struct sandbox_reply *r = &out->reply;
	int fds[2];
	size_t n = 0;

	r->has_manifest = r->raised && out->manifest >= 0;
	r->has_seen = r->raised && out->seen >= 0;
	if (r->has_manifest)
		fds[n++] = out->manifest;
	if (r->has_seen)
		fds[n++] = out->seen;
	return fd_send(sock, r, sizeof(*r), fds, n, err);
}

/* After an error: the cgroup can only go when nobody is in it. */
static void
end_chamber(struct warden *w)
{
	siginfo_t info;

	if (w->reaped || w->pidfd < 0)
		return;
	(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

void
sandbox_warden_run(struct sandbox_job *job)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct warden w = { .job = job,
			    .spec = &job->spec,
			    .meter = job->meter,
			    .pid = job->pid,
			    .pidfd = job->pidfd,
			    .notes = job->notes,
			    .log = job->log,
			    .listener = -1,
			    .seen = { .release = job->spec.kernel_release,
				      .version = job->spec.kernel_version },
			    .trace = { .group = -1, .base = -1 },
			    .mounts = -1,
			    .began_ms = clock_monotonic_ms() };
	struct answer out = { .reply = { .raised = true, .err = job->failed },
			      .manifest = -1,
			      .seen = -1 };
	struct err ignored;

	w.rooms = (struct sandbox_rooms){ job->root, -1, -1, -1, -1, -1 };
	w.result.step = -1;
	if (job->failed.code != ERR_NONE || run(&w, &a, &out, &out.reply.err) < 0)
		out.reply.raised = false;
	out.reply.result = w.result;
	end_chamber(&w);
	sandbox_limit_leave(&job->helper->cgroups, w.pid, &w.meter);
	if (send_answer(job->sock, &out, &ignored) < 0)
		proc_child_exit(1);
	proc_child_exit(0);
}
