/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/provenance.h"
#include "base/json.h"
#include "builder/result.h"
#include "repo/purl.h"
#include "trust/statement.h"

const char *
provenance_purl(struct arena *a, const struct workspace *w, const struct nevra *id)
{
	return purl_make(a, &(struct purl_distribution){ w->id, w->version }, id);
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
set_resolves(struct arena *a, struct doc *annotations, const char *const *resolves, size_t n)
{
	struct doc *list = doc_list(a);

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		doc_push(a, list, doc_text(a, resolves[i]));
	doc_set(a, annotations, "resolves", list);
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
	doc_set_text(a, d->annotations, "cpe", r->cpe);
	doc_set_text(a, d->annotations, "purl", r->purl);
	for (size_t i = 0; i < r->nsources; i++) {
		d = &s->dependencies[s->ndependencies++];
		d->name = r->sources[i].filename;
		d->uri = provenance_source_uri(a, r, &r->sources[i]);
		d->sha256 = r->sources[i].sha256;
		d->annotations = role(a, r->sources[i].member ? "patch" : "source");
		doc_set_text(a, d->annotations, "upstream", r->sources[i].upstream);
		doc_set_text(a, d->annotations, "member", r->sources[i].member);
		set_resolves(a, d->annotations, r->sources[i].resolves,
			     r->sources[i].nresolves);
	}
	for (size_t i = 0; i < r->npatches; i++) {
		d = &s->dependencies[s->ndependencies++];
		d->name = r->patches[i].file;
		d->uri = provenance_file_uri(a, r, r->patches[i].file);
		d->sha256 = r->patches[i].sha256;
		d->annotations = role(a, "patch");
		set_resolves(a, d->annotations, r->patches[i].resolves,
			     r->patches[i].nresolves);
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

/* What the build could not have gone beyond; it cannot have changed the result. */
static struct doc *
limits(struct arena *a, const struct sandbox_limits *l)
{
	struct doc *d = doc_map(a);

	doc_set(a, d, "memoryBytes", doc_number(a, (int64_t)l->memory_bytes));
	doc_set(a, d, "diskBytes", doc_number(a, (int64_t)l->disk_bytes));
	doc_set(a, d, "inodes", doc_number(a, (int64_t)l->inodes));
	doc_set(a, d, "logBytes", doc_number(a, (int64_t)l->log_bytes));
	doc_set(a, d, "processes", doc_number(a, l->processes));
	doc_set(a, d, "timeSeconds", doc_number(a, l->time_s));
	return d;
}

static struct doc *
distribution(struct arena *a, const struct workspace *w)
{
	struct doc *d = doc_map(a);

	doc_set_text(a, d, "id", w->id);
	doc_set_text(a, d, "version", w->version);
	return d;
}

/* What the stage ran after the recipe's own steps; the scripts stand in action.json. */
static struct doc *
finish(struct arena *a, const struct seed *ground)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < ground->nfinish; i++) {
		const struct recipe_step *s = &ground->finish[i];
		struct doc *d = doc_map(a);
		struct digest script;

		digest_of(s->run, strlen(s->run), &script);
		doc_set_text(a, d, "name", s->name);
		doc_set_digest(a, d, "sha256", &script);
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
internal(struct arena *a, const struct provenance *p)
{
	struct doc *d = doc_map(a), *chamber = doc_map(a);

	doc_set_text(a, chamber, "profile", ACTION_CHAMBER);
	doc_set(a, chamber, "cpus", doc_number(a, ACTION_CPUS));
	doc_set_text(a, chamber, "network", "none");
	doc_set(a, chamber, "walls", record_walls(a, p->record->result));
	doc_set(a, chamber, "limits", limits(a, &p->recipe->limits));
	doc_set(a, d, "chamber", chamber);
	doc_set(a, d, "distribution", distribution(a, p->workspace));
	if (p->record->result->seen.watched)
		doc_set(a, d, "violations", trace_kinds(a, &p->record->result->seen));
	doc_set_text(a, d, "action", p->action->hex);
	doc_set_text(a, d, "check", p->record->has_check ? "passed" : "none");
	if (p->seed->strict)
		doc_set_text(a, d, "audit", "passed");
	if (p->seed->nfinish)
		doc_set(a, d, "finish", finish(a, p->seed));
	doc_set_text(a, d, "sourceDateEpoch",
		     arena_format(a, "%lld", (long long)p->recipe->epoch));
	return d;
}

static void
add_byproduct(struct statement *s, const char *name, const struct digest *d)
{
	s->byproducts[s->nbyproducts++] =
		(struct statement_resource){ .name = name, .sha256 = *d };
}

/* Which files of the environment the build opened: a member of the record, named by itself so
 * that two builds can be compared by what they used. */
static void
add_used(struct arena *a, const struct provenance *p, struct statement *s)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PROVENANCE_MAX_USED);
	struct digest used;

	json_write(trace_used(a, p->record->trace, false), &text);
	digest_of(buf_text(&text), text.len, &used);
	add_byproduct(s, "used.json", &used);
	s->byproducts[s->nbyproducts - 1].annotations = doc_map(a);
	doc_set_text(a, s->byproducts[s->nbyproducts - 1].annotations, "form",
		     "member 'used' of record.json, canonical JSON");
}

static void
add_byproducts(struct arena *a, const struct provenance *p, struct statement *s)
{
	struct digest facts;

	result_facts_digest(p->packages, p->npackages, &facts);
	s->byproducts = arena_array(a, 5, sizeof(*s->byproducts));
	add_byproduct(s, "action.json", &p->action->key);
	add_byproduct(s, "build.log", &p->record->log);
	add_byproduct(s, "facts.json", &facts);
	add_byproduct(s, "record.json", &p->record_blob);
	if (p->record->trace)
		add_used(a, p, s);
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
