/* SPDX-License-Identifier: Apache-2.0 */
/* A warden at work: relays the log, answers what it is asked, watches time, memory, log and the
 * conductor, until pid 1 is dead and reaped. */
#include "builder/sandbox_warden_priv.h"
#include "base/clock.h"
#include "base/fd.h"
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#define NEARLY_FULL     ((uint64_t)64 * 1024)
#define NEARLY_FULL_INO 1
#define TRACE_MS        25 /* the kernel keeps 16384 events: more than can happen in this time */

/* The chamber must not go on. The first reason counts. */
static void end(struct sandbox_warden *w, enum sandbox_cause cause, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void
end(struct sandbox_warden *w, enum sandbox_cause cause, const char *fmt, ...)
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

int
sandbox_warden_add_wall(struct sandbox_result *r, const struct sandbox_wall *wall,
			struct err *err)
{
	if (r->nwalls == SANDBOX_MAX_WALLS)
		return err_set(err, ERR_SANDBOX, "more than %d walls", SANDBOX_MAX_WALLS);
	r->walls[r->nwalls++] = *wall;
	return 0;
}

static void
take_step_end(struct sandbox_warden *w, const struct sandbox_note *note)
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

/* Those that come twice are not ours to ask why: the last ones count. */
static void
take_descriptors(struct sandbox_warden *w, const int fds[SANDBOX_NOTE_FDS])
{
	int *ours[SANDBOX_NOTE_FDS] = { [SANDBOX_NOTE_PROC] = &w->meter.proc,
					[SANDBOX_NOTE_MOUNTS] = &w->mounts,
					[SANDBOX_NOTE_LISTENER] = &w->listener };

	for (size_t i = 0; i < SANDBOX_NOTE_FDS; i++) {
		if (fds[i] < 0)
			continue;
		if (*ours[i] >= 0)
			close(*ours[i]);
		*ours[i] = fds[i];
	}
	w->watched |= fds[SANDBOX_NOTE_LISTENER] >= 0;
}

static void
take_walls(struct sandbox_warden *w, const struct sandbox_note *note)
{
	struct err err = { .code = ERR_NONE };

	for (size_t i = 0; i < note->nwalls; i++)
		if (sandbox_warden_add_wall(&w->result, &note->walls[i], &err) < 0)
			w->refused = err;
}

static void
take_note(struct sandbox_warden *w)
{
	struct sandbox_note note;
	struct err err = { .code = ERR_NONE };
	int fds[SANDBOX_NOTE_FDS];
	bool got = false;

	if (sandbox_wire_note(w->notes, &note, fds, &got, &err) < 0) {
		note.kind = SANDBOX_NOTE_REFUSE;
		note.err = err;
	} else if (!got) {
		close(w->notes);
		w->notes = -1;
		return;
	}
	switch (note.kind) {
	case SANDBOX_NOTE_WALLS:
		take_descriptors(w, fds);
		take_walls(w, &note);
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
read_log(struct sandbox_warden *w)
{
	uint64_t left = w->spec->limits.log_bytes - w->result.log_bytes;
	char words[SANDBOX_WORDS];
	ssize_t n = read(w->log, w->pending, sizeof(w->pending));

	/* Nothing there: somebody inside has read it. After the end there is nobody who writes.
	 */
	if (n < 0 && (errno == EINTR || (errno == EAGAIN && !w->reaped)))
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
write_log(struct sandbox_warden *w)
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

void
sandbox_warden_look_for_full(struct sandbox_warden *w)
{
	w->full |= is_full(w->rooms.build) || is_full(w->rooms.tmp) || is_full(w->rooms.out) ||
		   is_full(w->rooms.shm);
}

static void
watch(struct sandbox_warden *w)
{
	const struct sandbox_limits *l = &w->spec->limits;
	int64_t elapsed = clock_monotonic_ms() - w->began_ms;
	char words[SANDBOX_WORDS];

	sandbox_meter_sample(&w->meter, &w->rooms);
	sandbox_warden_look_for_full(w);
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
answer(struct sandbox_warden *w, short events)
{
	if ((events & POLLIN) && sandbox_notify_answer(w->listener, &w->seen))
		return;
	close(w->listener);
	w->listener = -1;
}

static void
hear_conductor(struct sandbox_warden *w)
{
	char word;

	/* A word or the end of the socket: either way nobody wants this any more. */
	if (recv(w->job->sock, &word, 1, MSG_DONTWAIT) >= 0)
		end(w, SANDBOX_INTERRUPTED, "interrupted");
}

enum { POLL_PID, POLL_NOTES, POLL_LOG, POLL_LISTENER, POLL_CONDUCTOR, NPOLL };

/* One turn. false: pid 1 is dead, and with it every process inside. */
static bool
turn(struct sandbox_warden *w)
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
drain(struct sandbox_warden *w)
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

int
sandbox_warden_reap(struct sandbox_warden *w, struct err *err)
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
