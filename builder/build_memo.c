/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision about a node is remembered by. Everything that decides its action key and
 * whether its result is served goes into one digest:
 *
 *   in    = H(rules, recipe's text, sees)
 *   sees  = H(for each need, by name: its name, facts, sees)   the universe of its solver
 *   facts = H(for each package: identity, environment digest, conflicts, obsoletes)
 *   rules = H(the action of no recipe: chamber, packager, distribution; the whole seed)
 *
 * A rebuild that leaves facts as they were therefore leaves `in` of all users as it was. That
 * the result is there is looked at every time: its reference and every blob it counts on.
 */
#include "builder/build_priv.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/vec.h"
#include "builder/normalize.h"
#include "builder/split.h"

#define RULES_MAX_BYTES ((size_t)64 * 1024 * 1024)

static void
add_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

static void
add_digest(struct buf *b, const struct digest *d)
{
	buf_add(b, d->bytes, DIGEST_BYTES);
}

static void
add_seed(struct buf *b, const struct seed *seed)
{
	for (size_t i = 0; i < seed->npackages; i++) {
		add_text(b, seed->packages[i].name);
		add_digest(b, &seed->packages[i].sha256);
	}
	for (size_t i = 0; i < seed->ngroups; i++) {
		const struct seed_group *g = &seed->groups[i];

		buf_add_format(b, "group %s %d %zu", g->name, g->standard, g->n);
		for (size_t j = 0; j < g->n; j++)
			add_text(b, g->packages[j]);
	}
	for (size_t i = 0; i < seed->nprovides; i++)
		add_text(b, seed->provides[i]);
	add_digest(b, &seed->fixups_digest);
}

static int
hash_rules(struct build_session *s, struct digest *out, struct err *err)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);
	struct doc *packager;

	if (action_packager(s->a, &packager, err) < 0)
		return -1;
	json_write(packager, &b);
	buf_add_format(&b, " %d %d %d %d %d ", ACTION_KEY_FORMAT, ACTION_FORMAT, ACTION_CPUS,
		       NORMALIZE_RULES, SPLIT_RULES);
	add_text(&b, ACTION_CHAMBER);
	add_text(&b, ACTION_ARCH);
	add_text(&b, s->b->workspace->vendor);
	add_seed(&b, &s->seed);
	digest_of(b.data, b.len, out);
	return buf_check(&b, "the seed", err);
}

static void
hash_keys(const struct keyring *keys, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);

	for (size_t i = 0; i < keys->n; i++) {
		buf_add_format(&b, "%d ", (int)keys->at[i].role);
		add_text(&b, keys->at[i].id);
	}
	digest_of(buf_text(&b), b.len, out);
}

int
build_memo_open(struct build_session *s, struct err *err)
{
	const struct workspace *w = s->b->workspace;
	struct stat st;

	if (fstat(cas_dirfd(s->b->store), &st) < 0)
		return err_sys(err, "%s", cas_path(s->b->store));
	memo_open(s->a, w->dirfd,
		  arena_format(s->a, ".kiln/plan-%llx-%llx", (unsigned long long)st.st_dev,
			       (unsigned long long)st.st_ino),
		  w->epoch, &s->memo);
	if (s->b->signer)
		hash_keys(signer_keys(s->b->signer), &s->keys);
	return memo_recipes(s->a, s->memo, w->dirfd, w->epoch, &s->set, err);
}

static void
hash_facts(struct build_session *s, const struct result *r, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);

	for (size_t i = 0; i < r->npackages; i++) {
		const struct pkgfacts *f = &r->packages[i];

		add_text(&b, nevra_text(s->a, &f->id));
		add_digest(&b, &f->environment);
		for (size_t j = 0; j < f->conflicts.n; j++)
			add_text(&b, pkgdep_text(s->a, &f->conflicts.at[j]));
		add_text(&b, "");
		for (size_t j = 0; j < f->obsoletes.n; j++)
			add_text(&b, pkgdep_text(s->a, &f->obsoletes.at[j]));
		add_text(&b, "");
	}
	digest_of(buf_text(&b), b.len, out);
}

static int
by_recipe_name(const void *x, const void *y)
{
	size_t a = (*(const struct build_job *const *)x)->node->slot,
	       b = (*(const struct build_job *const *)y)->node->slot;

	return (a > b) - (a < b); /* sets are sorted by name */
}

/* Facts of all needs are known. */
static void
trace(struct build_session *s, struct build_job *job)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);
	const struct plan_node *node = job->node;
	CLEANUP(mem_free)
	const struct build_job **needs = mem_alloc((node->nneeds + 1) * sizeof(*needs));

	for (size_t i = 0; i < node->nneeds; i++)
		needs[i] = &s->jobs[node->needs[i]];
	if (node->nneeds)
		qsort(needs, node->nneeds, sizeof(*needs), by_recipe_name);
	for (size_t i = 0; i < node->nneeds; i++) {
		add_text(&b, needs[i]->node->recipe->name);
		add_digest(&b, &needs[i]->facts);
		add_digest(&b, &needs[i]->sees);
	}
	digest_of(buf_text(&b), b.len, &job->sees);
	buf_clear(&b);
	add_digest(&b, &s->rules);
	add_digest(&b, &node->recipe->text);
	add_digest(&b, &job->sees);
	digest_of(b.data, b.len, &job->in);
}

static bool
is_there(const struct build_session *s, const struct memo_decision *d, const char *hex)
{
	if (!cas_ref_keep(s->b->store, "action", hex))
		return false;
	for (size_t i = 0; i < d->nblobs; i++) {
		if (!cas_has(s->b->store, &d->blobs[i]))
			return false;
	}
	return d->nblobs > 0;
}

int
build_memo_find(struct build_session *s, struct build_job *job, struct err *err)
{
	static const struct digest nobody;
	const struct memo_decision *d;

	if (!s->memo || job->known)
		return 0;
	if (!s->ruled && hash_rules(s, &s->rules, err) < 0)
		return -1;
	s->ruled = true;
	trace(s, job);
	d = memo_decided(s->memo, job->node->slot);
	if (!d || !digest_equal(&d->in, &job->in))
		return 0;
	/* Who verifies nothing (a dry run) takes what anybody verified. */
	if (!digest_equal(&s->keys, &nobody) && !digest_equal(&s->keys, &d->keys))
		return 0;
	digest_hex(&d->action, job->action.hex);
	if (!is_there(s, d, job->action.hex))
		return 0;
	job->action.key = d->action;
	job->facts = d->facts;
	job->known = job->remembered = true;
	return 0;
}

int
build_memo_recall(struct build_session *s, size_t *known, struct err *err)
{
	*known = 0;
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct plan_node *node = &s->plan.at[i];
		bool decided = true;

		for (size_t j = 0; j < node->nneeds; j++)
			decided = decided && s->jobs[node->needs[j]].known;
		if (decided && build_memo_find(s, &s->jobs[i], err) < 0)
			return -1;
		*known += s->jobs[i].known;
	}
	return 0;
}

void
build_memo_note(struct build_session *s, struct build_job *job)
{
	struct memo_decision d = { .in = job->in, .action = job->action.key, .keys = s->keys };
	const struct result *r = &job->result;

	if (!s->memo || !job->known || job->remembered)
		return;
	hash_facts(s, r, &job->facts);
	job->remembered = true;
	d.facts = job->facts;
	d.blobs = arena_array(s->a, 4 + 2 * r->npackages, sizeof(*d.blobs));
	d.blobs[d.nblobs++] = r->record;
	d.blobs[d.nblobs++] = r->log;
	d.blobs[d.nblobs++] = r->statement;
	d.blobs[d.nblobs++] = r->bundle;
	d.blobs[d.nblobs++] = r->packages[0].action;
	for (size_t i = 0; i < r->npackages; i++)
		d.blobs[d.nblobs++] = r->packages[i].file;
	memo_decide(s->memo, job->node->slot, &d);
}
