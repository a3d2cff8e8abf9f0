/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CycloneDX JSON as a model. Every value is checked before it is used: what is written again
 * must be as valid as what we make ourselves.
 */
#include "trust/sbom_priv.h"

#include "base/clock.h"
#include "base/dict.h"
#include "base/json.h"
#include "base/utf8.h"

#define READ_MAX_PARTS 1000000

struct reading {
	struct arena *a;
	const char *name;
	struct err *err;
	struct sbom *s;
	struct dict refs; /* bom-ref -> struct sbom_part */
};

static void
reading_release(struct reading *r)
{
	dict_release(&r->refs);
}
DEFINE_RELEASE(struct reading, reading_release);

static int
refuse(const struct reading *r, const struct doc *at, const char *what)
{
	return doc_error(at, r->name, r->err, "%s", what);
}

static size_t
length(const struct doc *list)
{
	return list && list->kind == DOC_LIST ? list->n : 0;
}

/* The properties of a component by name; NULL after the last. */
static const char *
property(const struct doc *component, const char *name, size_t *from)
{
	const struct doc *list = doc_get(component, "properties");

	for (; *from < length(list); (*from)++) {
		const struct doc *p = list->items[*from].value;
		const char *said = doc_get_text(p, "name");

		if (said && strcmp(said, name) == 0) {
			(*from)++;
			return doc_get_text(p, "value");
		}
	}
	return NULL;
}

static const char *
first_property(const struct doc *component, const char *name)
{
	size_t from = 0;

	return property(component, name, &from);
}

static const char **
all_properties(struct arena *a, const struct doc *component, const char *name, size_t *n)
{
	const char **at =
		arena_array(a, length(doc_get(component, "properties")) + 1, sizeof(*at));
	size_t from = 0;
	const char *value;

	*n = 0;
	while ((value = property(component, name, &from)))
		at[(*n)++] = value;
	return at;
}

static const char *
hash(const struct doc *d, const char *alg)
{
	const struct doc *list = doc_get(d, "hashes");

	for (size_t i = 0; i < length(list); i++) {
		const char *said = doc_get_text(list->items[i].value, "alg");

		if (said && strcmp(said, alg) == 0)
			return doc_get_text(list->items[i].value, "content");
	}
	return NULL;
}

/* Of another writer's components the type tells what they are. */
static enum sbom_kind
kind_of(const struct doc *d, bool subject)
{
	const char *role = first_property(d, SBOM_ROLE), *type = doc_get_text(d, "type");

	for (int k = 0; role && k < SBOM_KINDS; k++)
		if (strcmp(role, sbom_kind_name((enum sbom_kind)k)) == 0)
			return (enum sbom_kind)k;
	if (type && strcmp(type, "container") == 0 && subject)
		return SBOM_IMAGE;
	if (type && strcmp(type, "operating-system") == 0)
		return SBOM_SYSTEM;
	return SBOM_PACKAGE;
}

static const char *
license_of(const struct doc *d)
{
	const struct doc *list = doc_get(d, "licenses"), *first;
	const char *expression;

	if (length(list) != 1) /* several are not said to be joined by what */
		return NULL;
	first = list->items[0].value;
	expression = doc_get_text(first, "expression");
	return expression ? expression : doc_get_text(doc_get(first, "license"), "id");
}

static const char *
reference(const struct doc *d, const char *type, const struct doc **found)
{
	const struct doc *list = doc_get(d, "externalReferences");

	for (size_t i = 0; i < length(list); i++) {
		const char *said = doc_get_text(list->items[i].value, "type");

		if (!said || strcmp(said, type) != 0)
			continue;
		if (found)
			*found = list->items[i].value;
		return doc_get_text(list->items[i].value, "url");
	}
	return NULL;
}

static int
check_texts(const struct reading *r, const struct doc *at, const struct sbom_part *p)
{
	const char *const all[] = { p->name,     p->version,  p->purl,
				    p->cpe,      p->license,  p->homepage,
				    p->supplier, p->location, p->upstream };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] && !utf8_is_printable(all[i], strlen(all[i])))
			return refuse(r, at, "a name that cannot be printed");
	for (size_t i = 0; i < p->nresolves; i++)
		if (!sbom_is_advisory(p->resolves[i]))
			return refuse(r, at, "what it resolves is not the id of an advisory");
	return 0;
}

static int
read_part(struct reading *r, const struct doc *d, bool subject)
{
	struct sbom_part *p = &r->s->parts[r->s->nparts];
	const char *sha256 = hash(d, "SHA-256"), *ref = doc_get_text(d, "bom-ref");

	*p = (struct sbom_part){ .kind = kind_of(d, subject),
				 .name = doc_get_text(d, "name"),
				 .version = doc_get_text(d, "version"),
				 .purl = doc_get_text(d, "purl"),
				 .cpe = doc_get_text(d, "cpe"),
				 .summary = doc_get_text(d, "description"),
				 .license = license_of(d),
				 .homepage = reference(d, "website", NULL),
				 .supplier = doc_get_text(doc_get(d, "supplier"), "name"),
				 .location = first_property(d, SBOM_LOCATION),
				 .upstream = first_property(d, SBOM_UPSTREAM) };
	p->resolves = all_properties(r->a, d, SBOM_RESOLVES, &p->nresolves);
	if (!p->name || !*p->name)
		return refuse(r, d, "a component without a name");
	if (sha256 && !digest_parse(sha256, &p->sha256))
		return refuse(r, d, "a SHA-256 that is not 64 lower-case hex digits");
	p->hashed = sha256 != NULL;
	if (ref && !dict_add(&r->refs, ref, p))
		return refuse(r, d, "two components have one bom-ref");
	r->s->nparts++;
	return check_texts(r, d, p);
}

static bool
is_sha1(const char *s)
{
	return s && strlen(s) == DIGEST_SHA1_HEX - 1 &&
	       strspn(s, "0123456789abcdef") == DIGEST_SHA1_HEX - 1;
}

static int
read_file(struct reading *r, const struct doc *d)
{
	struct sbom_file *f = &r->s->files[r->s->nfiles];
	const char *sha256 = hash(d, "SHA-256"), *sha1 = hash(d, "SHA-1");

	f->path = doc_get_text(d, "name");
	if (!sha256 || !digest_parse(sha256, &f->sha256) || !is_sha1(sha1))
		return refuse(r, d, "a file without SHA-1 and SHA-256");
	if (!utf8_is_valid(f->path, strlen(f->path)))
		return refuse(r, d, "a path that is not UTF-8");
	memcpy(f->sha1, sha1, sizeof(f->sha1));
	r->s->nfiles++;
	return 0;
}

/* A file with a path is of the subject; a file with a role of ours is an input or a layer. */
static bool
is_file(const struct doc *d)
{
	const char *type = doc_get_text(d, "type"), *name = doc_get_text(d, "name");

	return type && strcmp(type, "file") == 0 && name && name[0] == '/' &&
	       !first_property(d, SBOM_ROLE);
}

static int
read_components(struct reading *r, const struct doc *list)
{
	for (size_t i = 0; i < length(list); i++) {
		const struct doc *d = list->items[i].value;

		if ((is_file(d) ? read_file(r, d) : read_part(r, d, false)) < 0)
			return -1;
	}
	return 0;
}

static int
read_dependencies(struct reading *r, const struct doc *list)
{
	for (size_t i = 0; i < length(list); i++) {
		const struct doc *d = list->items[i].value, *on = doc_get(d, "dependsOn");
		const char *ref = doc_get_text(d, "ref");
		struct sbom_part *p = ref ? dict_get(&r->refs, ref) : NULL;

		if (!p || p->depends)
			continue;
		p->depends = arena_array(r->a, length(on) + 1, sizeof(*p->depends));
		for (size_t k = 0; k < length(on); k++) {
			const struct doc *to = on->items[k].value;
			const struct sbom_part *q =
				to->kind == DOC_TEXT ? dict_get(&r->refs, to->text) : NULL;

			if (!q)
				return refuse(r, to, "a dependency on what is not listed");
			p->depends[p->ndepends++] = (size_t)(q - r->s->parts);
		}
	}
	return 0;
}

static int
read_subject(struct reading *r, const struct doc *meta)
{
	const struct doc *subject = doc_get(meta, "component"), *twin = NULL;
	const struct doc *ancestors = doc_get(doc_get(subject, "pedigree"), "ancestors");
	const char *sha256;

	if (!subject || read_part(r, subject, true) < 0)
		return subject ? -1 : refuse(r, meta, "no component is its subject");
	if (length(ancestors) > 0)
		r->s->parts[0].project = doc_get_text(ancestors->items[0].value, "purl");
	r->s->requires = all_properties(r->a, subject, SBOM_REQUIRES, &r->s->nrequires);
	r->s->twin = reference(subject, "bom", &twin);
	sha256 = twin ? hash(twin, "SHA-256") : NULL;
	if (!r->s->twin || !sha256 || !digest_parse(sha256, &r->s->twin_sha256))
		r->s->twin = NULL;
	return 0;
}

static int
read_root(struct reading *r, const struct doc *root)
{
	const struct doc *meta = doc_get(root, "metadata"), *held = doc_get(root, "components");
	const struct doc *formulas = doc_get(root, "formulation"), *inputs;
	const char *format = doc_get_text(root, "bomFormat"),
		   *when = doc_get_text(meta, "timestamp"),
		   *author = doc_get_text(doc_get(meta, "supplier"), "name");
	size_t n;

	if (!format || strcmp(format, "CycloneDX") != 0) {
		refuse(r, root, "not a CycloneDX document: bomFormat is not CycloneDX");
		return err_hint(r->err, "SPDX is written here, CycloneDX is read and written");
	}
	if (!meta)
		return refuse(r, root, "no metadata");
	inputs = length(formulas) ? doc_get(formulas->items[0].value, "components") : NULL;
	n = length(held) + length(inputs) + 1;
	if (n > READ_MAX_PARTS)
		return refuse(r, root, "more components than anything has");
	r->s->parts = arena_array(r->a, n, sizeof(*r->s->parts));
	r->s->files = arena_array(r->a, n, sizeof(*r->s->files));
	if (when && !clock_parse(when, &r->s->epoch))
		return refuse(r, meta, "a timestamp that is not RFC 3339 with Z");
	r->s->author = author && *author && utf8_is_printable(author, strlen(author))
			       ? author
			       : "unknown";
	if (read_subject(r, meta) < 0 || read_components(r, held) < 0 ||
	    read_components(r, inputs) < 0)
		return -1;
	return read_dependencies(r, doc_get(root, "dependencies"));
}

int
sbom_parse_doc(struct arena *a, const struct doc *root, const char *name, struct sbom *out,
	       struct err *err)
{
	struct sbom s = { 0 };
	CLEANUP(reading_release)
	struct reading r = { .a = a, .name = name, .err = err, .s = &s };

	if (read_root(&r, root) < 0)
		return -1;
	*out = s;
	return 0;
}

int
sbom_parse(struct arena *a, const char *text, size_t n, const char *name, struct sbom *out,
	   struct err *err)
{
	struct doc *root;

	if (json_parse(a, text, n, name, &root, err) < 0)
		return -1;
	return sbom_parse_doc(a, root, name, out, err);
}
