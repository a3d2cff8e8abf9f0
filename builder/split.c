/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/split.h"
#include "base/dict.h"
#include "base/mem.h"
#include <fnmatch.h>

#define NOBODY SIZE_MAX

/* Sorted by strcmp. */
static const char *const standard_dirs[] = {
	"/boot",
	"/dev",
	"/etc",
	"/etc/profile.d",
	"/home",
	"/media",
	"/mnt",
	"/opt",
	"/proc",
	"/root",
	"/run",
	"/srv",
	"/sys",
	"/tmp",
	"/usr",
	"/usr/bin",
	"/usr/include",
	"/usr/lib",
	"/usr/lib/pkgconfig",
	"/usr/lib64",
	"/usr/libexec",
	"/usr/sbin",
	"/usr/share",
	"/usr/share/aclocal",
	"/usr/share/doc",
	"/usr/share/info",
	"/usr/share/licenses",
	"/usr/share/locale",
	"/usr/share/man",
	"/usr/share/man/man1",
	"/usr/share/man/man2",
	"/usr/share/man/man3",
	"/usr/share/man/man4",
	"/usr/share/man/man5",
	"/usr/share/man/man6",
	"/usr/share/man/man7",
	"/usr/share/man/man8",
	"/usr/share/misc",
	"/usr/share/pkgconfig",
	"/usr/src",
	"/var",
	"/var/cache",
	"/var/lib",
	"/var/log",
	"/var/spool",
	"/var/tmp",
};

static int
compare_dir(const void *key, const void *member)
{
	return strcmp(key, *(const char *const *)member);
}

bool
split_is_standard_dir(const char *path)
{
	return bsearch(path, standard_dirs, ARRAY_LEN(standard_dirs), sizeof(*standard_dirs),
		       compare_dir);
}

/* One component of the glob against one of the path. */
static bool
component_matches(const char *glob, size_t glob_len, const char *name, size_t name_len)
{
	char g[256], s[256];

	if (glob_len >= sizeof(g) || name_len >= sizeof(s))
		return false;
	memcpy(g, glob, glob_len);
	g[glob_len] = '\0';
	memcpy(s, name, name_len);
	s[name_len] = '\0';
	return fnmatch(g, s, 0) == 0;
}

/* glob and path stand at the start of a component; both without leading slash. True when the
 * glob matches the path or a directory above it. As deep as the glob has components. */
static bool
match_from(const char *glob, const char *path)
{
	size_t g = strcspn(glob, "/"), p = strcspn(path, "/");

	if (*glob == '\0')
		return true;
	if (*path == '\0')
		return false;
	if (g == 2 && memcmp(glob, "**", 2) == 0) {
		if (glob[g] == '\0')
			return true;
		for (;; path += p + 1) {
			p = strcspn(path, "/");
			if (match_from(glob + g + 1, path))
				return true;
			if (path[p] == '\0')
				return false;
		}
	}
	if (!component_matches(glob, g, path, p))
		return false;
	return match_from(glob + g + (glob[g] == '/'), path + p + (path[p] == '/'));
}

bool
split_match(const char *glob, const char *path)
{
	while (*glob == '/')
		glob++;
	while (*path == '/')
		path++;
	return *glob && match_from(glob, path);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && memcmp(s + n - m, end, m) == 0;
}

static bool
is_below(const char *path, const char *dir)
{
	return strncmp(path, dir, strlen(dir)) == 0;
}

/* lib*.so as a symbolic link: what `-lNAME` finds; programs load the versioned name. */
static bool
is_linker_link(const struct pkgfile_entry *e)
{
	const char *base = strrchr(e->path, '/') + 1;

	return e->type == MANIFEST_LINK && strncmp(base, "lib", 3) == 0 &&
	       ends_with(base, ".so");
}

static bool
is_doc(const char *path)
{
	return is_below(path, "/usr/share/doc/") || is_below(path, "/usr/share/man/") ||
	       is_below(path, "/usr/share/info/") || is_below(path, "/usr/share/gtk-doc/");
}

static enum split_rule
rule_of(const struct recipe *r, const struct pkgfile_entry *e)
{
	if (r->debuginfo && is_below(e->path, "/usr/lib/debug/"))
		return SPLIT_DEBUGINFO;
	if (r->doc && is_doc(e->path))
		return SPLIT_DOC;
	if (r->locale && is_below(e->path, "/usr/share/locale/"))
		return SPLIT_LOCALE;
	if (ends_with(e->path, ".a"))
		return SPLIT_STATIC;
	if (is_below(e->path, "/usr/include/") || is_below(e->path, "/usr/lib/musl/include/") ||
	    (strstr(e->path, "/pkgconfig/") && ends_with(e->path, ".pc")) ||
	    ends_with(e->path, ".cmake") || is_below(e->path, "/usr/share/aclocal/") ||
	    is_linker_link(e))
		return SPLIT_DEVEL;
	return SPLIT_DECLARED;
}

struct splitter {
	struct arena *a;
	const struct recipe *r;
	const struct pkgfile_entry *entries;
	size_t n;
	struct split_part *parts; /* packages of the recipe, then those of the rules */
	size_t nparts;
	size_t *owner; /* part of each entry, or NOBODY */
	bool *shared;  /* [entry * nparts + part]: directories that parts own together */
};

static void
splitter_release_scope(struct splitter *s)
{
	free(s->owner);
	free(s->shared);
}

static int
take_glob(struct splitter *s, size_t part, const char *glob, struct err *err)
{
	const struct recipe_package *p = s->parts[part].declared;
	size_t matched = 0, taken = 0, other = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (!split_match(glob, s->entries[i].path))
			continue;
		matched++;
		if (s->owner[i] == NOBODY) {
			s->owner[i] = part;
			taken++;
		} else {
			taken += s->owner[i] == part;
			other = s->owner[i];
		}
	}
	if (matched == 0) {
		err_set(err, ERR_INPUT,
			"%s:%d:%d: package '%s': files: '%s' matches nothing that was installed",
			s->r->path, p->line, p->col, p->name, glob);
		return err_hint(
			err,
			"`kiln log %s` shows what the build did; correct the glob or remove it",
			s->r->name);
	}
	if (taken == 0) {
		err_set(err, ERR_INPUT,
			"%s:%d:%d: package '%s': files: all that '%s' matches went to '%s' before",
			s->r->path, p->line, p->col, p->name, glob, s->parts[other].name);
		return err_hint(err, "list '%s' before '%s', or narrow the globs", p->name,
				s->parts[other].name);
	}
	return 0;
}

static int
take_globs(struct splitter *s, struct err *err)
{
	for (size_t i = 0; i < s->r->npackages; i++) {
		for (size_t j = 0; j < s->r->packages[i].nfiles; j++) {
			if (take_glob(s, i, s->r->packages[i].files[j], err) < 0)
				return -1;
		}
	}
	return 0;
}

/* The part that a rule fills: a declared package of that very name, else the rule's own. */
static size_t
part_of_rule(const struct splitter *s, enum split_rule rule)
{
	size_t own;

	if (rule == SPLIT_DECLARED)
		return 0;
	own = s->r->npackages + (size_t)rule - SPLIT_DEVEL;
	for (size_t i = 0; i < s->r->npackages; i++) {
		if (strcmp(s->parts[i].name, s->parts[own].name) == 0)
			return i;
	}
	return own;
}

static bool
is_leaf_dir(const struct splitter *s, size_t i)
{
	const char *path = s->entries[i].path;
	size_t len = strlen(path);

	/* What is below it follows, but names such as "dir-x" may sort in between. */
	for (size_t j = i + 1; j < s->n && strncmp(s->entries[j].path, path, len) == 0; j++) {
		if (s->entries[j].path[len] == '/')
			return false;
	}
	return true;
}

static void
take_by_rule(struct splitter *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct pkgfile_entry *e = &s->entries[i];

		if (s->owner[i] != NOBODY)
			continue;
		if (e->type != MANIFEST_DIR)
			s->owner[i] = part_of_rule(s, rule_of(s->r, e));
		else if (is_leaf_dir(s, i) && !split_is_standard_dir(e->path))
			s->owner[i] = 0;
	}
}

static int
compare_path(const void *key, const void *member)
{
	return strcmp(key, ((const struct pkgfile_entry *)member)->path);
}

/* Directories without owner above what a part has. */
static void
share_dirs(struct splitter *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char dir[4096];
		char *slash;

		if (s->owner[i] == NOBODY || strlen(s->entries[i].path) >= sizeof(dir))
			continue;
		memcpy(dir, s->entries[i].path, strlen(s->entries[i].path) + 1);
		while ((slash = strrchr(dir, '/')) && slash != dir) {
			const struct pkgfile_entry *e;

			*slash = '\0';
			e = bsearch(dir, s->entries, s->n, sizeof(*s->entries), compare_path);
			if (e && s->owner[e - s->entries] == NOBODY &&
			    !split_is_standard_dir(dir))
				s->shared[(size_t)(e - s->entries) * s->nparts + s->owner[i]] =
					true;
		}
	}
}

/* The names of one file may go to several packages: each set starts anew in its package. */
static void
relink(struct split_part *part)
{
	CLEANUP(dict_release) struct dict heads = { 0 };

	for (size_t i = 0; i < part->n; i++) {
		struct pkgfile_entry *e = &part->entries[i], *head;
		const char *set = e->hardlink ? e->hardlink : e->path;

		if (e->type != MANIFEST_FILE)
			continue;
		head = dict_get(&heads, set);
		e->hardlink = head ? head->path : NULL;
		if (!head)
			dict_set(&heads, set, e);
	}
}

static void
fill_parts(struct splitter *s)
{
	for (size_t p = 0; p < s->nparts; p++) {
		struct split_part *part = &s->parts[p];
		size_t n = 0;

		for (size_t i = 0; i < s->n; i++)
			n += s->owner[i] == p || s->shared[i * s->nparts + p];
		part->entries = arena_array(s->a, n, sizeof(*part->entries));
		for (size_t i = 0; i < s->n; i++) {
			if (s->owner[i] == p || s->shared[i * s->nparts + p])
				part->entries[part->n++] = s->entries[i];
		}
		relink(part);
	}
}

static void
make_parts(struct splitter *s)
{
	static const char *const names[] = {
		[SPLIT_DEVEL] = "devel",   [SPLIT_STATIC] = "static",       [SPLIT_DOC] = "doc",
		[SPLIT_LOCALE] = "locale", [SPLIT_DEBUGINFO] = "debuginfo",
	};
	const struct recipe *r = s->r;

	s->nparts = r->npackages + SPLIT_OF_RULES;
	s->parts = arena_array(s->a, s->nparts, sizeof(*s->parts));
	for (size_t i = 0; i < r->npackages; i++) {
		s->parts[i].name = r->packages[i].name;
		s->parts[i].declared = &r->packages[i];
	}
	for (size_t i = 0; i < SPLIT_OF_RULES; i++) {
		struct split_part *part = &s->parts[r->npackages + i];

		part->rule = (enum split_rule)(SPLIT_DEVEL + i);
		part->name =
			arena_format(s->a, "%s-%s", r->packages[0].name, names[part->rule]);
		part->declared = &r->packages[0];
	}
}

int
split_files(struct arena *a, const struct recipe *r, const struct pkgfile_entry *entries,
	    size_t n, struct split_part **out, size_t *nparts, struct err *err)
{
	CLEANUP(splitter_release)
	struct splitter s = { .a = a, .r = r, .entries = entries, .n = n };
	size_t kept = 0;

	make_parts(&s);
	s.owner = mem_alloc((n + 1) * sizeof(*s.owner));
	s.shared = mem_alloc((n + 1) * s.nparts * sizeof(*s.shared));
	for (size_t i = 0; i < n; i++)
		s.owner[i] = NOBODY;
	if (take_globs(&s, err) < 0)
		return -1;
	take_by_rule(&s);
	share_dirs(&s);
	fill_parts(&s);
	for (size_t i = 0; i < s.nparts; i++) {
		if (s.parts[i].rule == SPLIT_DECLARED || s.parts[i].n)
			s.parts[kept++] = s.parts[i];
	}
	*out = s.parts;
	*nparts = kept;
	return 0;
}
