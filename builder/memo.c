/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/memo.h"
#include "base/fd.h"
#include "base/tree.h"
#include "builder/memo_priv.h"

#define MEMO_MAGIC "kiln memo 1\n"

struct memo {
	struct arena *a;
	int dirfd;
	const char *path;
	struct digest maker;    /* of the program, and what every recipe inherits */
	struct memo_entry *old; /* as read, sorted by name */
	size_t nold;
	struct memo_entry **now; /* one for each recipe of the set */
	size_t nnow;
	bool ticked, mute; /* tick_ns is known; nothing can be remembered */
	int64_t tick_ns;   /* of the file system's clock, before anything was read */
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

/* Magic, maker, entries, and the digest of all that at the end. */
static void
read_old(struct memo *m)
{
	const size_t magic = strlen(MEMO_MAGIC), tail = DIGEST_BYTES;
	struct memo_wire w;
	struct digest sum, maker;
	size_t n = 0;
	const char *bytes = read_bytes(m, &n);

	if (n < magic + DIGEST_BYTES + tail || memcmp(bytes, MEMO_MAGIC, magic) != 0)
		return;
	w = (struct memo_wire){ .at = bytes + magic, .end = bytes + n - tail };
	digest_of(bytes, n - tail, &sum);
	memo_wire_digest(&w, &maker);
	if (memcmp(sum.bytes, w.end, tail) != 0 || !digest_equal(&maker, &m->maker))
		return;
	m->nold = memo_wire_count(&w);
	m->old = arena_array(m->a, m->nold, sizeof(*m->old));
	for (size_t i = 0; i < m->nold && !w.bad; i++)
		memo_wire_entry(m->a, &w, &m->old[i]);
	if (w.bad)
		m->nold = 0;
}

void
memo_open(struct arena *a, int dirfd, const char *path, int64_t default_epoch,
	  struct memo **out)
{
	struct memo *m = arena_alloc(a, sizeof(*m));

	*out = m;
	m->a = a;
	m->dirfd = dirfd;
	m->path = arena_strdup(a, path);
	m->mute = !find_maker(default_epoch, &m->maker);
	if (!m->mute)
		read_old(m);
}

/* The time on the clock that stamps files here, found by making one. */
static void
tick(struct memo *m)
{
	CLEANUP(fd_close) int fd = -1;
	char name[FD_TMP_MAX];
	struct err ignored;
	struct stat st;
	struct memo_stamp now;

	if (m->ticked || m->mute)
		return;
	m->ticked = true;
	m->mute = true;
	if (fd_mkdirs(m->dirfd, ".kiln", &ignored) < 0 ||
	    fd_tmp(m->dirfd, m->path, name, &fd, &ignored) < 0)
		return;
	if (fstat(fd, &st) == 0) {
		stamp_of(&st, &now);
		m->tick_ns = now.mtime_ns;
		m->mute = false;
	}
	(void)unlinkat(m->dirfd, name, 0);
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

static bool
is_fresh(int dirfd, const struct memo_file *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct memo_stamp now;

		if (!stamp_at(dirfd, f[i].path, &now) ||
		    memcmp(&now, &f[i].stamp, sizeof(now)) != 0)
			return false;
	}
	return true;
}

/* Parses one entry of recipes/, remembering what its files looked like before. */
static int
read_anew(struct arena *a, struct memo *m, const char *name, int64_t default_epoch,
	  struct memo_entry **out, struct err *err)
{
	struct memo_entry *e = arena_alloc(m->a, sizeof(*e));
	const char *path = arena_format(a, "recipes/%s/recipe.yaml", name);
	struct memo_stamp before = { 0 };
	bool stamped;

	tick(m);
	stamped = stamp_at(m->dirfd, path, &before);
	*out = NULL;
	if (recipe_load_entry(a, m->dirfd, name, default_epoch, &e->recipe, err) < 0)
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
		stamped = stamped && e->files[i].stamp.mtime_ns < m->tick_ns &&
			  e->files[i].stamp.ctime_ns < m->tick_ns;
	e->lasting = stamped;
	m->dirty = m->dirty || stamped;
	return 0;
}

int
memo_recipes(struct arena *a, struct memo *m, int dirfd, int64_t default_epoch,
	     struct recipe_set *out, struct err *err)
{
	struct recipe_set set = { 0 };
	const char **names;
	size_t n, old = 0;

	if (tree_list(a, dirfd, "recipes", &names, &n, err) < 0)
		return err_hint(err, "`kiln init` makes a workspace with a first recipe");
	set.at = arena_array(a, n, sizeof(struct recipe *));
	m->now = arena_array(m->a, n, sizeof(struct memo_entry *));
	for (size_t i = 0; i < n; i++) {
		struct memo_entry *e = NULL;

		/* Both lists are sorted. */
		while (old < m->nold && strcmp(m->old[old].name, names[i]) < 0)
			old++;
		if (old < m->nold && strcmp(m->old[old].name, names[i]) == 0)
			e = &m->old[old];
		if (e && !is_fresh(dirfd, e->files, e->nfiles))
			e = NULL;
		if (!e && read_anew(a, m, names[i], default_epoch, &e, err) < 0)
			return -1;
		if (!e)
			continue;
		m->now[m->nnow++] = e;
		set.at[set.n++] = e->recipe;
	}
	m->dirty = m->dirty || m->nnow != m->nold;
	/* A recipe is named as its directory, so sorting keeps the order. */
	if (recipe_index_all(a, &set, err) < 0)
		return -1;
	*out = set;
	return 0;
}

const struct memo_decision *
memo_decided(const struct memo *m, size_t slot)
{
	if (slot >= m->nnow || !m->now[slot]->decided)
		return NULL;
	return &m->now[slot]->decision;
}

void
memo_decide(struct memo *m, size_t slot, const struct memo_decision *d)
{
	m->now[slot]->decided = true;
	m->now[slot]->decision = *d;
	m->dirty = true;
}

void
memo_save(struct memo *m)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);
	struct err ignored;
	struct digest sum;
	uint64_t n = 0;

	if (!m->dirty || m->mute)
		return;
	for (size_t i = 0; i < m->nnow; i++)
		n += m->now[i]->lasting;
	buf_add_str(&text, MEMO_MAGIC);
	buf_add(&text, m->maker.bytes, DIGEST_BYTES);
	buf_add(&text, &n, sizeof(n));
	for (size_t i = 0; i < m->nnow; i++)
		if (m->now[i]->lasting)
			memo_wire_add_entry(&text, m->now[i]);
	digest_of(text.data, text.len, &sum);
	buf_add(&text, sum.bytes, DIGEST_BYTES);
	if (text.overflow || fd_mkdirs(m->dirfd, ".kiln", &ignored) < 0)
		return;
	if (fd_publish(m->dirfd, m->path, text.data, text.len, 0644, &ignored) == 0)
		m->dirty = false;
}
