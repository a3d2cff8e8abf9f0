/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages are made of a harvest by a child: it reads hostile files and compresses for a while,
 * and neither may stall the loop, crash it, or come near the signer. The facts come back as
 * JSON in a memory file, and how it ended as a struct err in a pipe.
 */
#include "builder/build_priv.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "builder/normalize.h"
#include "builder/sandbox_priv.h"
#include <signal.h>
#include <sys/prctl.h>

#define FACTS_MAX_BYTES DOC_MAX_BYTES

/* In the child: harvest -> entries -> parts -> packages -> JSON. */
static int
pack(struct build_session *s, const struct build_job *job, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(FACTS_MAX_BYTES);
	CLEANUP(fd_close) int files = -1;
	const struct recipe *r = job->node->recipe;
	int storefd = cas_dirfd(s->b->store);
	struct package_context c = { .a = s->a,
				     .storefd = storefd,
				     .recipe = r,
				     .vendor = s->b->workspace->vendor,
				     .tmp = job->tmp };
	struct pkgfile_entry *entries;
	struct split_part *parts;
	struct pkgfacts *facts;
	struct doc *list = doc_list(s->a);
	size_t n, nparts;

	if (fd_open_beneath(storefd, arena_format(s->a, "tmp/%s/out", job->tmp),
			    O_RDONLY | O_DIRECTORY, &files, err) < 0)
		return -1;
	c.files_dirfd = files;
	if (normalize_tree(s->a, r, &job->harvest, &entries, &n, err) < 0 ||
	    split_files(s->a, r, entries, n, &parts, &nparts, err) < 0 ||
	    package_make(&c, parts, nparts, &facts, err) < 0)
		return -1;
	for (size_t i = 0; i < nparts; i++)
		doc_push(s->a, list, pkgfacts_doc(s->a, &facts[i]));
	json_write(list, &json);
	if (buf_check(&json, "facts", err) < 0)
		return -1;
	return fd_write_all(job->pack.facts, json.data, json.len, err);
}

/* Before the first hostile byte: the ways to signer, chambers and everything but the store are
 * closed, root is left, and no privilege can be had again. */
static int
narrow(struct build_session *s, int facts, int out, struct err *err)
{
	int keep[] = { facts, out, cas_dirfd(s->b->store) };
	struct stat st;

	proc_close_others(keep, ARRAY_LEN(keep));
	if (fstat(cas_dirfd(s->b->store), &st) < 0)
		return err_sys(err, "store %s", cas_path(s->b->store));
	if (sandbox_ids_drop(cas_uid(s->b->store), st.st_gid, err) < 0 ||
	    sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "giving up privileges");
	return 0;
}

static NO_RETURN void
pack_and_leave(struct build_session *s, const struct build_job *job, int out, pid_t parent)
{
	struct err e = { .code = ERR_NONE };

	(void)signal(SIGINT, SIG_IGN); /* the parent decides */
	if (narrow(s, job->pack.facts, out, &e) == 0 && getppid() == parent &&
	    pack(s, job, &e) == 0)
		e.code = ERR_NONE;
	proc_child_exit(write(out, &e, sizeof(e)) != sizeof(e));
}

int
build_pack_begin(struct build_session *s, struct build_job *job, struct err *err)
{
	CLEANUP(fd_close) int here = -1;
	CLEANUP(fd_close) int there = -1;
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	here = ends[0];
	there = ends[1];
	if (fd_memory("facts", &job->pack.facts, err) < 0)
		return -1;
	job->pack.pid = fork();
	if (job->pack.pid < 0) {
		job->pack.pid = 0;
		return err_sys(err, "cannot start a process");
	}
	if (job->pack.pid == 0)
		pack_and_leave(s, job, there, parent);
	job->pack.pipe = STEAL_FD(here);
	return 0;
}

/* The child's own word, or how it died. */
static int
hear(struct build_pack *p, struct err *err)
{
	struct err said;
	ssize_t got = read(p->pipe, &said, sizeof(said));
	int status;

	if (proc_wait(p->pid, &status, err) < 0)
		return -1;
	p->pid = 0;
	close(STEAL_FD(p->pipe));
	if (got != (ssize_t)sizeof(said))
		return err_set(err, ERR_BUILD, "the process that makes packages ended with %d",
			       status);
	said.text[sizeof(said.text) - 1] = '\0';
	if (said.code == ERR_NONE)
		return 0;
	*err = said;
	return -1;
}

int
build_pack_collect(struct build_session *s, struct build_job *job, struct pkgfacts **facts,
		   size_t *n, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(FACTS_MAX_BYTES);
	const char *name = job->node->recipe->name;
	struct doc *list;

	if (hear(&job->pack, err) < 0)
		return -1;
	if (lseek(job->pack.facts, 0, SEEK_SET) < 0)
		return err_sys(err, "facts of %s", name);
	if (fd_read_all(job->pack.facts, &json, err) < 0 ||
	    json_parse(s->a, buf_text(&json), json.len, name, &list, err) < 0)
		return err_wrap(err, "facts");
	*n = list->n;
	*facts = arena_array(s->a, list->n, sizeof(**facts));
	for (size_t i = 0; i < list->n; i++) {
		if (pkgfacts_parse(s->a, list->items[i].value, name, &(*facts)[i], err) < 0)
			return -1;
	}
	return fd_close(&job->pack.facts, "facts", err);
}

void
build_pack_adopt(struct build_session *s, const struct build_job *job,
		 const struct pkgfacts *facts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cas_batch_adopt(s->batch, package_path(s->a, job->tmp, i), &facts[i].file);
}

void
build_pack_kill(struct build_pack *p)
{
	struct err ignored;
	int status;

	if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
		(void)!proc_wait(p->pid, &status, &ignored);
	p->pid = 0;
	if (p->pipe >= 0)
		close(STEAL_FD(p->pipe));
	if (p->facts >= 0)
		close(STEAL_FD(p->facts));
}
