/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an entry really lies. A package may name /bin/x while another one owns the link
 * /bin -> usr/bin: RPM would install through the link, so the tree does too. Links are placed
 * first, in the order of their paths; then everything else goes through them.
 */
#include "images/rootfs_priv.h"

#define PLACE_MAX_HOPS 40
#define PLACE_MAX_PATH 4096

static const char *
kind_name(const struct rootfs_entry *e)
{
	if (e->hardlink)
		return "a hard link";
	if (S_ISDIR(e->mode))
		return "a directory";
	return S_ISLNK(e->mode) ? "a symbolic link" : "a file";
}

/* Removes the last component of done. */
static void
step_up(struct buf *done)
{
	while (done->len > 0 && done->data[done->len - 1] != '/')
		done->len--;
	if (done->len > 0)
		done->len--;
	if (done->data)
		done->data[done->len] = '\0';
}

/*
 * The path with every link on the way to its last component followed, within the image's root;
 * the last component itself is not followed.
 */
static int
resolve(const struct rootfs_fill *f, const char *path, const char **out, struct err *err)
{
	CLEANUP(buf_free) struct buf done = BUF_MAX(PLACE_MAX_PATH);
	const char *rest = path;

	for (unsigned hops = 0; *rest;) {
		size_t n = strcspn(rest, "/"), mark = done.len;
		const char *name = rest, *after = rest + n + strspn(rest + n, "/");
		const struct rootfs_entry *e;

		rest = after;
		if (n == 0 || (n == 1 && name[0] == '.'))
			continue;
		if (n == 2 && strncmp(name, "..", 2) == 0) {
			step_up(&done);
			continue;
		}
		if (done.len)
			buf_add_char(&done, '/');
		buf_add(&done, name, n);
		e = *after ? dict_get(&f->placed, buf_text(&done)) : NULL;
		if (!e || !S_ISLNK(e->mode))
			continue;
		if (++hops > PLACE_MAX_HOPS)
			return err_set(err, ERR_INPUT, "/%s: more than %d links on the way",
				       path, PLACE_MAX_HOPS);
		done.len = e->target[0] == '/' ? 0 : mark;
		done.data[done.len] = '\0';
		rest = arena_format(f->a, "%s/%s", e->target, after);
	}
	if (buf_check(&done, path, err) < 0)
		return -1;
	if (!done.len)
		return err_set(err, ERR_INPUT, "/%s: leads to the root itself", path);
	*out = arena_strdup(f->a, buf_text(&done));
	return 0;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool
same_owner(const struct rootfs_entry *a, const struct rootfs_entry *b)
{
	return strcmp(a->user ? a->user : "root", b->user ? b->user : "root") == 0 &&
	       strcmp(a->group ? a->group : "root", b->group ? b->group : "root") == 0;
}

static bool
same_caps(const struct rootfs_entry *a, const struct rootfs_entry *b)
{
	if (!a->caps || !b->caps)
		return a->caps == b->caps;
	return memcmp(a->caps, b->caps, ROOTFS_CAPS_BYTES) == 0;
}

/* What differs between two entries of one path, or NULL when they can be shared. */
static const char *
difference(const struct rootfs_entry *a, const struct rootfs_entry *b)
{
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT) || a->hardlink != b->hardlink)
		return "kind";
	if (!same_text(a->target, b->target))
		return "target";
	if (S_ISLNK(a->mode))
		return NULL;
	if (a->mode != b->mode)
		return "mode";
	if (!same_owner(a, b))
		return "owner";
	if (S_ISREG(a->mode) && !a->hardlink && !digest_equal(&a->digest, &b->digest))
		return "content";
	return same_caps(a, b) ? NULL : "capabilities";
}

static int
put(struct rootfs_fill *f, struct rootfs_entry *e, struct err *err)
{
	struct rootfs_entry *old;
	const char *what;

	if (dict_add(&f->placed, e->path, e))
		return 0;
	old = dict_get(&f->placed, e->path);
	what = difference(old, e);
	if (!what) {
		/* Shared: the newest time, whatever the order. */
		old->mtime = KILN_MAX(old->mtime, e->mtime);
		return 0;
	}
	err_set(err, ERR_INPUT, "/%s is %s in %s and %s in %s (they differ in %s)", e->path,
		kind_name(old), old->owner, kind_name(e), e->owner, what);
	return err_hint(err,
			"one of the two must not own the path: see `files:` of its recipe");
}

static int
place_one(struct rootfs_fill *f, struct rootfs_entry *e, struct err *err)
{
	if (resolve(f, e->path, &e->path, err) < 0)
		return err_wrap(err, "%s", e->owner);
	if (e->hardlink && resolve(f, e->target, &e->target, err) < 0)
		return err_wrap(err, "%s", e->owner);
	return put(f, e, err);
}

/* A hard link needs its first name in the archive before itself, and as a file. */
static int
check_hardlink(const struct rootfs_fill *f, const struct rootfs_entry *e, struct err *err)
{
	const struct rootfs_entry *first = dict_get(&f->placed, e->target);

	if (first && S_ISREG(first->mode) && !first->hardlink &&
	    strcmp(first->path, e->path) < 0)
		return 0;
	return err_set(err, ERR_INPUT,
		       "%s: /%s is a hard link to /%s, which is not a file before it", e->owner,
		       e->path, e->target);
}

static int
place_parents(struct rootfs_fill *f, const struct rootfs_entry *e, struct err *err)
{
	const struct rootfs_entry *up;

	for (const char *slash = strchr(e->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *path = arena_strndup(f->a, e->path, (size_t)(slash - e->path));
		struct rootfs_entry *made;

		up = dict_get(&f->placed, path);
		if (up && !S_ISDIR(up->mode))
			return err_set(err, ERR_INPUT,
				       "/%s of %s lies below /%s, which is %s in %s", e->path,
				       e->owner, path, kind_name(up), up->owner);
		if (up)
			continue;
		made = arena_alloc(f->a, sizeof(*made));
		made->path = path;
		made->mode = S_IFDIR | 0755;
		made->mtime = f->spec->epoch;
		made->owner = "no package";
		dict_set(&f->placed, path, made);
	}
	return 0;
}

static int
compare_raw(const void *a, const void *b)
{
	const struct rootfs_entry *const *x = a, *const *y = b;
	int order = strcmp((*x)->path, (*y)->path);

	return order ? order : strcmp((*x)->owner, (*y)->owner);
}

int
rootfs_place(struct rootfs_fill *f, struct err *err)
{
	qsort(f->raw.at, f->raw.n, sizeof(*f->raw.at), compare_raw);
	for (size_t i = 0; i < f->raw.n; i++)
		if (S_ISLNK(f->raw.at[i]->mode) && place_one(f, f->raw.at[i], err) < 0)
			return -1;
	for (size_t i = 0; i < f->raw.n; i++)
		if (!S_ISLNK(f->raw.at[i]->mode) && place_one(f, f->raw.at[i], err) < 0)
			return -1;
	for (size_t i = 0; i < f->raw.n; i++) {
		if (f->raw.at[i]->hardlink && check_hardlink(f, f->raw.at[i], err) < 0)
			return -1;
		if (place_parents(f, f->raw.at[i], err) < 0)
			return -1;
	}
	return 0;
}
