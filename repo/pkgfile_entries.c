/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a package: checked, sorted, and as the columns a header keeps them in. */
#include "repo/pkgfile_priv.h"
#include "base/dict.h"
#include <rpm/header.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmtag.h>

#define VERIFY_ALL UINT32_MAX
/* A ghost's contents are not the package's. */
#define VERIFY_GHOST                                                                           \
	(~(uint32_t)(RPMVERIFY_FILEDIGEST | RPMVERIFY_FILESIZE | RPMVERIFY_LINKTO |            \
		     RPMVERIFY_MTIME))

static int
compare_entries(const void *pa, const void *pb)
{
	const struct pkgfile_entry *a = pa, *b = pb;

	return strcmp(a->path, b->path);
}

static const struct pkgfile_entry *
find_entry(const struct pkgfile_entry *entries, size_t n, const char *path)
{
	const struct pkgfile_entry key = { .path = path };

	return bsearch(&key, entries, n, sizeof(*entries), compare_entries);
}

/* Names as useradd takes them: they become lookups in the target's passwd and group. */
static bool
is_owner(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";

	return !s || (strspn(s, allowed) == strlen(s) && *s && *s != '-' && strlen(s) <= 32);
}

static bool
is_caps(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_,=+ ";

	return strspn(s, allowed) == strlen(s) && strncmp(s, "cap_", 4) == 0 &&
	       strpbrk(s, "=+");
}

static int
check_entry(const struct pkgfile_entry *e, struct err *err)
{
	if (e->path[0] != '/' || !manifest_is_path(e->path + 1))
		return err_set(
			err, ERR_INPUT,
			"'%s' is not a path a package may hold (absolute, UTF-8, no control character, no '..')",
			e->path);
	if (e->mode & ~(mode_t)07777)
		return err_set(err, ERR_INPUT, "%s: mode %o is not permission bits", e->path,
			       (unsigned)e->mode);
	if (e->type == MANIFEST_FILE && e->size > PKGFILE_MAX_FILE)
		return err_set(err, ERR_LIMIT,
			       "%s is larger than 4 GiB, which Kiln's packages cannot hold yet",
			       e->path);
	if (e->type == MANIFEST_LINK && (!e->target || !*e->target))
		return err_set(err, ERR_INPUT, "%s: link without a target", e->path);
	if (e->type == MANIFEST_LINK && pkgfile_text_check("link target", e->target, err) < 0)
		return err_wrap(err, "%s", e->path);
	if (!is_owner(e->user) || !is_owner(e->group))
		return err_set(err, ERR_INPUT, "%s: owner %s:%s is not a user and a group",
			       e->path, e->user ? e->user : "root",
			       e->group ? e->group : "root");
	if (e->caps && (e->type != MANIFEST_FILE || !is_caps(e->caps)))
		return err_set(err, ERR_INPUT, "%s: '%s' are not capabilities of a file",
			       e->path, e->caps);
	return 0;
}

/* A further name of a file: its first name must be there and be the same file. */
static int
check_hardlink(const struct pkgfile_entry *entries, size_t n, const struct pkgfile_entry *e,
	       struct err *err)
{
	const struct pkgfile_entry *first = find_entry(entries, n, e->hardlink);

	if (!first || first->hardlink || first->type != MANIFEST_FILE)
		return err_set(err, ERR_INPUT,
			       "%s: its first name %s is not a file of the package", e->path,
			       e->hardlink);
	if (e->type != MANIFEST_FILE || first->size != e->size ||
	    !digest_equal(&first->digest, &e->digest) || first->mode != e->mode ||
	    ((first->flags ^ e->flags) & PKGFILE_GHOST))
		return err_set(err, ERR_INPUT,
			       "%s and %s are one file but described differently", e->path,
			       e->hardlink);
	return 0;
}

int
pkgfile_entries_sort(struct arena *a, const struct pkgfile_spec *spec,
		     struct pkgfile_entry **out, struct err *err)
{
	struct pkgfile_entry *e = arena_array(a, spec->nentries, sizeof(*e));

	if (spec->nentries > PKGFILE_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "package %s has more than %d files",
			       spec->id.name, PKGFILE_MAX_ENTRIES);
	for (size_t i = 0; i < spec->nentries; i++) {
		e[i] = spec->entries[i];
		if (check_entry(&e[i], err) < 0)
			return -1;
	}
	if (spec->nentries)
		qsort(e, spec->nentries, sizeof(*e), compare_entries);
	for (size_t i = 0; i < spec->nentries; i++) {
		if (i && strcmp(e[i - 1].path, e[i].path) == 0)
			return err_set(err, ERR_INPUT, "%s is listed twice", e[i].path);
		if (e[i].hardlink && check_hardlink(e, spec->nentries, &e[i], err) < 0)
			return -1;
	}
	*out = e;
	return 0;
}

uint64_t
pkgfile_entries_size(const struct pkgfile_entry *entries, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (entries[i].type == MANIFEST_FILE && !entries[i].hardlink &&
		    !(entries[i].flags & PKGFILE_GHOST))
			sum += entries[i].size;
	}
	return sum;
}

/* One array per tag, in the order of the sorted entries. */
struct columns {
	const char **base, **dirs, **digest, **target, **user, **group, **lang, **caps;
	uint32_t *dir, *size, *mtime, *flags, *verify, *device, *inode;
	uint16_t *mode, *rdev;
	uint32_t n, ndirs;
	bool any_caps;
};

static const char **
texts(struct arena *a, size_t n)
{
	const char **t = arena_array(a, n, sizeof(*t));

	for (size_t i = 0; i < n; i++)
		t[i] = "";
	return t;
}

static void
make_columns(struct arena *a, uint32_t n, struct columns *c)
{
	memset(c, 0, sizeof(*c));
	c->n = n;
	c->base = texts(a, n);
	c->dirs = texts(a, n);
	c->digest = texts(a, n);
	c->target = texts(a, n);
	c->user = texts(a, n);
	c->group = texts(a, n);
	c->lang = texts(a, n);
	c->caps = texts(a, n);
	c->dir = arena_array(a, n, sizeof(*c->dir));
	c->size = arena_array(a, n, sizeof(*c->size));
	c->mtime = arena_array(a, n, sizeof(*c->mtime));
	c->flags = arena_array(a, n, sizeof(*c->flags));
	c->verify = arena_array(a, n, sizeof(*c->verify));
	c->device = arena_array(a, n, sizeof(*c->device));
	c->inode = arena_array(a, n, sizeof(*c->inode));
	c->mode = arena_array(a, n, sizeof(*c->mode));
	c->rdev = arena_array(a, n, sizeof(*c->rdev));
}

/* "/usr/bin/x": directory "/usr/bin/", base "x". Directories are listed as they first appear.
 */
static void
fill_path(struct arena *a, struct columns *c, uint32_t i, const char *path, struct dict *seen)
{
	const char *base = strrchr(path, '/') + 1;
	char *dir = arena_strndup(a, path, (size_t)(base - path));
	uintptr_t at = (uintptr_t)dict_get(seen, dir); /* index + 1 */

	if (!at) {
		c->dirs[c->ndirs++] = dir;
		at = c->ndirs;
		dict_set(seen, dir, (void *)at);
	}
	c->dir[i] = (uint32_t)(at - 1);
	c->base[i] = base;
}

static uint32_t
file_flags(unsigned flags)
{
	return (flags & PKGFILE_CONFIG ? RPMFILE_CONFIG : 0) |
	       (flags & PKGFILE_NOREPLACE ? RPMFILE_NOREPLACE : 0) |
	       (flags & PKGFILE_DOC ? RPMFILE_DOC : 0) |
	       (flags & PKGFILE_LICENSE ? RPMFILE_LICENSE : 0) |
	       (flags & PKGFILE_GHOST ? RPMFILE_GHOST : 0);
}

static void
fill_contents(struct arena *a, struct columns *c, uint32_t i, const struct pkgfile_entry *e)
{
	char hex[DIGEST_HEX];

	if (e->type == MANIFEST_DIR) {
		c->mode[i] = (uint16_t)(S_IFDIR | e->mode);
		c->size[i] = 0;
	} else if (e->type == MANIFEST_LINK) {
		c->mode[i] = (uint16_t)(S_IFLNK | 0777);
		c->size[i] = (uint32_t)strlen(e->target);
		c->target[i] = e->target;
	} else {
		c->mode[i] = (uint16_t)(S_IFREG | e->mode);
		c->size[i] = (uint32_t)e->size;
		digest_hex(&e->digest, hex);
		if (!(e->flags & PKGFILE_GHOST))
			c->digest[i] = arena_strdup(a, hex);
	}
}

static void
fill_rest(struct columns *c, uint32_t i, const struct pkgfile_spec *s)
{
	const struct pkgfile_entry *e = &s->entries[i], *first = e;

	if (e->hardlink)
		first = find_entry(s->entries, s->nentries, e->hardlink);
	c->inode[i] = (uint32_t)(first - s->entries) + 1; /* equal inodes are one file */
	c->device[i] = 1;
	c->mtime[i] = (uint32_t)s->build_time;
	c->flags[i] = file_flags(e->flags);
	c->verify[i] = e->flags & PKGFILE_GHOST ? VERIFY_GHOST : VERIFY_ALL;
	c->user[i] = e->user ? e->user : "root";
	c->group[i] = e->group ? e->group : "root";
	if (e->caps) {
		c->caps[i] = e->caps;
		c->any_caps = true;
	}
}

static bool
put_columns(Header h, const struct columns *c)
{
	const uint32_t algo = PKGFILE_SHA256;

	return headerPutStringArray(h, RPMTAG_BASENAMES, c->base, c->n) &&
	       headerPutStringArray(h, RPMTAG_DIRNAMES, c->dirs, c->ndirs) &&
	       headerPutUint32(h, RPMTAG_DIRINDEXES, c->dir, c->n) &&
	       headerPutUint32(h, RPMTAG_FILESIZES, c->size, c->n) &&
	       headerPutUint16(h, RPMTAG_FILEMODES, c->mode, c->n) &&
	       headerPutUint16(h, RPMTAG_FILERDEVS, c->rdev, c->n) &&
	       headerPutUint32(h, RPMTAG_FILEMTIMES, c->mtime, c->n) &&
	       headerPutStringArray(h, RPMTAG_FILEDIGESTS, c->digest, c->n) &&
	       headerPutStringArray(h, RPMTAG_FILELINKTOS, c->target, c->n) &&
	       headerPutUint32(h, RPMTAG_FILEFLAGS, c->flags, c->n) &&
	       headerPutStringArray(h, RPMTAG_FILEUSERNAME, c->user, c->n) &&
	       headerPutStringArray(h, RPMTAG_FILEGROUPNAME, c->group, c->n) &&
	       headerPutUint32(h, RPMTAG_FILEVERIFYFLAGS, c->verify, c->n) &&
	       headerPutUint32(h, RPMTAG_FILEDEVICES, c->device, c->n) &&
	       headerPutUint32(h, RPMTAG_FILEINODES, c->inode, c->n) &&
	       headerPutStringArray(h, RPMTAG_FILELANGS, c->lang, c->n) &&
	       (!c->any_caps || headerPutStringArray(h, RPMTAG_FILECAPS, c->caps, c->n)) &&
	       headerPutUint32(h, RPMTAG_FILEDIGESTALGO, &algo, 1);
}

int
pkgfile_entries_put(struct headerToken_s *h, const struct pkgfile_spec *spec, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict seen = { 0 };
	struct columns c;

	if (spec->nentries == 0)
		return 0;
	make_columns(&a, (uint32_t)spec->nentries, &c);
	for (uint32_t i = 0; i < c.n; i++) {
		fill_path(&a, &c, i, spec->entries[i].path, &seen);
		fill_contents(&a, &c, i, &spec->entries[i]);
		fill_rest(&c, i, spec);
	}
	if (!put_columns(h, &c))
		return err_set(err, ERR_INPUT, "librpm refused the file list of %s",
			       spec->id.name);
	return 0;
}
