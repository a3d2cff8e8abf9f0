/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/memo.h"
#include "base/fd.h"
#include "base/mem.h"
#include "builder/memo_priv.h"

struct memo {
	struct arena *a;
	int dirfd;
	const char *path;
	struct memo_text old;    /* as read */
	struct memo_text next;   /* stamps that will be written */
	struct memo_entry **now; /* one for each recipe of the set */
	size_t nnow;
	bool changed;      /* it is not what was read: of one recipe at least */
	bool ticked, mute; /* tick_ns is known; nothing can be remembered */
	int64_t tick_ns;   /* of the file system's clock, before anything was read */
	bool proved;       /* `proven` of every decision speaks of next.shelves */
	bool dirty;
};

static void
stamp_of(const struct stat *st, struct memo_stamp *out)
{
	*out = (struct memo_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
	};
}

/* Another build of Kiln may read or decide otherwise. */
static bool
find_maker(int64_t default_epoch, struct digest *out)
{
	struct {
		struct memo_stamp program;
		int64_t epoch;
	} m;
	struct stat st;

	memset(&m, 0, sizeof(m));
	if (stat("/proc/self/exe", &st) < 0)
		return false;
	stamp_of(&st, &m.program);
	m.epoch = default_epoch;
	digest_of(&m, sizeof(m), out);
	return true;
}

/* Texts are used where they stand, so the bytes live as long as the memo. */
static const char *
read_bytes(struct memo *m, size_t *n)
{
	CLEANUP(fd_close) int fd = -1;
	struct err ignored;
	struct stat st;
	ssize_t got = 1;
	char *at;

	if (fd_open_beneath(m->dirfd, m->path, O_RDONLY, &fd, &ignored) < 0 ||
	    fstat(fd, &st) < 0 || st.st_size <= 0 || (uint64_t)st.st_size > MEMO_MAX_BYTES)
		return NULL;
	at = arena_alloc(m->a, (size_t)st.st_size);
	for (*n = 0; *n < (size_t)st.st_size && got > 0; *n += (size_t)KILN_MAX(got, 0))
		got = read(fd, at + *n, (size_t)st.st_size - *n);
	return at;
}

void
memo_open(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
	  struct memo **out)
{
	struct memo *m = arena_alloc(a, sizeof(*m));
	const char *bytes;
	size_t n = 0;

	*out = m;
	m->a = a;
	m->dirfd = dirfd;
	m->path = arena_strdup(a, path);
	m->mute = !find_maker(default_epoch, &m->next.maker);
	if (m->mute)
		return;
	bytes = read_bytes(m, &n);
	if (!bytes || !memo_wire_read(a, bytes, n, &m->next.maker, &m->old))
		m->old = (struct memo_text){ .n = 0 };
	memcpy(m->next.shelves, m->old.shelves, sizeof(m->next.shelves));
}

/* The time on the clock that stamps files there, found by making one. */
static bool
tick_at(int dirfd, const char *path, int64_t *ns)
{
	CLEANUP(fd_close) int fd = -1;
	char name[FD_TMP_MAX];
	struct err ignored;
	struct stat st;
	struct memo_stamp now;
	bool good;

	if (fd_tmp(dirfd, path, name, &fd, &ignored) < 0)
		return false;
	good = fstat(fd, &st) == 0;
	if (good)
		stamp_of(&st, &now);
	if (good)
		*ns = now.mtime_ns;
	(void)unlinkat(dirfd, name, 0);
	return good;
}

static void
tick(struct memo *m)
{
	struct err ignored;

	if (m->ticked || m->mute)
		return;
	m->ticked = true;
	m->mute = fd_mkdirs(m->dirfd, ".kiln", &ignored) < 0 ||
		  !tick_at(m->dirfd, m->path, &m->tick_ns);
}

static bool
dir_stamp(int dirfd, const char *path, struct memo_stamp *out)
{
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return false;
	stamp_of(&st, out);
	return true;
}

static bool
same_stamp(const struct memo_stamp *x, const struct memo_stamp *y)
{
	return memcmp(x, y, sizeof(*x)) == 0;
}

/* What changes after this look gets another stamp than this one. */
static bool
is_settled(const struct memo_stamp *s, int64_t tick_ns)
{
	return s->mtime_ns < tick_ns && s->ctime_ns < tick_ns;
}

static bool
stamp_at(int dirfd, const char *path, struct memo_stamp *out)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	stamp_of(&st, out);
	return true;
}

/* Files of the place are looked for from its own directory, for the kernel walks every path. */
struct lookout {
	int dirfd, below;   /* of the workspace; of the place, or -1 */
	const char *prefix; /* "recipes/" */
	size_t n;
};

static bool
is_fresh(const struct lookout *l, const struct memo_file *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const bool in = l->below >= 0 && strncmp(f[i].path, l->prefix, l->n) == 0;
		struct memo_stamp now;

		if (!stamp_at(in ? l->below : l->dirfd, f[i].path + (in ? l->n : 0), &now) ||
		    !same_stamp(&now, &f[i].stamp))
			return false;
	}
	return true;
}

/* Parses one entry of the place, remembering what its files looked like before. */
static int
read_anew(struct arena *a, struct memo *m, const struct recipe_place *place, const char *name,
	  struct memo_entry **out, struct err *err)
{
	struct memo_entry *e = arena_alloc(m->a, sizeof(*e));
	const char *path = arena_format(a, "%s/%s/recipe.yaml", place->dir, name);
	struct memo_stamp before = { 0 };
	bool stamped;

	tick(m);
	stamped = stamp_at(m->dirfd, path, &before);
	*out = NULL;
	if (recipe_load_entry(a, place, name, &e->recipe, err) < 0)
		return -1;
	if (!e->recipe)
		return 0;
	*out = e;
	e->name = e->recipe->name;
	e->nfiles = 1 + e->recipe->npatches;
	e->files = arena_array(m->a, e->nfiles, sizeof(*e->files));
	e->files[0] = (struct memo_file){ .path = path, .stamp = before };
	for (size_t i = 0; i < e->recipe->npatches; i++) {
		e->files[i + 1].path =
			arena_format(a, "%s/%s", e->recipe->dir, e->recipe->patches[i].file);
		stamped = stamped &&
			  stamp_at(m->dirfd, e->files[i + 1].path, &e->files[i + 1].stamp);
	}
	/* What changed since the tick, perhaps while it was read, is not remembered. */
	for (size_t i = 0; i < e->nfiles; i++)
		stamped = stamped && is_settled(&e->files[i].stamp, m->tick_ns);
	e->lasting = stamped;
	m->dirty = m->dirty || stamped;
	return 0;
}

/* Sorted names in the place: those that are remembered, when nothing was made, removed or
 * renamed there since; all were recipes then. */
static int
list_names(struct arena *a, struct memo *m, const struct recipe_place *place,
	   const char ***names, size_t *n, struct err *err)
{
	static const struct memo_stamp unknown;
	struct memo_stamp now;

	if (place->only)
		return recipe_list_place(a, place, names, n, err);
	if (dir_stamp(place->dirfd, place->dir, &now) && same_stamp(&now, &m->old.recipes)) {
		m->next.recipes = now;
		*n = m->old.n;
		*names = arena_array(a, *n, sizeof(char *));
		for (size_t i = 0; i < *n; i++)
			(*names)[i] = m->old.entries[i].name;
		return 0;
	}
	tick(m);
	m->next.recipes = unknown;
	if (!m->mute && dir_stamp(place->dirfd, place->dir, &now) &&
	    is_settled(&now, m->tick_ns))
		m->next.recipes = now;
	return recipe_list_place(a, place, names, n, err);
}

/* The names of the place are those of the memo that will be written. */
static void
judge_names(struct memo *m, size_t nnames)
{
	bool all = m->nnow == nnames;

	for (size_t i = 0; i < m->nnow; i++)
		all = all && m->now[i]->lasting;
	m->changed = m->changed || m->nnow != m->old.n;
	if (!all)
		memset(&m->next.recipes, 0, sizeof(m->next.recipes));
	m->dirty = m->dirty || m->nnow != m->old.n ||
		   (all && !same_stamp(&m->next.recipes, &m->old.recipes));
}

int
memo_recipes(struct arena *a, struct memo *m, const struct recipe_place *place,
	     struct recipe_set *out, struct err *err)
{
	CLEANUP(fd_close) int below = -1;
	struct lookout look = { .dirfd = place->dirfd,
				.prefix = arena_format(a, "%s/", place->dir) };
	struct recipe_set set = { 0 };
	struct err ignored;
	const char **names;
	size_t n, old = 0;

	if (list_names(a, m, place, &names, &n, err) < 0)
		return -1;
	look.below = fd_open_dir(place->dirfd, place->dir, &below, &ignored) < 0 ? -1 : below;
	look.n = strlen(look.prefix);
	set.at = arena_array(a, n, sizeof(struct recipe *));
	m->now = arena_array(m->a, n, sizeof(struct memo_entry *));
	for (size_t i = 0; i < n; i++) {
		struct memo_entry *e = NULL;

		/* Both lists are sorted. */
		while (old < m->old.n && strcmp(m->old.entries[old].name, names[i]) < 0)
			old++;
		if (old < m->old.n && strcmp(m->old.entries[old].name, names[i]) == 0)
			e = &m->old.entries[old];
		if (e && !is_fresh(&look, e->files, e->nfiles))
			e = NULL;
		m->changed = m->changed || !e;
		if (!e && read_anew(a, m, place, names[i], &e, err) < 0)
			return -1;
		if (!e)
			continue;
		m->now[m->nnow++] = e;
		set.at[set.n++] = e->recipe;
	}
	judge_names(m, n);
	/* A recipe is named as its directory, so sorting keeps the order. */
	if (recipe_index_all(a, &set, err) < 0)
		return -1;
	*out = set;
	return 0;
}

/* Nodes stand after what they need, and every recipe has one. */
static bool
is_plan(const struct memo_plan *p, size_t nrecipes)
{
	CLEANUP(mem_free) bool *met = mem_alloc(nrecipes + 1);
	const uint32_t *need = p->needs;

	for (size_t i = 0; i < p->n; i++) {
		if (p->slots[i] >= nrecipes || met[p->slots[i]])
			return false;
		met[p->slots[i]] = true;
		for (size_t j = 0; j < p->nneeds[i]; j++, need++)
			if (*need >= i)
				return false;
	}
	return p->n == nrecipes;
}

bool
memo_plan(struct arena *a, struct memo *m, const struct recipe_set *set,
	  const struct digest *in, struct plan *out)
{
	const struct memo_plan *p = &m->old.plan;
	uint32_t *need = p->needs;

	if (m->changed || set->n != m->nnow || p->n == 0 || !digest_equal(&p->in, in) ||
	    !is_plan(p, set->n))
		return false;
	m->next.plan = *p;
	*out = (struct plan){ .n = p->n, .at = arena_array(a, p->n, sizeof(*out->at)) };
	for (size_t i = 0; i < p->n; i++) {
		out->at[i] = (struct plan_node){ .recipe = set->at[p->slots[i]],
						 .slot = p->slots[i],
						 .needs = need,
						 .nneeds = p->nneeds[i],
						 .duration_ms = PLAN_DEFAULT_MS };
		need += p->nneeds[i];
	}
	plan_find_users(a, out);
	return true;
}

void
memo_keep_plan(struct memo *m, const struct plan *plan, const struct digest *in)
{
	struct memo_plan p = { .in = *in, .n = plan->n };

	for (size_t i = 0; i < m->nnow; i++)
		if (!m->now[i]->lasting)
			return;
	for (size_t i = 0; i < p.n; i++)
		p.nedges += plan->at[i].nneeds;
	p.slots = arena_array(m->a, p.n, sizeof(*p.slots));
	p.nneeds = arena_array(m->a, p.n, sizeof(*p.nneeds));
	p.needs = arena_array(m->a, p.nedges, sizeof(*p.needs));
	p.nedges = 0;
	for (size_t i = 0; i < p.n; i++) {
		const struct plan_node *node = &plan->at[i];

		p.slots[i] = (uint32_t)node->slot;
		p.nneeds[i] = (uint32_t)node->nneeds;
		for (size_t j = 0; j < node->nneeds; j++)
			p.needs[p.nedges++] = node->needs[j];
	}
	m->next.plan = p;
	m->dirty = true;
}

struct memo_decision *
memo_decided(const struct memo *m, size_t slot)
{
	if (slot >= m->nnow || !m->now[slot]->decided)
		return NULL;
	return &m->now[slot]->decision;
}

void
memo_decide(struct memo *m, size_t slot, const struct memo_decision *d)
{
	m->now[slot]->decided = d != NULL;
	if (d)
		m->now[slot]->decision = *d;
	m->dirty = true;
}

static bool
stamp_shelves(int dirfd, struct memo_stamp out[MEMO_SHELVES])
{
	char path[16];

	for (unsigned i = 0; i < MEMO_SHELF_ACTION; i++) {
		(void)snprintf(path, sizeof(path), "blobs/%02x", i);
		/* One that is not there holds nothing that anybody counts on. */
		(void)dir_stamp(dirfd, path, &out[i]);
	}
	return dir_stamp(dirfd, "refs/action", &out[MEMO_SHELF_ACTION]);
}

void
memo_shelves(struct memo *m, int store_dirfd, bool same[MEMO_SHELVES])
{
	static const struct memo_stamp unknown;
	struct memo_stamp *now = m->next.shelves;
	int64_t tick_ns = 0;
	bool all = true;

	if (!stamp_shelves(store_dirfd, now))
		memset(now, 0, sizeof(m->next.shelves));
	for (size_t i = 0; i < MEMO_SHELVES; i++) {
		same[i] = same_stamp(&now[i], &m->old.shelves[i]) &&
			  !same_stamp(&now[i], &unknown);
		all = all && (same[i] || same_stamp(&now[i], &unknown));
	}
	if (all)
		return;
	/* The clock is read before the stamps that will be remembered, or it proves nothing. */
	if (!tick_at(store_dirfd, "tmp/tick", &tick_ns) || !stamp_shelves(store_dirfd, now))
		memset(now, 0, sizeof(m->next.shelves));
	for (size_t i = 0; i < MEMO_SHELVES; i++) {
		if (!is_settled(&now[i], tick_ns))
			now[i] = unknown;
		same[i] = same[i] && same_stamp(&now[i], &m->old.shelves[i]);
	}
}

void
memo_prove(struct memo *m, bool lasting)
{
	m->proved = true;
	m->dirty = m->dirty || lasting;
}

/* Nobody waits for the disk: after a loss of power the file is whole, or its sum tells that it
 * is not. */
static bool
replace(const struct memo *m, const struct buf *text)
{
	CLEANUP(fd_close) int fd = -1;
	char tmp[FD_TMP_MAX];
	struct err ignored;

	if (fd_tmp(m->dirfd, m->path, tmp, &fd, &ignored) < 0)
		return false;
	if (fd_write_all(fd, text->data, text->len, &ignored) == 0 && fchmod(fd, 0644) == 0 &&
	    renameat(m->dirfd, tmp, m->dirfd, m->path) == 0)
		return true;
	(void)unlinkat(m->dirfd, tmp, 0);
	return false;
}

void
memo_save(struct memo *m)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);
	struct err ignored;

	if (!m->dirty || m->mute)
		return;
	/* Nobody looked whether what is proven by the old stamps is by the new ones. */
	if (!m->proved)
		memcpy(m->next.shelves, m->old.shelves, sizeof(m->next.shelves));
	if (!m->changed && m->next.plan.n == 0)
		m->next.plan = m->old.plan;
	memo_wire_write(&m->next, m->now, m->nnow, &text);
	if (!text.overflow && fd_mkdirs(m->dirfd, ".kiln", &ignored) == 0)
		m->dirty = !replace(m, &text);
}
