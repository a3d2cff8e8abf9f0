/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chamber's /proc. Two kinds, both of its own pid namespace:
 *
 *   own    subset=pid: processes and nothing else. It is made before anybody knows which kind
 * is wanted, and narrowed then: a second one would cost as much again to throw away. full   for
 * builds that read /proc/cpuinfo and its like: all names are there, but what is not of the
 * job's own processes is either fixed (the same on every machine) or masked by a file or
 * directory of mode 0. What to mask is listed from the kernel, not from here: what a newer
 * kernel adds is masked, too.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/tree.h"
#include <ctype.h>
#include <sys/mount.h>

#define MASK_BYTES  ((uint64_t)1024 * 1024)
#define MASK_INODES 128
#define FIXED_MAX   ((size_t)64 * 1024)
#define FIXED_KIB   2097152 /* of memory: not this machine's, and not the recipe's limit */

struct fixed {
	const char *name;
	void (*write)(struct buf *out, const struct sandbox_machine *m);
	const char *text;
};

static void
write_cpuinfo(struct buf *out, const struct sandbox_machine *m)
{
	for (unsigned i = 0; i < m->cpus; i++)
		buf_add_format(out,
#if defined(__x86_64__)
			       "processor\t: %u\nvendor_id\t: Kiln\nmodel name\t: Kiln x86-64\n"
			       "siblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n"
			       "flags\t\t: fpu tsc cx8 cmov mmx fxsr sse sse2 syscall lm\n\n",
			       i, m->cpus, i, m->cpus);
#else
			       "processor\t: %u\nBogoMIPS\t: 100.00\nFeatures\t: fp asimd\n\n",
			       i);
#endif
}

static void
write_stat(struct buf *out, const struct sandbox_machine *m)
{
	buf_add_str(out, "cpu  0 0 0 0 0 0 0 0 0 0\n");
	for (unsigned i = 0; i < m->cpus; i++)
		buf_add_format(out, "cpu%u 0 0 0 0 0 0 0 0 0 0\n", i);
	buf_add_str(out, "intr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\n"
			 "procs_blocked 0\nsoftirq 0\n");
}

static void
write_meminfo(struct buf *out, const struct sandbox_machine *m)
{
	static const char *const full[] = { "MemTotal:", "MemFree:", "MemAvailable:" };
	static const char *const none[] = {
		"Buffers:",  "Cached:",    "SwapCached:", "Active:",
		"Inactive:", "SwapTotal:", "SwapFree:",   "Shmem:"
	};

	(void)m;
	for (size_t i = 0; i < ARRAY_LEN(full); i++)
		buf_add_format(out, "%-15s%9d kB\n", full[i], FIXED_KIB);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		buf_add_format(out, "%-15s%9d kB\n", none[i], 0);
}

static void
write_version(struct buf *out, const struct sandbox_machine *m)
{
	buf_add_format(out, "Linux version %s (kiln@kiln) %s\n", m->release, m->version);
}

static void
write_release(struct buf *out, const struct sandbox_machine *m)
{
	buf_add_format(out, "%s\n", m->release);
}

static const struct fixed fixed[] = {
	{ "cmdline", NULL, "\n" },
	{ "cpuinfo", write_cpuinfo, NULL },
	{ "filesystems", NULL, "nodev\toverlay\nnodev\tproc\nnodev\ttmpfs\n" },
	{ "loadavg", NULL, "0.00 0.00 0.00 1/1 1\n" },
	{ "meminfo", write_meminfo, NULL },
	{ "stat", write_stat, NULL },
	{ "swaps", NULL, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" },
	{ "uptime", NULL, "0.00 0.00\n" },
	{ "version", write_version, NULL },
	{ "sys/fs/file-max", NULL, "9223372036854775807\n" },
	{ "sys/kernel/ngroups_max", NULL, "65536\n" },
	{ "sys/kernel/osrelease", write_release, NULL },
	{ "sys/kernel/ostype", NULL, "Linux\n" },
	{ "sys/kernel/pid_max", NULL, "32768\n" },
	{ "sys/kernel/threads-max", NULL, "32768\n" },
	{ "sys/vm/overcommit_memory", NULL, "0\n" },
};

/* Links to what belongs to the asking process. */
static const char *const own_links[] = { "mounts", "net", "self", "thread-self" };

static int
fill_masks(int dir, const struct sandbox_machine *m, struct err *err)
{
	static const char *const dirs[] = { "sys", "sys/fs", "sys/kernel", "sys/vm", ".dir" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (sandbox_mount_mkdir(dir, dirs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		CLEANUP(buf_free) struct buf text = BUF_MAX(FIXED_MAX);

		if (fixed[i].write)
			fixed[i].write(&text, m);
		else
			buf_add_str(&text, fixed[i].text);
		if (buf_check(&text, fixed[i].name, err) < 0 ||
		    sandbox_mount_file(dir, fixed[i].name, buf_text(&text), 0444, err) < 0)
			return -1;
	}
	if (sandbox_mount_file(dir, ".file", "", 0, err) < 0)
		return -1;
	if (fchmodat(dir, ".dir", 0, 0) < 0)
		return err_sys(err, "making a mask");
	return 0;
}

/* Stands under the real /proc, where nobody sees it: the kernel clones attached mounts only. */
static int
make_masks(int root, const struct sandbox_machine *m, int *out, struct err *err)
{
	CLEANUP(fd_close) int dir = -1;
	struct mount_attr hard = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV };

	if (sandbox_mount_tmpfs(MASK_BYTES, MASK_INODES, "0755", &dir, err) < 0 ||
	    fill_masks(dir, m, err) < 0)
		return -1;
	if (mount_setattr(dir, "", AT_EMPTY_PATH, &hard, sizeof(hard)) < 0)
		return sandbox_mount_failed(-1, "making the masks of /proc read-only", err);
	if (sandbox_mount_attach(dir, root, "proc", err) < 0)
		return -1;
	*out = STEAL_FD(dir);
	return 0;
}

static int
cover(int masks, const char *with, int proc, const char *name, struct err *err)
{
	CLEANUP(fd_close)
	int mask = open_tree(masks, with, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (mask < 0)
		return sandbox_mount_failed(-1, "masking /proc", err);
	return sandbox_mount_attach(mask, proc, name, err);
}

static bool
is_own(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(own_links); i++)
		if (strcmp(own_links[i], name) == 0)
			return true;
	return isdigit((unsigned char)name[0]);
}

static int
mask_one(int masks, int proc, const char *name, struct err *err)
{
	struct stat st, replaced;

	if (fstatat(proc, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "/proc/%s", name);
	/* A link would be followed: then something else would be masked, and this not. */
	if (S_ISLNK(st.st_mode))
		return err_set(err, ERR_SANDBOX, "/proc/%s is a link that cannot be masked",
			       name);
	if (fstatat(masks, name, &replaced, AT_SYMLINK_NOFOLLOW) == 0)
		return cover(masks, name, proc, name, err);
	return cover(masks, S_ISDIR(st.st_mode) ? ".dir" : ".file", proc, name, err);
}

static int
mask_all(int masks, int proc, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **names;
	size_t n;

	if (tree_list(&a, proc, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!is_own(names[i]) && mask_one(masks, proc, names[i], err) < 0)
			return -1;
	return 0;
}

int
sandbox_proc_make(int *proc, struct err *err)
{
	CLEANUP(fd_close) int fs = fsopen("proc", FSOPEN_CLOEXEC);

	if (fs < 0)
		return sandbox_mount_failed(fs, "making /proc", err);
	return sandbox_mount_finish(fs,
				    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
				    "making /proc", proc, err);
}

/* Nobody has looked into it yet. */
static int
narrow(int proc, struct err *err)
{
	CLEANUP(fd_close) int fs = fspick(proc, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return sandbox_mount_failed(fs, "narrowing /proc", err);
	if (faccessat(proc, "version", F_OK, 0) == 0 || errno != ENOENT)
		return err_set(err, ERR_SANDBOX,
			       "/proc was narrowed but still tells of the machine");
	return 0;
}

int
sandbox_proc_attach(int root, int proc, const struct sandbox_machine *full, struct err *err)
{
	CLEANUP(fd_close) int masks = -1;

	if ((full ? make_masks(root, full, &masks, err) : narrow(proc, err)) < 0 ||
	    sandbox_mount_attach(proc, root, "proc", err) < 0)
		return -1;
	return full ? mask_all(masks, proc, err) : 0;
}
