/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a chamber sees. The helper's working directory is a tmpfs of its own, over the store's
 * trees/, which nobody needs to walk to:
 *
 *   store/      the store's trees/, a clone of its mount
 *   skeleton/   empty directories to mount on: build tmp out proc dev kiln
 *   ground/     usr-merge links, /etc/passwd, /etc/group, /etc/hosts for who has none
 *   bases/N/M/  kept overlays of trees: group M, topmost first, of base N; see sandbox_base.c
 *   layers/     links 0, 1, 2... to trees while a base is mounted: options hold one page only
 *
 * A chamber's root is skeleton over a base. Layers are named relative to the working directory,
 * so no path of the host reaches the chamber's mountinfo. Both overlays use userxattr: a tree
 * means the same in root's name or not. mount(2) and the string form of layers work since
 * Linux 5.12.
 */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include "base/tree.h"
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#define STAGE_BYTES   (SANDBOX_MAX_SPEC_BYTES + (uint64_t)1024 * 1024)
#define STAGE_INODES  (SANDBOX_MAX_STEPS + 64)
#define HELPER_BYTES  ((uint64_t)16 * 1024 * 1024)
#define HELPER_INODES 4096
#define OPTIONS_MAX   4095 /* mount(2) takes one page */
#define STRING_MAX    255  /* and fsconfig(2) this */

static const char *const mount_points[] = { "build", "dev", "kiln", "out", "proc", "tmp" };

static const char *const usr_links[][2] = {
	{ "usr/bin", "bin" },
	{ "usr/lib", "lib" },
	{ "usr/lib64", "lib64" },
	{ "usr/sbin", "sbin" },
};

static const char *const ground_files[][2] = {
	{ "etc/group", "root:x:0:\nbuilder:x:1000:\nnogroup:x:65534:\n" },
	{ "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" },
	{ "etc/passwd", "root:x:0:0:root:/:/bin/sh\n"
			"builder:x:1000:1000:builder:/build:/bin/sh\n"
			"nobody:x:65534:65534:nobody:/:/bin/false\n" },
};

static const char *const device_nodes[] = { "full", "null", "random", "urandom", "zero" };

static const char *const device_links[][2] = {
	{ "/proc/self/fd", "fd" },
	{ "/proc/self/fd/0", "stdin" },
	{ "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" },
};

/* The kernel's own words wait in the file system context. */
int
sandbox_mount_failed(int fs, const char *what, struct err *err)
{
	int saved = errno;
	char words[256];
	ssize_t n = fs >= 0 ? read(fs, words, sizeof(words) - 1) : -1;

	errno = saved;
	err_sys(err, "%s", what);
	err_recode(err, ERR_SANDBOX);
	if (n > 0) {
		words[n] = '\0';
		words[strcspn(words, "\n")] = '\0';
		/* "e overlay: too many layers": the first letter is only the level. */
		err_wrap(err, "kernel says '%s'", words[1] == ' ' ? words + 2 : words);
	}
	return err_hint(err,
			"a chamber needs Linux 5.12 or newer with user namespaces, overlayfs "
			"and tmpfs; inside a container, /proc must not be masked");
}

int
sandbox_mount_finish(int fs, unsigned attributes, const char *what, int *out, struct err *err)
{
	int fd;

	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return sandbox_mount_failed(fs, what, err);
	fd = fsmount(fs, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return sandbox_mount_failed(fs, what, err);
	*out = fd;
	return 0;
}

int
sandbox_mount_tmpfs(uint64_t bytes, uint64_t inodes, const char *mode, int *out,
		    struct err *err)
{
	CLEANUP(fd_close) int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char size[32], count[32];

	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
	(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)inodes);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", count, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0)
		return sandbox_mount_failed(fs, "making a tmpfs", err);
	return sandbox_mount_finish(fs, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, "making a tmpfs",
				    out, err);
}

int
sandbox_mount_file(int dirfd, const char *path, const char *text, mode_t mode, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_create(dirfd, path, mode, &fd, err) < 0 ||
	    fd_write_all(fd, text, strlen(text), err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return err_sys(err, "%s", path);
	return fd_close(&fd, path, err);
}

int
sandbox_mount_mkdir(int dirfd, const char *path, struct err *err)
{
	if (mkdirat(dirfd, path, 0755) < 0 || fchmodat(dirfd, path, 0755, 0) < 0)
		return err_sys(err, "making directory %s for the chamber", path);
	return 0;
}

static int
make_links(int dirfd, const char *const (*links)[2], size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (symlinkat(links[i][0], dirfd, links[i][1]) < 0)
			return err_sys(err, "making link %s for the chamber", links[i][1]);
	return 0;
}

static int
fill_ground(int dirfd, struct err *err)
{
	static const char *const dirs[] = { "usr",     "usr/bin",   "usr/sbin",
					    "usr/lib", "usr/lib64", "etc" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (sandbox_mount_mkdir(dirfd, dirs[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(ground_files); i++)
		if (sandbox_mount_file(dirfd, ground_files[i][0], ground_files[i][1], 0444,
				       err) < 0)
			return -1;
	return make_links(dirfd, usr_links, ARRAY_LEN(usr_links), err);
}

static int
fill_scratch(int dirfd, struct err *err)
{
	static const char *const dirs[] = { "bases", "ground", "skeleton", "store" };
	CLEANUP(fd_close) int skeleton = -1;
	CLEANUP(fd_close) int ground = -1;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (sandbox_mount_mkdir(dirfd, dirs[i], err) < 0)
			return -1;
	if (fd_open_beneath(dirfd, "skeleton", O_RDONLY | O_DIRECTORY, &skeleton, err) < 0 ||
	    fd_open_beneath(dirfd, "ground", O_RDONLY | O_DIRECTORY, &ground, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(mount_points); i++)
		if (sandbox_mount_mkdir(skeleton, mount_points[i], err) < 0)
			return -1;
	return fill_ground(ground, err);
}

int
sandbox_mount_attach(int fd, int dirfd, const char *path, struct err *err)
{
	char what[128];

	if (move_mount(fd, "", dirfd, path, MOVE_MOUNT_F_EMPTY_PATH) == 0)
		return 0;
	(void)snprintf(what, sizeof(what), "mounting %s in the chamber", path);
	return sandbox_mount_failed(-1, what, err);
}

int
sandbox_mount_scratch(int *scratch, struct err *err)
{
	CLEANUP(fd_close)
	int trees = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	CLEANUP(fd_close) int fd = -1;

	if (trees < 0)
		return sandbox_mount_failed(-1, "cloning the mount of the store", err);
	if (sandbox_mount_tmpfs(HELPER_BYTES, HELPER_INODES, "0755", &fd, err) < 0 ||
	    fill_scratch(fd, err) < 0 || sandbox_mount_attach(fd, AT_FDCWD, ".", err) < 0 ||
	    sandbox_mount_attach(trees, fd, "store", err) < 0)
		return -1;
	if (fchdir(fd) < 0)
		return err_sys(err, "entering the helper's directory");
	*scratch = STEAL_FD(fd);
	return 0;
}

static int
link_layers(int layers, const char *const *names, size_t n, bool ground, struct buf *options,
	    struct err *err)
{
	buf_add_str(options, "userxattr,lowerdir=");
	for (size_t i = 0; i < n; i++) {
		CLEANUP(mem_free) char *target = mem_format("../store/%s", names[i]);
		char number[24];

		(void)snprintf(number, sizeof(number), "%zu", i);
		if (symlinkat(target, layers, number) < 0)
			return err_sys(err, "linking layer %s", names[i]);
		/* Asked here because the mount would not say which one is missing. */
		if (faccessat(layers, number, F_OK, 0) < 0)
			return err_sys(err, "tree %s of the environment", names[i]);
		buf_add_format(options, "%s%s", i ? ":" : "", number);
	}
	if (ground)
		buf_add_str(options, ":../ground");
	return buf_check(options, "the list of layers", err);
}

static int
mount_layers(int layers, const char *base, const char *options, struct err *err)
{
	CLEANUP(mem_free) char *target = mem_format("../%s", base);
	int rc;

	if (fchdir(layers) < 0)
		return err_sys(err, "composing the environment");
	rc = mount("none", target, "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, options);
	if (rc < 0)
		rc = sandbox_mount_failed(-1, "composing the environment", err);
	if (chdir("..") < 0)
		return err_sys(err, "composing the environment");
	return rc;
}

int
sandbox_mount_group(int scratch, const struct sandbox_group *g, const char *const *names,
		    size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf options = BUF_MAX(OPTIONS_MAX);
	CLEANUP(mem_free) char *path = mem_format("bases/%u/%u", g->base, g->group);
	CLEANUP(fd_close) int layers = -1;

	if (tree_remove(scratch, "layers", err) < 0 ||
	    sandbox_mount_mkdir(scratch, "layers", err) < 0 ||
	    fd_mkdirs(scratch, path, err) < 0 ||
	    fd_open_beneath(scratch, "layers", O_RDONLY | O_DIRECTORY, &layers, err) < 0 ||
	    link_layers(layers, names, n, g->last, &options, err) < 0)
		return -1;
	return mount_layers(layers, path, options.data, err);
}

void
sandbox_mount_drop(int scratch, unsigned base, unsigned ngroups)
{
	CLEANUP(mem_free) char *dir = mem_format("bases/%u", base);

	for (unsigned i = 0; i < ngroups; i++) {
		CLEANUP(mem_free) char *path = mem_format("%s/%u", dir, i);

		(void)umount2(path, MNT_DETACH);
		(void)unlinkat(scratch, path, AT_REMOVEDIR);
	}
	(void)unlinkat(scratch, dir, AT_REMOVEDIR);
}

/* Named from inside the base's directory: the names are seen in the chamber's mountinfo, and
 * how many bases there were before is nothing to know there. */
static int
set_layers(int fs, const char *dir, const char *layers)
{
	int rc = chdir(dir);

	if (rc == 0)
		rc = fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", layers, 0);
	return rc;
}

int
sandbox_mount_root(int scratch, unsigned base, unsigned n, int *root, struct err *err)
{
	CLEANUP(fd_close) int fs = fsopen("overlay", FSOPEN_CLOEXEC);
	CLEANUP(buf_free) struct buf layers = BUF_MAX(STRING_MAX);
	CLEANUP(mem_free) char *dir = n ? mem_format("bases/%u", base) : mem_strdup("bases");
	int rc;

	buf_add_str(&layers, n ? "../../skeleton" : "../skeleton:../ground");
	for (unsigned i = 0; i < n; i++)
		buf_add_format(&layers, ":%u", i);
	if (buf_check(&layers, "the list of layer groups", err) < 0)
		return -1;
	/* xino: one device number for files and directories, or `find -xdev` stops at once. */
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "xino", "on", 0) < 0 ||
	    set_layers(fs, dir, buf_text(&layers)) < 0)
		rc = sandbox_mount_failed(fs, "putting the environment under the root", err);
	else
		rc = sandbox_mount_finish(
			fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
			"making the root", root, err);
	if (fchdir(scratch) < 0)
		return err_sys(err, "entering the helper's directory");
	return rc;
}

int
sandbox_mount_rooms(const struct sandbox_limits *l, struct sandbox_rooms *out, struct err *err)
{
	struct sandbox_rooms r = { -1, -1, -1, -1, -1 };

	if (sandbox_mount_tmpfs(l->disk_bytes, l->inodes, "0755", &r.build, err) < 0 ||
	    sandbox_mount_tmpfs(l->disk_bytes, l->inodes, "1777", &r.tmp, err) < 0 ||
	    sandbox_mount_tmpfs(l->disk_bytes, l->inodes, "0755", &r.out, err) < 0 ||
	    sandbox_mount_tmpfs(l->disk_bytes / SANDBOX_SHM_SHARE, l->inodes, "1777", &r.shm,
				err) < 0) {
		sandbox_mount_close(&r);
		return -1;
	}
	*out = r;
	return 0;
}

int
sandbox_mount_fit(const struct sandbox_limits *l, struct sandbox_rooms *rooms, struct err *err)
{
	const struct sandbox_limits *usual = &sandbox_limits_default;
	struct sandbox_rooms fitting;

	if (l->disk_bytes != usual->disk_bytes || l->inodes != usual->inodes) {
		if (sandbox_mount_rooms(l, &fitting, err) < 0)
			return -1;
		fitting.root = STEAL_FD(rooms->root);
		sandbox_mount_close(rooms);
		*rooms = fitting;
	}
	return 0;
}

void
sandbox_mount_close(struct sandbox_rooms *r)
{
	int *fds[] = { &r->root, &r->build, &r->tmp, &r->out, &r->shm };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* A directory of the stage as a mount of its own. */
static int
bind(int stage, const char *name, int *out, struct err *err)
{
	int fd = open_tree(stage, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		return sandbox_mount_failed(-1, "making a mount for the chamber", err);
	*out = fd;
	return 0;
}

/* Binds the host's own node: device nodes cannot be made in a user namespace. */
static int
attach_node(int dev, const char *name, struct err *err)
{
	CLEANUP(fd_close) int node = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	node = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (node < 0)
		return sandbox_mount_failed(-1, path, err);
	if (mknodat(dev, name, S_IFREG | 0444, 0) < 0)
		return err_sys(err, "%s", path);
	return sandbox_mount_attach(node, dev, name, err);
}

static int
make_dev(int stage, int *out, struct err *err)
{
	CLEANUP(fd_close) int dev = -1;
	struct mount_attr hard = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
					       MOUNT_ATTR_NOEXEC };

	if (sandbox_mount_mkdir(stage, "dev", err) < 0 || bind(stage, "dev", &dev, err) < 0 ||
	    sandbox_mount_mkdir(dev, "shm", err) < 0 ||
	    make_links(dev, device_links, ARRAY_LEN(device_links), err) < 0 ||
	    sandbox_mount_attach(dev, stage, "dev", err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(device_nodes); i++)
		if (attach_node(dev, device_nodes[i], err) < 0)
			return -1;
	/* Devices stay writable: a read-only mount holds back file systems, not drivers. */
	if (mount_setattr(dev, "", AT_EMPTY_PATH | AT_RECURSIVE, &hard, sizeof(hard)) < 0)
		return sandbox_mount_failed(-1, "making /dev read-only", err);
	*out = STEAL_FD(dev);
	return 0;
}

/* On the stage, where we still are. */
static int
make_steps(const struct sandbox_spec *spec, int *out, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };

	if (sandbox_mount_mkdir(AT_FDCWD, "/kiln", err) < 0 ||
	    bind(AT_FDCWD, "/kiln", &fd, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->nsteps; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "step-%zu", i + 1);
		if (sandbox_mount_file(fd, name, spec->steps[i].script, 0444, err) < 0)
			return -1;
	}
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0)
		return sandbox_mount_failed(-1, "making the step scripts read-only", err);
	*out = STEAL_FD(fd);
	return 0;
}

/* The host's root goes out of sight and reach: pivot, then detach the old one, which waits for
 * the whole machine. Nothing of a run is known yet. /proc is made first: the kernel makes none
 * for who sees none. */
int
sandbox_mount_leave(struct sandbox_stage *out, struct err *err)
{
	CLEANUP(fd_close) int stage = -1;
	struct sandbox_stage s = { -1, -1 };

	/* Any directory will do; this one is there, or nothing of this works. */
	if (sandbox_mount_tmpfs(STAGE_BYTES, STAGE_INODES, "0755", &stage, err) < 0 ||
	    sandbox_mount_attach(stage, AT_FDCWD, "/proc", err) < 0 ||
	    sandbox_proc_make(&s.proc, err) < 0 || make_dev(stage, &s.dev, err) < 0)
		return -1;
	if (fchdir(stage) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return sandbox_mount_failed(-1, "leaving the host's file system", err);
	*out = s;
	return 0;
}

/* Over the stage, which nobody can reach any more: the kernel, too, takes what is mounted
 * over a root for the root. */
static int
cover_stage(int root, struct err *err)
{
	struct statvfs fs;

	if (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return sandbox_mount_failed(-1, "entering the chamber's root", err);
	if (statvfs("/", &fs) < 0)
		return sandbox_mount_failed(-1, "looking at the new root", err);
	if (!(fs.f_flag & ST_RDONLY))
		return err_set(err, ERR_SANDBOX, "the chamber's root came up writable");
	return 0;
}

int
sandbox_mount_enter(const struct sandbox_rooms *r, struct sandbox_stage *stage,
		    const struct sandbox_spec *spec, const struct sandbox_machine *full_proc,
		    struct err *err)
{
	CLEANUP(fd_close) int steps = -1;

	if (make_steps(spec, &steps, err) < 0 ||
	    sandbox_mount_attach(r->root, AT_FDCWD, "/", err) < 0 ||
	    sandbox_proc_attach(r->root, stage->proc, full_proc, err) < 0 ||
	    sandbox_mount_attach(stage->dev, r->root, "dev", err) < 0 ||
	    sandbox_mount_attach(r->shm, stage->dev, "shm", err) < 0 ||
	    sandbox_mount_attach(r->build, r->root, "build", err) < 0 ||
	    sandbox_mount_attach(r->tmp, r->root, "tmp", err) < 0 ||
	    sandbox_mount_attach(r->out, r->root, "out", err) < 0 ||
	    sandbox_mount_attach(steps, r->root, "kiln", err) < 0 ||
	    cover_stage(r->root, err) < 0)
		return -1;
	close(STEAL_FD(stage->dev));
	close(STEAL_FD(stage->proc));
	return 0;
}
