/* SPDX-License-Identifier: Apache-2.0 */
/* seed.yaml and seed.lock as data: groups of packages, their pins, and the fix-ups. */
#include "builder/seed_priv.h"
#include "builder/stage.h"
#include "builder/recipe_priv.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/manifest.h"

#define SEED_MAX_BYTES  ((size_t)1024 * 1024)
#define SEED_FILE_MAX   ((size_t)64 * 1024)
#define SNAPSHOT_LENGTH 16 /* 20260101T000000Z */

#define DEB_WORD "abcdefghijklmnopqrstuvwxyz0123456789+-."

static const char *
wrong_deb_name(const char *s)
{
	return s[strspn(s, DEB_WORD)] == '\0' && *s != '-'
		       ? NULL
		       : "a Debian package name: a-z 0-9 + - .";
}

static const char *
wrong_deb_version(const char *s)
{
	return s[strspn(s, DEB_WORD "ABCDEFGHIJKLMNOPQRSTUVWXYZ:~")] == '\0'
		       ? NULL
		       : "a Debian version";
}

static const char *
wrong_location(const char *s)
{
	size_t len = strlen(s);
	bool pool = !strncmp(s, "debian:pool/", 12) || !strncmp(s, "debian-security:pool/", 21);

	return pool && !recipe_words_mirror(s) && len > 4 && !strcmp(s + len - 4, ".deb")
		       ? NULL
		       : "debian:pool/... or debian-security:pool/... of a .deb";
}

static const char *
wrong_snapshot(const char *s)
{
	return strlen(s) == SNAPSHOT_LENGTH && s[8] == 'T' && s[15] == 'Z' &&
			       strspn(s, "0123456789") == 8 && strspn(s + 9, "0123456789") == 6
		       ? NULL
		       : "an archive time such as 20260101T000000Z";
}

bool
seed_is_sound(const struct seed_package *p)
{
	return *p->name && *p->version && !wrong_deb_name(p->name) &&
	       !wrong_deb_version(p->version) && !wrong_location(p->location) &&
	       !wrong_snapshot(p->snapshot);
}

static int
check_path(struct recipe_reader *r, const struct doc *at, const char *path, struct err *err)
{
	if (manifest_is_path(path))
		return 0;
	return doc_error(at, r->path, err,
			 "'%s' must be a path without a leading / and without '..'",
			 recipe_read_shown(r->a, path));
}

/* links: what each points to; files and programs: what each holds. */
static int
check_fixups(struct recipe_reader *r, const struct doc *map, const char *key, struct err *err)
{
	if (map->kind != DOC_MAP)
		return doc_error(map, r->path, err, "'%s' must be a map of text", key);
	for (size_t i = 0; i < map->n; i++) {
		const struct doc_item *item = &map->items[i];
		struct doc at = { .line = item->key_line, .col = item->key_col };

		if (check_path(r, &at, item->key, err) < 0)
			return -1;
		if (item->value->kind != DOC_TEXT || !*item->value->text ||
		    strlen(item->value->text) > SEED_FILE_MAX)
			return doc_error(item->value, r->path, err,
					 "'%s' must be text of at most %zu bytes", item->key,
					 SEED_FILE_MAX);
	}
	return 0;
}

static int
check_directories(struct recipe_reader *r, const struct doc *list, struct err *err)
{
	if (list->kind != DOC_LIST)
		return doc_error(list, r->path, err, "'directories' must be a list of text");
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;

		if (check_path(r, d, d->kind == DOC_TEXT ? d->text : "", err) < 0)
			return -1;
	}
	return 0;
}

static int
read_links(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	return check_fixups(r, v->doc, "links", err);
}

static int
read_files(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	return check_fixups(r, v->doc, "files", err);
}

static int
read_programs(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	return check_fixups(r, v->doc, "programs", err);
}

static int
read_directories(struct recipe_reader *r, const struct recipe_value *v, struct err *err)
{
	return check_directories(r, v->doc, err);
}

static const struct recipe_field group_fields[] = {
	{ .name = "name",
	  .read = recipe_read_text,
	  .wrong = recipe_words_group,
	  .at = offsetof(struct seed_group, name),
	  .flags = RECIPE_REQUIRED,
	  .summary = "what recipes call the group under ground:" },
	{ .name = "standard",
	  .read = recipe_read_bool,
	  .at = offsetof(struct seed_group, standard) },
	{ .name = "packages",
	  .read = recipe_read_texts,
	  .wrong = wrong_deb_name,
	  .at = offsetof(struct seed_group, packages),
	  .count = offsetof(struct seed_group, n),
	  .flags = RECIPE_REQUIRED,
	  .summary = "names of Debian packages" },
};
static const struct recipe_table group_table = { .path = "groups[]",
						 .fields = group_fields,
						 .n = ARRAY_LEN(group_fields),
						 .size = sizeof(struct seed_group),
						 .line = RECIPE_NOWHERE,
						 .col = RECIPE_NOWHERE };

static const struct recipe_field fixup_fields[] = {
	{ .name = "links", .read = read_links },
	{ .name = "files", .read = read_files },
	{ .name = "programs", .read = read_programs },
	{ .name = "directories", .read = read_directories },
};
const struct recipe_table seed_fixup_table = { .path = "fixups",
					       .fields = fixup_fields,
					       .n = ARRAY_LEN(fixup_fields),
					       .line = RECIPE_NOWHERE,
					       .col = RECIPE_NOWHERE };

#define FORMAT_FIELD                                                                           \
	{                                                                                      \
		.name = "format", .read = recipe_read_format, .at = RECIPE_NOWHERE,            \
		.flags = RECIPE_REQUIRED, .summary = "version of this format: 1"               \
	}

static const struct recipe_field seed_fields[] = {
	FORMAT_FIELD,
	{ .name = "groups",
	  .sub = &group_table,
	  .at = offsetof(struct seed, groups),
	  .count = offsetof(struct seed, ngroups),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  .summary = "the packages, in groups that recipes choose from" },
	{ .name = "fixups", .sub = &seed_fixup_table },
	{ .name = "provides",
	  .read = recipe_read_texts,
	  .at = offsetof(struct seed, provides),
	  .count = offsetof(struct seed, nprovides) },
};
static const struct recipe_table seed_table = { .path = "",
						.fields = seed_fields,
						.n = ARRAY_LEN(seed_fields),
						.line = RECIPE_NOWHERE,
						.col = RECIPE_NOWHERE };

#define PIN(key, member, reader, check)                                                        \
	{                                                                                      \
		.name = (key), .read = (reader), .wrong = (check),                             \
		.at = offsetof(struct seed_package, member), .flags = RECIPE_REQUIRED,         \
		.summary = "`kiln seed lock` writes it"                                        \
	}

static const struct recipe_field pin_fields[] = {
	PIN("name", name, recipe_read_text, wrong_deb_name),
	PIN("version", version, recipe_read_text, wrong_deb_version),
	PIN("size", size, recipe_read_size, NULL),
	PIN("sha256", sha256, recipe_read_digest, NULL),
	PIN("location", location, recipe_read_text, wrong_location),
	PIN("snapshot", snapshot, recipe_read_text, wrong_snapshot),
};
static const struct recipe_table pin_table = { .path = "packages[]",
					       .fields = pin_fields,
					       .n = ARRAY_LEN(pin_fields),
					       .size = sizeof(struct seed_package),
					       .line = offsetof(struct seed_package, line),
					       .col = RECIPE_NOWHERE };

static const struct recipe_field lock_fields[] = {
	FORMAT_FIELD,
	{ .name = "packages",
	  .sub = &pin_table,
	  .at = offsetof(struct seed, packages),
	  .count = offsetof(struct seed, npackages),
	  .flags = RECIPE_REQUIRED | RECIPE_LISTED,
	  .summary = "`kiln seed lock` writes them" },
};
static const struct recipe_table lock_table = { .path = "",
						.fields = lock_fields,
						.n = ARRAY_LEN(lock_fields),
						.line = RECIPE_NOWHERE,
						.col = RECIPE_NOWHERE };

static int
read_file(struct arena *a, const struct workspace *w, const char *path,
	  const struct recipe_table *table, struct seed *s, struct doc **root, struct err *err)
{
	const struct recipe_file f = { path, "the seed is described", SEED_MAX_BYTES, table };

	return recipe_table_load(a, w->dirfd, &f, s, root, err);
}

static int
by_group(const void *x, const void *y)
{
	return strcmp(((const struct seed_group *)x)->name,
		      ((const struct seed_group *)y)->name);
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct seed_package *)x)->name,
		      ((const struct seed_package *)y)->name);
}

const char *
seed_lock_path(struct arena *a, const char *name)
{
	return name ? arena_format(a, "bootstrap/seed-%s.lock", name) : SEED_LOCK;
}

int
seed_load_wanted(struct arena *a, const struct workspace *w, struct seed *out, struct err *err)
{
	const char *which = w->stage ? w->stage->seed : NULL;
	char hex[DIGEST_HEX];
	struct doc *root;

	out->yaml = which ? arena_format(a, "bootstrap/seed-%s.yaml", which) : SEED_YAML;
	out->lock = seed_lock_path(a, which);
	if (read_file(a, w, out->yaml, &seed_table, out, &root, err) < 0)
		return -1;
	qsort(out->groups, out->ngroups, sizeof(*out->groups), by_group);
	for (size_t i = 1; i < out->ngroups; i++)
		if (!strcmp(out->groups[i - 1].name, out->groups[i].name))
			return err_set(err, ERR_INPUT, "%s: two groups are named '%s'",
				       out->yaml, out->groups[i].name);
	out->fixups = doc_get(root, "fixups");
	out->fixups = out->fixups ? out->fixups : doc_map(a);
	json_digest_hex(out->fixups, hex);
	if (!digest_parse(hex, &out->fixups_digest))
		abort(); /* json_digest_hex writes what digest_parse reads */
	return 0;
}

int
seed_load_pinned(struct arena *a, const struct workspace *w, struct seed *out, struct err *err)
{
	struct doc *root;
	struct stat st;

	if (fstatat(w->dirfd, out->lock, &st, 0) < 0 && errno == ENOENT)
		return 0;
	if (read_file(a, w, out->lock, &lock_table, out, &root, err) < 0)
		return -1;
	for (size_t i = 0; i < out->npackages; i++)
		out->packages[i].lock = out->lock;
	qsort(out->packages, out->npackages, sizeof(*out->packages), by_name);
	for (size_t i = 1; i < out->npackages; i++)
		if (!strcmp(out->packages[i - 1].name, out->packages[i].name))
			return err_set(err, ERR_INPUT, "%s:%d: '%s' is pinned twice", out->lock,
				       out->packages[i].line, out->packages[i].name);
	return 0;
}

const struct seed_package *
seed_find(const struct seed *s, const char *name)
{
	const struct seed_package key = { .name = name };

	if (!s->npackages)
		return NULL;
	return bsearch(&key, s->packages, s->npackages, sizeof(key), by_name);
}

static void
add_group(struct dict *names, const struct seed_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		dict_set(names, g->packages[i], NULL);
}

/* The keys of names, sorted, as an array in the arena. Keys are those of the dict: copied. */
static const char **
sorted_names(struct arena *a, struct dict *names)
{
	const char **out = arena_array(a, names->n, sizeof(*out));
	void *unused;

	for (size_t i = 0; i < names->n; i++)
		out[i] = arena_strdup(a, dict_at(names, i, &unused));
	return out;
}

void
seed_names(struct arena *a, const struct seed *s, const char ***out, size_t *n)
{
	CLEANUP(dict_release) struct dict names = { 0 };

	for (size_t i = 0; i < s->ngroups; i++)
		add_group(&names, &s->groups[i]);
	*out = sorted_names(a, &names);
	*n = names.n;
}

/* What is wanted must be pinned, and nothing else: a lock that is out of step is told at once.
 */
static int
check_step(struct arena *a, const struct seed *s, struct err *err)
{
	const char **names;
	size_t n;

	seed_names(a, s, &names, &n);
	for (size_t i = 0; i < n; i++)
		if (!seed_find(s, names[i])) {
			(void)err_set(err, ERR_INPUT, "%s: '%s' is not pinned in %s", s->yaml,
				      names[i], s->lock);
			return err_hint(err, "run `kiln seed lock`, then commit the lock");
		}
	for (size_t i = 0, j = 0; i < s->npackages; i++) {
		while (j < n && strcmp(names[j], s->packages[i].name) < 0)
			j++;
		if (j < n && !strcmp(names[j], s->packages[i].name))
			continue;
		(void)err_set(err, ERR_INPUT, "%s:%d: '%s' is in no group of %s", s->lock,
			      s->packages[i].line, s->packages[i].name, s->yaml);
		return err_hint(err, "run `kiln seed lock`, then commit the lock");
	}
	return 0;
}

int
seed_load(struct arena *a, const struct workspace *w, struct seed *out, struct err *err)
{
	struct seed s = { 0 };

	if (seed_load_wanted(a, w, &s, err) < 0 || seed_load_pinned(a, w, &s, err) < 0 ||
	    check_step(a, &s, err) < 0)
		return -1;
	*out = s;
	return 0;
}

static const struct seed_group *
find_group(const struct seed *s, const char *name)
{
	for (size_t i = 0; i < s->ngroups; i++)
		if (!strcmp(s->groups[i].name, name))
			return &s->groups[i];
	return NULL;
}

static int
unknown_group(struct arena *a, const struct seed *s, const char *name, struct err *err)
{
	const char **known = arena_array(a, s->ngroups, sizeof(*known));
	const char *near;

	for (size_t i = 0; i < s->ngroups; i++)
		known[i] = s->groups[i].name;
	near = doc_nearest(name, known, s->ngroups);
	if (near)
		return err_set(err, ERR_INPUT,
			       "ground '%s' is no group of %s (did you mean '%s'?)", name,
			       s->yaml, near);
	return err_set(err, ERR_INPUT, "ground '%s' is no group of %s", name, s->yaml);
}

int
seed_ground(struct arena *a, const struct seed *s, const char *const *groups, size_t ngroups,
	    const struct seed_package ***out, size_t *n, struct err *err)
{
	CLEANUP(dict_release) struct dict names = { 0 };
	const char **sorted;

	for (size_t i = 0; groups && i < ngroups; i++) {
		const struct seed_group *g = find_group(s, groups[i]);

		if (!g)
			return unknown_group(a, s, groups[i], err);
		add_group(&names, g);
	}
	for (size_t i = 0; !groups && i < s->ngroups; i++)
		if (s->groups[i].standard)
			add_group(&names, &s->groups[i]);
	sorted = sorted_names(a, &names);
	*out = arena_array(a, names.n, sizeof(**out));
	for (size_t i = 0; i < names.n; i++) {
		(*out)[i] = seed_find(s, sorted[i]);
		if (!(*out)[i])
			return err_set(err, ERR_INPUT, "%s: '%s' is not pinned", s->lock,
				       sorted[i]);
	}
	*n = names.n;
	return 0;
}

int
seed_pin(struct arena *a, const struct seed_package *p, struct source_pin *out, struct err *err)
{
	const char *colon = strchr(p->location, ':'), *slash = strrchr(p->location, '/');
	const char **locations = arena_array(a, 2, sizeof(*locations));

	if (!colon || !slash)
		return err_set(err, ERR_INPUT, "%s:%d: '%s' is no location", p->lock, p->line,
			       p->location);
	locations[0] = p->location;
	locations[1] = arena_format(a, "%.*s-snapshot:%s/%s", (int)(colon - p->location),
				    p->location, p->snapshot, colon + 1);
	*out = (struct source_pin){
		.name = slash + 1,
		.locations = locations,
		.nlocations = 2,
		.sha256 = p->sha256,
		.size = p->size,
		.where = p->line ? arena_format(a, "%s:%d", p->lock, p->line) : p->lock
	};
	return 0;
}
