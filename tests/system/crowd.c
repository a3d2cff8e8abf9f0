/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many chambers and many trees: what the tests of kept environments and of leaks run.
 *
 *   crowd STORE trees N            puts trees t-00000... of three files each into the store
 *   crowd STORE wide N GROUND      twice a chamber on N of them and GROUND; checks what it sees
 *   crowd STORE many N GROUND      N environments one after the other, then what stayed
 *   crowd STORE row N GROUND       N chambers in a row; what is left, before and after
 *   crowd STORE once W S GROUND    W at once for S seconds; the same
 *   crowd STORE reap MIB GROUND    how long a chamber takes to answer that leaves MIB in /build
 */
#include "base/arena.h"
#include "base/cas.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/manifest.h"
#include "base/tree.h"
#include "builder/sandbox.h"
#include <poll.h>

#define MAX_TREES   10000
#define MAX_AT_ONCE 64
#define SETTLE_MS   5000
#define SPARE_MS    100 /* in which a spare warden is made */

struct crowd {
	struct cas *store;
	struct sandbox *sandbox;
	struct arena a;
	struct err err;
	const char *ground;
	pid_t helper;
};

/* What may not grow. */
struct count {
	unsigned own_fds, helper_fds, mounts, processes, cgroups;
	unsigned long helper_kib;
};

static void NO_RETURN
die(const struct crowd *c)
{
	fprintf(stderr, "crowd: %s\n", c->err.text);
	exit(err_exit_code(&c->err));
}

static unsigned
entries(const char *path)
{
	struct arena a = { 0 };
	struct err err;
	const char **names;
	size_t n = 0;

	if (tree_list(&a, AT_FDCWD, path, &names, &n, &err) < 0)
		n = 0;
	arena_release(&a);
	return (unsigned)n;
}

static void
read_text(struct arena *a, const char *path, char **out)
{
	struct buf text = BUF_MAX((size_t)64 * 1024 * 1024);
	struct err err;

	*out = arena_strdup(a, fd_read_file(AT_FDCWD, path, &text, &err) < 0 ? ""
									     : buf_text(&text));
	buf_free(&text);
}

static unsigned
lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static pid_t
first_child(struct arena *a, pid_t pid)
{
	char *text;

	read_text(a, arena_format(a, "/proc/%d/task/%d/children", (int)pid, (int)pid), &text);
	return (pid_t)atol(text);
}

/* Directories of runs below the cgroup of this process's chambers. */
static unsigned
cgroups(struct arena *a)
{
	char *text, *line, *path;
	unsigned n = 0;

	read_text(a, "/proc/self/cgroup", &text);
	line = strstr(text, ":memory:");
	if (!line)
		return 0;
	path = line + strlen(":memory:");
	path[strcspn(path, "\n")] = '\0';
	path = arena_format(a, "/sys/fs/cgroup/memory%s/kiln-%d", strcmp(path, "/") ? path : "",
			    (int)getpid());
	if (faccessat(AT_FDCWD, path, F_OK, 0) == 0) {
		struct err err;
		const char **names;
		size_t all;

		if (tree_list(a, AT_FDCWD, path, &names, &all, &err) == 0)
			for (size_t i = 0; i < all; i++)
				n += strncmp(names[i], "run-", 4) == 0;
	}
	return n;
}

static struct count
take_count(struct crowd *c)
{
	struct arena a = { 0 };
	struct count n = { .own_fds = entries("/proc/self/fd") };
	char *text, *at;

	n.helper_fds = entries(arena_format(&a, "/proc/%d/fd", (int)c->helper));
	read_text(&a, arena_format(&a, "/proc/%d/mountinfo", (int)c->helper), &text);
	n.mounts = lines(text);
	read_text(&a,
		  arena_format(&a, "/proc/%d/task/%d/children", (int)c->helper, (int)c->helper),
		  &text);
	for (at = text; *at; at++)
		n.processes += *at == ' ';
	n.cgroups = cgroups(&a);
	read_text(&a, arena_format(&a, "/proc/%d/status", (int)c->helper), &text);
	at = strstr(text,
		    "RssAnon:"); /* pages of its program that it comes to use are no leak */
	n.helper_kib = at ? strtoul(at + 8, NULL, 10) : 0;
	arena_release(&a);
	return n;
}

/* Wardens end a moment after they answered; the spare one, always one, is made a moment later.
 */
static struct count
settled(struct crowd *c)
{
	int64_t until = clock_monotonic_ms() + SETTLE_MS;
	struct count n;

	do {
		(void)poll(NULL, 0, SPARE_MS);
		n = take_count(c);
	} while ((n.processes != 1 || n.cgroups > 1) && clock_monotonic_ms() < until);
	return n;
}

static void
show_count(const char *when, const struct count *n)
{
	printf("%s: own_fds %u helper_fds %u mounts %u processes %u cgroups %u\n", when,
	       n->own_fds, n->helper_fds, n->mounts, n->processes, n->cgroups);
	printf("%s_kib: %lu\n", when, n->helper_kib);
}

static void
put_tree(struct crowd *c, int number)
{
	struct buf text = BUF_MAX(65536);
	struct manifest m;
	char tmp[64];
	int dir;

	if (cas_tmp_dir(c->store, tmp, &c->err) < 0 ||
	    fd_mkdirs(cas_dirfd(c->store),
		      arena_format(&c->a, "tmp/%s/out/usr/share/crowd", tmp), &c->err) < 0 ||
	    fd_open_dir(cas_dirfd(c->store), arena_format(&c->a, "tmp/%s/out", tmp), &dir,
			&c->err) < 0)
		die(c);
	for (int i = 0; i < 3; i++) {
		int fd;

		if (fd_create(dir, arena_format(&c->a, "usr/share/crowd/f-%05d-%d", number, i),
			      0644, &fd, &c->err) < 0)
			die(c);
		close(fd);
	}
	if (manifest_scan(&c->a, dir, ".", &m, &c->err) < 0)
		die(c);
	manifest_write(&m, &text);
	if (cas_tree_commit(c->store, tmp, "out", arena_format(&c->a, "t-%05d", number),
			    text.data, text.len, &c->err) < 0)
		die(c);
	cas_tmp_drop(c->store, tmp);
	buf_free(&text);
	close(dir);
}

struct job {
	const char *trees[MAX_TREES + 1];
	struct sandbox_step step;
	struct sandbox_spec spec;
};

static void
make_job(struct crowd *c, struct job *j, int first, int n, const char *script)
{
	static const char *const env[] = { "PATH=/bin" };

	memset(j, 0, sizeof(*j));
	for (int i = 0; i < n; i++)
		j->trees[i] = arena_format(&c->a, "t-%05d", first + i);
	j->trees[n] = c->ground;
	j->step = (struct sandbox_step){ .name = "s", .script = script };
	j->spec = (struct sandbox_spec){ .name = "crowd",
					 .trees = j->trees,
					 .ntrees = (size_t)n + 1,
					 .env = env,
					 .nenv = 1,
					 .steps = &j->step,
					 .nsteps = 1,
					 .limits = sandbox_limits_default,
					 .cpus = 1,
					 .log_fd = -1,
					 .tty_fd = -1 };
}

static struct sandbox_result
run(struct crowd *c, const struct job *j)
{
	struct sandbox_result r;

	if (sandbox_run(&c->a, c->sandbox, &j->spec, &r, NULL, &c->err) < 0)
		die(c);
	if (r.cause != SANDBOX_OK) {
		printf("failed: %s\n", r.message);
		exit(1);
	}
	return r;
}

static void
wide(struct crowd *c, int n)
{
	static struct job j;

	make_job(c, &j, 0, n,
		 arena_format(&c->a,
			      "test \"$(ls /usr/share/crowd | wc -l)\" = %d\n"
			      "test -e /usr/share/crowd/f-00000-0\n"
			      "test -e /usr/share/crowd/f-%05d-2\ntest -x /bin/sh\n",
			      3 * n, n - 1));
	for (int i = 0; i < 2; i++) {
		int64_t start = clock_monotonic_ms();

		(void)run(c, &j);
		printf("run %d: %lld ms\n", i + 1, (long long)(clock_monotonic_ms() - start));
	}
}

static void
many(struct crowd *c, int n)
{
	static struct job j;
	struct dict pinned = { 0 };
	int hold;

	for (int i = 0; i < n; i++) {
		make_job(c, &j, i, 1, "test -x /bin/sh");
		(void)run(c, &j);
	}
	(void)settled(c);
	if (cas_pinned(&c->a, c->store, &pinned, &hold, &c->err) < 0)
		die(c);
	close(hold);
	printf("pinned: %zu\n", pinned.n);
	for (int i = 0; i < n; i++)
		if (dict_has(&pinned, arena_format(&c->a, "t-%05d", i)))
			printf("kept: t-%05d\n", i);
	dict_release(&pinned);
}

static void
row(struct crowd *c, int n)
{
	static struct job j;
	struct count before, after;
	int64_t start;

	make_job(c, &j, 0, 0, ":");
	for (int i = 0; i < 20; i++)
		(void)run(c, &j);
	before = settled(c);
	start = clock_monotonic_ms();
	for (int i = 0; i < n; i++)
		(void)run(c, &j);
	printf("ms_for_all: %lld\n", (long long)(clock_monotonic_ms() - start));
	after = settled(c);
	show_count("before", &before);
	show_count("after", &after);
}

static void
at_once(struct crowd *c, int width, int seconds)
{
	static struct job j;
	struct sandbox_run *runs[MAX_AT_ONCE] = { NULL };
	struct count before, after;
	int64_t until;
	unsigned done = 0;

	make_job(c, &j, 0, 0, ":");
	for (int i = 0; i < 20; i++)
		(void)run(c, &j);
	before = settled(c);
	until = clock_monotonic_ms() + (int64_t)seconds * 1000;
	for (int i = 0; i < width; i++)
		if (sandbox_begin(c->sandbox, &j.spec, &runs[i], &c->err) < 0)
			die(c);
	for (bool more = true; more;) {
		struct pollfd p[MAX_AT_ONCE];

		for (int i = 0; i < width; i++)
			p[i] = (struct pollfd){ .fd = runs[i] ? sandbox_run_fd(runs[i]) : -1,
						.events = POLLIN };
		(void)poll(p, (nfds_t)width, -1);
		more = false;
		for (int i = 0; i < width; i++) {
			struct sandbox_result r;

			if (runs[i] && p[i].revents) {
				if (sandbox_collect(&c->a, runs[i], &r, NULL, &c->err) < 0)
					die(c);
				done++;
				runs[i] = NULL;
				if (clock_monotonic_ms() < until &&
				    sandbox_begin(c->sandbox, &j.spec, &runs[i], &c->err) < 0)
					die(c);
			}
			more |= runs[i] != NULL;
		}
	}
	printf("chambers: %u\n", done);
	after = settled(c);
	show_count("before", &before);
	show_count("after", &after);
}

/* The answer must not wait until the kernel has given all pages back. */
static void
reap(struct crowd *c, int mib)
{
	static struct job j;
	int64_t answered;
	struct sandbox_result r;

	make_job(c, &j, 0, 0,
		 arena_format(&c->a, "head -c %lld /dev/zero >/build/big\n",
			      (long long)mib * 1024 * 1024));
	j.spec.limits.memory_bytes = j.spec.limits.disk_bytes = (uint64_t)16 << 30;
	r = run(c, &j);
	answered = clock_monotonic_ms();
	(void)settled(c);
	printf("inside_ms: %lld\nfreed_after_ms: %lld\n", (long long)r.elapsed_ms,
	       (long long)(clock_monotonic_ms() - answered));
}

int
main(int argc, char **argv)
{
	struct crowd c = { .ground = argv[argc > 1 ? argc - 1 : 0] };
	int n = argc > 3 ? atoi(argv[3]) : 0;

	if (argc < 4 || n < 1 || n > MAX_TREES) {
		fprintf(stderr, "usage: crowd STORE WHAT N...\n");
		return 2;
	}
	if (cas_open(argv[1], true, &c.store, &c.err) < 0)
		die(&c);
	if (strcmp(argv[2], "trees") == 0) {
		for (int i = 0; i < n; i++)
			put_tree(&c, i);
		cas_close(c.store);
		return 0;
	}
	if (sandbox_start(c.store, &c.sandbox, &c.err) < 0)
		die(&c);
	c.helper = first_child(&c.a, getpid());
	if (strcmp(argv[2], "wide") == 0)
		wide(&c, n);
	else if (strcmp(argv[2], "many") == 0)
		many(&c, n);
	else if (strcmp(argv[2], "row") == 0)
		row(&c, n);
	else if (strcmp(argv[2], "once") == 0 && argc == 6)
		at_once(&c, KILN_MIN(n, MAX_AT_ONCE), atoi(argv[4]));
	else if (strcmp(argv[2], "reap") == 0)
		reap(&c, n);
	sandbox_stop(c.sandbox);
	cas_close(c.store);
	return 0;
}
