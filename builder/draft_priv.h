/* SPDX-License-Identifier: Apache-2.0 */
/* Between what is read of an archive (draft_look.c, in a confined child) and the recipe that is
 * made of it (draft.c). */
#pragma once

#include "base/buf.h"
#include "builder/draft.h"
#include "builder/recipe_priv.h"

#define DRAFT_LICENSE_OPEN "UNDETERMINED"       /* what recipe_spdx.c refuses with the remedy */
#define DRAFT_HEAD         ((size_t)4096)       /* of a source file, for its licence */
#define DRAFT_TEXT         ((size_t)256 * 1024) /* of files that describe the project */

enum draft_flag {
	DRAFT_BARE = 1,       /* configure has to be made by autoreconf */
	DRAFT_AUTOCONF = 2,   /* configure was made by autoconf: it takes the usual options */
	DRAFT_CHECK = 4,      /* there is a suite that the build system runs */
	DRAFT_DESTDIR = 8,    /* make install knows DESTDIR */
	DRAFT_LOWER = 16,     /* its makefile says prefix, not PREFIX */
	DRAFT_LIBTOOL = 32,   /* leaves .la files */
	DRAFT_PYPROJECT = 64, /* a build backend makes a wheel */
	DRAFT_MODULE_BUILD = 128 /* Build.PL */
};
struct draft_seen {
	const char *system, *dir; /* dir: below the top, "" */
	unsigned strip, flags;
	const char *summary, *homepage, *license, *evidence;
	const char **licenses; /* files with its text, from dir */
	size_t nlicenses;
	const char **needs; /* tools by the names of their packages */
	size_t nneeds;
};
/* fd: the archive. system: NULL, or the one to be taken. */
int draft_look(struct arena *a, int fd, const char *system, struct draft_seen *out,
	       struct err *err) MUST_CHECK;

/* ---- draft_sift.c: in the confined child ---- */
/* The same, within this process. */
int draft_sift(struct arena *a, int fd, const char *system, struct draft_seen *out,
	       struct err *err) MUST_CHECK;
struct draft_file {
	const char *name; /* from the top, once that is known */
	const char *text;
	size_t n;
};
struct draft_files {
	struct draft_file *at;
	size_t n;
};
/* NULL: there is none. */
const struct draft_file *draft_file(const struct draft_files *f, const char *dir,
				    const char *name);
bool draft_says(const struct draft_file *f, const char *word); /* false: no file */

/* ---- draft_license.c ---- */
#define DRAFT_SAID_MAX 32
struct draft_headers { /* what the heads of source files say */
	struct {
		const char
			*id; /* "GPL-2.0-or-later"; "BSD", "MIT", "GPL": not the whole of it */
		bool exact;
		size_t files;
	} at[DRAFT_SAID_MAX];
	size_t n;
	bool more; /* than there is room for */
};
/* The words of a licence, for its digest. */
void draft_license_words(const char *text, size_t n, struct buf *out);
/* "MIT"; "GPL-2.0" where the text leaves open whether later versions count; NULL: unknown. */
const char *draft_license_text(const char *text, size_t n);
void draft_license_header(struct arena *a, struct draft_headers *h, const char *text, size_t n);
/* texts: what draft_license_text said of each licence file, names: theirs. The expression, or
 * NULL; *evidence: why, in one line. */
const char *draft_license_judge(struct arena *a, const char *const *texts,
				const char *const *names, size_t n,
				const struct draft_headers *h, const char **evidence);

/* ---- draft_words.c: what a project says of itself; NULL: nothing ---- */
const char *draft_words_summary(struct arena *a, const struct draft_files *f, const char *dir);
const char *draft_words_homepage(struct arena *a, const struct draft_files *f, const char *dir);
/* Build requirements of pyproject.toml, as names of packages. */
size_t draft_words_requires(struct arena *a, const struct draft_file *f, const char ***out);
