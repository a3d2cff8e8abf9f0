/* SPDX-License-Identifier: Apache-2.0 */
/* What a lock says, out of what a session has loaded and found in the store. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "builder/lock_priv.h"

#define TEXT_BYTES_MAX ((size_t)64 * 1024 * 1024)

static void
add_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s) + 1);
}

/* Which packages a ground is made of, and what it offers to the solver. */
static void
hash_groups(const struct seed *seed, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(TEXT_BYTES_MAX);

	for (size_t i = 0; i < seed->ngroups; i++) {
		const struct seed_group *g = &seed->groups[i];

		add_text(&b, g->name);
		buf_add_format(&b, "%d %zu ", g->standard, g->n);
		for (size_t j = 0; j < g->n; j++)
			add_text(&b, g->packages[j]);
	}
	for (size_t i = 0; i < seed->nprovides; i++)
		add_text(&b, seed->provides[i]);
	digest_of(buf_text(&b), b.len, out);
}

void
lock_make_frame(struct build_session *s, struct lock *out)
{
	const struct workspace *w = s->b->workspace;
	char epoch[CLOCK_TEXT_MAX];

	*out = (struct lock){ .vendor = w->vendor, .fixups = s->seed.fixups_digest };
	clock_rfc3339(w->epoch, epoch);
	out->epoch = arena_strdup(s->a, epoch);
	hash_groups(&s->seed, &out->groups);
	out->seed.at = arena_array(s->a, s->seed.npackages, sizeof(*out->seed.at));
	for (size_t i = 0; i < s->seed.npackages; i++) {
		const struct seed_package *p = &s->seed.packages[i];

		out->seed.at[out->seed.n++] = (struct lock_item){ .name = p->name,
								  .version = p->version,
								  .sha256 = p->sha256 };
	}
	out->recipes = arena_array(s->a, s->set.n, sizeof(*out->recipes));
}

int
lock_make_recipe(struct build_session *s, size_t slot, struct lock_recipe *out, struct err *err)
{
	const struct workspace *w = s->b->workspace;
	struct recipe *r = s->set.at[slot];

	if (recipe_complete(s->a, w->dirfd, w->epoch, r, err) < 0)
		return -1;
	*out = (struct lock_recipe){ .name = r->name };
	out->version = nevra_evr(s->a, &(struct nevra){ .epoch = r->rpm_epoch,
							.version = r->version,
							.release = r->release });
	action_recipe_digest(r, &out->recipe);
	out->sources.at = arena_array(s->a, r->nsources, sizeof(*out->sources.at));
	for (size_t i = 0; i < r->nsources; i++)
		out->sources.at[out->sources.n++] =
			(struct lock_item){ .name = r->sources[i].filename,
					    .sha256 = r->sources[i].sha256 };
	out->patches.at = arena_array(s->a, r->npatches, sizeof(*out->patches.at));
	for (size_t i = 0; i < r->npatches; i++)
		out->patches.at[out->patches.n++] =
			(struct lock_item){ .name = r->patches[i].file,
					    .sha256 = r->patches[i].sha256 };
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct lock_item *)x)->name, ((const struct lock_item *)y)->name);
}

/* The digest that a result's environment goes by: lines of "name sha256", sorted. */
static void
hash_items(const struct lock_items *items, struct digest *out)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(TEXT_BYTES_MAX);

	for (size_t i = 0; i < items->n; i++) {
		char hex[DIGEST_HEX];

		digest_hex(&items->at[i].sha256, hex);
		buf_add_format(&b, "%s %s\n", items->at[i].name, hex);
	}
	digest_of(buf_text(&b), b.len, out);
}

/* The action that made the result names each package it was made with. */
static int
read_environment(struct build_session *s, const struct build_job *job, struct lock_items *out,
		 struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(ACTION_MAX_BYTES);
	const struct doc *environment;
	struct doc *action;

	if (cas_get(s->b->store, &job->result.packages[0].action, &text, err) < 0 ||
	    json_parse(s->a, buf_text(&text), text.len, "action", &action, err) < 0)
		return err_wrap(err, "recipe %s", job->node->recipe->name);
	environment = doc_get(action, "environment");
	if (!environment || environment->kind != DOC_MAP)
		return err_set(err, ERR_IO, "recipe %s: its action has no environment",
			       job->node->recipe->name);
	out->at = arena_array(s->a, environment->n, sizeof(*out->at));
	for (size_t i = 0; i < environment->n; i++) {
		struct lock_item *item = &out->at[out->n++];

		item->name = environment->items[i].key;
		if (!doc_get_digest(environment, item->name, &item->sha256))
			return err_set(err, ERR_IO, "recipe %s: its action is damaged",
				       job->node->recipe->name);
	}
	return 0;
}

static int
environment_of(struct build_session *s, const struct build_job *job, struct lock_items *out,
	       struct err *err)
{
	*out = (struct lock_items){ 0 };
	if (!job->action.doc && read_environment(s, job, out, err) < 0)
		return -1;
	if (job->action.doc) {
		out->at = arena_array(s->a, job->root.npackages, sizeof(*out->at));
		for (size_t i = 0; i < job->root.npackages; i++)
			out->at[out->n++] = (struct lock_item){
				.name = job->root.packages[i]->id.name,
				.sha256 = job->root.packages[i]->environment
			};
	}
	if (out->n)
		qsort(out->at, out->n, sizeof(*out->at), by_name);
	return 0;
}

int
lock_make_result(struct build_session *s, const struct build_job *job, struct lock_recipe *out,
		 struct err *err)
{
	struct lock_items seen;
	const struct result *r = &job->result;

	if (build_session_result(s, (size_t)(job - s->jobs), err) < 0 ||
	    environment_of(s, job, &seen, err) < 0)
		return -1;
	out->packages.at = arena_array(s->a, r->npackages, sizeof(*out->packages.at));
	out->packages.n = 0;
	for (size_t i = 0; i < r->npackages; i++)
		out->packages.at[out->packages.n++] =
			(struct lock_item){ .name = nevra_text(s->a, &r->packages[i].id),
					    .sha256 = r->packages[i].environment };
	qsort(out->packages.at, out->packages.n, sizeof(*out->packages.at), by_name);
	hash_items(&seen, &out->environment);
	out->nsees = seen.n;
	out->sees = arena_array(s->a, seen.n, sizeof(*out->sees));
	for (size_t i = 0; i < seen.n; i++)
		out->sees[i] = seen.at[i].name;
	out->resolved = true;
	return 0;
}

static int
offer(struct arena *a, struct dict *offered, const struct lock_recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->packages.n; i++) {
		struct nevra id;

		if (nevra_parse(a, r->packages.at[i].name, &id, err) < 0)
			return err_wrap(err, "the lock");
		dict_set(offered, id.name, &r->packages.at[i].sha256);
	}
	return 0;
}

/* Whether everything it was made with is there, and as it was. */
static bool
still_holds(struct arena *a, const struct dict *offered, const struct lock_recipe *r)
{
	struct lock_items seen = { .n = r->nsees };
	struct digest now;

	seen.at = arena_array(a, r->nsees, sizeof(*seen.at));
	for (size_t i = 0; i < r->nsees; i++) {
		const struct digest *d = dict_get(offered, r->sees[i]);

		if (!d)
			return false;
		seen.at[i] = (struct lock_item){ .name = r->sees[i], .sha256 = *d };
	}
	hash_items(&seen, &now);
	return digest_equal(&now, &r->environment);
}

/* Every recipe after what it needs. Of a graph that has no such order (a named recipe can be
 * built all the same) only what this run made is certain. */
static const struct plan *
whole_plan(struct build_session *s, struct plan *out)
{
	struct err ignored;

	if (s->plan.n == s->set.n)
		return &s->plan;
	return plan_make(s->a, &s->set, NULL, 0, out, &ignored) < 0 ? NULL : out;
}

int
lock_make_settle(struct build_session *s, struct lock *l, const bool *kept, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict offered = { 0 };
	struct plan all = { 0 };
	const struct plan *plan = whole_plan(s, &all);

	for (size_t i = 0; !plan && i < l->nrecipes; i++)
		l->recipes[i].resolved = l->recipes[i].resolved && kept && kept[i];
	for (size_t i = 0; plan && i < plan->n; i++) {
		size_t slot = plan->at[i].slot;
		struct lock_recipe *r = &l->recipes[slot];

		if (r->resolved && !(kept && kept[slot]))
			r->resolved = still_holds(&a, &offered, r);
		if (r->resolved && offer(&a, &offered, r, err) < 0)
			return -1;
	}
	return 0;
}
