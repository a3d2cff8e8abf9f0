/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record against the index of names. By OSV's rules: a version is meant when it is listed,
 * or when a range begins at or before it and did not end. What cannot be told is said to be
 * so, never left out.
 */
#include "repo/advisory_priv.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "trust/sbom.h"
#include "trust/verify.h"

#define MAX_IDS      ((size_t)2000) /* of one record: its own, its aliases */
#define MAX_AFFECTED ((size_t)20000)
#define MAX_RECORDS  ((size_t)10000) /* about one advisory and one package */
#define MAX_MEETINGS 100             /* of ranges, one behind the other */
#define SUMMARY_MAX  200

struct advisory_place { /* what goes by one name */
	struct advisory_hit {
		size_t target;
		const struct advisory_name *name;
		struct advisory_hit *next;
	} * first;
};
struct advisory_found {
	struct advisory_finding f;
	size_t cap;
};

const char *
advisory_status_name(enum advisory_status s)
{
	static const char *const names[] = { [ADVISORY_FIXED] = "fixed",
					     [ADVISORY_NOT_AFFECTED] = "not_affected",
					     [ADVISORY_INVESTIGATED] = "under_investigation",
					     [ADVISORY_AFFECTED] = "affected" };

	return names[s];
}

void
advisory_index(struct advisory_search *s)
{
	for (size_t i = 0; i < s->question->ntargets; i++) {
		const struct advisory_target *t = &s->question->targets[i];

		for (size_t k = 0; k < t->nnames; k++) {
			struct advisory_place *p = dict_get(&s->index, t->names[k].key);
			struct advisory_hit *hit = arena_alloc(s->a, sizeof(*hit));

			if (!p) {
				p = arena_alloc(s->a, sizeof(*p));
				dict_set(&s->index, t->names[k].key, p);
			}
			*hit = (struct advisory_hit){ i, &t->names[k], p->first };
			p->first = hit;
		}
	}
}

/* ---- one record ---- */

struct record {
	struct advisory_search *s;
	struct arena *a; /* scratch */
	const char *name;
	const char *id, *summary;
	const char **ids; /* its own first */
	size_t nids, ncves;
	struct dict *tried; /* keys of the entry at hand, each of which is judged once */
};

static size_t
length(const struct doc *list)
{
	return list && list->kind == DOC_LIST ? list->n : 0;
}

static const char *
text_at(const struct doc *list, size_t i)
{
	const struct doc *d = list->items[i].value;

	return d->kind == DOC_TEXT ? d->text : NULL;
}

static bool
is_among(const char *const *at, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i], id) == 0)
			return true;
	return false;
}

static bool
is_cve(const char *id)
{
	return strncmp(id, "CVE-", 4) == 0;
}

static int
take_ids(struct record *r, const struct doc *d, struct err *err)
{
	const struct doc *const lists[] = { doc_get(d, "aliases"), doc_get(d, "upstream") };
	size_t n = 1;

	r->id = doc_get_text(d, "id");
	if (!r->id || !sbom_is_advisory(r->id))
		return err_set(err, ERR_INPUT, "%s: %s", r->name,
			       r->id ? "the id of an advisory is not one"
				     : "no advisory: no 'id'");
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		n += length(lists[i]);
	if (n > MAX_IDS)
		return err_set(err, ERR_LIMIT, "%s: %s has more than %zu aliases", r->name,
			       r->id, MAX_IDS);
	r->ids = arena_array(r->a, n, sizeof(*r->ids));
	r->ids[r->nids++] = r->id;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		for (size_t k = 0; k < length(lists[i]); k++) {
			const char *id = text_at(lists[i], k);

			if (!id || !sbom_is_advisory(id))
				return err_set(err, ERR_INPUT,
					       "%s: %s: an alias is not the id of one", r->name,
					       r->id);
			if (!is_among(r->ids, r->nids, id))
				r->ids[r->nids++] = id;
		}
	for (size_t i = 0; i < r->nids; i++)
		r->ncves += is_cve(r->ids[i]);
	return 0;
}

/* ---- versions ---- */

enum verdict { VERDICT_NO, VERDICT_UNSURE, VERDICT_YES };

struct event {
	enum {
		EVENT_INTRODUCED,
		EVENT_FIXED,
		EVENT_LAST
	} kind;              /* a limit ends as a fix does */
	const char *version; /* NULL: before all others */
};

static int
take_events(struct record *r, const struct doc *list, struct event *out, size_t *n,
	    struct err *err)
{
	static const struct {
		const char *key;
		int kind;
	} kinds[] = { { "introduced", EVENT_INTRODUCED },
		      { "fixed", EVENT_FIXED },
		      { "last_affected", EVENT_LAST },
		      { "limit", EVENT_FIXED } };

	for (size_t i = 0; i < length(list); i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			const char *v = doc_get_text(list->items[i].value, kinds[k].key);

			if (!v)
				continue;
			if (strlen(v) > 1024)
				return err_set(err, ERR_LIMIT,
					       "%s: %s: a version of more than 1024 bytes",
					       r->name, r->id);
			if (strcmp(v, "*") == 0) /* "limit": none */
				continue;
			out[(*n)++] = (struct event){ kinds[k].kind,
						      kinds[k].kind == EVENT_INTRODUCED &&
								      strcmp(v, "0") == 0
							      ? NULL
							      : v };
		}
	return 0;
}

/* Versions of records among themselves: all of them have their epoch and revision. */
static int
compare_theirs(enum advisory_order order, const char *x, const char *y)
{
	if (!x || !y) /* before all others */
		return (x != NULL) - (y != NULL);
	return advisory_compare(order == ADVISORY_DEB_UPSTREAM ? ADVISORY_DEB : order, x, y);
}

/* Moves the events that our version has passed to the front. */
static size_t
pass(struct event *at, size_t n, const char *ours, enum advisory_order order,
     const char **fixed)
{
	size_t passed = 0;

	for (size_t i = 0; i < n; i++) {
		const struct event e = at[i];
		int after = e.version ? advisory_compare(order, ours, e.version) : 1;

		if (e.kind == EVENT_LAST ? after > 0 : after >= 0) {
			at[i] = at[passed];
			at[passed++] = e;
		} else if (e.kind == EVENT_FIXED &&
			   (!*fixed || compare_theirs(order, e.version, *fixed) < 0)) {
			*fixed = e.version;
		}
	}
	return passed;
}

/* Events need no order: what counts is the last one that is not after our version. Where a
 * range ends and one begins, all is as it was before: two ranges that meet, or one of nothing.
 */
static enum verdict
judge_events(struct event *at, size_t n, const char *ours, enum advisory_order order,
	     const char **fixed)
{
	n = pass(at, n, ours, order, fixed);
	for (int rounds = 0; n > 0; rounds++) {
		const char *last = at[0].version;
		bool begins = false, ends = false;
		size_t kept = 0;

		if (rounds == MAX_MEETINGS)
			return VERDICT_UNSURE;
		for (size_t i = 1; i < n; i++)
			if (compare_theirs(order, at[i].version, last) > 0)
				last = at[i].version;
		for (size_t i = 0; i < n; i++) {
			if (compare_theirs(order, at[i].version, last) < 0) {
				at[kept++] = at[i];
				continue;
			}
			begins = begins || at[i].kind == EVENT_INTRODUCED;
			ends = ends || at[i].kind != EVENT_INTRODUCED;
		}
		if (begins != ends)
			return begins ? VERDICT_YES : VERDICT_NO;
		n = kept;
	}
	return VERDICT_NO;
}

/* The list of events that says where the range goes in versions; of a range of commits that is
 * what some writer of records noted beside it. */
static const struct doc *
events_of(const struct doc *range)
{
	const char *type = doc_get_text(range, "type");
	const struct doc *more = doc_get(range, "database_specific"), *noted;

	if (!type || strcmp(type, "GIT") != 0)
		return doc_get(range, "events");
	noted = doc_get(more, "extracted_events");
	return noted ? noted : doc_get(more, "versions");
}

/* What Debian's first revision of a version brought in came with the version. */
static const char *
without_revision(struct arena *a, const char *v)
{
	const char *dash = v ? strrchr(v, '-') : NULL;

	return dash ? arena_strndup(a, v, (size_t)(dash - v)) : v;
}

static int
judge_range(struct record *r, const struct doc *range, const struct advisory_name *name,
	    enum verdict *out, const char **fixed, struct err *err)
{
	CLEANUP(mem_free) struct event *events = NULL;
	const struct doc *list = events_of(range);
	const char *type = doc_get_text(range, "type");
	enum advisory_order order = name->order;
	enum verdict verdict;
	size_t n = 0;

	if (length(list) > ADVISORY_MAX_EVENTS)
		return err_set(err, ERR_LIMIT, "%s: %s: a range of more than %zu events",
			       r->name, r->id, ADVISORY_MAX_EVENTS);
	/* An event says one thing; one that says all four is four. */
	events = mem_alloc((length(list) * 4 + 1) * sizeof(*events));
	if (take_events(r, list, events, &n, err) < 0)
		return -1;
	if (n == 0) { /* commits only */
		*out = KILN_MAX(*out, VERDICT_UNSURE);
		return 0;
	}
	for (size_t i = 0; i < n && order == ADVISORY_DEB_UPSTREAM; i++)
		if (events[i].kind == EVENT_INTRODUCED)
			events[i].version = without_revision(r->a, events[i].version);
	if (type && strcmp(type, "SEMVER") == 0)
		order = ADVISORY_SEMVER;
	verdict = judge_events(events, n, name->version, order, fixed);
	*out = KILN_MAX(*out, verdict);
	return 0;
}

static bool
is_listed(const struct record *r, const struct doc *versions, const struct advisory_name *name)
{
	for (size_t i = 0; i < length(versions); i++) {
		const char *v = text_at(versions, i);

		if (name->order == ADVISORY_DEB_UPSTREAM)
			v = without_revision(r->a, v);
		if (v && advisory_compare(name->order, name->version, v) == 0)
			return true;
	}
	return false;
}

static int
judge(struct record *r, const struct doc *affected, const struct advisory_name *name,
      enum verdict *out, const char **fixed, struct err *err)
{
	const struct doc *versions = doc_get(affected, "versions"),
			 *ranges = doc_get(affected, "ranges");

	*out = VERDICT_NO;
	*fixed = NULL;
	if (!name->version) {
		*out = VERDICT_UNSURE;
		return 0;
	}
	for (size_t i = 0; i < length(ranges); i++)
		if (judge_range(r, ranges->items[i].value, name, out, fixed, err) < 0)
			return -1;
	if (is_listed(r, versions, name))
		*out = VERDICT_YES;
	else if (length(versions) && *out == VERDICT_UNSURE)
		*out = VERDICT_NO; /* the commits are spelt out as versions, and ours is none */
	if (length(versions) == 0 && length(ranges) == 0)
		*out = VERDICT_UNSURE;
	return 0;
}

/* ---- findings ---- */

static bool
is_resolved(const struct record *r, const struct advisory_target *t, const char *id)
{
	if (is_among(t->resolves, t->nresolves, id) ||
	    is_among(t->resolves, t->nresolves, r->id))
		return true;
	if (r->ncves > 1) /* an alias of a record of several is not one of this */
		return false;
	for (size_t i = 0; i < r->nids; i++)
		if (is_among(t->resolves, t->nresolves, r->ids[i]))
			return true;
	return false;
}

static const char *
shown(struct arena *a, const char *s)
{
	char out[SUMMARY_MAX];

	if (!s)
		return NULL;
	utf8_show(s, out, sizeof(out));
	return arena_strdup(a, out);
}

static int
add_record(struct arena *a, struct advisory_found *found, const char *id, struct err *err)
{
	if (is_among(found->f.records, found->f.nrecords, id))
		return 0;
	if (found->f.nrecords == MAX_RECORDS)
		return err_set(err, ERR_LIMIT, "more than %zu records are about %s",
			       MAX_RECORDS, found->f.id);
	if (found->f.nrecords == found->cap) {
		const char **more;

		found->cap = found->cap ? found->cap * 2 : 4;
		more = arena_array(a, found->cap, sizeof(*more));
		if (found->f.nrecords)
			memcpy(more, found->f.records, found->f.nrecords * sizeof(*more));
		found->f.records = more;
	}
	found->f.records[found->f.nrecords++] = arena_strdup(a, id);
	return 0;
}

static const char *
explain(struct record *r, const struct advisory_name *name, enum verdict v, const char *fixed)
{
	if (v == VERDICT_UNSURE)
		return arena_format(r->s->a, "%s: the advisory does not say which versions",
				    verify_label(r->a, name->key));
	if (fixed)
		return arena_format(r->s->a, "%s %s is before %s",
				    verify_label(r->a, name->key), name->version,
				    verify_label(r->a, fixed));
	return arena_format(r->s->a, "%s %s is in range, and no fixed version is named",
			    verify_label(r->a, name->key), name->version);
}

static int
note(struct record *r, const struct advisory_hit *hit, const char *id, enum verdict v,
     const char *fixed, struct err *err)
{
	struct advisory_search *s = r->s;
	const struct advisory_target *t = &s->question->targets[hit->target];
	const char *key = arena_format(r->a, "%zu %s", hit->target, id);
	struct advisory_found *found = dict_get(&s->findings, key);
	enum advisory_status status =
		v == VERDICT_YES ? ADVISORY_AFFECTED : ADVISORY_INVESTIGATED;

	if (!found) {
		if (s->order.n == ADVISORY_MAX_FINDINGS)
			return err_set(err, ERR_LIMIT, "more than %zu findings",
				       ADVISORY_MAX_FINDINGS);
		found = arena_alloc(s->a, sizeof(*found));
		found->f = (struct advisory_finding){ .target = t,
						      .id = arena_strdup(s->a, id),
						      .status = ADVISORY_NOT_AFFECTED };
		dict_set(&s->findings, key, found);
		VEC_PUSH(&s->order, found);
	}
	if (add_record(s->a, found, r->id, err) < 0)
		return -1;
	if (!found->f.summary)
		found->f.summary = shown(s->a, r->summary);
	if (found->f.status == ADVISORY_FIXED)
		return 0;
	if (is_resolved(r, t, id)) {
		found->f.status = ADVISORY_FIXED;
		found->f.why = "a patch of the recipe resolves it";
		return 0;
	}
	if (!found->f.why || status > found->f.status) {
		found->f.status = status;
		found->f.why = explain(r, hit->name, v, fixed);
		found->f.fixed = shown(s->a, fixed);
	}
	return 0;
}

/* Once for each CVE that it is about; else by its own id. */
static int
note_all(struct record *r, const struct advisory_hit *hit, enum verdict v, const char *fixed,
	 struct err *err)
{
	if (r->ncves == 0)
		return note(r, hit, r->id, v, fixed, err);
	for (size_t i = 0; i < r->nids; i++)
		if (is_cve(r->ids[i]) && note(r, hit, r->ids[i], v, fixed, err) < 0)
			return -1;
	return 0;
}

/* ---- which names an entry means ---- */

/* "22.04" against the "22.04:LTS" or "Pro:22.04:LTS" of an entry, "3.18" against "v3.18",
 * "12.1" against "12". */
static bool
same_release(const char *theirs, const char *ours)
{
	for (const char *at = theirs;; at++) {
		size_t n = strcspn(at, ":"), v = n > 1 && at[0] == 'v' && at[1] <= '9';

		if (n > v && strncmp(at + v, ours, n - v) == 0 &&
		    (!ours[n - v] || ours[n - v] == '.' || ours[n - v] == ':'))
			return true;
		at += n;
		if (!*at)
			return false;
	}
}

/* "Debian:12" of the question against the entry's ecosystem. */
static bool
is_release(const struct record *r, const char *ecosystem, const char *release,
	   const struct advisory_name *name)
{
	const struct advisory_question *q = r->s->question;
	bool asked = false;

	if (!release)
		return true;
	if (name->release)
		return same_release(release, name->release);
	for (size_t i = 0; i < q->nreleases; i++) {
		size_t n = (size_t)(release - ecosystem);

		if (strncmp(q->releases[i], ecosystem, n) != 0)
			continue;
		asked = true;
		if (same_release(release, q->releases[i] + n))
			return true;
	}
	return !asked;
}

struct entry {
	const struct doc *affected;
	const char *ecosystem, *release; /* of the entry, or NULL */
	const char *version;             /* a CPE's own, or NULL */
};

static int
try_key(struct record *r, const struct entry *e, const char *key, struct err *err)
{
	const struct advisory_place *p = key ? dict_get(&r->s->index, key) : NULL;

	if (p && !e->version && !dict_add(r->tried, key, r))
		return 0;
	for (const struct advisory_hit *hit = p ? p->first : NULL; hit; hit = hit->next) {
		const char *fixed = NULL;
		enum verdict v;

		if (!is_release(r, e->ecosystem, e->release, hit->name))
			continue;
		if (e->version && hit->name->version) /* a CPE of one version means that one */
			v = advisory_compare(ADVISORY_PLAIN, hit->name->version, e->version) ==
					    0
				    ? VERDICT_YES
				    : VERDICT_NO;
		else if (judge(r, e->affected, hit->name, &v, &fixed, err) < 0)
			return -1;
		if (v != VERDICT_NO && note_all(r, hit, v, fixed, err) < 0)
			return -1;
	}
	return 0;
}

static int
try_cpe(struct record *r, const struct doc *affected, const struct doc *d, struct err *err)
{
	struct entry e = { .affected = affected };

	if (!d || d->kind != DOC_TEXT)
		return 0;
	return try_key(r, &e, advisory_key_cpe(r->a, d->text, &e.version), err);
}

/* Writers of records put CPEs into what is theirs to define: `cpe`, or a list of `cpes`. */
static int
try_cpes(struct record *r, const struct doc *affected, const struct doc *where, struct err *err)
{
	const struct doc *one = doc_get(where, "cpe"), *all = doc_get(where, "cpes");

	if (try_cpe(r, affected, one, err) < 0)
		return -1;
	for (size_t i = 0; i < length(one); i++)
		if (try_cpe(r, affected, one->items[i].value, err) < 0)
			return -1;
	for (size_t i = 0; i < length(all); i++)
		if (try_cpe(r, affected, all->items[i].value, err) < 0)
			return -1;
	return 0;
}

static int
try_package(struct record *r, const struct doc *affected, struct err *err)
{
	const struct doc *own = doc_get(affected, "ecosystem_specific");
	const struct doc *package = doc_get(affected, "package");
	const char *name = doc_get_text(package, "name"), *purl = doc_get_text(package, "purl");
	struct entry e = { .affected = affected,
			   .ecosystem = doc_get_text(package, "ecosystem") };
	const char *by_name = NULL, *by_purl = NULL, *ignored;

	/* Where no register knows an ecosystem, a record names its package here. */
	purl = purl ? purl : doc_get_text(own, "purl");
	if (e.ecosystem && name)
		by_name = advisory_key_ecosystem(r->a, e.ecosystem, name, &e.release);
	if (purl)
		by_purl = advisory_key_purl(r->a, purl, &ignored);
	return try_key(r, &e, by_purl, err) < 0 ? -1 : try_key(r, &e, by_name, err);
}

static int
take_affected(struct record *r, const struct doc *affected, struct err *err)
{
	CLEANUP(dict_release) struct dict tried = { 0 };
	const struct doc *ranges = doc_get(affected, "ranges");
	const struct entry e = { .affected = affected };

	r->tried = &tried;
	if (try_package(r, affected, err) < 0 ||
	    try_cpes(r, affected, doc_get(affected, "ecosystem_specific"), err) < 0 ||
	    try_cpes(r, affected, doc_get(affected, "database_specific"), err) < 0)
		return -1;
	for (size_t i = 0; i < length(ranges); i++) {
		const struct doc *range = ranges->items[i].value;
		const char *repo = doc_get_text(range, "repo");

		if (repo && try_key(r, &e, advisory_key_repo(r->a, repo), err) < 0)
			return -1;
		if (try_cpes(r, affected, doc_get(range, "database_specific"), err) < 0)
			return -1;
	}
	return 0;
}

int
advisory_take(struct advisory_search *s, struct arena *scratch, const struct doc *record,
	      const char *name, struct err *err)
{
	struct record r = { .s = s, .a = scratch, .name = name };
	const struct doc *affected = doc_get(record, "affected");
	const char *only = s->question->only;

	if (take_ids(&r, record, err) < 0)
		return -1;
	s->records++;
	if (only && !is_among(r.ids, r.nids, only))
		return 0;
	s->asked++;
	if (doc_get_text(record, "withdrawn")) {
		s->withdrawn++;
		return 0;
	}
	if (length(affected) > MAX_AFFECTED)
		return err_set(err, ERR_LIMIT, "%s: %s affects more than %zu packages", name,
			       r.id, MAX_AFFECTED);
	r.summary = doc_get_text(record, "summary");
	if (!r.summary)
		r.summary = doc_get_text(record, "details");
	for (size_t i = 0; i < length(affected); i++)
		if (take_affected(&r, affected->items[i].value, err) < 0)
			return -1;
	return 0;
}

static int
by_label(const void *a, const void *b)
{
	const struct advisory_finding *x = *(struct advisory_finding *const *)a,
				      *y = *(struct advisory_finding *const *)b;
	int differs = strcmp(x->target->label, y->target->label);

	return differs ? differs : strcmp(x->id, y->id);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
advisory_tell(struct advisory_search *s, struct advisory_answer *out)
{
	*out = (struct advisory_answer){ .records = s->records,
					 .withdrawn = s->withdrawn,
					 .asked = s->asked };
	out->findings = arena_array(s->a, s->order.n + 1, sizeof(*out->findings));
	for (size_t i = 0; i < s->order.n; i++) {
		struct advisory_finding *f = &s->order.at[i]->f;

		qsort(f->records, f->nrecords, sizeof(*f->records), by_text);
		out->findings[out->nfindings++] = f;
	}
	qsort(out->findings, out->nfindings, sizeof(struct advisory_finding *), by_label);
}
