/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that any recipe of any stage needs, brought ahead. Nothing is solved: stages whose
 * ground is not made yet have their sources fetched all the same. */
#include "base/dict.h"
#include "base/vec.h"
#include "builder/build.h"
#include "builder/stage.h"

struct gathering {
	struct arena *a;
	struct workspace *w;
	struct dict seen; /* by digest: recipes and stages share much */
	VEC(struct source_pin) pins;
};

static void
gathering_release_scope(struct gathering *g)
{
	dict_release(&g->seen);
	VEC_FREE(&g->pins);
}

static void
gather(struct gathering *g, const struct source_pin *pin)
{
	char hex[DIGEST_HEX];

	digest_hex(&pin->sha256, hex);
	if (dict_add(&g->seen, hex, g))
		VEC_PUSH(&g->pins, *pin);
}

static int
gather_sources(struct gathering *g, const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->nsources; i++) {
		struct source_pin pin;

		if (source_pin_of(g->a, r, &r->sources[i], &pin, err) < 0)
			return -1;
		gather(g, &pin);
	}
	return 0;
}

static int
gather_ground(struct gathering *g, const struct seed *seed, const struct recipe *r,
	      struct err *err)
{
	const struct seed_package **ground;
	size_t n;

	if (seed_ground(g->a, seed, r->ground, r->nground, &ground, &n, err) < 0)
		return err_wrap(err, "%s", r->path);
	for (size_t i = 0; i < n; i++) {
		struct source_pin pin;

		if (seed_pin(g->a, ground[i], &pin, err) < 0)
			return -1;
		gather(g, &pin);
	}
	return 0;
}

static int
gather_stage(struct gathering *g, const struct stage *stage, struct err *err)
{
	struct recipe_set set;
	struct seed seed;

	if (stage_choose(g->a, g->w, stage->name, err) < 0 ||
	    recipe_load_all(g->a, &g->w->place, &set, err) < 0)
		return -1;
	if (!stage->nground && seed_load(g->a, g->w, &seed, err) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		if (gather_sources(g, set.at[i], err) < 0 ||
		    (!stage->nground && gather_ground(g, &seed, set.at[i], err) < 0))
			return -1;
	return 0;
}

static int
count(struct builder *b, const struct source_pin *pin, struct build_fetch_all *all,
      struct err *err)
{
	uint64_t size;

	all->inputs++;
	if (!cas_has(b->store, &pin->sha256)) {
		all->missing++;
		all->missing_bytes += pin->size;
		all->unknown += pin->size == 0;
		return 0;
	}
	if (cas_size(b->store, &pin->sha256, &size, err) < 0)
		return -1;
	all->present_bytes += size;
	return 0;
}

/* What one place no longer has keeps nothing else from coming. */
static int
bring(struct builder *b, const struct source_pin *pin, struct build_fetch_all *all,
      struct err *err)
{
	uint64_t size = 0;
	bool fetched;

	if (source_fetch(b->workspace, b->store, pin, all->progress, &fetched, err) == 0) {
		if (!fetched)
			return 0;
		all->fetched++;
		if (cas_size(b->store, &pin->sha256, &size, err) < 0)
			return -1;
		all->fetched_bytes += size;
		return 0;
	}
	if (err->code != ERR_FETCH)
		return -1;
	all->failed++;
	all->fail(all->arg, pin->name, err);
	return 0;
}

int
build_fetch_all(struct arena *a, struct builder *b, struct build_fetch_all *all,
		struct err *err)
{
	CLEANUP(gathering_release) struct gathering g = { .a = a, .w = b->workspace };
	const struct stages *stages = b->workspace->stages;

	for (size_t i = 0; i < stages->n; i++)
		if (gather_stage(&g, &stages->at[i], err) < 0)
			return err_wrap(err, "stage %s", stages->at[i].name);
	for (size_t i = 0; i < g.pins.n; i++)
		if (count(b, &g.pins.at[i], all, err) < 0)
			return -1;
	for (size_t i = 0; i < g.pins.n && !all->dry_run; i++)
		if (bring(b, &g.pins.at[i], all, err) < 0)
			return -1;
	return 0;
}
