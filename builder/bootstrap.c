/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/bootstrap.h"
#include "base/dict.h"
#include "base/fd.h"
#include "builder/ground.h"

#define BOOTSTRAP_LOCK_MAX ((size_t)16 * 1024 * 1024)

void
bootstrap_stages(struct arena *a, const struct stages *s, const struct stage *goal,
		 const struct stage ***out, size_t *n)
{
	bool *wanted = arena_array(a, s->n, sizeof(*wanted));

	*out = arena_array(a, s->n, sizeof(**out));
	*n = 0;
	wanted[goal - s->at] = true;
	if (goal->equals)
		wanted[stage_find(s, goal->equals) - s->at] = true;
	/* Whoever is stood on stands earlier. */
	for (size_t i = s->n; i-- > 0;)
		for (size_t j = 0; wanted[i] && j < s->at[i].nground; j++)
			wanted[stage_find(s, s->at[i].ground[j].stage) - s->at] = true;
	for (size_t i = 0; i < s->n; i++)
		if (wanted[i] && &s->at[i] != goal)
			(*out)[(*n)++] = &s->at[i];
}

/* What a stage that makes packages again has recipes of. */
static int
add_compared(struct arena *a, const struct workspace *w, const struct stage *again,
	     struct dict *names, struct err *err)
{
	struct recipe_place place = w->place;
	const char **at = again->only;
	size_t n = again->nonly;

	place.dir = again->recipes;
	place.only = NULL;
	place.nonly = 0;
	if (!again->only && recipe_list_place(a, &place, &at, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		dict_set(names, at[i], names);
	return 0;
}

static int
add_taken(const struct recipe_set *set, const struct stage_part *part, struct dict *names,
	  struct err *err)
{
	for (size_t i = 0; i < part->npackages; i++) {
		const struct recipe *r = recipe_of_package(set, part->packages[i]);

		if (!r)
			return err_set(err, ERR_INPUT,
				       "%s:%d: stage '%s' makes no package '%s'", STAGE_YAML,
				       part->line, part->stage, part->packages[i]);
		dict_set(names, r->name, names);
	}
	return 0;
}

int
bootstrap_recipes(struct arena *a, const struct workspace *w, const char ***names, size_t *n,
		  struct err *err)
{
	CLEANUP(dict_release) struct dict wanted = { 0 };
	const struct stages *s = w->stages;
	struct recipe_set set;
	void *unused;

	if (recipe_load_all(a, &w->place, &set, err) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		const struct stage *later = &s->at[i];

		if (later->equals && strcmp(later->equals, w->stage->name) == 0 &&
		    add_compared(a, w, later, &wanted, err) < 0)
			return -1;
		for (size_t j = 0; j < later->nground; j++)
			if (strcmp(later->ground[j].stage, w->stage->name) == 0 &&
			    add_taken(&set, &later->ground[j], &wanted, err) < 0)
				return -1;
	}
	*names = arena_array(a, wanted.n, sizeof(**names));
	*n = wanted.n;
	for (size_t i = 0; i < *n; i++)
		(*names)[i] = arena_strdup(a, dict_at(&wanted, i, &unused));
	return 0;
}

static const struct pkgfacts *
find(const struct pkgfacts *const *all, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i]->id.name, name) == 0)
			return all[i];
	return NULL;
}

static int
pin_part(struct arena *a, const struct stage_part *part, const struct pkgfacts *const *all,
	 size_t n, struct dict *seen, struct ground_stage *out, struct err *err)
{
	for (size_t i = 0; i < part->npackages; i++) {
		const struct pkgfacts *f = find(all, n, part->packages[i]);

		if (!f)
			return err_set(err, ERR_INPUT,
				       "%s:%d: stage '%s' makes no package '%s'", STAGE_YAML,
				       part->line, part->stage, part->packages[i]);
		if (!dict_add(seen, f->id.name, out))
			continue;
		out->packages[out->n++] = (struct ground_pin){ .name = f->id.name,
							       .version = nevra_evr(a, &f->id),
							       .action = f->action,
							       .file = f->file,
							       .environment = f->environment };
	}
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct ground_pin *)x)->name,
		      ((const struct ground_pin *)y)->name);
}

/* What any stage takes of this one. */
static int
pin_stage(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	  struct ground_stage *out, struct err *err)
{
	CLEANUP(dict_release) struct dict seen = { 0 };
	const struct stages *s = b->workspace->stages;
	const struct pkgfacts **all;
	size_t n;

	if (build_packages(a, b, names, nnames, &all, &n, err) < 0)
		return -1;
	out->name = b->workspace->stage->name;
	out->packages = arena_array(a, n, sizeof(*out->packages));
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->at[i].nground; j++)
			if (strcmp(s->at[i].ground[j].stage, out->name) == 0 &&
			    pin_part(a, &s->at[i].ground[j], all, n, &seen, out, err) < 0)
				return -1;
	if (out->n)
		qsort(out->packages, out->n, sizeof(*out->packages), by_name);
	return 0;
}

/* In the order of stages.yaml; what is no stage any more goes. */
static void
replace(struct arena *a, const struct stages *s, const struct ground_stage *now,
	const struct ground_lock *before, struct ground_lock *out)
{
	out->at = arena_array(a, s->n, sizeof(*out->at));
	for (size_t i = 0; i < s->n; i++) {
		const struct ground_stage *g = strcmp(s->at[i].name, now->name) == 0
						       ? now
						       : ground_find(before, s->at[i].name);

		if (g && g->n)
			out->at[out->n++] = *g;
	}
}

int
bootstrap_pin(struct arena *a, struct builder *b, const char *const *names, size_t n,
	      struct bootstrap_pinned *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(BOOTSTRAP_LOCK_MAX);
	CLEANUP(buf_free) struct buf before = BUF_MAX(BOOTSTRAP_LOCK_MAX);
	const struct workspace *w = b->workspace;
	struct ground_lock old, lock = { .n = 0 };
	struct ground_stage now = { .n = 0 };

	if (pin_stage(a, b, names, n, &now, err) < 0 || ground_load(a, w, &old, err) < 0)
		return -1;
	replace(a, w->stages, &now, &old, &lock);
	ground_write(&lock, &text);
	if (buf_check(&text, GROUND_LOCK, err) < 0)
		return -1;
	out->npackages = now.n;
	if (fd_read_file(w->dirfd, GROUND_LOCK, &before, err) < 0 && err->sys != ENOENT)
		return -1;
	out->changed = before.len != text.len || memcmp(before.data, text.data, text.len) != 0;
	return out->changed && !out->dry
		       ? fd_publish(w->dirfd, GROUND_LOCK, text.data, text.len, 0644, err)
		       : 0;
}
