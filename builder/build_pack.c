/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's side of making packages of a harvest: a process of the session's is asked, and its
 * children do it (build_pack_serve.c). It is forked with the first package and becomes a
 * program of its own, so what else is in memory does not matter to it.
 */
#include "builder/build_pack_priv.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include <signal.h>
#include <sys/socket.h>

struct build_packer {
	pid_t pid;
	int sock;
};

DEFINE_CLEANUP(struct build_packer *, build_packer_close);

static int
start_packer(const struct cas *store, struct build_packer **out, struct err *err)
{
	CLEANUP(fd_close) int theirs = -1;
	CLEANUP(build_packer_close) struct build_packer *p = mem_alloc(sizeof(*p));
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "socketpair");
	p->sock = pair[0];
	theirs = pair[1];
	(void)fflush(NULL); /* what is buffered must not be written twice */
	p->pid = fork();
	if (p->pid == 0)
		build_pack_image_run(store, theirs);
	if (p->pid < 0)
		return err_sys(err, "cannot start a process");
	*out = STEAL_PTR(p);
	return 0;
}

void
build_packer_close(struct build_packer *p)
{
	struct err ignored;
	int status;

	if (!p)
		return;
	if (p->sock > 0)
		close(p->sock);
	/* Its children die with it. */
	if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
		(void)!proc_wait(p->pid, &status, &ignored);
	free(p);
}

static int
write_work(struct build_session *s, const struct build_job *job, const struct buf *harvest,
	   struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);
	struct doc *d = doc_map(&a);

	doc_set_text(&a, d, "vendor", s->b->workspace->vendor);
	doc_set_text(&a, d, "tmp", job->desk->tmp);
	doc_set(&a, d, "strict", doc_boolean(&a, s->seed.strict));
	doc_set(&a, d, "recipe", build_pack_recipe_doc(&a, job->node->recipe));
	json_write(d, &text);
	buf_add_char(&text, '\n');
	if (buf_check(&text, "what is to be packed", err) < 0)
		return -1;
	if (fd_write_all(job->pack.facts, text.data, text.len, err) < 0)
		return -1;
	return fd_write_all(job->pack.facts, harvest->data, harvest->len, err);
}

int
build_pack_begin(struct build_session *s, struct build_job *job, const struct buf *harvest,
		 struct err *err)
{
	CLEANUP(fd_close) int here = -1;
	CLEANUP(fd_close) int there = -1;
	int fds[BUILD_PACK_FDS], ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "pipe");
	here = ends[0];
	there = ends[1];
	if ((!s->packer && start_packer(s->b->store, &s->packer, err) < 0) ||
	    fd_memory("facts", &job->pack.facts, err) < 0 ||
	    write_work(s, job, harvest, err) < 0)
		return -1;
	fds[BUILD_PACK_FILE] = job->pack.facts;
	fds[BUILD_PACK_PIPE] = there;
	if (fd_send(s->packer->sock, "p", 1, fds, BUILD_PACK_FDS, err) < 0)
		return err_wrap(err, "the process that has packages made");
	job->pack.pipe = STEAL_FD(here);
	return 0;
}

/* The child's own word, or how it died. */
static int
hear(struct build_pack *p, struct err *err)
{
	struct err said;
	ssize_t got = read(p->pipe, &said, sizeof(said));

	close(STEAL_FD(p->pipe));
	if (got != (ssize_t)sizeof(said))
		return err_set(err, ERR_BUILD, "the process that has packages made is gone");
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
	CLEANUP(buf_free) struct buf json = BUF_MAX(BUILD_PACK_FACTS_MAX);
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
		cas_batch_adopt(s->batch, package_path(s->a, job->desk->tmp, i),
				&facts[i].file);
}

void
build_pack_release(struct build_pack *p)
{
	struct err last;

	/* Until the last that could write below tmp/ has died with its parent. */
	while (p->pipe >= 0 && read(p->pipe, &last, sizeof(last)) > 0)
		;
	if (p->pipe >= 0)
		close(STEAL_FD(p->pipe));
	if (p->facts >= 0)
		close(STEAL_FD(p->facts));
}
