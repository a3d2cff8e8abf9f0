/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conductor's side of the chamber. The order in which a chamber comes to be:
 *
 *   1 sandbox_start      cgroup while we may, then fork the helper        sandbox_limit.c,
 * sandbox_image.c 2 helper             leaves root, namespaces, store, filter sandbox_helper.c
 *   3 sandbox_begin      spec in a memfd, with a socket for the answer    sandbox_wire.c
 *   4 helper             environment overlay, fork a warden               sandbox_mount.c
 *   5 warden             rooms, clone pid 1, cgroup, "go"                 sandbox_warden.c
 *   6 pid 1              walls, inputs, steps                             sandbox_init.c
 *   7 warden             reaps, judges, harvests, answers                 sandbox_harvest.c
 *   8 sandbox_collect    result and manifest
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/proc.h"
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define TREE_MTIME   315619200 /* 1980-01-02: what unpacked packages bear, valid for zip too */
#define STOP_LOOK_MS 200 /* how long a stop that came just before poll() can stay unseen */

struct sandbox {
	int sock;
	pid_t pid;
	bool awake; /* the helper prepared itself, and said that it stands */
	struct sandbox_cgroups cgroups;
	volatile const bool *stop; /* of sandbox_heed */
};
struct sandbox_run {
	int sock;
};

static void
run_free(struct sandbox_run *r)
{
	if (r->sock >= 0)
		close(r->sock);
	free(r);
}
DEFINE_CLEANUP(struct sandbox_run *, run_free);

/* The helper's first word: an err, whose code says whether it stands. */
static int
hear_first_word(int sock, struct err *err)
{
	struct err word = { .code = ERR_NONE };
	size_t n = sizeof(word), nfds = 0;

	if (fd_receive(sock, &word, &n, NULL, &nfds, err) < 0)
		return err_wrap(err, "starting the chamber's helper");
	if (n != sizeof(word))
		return err_set(err, ERR_SANDBOX,
			       "the chamber's helper died before it said a word");
	if (word.code == ERR_NONE)
		return 0;
	word.text[sizeof(word.text) - 1] = '\0';
	*err = word;
	err_wrap(err, "preparing chambers");
	return err_recode(err, ERR_SANDBOX);
}

int
sandbox_fork(struct cas *store, struct sandbox **out, struct err *err)
{
	CLEANUP(sandbox_stop) struct sandbox *s = mem_alloc(sizeof(*s));
	CLEANUP(fd_close) int theirs = -1;
	int pair[2];

	s->sock = -1;
	sandbox_limit_open(&s->cgroups, cas_uid(store));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket");
	s->sock = pair[0];
	theirs = pair[1];
	s->pid = fork();
	if (s->pid < 0)
		return err_sys(err, "starting the chamber's helper");
	if (s->pid == 0)
		sandbox_image_run(store, theirs, &s->cgroups);
	*out = STEAL_PTR(s);
	return 0;
}

int
sandbox_wake(struct sandbox *s, struct err *err)
{
	if (s->awake)
		return 0;
	/* One that is gone says nothing, either. */
	(void)send(s->sock, SANDBOX_WAKE, 1, MSG_NOSIGNAL);
	if (hear_first_word(s->sock, err) < 0)
		return -1;
	s->awake = true;
	return 0;
}

int
sandbox_start(struct cas *store, struct sandbox **out, struct err *err)
{
	CLEANUP(sandbox_stop) struct sandbox *s = NULL;

	if (sandbox_fork(store, &s, err) < 0 || sandbox_wake(s, err) < 0)
		return -1;
	*out = STEAL_PTR(s);
	return 0;
}

void
sandbox_stop(struct sandbox *s)
{
	struct err ignored;
	int status;

	if (s->sock >= 0)
		close(s->sock);
	if (s->pid > 0) {
		(void)kill(s->pid, SIGKILL);
		if (proc_wait(s->pid, &status, &ignored) < 0)
			s->pid = 0;
	}
	sandbox_limit_close(&s->cgroups);
	free(s);
}

/* Names that become part of paths in the store must each be one component. */
static int
check_name(const char *name, const char *what, struct err *err)
{
	if (!name || (*name && *name != '.' && !strchr(name, '/')))
		return 0;
	return err_set(err, ERR_SANDBOX, "'%s' cannot be the name of %s", name, what);
}

static int
check_names(const struct sandbox_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->ntrees; i++)
		if (check_name(spec->trees[i], "a tree of the store", err) < 0)
			return -1;
	if (check_name(spec->keep_failed, "a failed build", err) < 0 ||
	    check_name(spec->resume_failed, "a failed build", err) < 0)
		return -1;
	return check_name(spec->harvest_tmp, "a temporary directory", err);
}

static int
check_kernel(const struct sandbox_spec *spec, struct err *err)
{
	const char *release = spec->kernel_release, *version = spec->kernel_version;

	if (!release && !version)
		return 0;
	if (release && version && strlen(release) <= SANDBOX_KERNEL_MAX &&
	    strlen(version) <= SANDBOX_KERNEL_MAX)
		return 0;
	return err_set(err, ERR_SANDBOX,
		       "a kernel's release and version go together, each of at most %d bytes",
		       SANDBOX_KERNEL_MAX);
}

static int
write_spec(const struct sandbox_spec *spec, int *fd, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SPEC_BYTES);
	CLEANUP(fd_close) int made = -1;

	if (check_names(spec, err) < 0 || check_kernel(spec, err) < 0 ||
	    sandbox_wire_write(spec, &text, err) < 0 || fd_memory("chamber", &made, err) < 0 ||
	    fd_write_all(made, text.data, text.len, err) < 0)
		return -1;
	*fd = STEAL_FD(made);
	return 0;
}

static int
send_request(struct sandbox *s, const struct sandbox_spec *spec, int text, int answer,
	     struct err *err)
{
	struct sandbox_request request = { .has_log = spec->log_fd >= 0,
					   .has_tty = spec->tty_fd >= 0,
					   .ninputs = (uint32_t)spec->ninputs };
	int fds[FD_PASS_MAX] = { text, answer };
	size_t n = 2;

	if (request.has_log)
		fds[n++] = spec->log_fd;
	if (request.has_tty)
		fds[n++] = spec->tty_fd;
	for (size_t i = 0; i < spec->ninputs; i++)
		fds[n++] = spec->inputs[i].fd;
	if (fd_send(s->sock, &request, sizeof(request), fds, n, err) < 0) {
		err_wrap(err, "asking the helper for a chamber");
		return err_recode(err, ERR_SANDBOX);
	}
	return 0;
}

int
sandbox_begin(struct sandbox *s, const struct sandbox_spec *spec, struct sandbox_run **out,
	      struct err *err)
{
	CLEANUP(run_free) struct sandbox_run *r = mem_alloc(sizeof(*r));
	CLEANUP(fd_close) int text = -1;
	CLEANUP(fd_close) int theirs = -1;
	int pair[2];

	r->sock = -1;
	if (write_spec(spec, &text, err) < 0 || sandbox_wake(s, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket");
	r->sock = pair[0];
	theirs = pair[1];
	if (send_request(s, spec, text, theirs, err) < 0)
		return -1;
	*out = STEAL_PTR(r);
	return 0;
}

int
sandbox_run_fd(const struct sandbox_run *r)
{
	return r->sock;
}

void
sandbox_kill(struct sandbox_run *r)
{
	/* Fails only when the run has ended already. */
	(void)send(r->sock, "k", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int
read_manifest(struct arena *a, int fd, struct manifest *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_MANIFEST);

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "reading the manifest of the output");
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "reading the manifest of the output");
	return manifest_parse(a, buf_text(&text), text.len, "manifest of the output", out, err);
}

static int
read_seen(struct arena *a, int fd, struct sandbox_seen *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_SEEN);

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "reading what the warden saw");
	if (fd_read_all(fd, &text, err) < 0)
		return err_wrap(err, "reading what the warden saw");
	return sandbox_wire_seen_read(a, buf_text(&text), text.len, out, err);
}

int
sandbox_collect(struct arena *a, struct sandbox_run *run, struct sandbox_result *result,
		struct manifest *harvest, struct err *err)
{
	CLEANUP(run_free) struct sandbox_run *r = run;
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int seen = -1;
	CLEANUP(mem_free) struct sandbox_reply *reply = mem_alloc(sizeof(*reply));
	bool got = false;

	if (sandbox_wire_reply(r->sock, reply, &fd, &seen, &got, err) < 0)
		return -1;
	if (!got)
		return err_set(err, ERR_SANDBOX, "the chamber's warden died");
	if (!reply->raised) {
		*err = reply->err;
		return -1;
	}
	if (fd >= 0 && harvest && read_manifest(a, fd, harvest, err) < 0)
		return -1;
	if (seen >= 0 && read_seen(a, seen, &reply->result.seen, err) < 0)
		return -1;
	*result = reply->result;
	return 0;
}

void
sandbox_heed(struct sandbox *s, volatile const bool *stop)
{
	s->stop = stop;
}

/* Until the answer is there; a chamber that was told to end answers too. */
static void
wait_heeding(const struct sandbox *s, struct sandbox_run *r)
{
	struct pollfd p = { .fd = r->sock, .events = POLLIN };
	bool told = false;

	while (!p.revents) {
		if (*s->stop && !told) {
			sandbox_kill(r);
			told = true;
		}
		if (poll(&p, 1, told ? -1 : STOP_LOOK_MS) < 0 && errno != EINTR)
			return;
	}
}

int
sandbox_run(struct arena *a, struct sandbox *s, const struct sandbox_spec *spec,
	    struct sandbox_result *result, struct manifest *harvest, struct err *err)
{
	struct sandbox_run *r = NULL;

	if (sandbox_begin(s, spec, &r, err) < 0)
		return -1;
	if (s->stop)
		wait_heeding(s, r);
	return sandbox_collect(a, r, result, harvest, err);
}

const char *
sandbox_cause_word(enum sandbox_cause c)
{
	static const char *const words[] = {
		[SANDBOX_OK] = "ok",
		[SANDBOX_STEP_FAILED] = "build",
		[SANDBOX_UNPACK_FAILED] = "source",
		[SANDBOX_TIMEOUT] = "timeout",
		[SANDBOX_MEMORY] = "memory",
		[SANDBOX_DISK] = "disk",
		[SANDBOX_PROCESSES] = "processes",
		[SANDBOX_LOG_FLOOD] = "log",
		[SANDBOX_OUTPUT_REFUSED] = "output",
		[SANDBOX_INTERRUPTED] = "interrupted",
	};

	return (size_t)c < ARRAY_LEN(words) ? words[c] : "?";
}

struct tmp_dir {
	struct cas *store;
	char name[64];
};

static void
tmp_dir_drop(struct tmp_dir *t)
{
	if (t->name[0])
		cas_tmp_drop(t->store, t->name);
}
DEFINE_RELEASE(struct tmp_dir, tmp_dir_drop);

static int
unpack_locked(struct sandbox *s, struct cas *store, const struct digest *blob, int kind,
	      const char *name, struct err *err)
{
	CLEANUP(tmp_dir_drop) struct tmp_dir tmp = { .store = store };
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(SANDBOX_MAX_MANIFEST);
	CLEANUP(fd_close) int fd = -1;
	struct sandbox_input input = {
		.kind = SANDBOX_UNPACK, .dest = "/out", .archive = kind, .merge_usr = true
	};
	struct sandbox_spec spec = { .name = name,
				     .inputs = &input,
				     .ninputs = 1,
				     .cpus = 1,
				     .limits = sandbox_limits_default,
				     .mtime = TREE_MTIME,
				     .log_fd = -1,
				     .tty_fd = -1 };
	struct sandbox_result result;
	struct manifest m = { 0 };

	if (cas_get_fd(store, blob, &fd, err) < 0 || cas_tmp_dir(store, tmp.name, err) < 0)
		return -1;
	input.fd = fd;
	spec.harvest_tmp = tmp.name;
	if (sandbox_run(&a, s, &spec, &result, &m, err) < 0)
		return -1;
	if (result.cause == SANDBOX_INTERRUPTED)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (result.cause != SANDBOX_OK)
		return err_set(err, ERR_INPUT, "%s", result.message);
	manifest_write(&m, &text);
	if (buf_check(&text, "the manifest", err) < 0)
		return -1;
	return cas_tree_commit(store, tmp.name, "out", name, text.data, text.len, err);
}

int
sandbox_unpack_tree(struct sandbox *s, struct cas *store, const struct digest *blob,
		    int archive_kind, const char *tree_name, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;

	if (cas_tree_has(store, tree_name))
		return 0;
	if (cas_lock(store, tree_name, &lock, err) < 0)
		return -1;
	if (cas_tree_has(store, tree_name))
		return 0;
	if (unpack_locked(s, store, blob, archive_kind, tree_name, err) < 0)
		return err_wrap(err, "unpacking %s", tree_name);
	return 0;
}
