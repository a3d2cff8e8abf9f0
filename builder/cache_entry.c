/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "builder/cache_priv.h"
#include "trust/dsse.h"

#define MEASURE_MAX ((int64_t)1 << 50) /* no time or size of a build is larger */

static void
add(struct cache_entry *e, const struct cas *store, const char *path, const struct digest *d)
{
	struct cache_file *f = &e->at[e->n++];
	struct err ignored;

	*f = (struct cache_file){ .path = path, .sha256 = *d };
	if (store && cas_size(store, d, &f->size, &ignored) < 0)
		f->size = 0;
}

void
cache_entry_list(struct arena *a, const struct cas *store, const struct result *r,
		 struct cache_entry *out)
{
	/* result.json is added by who has it */
	struct cache_entry e = { .at = arena_array(a, r->npackages + 6, sizeof(*e.at)) };

	for (size_t i = 0; i < r->npackages; i++)
		add(&e, store,
		    arena_format(a, "packages/%s", nevra_file(a, &r->packages[i].id)),
		    &r->packages[i].file);
	add(&e, store, "action.json", &r->packages[0].action);
	add(&e, store, "build.log", &r->log);
	add(&e, store, "record.json", &r->record);
	add(&e, store, "statement.json", &r->statement);
	add(&e, store, CACHE_BUNDLE_NAME, &r->bundle);
	*out = e;
}

/* Time and memory are in no statement. They only guide estimates, but must be numbers. */
static struct doc *
sane_measures(struct arena *a, const struct doc *measures)
{
	static const char *const names[] = { "elapsedMs", "peakMemoryBytes", "logBytes" };
	struct doc *d = doc_map(a);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int64_t v;

		if (doc_int(doc_get(measures, names[i]), &v) && v >= 0 && v <= MEASURE_MAX)
			doc_set(a, d, names[i], doc_number(a, v));
	}
	return d;
}

int
cache_entry_trust(struct arena *a, const struct keyring *ring, const char *key_hex,
		  const struct buf *result, const struct buf *bundle, struct result *out,
		  const char **signer, struct err *err)
{
	struct result r;
	struct digest d;

	if (result_read(a, buf_text(result), result->len, key_hex, &r, err) < 0)
		return err_set(err, ERR_VERIFY, "%s is no result", CACHE_RESULT_NAME);
	digest_of(buf_text(bundle), bundle->len, &d);
	if (!digest_equal(&d, &r.bundle))
		return err_set(err, ERR_VERIFY, "%s names another %s", CACHE_RESULT_NAME,
			       CACHE_BUNDLE_NAME);
	if (result_trust_text(ring, key_hex, &r, buf_text(bundle), bundle->len, signer, err) <
	    0)
		return -1;
	r.measures = sane_measures(a, r.measures);
	*out = r;
	return 0;
}
