/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people found out about advisories and our packages, as OpenVEX 0.2.0: read to settle
 * findings, written from them. Whose words count is the caller's to decide, before they are
 * read.
 */
#pragma once

#include "repo/advisory.h"

#define VEX_MAX_BYTES DOC_MAX_BYTES

struct vex_word { /* of a reviewer, about one advisory */
	const char *id;
	const char **aliases;
	size_t naliases;
	enum advisory_status status;
	const char *justification, *note; /* either may be NULL */
	const char *recipe;               /* all its packages; NULL: the products */
	const char **products;            /* package URLs; without a version: every one */
	size_t nproducts;
};

/* One of OpenVEX's five reasons why something is not affected; NULL: s is one, else the list of
 * them in words. */
const char *vex_wrong_justification(const char *s);
const char *vex_wrong_status(const char *s);
bool vex_status(const char *s, enum advisory_status *out);

/* An OpenVEX document. Strict where it matters: an unknown status, or "not_affected" without a
 * reason, is ERR_INPUT. */
int vex_parse(struct arena *a, const char *text, size_t n, const char *name,
	      struct vex_word **out, size_t *nout, struct err *err) MUST_CHECK;
int vex_parse_doc(struct arena *a, const struct doc *root, const char *name,
		  struct vex_word **out, size_t *nout, struct err *err) MUST_CHECK;

/* Findings get the status that the words give them. What a patch settles stays fixed; of two
 * words about one finding the later wins. */
void vex_apply(struct arena *a, const struct vex_word *at, size_t n,
	       struct advisory_answer *answer);

struct vex_author {
	const char *name;  /* the distribution */
	const char *place; /* an address of its own, under which documents are named */
	int64_t epoch;     /* the document's time */
};
/* Findings of the same advisory and status are one statement. Same findings, same bytes. */
int vex_write(struct arena *a, const struct advisory_answer *answer,
	      const struct vex_author *by, struct buf *out, struct err *err) MUST_CHECK;
/* The statement that is signed for a document: its subjects are the packages it speaks of. */
int vex_statement(struct arena *a, const struct advisory_answer *answer, const struct buf *text,
		  struct buf *out, struct err *err) MUST_CHECK;
