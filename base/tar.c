/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading archives as hostile bytes. Every name is checked, then walked component by component
 * with O_NOFOLLOW from the target directory, so nothing is ever written through a link, whatever
 * the archive or an earlier entry planted. The caller confines the process (a chamber job).
 */
#include "base/tar.h"
#include "base/fd.h"
#include "base/manifest.h"
#include "base/mem.h"
#include "base/vec.h"
#include <archive.h>
#include <archive_entry.h>
#include <fnmatch.h>

#define TAR_READ_BLOCK   ((size_t)256 * 1024)
#define TAR_RATIO_BEYOND ((uint64_t)64 * 1024 * 1024)
#define TAR_NAME_MAX     4096

const struct tar_limits tar_limits_source = {
	.max_bytes = (uint64_t)8 * 1024 * 1024 * 1024,
	.max_entries = 2000000,
	.max_depth = 64,
	.max_ratio = 1000,
};

struct unpack {
	struct archive *in;    /* the archive with the entries */
	struct archive *outer; /* of a .deb: the ar around it; else NULL */
	int dirfd;
	const struct tar_select *select;
	const struct tar_limits *limits;
	int64_t mtime;
	bool *used; /* which member globs matched */
	uint64_t entries, bytes;
	VEC(char *) dirs; /* whose times are set at the end */
};

static void
reader_free(struct archive *a)
{
	(void)archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, reader_free);

static int
refuse(struct err *err, const char *name, const char *why)
{
	return err_set(err, ERR_INPUT, "archive member '%s': %s", name, why);
}

static int
reader_error(struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);

	return err_set(err, ERR_INPUT, "archive: %s", why ? why : "not readable");
}

/* ---- names ---- */

/* Drops leading "./" and repeated or trailing slashes; refuses absolute names, "..", bad bytes. */
static int
clean_name(const char *raw, char out[TAR_NAME_MAX], struct err *err)
{
	size_t len = 0;

	if (raw[0] == '/')
		return refuse(err, raw, "absolute name");
	for (const char *at = raw; *at;) {
		size_t n = strcspn(at, "/");

		if (n == 2 && memcmp(at, "..", 2) == 0)
			return refuse(err, raw, "name with '..'");
		if (n > 0 && !(n == 1 && at[0] == '.')) {
			if (len + n + 2 > TAR_NAME_MAX)
				return refuse(err, raw, "name too long");
			if (len)
				out[len++] = '/';
			memcpy(out + len, at, n);
			len += n;
		}
		at += n;
		at += *at == '/';
	}
	out[len] = '\0';
	if (len && !manifest_is_path(out))
		return refuse(err, raw, "name is not UTF-8, or holds control characters");
	return 0;
}

/* The name after `strip` components; NULL when nothing is left. */
static const char *
strip_name(const char *name, unsigned strip)
{
	while (strip-- && name) {
		name = strchr(name, '/');
		if (name)
			name++;
	}
	return name && *name ? name : NULL;
}

static bool
glob_takes(const char *glob, const char *name)
{
	char head[TAR_NAME_MAX];

	if (fnmatch(glob, name, FNM_PATHNAME) == 0)
		return true;
	/* A glob that names a directory takes what is below it. */
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(head, name, (size_t)(slash - name));
		head[slash - name] = '\0';
		if (fnmatch(glob, head, FNM_PATHNAME) == 0)
			return true;
	}
	return false;
}

static bool
is_selected(struct unpack *u, const char *name)
{
	bool taken = u->select->nmembers == 0;

	for (size_t i = 0; i < u->select->nmembers; i++) {
		if (!glob_takes(u->select->members[i], name))
			continue;
		u->used[i] = true;
		taken = true;
	}
	return taken;
}

/* bin/x -> usr/bin/x, as debootstrap's merge would have it. */
static int
merge_usr(char name[TAR_NAME_MAX], struct err *err)
{
	static const char *const tops[] = { "bin", "sbin", "lib", "lib64", "lib32", "libx32" };
	size_t n = strcspn(name, "/");

	for (size_t i = 0; i < ARRAY_LEN(tops); i++) {
		if (strlen(tops[i]) != n || memcmp(name, tops[i], n) != 0)
			continue;
		if (strlen(name) + 5 > TAR_NAME_MAX)
			return refuse(err, name, "name too long");
		memmove(name + 4, name, strlen(name) + 1);
		memcpy(name, "usr/", 4);
		return 0;
	}
	return 0;
}

static const char *
entry_name(struct archive_entry *e)
{
	const char *name = archive_entry_pathname_utf8(e);

	return name ? name : archive_entry_pathname(e);
}

static const char *
entry_hardlink(struct archive_entry *e)
{
	const char *name = archive_entry_hardlink_utf8(e);

	return name ? name : archive_entry_hardlink(e);
}

static const char *
entry_symlink(struct archive_entry *e)
{
	const char *name = archive_entry_symlink_utf8(e);

	return name ? name : archive_entry_symlink(e);
}

/* ---- placing ---- */

static int
open_component(int dirfd, const char *name, const char *path, bool make, int *out, struct err *err)
{
	if (make && mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(err, "%s", path);
	*out = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out >= 0)
		return 0;
	if (errno == ENOTDIR || errno == ELOOP)
		return refuse(err, path, "its directory is a link or a file of the archive");
	return err_sys(err, "%s", path);
}

/* Opens the directory that holds path, making missing ones; leaf points into path. */
static int
open_parent(struct unpack *u, const char *path, bool make, int *out, const char **leaf, struct err *err)
{
	CLEANUP(fd_close) int at = fcntl(u->dirfd, F_DUPFD_CLOEXEC, 3);
	char name[TAR_NAME_MAX];
	const char *rest = path;
	unsigned depth = 1;

	if (at < 0)
		return err_sys(err, "%s", path);
	for (const char *slash = strchr(rest, '/'); slash; slash = strchr(rest, '/')) {
		int next;

		if (++depth > u->limits->max_depth)
			return refuse(err, path, "deeper than the limit");
		memcpy(name, rest, (size_t)(slash - rest));
		name[slash - rest] = '\0';
		if (open_component(at, name, path, make, &next, err) < 0)
			return -1;
		close(at);
		at = next;
		rest = slash + 1;
	}
	*leaf = rest;
	*out = STEAL_FD(at);
	return 0;
}

/* Makes room for a non-directory: an earlier one of the same name is replaced, a directory is not. */
static int
make_room(int dirfd, const char *leaf, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(dirfd, leaf, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return refuse(err, path, "given twice, once as a directory");
	return unlinkat(dirfd, leaf, 0) < 0 ? err_sys(err, "%s", path) : 0;
}

static int
set_time(int dirfd, const char *leaf, int64_t mtime, struct err *err)
{
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	if (utimensat(dirfd, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s", leaf);
	return 0;
}

static int
check_ratio(struct unpack *u, const char *path, struct err *err)
{
	struct archive *packed = u->outer ? u->outer : u->in;
	uint64_t in = (uint64_t)archive_filter_bytes(packed, -1);

	if (u->bytes > u->limits->max_bytes)
		return err_set(err, ERR_LIMIT, "archive member '%s': the archive unpacks to more than %llu bytes", path,
			       (unsigned long long)u->limits->max_bytes);
	if (u->bytes > TAR_RATIO_BEYOND && u->bytes / u->limits->max_ratio > in)
		return err_set(err, ERR_LIMIT, "archive member '%s': the archive unpacks to more than %u times its size", path,
			       u->limits->max_ratio);
	return 0;
}

static int
write_body(struct unpack *u, int fd, const char *path, int64_t size, struct err *err)
{
	const void *data;
	size_t n;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(u->in, &data, &n, &at)) == ARCHIVE_OK) {
		u->bytes += n;
		if (check_ratio(u, path, err) < 0)
			return -1;
		if (at < 0 || (uint64_t)at + n > (uint64_t)KILN_MAX(size, (int64_t)0))
			return refuse(err, path, "longer than it says");
		for (size_t done = 0; done < n;) {
			ssize_t w = pwrite(fd, (const char *)data + done, n - done, at + (la_int64_t)done);

			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return err_sys(err, "%s", path);
			done += (size_t)w;
		}
	}
	if (rc != ARCHIVE_EOF)
		return reader_error(u->in, err);
	return ftruncate(fd, size) < 0 ? err_sys(err, "%s", path) : 0;
}

static int
place_file(struct unpack *u, struct archive_entry *e, const char *path, struct err *err)
{
	mode_t mode = archive_entry_perm(e) & 0111 ? 0755 : 0644;
	int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : 0;
	CLEANUP(fd_close) int dir = -1;
	CLEANUP(fd_close) int fd = -1;
	const char *leaf;

	if (size < 0 || (uint64_t)size > u->limits->max_bytes)
		return refuse(err, path, "larger than the limit");
	if (open_parent(u, path, true, &dir, &leaf, err) < 0 || make_room(dir, leaf, path, err) < 0)
		return -1;
	fd = openat(dir, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	if (write_body(u, fd, path, size, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0)
		return err_sys(err, "%s", path);
	if (fd_close(&fd, path, err) < 0)
		return -1;
	return set_time(dir, leaf, u->mtime, err);
}

static int
place_dir(struct unpack *u, const char *path, struct err *err)
{
	CLEANUP(fd_close) int dir = -1;
	CLEANUP(fd_close) int self = -1;
	const char *leaf;

	if (open_parent(u, path, true, &dir, &leaf, err) < 0 || open_component(dir, leaf, path, true, &self, err) < 0)
		return -1;
	if (fchmod(self, 0755) < 0)
		return err_sys(err, "%s", path);
	VEC_PUSH(&u->dirs, mem_strdup(path));
	return 0;
}

static int
place_symlink(struct unpack *u, struct archive_entry *e, const char *path, struct err *err)
{
	const char *target = entry_symlink(e);
	CLEANUP(fd_close) int dir = -1;
	const char *leaf;

	if (!target || !*target || strlen(target) >= TAR_NAME_MAX)
		return refuse(err, path, "symbolic link without a usable target");
	if (open_parent(u, path, true, &dir, &leaf, err) < 0 || make_room(dir, leaf, path, err) < 0)
		return -1;
	if (symlinkat(target, dir, leaf) < 0)
		return err_sys(err, "%s", path);
	return set_time(dir, leaf, u->mtime, err);
}

/* The target is an earlier entry, named as in the archive: it goes the same way of names. */
static int
target_name(struct unpack *u, const char *raw, char out[TAR_NAME_MAX], struct err *err)
{
	char name[TAR_NAME_MAX];
	const char *rest;

	if (clean_name(raw, name, err) < 0)
		return -1;
	rest = strip_name(name, u->select->strip);
	if (!rest)
		return refuse(err, raw, "hard link to nothing that is unpacked");
	memmove(out, rest, strlen(rest) + 1);
	return u->select->merge_usr ? merge_usr(out, err) : 0;
}

static int
place_hardlink(struct unpack *u, struct archive_entry *e, const char *path, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	const char *from_leaf, *to_leaf;
	char target[TAR_NAME_MAX];
	struct stat st;

	if (target_name(u, entry_hardlink(e), target, err) < 0)
		return -1;
	if (strcmp(target, path) == 0)
		return refuse(err, path, "hard link to itself");
	if (open_parent(u, target, false, &from, &from_leaf, err) < 0)
		return err_wrap(err, "hard link '%s'", path);
	if (fstatat(from, from_leaf, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return refuse(err, path, "hard link to something that is not a file unpacked before");
	if (open_parent(u, path, true, &to, &to_leaf, err) < 0 || make_room(to, to_leaf, path, err) < 0)
		return -1;
	if (linkat(from, from_leaf, to, to_leaf, 0) < 0)
		return err_sys(err, "%s", path);
	return 0;
}

static int
place(struct unpack *u, struct archive_entry *e, const char *path, struct err *err)
{
	if (entry_hardlink(e))
		return place_hardlink(u, e, path, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return place_file(u, e, path, err);
	case AE_IFDIR:
		return place_dir(u, path, err);
	case AE_IFLNK:
		return place_symlink(u, e, path, err);
	default:
		return refuse(err, path, "neither file, directory nor link (device, FIFO or socket)");
	}
}

/* ---- the loop ---- */

static int
take_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
	const char *raw = entry_name(e);
	char name[TAR_NAME_MAX];
	const char *rest;

	if (++u->entries > u->limits->max_entries)
		return err_set(err, ERR_LIMIT, "archive: more than %llu members", (unsigned long long)u->limits->max_entries);
	if (!raw)
		return refuse(err, "?", "name is not readable as UTF-8");
	if (clean_name(raw, name, err) < 0)
		return -1;
	rest = strip_name(name, u->select->strip);
	if (!rest || !is_selected(u, rest))
		return 0;
	memmove(name, rest, strlen(rest) + 1);
	if (u->select->merge_usr && merge_usr(name, err) < 0)
		return -1;
	return place(u, e, name, err);
}

static int
take_all(struct unpack *u, struct err *err)
{
	struct archive_entry *e;
	int rc;

	while ((rc = archive_read_next_header(u->in, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN)
		if (take_entry(u, e, err) < 0)
			return -1;
	return rc == ARCHIVE_EOF ? 0 : reader_error(u->in, err);
}

static int
finish(struct unpack *u, struct err *err)
{
	for (size_t i = 0; i < u->select->nmembers; i++)
		if (!u->used[i])
			return err_set(err, ERR_INPUT, "archive: no member matches '%s'", u->select->members[i]);
	for (size_t i = u->dirs.n; i-- > 0;) {
		CLEANUP(fd_close) int dir = -1;
		const char *leaf;

		if (open_parent(u, u->dirs.at[i], false, &dir, &leaf, err) < 0 ||
		    set_time(dir, leaf, u->mtime, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the three kinds ---- */

/* Only filters that libarchive has built in: others would run a program of the host. */
static int
support(struct archive *a, enum tar_kind kind, struct err *err)
{
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
		archive_read_support_filter_lzma, archive_read_support_filter_zstd,
	};
	int rc = ARCHIVE_OK;

	for (size_t i = 0; i < ARRAY_LEN(filters) && rc == ARCHIVE_OK; i++)
		rc = filters[i](a);
	if (rc == ARCHIVE_OK && kind == TAR_RPM)
		rc = archive_read_support_filter_rpm(a);
	if (rc == ARCHIVE_OK && kind != TAR_RPM)
		rc = archive_read_support_format_tar(a);
	if (rc == ARCHIVE_OK && kind != TAR_DEB)
		rc = archive_read_support_format_cpio(a);
	if (rc == ARCHIVE_OK && kind == TAR_ANY)
		rc = archive_read_support_format_zip_streamable(a);
	return rc == ARCHIVE_OK ? 0 : reader_error(a, err);
}

static la_ssize_t
read_outer(struct archive *inner, void *arg, const void **data)
{
	struct unpack *u = arg;
	la_int64_t at;
	size_t n = 0;
	int rc = archive_read_data_block(u->outer, data, &n, &at);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK) {
		archive_set_error(inner, EIO, "%s", archive_error_string(u->outer));
		return -1;
	}
	return (la_ssize_t)n;
}

static int
find_data_member(struct archive *ar, struct err *err)
{
	struct archive_entry *e;
	int rc;

	while ((rc = archive_read_next_header(ar, &e)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(e);

		if (name && strncmp(name, "data.tar", 8) == 0 && (!name[8] || name[8] == '.' || name[8] == '/'))
			return 0;
	}
	if (rc == ARCHIVE_EOF)
		return err_set(err, ERR_INPUT, "archive: a .deb without data.tar");
	return reader_error(ar, err);
}

static int
unpack_deb(struct unpack *u, int fd, struct err *err)
{
	CLEANUP(reader_free) struct archive *ar = archive_read_new();

	if (archive_read_support_format_ar(ar) != ARCHIVE_OK || archive_read_open_fd(ar, fd, TAR_READ_BLOCK) != ARCHIVE_OK)
		return reader_error(ar, err);
	if (find_data_member(ar, err) < 0)
		return -1;
	u->outer = ar;
	if (archive_read_open(u->in, u, NULL, read_outer, NULL) != ARCHIVE_OK)
		return reader_error(u->in, err);
	return take_all(u, err);
}

static int
unpack_plain(struct unpack *u, int fd, struct err *err)
{
	if (archive_read_open_fd(u->in, fd, TAR_READ_BLOCK) != ARCHIVE_OK)
		return reader_error(u->in, err);
	return take_all(u, err);
}

int
tar_unpack(int fd, enum tar_kind kind, int dirfd, const struct tar_select *select,
	   const struct tar_limits *limits, int64_t mtime, struct err *err)
{
	CLEANUP(reader_free) struct archive *in = archive_read_new();
	CLEANUP(mem_free) bool *used = mem_alloc(select->nmembers + 1);
	struct unpack u = { .in = in, .dirfd = dirfd, .select = select, .limits = limits, .mtime = mtime, .used = used };
	int rc;

	if (support(in, kind, err) < 0)
		return -1;
	rc = kind == TAR_DEB ? unpack_deb(&u, fd, err) : unpack_plain(&u, fd, err);
	if (rc == 0)
		rc = finish(&u, err);
	for (size_t i = 0; i < u.dirs.n; i++)
		free(u.dirs.at[i]);
	VEC_FREE(&u.dirs);
	return rc;
}
