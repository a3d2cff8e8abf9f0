/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept: roots and all that they lead to, what is young, and what the budgets allow. */
#include "base/cas_gc_priv.h"

static void
keep(struct cas_gc *g, size_t i)
{
	if (g->at.at[i].kept)
		return;
	g->at.at[i].kept = true;
	g->kept_bytes += g->at.at[i].bytes;
	VEC_PUSH(&g->todo, i);
	VEC_PUSH(&g->newly, i);
}

/* The first object of this digest, or at.n. */
static size_t
find(const struct cas_gc *g, const struct digest *d)
{
	size_t low = g->first, high = g->at.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(&g->at.at[mid].digest, d, sizeof(*d)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < g->at.n && digest_equal(&g->at.at[low].digest, d) ? low : g->at.n;
}

typedef void word_fn(struct cas_gc *g, size_t first, void *arg);

static void
keep_word(struct cas_gc *g, size_t first, void *arg)
{
	(void)arg;
	for (size_t i = first;
	     i < g->at.n && digest_equal(&g->at.at[i].digest, &g->at.at[first].digest); i++)
		keep(g, i);
}

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Calls fn for every digest in text that names something of the store. */
static void
each_word(struct cas_gc *g, const char *text, size_t n, word_fn *fn, void *arg)
{
	for (size_t i = 0, run; i < n; i += run + 1) {
		char hex[DIGEST_HEX];
		struct digest d;
		size_t first;

		for (run = 0; i + run < n && is_hex(text[i + run]);)
			run++;
		if (run != DIGEST_HEX - 1)
			continue;
		memcpy(hex, text + i, run);
		hex[run] = '\0';
		if (!digest_parse(hex, &d))
			continue;
		first = find(g, &d);
		if (first < g->at.n)
			fn(g, first, arg);
	}
}

/* Whether the first byte, all that is looked at of a large blob, is that of a document. */
static bool
begins_document(int fd)
{
	char c;

	return pread(fd, &c, 1, 0) == 1 && c == '{';
}

/* Reads a document into g->text; what is none leaves it empty. Almost all time of a run goes
 * here, so what the sizes already say costs no call. */
static int
read_text(struct cas_gc *g, const struct cas_gc_object *o, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char path[CAS_PATH_MAX];
	ssize_t got;

	buf_clear(&g->text);
	if (o->size < CAS_GC_TEXT_MIN || o->size > CAS_GC_TEXT_MAX)
		return 0;
	cas_gc_path(o, path);
	fd = openat(g->c->dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_sys(err, "%s", path); /* a dry run shares the store */
	if (o->kind == CAS_GC_BLOB && o->size > CAS_GC_GULP && !begins_document(fd))
		return 0;
	got = pread(fd, buf_reserve(&g->text, (size_t)o->size), (size_t)o->size, 0);
	if (got < 0)
		return err_sys(err, "%s", path);
	g->text.len = (size_t)got;
	if (o->kind == CAS_GC_BLOB && got && g->text.data[0] != '{')
		buf_clear(&g->text);
	return 0;
}

static bool
is_note(const struct cas_gc *g, const struct cas_gc_object *o, enum cas_gc_role *role)
{
	char kind[CAS_NAME_MAX + 1];
	size_t n = o->kind == CAS_GC_REF ? strcspn(o->name, "/") : 0;

	*role = CAS_GC_UNIT;
	if (n == 0 || n > CAS_NAME_MAX)
		return false;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)n, o->name);
	*role = g->o->role(g->o->arg, kind, o->name + n + 1);
	return *role == CAS_GC_NOTE;
}

/* Follows what was kept until there is nothing new. */
static int
follow(struct cas_gc *g, struct err *err)
{
	while (g->todo.n) {
		const struct cas_gc_object *o = &g->at.at[g->todo.at[--g->todo.n]];
		enum cas_gc_role role;

		if (is_note(g, o, &role))
			continue;
		if (read_text(g, o, err) < 0)
			return -1;
		each_word(g, buf_text(&g->text), g->text.len, keep_word, NULL);
	}
	return 0;
}

int
cas_gc_keep(struct cas_gc *g, size_t i, struct err *err)
{
	keep(g, i);
	return follow(g, err);
}

int
cas_gc_root(struct cas_gc *g, const char *text, size_t n, struct err *err)
{
	each_word(g, text, n, keep_word, NULL);
	return follow(g, err);
}

static int
mark_roots(struct cas_gc *g, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		enum cas_gc_role role;
		bool young = g->at.at[i].mtime >= g->oldest;

		if (is_note(g, &g->at.at[i], &role) || role == CAS_GC_ROOT || young)
			keep(g, i);
	}
	return follow(g, err);
}

struct tally {
	size_t kept, lost;
};

static void
count_word(struct cas_gc *g, size_t first, void *arg)
{
	struct tally *t = arg;

	*(g->at.at[first].kept ? &t->kept : &t->lost) += 1;
}

/* A reference all of whose objects stay costs nothing and may save work. */
static int
mark_free_riders(struct cas_gc *g, struct err *err)
{
	for (size_t i = 0; i < g->at.n; i++) {
		struct cas_gc_object *o = &g->at.at[i];
		struct tally t = { 0 };

		if (o->kept || o->kind != CAS_GC_REF)
			continue;
		if (read_text(g, o, err) < 0)
			return -1;
		each_word(g, buf_text(&g->text), g->text.len, count_word, &t);
		if (t.kept && !t.lost)
			keep(g, i);
	}
	return follow(g, err);
}

/* References before what they lead to, the newest first; the rest by place, so that the order
 * is the same each time. */
static int
by_age(const void *a, const void *b, void *objects)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct cas_gc_object *at = objects, *p = &at[x], *q = &at[y];

	if ((p->kind == CAS_GC_REF) != (q->kind == CAS_GC_REF))
		return p->kind == CAS_GC_REF ? -1 : 1;
	if (p->mtime != q->mtime)
		return p->mtime > q->mtime ? -1 : 1;
	return x < y ? -1 : 1;
}

/* One unit with what it leads to, when that fits; else nothing of it. */
static int
try_unit(struct cas_gc *g, size_t i, bool *fits, struct err *err)
{
	g->newly.n = 0;
	keep(g, i);
	if (follow(g, err) < 0)
		return -1;
	*fits = g->o->keep_bytes == 0 || g->kept_bytes <= g->o->keep_bytes;
	for (size_t j = 0; !*fits && j < g->newly.n; j++) {
		g->at.at[g->newly.at[j]].kept = false;
		g->kept_bytes -= g->at.at[g->newly.at[j]].bytes;
	}
	return 0;
}

static int
mark_units(struct cas_gc *g, size_t *order, struct err *err)
{
	int64_t oldest = g->o->older_than_s ? g->o->now - g->o->older_than_s : INT64_MIN;
	bool fits = true;
	size_t n = 0;

	for (size_t i = 0; i < g->at.n; i++) {
		if (!g->at.at[i].kept && g->at.at[i].mtime >= oldest)
			order[n++] = i;
	}
	if (n)
		qsort_r(order, n, sizeof(*order), by_age, g->at.at);
	for (size_t i = 0; i < n && fits; i++) {
		if (!g->at.at[order[i]].kept && try_unit(g, order[i], &fits, err) < 0)
			return -1;
	}
	return 0;
}

int
cas_gc_mark(struct cas_gc *g, struct cas_gc_report *out, struct err *err)
{
	CLEANUP(mem_free) size_t *order = NULL;

	if (mark_roots(g, err) < 0 || mark_free_riders(g, err) < 0)
		return -1;
	out->rooted_bytes = g->kept_bytes;
	if (!g->o->older_than_s && !g->o->keep_bytes)
		return 0;
	order = mem_resize(NULL, g->at.n + 1, sizeof(*order));
	return mark_units(g, order, err);
}
