/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a tree that strangers filled. Nobody writes it any more (its pid namespace is dead), but
 * every name, type and size in it was chosen to hurt: each entry is opened by openat2 without
 * following anything, looked at through the descriptor, and only then read. What is written are
 * new inodes in a directory the chamber never saw; what is hashed are the bytes that were written.
 *
 * Two manners: strict, for /out, refuses what a package may not hold; keep, for failed builds,
 * passes over it.
 */
#include "builder/sandbox_priv.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include "base/utf8.h"
#include <linux/openat2.h>
#include <sys/syscall.h>

#define MAX_ENTRIES 1000000
#define CHUNK       ((size_t)256 * 1024)
#define RESOLVE_ALL                                                                            \
	(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)

struct walk {
	bool strict;
	uint64_t max_bytes, bytes;
	size_t entries;
	int64_t mtime;
	int root;          /* destination */
	struct arena *a;   /* strict: lives with the manifest; keep: of the walk */
	struct dict links; /* "inode" -> struct manifest_entry or path of the first name */
	VEC(struct manifest_entry) found;
	char *buffer;
};

static void
walk_release(struct walk *w)
{
	dict_release(&w->links);
	VEC_FREE(&w->found);
	free(w->buffer);
}
DEFINE_RELEASE(struct walk, walk_release);

/* One directory of the walk: where it is read, where it is written, what it is called. */
struct place {
	int from, to;
	const char *path; /* "" at the root */
	unsigned depth;
};

/* A name for people: what does not print becomes \xNN. */
static const char *
shown(struct arena *a, const char *path)
{
	CLEANUP(buf_free) struct buf b = BUF_MAX(1024);

	for (const unsigned char *p = (const unsigned char *)path; *p && b.len < 600; p++) {
		if (*p < 0x20 || *p >= 0x7f || *p == '\\')
			buf_add_format(&b, "\\x%02x", *p);
		else
			buf_add_char(&b, (char)*p);
	}
	return arena_strdup(a, buf_text(&b));
}

static int
refuse(struct walk *w, const char *path, const char *why, struct err *err)
{
	return err_set(err, ERR_INPUT, "/out/%s: %s", shown(w->a, path), why);
}

static int
failed(struct walk *w, const char *path, struct err *err)
{
	return err_sys(err, "copying %s", shown(w->a, path));
}

static int
open_hostile(int dirfd, const char *name, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_ALL };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

static int
set_time(struct walk *w, int dirfd, const char *name, const struct stat *st)
{
	struct timespec t = { .tv_sec = w->strict ? w->mtime : st->st_mtim.tv_sec,
			      .tv_nsec = w->strict ? 0 : st->st_mtim.tv_nsec };
	struct timespec times[2] = { t, t };

	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

static void
record(struct walk *w, const struct manifest_entry *e)
{
	if (w->strict)
		VEC_PUSH(&w->found, *e);
}

/* Opened for reading without waiting for a peer or taking a terminal, and still what was seen. */
static int
open_same(struct walk *w, int dirfd, const char *name, const struct stat *st, const char *path,
	  struct err *err)
{
	CLEANUP(fd_close) int fd = open_hostile(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) < 0) {
		failed(w, path, err);
		return -1;
	}
	if (now.st_dev != st->st_dev || now.st_ino != st->st_ino || !S_ISREG(now.st_mode)) {
		refuse(w, path, "changed while it was read", err);
		return -1;
	}
	return STEAL_FD(fd);
}

static int
copy_bytes(struct walk *w, int in, int out, struct manifest_entry *e, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *hash = digest_begin();

	for (;;) {
		ssize_t n = read(in, w->buffer, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(w, e->path, err);
		if (n == 0)
			break;
		e->size += (uint64_t)n;
		if (e->size > w->max_bytes)
			return err_set(err, ERR_LIMIT, "/out/%s grew while it was read",
				       shown(w->a, e->path));
		digest_add(hash, w->buffer, (size_t)n);
		if (fd_write_all(out, w->buffer, (size_t)n, err) < 0)
			return err_wrap(err, "copying %s", shown(w->a, e->path));
	}
	digest_end(STEAL_PTR(hash), &e->digest);
	return 0;
}

/* A second name of a file stays one: its first name's copy is linked. true: done. */
static bool
link_again(struct walk *w, const struct stat *st, const struct place *p, const char *name,
	   const char *path, int *rc, struct err *err)
{
	char key[64];
	const struct manifest_entry *first;
	struct manifest_entry e;

	if (st->st_nlink < 2)
		return false;
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)st->st_ino);
	first = dict_get(&w->links, key);
	if (!first)
		return false;
	e = *first;
	e.path = path;
	e.hardlink = first->path;
	*rc = linkat(w->root, first->path, p->to, name, 0) < 0 ? failed(w, path, err) : 0;
	if (*rc == 0)
		record(w, &e);
	return true;
}

static void
remember_link(struct walk *w, const struct stat *st, const struct manifest_entry *e)
{
	char key[64];
	struct manifest_entry *kept;

	if (st->st_nlink < 2)
		return;
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)st->st_ino);
	kept = arena_alloc(w->a, sizeof(*kept));
	*kept = *e;
	dict_set(&w->links, key, kept);
}

static int
take_file(struct walk *w, const struct place *p, const char *name, const char *path,
	  const struct stat *st, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	mode_t plain = st->st_mode & 0111 ? 0755 : 0644;
	struct manifest_entry e = { .path = path, .type = MANIFEST_FILE, .mode = plain };
	int rc;

	if (link_again(w, st, p, name, path, &rc, err))
		return rc;
	if ((uint64_t)st->st_size > w->max_bytes - w->bytes) {
		if (!w->strict)
			return 0;
		return err_set(err, ERR_LIMIT, "/out/%s: the output is larger than %llu bytes",
			       shown(w->a, path), (unsigned long long)w->max_bytes);
	}
	w->bytes += (uint64_t)st->st_size;
	in = open_same(w, p->from, name, st, path, err);
	if (in < 0 || fd_create(p->to, name, 0600, &out, err) < 0 ||
	    copy_bytes(w, in, out, &e, err) < 0)
		return -1;
	if (fchmod(out, w->strict ? plain : (st->st_mode & 0777) | 0600) < 0 ||
	    set_time(w, p->to, name, st) < 0)
		return failed(w, path, err);
	if (fd_close(&out, "a copied file", err) < 0)
		return -1;
	remember_link(w, st, &e);
	record(w, &e);
	return 0;
}

static int
take_link(struct walk *w, const struct place *p, int fd, const char *name, const char *path,
	  const struct stat *st, struct err *err)
{
	char target[4096];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));
	struct manifest_entry e = { .path = path, .type = MANIFEST_LINK };

	if (n < 0)
		return failed(w, path, err);
	if ((size_t)n >= sizeof(target) - 1)
		return refuse(w, path, "the link's target is too long", err);
	target[n] = '\0';
	if (!utf8_is_printable(target, (size_t)n))
		return w->strict ? refuse(w, path, "the link's target is not plain UTF-8 text", err) : 0;
	if (symlinkat(target, p->to, name) < 0 || set_time(w, p->to, name, st) < 0)
		return failed(w, path, err);
	e.target = arena_strdup(w->a, target);
	record(w, &e);
	return 0;
}

static int take_all(struct walk *w, const struct place *p, struct err *err);

static int
take_dir(struct walk *w, const struct place *p, const char *name, const char *path,
	 const struct stat *st, struct err *err)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	struct manifest_entry e = { .path = path, .type = MANIFEST_DIR, .mode = 0755 };
	struct place below = { .path = path, .depth = p->depth + 1 };

	if (below.depth > SANDBOX_MAX_DEPTH)
		return w->strict ? err_set(err, ERR_LIMIT, "/out/%s: more than %d directories deep",
					   shown(w->a, path), SANDBOX_MAX_DEPTH) :
				   0;
	from = open_hostile(p->from, name, O_RDONLY | O_DIRECTORY);
	if (from < 0)
		return failed(w, path, err);
	if (mkdirat(p->to, name, 0700) < 0)
		return failed(w, path, err);
	to = open_hostile(p->to, name, O_RDONLY | O_DIRECTORY);
	if (to < 0)
		return failed(w, path, err);
	record(w, &e);
	below.from = from;
	below.to = to;
	if (take_all(w, &below, err) < 0)
		return -1;
	if (fchmod(to, w->strict ? 0755 : (st->st_mode & 0777) | 0700) < 0 ||
	    set_time(w, p->to, name, st) < 0)
		return failed(w, path, err);
	return 0;
}

static const char *
odd_kind(mode_t mode)
{
	if (S_ISFIFO(mode))
		return "is a FIFO, which a package may not hold";
	if (S_ISSOCK(mode))
		return "is a socket, which a package may not hold";
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return "is a device node, which a package may not hold";
	return "is of a kind a package may not hold";
}

static int
take(struct walk *w, const struct place *p, const char *name, struct err *err)
{
	const char *path = *p->path ? arena_format(w->a, "%s/%s", p->path, name) :
				      arena_strdup(w->a, name);
	CLEANUP(fd_close) int fd = -1;
	struct stat st;

	if (++w->entries > MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "/out holds more than %d entries", MAX_ENTRIES);
	if (!manifest_is_path(path))
		return w->strict ? refuse(w, path, "the name is not one a package may hold (UTF-8, "
						   "no control characters, not too long)", err) :
				   0;
	fd = open_hostile(p->from, name, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return failed(w, path, err);
	if (S_ISDIR(st.st_mode))
		return take_dir(w, p, name, path, &st, err);
	if (S_ISLNK(st.st_mode))
		return take_link(w, p, fd, name, path, &st, err);
	if (!S_ISREG(st.st_mode))
		return w->strict ? refuse(w, path, odd_kind(st.st_mode), err) : 0;
	if (w->strict && (st.st_mode & (S_ISUID | S_ISGID)))
		return refuse(w, path, "has a set-id bit; say so in the recipe instead", err);
	return take_file(w, p, name, path, &st, err);
}

static int
take_all(struct walk *w, const struct place *p, struct err *err)
{
	CLEANUP(arena_release) struct arena names_arena = { 0 };
	const char **names;
	size_t n;

	if (tree_list(&names_arena, p->from, ".", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (take(w, p, names[i], err) < 0)
			return -1;
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	return strcmp(((const struct manifest_entry *)a)->path,
		      ((const struct manifest_entry *)b)->path);
}

static int
walk_from(struct walk *w, int from, struct err *err)
{
	struct place top = { .from = from, .to = w->root, .path = "", .depth = 0 };

	w->buffer = mem_alloc(CHUNK);
	return take_all(w, &top, err);
}

int
sandbox_harvest_tree(struct arena *a, int from, int to, uint64_t max_bytes, int64_t mtime,
		     struct manifest *out, struct err *err)
{
	CLEANUP(walk_release) struct walk w = {
		.strict = true, .max_bytes = max_bytes, .mtime = mtime, .root = to, .a = a
	};

	if (walk_from(&w, from, err) < 0)
		return -1;
	out->n = w.found.n;
	out->at = arena_array(a, w.found.n + 1, sizeof(*out->at));
	if (w.found.n > 0)
		memcpy(out->at, w.found.at, w.found.n * sizeof(*out->at));
	qsort(out->at, out->n, sizeof(*out->at), by_path);
	return 0;
}

int
sandbox_harvest_keep(int from, int to, uint64_t max_bytes, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(walk_release) struct walk w = { .max_bytes = max_bytes, .root = to, .a = &a };

	return walk_from(&w, from, err);
}
