/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system of an image, in memory: the entries of its packages, the RPM database, the
 * definition's links. Nothing is installed and no scriptlet runs; contents lie one after
 * another in a spool file and entries know their offset.
 *
 *   package A ─┐  raw entries    1. links take their place      ┌─ path ─> entry, sorted
 *   package B ─┼─ with owner ──> 2. the rest, through them  ──> ┤  spool: bodies
 *   definition ┘  names             (/bin/x -> usr/bin/x)       └─ uid, gid from etc/passwd
 *
 * Two packages may share what is the same in both (directories, equal files and links);
 * anything else at one path is refused by both names. Owners are resolved by the etc/passwd and
 * etc/group that the packages themselves bring; an unknown name is an error, never root.
 */
#pragma once

#include "base/cas.h"
#include "base/dict.h"
#include "repo/pkgfacts.h"

#define ROOTFS_RPMDB      "usr/lib/sysimage/rpm/rpmdb.sqlite"
#define ROOTFS_RPMDB_LINK "var/lib/rpm"
#define ROOTFS_CAPS_BYTES 20

struct rootfs_entry {
	const char *path;         /* "usr/bin/x" */
	mode_t mode;              /* type and permission bits */
	const char *user, *group; /* names; NULL: root */
	uint32_t uid, gid;
	int64_t mtime;
	uint64_t size, offset; /* regular files: where in the spool */
	struct digest digest;
	const char *target; /* of a symbolic link; of a hard link the path of its first name */
	bool hardlink;
	const char *caps;  /* security.capability as ROOTFS_CAPS_BYTES raw bytes, or NULL */
	const char *owner; /* file name of the package, or what else put it there */
};
struct rootfs_link {
	const char *path, *target;
};
struct rootfs_spec {
	struct cas *store;
	const struct pkgfacts *const *packages; /* sorted by name */
	size_t npackages;
	const struct rootfs_link *links;
	size_t nlinks;
	const char *links_owner; /* the definition's path, for messages */
	int64_t epoch;           /* time of what no package owns */
	int spool_fd;            /* empty, readable and writable; stays the caller's */
};
struct rootfs {
	struct rootfs_entry **at; /* sorted by path, directories before what they hold */
	size_t n;
	uint64_t bytes; /* of regular files */
	int spool_fd;
	struct dict users, groups; /* name -> struct rootfs_name */
};
struct rootfs_name {
	uint32_t id;
};
int rootfs_fill(struct arena *a, const struct rootfs_spec *spec, struct rootfs *out,
		struct err *err) MUST_CHECK;
void rootfs_release(struct rootfs *r);
DEFINE_RELEASE(struct rootfs, rootfs_release);
const struct rootfs_entry *rootfs_find(const struct rootfs *r, const char *path); /* or NULL */

/* "user" or "user:group", numbers or names that the image's own tables know. */
int rootfs_check_user(const struct rootfs *r, const char *user, struct err *err) MUST_CHECK;

/* How a service starts, by the unit of a package; the program's path first, the user by number.
 */
struct rootfs_service {
	const char **run;
	size_t nrun;
	const char *user, *directory, *stop_signal;
};
int rootfs_service_read(struct arena *a, const struct rootfs *r, const char *name,
			struct rootfs_service *out, struct err *err) MUST_CHECK;

/* Reads the lines of a passwd (fields 7) or group (fields 4) file into names. */
int rootfs_names_parse(struct arena *a, const char *text, size_t n, const char *name,
		       unsigned fields, struct dict *names, struct err *err) MUST_CHECK;
/* "cap_net_raw,cap_setuid=ep" as the kernel stores it (vfs_cap_data version 2). */
int rootfs_caps_parse(const char *text, char out[ROOTFS_CAPS_BYTES],
		      struct err *err) MUST_CHECK;
