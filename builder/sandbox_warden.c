/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run's warden: makes the rooms, sets pid 1 to work, relays the log, watches
 * time, memory, log and the conductor, reaps pid 1, looks at what was left, answers. It may
 * block: nobody else waits for it. The tmpfs of a run die with it, after the answer is out.
 */
#include "builder/sandbox_warden_priv.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/proc.h"
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

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

/* Memory is a wall of the warden's own; how it stands differs from host to host, so it says. */
static int
limit_memory(struct sandbox_warden *w, struct err *err)
{
	struct sandbox_wall wall = { .name = "memory", .required = false };

	w->meter.limits = &w->spec->limits;
	sandbox_limit_set(&w->meter);
	sandbox_limit_words(&w->meter, wall.detail, sizeof(wall.detail));
	return sandbox_warden_add_wall(&w->result, &wall, err);
}

/* What cannot be watched is not known, and no reason to fail. Marking goes on while pid 1
 * raises its walls and places inputs; the steps wait for it. */
static void
start_trace(struct sandbox_warden *w)
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
		sandbox_trace_learn(t, job->marked);
}

static int
launch(struct sandbox_warden *w, struct err *err)
{
	const struct sandbox_spec *s = w->spec;
	const struct sandbox_rooms *r = &w->rooms;
	int fds[FD_PASS_MAX] = { w->job->text, r->root, r->build, r->tmp, r->out, r->shm };
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

/* When there is anything to tell. A job that only unpacks runs nothing that could attempt or
 * use anything. */
static int
tell_seen(struct sandbox_warden *w, int *fd, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SEEN);
	CLEANUP(fd_close) int made = -1;

	if (w->spec->nsteps == 0 ||
	    (w->seen.n == 0 && w->seen.lost == 0 && w->trace.used.n == 0))
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
run(struct sandbox_warden *w, struct arena *a, struct answer *out, struct err *err)
{
	if (sandbox_mount_fit(&w->spec->limits, &w->rooms, err) < 0 ||
	    sandbox_warden_resume(w, err) < 0 || launch(w, err) < 0 ||
	    sandbox_warden_reap(w, err) < 0 || sandbox_warden_judge(w, err) < 0 ||
	    sandbox_warden_fence(w, err) < 0)
		return -1;
	if (w->result.cause == SANDBOX_OK && w->spec->harvest_tmp &&
	    sandbox_warden_harvest(w, a, &out->manifest, err) < 0)
		return err_wrap(err, "harvesting");
	sandbox_warden_keep_if_failed(w);
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
end_chamber(struct sandbox_warden *w)
{
	siginfo_t info;

	if (w->reaped || w->pidfd < 0)
		return;
	(void)pidfd_send_signal(w->pidfd, SIGKILL, NULL, 0);
	while (waitid(P_PIDFD, (id_t)w->pidfd, &info, WEXITED) < 0 && errno == EINTR)
		;
}

/* Member by member: most of a warden is room for what hardly ever happens, and not to be
 * touched.
 */
static void
take_over(struct sandbox_warden *w, struct sandbox_job *job)
{
	w->job = job;
	w->spec = &job->spec;
	w->meter = job->meter;
	w->pid = job->pid;
	w->pidfd = job->pidfd;
	w->notes = job->notes;
	w->log = job->log;
	w->listener = w->mounts = -1;
	w->seen.release = job->spec.kernel_release;
	w->seen.version = job->spec.kernel_version;
	w->trace.group = w->trace.base = -1;
	w->began_ms = clock_monotonic_ms();
	w->rooms = job->rooms;
	w->rooms.root = job->root;
	w->result.step = -1;
}

void
sandbox_warden_run(struct sandbox_job *job)
{
	static struct sandbox_warden w;
	static struct answer out = { .reply = { .raised = true }, .manifest = -1, .seen = -1 };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err ignored;
	bool sent;

	take_over(&w, job);
	out.reply.err = job->failed;
	if (job->failed.code != ERR_NONE || run(&w, &a, &out, &out.reply.err) < 0)
		out.reply.raised = false;
	out.reply.result = w.result;
	out.reply.watched = w.watched && w.spec->nsteps > 0;
	end_chamber(&w);
	sent = send_answer(job->sock, &out, &ignored) == 0;
	/* Nobody waits for the group to go. If we are killed first, the conductor removes it.
	 */
	sandbox_limit_leave(&job->helper->cgroups, w.pid, &w.meter);
	proc_child_exit(!sent);
}
