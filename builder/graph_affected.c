/* SPDX-License-Identifier: Apache-2.0 */
/* What an advisory asks: everything that carries this, or was built with it. */
#include "base/mem.h"
#include "base/vec.h"
#include "builder/graph.h"
#include "builder/memo.h"

struct asked {
	const struct graph *g;
	const char *what;
	bool by_digest;
	struct digest digest;
};

static bool
is_source(const struct asked *q, const struct recipe_source *s)
{
	if (q->by_digest)
		return digest_equal(&q->digest, &s->sha256);
	return strcmp(q->what, s->filename) == 0 || strcmp(q->what, s->url) == 0;
}

/* By its path, since many patches are named alike. */
static bool
is_patch(const struct recipe *r, const struct recipe_patch *p, const char *what)
{
	size_t n = strlen(r->path) - strlen("recipe.yaml");

	return strncmp(what, r->path, n) == 0 && strcmp(what + n, p->file) == 0;
}

static bool
is_made(const struct asked *q, size_t slot)
{
	const struct memo_decision *d = memo_decided(q->g->memo, slot);

	if (!q->by_digest || !d)
		return false;
	for (size_t i = 0; i < d->nblobs; i++)
		if (digest_equal(&d->blobs[i], &q->digest))
			return true;
	return digest_equal(&d->action, &q->digest);
}

/* What of X the recipe itself carries; NULL: nothing. */
static const char *
carried(const struct asked *q, const struct plan_node *node)
{
	const struct recipe *r = node->recipe;

	for (size_t i = 0; i < r->nsources; i++)
		if (is_source(q, &r->sources[i]))
			return r->sources[i].filename;
	for (size_t i = 0; i < r->npatches; i++)
		if (q->by_digest ? digest_equal(&q->digest, &r->patches[i].sha256)
				 : is_patch(r, &r->patches[i], q->what))
			return r->patches[i].file;
	if (is_made(q, node->slot))
		return "what it last made";
	if (q->by_digest)
		return NULL;
	if (strcmp(r->name, q->what) == 0 || recipe_of_package(&q->g->set, q->what) == r)
		return q->what;
	return NULL;
}

static const struct seed_package *
find_seed(const struct asked *q)
{
	const struct seed *s = &q->g->seed;

	for (size_t i = 0; i < s->npackages; i++) {
		const struct seed_package *p = &s->packages[i];

		if (q->by_digest ? digest_equal(&p->sha256, &q->digest)
				 : strcmp(p->name, q->what) == 0)
			return p;
	}
	return NULL;
}

/* Most recipes name the same groups: the answer for the last list is kept. */
struct grounds {
	const struct recipe *last;
	bool answer;
};

static bool
same_groups(const struct recipe *x, const struct recipe *y)
{
	if (!x->ground != !y->ground || x->nground != y->nground)
		return false;
	for (size_t i = 0; i < x->nground; i++)
		if (strcmp(x->ground[i], y->ground[i]) != 0)
			return false;
	return true;
}

static int
stands_on(struct arena *a, const struct asked *q, const struct recipe *r,
	  const struct seed_package *p, struct grounds *known, struct err *err)
{
	const struct seed_package **packages;
	size_t n;

	if (known->last && same_groups(known->last, r))
		return 0;
	known->last = r;
	known->answer = false;
	if (seed_ground(a, &q->g->seed, (const char *const *)r->ground, r->nground, &packages,
			&n, err) < 0)
		return err_wrap(err, "%s", r->path);
	for (size_t i = 0; i < n; i++)
		known->answer = known->answer || packages[i] == p;
	return 0;
}

static int
nothing(const struct asked *q, struct err *err)
{
	err_set(err, ERR_INPUT,
		"nothing here is or was made from '%s': no source, seed package, recipe or package",
		q->what);
	return err_hint(
		err,
		"name a source by its file name or address, a patch by its path, anything by sha256:DIGEST");
}

/* Needs stand before their users, so one pass reaches all. */
static int
spread(struct arena *a, const struct asked *q, struct graph_affected *hits, struct err *err)
{
	const struct seed_package *p = find_seed(q);
	struct grounds known = { .last = NULL };
	const struct plan *plan = &q->g->plan;

	for (size_t i = 0; i < plan->n; i++) {
		const struct plan_node *node = &plan->at[i];
		struct graph_affected *h = &hits[i];

		h->recipe = node->recipe;
		h->through = carried(q, node);
		h->hit = h->through ? GRAPH_CARRIES : 0;
		for (size_t j = 0; j < node->nneeds && !h->hit; j++) {
			if (!hits[node->needs[j]].hit)
				continue;
			h->hit = GRAPH_BUILT_WITH;
			h->through = plan->at[node->needs[j]].recipe->name;
		}
		if (h->hit || !p)
			continue;
		if (stands_on(a, q, node->recipe, p, &known, err) < 0)
			return -1;
		h->hit = known.answer ? GRAPH_BUILT_WITH : 0;
		h->through = p->name;
	}
	return 0;
}

int
graph_affected(struct arena *a, const struct graph *g, const char *what,
	       struct graph_affected **out, size_t *n, struct err *err)
{
	struct asked q = { .g = g, .what = what };
	const char *hex = strncmp(what, "sha256:", 7) == 0 ? what + 7 : what;

	q.by_digest = digest_parse(hex, &q.digest);
	if (!q.by_digest && hex != what)
		return err_set(err, ERR_INPUT, "'%s' is no SHA-256 digest", what);
	*out = arena_array(a, g->plan.n, sizeof(**out));
	*n = 0;
	if (spread(a, &q, *out, err) < 0)
		return -1;
	for (size_t i = 0; i < g->plan.n; i++)
		if ((*out)[i].hit)
			(*out)[(*n)++] = (*out)[i];
	return *n || find_seed(&q) ? 0 : nothing(&q, err);
}
