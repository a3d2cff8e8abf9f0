/* SPDX-License-Identifier: Apache-2.0 */
/* What of the host can be read, and what of the chamber's own root can be changed. */
#include "builder/attack/attack.h"
#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define MOUNTINFO_MAX 65536

#define OPEN_ACT(name, path, flags)                                                            \
	int attack_##name(void)                                                                \
	{                                                                                      \
		return attack_open(path, flags);                                               \
	}
OPEN_ACT(host_hostname, "/etc/hostname", O_RDONLY)
OPEN_ACT(host_shadow, "/etc/shadow", O_RDONLY)
OPEN_ACT(host_machine_id, "/etc/machine-id", O_RDONLY)
OPEN_ACT(host_resolv, "/etc/resolv.conf", O_RDONLY)
OPEN_ACT(host_localtime, "/etc/localtime", O_RDONLY)
OPEN_ACT(host_timezone, "/etc/timezone", O_RDONLY)
OPEN_ACT(host_locale, "/etc/default/locale", O_RDONLY)
OPEN_ACT(host_nsswitch, "/etc/nsswitch.conf", O_RDONLY)
OPEN_ACT(host_os_release, "/etc/os-release", O_RDONLY)
OPEN_ACT(host_ssh, "/etc/ssh", O_RDONLY)
OPEN_ACT(host_root, "/root", O_RDONLY)
OPEN_ACT(host_home, "/home", O_RDONLY)
OPEN_ACT(host_var, "/var", O_RDONLY)
OPEN_ACT(host_run, "/run", O_RDONLY)
OPEN_ACT(host_boot, "/boot", O_RDONLY)
OPEN_ACT(host_mnt, "/mnt", O_RDONLY)
OPEN_ACT(host_dockerenv, "/.dockerenv", O_RDONLY)
OPEN_ACT(climb_build, "/build/../../../../etc/shadow", O_RDONLY)
OPEN_ACT(climb_cwd, "../../../../../../etc/shadow", O_RDONLY)
OPEN_ACT(climb_proc, "/proc/self/cwd/../../../etc/shadow", O_RDONLY)
OPEN_ACT(climb_root, "/proc/self/root/../etc/shadow", O_RDONLY)
OPEN_ACT(sys, "/sys", O_RDONLY)
OPEN_ACT(sys_cgroup, "/sys/fs/cgroup", O_RDONLY)
OPEN_ACT(sys_release_agent, "/sys/fs/cgroup/release_agent", O_WRONLY)
OPEN_ACT(sys_dmi, "/sys/class/dmi/id/product_uuid", O_RDONLY)
OPEN_ACT(sys_powercap, "/sys/class/powercap", O_RDONLY)
OPEN_ACT(proc_sys, "/proc/sys", O_RDONLY)
OPEN_ACT(proc_core_pattern, "/proc/sys/kernel/core_pattern", O_WRONLY)
OPEN_ACT(proc_modprobe, "/proc/sys/kernel/modprobe", O_WRONLY)
OPEN_ACT(proc_boot_id, "/proc/sys/kernel/random/boot_id", O_RDONLY)
OPEN_ACT(proc_osrelease, "/proc/sys/kernel/osrelease", O_RDONLY)
OPEN_ACT(proc_kcore, "/proc/kcore", O_RDONLY)
OPEN_ACT(proc_kmsg, "/proc/kmsg", O_RDONLY)
OPEN_ACT(proc_cmdline, "/proc/cmdline", O_RDONLY)
OPEN_ACT(proc_version, "/proc/version", O_RDONLY)
OPEN_ACT(proc_cpuinfo, "/proc/cpuinfo", O_RDONLY)
OPEN_ACT(proc_meminfo, "/proc/meminfo", O_RDONLY)
OPEN_ACT(proc_stat, "/proc/stat", O_RDONLY)
OPEN_ACT(proc_uptime, "/proc/uptime", O_RDONLY)
OPEN_ACT(proc_loadavg, "/proc/loadavg", O_RDONLY)
OPEN_ACT(proc_modules, "/proc/modules", O_RDONLY)
OPEN_ACT(proc_kallsyms, "/proc/kallsyms", O_RDONLY)
OPEN_ACT(proc_config, "/proc/config.gz", O_RDONLY)
OPEN_ACT(proc_interrupts, "/proc/interrupts", O_RDONLY)
OPEN_ACT(proc_timers, "/proc/timer_list", O_RDONLY)
OPEN_ACT(proc_keys, "/proc/keys", O_RDONLY)
OPEN_ACT(sysrq, "/proc/sysrq-trigger", O_WRONLY)
OPEN_ACT(dev_kmsg, "/dev/kmsg", O_RDONLY)
OPEN_ACT(dev_mem, "/dev/mem", O_RDONLY)
OPEN_ACT(dev_tty, "/dev/tty", O_RDONLY)
OPEN_ACT(dev_console, "/dev/console", O_RDONLY)
OPEN_ACT(dev_ptmx, "/dev/ptmx", O_RDWR)
OPEN_ACT(dev_kvm, "/dev/kvm", O_RDONLY)
OPEN_ACT(dev_fuse, "/dev/fuse", O_RDWR)
OPEN_ACT(dev_tun, "/dev/net/tun", O_RDWR)
OPEN_ACT(dev_loop, "/dev/loop-control", O_RDWR)
OPEN_ACT(dev_mapper, "/dev/mapper/control", O_RDWR)
OPEN_ACT(dev_disk, "/dev/vda", O_RDONLY)
OPEN_ACT(dev_vsock, "/dev/vsock", O_RDONLY)
OPEN_ACT(dev_mqueue, "/dev/mqueue", O_RDONLY)
OPEN_ACT(dev_msr, "/dev/cpu/0/msr", O_RDONLY)
OPEN_ACT(proc1_mem, "/proc/1/mem", O_RDWR)
OPEN_ACT(proc1_root, "/proc/1/root", O_RDONLY)
OPEN_ACT(proc1_exe, "/proc/1/exe", O_RDONLY)
OPEN_ACT(proc1_environ, "/proc/1/environ", O_RDONLY)
OPEN_ACT(proc1_cwd, "/proc/1/cwd", O_RDONLY)
OPEN_ACT(proc1_fd, "/proc/1/fd", O_RDONLY)
OPEN_ACT(proc1_ns, "/proc/1/ns/net", O_RDONLY)
OPEN_ACT(proc1_maps, "/proc/1/maps", O_RDONLY)
OPEN_ACT(proc1_task_mem, "/proc/1/task/1/mem", O_RDWR)
OPEN_ACT(proc1_oom, "/proc/1/oom_score_adj", O_WRONLY)
OPEN_ACT(write_root, "/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_usr, "/usr/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_sh, "/usr/bin/sh", O_WRONLY)
OPEN_ACT(append_sh, "/usr/bin/sh", O_WRONLY | O_APPEND)
OPEN_ACT(write_passwd, "/etc/passwd", O_WRONLY)
OPEN_ACT(write_hosts, "/etc/hosts", O_WRONLY | O_TRUNC)
OPEN_ACT(write_dev, "/dev/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_steps, "/kiln/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_proc, "/proc/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(tmpfile_root, "/", O_TMPFILE | O_WRONLY)
OPEN_ACT(tmpfile_usr, "/usr", O_TMPFILE | O_WRONLY)
OPEN_ACT(write_build, "/build/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_tmp, "/tmp/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_out, "/out/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(write_shm, "/dev/shm/kiln-probe", O_CREAT | O_WRONLY)
OPEN_ACT(dev_null, "/dev/null", O_WRONLY)

int
attack_host_path(void)
{
	const char *path = getenv("PROBE_PATH");

	return path ? attack_open(path, O_RDONLY) : EINVAL;
}

int
attack_host_process(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", attack_number("PROBE_PID"));
	return attack_open(path, O_RDONLY);
}

static const char *
mountinfo_text(void)
{
	static char text[MOUNTINFO_MAX];
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? text : NULL;
}

/* EEXIST: the host's path shows; ENOENT: it does not. */
int
attack_mountinfo(void)
{
	const char *path = getenv("PROBE_PATH"), *text = mountinfo_text();

	if (!path || !text)
		return EINVAL;
	return strstr(text, path) ? EEXIST : ENOENT;
}

/* Looks at the flags each mount really has. */
static int
check_mount(const char *point, unsigned long wanted)
{
	struct statvfs fs;

	if (statvfs(point, &fs) < 0)
		return errno;
	if ((fs.f_flag & wanted) == wanted)
		return 0;
	printf("mount %s: flags %#lx, wanted %#lx\n", point, fs.f_flag, wanted);
	return EEXIST;
}

int
attack_mount_flags(void)
{
	static const struct {
		const char *point;
		unsigned long flags;
	} mounts[] = {
		{ "/", ST_RDONLY | ST_NOSUID | ST_NODEV },
		{ "/kiln", ST_RDONLY | ST_NOSUID | ST_NODEV },
		{ "/dev", ST_RDONLY | ST_NOSUID | ST_NOEXEC },
		{ "/dev/null", ST_NOSUID | ST_NOEXEC },
		{ "/dev/shm", ST_NOSUID | ST_NODEV },
		{ "/proc", ST_NOSUID | ST_NODEV | ST_NOEXEC },
		{ "/build", ST_NOSUID | ST_NODEV },
		{ "/tmp", ST_NOSUID | ST_NODEV },
		{ "/out", ST_NOSUID | ST_NODEV },
	};
	int rc = 0;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		int one = check_mount(mounts[i].point, mounts[i].flags);

		rc = rc ? rc : one;
	}
	return rc;
}

/* Nothing is mounted but what the chamber is made of. */
int
attack_mount_points(void)
{
	static const char *const known[] = {
		"/",           "/proc",        "/dev",      "/dev/full", "/dev/null",
		"/dev/random", "/dev/urandom", "/dev/zero", "/dev/shm",  "/build",
		"/tmp",        "/out",         "/kiln"
	};
	const char *text = mountinfo_text();
	char point[256];
	int rc = text ? 0 : EINVAL;

	for (const char *line = text; line && *line; line = strchr(line, '\n') + 1) {
		int found = 0;

		if (sscanf(line, "%*d %*d %*s %*s %255s", point) != 1)
			return EINVAL;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			found |= strcmp(known[i], point) == 0;
		if (!found) {
			printf("mounted too: %s\n", point);
			rc = EEXIST;
		}
	}
	return rc;
}

int
attack_unlink_sh(void)
{
	return attack_errno(unlink("/usr/bin/sh"));
}

int
attack_rename_sh(void)
{
	return attack_errno(rename("/usr/bin/sh", "/usr/bin/hs"));
}

int
attack_truncate_sh(void)
{
	return attack_errno(truncate("/usr/bin/sh", 0));
}

int
attack_chmod_sh(void)
{
	return attack_errno(chmod("/usr/bin/sh", 0777));
}

int
attack_times_sh(void)
{
	return attack_errno(utimensat(AT_FDCWD, "/usr/bin/sh", NULL, 0));
}

int
attack_xattr_sh(void)
{
	return attack_errno(setxattr("/usr/bin/sh", "user.x", "1", 1, 0));
}

int
attack_unlink_step(void)
{
	return attack_errno(unlink("/kiln/step-1"));
}

int
attack_unlink_null(void)
{
	return attack_errno(unlink("/dev/null"));
}

int
attack_chmod_null(void)
{
	return attack_errno(chmod("/dev/null", 0));
}

int
attack_mkdir_root(void)
{
	return attack_errno(mkdir("/kiln-probe", 0755));
}

int
attack_rmdir_tmp(void)
{
	return attack_errno(rmdir("/tmp"));
}

int
attack_symlink_root(void)
{
	return attack_errno(symlink("/tmp", "/kiln-probe"));
}

int
attack_link_lower(void)
{
	return attack_errno(link("/usr/bin/sh", "/out/hard"));
}

int
attack_write_own_exe(void)
{
	return attack_open("/proc/self/exe", O_WRONLY);
}

static int
make_file(void)
{
	return open("/build/setid", O_CREAT | O_RDWR | O_CLOEXEC, 0755);
}

static int
try_mknod(mode_t kind, unsigned long device)
{
	int rc;

	(void)unlink("/build/node");
	rc = attack_errno(mknod("/build/node", kind | 0666, device));
	(void)unlink("/build/node");
	return rc;
}

int
attack_mknod_char(void)
{
	return try_mknod(S_IFCHR, 0x103);
}

int
attack_mknod_block(void)
{
	return try_mknod(S_IFBLK, 0x800);
}

int
attack_mknod_whiteout(void)
{
	return try_mknod(S_IFCHR, 0);
}

int
attack_rename_whiteout(void)
{
	close(make_file());
	return attack_errno(syscall(SYS_renameat2, AT_FDCWD, "/build/setid", AT_FDCWD,
				    "/build/setid2", RENAME_WHITEOUT));
}

#define CHMOD_ACT(name, call)                                                                  \
	int attack_##name(void)                                                                \
	{                                                                                      \
		int fd = make_file(), rc = attack_errno(call);                                 \
                                                                                               \
		close(fd);                                                                     \
		return rc;                                                                     \
	}
CHMOD_ACT(chmod_setuid, chmod("/build/setid", 04755))
CHMOD_ACT(chmod_setgid, chmod("/build/setid", 02755))
CHMOD_ACT(chmod_both, chmod("/build/setid", 06755))
CHMOD_ACT(chmod_plain, chmod("/build/setid", 01755))
CHMOD_ACT(fchmod_setuid, fchmod(fd, 04755))
CHMOD_ACT(fchmod_setgid, fchmod(fd, 02755))
CHMOD_ACT(fchmodat_setuid, syscall(SYS_fchmodat, AT_FDCWD, "/build/setid", 04755))
CHMOD_ACT(fchmodat_setgid, syscall(SYS_fchmodat, AT_FDCWD, "/build/setid", 02755))
CHMOD_ACT(fchmodat2, syscall(452, AT_FDCWD, "/build/setid", 04755, 0))
CHMOD_ACT(chown_root, chown("/build/setid", 0, 0))
CHMOD_ACT(chown_self, chown("/build/setid", getuid(), getgid()))
CHMOD_ACT(xattr_caps, setxattr("/build/setid", "security.capability",
			       "\1\0\0\2\377\377\377\377\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0))
CHMOD_ACT(xattr_trusted, setxattr("/build/setid", "trusted.x", "1", 1, 0))
CHMOD_ACT(xattr_overlay, setxattr("/build/setid", "trusted.overlay.opaque", "y", 1, 0))

int
attack_immutable(void)
{
	int fd = make_file(), flags = FS_IMMUTABLE_FL;
	int rc = attack_errno(ioctl(fd, FS_IOC_SETFLAGS, &flags));

	close(fd);
	return rc == ENOTTY ? EPERM : rc; /* older kernels have no flags on tmpfs */
}

/* A set-id program of the build's own gives nothing: the mount says so even where the mode
 * stands. */
int
attack_open_setid(void)
{
	int fd = open("/build/by-open", O_CREAT | O_WRONLY | O_CLOEXEC, 06755);
	struct statvfs fs;
	int rc = fd < 0 || fstatvfs(fd, &fs) < 0 ? errno : 0;

	close(fd);
	(void)unlink("/build/by-open");
	return rc ? rc : fs.f_flag & ST_NOSUID ? 0 : EEXIST;
}

int
attack_huge_file(void)
{
	int fd = open("/build/huge", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	rc = attack_errno(ftruncate(fd, (off_t)1 << 62));
	close(fd);
	(void)unlink("/build/huge");
	return rc;
}

/* Every writable place has an end. */
int
attack_rooms_end(void)
{
	static const char *const rooms[] = { "/build", "/tmp", "/out", "/dev/shm" };
	const uint64_t most = (uint64_t)1 << 40;

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct statvfs fs;

		if (statvfs(rooms[i], &fs) < 0)
			return errno;
		if (fs.f_blocks == 0 || (uint64_t)fs.f_blocks * fs.f_bsize > most ||
		    fs.f_files == 0 || fs.f_files > 100000000)
			return EEXIST;
	}
	return 0;
}

/* The host's numbers for its user are not the chamber's. */
int
attack_uid_map(void)
{
	char map[256] = "";
	int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	unsigned inside, outside, count;

	if (fd < 0 || read(fd, map, sizeof(map) - 1) <= 0)
		return errno;
	close(fd);
	if (sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || strchr(map, '\n')[1])
		return EINVAL;
	return inside == getuid() && outside == 1000 && count == 1 ? 0 : EEXIST;
}

int
attack_cgroup_names(void)
{
	char text[4096] = "", *rest = NULL;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return errno;
	close(fd);
	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *path = strrchr(line, ':');

		if (!path || strcmp(path, ":/") != 0) {
			printf("cgroup: %s\n", line);
			return EEXIST;
		}
	}
	return 0;
}

int
attack_setgroups_map(void)
{
	char word[16] = "";
	int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, word, sizeof(word) - 1) <= 0)
		return errno;
	close(fd);
	return strncmp(word, "deny", 4) == 0 ? 0 : EEXIST;
}

int
attack_write_uid_map(void)
{
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : attack_errno(write(fd, "0 1000 1\n", 9));
}

/* Processes that are not ours must not show. */
int
attack_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int rc = 0;

	while (proc && (entry = readdir(proc)) != NULL) {
		char path[300];

		if (atoi(entry->d_name) <= 0)
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		if (!attack_proc_line(path, "Uid") ||
		    (uid_t)atoi(attack_proc_line(path, "Uid")) != getuid())
			rc = EEXIST;
	}
	return rc;
}
