/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RPM files (format v4): written unsigned and reproducible through librpm's header and archive
 * API, read back, signed by rewriting the signature header only. rpmbuild, rpm's configuration
 * and the host's macros are never used. Doorways of librpm: pkgfile*.c and pkgdb.c.
 */
#pragma once

#include "base/arena.h"
#include "repo/pkgfacts.h"
#include "trust/key.h"

enum pkgfile_flag {
	PKGFILE_CONFIG = 1,
	PKGFILE_NOREPLACE = 2,
	PKGFILE_DOC = 4,
	PKGFILE_LICENSE = 8,
	PKGFILE_GHOST = 16
};

struct pkgfile_entry {
	const char *path; /* absolute: "/usr/bin/x" */
	enum manifest_type type;
	mode_t mode; /* permission bits, set-id as the recipe declared them */
	uint64_t size;
	struct digest digest;
	const char *target;   /* links */
	const char *hardlink; /* absolute path of the first name in the same package, or NULL */
	const char *source;   /* files: path beneath files_dirfd, */
	const void *content;  /* or, when written, these bytes in memory */
	const char *user, *group; /* NULL: root */
	const char *caps;         /* "cap_net_raw=ep", or NULL */
	unsigned flags;           /* enum pkgfile_flag */
};

struct pkgfile_spec {
	struct nevra id;
	const char *summary, *description, *license, *homepage, *vendor, *group;
	const char *source_name; /* SOURCERPM is "SOURCE-VERSION-RELEASE.src.rpm" */
	int64_t build_time;      /* also the mtime of every file */
	struct pkgdeps provides, requires, conflicts, obsoletes,
		recommends;            /* without rpmlib() and self */
	struct pkgfile_entry *entries; /* any order; sorted inside */
	size_t nentries;
	int files_dirfd;
};

struct pkgfile_ids {
	struct digest file, header;
	uint64_t size, installed_size;
};

/* Writes the package to out_fd (empty, seekable). Every file is re-hashed while read and must
 * match its entry. Self-provides "name = evr" and "name(x86-64) = evr" are added. */
int pkgfile_write(const struct pkgfile_spec *spec, int out_fd, struct pkgfile_ids *ids,
		  struct err *err) MUST_CHECK;
/* The provides pkgfile_write adds of itself, for pkgfacts. */
void pkgfile_self_provides(struct arena *a, const struct nevra *id, struct pkgdeps *out);

struct pkgfile { /* what a file on disk says of itself; digests checked */
	struct nevra id;
	const char *summary, *description, *license, *homepage, *vendor, *group, *source_rpm,
		*build_host;
	int64_t build_time;
	struct digest header;              /* of the immutable header, recomputed */
	uint64_t header_start, header_end; /* byte range of the main header, for repodata */
	uint64_t installed_size, archive_size;
	const char *script; /* what would run when it is installed: "post"; NULL: nothing */
	struct pkgdeps provides, requires, conflicts, obsoletes,
		recommends;            /* rpmlib() left out */
	struct pkgfile_entry *entries; /* header order; source is NULL */
	size_t nentries;
	const uint8_t *signature; /* OpenPGP packet of the header, or NULL */
	size_t signature_len;
};
/* Reads and checks lead, headers, header digest and payload digest. Hostile input: ERR_VERIFY
 * or ERR_INPUT naming `name`. */
int pkgfile_read(struct arena *a, int fd, const char *name, struct pkgfile *out,
		 struct err *err) MUST_CHECK;

/* The bytes a header signature covers (the main header with its magic). */
int pkgfile_header_bytes(int fd, const char *name, struct buf *out, struct err *err) MUST_CHECK;
/* Copies in to out (empty) with the RSA header signature packet put in (any old one replaced).
 */
int pkgfile_add_signature(int in, int out, const void *sig, size_t n,
			  struct err *err) MUST_CHECK;
/* Writes to out the file as it was before signing: byte-identical to pkgfile_write's. */
int pkgfile_strip_signature(int in, int out, struct err *err) MUST_CHECK;
/* Header signature by a packages key of ring, and all digests. */
int pkgfile_verify(int fd, const char *name, const struct keyring *ring,
		   struct err *err) MUST_CHECK;

/* Payload in order: calls body with each entry and a descriptor at its contents (files only,
 * -1 otherwise); the file's digest has been checked. Hard-link members after the first have fd
 * -1. */
typedef int pkgfile_body_fn(void *arg, const struct pkgfile_entry *e, int fd, struct err *err);
int pkgfile_each_body(int fd, const char *name, pkgfile_body_fn *body, void *arg,
		      struct err *err) MUST_CHECK;
