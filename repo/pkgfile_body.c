/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload of a package, entry by entry. A file's body is read into an anonymous file and
 * its digest compared before anybody sees it. In the archive a file with several names carries
 * its body under the last of them; callers see the first name with the body, then the others.
 */
#include "repo/pkgfile_priv.h"
#include "base/fd.h"
#include "base/mem.h"
#include <rpm/header.h>
#include <rpm/rpmarchive.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmtag.h>

#define READ_MODE "r.zstdio"
#define CHUNK     ((size_t)64 * 1024)

int
pkgfile_body_stream(int fd, uint64_t at, const char *mode, struct _FD_s **out, struct err *err)
{
	FD_t plain, stream;

	if (lseek(fd, (off_t)at, SEEK_SET) < 0)
		return err_sys(err, "cannot seek in a package file");
	plain = fdDup(fd);
	stream = plain ? Fdopen(plain, mode) : NULL;
	if (!stream) {
		if (plain)
			(void)Fclose(plain);
		return err_set(err, ERR_IO, "librpm cannot open a %s stream", mode);
	}
	*out = stream;
	return 0;
}

static void
files_free_scope(rpmfiles *f)
{
	if (*f)
		rpmfilesFree(*f);
}

static void
stream_close_scope(FD_t *fd)
{
	if (*fd)
		(void)Fclose(*fd);
}

static void
iterator_free_scope(rpmfi *fi)
{
	if (*fi)
		rpmfiFree(*fi);
}

struct walk {
	const struct pkgfile *p;
	const char *name;
	pkgfile_body_fn *body;
	void *arg;
	rpmfi archive;
	bool *seen;     /* one per entry */
	uint32_t *next; /* one per entry: see chain_links */
	int store;      /* the anonymous file, used again for every body */
	struct err *err;
};

static int
compare_paths(const void *pa, const void *pb)
{
	const struct pkgfile_entry *a = pa, *b = pb;

	return strcmp(a->path, b->path);
}

static int
damaged(const struct walk *w, const char *what)
{
	return err_set(w->err, ERR_VERIFY, "%s: payload is not what its header says (%s)",
		       w->name, what);
}

/* The current body into w->store, offset 0, its digest checked. */
static int
load_body(struct walk *w, const struct pkgfile_entry *e)
{
	CLEANUP(mem_free) char *chunk = mem_room(CHUNK);
	CLEANUP(digest_free) struct digest_state *state = digest_begin();
	struct digest got;
	uint64_t left = e->size;
	ssize_t n = 0;

	if (ftruncate(w->store, 0) < 0 || lseek(w->store, 0, SEEK_SET) < 0)
		return err_sys(w->err, "cannot reuse a temporary file");
	for (; left; left -= (uint64_t)n) {
		n = rpmfiArchiveRead(w->archive, chunk,
				     (size_t)KILN_MIN(left, (uint64_t)CHUNK));
		if (n <= 0 || (uint64_t)n > left)
			return damaged(w, e->path);
		digest_add(state, chunk, (size_t)n);
		if (fd_write_all(w->store, chunk, (size_t)n, w->err) < 0)
			return -1;
	}
	digest_end(STEAL_PTR(state), &got);
	if (!digest_equal(&got, &e->digest))
		return damaged(w, e->path);
	if (lseek(w->store, 0, SEEK_SET) < 0)
		return err_sys(w->err, "cannot seek in a temporary file");
	return 0;
}

static int
visit(struct walk *w, const struct pkgfile_entry *e, int fd)
{
	size_t i = (size_t)(e - w->p->entries);

	if (w->seen[i])
		return damaged(w, e->path);
	w->seen[i] = true;
	return w->body(w->arg, e, fd, w->err);
}

/* The first name of e's file; NULL is impossible, since pkgfile_read made hardlink from a path.
 */
static const struct pkgfile_entry *
first_name(const struct pkgfile *p, const struct pkgfile_entry *e)
{
	const struct pkgfile_entry key = { .path = e->hardlink };

	if (!e->hardlink)
		return e;
	return bsearch(&key, p->entries, p->nentries, sizeof(key), compare_paths);
}

/* For every first name the chain of its further names: next[i] is an index, 0 ends the chain.
 */
static void
chain_links(const struct pkgfile *p, uint32_t *next)
{
	for (size_t i = p->nentries; i-- > 0;) {
		const struct pkgfile_entry *first = first_name(p, &p->entries[i]);

		if (!first || first == &p->entries[i])
			continue;
		next[i] = next[first - p->entries];
		next[first - p->entries] = (uint32_t)i;
	}
}

/* A file's body has come: its first name, then its further names. */
static int
visit_file(struct walk *w, const struct pkgfile_entry *e)
{
	const struct pkgfile_entry *all = w->p->entries, *first = first_name(w->p, e);

	if (!first)
		return damaged(w, e->path);
	if (load_body(w, first) < 0 || visit(w, first, w->store) < 0)
		return -1;
	for (uint32_t i = w->next[first - all]; i; i = w->next[i]) {
		if (visit(w, &all[i], -1) < 0)
			return -1;
	}
	return 0;
}

static int
walk_archive(struct walk *w)
{
	int fx;

	while ((fx = rpmfiNext(w->archive)) >= 0) {
		const struct pkgfile_entry *e;

		if ((size_t)fx >= w->p->nentries)
			return damaged(w, "unknown entry");
		e = &w->p->entries[fx];
		if (e->flags & PKGFILE_GHOST)
			return damaged(w, e->path);
		if (e->type != MANIFEST_FILE) {
			if (visit(w, e, -1) < 0)
				return -1;
		} else if (rpmfiArchiveHasContent(w->archive) && visit_file(w, e) < 0) {
			return -1;
		}
	}
	if (fx != RPMERR_ITER_END)
		return damaged(w, "archive is damaged");
	for (size_t i = 0; i < w->p->nentries; i++) {
		if (!w->seen[i] && !(w->p->entries[i].flags & PKGFILE_GHOST))
			return damaged(w, w->p->entries[i].path);
	}
	return 0;
}

int
pkgfile_each_body(int fd, const char *name, pkgfile_body_fn *body, void *arg, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(pkgfile_read_close) struct pkgfile_opened o = { .header = NULL };
	CLEANUP(files_free) rpmfiles files = NULL;
	CLEANUP(stream_close) FD_t stream = NULL;
	CLEANUP(iterator_free) rpmfi archive = NULL;
	CLEANUP(fd_close) int store = -1;
	struct pkgfile p;
	struct walk w = { .p = &p, .name = name, .body = body, .arg = arg, .err = err };

	if (pkgfile_read_open(fd, name, &o, err) < 0 ||
	    pkgfile_read_facts(&a, &o, name, &p, err) < 0 ||
	    fd_memory("package file body", &store, err) < 0)
		return -1;
	if (p.nentries == 0)
		return 0;
	files = rpmfilesNew(NULL, o.header, RPMTAG_BASENAMES, RPMFI_NOHEADER);
	if (!files || rpmfilesFC(files) != p.nentries)
		return err_set(err, ERR_INPUT, "%s: librpm cannot read its file list", name);
	if (pkgfile_body_stream(fd, o.layout.payload_start, READ_MODE, &stream, err) < 0)
		return -1;
	archive = rpmfiNewArchiveReader(stream, files, RPMFI_ITER_READ_ARCHIVE);
	if (!archive)
		return err_set(err, ERR_INPUT, "%s: librpm cannot begin its payload", name);
	w.archive = archive;
	w.store = store;
	w.seen = arena_array(&a, p.nentries, sizeof(*w.seen));
	w.next = arena_array(&a, p.nentries, sizeof(*w.next));
	chain_links(&p, w.next);
	return walk_archive(&w);
}
