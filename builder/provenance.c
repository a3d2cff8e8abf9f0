/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/provenance.h"
#include "builder/result.h"
#include "trust/statement.h"
#include <ctype.h>

/* Percent-encodes what a purl does not take literally in a name, version or qualifier. */
static void
add_encoded(struct buf *out, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && (isalnum(c) || strchr(".-_~", c)))
			buf_add_char(out, *s);
		else
			buf_add_format(out, "%%%02X", c);
	}
}

const char *
provenance_purl(struct arena *a, const struct workspace *w, const struct nevra *id)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(16384);

	buf_add_str(&t, "pkg:rpm/");
	add_encoded(&t, w->id);
	buf_add_char(&t, '/');
	add_encoded(&t, id->name);
	buf_add_char(&t, '@');
	add_encoded(&t, id->version);
	buf_add_char(&t, '-');
	add_encoded(&t, id->release);
	buf_add_str(&t, "?arch=");
	add_encoded(&t, id->arch);
	buf_add_str(&t, "&distro=");
	add_encoded(&t, w->id);
	if (w->version) {
		buf_add_char(&t, '-');
		add_encoded(&t, w->version);
	}
	if (id->epoch)
		buf_add_format(&t, "&epoch=%lld", (long long)id->epoch);
	return arena_strdup(a, buf_text(&t));
}

const char *
provenance_file_uri(struct arena *a, const struct recipe *r, const char *file)
{
	return arena_format(a, "kiln:%s/%s", r->dir, file);
}

const char *
provenance_source_uri(struct arena *a, const struct recipe *r, const struct recipe_source *s)
{
	if (strncmp(s->url, "file:", 5) == 0)
		return provenance_file_uri(a, r, s->url + 5);
	return s->url;
}

static struct doc *
role(struct arena *a, const char *word)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "role", word);
	return d;
}

static void
add_sources(struct arena *a, const struct recipe *r, struct statement *s)
{
	const char *slash = strrchr(r->path, '/');
	struct statement_resource *d = &s->dependencies[s->ndependencies++];

	d->name = r->path;
	d->uri = provenance_file_uri(a, r, slash ? slash + 1 : r->path);
	action_recipe_digest(r, &d->sha256);
	d->annotations = role(a, "recipe");
	doc_set_text(a, d->annotations, "form", "normalised recipe, canonical JSON");
	for (size_t i = 0; i < r->nsources; i++) {
		d = &s->dependencies[s->ndependencies++];
		d->name = r->sources[i].filename;
		d->uri = provenance_source_uri(a, r, &r->sources[i]);
		d->sha256 = r->sources[i].sha256;
		d->annotations = role(a, "source");
		doc_set_text(a, d->annotations, "upstream", r->sources[i].upstream);
	}
	for (size_t i = 0; i < r->npatches; i++) {
		d = &s->dependencies[s->ndependencies++];
		d->name = r->patches[i].file;
		d->uri = provenance_file_uri(a, r, r->patches[i].file);
		d->sha256 = r->patches[i].sha256;
		d->annotations = role(a, "patch");
	}
}

/* stage: of which it is the ground's; NULL: of this one. */
static void
add_package(struct arena *a, const struct provenance *p, const struct pkgfacts *f,
	    const char *stage, struct statement *s)
{
	struct statement_resource *d = &s->dependencies[s->ndependencies++];
	char hex[DIGEST_HEX];

	d->name = nevra_file(a, &f->id);
	d->uri = provenance_purl(a, p->workspace, &f->id);
	d->sha256 = f->file;
	d->annotations = role(a, "environment");
	doc_set_text(a, d->annotations, "stage", stage);
	digest_hex(&f->header, hex);
	doc_set_text(a, d->annotations, "headerDigest", hex);
	digest_hex(&f->environment, hex);
	doc_set_text(a, d->annotations, "environmentDigest", hex);
}

static void
add_environment(struct arena *a, const struct provenance *p, struct statement *s)
{
	for (size_t i = 0; i < p->root->npackages; i++)
		add_package(a, p, p->root->packages[i], NULL, s);
	for (size_t i = 0; i < p->root->nground; i++) {
		const struct seed_package *g = p->root->ground[i];
		struct statement_resource *d;

		if (g->built) {
			add_package(a, p, g->built, g->location, s);
			continue;
		}
		d = &s->dependencies[s->ndependencies++];
		d->name = g->name;
		d->uri = g->location;
		d->sha256 = g->sha256;
		d->annotations = role(a, "seed");
		doc_set_text(a, d->annotations, "version", g->version);
	}
	s->dependencies[s->ndependencies++] = (struct statement_resource){
		.name = "seed fix-ups",
		.uri = PROVENANCE_FIXUPS_URI,
		.sha256 = p->seed->fixups_digest,
		.annotations = role(a, "seed"),
	};
}

static void
add_subjects(struct arena *a, const struct provenance *p, struct statement *s)
{
	s->subjects = arena_array(a, p->npackages * 2, sizeof(*s->subjects));
	for (size_t i = 0; i < p->npackages; i++) {
		const char *file = nevra_file(a, &p->packages[i].id);

		s->subjects[s->nsubjects++] =
			(struct statement_resource){ .name = file,
						     .sha256 = p->packages[i].file };
		s->subjects[s->nsubjects++] = (struct statement_resource){
			.name = arena_format(a, "%s;header", file),
			.sha256 = p->packages[i].header,
		};
	}
}

/* What whoever asked for the build chose: which recipe, for which machine. */
static struct doc *
external(struct arena *a, const struct recipe *r)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "recipe", r->path);
	doc_set_text(a, d, "name", r->name);
	doc_set_text(a, d, "version", r->version);
	doc_set_text(a, d, "release", r->release);
	doc_set_text(a, d, "arch", r->noarch ? "noarch" : ACTION_ARCH);
	return d;
}

static struct doc *
internal(struct arena *a, const struct provenance *p)
{
	struct doc *d = doc_map(a), *chamber = doc_map(a);

	doc_set_text(a, chamber, "profile", ACTION_CHAMBER);
	doc_set(a, chamber, "cpus", doc_number(a, ACTION_CPUS));
	doc_set_text(a, chamber, "network", "none");
	doc_set(a, chamber, "walls", record_walls(a, p->record->result));
	doc_set(a, d, "chamber", chamber);
	if (p->record->result->seen.watched)
		doc_set(a, d, "violations", trace_kinds(a, &p->record->result->seen));
	doc_set_text(a, d, "action", p->action->hex);
	doc_set_text(a, d, "check", p->record->has_check ? "passed" : "none");
	doc_set_text(a, d, "sourceDateEpoch",
		     arena_format(a, "%lld", (long long)p->recipe->epoch));
	return d;
}

static void
add_byproducts(struct arena *a, const struct provenance *p, struct statement *s)
{
	struct digest facts;

	result_facts_digest(p->packages, p->npackages, &facts);
	s->byproducts = arena_array(a, 4, sizeof(*s->byproducts));
	s->byproducts[0] =
		(struct statement_resource){ .name = "action.json", .sha256 = p->action->key };
	s->byproducts[1] =
		(struct statement_resource){ .name = "build.log", .sha256 = p->record->log };
	s->byproducts[2] = (struct statement_resource){ .name = "facts.json", .sha256 = facts };
	s->byproducts[3] =
		(struct statement_resource){ .name = "record.json", .sha256 = p->record_blob };
	s->nbyproducts = 4;
}

/* Versions are text in a provenance. */
static int
builder_version(struct arena *a, struct doc **out, struct err *err)
{
	struct doc *packager;

	if (action_packager(a, &packager, err) < 0)
		return -1;
	*out = doc_map(a);
	for (size_t i = 0; i < packager->n; i++) {
		const struct doc *v = packager->items[i].value;

		doc_set_text(a, *out, packager->items[i].key,
			     v->kind == DOC_TEXT
				     ? v->text
				     : arena_format(a, "%lld", (long long)v->number));
	}
	return 0;
}

int
provenance_make(const struct provenance *p, struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct recipe *r = p->recipe;
	struct statement s = {
		.predicate_type = STATEMENT_SLSA_V1,
		.build_type = PROVENANCE_BUILD_TYPE,
		.builder_id = p->workspace->builder_id,
		.external = external(&a, r),
		.internal = internal(&a, p),
	};

	s.dependencies = arena_array(
		&a, 2 + r->nsources + r->npatches + p->root->npackages + p->root->nground,
		sizeof(*s.dependencies));
	add_subjects(&a, p, &s);
	add_sources(&a, r, &s);
	add_environment(&a, p, &s);
	add_byproducts(&a, p, &s);
	if (builder_version(&a, &s.builder_version, err) < 0 ||
	    statement_make(&s, out, err) < 0)
		return err_wrap(err, "provenance of %s", r->name);
	return 0;
}
