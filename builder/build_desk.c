/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a job works: a directory in tmp/ of the store and a file for its log. The next job
 * takes what one that ended well has left, emptied: to make and remove both for each was as
 * much work for a file system as to write its result.
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "base/tree.h"

int
build_desk_take(struct build_session *s, struct build_job *job, struct err *err)
{
	struct build_desk *d = s->desks;
	char name[FD_TMP_MAX];

	if (d) {
		s->desks = d->next;
	} else {
		d = arena_alloc(s->a, sizeof(*d));
		d->log_fd = -1;
		if (cas_tmp_dir(s->b->store, d->tmp, err) < 0)
			return -1;
	}
	job->desk = d;
	if (d->log_fd >= 0)
		return 0;
	return fd_tmp(cas_dirfd(s->b->store), arena_format(s->a, "tmp/%s/log", d->tmp), name,
		      &d->log_fd, err);
}

/* Its packages went into the store; what was harvested, and the log, are copies. */
static bool
clear(const struct build_session *s, const struct build_desk *d)
{
	CLEANUP(mem_free) char *out = mem_format("tmp/%s/out", d->tmp);
	struct err ignored;
	struct stat st;

	return tree_clear(cas_dirfd(s->b->store), out, &ignored) == 0 &&
	       fstat(d->log_fd, &st) == 0 &&
	       (st.st_size == 0 || ftruncate(d->log_fd, 0) == 0) &&
	       lseek(d->log_fd, 0, SEEK_SET) == 0;
}

static void
drop(const struct build_session *s, const struct build_desk *d)
{
	if (d->log_fd >= 0)
		close(d->log_fd);
	cas_tmp_drop(s->b->store, d->tmp);
}

void
build_desk_leave(struct build_session *s, struct build_job *job, bool well)
{
	struct build_desk *d = STEAL_PTR(job->desk);

	if (!d)
		return;
	if (!well || !clear(s, d)) {
		drop(s, d);
		return;
	}
	d->next = s->desks;
	s->desks = d;
}

void
build_desk_end(struct build_session *s)
{
	for (struct build_desk *d = s->desks; d; d = d->next)
		drop(s, d);
	s->desks = NULL;
}
