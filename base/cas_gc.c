/* SPDX-License-Identifier: Apache-2.0 */
/* Taking stock: every blob, tree and reference with its size, its age and its digest. */
#include "base/cas_gc_priv.h"
#include "base/dict.h"
#include "base/tree.h"

#define BLOCK_BYTES 512 /* unit of st_blocks */

void
cas_gc_path(const struct cas_gc_object *o, char out[CAS_PATH_MAX])
{
	if (o->kind == CAS_GC_BLOB)
		cas_blob_path(&o->digest, out);
	else
		(void)snprintf(out, CAS_PATH_MAX, "%s/%s",
			       o->kind == CAS_GC_TREE ? "trees" : "refs", o->name);
}

static uint64_t
room_of(const struct stat *st)
{
	return (uint64_t)st->st_blocks * BLOCK_BYTES;
}

/* The one word of 64 hexadecimal digits in a name; false when there is none. */
static bool
digest_in_name(const char *name, struct digest *out)
{
	for (const char *at = name; *at;) {
		size_t n = strspn(at, "0123456789abcdef");
		char hex[DIGEST_HEX];

		if (n == DIGEST_HEX - 1) {
			(void)snprintf(hex, sizeof(hex), "%.*s", DIGEST_HEX - 1, at);
			return digest_parse(hex, out);
		}
		at += n + (n == 0);
	}
	return false;
}

static void
add(struct cas_gc *g, enum cas_gc_kind kind, const char *name, const struct stat *st,
    uint64_t bytes)
{
	struct cas_gc_object o = {
		.kind = kind, .bytes = bytes, .mtime = st->st_mtime, .edges = CAS_GC_UNREAD
	};

	o.size = kind == CAS_GC_TREE ? 0 : (uint64_t)st->st_size; /* a tree has no text */

	if (kind == CAS_GC_BLOB) {
		/* No object of ours: `kiln store check` puts it aside. */
		if (!S_ISREG(st->st_mode) || !digest_parse(name, &o.digest))
			return;
	} else {
		o.name = arena_strdup(&g->names, name);
		o.nameless = !digest_in_name(name, &o.digest);
	}
	VEC_PUSH(&g->at, o);
}

bool
cas_gc_used(const struct cas_gc *g, const struct cas_gc_object *o, int64_t *when)
{
	char path[CAS_PATH_MAX];
	struct stat st;

	cas_gc_path(o, path);
	if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*when = o->kind == CAS_GC_TREE ? st.st_ctime : st.st_mtime;
	if (o->kind != CAS_GC_TREE)
		return true;
	(void)snprintf(path, sizeof(path), "manifests/%.*s", CAS_NAME_MAX, o->name);
	if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*when = KILN_MAX(*when, (int64_t)st.st_mtime);
	return true;
}

static int
take_shelf(struct cas_gc *g, int blobs, const char *shelf, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char **names;
	struct stat st;
	size_t n;

	if (fd_open_beneath(blobs, shelf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &fd, err) < 0 ||
	    tree_list(&a, fd, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strncmp(names[i], shelf, 2) != 0)
			continue;
		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			add(g, CAS_GC_BLOB, names[i], &st, room_of(&st));
		else if (errno != ENOENT) /* without the lock others may remove */
			return err_sys(err, "blobs/%s/%s", shelf, names[i]);
	}
	return 0;
}

static int
take_blobs(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char **shelves;
	size_t n;

	if (fd_open_beneath(g->c->dirfd, "blobs", O_RDONLY | O_DIRECTORY, &fd, err) < 0 ||
	    tree_list(&a, fd, ".", &shelves, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strlen(shelves[i]) == 2 && take_shelf(g, fd, shelves[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A file with two names in a tree takes its room once. */
static int
add_room(void *arg, const struct tree_entry *e, struct err *err)
{
	uint64_t *bytes = arg;

	(void)err;
	*bytes += room_of(e->st) /
		  (S_ISDIR(e->st->st_mode) ? 1 : KILN_MAX((uint64_t)e->st->st_nlink, 1u));
	return 0;
}

static int
take_trees(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char path[CAS_PATH_MAX];
	const char **names;
	struct stat st;
	size_t n;

	if (tree_list(&a, g->c->dirfd, "trees", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		uint64_t bytes = 0;
		time_t used = 0;

		(void)snprintf(path, sizeof(path), "manifests/%.*s", CAS_NAME_MAX, names[i]);
		if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			bytes += room_of(&st);
			used = st.st_mtime;
		}
		(void)snprintf(path, sizeof(path), "trees/%.*s", CAS_NAME_MAX, names[i]);
		if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return err_sys(err, "%s", path);
		}
		bytes += room_of(&st);
		/* A tree's own times are its package's; when it came here says its ctime. */
		st.st_mtime = KILN_MAX(st.st_ctime, used);
		if (tree_walk(g->c->dirfd, path, add_room, &bytes, err) < 0) {
			if (err->sys == ENOENT)
				continue;
			return -1;
		}
		add(g, CAS_GC_TREE, names[i], &st, bytes);
	}
	return 0;
}

static int
take_kind(struct cas_gc *g, const char *kind, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	char path[CAS_PATH_MAX];
	const char **names;
	struct stat st;
	size_t n;

	(void)snprintf(path, sizeof(path), "refs/%.*s", CAS_NAME_MAX, kind);
	if (tree_list(&a, g->c->dirfd, path, &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "refs/%.*s/%.*s", CAS_NAME_MAX, kind,
			       CAS_NAME_MAX, names[i]);
		if (fstatat(g->c->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
			add(g, CAS_GC_REF, path + strlen("refs/"), &st, room_of(&st));
		else if (errno != ENOENT)
			return err_sys(err, "%s", path);
	}
	return 0;
}

static int
take_refs(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char **kinds;
	size_t n;

	if (tree_list(&a, g->c->dirfd, "refs", &kinds, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (take_kind(g, kinds[i], err) < 0)
			return -1;
	}
	return 0;
}

static int
take_all(struct cas_gc *g, struct err *err)
{
	if (take_blobs(g, err) < 0)
		return -1;
	g->nblobs = g->at.n;
	return take_trees(g, err) < 0 || take_refs(g, err) < 0 ? -1 : 0;
}

int
cas_gc_room(struct cas *c, uint64_t *bytes, struct err *err)
{
	CLEANUP(cas_gc_free) struct cas_gc *g = mem_alloc(sizeof(*g));

	g->c = c;
	g->lock = -1;
	*bytes = 0;
	if (take_all(g, err) < 0)
		return err_wrap(err, "store %s", c->path);
	for (size_t i = 0; i < g->at.n; i++)
		*bytes += g->at.at[i].bytes;
	return 0;
}

static int
by_digest(const void *a, const void *b)
{
	const struct cas_gc_object *x = a, *y = b;
	int order = (int)y->nameless - (int)x->nameless;

	if (order == 0)
		order = memcmp(&x->digest, &y->digest, sizeof(x->digest));
	if (order == 0)
		order = (int)x->kind - (int)y->kind;
	return order || !x->name ? order : strcmp(x->name, y->name);
}

/* Blobs were taken in their order: it is enough to sort the others and to merge. */
static void
sort_all(struct cas_gc *g)
{
	struct cas_gc_object *all = mem_resize(NULL, g->at.n + 1, sizeof(*all));
	const struct cas_gc_object *blob = g->at.at, *blobs = blob + g->nblobs;
	const struct cas_gc_object *other = blobs, *end = blob + g->at.n;

	if (other < end)
		qsort(g->at.at + g->nblobs, g->at.n - g->nblobs, sizeof(*all), by_digest);
	for (size_t i = 0; i < g->at.n; i++) {
		bool first = other == end || (blob < blobs && by_digest(blob, other) < 0);

		all[i] = first ? *blob++ : *other++;
	}
	free(g->at.at);
	g->at.at = all;
	g->at.cap = g->at.n + 1;
}

static void
sort_objects(struct cas_gc *g)
{
	size_t at;

	if (g->at.n)
		sort_all(g);
	while (g->first < g->at.n && g->at.at[g->first].nameless)
		g->first++;
	at = g->first;
	g->near = mem_resize(NULL, CAS_GC_NEAR + 1, sizeof(*g->near));
	for (size_t i = 0; i <= CAS_GC_NEAR; i++) {
		while (at < g->at.n && cas_gc_near(&g->at.at[at].digest) < i)
			at++;
		g->near[i] = (uint32_t)at;
	}
}

int
cas_gc_begin(struct cas *c, const struct cas_gc_options *o, struct cas_gc **out,
	     struct err *err)
{
	CLEANUP(cas_gc_free) struct cas_gc *g = mem_alloc(sizeof(*g));
	int64_t start;

	g->c = c;
	g->o = o;
	g->lock = -1;
	g->text = (struct buf)BUF_MAX(CAS_GC_TEXT_MAX);
	if (cas_lock(c, CAS_LOCK_OF_GC, &g->lock, err) < 0 ||
	    cas_oldest_user(c, &start, err) < 0)
		return -1;
	g->oldest = KILN_MIN(o->now - o->grace_s,
			     start == INT64_MAX ? INT64_MAX : start - CAS_FRESH_S);
	if (take_all(g, err) < 0)
		return -1;
	if (g->at.n > CAS_GC_MAX)
		return err_set(err, ERR_LIMIT, "store %s: more than %zu objects", c->path,
			       CAS_GC_MAX);
	VEC_PUSH(&g->edges, 0); /* CAS_GC_LEAF */
	sort_objects(g);
	cas_gc_recall(g);
	*out = STEAL_PTR(g);
	return 0;
}

/* Trees that a live chamber stands on, even one whose Kiln is gone. What is pinned later is
 * looked at when trees are removed. */
static int
keep_pinned(struct cas_gc *g, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dict_release) struct dict pinned = { 0 };
	CLEANUP(fd_close) int hold = -1;
	void *unused;

	if (cas_pinned(&a, g->c, &pinned, &hold, err) < 0)
		return -1;
	for (size_t i = 0; i < pinned.n; i++) {
		const char *name = dict_at(&pinned, i, &unused);

		if (cas_gc_root(g, name, strlen(name), err) < 0)
			return -1;
	}
	return 0;
}

int
cas_gc_run(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	*out = (struct cas_gc_report){ .objects = g->at.n };
	for (size_t i = 0; i < g->at.n; i++)
		out->bytes += g->at.at[i].bytes;
	if (keep_pinned(g, err) < 0 || cas_gc_keep_locked(g, err) < 0 ||
	    cas_gc_mark(g, out, err) < 0 || cas_gc_sweep(g, out, err) < 0)
		return err_wrap(err, "store %s", g->c->path);
	/* What was removed and comes again may have been read when it was corrupt. */
	if (g->learned || (out->gone_objects && !g->o->dry_run))
		cas_gc_remember(g);
	return 0;
}

void
cas_gc_free(struct cas_gc *g)
{
	if (!g)
		return;
	if (g->lock >= 0)
		close(g->lock);
	arena_release(&g->names);
	VEC_FREE(&g->at);
	VEC_FREE(&g->todo);
	VEC_FREE(&g->newly);
	VEC_FREE(&g->edges);
	VEC_FREE(&g->absent);
	free(g->near);
	buf_free(&g->text);
	free(g);
}
