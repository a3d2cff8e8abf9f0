/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten times a second: how much memory and how many processes a chamber has. Three parts of
 * memory:
 *
 *   anonymous   of every process, from the chamber's own /proc
 *   /dev/shm    what lies in it; the other tmpfs are disk, with a limit of their own
 *   shared      memfd, System V segments, shared mappings: looked for only when the machine's
 *               shared memory has room for half the limit, because looking costs milliseconds
 *
 * Kernel memory (pipes, sockets, queues) is seen by a cgroup only; rlimits bound it.
 */
#include "builder/sandbox_priv.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include <ctype.h>
#include <sched.h>
#include <sys/shm.h>
#include <sys/statvfs.h>

#define STATM_MAX  256
#define ROLLUP_MAX ((size_t)16 * 1024)
#define LINK_MAX   64
#define PRESENT    ((void *)1)

static bool
read_text(int dirfd, const char *path, struct buf *out)
{
	struct err ignored = { 0 };

	buf_clear(out);
	return fd_read_file(dirfd, path, out, &ignored) == 0;
}

/* Of "NAME:   123 kB" in a text, in bytes. */
static uint64_t
kib_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* Resident less what is of files and shared memory. */
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

static uint64_t
room_bytes(int room)
{
	struct statvfs fs;

	if (room < 0 || fstatvfs(room, &fs) < 0)
		return 0;
	return (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_bsize;
}

/* A file without a name: its pages die with the last descriptor. Each is counted once. */
static uint64_t
nameless_bytes(int fds, const char *number, struct dict *seen)
{
	char target[LINK_MAX], key[40];
	ssize_t n = readlinkat(fds, number, target, sizeof(target) - 1);
	struct stat st;

	if (n <= 0)
		return 0;
	target[n] = '\0';
	if ((strncmp(target, "/memfd:", 7) != 0 && strncmp(target, "/dev/zero", 9) != 0) ||
	    fstatat(fds, number, &st, 0) < 0 || !S_ISREG(st.st_mode))
		return 0;
	(void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	return dict_add(seen, key, PRESENT) ? (uint64_t)st.st_blocks * 512 : 0;
}

static uint64_t
memfd_bytes(int proc, const char *pid, struct dict *seen)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fds = -1;
	struct err ignored = { 0 };
	const char **numbers;
	uint64_t sum = 0;
	size_t n;

	if (fd_open_dir(proc, arena_format(&a, "%s/fd", pid), &fds, &ignored) < 0 ||
	    tree_list(&a, fds, ".", &numbers, &n, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		sum += nameless_bytes(fds, numbers[i], seen);
	return sum;
}

/* This process's share of the shared pages it has mapped: sums to each page once. */
static uint64_t
mapped_bytes(int proc, const char *pid)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ROLLUP_MAX);
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/smaps_rollup", pid);
	return read_text(proc, path, &text) ? kib_of(buf_text(&text), "Pss_Shmem:") : 0;
}

/* Through a process of a step: pid 1 lets nobody look. This process has no use for its own. */
static void
enter_ipc(struct sandbox_meter *m, const char *pid)
{
	CLEANUP(fd_close) int ns = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/ns/ipc", pid);
	if (m->in_ipc || strcmp(pid, "1") == 0)
		return;
	ns = openat(m->proc, path, O_RDONLY | O_CLOEXEC); /* the kernel's own link */
	m->in_ipc = ns >= 0 && setns(ns, CLONE_NEWIPC) == 0;
}

static uint64_t
segment_bytes(const struct sandbox_meter *m)
{
	struct shm_info info;

	if (!m->in_ipc || shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) < 0)
		return 0;
	return (uint64_t)info.shm_rss * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* `files` bytes of what is mapped may be files of the rooms, counted as such. */
static uint64_t
shared_bytes(struct sandbox_meter *m, const char *const *names, size_t n, uint64_t files)
{
	CLEANUP(dict_release) struct dict seen = { 0 };
	uint64_t mapped = 0, held = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)names[i][0]))
			continue;
		mapped += mapped_bytes(m->proc, names[i]);
		held += memfd_bytes(m->proc, names[i], &seen);
		enter_ipc(m, names[i]);
	}
	held += segment_bytes(m);
	return KILN_MAX(mapped > files ? mapped - files : 0, held);
}

static uint64_t
machine_shared(void)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ROLLUP_MAX);

	return read_text(AT_FDCWD, "/proc/meminfo", &text) ? kib_of(buf_text(&text), "Shmem:")
							   : 0;
}

unsigned
sandbox_meter_count(int proc)
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
sandbox_meter_sample(struct sandbox_meter *m, const struct sandbox_rooms *r)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err ignored = { 0 };
	uint64_t shm = room_bytes(r->shm), files;
	const char **names;
	size_t n;

	if (m->proc < 0 || tree_list(&a, m->proc, ".", &names, &n, &ignored) < 0)
		return;
	files = shm + room_bytes(r->build) + room_bytes(r->tmp) + room_bytes(r->out);
	m->bytes = shm;
	m->processes = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)names[i][0]))
			continue;
		m->processes++;
		m->bytes += anonymous_bytes(m->proc, names[i]);
	}
	if (machine_shared() > files + m->limits->memory_bytes / 2)
		m->bytes += shared_bytes(m, names, n, files);
	m->peak = KILN_MAX(m->peak, m->bytes);
	m->peak_processes = KILN_MAX(m->peak_processes, m->processes);
}
