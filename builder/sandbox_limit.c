/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and processes, counted. Samples of the chamber's own /proc hold everywhere: anonymous
 * memory of all its processes, ten times a second. Where this user may make a memory cgroup (v1
 * memory hierarchy, or v2 with the memory controller enabled), each run gets one as a harder
 * wall behind that; its ceiling also covers what lies in the chamber's tmpfs, which the kernel
 * counts there too.
 *
 *   <our own cgroup>/kiln-PID/        made before root is left, given to the store's uid
 *   <our own cgroup>/kiln-PID/run-N/  one chamber
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/tree.h"
#include <ctype.h>
#include <signal.h>

#define GROUP_TEXT_MAX ((size_t)64 * 1024)
#define STATM_MAX      256
#define CLOSE_TRIES    200
#define CLOSE_PAUSE_NS 1000000

static const struct {
	int version;
	const char *mount, *limit, *events;
} kinds[] = {
	{ 1, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control" },
	{ 2, "/sys/fs/cgroup", "memory.max", "memory.events" },
};

static bool
read_text(int dirfd, const char *path, struct buf *out)
{
	struct err ignored = { 0 };

	buf_clear(out);
	return fd_read_file(dirfd, path, out, &ignored) == 0;
}

static bool
write_text(int dirfd, const char *path, const char *text)
{
	CLEANUP(fd_close) int fd = -1;
	struct err ignored = { 0 };

	return fd_open_beneath(dirfd, path, O_WRONLY, &fd, &ignored) == 0 &&
	       fd_write_all(fd, text, strlen(text), &ignored) == 0;
}

/* "4:memory:/a/b" for version 1, "0::/a/b" for version 2; path is cut out of text. */
static const char *
own_group(char *text, int version)
{
	char *next;

	for (char *line = text; line && *line; line = next) {
		char *controllers, *path;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		controllers = strchr(line, ':');
		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		if (version == 1 ? strcmp(controllers + 1, "memory") == 0
				 : controllers[1] == '\0')
			return path;
	}
	return NULL;
}

static void
remove_groups_below(struct arena *a, int dir)
{
	struct err ignored = { 0 };
	const char **names;
	size_t n;

	if (tree_list(a, dir, ".", &names, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (strncmp(names[i], "run-", 4) == 0)
			(void)unlinkat(dir, names[i], AT_REMOVEDIR);
}

/* Groups of conductors that were killed before they could remove theirs. Busy ones refuse. */
static void
sweep(int parent)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err ignored = { 0 };
	const char **names;
	size_t n;

	if (tree_list(&a, parent, ".", &names, &n, &ignored) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		pid_t pid = strncmp(names[i], "kiln-", 5) == 0 ? (pid_t)atol(names[i] + 5) : 0;
		CLEANUP(fd_close) int dir = -1;

		if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH ||
		    fd_open_beneath(parent, names[i], O_RDONLY | O_DIRECTORY, &dir, &ignored) <
			    0)
			continue;
		remove_groups_below(&a, dir);
		(void)unlinkat(parent, names[i], AT_REMOVEDIR);
	}
}

static bool
open_group(const char *parent_path, int version, uid_t uid, struct sandbox_cgroup *out)
{
	CLEANUP(fd_close) int parent = -1;
	CLEANUP(fd_close) int dir = -1;
	struct err ignored = { 0 };
	char name[32];
	int n;

	(void)snprintf(name, sizeof(name), "kiln-%d", (int)getpid());
	n = snprintf(out->path, sizeof(out->path), "%s/%s", parent_path, name);
	if (n < 0 || (size_t)n >= sizeof(out->path) ||
	    fd_open(parent_path, O_RDONLY | O_DIRECTORY, &parent, &ignored) < 0)
		return false;
	sweep(parent);
	if (mkdirat(parent, name, 0755) < 0)
		return false;
	if (fd_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, &dir, &ignored) < 0 ||
	    faccessat(dir, version == 1 ? "memory.limit_in_bytes" : "memory.max", F_OK, 0) <
		    0 ||
	    (geteuid() == 0 && fchown(dir, uid, (gid_t)-1) < 0)) {
		(void)unlinkat(parent, name, AT_REMOVEDIR);
		return false;
	}
	out->dir = STEAL_FD(dir);
	out->version = version;
	return true;
}

void
sandbox_limit_open(struct sandbox_cgroup *out, uid_t uid)
{
	memset(out, 0, sizeof(*out));
	out->dir = -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds) && out->dir < 0; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(GROUP_TEXT_MAX);
		CLEANUP(mem_free) char *path = NULL;
		const char *own;

		if (!read_text(AT_FDCWD, "/proc/self/cgroup", &text) || text.len == 0)
			return;
		own = own_group(text.data, kinds[i].version);
		if (!own || strstr(own, "/.."))
			continue;
		path = mem_format("%s%s", kinds[i].mount, strcmp(own, "/") == 0 ? "" : own);
		if (!open_group(path, kinds[i].version, uid, out))
			out->dir = -1;
	}
}

void
sandbox_limit_close(struct sandbox_cgroup *c)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct timespec moment = { .tv_nsec = CLOSE_PAUSE_NS };

	if (c->dir < 0)
		return;
	/* Groups are busy until the last process of a killed chamber is gone. */
	for (unsigned i = 0; i < CLOSE_TRIES; i++) {
		remove_groups_below(&a, c->dir);
		if (rmdir(c->path) == 0 || errno != EBUSY)
			break;
		(void)nanosleep(&moment, NULL);
	}
	close(c->dir);
	c->dir = -1;
}

void
sandbox_limit_join(const struct sandbox_cgroup *c, pid_t pid, struct sandbox_meter *m)
{
	CLEANUP(fd_close) int dir = -1;
	struct err ignored = { 0 };
	char name[32], number[32];

	m->group = -1;
	m->version = c->version;
	if (c->dir < 0)
		return;
	(void)snprintf(name, sizeof(name), "run-%d", (int)pid);
	if (mkdirat(c->dir, name, 0755) < 0)
		return;
	if (fd_open_beneath(c->dir, name, O_RDONLY | O_DIRECTORY, &dir, &ignored) < 0)
		return;
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	if (write_text(dir, "cgroup.procs", number))
		m->group = STEAL_FD(dir);
}

bool
sandbox_limit_set(struct sandbox_meter *m)
{
	char number[32];

	if (m->group < 0)
		return false;
	(void)snprintf(number, sizeof(number), "%llu",
		       (unsigned long long)(m->limits->memory_bytes + m->limits->disk_bytes));
	return write_text(m->group, kinds[m->version == 2].limit, number);
}

void
sandbox_limit_leave(const struct sandbox_cgroup *c, pid_t pid, struct sandbox_meter *m)
{
	char name[32];

	if (m->proc >= 0)
		close(m->proc);
	if (m->group >= 0)
		close(m->group);
	m->proc = m->group = -1;
	if (c->dir < 0)
		return;
	(void)snprintf(name, sizeof(name), "run-%d", (int)pid);
	(void)unlinkat(c->dir, name, AT_REMOVEDIR);
}

/* Anonymous memory: resident less what is of files and shared memory. */
static uint64_t
anonymous_bytes(int proc, const char *pid)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(STATM_MAX);
	char path[64];
	unsigned long long size, resident, shared;

	(void)snprintf(path, sizeof(path), "%s/statm", pid);
	if (!read_text(proc, path, &text) ||
	    sscanf(buf_text(&text), "%llu %llu %llu", &size, &resident, &shared) != 3)
		return 0;
	return resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

unsigned
sandbox_limit_count(int proc)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err ignored = { 0 };
	const char **names;
	unsigned count = 0;
	size_t n;

	if (tree_list(&a, proc, ".", &names, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		count += isdigit((unsigned char)names[i][0]) != 0;
	return count;
}

void
sandbox_limit_sample(struct sandbox_meter *m)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err ignored = { 0 };
	const char **names;
	size_t n;

	if (m->proc < 0 || tree_list(&a, m->proc, ".", &names, &n, &ignored) < 0)
		return;
	m->bytes = 0;
	m->processes = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)names[i][0]))
			continue;
		m->processes++;
		m->bytes += anonymous_bytes(m->proc, names[i]);
	}
	m->peak = KILN_MAX(m->peak, m->bytes);
	m->peak_processes = KILN_MAX(m->peak_processes, m->processes);
}

bool
sandbox_limit_killed(const struct sandbox_meter *m)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GROUP_TEXT_MAX);
	const char *count;

	if (m->group < 0 || !read_text(m->group, kinds[m->version == 2].events, &text))
		return false;
	count = strstr(buf_text(&text), "oom_kill ");
	return count && atoll(count + strlen("oom_kill ")) > 0;
}
