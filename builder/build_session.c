/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include "base/mem.h"
#include "builder/stage.h"
#include "trust/dsse.h"
#include "trust/verify.h"

#define GIVEN_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* A plan is made of the recipes and of which names the ground brings. */
static void
hash_given(struct build_session *s, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(GIVEN_MAX_BYTES);

	buf_add_format(&b, "%d %d", s->set.given != NULL, s->set.shadow);
	for (size_t i = 0; i < s->given.n; i++) {
		const char *name = dict_at(&s->given, i, NULL);

		buf_add(&b, name, strlen(name) + 1);
	}
	digest_of(buf_text(&b), b.len, out);
}

static int
load_plan(struct build_session *out, const char *const *names, size_t nnames, struct err *err)
{
	struct digest in;

	if (build_ground_load(out, err) < 0)
		return -1;
	if (!out->memo || nnames)
		return plan_make(out->a, &out->set, names, nnames, &out->plan, err);
	hash_given(out, &in);
	if (memo_plan(out->a, out->memo, &out->set, &in, &out->plan))
		return 0;
	if (plan_make(out->a, &out->set, NULL, 0, &out->plan, err) < 0)
		return -1;
	memo_keep_plan(out->memo, &out->plan, &in);
	return 0;
}

static int
load(struct build_session *out, const char *const *names, size_t nnames, struct err *err)
{
	struct arena *a = out->a;

	out->trees = buildroot_cache_make();
	if (load_plan(out, names, nnames, err) < 0)
		return -1;
	out->jobs = arena_array(a, out->plan.n, sizeof(*out->jobs));
	for (size_t i = 0; i < out->plan.n; i++) {
		struct build_job *job = &out->jobs[i];

		job->node = &out->plan.at[i];
		job->lock = (struct build_lock){ .sock = -1, .fd = -1 };
		job->pack = (struct build_pack){ .pipe = -1, .facts = -1 };
		job->ask.pipe = job->ask.text = -1;
	}
	return 0;
}

int
build_session_load(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
		   struct build_session *out, struct err *err)
{
	const struct workspace *w = b->workspace;

	*out = (struct build_session){ .a = a, .b = b };
	if (build_cache_ring(out, err) < 0)
		return -1;
	if (recipe_load_all(a, &w->place, &out->set, err) < 0)
		return -1;
	return load(out, names, nnames, err);
}

int
build_session_load_memo(struct arena *a, struct builder *b, const char *const *names,
			size_t nnames, struct build_session *out, struct err *err)
{
	*out = (struct build_session){ .a = a, .b = b };
	if (build_cache_ring(out, err) < 0 || build_memo_open(out, err) < 0)
		return -1;
	return load(out, names, nnames, err);
}

int
build_session_load_plan(struct arena *a, struct builder *b, const char *const *names,
			size_t nnames, struct build_session *out, struct err *err)
{
	const struct stage *stage = b->workspace->stage;

	*out = (struct build_session){ .a = a, .b = b };
	/* Keys judge the packages that a ground is made of. */
	if (stage && stage->nground && build_cache_ring(out, err) < 0)
		return -1;
	if (build_memo_open(out, err) < 0)
		return -1;
	return load_plan(out, names, nnames, err);
}

int
build_session_complete(struct build_session *s, size_t node, struct err *err)
{
	const struct workspace *w = s->b->workspace;

	return recipe_complete(s->a, w->dirfd, w->epoch, s->set.at[s->plan.at[node].slot], err);
}

/* A store may be shared and keys may change: what another key signed, or what was signed for
 * another action, is not our word. Where there are no keys it is only told what was found. */
static bool
is_ours(const struct build_session *s, const struct build_job *job)
{
	struct err why;

	return !s->judges ||
	       result_trust(s->b->store, &s->ring, job->action.hex, &job->result, &why) == 0;
}

/* The memo knows that a result was right and that one is there; only when not one byte of its
 * reference changed since is it known to be the same one, and what was judged is not judged
 * again. What this run found or built needs no second look, and may not be on the disk yet. */
static int
refuse_exchanged(struct build_session *s, struct build_job *job, struct err *err)
{
	char path[DIGEST_HEX + 16];

	if (!s->b->signer)
		return err_set(err, ERR_IO,
			       "the result of recipe %s in the store was exchanged meanwhile",
			       job->node->recipe->name);
	(void)snprintf(path, sizeof(path), "refs/action/%s", job->action.hex);
	if (unlinkat(cas_dirfd(s->b->store), path, 0) < 0 && errno != ENOENT)
		return err_sys(err, "remove %s", path);
	err_set(err, ERR_IO, "the result of recipe %s in the store was exchanged for another",
		job->node->recipe->name);
	return err_hint(err, "it was removed; the same command builds the recipe again");
}

int
build_session_result(struct build_session *s, size_t node, struct err *err)
{
	struct build_job *job = &s->jobs[node];
	bool found = true;

	if (!job->result.npackages &&
	    result_load(s->a, s->b->store, job->action.hex, &job->result, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_IO, "the result of recipe %s left the store meanwhile",
			       job->node->recipe->name);
	if (job->remembered && !job->identified && !job->offered &&
	    !build_memo_judged(s, job)) {
		if (!is_ours(s, job))
			return refuse_exchanged(s, job, err);
		build_memo_judge(s, job);
	}
	for (size_t i = 0; !job->offered && i < job->result.npackages; i++)
		universe_add(s->a, &s->universe, node, &job->result.packages[i]);
	job->offered = true;
	return 0;
}

void
build_session_end(struct build_session *s)
{
	build_commit_end(s);
	build_packer_close(STEAL_PTR(s->packer));
	for (size_t i = 0; i < s->plan.n && s->jobs; i++) {
		struct build_job *job = &s->jobs[i];

		cache_ask_release(&job->ask);
		build_lock_kill(&job->lock);
		build_lock_release(&job->lock);
		build_pack_release(&job->pack);
		build_desk_leave(s, job, false);
	}
	build_desk_end(s);
	for (struct build_ground *g = s->grounds; g; g = g->next)
		dict_release(&g->given);
	s->grounds = NULL;
	s->jobs = NULL;
	if (s->cache)
		cache_close(STEAL_PTR(s->cache));
	dict_release(&s->ground_of);
	dict_release(&s->given);
	universe_release(&s->universe);
	buildroot_cache_free(STEAL_PTR(s->trees));
}

const char *
build_session_note(const struct build_session *s, const struct recipe *r)
{
	return workspace_note(s->a, s->b->workspace, r->name);
}

bool
build_session_is_named(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

void
build_session_event(const struct build_session *s, enum build_event e, const char *name,
		    const char *text)
{
	if (s->options && s->options->event)
		s->options->event(s->options->arg, e, name, text);
}

/* Everything below the node, whose results are all known. */
struct below {
	struct arena a;
	bool *in;      /* by node */
	size_t *nodes; /* sorted */
	size_t n;
	const char **wants; /* needs that the ground does not meet */
	size_t nwants;
};

static void
below_release_scope(struct below *x)
{
	arena_release(&x->a);
}

static int
find_below(struct build_session *s, size_t node, struct below *out, struct err *err)
{
	const struct recipe *r = s->plan.at[node].recipe;

	plan_closure(&out->a, &s->plan, node, &out->nodes, &out->n);
	out->in = arena_array(&out->a, s->plan.n, sizeof(*out->in));
	for (size_t i = 0; i < out->n; i++) {
		if (build_session_result(s, out->nodes[i], err) < 0)
			return -1;
		out->in[out->nodes[i]] = true;
	}
	out->wants = arena_array(&out->a, r->nneeds, sizeof(*out->wants));
	for (size_t i = 0; i < r->nneeds; i++)
		if (!recipe_is_given(&s->set, r->needs[i].name))
			out->wants[out->nwants++] = r->needs[i].name;
	return 0;
}

/* All packages below, for the words of a failure. */
static void
all_choices(struct build_session *s, struct below *b, const struct pkgfacts ***out, size_t *n)
{
	size_t total = 0;

	for (size_t i = 0; i < b->n; i++)
		total += s->jobs[b->nodes[i]].result.npackages;
	*out = arena_array(&b->a, total, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < b->n; i++) {
		for (size_t j = 0; j < s->jobs[b->nodes[i]].result.npackages; j++)
			(*out)[(*n)++] = &s->jobs[b->nodes[i]].result.packages[j];
	}
}

static bool
same_ground(const struct build_ground *g, const struct seed_package *const *packages, size_t n)
{
	if (g->n != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (g->packages[i] != packages[i])
			return false;
	}
	return true;
}

/* One of the session's grounds that holds just these packages; else it becomes a new one. */
static int
intern_ground(struct build_session *s, const struct seed_package **packages, size_t n,
	      struct build_ground **out, struct err *err)
{
	struct build_ground *g;

	for (g = s->grounds; g; g = g->next) {
		if (same_ground(g, packages, n)) {
			*out = g;
			return 0;
		}
	}
	g = arena_alloc(s->a, sizeof(*g));
	g->packages = packages;
	g->n = n;
	if (offers_load(s->a, s->b->store, &s->seed, packages, n, &g->offers, &g->known, err) <
	    0)
		return -1;
	if (g->known)
		offers_add_built(s->a, packages, n, &g->offers);
	g->next = s->grounds;
	s->grounds = g;
	*out = g;
	return 0;
}

int
build_session_ground(struct build_session *s, const struct recipe *r, struct build_ground **out,
		     struct err *err)
{
	CLEANUP(buf_free) struct buf groups = BUF_MAX(RECIPE_MAX_BYTES);
	const struct seed_package **packages;
	size_t n;

	/* Nearly all recipes name the same groups, or none. */
	buf_add_str(&groups, r->ground ? "groups" : "standard");
	for (size_t i = 0; i < r->nground; i++)
		buf_add_format(&groups, " %s", r->ground[i]);
	*out = dict_get(&s->ground_of, buf_text(&groups));
	if (*out)
		return 0;
	if (seed_ground(s->a, &s->seed, (const char *const *)r->ground, r->nground, &packages,
			&n, err) < 0)
		return err_wrap(err, "%s", r->path);
	if (intern_ground(s, packages, n, out, err) < 0)
		return -1;
	dict_set(&s->ground_of, buf_text(&groups), *out);
	return 0;
}

int
build_session_offers(struct build_session *s, struct err *err)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct recipe *r = s->plan.at[i].recipe;
		struct build_ground *g;

		/* Who needs no package asks its ground for nothing. */
		if (r->nneeds == 0)
			continue;
		if (build_session_ground(s, r, &g, err) < 0)
			return -1;
		if (g->known)
			continue;
		if (build_fetch_ground(s, r, err) < 0 || build_unpack_ground(s, r, err) < 0 ||
		    offers_find(s->a, s->b->sandbox, s->b->store, &s->seed, g->packages, g->n,
				&g->offers, err) < 0)
			return -1;
		offers_add_built(s->a, g->packages, g->n, &g->offers);
		g->known = true;
	}
	return 0;
}

int
build_session_lookup(struct build_session *s, struct build_job *job, struct err *err)
{
	/* Before it is read: what is exchanged in between is judged anew next time. */
	job->born_ns = cas_ref_born(s->b->store, "action", job->action.hex);
	if (result_load(s->a, s->b->store, job->action.hex, &job->result, &job->known, err) < 0)
		return -1;
	if (!job->known)
		return 0;
	job->known = is_ours(s, job);
	job->foreign = !job->known;
	build_memo_note(s, job);
	/* What is current stays when the store is collected. A dry run changes nothing. */
	return job->known && s->b->signer
		       ? result_note_last(s->b->store, build_session_note(s, job->node->recipe),
					  job->action.hex, &job->result, err)
		       : 0;
}

/* Names alone: where a version of them is asked for, a solver is. */
static void
name_given(struct build_session *s, struct build_ground *g)
{
	const struct seed *seed = &s->seed;
	struct pkgdep d;
	struct err ignored;

	for (size_t i = 0; i < seed->nprovides + g->offers.n; i++) {
		const char *text = i < seed->nprovides ? seed->provides[i]
						       : g->offers.at[i - seed->nprovides];

		if (pkgdep_parse(s->a, text, &d, &ignored) == 0)
			dict_set(&g->given, d.name, g);
	}
}

/* The environment, if it follows without any choice (universe.h). */
static bool
force(struct build_session *s, struct build_job *job, struct below *b, struct build_ground *g)
{
	struct buildroot *root = &job->root;

	if (g->given.n == 0)
		name_given(s, g);
	*root = (struct buildroot){ .ground = g->packages, .nground = g->n };
	return b->nwants == 0 || universe_force(s->a, &s->universe, b->in, &g->given, b->wants,
						b->nwants, &root->packages, &root->npackages);
}

/* A failure is told of the whole universe. */
static int
solve(struct build_session *s, size_t node, struct build_job *job, struct err *err)
{
	CLEANUP(below_release) struct below b = { .n = 0 };
	const struct recipe *r = job->node->recipe;
	const struct pkgfacts **packages;
	struct build_ground *ground;
	size_t n;

	if (find_below(s, node, &b, err) < 0 || build_session_ground(s, r, &ground, err) < 0)
		return -1;
	if (force(s, job, &b, ground))
		return 0;
	universe_reach(&b.a, &s->universe, b.in, b.wants, b.nwants, &packages, &n);
	if (buildroot_solve(s->a, r, &s->seed, packages, n, ground->offers.at, ground->offers.n,
			    &job->root, err) == 0)
		return 0;
	if (err->code != ERR_SOLVE)
		return -1;
	all_choices(s, &b, &packages, &n);
	return buildroot_solve(s->a, r, &s->seed, packages, n, ground->offers.at,
			       ground->offers.n, &job->root, err);
}

int
build_session_identify(struct build_session *s, size_t node, struct err *err)
{
	struct build_job *job = &s->jobs[node];
	struct action_input in = { .recipe = job->node->recipe,
				   .root = &job->root,
				   .seed = &s->seed,
				   .vendor = s->b->workspace->vendor };

	if (job->identified || job->known)
		return 0;
	if (build_memo_find(s, job, err) < 0)
		return -1;
	if (job->known)
		return 0;
	if (build_session_complete(s, node, err) < 0 || solve(s, node, job, err) < 0)
		return -1;
	job->root.cache = s->trees;
	if (action_make(s->a, &in, &job->action, err) < 0 ||
	    build_session_lookup(s, job, err) < 0)
		return -1;
	job->identified = true;
	return 0;
}

static bool
needs_known(const struct build_session *s, const struct plan_node *node)
{
	for (size_t i = 0; i < node->nneeds; i++) {
		if (!s->jobs[node->needs[i]].known)
			return false;
	}
	return true;
}

int
build_session_probe(struct build_session *s, size_t *known, struct err *err)
{
	*known = 0;
	for (size_t i = 0; i < s->plan.n; i++) {
		/* An environment that nothing satisfies is a failure of that recipe, told when
		 * its turn comes. */
		if (needs_known(s, s->jobs[i].node) && build_session_identify(s, i, err) < 0 &&
		    err->code != ERR_SOLVE)
			return -1;
		*known += s->jobs[i].known;
		/* What is to be built is wanted whole, be its key known or not. */
		if (!s->jobs[i].known && build_session_complete(s, i, err) < 0)
			return -1;
	}
	return 0;
}
