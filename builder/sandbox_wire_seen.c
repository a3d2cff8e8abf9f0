/* SPDX-License-Identifier: Apache-2.0 */
/* What a warden saw of a run, on its way to the conductor: one JSON document in a memfd. */
#include "builder/sandbox_priv.h"
#include "base/json.h"

static const char *const kinds[] = { "denied", "dns", "network" };

static int
compare_violations(const void *a, const void *b)
{
	const struct sandbox_violation *x = a, *y = b;
	int c = strcmp(x->kind, y->kind);

	c = c ? c : strcmp(x->call, y->call);
	c = c ? c : strcmp(x->argument, y->argument);
	return c ? c : strcmp(x->process, y->process);
}

static struct doc *
violations_doc(struct arena *a, struct sandbox_notify *n)
{
	struct doc *list = doc_list(a);

	qsort(n->at, n->n, sizeof(*n->at), compare_violations);
	for (size_t i = 0; i < n->n; i++) {
		const struct sandbox_violation *v = &n->at[i];
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "kind", v->kind);
		doc_set_text(a, d, "call", v->call);
		doc_set_text(a, d, "process", v->process);
		doc_set_text(a, d, "argument", v->argument);
		doc_set(a, d, "count", doc_number(a, (int64_t)v->count));
		doc_push(a, list, d);
	}
	return list;
}

static struct doc *
used_doc(struct arena *a, struct sandbox_trace *t)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < t->used.n; i++) {
		void *none;
		const char *path = dict_at(&t->used, i, &none);

		/* Names of packages are checked; what else is there is not theirs. */
		if (manifest_is_path(path))
			doc_push(a, list, doc_text(a, path));
	}
	return list;
}

int
sandbox_wire_seen_write(struct sandbox_notify *n, bool watched, struct sandbox_trace *t,
			struct buf *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *d = doc_map(&a);

	doc_set(&a, d, "watched", doc_boolean(&a, watched));
	doc_set(&a, d, "violations", violations_doc(&a, n));
	doc_set(&a, d, "lost", doc_number(&a, (int64_t)n->lost));
	doc_set(&a, d, "used", used_doc(&a, t));
	doc_set(&a, d, "known", doc_boolean(&a, t->known && t->used.n > 0));
	json_write(d, out);
	return buf_check(out, "what the warden saw", err);
}

static bool
take_text(const struct doc *d, const char *key, char *out, size_t size)
{
	const char *text = doc_get_text(d, key);

	return text && snprintf(out, size, "%s", text) < (int)size;
}

static bool
take_violation(const struct doc *d, struct sandbox_violation *out)
{
	const char *kind = doc_get_text(d, "kind");
	int64_t count;

	for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i], kind) == 0)
			out->kind = kinds[i];
	if (!out->kind || !take_text(d, "call", out->call, sizeof(out->call)) ||
	    !take_text(d, "process", out->process, sizeof(out->process)) ||
	    !take_text(d, "argument", out->argument, sizeof(out->argument)) ||
	    !doc_int(doc_get(d, "count"), &count) || count < 1)
		return false;
	out->count = (uint64_t)count;
	return true;
}

static bool
take_used(struct arena *a, const struct doc *list, struct sandbox_seen *out)
{
	const char **used;

	if (!list || list->kind != DOC_LIST || list->n > SANDBOX_MAX_USED)
		return false;
	used = arena_array(a, list->n, sizeof(*used));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *path = list->items[i].value;

		if (path->kind != DOC_TEXT || !manifest_is_path(path->text))
			return false;
		used[i] = path->text;
	}
	out->used = used;
	out->nused = list->n;
	return true;
}

static bool
take(struct arena *a, const struct doc *d, struct sandbox_seen *out)
{
	const struct doc *list = doc_get(d, "violations");
	struct sandbox_violation *at;
	int64_t lost;

	if (!doc_bool(doc_get(d, "watched"), &out->watched) ||
	    !doc_bool(doc_get(d, "known"), &out->used_known) ||
	    !doc_int(doc_get(d, "lost"), &lost) || lost < 0 || !list ||
	    list->kind != DOC_LIST || list->n > SANDBOX_MAX_VIOLATIONS)
		return false;
	at = arena_array(a, list->n, sizeof(*at));
	for (size_t i = 0; i < list->n; i++)
		if (!take_violation(list->items[i].value, &at[i]))
			return false;
	out->lost = (uint64_t)lost;
	out->violations = at;
	out->nviolations = list->n;
	return take_used(a, doc_get(d, "used"), out);
}

int
sandbox_wire_seen_read(struct arena *a, const char *text, size_t n, struct sandbox_seen *out,
		       struct err *err)
{
	struct sandbox_seen seen = { 0 };
	struct doc *d;

	if (json_parse(a, text, n, "what the warden saw", &d, err) < 0)
		return err_recode(err, ERR_SANDBOX);
	if (!take(a, d, &seen))
		return err_set(err, ERR_SANDBOX, "what the warden saw cannot be read back");
	*out = seen;
	return 0;
}
