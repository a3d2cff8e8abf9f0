/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroups, where this user may make them: a harder wall behind the samples of sandbox_meter.c.
 * Version 1 has a hierarchy for memory and one for pids; version 2 has one, whose controllers
 * must have been handed down to us.
 *
 *   <our own cgroup>/kiln-PID/        made before root is left, given to the store's uid
 *   <our own cgroup>/kiln-PID/run-N/  one chamber
 *   <our own cgroup>/kiln-PID/run-0/  version 2: the helper, so that no move of its wardens
 * crosses a group that is not the store's uid's <our own cgroup>/kiln-PID-self/   version 2
 * only, where a group with processes may not hand controllers down: kiln itself goes there
 * meanwhile
 *
 * The ceiling for memory also covers what lies in the chamber's tmpfs, which the kernel counts
 * there, too.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/tree.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#define GROUP_TEXT_MAX ((size_t)64 * 1024)
#define CLOSE_TRIES    50
#define CLOSE_WAIT_MS  10

static const struct kind {
	int version;
	const char *controller, *mount, *file;
} kinds[] = {
	[SANDBOX_GROUP_MEMORY] = { 1, "memory", "/sys/fs/cgroup/memory",
				   "memory.limit_in_bytes" },
	[SANDBOX_GROUP_PIDS] = { 1, "pids", "/sys/fs/cgroup/pids", "pids.max" },
	[SANDBOX_GROUP_UNIFIED] = { 2, "", "/sys/fs/cgroup", "memory.max" },
};

const struct sandbox_limits sandbox_limits_default = {
	.memory_bytes = (uint64_t)2 << 30,
	.disk_bytes = (uint64_t)4 << 30,
	.log_bytes = (uint64_t)64 << 20,
	.inodes = 1000000,
	.processes = 512,
	.time_s = 1200,
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

static bool
write_number(int dirfd, const char *path, uint64_t n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return write_text(dirfd, path, text);
}

static bool
has(int dirfd, const char *path)
{
	return faccessat(dirfd, path, F_OK, 0) == 0;
}

/* "4:memory:/a/b" for version 1, "0::/a/b" for version 2; path is cut out of text. */
static const char *
own_group(char *text, const struct kind *k)
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
		if (strcmp(controllers + 1, k->controller) == 0)
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

/* Memory first: it refuses where processes are in the way, while pids alone would turn the
 * group into one that no process can be moved to. */
static bool
hand_down(int dir)
{
	if (!write_text(dir, "cgroup.subtree_control", "+memory"))
		return false;
	(void)write_text(dir, "cgroup.subtree_control", "+pids");
	return true;
}

static void
come_back(const struct sandbox_cgroup *g, int parent)
{
	if (!g->moved)
		return;
	(void)write_text(parent, "cgroup.subtree_control", "-memory");
	(void)write_text(parent, "cgroup.subtree_control", "-pids");
	(void)write_number(parent, "cgroup.procs", (uint64_t)getpid());
	(void)unlinkat(parent, g->leaf, AT_REMOVEDIR);
}

/* A group that holds processes hands nothing down, the root excepted: we step aside. If we are
 * not the only ones in it, that does not help, and there are samples. */
static bool
step_aside(struct sandbox_cgroup *g, int parent)
{
	CLEANUP(fd_close) int leaf = -1;
	struct err ignored = { 0 };

	(void)snprintf(g->leaf, sizeof(g->leaf), "kiln-%d-self", (int)getpid());
	if (mkdirat(parent, g->leaf, 0755) < 0)
		return false;
	g->moved = fd_open_dir(parent, g->leaf, &leaf, &ignored) == 0 &&
		   write_number(leaf, "cgroup.procs", (uint64_t)getpid());
	if (g->moved && hand_down(parent))
		return true;
	come_back(g, parent);
	(void)unlinkat(parent, g->leaf, AT_REMOVEDIR);
	g->moved = false;
	return false;
}

/* Files that appear in a group when its parent hands its controllers down. */
static bool
is_usable(struct sandbox_cgroup *g, const struct kind *k, int parent, int dir)
{
	if (k->version == 1)
		return has(dir, k->file);
	if (!has(dir, k->file) && !hand_down(parent) && !step_aside(g, parent))
		return false;
	return has(dir, k->file) && hand_down(dir);
}

static bool
give_to(int dir, uid_t uid)
{
	static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control" };

	if (geteuid() != 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (has(dir, files[i]) && fchownat(dir, files[i], uid, (gid_t)-1, 0) < 0)
			return false;
	return fchown(dir, uid, (gid_t)-1) == 0;
}

static bool
open_group(const char *parent_path, const struct kind *k, uid_t uid, struct sandbox_cgroup *g)
{
	CLEANUP(fd_close) int parent = -1;
	CLEANUP(fd_close) int dir = -1;
	struct err ignored = { 0 };
	char name[32];
	int n;

	(void)snprintf(name, sizeof(name), "kiln-%d", (int)getpid());
	n = snprintf(g->path, sizeof(g->path), "%s", parent_path);
	if (n < 0 || (size_t)n >= sizeof(g->path) ||
	    fd_open(parent_path, O_RDONLY | O_DIRECTORY, &parent, &ignored) < 0)
		return false;
	sweep(parent);
	if (mkdirat(parent, name, 0755) < 0)
		return false;
	if (fd_open_dir(parent, name, &dir, &ignored) < 0 || !is_usable(g, k, parent, dir) ||
	    !give_to(dir, uid)) {
		(void)unlinkat(parent, name, AT_REMOVEDIR);
		come_back(g, parent);
		return false;
	}
	g->dir = STEAL_FD(dir);
	return true;
}

/* The kernel counts descriptors that lie in sockets per uid, and whoever has a lower limit on
 * open files than that count may send none. A chamber has the helper's uid and fills sockets as
 * it likes, up to its own limit: ours must be the higher one, or no other chamber can start. */
static void
raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &l);
}

void
sandbox_limit_open(struct sandbox_cgroups *out, uid_t uid)
{
	raise_descriptors();
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		out->of[i].dir = -1;
	for (size_t i = 0; i < SANDBOX_GROUPS; i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(GROUP_TEXT_MAX);
		CLEANUP(mem_free) char *path = NULL;
		const char *own;

		if (kinds[i].version == 2 && out->of[SANDBOX_GROUP_MEMORY].dir >= 0)
			return;
		if (!read_text(AT_FDCWD, "/proc/self/cgroup", &text) || text.len == 0)
			return;
		own = own_group(text.data, &kinds[i]);
		if (!own || strstr(own, "/.."))
			continue;
		path = mem_format("%s%s", kinds[i].mount, strcmp(own, "/") == 0 ? "" : own);
		if (!open_group(path, &kinds[i], uid, &out->of[i]))
			out->of[i].dir = -1;
	}
}

/* Wardens die with the helper, but a moment later. */
static void
remove_when_empty(int parent, const char *name)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dir = -1;
	struct err ignored = { 0 };

	if (fd_open_dir(parent, name, &dir, &ignored) < 0)
		return;
	for (int i = 0; i < CLOSE_TRIES; i++) {
		remove_groups_below(&a, dir);
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return;
		(void)poll(NULL, 0, CLOSE_WAIT_MS);
	}
}

void
sandbox_limit_close(struct sandbox_cgroups *c)
{
	for (size_t i = 0; i < SANDBOX_GROUPS; i++) {
		struct sandbox_cgroup *g = &c->of[i];
		CLEANUP(fd_close) int parent = -1;
		struct err ignored = { 0 };
		char name[32];

		if (g->dir < 0)
			continue;
		close(g->dir);
		g->dir = -1;
		if (fd_open(g->path, O_RDONLY | O_DIRECTORY, &parent, &ignored) < 0)
			continue;
		(void)snprintf(name, sizeof(name), "kiln-%d", (int)getpid());
		remove_when_empty(parent, name);
		come_back(g, parent);
	}
}

void
sandbox_limit_settle(const struct sandbox_cgroups *c)
{
	CLEANUP(fd_close) int own = -1;
	int dir = c->of[SANDBOX_GROUP_UNIFIED].dir;
	struct err ignored = { 0 };

	/* Where it fails, wardens will not be able to move either, and samples do. */
	if (dir >= 0 && mkdirat(dir, "run-0", 0755) == 0 &&
	    fd_open_dir(dir, "run-0", &own, &ignored) == 0)
		(void)write_number(own, "cgroup.procs", (uint64_t)getpid());
}

/* The run's directory of one kind with process pid in it; -1: there is none. */
static int
join_one(const struct sandbox_cgroup *g, pid_t pid)
{
	CLEANUP(fd_close) int dir = -1;
	struct err ignored = { 0 };
	char name[32];

	(void)snprintf(name, sizeof(name), "run-%d", (int)pid);
	if (g->dir < 0 || mkdirat(g->dir, name, 0755) < 0)
		return -1;
	if (fd_open_dir(g->dir, name, &dir, &ignored) < 0 ||
	    !write_number(dir, "cgroup.procs", (uint64_t)pid)) {
		(void)unlinkat(g->dir, name, AT_REMOVEDIR);
		return -1;
	}
	return STEAL_FD(dir);
}

void
sandbox_limit_join(const struct sandbox_cgroups *c, pid_t pid, struct sandbox_meter *m)
{
	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		m->group[i] = join_one(&c->of[i], pid);
}

/* Where swap is counted, none: it is memory that nobody limited. */
static bool
set_one(int dir, size_t kind, const struct sandbox_limits *l)
{
	if (kind != SANDBOX_GROUP_PIDS &&
	    !write_number(dir, kinds[kind].file, l->memory_bytes + l->disk_bytes))
		return false;
	if (has(dir, "memory.swap.max") && !write_text(dir, "memory.swap.max", "0"))
		return false;
	return !has(dir, "pids.max") || write_number(dir, "pids.max", l->processes);
}

void
sandbox_limit_set(struct sandbox_meter *m)
{
	for (size_t i = 0; i < SANDBOX_GROUPS; i++)
		m->limited[i] = m->group[i] >= 0 && set_one(m->group[i], i, m->limits);
}

void
sandbox_limit_words(const struct sandbox_meter *m, char *out, size_t n)
{
	bool v1 = m->group[SANDBOX_GROUP_MEMORY] >= 0,
	     v2 = m->group[SANDBOX_GROUP_UNIFIED] >= 0;
	bool pids = m->group[SANDBOX_GROUP_PIDS] >= 0 ||
		    (v2 && has(m->group[SANDBOX_GROUP_UNIFIED], "pids.max"));

	(void)snprintf(out, n, "%s%ssampled",
		       v1   ? "cgroup v1 memory"
		       : v2 ? "cgroup v2 memory"
			    : "",
		       pids       ? " and pids, "
		       : v1 || v2 ? ", "
				  : "");
}

void
sandbox_limit_leave(const struct sandbox_cgroups *c, pid_t pid, struct sandbox_meter *m)
{
	char name[32];

	if (m->proc >= 0)
		close(m->proc);
	m->proc = -1;
	(void)snprintf(name, sizeof(name), "run-%d", (int)pid);
	for (size_t i = 0; i < SANDBOX_GROUPS; i++) {
		if (m->group[i] < 0)
			continue;
		close(m->group[i]);
		m->group[i] = -1;
		(void)unlinkat(c->of[i].dir, name, AT_REMOVEDIR);
	}
}

static uint64_t
count_of(int group, const char *file, const char *word)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GROUP_TEXT_MAX);
	const char *at;

	if (group < 0 || !read_text(group, file, &text))
		return 0;
	at = strstr(buf_text(&text), word);
	return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

bool
sandbox_limit_killed(const struct sandbox_meter *m)
{
	return count_of(m->group[SANDBOX_GROUP_MEMORY], "memory.oom_control", "oom_kill ") >
		       0 ||
	       count_of(m->group[SANDBOX_GROUP_UNIFIED], "memory.events", "oom_kill ") > 0;
}

bool
sandbox_limit_crowded(const struct sandbox_meter *m)
{
	return count_of(m->group[SANDBOX_GROUP_PIDS], "pids.events", "max ") > 0 ||
	       count_of(m->group[SANDBOX_GROUP_UNIFIED], "pids.events", "max ") > 0;
}

/* "2 GiB", "1536 MiB", "100000 bytes": exact, and as short as that allows. */
void
sandbox_limit_size(char out[SANDBOX_WORDS], uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;

	while (unit + 1 < ARRAY_LEN(units) && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(out, SANDBOX_WORDS, "%llu %s", (unsigned long long)bytes, units[unit]);
}

void
sandbox_limit_time(char out[SANDBOX_WORDS], unsigned seconds)
{
	if (seconds >= 3600 && seconds % 3600 == 0)
		(void)snprintf(out, SANDBOX_WORDS, "%uh", seconds / 3600);
	else if (seconds >= 60 && seconds % 60 == 0)
		(void)snprintf(out, SANDBOX_WORDS, "%um", seconds / 60);
	else
		(void)snprintf(out, SANDBOX_WORDS, "%us", seconds);
}
