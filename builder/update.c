/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/tree.h"
#include "base/vec.h"
#include "builder/recipe_priv.h"
#include "builder/update_priv.h"

struct updating {
	struct arena *a;
	struct workspace *w;
	struct cas *store;
	const struct update_options *o;
	struct update_summary *out;
	struct update_archive archive;
	struct err why; /* code set: the archive cannot be read */
};
/* One recipe on its way: its file as it is, and what it says. */
struct job {
	const struct recipe *r;
	const char *text;
	size_t n;
	struct doc *root;
	struct doc *sources; /* list, or NULL */
};

/* The best version so far, and whether anything fitted at all. */
struct choice {
	struct update_wish wish;
	const char *best;
	bool any;
};

static void
consider(struct choice *c, const char *version)
{
	if (!version || !update_version_fits(&c->wish, version))
		return;
	c->any = true;
	if (!c->best || update_version_compare(version, c->best) > 0)
		c->best = version;
}

/* Where a source is, as the recipe spells it: mirrors, then url. */
static size_t
places_of(struct arena *a, const struct doc *source, const char ***out)
{
	const struct doc *mirrors = doc_get(source, "mirrors");
	size_t n = 0, count = mirrors && mirrors->kind == DOC_LIST ? mirrors->n : 0;

	*out = arena_array(a, count + 1, sizeof(**out));
	for (size_t i = 0; i < count; i++)
		(*out)[n++] = mirrors->items[i].value->text;
	(*out)[n++] = doc_get_text(source, "url");
	return n;
}

static bool
is_versioned(struct arena *a, const struct doc *source)
{
	const char **places;
	size_t n = places_of(a, source, &places);

	for (size_t i = 0; i < n; i++)
		if (update_version_is_pattern(places[i]))
			return true;
	return false;
}

/* The first source with {version}: what it says of all. */
static const struct doc *
leading_source(struct arena *a, const struct job *j)
{
	for (size_t i = 0; j->sources && i < j->sources->n; i++)
		if (is_versioned(a, j->sources->items[i].value))
			return j->sources->items[i].value;
	return NULL;
}

static int
search_archive(struct updating *u, const struct job *j, struct choice *c, struct err *err)
{
	const char **places;
	size_t n = places_of(u->a, leading_source(u->a, j), &places);

	if (u->why.code != ERR_NONE) {
		*err = u->why;
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (!update_version_is_pattern(places[i]))
			continue;
		for (size_t k = 0; k < u->archive.n; k++) {
			const char *at = u->archive.at[k].location;

			consider(c, update_version_match(u->a, places[i], j->r->name, at,
							 strlen(at)));
		}
	}
	if (c->any)
		return 0;
	return err_set(err, ERR_INPUT, "source package '%s' has no file that fits '%s'",
		       j->r->update.repo, places[n - 1]);
}

static const char *
base_of(const char *url)
{
	const char *slash = strrchr(url, '/');

	return slash ? slash + 1 : url;
}

static int
search_page(struct updating *u, const struct job *j, struct choice *c, struct err *err)
{
	const struct recipe_update *from = &j->r->update;
	const struct doc *source = leading_source(u->a, j);
	const char *upstream = doc_get_text(source, "upstream"), *pattern = from->pattern;
	struct update_names names;

	if (!pattern)
		pattern = base_of(upstream ? upstream : doc_get_text(source, "url"));
	if (recipe_words_pattern(pattern))
		return err_set(err, ERR_INPUT,
			       "'%s' has not one {version}: say 'update.pattern'", pattern);
	if (update_find_page(u->a, from->url, pattern, j->r->name, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		consider(c, names.at[i]);
	if (c->any)
		return 0;
	return err_set(err, ERR_INPUT, "%s lists no version as '%s'", from->url, pattern);
}

static const char *
repository_of(struct updating *u, const struct recipe_update *from)
{
	const char *base = arena_format(u->a, "https://%s.com", from->from);

	if (from->url)
		return from->url;
	for (size_t i = 0; i < u->w->nmirrors; i++)
		if (!strcmp(u->w->mirrors[i].prefix, from->from))
			base = u->w->mirrors[i].base;
	return arena_format(u->a, "%s/%s.git", base, from->repo);
}

static int
search_tags(struct updating *u, const struct job *j, struct choice *c, struct err *err)
{
	static const char *const usual[] = { "{version}", "v{version}", "{name}-{version}" };
	const struct recipe_update *from = &j->r->update;
	const char *url = repository_of(u, from);
	struct update_names names;

	if (update_find_tags(u->a, url, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		size_t n = strlen(names.at[i]);

		if (from->pattern)
			consider(c, update_version_match(u->a, from->pattern, j->r->name,
							 names.at[i], n));
		for (size_t k = 0; !from->pattern && k < ARRAY_LEN(usual); k++)
			consider(c, update_version_match(u->a, usual[k], j->r->name,
							 names.at[i], n));
	}
	if (c->any)
		return 0;
	return err_set(err, ERR_INPUT, "%s has no tag as '%s'", url,
		       from->pattern ? from->pattern : "v{version}");
}

static int
search(struct updating *u, const struct job *j, struct choice *c, struct err *err)
{
	const char *from = j->r->update.from;

	if (!leading_source(u->a, j)) {
		(void)err_set(err, ERR_INPUT, "no source has {version} in its url");
		return err_hint(err, "write {version} there, or update it by hand");
	}
	if (!strcmp(from, "debian"))
		return search_archive(u, j, c, err);
	if (!strcmp(from, "url"))
		return search_page(u, j, c, err);
	return search_tags(u, j, c, err);
}

static int
bring(struct updating *u, const struct recipe *r, const struct recipe_source *s,
      struct digest *out, struct err *err)
{
	const struct update_file *f = NULL;
	struct source_pin pin;
	bool fetched;

	if (source_pin_of(u->a, r, s, &pin, err) < 0)
		return -1;
	for (size_t i = 0; i < pin.nlocations && !f; i++)
		f = update_find_file(&u->archive, pin.locations[i]);
	if (!f)
		return update_fetch(u->w, u->store, &pin, u->o->progress, out, err);
	pin.sha256 = *out = f->sha256;
	pin.size = f->size;
	return source_fetch(u->w, u->store, &pin, u->o->progress, &fetched, err);
}

/* Brings what is new, and edits its digests into text. */
static int
edit_sources(struct updating *u, const struct job *j, const struct buf *text, struct buf *out,
	     struct err *err)
{
	const struct workspace *w = u->w;
	struct update_edit *edits;
	struct recipe *r;
	struct doc *root, *sources;
	size_t n = 0;

	if (recipe_parse(u->a, buf_text(text), text->len, j->r->path, w->epoch, &r, err) < 0 ||
	    doc_parse(u->a, buf_text(text), text->len, j->r->path, &root, err) < 0)
		return -1;
	sources = doc_get(root, "sources");
	edits = arena_array(u->a, r->nsources, sizeof(*edits));
	/* after them come archives of patches, which no version names */
	for (size_t i = 0; sources && i < sources->n; i++) {
		const struct doc *source = sources->items[i].value;
		char hex[DIGEST_HEX];
		struct digest d;

		if (!is_versioned(u->a, source))
			continue;
		if (bring(u, r, &r->sources[i], &d, err) < 0)
			return -1;
		if (digest_equal(&d, &j->r->sources[i].sha256))
			return err_set(err, ERR_FETCH, "%s of %s has the bytes of %s",
				       r->sources[i].filename, r->version, j->r->version);
		digest_hex(&d, hex);
		edits[n++] = (struct update_edit){ .at = doc_get(source, "sha256"),
						   .value = arena_strdup(u->a, hex) };
	}
	return update_edit_apply(buf_text(text), text->len, j->r->path, edits, n, out, err);
}

/* Whatever an edit did to the file, it must say just this now. */
static int
check_edit(struct updating *u, const struct job *j, const struct buf *text, const char *version,
	   struct err *err)
{
	struct recipe *r;

	if (recipe_parse(u->a, buf_text(text), text->len, j->r->path, u->w->epoch, &r, err) < 0)
		return -1;
	if (!strcmp(r->version, version) && !strcmp(r->release, "1") &&
	    r->nsources == j->r->nsources)
		return 0;
	return err_set(err, ERR_INPUT, "%s cannot be edited in place", j->r->path);
}

static int
make_text(struct updating *u, const struct job *j, const char *version, struct buf *out,
	  struct err *err)
{
	CLEANUP(buf_free) struct buf first = BUF_MAX(RECIPE_MAX_BYTES);
	struct update_edit edits[2] = { { .at = doc_get(j->root, "version"),
					  .value = version } };
	const struct doc *release = doc_get(j->root, "release");
	size_t n = 1;

	if (release && strcmp(j->r->release, "1") != 0)
		edits[n++] = (struct update_edit){ .at = release, .value = "1" };
	if (update_edit_apply(j->text, j->n, j->r->path, edits, n, &first, err) < 0 ||
	    edit_sources(u, j, &first, out, err) < 0)
		return -1;
	return check_edit(u, j, out, version, err);
}

/* Somebody may have edited the file meanwhile; a link is not replaced by a file. */
static int
write_recipe(struct updating *u, const struct job *j, const struct buf *text, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_MAX(RECIPE_MAX_BYTES);
	int dirfd = u->w->dirfd;
	struct stat st;

	if (fstatat(dirfd, j->r->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "%s", j->r->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INPUT, "%s is a link: edit what it names", j->r->path);
	if (fd_read_file(dirfd, j->r->path, &now, err) < 0)
		return -1;
	if (now.len != j->n || memcmp(buf_text(&now), j->text, j->n) != 0)
		return err_set(err, ERR_INPUT, "%s was edited meanwhile; run it again",
			       j->r->path);
	return fd_publish(dirfd, j->r->path, buf_text(text), text->len, st.st_mode & 0777, err);
}

/* What the new version asks of a person. */
static const char *
remarks(struct updating *u, const struct job *j)
{
	const char *out = "";

	if (j->r->cpe && strstr(j->r->cpe, j->r->version))
		out = arena_format(u->a, "'cpe' still names %s", j->r->version);
	if (doc_get(j->root, "epoch"))
		out = arena_format(u->a, "%s%s'epoch' is still that of %s", out,
				   *out ? "; " : "", j->r->version);
	if (j->r->npatches)
		out = arena_format(u->a, "%s%slook whether its patches still apply", out,
				   *out ? "; " : "");
	return *out ? out : NULL;
}

static int
update_one(struct updating *u, const struct job *j, struct update_report *report,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RECIPE_MAX_BYTES);
	CLEANUP(buf_free) struct buf diff = BUF_MAX(RECIPE_MAX_BYTES * 4);
	struct choice c = { .wish = { .current = j->r->version,
				      .series = j->r->update.series,
				      .early = j->r->update.pre } };

	report->before = j->r->version;
	if (search(u, j, &c, err) < 0)
		return -1;
	if (update_version_compare(c.best, j->r->version) <= 0)
		return 0;
	report->after = c.best;
	if (make_text(u, j, c.best, &text, err) < 0 ||
	    (!u->o->dry_run && write_recipe(u, j, &text, err) < 0))
		return err_wrap(err, "%s -> %s", j->r->version, c.best);
	update_edit_diff(j->r->path, j->text, buf_text(&text), &diff);
	report->diff = arena_strdup(u->a, buf_text(&diff));
	report->message = remarks(u, j);
	report->outcome = UPDATE_NEWER;
	return 0;
}

static void
end_one(struct updating *u, struct update_report *report, const struct err *why)
{
	if (why) {
		report->outcome = UPDATE_FAILED;
		report->message = arena_strdup(u->a, why->text);
		report->after = report->diff = NULL;
	}
	u->out->failed += report->outcome == UPDATE_FAILED;
	u->out->newer += report->outcome == UPDATE_NEWER;
	u->out->current += report->outcome == UPDATE_CURRENT;
	if (u->o->report)
		u->o->report(u->o->arg, report);
}

static int
load(struct updating *u, const char *name, struct job *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RECIPE_MAX_BYTES);
	const char *path = arena_format(u->a, "recipes/%s/recipe.yaml", name);
	struct recipe *r;

	if (recipe_words_name(name))
		return err_set(err, ERR_INPUT, "'%s' is no recipe's name", name);
	if (fd_read_file(u->w->dirfd, path, &text, err) < 0 ||
	    recipe_parse(u->a, buf_text(&text), text.len, path, u->w->epoch, &r, err) < 0 ||
	    doc_parse(u->a, buf_text(&text), text.len, path, &out->root, err) < 0)
		return -1;
	out->r = r;
	out->text = arena_strndup(u->a, buf_text(&text), text.len);
	out->n = text.len;
	out->sources = doc_get(out->root, "sources");
	if (r->update.from)
		return 0;
	(void)err_set(err, ERR_INPUT, "%s does not say where newer versions are", path);
	return err_hint(err, "give it `update: {from: ..., ...}` (docs/recipe.md)");
}

/* One reading of the archive serves all recipes. */
static void
read_archive(struct updating *u, const struct job *jobs, size_t n)
{
	const char **packages = arena_array(u->a, n, sizeof(*packages));
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(jobs[i].r->update.from, "debian"))
			packages[count++] = jobs[i].r->update.repo;
	if (count)
		(void)!update_find_archive(u->a, u->w, packages, count, &u->archive, &u->why);
}

/* Entries of recipes/ that are recipes with `update`. A broken one is told. */
static int
load_jobs(struct updating *u, const char *const *names, size_t n, bool named, struct job *jobs,
	  size_t *njobs, struct err *err)
{
	*njobs = 0;
	for (size_t i = 0; i < n; i++) {
		struct update_report report = { .recipe = names[i] };
		struct err why = { .code = ERR_NONE };
		struct job j = { .r = NULL };
		struct stat st;

		if (!named && (*names[i] == '.' ||
			       fstatat(u->w->dirfd,
				       arena_format(u->a, "recipes/%s/recipe.yaml", names[i]),
				       &st, 0) < 0))
			continue;
		if (load(u, names[i], &j, &why) == 0)
			jobs[(*njobs)++] = j;
		else if (why.code == ERR_INTERRUPTED)
			return err_set(err, why.code, "%s", why.text);
		else if (!named && j.r)
			u->out->undeclared++;
		else
			end_one(u, &report, &why);
	}
	return 0;
}

static bool
is_stopped(const struct updating *u)
{
	return u->o->progress && u->o->progress->stop && *u->o->progress->stop;
}

int
update_run(struct arena *a, struct workspace *w, struct cas *store, const char *const *names,
	   size_t nnames, const struct update_options *o, struct update_summary *out,
	   struct err *err)
{
	struct updating u = { .a = a, .w = w, .store = store, .o = o, .out = out };
	const char **all = NULL;
	struct job *jobs;
	size_t n = nnames;

	*out = (struct update_summary){ 0 };
	if (!nnames && tree_list(a, w->dirfd, "recipes", &all, &n, err) < 0)
		return err_hint(err, "`kiln init` makes a workspace with a first recipe");
	jobs = arena_array(a, n, sizeof(*jobs));
	if (load_jobs(&u, nnames ? names : (const char *const *)all, n, nnames > 0, jobs, &n,
		      err) < 0)
		return -1;
	read_archive(&u, jobs, n);
	for (size_t i = 0; i < n; i++) {
		struct update_report report = { .recipe = jobs[i].r->name,
						.path = jobs[i].r->path };
		struct err why = { .code = ERR_NONE };
		int rc = is_stopped(&u) ? err_set(&why, ERR_INTERRUPTED, "stopped")
					: update_one(&u, &jobs[i], &report, &why);

		if (rc < 0 && (why.code == ERR_INTERRUPTED || is_stopped(&u)))
			return err_set(err, ERR_INTERRUPTED,
				       "stopped; what was updated is kept");
		end_one(&u, &report, rc < 0 ? &why : NULL);
	}
	return 0;
}
