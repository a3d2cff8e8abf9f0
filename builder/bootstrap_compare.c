/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages that make packages again: by the compiler that they contain (a fixpoint), or starting
 * from a seed that shares no compiler with the first (diverse double-compiling). What comes out
 * must be the same file, and then a statement says so.
 */
#include "base/dict.h"
#include "base/fd.h"
#include "builder/bootstrap.h"
#include "builder/ground.h"
#include "builder/seed.h"
#include "trust/statement.h"

#define COMPARE_FILE_MAX ((size_t)64 * 1024 * 1024)

/* The seeds that a stage, and what it must equal, come from. */
static bool
is_chosen(struct arena *a, const struct stages *s, const struct stage *stage,
	  const struct bootstrap_choice *choice)
{
	bool named = !choice->seed, other = stage->seed;
	const struct stage **below;
	size_t n;

	if (!stage->equals)
		return false;
	bootstrap_stages(a, s, stage, &below, &n);
	for (size_t i = 0; i < n; i++) {
		const char *seed = below[i]->seed;

		other |= seed != NULL;
		named |= seed && strcmp(seed, choice->seed ? choice->seed : "") == 0;
	}
	named |= stage->seed && choice->seed && strcmp(stage->seed, choice->seed) == 0;
	return named && !(choice->fixpoint && other);
}

int
bootstrap_compared(struct arena *a, const struct stages *s,
		   const struct bootstrap_choice *choice, const struct stage ***out, size_t *n,
		   struct err *err)
{
	*out = arena_array(a, s->n, sizeof(**out));
	*n = 0;
	for (size_t i = 0; i < s->n; i++)
		if (is_chosen(a, s, &s->at[i], choice))
			(*out)[(*n)++] = &s->at[i];
	if (*n)
		return 0;
	if (choice->seed)
		err_set(err, ERR_INPUT, "%s: no stage on seed '%s' says what it must equal",
			STAGE_YAML, choice->seed);
	else
		err_set(err, ERR_INPUT, "%s: no stage%s says what it must equal", STAGE_YAML,
			choice->fixpoint ? " on the standard seed" : "");
	return err_hint(err,
			"`equals: STAGE` of a stage does; docs/bootstrap.md has an example");
}

/* Two sorted lists, side by side. */
static void
pair_up(struct arena *a, const struct pkgfacts *const *first, size_t nfirst,
	const struct pkgfacts *const *again, size_t nagain, struct bootstrap_verdict *out)
{
	size_t i = 0, j = 0;

	*out = (struct bootstrap_verdict){ .pairs = arena_array(a, nfirst + nagain,
								sizeof(*out->pairs)) };
	while (i < nfirst || j < nagain) {
		int order = i == nfirst   ? 1
			    : j == nagain ? -1
					  : strcmp(first[i]->id.name, again[j]->id.name);
		struct bootstrap_pair *p = &out->pairs[out->n++];

		p->name = order <= 0 ? first[i]->id.name : again[j]->id.name;
		p->first = order <= 0 ? first[i++] : NULL;
		p->again = order >= 0 ? again[j++] : NULL;
		if (!p->first || !p->again || !digest_equal(&p->first->file, &p->again->file))
			out->different++;
	}
}

static int
recipes_of(struct arena *a, const struct workspace *w, const char ***names, size_t *n,
	   struct err *err)
{
	struct recipe_set set;

	if (recipe_load_all(a, &w->place, &set, err) < 0)
		return -1;
	*names = arena_array(a, set.n, sizeof(**names));
	*n = set.n;
	for (size_t i = 0; i < set.n; i++)
		(*names)[i] = set.at[i]->name;
	return 0;
}

int
bootstrap_compare(struct arena *a, struct builder *b, struct bootstrap_verdict *out,
		  struct err *err)
{
	struct workspace *w = b->workspace;
	const char *here = w->stage->name;
	const struct pkgfacts **first, **again;
	const char **names;
	size_t n, nfirst, nagain;
	int rc;

	if (recipes_of(a, w, &names, &n, err) < 0 ||
	    build_packages(a, b, names, n, &again, &nagain, err) < 0 ||
	    stage_choose(a, w, w->stage->equals, err) < 0)
		return -1;
	rc = build_packages(a, b, names, n, &first, &nfirst, err);
	if (rc < 0)
		(void)err_wrap(err, "stage %s", w->stage->name);
	if (stage_choose(a, w, here, err) < 0 || rc < 0)
		return -1;
	pair_up(a, first, nfirst, again, nagain, out);
	return 0;
}

struct compare_files {
	struct arena *a;
	const struct workspace *w;
	struct dict seen;
	struct statement_resource *at;
	size_t n;
};

static void
compare_files_release(struct compare_files *f)
{
	dict_release(&f->seen);
}
DEFINE_RELEASE(struct compare_files, compare_files_release);

static int
add_file(struct compare_files *f, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(COMPARE_FILE_MAX);
	struct statement_resource *r = &f->at[f->n];

	if (!dict_add(&f->seen, path, f))
		return 0;
	if (fd_read_file(f->w->dirfd, path, &text, err) < 0)
		return err_wrap(err, "%s", path);
	r->name = path;
	digest_of(text.data, text.len, &r->sha256);
	f->n++;
	return 0;
}

/* The lock of the stage, and of the seeds that it stands on. */
static int
add_stage(struct compare_files *f, const struct stage *stage, struct err *err)
{
	const struct stages *s = f->w->stages;
	const char *lock = strcmp(stage->name, s->standard) == 0
				   ? "kiln.lock"
				   : arena_format(f->a, "kiln-%s.lock", stage->name);

	if (dict_get(&f->seen, lock))
		return 0;
	if (add_file(f, lock, err) < 0)
		return -1;
	if (!stage->nground)
		return add_file(f, seed_lock_path(f->a, stage->seed), err);
	for (size_t i = 0; i < stage->nground; i++)
		if (add_stage(f, stage_find(s, stage->ground[i].stage), err) < 0)
			return -1;
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct statement_resource *)x)->name,
		      ((const struct statement_resource *)y)->name);
}

int
bootstrap_statement(struct arena *a, const struct builder *b, const struct bootstrap_verdict *v,
		    struct buf *out, struct err *err)
{
	const struct workspace *w = b->workspace;
	CLEANUP(compare_files_release) struct compare_files f = { .a = a, .w = w };
	struct statement s = { .predicate_type = STATEMENT_TEST_RESULT, .nsubjects = v->n };
	const struct stages *all = w->stages;

	f.at = arena_array(a, 2 * all->n + 2, sizeof(*f.at));
	if (add_file(&f, STAGE_YAML, err) < 0 || add_file(&f, GROUND_LOCK, err) < 0 ||
	    add_stage(&f, w->stage, err) < 0 ||
	    add_stage(&f, stage_find(all, w->stage->equals), err) < 0)
		return -1;
	qsort(f.at, f.n, sizeof(*f.at), by_name);
	s.subjects = arena_array(a, v->n, sizeof(*s.subjects));
	for (size_t i = 0; i < v->n; i++)
		s.subjects[i] =
			(struct statement_resource){ .name = nevra_file(a,
									&v->pairs[i].again->id),
						     .sha256 = v->pairs[i].again->file };
	s.predicate = statement_test_result(
		a, arena_format(a, "stage %s equals %s", w->stage->name, w->stage->equals),
		f.at, f.n);
	return statement_make(&s, out, err);
}
