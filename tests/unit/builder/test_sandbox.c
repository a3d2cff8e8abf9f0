/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "builder/sandbox_priv.h"
#include <linux/filter.h>

TEST(every_cause_has_its_own_word)
{
	for (int a = SANDBOX_OK; a <= SANDBOX_INTERRUPTED; a++)
		for (int b = SANDBOX_OK; b < a; b++)
			assert_string_not_equal(sandbox_cause_word((enum sandbox_cause)a),
						sandbox_cause_word((enum sandbox_cause)b));
	assert_string_equal(sandbox_cause_word((enum sandbox_cause)99), "?");
}

TEST(filter_is_the_same_each_time_it_is_made)
{
	struct sandbox_filter a = { 0 }, b = { 0 };

	assert_ok(sandbox_seccomp_make(&a, err));
	assert_ok(sandbox_seccomp_make(&b, err));
	assert_true(digest_equal(&a.digest, &b.digest));
	for (size_t i = 0; i < ARRAY_LEN(a.program); i++) {
		assert_true(a.program[i].n > 50);
		assert_int_equal(a.program[i].n, b.program[i].n);
		assert_memory_equal(a.program[i].code, b.program[i].code,
				    a.program[i].n * sizeof(struct sock_filter));
	}
	sandbox_seccomp_free(&a);
	sandbox_seccomp_free(&b);
}

static int
begin(struct sandbox_spec *spec, struct err *err)
{
	struct sandbox_run *run = NULL;

	/* Names are looked at before the helper is asked: there is none here. */
	return sandbox_begin(NULL, spec, &run, err);
}

TEST(begin_refuses_names_that_would_leave_the_store)
{
	static const char *const bad[] = { "../x", "a/b", "", ".", "..", ".hidden" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sandbox_spec tree = {
			.trees = &bad[i], .ntrees = 1, .log_fd = -1, .tty_fd = -1
		};
		struct sandbox_spec keep = { .keep_failed = bad[i],
					     .log_fd = -1,
					     .tty_fd = -1 };
		struct sandbox_spec resume = { .resume_failed = bad[i],
					       .log_fd = -1,
					       .tty_fd = -1 };
		struct sandbox_spec out = { .harvest_tmp = bad[i], .log_fd = -1, .tty_fd = -1 };

		assert_fails(begin(&tree, err), "cannot be the name of a tree of the store");
		assert_fails(begin(&keep, err), "cannot be the name of a failed build");
		assert_fails(begin(&resume, err), "cannot be the name of a failed build");
		assert_fails(begin(&out, err), "cannot be the name of a temporary directory");
	}
}

TEST(count_counts_only_processes)
{
	int dirfd = test_tmpdir();

	assert_int_equal(mkdirat(dirfd, "1", 0755), 0);
	assert_int_equal(mkdirat(dirfd, "234", 0755), 0);
	assert_int_equal(mkdirat(dirfd, "self", 0755), 0);
	assert_int_equal(sandbox_limit_count(dirfd), 2);
	close(dirfd);
}

static void
put_statm(int dirfd, const char *pid, const char *text)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/statm", pid);
	assert_int_equal(mkdirat(dirfd, pid, 0755), 0);
	fd = openat(dirfd, path, O_CREAT | O_WRONLY, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(sample_adds_anonymous_memory_and_remembers_the_peak)
{
	int dirfd = test_tmpdir();
	struct sandbox_meter m = { .limits = &sandbox_limits_default,
				   .group = -1,
				   .proc = dirfd };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	put_statm(dirfd, "1", "100 50 20 1 0 10 0\n");
	put_statm(dirfd, "2", "100 10 10 1 0 10 0\n");
	sandbox_limit_sample(&m);
	assert_int_equal(m.bytes, 30 * page);
	assert_int_equal(m.peak_processes, 2);
	assert_int_equal(unlinkat(dirfd, "1/statm", 0), 0);
	sandbox_limit_sample(&m);
	assert_int_equal(m.bytes, 0);
	assert_int_equal(m.peak, 30 * page);
	assert_false(sandbox_limit_killed(&m));
	close(dirfd);
}
