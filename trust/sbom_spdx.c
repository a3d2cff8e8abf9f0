/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDX 2.3. Every part is a package; the files of the subject are files. What nobody told us is
 * NOASSERTION: no licence is concluded and no copyright text is claimed.
 */
#include "trust/sbom_priv.h"

#include "base/clock.h"
#include "base/dict.h"
#include "base/json.h"

#define NOBODY_SAYS "NOASSERTION"
#define REF         "SPDXRef-"

struct writer {
	struct arena *a;
	const struct sbom *s;
	const char **refs;
	struct doc *relations;
};

static const char *const purposes[SBOM_KINDS] = {
	[SBOM_PACKAGE] = "INSTALL",
	[SBOM_IMAGE] = "CONTAINER",
	[SBOM_SYSTEM] = "OPERATING-SYSTEM",
	[SBOM_LAYER] = "ARCHIVE",
	[SBOM_RECIPE] = "FILE",
	[SBOM_SOURCE] = "SOURCE",
	[SBOM_PATCH] = "FILE",
	[SBOM_TOOL] = "APPLICATION",
	[SBOM_SEED] = "APPLICATION",
};

static const char *
ref_of(struct writer *w, size_t i)
{
	return arena_format(w->a, REF "%s", w->refs[i]);
}

static void
add_checksum(struct arena *a, struct doc *list, const char *algorithm, const char *value)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "algorithm", algorithm);
	doc_set_text(a, d, "checksumValue", value);
	doc_push(a, list, d);
}

static void
add_external(struct arena *a, struct doc *list, const char *category, const char *type,
	     const char *locator)
{
	struct doc *d = doc_map(a);

	if (!locator)
		return;
	doc_set_text(a, d, "referenceCategory", category);
	doc_set_text(a, d, "referenceType", type);
	doc_set_text(a, d, "referenceLocator", locator);
	doc_push(a, list, d);
}

static void
set_externals(struct writer *w, struct doc *d, const struct sbom_part *p)
{
	struct doc *list = doc_list(w->a);

	add_external(w->a, list, "PACKAGE-MANAGER", "purl", p->purl);
	add_external(w->a, list, "PACKAGE-MANAGER", "purl", p->project);
	add_external(w->a, list, "SECURITY", "cpe23Type", p->cpe);
	for (size_t i = 0; i < p->nresolves; i++) {
		add_external(w->a, list, "SECURITY", "advisory",
			     sbom_advisory_url(w->a, p->resolves[i]));
		doc_set_text(
			w->a, list->items[list->n - 1].value, "comment",
			arena_format(w->a, "%s is resolved by this patch", p->resolves[i]));
	}
	if (list->n)
		doc_set(w->a, d, "externalRefs", list);
}

/* An address is one that any reader can fetch; other URIs are said in sourceInfo. */
static void
set_location(struct writer *w, struct doc *d, const struct sbom_part *p)
{
	const char *web = sbom_is_web(p->location)   ? p->location
			  : sbom_is_web(p->upstream) ? p->upstream
						     : NULL;

	doc_set_text(w->a, d, "downloadLocation", web ? web : NOBODY_SAYS);
	if (p->location && p->location != web)
		doc_set_text(w->a, d, "sourceInfo",
			     arena_format(w->a, "taken from %s", p->location));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* SPDX 2.3 section 7.9: SHA-1 of the sorted SHA-1 values of the files, one after the other. */
static struct doc *
verification_code(struct writer *w)
{
	CLEANUP(buf_free) struct buf all = BUF_MAX(SBOM_MAX_BYTES);
	const char **sums = arena_array(w->a, w->s->nfiles + 1, sizeof(*sums));
	struct doc *d = doc_map(w->a);
	char code[DIGEST_SHA1_HEX];

	for (size_t i = 0; i < w->s->nfiles; i++)
		sums[i] = w->s->files[i].sha1;
	qsort(sums, w->s->nfiles, sizeof(*sums), by_text);
	for (size_t i = 0; i < w->s->nfiles; i++)
		buf_add_str(&all, sums[i]);
	digest_sha1_of(buf_text(&all), all.len, code);
	doc_set_text(w->a, d, "packageVerificationCodeValue", code);
	return d;
}

static struct doc *
part_doc(struct writer *w, size_t i)
{
	const struct sbom_part *p = &w->s->parts[i];
	struct arena *a = w->a;
	struct doc *d = doc_map(a);
	bool files = i == 0 && w->s->nfiles > 0;

	doc_set_text(a, d, "SPDXID", ref_of(w, i));
	doc_set_text(a, d, "name", p->name);
	doc_set_text(a, d, "versionInfo", p->version);
	doc_set_text(a, d, "summary", p->summary);
	doc_set_text(a, d, "homepage", p->homepage);
	doc_set_text(a, d, "primaryPackagePurpose", purposes[p->kind]);
	if (p->supplier)
		doc_set_text(a, d, "supplier",
			     arena_format(a, "Organization: %s", p->supplier));
	doc_set_text(a, d, "licenseDeclared", p->license ? p->license : NOBODY_SAYS);
	doc_set_text(a, d, "licenseConcluded", NOBODY_SAYS);
	doc_set_text(a, d, "copyrightText", NOBODY_SAYS);
	doc_set(a, d, "filesAnalyzed", doc_boolean(a, files));
	if (files)
		doc_set(a, d, "packageVerificationCode", verification_code(w));
	if (p->hashed) {
		struct doc *sums = doc_list(a);
		char hex[DIGEST_HEX];

		digest_hex(&p->sha256, hex);
		add_checksum(a, sums, "SHA256", hex);
		doc_set(a, d, "checksums", sums);
	}
	set_location(w, d, p);
	set_externals(w, d, p);
	return d;
}

static const char *
file_ref(struct arena *a, size_t i)
{
	return arena_format(a, REF "file-%zu", i + 1);
}

static struct doc *
file_doc(struct arena *a, const struct sbom_file *f, size_t i)
{
	struct doc *d = doc_map(a), *sums = doc_list(a);
	char hex[DIGEST_HEX];

	doc_set_text(a, d, "SPDXID", file_ref(a, i));
	doc_set_text(a, d, "fileName", arena_format(a, ".%s", f->path));
	add_checksum(a, sums, "SHA1", f->sha1);
	digest_hex(&f->sha256, hex);
	add_checksum(a, sums, "SHA256", hex);
	doc_set(a, d, "checksums", sums);
	doc_set_text(a, d, "licenseConcluded", NOBODY_SAYS);
	doc_set_text(a, d, "copyrightText", NOBODY_SAYS);
	return d;
}

static void
relate(struct writer *w, const char *from, const char *how, const char *to)
{
	struct doc *d = doc_map(w->a);

	doc_set_text(w->a, d, "spdxElementId", from);
	doc_set_text(w->a, d, "relationshipType", how);
	doc_set_text(w->a, d, "relatedSpdxElement", to);
	doc_push(w->a, w->relations, d);
}

/* How each kind of part stands to the subject. */
static void
relate_part(struct writer *w, size_t i)
{
	const char *subject = ref_of(w, 0), *part = ref_of(w, i);

	switch (w->s->parts[i].kind) {
	case SBOM_SOURCE:
	case SBOM_RECIPE:
		relate(w, subject, "GENERATED_FROM", part);
		break;
	case SBOM_PATCH:
		relate(w, part, "PATCH_FOR", subject);
		break;
	case SBOM_TOOL:
	case SBOM_SEED:
		relate(w, part, "BUILD_TOOL_OF", subject);
		break;
	case SBOM_PACKAGE:
	case SBOM_IMAGE:
	case SBOM_SYSTEM:
	case SBOM_LAYER:
	case SBOM_KINDS:
		relate(w, subject, "CONTAINS", part);
		break;
	}
}

static void
relate_all(struct writer *w)
{
	relate(w, REF "DOCUMENT", "DESCRIBES", ref_of(w, 0));
	for (size_t i = 1; i < w->s->nparts; i++)
		relate_part(w, i);
	for (size_t i = 0; i < w->s->nparts; i++)
		for (size_t k = 0; k < w->s->parts[i].ndepends; k++)
			relate(w, ref_of(w, i), "DEPENDS_ON",
			       ref_of(w, w->s->parts[i].depends[k]));
	for (size_t i = 0; i < w->s->nfiles; i++)
		relate(w, ref_of(w, 0), "CONTAINS", file_ref(w->a, i));
}

/* Licences without an identifier must be explained; the text itself is the package's to carry.
 */
static struct doc *
extracted(struct writer *w)
{
	static const char mark[] = "LicenseRef-";
	static const char legal[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
	CLEANUP(dict_release) struct dict known = { 0 };
	struct doc *list = doc_list(w->a);

	for (size_t i = 0; i < w->s->nparts; i++) {
		const char *at = w->s->parts[i].license;

		while (at && (at = strstr(at, mark))) {
			size_t n = strspn(at, legal);

			(void)dict_add(&known, arena_strndup(w->a, at, n), w);
			at += n;
		}
	}
	for (size_t i = 0; i < known.n; i++) {
		struct doc *d = doc_map(w->a);

		doc_set_text(w->a, d, "licenseId", dict_at(&known, i, NULL));
		doc_set_text(w->a, d, "extractedText",
			     "The text of this licence is not part of this document.");
		doc_push(w->a, list, d);
	}
	return list;
}

static struct doc *
creation(struct writer *w)
{
	struct doc *d = doc_map(w->a), *creators = doc_list(w->a);
	char when[CLOCK_TEXT_MAX];

	clock_rfc3339(w->s->epoch, when);
	doc_set_text(w->a, d, "created", when);
	doc_push(w->a, creators,
		 doc_text(w->a, arena_format(w->a, "Organization: %s", w->s->author)));
	doc_push(w->a, creators, doc_text(w->a, "Tool: kiln-" SBOM_WRITER));
	doc_set(w->a, d, "creators", creators);
	return d;
}

void
sbom_spdx(const struct sbom *s, struct buf *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct writer w = {
		.a = &a, .s = s, .refs = sbom_refs(&a, s), .relations = doc_list(&a)
	};
	struct doc *root = doc_map(&a), *packages = doc_list(&a), *files = doc_list(&a);
	const struct sbom_part *p = &s->parts[0];
	struct doc *licences = extracted(&w);
	struct digest content;
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < s->nparts; i++)
		doc_push(&a, packages, part_doc(&w, i));
	for (size_t i = 0; i < s->nfiles; i++)
		doc_push(&a, files, file_doc(&a, &s->files[i], i));
	relate_all(&w);
	doc_set_text(&a, root, "spdxVersion", "SPDX-2.3");
	doc_set_text(&a, root, "dataLicense", "CC0-1.0");
	doc_set_text(&a, root, "SPDXID", REF "DOCUMENT");
	doc_set_text(&a, root, "name",
		     p->version ? arena_format(&a, "%s-%s", p->name, p->version) : p->name);
	doc_set(&a, root, "creationInfo", creation(&w));
	doc_set(&a, root, "packages", packages);
	if (files->n)
		doc_set(&a, root, "files", files);
	doc_set(&a, root, "relationships", w.relations);
	if (licences->n)
		doc_set(&a, root, "hasExtractedLicensingInfos", licences);
	sbom_doc_digest(root, &content);
	digest_hex(&content, hex);
	doc_set_text(&a, root, "documentNamespace",
		     arena_format(&a, "https://kiln.invalid/spdx/sha256/%s", hex));
	json_write(root, out);
}
