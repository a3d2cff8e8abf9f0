/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beacons first (what a chamber must not reach), then a private store whose only tree holds the
 * attack program as /usr/bin/sh, then the chambers, then a look at whether anything outside is
 * harmed.
 */
#include "builder/selftest_priv.h"
#include "base/tree.h"
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define CROWD_KILL_MS 120000
#define CANARY        "nobody inside may read or change this\n"

extern const unsigned char selftest_program[], selftest_program_end[];

static const struct selftest_attack table[] = {
#define ATTACK(name, wanted, wall, group, words)                                               \
	{ #name, wall, words, group, wanted, "", false },
#define CONTROL(name, wanted, wall, group, words) { #name, wall, words, 0, wanted, "", false },
#define SIBLING(...)
#define TOOL(...)
#ifdef __x86_64__
#define ATTACK_X86 ATTACK
#else
#define ATTACK_X86(...)
#endif
#include "builder/attack/attacks.def"
#undef ATTACK
#undef ATTACK_X86
#undef CONTROL
#undef SIBLING
#undef TOOL
};

void
selftest_say(struct selftest *t, const char *what)
{
	if (t->progress)
		t->progress(t->arg, what, t->report->n, t->all);
}

void
selftest_add(struct selftest *t, const struct selftest_attack *line, const char *got)
{
	struct selftest_report *r = t->report;
	struct selftest_attack *at = &r->at[r->n];

	if (r->n == SELFTEST_MAX)
		abort(); /* a constant of ours is too small */
	*at = *line;
	(void)snprintf(at->got, sizeof(at->got), "%.150s", got ? got : "no answer");
	at->held = strcmp(at->got, at->wanted) == 0;
	r->n++;
	r->nattacks += at->group > 0;
	r->nheld += at->held;
}

const char *
selftest_answer(struct selftest *t, const struct buf *log, const char *name)
{
	size_t n = strlen(name);
	const char *next;

	for (const char *line = buf_text(log); *line; line = next) {
		const char *stop = strchr(line, '\n');

		next = stop ? stop + 1 : line + strlen(line);
		if (strncmp(line, name, n) == 0 && strncmp(line + n, ": ", 2) == 0)
			return arena_strndup(t->arena, line + n + 2,
					     (size_t)((stop ? stop : next) - line) - n - 2);
	}
	return NULL;
}

/* ---- chambers ---- */
static int
collect(struct selftest *t, struct selftest_chamber *c, struct sandbox_run *run,
	struct err *err)
{
	struct pollfd p = { .fd = sandbox_run_fd(run), .events = POLLIN };

	if (poll(&p, 1, c->kill_ms ? c->kill_ms : CROWD_KILL_MS) == 0)
		sandbox_kill(run);
	return sandbox_collect(t->arena, run, &c->result, &c->manifest, err);
}

int
selftest_chamber(struct selftest *t, struct selftest_chamber *c, struct err *err)
{
	static const char *const tree = SELFTEST_TREE;
	struct sandbox_step steps[2] = { { "one", c->scripts[0] }, { "two", c->scripts[1] } };
	struct sandbox_spec spec = { .name = "selftest",
				     .trees = &tree,
				     .ntrees = 1,
				     .env = t->env,
				     .nenv = t->nenv,
				     .steps = steps,
				     .nsteps = !c->scripts[0]  ? 0
					       : c->scripts[1] ? 2
							       : 1,
				     .inputs = c->input,
				     .ninputs = c->input != NULL,
				     .limits = c->limits,
				     .cpus = 1,
				     .log_fd = -1,
				     .tty_fd = -1,
				     .kernel_release = c->fixed_uname ? "6.0.0-selftest" : NULL,
				     .kernel_version = c->fixed_uname ? "#1 selftest" : NULL,
				     .keep_failed = c->keep };
	CLEANUP(fd_close) int log = -1;
	struct sandbox_run *run = NULL;

	if (fd_memory("selftest log", &log, err) < 0)
		return -1;
	spec.log_fd = log;
	if (c->harvest) {
		if (cas_tmp_dir(t->store, c->tmp, err) < 0)
			return -1;
		spec.harvest_tmp = c->tmp;
	}
	if (sandbox_begin(t->sandbox, &spec, &run, err) < 0 || collect(t, c, run, err) < 0)
		return -1;
	t->listens = t->listens || c->result.seen.watched;
	if (lseek(log, 0, SEEK_SET) < 0)
		return err_sys(err, "reading the chamber's log");
	c->log = (struct buf)BUF_MAX(SELFTEST_LOG_MAX);
	return fd_read_all(log, &c->log, err);
}

void
selftest_drop(struct selftest *t, struct selftest_chamber *c)
{
	buf_free(&c->log);
	if (c->tmp[0])
		cas_tmp_drop(t->store, c->tmp);
	c->tmp[0] = '\0';
}

/* Every attack of the table in one chamber, each in a process of its own. */
static int
run_crowd(struct selftest *t, struct err *err)
{
	CLEANUP(buf_free) struct buf script = BUF_MAX(SELFTEST_LOG_MAX);
	struct selftest_chamber c = { .limits = sandbox_limits_default };

	selftest_say(t, "single attacks, all in one chamber");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		buf_add_format(&script, "%s\n", table[i].name);
	if (buf_check(&script, "the list of attacks", err) < 0)
		return -1;
	c.scripts[0] = buf_text(&script);
	if (selftest_chamber(t, &c, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		selftest_add(t, &table[i], selftest_answer(t, &c.log, table[i].name));
	memcpy(t->report->walls, c.result.walls, sizeof(c.result.walls));
	t->report->nwalls = c.result.nwalls;
	selftest_drop(t, &c);
	return 0;
}

/* ---- what must stay unharmed ---- */
static int
digest_file(int dirfd, const char *path, struct digest *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SELFTEST_LOG_MAX * 16);
	struct digest_state *hash;

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return -1;
	hash = digest_begin();
	digest_add(hash, buf_text(&text), text.len);
	digest_end(hash, out);
	return 0;
}

/* The tree's files, modes and names as one digest. */
static int
digest_tree(struct selftest *t, struct digest *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SELFTEST_LOG_MAX);
	struct digest_state *hash;
	struct manifest m;

	if (manifest_scan(t->arena, cas_dirfd(t->store), "trees/" SELFTEST_TREE, &m, err) < 0)
		return -1;
	manifest_write(&m, &text);
	hash = digest_begin();
	digest_add(hash, buf_text(&text), text.len);
	digest_end(hash, out);
	return 0;
}

static void
add_env(struct selftest *t, const char *text)
{
	if (t->nenv < SELFTEST_MAX_ENV)
		t->env[t->nenv++] = text;
}

/* The same port on both loopbacks, where the host has two. */
static int
light_tcp(struct selftest *t, struct err *err)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t n = sizeof(in);

	t->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->tcp6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->tcp < 0 || bind(t->tcp, (struct sockaddr *)&in, n) < 0 ||
	    listen(t->tcp, 5) < 0 || getsockname(t->tcp, (struct sockaddr *)&in, &n) < 0)
		return err_sys(err, "listening on 127.0.0.1, as what no chamber may reach");
	in6.sin6_port = in.sin_port;
	if (t->tcp6 >= 0 && (bind(t->tcp6, (struct sockaddr *)&in6, sizeof(in6)) < 0 ||
			     listen(t->tcp6, 5) < 0)) {
		close(t->tcp6);
		t->tcp6 = -1;
	}
	add_env(t, arena_format(t->arena, "PROBE_PORT=%d", ntohs(in.sin_port)));
	return 0;
}

static int
light_abstract(struct selftest *t, struct err *err)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int n = snprintf(un.sun_path + 1, 60, "kiln-selftest-%d", (int)getpid());

	t->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->local < 0 ||
	    bind(t->local, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0 ||
	    listen(t->local, 5) < 0)
		return err_sys(err,
			       "listening on an abstract socket, as what no chamber may reach");
	add_env(t, arena_format(t->arena, "PROBE_ABSTRACT=%s", un.sun_path + 1));
	return 0;
}

/* The key is one that a build must not find; a kernel without keyrings has nothing to find. */
static int
light_beacons(struct selftest *t, struct err *err)
{
	char path[256];

	add_env(t, "PATH=/bin");
	add_env(t, "KILN_PROBE=1");
	if (light_tcp(t, err) < 0 || light_abstract(t, err) < 0)
		return -1;
	add_env(t, arena_format(t->arena, "PROBE_PID=%d", (int)getpid()));
	add_env(t, arena_format(t->arena, "PROBE_PATH=%s/store", t->dir));
	(void)syscall(SYS_add_key, "user", "kiln-beacon", "x", (size_t)1,
		      KEY_SPEC_SESSION_KEYRING);
	if (gethostname(t->host, sizeof(t->host) - 1) < 0)
		return err_sys(err, "asking for the host's name");
	(void)snprintf(path, sizeof(path), "%s/canary", t->dir);
	if (fd_publish(AT_FDCWD, path, CANARY, strlen(CANARY), 0600, err) < 0)
		return -1;
	return digest_file(AT_FDCWD, path, &t->canary, err);
}

static void
take_key_back(void)
{
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
			   "kiln-beacon", 0);

	if (key >= 0)
		(void)syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_SESSION_KEYRING);
}

static bool
is_quiet(int listener)
{
	int fd = listener < 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

/* After all attacks: the victims, looked at from where they live. */
static int
look_outside(struct selftest *t, struct err *err)
{
	static const struct selftest_attack lines[] = {
		{ "outside_tcp", "network", "nobody called the host's TCP service", 16, "ok",
		  "", false },
		{ "outside_abstract", "network", "nobody called the host's abstract socket", 1,
		  "ok", "", false },
		{ "outside_tree", "read-only root",
		  "the tree the chambers stood on is unchanged", 26, "ok", "", false },
		{ "outside_canary", "read-only root", "a file beside the store is unchanged",
		  26, "ok", "", false },
		{ "outside_host_name", "namespaces", "the host kept its name", 18, "ok", "",
		  false },
	};
	bool good[ARRAY_LEN(lines)] = { false };
	char path[256], host[65] = "";
	struct digest canary, tree;

	(void)snprintf(path, sizeof(path), "%s/canary", t->dir);
	if (digest_file(AT_FDCWD, path, &canary, err) < 0 || digest_tree(t, &tree, err) < 0)
		return -1;
	good[0] = is_quiet(t->tcp) && is_quiet(t->tcp6);
	good[1] = is_quiet(t->local);
	good[2] = digest_equal(&tree, &t->tree);
	good[3] = digest_equal(&canary, &t->canary);
	good[4] = gethostname(host, sizeof(host) - 1) == 0 && strcmp(host, t->host) == 0;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		selftest_add(t, &lines[i], good[i] ? "ok" : "harmed");
	return 0;
}

/* ---- the store ---- */
static int
plant_program(struct selftest *t, const char *tmp, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(mem_free) char *dir = mem_format("tmp/%s/out/usr/bin", tmp);
	CLEANUP(mem_free) char *path = mem_format("%s/sh", dir);

	if (fd_mkdirs(cas_dirfd(t->store), dir, err) < 0 ||
	    fd_create(cas_dirfd(t->store), path, 0755, &fd, err) < 0 ||
	    fd_write_all(fd, selftest_program,
			 (size_t)(selftest_program_end - selftest_program), err) < 0)
		return -1;
	return fd_close(&fd, path, err);
}

static int
make_store(struct selftest *t, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SELFTEST_LOG_MAX);
	CLEANUP(mem_free) char *path = mem_format("%s/store", t->dir);
	struct manifest m;
	char tmp[64], out[100];

	if (cas_open(path, true, &t->store, err) < 0 || cas_tmp_dir(t->store, tmp, err) < 0 ||
	    plant_program(t, tmp, err) < 0)
		return -1;
	(void)snprintf(out, sizeof(out), "tmp/%s/out", tmp);
	if (manifest_scan(t->arena, cas_dirfd(t->store), out, &m, err) < 0)
		return -1;
	manifest_write(&m, &text);
	if (cas_tree_commit(t->store, tmp, "out", SELFTEST_TREE, text.data, text.len, err) < 0)
		return -1;
	return digest_tree(t, &t->tree, err);
}

/* The decoy is open, and would be inherited, if anything were: no chamber may have it. */
static int
run_all(struct selftest *t, struct err *err)
{
	CLEANUP(fd_close) int decoy = -1;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/canary", t->dir);
	if (light_beacons(t, err) < 0 || make_store(t, err) < 0 ||
	    fd_open(path, O_RDONLY, &decoy, err) < 0)
		return -1;
	if (fcntl(decoy, F_SETFD, 0) < 0)
		return err_sys(err, "%s", path);
	if (sandbox_start(t->store, &t->sandbox, err) < 0 || run_crowd(t, err) < 0 ||
	    selftest_siblings(t, err) < 0 || selftest_scenes(t, err) < 0)
		return -1;
	return look_outside(t, err);
}

static void
end(struct selftest *t)
{
	const int fds[] = { t->tcp, t->tcp6, t->local };
	struct err ignored;

	if (t->sandbox)
		sandbox_stop(t->sandbox);
	if (t->store)
		cas_close(t->store);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	take_key_back();
	/* Best effort: it lies below a directory for temporary files. */
	if (tree_remove(AT_FDCWD, t->dir, &ignored) < 0)
		return;
}

int
selftest_run(struct arena *a, const char *dir, selftest_progress_fn *progress, void *arg,
	     struct selftest_report *out, struct err *err)
{
	struct selftest t = { .arena = a,
			      .report = out,
			      .progress = progress,
			      .arg = arg,
			      .all = ARRAY_LEN(table) + selftest_scene_count(),
			      .tcp = -1,
			      .tcp6 = -1,
			      .local = -1 };
	int n = snprintf(t.dir, sizeof(t.dir), "%s/kiln-selftest-XXXXXX", dir), rc;

	memset(out, 0, sizeof(*out));
	out->at = arena_alloc(a, SELFTEST_MAX * sizeof(*out->at));
	if (n < 0 || (size_t)n >= sizeof(t.dir))
		return err_set(err, ERR_INPUT, "%s is too long a path for a selftest", dir);
	if (!mkdtemp(t.dir))
		return err_sys(err, "making a directory in %s", dir);
	rc = run_all(&t, err);
	end(&t);
	return rc;
}
