/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing seed.lock. Index and pool of an archive may disagree for a while, so a version is
 * pinned only after its bytes were fetched into the store; what is listed but gone is passed
 * over aloud, and the next lower version taken.
 */
#include "builder/seed_priv.h"
#include "base/fd.h"

#define LOCK_MAX_BYTES ((size_t)1024 * 1024)

struct locking {
	struct arena *a;
	struct workspace *w;
	struct cas *store;
	bool update;
	const struct seed *seed; /* wanted, and pinned until now */
	struct seed_package *candidates;
	size_t ncandidates;
	void (*note)(void *, const char *);
	void *arg;
	size_t changed;
};

static void
tell(struct locking *l, const char *text)
{
	if (l->note)
		l->note(l->arg, text);
}

/* Fetches c. *gone: every place answered, but none has it. */
static int
try_candidate(struct locking *l, const struct seed_package *c, bool *gone, struct err *err)
{
	struct seed_package p = *c;
	struct source_pin pin;
	bool fetched;

	p.lock = l->seed->lock;
	*gone = false;
	if (seed_pin(l->a, &p, &pin, err) < 0)
		return -1;
	if (source_fetch(l->w, l->store, &pin, NULL, &fetched, err) == 0)
		return 0;
	*gone = err->code == ERR_FETCH && err->sys == ENOENT;
	return -1;
}

static void
tell_change(struct locking *l, const struct seed_package *now)
{
	const struct seed_package *old = seed_find(l->seed, now->name);

	if (old && !strcmp(old->version, now->version) &&
	    digest_equal(&old->sha256, &now->sha256))
		return;
	l->changed++;
	if (old)
		tell(l,
		     arena_format(l->a, "%s: %s -> %s", now->name, old->version, now->version));
	else
		tell(l, arena_format(l->a, "%s: %s", now->name, now->version));
}

/* The newest version of name that is really there. */
static int
choose(struct locking *l, const char *name, struct seed_package *out, struct err *err)
{
	bool listed = false;

	for (size_t i = 0; i < l->ncandidates; i++) {
		const struct seed_package *c = &l->candidates[i];
		bool gone;

		if (strcmp(c->name, name) != 0)
			continue;
		listed = true;
		if (try_candidate(l, c, &gone, err) == 0) {
			*out = *c;
			tell_change(l, c);
			return 0;
		}
		if (!gone)
			return -1;
		tell(l, arena_format(l->a,
				     "%s: %s is listed but gone, trying the next lower version",
				     name, c->version));
	}
	if (listed)
		return err_set(err, ERR_FETCH, "%s: no listed version of '%s' can be fetched",
			       l->seed->yaml, name);
	return err_set(err, ERR_INPUT, "%s: this machine's archive has no package '%s'",
		       l->seed->yaml, name);
}

static int
choose_all(struct locking *l, const char *const *names, size_t n, struct seed_package *out,
	   struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct seed_package *old = seed_find(l->seed, names[i]);

		if (old && !l->update)
			out[i] = *old;
		else if (choose(l, names[i], &out[i], err) < 0)
			return -1;
	}
	return 0;
}

static int
write_lock(struct locking *l, const struct seed_package *p, size_t n, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(LOCK_MAX_BYTES);

	buf_add_str(
		&text,
		"# Written by `kiln seed lock` from the archive's signed index; builds never change it.\n"
		"format: 1\npackages:\n");
	for (size_t i = 0; i < n; i++) {
		char hex[DIGEST_HEX];

		digest_hex(&p[i].sha256, hex);
		buf_add_format(
			&text,
			"  - name: %s\n    version: \"%s\"\n    size: %llu\n    sha256: %s\n"
			"    location: \"%s\"\n    snapshot: %s\n",
			p[i].name, p[i].version, (unsigned long long)p[i].size, hex,
			p[i].location, p[i].snapshot);
	}
	if (buf_check(&text, l->seed->lock, err) < 0)
		return -1;
	return fd_publish(l->w->dirfd, l->seed->lock, buf_text(&text), text.len, 0644, err);
}

static void
tell_removed(struct locking *l, const char *const *names, size_t n)
{
	for (size_t i = 0, j = 0; i < l->seed->npackages; i++) {
		const char *old = l->seed->packages[i].name;

		while (j < n && strcmp(names[j], old) < 0)
			j++;
		if (j < n && !strcmp(names[j], old))
			continue;
		l->changed++;
		tell(l, arena_format(l->a, "%s: no longer wanted", old));
	}
}

static bool
is_complete(const struct seed *s, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!seed_find(s, names[i]))
			return false;
	return true;
}

/* The indexes are read only when something is to be chosen. */
static int
read_candidates(struct locking *l, const char *const *names, size_t n, struct err *err)
{
	struct seed_query q = { .w = l->w, .names = names, .nnames = n };

	if (!l->update && is_complete(l->seed, names, n))
		return 0;
	if (source_apt_indexes(&q.indexes, &q.nindexes, err) < 0)
		return -1;
	return seed_index_read(l->a, &q, &l->candidates, &l->ncandidates, err);
}

static int
lock_with(struct locking *l, struct err *err)
{
	struct seed_package *chosen;
	const char **names;
	size_t n;

	seed_names(l->a, l->seed, &names, &n);
	if (read_candidates(l, names, n, err) < 0)
		return -1;
	chosen = arena_array(l->a, n, sizeof(*chosen));
	if (choose_all(l, names, n, chosen, err) < 0)
		return -1;
	tell_removed(l, names, n);
	if (!l->changed) {
		tell(l, arena_format(l->a, "%s is as it should be", l->seed->lock));
		return 0;
	}
	if (write_lock(l, chosen, n, err) < 0)
		return -1;
	tell(l, arena_format(l->a, "%s: %zu packages, %zu changed; commit it", l->seed->lock, n,
			     l->changed));
	return 0;
}

int
seed_lock(struct workspace *w, bool update, void (*note)(void *, const char *), void *arg,
	  struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(cas_close) struct cas *store = NULL;
	struct seed seed = { 0 };
	struct locking l = {
		.a = &a, .w = w, .update = update, .seed = &seed, .note = note, .arg = arg
	};

	if (seed_load_wanted(&a, w, &seed, err) < 0 ||
	    seed_load_pinned(&a, w, &seed, err) < 0 ||
	    cas_open(w->store_path, true, &store, err) < 0)
		return -1;
	l.store = store;
	return lock_with(&l, err);
}
