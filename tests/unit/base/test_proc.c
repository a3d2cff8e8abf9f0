/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"
#include "tests/unit/test.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

TEST(proc_capture_returns_stdout_and_a_fixed_environment)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000);

	assert_int_equal(setenv("KILN_TEST_LEAK", "1", 1), 0);
	assert_ok(proc_capture((const char *const[]){ "env", NULL }, &b, err));
	assert_null(strstr(buf_text(&b), "KILN_TEST_LEAK"));
	assert_non_null(strstr(buf_text(&b), "PATH=/usr/bin:/bin:/usr/sbin:/sbin\n"));
	assert_int_equal(unsetenv("KILN_TEST_LEAK"), 0);
}

TEST(proc_capture_quotes_stderr_of_a_failure)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1000);

	assert_fails(
		proc_capture((const char *const[]){ "sh", "-c", "echo sad >&2; exit 3", NULL },
			     &b, err),
		"sh: exit status 3: sad");
	assert_fails(proc_capture((const char *const[]){ "no-such-program", NULL }, &b, err),
		     "no-such-program: no such program");
	assert_fails(proc_capture((const char *const[]){ "cat", "/dev/zero", NULL }, &b, err),
		     "output of cat: larger than 1000 bytes");
}

TEST(proc_run_reports_exit_codes_and_signals)
{
	struct proc_spec spec = { .in = -1, .out = -1, .err = -1 };
	int status = -1;

	spec.argv = (const char *const[]){ "/bin/sh", "-c", "exit 7", NULL };
	assert_ok(proc_run(&spec, &status, err));
	assert_int_equal(status, 7);
	spec.argv = (const char *const[]){ "sh", "-c", "kill -9 $$", NULL };
	assert_ok(proc_run(&spec, &status, err));
	assert_int_equal(status, 128 + SIGKILL);
	spec.argv = (const char *const[]){ "sleep", "60", NULL };
	spec.timeout_ms = 50;
	assert_fails(proc_run(&spec, &status, err), "sleep: still running after 50 ms");
	assert_int_equal(err->code, ERR_LIMIT);
}

TEST(proc_run_may_swap_standard_descriptors)
{
	struct proc_spec spec = { .in = -1, .err = STDERR_FILENO };
	CLEANUP(fd_close) int out = -1;
	char text[8] = "";
	int status;

	assert_ok(fd_memory("out", &out, err));
	spec.argv =
		(const char *const[]){ "sh", "-c", "echo hi; test ! -e /proc/self/fd/3", NULL };
	spec.out = out;
	assert_ok(proc_run(&spec, &status, err));
	assert_int_equal(status, 0);
	assert_int_equal(pread(out, text, 7, 0), 3);
	assert_string_equal(text, "hi\n");
}

struct job {
	int keep, lost;
};

static int
say(void *arg, struct err *err)
{
	struct job *j = arg;

	if (fcntl(j->lost, F_GETFD) >= 0)
		return err_set(err, ERR_BUILD, "a descriptor leaked");
	return fd_write_all(j->keep, "done", 4, err);
}

static int
refuse(void *arg, struct err *err)
{
	(void)arg;
	(void)err_set(err, ERR_VERIFY, "bad\x1b[2J bytes");
	return err_hint(err, "look");
}

static int
crash(void *arg, struct err *err)
{
	struct rlimit core;

	(void)arg;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur > 1)
		return err_set(err, ERR_IO, "would dump core");
	raise(SIGKILL);
	return 0;
}

static int
gain(void *arg, struct err *err)
{
	(void)arg;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
		       ? err_set(err, ERR_INPUT, "no new privileges")
		       : 0;
}

TEST(proc_confined_keeps_only_what_it_was_given)
{
	struct job j = { .keep = -1, .lost = -1 };
	char text[8] = "";

	assert_ok(fd_memory("keep", &j.keep, err));
	assert_ok(fd_memory("lost", &j.lost, err));
	assert_ok(proc_confined(say, &j, &j.keep, 1, err));
	assert_int_equal(pread(j.keep, text, 7, 0), 4);
	close(j.keep);
	close(j.lost);
}

TEST(proc_confined_brings_the_error_back_typed_and_cleaned)
{
	assert_fails(proc_confined(refuse, NULL, NULL, 0, err), "bad?[2J bytes\nhint: look");
	assert_int_equal(err->code, ERR_VERIFY);
	assert_fails(proc_confined(gain, NULL, NULL, 0, err), "no new privileges");
}

TEST(proc_confined_survives_the_death_of_its_child)
{
	assert_fails(proc_confined(crash, NULL, NULL, 0, err), "ended by signal 9");
}

/* In a child, because a fence stays. */
static int
look_over(void *arg, struct err *err)
{
	const char *const *open = arg; /* what the gate is, what stays open, what does not */
	CLEANUP(fd_close) int gate = -1;
	CLEANUP(fd_close) int fd = -1;
	struct proc_gate g = { .rights = PROC_GATE_READ };

	if (fd_open(open[0], O_PATH, &gate, err) < 0)
		return -1;
	g.fd = gate;
	if (proc_fence(&g, 1, 0, err) < 0 || fd_open(open[1], O_RDONLY, &fd, err) < 0)
		return -1;
	if (fd_open(open[0], O_RDWR, &fd, err) == 0)
		return err_set(err, ERR_BUILD, "what may be read may be written");
	return fd_open(open[2], O_RDONLY, &fd, err);
}

static int
in_child(const char *const *paths, struct err *err)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err e;

		proc_child_exit(look_over((void *)(uintptr_t)paths, &e) == 0 ? 0
				: e.sys == EACCES                            ? 3
									     : 4);
	}
	if (proc_wait(pid, &status, err) < 0)
		return -1;
	return status == 0   ? 0
	       : status == 3 ? err_set(err, ERR_IO, "not beyond the fence")
			     : err_set(err, ERR_BUILD, "child: %d", status);
}

TEST(proc_fence_leaves_its_gates_and_nothing_else)
{
	const char *const dir[] = { "unit/base", "unit/base/test_proc.c", "/etc/passwd" };
	const char *const file[] = { "unit/base/test_proc.c", "unit/base/test_proc.c",
				     "unit/base/test_fd.c" };
	const char *const inside[] = { "unit/base", "unit/base/test_proc.c",
				       "unit/base/test_fd.c" };

	if (proc_fence_version() == 0)
		return; /* a kernel without Landlock */
	assert_fails(in_child(dir, err), "not beyond the fence");
	assert_fails(in_child(file, err), "not beyond the fence");
	assert_ok(in_child(inside, err));
}
