/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a recipe declares against what it used. A package that nobody declares may still be used
 * rightly: the shared libraries of a tool are the tool's affair. What counts as leaning on it
 * is any other file: a header, a static library, a program.
 */
#include "builder/trace.h"
#include "base/dict.h"

struct env {
	const struct pkgfacts *const *root;
	size_t n;
	bool *reached; /* scratch of reach() */
};

static bool
provides(const struct pkgfacts *f, const struct pkgdep *want)
{
	if (want->op == PKGDEP_ANY && strcmp(f->id.name, want->name) == 0)
		return true;
	for (size_t i = 0; i < f->provides.n; i++)
		if (pkgdep_matches(want, &f->provides.at[i]))
			return true;
	for (size_t i = 0; *want->name == '/' && i < f->npaths; i++)
		if (strcmp(f->paths[i], want->name) == 0)
			return true;
	return false;
}

static void
reach_from(struct env *e, size_t i)
{
	const struct pkgdeps *wants = &e->root[i]->requires;

	e->reached[i] = true;
	for (size_t w = 0; w < wants->n; w++)
		for (size_t j = 0; j < e->n; j++)
			if (!e->reached[j] && provides(e->root[j], &wants->at[w]))
				reach_from(e, j);
}

/* Whether need brings package. */
static bool
reaches(struct env *e, const char *need, const char *package)
{
	struct pkgdep want = { .name = need, .op = PKGDEP_ANY };

	memset(e->reached, 0, e->n * sizeof(*e->reached));
	for (size_t i = 0; i < e->n; i++)
		if (!e->reached[i] && provides(e->root[i], &want))
			reach_from(e, i);
	for (size_t i = 0; i < e->n; i++)
		if (e->reached[i] && strcmp(e->root[i]->id.name, package) == 0)
			return true;
	return false;
}

static const struct trace_package *
find(const struct trace *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->at[i].ground && strcmp(t->at[i].name, name) == 0)
			return &t->at[i];
	return NULL;
}

static bool
is_declared(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->nneeds; i++)
		if (strcmp(r->needs[i].name, name) == 0)
			return true;
	return false;
}

/* A need that is no package's name is provided by one; then the name says nothing. */
static bool
is_unused(const struct trace *t, const struct recipe_need *need)
{
	const struct trace_package *p = find(t, need->name);

	return t->known && p && p->files == 0 && p->holds > 0;
}

static const char *
brought_by(struct env *e, const struct recipe *r, const struct trace *t, const char *package,
	   bool *kept)
{
	const char *through = NULL;

	*kept = false;
	for (size_t i = 0; i < r->nneeds; i++) {
		if (!reaches(e, r->needs[i].name, package))
			continue;
		if (!through)
			through = r->needs[i].name;
		*kept |= !is_unused(t, &r->needs[i]);
	}
	return through;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
propose(struct arena *a, const struct recipe *r, const struct trace *t,
	struct trace_advice *out)
{
	if (out->nunused == 0 && out->nleaks == 0)
		return;
	out->needs = arena_array(a, r->nneeds + out->nleaks, sizeof(*out->needs));
	for (size_t i = 0; i < r->nneeds; i++)
		if (!is_unused(t, &r->needs[i]))
			out->needs[out->nneeds++] = r->needs[i].name;
	for (size_t i = 0; i < out->nleaks; i++)
		out->needs[out->nneeds++] = out->leaks[i].package;
	qsort(out->needs, out->nneeds, sizeof(*out->needs), compare_names);
}

void
trace_advise(struct arena *a, const struct recipe *r, const struct pkgfacts *const *root,
	     size_t nroot, const struct trace *t, struct trace_advice *out)
{
	struct env e = { .root = root,
			 .n = nroot,
			 .reached = arena_array(a, nroot, sizeof(bool)) };

	*out = (struct trace_advice){ 0 };
	out->unused = arena_array(a, r->nneeds, sizeof(*out->unused));
	out->leaks = arena_array(a, nroot, sizeof(*out->leaks));
	for (size_t i = 0; i < r->nneeds; i++)
		if (is_unused(t, &r->needs[i]))
			out->unused[out->nunused++] = &r->needs[i];
	for (size_t i = 0; i < nroot; i++) {
		const char *name = root[i]->id.name;
		const struct trace_package *p = find(t, name);
		bool kept;
		const char *through;

		if (!p || p->files == 0 || is_declared(r, name))
			continue;
		through = brought_by(&e, r, t, name, &kept);
		/* Libraries of a tool come with it, as long as it stays. */
		if (!through || (kept && p->only_libraries))
			continue;
		out->leaks[out->nleaks++] = (struct trace_leak){ .package = name,
								 .through = through,
								 .example = p->example };
	}
	propose(a, r, t, out);
}
