/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/normalize.h"
#include "builder/split.h"

static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && memcmp(s + n - m, end, m) == 0;
}

/* libtool's notes name the build directory and make later links drag in what nobody asked for;
 * info/dir is an index that every package would write anew. */
static bool
is_dropped(const struct manifest_entry *e)
{
	if (e->type == MANIFEST_DIR)
		return false;
	return ends_with(e->path, ".la") || strcmp(e->path, "usr/share/info/dir") == 0;
}

/* /bin, /sbin, /lib and /lib64 are links into /usr and nothing else. */
static int
check_merged(const struct recipe *r, const struct manifest_entry *e, struct err *err)
{
	static const struct {
		const char *name, *target;
	} merged[] = {
		{ "bin", "usr/bin" },
		{ "sbin", "usr/sbin" },
		{ "lib", "usr/lib" },
		{ "lib64", "usr/lib64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(merged); i++) {
		if (!is_below(e->path, merged[i].name))
			continue;
		if (e->type == MANIFEST_LINK && (strcmp(e->target, merged[i].target) == 0 ||
						 strcmp(e->target, "usr/lib") == 0))
			return 0;
		err_set(err, ERR_INPUT,
			"%s: the build installed '/%s', but /%s is a link to /%s in a merged system",
			r->path, e->path, merged[i].name, merged[i].target);
		return err_hint(err, "configure it to install below /usr, e.g. %s=/%s",
				i == 0   ? "--bindir"
				: i == 1 ? "--sbindir"
					 : "--libdir",
				merged[i].target);
	}
	return 0;
}

static int
check_place(const struct recipe *r, const struct manifest_entry *e, struct err *err)
{
	static const char *const dirs[] = { "boot", "dev",  "home", "media", "mnt", "opt",
					    "proc", "root", "run",  "srv",   "sys", "tmp" };
	static const char *const places[] = {
		"usr", "etc", "var", "bin", "sbin", "lib", "lib64"
	};

	if (is_below(e->path, "usr/local")) {
		err_set(err, ERR_INPUT,
			"%s: the build installed '/%s'; /usr/local belongs to the administrator",
			r->path, e->path);
		return err_hint(err, "configure it with --prefix=/usr");
	}
	if (check_merged(r, e, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (is_below(e->path, places[i]))
			return 0;
	}
	for (size_t i = 0; e->type == MANIFEST_DIR && i < ARRAY_LEN(dirs); i++) {
		if (is_below(e->path, dirs[i]))
			return 0;
	}
	err_set(err, ERR_INPUT,
		"%s: the build installed '/%s'; packages hold files below /usr, /etc and /var",
		r->path, e->path);
	return err_hint(
		err, "configure it with --prefix=/usr --sysconfdir=/etc --localstatedir=/var");
}

static int
check_link(const struct recipe *r, const struct manifest_entry *e, struct err *err)
{
	if (e->type != MANIFEST_LINK)
		return 0;
	if (!is_below(e->target, "/build") && !is_below(e->target, "/out"))
		return 0;
	err_set(err, ERR_INPUT,
		"%s: the build installed '/%s' as a link to '%s', which is gone after the build",
		r->path, e->path, e->target);
	return err_hint(err,
			"make the link relative, or let it name the place after installation");
}

static unsigned
flags_of(const char *path)
{
	if (is_below(path, "/usr/share/licenses"))
		return PKGFILE_LICENSE;
	if (is_below(path, "/usr/share/doc") || is_below(path, "/usr/share/man") ||
	    is_below(path, "/usr/share/info"))
		return PKGFILE_DOC;
	return 0;
}

static void
fill_entry(struct arena *a, const struct manifest_entry *e, struct pkgfile_entry *out)
{
	out->path = arena_format(a, "/%s", e->path);
	out->type = e->type;
	out->mode = e->type == MANIFEST_LINK ? 0777 : e->mode & 0755;
	out->size = e->size;
	out->digest = e->digest;
	out->target = e->target;
	out->hardlink = e->hardlink ? arena_format(a, "/%s", e->hardlink) : NULL;
	out->source = e->type == MANIFEST_FILE ? e->path : NULL;
	out->flags = e->type == MANIFEST_DIR ? 0 : flags_of(out->path);
}

/* A package may be nothing but what the recipe says of it. */
static bool
is_declared(const struct recipe *r)
{
	for (size_t i = 0; i < r->npackages; i++) {
		const struct recipe_package *p = &r->packages[i];

		if (p->nmade || p->requires.n || p->provides.n || p->recommends.n)
			return true;
	}
	return false;
}

int
normalize_tree(struct arena *a, const struct recipe *r, const struct manifest *harvest,
	       struct pkgfile_entry **out, size_t *n, struct err *err)
{
	struct pkgfile_entry *entries = arena_array(a, harvest->n, sizeof(*entries));
	size_t count = 0;

	for (size_t i = 0; i < harvest->n; i++) {
		const struct manifest_entry *e = &harvest->at[i];

		if (check_place(r, e, err) < 0 || check_link(r, e, err) < 0)
			return -1;
		if (is_dropped(e))
			continue;
		fill_entry(a, e, &entries[count++]);
	}
	if (count == 0 && !is_declared(r)) {
		err_set(err, ERR_INPUT, "%s: the build installed nothing", r->path);
		return err_hint(
			err,
			"install below \"$DESTDIR\", e.g. make install DESTDIR=\"$DESTDIR\"; "
			"a package without files declares what it requires or provides");
	}
	*out = entries;
	*n = count;
	return 0;
}

static int
check_owner(const struct recipe *r, const struct recipe_package *p,
	    const struct recipe_owner *o, const struct pkgfile_entry *e, struct err *err)
{
	unsigned mode = o->mode < 0 ? 0 : (unsigned)o->mode;

	if (((mode & 07000) || o->caps) && !o->reason) {
		err_set(err, ERR_INPUT, "%s:%d:%d: package '%s': '%s' gets %s without a reason",
			r->path, p->line, p->col, p->name, e->path,
			o->caps ? "capabilities" : "a special mode");
		return err_hint(err, "add `reason:` beside it: why it is safe");
	}
	if ((mode & 0002) && !(e->type == MANIFEST_DIR && (mode & 01000))) {
		err_set(err, ERR_INPUT,
			"%s:%d:%d: package '%s': mode %04o lets everybody write to '%s'",
			r->path, p->line, p->col, p->name, mode, e->path);
		return err_hint(
			err,
			"take the write bit of others away (directories may have it with 1777)");
	}
	if ((mode & 06000) && (mode & 0020) && e->type == MANIFEST_FILE)
		return err_set(
			err, ERR_INPUT,
			"%s:%d:%d: package '%s': '%s' is set-id and writable by its group",
			r->path, p->line, p->col, p->name, e->path);
	if (o->caps && e->type != MANIFEST_FILE)
		return err_set(err, ERR_INPUT,
			       "%s:%d:%d: package '%s': '%s' is no file, capabilities need one",
			       r->path, p->line, p->col, p->name, e->path);
	return 0;
}

static void
apply_owner(const struct recipe_owner *o, struct pkgfile_entry *e)
{
	if (o->user)
		e->user = o->user;
	if (o->group)
		e->group = o->group;
	if (o->caps)
		e->caps = o->caps;
	if (o->mode >= 0 && e->type != MANIFEST_LINK)
		e->mode = (mode_t)o->mode;
	if (o->config && e->type == MANIFEST_FILE)
		e->flags |= PKGFILE_CONFIG | PKGFILE_NOREPLACE;
}

/* Unlike `files`, a glob here takes what it names and nothing below: giving a directory away
 * must not give its contents away. "DIR/" followed by a double star takes those. */
static bool
names_entry(const char *glob, const char *path)
{
	char up[4096];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (!split_match(glob, path))
		return false;
	if (n == 0 || n >= sizeof(up) || ends_with(glob, "/**"))
		return true;
	memcpy(up, path, n);
	up[n] = '\0';
	return !split_match(glob, up);
}

int
normalize_owners(const struct recipe *r, const struct recipe_package *p,
		 struct pkgfile_entry *entries, size_t n, struct err *err)
{
	for (size_t i = 0; i < p->nowners; i++) {
		const struct recipe_owner *o = &p->owners[i];
		size_t matched = 0;

		for (size_t j = 0; j < n; j++) {
			if (!names_entry(o->path, entries[j].path))
				continue;
			matched++;
			if (check_owner(r, p, o, &entries[j], err) < 0)
				return -1;
			apply_owner(o, &entries[j]);
		}
		if (matched == 0)
			return err_set(
				err, ERR_INPUT,
				"%s:%d:%d: package '%s': owners: '%s' matches nothing in it",
				r->path, p->line, p->col, p->name, o->path);
	}
	return 0;
}
