/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/audit.h"
#include "base/fd.h"
#include "base/tree.h"

#define MAX_REPOSITORY ((size_t)200000) /* packages */

static const char *
excuse(void *arg, const char *package, enum pkgaudit_check c, const char *path)
{
	struct audit *au = arg;
	const struct recipe *r = au->set ? recipe_of_package(au->set, package) : NULL;
	const struct recipe_except *by = NULL;
	const char *reason = r ? audit_reason(r, package, c, path, &by) : NULL;

	for (size_t i = 0; by && i < au->nexcuses; i++)
		au->excuses[i].used |= au->excuses[i].except == by;
	return reason;
}

void
audit_begin(struct arena *a, const struct recipe_set *set, struct audit *out)
{
	size_t n = 0;

	*out = (struct audit){ .found = { .a = a, .excuse = excuse, .arg = out }, .set = set };
	for (size_t i = 0; set && i < set->n; i++)
		n += set->at[i]->nexcepts;
	out->excuses = arena_array(a, n, sizeof(*out->excuses));
	for (size_t i = 0; set && i < set->n; i++)
		for (size_t j = 0; j < set->at[i]->nexcepts; j++)
			out->excuses[out->nexcuses++] =
				(struct audit_excuse){ .recipe = set->at[i],
						       .except = &set->at[i]->excepts[j] };
}

void
audit_release(struct audit *au)
{
	pkgaudit_release(&au->found);
}

/* ---- what is built ---- */

static int
look_at(struct audit *au, struct builder *b, const struct recipe *r, const char *package,
	const struct pkgfacts *const *at, size_t n, struct err *err)
{
	pkgaudit_source_begin(&au->found);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;
		bool asked = !package || strcmp(package, at[i]->id.name) == 0;

		if (strcmp(at[i]->recipe, r->name) != 0)
			continue;
		if (cas_get_fd(b->store, &at[i]->file, &fd, err) < 0 ||
		    (asked ? pkgaudit_file : pkgaudit_sibling)(&au->found, fd, at[i]->id.name,
							       err) < 0)
			return err_wrap(err, "recipe %s", r->name);
	}
	pkgaudit_source_end(&au->found, package ? package : r->packages[0].name);
	for (size_t i = 0; i < au->nexcuses; i++)
		if (!package && au->excuses[i].recipe == r)
			au->excuses[i].looked = true;
	return 0;
}

int
audit_recipes(struct audit *au, struct builder *b, const struct recipe *const *recipes,
	      size_t nrecipes, const char *package, struct err *err)
{
	const char **names = arena_array(au->found.a, nrecipes, sizeof(*names));
	const struct pkgfacts **at;
	size_t n;

	if (nrecipes == 0)
		return 0;
	for (size_t i = 0; i < nrecipes; i++)
		names[i] = recipes[i]->name;
	if (build_packages(au->found.a, b, names, nrecipes, &at, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < nrecipes; i++)
		if (look_at(au, b, recipes[i], package, at, n, err) < 0)
			return -1;
	return 0;
}

/* ---- files ---- */

struct source_file { /* a package file, and which source it says it is from */
	const char *source, *path;
};

static int
by_source(const void *x, const void *y)
{
	const struct source_file *a = x, *b = y;
	int order = strcmp(a->source, b->source);

	return order ? order : strcmp(a->path, b->path);
}

static int
read_source(struct arena *a, const char *path, struct source_file *out, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = { 0 };
	CLEANUP(fd_close) int fd = -1;
	struct pkgfile p;

	if (fd_open(path, O_RDONLY, &fd, err) < 0 ||
	    pkgfile_read(&scratch, fd, path, &p, err) < 0)
		return -1;
	*out = (struct source_file){ .path = path, .source = arena_strdup(a, p.source_rpm) };
	return 0;
}

/* Files of one source. */
static int
look_at_files(struct audit *au, const struct source_file *at, size_t n, struct err *err)
{
	pkgaudit_source_begin(&au->found);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (fd_open(at[i].path, O_RDONLY, &fd, err) < 0 ||
		    pkgaudit_file(&au->found, fd, at[i].path, err) < 0)
			return -1;
	}
	pkgaudit_source_end(&au->found, au->found.package);
	return 0;
}

int
audit_files(struct audit *au, const char *const *paths, size_t n, struct err *err)
{
	struct source_file *at = arena_array(au->found.a, n, sizeof(*at));

	for (size_t i = 0; i < n; i++)
		if (read_source(au->found.a, paths[i], &at[i], err) < 0)
			return -1;
	if (n)
		qsort(at, n, sizeof(*at), by_source);
	for (size_t i = 0, same; i < n; i += same) {
		same = 1;
		while (i + same < n && strcmp(at[i + same].source, at[i].source) == 0)
			same++;
		if (look_at_files(au, &at[i], same, err) < 0)
			return -1;
	}
	return 0;
}

static bool
is_package(const char *name)
{
	size_t n = strlen(name);

	return n >= 4 && strcmp(name + n - 4, ".rpm") == 0;
}

int
audit_repository(struct audit *au, const char *path, struct err *err)
{
	struct arena *a = au->found.a;
	const char *dir = arena_format(a, "%s/packages", path);
	const char **names, **paths;
	size_t n, count = 0;

	if (tree_list(a, AT_FDCWD, dir, &names, &n, err) < 0)
		return err_hint(err, "a repository has its packages in packages/");
	if (n > MAX_REPOSITORY)
		return err_set(err, ERR_LIMIT, "%s holds more than %zu files", dir,
			       MAX_REPOSITORY);
	paths = arena_array(a, n, sizeof(*paths));
	for (size_t i = 0; i < n; i++)
		if (is_package(names[i]))
			paths[count++] = arena_format(a, "%s/%s", dir, names[i]);
	return audit_files(au, paths, count, err);
}
