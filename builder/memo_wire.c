/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/memo_priv.h"

#define MEMO_MAGIC "kiln memo 7\n"
#define SUM_BYTES  sizeof(uint64_t)
#define SUM_LANES  4

struct memo_wire {
	const char *at, *end;
	bool bad; /* it ended early; what was read since is empty */
};

static bool
has(struct memo_wire *w, size_t n)
{
	w->bad = w->bad || (size_t)(w->end - w->at) < n;
	return !w->bad;
}

/* Guards against damage only: who could forge the file could write its sum, whichever it is, so
 * it need not be a cryptographic one, which took as long as reading everything. A step is
 * invertible in each word and in the state, so no single changed word goes unseen. */
static uint64_t
mix(uint64_t state, uint64_t word)
{
	state = (state ^ word) * 0x9e3779b97f4a7c15U;
	return state ^ (state >> 32);
}

/* Lanes do not wait for each other. */
static uint64_t
sum_of(const char *bytes, size_t n)
{
	uint64_t lanes[SUM_LANES] = { 1, 2, 3, 4 }, words[SUM_LANES], sum = n;
	size_t at = 0;

	for (; n - at >= sizeof(words); at += sizeof(words)) {
		memcpy(words, bytes + at, sizeof(words));
		for (size_t i = 0; i < SUM_LANES; i++)
			lanes[i] = mix(lanes[i], words[i]);
	}
	memset(words, 0, sizeof(words));
	memcpy(words, bytes + at, n - at);
	for (size_t i = 0; i < SUM_LANES; i++)
		sum = mix(sum, mix(lanes[i], words[i]));
	return sum;
}

static uint64_t
number(struct memo_wire *w)
{
	uint64_t v = 0;

	if (has(w, sizeof(v))) {
		memcpy(&v, w->at, sizeof(v));
		w->at += sizeof(v);
	}
	return v;
}

static size_t
count(struct memo_wire *w)
{
	uint64_t n = number(w);

	/* Everything listed takes a byte at least, so a wrong count cannot ask for much. */
	w->bad = w->bad || n > MEMO_MAX_LIST || n > (uint64_t)(w->end - w->at);
	return w->bad ? 0 : (size_t)n;
}

static void
read_digest(struct memo_wire *w, struct digest *out)
{
	memset(out, 0, sizeof(*out));
	if (has(w, DIGEST_BYTES)) {
		memcpy(out->bytes, w->at, DIGEST_BYTES);
		w->at += DIGEST_BYTES;
	}
}

static void
read_stamp(struct memo_wire *w, struct memo_stamp *out)
{
	if (has(w, sizeof(*out))) {
		memcpy(out, w->at, sizeof(*out));
		w->at += sizeof(*out);
	}
}

static const char *
text(struct memo_wire *w)
{
	const char *s = w->at, *end = NULL;

	if (!w->bad)
		end = memchr(s, 0, (size_t)(w->end - s));
	w->bad = w->bad || !end;
	if (w->bad)
		return "";
	w->at = end + 1;
	return s;
}

static const char **
texts(struct arena *a, struct memo_wire *w, size_t *n)
{
	const char **at;

	*n = count(w);
	at = arena_array(a, *n, sizeof(*at));
	for (size_t i = 0; i < *n; i++)
		at[i] = text(w);
	return at;
}

/* Names alone: plans and questions ask for no more. */
static void
read_deps(struct arena *a, struct memo_wire *w, struct pkgdeps *out)
{
	out->n = count(w);
	out->at = arena_array(a, out->n, sizeof(*out->at));
	for (size_t i = 0; i < out->n; i++)
		out->at[i].name = text(w);
}

static void
read_package(struct arena *a, struct memo_wire *w, struct recipe_package *p)
{
	p->name = text(w);
	p->line = (int)number(w);
	p->col = (int)number(w);
	read_deps(a, w, &p->requires);
	read_deps(a, w, &p->provides);
}

static struct recipe *
read_recipe(struct arena *a, struct memo_wire *w)
{
	struct recipe *r = arena_alloc(a, sizeof(*r));

	r->outline = true;
	read_digest(w, &r->text);
	r->name_line = (int)number(w);
	r->name_col = (int)number(w);
	r->version = text(w);
	r->limits.memory_bytes = number(w);
	r->test.run.run = number(w) ? "" : NULL;
	r->debuginfo = number(w) != 0;
	r->doc = number(w) != 0;
	r->locale = number(w) != 0;
	r->ground = texts(a, w, &r->nground);
	if (r->nground == 0)
		r->ground = NULL;
	r->nneeds = count(w);
	r->needs = arena_array(a, r->nneeds, sizeof(*r->needs));
	for (size_t i = 0; i < r->nneeds; i++) {
		r->needs[i].name = text(w);
		r->needs[i].line = (int)number(w);
		r->needs[i].col = (int)number(w);
	}
	r->npackages = count(w);
	r->packages = arena_array(a, r->npackages, sizeof(*r->packages));
	for (size_t i = 0; i < r->npackages; i++)
		read_package(a, w, &r->packages[i]);
	r->nsources = count(w);
	r->sources = arena_array(a, r->nsources, sizeof(*r->sources));
	for (size_t i = 0; i < r->nsources; i++) {
		r->sources[i].url = text(w);
		r->sources[i].filename = text(w);
		read_digest(w, &r->sources[i].sha256);
	}
	r->npatches = count(w);
	r->patches = arena_array(a, r->npatches, sizeof(*r->patches));
	for (size_t i = 0; i < r->npatches; i++) {
		r->patches[i].file = text(w);
		read_digest(w, &r->patches[i].sha256);
	}
	return r;
}

static void
read_decision(struct arena *a, struct memo_wire *w, struct memo_decision *d)
{
	read_digest(w, &d->in);
	read_digest(w, &d->action);
	read_digest(w, &d->facts);
	read_digest(w, &d->keys);
	read_digest(w, &d->text);
	d->born_ns = (int64_t)number(w);
	d->nblobs = count(w);
	d->blobs = arena_array(a, d->nblobs, sizeof(*d->blobs));
	for (size_t i = 0; i < d->nblobs; i++)
		read_digest(w, &d->blobs[i]);
	d->proven = number(w) == 1;
}

static void
read_entry(struct arena *a, struct memo_wire *w, struct memo_entry *out)
{
	out->name = text(w);
	out->lasting = true;
	out->nfiles = count(w);
	out->files = arena_array(a, out->nfiles, sizeof(*out->files));
	for (size_t i = 0; i < out->nfiles; i++) {
		out->files[i].path = text(w);
		read_stamp(w, &out->files[i].stamp);
	}
	w->bad = w->bad || out->nfiles == 0;
	out->recipe = read_recipe(a, w);
	out->recipe->name = out->name;
	if (out->nfiles)
		out->recipe->path = out->files[0].path;
	out->decided = number(w) == 1;
	if (out->decided)
		read_decision(a, w, &out->decision);
}

static uint32_t *
read_indices(struct arena *a, struct memo_wire *w, size_t n)
{
	uint32_t *at;

	if (w->bad || n > (size_t)(w->end - w->at) / sizeof(*at)) {
		w->bad = true;
		return NULL;
	}
	at = arena_array(a, n, sizeof(*at));
	memcpy(at, w->at, n * sizeof(*at));
	w->at += n * sizeof(*at);
	return at;
}

/* Whether it is one, its user looks. */
static void
read_plan(struct arena *a, struct memo_wire *w, struct memo_plan *out)
{
	*out = (struct memo_plan){ .n = 0 };
	read_digest(w, &out->in);
	out->n = count(w);
	out->slots = read_indices(a, w, out->n);
	out->nneeds = read_indices(a, w, out->n);
	for (size_t i = 0; i < out->n && !w->bad; i++)
		out->nedges += out->nneeds[i];
	out->needs = read_indices(a, w, out->nedges);
}

static void
add_number(struct buf *out, uint64_t v)
{
	buf_add(out, &v, sizeof(v));
}

static void
add_text(struct buf *out, const char *s)
{
	buf_add(out, s, strlen(s) + 1);
}

static void
add_digest(struct buf *out, const struct digest *d)
{
	buf_add(out, d->bytes, DIGEST_BYTES);
}

static void
add_deps(struct buf *out, const struct pkgdeps *deps)
{
	add_number(out, deps->n);
	for (size_t i = 0; i < deps->n; i++)
		add_text(out, deps->at[i].name);
}

static void
add_package(struct buf *out, const struct recipe_package *p)
{
	add_text(out, p->name);
	add_number(out, (uint64_t)p->line);
	add_number(out, (uint64_t)p->col);
	add_deps(out, &p->requires);
	add_deps(out, &p->provides);
}

static void
add_recipe(struct buf *out, const struct recipe *r)
{
	add_digest(out, &r->text);
	add_number(out, (uint64_t)r->name_line);
	add_number(out, (uint64_t)r->name_col);
	add_text(out, r->version);
	add_number(out, r->limits.memory_bytes);
	add_number(out, r->test.run.run != NULL);
	add_number(out, r->debuginfo);
	add_number(out, r->doc);
	add_number(out, r->locale);
	add_number(out, r->nground);
	for (size_t i = 0; i < r->nground; i++)
		add_text(out, r->ground[i]);
	add_number(out, r->nneeds);
	for (size_t i = 0; i < r->nneeds; i++) {
		add_text(out, r->needs[i].name);
		add_number(out, (uint64_t)r->needs[i].line);
		add_number(out, (uint64_t)r->needs[i].col);
	}
	add_number(out, r->npackages);
	for (size_t i = 0; i < r->npackages; i++)
		add_package(out, &r->packages[i]);
	add_number(out, r->nsources);
	for (size_t i = 0; i < r->nsources; i++) {
		add_text(out, r->sources[i].url);
		add_text(out, r->sources[i].filename);
		add_digest(out, &r->sources[i].sha256);
	}
	add_number(out, r->npatches);
	for (size_t i = 0; i < r->npatches; i++) {
		add_text(out, r->patches[i].file);
		add_digest(out, &r->patches[i].sha256);
	}
}

static void
add_entry(struct buf *out, const struct memo_entry *e)
{
	add_text(out, e->name);
	add_number(out, e->nfiles);
	for (size_t i = 0; i < e->nfiles; i++) {
		add_text(out, e->files[i].path);
		buf_add(out, &e->files[i].stamp, sizeof(e->files[i].stamp));
	}
	add_recipe(out, e->recipe);
	add_number(out, e->decided);
	if (!e->decided)
		return;
	add_digest(out, &e->decision.in);
	add_digest(out, &e->decision.action);
	add_digest(out, &e->decision.facts);
	add_digest(out, &e->decision.keys);
	add_digest(out, &e->decision.text);
	add_number(out, (uint64_t)e->decision.born_ns);
	add_number(out, e->decision.nblobs);
	for (size_t i = 0; i < e->decision.nblobs; i++)
		add_digest(out, &e->decision.blobs[i]);
	add_number(out, e->decision.proven);
}

static void
add_plan(struct buf *out, const struct memo_plan *p)
{
	add_digest(out, &p->in);
	add_number(out, p->n);
	buf_add(out, p->slots, p->n * sizeof(*p->slots));
	buf_add(out, p->nneeds, p->n * sizeof(*p->nneeds));
	buf_add(out, p->needs, p->nedges * sizeof(*p->needs));
}

bool
memo_wire_read(struct arena *a, const char *bytes, size_t n, const struct digest *maker,
	       struct memo_text *out)
{
	const size_t magic = strlen(MEMO_MAGIC);
	struct memo_wire w;
	uint64_t sum;

	if (n < magic + SUM_BYTES || memcmp(bytes, MEMO_MAGIC, magic) != 0)
		return false;
	w = (struct memo_wire){ .at = bytes + magic, .end = bytes + n - SUM_BYTES };
	/* Whose it is costs nothing to look at, the sum of a whole distribution does. */
	read_digest(&w, &out->maker);
	if (w.bad || !digest_equal(&out->maker, maker))
		return false;
	sum = sum_of(bytes, n - SUM_BYTES);
	if (memcmp(&sum, w.end, SUM_BYTES) != 0)
		return false;
	read_stamp(&w, &out->recipes);
	for (size_t i = 0; i < MEMO_SHELVES; i++)
		read_stamp(&w, &out->shelves[i]);
	out->n = count(&w);
	out->entries = arena_array(a, out->n, sizeof(*out->entries));
	for (size_t i = 0; i < out->n && !w.bad; i++) {
		read_entry(a, &w, &out->entries[i]);
		w.bad = w.bad ||
			(i && strcmp(out->entries[i - 1].name, out->entries[i].name) >= 0);
	}
	read_plan(a, &w, &out->plan);
	return !w.bad && w.at == w.end;
}

void
memo_wire_write(const struct memo_text *t, struct memo_entry *const *entries, size_t n,
		struct buf *out)
{
	uint64_t lasting = 0;

	for (size_t i = 0; i < n; i++)
		lasting += entries[i]->lasting;
	buf_add_str(out, MEMO_MAGIC);
	add_digest(out, &t->maker);
	buf_add(out, &t->recipes, sizeof(t->recipes));
	buf_add(out, t->shelves, sizeof(t->shelves));
	add_number(out, lasting);
	for (size_t i = 0; i < n; i++)
		if (entries[i]->lasting)
			add_entry(out, entries[i]);
	add_plan(out, &t->plan);
	add_number(out, sum_of(buf_text(out), out->len));
}
