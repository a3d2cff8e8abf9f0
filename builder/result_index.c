/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/result_index.h"
#include "base/fd.h"
#include "base/json.h"

static int
read_result(struct arena *a, const char *key, const char *text, size_t n,
	    struct index_result *out, struct err *err)
{
	struct result r = { 0 };
	struct doc *d;

	if (json_parse(a, text, n, key, &d, err) < 0 ||
	    result_read(a, text, n, key, &r, err) < 0)
		return -1;
	out->recipe = doc_get_text(d, "recipe");
	if (!out->recipe)
		return err_set(err, ERR_INPUT, "%s: a result without recipe", key);
	out->log = r.log;
	(void)doc_int(doc_get(r.measures, "elapsedMs"), &out->duration_ms);
	(void)doc_int(doc_get(r.measures, "peakMemoryBytes"), &out->peak_bytes);
	(void)doc_int(doc_get(r.measures, "cpuMs"), &out->cpu_ms);
	out->npackages = r.npackages;
	out->packages = arena_array(a, r.npackages, sizeof(*out->packages));
	for (size_t i = 0; i < r.npackages; i++)
		out->packages[i] = (struct index_package){
			.nevra = nevra_text(a, &r.packages[i].id),
			.file = r.packages[i].file,
			.header = r.packages[i].header,
			.bytes = r.packages[i].size,
		};
	return 0;
}

int
result_index(struct cas *store, bool anew, struct index **out, struct err *err)
{
	return index_open(store, read_result, anew, out, err);
}

int
result_index_check(struct cas *store, bool repair, bool *stale, struct err *err)
{
	CLEANUP(index_free) struct index *here = NULL;
	CLEANUP(index_free) struct index *truth = NULL;
	CLEANUP(index_free) struct index *made = NULL;
	struct digest said, is;
	struct stat st;

	*stale = false;
	if (fstatat(cas_dirfd(store), INDEX_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0 && !repair)
		return 0; /* whoever asks will make it */
	if (result_index(store, true, &truth, err) < 0 || index_digest(truth, &is, err) < 0)
		return -1;
	*stale = result_index(store, false, &here, err) < 0 ||
		 index_digest(here, &said, err) < 0 || !digest_equal(&said, &is);
	if (!*stale || !repair)
		return 0;
	if (index_drop(store, err) < 0)
		return -1;
	return result_index(store, false, &made, err);
}

struct finding {
	struct cas *store;
	void (*fn)(void *, const char *, const char *, const char *);
	void *arg;
	size_t n;
};

/* The index is believed in nothing that can be looked up. */
static void
confirm(void *arg, const char *key, const char *recipe, const char *nevra)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct finding *f = arg;
	struct result r = { 0 };
	struct err ignored;
	bool found = false;

	(void)recipe;
	if (result_load(&a, f->store, key, &r, &found, &ignored) < 0 || !found)
		return;
	for (size_t i = 0; i < r.npackages; i++) {
		if (strcmp(nevra_text(&a, &r.packages[i].id), nevra) != 0)
			continue;
		f->fn(f->arg, key, r.packages[i].recipe, nevra);
		f->n++;
		return;
	}
}

int
result_index_find(struct cas *store, const char *what,
		  void (*fn)(void *, const char *, const char *, const char *), void *arg,
		  size_t *n, struct err *err)
{
	struct finding f = { .store = store, .fn = fn, .arg = arg };

	for (int anew = 0; anew < 2 && f.n == 0; anew++) {
		CLEANUP(index_free) struct index *x = NULL;

		if (result_index(store, anew, &x, err) < 0 ||
		    index_find(x, what, confirm, &f, err) < 0)
			return -1;
	}
	*n = f.n;
	return 0;
}
