/* SPDX-License-Identifier: Apache-2.0 */
/* Between seed.c (what is wanted and pinned), seed_lock.c (pinning) and seed_index.c
 * (archives). */
#pragma once

#include "builder/seed.h"
#include "builder/source_priv.h"

#define SEED_YAML         "bootstrap/seed.yaml" /* the standard one */
#define SEED_LOCK         "bootstrap/seed.lock"
#define SEED_SNAPSHOT_MAX 24 /* "20260101T000000Z" */

/* seed.yaml alone: groups, fix-ups, provides. */
int seed_load_wanted(struct arena *a, const struct workspace *w, struct seed *out,
		     struct err *err) MUST_CHECK;
/* seed.lock alone, into out->packages; a missing file is an empty list. */
int seed_load_pinned(struct arena *a, const struct workspace *w, struct seed *out,
		     struct err *err) MUST_CHECK;
const struct seed_package *seed_find(const struct seed *s, const char *name);
extern const struct recipe_table seed_fixup_table; /* links, files, directories */
/* Every package that a group names, sorted, once. */
void seed_names(struct arena *a, const struct seed *s, const char ***out, size_t *n);

/* Whether name, version, location and snapshot are what a lock may hold. */
bool seed_is_sound(const struct seed_package *p);
/* Where to read, and for which names (sorted). */
struct seed_query {
	const struct workspace *w;
	const struct source_index *indexes;
	size_t nindexes;
	const char *const *names;
	size_t nnames;
};
/* Reads every index after its signature was checked: all listed versions of the names, sorted
 * by name and from the newest version down. */
int seed_index_read(struct arena *a, const struct seed_query *q, struct seed_package **out,
		    size_t *n, struct err *err) MUST_CHECK;
/* One file of an archive's index, below its component: "source/Sources". Checked like the rest.
 */
int seed_index_get(struct arena *a, const struct workspace *w, const struct source_index *index,
		   const char *path, struct buf *out, struct err *err) MUST_CHECK;
/* apt may name one suite several times; what is not main is passed over, too. */
bool seed_index_is_repeated(const struct source_index *list, size_t i);
/* A Packages file's stanzas of wanted names: for seed_index_read's confined child and for
 * tests. Lines of "name\tversion\tsize\tsha256\tfilename\n". */
int seed_index_scan(const char *text, size_t n, const char *const *names, size_t nnames,
		    struct buf *out, struct err *err) MUST_CHECK;
/* What a Release file says: the digest and size of path; its date as archive time. */
bool seed_index_listed(const char *release, const char *path, struct digest *sha256,
		       uint64_t *size);
bool seed_index_date(const char *release, char out[SEED_SNAPSHOT_MAX]);
/* Debian's order of versions: <0, 0, >0. */
int seed_version_compare(const char *a, const char *b);
