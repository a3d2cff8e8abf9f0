/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <ftw.h>

#define MAX_TESTS 2000
#define MAX_DIRS  2000

static struct CMUnitTest tests[MAX_TESTS];
static size_t ntests;
static char *dirs[MAX_DIRS];
static size_t ndirs;
static char last_path[4096];

void
test_register(const char *name, CMUnitTestFunction fn)
{
	if (ntests == MAX_TESTS)
		abort();
	tests[ntests].name = name;
	tests[ntests].test_func = fn;
	ntests++;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	(void)kind;
	return remove(path);
}

static int
open_up(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (kind == FTW_D || kind == FTW_DNR)
		(void)chmod(path, 0700);
	return 0;
}

static void
remove_dirs(void)
{
	for (size_t i = 0; i < ndirs; i++) {
		(void)nftw(dirs[i], open_up, 32, FTW_PHYS);
		(void)nftw(dirs[i], remove_one, 32, FTW_PHYS | FTW_DEPTH);
		free(dirs[i]);
	}
}

int
test_tmpdir(void)
{
	const char *base = getenv("TMPDIR");
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/kiln-test-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(path) || ndirs == MAX_DIRS)
		abort();
	dirs[ndirs++] = strdup(path);
	return open(path, O_DIRECTORY | O_CLOEXEC);
}

const char *
test_tmpdir_path(int dirfd)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = readlink(link, last_path, sizeof(last_path) - 1);
	last_path[n < 0 ? 0 : n] = '\0';
	return last_path;
}

int
main(int argc, char **argv)
{
	int failed;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	failed = _cmocka_run_group_tests("unit", tests, ntests, NULL, NULL);
	remove_dirs();
	return failed ? 1 : 0;
}
