/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first recipe for a source archive: what can be told from the archive is written, what
 * cannot is left so that lint refuses it with the remedy. The archive is hostile: it is read in
 * a confined child, and what that says is checked like any other text from elsewhere.
 */
#pragma once

#include "builder/seed.h"
#include "builder/update.h"

#define DRAFT_SYSTEMS "autotools, cmake, meson, make, python or perl"

struct draft_wish {
	const char *name;    /* of the recipe */
	const char *url;     /* as `sources[].url`, {version} not yet put in */
	const char *file;    /* name of the archive: what the version is read from */
	const char *version; /* NULL: as the file's name says */
	const char *system;  /* NULL: as the archive looks */
};
struct draft {
	const char *path; /* of the recipe in the workspace */
	const char *text; /* the recipe */
	const char *version, *system, *license, *summary;
	const char **notes; /* what a person should look at; none: NULL */
	size_t nnotes;
};

/* The archive is a blob of the store. Reads the recipes and the ground of the workspace's stage
 * to know which tools are there. Writes nothing. */
int draft_make(struct arena *a, struct workspace *w, const struct cas *store,
	       const struct digest *archive, const struct draft_wish *wish, struct draft *out,
	       struct err *err) MUST_CHECK;
/* Writes the recipe, and beside it the archive when its url is file:NAME. A recipe that exists
 * is refused. */
int draft_write(struct workspace *w, const struct cas *store, const struct digest *archive,
		const struct draft_wish *wish, const struct draft *d,
		struct err *err) MUST_CHECK;
/* A file that nobody pinned yet, from a URL or a path, into the store. */
int draft_fetch(struct workspace *w, struct cas *store, const char *from,
		const struct source_progress *progress, struct digest *out,
		struct err *err) MUST_CHECK;
/* The version in an archive's file name: "zlib_1.2.13.dfsg.orig.tar.bz2" is 1.2.13. NULL: none.
 */
const char *draft_version(struct arena *a, const char *file);
