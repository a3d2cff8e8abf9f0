/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "builder/seed_priv.h"
#include "builder/update.h"

#define UPDATE_LIST_MAX                                                                        \
	((size_t)64 * 1024 * 1024) /* of a page or of a project's references                   \
				    */

/* ---- update_version.c ---- */
bool update_version_is_early(const char *version); /* alpha, beta, rc, ... */
/* By RPM's rules, an early version before the one it precedes. */
int update_version_compare(const char *a, const char *b);
struct update_wish {
	const char *current, *series; /* series: only X and X.*; NULL: any */
	bool early;
};
bool update_version_fits(const struct update_wish *w, const char *version);
/* {version} of the template as text has it, {name} replaced; NULL when it does not fit. */
const char *update_version_match(struct arena *a, const char *pattern, const char *name,
				 const char *text, size_t n);
const char *update_version_expand(struct arena *a, const char *pattern, const char *name,
				  const char *version);
bool update_version_is_pattern(const char *pattern); /* it has a {version} */

/* ---- update_list.c: what a list says, one a line, for a confined child and for tests ---- */
/* Every text of a page that fits the pattern. */
int update_list_page(const char *text, size_t n, const char *pattern, const char *name,
		     struct buf *out, struct err *err) MUST_CHECK;
/* The tags of a git repository's info/refs, as clever and as plain servers say them. */
int update_list_tags(const char *text, size_t n, struct buf *out, struct err *err) MUST_CHECK;
/* Files of the wanted source packages (sorted) in an archive's Sources:
 * "pool/...\tSHA256\tSIZE". */
int update_list_sources(const char *text, size_t n, const char *const *names, size_t nnames,
			struct buf *out, struct err *err) MUST_CHECK;

/* ---- update_find.c: lists brought and read ---- */
struct update_file {          /* of a signed index */
	const char *location; /* "debian:pool/..." */
	struct digest sha256;
	uint64_t size;
};
struct update_archive {
	struct update_file *at; /* sorted by location */
	size_t n;
};
struct update_names { /* texts that may be versions, tags or file names */
	const char **at;
	size_t n;
};
int update_find_page(struct arena *a, const char *url, const char *pattern, const char *name,
		     struct update_names *out, struct err *err) MUST_CHECK;
int update_find_tags(struct arena *a, const char *url, struct update_names *out,
		     struct err *err) MUST_CHECK;
int update_find_archive(struct arena *a, const struct workspace *w, const char *const *packages,
			size_t n, struct update_archive *out, struct err *err) MUST_CHECK;
const struct update_file *update_find_file(const struct update_archive *v,
					   const char *location);

/* ---- update_edit.c ---- */
struct update_edit { /* of one scalar of a document */
	const struct doc *at;
	const char *value;
};
/* text with the values of scalars replaced where they stand; ERR_INPUT when one is written in
 * a way (folded, escaped) that cannot be replaced so. */
int update_edit_apply(const char *text, size_t n, const char *path,
		      const struct update_edit *edits, size_t nedits, struct buf *out,
		      struct err *err) MUST_CHECK;
/* Unified, with three lines of context. Both texts have the same number of lines. */
void update_edit_diff(const char *path, const char *before, const char *after, struct buf *out);

/* ---- update_fetch.c ---- */
/* Brings a file that nobody pinned yet into the store. */
int update_fetch(struct workspace *w, struct cas *store, const struct source_pin *pin,
		 const struct source_progress *progress, struct digest *out,
		 struct err *err) MUST_CHECK;
