/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/package.h"
#include "base/fd.h"
#include "builder/action.h"
#include "builder/normalize.h"
#include "repo/elfdeps.h"

static struct nevra
identity(const struct recipe *r, const struct split_part *part)
{
	return (struct nevra){
		.name = part->name,
		.version = r->version,
		.release = r->release,
		.arch = r->noarch ? "noarch" : ACTION_ARCH,
		.epoch = r->rpm_epoch,
	};
}

static void
add_deps(struct arena *a, struct pkgdeps *to, const struct pkgdeps *more)
{
	struct pkgdep *at;

	if (!more->n)
		return;
	at = arena_array(a, to->n + more->n, sizeof(*at));
	if (to->n)
		memcpy(at, to->at, to->n * sizeof(*at));
	memcpy(at + to->n, more->at, more->n * sizeof(*at));
	to->at = at;
	to->n += more->n;
}

static void
add_exact(struct arena *a, struct pkgdeps *to, const char *name, const char *evr)
{
	struct pkgdep d = { .name = name, .op = PKGDEP_EQ, .evr = evr };

	add_deps(a, to, &(struct pkgdeps){ .at = &d, .n = 1 });
}

static bool
is_excluded(const struct recipe_package *p, const char *path)
{
	for (size_t i = 0; i < p->nexclude_provides; i++) {
		if (split_match(p->exclude_provides[i], path))
			return true;
	}
	return false;
}

static int
check_noarch(const struct recipe *r, int fd, const char *path, struct err *err)
{
	char magic[4];

	if (!r->noarch || pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, "\177ELF", 4) != 0)
		return 0;
	err_set(err, ERR_INPUT, "%s: `arch: noarch`, but the build installed machine code: %s",
		r->path, path);
	return err_hint(err, "remove `arch: noarch`");
}

/* What the files of a part say. hidden: provides of paths that the recipe excludes; they still
 * satisfy the part itself. */
static int
scan_part(const struct package_context *c, const struct split_part *part, struct elfdeps *found,
	  struct pkgdeps *hidden, struct err *err)
{
	struct elfdeps aside = { 0 };

	for (size_t i = 0; i < part->n; i++) {
		const struct pkgfile_entry *e = &part->entries[i];
		bool excluded = is_excluded(part->declared, e->path);
		struct elfdeps one = { 0 };
		CLEANUP(fd_close) int fd = -1;

		if (e->type != MANIFEST_FILE || e->hardlink)
			continue;
		if (fd_open_beneath(c->files_dirfd, e->source, O_RDONLY | O_NOFOLLOW, &fd,
				    err) < 0 ||
		    check_noarch(c->recipe, fd, e->path, err) < 0)
			return -1;
		if (elfdeps_scan(c->a, fd, e->path, e->mode, &one, err) < 0)
			return err_wrap(err, "%s", e->path);
		add_deps(c->a, &found->requires, &one.requires);
		add_deps(c->a, excluded ? &aside.provides : &found->provides, &one.provides);
	}
	*hidden = aside.provides;
	return 0;
}

/* The absolute path a link leads to, by its words alone; false when it leads out of the root.
 */
static bool
resolve_link(const struct pkgfile_entry *e, char *out, size_t size)
{
	char path[8192];
	size_t len = 0;
	int n;

	if (e->target[0] == '/')
		n = snprintf(path, sizeof(path), "%s", e->target);
	else
		n = snprintf(path, sizeof(path), "%.*s/%s",
			     (int)(strrchr(e->path, '/') - e->path), e->path, e->target);
	if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size)
		return false;
	for (const char *p = path; *p;) {
		size_t word = strcspn(p, "/");

		if (word == 2 && memcmp(p, "..", 2) == 0) {
			while (len && out[--len] != '/')
				;
		} else if (word && !(word == 1 && *p == '.')) {
			out[len++] = '/';
			memcpy(out + len, p, word);
			len += word;
		}
		p += word + (p[word] == '/');
	}
	out[len] = '\0';
	return len > 0;
}

static bool
holds(const struct split_part *part, const char *path)
{
	size_t low = 0, high = part->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, part->entries[middle].path);

		if (order == 0)
			return part->entries[middle].type != MANIFEST_DIR;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* A link into a sibling needs exactly that sibling; static libraries need their headers. */
static void
add_siblings(const struct package_context *c, const struct split_part *parts, size_t nparts,
	     size_t self, struct pkgdeps *requires)
{
	struct nevra id = identity(c->recipe, &parts[self]);
	const char *evr = nevra_evr(c->a, &id);
	const char *devel = arena_format(c->a, "%s-devel", parts[self].declared->name);

	for (size_t p = 0; p < nparts; p++) {
		bool needed =
			parts[self].rule == SPLIT_STATIC && strcmp(parts[p].name, devel) == 0;
		char path[8192];

		for (size_t i = 0; p != self && !needed && i < parts[self].n; i++) {
			const struct pkgfile_entry *e = &parts[self].entries[i];

			needed = e->type == MANIFEST_LINK &&
				 resolve_link(e, path, sizeof(path)) && holds(&parts[p], path);
		}
		if (p != self && needed)
			add_exact(c->a, requires, parts[p].name, evr);
	}
}

static bool
is_provided(const struct pkgdeps *have, const struct pkgdep *want)
{
	for (size_t i = 0; i < have->n; i++) {
		if (pkgdep_matches(want, &have->at[i]))
			return true;
	}
	return false;
}

/* What a package gives to itself it does not require: a capability or a path of its own. */
static void
drop_own(struct pkgdeps *requires, const struct pkgdeps *provides, const struct pkgdeps *hidden,
	 const struct split_part *part)
{
	size_t n = 0;

	for (size_t i = 0; i < requires->n; i++) {
		const struct pkgdep *d = &requires->at[i];

		if (!is_provided(provides, d) && !is_provided(hidden, d) &&
		    !(d->name[0] == '/' && holds(part, d->name)))
		requires->at[n++] = *d;
	}
	requires->n = n;
}

static void
need_account(struct arena *a, const char *kind, const char *name, struct pkgdeps *requires)
{
	struct pkgdep d = { .op = PKGDEP_ANY };

	if (!name || strcmp(name, "root") == 0)
		return;
	d.name = arena_format(a, "%s(%s)", kind, name);
	for (size_t i = 0; i < requires->n; i++)
		if (strcmp(requires->at[i].name, d.name) == 0)
			return;
	add_deps(a, requires, &(struct pkgdeps){ .at = &d, .n = 1 });
}

/* Whoever installs the package has to know the owners of its files. */
static void
add_accounts(struct arena *a, const struct split_part *part, struct pkgdeps *requires)
{
	for (size_t i = 0; i < part->n; i++) {
		need_account(a, "user", part->entries[i].user, requires);
		need_account(a, "group", part->entries[i].group, requires);
	}
}

static int
find_deps(const struct package_context *c, const struct split_part *parts, size_t nparts,
	  size_t self, struct pkgfile_spec *spec, struct err *err)
{
	const struct split_part *part = &parts[self];
	struct elfdeps found = { 0 };
	struct pkgdeps hidden = { 0 }, own = { 0 };

	if (scan_part(c, part, &found, &hidden, err) < 0)
		return -1;
	if (part->rule == SPLIT_DECLARED) {
		add_deps(c->a, &found.provides, &part->declared->provides);
		add_deps(c->a, &found.requires, &part->declared->requires);
		spec->conflicts = part->declared->conflicts;
		spec->obsoletes = part->declared->obsoletes;
		spec->recommends = part->declared->recommends;
	}
	add_siblings(c, parts, nparts, self, &found.requires);
	add_accounts(c->a, part, &found.requires);
	pkgdep_sort(&found.provides);
	pkgdep_sort(&found.requires);
	pkgfile_self_provides(c->a, &spec->id, &own);
	add_deps(c->a, &own, &found.provides);
	drop_own(&found.requires, &own, &hidden, part);
	spec->provides = found.provides;
	spec->requires = found.requires;
	return 0;
}

static void
describe(const struct package_context *c, const struct split_part *part,
	 struct pkgfile_spec *spec)
{
	static const char *const what[] = {
		[SPLIT_DEVEL] = "Files for building with",
		[SPLIT_STATIC] = "Static libraries of",
		[SPLIT_DOC] = "Manuals and documents of",
		[SPLIT_LOCALE] = "Translations of",
		[SPLIT_DEBUGINFO] = "What debuggers want to know of",
	};
	const struct recipe_package *p = part->declared;

	spec->summary = p->summary ? p->summary : c->recipe->summary;
	spec->description = p->description ? p->description
					   : (c->recipe->description ? c->recipe->description
								     : spec->summary);
	if (part->rule == SPLIT_DECLARED)
		return;
	spec->summary = arena_format(c->a, "%s %s", what[part->rule], p->name);
	spec->description = spec->summary;
}

/* The manifest that users of the package see: paths, types, plain modes, contents, targets. */
static void
fill_manifest(struct arena *a, const struct split_part *part, struct manifest *m)
{
	m->n = part->n;
	m->at = arena_array(a, part->n, sizeof(*m->at));
	for (size_t i = 0; i < part->n; i++) {
		const struct pkgfile_entry *e = &part->entries[i];

		m->at[i] = (struct manifest_entry){
			.path = e->path + 1,
			.type = e->type,
			.mode = e->type == MANIFEST_LINK ? 0 : e->mode,
			.size = e->size,
			.digest = e->digest,
			.target = e->target,
			.hardlink = e->hardlink ? e->hardlink + 1 : NULL,
		};
	}
}

static void
fill_facts(const struct package_context *c, const struct split_part *part,
	   const struct pkgfile_spec *spec, const struct pkgfile_ids *ids, struct pkgfacts *f)
{
	struct manifest m;

	f->id = spec->id;
	f->recipe = c->recipe->name;
	f->summary = spec->summary;
	f->license = spec->license;
	f->build_time = spec->build_time;
	f->file = ids->file;
	f->header = ids->header;
	f->size = ids->size;
	f->installed_size = ids->installed_size;
	pkgfile_self_provides(c->a, &spec->id, &f->provides);
	add_deps(c->a, &f->provides, &spec->provides);
	pkgdep_sort(&f->provides);
	f->requires = spec->requires;
	f->conflicts = spec->conflicts;
	f->obsoletes = spec->obsoletes;
	f->recommends = spec->recommends;
	f->npaths = part->n;
	f->paths = arena_array(c->a, part->n, sizeof(*f->paths));
	for (size_t i = 0; i < part->n; i++)
		f->paths[i] = part->entries[i].path;
	fill_manifest(c->a, part, &m);
	pkgfacts_environment(f, &m, &f->environment);
}

const char *
package_path(struct arena *a, const char *tmp, size_t i)
{
	return arena_format(a, "tmp/%s/package-%zu", tmp, i);
}

static int
write_file(const struct package_context *c, const struct pkgfile_spec *spec, size_t self,
	   struct pkgfile_ids *ids, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open_beneath(c->storefd, package_path(c->a, c->tmp, self),
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, &fd, err) < 0)
		return -1;
	return pkgfile_write(spec, fd, ids, err);
}

static int
make_one(const struct package_context *c, struct split_part *parts, size_t nparts, size_t self,
	 struct pkgfacts *out, struct err *err)
{
	struct split_part *part = &parts[self];
	const struct recipe *r = c->recipe;
	struct pkgfile_spec spec = {
		.id = identity(r, part),
		.license = r->license,
		.homepage = r->homepage,
		.vendor = c->vendor,
		.group = "Unspecified",
		.source_name = r->name,
		.build_time = r->epoch,
		.files_dirfd = c->files_dirfd,
	};
	struct pkgfile_ids ids;

	describe(c, part, &spec);
	if (part->rule == SPLIT_DECLARED &&
	    normalize_owners(r, part->declared, part->entries, part->n, err) < 0)
		return -1;
	if (find_deps(c, parts, nparts, self, &spec, err) < 0)
		return err_wrap(err, "package %s", part->name);
	spec.entries = part->entries;
	spec.nentries = part->n;
	if (write_file(c, &spec, self, &ids, err) < 0)
		return err_wrap(err, "package %s", part->name);
	fill_facts(c, part, &spec, &ids, out);
	return 0;
}

int
package_make(const struct package_context *c, const struct split_part *parts, size_t nparts,
	     struct pkgfacts **out, struct err *err)
{
	struct split_part *own = arena_array(c->a, nparts, sizeof(*own));
	struct pkgfacts *facts = arena_array(c->a, nparts, sizeof(*facts));

	memcpy(own, parts, nparts * sizeof(*own));
	for (size_t i = 0; i < nparts; i++) {
		if (make_one(c, own, nparts, i, &facts[i], err) < 0)
			return -1;
	}
	*out = facts;
	return 0;
}
