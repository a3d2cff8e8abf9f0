/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build_priv.h"
#include "base/dict.h"

struct fetching {
	struct build_session *s;
	const struct source_progress *progress;
	struct dict seen; /* digests met: recipes share their ground */
	size_t fetched, present;
};

static void
fetching_release_scope(struct fetching *f)
{
	dict_release(&f->seen);
}

static bool
is_stopped(const struct build_session *s, struct err *err)
{
	if (!s->options || !s->options->stop || !*s->options->stop)
		return false;
	err_set(err, ERR_INTERRUPTED, "stopped; what was finished is kept");
	return true;
}

static int
bring(struct fetching *f, const struct source_pin *pin, struct err *err)
{
	struct builder *b = f->s->b;
	char hex[DIGEST_HEX];
	bool fetched;

	digest_hex(&pin->sha256, hex);
	if (!dict_add(&f->seen, hex, f))
		return 0;
	if (is_stopped(f->s, err))
		return -1;
	if (source_fetch(b->workspace, b->store, pin, f->progress, &fetched, err) < 0)
		return -1;
	f->fetched += fetched;
	f->present += !fetched;
	return 0;
}

static int
bring_ground(struct fetching *f, const struct recipe *r, struct err *err)
{
	struct build_session *s = f->s;
	struct build_ground *g;

	if (build_session_ground(s, r, &g, err) < 0)
		return -1;
	for (size_t i = 0; i < g->n && !g->fetched; i++) {
		struct source_pin pin;

		if (g->packages[i]->built)
			continue;
		if (seed_pin(s->a, g->packages[i], &pin, err) < 0 || bring(f, &pin, err) < 0)
			return -1;
	}
	g->fetched = true;
	return 0;
}

static int
bring_node(struct fetching *f, const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->nsources; i++) {
		struct source_pin pin;

		if (source_pin_of(f->s->a, r, &r->sources[i], &pin, err) < 0 ||
		    bring(f, &pin, err) < 0)
			return -1;
	}
	return bring_ground(f, r, err);
}

static const struct source_progress *
progress_of(const struct build_session *s)
{
	return s->options ? s->options->progress : NULL;
}

int
build_fetch_missing(struct build_session *s, struct err *err)
{
	CLEANUP(fetching_release) struct fetching f = { .s = s, .progress = progress_of(s) };

	for (size_t i = 0; i < s->plan.n; i++) {
		if (!s->jobs[i].known && bring_node(&f, s->plan.at[i].recipe, err) < 0)
			return -1;
	}
	return 0;
}

int
build_fetch_ground(struct build_session *s, const struct recipe *r, struct err *err)
{
	CLEANUP(fetching_release) struct fetching f = { .s = s, .progress = progress_of(s) };

	return bring_ground(&f, r, err);
}

/* One package after the other, so that a stop is not seen only after all. */
int
build_unpack_ground(struct build_session *s, const struct recipe *r, struct err *err)
{
	struct build_ground *g;
	size_t missing = 0;

	if (build_session_ground(s, r, &g, err) < 0)
		return -1;
	for (size_t i = 0; i < g->n && !g->unpacked; i++)
		missing += !seed_tree_has(s->b->store, g->packages[i]);
	if (missing)
		build_session_event(s, BUILD_UNPACK, NULL,
				    arena_format(s->a, "%zu package%s of the seed", missing,
						 missing == 1 ? "" : "s"));
	for (size_t i = 0; i < g->n && missing; i++) {
		const char **trees;
		size_t ntrees;

		if (seed_tree_has(s->b->store, g->packages[i]))
			continue;
		if (is_stopped(s, err) ||
		    seed_trees(s->a, s->b->sandbox, s->b->store, &s->seed, &g->packages[i], 1,
			       &trees, &ntrees, err) < 0)
			return -1;
	}
	g->unpacked = true;
	return 0;
}

int
build_fetch(struct builder *b, const char *const *names, size_t nnames,
	    const struct source_progress *progress, size_t *fetched, size_t *present,
	    struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct build_session s = { 0 };
	CLEANUP(fetching_release) struct fetching f = { .s = &s, .progress = progress };

	if (build_session_load(&a, b, names, nnames, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n; i++) {
		if (bring_node(&f, s.plan.at[i].recipe, err) < 0)
			return -1;
	}
	*fetched = f.fetched;
	*present = f.present;
	return 0;
}
