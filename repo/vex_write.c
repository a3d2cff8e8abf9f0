/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as an OpenVEX document: sorted, named by its own digest, of the time that it is
 * given. */
#include "repo/vex.h"

#include "base/clock.h"
#include "base/json.h"

#define VEX_CONTEXT "https://openvex.dev/ns/v0.2.0"

static int
text_order(const char *x, const char *y)
{
	return strcmp(x ? x : "", y ? y : "");
}

/* What makes two findings one statement. */
static int
same_statement(const struct advisory_finding *x, const struct advisory_finding *y)
{
	int differs = strcmp(x->id, y->id);

	if (differs == 0)
		differs = (int)x->status - (int)y->status;
	if (differs == 0)
		differs = text_order(x->justification, y->justification);
	if (differs == 0)
		differs = text_order(x->note, y->note);
	return differs ? differs : text_order(x->fixed, y->fixed);
}

static int
by_statement(const void *a, const void *b)
{
	const struct advisory_finding *x = *(const struct advisory_finding *const *)a,
				      *y = *(const struct advisory_finding *const *)b;
	int differs = same_statement(x, y);

	if (differs == 0)
		differs = text_order(x->target->purl, y->target->purl);
	return differs ? differs
		       : memcmp(x->target->sha256.bytes, y->target->sha256.bytes,
				sizeof(x->target->sha256.bytes));
}

static struct doc *
product(struct arena *a, const struct advisory_target *t)
{
	struct doc *d = doc_map(a), *ids = doc_map(a), *hashes = doc_map(a);

	doc_set_text(a, d, "@id", t->purl);
	doc_set_text(a, ids, "purl", t->purl);
	doc_set(a, d, "identifiers", ids);
	if (t->hashed) {
		doc_set_digest(a, hashes, "sha-256", &t->sha256);
		doc_set(a, d, "hashes", hashes);
	}
	return d;
}

static struct doc *
statement(struct arena *a, const struct advisory_finding *f)
{
	struct doc *d = doc_map(a), *what = doc_map(a), *aliases = doc_list(a);

	doc_set_text(a, what, "name", f->id);
	for (size_t i = 0; i < f->nrecords; i++)
		if (strcmp(f->records[i], f->id) != 0)
			doc_push(a, aliases, doc_text(a, f->records[i]));
	if (aliases->n)
		doc_set(a, what, "aliases", aliases);
	doc_set(a, d, "vulnerability", what);
	doc_set_text(a, d, "status", advisory_status_name(f->status));
	doc_set(a, d, "products", doc_list(a));
	if (f->status == ADVISORY_NOT_AFFECTED) {
		doc_set_text(a, d, "justification", f->justification);
		doc_set_text(a, d, "impact_statement", f->note);
	} else {
		doc_set_text(a, d, "status_notes", f->note);
	}
	if (f->status == ADVISORY_AFFECTED) /* which OpenVEX demands of it */
		doc_set_text(
			a, d, "action_statement",
			f->fixed ? arena_format(a, "update to a version from %s on", f->fixed)
				 : "no fixed version is known");
	return d;
}

/* Only what has a name that others know. */
static size_t
choose(struct arena *a, const struct advisory_answer *answer,
       const struct advisory_finding ***out)
{
	size_t n = 0;

	*out = arena_array(a, answer->nfindings + 1, sizeof(const struct advisory_finding *));
	for (size_t i = 0; i < answer->nfindings; i++)
		if (answer->findings[i]->target->purl)
			(*out)[n++] = answer->findings[i];
	qsort(*out, n, sizeof(const struct advisory_finding *), by_statement);
	return n;
}

static struct doc *
statements(struct arena *a, const struct advisory_answer *answer)
{
	const struct advisory_finding **at;
	size_t n = choose(a, answer, &at);
	struct doc *list = doc_list(a), *open = NULL;

	for (size_t i = 0; i < n; i++) {
		if (i && by_statement(&at[i - 1], &at[i]) == 0)
			continue; /* the same package in two images */
		if (!open || same_statement(at[i - 1], at[i]) != 0) {
			open = statement(a, at[i]);
			doc_push(a, list, open);
		}
		doc_push(a, doc_get(open, "products"), product(a, at[i]->target));
	}
	return list;
}

int
vex_write(struct arena *a, const struct advisory_answer *answer, const struct vex_author *by,
	  struct buf *out, struct err *err)
{
	struct doc *d = doc_map(a);
	char when[CLOCK_TEXT_MAX], hex[DIGEST_HEX];

	clock_rfc3339(by->epoch, when);
	doc_set_text(a, d, "@context", VEX_CONTEXT);
	doc_set_text(a, d, "author", by->name);
	doc_set_text(a, d, "timestamp", when);
	doc_set(a, d, "version", doc_number(a, 1));
	doc_set(a, d, "statements", statements(a, answer));
	json_digest_hex(d, hex);
	doc_set_text(a, d, "@id", arena_format(a, "%s/vex/%s", by->place, hex));
	json_write(d, out);
	return buf_check(out, "OpenVEX document", err);
}

/* The name of the file that a digest is of, as provenance has it: "NAME.rpm". */
static const char *
file_name(struct arena *a, const struct advisory_target *t)
{
	return arena_format(a, "%s.rpm", t->label);
}

int
vex_statement(struct arena *a, const struct advisory_answer *answer, const struct buf *text,
	      struct buf *out, struct err *err)
{
	CLEANUP(dict_release) struct dict known = { 0 };
	struct statement s = { .predicate_type = STATEMENT_OPENVEX };
	char hex[DIGEST_HEX];

	s.subjects = arena_array(a, answer->nfindings + 1, sizeof(*s.subjects));
	for (size_t i = 0; i < answer->nfindings; i++) {
		const struct advisory_target *t = answer->findings[i]->target;

		digest_hex(&t->sha256, hex);
		if (!t->purl || !t->hashed || !dict_add(&known, hex, &known))
			continue;
		s.subjects[s.nsubjects++] =
			(struct statement_resource){ .name = file_name(a, t),
						     .sha256 = t->sha256 };
	}
	if (s.nsubjects == 0)
		return err_set(err, ERR_INPUT, "nothing to sign: no package is spoken of");
	if (s.nsubjects > STATEMENT_MAX_SUBJECTS) {
		err_set(err, ERR_LIMIT,
			"the statement would speak of %zu packages, of %d at most", s.nsubjects,
			STATEMENT_MAX_SUBJECTS);
		return err_hint(err,
				"audit the packages in parts: one repository, image or recipe");
	}
	if (json_parse(a, buf_text(text), text->len, "OpenVEX document", &s.predicate, err) < 0)
		return -1;
	return statement_make(&s, out, err);
}
