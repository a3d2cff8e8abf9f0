/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/tree.h"
#include "builder/gc_priv.h"
#include "builder/ground.h"
#include "builder/lock.h"
#include "builder/memo.h"
#include "trust/dsse.h"
#include <stdlib.h>

#define GC_NOTE_MAX  ((size_t)8192)
#define GC_FILE_MAX  ((size_t)64 * 1024 * 1024)
#define GC_PATH_MAX  300
#define GC_KIND_PIN  "pin"
#define GC_KIND_HOME "workspace"

/* The workspaces that use the store, while they are gone through. */
struct homes {
	struct arena a;
	struct dict recipes; /* names of their notes, over all workspaces */
	const struct cas *store;
	struct cas_gc *gc;
	void (*gone)(void *, const char *, uint64_t);
	void *arg;
};

static void
homes_release_scope(struct homes *h)
{
	dict_release(&h->recipes);
	arena_release(&h->a);
}

/* References of other rooms that this does not know are small, and kept. */
static enum cas_gc_role
role_of(void *arg, const char *kind, const char *name)
{
	static const char *const of_recipes[] = { "last", "run", "tested" };
	static const char *const units[] = { "action",  "logged", "proof",
					     "publish", "test",   "verdict" };
	const struct homes *h = arg;

	if (strcmp(kind, GC_KIND_PIN) == 0 || strcmp(kind, GC_KIND_INPUT) == 0)
		return CAS_GC_ROOT;
	for (size_t i = 0; i < ARRAY_LEN(of_recipes); i++) {
		if (strcmp(kind, of_recipes[i]) == 0)
			return dict_has(&h->recipes, name) ? CAS_GC_ROOT : CAS_GC_UNIT;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(kind, units[i]) == 0)
			return CAS_GC_UNIT;
	}
	return CAS_GC_NOTE;
}

/* Every digest in a text file; one that is not there names nothing. */
static int
root_file(struct cas_gc *gc, int dirfd, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GC_FILE_MAX);

	if (fd_read_file(dirfd, path, &text, err) < 0)
		return err->sys == ENOENT || err->sys == ENOTDIR ? 0 : -1;
	return cas_gc_root(gc, buf_text(&text), text.len, err);
}

/* What the workspace last decided the recipes of a stage come to, which another stage or
 * workspace with recipes of the same names may have made its own `last` of. Who forgot, or
 * cannot read its recipes just now, has those. */
static int
root_decided(struct homes *h, const struct workspace *w, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct recipe_set set = { .n = 0 };
	struct memo *m;
	struct err ignored;
	struct stat st;
	char hex[DIGEST_HEX];

	if (fstat(cas_dirfd(h->store), &st) < 0)
		return err_sys(err, "%s", cas_path(h->store));
	memo_open(&a, w->dirfd,
		  arena_format(&a, ".kiln/plan-%llx-%llx%s", (unsigned long long)st.st_dev,
			       (unsigned long long)st.st_ino, w->suffix),
		  w->epoch, &m);
	if (!m || memo_recipes(&a, m, &w->place, &set, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < set.n; i++) {
		const struct memo_decision *d = memo_decided(m, i);

		if (!d)
			continue;
		digest_hex(&d->action, hex);
		if (cas_gc_root(h->gc, hex, strlen(hex), err) < 0)
			return -1;
	}
	return 0;
}

/* The names of a stage's recipes, and what its files name. */
static int
visit_stage(struct homes *h, const struct workspace *w, struct err *err)
{
	const char **names;
	size_t n;

	if (root_decided(h, w, err) < 0)
		return -1;
	if (w->stage && w->stage->seed &&
	    root_file(h->gc, w->dirfd, seed_lock_path(&h->a, w->stage->seed), err) < 0)
		return -1;
	if (tree_list(&h->a, w->dirfd, w->place.dir, &names, &n, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	for (size_t i = 0; i < n; i++) {
		dict_set(&h->recipes, workspace_note(&h->a, w, names[i]), h);
		if (root_file(h->gc, w->dirfd,
			      arena_format(&h->a, "%s/%s/recipe.yaml", w->place.dir, names[i]),
			      err) < 0)
			return -1;
	}
	return root_file(h->gc, w->dirfd, w->lock, err);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* A document below out/, and what is signed in it when it is a bundle. */
static int
root_published(void *arg, const struct tree_entry *e, struct err *err)
{
	struct homes *h = arg;
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(GC_FILE_MAX);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct err unreadable;

	if (!S_ISREG(e->st->st_mode) ||
	    (!ends_with(e->name, ".json") && !ends_with(e->name, ".jsonl")))
		return 0;
	if (fd_read_file(e->dirfd, e->name, &text, err) < 0 ||
	    cas_gc_root(h->gc, buf_text(&text), text.len, err) < 0)
		return -1;
	if (!ends_with(e->name, ".sigstore.json") ||
	    dsse_bundle_parse(&a, buf_text(&text), text.len, e->name, &b, &unreadable) < 0)
		return 0;
	return cas_gc_root(h->gc, buf_text(&b.payload), b.payload.len, err);
}

static int
visit_published(struct homes *h, int dirfd, struct err *err)
{
	struct stat st;

	if (fstatat(dirfd, "out", &st, 0) < 0)
		return 0;
	return tree_walk(dirfd, "out", root_published, h, err) < 0 ? err_wrap(err, "out") : 0;
}

/* One workspace with all its stages. One whose stages cannot be read has that of its lock. */
static int
visit_home(struct homes *h, int dirfd, int64_t epoch, struct err *err)
{
	struct workspace w = { .dirfd = dirfd,
			       .epoch = epoch,
			       .place = { .dirfd = dirfd, .dir = "recipes", .epoch = epoch },
			       .lock = LOCK_FILE,
			       .suffix = "" };
	struct stages stages = { .n = 0 };
	struct err ignored;

	if (root_file(h->gc, dirfd, seed_lock_path(&h->a, NULL), err) < 0 ||
	    root_file(h->gc, dirfd, GROUND_LOCK, err) < 0 || visit_published(h, dirfd, err) < 0)
		return -1;
	if (stage_load(&h->a, &w, &stages, &ignored) < 0)
		return visit_stage(h, &w, err);
	for (size_t i = 0; i < stages.n; i++)
		if (stage_choose(&h->a, &w, stages.at[i].name, err) < 0 ||
		    visit_stage(h, &w, err) < 0)
			return -1;
	return 0;
}

/* A workspace that is gone, or not ours to read, needs nothing. */
static int
visit_remembered(struct homes *h, const struct cas *store, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GC_NOTE_MAX);
	CLEANUP(fd_close) int fd = -1;
	struct workspace other;
	struct err ignored;
	int64_t epoch = 0;
	struct doc *d;
	bool found;

	if (cas_ref_get(store, GC_KIND_HOME, name, &text, &found, err) < 0)
		return -1;
	if (!found || json_parse(&h->a, buf_text(&text), text.len, name, &d, &ignored) < 0 ||
	    !doc_get_text(d, "path") ||
	    fd_open_dir(AT_FDCWD, doc_get_text(d, "path"), &fd, &ignored) < 0 ||
	    faccessat(fd, "kiln.yaml", F_OK, 0) < 0)
		return 0;
	if (workspace_open(&h->a, doc_get_text(d, "path"), NULL, NULL, &other, &ignored) == 0) {
		epoch = other.epoch;
		workspace_close(&other);
	}
	return visit_home(h, fd, epoch, err);
}

static int
visit_homes(struct homes *h, const struct cas *store, const struct workspace *w,
	    struct err *err)
{
	const char **names;
	size_t n;

	if (visit_home(h, w->dirfd, w->epoch, err) < 0)
		return -1;
	if (tree_list(&h->a, cas_dirfd(store), "refs/" GC_KIND_HOME, &names, &n, err) < 0)
		return err->sys == ENOENT ? 0 : -1;
	for (size_t i = 0; i < n; i++) {
		if (visit_remembered(h, store, names[i], err) < 0)
			return err_wrap(err, "workspace");
	}
	return 0;
}

static void
on_gone(void *arg, const char *what, uint64_t bytes)
{
	const struct homes *h = arg;

	h->gone(h->arg, what, bytes);
}

int
gc_run(struct cas *store, struct workspace *w, const struct gc_budget *budget,
       void (*gone)(void *, const char *, uint64_t), void *arg, struct cas_gc_report *out,
       struct err *err)
{
	CLEANUP(homes_release) struct homes h = { .store = store, .gone = gone, .arg = arg };
	CLEANUP(cas_gc_free) struct cas_gc *gc = NULL;
	struct cas_gc_options o = { .now = clock_wall(),
				    .grace_s = GC_GRACE_S + budget->working_s,
				    .older_than_s = budget->older_than_s,
				    .keep_bytes = budget->keep_bytes,
				    .dry_run = budget->dry_run,
				    .role = role_of,
				    .gone = gone ? on_gone : NULL,
				    .arg = &h };
	struct gc_failed f = { .store = store,
			       .recipes = &h.recipes,
			       .dry_run = budget->dry_run,
			       .gone = gone ? on_gone : NULL,
			       .arg = &h };

	if (cas_gc_begin(store, &o, &gc, err) < 0)
		return -1;
	h.gc = gc;
	if (visit_homes(&h, store, w, err) < 0 || cas_gc_run(gc, out, err) < 0)
		return -1;
	f.before = o.now - KILN_MAX(o.grace_s, o.older_than_s);
	return gc_failed_run(&f, out, err);
}

int
gc_room(struct cas *store, uint64_t *bytes, struct err *err)
{
	uint64_t failed = 0;

	if (cas_gc_room(store, bytes, err) < 0 || gc_failed_room(store, &failed, err) < 0)
		return -1;
	*bytes += failed;
	return 0;
}

int
gc_note_workspace(struct cas *store, const struct workspace *w, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(GC_NOTE_MAX);
	CLEANUP(mem_free) char *path = realpath(w->path, NULL);
	char hex[DIGEST_HEX];
	struct doc *d = doc_map(&a);
	struct digest id;
	struct stat st;

	if (!path)
		return err_sys(err, "%s", w->path);
	digest_of(path, strlen(path), &id);
	digest_hex(&id, hex);
	if (fstatat(cas_dirfd(store), arena_format(&a, "refs/" GC_KIND_HOME "/%s", hex), &st,
		    0) == 0)
		return 0;
	doc_set_text(&a, d, "path", path);
	json_write(d, &text);
	if (buf_check(&text, "path of the workspace", err) < 0)
		return -1;
	return cas_ref_put(store, GC_KIND_HOME, hex, text.data, text.len, err);
}

int
gc_pin(struct cas *store, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(GC_NOTE_MAX);
	CLEANUP(fd_close) int lock = -1;
	struct digest d;
	bool found;

	/* A collection that has begun does not see the pin. */
	if (cas_lock(store, CAS_LOCK_OF_GC, &lock, err) < 0)
		return -1;
	if (digest_parse(name, &d)) {
		if (!cas_has(store, &d))
			return err_set(err, ERR_INPUT, "no object %s in the store", name);
		buf_add_format(&text, "{\"sha256\":\"%s\"}", name);
		return cas_ref_put(store, GC_KIND_PIN, name, text.data, text.len, err);
	}
	if (cas_ref_get(store, "last", name, &text, &found, err) < 0)
		return -1;
	if (!found) {
		err_set(err, ERR_INPUT, "'%s' was not built in this store", name);
		return err_hint(err, "name a recipe, or an object by its sha256");
	}
	return cas_ref_put(store, GC_KIND_PIN, name, text.data, text.len, err);
}

int
gc_unpin(struct cas *store, const char *name, struct err *err)
{
	static const char *const kinds[] = { GC_KIND_PIN, GC_KIND_INPUT };
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(kinds) && !strchr(name, '/'); i++) {
		char dir[GC_PATH_MAX], path[GC_PATH_MAX * 2];

		(void)snprintf(dir, sizeof(dir), "refs/%s", kinds[i]);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (unlinkat(cas_dirfd(store), path, 0) < 0)
			continue;
		any = true;
		if (fd_sync_dir(cas_dirfd(store), dir, err) < 0)
			return -1;
	}
	return any ? 0 : err_set(err, ERR_INPUT, "'%s' is not pinned", name);
}
