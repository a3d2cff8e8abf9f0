/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision about a node is remembered by. Everything that decides its action key and
 * whether its result is served goes into one digest:
 *
 *   in    = H(rules, recipe's text, sees)
 *   sees  = H(for each need, by name: shows)   the universe of its solver
 *   shows = H(name, facts, sees)
 *   facts = H(for each package: identity, environment digest, conflicts, obsoletes)
 *   rules = H(the action of no recipe: chamber, packager, distribution; the whole seed)
 *
 * A rebuild that leaves facts as they were therefore leaves `in` of all users as it was. That
 * the result is there is known every time: its reference and every blob it counts on are looked
 * for, or were proven to be there and their directories did not change since (memo.h). Another
 * Kiln, with keys of its own, may have exchanged the reference: then it was born later, and
 * what it holds now is judged anew.
 */
#include "builder/build_priv.h"
#include "base/json.h"
#include "builder/normalize.h"
#include "builder/split.h"

#define RULES_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define WORTH_WRITING   16 /* one look of so many */

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

/* Each list begins with its length: what leaves one and enters the next is a change. */
static void
add_seed(struct buf *b, const struct seed *seed)
{
	buf_add_format(b, "packages %zu ", seed->npackages);
	for (size_t i = 0; i < seed->npackages; i++) {
		add_text(b, seed->packages[i].name);
		add_digest(b, &seed->packages[i].sha256);
	}
	buf_add_format(b, "groups %zu ", seed->ngroups);
	for (size_t i = 0; i < seed->ngroups; i++) {
		const struct seed_group *g = &seed->groups[i];

		buf_add_format(b, "%s %d %zu ", g->name, g->standard, g->n);
		for (size_t j = 0; j < g->n; j++)
			add_text(b, g->packages[j]);
	}
	buf_add_format(b, "provides %zu ", seed->nprovides);
	for (size_t i = 0; i < seed->nprovides; i++)
		add_text(b, seed->provides[i]);
	buf_add_format(b, "env %zu ", seed->nenv);
	for (size_t i = 0; i < seed->nenv; i++) {
		add_text(b, seed->env[i].name);
		add_text(b, seed->env[i].value);
	}
	buf_add_format(b, "finish %zu ", seed->nfinish);
	for (size_t i = 0; i < seed->nfinish; i++) {
		add_text(b, seed->finish[i].name);
		add_text(b, seed->finish[i].run);
	}
	buf_add_format(b, "shadow %d strict %d", seed->shadow, seed->strict);
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

	for (size_t i = 0; i < keys->n; i++)
		if (keys->at[i].role == KEY_BUILDER) /* no other role can sign a result */
			add_text(&b, keys->at[i].id);
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
		  arena_format(s->a, ".kiln/plan-%llx-%llx%s", (unsigned long long)st.st_dev,
			       (unsigned long long)st.st_ino, w->suffix),
		  w->epoch, &s->memo);
	if (s->judges)
		hash_keys(&s->ring, &s->keys);
	return memo_recipes(s->a, s->memo, &w->place, &s->set, err);
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

static void
set_facts(struct build_job *job, const struct digest *facts)
{
	job->facts = *facts;
	memset(&job->shows, 0, sizeof(job->shows));
}

/* Facts and sees are known; made when the first user asks, for most have many. */
static const struct digest *
shows(struct build_job *job)
{
	static const struct digest unknown;
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);

	if (!digest_equal(&job->shows, &unknown))
		return &job->shows;
	add_text(&b, job->node->recipe->name);
	add_digest(&b, &job->facts);
	add_digest(&b, &job->sees);
	digest_of(b.data, b.len, &job->shows);
	return &job->shows;
}

/* Facts of all needs are known. */
static void
trace(struct build_session *s, struct build_job *job)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(RULES_MAX_BYTES);
	const struct plan_node *node = job->node;

	for (size_t i = 0; i < node->nneeds; i++)
		add_digest(&b, shows(&s->jobs[node->needs[i]]));
	digest_of(buf_text(&b), b.len, &job->sees);
	memset(&job->shows, 0, sizeof(job->shows));
	buf_clear(&b);
	add_digest(&b, &s->rules);
	add_digest(&b, &node->recipe->text);
	add_digest(&b, &job->sees);
	digest_of(b.data, b.len, &job->in);
}

static bool
is_shelf_same(const struct build_session *s, const struct memo_decision *d, size_t shelf)
{
	return d->proven && s->shelves.same[shelf];
}

/* Looks for what is not known to be there. */
static bool
is_there(struct build_session *s, const struct memo_decision *d, const char *hex)
{
	s->shelves.asked += 1 + d->nblobs;
	if (!is_shelf_same(s, d, MEMO_SHELF_ACTION)) {
		s->shelves.looked++;
		if (!cas_ref_keep(s->b->store, "action", hex) ||
		    cas_ref_born(s->b->store, "action", hex) != d->born_ns)
			return false;
	}
	for (size_t i = 0; i < d->nblobs; i++) {
		if (is_shelf_same(s, d, d->blobs[i].bytes[0]))
			continue;
		s->shelves.looked++;
		if (!cas_has(s->b->store, &d->blobs[i]))
			return false;
	}
	return d->nblobs > 0;
}

/* What nobody looked at is as proven as its directories are unchanged. */
static void
keep_proof(const struct build_session *s, struct memo_decision *d)
{
	bool kept = is_shelf_same(s, d, MEMO_SHELF_ACTION);

	for (size_t i = 0; i < d->nblobs; i++)
		kept = kept && is_shelf_same(s, d, d->blobs[i].bytes[0]);
	d->proven = kept;
}

/* Once, before the first decision is taken: until all are, proofs speak of the old stamps. */
int
build_memo_rules(struct build_session *s, struct err *err)
{
	if (s->ruled)
		return 0;
	if (hash_rules(s, &s->rules, err) < 0)
		return -1;
	s->ruled = true;
	memo_shelves(s->memo, cas_dirfd(s->b->store), s->shelves.same);
	s->shelves.seen = arena_array(s->a, s->set.n, sizeof(bool));
	return 0;
}

int
build_memo_find(struct build_session *s, struct build_job *job, struct err *err)
{
	static const struct digest nobody;
	struct memo_decision *d;

	if (!s->memo || job->known)
		return 0;
	if (build_memo_rules(s, err) < 0)
		return -1;
	trace(s, job);
	d = memo_decided(s->memo, job->node->slot);
	if (!d || !digest_equal(&d->in, &job->in))
		return 0;
	/* Who verifies nothing (there are no keys) takes what anybody verified. */
	if (!digest_equal(&s->keys, &nobody) && !digest_equal(&s->keys, &d->keys))
		return 0;
	digest_hex(&d->action, job->action.hex);
	if (!is_there(s, d, job->action.hex)) {
		memo_decide(s->memo, job->node->slot, NULL);
		return 0;
	}
	s->shelves.seen[job->node->slot] = true;
	job->action.key = d->action;
	set_facts(job, &d->facts);
	job->known = job->remembered = true;
	return 0;
}

static bool
is_dry(const struct build_session *s)
{
	return s->options && s->options->dry_run;
}

/* Where something is to be built, what it may be built from must not be collected meanwhile;
 * marking the references keeps all that they name. What is gone is no longer known, nor are its
 * users. */
static void
hold_known(struct build_session *s, size_t *known)
{
	*known = 0;
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct plan_node *node = &s->plan.at[i];
		struct build_job *job = &s->jobs[i];

		for (size_t j = 0; j < node->nneeds; j++)
			job->known = job->known && s->jobs[node->needs[j]].known;
		job->known = job->known && (is_dry(s) || cas_ref_keep(s->b->store, "action",
								      job->action.hex));
		job->remembered = job->known;
		*known += job->known;
	}
}

/* Proofs of all decisions now speak of what the directories look like now. */
static void
settle_proofs(struct build_session *s)
{
	for (size_t slot = 0; slot < s->set.n; slot++) {
		struct memo_decision *d = memo_decided(s->memo, slot);

		if (d && s->shelves.seen[slot])
			d->proven = true;
		else if (d)
			keep_proof(s, d);
	}
	/* For some looks that the next run is spared the memo is not written anew. */
	memo_prove(s->memo, s->shelves.looked * WORTH_WRITING > s->shelves.asked);
	/* Whoever asks later, while things are built, wants to know how it is then. */
	memset(s->shelves.same, 0, sizeof(s->shelves.same));
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
	if (!s->memo || !s->ruled)
		return 0;
	settle_proofs(s);
	if (*known < s->plan.n)
		hold_known(s, known);
	return 0;
}

void
build_memo_written(struct build_session *s, const struct build_job *job)
{
	struct memo_decision *d = s->memo ? memo_decided(s->memo, job->node->slot) : NULL;

	if (d && digest_equal(&d->action, &job->action.key))
		d->born_ns = cas_ref_born(s->b->store, "action", job->action.hex);
}

bool
build_memo_judged(const struct build_session *s, const struct build_job *job)
{
	const struct memo_decision *d = s->memo ? memo_decided(s->memo, job->node->slot) : NULL;

	return d && digest_equal(&d->action, &job->action.key) &&
	       digest_equal(&d->text, &job->result.text);
}

void
build_memo_judge(struct build_session *s, const struct build_job *job)
{
	struct memo_decision *d = s->memo ? memo_decided(s->memo, job->node->slot) : NULL;

	if (!d || !digest_equal(&d->action, &job->action.key))
		return;
	d->text = job->result.text;
	memo_decide(s->memo, job->node->slot, d);
}

void
build_memo_facts(struct build_session *s, struct build_job *job)
{
	struct digest d;

	hash_facts(s, &job->result, &d);
	set_facts(job, &d);
}

void
build_memo_note(struct build_session *s, struct build_job *job)
{
	struct memo_decision d = { .in = job->in,
				   .action = job->action.key,
				   .keys = s->keys,
				   .text = job->result.text,
				   .born_ns = job->born_ns };
	const struct result *r = &job->result;

	if (!s->memo || !job->known || job->remembered)
		return;
	hash_facts(s, r, &d.facts);
	set_facts(job, &d.facts);
	job->remembered = true;
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
