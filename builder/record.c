/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/record.h"

static int
compare_walls(const void *a, const void *b)
{
	return strcmp(((const struct sandbox_wall *)a)->name,
		      ((const struct sandbox_wall *)b)->name);
}

struct doc *
record_walls(struct arena *a, const struct sandbox_result *result)
{
	struct sandbox_wall walls[SANDBOX_MAX_WALLS];
	struct doc *list = doc_list(a);

	memcpy(walls, result->walls, sizeof(walls));
	qsort(walls, result->nwalls, sizeof(*walls), compare_walls);
	for (size_t i = 0; i < result->nwalls; i++) {
		struct doc *wall = doc_map(a);

		doc_set_text(a, wall, "name", walls[i].name);
		doc_set_text(a, wall, "detail", walls[i].detail);
		doc_set(a, wall, "required", doc_boolean(a, walls[i].required));
		doc_push(a, list, wall);
	}
	return list;
}

struct doc *
record_doc(struct arena *a, const struct record *r)
{
	struct doc *d = doc_map(a);

	doc_set(a, d, "format", doc_number(a, 1));
	doc_set(a, d, "walls", record_walls(a, r->result));
	doc_set_text(a, d, "check", r->has_check ? "passed" : "none");
	doc_set_digest(a, d, "log", &r->log);
	doc_set_digest(a, d, "output", &r->output);
	if (r->result->seen.watched)
		doc_set(a, d, "violations", trace_attempts(a, &r->result->seen, false));
	if (r->trace)
		doc_set(a, d, "used", trace_used(a, r->trace, false));
	return d;
}

struct doc *
record_chamber(struct arena *a, const struct sandbox_result *result)
{
	struct doc *d = doc_map(a);

	doc_set(a, d, "format", doc_number(a, 1));
	doc_set(a, d, "walls", record_walls(a, result));
	if (result->seen.watched)
		doc_set(a, d, "violations", trace_attempts(a, &result->seen, false));
	return d;
}

struct doc *
record_measures(struct arena *a, const struct sandbox_result *result)
{
	struct doc *d = doc_map(a);

	doc_set(a, d, "elapsedMs", doc_number(a, result->elapsed_ms));
	doc_set(a, d, "peakMemoryBytes", doc_number(a, (int64_t)result->peak_memory_bytes));
	doc_set(a, d, "logBytes", doc_number(a, (int64_t)result->log_bytes));
	return d;
}
