/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing a log. The checkpoint is the one file that counts: whatever else an append writes
 * lies beyond the size of the old checkpoint, or is a tile of another name, so readers of the
 * old tree see no change, and an append that was killed is simply overwritten by the next.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "base/tree.h"
#include "trust/tlog_priv.h"

#include <sys/file.h>

#define MODE 0644

struct level { /* the tile at the right edge */
	uint64_t n;
	unsigned int width;
	bool changed;
	struct digest at[TLOG_WIDTH];
};
struct growth {
	int dirfd;
	uint64_t size;
	struct level levels[TLOG_LEVELS];
	struct buf entries; /* of the tile at the right edge of level 0 */
};

static void
growth_release(struct growth *g)
{
	buf_free(&g->entries);
}
DEFINE_RELEASE(struct growth, growth_release);

/* Not synced: the caller makes all tiles durable at once. */
static int
write_tile(struct growth *g, int level, uint64_t n, unsigned int width, const void *data,
	   size_t len, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char name[TLOG_NAME], dir[TLOG_NAME], tmp[FD_TMP_MAX];

	tlog_tile_name(level, n, width, name);
	(void)snprintf(dir, sizeof(dir), "%s", name);
	*strrchr(dir, '/') = '\0';
	if (fd_mkdirs(g->dirfd, dir, err) < 0 || fd_tmp(g->dirfd, name, tmp, &fd, err) < 0)
		return -1;
	if (fd_write_all(fd, data, len, err) < 0 || fchmod(fd, MODE) < 0 ||
	    renameat(g->dirfd, tmp, g->dirfd, name) < 0) {
		int failed = errno;

		(void)unlinkat(g->dirfd, tmp, 0);
		errno = failed;
		return err_sys(err, "log: cannot write %s", name);
	}
	return fd_close(&fd, name, err);
}

static int
write_hashes(struct growth *g, int level, struct err *err)
{
	struct level *l = &g->levels[level];

	l->changed = false;
	return write_tile(g, level, l->n, l->width, l->at, l->width * sizeof(*l->at), err);
}

static int
write_entries(struct growth *g, struct err *err)
{
	const struct level *l = &g->levels[0];

	if (buf_check(&g->entries, "log entries", err) < 0)
		return -1;
	return write_tile(g, TLOG_ENTRIES, l->n, l->width, g->entries.data, g->entries.len,
			  err);
}

/* Adds one hash; a tile that is full by it is written and becomes a hash of the level above. */
static int
push(struct growth *g, const struct digest *leaf, struct err *err)
{
	struct digest d = *leaf;

	for (int level = 0; level < TLOG_LEVELS; level++) {
		struct level *l = &g->levels[level];

		l->at[l->width++] = d;
		l->changed = true;
		if (l->width < TLOG_WIDTH)
			return 0;
		if ((level == 0 && write_entries(g, err) < 0) ||
		    write_hashes(g, level, err) < 0)
			return -1;
		if (level == 0)
			buf_clear(&g->entries);
		tlog_tile_fold(l->at, TLOG_WIDTH, &d);
		l->n++;
		l->width = 0;
	}
	return err_set(err, ERR_LIMIT, "log of more than 2^48 entries");
}

/* The right edge as it stands. */
static int
load_edge(struct growth *g, struct err *err)
{
	for (int level = 0; level < TLOG_LEVELS; level++) {
		struct level *l = &g->levels[level];
		uint64_t total = g->size >> (TLOG_BITS * level);

		l->n = total / TLOG_WIDTH;
		l->width = (unsigned int)(total % TLOG_WIDTH);
		if (l->width > 0 &&
		    tlog_tile_read(g->dirfd, level, l->n, l->width, l->at, err) < 0)
			return -1;
	}
	if (g->levels[0].width == 0)
		return 0;
	return tlog_tile_entries(g->dirfd, g->levels[0].n, g->levels[0].width, &g->entries,
				 err);
}

static int
add_entry(struct growth *g, const struct tlog_entry *e, struct err *err)
{
	struct digest leaf;

	if (e->n == 0 || e->n > TLOG_MAX_ENTRY)
		return err_set(err, ERR_LIMIT, "log entry of %zu bytes (1 to %d are accepted)",
			       e->n, TLOG_MAX_ENTRY);
	buf_add_be16(&g->entries, (uint16_t)e->n);
	buf_add(&g->entries, e->data, e->n);
	tlog_leaf(e->data, e->n, &leaf);
	g->size++;
	return push(g, &leaf, err);
}

static int
write_edge(struct growth *g, struct err *err)
{
	if (g->levels[0].changed && write_entries(g, err) < 0)
		return -1;
	for (int level = 0; level < TLOG_LEVELS; level++) {
		if (g->levels[level].changed && write_hashes(g, level, err) < 0)
			return -1;
	}
	/* One flush of the file system instead of one for each of hundreds of files. */
	return syncfs(g->dirfd) < 0 ? err_sys(err, "log: cannot make the tiles durable") : 0;
}

static int
check_tree(int dirfd, const struct tlog_checkpoint *c, struct err *err)
{
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct digest root;

	if (tlog_tree_open(dirfd, c->size, &t, err) < 0 || tlog_tree_root(t, &root, err) < 0)
		return -1;
	if (digest_equal(&root, &c->root))
		return 0;
	err_set(err, ERR_VERIFY, "log: the tiles do not fit the checkpoint of size %llu",
		(unsigned long long)c->size);
	return err_hint(err, "bring the directory back from a mirror; nothing was changed");
}

/* The new root, from what is on disk now, and shown to continue the old tree. */
static int
seal(int dirfd, const struct tlog_checkpoint *old, uint64_t size, struct tlog_checkpoint *out,
     struct err *err)
{
	CLEANUP(tlog_tree_free) struct tlog_tree *t = NULL;
	struct tlog_proof proof;

	*out = (struct tlog_checkpoint){ .origin = old->origin, .size = size };
	if (tlog_tree_open(dirfd, size, &t, err) < 0 || tlog_tree_root(t, &out->root, err) < 0)
		return -1;
	return tlog_tree_prove_growth(t, &out->root, old->size, &old->root, &proof, err);
}

static int
publish(int dirfd, const struct tlog_author *author, const struct tlog_checkpoint *c,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(NOTE_MAX_BYTES);
	CLEANUP(buf_free) struct buf line = BUF_MAX(NOTE_MAX_BYTES);

	tlog_checkpoint_write(c, &text);
	if (buf_check(&text, "checkpoint", err) < 0 ||
	    author->sign(author->arg, text.data, text.len, &line, err) < 0)
		return err_wrap(err, "log: cannot sign the checkpoint");
	buf_add_char(&text, '\n');
	buf_add(&text, line.data, line.len);
	if (buf_check(&text, "checkpoint", err) < 0)
		return -1;
	return fd_publish(dirfd, TLOG_CHECKPOINT, text.data, text.len, MODE, err);
}

/* The directory is locked by a descriptor of its own. */
int
tlog_hold(int dirfd, int *lock, struct err *err)
{
	if (fd_open_dir(dirfd, ".", lock, err) < 0)
		return -1;
	while (flock(*lock, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(err, "cannot lock the log");
	}
	return 0;
}

int
tlog_append_begin(int dirfd, const struct tlog_author *author, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	struct tlog_checkpoint empty = { .origin = author->key->name };
	struct stat st;

	if (tlog_hold(dirfd, &lock, err) < 0)
		return -1;
	if (fstatat(dirfd, TLOG_CHECKPOINT, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, "log: " TLOG_CHECKPOINT);
	digest_of("", 0, &empty.root);
	return publish(dirfd, author, &empty, err);
}

/* Partial tiles that are full now: readers of older checkpoints take the beginning of the full
 * one, so it is no loss if one stays. */
static void
drop_partials(int dirfd, uint64_t old_size, uint64_t new_size)
{
	struct err ignored;

	for (int level = TLOG_ENTRIES; level < TLOG_LEVELS; level++) {
		int height = level == TLOG_ENTRIES ? 0 : TLOG_BITS * level;
		uint64_t n = (old_size >> height) / TLOG_WIDTH;
		char name[TLOG_NAME];

		if ((old_size >> height) % TLOG_WIDTH == 0 ||
		    tlog_tile_width(level, n, new_size) < TLOG_WIDTH)
			continue;
		tlog_tile_name(level, n, 1, name);
		*strrchr(name, '/') = '\0';
		(void)!tree_remove(dirfd, name, &ignored);
	}
}

int
tlog_append(struct arena *a, int dirfd, const struct tlog_author *author,
	    const struct tlog_entry *entries, size_t n, struct tlog_checkpoint *out,
	    struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	CLEANUP(growth_release)
	struct growth g = { .dirfd = dirfd, .entries = BUF_MAX(TLOG_BUNDLE_MAX) };
	struct tlog_checkpoint old, new;

	if (n > TLOG_MAX_BATCH)
		return err_set(err, ERR_LIMIT, "%zu log entries at once (%d are accepted)", n,
			       TLOG_MAX_BATCH);
	if (tlog_hold(dirfd, &lock, err) < 0 ||
	    tlog_checkpoint_load(a, dirfd, author->key, &old, NULL, err) < 0 ||
	    check_tree(dirfd, &old, err) < 0)
		return -1;
	g.size = old.size;
	if (load_edge(&g, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (add_entry(&g, &entries[i], err) < 0)
			return -1;
	}
	if (write_edge(&g, err) < 0 || seal(dirfd, &old, g.size, &new, err) < 0 ||
	    publish(dirfd, author, &new, err) < 0)
		return -1;
	drop_partials(dirfd, old.size, new.size);
	*out = new;
	return 0;
}
