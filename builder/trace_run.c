/* SPDX-License-Identifier: Apache-2.0 */
/* The last run of a recipe as a reference of the store. */
#include "builder/trace.h"
#include "base/json.h"

#define TRACE_FORMAT    1
#define TRACE_KIND      "run"
#define TRACE_MAX_BYTES ((size_t)8 * 1024 * 1024)

static int
put(struct cas *store, const char *note, const struct doc *d, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRACE_MAX_BYTES);

	json_write(d, &text);
	if (buf_check(&text, "note of the last run", err) < 0)
		return -1;
	return cas_ref_put(store, TRACE_KIND, note, text.data, text.len, err);
}

/* NULL: there is none. */
static int
get(struct arena *a, const struct cas *store, const char *note, struct doc **out,
    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRACE_MAX_BYTES);
	bool found;

	*out = NULL;
	if (cas_ref_get(store, TRACE_KIND, note, &text, &found, err) < 0)
		return -1;
	return found ? json_parse(a, buf_text(&text), text.len, "last run", out, err) : 0;
}

int
trace_store(struct cas *store, const char *note, const struct trace_run *r, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = doc_map(&a), *attempts = trace_attempts(&a, &r->seen, true);

	doc_set(&a, d, "format", doc_number(&a, TRACE_FORMAT));
	doc_set_digest(&a, d, "log", &r->log);
	doc_set_text(&a, d, "action", r->action);
	doc_set_text(&a, d, "outcome", r->outcome);
	doc_set(&a, d, "used", trace_used(&a, &r->trace, true));
	doc_set(&a, d, "lost", doc_number(&a, (int64_t)r->seen.lost));
	if (attempts)
		doc_set(&a, d, "attempts", attempts);
	return put(store, note, d, err);
}

int
trace_note_log(struct cas *store, const char *note, const struct digest *log, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct err damaged;
	struct doc *d;

	if (get(&a, store, note, &d, &damaged) < 0 || !d || d->kind != DOC_MAP)
		d = doc_map(&a);
	doc_set_digest(&a, d, "log", log);
	return put(store, note, d, err);
}

int
trace_last_log(const struct cas *store, const char *note, struct digest *log, bool *found,
	       struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d;

	if (get(&a, store, note, &d, err) < 0)
		return -1;
	*found = doc_get_digest(d, "log", log) && cas_has(store, log);
	return 0;
}

static bool
read_package(const struct doc *d, struct trace_package *out)
{
	int64_t files, holds;

	out->name = doc_get_text(d, "name");
	out->example = doc_get_text(d, "example");
	if (!out->name || !doc_bool(doc_get(d, "ground"), &out->ground) ||
	    !doc_bool(doc_get(d, "onlyLibraries"), &out->only_libraries) ||
	    !doc_int(doc_get(d, "files"), &files) || files < 0 ||
	    !doc_int(doc_get(d, "holds"), &holds) || holds < files)
		return false;
	out->files = (size_t)files;
	out->holds = (size_t)holds;
	return true;
}

static bool
read_used(struct arena *a, const struct doc *d, struct trace *out)
{
	const struct doc *list = doc_get(d, "packages");

	if (!doc_bool(doc_get(d, "known"), &out->known) || !list || list->kind != DOC_LIST)
		return false;
	out->at = arena_array(a, list->n, sizeof(*out->at));
	for (; out->n < list->n; out->n++)
		if (!read_package(list->items[out->n].value, &out->at[out->n]))
			return false;
	return true;
}

static bool
copy_text(const struct doc *d, const char *key, char *out, size_t size)
{
	const char *text = doc_get_text(d, key);

	return text && snprintf(out, size, "%s", text) < (int)size;
}

static bool
read_attempt(const struct doc *d, struct sandbox_violation *out)
{
	int64_t count;

	out->kind = doc_get_text(d, "kind");
	if (!out->kind || !copy_text(d, "call", out->call, sizeof(out->call)) ||
	    !copy_text(d, "process", out->process, sizeof(out->process)) ||
	    !copy_text(d, "argument", out->argument, sizeof(out->argument)) ||
	    !doc_int(doc_get(d, "count"), &count) || count < 1)
		return false;
	out->count = (uint64_t)count;
	return true;
}

static bool
read_attempts(struct arena *a, const struct doc *list, struct sandbox_seen *out)
{
	struct sandbox_violation *at;

	out->watched = list != NULL;
	if (!list)
		return true;
	if (list->kind != DOC_LIST)
		return false;
	at = arena_array(a, list->n, sizeof(*at));
	for (size_t i = 0; i < list->n; i++)
		if (!read_attempt(list->items[i].value, &at[i]))
			return false;
	out->violations = at;
	out->nviolations = list->n;
	return true;
}

int
trace_load(struct arena *a, const struct cas *store, const char *note, struct trace_run *out,
	   bool *found, struct err *err)
{
	struct trace_run r = { 0 };
	int64_t format = 0, lost = 0;
	struct doc *d;

	if (get(a, store, note, &d, err) < 0)
		return -1;
	r.action = doc_get_text(d, "action");
	r.outcome = doc_get_text(d, "outcome");
	*found = doc_int(doc_get(d, "format"), &format) && format == TRACE_FORMAT && r.action &&
		 r.outcome && doc_get_digest(d, "log", &r.log) &&
		 doc_int(doc_get(d, "lost"), &lost) && lost >= 0 &&
		 read_used(a, doc_get(d, "used"), &r.trace) &&
		 read_attempts(a, doc_get(d, "attempts"), &r.seen);
	r.seen.lost = (uint64_t)lost;
	*out = r;
	return 0;
}
