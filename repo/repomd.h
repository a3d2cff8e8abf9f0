/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repository metadata: primary, filelists, other and repomd.xml. Each package's three XML
 * fragments are made once from its header and cached; the documents are assembled from
 * fragments, so adding a package reads no other package.
 */
#pragma once

#include "repo/pkgfile.h"

struct repomd_fragment {
	const char *primary, *filelists, *other; /* XML of one <package> each */
};
/* file: SHA-256 of the (signed) file; size: its bytes; href: "packages/NAME.rpm". */
int repomd_fragment_make(struct arena *a, const struct pkgfile *p, const struct digest *file,
			 uint64_t size, const char *href, struct repomd_fragment *out,
			 struct err *err) MUST_CHECK;
/* Writes repodata/ (content-named .xml.gz files and repomd.xml) under dirfd; revision and every
 * timestamp are epoch. fragments in the order of packages (sorted by the caller). */
int repomd_write(int dirfd, const struct repomd_fragment *fragments, size_t n, int64_t epoch,
		 struct err *err) MUST_CHECK;

/* Reading back for verification: what repomd.xml names, and what primary names. */
struct repomd_file {
	const char *type, *href; /* of a package, its type is its name */
	struct nevra id;         /* of a package */
	struct digest digest;
	uint64_t size;
};
int repomd_parse(struct arena *a, const char *text, size_t n, const char *name,
		 struct repomd_file **files, size_t *nfiles, int64_t *revision,
		 struct err *err) MUST_CHECK;
int repomd_parse_primary(struct arena *a, const char *text, size_t n, const char *name,
			 struct repomd_file **packages, size_t *npackages,
			 struct err *err) MUST_CHECK;
