/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ground of a stage that stands on packages: to the rest of a run it is a seed of one group
 * whose packages were built here, by the results that ground.lock names.
 */
#include "builder/build_priv.h"
#include "builder/ground.h"
#include "builder/result.h"

static int
is_gone(const struct ground_pin *p, const char *stage, struct err *err)
{
	err_set(err, ERR_INPUT,
		"%s:%d: package '%s' of stage '%s' is not in the store as it is pinned",
		GROUND_LOCK, p->line, p->name, stage);
	return err_hint(err, "run `kiln bootstrap`");
}

/* What the store has under the pin's action must be what the pin says, by our own key. */
static int
load_pin(struct build_session *s, const struct ground_pin *p, const char *stage,
	 struct seed_package *out, struct err *err)
{
	struct result *r = arena_alloc(s->a, sizeof(*r));
	char hex[DIGEST_HEX];
	bool found;

	digest_hex(&p->action, hex);
	if (result_load(s->a, s->b->store, hex, r, &found, err) < 0)
		return -1;
	if (!found)
		return is_gone(p, stage, err);
	if (s->judges && result_trust(s->b->store, &s->ring, hex, r, err) < 0)
		return err_wrap(err, "%s:%d: package '%s'", GROUND_LOCK, p->line, p->name);
	for (size_t i = 0; i < r->npackages; i++) {
		const struct pkgfacts *f = &r->packages[i];

		if (strcmp(f->id.name, p->name) != 0)
			continue;
		if (!digest_equal(&f->environment, &p->environment) ||
		    !digest_equal(&f->file, &p->file) ||
		    strcmp(nevra_evr(s->a, &f->id), p->version) != 0)
			break;
		*out = (struct seed_package){ .name = f->id.name,
					      .version = nevra_evr(s->a, &f->id),
					      .location = stage,
					      .sha256 = f->file,
					      .size = f->size,
					      .built = f,
					      .lock = GROUND_LOCK,
					      .line = p->line };
		return 0;
	}
	return is_gone(p, stage, err);
}

static int
add_part(struct build_session *s, const struct ground_lock *l, const struct stage_part *part,
	 struct err *err)
{
	const struct ground_stage *on = ground_find(l, part->stage);

	for (size_t i = 0; i < part->npackages; i++) {
		const struct ground_pin *p = on ? ground_package(on, part->packages[i]) : NULL;

		if (!p) {
			err_set(err, ERR_INPUT, "%s:%d: '%s' of stage '%s' is not in %s",
				STAGE_YAML, part->line, part->packages[i], part->stage,
				GROUND_LOCK);
			return err_hint(err, "run `kiln bootstrap`");
		}
		if (load_pin(s, p, part->stage, &s->seed.packages[s->seed.npackages], err) < 0)
			return -1;
		s->seed.npackages++;
	}
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct seed_package *)x)->name,
		      ((const struct seed_package *)y)->name);
}

/* One group of everything. */
static int
close_ground(struct build_session *s, const struct stage *stage, struct err *err)
{
	struct seed *seed = &s->seed;
	struct seed_group *g = arena_alloc(s->a, sizeof(*g));

	qsort(seed->packages, seed->npackages, sizeof(*seed->packages), by_name);
	*g = (struct seed_group){ .name = stage->name, .standard = true };
	g->packages = arena_array(s->a, seed->npackages, sizeof(*g->packages));
	for (size_t i = 0; i < seed->npackages; i++) {
		const char *name = seed->packages[i].name;

		if (i && strcmp(seed->packages[i - 1].name, name) == 0)
			return err_set(err, ERR_INPUT,
				       "%s: the ground of stage '%s' has two packages '%s'",
				       STAGE_YAML, stage->name, name);
		g->packages[g->n++] = name;
	}
	seed->groups = g;
	seed->ngroups = 1;
	return 0;
}

/* What a stage says of every build of its. */
static void
obey(struct build_session *s)
{
	const struct workspace *w = s->b->workspace;
	const struct stage *stage = w->stage;

	s->seed.strict = w->strict || (stage && stage->strict);
	if (!stage)
		return;
	s->seed.env = stage->env;
	s->seed.nenv = stage->nenv;
	s->seed.finish = stage->finish;
	s->seed.nfinish = stage->nfinish;
}

int
build_ground_load(struct build_session *s, struct err *err)
{
	const struct workspace *w = s->b->workspace;
	const struct stage *stage = w->stage;
	struct ground_lock lock;
	size_t total = 0;

	if (!stage || !stage->nground) {
		if (seed_load(s->a, w, &s->seed, err) < 0)
			return -1;
		obey(s);
		return 0;
	}
	if (stage_fit(stage, &s->set, &s->given, err) < 0 ||
	    ground_load(s->a, w, &lock, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->nground; i++)
		total += stage->ground[i].npackages;
	s->seed = (struct seed){ .yaml = STAGE_YAML,
				 .lock = GROUND_LOCK,
				 .fixups = w->stages->fixups,
				 .fixups_digest = w->stages->fixups_digest,
				 .shadow = stage->shadow,
				 .packages =
					 arena_array(s->a, total, sizeof(*s->seed.packages)) };
	obey(s);
	for (size_t i = 0; i < stage->nground; i++)
		if (add_part(s, &lock, &stage->ground[i], err) < 0)
			return -1;
	return close_ground(s, stage, err);
}
