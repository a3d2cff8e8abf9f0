/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real build inside a chamber, for tests/bench/run.sh.
 *
 *   job STORE tree NAME DIR                    copies DIR into the store as a tree
 *   job STORE run ARCHIVE SCRIPT TREE...       unpacks ARCHIVE (tar) in /build, runs the file
 *                                              SCRIPT there, copies the log to stdout
 *   job STORE trace ARCHIVE SCRIPT TREE...     the same, and which files were opened is watched
 */
#include "base/cas.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/tar.h"
#include "builder/sandbox.h"
#include <stdlib.h>

#define MAX_TREES  400
#define MAX_TEXT   ((size_t)64 * 1024 * 1024)
#define MAX_SCRIPT ((size_t)64 * 1024)

static int
make_tree(struct cas *store, const char *name, const char *from, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_TEXT);
	CLEANUP(mem_free) char *path = NULL;
	CLEANUP(mem_free) char *source = mem_format("%s/.", from);
	CLEANUP(fd_close) int dirfd = -1;
	char tmp[64];
	struct manifest m;
	int status;

	if (cas_tree_has(store, name))
		return 0;
	if (cas_tmp_dir(store, tmp, err) < 0)
		return -1;
	path = mem_format("%s/tmp/%s/out", cas_path(store), tmp);
	if (proc_run(&(struct proc_spec){ .argv = (const char *const[]){ "cp", "-a", source,
									 path, NULL },
					  .in = -1,
					  .out = -1,
					  .err = 2 },
		     &status, err) < 0)
		return -1;
	if (status != 0)
		return err_set(err, ERR_IO, "copying %s ended with status %d", from, status);
	if (fd_open(path, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    manifest_scan(&a, dirfd, ".", &m, err) < 0)
		return -1;
	manifest_write(&m, &text);
	return cas_tree_commit(store, tmp, "out", name, text.data, text.len, err);
}

/* As a build does it: the directories of all trees of the environment. */
static int
watch_trees(struct arena *a, struct cas *store, struct sandbox_spec *spec, struct err *err)
{
	const struct manifest **all = arena_array(a, spec->ntrees, sizeof(*all));

	for (size_t i = 0; i < spec->ntrees; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_TEXT);
		struct manifest *m = arena_array(a, 1, sizeof(*m));

		if (cas_tree_manifest(store, spec->trees[i], &text, err) < 0 ||
		    manifest_parse(a, buf_text(&text), text.len, spec->trees[i], m, err) < 0)
			return -1;
		all[i] = m;
	}
	sandbox_trace_dirs(a, all, spec->ntrees, &spec->watch, &spec->nwatch);
	return 0;
}

static int
run_job(struct cas *store, bool traced, int argc, char **argv, struct err *err)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "HOME=/build",
					   "LC_ALL=C.UTF-8" };
	CLEANUP(sandbox_stop) struct sandbox *sandbox = NULL;
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf script = BUF_MAX(MAX_SCRIPT);
	CLEANUP(fd_close) int archive = -1;
	struct sandbox_input input = {
		.kind = SANDBOX_UNPACK, .archive = TAR_ANY, .strip = 1, .dest = "/build"
	};
	struct sandbox_step step = { .name = "build" };
	const char *trees[MAX_TREES];
	struct sandbox_spec spec = { .name = "bench",
				     .trees = trees,
				     .env = env,
				     .nenv = ARRAY_LEN(env),
				     .inputs = &input,
				     .ninputs = 1,
				     .steps = &step,
				     .nsteps = 1,
				     .cpus = 1,
				     .limits = sandbox_limits_default,
				     .mtime = 1000000000,
				     .log_fd = STDOUT_FILENO,
				     .tty_fd = -1 };
	struct sandbox_result result;

	for (int i = 2; i < argc && spec.ntrees < MAX_TREES; i++)
		trees[spec.ntrees++] = argv[i];
	if (traced && watch_trees(&a, store, &spec, err) < 0)
		return -1;
	if (sandbox_start(store, &sandbox, err) < 0 ||
	    fd_open(argv[0], O_RDONLY, &archive, err) < 0 ||
	    fd_read_file(AT_FDCWD, argv[1], &script, err) < 0)
		return -1;
	input.fd = archive;
	step.script = buf_text(&script);
	if (sandbox_run(&a, sandbox, &spec, &result, NULL, err) < 0)
		return -1;
	if (result.cause != SANDBOX_OK)
		return err_set(err, ERR_BUILD, "%s", result.message);
	return 0;
}

int
main(int argc, char **argv)
{
	CLEANUP(cas_close) struct cas *store = NULL;
	struct err err = {
		.text = "usage: job STORE tree NAME DIR | run|trace ARCHIVE SCRIPT TREE..."
	};
	int rc = -1;

	if (argc < 5)
		rc = -1;
	else if (cas_open(argv[1], true, &store, &err) < 0)
		rc = -1;
	else if (strcmp(argv[2], "tree") == 0)
		rc = make_tree(store, argv[3], argv[4], &err);
	else if (strcmp(argv[2], "run") == 0 || strcmp(argv[2], "trace") == 0)
		rc = run_job(store, argv[2][0] == 't', argc - 3, argv + 3, &err);
	if (rc < 0)
		(void)fprintf(stderr, "job: %s\n", err.text);
	return rc < 0 ? 1 : 0;
}
