/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CycloneDX 1.6. The subject stands in metadata.component with its patches as pedigree; what it
 * holds (files, or packages and layers) in components; what it was made of in formulation.
 */
#include "trust/sbom_priv.h"

#include "base/clock.h"
#include "base/json.h"

struct writer {
	struct arena *a;
	const struct sbom *s;
	const char **refs;
};

static const char *const types[SBOM_KINDS] = {
	[SBOM_PACKAGE] = "library",
	[SBOM_IMAGE] = "container",
	[SBOM_SYSTEM] = "operating-system",
	[SBOM_LAYER] = "file",
	[SBOM_RECIPE] = "file",
	[SBOM_SOURCE] = "file",
	[SBOM_PATCH] = "file",
	[SBOM_TOOL] = "application",
	[SBOM_SEED] = "application",
};

static bool
is_input(enum sbom_kind k)
{
	return k == SBOM_RECIPE || k == SBOM_SOURCE || k == SBOM_PATCH || k == SBOM_TOOL ||
	       k == SBOM_SEED;
}

static struct doc *
named(struct arena *a, const char *name)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "name", name);
	return d;
}

static struct doc *
one(struct arena *a, struct doc *item)
{
	struct doc *list = doc_list(a);

	doc_push(a, list, item);
	return list;
}

static void
add_hash(struct arena *a, struct doc *list, const char *alg, const char *hex)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "alg", alg);
	doc_set_text(a, d, "content", hex);
	doc_push(a, list, d);
}

static void
set_hashes(struct arena *a, struct doc *d, const struct digest *sha256, const char *sha1)
{
	struct doc *list = doc_list(a);
	char hex[DIGEST_HEX];

	if (sha1)
		add_hash(a, list, "SHA-1", sha1);
	digest_hex(sha256, hex);
	add_hash(a, list, "SHA-256", hex);
	doc_set(a, d, "hashes", list);
}

static void
set_license(struct arena *a, struct doc *d, const char *expression)
{
	struct doc *l = doc_map(a);

	if (!expression)
		return;
	doc_set_text(a, l, "acknowledgement", "declared");
	doc_set_text(a, l, "expression", expression);
	doc_set(a, d, "licenses", one(a, l));
}

static void
add_reference(struct arena *a, struct doc *list, const char *type, const char *url)
{
	struct doc *d = doc_map(a);

	if (!url)
		return;
	doc_set_text(a, d, "type", type);
	doc_set_text(a, d, "url", url);
	doc_push(a, list, d);
}

/* Who trusts this document may trust its twin: it stands here by digest. */
static void
add_twin(struct arena *a, struct doc *list, const struct sbom *s)
{
	if (!s->twin)
		return;
	add_reference(a, list, "bom", s->twin);
	set_hashes(a, list->items[list->n - 1].value, &s->twin_sha256, NULL);
}

static void
set_nonempty(struct arena *a, struct doc *d, const char *key, struct doc *list)
{
	if (list->n)
		doc_set(a, d, key, list);
}

static struct doc *
part_doc(struct writer *w, size_t i)
{
	const struct sbom_part *p = &w->s->parts[i];
	struct arena *a = w->a;
	struct doc *d = named(a, p->name), *refs = doc_list(a), *properties = doc_list(a);

	doc_set_text(a, d, "type", types[p->kind]);
	doc_set_text(a, d, "bom-ref", w->refs[i]);
	doc_set_text(a, d, "version", p->version);
	doc_set_text(a, d, "purl", p->purl);
	doc_set_text(a, d, "cpe", p->cpe);
	doc_set_text(a, d, "description", p->summary);
	if (p->supplier)
		doc_set(a, d, "supplier", named(a, p->supplier));
	if (p->hashed)
		set_hashes(a, d, &p->sha256, NULL);
	set_license(a, d, p->license);
	add_reference(a, refs, "website", p->homepage);
	if (i == 0)
		add_twin(a, refs, w->s);
	set_nonempty(a, d, "externalReferences", refs);
	sbom_add_property(a, properties, SBOM_ROLE, sbom_kind_name(p->kind));
	sbom_add_property(a, properties, SBOM_LOCATION, p->location);
	sbom_add_property(a, properties, SBOM_UPSTREAM, p->upstream);
	for (size_t r = 0; r < p->nresolves; r++)
		sbom_add_property(a, properties, SBOM_RESOLVES, p->resolves[r]);
	doc_set(a, d, "properties", properties);
	return d;
}

static struct doc *
file_doc(struct arena *a, const struct sbom_file *f, size_t i)
{
	struct doc *d = named(a, f->path);

	doc_set_text(a, d, "type", "file");
	doc_set_text(a, d, "bom-ref", arena_format(a, "file-%zu", i + 1));
	set_hashes(a, d, &f->sha256, f->sha1);
	return d;
}

static struct doc *
patch_doc(struct arena *a, const struct sbom_part *p)
{
	struct doc *d = doc_map(a), *diff = doc_map(a), *list = doc_list(a);

	doc_set_text(a, d, "type", "unofficial");
	doc_set_text(a, diff, "url", p->location ? p->location : p->name);
	doc_set(a, d, "diff", diff);
	for (size_t i = 0; i < p->nresolves; i++) {
		struct doc *issue = doc_map(a), *source = doc_map(a);

		doc_set_text(a, issue, "type", "security");
		doc_set_text(a, issue, "id", p->resolves[i]);
		doc_set_text(a, source, "url", sbom_advisory_url(a, p->resolves[i]));
		doc_set(a, issue, "source", source);
		doc_push(a, list, issue);
	}
	set_nonempty(a, d, "resolves", list);
	return d;
}

/* What the subject descends from: the project it was made from, and what we changed in it. */
static void
set_pedigree(struct writer *w, struct doc *subject)
{
	const struct sbom_part *s = &w->s->parts[0];
	struct doc *d = doc_map(w->a), *patches = doc_list(w->a);

	if (s->project) {
		struct doc *ancestor = named(w->a, s->name);

		doc_set_text(w->a, ancestor, "type", "library");
		doc_set_text(w->a, ancestor, "purl", s->project);
		doc_set(w->a, d, "ancestors", one(w->a, ancestor));
	}
	for (size_t i = 1; i < w->s->nparts; i++)
		if (w->s->parts[i].kind == SBOM_PATCH)
			doc_push(w->a, patches, patch_doc(w->a, &w->s->parts[i]));
	set_nonempty(w->a, d, "patches", patches);
	if (d->n)
		doc_set(w->a, subject, "pedigree", d);
}

static struct doc *
subject_doc(struct writer *w)
{
	struct doc *d = part_doc(w, 0), *properties = doc_get(d, "properties");

	for (size_t i = 0; i < w->s->nrequires; i++)
		sbom_add_property(w->a, properties, SBOM_REQUIRES, w->s->requires[i]);
	set_pedigree(w, d);
	return d;
}

static struct doc *
metadata(struct writer *w)
{
	struct arena *a = w->a;
	struct doc *d = doc_map(a), *phase = doc_map(a), *tools = doc_map(a),
		   *tool = named(a, "kiln");
	char when[CLOCK_TEXT_MAX];

	clock_rfc3339(w->s->epoch, when);
	doc_set_text(a, d, "timestamp", when);
	doc_set_text(a, phase, "phase", "build");
	doc_set(a, d, "lifecycles", one(a, phase));
	doc_set_text(a, tool, "type", "application");
	doc_set_text(a, tool, "version", SBOM_WRITER);
	doc_set(a, tools, "components", one(a, tool));
	doc_set(a, d, "tools", tools);
	doc_set(a, d, "manufacturer", named(a, w->s->author));
	doc_set(a, d, "supplier", named(a, w->s->author));
	doc_set(a, d, "component", subject_doc(w));
	return d;
}

static struct doc *
dependencies(struct writer *w)
{
	struct doc *list = doc_list(w->a);

	for (size_t i = 0; i < w->s->nparts; i++) {
		const struct sbom_part *p = &w->s->parts[i];
		struct doc *d = doc_map(w->a), *on = doc_list(w->a);

		if (is_input(p->kind) || p->kind == SBOM_LAYER)
			continue;
		doc_set_text(w->a, d, "ref", w->refs[i]);
		for (size_t k = 0; k < p->ndepends; k++)
			doc_push(w->a, on, doc_text(w->a, w->refs[p->depends[k]]));
		set_nonempty(w->a, d, "dependsOn", on);
		doc_push(w->a, list, d);
	}
	return list;
}

/* What it is put together from is all here. What a package needs at run time is known by
 * capability, and which package will meet it is not settled before an image is. */
static struct doc *
compositions(struct writer *w)
{
	struct arena *a = w->a;
	struct doc *list = doc_list(a), *whole = doc_map(a), *needs = doc_map(a);
	bool image = w->s->parts[0].kind == SBOM_IMAGE;

	doc_set_text(a, whole, "aggregate", "complete");
	doc_set(a, whole, "assemblies", one(a, doc_text(a, w->refs[0])));
	doc_push(a, list, whole);
	doc_set_text(a, needs, "aggregate", image ? "complete" : "not_specified");
	doc_set(a, needs, "dependencies", one(a, doc_text(a, w->refs[0])));
	doc_push(a, list, needs);
	return list;
}

void
sbom_cyclonedx(const struct sbom *s, struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct writer w = { .a = &a, .s = s, .refs = sbom_refs(&a, s) };
	struct doc *root = doc_map(&a), *held = doc_list(&a), *inputs = doc_list(&a);
	struct digest content;

	for (size_t i = 1; i < s->nparts; i++)
		doc_push(&a, is_input(s->parts[i].kind) ? inputs : held, part_doc(&w, i));
	for (size_t i = 0; i < s->nfiles; i++)
		doc_push(&a, held, file_doc(&a, &s->files[i], i));
	doc_set_text(&a, root, "bomFormat", "CycloneDX");
	doc_set_text(&a, root, "specVersion", "1.6");
	doc_set(&a, root, "version", doc_number(&a, 1));
	doc_set(&a, root, "metadata", metadata(&w));
	doc_set(&a, root, "components", held);
	doc_set(&a, root, "dependencies", dependencies(&w));
	doc_set(&a, root, "compositions", compositions(&w));
	if (inputs->n) {
		struct doc *formula = doc_map(&a);

		doc_set(&a, formula, "components", inputs);
		doc_set(&a, root, "formulation", one(&a, formula));
	}
	sbom_doc_digest(root, &content);
	doc_set_text(&a, root, "serialNumber",
		     arena_format(&a, "urn:uuid:%s", sbom_uuid(&a, &content)));
	json_write(root, out);
}
