/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a tree that strangers filled. Nobody writes it any more (its pid namespace is dead),
 * but every name, type and size in it was chosen to hurt: each entry is opened by openat2
 * without following anything, looked at through the descriptor, and only then read. What is
 * written are new inodes in a directory the chamber never saw; what is hashed are the bytes
 * that were written.
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
#include <poll.h>
#include <sys/syscall.h>

#define MAX_ENTRIES 1000000
#define CHUNK       ((size_t)256 * 1024)
/* The least that a manifest spends on an entry besides its path, a file's digest included. */
#define ENTRY_BYTES 36
#define FILE_BYTES  122
#define RESOLVE_ALL                                                                            \
	(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)

struct walk {
	const struct sandbox_harvest *h;
	bool strict;
	uint64_t bytes;
	size_t entries;
	size_t listed;     /* bytes that their manifest has at least */
	struct arena *a;   /* strict: lives with the manifest; keep: of the walk */
	struct dict links; /* inode -> manifest_entry of the first name */
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
	int from, to;            /* to: -1 until it is made */
	struct place *above;     /* NULL at the root */
	const char *name, *path; /* "" at the root */
	unsigned depth;
};

/* One entry of it. */
struct item {
	struct place *in;
	const char *name, *path;
	int fd; /* O_PATH */
	struct stat st;
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
	struct open_how how = { .flags = flags | O_CLOEXEC | O_NOFOLLOW,
				.resolve = RESOLVE_ALL };

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
}

static int
set_time(struct walk *w, const struct item *i)
{
	struct timespec t = { .tv_sec = w->strict ? w->h->mtime : i->st.st_mtim.tv_sec,
			      .tv_nsec = w->strict ? 0 : i->st.st_mtim.tv_nsec };
	struct timespec times[2] = { t, t };

	return utimensat(i->in->to, i->name, times, AT_SYMLINK_NOFOLLOW);
}

static int
check_stop(const struct walk *w, struct err *err)
{
	struct pollfd p = { .fd = w->h->stop, .events = POLLIN };

	if (w->h->stop >= 0 && poll(&p, 1, 0) > 0)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	return 0;
}

static void
record(struct walk *w, const struct manifest_entry *e)
{
	if (w->strict)
		VEC_PUSH(&w->found, *e);
}

/* Opened for reading without waiting for a peer or taking a terminal, and still what was seen.
 */
static int
open_same(struct walk *w, const struct item *i, int *out, struct err *err)
{
	CLEANUP(fd_close)
	int fd = open_hostile(i->in->from, i->name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat now;

	if (fd < 0 || fstat(fd, &now) < 0)
		return failed(w, i->path, err);
	if (now.st_dev != i->st.st_dev || now.st_ino != i->st.st_ino || !S_ISREG(now.st_mode))
		return refuse(w, i->path, "changed while it was read", err);
	*out = STEAL_FD(fd);
	return 0;
}

static int
copy_bytes(struct walk *w, int in, int out, struct manifest_entry *e, struct err *err)
{
	CLEANUP(digest_free) struct digest_state *hash = digest_begin();

	if (!w->buffer)
		w->buffer = mem_alloc(CHUNK);
	for (;;) {
		ssize_t n = read(in, w->buffer, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (check_stop(w, err) < 0)
			return -1;
		if (n < 0)
			return failed(w, e->path, err);
		if (n == 0)
			break;
		e->size += (uint64_t)n;
		if (e->size > w->h->max_bytes)
			return err_set(err, ERR_LIMIT, "/out/%s grew while it was read",
				       shown(w->a, e->path));
		digest_add(hash, w->buffer, (size_t)n);
		if (fd_write_all(out, w->buffer, (size_t)n, err) < 0)
			return err_wrap(err, "copying %s", shown(w->a, e->path));
	}
	digest_end(STEAL_PTR(hash), &e->digest);
	return 0;
}

/* With those above it, from the root on. */
static int
make_place(struct walk *w, struct place *p, struct err *err)
{
	if (p->to >= 0)
		return 0;
	if (make_place(w, p->above, err) < 0)
		return -1;
	if (mkdirat(p->above->to, p->name, 0700) < 0)
		return failed(w, p->path, err);
	p->to = open_hostile(p->above->to, p->name, O_RDONLY | O_DIRECTORY);
	return p->to < 0 ? failed(w, p->path, err) : 0;
}

/* The first name of a file that has several, NULL when this is it. */
static const struct manifest_entry *
first_name(struct walk *w, const struct item *i)
{
	char key[32];

	if (i->st.st_nlink < 2)
		return NULL;
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)i->st.st_ino);
	return dict_get(&w->links, key);
}

static void
remember_name(struct walk *w, const struct item *i, const struct manifest_entry *e)
{
	char key[32];
	struct manifest_entry *kept;

	if (i->st.st_nlink < 2)
		return;
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)i->st.st_ino);
	kept = arena_alloc(w->a, sizeof(*kept));
	*kept = *e;
	dict_set(&w->links, key, kept);
}

static int
link_again(struct walk *w, const struct item *i, const struct manifest_entry *first,
	   struct err *err)
{
	struct manifest_entry e = *first;

	e.path = i->path;
	e.hardlink = first->path;
	if (make_place(w, i->in, err) < 0)
		return -1;
	if (linkat(w->h->to, first->path, i->in->to, i->name, 0) < 0)
		return failed(w, i->path, err);
	record(w, &e);
	return 0;
}

static int
take_file(struct walk *w, const struct item *i, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	mode_t plain = i->st.st_mode & 0111 ? 0755 : 0644;
	struct manifest_entry e = { .path = i->path, .type = MANIFEST_FILE, .mode = plain };
	const struct manifest_entry *first = first_name(w, i);

	if (first)
		return link_again(w, i, first, err);
	if ((uint64_t)i->st.st_size > w->h->max_bytes - w->bytes) {
		if (!w->strict)
			return 0;
		return err_set(err, ERR_LIMIT, "/out/%s: the output is larger than %llu bytes",
			       shown(w->a, i->path), (unsigned long long)w->h->max_bytes);
	}
	w->bytes += (uint64_t)i->st.st_size;
	w->listed += FILE_BYTES - ENTRY_BYTES;
	if (open_same(w, i, &in, err) < 0 || make_place(w, i->in, err) < 0 ||
	    fd_create(i->in->to, i->name, 0600, &out, err) < 0 ||
	    copy_bytes(w, in, out, &e, err) < 0)
		return -1;
	if (fchmod(out, w->strict ? plain : (i->st.st_mode & 0777) | 0600) < 0 ||
	    set_time(w, i) < 0)
		return failed(w, i->path, err);
	if (fd_close(&out, "a copied file", err) < 0)
		return -1;
	remember_name(w, i, &e);
	record(w, &e);
	return 0;
}

static int
take_link(struct walk *w, const struct item *i, struct err *err)
{
	char target[4096];
	ssize_t n = readlinkat(i->fd, "", target, sizeof(target));
	struct manifest_entry e = { .path = i->path, .type = MANIFEST_LINK };

	if (n < 0)
		return failed(w, i->path, err);
	if ((size_t)n >= sizeof(target) - 1)
		return refuse(w, i->path, "the link's target is too long", err);
	target[n] = '\0';
	if (!utf8_is_printable(target, (size_t)n))
		return w->strict ? refuse(w, i->path,
					  "the link's target is not plain UTF-8 text", err)
				 : 0;
	if (make_place(w, i->in, err) < 0)
		return -1;
	if (symlinkat(target, i->in->to, i->name) < 0 || set_time(w, i) < 0)
		return failed(w, i->path, err);
	e.target = arena_strdup(w->a, target);
	record(w, &e);
	return 0;
}

static int take_all(struct walk *w, struct place *p, struct err *err);

static void
place_release(struct place *p)
{
	if (p->from >= 0)
		close(p->from);
	if (p->to >= 0)
		close(p->to);
}
DEFINE_RELEASE(struct place, place_release);

static int
take_dir(struct walk *w, const struct item *i, struct err *err)
{
	CLEANUP(place_release)
	struct place below = { .from = -1,
			       .to = -1,
			       .above = i->in,
			       .name = i->name,
			       .path = i->path,
			       .depth = i->in->depth + 1 };
	struct manifest_entry e = { .path = i->path, .type = MANIFEST_DIR, .mode = 0755 };

	if (below.depth > SANDBOX_MAX_DEPTH)
		return w->strict ? err_set(err, ERR_LIMIT,
					   "/out/%s: more than %d directories deep",
					   shown(w->a, i->path), SANDBOX_MAX_DEPTH)
				 : 0;
	below.from = open_hostile(i->in->from, i->name, O_RDONLY | O_DIRECTORY);
	if (below.from < 0)
		return failed(w, i->path, err);
	if (!w->h->files && make_place(w, &below, err) < 0)
		return -1;
	record(w, &e);
	if (take_all(w, &below, err) < 0)
		return -1;
	if (below.to < 0)
		return 0;
	if (fchmod(below.to, w->strict ? 0755 : (i->st.st_mode & 0777) | 0700) < 0 ||
	    set_time(w, i) < 0)
		return failed(w, i->path, err);
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

/* Before it is copied: what cannot be listed cannot be packaged. */
static int
count_entry(struct walk *w, const char *path, struct err *err)
{
	if (++w->entries > MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "/out holds more than %d entries", MAX_ENTRIES);
	w->listed += strlen(path) + ENTRY_BYTES;
	if (!w->strict || w->listed <= SANDBOX_MAX_MANIFEST)
		return 0;
	return err_set(
		err, ERR_LIMIT,
		"/out holds too many files: the list of the first %zu is larger than %zu "
		"MiB; make several packages of them by several recipes",
		w->entries, SANDBOX_MAX_MANIFEST >> 20);
}

static int
take(struct walk *w, struct place *p, const char *name, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct item i = { .in = p, .name = name };

	i.path = *p->path ? arena_format(w->a, "%s/%s", p->path, name)
			  : arena_strdup(w->a, name);
	if (check_stop(w, err) < 0)
		return -1;
	if (count_entry(w, i.path, err) < 0)
		return -1;
	if (!manifest_is_path(i.path))
		return w->strict ? refuse(w, i.path,
					  "the name is not one a package may hold (UTF-8, "
					  "no control characters, not too long)",
					  err)
				 : 0;
	i.fd = fd = open_hostile(p->from, name, O_PATH);
	if (fd < 0 || fstat(fd, &i.st) < 0)
		return failed(w, i.path, err);
	if (S_ISDIR(i.st.st_mode))
		return take_dir(w, &i, err);
	if (S_ISLNK(i.st.st_mode))
		return take_link(w, &i, err);
	if (!S_ISREG(i.st.st_mode))
		return w->strict ? refuse(w, i.path, odd_kind(i.st.st_mode), err) : 0;
	if (w->strict && (i.st.st_mode & (S_ISUID | S_ISGID)))
		return refuse(w, i.path, "has a set-id bit; say so in the recipe instead", err);
	return take_file(w, &i, err);
}

static int
take_all(struct walk *w, struct place *p, struct err *err)
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
walk_all(struct walk *w, struct err *err)
{
	struct place top = { .from = w->h->from, .to = w->h->to, .name = "", .path = "" };

	return take_all(w, &top, err);
}

int
sandbox_harvest_tree(struct arena *a, const struct sandbox_harvest *h, struct manifest *out,
		     struct err *err)
{
	CLEANUP(walk_release) struct walk w = { .h = h, .strict = true, .a = a };

	if (walk_all(&w, err) < 0)
		return -1;
	out->n = w.found.n;
	out->at = arena_array(a, w.found.n + 1, sizeof(*out->at));
	if (w.found.n > 0)
		memcpy(out->at, w.found.at, w.found.n * sizeof(*out->at));
	qsort(out->at, out->n, sizeof(*out->at), by_path);
	return 0;
}

int
sandbox_harvest_keep(const struct sandbox_harvest *h, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(walk_release) struct walk w = { .h = h, .a = &a };

	return walk_all(&w, err);
}
