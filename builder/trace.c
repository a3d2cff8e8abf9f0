/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/trace.h"
#include "base/dict.h"

static bool
is_library(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash : path;
	size_t n = strlen(name);

	return strstr(name, ".so.") || (n > 3 && strcmp(name + n - 3, ".so") == 0);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
use(struct trace_package *p, const char *const *used)
{
	if (p->files++ == 0)
		p->only_libraries = true;
	if (p->only_libraries && (!p->example || !is_library(*used))) {
		p->example = *used;
		p->only_libraries = is_library(*used);
	}
}

/* A file that two packages bring alike counts for both: it is never said of one that is used
 * that it is not. Both lists are sorted; the shorter one is looked up in the longer one. */
static void
count(const struct buildroot_tree *t, const struct sandbox_seen *seen, struct trace_package *p)
{
	const struct manifest *m = &t->manifest;

	p->holds = t->files;
	for (size_t i = 0; seen->nused < m->n && i < seen->nused; i++) {
		const struct manifest_entry *e = manifest_find(m, seen->used[i]);

		if (e && e->type == MANIFEST_FILE)
			use(p, &seen->used[i]);
	}
	for (size_t i = 0; seen->nused >= m->n && i < m->n; i++) {
		const char *path = m->at[i].path, *const *used = NULL;

		if (m->at[i].type == MANIFEST_FILE && seen->nused)
			used = bsearch(&path, seen->used, seen->nused, sizeof(*seen->used),
				       compare_paths);
		if (used)
			use(p, used);
	}
}

/* The trees of a root: fix-ups, packages, ground (buildroot_fill). */
static void
name_tree(const struct buildroot *root, size_t i, struct trace_package *p)
{
	size_t nfix = root->ntrees - root->npackages - root->nground;

	p->ground = i < nfix || i >= nfix + root->npackages;
	p->name = i < nfix                     ? "seed fix-ups"
		  : i < nfix + root->npackages ? root->packages[i - nfix]->id.name
					       : root->ground[i - nfix - root->npackages]->name;
}

static int
compare_packages(const void *a, const void *b)
{
	const struct trace_package *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (int)x->ground - (int)y->ground;
}

int
trace_map(struct arena *a, const struct cas *store, const struct buildroot *root,
	  const struct sandbox_seen *seen, struct trace *out, struct err *err)
{
	struct trace t = { .known = seen->used_known, .n = root->ntrees };

	t.at = arena_array(a, t.n, sizeof(*t.at));
	for (size_t i = 0; i < t.n; i++) {
		const struct buildroot_tree *tree;

		name_tree(root, i, &t.at[i]);
		if (buildroot_cache_tree(root->cache, store, root->trees[i], &tree, err) < 0)
			return err_wrap(err, "tree of %s", t.at[i].name);
		count(tree, seen, &t.at[i]);
	}
	qsort(t.at, t.n, sizeof(*t.at), compare_packages);
	*out = t;
	return 0;
}

struct doc *
trace_used(struct arena *a, const struct trace *t, bool all)
{
	struct doc *d = doc_map(a), *list = doc_list(a);

	for (size_t i = 0; i < t->n; i++) {
		const struct trace_package *p = &t->at[i];
		struct doc *one = doc_map(a);

		if (p->files == 0 && !all)
			continue;
		doc_set_text(a, one, "name", p->name);
		doc_set(a, one, "ground", doc_boolean(a, p->ground));
		doc_set(a, one, "files", doc_number(a, (int64_t)p->files));
		doc_set(a, one, "holds", doc_number(a, (int64_t)p->holds));
		doc_set(a, one, "onlyLibraries", doc_boolean(a, p->only_libraries));
		doc_set_text(a, one, "example", p->example);
		doc_push(a, list, one);
	}
	doc_set(a, d, "known", doc_boolean(a, t->known));
	doc_set(a, d, "packages", list);
	return d;
}

struct doc *
trace_attempts(struct arena *a, const struct sandbox_seen *s, bool counted)
{
	struct doc *list = doc_list(a);

	if (!s->watched)
		return NULL;
	for (size_t i = 0; i < s->nviolations; i++) {
		const struct sandbox_violation *v = &s->violations[i];
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "kind", v->kind);
		doc_set_text(a, d, "call", v->call);
		doc_set_text(a, d, "process", v->process);
		doc_set_text(a, d, "argument", v->argument);
		if (counted)
			doc_set(a, d, "count", doc_number(a, (int64_t)v->count));
		doc_push(a, list, d);
	}
	return list;
}

/* Violations are sorted by kind and call first. */
struct doc *
trace_kinds(struct arena *a, const struct sandbox_seen *s)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < s->nviolations; i++) {
		const struct sandbox_violation *v = &s->violations[i];
		struct doc *d;

		if (i > 0 && strcmp(v[-1].kind, v->kind) == 0 &&
		    strcmp(v[-1].call, v->call) == 0)
			continue;
		d = doc_map(a);
		doc_set_text(a, d, "kind", v->kind);
		doc_set_text(a, d, "call", v->call);
		doc_push(a, list, d);
	}
	return list;
}

/* The network first: it is what a build most often wants and cannot have. */
const char *
trace_words(struct arena *a, const struct sandbox_seen *s)
{
	const struct sandbox_violation *v;

	if (s->nviolations == 0)
		return "";
	v = &s->violations[s->nviolations - 1];
	return arena_format(a, "%s%s%s by %s%s", v->call, *v->argument ? " to " : "",
			    v->argument, v->process,
			    s->nviolations == 1
				    ? ""
				    : arena_format(a, ", and %zu more", s->nviolations - 1));
}
