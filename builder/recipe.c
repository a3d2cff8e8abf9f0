/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes as a whole: parsed by the tables, completed with what follows from them, and found.
 */
#include "builder/recipe_priv.h"
#include "base/fd.h"
#include "base/tree.h"

#define PATCH_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* The directories that sources are unpacked to, where the recipe names none. */
static void
complete_sources(struct arena *a, struct recipe *r)
{
	for (size_t i = 0; i < r->nsources; i++)
		if (!r->sources[i].into)
			r->sources[i].into = i ? arena_format(a, "src-%zu", i + 1) : "src";
}

/* Patches out of archives become sources, which only they are taken from: so they are fetched,
 * pinned, kept and recorded like any other. */
static void
place_patches(struct arena *a, struct recipe *r)
{
	struct recipe_source *all = arena_array(a, r->nsources + r->npatches, sizeof(*all));
	size_t kept = 0;

	if (r->nsources)
		memcpy(all, r->sources, r->nsources * sizeof(*all));
	r->sources = all;
	for (size_t i = 0; i < r->npatches; i++) {
		struct recipe_patch *p = &r->patches[i];
		const char *slash;

		if (!p->url) {
			r->patches[kept++] = *p;
			continue;
		}
		slash = strrchr(p->url, '/');
		all[r->nsources] = (struct recipe_source){
			.url = p->url,
			.sha256 = p->sha256,
			.extract = arena_alloc(a, sizeof(*all->extract)),
			.nextract = 1,
			.into = arena_format(a, "patches/%04zu", p->order),
			.unpack = true,
			.filename = slash ? slash + 1 : strchr(p->url, ':') + 1,
			.member = p->member,
			.resolves = p->resolves,
			.nresolves = p->nresolves,
			.order = p->order,
			.level = p->level,
			.line = p->line,
			.col = p->col,
		};
		all[r->nsources++].extract[0] = p->member;
	}
	r->npatches = kept;
}

int
recipe_patch_line(const struct recipe *r)
{
	for (size_t i = 0; i < r->npatches; i++)
		if (r->patches[i].order == 1)
			return r->patches[i].line;
	for (size_t i = 0; i < r->nsources; i++)
		if (r->sources[i].order == 1)
			return r->sources[i].line;
	return 0;
}

static bool
declares(const struct recipe_package *p)
{
	return p->nusers + p->ngroups + p->ndirectories + p->nservices > 0;
}

static int
check_packages(const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->npackages; i++) {
		const struct recipe_package *p = &r->packages[i];
		struct doc at = { .line = p->line, .col = p->col };

		if (i && !p->nfiles && !declares(p)) {
			(void)doc_error(&at, r->path, err, "missing key 'files'");
			return err_hint(err, "only the first package may take what is left");
		}
		for (size_t j = 0; j < i; j++)
			if (!strcmp(p->name, r->packages[j].name))
				return doc_error(&at, r->path, err,
						 "two packages are named '%s'", p->name);
	}
	return 0;
}

static int
complete_packages(struct recipe_reader *reader, struct recipe *r, struct err *err)
{
	struct arena *a = reader->a;

	if (!r->npackages) {
		r->npackages = 1;
		r->packages = arena_array(a, 1, sizeof(*r->packages));
		r->packages[0].name = r->name;
		r->packages[0].line = r->packages[0].col = 1;
	}
	for (size_t i = 0; i < r->npackages; i++) {
		struct recipe_package *p = &r->packages[i];

		p->summary = p->summary ? p->summary : r->summary;
		p->description = p->description ? p->description : r->description;
		if (recipe_made(reader, p, err) < 0)
			return -1;
	}
	return 0;
}

static int
check_steps(const struct recipe *r, struct err *err)
{
	for (size_t i = 0; i < r->nsteps; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(r->steps[i].name, r->steps[j].name))
				return doc_error(
					&(struct doc){ .line = r->steps[i].line, .col = 1 },
					r->path, err, "two steps are named '%s'",
					r->steps[i].name);
	return 0;
}

static int
complete(struct recipe_reader *reader, struct recipe *r, const struct doc *root,
	 struct err *err)
{
	struct arena *a = reader->a;

	if (r->npatches && !r->nsources)
		return doc_error(doc_get(root, "patches"), r->path, err,
				 "'patches' needs a source to apply to");
	r->description = r->description ? r->description : r->summary;
	if (check_packages(r, err) < 0 || check_steps(r, err) < 0)
		return -1;
	complete_sources(a, r);
	if (r->npatches)
		place_patches(a, r);
	if (complete_packages(reader, r, err) < 0)
		return -1;
	if (r->check.run)
		r->check.name = "check";
	if (r->test.run.run)
		r->test.run.name = "test";
	r->name_line = doc_get(root, "name")->line;
	r->name_col = doc_get(root, "name")->col;
	r->normal = recipe_table_normal(a, &recipe_schema, root);
	return 0;
}

int
recipe_parse(struct arena *a, const char *text, size_t n, const char *path,
	     int64_t default_epoch, struct recipe **out, struct err *err)
{
	struct recipe_reader reader = { .a = a, .path = path };
	struct recipe *r = arena_alloc(a, sizeof(*r));
	const char *slash = strrchr(path, '/');
	struct doc *root;

	if (n > RECIPE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: larger than 1 MiB", path);
	if (doc_parse(a, text, n, path, &root, err) < 0)
		return -1;
	if (root->kind != DOC_MAP)
		return doc_error(root, path, err, "a recipe is a map of keys");
	r->path = arena_strdup(a, path);
	r->dir = slash ? arena_strndup(a, path, (size_t)(slash - path)) : ".";
	r->release = "1";
	r->epoch = default_epoch;
	r->limits = sandbox_limits_default;
	/* What the placeholders stand for; both are required and read first, so a bad one is
	 * told before it could be used. */
	reader.name = doc_get_text(root, "name");
	reader.version = doc_get_text(root, "version");
	if (recipe_table_read(&reader, &recipe_schema, root, r, err) < 0 ||
	    complete(&reader, r, root, err) < 0)
		return -1;
	*out = r;
	return 0;
}

static int
load_patch(int dirfd, const struct recipe *r, struct recipe_patch *p, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_MAX(FD_TMP_MAX * 16);
	CLEANUP(fd_close) int fd = -1;
	struct doc at = { .line = p->line, .col = p->col };
	struct err why;
	uint64_t size = 0;

	buf_add_format(&path, "%s/%s", r->dir, p->file);
	if (fd_open_beneath(dirfd, buf_text(&path), O_RDONLY, &fd, &why) < 0 ||
	    digest_fd(fd, &p->sha256, &size, &why) < 0)
		return doc_error(&at, r->path, err, "patch: %s", why.text);
	if (size > PATCH_MAX_BYTES)
		return doc_error(&at, r->path, err, "patch '%s' is larger than 64 MiB",
				 p->file);
	return 0;
}

/* The directory's name is how everything else finds the recipe. */
static int
check_place(const struct recipe *r, struct err *err)
{
	const char *slash = strrchr(r->dir, '/');
	const char *dir = slash ? slash + 1 : r->dir;

	if (!strcmp(dir, r->name))
		return 0;
	(void)err_set(err, ERR_INPUT,
		      "%s:%d:%d: the recipe is named '%s', but its directory '%s'", r->path,
		      r->name_line, r->name_col, r->name, dir);
	return err_hint(err, "rename the one or the other");
}

/* Whatever recipe_load takes into account. */
static void
hash_text(const struct buf *text, int64_t default_epoch, struct recipe *r)
{
	CLEANUP(buf_free) struct buf all = BUF_MAX(RECIPE_MAX_BYTES * 2);

	digest_of(text->data, text->len, &r->text);
	buf_add(&all, r->text.bytes, DIGEST_BYTES);
	buf_add(&all, &default_epoch, sizeof(default_epoch));
	for (size_t i = 0; i < r->npatches; i++)
		buf_add(&all, r->patches[i].sha256.bytes, DIGEST_BYTES);
	digest_of(all.data, all.len, &r->text);
}

int
recipe_load(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
	    struct recipe **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RECIPE_MAX_BYTES);
	struct recipe *r;

	if (fd_read_file(dirfd, path, &text, err) < 0 ||
	    recipe_parse(a, buf_text(&text), text.len, path, default_epoch, &r, err) < 0 ||
	    check_place(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->npatches; i++)
		if (load_patch(dirfd, r, &r->patches[i], err) < 0)
			return -1;
	hash_text(&text, default_epoch, r);
	*out = r;
	return 0;
}

int
recipe_complete(struct arena *a, int dirfd, int64_t default_epoch, struct recipe *r,
		struct err *err)
{
	struct recipe *whole;

	if (!r->outline)
		return 0;
	if (recipe_load(a, dirfd, r->path, default_epoch, &whole, err) < 0)
		return -1;
	if (!digest_equal(&whole->text, &r->text)) {
		err_set(err, ERR_INPUT, "%s changed while it was read", r->path);
		return err_hint(err, "run the command again");
	}
	*r = *whole;
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp((*(struct recipe *const *)x)->name, (*(struct recipe *const *)y)->name);
}

static int
by_package(const void *x, const void *y)
{
	const struct recipe_index *a = x, *b = y;
	int order = strcmp(a->package, b->package);

	return order ? order : strcmp(a->recipe->path, b->recipe->path);
}

/* What was listed in order mostly is in order: to see that takes n looks and not n log n. */
static void
sort_unless_sorted(void *at, size_t n, size_t size, int (*order)(const void *, const void *))
{
	const char *p = at;

	for (size_t i = 1; i < n; i++, p += size) {
		if (order(p, p + size) > 0) {
			qsort(at, n, size, order);
			return;
		}
	}
}

/* Every package of every recipe, sorted, so that both a name used twice and a need are found.
 */
static int
index_packages(struct arena *a, struct recipe_set *s, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->at[i]->npackages;
	s->packages = arena_array(a, n, sizeof(*s->packages));
	for (size_t i = 0; i < s->n; i++)
		for (size_t j = 0; j < s->at[i]->npackages; j++)
			s->packages[s->npackages++] = (struct recipe_index){
				.package = s->at[i]->packages[j].name,
				.recipe = s->at[i],
				.line = s->at[i]->packages[j].line,
			};
	sort_unless_sorted(s->packages, n, sizeof(*s->packages), by_package);
	for (size_t i = 1; i < n; i++) {
		const struct recipe_index *x = &s->packages[i - 1], *y = &s->packages[i];

		if (!strcmp(x->package, y->package))
			return err_set(
				err, ERR_INPUT, "%s:%d: package '%s' is also made by %s:%d",
				y->recipe->path, y->line, y->package, x->recipe->path, x->line);
	}
	return 0;
}

/* A directory of a place; files there (a README) are passed over. */
int
recipe_load_entry(struct arena *a, const struct recipe_place *place, const char *name,
		  struct recipe **out, struct err *err)
{
	const char *dir = arena_format(a, "%s/%s", place->dir, name);
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	*out = NULL;
	if (*name == '.')
		return 0;
	if (fd_open_beneath(place->dirfd, dir, O_PATH, &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", dir);
	if (!S_ISDIR(st.st_mode))
		return 0;
	return recipe_load(a, place->dirfd, arena_format(a, "%s/recipe.yaml", dir),
			   place->epoch, out, err);
}

int
recipe_index_all(struct arena *a, struct recipe_set *s, struct err *err)
{
	sort_unless_sorted(s->at, s->n, sizeof(struct recipe *), by_name);
	return index_packages(a, s, err);
}

int
recipe_list_place(struct arena *a, const struct recipe_place *place, const char ***names,
		  size_t *n, struct err *err)
{
	if (place->only) {
		*n = place->nonly;
		*names = arena_array(a, *n, sizeof(**names));
		for (size_t i = 0; i < *n; i++)
			(*names)[i] = place->only[i];
		return 0;
	}
	if (tree_list(a, place->dirfd, place->dir, names, n, err) < 0)
		return err_hint(err, "`kiln init` makes a workspace with a first recipe");
	return 0;
}

int
recipe_load_all(struct arena *a, const struct recipe_place *place, struct recipe_set *out,
		struct err *err)
{
	struct recipe_set set = { 0 };
	const char **names;
	size_t n;

	if (recipe_list_place(a, place, &names, &n, err) < 0)
		return -1;
	set.at = arena_array(a, n, sizeof(struct recipe *));
	for (size_t i = 0; i < n; i++) {
		struct recipe *r;

		if (recipe_load_entry(a, place, names[i], &r, err) < 0)
			return -1;
		if (r)
			set.at[set.n++] = r;
	}
	if (recipe_index_all(a, &set, err) < 0)
		return -1;
	*out = set;
	return 0;
}

const struct recipe *
recipe_find(const struct recipe_set *s, const char *name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(s->at[mid]->name, name);

		if (!order)
			return s->at[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static const struct recipe *
find_package(const struct recipe_set *s, const char *package, size_t len)
{
	size_t low = 0, high = s->npackages;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *name = s->packages[mid].package;
		int order = strncmp(name, package, len);

		if (!order && !name[len])
			return s->packages[mid].recipe;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool
recipe_is_given(const struct recipe_set *s, const char *package)
{
	return s->given && dict_has(s->given, package) &&
	       !(s->shadow && recipe_of_package(s, package));
}

/* Whether the packages of this recipe have that split. */
static bool
has_split(const struct recipe *r, const char *split)
{
	if (strcmp(split, "-doc") == 0)
		return r->doc;
	if (strcmp(split, "-locale") == 0)
		return r->locale;
	return strcmp(split, "-debuginfo") != 0 || r->debuginfo;
}

const struct recipe *
recipe_of_package(const struct recipe_set *s, const char *package)
{
	static const char *const splits[] = { "-devel", "-static", "-doc", "-locale",
					      "-debuginfo" };
	size_t len = strlen(package);
	const struct recipe *r = find_package(s, package, len);

	for (size_t i = 0; i < ARRAY_LEN(splits) && !r; i++) {
		size_t n = strlen(splits[i]);

		if (len <= n || strcmp(package + len - n, splits[i]) != 0)
			continue;
		r = find_package(s, package, len - n);
		if (r && !has_split(r, splits[i]))
			r = NULL;
	}
	return r;
}
