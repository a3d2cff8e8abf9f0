/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the chamber's system tests: runs shell scripts in a chamber and says what
 * became of them, one "key: value" a line.
 *
 *   chamber STORE tree NAME DEST=FILE...     puts a tree into the store (DEST@ links to FILE)
 *   chamber STORE unpack NAME KIND FILE      sandbox_unpack_tree of a file (KIND: deb, rpm)
 *   chamber STORE run [OPTION...] SCRIPT...  each SCRIPT is a step; none: inputs only
 *      -T NAME tree   -e NAME=VALUE   -l limit=number (memory disk log inodes processes time)
 *      -i [DEST=]FILE copied input (-x: executable)   -u DEST=FILE unpacked input
 *      -o harvest     -k NAME keep failed   -r NAME resume failed   -c CPUS   -t interactive on
 *      a pty   -n COUNT chambers at once   -K MS kill after MS   -B beacons: listeners on the
 *      host   -P full /proc   -F fake chown   -w watch which files of the trees are opened
 *      -E elsewhere: another user, addresses that change
 */
#include "base/cas.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/tar.h"
#include "builder/sandbox.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MAX_LIST  64
#define MAX_RUNS  16
#define LOG_SHOWN ((size_t)1024 * 1024)
#define PTY_SHOWN 4096

struct setup {
	struct cas *store;
	struct sandbox *sandbox;
	const char *trees[MAX_LIST], *env[MAX_LIST];
	struct sandbox_input inputs[MAX_LIST];
	struct sandbox_step steps[MAX_LIST];
	struct sandbox_spec spec;
	bool harvest, tty, watch;
	unsigned count;
	int kill_ms;
	char port[64], name[160], pid[64], path[4200];
};

static void NO_RETURN
die(const struct err *err)
{
	fprintf(stderr, "chamber: %s\n", err->text);
	exit(err_exit_code(err));
}

static void NO_RETURN
usage(void)
{
	fprintf(stderr, "usage: chamber STORE tree|unpack|run ...\n");
	exit(2);
}

/* Splits "a=b" in place; returns b. */
static char *
split(char *pair)
{
	char *at = strchr(pair, '=');

	if (!at)
		usage();
	*at = '\0';
	return at + 1;
}

static void
put_file(int dirfd, char *pair, struct err *err)
{
	char *file = split(pair), *slash, *name = pair;
	size_t n = strlen(pair);
	char *parent = strdup(pair);
	int in, out;

	slash = strrchr(parent, '/');
	if (slash) {
		*slash = '\0';
		if (fd_mkdirs(dirfd, parent, err) < 0)
			die(err);
	}
	free(parent);
	if (name[n - 1] == '@') {
		name[n - 1] = '\0';
		if (symlinkat(file, dirfd, name) < 0)
			abort();
		return;
	}
	if (fd_open(file, O_RDONLY, &in, err) < 0 ||
	    fd_create(dirfd, name, 0755, &out, err) < 0 ||
	    fd_copy(in, out, UINT64_MAX, NULL, err) < 0)
		die(err);
	close(in);
	close(out);
}

static void
make_tree(struct cas *store, int argc, char **argv, struct err *err)
{
	struct arena a = { 0 };
	struct manifest m;
	struct buf text = BUF_MAX(LOG_SHOWN);
	char tmp[64], path[100];
	int dirfd;

	if (argc < 1)
		usage();
	if (cas_tmp_dir(store, tmp, err) < 0)
		die(err);
	(void)snprintf(path, sizeof(path), "tmp/%s/out", tmp);
	if (fd_mkdirs(cas_dirfd(store), path, err) < 0 ||
	    fd_open_beneath(cas_dirfd(store), path, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		die(err);
	for (int i = 1; i < argc; i++)
		put_file(dirfd, argv[i], err);
	if (manifest_scan(&a, dirfd, ".", &m, err) < 0)
		die(err);
	manifest_write(&m, &text);
	if (cas_tree_commit(store, tmp, "out", argv[0], text.data, text.len, err) < 0)
		die(err);
	buf_free(&text);
	arena_release(&a);
	close(dirfd);
}

static void
unpack(struct cas *store, int argc, char **argv, struct err *err)
{
	struct sandbox *s;
	struct digest d;
	int fd;

	if (argc != 3)
		usage();
	if (sandbox_start(store, &s, err) < 0 || fd_open(argv[2], O_RDONLY, &fd, err) < 0 ||
	    cas_put_fd(store, fd, NULL, &d, NULL, err) < 0 ||
	    sandbox_unpack_tree(s, store, &d, strcmp(argv[1], "rpm") == 0 ? TAR_RPM : TAR_DEB,
				argv[0], err) < 0)
		die(err);
	sandbox_stop(s);
}

static void
set_limit(struct sandbox_limits *l, char *pair)
{
	unsigned long long v = strtoull(split(pair), NULL, 10);

	if (strcmp(pair, "memory") == 0)
		l->memory_bytes = v;
	else if (strcmp(pair, "disk") == 0)
		l->disk_bytes = v;
	else if (strcmp(pair, "log") == 0)
		l->log_bytes = v;
	else if (strcmp(pair, "inodes") == 0)
		l->inodes = v;
	else if (strcmp(pair, "processes") == 0)
		l->processes = (unsigned)v;
	else if (strcmp(pair, "time") == 0)
		l->time_s = (unsigned)v;
	else
		usage();
}

static void
add_input(struct setup *s, enum sandbox_input_kind kind, char *pair, bool exec, struct err *err)
{
	struct sandbox_input *in = &s->inputs[s->spec.ninputs++];
	char *file = split(pair);

	in->kind = kind;
	in->dest = pair;
	in->exec = exec;
	if (fd_open(file, O_RDONLY, &in->fd, err) < 0)
		die(err);
}

/* What a chamber must not reach: a TCP listener, an abstract socket, a process, a path. */
static void
light_beacons(struct setup *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t n = sizeof(in);
	int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	int len = snprintf(un.sun_path + 1, 60, "kiln-beacon-%d", (int)getpid());

	if (bind(tcp, (struct sockaddr *)&in, n) < 0 || listen(tcp, 5) < 0 ||
	    getsockname(tcp, (struct sockaddr *)&in, &n) < 0 ||
	    bind(local, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0 ||
	    listen(local, 5) < 0)
		abort();
	(void)snprintf(s->port, sizeof(s->port), "PROBE_PORT=%d", ntohs(in.sin_port));
	(void)snprintf(s->name, sizeof(s->name), "PROBE_ABSTRACT=%s", un.sun_path + 1);
	(void)snprintf(s->pid, sizeof(s->pid), "PROBE_PID=%d", (int)getpid());
	(void)snprintf(s->path, sizeof(s->path), "PROBE_PATH=%s", cas_path(s->store));
	s->env[s->spec.nenv++] = s->port;
	s->env[s->spec.nenv++] = s->name;
	s->env[s->spec.nenv++] = s->pid;
	s->env[s->spec.nenv++] = s->path;
}

static void
read_options(struct setup *s, int argc, char **argv, struct err *err)
{
	bool exec = false;
	int o;

	while ((o = getopt(argc, argv, "+T:e:l:i:u:xok:r:c:tn:K:BPEFU:w")) != -1) {
		if (s->spec.ntrees > 60 || s->spec.nenv > 50 || s->spec.ninputs > 60)
			usage();
		switch (o) {
		case 'T':
			s->trees[s->spec.ntrees++] = optarg;
			break;
		case 'e':
			s->env[s->spec.nenv++] = optarg;
			break;
		case 'l':
			set_limit(&s->spec.limits, optarg);
			break;
		case 'x':
			exec = true;
			break;
		case 'i':
			add_input(s, SANDBOX_COPY, optarg, exec, err);
			break;
		case 'u':
			add_input(s, SANDBOX_UNPACK, optarg, false, err);
			break;
		case 'o':
			s->harvest = true;
			break;
		case 'k':
			s->spec.keep_failed = optarg;
			break;
		case 'r':
			s->spec.resume_failed = optarg;
			break;
		case 'c':
			s->spec.cpus = (unsigned)atoi(optarg);
			break;
		case 't':
			s->tty = true;
			break;
		case 'n':
			s->count = (unsigned)atoi(optarg);
			break;
		case 'K':
			s->kill_ms = atoi(optarg);
			break;
		case 'P':
			s->spec.full_proc = true;
			break;
		case 'E':
			s->spec.elsewhere = true;
			break;
		case 'F':
			s->spec.fake_chown = true;
			break;
		case 'U':
			s->spec.kernel_release = optarg;
			s->spec.kernel_version = SANDBOX_KERNEL_VERSION;
			break;
		case 'B':
			light_beacons(s);
			break;
		case 'w':
			s->watch = true;
			break;
		default:
			usage();
		}
	}
	for (; optind < argc && s->spec.nsteps < MAX_LIST; optind++) {
		static char names[MAX_LIST][16];
		size_t i = s->spec.nsteps++;

		(void)snprintf(names[i], sizeof(names[i]), "s%zu", i + 1);
		s->steps[i].name = names[i];
		s->steps[i].script = argv[optind];
	}
}

static void
show_seen(const struct sandbox_seen *s)
{
	printf("watched: %s\nused_known: %s\nlost: %llu\n", s->watched ? "yes" : "no",
	       s->used_known ? "yes" : "no", (unsigned long long)s->lost);
	for (size_t i = 0; i < s->nviolations; i++)
		printf("violation: %s %s %s %s %llu\n", s->violations[i].kind,
		       s->violations[i].call, s->violations[i].process,
		       s->violations[i].argument[0] ? s->violations[i].argument : "-",
		       (unsigned long long)s->violations[i].count);
	for (size_t i = 0; i < s->nused; i++)
		printf("used: %s\n", s->used[i]);
}

static void
watch_trees(struct arena *a, struct setup *s, struct err *err)
{
	struct manifest *all = arena_array(a, s->spec.ntrees, sizeof(*all));
	const struct manifest **list = arena_array(a, s->spec.ntrees, sizeof(*list));

	for (size_t i = 0; i < s->spec.ntrees; i++) {
		struct buf text = BUF_MAX(LOG_SHOWN * 16);

		if (cas_tree_manifest(s->store, s->trees[i], &text, err) < 0 ||
		    manifest_parse(a, buf_text(&text), text.len, s->trees[i], &all[i], err) < 0)
			die(err);
		list[i] = &all[i];
		buf_free(&text);
	}
	sandbox_trace_dirs(a, list, s->spec.ntrees, &s->spec.watch, &s->spec.nwatch);
}

static void
show(const struct sandbox_result *r, const struct manifest *m)
{
	printf("cause: %s\nstep: %d\nstatus: %d\nmessage: %s\n", sandbox_cause_word(r->cause),
	       r->step, r->status, r->message);
	printf("elapsed_ms: %lld\npeak: %llu\nlog_bytes: %llu\n", (long long)r->elapsed_ms,
	       (unsigned long long)r->peak_memory_bytes, (unsigned long long)r->log_bytes);
	for (size_t i = 0; i < r->nwalls; i++)
		printf("wall: %s | %s | %s\n", r->walls[i].name, r->walls[i].detail,
		       r->walls[i].required ? "required" : "more");
	show_seen(&r->seen);
	for (size_t i = 0; i < m->n; i++)
		printf("out: %s %o %s %s\n", m->at[i].path, m->at[i].mode,
		       m->at[i].type == MANIFEST_FILE  ? "file"
		       : m->at[i].type == MANIFEST_DIR ? "dir"
						       : "link",
		       m->at[i].target     ? m->at[i].target
		       : m->at[i].hardlink ? m->at[i].hardlink
					   : "-");
}

static void
show_log(int fd, struct err *err)
{
	struct buf text = BUF_MAX(LOG_SHOWN);

	if (lseek(fd, 0, SEEK_SET) < 0 || fd_read_all(fd, &text, err) < 0)
		printf("log: (longer than is shown)\n");
	else
		printf("log:\n%s", buf_text(&text));
	buf_free(&text);
}

static void
wait_or_kill(const struct setup *s, struct sandbox_run *r)
{
	struct pollfd p = { .fd = sandbox_run_fd(r), .events = POLLIN };
	int64_t start;

	if (s->kill_ms < 0 || poll(&p, 1, s->kill_ms) != 0)
		return;
	start = clock_monotonic_ms();
	sandbox_kill(r);
	(void)poll(&p, 1, -1);
	printf("killed_in_ms: %lld\n", (long long)(clock_monotonic_ms() - start));
}

/* Opens a pty; its slave goes in, what comes out is kept for the end. */
static int
open_pty(struct setup *s, struct err *err)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    fd_open(ptsname(master), O_RDWR | O_NOCTTY, &slave, err) < 0)
		abort();
	s->spec.tty_fd = slave;
	return master;
}

static int
run(struct setup *s, struct err *err)
{
	struct sandbox_run *runs[MAX_RUNS];
	int logs[MAX_RUNS], worst = 0, master = s->tty ? open_pty(s, err) : -1;
	struct arena a = { 0 };

	if (s->watch)
		watch_trees(&a, s, err);
	for (unsigned i = 0; i < s->count; i++) {
		if (fd_memory("log", &logs[i], err) < 0)
			die(err);
		s->spec.log_fd = logs[i];
		if (sandbox_begin(s->sandbox, &s->spec, &runs[i], err) < 0)
			die(err);
	}
	if (s->spec.tty_fd >= 0)
		close(s->spec.tty_fd);
	for (unsigned i = 0; i < s->count; i++) {
		struct sandbox_result r;
		struct manifest m = { 0 };

		wait_or_kill(s, runs[i]);
		if (sandbox_collect(&a, runs[i], &r, &m, err) < 0)
			die(err);
		show(&r, &m);
		show_log(logs[i], err);
		worst |= r.cause != SANDBOX_OK;
	}
	if (master >= 0) {
		char text[PTY_SHOWN];
		size_t n = 0;
		ssize_t got;

		/* The terminal hands over line by line, and ends when nobody inside has it. */
		while (n < sizeof(text) && (got = read(master, text + n, sizeof(text) - n)) > 0)
			n += (size_t)got;
		printf("pty: %.*s\n", (int)n, text);
	}
	arena_release(&a);
	return worst;
}

static int
run_all(struct cas *store, int argc, char **argv, struct err *err)
{
	static struct setup s;
	char tmp[64];
	int rc;

	s.store = store;
	s.count = 1;
	s.kill_ms = -1;
	s.spec = (struct sandbox_spec){ .name = "test",
					.trees = s.trees,
					.env = s.env,
					.inputs = s.inputs,
					.steps = s.steps,
					.cpus = 1,
					.limits = sandbox_limits_default,
					.mtime = 1000000000,
					.log_fd = -1,
					.tty_fd = -1 };
	if (sandbox_start(store, &s.sandbox, err) < 0)
		die(err);
	read_options(&s, argc, argv, err);
	if (s.count < 1 || s.count > MAX_RUNS)
		usage();
	if (s.harvest) {
		if (cas_tmp_dir(store, tmp, err) < 0)
			die(err);
		s.spec.harvest_tmp = tmp;
		printf("tmp: %s\n", tmp);
		fflush(stdout);
	}
	rc = run(&s, err);
	sandbox_stop(s.sandbox);
	return rc;
}

int
main(int argc, char **argv)
{
	struct err err = { .code = ERR_NONE };
	struct cas *store;
	int rc = 0;

	if (argc < 3)
		usage();
	if (cas_open(argv[1], true, &store, &err) < 0)
		die(&err);
	if (strcmp(argv[2], "tree") == 0)
		make_tree(store, argc - 3, argv + 3, &err);
	else if (strcmp(argv[2], "unpack") == 0)
		unpack(store, argc - 3, argv + 3, &err);
	else if (strcmp(argv[2], "run") == 0)
		rc = run_all(store, argc - 2, argv + 2, &err);
	else
		usage();
	cas_close(store);
	return rc;
}
