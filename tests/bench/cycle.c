/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of chambers, one "SERIES MICROSECONDS" line a sample, series interleaved round by
 * round so that a busy machine is equally busy for all of them.
 *
 *   cycle STORE TRUE ROUNDS [NAME EVERY COMMAND]...
 *
 * TRUE is a static program that exits 0; it is /bin/sh of the environments made here. Series:
 *   spawn     posix_spawn of TRUE and wait
 *   floor     clone3 into the chamber's namespaces, exec TRUE, wait: no mounts, no walls
 *   chamber   sandbox_run with one step, every wall, one tree
 *   chamber-10, chamber-400   the same on kept bases of so many trees
 *   NAME      COMMAND (split at spaces, %d is the round) spawned every EVERY rounds
 * At the end the same without pauses, per cycle: chamber-row, floor-row.
 */
#include "base/buf.h"
#include "base/cas.h"
#include "base/fd.h"
#include "builder/sandbox.h"
#include <linux/sched.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define MANY        400
#define FEW         10
#define FILES_EACH  20
#define ROW         200
#define WARM_UP     5
#define MAX_PEERS   16
#define MAX_WORDS   64
#define RT_PRIORITY 10
#define PAUSE_NS    40000000 /* the kernel frees late: not in the next one's time */

struct peer {
	const char *name, *command;
	unsigned every;
	bool failed;
};
struct bench {
	struct cas *store;
	struct sandbox *sandbox;
	const char *true_path;
	unsigned rounds;
	struct peer peers[MAX_PEERS];
	size_t npeers;
	const char *one[1], *few[FEW + 1], *many[MANY];
};

static void NO_RETURN
die(const struct err *err)
{
	(void)fprintf(stderr, "cycle: %s\n", err->text);
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
rest(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
}

/* ---- environments ---- */
static void
put_file(int dirfd, const char *path, const char *text, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_create(dirfd, path, 0644, &fd, err) < 0 ||
	    fd_write_all(fd, text, strlen(text), err) < 0)
		die(err);
}

static void
put_true(int dirfd, const char *from, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;

	if (fd_open(from, O_RDONLY, &in, err) < 0 ||
	    fd_create(dirfd, "usr/bin/sh", 0755, &out, err) < 0 ||
	    fd_copy(in, out, UINT64_MAX, NULL, err) < 0)
		die(err);
}

/* Trees share directories the way packages do: usr/bin, usr/lib, usr/share/doc/NAME. */
static void
fill_tree(int dirfd, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *doc = mem_format("usr/share/doc/%s", name);

	if (fd_mkdirs(dirfd, doc, err) < 0 || fd_mkdirs(dirfd, "usr/lib", err) < 0)
		die(err);
	for (unsigned i = 0; i < FILES_EACH; i++) {
		CLEANUP(mem_free)
		char *path = mem_format("%s/%s-%u",
					i % 2   ? doc
					: i % 4 ? "usr/lib"
						: "usr/bin",
					name, i);

		put_file(dirfd, path, name, err);
	}
}

static void
make_tree(struct bench *b, const char *name, bool with_true, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX((size_t)1024 * 1024);
	CLEANUP(mem_free) char *path = NULL;
	CLEANUP(fd_close) int dirfd = -1;
	struct manifest m;
	char tmp[64];

	if (cas_tree_has(b->store, name))
		return;
	if (cas_tmp_dir(b->store, tmp, err) < 0)
		die(err);
	path = mem_format("tmp/%s/out", tmp);
	if (fd_mkdirs(cas_dirfd(b->store), path, err) < 0 ||
	    fd_open_beneath(cas_dirfd(b->store), path, O_RDONLY | O_DIRECTORY, &dirfd, err) <
		    0 ||
	    fd_mkdirs(dirfd, "usr/bin", err) < 0)
		die(err);
	if (with_true)
		put_true(dirfd, b->true_path, err);
	else
		fill_tree(dirfd, name, err);
	if (manifest_scan(&a, dirfd, ".", &m, err) < 0)
		die(err);
	manifest_write(&m, &text);
	if (cas_tree_commit(b->store, tmp, "out", name, text.data, text.len, err) < 0)
		die(err);
}

/* The shell lies in the lowest tree: where looking for it costs most. */
static void
make_trees(struct bench *b, struct err *err)
{
	make_tree(b, "bench-true", true, err);
	b->one[0] = "bench-true";
	for (size_t i = 0; i + 1 < MANY; i++) {
		b->many[i] = mem_format("bench-%zu", i);
		make_tree(b, b->many[i], false, err);
		if (i + 1 < FEW)
			b->few[i] = b->many[i];
	}
	b->many[MANY - 1] = b->few[FEW - 1] = "bench-true";
}

/* ---- what is measured ---- */
static double
chamber(struct bench *b, const char *const *trees, size_t n, struct err *err)
{
	static const char *const env[] = { "PATH=/bin" };
	static const struct sandbox_step step = { .name = "true", .script = ":\n" };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct sandbox_spec spec = { .name = "bench",
				     .trees = trees,
				     .ntrees = n,
				     .env = env,
				     .nenv = ARRAY_LEN(env),
				     .steps = &step,
				     .nsteps = 1,
				     .limits = sandbox_limits_default,
				     .cpus = 2,
				     .log_fd = -1,
				     .tty_fd = -1 };
	struct sandbox_result result;
	double began = now_us();

	if (sandbox_run(&a, b->sandbox, &spec, &result, NULL, err) < 0)
		die(err);
	if (result.cause != SANDBOX_OK) {
		err_set(err, ERR_SANDBOX, "the chamber's step failed: %s", result.message);
		die(err);
	}
	return now_us() - began;
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static double
bare_floor(const struct bench *b)
{
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
					    CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
					    CLONE_NEWCGROUP,
				   .exit_signal = SIGCHLD };
	double began = now_us();
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		(void)execl(b->true_path, "true", (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || wait_for((pid_t)pid) != 0) {
		(void)fprintf(stderr, "cycle: the floor cannot be measured: %s\n",
			      strerror(errno));
		exit(1);
	}
	return now_us() - began;
}

/* -1: it failed. */
static double
spawn(const char *command, unsigned round)
{
	char *argv[MAX_WORDS + 1] = { NULL }, *none[] = { NULL }, number[16], *save = NULL;
	CLEANUP(mem_free) char *words = mem_strdup(command);
	posix_spawn_file_actions_t quiet;
	size_t n = 0;
	double began;
	pid_t pid;
	int rc;

	(void)snprintf(number, sizeof(number), "%u", round);
	for (char *w = strtok_r(words, " ", &save); w && n < MAX_WORDS;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = strcmp(w, "%d") == 0 ? number : w;
	(void)posix_spawn_file_actions_init(&quiet);
	(void)posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	began = now_us();
	rc = posix_spawnp(&pid, argv[0], &quiet, NULL, argv, argv[1] ? environ : none);
	if (rc == 0)
		rc = wait_for(pid);
	(void)posix_spawn_file_actions_destroy(&quiet);
	return rc == 0 ? now_us() - began : -1;
}

static void
say(const char *series, double us)
{
	printf("%s %.1f\n", series, us);
	rest();
}

static void
ask_peers(struct bench *b, unsigned round)
{
	for (size_t i = 0; i < b->npeers; i++) {
		struct peer *p = &b->peers[i];
		double us;

		if (p->failed || round % p->every != 0)
			continue;
		us = spawn(p->command, round);
		if (us < 0) {
			p->failed = true;
			(void)fprintf(stderr, "cycle: %s failed: %s\n", p->name, p->command);
			continue;
		}
		if (round >= WARM_UP || p->every > 1)
			say(p->name, us);
	}
}

static void
one_round(struct bench *b, unsigned round, struct err *err)
{
	double plain = spawn(b->true_path, round), floor, one, few, many;

	rest();
	floor = bare_floor(b);
	rest();
	one = chamber(b, b->one, 1, err);
	rest();
	few = chamber(b, b->few, FEW, err);
	rest();
	many = chamber(b, b->many, MANY, err);
	rest();
	if (round >= WARM_UP) {
		say("spawn", plain);
		say("floor", floor);
		say("chamber", one);
		say("chamber-10", few);
		say("chamber-400", many);
	}
	ask_peers(b, round);
}

/* Without pauses, so that what a cycle leaves behind is paid for too. */
static void
rows(struct bench *b, struct err *err)
{
	double began = now_us();

	for (unsigned i = 0; i < ROW; i++)
		(void)chamber(b, b->one, 1, err);
	printf("chamber-row %.1f\n", (now_us() - began) / ROW);
	rest();
	began = now_us();
	for (unsigned i = 0; i < ROW; i++)
		(void)bare_floor(b);
	printf("floor-row %.1f\n", (now_us() - began) / ROW);
}

int
main(int argc, char **argv)
{
	static struct bench b;
	struct err err = { .code = ERR_NONE };
	struct sched_param rt = { .sched_priority = RT_PRIORITY };
	bool bursts;

	if (argc < 4 || (argc - 4) % 3 != 0 || (argc - 4) / 3 > MAX_PEERS) {
		(void)fprintf(stderr,
			      "usage: cycle STORE TRUE ROUNDS [NAME EVERY COMMAND]...\n");
		return 2;
	}
	b.true_path = argv[2];
	b.rounds = (unsigned)atoi(argv[3]);
	for (int i = 4; i < argc; i += 3)
		b.peers[b.npeers++] =
			(struct peer){ .name = argv[i],
				       .every = (unsigned)KILN_MAX(atoi(argv[i + 1]), 1),
				       .command = argv[i + 2] };
	if (cas_open(argv[1], true, &b.store, &err) < 0)
		die(&err);
	make_trees(&b, &err);
	/* Short bursts that a neighbour's time slice does not cut: before the helper is forked.
	 */
	bursts = sched_setscheduler(0, SCHED_RR, &rt) == 0;
	printf("# scheduler %s\n", bursts ? "SCHED_RR" : "as it is (no right to SCHED_RR)");
	if (sandbox_start(b.store, &b.sandbox, &err) < 0)
		die(&err);
	for (unsigned i = 0; i < b.rounds + WARM_UP; i++)
		one_round(&b, i, &err);
	for (unsigned i = 0; i < 3; i++)
		rows(&b, &err);
	sandbox_stop(b.sandbox);
	cas_close(b.store);
	return 0;
}
