/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of advisory: names (advisory_target.c), the feed (advisory_feed.c), one
 * record (advisory.c). */
#pragma once

#include "base/vec.h"
#include "repo/advisory.h"

struct advisory_found; /* a finding while it grows */

struct advisory_search {
	struct arena *a;
	const struct advisory_question *question;
	struct dict index;    /* key -> struct advisory_place */
	struct dict findings; /* "target id" -> struct advisory_found */
	VEC(struct advisory_found *) order;
	size_t records, withdrawn, asked;
};
/* Files the targets under their names; afterwards, what was found. */
void advisory_index(struct advisory_search *s);
void advisory_tell(struct advisory_search *s, struct advisory_answer *out);
/* One record. scratch: dies after it. */
int advisory_take(struct advisory_search *s, struct arena *scratch, const struct doc *record,
		  const char *name, struct err *err) MUST_CHECK;
/* Records one after another, in an array, or alone. */
typedef int advisory_record_fn(void *arg, const char *text, size_t n, const char *name,
			       struct err *err);
int advisory_split_text(const char *text, size_t n, const char *name, advisory_record_fn *each,
			void *arg, struct err *err) MUST_CHECK;
int advisory_split_fd(int fd, const char *name, advisory_record_fn *each, void *arg,
		      struct err *err) MUST_CHECK;

/* The key of a name of an ecosystem ("Debian:12"): *release is what follows the colon, or NULL.
 * NULL: no such name. */
const char *advisory_key_ecosystem(struct arena *a, const char *ecosystem, const char *name,
				   const char **release);
const char *advisory_key_purl(struct arena *a, const char *purl, const char **version);
/* *version: NULL when any is meant. */
const char *advisory_key_cpe(struct arena *a, const char *cpe, const char **version);
/* Of the address of a repository on the web. */
const char *advisory_key_repo(struct arena *a, const char *url);
enum advisory_order advisory_key_order(const char *key);
