/* SPDX-License-Identifier: Apache-2.0 */
/* All names that a package goes by, as the statement of its build has them. */
#include "repo/advisory_priv.h"

static void
add_name(struct arena *a, struct advisory_target *t, const struct advisory_name *n)
{
	if (!n->key)
		return;
	for (size_t i = 0; i < t->nnames; i++) {
		const struct advisory_name *known = &t->names[i];

		if (strcmp(known->key, n->key) != 0)
			continue;
		/* A recipe that names the Debian version that it is has taken Debian's patches;
		 * its archive alone would not say so. */
		if (n->order == ADVISORY_DEB_UPSTREAM && known->order == ADVISORY_DEB)
			return;
		if (known->order == n->order && known->version && n->version &&
		    strcmp(known->version, n->version) == 0)
			return;
	}
	if (t->nnames == t->cap) {
		struct advisory_name *more;

		t->cap = t->cap ? t->cap * 2 : 8;
		more = arena_array(a, t->cap, sizeof(*more));
		if (t->nnames)
			memcpy(more, t->names, t->nnames * sizeof(*more));
		t->names = more;
	}
	t->names[t->nnames++] = *n;
}

/* "debian-12" of "...?arch=source&distro=debian-12": NULL when it is not said. */
static const char *
release_of(struct arena *a, const char *purl)
{
	const char *said = strstr(purl, "distro="), *dash;

	if (!said)
		return NULL;
	said = arena_strndup(a, said, strcspn(said, "&#"));
	dash = strchr(said, '-');
	return dash && dash[1] ? dash + 1 : NULL;
}

void
advisory_target_add_purl(struct arena *a, struct advisory_target *t, const char *purl)
{
	struct advisory_name n = { .version = NULL };

	n.key = advisory_key_purl(a, purl, &n.version);
	if (!n.key)
		return;
	n.order = advisory_key_order(n.key);
	n.release = release_of(a, purl);
	add_name(a, t, &n);
}

void
advisory_target_add_cpe(struct arena *a, struct advisory_target *t, const char *cpe)
{
	struct advisory_name n = { .order = ADVISORY_PLAIN };

	n.key = advisory_key_cpe(a, cpe, &n.version);
	add_name(a, t, &n);
}

/* "debian:pool/main/z/zlib/zlib_1.2.13.dfsg.orig.tar.bz2": the source's name and the file's. */
static bool
is_pool(struct arena *a, const char *uri, const char **source, const char **file)
{
	const char *pool = strstr(uri, ":pool/"), *slash = strrchr(uri, '/'), *begin = slash;

	if (strncmp(uri, "debian", strlen("debian")) != 0 || !pool)
		return false;
	while (begin > pool && begin[-1] != '/')
		begin--;
	if (begin <= pool || begin == slash)
		return false;
	*source = arena_strndup(a, begin, (size_t)(slash - begin));
	*file = slash + 1;
	return true;
}

/* What is packed as one archive is Debian's own; beside an .orig it is Debian's changes, which
 * the recipe may have taken in part. */
static const char *
source_version(struct arena *a, const char *file)
{
	const char *version = strchr(file, '_'), *end;

	if (!version)
		return NULL;
	version++;
	end = strstr(version, ".orig");
	if (!end)
		end = strstr(version, ".tar");
	if (!end || end == version || strstr(version, ".debian.tar"))
		return NULL;
	return arena_strndup(a, version, (size_t)(end - version));
}

static void
add_debian(struct arena *a, struct advisory_target *t, const char *source, const char *version,
	   enum advisory_order order)
{
	const struct advisory_name n = { .key = arena_format(a, "pkg:deb/debian/%s", source),
					 .version = version,
					 .order = order };

	if (version)
		add_name(a, t, &n);
}

void
advisory_target_add_source(struct arena *a, struct advisory_target *t, const char *uri,
			   const char *upstream, const char *version)
{
	const char *source, *file, *places[] = { uri, upstream };

	if (uri && is_pool(a, uri, &source, &file))
		add_debian(a, t, source, source_version(a, file), ADVISORY_DEB_UPSTREAM);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct advisory_name n = { .version = version, .order = ADVISORY_PLAIN };

		n.key = places[i] ? advisory_key_repo(a, places[i]) : NULL;
		/* An archive somewhere is no repository. */
		if (n.key && strncmp(n.key, "pkg:", 4) == 0)
			add_name(a, t, &n);
	}
}

void
advisory_target_add_seed(struct arena *a, struct advisory_target *t, const char *uri,
			 const char *version)
{
	const char *source, *file;

	if (is_pool(a, uri, &source, &file))
		add_debian(a, t, source, version, ADVISORY_DEB);
}

static bool
has_role(const struct statement_resource *d, const char *role)
{
	const char *said = doc_get_text(d->annotations, "role");

	return said && strcmp(said, role) == 0;
}

static void
take_resolves(const struct statement_resource *d, struct advisory_target *t)
{
	const struct doc *list = doc_get(d->annotations, "resolves");

	for (size_t i = 0; list && list->kind == DOC_LIST && i < list->n; i++)
		if (list->items[i].value->kind == DOC_TEXT)
			t->resolves[t->nresolves++] = list->items[i].value->text;
}

static size_t
count_resolves(const struct statement *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct doc *list = doc_get(s->dependencies[i].annotations, "resolves");

		n += list && list->kind == DOC_LIST ? list->n : 0;
	}
	return n;
}

static void
take_inputs(struct arena *a, const struct statement *s, struct advisory_target *t)
{
	const char *version = doc_get_text(s->external, "version");

	t->resolves = arena_array(a, count_resolves(s) + 1, sizeof(*t->resolves));
	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];
		const char *cpe = doc_get_text(d->annotations, "cpe"),
			   *purl = doc_get_text(d->annotations, "purl");

		if (has_role(d, "recipe") && cpe)
			advisory_target_add_cpe(a, t, cpe);
		if (has_role(d, "recipe") && purl)
			advisory_target_add_purl(a, t, purl);
		if (has_role(d, "source"))
			advisory_target_add_source(a, t, d->uri,
						   doc_get_text(d->annotations, "upstream"),
						   version);
		if (has_role(d, "patch"))
			take_resolves(d, t);
	}
}

/* By our own name; the epoch, which a package URL says apart, is part of the version. */
void
advisory_target_add_rpm(struct arena *a, struct advisory_target *t,
			const struct purl_distribution *d, const struct nevra *id)
{
	const struct advisory_name n = {
		.key = arena_format(a, PURL_RPM "%s/%s", d->id, id->name),
		.version = nevra_evr(a, id),
		.release = d->version,
		.order = ADVISORY_RPM,
	};

	add_name(a, t, &n);
}

int
advisory_target_read(struct arena *a, const struct statement *s, const struct digest *which,
		     struct advisory_target *out, struct err *err)
{
	struct advisory_target t = { .recipe = doc_get_text(s->external, "name") };
	struct purl_distribution d = { .version = NULL };
	const struct doc *said = doc_get(s->internal, "distribution");
	const struct statement_resource *subject =
		which ? statement_subject(s, which) : &s->subjects[0];
	const char *file = s->nsubjects && subject ? subject->name : NULL;
	struct nevra id;

	if (!file)
		return err_set(err, ERR_VERIFY, "the statement names no package");
	if (nevra_parse(a, arena_strndup(a, file, strcspn(file, ";")), &id, err) < 0)
		return err_recode(err, ERR_VERIFY);
	t.label = arena_format(a, "%s-%s-%s.%s", id.name, id.version, id.release, id.arch);
	t.hashed = true;
	t.sha256 = subject->sha256;
	d.id = doc_get_text(said, "id");
	d.version = doc_get_text(said, "version");
	if (d.id) {
		t.purl = purl_make(a, &d, &id);
		advisory_target_add_rpm(a, &t, &d, &id);
	}
	/* An advisory of ours may name the recipe and mean all that came of it. */
	if (d.id && t.recipe) {
		id.name = t.recipe;
		advisory_target_add_rpm(a, &t, &d, &id);
	}
	take_inputs(a, s, &t);
	*out = t;
	return 0;
}
