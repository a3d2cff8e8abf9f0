/* SPDX-License-Identifier: Apache-2.0 */
/* What a run leaves: its output, copied into the store; after a failure /build and /tmp, for
 * who wants to look, and to go on with. */
#include "builder/sandbox_warden_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tree.h"

static int
copy_tree(const struct sandbox_warden *w, int from, int to, struct err *err)
{
	struct sandbox_harvest h = { .from = from,
				     .to = to,
				     .stop = w->job->sock,
				     .max_bytes = w->spec->limits.disk_bytes };

	return sandbox_harvest_keep(&h, err);
}

static int
copy_kept(const struct sandbox_warden *w, const char *what, int to, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(mem_free) char *path = mem_format("failed/%s/%s", w->spec->resume_failed, what);

	if (fd_open_beneath(w->job->helper->store, path, O_RDONLY | O_DIRECTORY, &from, err) <
		    0 ||
	    copy_tree(w, from, to, err) < 0)
		return err_wrap(err, "taking up the failed build %s", w->spec->resume_failed);
	return 0;
}

int
sandbox_warden_resume(const struct sandbox_warden *w, struct err *err)
{
	if (!w->spec->resume_failed)
		return 0;
	if (copy_kept(w, "build", w->rooms.build, err) < 0 ||
	    copy_kept(w, "tmp", w->rooms.tmp, err) < 0)
		return -1;
	return 0;
}

/* What follows reads what strangers wrote. It needs the run's rooms and the store; that it has
 * the uid of whoever runs kiln shall not lead to his keys. */
int
sandbox_warden_fence(const struct sandbox_warden *w, struct err *err)
{
	const struct sandbox_cgroups *c = &w->job->helper->cgroups;
	struct proc_gate gates[4 + SANDBOX_GROUPS] = {
		{ w->job->helper->store, PROC_GATE_READ | PROC_GATE_WRITE },
		{ w->rooms.out, PROC_GATE_READ },
		{ w->rooms.build, PROC_GATE_READ },
		{ w->rooms.tmp, PROC_GATE_READ },
	};
	size_t n = 4;

	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		if (c->of[i].dir >= 0) /* the run's own group goes at the end */
			gates[n++] = (struct proc_gate){ c->of[i].dir, PROC_GATE_WRITE };
	return proc_fence_if(gates, n, 0, err);
}

int
sandbox_warden_harvest(struct sandbox_warden *w, struct arena *a, int *answer, struct err *err)
{
	const struct sandbox_spec *s = w->spec;
	CLEANUP(mem_free) char *path = mem_format("tmp/%s/out", s->harvest_tmp);
	CLEANUP(fd_close) int to = -1;
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_MANIFEST);
	struct sandbox_harvest h = { .from = w->rooms.out,
				     .max_bytes = s->limits.disk_bytes,
				     .mtime = s->mtime,
				     .files = s->harvest_files,
				     .stop = w->job->sock };
	struct manifest m = { 0 };

	if (mkdirat(w->job->helper->store, path, 0755) < 0 &&
	    !(s->harvest_files && errno == EEXIST))
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
keep_room(const struct sandbox_warden *w, int dirfd, const char *what, int from,
	  struct err *err)
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
keep_step(const struct sandbox_warden *w, int dirfd, struct err *err)
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
keep(const struct sandbox_warden *w, struct err *err)
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
void
sandbox_warden_keep_if_failed(struct sandbox_warden *w)
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
