/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/builder/property_world.h"
#include "base/json.h"
#include "base/tree.h"

#define SEED_SHA "1111111111111111111111111111111111111111111111111111111111111111"

static void
put(struct world *w, const char *path, const char *text)
{
	struct err e;
	const char *slash = strrchr(path, '/');
	const char *up = slash ? arena_strndup(&w->a, path, (size_t)(slash - path)) : NULL;

	if ((up && fd_mkdirs(w->dir, up, &e) < 0) ||
	    fd_publish(w->dir, path, text, strlen(text), 0644, &e) < 0)
		fail_msg("%s: %s", path, e.text);
}

uint64_t
world_random(struct world *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (w->random >> 11) % below;
}

static const char *
name_of(struct world *w, unsigned i)
{
	return arena_format(&w->a, "r%02u", i);
}

/* A line of the key with the list; none when there is nothing in it. */
static const char *
names(struct world *w, const char *key, uint32_t bits, const char *more)
{
	const char *list = "";

	for (unsigned i = 0; i < WORLD_RECIPES; i++)
		if (bits & (1U << i))
			list = arena_format(&w->a, "%s%sr%02u", list, *list ? ", " : "", i);
	if (more)
		list = arena_format(&w->a, "%s%s%s", list, *list ? ", " : "", more);
	return *list ? arena_format(&w->a, "%s: [%s]\n", key, list) : "";
}

static const char *
package_text(struct world *w, unsigned i)
{
	static const char *const capabilities[] = { NULL, "cap-a", "cap-b", "cap-c" };
	const struct world_recipe *r = &w->at[i];
	const char *text =
		arena_format(&w->a, "packages:\n  - name: r%02u\n%s", i,
			     names(w, "    requires", r->requires, capabilities[r->wants]));

	if (r->provides)
		text = arena_format(&w->a, "%s    provides: [%s]\n", text,
				    capabilities[r->provides]);
	if (r->extra)
		text = arena_format(&w->a, "%s  - name: r%02u-more\n    files: [/usr/more/*]\n",
				    text, i);
	return text;
}

/* The size of the file does not depend on comment, license, source and version. */
static void
write_recipe(struct world *w, unsigned i)
{
	const struct world_recipe *r = &w->at[i];
	const char *dir = arena_format(&w->a, "recipes/r%02u", i);
	const char *head =
		arena_format(&w->a, "format: 1\nname: r%02u\nversion: \"1.%03u\"\nrelease: 1\n",
			     i, r->version);
	const char *about = arena_format(&w->a, "summary: One\nlicense: %s\n",
					 r->license % 2 ? "ISC" : "MIT");
	const char *text = arena_format(
		&w->a,
		"# %04u\n%s%shomepage: https://example.org/\n"
		"sources:\n  - url: file:x.tar\n    sha256: %064x\n%sbuild:\n%s"
		"  steps:\n    - {name: make, run: \"%s\"}\n%s",
		r->comment, r->reordered ? about : head, r->reordered ? head : about, r->source,
		r->patched ? "patches: [fix.patch]\n" : "", names(w, "  needs", r->needs, NULL),
		r->leaky ? "cat" : "true", package_text(w, i));

	if (!r->there)
		return;
	if (r->patched)
		put(w, arena_format(&w->a, "%s/fix.patch", dir),
		    arena_format(&w->a, "patch %04u\n", r->patch));
	put(w, arena_format(&w->a, "%s/recipe.yaml", dir), text);
}

static void
write_seed(struct world *w)
{
	put(w, "kiln.yaml",
	    "format: 1\nname: World\nid: world\nversion: \"1\"\nvendor: World\n"
	    "builder: https://world.invalid/\nrepository: world\nepoch: 2026-01-01\n");
	put(w, "bootstrap/seed.yaml",
	    "format: 1\ngroups:\n  - name: base\n    standard: true\n    packages: [bash]\n");
	put(w, "bootstrap/seed.lock",
	    "format: 1\npackages:\n  - name: bash\n    version: \"1\"\n    size: 1\n"
	    "    sha256: " SEED_SHA "\n    location: \"debian:pool/main/b/bash/bash.deb\"\n"
	    "    snapshot: 20260101T000000Z\n");
}

void
world_make(struct world *w, uint64_t seed)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	w->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->dir = test_tmpdir();
	w->did = "";
	write_seed(w);
	for (unsigned i = 0; i < WORLD_RECIPES; i++)
		w->at[i].rank = i;
	for (unsigned i = WORLD_RECIPES; i-- > 1;) {
		unsigned j = (unsigned)world_random(w, i + 1), rank = w->at[i].rank;

		w->at[i].rank = w->at[j].rank;
		w->at[j].rank = rank;
	}
	for (unsigned i = 0; i < WORLD_RECIPES; i++) {
		struct world_recipe *r = &w->at[i];

		r->there = true;
		r->leaky = world_random(w, 3) == 0;
		/* Of each capability one provider at first. */
		r->provides = r->rank < 4 ? r->rank : 0;
		r->wants = r->rank > 8 && world_random(w, 3) == 0
				   ? 1 + (unsigned)world_random(w, 3)
				   : 0;
		for (unsigned j = 0; j < WORLD_RECIPES; j++) {
			if (w->at[j].rank >= r->rank)
				continue;
			r->needs |= (uint32_t)(world_random(w, 6) == 0) << j;
			r->requires |= (uint32_t)(world_random(w, 9) == 0) << j;
		}
		write_recipe(w, i);
	}
	memcpy(w->before, w->at, sizeof(w->at));
	if (workspace_open(&w->a, test_tmpdir_path(w->dir), NULL, NULL, &w->workspace, &e) <
		    0 ||
	    cas_open(w->workspace.store_path, true, &w->builder.store, &e) < 0)
		fail_msg("%s", e.text);
	w->builder.workspace = &w->workspace;
	w->store_dir = cas_dirfd(w->builder.store);
}

void
world_release(struct world *w)
{
	cas_close(w->builder.store);
	workspace_close(&w->workspace);
	dict_release(&w->keys);
	free(w->old_memo);
	(void)close(w->dir);
	arena_release(&w->a);
}

const char *
world_memo(struct world *w)
{
	struct stat st;

	if (fstat(w->store_dir, &st) < 0)
		fail_msg("the store has gone");
	return arena_format(&w->a, ".kiln/plan-%llx-%llx", (unsigned long long)st.st_dev,
			    (unsigned long long)st.st_ino);
}

/* ---- edits ---- */

/* Other content of the same size, in place, so that not even the inode is another; forged: nor
 * the time of modification. */
static void
overwrite(struct world *w, unsigned i, bool forged)
{
	const char *path = arena_format(&w->a, "recipes/r%02u/recipe.yaml", i);
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(buf_free) struct buf text = BUF_MAX(RECIPE_MAX_BYTES);
	struct err e;
	struct stat st;
	char *at;

	w->at[i].source++;
	if (fd_read_file(w->dir, path, &text, &e) < 0 ||
	    fd_open_beneath(w->dir, path, O_WRONLY, &fd, &e) < 0 || fstat(fd, &st) < 0)
		fail_msg("%s cannot be overwritten", path);
	at = strstr(buf_text(&text), "sha256: ");
	assert_non_null(at);
	(void)snprintf(at + 8, 65, "%064x", w->at[i].source);
	at[8 + 64] = '\n';
	if (pwrite(fd, text.data, text.len, 0) != (ssize_t)text.len ||
	    (forged && futimens(fd, (struct timespec[]){ st.st_atim, st.st_mtim }) < 0))
		fail_msg("%s cannot be overwritten", path);
}

/* An edit in the very tick in which another one was read and remembered. */
static void
race(struct world *w, unsigned i)
{
	struct memo *m;
	struct recipe_set set;
	struct err e;

	overwrite(w, i, false);
	memo_open(&w->a, w->dir, world_memo(w), w->workspace.epoch, &m);
	if (memo_recipes(&w->a, m, &w->workspace.place, &set, &e) < 0)
		fail_msg("%s", e.text);
	overwrite(w, i, false);
	memo_save(m);
}

static void
take_out(struct world *w, unsigned i)
{
	struct err e;

	w->at[i].there = false;
	if (tree_remove(w->dir, arena_format(&w->a, "recipes/r%02u", i), &e) < 0)
		fail_msg("%s", e.text);
	for (unsigned j = 0; j < WORLD_RECIPES; j++) {
		struct world_recipe *r = &w->at[j];
		bool asks = (r->needs | r->requires) & (1U << i);

		r->needs &= ~(1U << i);
		r->requires &= ~(1U << i);
		if (asks)
			write_recipe(w, j);
	}
}

/* Another recipe that is there and ranks lower; false: there is none. */
static bool
lower(struct world *w, unsigned i, unsigned *j)
{
	for (unsigned tries = 0; tries < 50; tries++) {
		*j = (unsigned)world_random(w, WORLD_RECIPES);
		if (w->at[*j].there && w->at[*j].rank < w->at[i].rank)
			return true;
	}
	return false;
}

/* An action that the store has loses its reference, or a blob it counts on. */
static void
lose(struct world *w, bool blob)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(DOC_MAX_BYTES);
	const char *key, *path;
	bool found;
	struct err e;
	void *there;
	size_t i;

	if (w->keys.n == 0)
		return;
	i = (size_t)world_random(w, w->keys.n);
	key = arena_strdup(&w->a, dict_at(&w->keys, i, &there));
	if (!there)
		return;
	/* Its own action stands among its blobs, and no other result counts on that. */
	path = blob ? arena_format(&w->a, "blobs/%.2s/%s", key, key)
		    : arena_format(&w->a, "refs/action/%s", key);
	if (cas_ref_get(w->builder.store, "action", key, &json, &found, &e) < 0 || !found)
		fail_msg("%s is not in the store", key);
	if (unlinkat(w->store_dir, path, 0) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	dict_set(&w->keys, key, NULL);
}

static void
spoil_memo(struct world *w, bool old)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MEMO_MAX_BYTES);
	const char *path = world_memo(w);
	size_t at;
	struct err e;

	if (fd_read_file(w->dir, path, &text, &e) < 0)
		return;
	if (old) {
		if (w->old_memo &&
		    fd_publish(w->dir, path, w->old_memo, w->old_memo_len, 0644, &e) < 0)
			fail_msg("%s", e.text);
		free(w->old_memo);
		w->old_memo = mem_dup(text.data, text.len);
		w->old_memo_len = text.len;
		return;
	}
	at = (size_t)world_random(w, text.len);
	if (world_random(w, 2))
		text.data[at] = (char)(text.data[at] ^ (1 << world_random(w, 8)));
	else
		text.len = at;
	if (fd_publish(w->dir, path, text.data, text.len, 0644, &e) < 0)
		fail_msg("%s", e.text);
}

static const char *
edit_text(struct world *w, unsigned kind, unsigned i)
{
	struct world_recipe *r = &w->at[i];

	switch (kind) {
	case 0:
		return r->comment++, "comment";
	case 1:
		return r->reordered = !r->reordered, "reordered map";
	case 2:
		return r->license++, "licence";
	case 3:
		return r->source++, "source";
	case 4:
		return r->version++, "version";
	case 5:
		return r->extra = !r->extra, "packages";
	case 6:
		return r->provides = (unsigned)world_random(w, 4), "provides";
	case 7:
		return r->wants = (unsigned)world_random(w, 4), "requires a capability";
	case 8:
		return r->patched = !r->patched, "patches";
	case 9:
		return r->patch++, "patch";
	case 10:
		return r->leaky = !r->leaky, "steps";
	case 11:
		return "written as it was";
	case 12: /* back to what it was when the world began */
		r->needs &= w->before[i].needs;
		r->requires &= w->before[i].requires;
		*r = (struct world_recipe){ .there = r->there,
					    .rank = r->rank,
					    .needs = r->needs,
					    .requires = r->requires,
					    .leaky = w->before[i].leaky };
		return "reverted";
	default:
		return NULL;
	}
}

static const char *
edit_graph(struct world *w, unsigned kind, unsigned i)
{
	struct world_recipe *r = &w->at[i];
	unsigned j;

	switch (kind) {
	case 13:
		if (lower(w, i, &j))
			r->needs |= 1U << j;
		return write_recipe(w, i), "need added";
	case 14:
		r->needs &= (uint32_t)world_random(w, 1U << WORLD_RECIPES);
		return write_recipe(w, i), "needs removed";
	case 15:
		if (lower(w, i, &j))
		r->requires
		^= 1U << j;
		return write_recipe(w, i), "requires";
	case 16:
		return take_out(w, i), "recipe removed";
	case 17: /* what is not there comes back: with the rest, a rename */
		for (j = 0; j < WORLD_RECIPES && w->at[j].there; j++)
			;
		if (j == WORLD_RECIPES)
			return "nothing";
		w->at[j].there = true;
		return write_recipe(w, j), "recipe added";
	case 18:
		return overwrite(w, i, true), "overwritten with its time forged";
	case 19:
		return overwrite(w, i, false), "overwritten in place";
	case 20:
		return race(w, i), "overwritten while it was read";
	default:
		return NULL;
	}
}

void
world_edit(struct world *w)
{
	unsigned kind = (unsigned)world_random(w, WORLD_EDITS), i;
	const char *did;

	do
		i = (unsigned)world_random(w, WORLD_RECIPES);
	while (!w->at[i].there);
	did = edit_text(w, kind, i);
	if (did) {
		write_recipe(w, i);
	} else if ((did = edit_graph(w, kind, i)) == NULL) {
		if (kind == 21)
			lose(w, world_random(w, 2));
		else
			spoil_memo(w, kind == 22);
		did = kind == 21 ? "store lost something" : "memo spoilt";
	}
	w->did = arena_format(&w->a, "%s; %s %s", w->did, name_of(w, i), did);
}

/* ---- results ---- */

static void
fill_facts(struct world *w, const struct build_job *job, const struct recipe_package *p,
	   struct pkgfacts *f)
{
	const struct recipe *r = job->node->recipe;
	CLEANUP(buf_free) struct buf content = BUF_MAX(65536);
	struct manifest none = { 0 };
	char hex[DIGEST_HEX];

	*f = (struct pkgfacts){ .id = { .name = p->name,
					.version = r->version,
					.release = r->release,
					.arch = "x86_64" },
				.recipe = r->name,
				.summary = r->summary,
				.license = r->license,
				.build_time = r->epoch,
				.requires = p->requires };
	pkgfile_self_provides(&w->a, &f->id, &f->provides);
	if (p->provides.n) {
		struct pkgdeps all = { .n = f->provides.n + p->provides.n };

		all.at = arena_array(&w->a, all.n, sizeof(*all.at));
		memcpy(all.at, f->provides.at, f->provides.n * sizeof(*all.at));
		memcpy(all.at + f->provides.n, p->provides.at, p->provides.n * sizeof(*all.at));
		pkgdep_sort(&all);
		f->provides = all;
	}
	digest_hex(&r->sources[0].sha256, hex);
	buf_add_format(&content, "%s %s", p->name, hex);
	for (size_t i = 0; r->steps[0].run[0] == 'c' && i < job->root.npackages; i++) {
		digest_hex(&job->root.packages[i]->environment, hex);
		buf_add_str(&content, hex);
	}
	pkgfacts_environment(f, &none, &f->environment);
	buf_add(&content, f->environment.bytes, DIGEST_BYTES);
	digest_of(content.data, content.len, &f->environment);
	digest_of(content.data, content.len, &f->header);
}

void
world_build(struct world *w, struct build_session *s, struct build_job *job)
{
	const struct recipe *r = job->node->recipe;
	struct result *out = &job->result;
	struct digest action;
	char hex[DIGEST_HEX];
	struct err e;

	*out = (struct result){ .npackages = r->npackages };
	out->packages = arena_array(s->a, r->npackages, sizeof(*out->packages));
	if (cas_put(w->builder.store, job->action.text, strlen(job->action.text), &action, &e) <
		    0 ||
	    cas_put(w->builder.store, "proof", 5, &out->record, &e) < 0)
		fail_msg("%s", e.text);
	out->log = out->statement = out->bundle = out->record;
	for (size_t i = 0; i < r->npackages; i++) {
		struct pkgfacts *f = &out->packages[i];

		fill_facts(w, job, &r->packages[i], f);
		f->action = action;
		f->statement = f->bundle = out->record;
		digest_hex(&f->environment, hex);
		if (cas_put(w->builder.store, hex, strlen(hex), &f->file, &e) < 0)
			fail_msg("%s", e.text);
	}
	if (result_store(w->builder.store, r->name, job->action.hex, out, &e) < 0 ||
	    result_note_last(w->builder.store, r->name, job->action.hex, out, &e) < 0)
		fail_msg("%s", e.text);
	job->known = true;
	dict_set(&w->keys, job->action.hex, w);
	build_memo_note(s, job);
}
