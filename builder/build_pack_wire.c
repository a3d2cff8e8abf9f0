/* SPDX-License-Identifier: Apache-2.0 */
/* What a recipe tells who makes its packages, as a document and back: nothing of sources, steps
 * and needs. */
#include "builder/build_pack_priv.h"

static struct doc *
texts_doc(struct arena *a, const char *const *at, size_t n)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < n; i++)
		doc_push(a, list, doc_text(a, at[i]));
	return list;
}

static struct doc *
deps_doc(struct arena *a, const struct pkgdeps *deps)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < deps->n; i++)
		doc_push(a, list, doc_text(a, pkgdep_text(a, &deps->at[i])));
	return list;
}

static struct doc *
owner_doc(struct arena *a, const struct recipe_owner *o)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "path", o->path);
	doc_set_text(a, d, "user", o->user);
	doc_set_text(a, d, "group", o->group);
	doc_set_text(a, d, "caps", o->caps);
	doc_set_text(a, d, "reason", o->reason);
	doc_set(a, d, "mode", doc_number(a, o->mode));
	doc_set(a, d, "config", doc_boolean(a, o->config));
	return d;
}

static struct doc *
made_doc(struct arena *a, const struct recipe_made *m)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "path", m->path);
	doc_set_text(a, d, "text", m->text);
	doc_set_text(a, d, "user", m->user);
	doc_set_text(a, d, "group", m->group);
	doc_set(a, d, "mode", doc_number(a, m->mode));
	return d;
}

static struct doc *
package_doc(struct arena *a, const struct recipe_package *p)
{
	struct doc *d = doc_map(a), *owners = doc_list(a), *made = doc_list(a);

	doc_set_text(a, d, "name", p->name);
	doc_set_text(a, d, "summary", p->summary);
	doc_set_text(a, d, "description", p->description);
	doc_set(a, d, "files", texts_doc(a, p->files, p->nfiles));
	doc_set(a, d, "requires", deps_doc(a, &p->requires));
	doc_set(a, d, "provides", deps_doc(a, &p->provides));
	doc_set(a, d, "conflicts", deps_doc(a, &p->conflicts));
	doc_set(a, d, "obsoletes", deps_doc(a, &p->obsoletes));
	doc_set(a, d, "recommends", deps_doc(a, &p->recommends));
	doc_set(a, d, "excludeProvides",
		texts_doc(a, p->exclude_provides, p->nexclude_provides));
	for (size_t i = 0; i < p->nowners; i++)
		doc_push(a, owners, owner_doc(a, &p->owners[i]));
	doc_set(a, d, "owners", owners);
	for (size_t i = 0; i < p->nmade; i++)
		doc_push(a, made, made_doc(a, &p->made[i]));
	doc_set(a, d, "made", made);
	doc_set(a, d, "line", doc_number(a, p->line));
	doc_set(a, d, "column", doc_number(a, p->col));
	return d;
}

static struct doc *
except_doc(struct arena *a, const struct recipe_except *e)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "check", e->check);
	doc_set_text(a, d, "reason", e->reason);
	doc_set(a, d, "files", texts_doc(a, e->files, e->nfiles));
	return d;
}

struct doc *
build_pack_recipe_doc(struct arena *a, const struct recipe *r)
{
	struct doc *d = doc_map(a), *packages = doc_list(a), *excepts = doc_list(a);

	doc_set_text(a, d, "path", r->path);
	doc_set_text(a, d, "name", r->name);
	doc_set_text(a, d, "version", r->version);
	doc_set_text(a, d, "release", r->release);
	doc_set_text(a, d, "summary", r->summary);
	doc_set_text(a, d, "description", r->description);
	doc_set_text(a, d, "license", r->license);
	doc_set_text(a, d, "homepage", r->homepage);
	doc_set(a, d, "rpmEpoch", doc_number(a, r->rpm_epoch));
	doc_set(a, d, "epoch", doc_number(a, r->epoch));
	doc_set(a, d, "noarch", doc_boolean(a, r->noarch));
	doc_set(a, d, "debuginfo", doc_boolean(a, r->debuginfo));
	doc_set(a, d, "doc", doc_boolean(a, r->doc));
	doc_set(a, d, "locale", doc_boolean(a, r->locale));
	for (size_t i = 0; i < r->npackages; i++)
		doc_push(a, packages, package_doc(a, &r->packages[i]));
	doc_set(a, d, "packages", packages);
	for (size_t i = 0; i < r->nexcepts; i++)
		doc_push(a, excepts, except_doc(a, &r->excepts[i]));
	doc_set(a, d, "excepts", excepts);
	return d;
}

/* ---- and back ---- */

static size_t
length(const struct doc *list)
{
	return list && list->kind == DOC_LIST ? list->n : 0;
}

static void
get_texts(struct arena *a, const struct doc *list, const char ***out, size_t *n)
{
	*n = length(list);
	*out = arena_array(a, *n, sizeof(**out));
	for (size_t i = 0; i < *n; i++)
		(*out)[i] = list->items[i].value->text;
}

static int
get_deps(struct arena *a, const struct doc *list, struct pkgdeps *out, struct err *err)
{
	out->n = length(list);
	out->at = arena_array(a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++)
		if (pkgdep_parse(a, list->items[i].value->text, &out->at[i], err) < 0)
			return -1;
	return 0;
}

static int
get_small(const struct doc *d, const char *key)
{
	int64_t v = 0;

	(void)doc_int(doc_get(d, key), &v);
	return (int)v;
}

static void
get_owners(struct arena *a, const struct doc *list, struct recipe_package *p)
{
	p->nowners = length(list);
	p->owners = arena_array(a, p->nowners, sizeof(*p->owners));
	for (size_t i = 0; i < p->nowners; i++) {
		const struct doc *d = list->items[i].value;
		struct recipe_owner *o = &p->owners[i];

		*o = (struct recipe_owner){ .path = doc_get_text(d, "path"),
					    .user = doc_get_text(d, "user"),
					    .group = doc_get_text(d, "group"),
					    .caps = doc_get_text(d, "caps"),
					    .reason = doc_get_text(d, "reason"),
					    .mode = get_small(d, "mode") };
		(void)doc_bool(doc_get(d, "config"), &o->config);
	}
}

static void
get_made(struct arena *a, const struct doc *list, struct recipe_package *p)
{
	p->nmade = length(list);
	p->made = arena_array(a, p->nmade, sizeof(*p->made));
	for (size_t i = 0; i < p->nmade; i++) {
		const struct doc *d = list->items[i].value;

		p->made[i] = (struct recipe_made){ .path = doc_get_text(d, "path"),
						   .text = doc_get_text(d, "text"),
						   .user = doc_get_text(d, "user"),
						   .group = doc_get_text(d, "group"),
						   .mode = get_small(d, "mode") };
	}
}

static int
get_package(struct arena *a, const struct doc *d, struct recipe_package *p, struct err *err)
{
	p->name = doc_get_text(d, "name");
	p->summary = doc_get_text(d, "summary");
	p->description = doc_get_text(d, "description");
	get_texts(a, doc_get(d, "files"), &p->files, &p->nfiles);
	get_texts(a, doc_get(d, "excludeProvides"), &p->exclude_provides,
		  &p->nexclude_provides);
	get_owners(a, doc_get(d, "owners"), p);
	get_made(a, doc_get(d, "made"), p);
	p->line = get_small(d, "line");
	p->col = get_small(d, "column");
	if (get_deps(a, doc_get(d, "requires"), &p->requires, err) < 0 ||
	    get_deps(a, doc_get(d, "provides"), &p->provides, err) < 0 ||
	    get_deps(a, doc_get(d, "conflicts"), &p->conflicts, err) < 0 ||
	    get_deps(a, doc_get(d, "obsoletes"), &p->obsoletes, err) < 0)
		return -1;
	return get_deps(a, doc_get(d, "recommends"), &p->recommends, err);
}

static void
get_excepts(struct arena *a, const struct doc *list, struct recipe *r)
{
	r->nexcepts = length(list);
	r->excepts = arena_array(a, r->nexcepts, sizeof(*r->excepts));
	for (size_t i = 0; i < r->nexcepts; i++) {
		const struct doc *d = list->items[i].value;
		struct recipe_except *e = &r->excepts[i];

		e->check = doc_get_text(d, "check");
		e->reason = doc_get_text(d, "reason");
		get_texts(a, doc_get(d, "files"), &e->files, &e->nfiles);
	}
}

int
build_pack_recipe_read(struct arena *a, const struct doc *d, struct recipe *r, struct err *err)
{
	const struct doc *packages = doc_get(d, "packages");

	*r = (struct recipe){ .path = doc_get_text(d, "path"),
			      .name = doc_get_text(d, "name"),
			      .version = doc_get_text(d, "version"),
			      .release = doc_get_text(d, "release"),
			      .summary = doc_get_text(d, "summary"),
			      .description = doc_get_text(d, "description"),
			      .license = doc_get_text(d, "license"),
			      .homepage = doc_get_text(d, "homepage") };
	get_excepts(a, doc_get(d, "excepts"), r);
	r->npackages = length(packages);
	r->packages = arena_array(a, r->npackages, sizeof(*r->packages));
	if (!r->name || !r->version || r->npackages == 0 ||
	    !doc_int(doc_get(d, "rpmEpoch"), &r->rpm_epoch) ||
	    !doc_int(doc_get(d, "epoch"), &r->epoch) ||
	    !doc_bool(doc_get(d, "noarch"), &r->noarch) ||
	    !doc_bool(doc_get(d, "debuginfo"), &r->debuginfo) ||
	    !doc_bool(doc_get(d, "doc"), &r->doc) ||
	    !doc_bool(doc_get(d, "locale"), &r->locale))
		return err_set(err, ERR_IO, "what is to be packed cannot be read");
	for (size_t i = 0; i < r->npackages; i++)
		if (get_package(a, packages->items[i].value, &r->packages[i], err) < 0)
			return -1;
	return 0;
}
