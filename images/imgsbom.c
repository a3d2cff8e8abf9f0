/* SPDX-License-Identifier: Apache-2.0 */
#include "images/imgsbom.h"

#include "base/dict.h"
#include "base/vec.h"
#include "repo/purl.h"
#include "trust/dsse.h"

/* What the statement of its build says of a package: its names, and what its patches settle. */
static int
take_build(struct arena *a, const struct image_spec *image, const struct pkgfacts *f,
	   struct sbom_part *p, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dict_release) struct dict known = { 0 };
	struct statement s;

	if (cas_get(image->store, &f->statement, &text, err) < 0 ||
	    statement_parse(a, buf_text(&text), text.len, f->id.name, &s, err) < 0)
		return err_wrap(err, "statement of %s", f->id.name);
	for (size_t i = 0; i < s.ndependencies; i++) {
		const struct doc *said = s.dependencies[i].annotations;
		const char *role = doc_get_text(said, "role");
		const struct doc *resolves = doc_get(said, "resolves");

		if (role && strcmp(role, "recipe") == 0) {
			p->cpe = doc_get_text(said, "cpe");
			p->upstream = doc_get_text(said, "purl");
		}
		for (size_t k = 0; resolves && resolves->kind == DOC_LIST && k < resolves->n;
		     k++)
			if (resolves->items[k].value->kind == DOC_TEXT)
				dict_set(&known, resolves->items[k].value->text, p);
	}
	p->resolves = arena_array(a, known.n + 1, sizeof(*p->resolves));
	for (size_t i = 0; i < known.n; i++)
		p->resolves[p->nresolves++] = arena_strdup(a, dict_at(&known, i, NULL));
	return 0;
}

static bool
owns(const struct pkgfacts *f, const char *path)
{
	for (size_t i = 0; i < f->npaths; i++)
		if (strcmp(f->paths[i], path) == 0)
			return true;
	return false;
}

static bool
meets(const struct pkgfacts *f, const struct pkgdep *want)
{
	for (size_t i = 0; i < f->provides.n; i++)
		if (pkgdep_matches(want, &f->provides.at[i]))
			return true;
	return want->name[0] == '/' && owns(f, want->name);
}

/* Whatever in the image meets a requirement is depended on: any of several would do, and which
 * one does is for the running system to say. */
static void
take_depends(struct arena *a, const struct imgattest_spec *spec, size_t i, size_t first,
	     struct sbom_part *p)
{
	const struct pkgfacts *f = spec->chosen[i];

	p->depends = arena_array(a, spec->nchosen + 1, sizeof(*p->depends));
	for (size_t k = 0; k < spec->nchosen; k++) {
		bool needed = false;

		for (size_t r = 0; r < f->requires.n && k != i && !needed; r++)
			needed = meets(spec->chosen[k], &f->requires.at[r]);
		if (needed)
			p->depends[p->ndepends++] = first + k;
	}
}

static int
add_package(struct arena *a, const struct imgattest_spec *spec, size_t i, struct sbom *s,
	    struct err *err)
{
	const struct pkgfacts *f = spec->chosen[i];
	struct sbom_part *p = &s->parts[s->nparts];

	*p = (struct sbom_part){ .kind = SBOM_PACKAGE,
				 .name = f->id.name,
				 .version = nevra_evr(a, &f->id),
				 .purl = imgattest_purl(a, spec->image, &f->id),
				 .license = f->license,
				 .summary = f->summary,
				 .supplier = spec->image->distribution,
				 .hashed = true,
				 .sha256 = f->file };
	take_depends(a, spec, i, s->nparts - i, p);
	s->nparts++;
	return take_build(a, spec->image, f, p, err);
}

/* The name of an OCI image in a package URL is lower case; ours are. */
static const char *
image_purl(struct arena *a, const struct imgattest_spec *spec)
{
	char hex[DIGEST_HEX];

	digest_hex(&spec->manifest, hex);
	return arena_format(a, "pkg:oci/%s@sha256%%3A%s?arch=%s", spec->image->image->name, hex,
			    spec->architecture);
}

static void
add_whole(struct arena *a, const struct imgattest_spec *spec, struct sbom *s)
{
	const struct image_spec *im = spec->image;
	char hex[DIGEST_HEX];

	digest_hex(&spec->manifest, hex);
	s->parts[0] = (struct sbom_part){ .kind = SBOM_IMAGE,
					  .name = im->image->name,
					  .version = arena_format(a, "sha256:%s", hex),
					  .purl = image_purl(a, spec),
					  .summary = im->image->summary,
					  .supplier = im->distribution,
					  .hashed = true,
					  .sha256 = spec->manifest };
	s->parts[1] = (struct sbom_part){ .kind = SBOM_SYSTEM,
					  .name = im->distribution_id,
					  .version = im->distribution_version };
	digest_hex(&spec->layer, hex);
	s->parts[2] = (struct sbom_part){ .kind = SBOM_LAYER,
					  .name = arena_format(a, "sha256:%s", hex),
					  .hashed = true,
					  .sha256 = spec->layer };
	s->nparts = 3;
}

int
imgsbom_make(struct arena *a, const struct imgattest_spec *spec, struct sbom *out,
	     struct err *err)
{
	struct sbom s = { .epoch = spec->epoch, .author = spec->image->distribution };
	struct sbom_part *whole;

	s.parts = arena_array(a, spec->nchosen + 3, sizeof(*s.parts));
	add_whole(a, spec, &s);
	for (size_t i = 0; i < spec->nchosen; i++)
		if (add_package(a, spec, i, &s, err) < 0)
			return err_wrap(err, "SBOM of %s", spec->image->image->name);
	whole = &s.parts[0];
	whole->depends = arena_array(a, spec->nchosen + 1, sizeof(*whole->depends));
	for (size_t i = 0; i < spec->nchosen; i++)
		whole->depends[whole->ndepends++] = i + 3;
	*out = s;
	return 0;
}

int
imgsbom_write(struct arena *a, const struct imgattest_spec *spec, struct imgattest *at,
	      struct err *err)
{
	struct statement_resource subject = { .name = spec->image->image->name,
					      .sha256 = spec->manifest };
	const struct sbom_proof proof = { .subjects = &subject,
					  .nsubjects = 1,
					  .file = IMGATTEST_CYCLONEDX,
					  .attester = spec->image->builder_id,
					  .cyclonedx = &at->cyclonedx };
	struct sbom s;

	if (imgsbom_make(a, spec, &s, err) < 0)
		return -1;
	sbom_write(&s, IMGATTEST_SPDX, &at->cyclonedx, &at->spdx);
	if (buf_check(&at->spdx, "SPDX document", err) < 0 ||
	    buf_check(&at->cyclonedx, "CycloneDX document", err) < 0)
		return -1;
	return sbom_statement(&proof, &at->sbom_statement, err);
}
