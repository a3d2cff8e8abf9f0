/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgsbom.h"

#include "base/dict.h"

/* Which part of a bill each role of an input is. */
static const struct {
	const char *role;
	enum sbom_kind kind;
} roles[] = {
	{ "recipe", SBOM_RECIPE },    { "source", SBOM_SOURCE }, { "patch", SBOM_PATCH },
	{ "environment", SBOM_TOOL }, { "seed", SBOM_SEED },
};

static const char **
texts(struct arena *a, const struct doc *list, size_t *n)
{
	const char **at;

	*n = 0;
	if (!list || list->kind != DOC_LIST)
		return NULL;
	at = arena_array(a, list->n + 1, sizeof(*at));
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].value->kind == DOC_TEXT)
			at[(*n)++] = list->items[i].value->text;
	return at;
}

/* The file name of a package of the environment says its name and version. */
static int
take_tool(struct arena *a, const char *file, struct sbom_part *p, struct err *err)
{
	struct nevra id;

	if (nevra_parse(a, file, &id, err) < 0)
		return -1;
	p->name = id.name;
	p->version = nevra_evr(a, &id);
	p->purl = p->location;
	p->location = NULL;
	return 0;
}

static int
take_input(struct arena *a, const struct statement_resource *d, struct sbom *s, struct err *err)
{
	const char *role = doc_get_text(d->annotations, "role");
	struct sbom_part *p = &s->parts[s->nparts];
	size_t i = 0;

	while (i < ARRAY_LEN(roles) && (!role || strcmp(roles[i].role, role) != 0))
		i++;
	if (i == ARRAY_LEN(roles) || !d->name)
		return err_set(err, ERR_INPUT, "an input of the build has no role: %s",
			       d->name  ? d->name
			       : d->uri ? d->uri
					: "(no name)");
	*p = (struct sbom_part){ .kind = roles[i].kind,
				 .name = d->name,
				 .location = d->uri,
				 .version = doc_get_text(d->annotations, "version"),
				 .upstream = doc_get_text(d->annotations, "upstream"),
				 .hashed = true,
				 .sha256 = d->sha256 };
	p->resolves = texts(a, doc_get(d->annotations, "resolves"), &p->nresolves);
	s->nparts++;
	if (p->kind == SBOM_RECIPE) {
		s->parts[0].cpe = doc_get_text(d->annotations, "cpe");
		s->parts[0].project = doc_get_text(d->annotations, "purl");
	}
	return p->kind == SBOM_TOOL ? take_tool(a, d->name, p, err) : 0;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct sbom_file *)a)->path, ((const struct sbom_file *)b)->path);
}

static void
take_files(struct arena *a, const struct pkgfile *head, struct sbom *s)
{
	s->files = arena_array(a, head->nentries + 1, sizeof(*s->files));
	for (size_t i = 0; i < head->nentries; i++) {
		const struct pkgfile_entry *e = &head->entries[i];

		if (e->type == MANIFEST_FILE && !(e->flags & PKGFILE_GHOST))
			s->files[s->nfiles++] =
				(struct sbom_file){ .path = e->path, .sha256 = e->digest };
	}
	qsort(s->files, s->nfiles, sizeof(*s->files), by_path);
}

/* Contents by SHA-256, so that of hard links one needs to be read. */
struct sums {
	struct arena *a;
	struct dict known; /* SHA-256 -> SHA-1, both hex */
};

static void
sums_release(struct sums *s)
{
	dict_release(&s->known);
}
DEFINE_RELEASE(struct sums, sums_release);

static int
sum_file(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	struct sums *s = arg;
	char sha256[DIGEST_HEX], *sha1;

	digest_hex(&e->digest, sha256);
	if (e->type != MANIFEST_FILE || fd < 0 || dict_has(&s->known, sha256))
		return 0;
	sha1 = arena_alloc(s->a, DIGEST_SHA1_HEX);
	dict_set(&s->known, sha256, sha1);
	return digest_sha1_fd(fd, sha1, err);
}

static int
rewind_file(const struct pkgsbom_spec *spec, struct err *err)
{
	return lseek(spec->fd, 0, SEEK_SET) < 0 ? err_sys(err, "%s", spec->name) : 0;
}

static int
sum_files(struct arena *a, const struct pkgsbom_spec *spec, struct sbom *s, struct err *err)
{
	CLEANUP(sums_release) struct sums sums = { .a = a };

	if (rewind_file(spec, err) < 0 ||
	    pkgfile_each_body(spec->fd, spec->name, sum_file, &sums, err) < 0)
		return -1;
	for (size_t i = 0; i < s->nfiles; i++) {
		struct sbom_file *f = &s->files[i];
		const char *sha1;
		char sha256[DIGEST_HEX];

		digest_hex(&f->sha256, sha256);
		sha1 = dict_get(&sums.known, sha256);
		if (!sha1)
			return err_set(err, ERR_INPUT, "%s has no contents", f->path);
		memcpy(f->sha1, sha1, sizeof(f->sha1));
	}
	return 0;
}

static void
take_head(struct arena *a, const struct pkgsbom_spec *spec, const struct pkgfile *head,
	  struct sbom *s)
{
	s->epoch = head->build_time;
	s->author = head->vendor ? head->vendor : "unknown";
	s->parts[0] = (struct sbom_part){
		.kind = SBOM_PACKAGE,
		.name = head->id.name,
		.version = nevra_evr(a, &head->id),
		.purl = spec->distribution.id ? purl_make(a, &spec->distribution, &head->id)
					      : NULL,
		.license = head->license,
		.summary = head->summary,
		.homepage = head->homepage,
		.supplier = s->author,
		.hashed = true,
		.sha256 = spec->file
	};
	s->nparts = 1;
	s->requires = arena_array(a, head->requires.n + 1, sizeof(*s->requires));
	for (size_t i = 0; i < head->requires.n; i++)
	s->requires[s->nrequires++] = pkgdep_text(a, &head->requires.at[i]);
}

int
pkgsbom_make(struct arena *a, const struct pkgsbom_spec *spec, bool sha1, struct sbom *out,
	     struct err *err)
{
	struct pkgfile head;
	struct sbom s = { 0 };

	s.parts = arena_array(a, spec->build->ndependencies + 1, sizeof(*s.parts));
	if (rewind_file(spec, err) < 0 || pkgfile_read(a, spec->fd, spec->name, &head, err) < 0)
		return -1;
	take_head(a, spec, &head, &s);
	for (size_t i = 0; i < spec->build->ndependencies; i++)
		if (take_input(a, &spec->build->dependencies[i], &s, err) < 0)
			return err_wrap(err, "SBOM of %s", spec->name);
	take_files(a, &head, &s);
	if (sha1 && sum_files(a, spec, &s, err) < 0)
		return err_wrap(err, "SBOM of %s", spec->name);
	*out = s;
	return 0;
}

int
pkgsbom_write(const struct pkgsbom_spec *spec, struct buf *cyclonedx, struct buf *spdx,
	      struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct sbom s;

	if (pkgsbom_make(&a, spec, true, &s, err) < 0)
		return -1;
	sbom_write(&s, arena_format(&a, "%s" PKGSBOM_SPDX, spec->name), cyclonedx, spdx);
	if (buf_check(spdx, "SPDX document", err) < 0)
		return -1;
	return buf_check(cyclonedx, "CycloneDX document", err);
}

bool
pkgsbom_distribution(const struct statement *build, struct purl_distribution *out)
{
	const struct doc *d = doc_get(build->internal, "distribution");
	const char *id = doc_get_text(d, "id");

	if (!id)
		return false;
	*out = (struct purl_distribution){ .id = id, .version = doc_get_text(d, "version") };
	return true;
}

int
pkgsbom_statement(const struct pkgsbom_spec *spec, const struct buf *cyclonedx, struct buf *out,
		  struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct sbom_proof p = {
		.subjects = spec->build->subjects,
		.nsubjects = spec->build->nsubjects,
		.file = arena_format(&a, "%s" PKGSBOM_CYCLONEDX, spec->name),
		.attester = spec->build->builder_id,
		.cyclonedx = cyclonedx,
	};

	return sbom_statement(&p, out, err);
}

int
pkgsbom_test(const struct pkgsbom_spec *spec, struct buf *out, bool *has, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct statement *b = spec->build;
	const char *check = doc_get_text(b->internal, "check");
	struct statement_resource *used =
		arena_array(&a, b->ndependencies + b->nbyproducts, sizeof(*used));
	struct statement test = { .predicate_type = STATEMENT_TEST_RESULT,
				  .subjects = b->subjects,
				  .nsubjects = b->nsubjects };
	size_t n = 0;

	*has = check && strcmp(check, "passed") == 0;
	if (!*has)
		return 0;
	/* What was run, in what, and what it printed. */
	for (size_t i = 0; i < b->ndependencies; i++) {
		const char *role = doc_get_text(b->dependencies[i].annotations, "role");

		if (role && strcmp(role, "recipe") == 0)
			used[n++] = b->dependencies[i];
	}
	for (size_t i = 0; i < b->nbyproducts; i++)
		if (strcmp(b->byproducts[i].name, "facts.json") != 0)
			used[n++] = b->byproducts[i];
	test.predicate = statement_test_result(&a, PKGSBOM_CHECK, used, n);
	return statement_make(&test, out, err);
}

static int
differs(const struct pkgsbom_spec *spec, const char *what, const char *name, struct err *err)
{
	return err_set(err, ERR_VERIFY, "the SBOM of %s is not what the package says: %s %s",
		       spec->name, what, name ? name : "");
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
compare(const struct pkgsbom_spec *spec, const struct sbom *is, const struct sbom *said,
	struct err *err)
{
	if (spec->distribution.id && !same_text(is->parts[0].purl, said->parts[0].purl))
		return differs(spec, "it is of", said->parts[0].purl, err);
	for (size_t i = 0; i < is->nparts || i < said->nparts; i++) {
		const struct sbom_part *x = &is->parts[i], *y = &said->parts[i];

		if (i >= is->nparts || i >= said->nparts)
			return differs(spec, "the inputs end before",
				       i < is->nparts ? x->name : y->name, err);
		if (x->kind != y->kind || !same_text(x->name, y->name) || !y->hashed ||
		    !same_text(x->license, y->license) || !digest_equal(&x->sha256, &y->sha256))
			return differs(spec, sbom_kind_name(x->kind), x->name, err);
	}
	for (size_t i = 0; i < is->nfiles || i < said->nfiles; i++) {
		const struct sbom_file *x = &is->files[i], *y = &said->files[i];

		if (i >= is->nfiles || i >= said->nfiles)
			return differs(spec, "the files end before",
				       i < is->nfiles ? x->path : y->path, err);
		if (!same_text(x->path, y->path) || !digest_equal(&x->sha256, &y->sha256))
			return differs(spec, "file", x->path, err);
	}
	return 0;
}

int
pkgsbom_check(const struct pkgsbom_spec *spec, const struct sbom *said, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct sbom is;

	if (pkgsbom_make(&a, spec, false, &is, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return compare(spec, &is, said, err);
}
