/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that has packages made, and its children. It is a program of its own
 * (build_pack_image.c), gives up what it may not have, and from then on only forks: each
 * package is made by a child of its own, which reads hostile files and compresses for a while,
 * and neither may stall the loop, crash it, come near the signer, or leave anything to the next
 * package.
 */
#include "builder/build_pack_priv.h"
#include "base/fd.h"
#include "base/image.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/vec.h"
#include "builder/audit.h"
#include "builder/normalize.h"
#include "builder/sandbox_priv.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct making {
	pid_t pid;
	int out;
};
struct packer {
	int store, sock;
	VEC(struct making) children;
};

/* ---- in a child ---- */

struct work {
	struct arena a;
	struct recipe recipe;
	struct manifest harvest;
	const char *vendor, *tmp;
	bool strict; /* what is not hardened is refused */
};

static int
read_work(int file, struct work *w, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BUILD_PACK_JOB_MAX);
	const char *at, *end;
	struct doc *d;

	if (lseek(file, 0, SEEK_SET) < 0)
		return err_sys(err, "what is to be packed");
	if (fd_read_all(file, &text, err) < 0)
		return -1;
	at = buf_text(&text);
	end = strchr(at, '\n');
	if (!end)
		return err_set(err, ERR_IO, "what is to be packed was cut off");
	if (json_parse(&w->a, at, (size_t)(end - at), "what is to be packed", &d, err) < 0 ||
	    build_pack_recipe_read(&w->a, doc_get(d, "recipe"), &w->recipe, err) < 0)
		return -1;
	w->vendor = doc_get_text(d, "vendor");
	w->tmp = doc_get_text(d, "tmp");
	(void)doc_bool(doc_get(d, "strict"), &w->strict);
	return manifest_parse(&w->a, end + 1, text.len - (size_t)(end + 1 - at), w->recipe.name,
			      &w->harvest, err);
}

static int
write_facts(struct work *w, int file, const struct pkgfacts *facts, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(BUILD_PACK_FACTS_MAX);
	struct doc *list = doc_list(&w->a);

	for (size_t i = 0; i < n; i++)
		doc_push(&w->a, list, pkgfacts_doc(&w->a, &facts[i]));
	json_write(list, &json);
	if (buf_check(&json, "facts", err) < 0)
		return -1;
	if (ftruncate(file, 0) < 0 || lseek(file, 0, SEEK_SET) < 0)
		return err_sys(err, "facts");
	return fd_write_all(file, json.data, json.len, err);
}

/* Harvest -> entries -> parts -> packages -> JSON. */
static int
pack(int storefd, int file, struct err *err)
{
	CLEANUP(fd_close) int files = -1;
	struct work w = { .vendor = NULL };
	struct package_context c = { .a = &w.a, .storefd = storefd, .recipe = &w.recipe };
	struct pkgfile_entry *entries;
	struct split_part *parts;
	struct pkgfacts *facts;
	size_t n, nparts;

	if (read_work(file, &w, err) < 0 ||
	    fd_open_beneath(storefd, arena_format(&w.a, "tmp/%s/out", w.tmp),
			    O_RDONLY | O_DIRECTORY, &files, err) < 0)
		return -1;
	c.vendor = w.vendor;
	c.tmp = w.tmp;
	c.files_dirfd = files;
	if (normalize_tree(&w.a, &w.recipe, &w.harvest, &entries, &n, err) < 0 ||
	    split_files(&w.a, &w.recipe, entries, n, &parts, &nparts, err) < 0 ||
	    split_add_made(&w.a, &w.recipe, files, parts, nparts, err) < 0 ||
	    (w.strict && audit_parts(&w.a, &w.recipe, files, parts, nparts, err) < 0) ||
	    package_make(&c, parts, nparts, &facts, err) < 0)
		return -1;
	return write_facts(&w, file, facts, nparts, err);
}

static NO_RETURN void
pack_and_leave(const struct packer *p, const int fds[BUILD_PACK_FDS], pid_t parent)
{
	int keep[] = { p->store, fds[BUILD_PACK_FILE], fds[BUILD_PACK_PIPE] };
	struct err e = { .code = ERR_NONE };

	proc_close_others(keep, ARRAY_LEN(keep));
	if (sandbox_ids_die_with_parent(&e) == 0 && getppid() == parent &&
	    pack(p->store, fds[BUILD_PACK_FILE], &e) == 0)
		e.code = ERR_NONE;
	proc_child_exit(write(fds[BUILD_PACK_PIPE], &e, sizeof(e)) != sizeof(e));
}

/* ---- in the process ---- */

static void
tell(int out, const struct err *e)
{
	(void)!write(out, e, sizeof(*e));
	close(out);
}

/* A child that could not say how it went has it said. */
static void
reap(struct packer *p)
{
	for (size_t i = p->children.n; i-- > 0;) {
		struct making m = p->children.at[i];
		struct err e = { .code = ERR_NONE };
		int raw = 0;

		if (waitpid(m.pid, &raw, WNOHANG) != m.pid)
			continue;
		p->children.at[i] = p->children.at[--p->children.n];
		if (raw == 0) {
			close(m.out);
			continue;
		}
		(void)err_set(&e, ERR_BUILD, "the process that makes packages ended with %d",
			      WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw));
		tell(m.out, &e);
	}
}

static void
start(struct packer *p, int fds[BUILD_PACK_FDS], const sigset_t *signals)
{
	pid_t self = getpid();
	struct making m = { .out = fds[BUILD_PACK_PIPE] };
	struct err e;

	m.pid = fork();
	if (m.pid == 0) {
		(void)sigprocmask(SIG_SETMASK, signals, NULL);
		pack_and_leave(p, fds, self);
	}
	close(fds[BUILD_PACK_FILE]);
	if (m.pid > 0) {
		VEC_PUSH(&p->children, m);
		return;
	}
	(void)err_sys(&e, "cannot start a process");
	tell(m.out, &e);
}

/* What libraries do when they are first used they do here, once, and not in every child. If it
 * fails, children are slower. */
static void
warm_up(void)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile_entry top = { .path = "/usr", .type = MANIFEST_DIR, .mode = 0755 };
	struct pkgfile_spec nothing = {
		.id = { .name = "nothing", .version = "0", .release = "0", .arch = "noarch" },
		.summary = "Nothing",
		.description = "Nothing",
		.license = "MIT",
		.homepage = "",
		.vendor = "",
		.group = "",
		.source_name = "nothing",
		.entries = &top,
		.nentries = 1,
		.files_dirfd = -1
	};
	struct pkgfile_ids ids;
	struct err ignored;
	struct doc *d;

	if (json_parse(&a, "{}", 2, "nothing", &d, &ignored) == 0 &&
	    fd_memory("nothing", &fd, &ignored) == 0)
		(void)!pkgfile_write(&nothing, fd, &ids, &ignored);
}

static void
on_child(int signal)
{
	(void)signal;
}

/* Children end only while we wait: the signal is blocked otherwise. */
static sigset_t
hear_of_children(void)
{
	struct sigaction act = { .sa_handler = on_child };
	sigset_t one, before;

	(void)sigemptyset(&one);
	(void)sigaddset(&one, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &one, &before);
	(void)sigaction(SIGCHLD, &act, NULL);
	return before;
}

/* One job of the loop; false: there is none to come. */
static bool
turn(struct packer *p, const struct err *refused, const sigset_t *signals)
{
	struct pollfd one = { .fd = p->sock, .events = POLLIN };
	int fds[BUILD_PACK_FDS];
	size_t n = 1, nfds = BUILD_PACK_FDS;
	struct err ignored;
	char word;

	reap(p);
	if (ppoll(&one, 1, NULL, signals) < 0 || !one.revents)
		return true;
	if (fd_receive(p->sock, &word, &n, fds, &nfds, &ignored) < 0 || n == 0 ||
	    nfds != BUILD_PACK_FDS)
		return false;
	if (!refused) {
		start(p, fds, signals);
		return true;
	}
	close(fds[BUILD_PACK_FILE]);
	tell(fds[BUILD_PACK_PIPE], refused);
	return true;
}

void
build_pack_serve(const struct err *refused)
{
	struct packer p = { .store = IMAGE_FIRST + BUILD_PACK_STORE,
			    .sock = IMAGE_FIRST + BUILD_PACK_SOCK };
	const struct proc_gate store = { p.store, PROC_GATE_READ | PROC_GATE_WRITE };
	sigset_t signals = hear_of_children();
	struct err unfenced;

	(void)prctl(PR_SET_NAME, BUILD_PACK_NAME);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		proc_child_exit(1);
	/* A user's own keys are his processes' to open; this one, whose libraries are loaded by
	 * now, shall not even be able to. */
	if (!refused && proc_fence_if(&store, 1, 0, &unfenced) < 0)
		refused = &unfenced;
	if (!refused)
		warm_up();
	while (turn(&p, refused, &signals))
		;
	proc_child_exit(0);
}
