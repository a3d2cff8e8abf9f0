/* SPDX-License-Identifier: Apache-2.0 */
#include "images/rootfs.h"

#include "base/fd.h"
#include "images/rootfs_priv.h"
#include "repo/pkgdb.h"
#include "repo/pkgfile.h"
#include <inttypes.h>

#define ROOTFS_MAX_ENTRIES 2000000
#define ROOTFS_MAX_BYTES   (UINT64_C(64) << 30)
#define ROOTFS_MAX_TABLE   ((size_t)1024 * 1024) /* etc/passwd, etc/group */
#define ROOTFS_COPY        ((size_t)256 * 1024)
#define PASSWD_FIELDS      7
#define GROUP_FIELDS       4

struct rootfs_entry *
rootfs_add(struct rootfs_fill *f, const char *path, mode_t mode, const char *owner)
{
	struct rootfs_entry *e = arena_alloc(f->a, sizeof(*e));

	e->path = arena_strdup(f->a, path);
	e->mode = mode;
	e->mtime = f->spec->epoch;
	e->owner = owner;
	VEC_PUSH(&f->raw, e);
	return e;
}

/* Exactly size bytes of fd to the end of the spool. */
static int
spool_body(struct rootfs_fill *f, int fd, uint64_t size, struct rootfs_entry *e,
	   struct err *err)
{
	CLEANUP(mem_free) char *chunk = mem_alloc(ROOTFS_COPY);
	uint64_t left = size;

	if (size > ROOTFS_MAX_BYTES - f->spooled)
		return err_set(err, ERR_LIMIT,
			       "the image has more than %" PRIu64 " bytes of files",
			       ROOTFS_MAX_BYTES);
	while (left > 0) {
		ssize_t n = read(fd, chunk, (size_t)KILN_MIN(left, (uint64_t)ROOTFS_COPY));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading /%s", e->path);
		if (n == 0)
			return err_set(err, ERR_INPUT, "/%s ends %" PRIu64 " bytes early",
				       e->path, left);
		if (fd_write_all(f->spec->spool_fd, chunk, (size_t)n, err) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	e->offset = f->spooled;
	e->size = size;
	f->spooled += size;
	return 0;
}

/* One package being taken in. */
struct intake {
	struct rootfs_fill *f;
	const char *owner;
	int64_t mtime;
};

static mode_t
type_bits(enum manifest_type t)
{
	switch (t) {
	case MANIFEST_FILE:
		return S_IFREG;
	case MANIFEST_DIR:
		return S_IFDIR;
	case MANIFEST_LINK:
		return S_IFLNK;
	}
	return 0;
}

static int
take_caps(struct intake *in, const struct pkgfile_entry *p, struct rootfs_entry *e,
	  struct err *err)
{
	char *raw;

	if (!p->caps || !*p->caps)
		return 0;
	raw = arena_alloc(in->f->a, ROOTFS_CAPS_BYTES);
	if (rootfs_caps_parse(p->caps, raw, err) < 0)
		return err_wrap(err, "%s", p->path);
	e->caps = raw;
	return 0;
}

static int
take_entry(void *arg, const struct pkgfile_entry *p, int fd, struct err *err)
{
	struct intake *in = arg;
	struct arena *a = in->f->a;
	struct rootfs_entry *e;

	if (p->flags & PKGFILE_GHOST)
		return 0;
	if (p->path[0] != '/' || !manifest_is_path(p->path + 1))
		return err_set(err, ERR_INPUT, "'%s' is not a path an image can hold", p->path);
	if (in->f->raw.n == ROOTFS_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "the image has more than %d entries",
			       ROOTFS_MAX_ENTRIES);
	e = rootfs_add(in->f, p->path + 1,
		       type_bits(p->type) | (p->type == MANIFEST_LINK ? 0777 : p->mode & 07777),
		       in->owner);
	e->mtime = in->mtime;
	e->user = arena_strdup(a, p->user);
	e->group = arena_strdup(a, p->group);
	if (p->type == MANIFEST_LINK) {
		if (!p->target || !*p->target)
			return err_set(err, ERR_INPUT, "%s is a link to nothing", p->path);
		e->target = arena_strdup(a, p->target);
		return 0;
	}
	if (p->type == MANIFEST_DIR)
		return 0;
	if (p->hardlink) {
		e->hardlink = true;
		e->target = arena_strdup(a, p->hardlink + (p->hardlink[0] == '/'));
		return 0;
	}
	e->digest = p->digest;
	if (take_caps(in, p, e, err) < 0)
		return -1;
	return spool_body(in->f, fd, p->size, e, err);
}

/* The store says which package a blob is; the blob has to agree. */
static int
take_package(struct rootfs_fill *f, const struct pkgfacts *p, const char *name, int fd,
	     struct err *err)
{
	struct intake in = { .f = f, .owner = name };
	struct pkgfile file;

	if (pkgfile_read(f->a, fd, name, &file, err) < 0)
		return -1;
	if (!digest_equal(&file.header, &p->header))
		return err_set(err, ERR_IO,
			       "%s: the file in the store is another package than recorded",
			       name);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", name);
	in.mtime = file.build_time;
	if (pkgfile_each_body(fd, name, take_entry, &in, err) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* The database is made from the same descriptors, then joins the spool like any file. */
static int
add_rpmdb(struct rootfs_fill *f, const int *fds, const char *const *names, struct err *err)
{
	CLEANUP(fd_close) int db = -1;
	struct rootfs_entry *e;
	uint64_t size;

	for (size_t i = 0; i < f->spec->npackages; i++)
		if (lseek(fds[i], 0, SEEK_SET) < 0)
			return err_sys(err, "%s", names[i]);
	if (fd_memory("rpmdb.sqlite", &db, err) < 0 ||
	    pkgdb_write(fds, names, f->spec->npackages, f->spec->epoch, db, err) < 0)
		return -1;
	e = rootfs_add(f, ROOTFS_RPMDB, S_IFREG | 0644, "the RPM database");
	if (lseek(db, 0, SEEK_SET) < 0)
		return err_sys(err, ROOTFS_RPMDB);
	if (digest_fd(db, &e->digest, &size, err) < 0)
		return -1;
	if (lseek(db, 0, SEEK_SET) < 0)
		return err_sys(err, ROOTFS_RPMDB);
	if (spool_body(f, db, size, e, err) < 0)
		return -1;
	e = rootfs_add(f, ROOTFS_RPMDB_LINK, S_IFLNK | 0777, "the RPM database");
	e->target = "../../usr/lib/sysimage/rpm";
	return 0;
}

struct package_fds {
	int *at;
	size_t n;
};

static void
package_fds_close(struct package_fds *p)
{
	for (size_t i = 0; i < p->n; i++)
		close(p->at[i]);
	free(p->at);
	p->at = NULL;
	p->n = 0;
}
DEFINE_RELEASE(struct package_fds, package_fds_close);

static int
take_packages(struct rootfs_fill *f, struct err *err)
{
	const struct rootfs_spec *s = f->spec;
	CLEANUP(package_fds_close) struct package_fds fds = { 0 };
	const char **names = arena_array(f->a, s->npackages + 1, sizeof(*names));

	fds.at = mem_resize(NULL, s->npackages + 1, sizeof(*fds.at));
	for (size_t i = 0; i < s->npackages; i++) {
		names[i] = nevra_file(f->a, &s->packages[i]->id);
		if (cas_get_fd(s->store, &s->packages[i]->file, &fds.at[i], err) < 0)
			return err_wrap(err, "%s", names[i]);
		fds.n = i + 1;
		if (take_package(f, s->packages[i], names[i], fds.at[i], err) < 0)
			return -1;
	}
	return add_rpmdb(f, fds.at, names, err);
}

static void
add_links(struct rootfs_fill *f)
{
	for (size_t i = 0; i < f->spec->nlinks; i++) {
		struct rootfs_entry *e = rootfs_add(f, f->spec->links[i].path, S_IFLNK | 0777,
						    f->spec->links_owner);

		e->target = arena_strdup(f->a, f->spec->links[i].target);
	}
}

/* etc/passwd or etc/group; without one only root is known. */
static int
read_names(struct arena *a, const struct rootfs *r, const char *path, unsigned fields,
	   struct dict *names, struct err *err)
{
	const struct rootfs_entry *e = rootfs_find(r, path);
	struct rootfs_name *root;
	char *text;

	if (e && (!S_ISREG(e->mode) || e->hardlink))
		return err_set(err, ERR_INPUT, "/%s of %s is not a regular file", path,
			       e->owner);
	if (e && e->size > ROOTFS_MAX_TABLE)
		return err_set(err, ERR_LIMIT, "/%s is larger than %zu bytes", path,
			       ROOTFS_MAX_TABLE);
	if (e) {
		text = arena_alloc(a, e->size + 1);
		if (pread(r->spool_fd, text, e->size, (off_t)e->offset) != (ssize_t)e->size)
			return err_sys(err, "reading /%s", path);
		if (rootfs_names_parse(a, text, e->size, arena_format(a, "/%s", path), fields,
				       names, err) < 0)
			return err_wrap(err, "%s", e->owner);
	}
	root = dict_get(names, "root");
	if (root && root->id != 0)
		return err_set(err, ERR_INPUT, "/%s gives root another number than 0", path);
	if (!root)
		dict_set(names, "root", arena_alloc(a, sizeof(struct rootfs_name)));
	return 0;
}

static int
find_id(const struct dict *names, const char *name, const char *what,
	const struct rootfs_entry *e, uint32_t *id, struct err *err)
{
	const struct rootfs_name *found = dict_get(names, name ? name : "root");

	if (found) {
		*id = found->id;
		return 0;
	}
	err_set(err, ERR_INPUT,
		"%s: /%s belongs to %s '%s', which no package of the image declares", e->owner,
		e->path, what, name);
	return err_hint(err, "a package of the image must declare it in /etc/%s",
			strcmp(what, "user") == 0 ? "passwd" : "group");
}

static int
resolve_owners(struct arena *a, struct rootfs *r, struct err *err)
{
	if (read_names(a, r, "etc/passwd", PASSWD_FIELDS, &r->users, err) < 0 ||
	    read_names(a, r, "etc/group", GROUP_FIELDS, &r->groups, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		struct rootfs_entry *e = r->at[i];

		if (find_id(&r->users, e->user, "user", e, &e->uid, err) < 0 ||
		    find_id(&r->groups, e->group, "group", e, &e->gid, err) < 0)
			return -1;
	}
	return 0;
}

static void
fill_release(struct rootfs_fill *f)
{
	VEC_FREE(&f->raw);
	dict_release(&f->placed);
}
DEFINE_RELEASE(struct rootfs_fill, fill_release);

int
rootfs_fill(struct arena *a, const struct rootfs_spec *spec, struct rootfs *out,
	    struct err *err)
{
	CLEANUP(fill_release) struct rootfs_fill f = { .a = a, .spec = spec };
	CLEANUP(rootfs_release) struct rootfs r = { .spool_fd = spec->spool_fd };

	if (take_packages(&f, err) < 0)
		return -1;
	add_links(&f);
	if (rootfs_place(&f, err) < 0 || rootfs_compose_accounts(&f, err) < 0)
		return -1;
	r.at = arena_array(a, f.placed.n + 1, sizeof(struct rootfs_entry *));
	for (size_t i = 0; i < f.placed.n; i++) {
		void *value;

		(void)dict_at(&f.placed, i, &value);
		r.at[r.n++] = value;
		if (S_ISREG(r.at[i]->mode))
			r.bytes += r.at[i]->size;
	}
	if (resolve_owners(a, &r, err) < 0)
		return -1;
	*out = r;
	r.users = (struct dict){ 0 };
	r.groups = (struct dict){ 0 };
	return 0;
}

void
rootfs_release(struct rootfs *r)
{
	dict_release(&r->users);
	dict_release(&r->groups);
}

const struct rootfs_entry *
rootfs_find(const struct rootfs *r, const char *path)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(path, r->at[mid]->path);

		if (order == 0)
			return r->at[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}
