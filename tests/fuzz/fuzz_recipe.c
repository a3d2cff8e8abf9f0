/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes of any bytes: parsed, or refused with a place; what is accepted keeps its promises.
 */
#include "base/json.h"
#include "base/manifest.h"
#include "builder/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
expect(bool good)
{
	if (!good)
		abort();
}

static void
check_sources(const struct recipe *r)
{
	for (size_t i = 0; i < r->nsources; i++) {
		const struct recipe_source *s = &r->sources[i];

		expect(s->url && s->filename && *s->filename && !strchr(s->filename, '/'));
		expect(manifest_is_path(s->into));
		for (size_t j = 0; j < s->nextract; j++)
			expect(manifest_is_path(s->extract[j]));
	}
	for (size_t i = 0; i < r->npatches; i++)
		expect(manifest_is_path(r->patches[i].file));
}

static void
check_packages(const struct recipe *r)
{
	for (size_t i = 0; i < r->npackages; i++) {
		const struct recipe_package *p = &r->packages[i];

		expect(nevra_is_name(p->name) && p->summary && p->description);
		for (size_t j = 0; j < p->nfiles; j++)
			expect(p->files[j][0] == '/');
		for (size_t j = 0; j < p->nowners; j++)
			expect(p->owners[j].mode <= 07777 && p->owners[j].path[0] == '/');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err err = { .code = ERR_NONE };
	struct recipe *r = NULL;
	char hex[65];

	if (recipe_parse(&a, (const char *)data, n, "fuzz.yaml", 1, &r, &err) < 0) {
		expect(err.code != ERR_NONE && strstr(err.text, "fuzz.yaml"));
		return 0;
	}
	expect(nevra_is_name(r->name) && nevra_is_version(r->version) &&
	       nevra_is_version(r->release));
	expect(r->nsteps > 0 && r->npackages > 0 && r->epoch > 0);
	check_sources(r);
	check_packages(r);
	json_digest_hex(r->normal, hex);
	return 0;
}
