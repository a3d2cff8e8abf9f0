/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/pkgdiff.h"
#include "base/fd.h"
#include "base/mem.h"

#define CHUNK ((size_t)64 << 10)

struct sides {
	struct arena *a;
	int before, now;
	const char *name;
	const char *words; /* so far */
	size_t told, untold;
	struct err *err;
};

static void
tell(struct sides *s, const char *what)
{
	if (s->told == PKGDIFF_SHOWN) {
		s->untold++;
		return;
	}
	s->words = arena_format(s->a, "%s%s%s", s->words, s->told ? "; " : "", what);
	s->told++;
}

/* ---- contents ---- */

struct wanted {
	const char *path;
	int copy;
};

static int
keep_body(void *arg, const struct pkgfile_entry *e, int fd, struct err *err)
{
	struct wanted *w = arg;

	if (fd < 0 || strcmp(e->path, w->path) != 0)
		return 0;
	return fd_copy(fd, w->copy, e->size, NULL, err);
}

/* The contents of one file of a package. */
static int
extract(const struct sides *s, int package, const char *path, int *out)
{
	CLEANUP(fd_close) int copy = -1;
	struct wanted w = { .path = path };

	if (fd_memory(path, &copy, s->err) < 0)
		return -1;
	w.copy = copy;
	if (pkgfile_each_body(package, s->name, keep_body, &w, s->err) < 0)
		return -1;
	*out = STEAL_FD(copy);
	return 0;
}

/* Offset of the first byte that differs; -1 in *x or *y: there the file has ended. */
static int
first_difference(int before, int now, off_t *at, int *x, int *y, struct err *err)
{
	CLEANUP(mem_free) uint8_t *a = mem_room(CHUNK);
	CLEANUP(mem_free) uint8_t *b = mem_room(CHUNK);

	for (*at = 0;;) {
		ssize_t n = pread(before, a, CHUNK, *at), m = pread(now, b, CHUNK, *at);
		ssize_t both = KILN_MIN(n, m), i = 0;

		if (n < 0 || m < 0)
			return err_sys(err, "cannot read an anonymous file");
		while (i < both && a[i] == b[i])
			i++;
		*at += i;
		if (i == both && n == m && n > 0)
			continue;
		*x = i < n ? a[i] : -1;
		*y = i < m ? b[i] : -1;
		return 0;
	}
}

static int
compare_bodies(struct sides *s, const char *path)
{
	CLEANUP(fd_close) int before = -1;
	CLEANUP(fd_close) int now = -1;
	int x, y;
	off_t at;

	if (s->told == PKGDIFF_SHOWN) {
		s->untold++;
		return 0;
	}
	if (extract(s, s->before, path, &before) < 0 || extract(s, s->now, path, &now) < 0 ||
	    first_difference(before, now, &at, &x, &y, s->err) < 0)
		return -1;
	if (x >= 0 && y >= 0)
		tell(s, arena_format(s->a, "%s differs at byte %lld (0x%02x, then 0x%02x)",
				     path, (long long)at, (unsigned)x, (unsigned)y));
	else
		tell(s, arena_format(s->a, "%s ends at byte %lld in the %s build", path,
				     (long long)at, x < 0 ? "first" : "second"));
	return 0;
}

/* ---- entries ---- */

static const char *
or_root(const char *s)
{
	return s ? s : "root";
}

static bool
same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static int
compare_entry(struct sides *s, const struct pkgfile_entry *x, const struct pkgfile_entry *y)
{
	if (x->type != y->type)
		tell(s, arena_format(s->a, "%s is of another kind", x->path));
	else if (x->mode != y->mode)
		tell(s, arena_format(s->a, "%s has mode %04o, then %04o", x->path,
				     (unsigned)x->mode, (unsigned)y->mode));
	else if (!same_text(x->target, y->target))
		tell(s, arena_format(s->a, "%s leads to '%s', then '%s'", x->path, x->target,
				     y->target));
	else if (!same_text(x->hardlink, y->hardlink))
		tell(s, arena_format(s->a, "%s is another name of '%s', then of '%s'", x->path,
				     x->hardlink ? x->hardlink : x->path,
				     y->hardlink ? y->hardlink : y->path));
	else if (strcmp(or_root(x->user), or_root(y->user)) != 0 ||
		 strcmp(or_root(x->group), or_root(y->group)) != 0 ||
		 !same_text(x->caps, y->caps) || x->flags != y->flags)
		tell(s, arena_format(s->a, "%s has another owner or other flags", x->path));
	else if (x->type == MANIFEST_FILE && !x->hardlink &&
		 !digest_equal(&x->digest, &y->digest))
		return compare_bodies(s, x->path);
	return 0;
}

static int
compare_entries(struct sides *s, const struct pkgfile *x, const struct pkgfile *y)
{
	size_t i = 0, j = 0;

	while (i < x->nentries || j < y->nentries) {
		int order = i == x->nentries   ? 1
			    : j == y->nentries ? -1
					       : strcmp(x->entries[i].path, y->entries[j].path);

		if (order < 0)
			tell(s, arena_format(s->a, "%s is there in the first build only",
					     x->entries[i].path));
		else if (order > 0)
			tell(s, arena_format(s->a, "%s is there in the second build only",
					     y->entries[j].path));
		else if (compare_entry(s, &x->entries[i], &y->entries[j]) < 0)
			return -1;
		i += order <= 0;
		j += order >= 0;
	}
	return 0;
}

/* ---- header ---- */

static void
compare_deps(struct sides *s, const char *what, const struct pkgdeps *x,
	     const struct pkgdeps *y)
{
	for (size_t i = 0; i < x->n || i < y->n; i++) {
		if (i < x->n && i < y->n && pkgdep_compare(&x->at[i], &y->at[i]) == 0)
			continue;
		tell(s, arena_format(s->a, "it %s '%s', then '%s'", what,
				     i < x->n ? pkgdep_text(s->a, &x->at[i]) : "nothing",
				     i < y->n ? pkgdep_text(s->a, &y->at[i]) : "nothing"));
		return;
	}
}

static int
compare_packages(struct sides *s, const struct pkgfile *x, const struct pkgfile *y)
{
	if (compare_entries(s, x, y) < 0)
		return -1;
	compare_deps(s, "requires", &x->requires, &y->requires);
	compare_deps(s, "provides", &x->provides, &y->provides);
	compare_deps(s, "conflicts with", &x->conflicts, &y->conflicts);
	compare_deps(s, "obsoletes", &x->obsoletes, &y->obsoletes);
	compare_deps(s, "recommends", &x->recommends, &y->recommends);
	if (x->build_time != y->build_time)
		tell(s, "its time differs");
	if (s->told == 0)
		tell(s, digest_equal(&x->header, &y->header)
				? "its signature header or payload is packed otherwise"
				: "a tag of its header differs");
	return 0;
}

int
pkgdiff_files(struct arena *a, int before, int now, const char *name, const char **words,
	      struct err *err)
{
	struct sides s = {
		.a = a, .before = before, .now = now, .name = name, .words = "", .err = err
	};
	struct pkgfile x, y;

	if (pkgfile_read(a, before, name, &x, err) < 0 ||
	    pkgfile_read(a, now, name, &y, err) < 0 || compare_packages(&s, &x, &y) < 0)
		return -1;
	*words = s.untold ? arena_format(a, "%s; and %zu more", s.words, s.untold) : s.words;
	return 0;
}
