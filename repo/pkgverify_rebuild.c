/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others got when they rebuilt a package: NAME.rpm.rebuild.WHO.sigstore.json, each an
 * in-toto test result about the bytes as published, signed by a rebuilder (docs/policy.md). A
 * rebuilder counts once, however often he speaks; one BAD outweighs everything.
 */
#include "repo/pkgverify_priv.h"

#define REBUILD_TYPE "https://in-toto.io/attestation/test-result/v0.1"
#define REBUILD_TEST "rebuild"
#define REBUILD_MAX  256 /* statements about one package */

enum verdict { VERDICT_NONE, VERDICT_GOOD, VERDICT_BAD };

struct rebuilds {
	struct pkgverify_run *run;
	const struct pkgverify_package *package;
	struct keyring ring;            /* keys of rebuilders */
	const struct rules_party **who; /* by key of the ring; NULL: not of the policy */
	bool *good;                     /* by key of the ring */
};

static bool
is_open(const struct rules_party *p, int64_t when)
{
	return !p || !when || ((!p->from || when >= p->from) && (!p->until || when < p->until));
}

/* Who may speak: the policy's rebuilders, else every trusted key of that role. */
static void
find_rebuilders(struct rebuilds *b)
{
	const struct verify_terms *t = b->run->terms;
	struct arena *a = &b->run->arena;
	const struct rules *r = t->rules;
	size_t max = r->nrebuilders + t->ring->n;

	b->ring.at = arena_array(a, max + 1, sizeof(*b->ring.at));
	b->who = arena_array(a, max + 1, sizeof(struct rules_party *));
	b->good = arena_array(a, max + 1, sizeof(*b->good));
	for (size_t i = 0; i < r->nrebuilders; i++) {
		const struct rules_party *p = &r->rebuilders[i];
		const struct key_public *k = p->public ? p->public : key_find(t->ring, p->key);

		if (!k)
			continue;
		b->who[b->ring.n] = p;
		b->ring.at[b->ring.n] = *k;
		b->ring.at[b->ring.n++].role = KEY_REBUILDER;
	}
	for (size_t i = 0; !r->nrebuilders && i < t->ring->n; i++)
		if (t->ring->at[i].role == KEY_REBUILDER)
			b->ring.at[b->ring.n++] = t->ring->at[i];
}

static bool
names_test(const struct doc *tests)
{
	for (size_t i = 0; tests && tests->kind == DOC_LIST && i < tests->n; i++) {
		const struct doc *t = tests->items[i].value;

		if (t->kind == DOC_TEXT && strcmp(t->text, REBUILD_TEST) == 0)
			return true;
	}
	return false;
}

static int
read_verdict(struct rebuilds *b, const struct statement *s, const char *name, enum verdict *out,
	     struct err *err)
{
	const char *result = doc_get_text(s->predicate, "result");

	if (!statement_subject(s, &b->package->bare) &&
	    !statement_subject(s, &b->package->digest))
		return err_set(err, ERR_VERIFY, "%s: speaks of other bytes than %s", name,
			       b->package->label);
	*out = VERDICT_NONE;
	if (result && strcmp(result, "PASSED") == 0 &&
	    names_test(doc_get(s->predicate, "passedTests")))
		*out = VERDICT_GOOD;
	else if (result && strcmp(result, "FAILED") == 0)
		*out = VERDICT_BAD;
	else if (!result || strcmp(result, "WARNED") != 0)
		return err_set(err, ERR_VERIFY, "%s: no verdict of a rebuild", name);
	return 0;
}

static const char *
name_of(const struct rebuilds *b, size_t i)
{
	return b->who[i] ? b->who[i]->name : b->ring.at[i].id;
}

static int
take_verdict(struct rebuilds *b, const struct verify_found *f, enum verdict v, const char *name,
	     struct err *err)
{
	size_t i = (size_t)(f->signer - b->ring.at);
	const struct material *m = &f->material;
	int64_t when = m->stamped ? m->when : b->run->terms->now;

	if (v == VERDICT_BAD)
		return err_set(err, ERR_VERIFY,
			       "%s: BAD: rebuilder '%s' did not get these bytes", name,
			       name_of(b, i));
	if (v == VERDICT_NONE || !is_open(b->who[i], when) ||
	    strcmp(f->signer->id, b->package->found->signer->id) == 0)
		return 0; /* the builder's own word is known already */
	b->good[i] = true;
	return 0;
}

static int
take_file(struct rebuilds *b, const char *file, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle bundle = { .keyid = NULL };
	struct arena *a = &b->run->arena;
	const char *name = verify_label(a, file);
	struct verify_found f;
	const struct verify_ask ask = { .ring = &b->ring,
					.role = KEY_REBUILDER,
					.name = name,
					.predicate_type = REBUILD_TYPE,
					.material = &f.material,
					.signer = &f.signer };
	enum verdict v;

	if (pkgverify_read(b->run->dirfd, file, &text, err) < 0 ||
	    dsse_bundle_parse(a, buf_text(&text), text.len, name, &bundle, err) < 0)
		return -1;
	if (!key_find(&b->ring, bundle.hint))
		return 0; /* whoever nobody asked may say what he likes */
	if (verify_bundle_as(a, &ask, buf_text(&text), text.len, &f.statement, err) < 0 ||
	    read_verdict(b, &f.statement, name, &v, err) < 0)
		return -1;
	return take_verdict(b, &f, v, name, err);
}

static int
count_them(const struct rebuilds *b, struct err *err)
{
	CLEANUP(buf_free) struct buf who = BUF_MAX(ERR_TEXT_MAX);
	const struct rules *r = b->run->terms->rules;
	int64_t good = 0;

	for (size_t i = 0; i < b->ring.n; i++) {
		if (!b->good[i])
			continue;
		buf_add_format(&who, "%s%s", good ? ", " : "", name_of(b, i));
		good++;
	}
	b->run->strength.rebuilt += good > 0;
	if (good >= r->rebuilds)
		return 0;
	return err_set(
		err, ERR_VERIFY,
		"%s: rebuilt to the same bytes by %lld of the rebuilders (%s), and %s demands %lld",
		b->package->label, (long long)good, good ? buf_text(&who) : "nobody", r->name,
		(long long)r->rebuilds);
}

int
pkgverify_rebuild_check(struct pkgverify_run *run, const struct pkgverify_package *p,
			struct err *err)
{
	struct rebuilds b = { .run = run, .package = p };
	size_t first, n;

	n = pkgverify_beginning(run, arena_format(&run->arena, "%s" PKGVERIFY_REBUILD, p->name),
				&first);
	if (n > REBUILD_MAX)
		return err_set(err, ERR_VERIFY, "%s: more than %d statements of rebuilds",
			       p->label, REBUILD_MAX);
	find_rebuilders(&b);
	for (size_t i = first; i < first + n; i++)
		if (take_file(&b, run->names[i], err) < 0)
			return -1;
	return count_them(&b, err);
}
