/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives read and written (libarchive's doorway, together with base/gzip.c).
 *
 * Reading treats the archive as hostile and is meant for a confined child (a chamber job):
 * names with "..", absolute names, names through a symlink of the archive, devices, FIFOs,
 * duplicate entries of different type, non-UTF-8 or control characters in names are refused by
 * name; depth, count, total size and compression ratio are bounded. Files get modes 0644/0755
 * (0755 when any x bit), directories 0755, the mtime given, no owner, no xattrs. Files are
 * installed by unlink and create; nothing is ever written through a link.
 */
#pragma once

#include "base/err.h"

struct tar_limits {
	uint64_t max_bytes; /* unpacked, all files together */
	uint64_t max_entries;
	unsigned max_depth; /* path components */
	unsigned max_ratio; /* unpacked : packed, checked beyond 64 MiB */
};
extern const struct tar_limits tar_limits_source; /* 8 GiB, 2,000,000, 64, 1000 */

struct tar_select {
	unsigned strip;             /* leading components dropped */
	const char *const *members; /* fnmatch globs on the name after strip; NULL: all. A glob
				       that names a directory takes what is below it */
	size_t nmembers;
	bool merge_usr; /* rewrite bin/ sbin/ lib/ lib64/ (and lib32 libx32) to usr/... */
};

enum tar_kind {
	TAR_ANY, /* tar with any compression, zip, cpio */
	TAR_DEB, /* ar: debian-binary, control.tar.*, data.tar.*: only data is unpacked */
	TAR_RPM  /* lead, headers, compressed cpio */
};

/* Unpacks what fd holds (regular file or pipe, from its current offset) into dirfd. members
 * that match nothing are an error naming the glob. mtime is given to every entry. */
int tar_unpack(int fd, enum tar_kind kind, int dirfd, const struct tar_select *select,
	       const struct tar_limits *limits, int64_t mtime, struct err *err) MUST_CHECK;

/* Looks at what an archive (TAR_ANY) holds and places nothing. take is called for every entry,
 * with its clean name (never empty, no slash at its end) and, of a regular file, with as many
 * of its first bytes as want said (0: none; a file's bytes may be fewer). */
struct tar_visit {
	size_t (*want)(void *arg, const char *name);
	int (*take)(void *arg, const char *name, bool file, const char *text, size_t n,
		    struct err *err);
	void *arg;
};
int tar_look(int fd, const struct tar_limits *limits, const struct tar_visit *visit,
	     struct err *err) MUST_CHECK;

/* Deterministic pax writer for image layers: entries as given, in the order given. */
struct tar_entry {
	const char *path; /* relative, "usr/bin/x"; directories without trailing slash */
	mode_t mode;      /* type and permission bits */
	uint32_t uid, gid;
	int64_t mtime;
	uint64_t size;      /* regular files */
	const char *target; /* symlink target, or the earlier path of a hard link */
	bool hardlink;
	const char *caps; /* security.capability as 20 raw bytes (vfs_cap_data v2), or NULL */
};
struct tar_writer;
int tar_writer_make(int fd, struct tar_writer **out, struct err *err) MUST_CHECK;
/* body_fd supplies exactly entry->size bytes of a regular file; -1 otherwise. */
int tar_writer_add(struct tar_writer *w, const struct tar_entry *e, int body_fd,
		   struct err *err) MUST_CHECK;
int tar_writer_end(struct tar_writer *w,
		   struct err *err) MUST_CHECK; /* trailer; does not free */
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free);
