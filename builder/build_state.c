/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a workspace stands. Failures of builds are remembered under refs/failed/RECIPE with the
 * digest of the recipe's text: as long as that is the same, the recipe would fail again. A
 * result of its action outweighs the note, so nobody needs to take it away.
 */
#include "builder/build_priv.h"
#include "base/json.h"

#define FAILED_KIND      "failed"
#define FAILED_MAX_BYTES ((size_t)16 * 1024)
#define FAILED_MAX_TEXT  4096

static const char *
blob_path(struct build_session *s, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return arena_format(s->a, "%s/blobs/%.2s/%s", cas_path(s->b->store), hex, hex);
}

static const struct build_job *
job_of(const struct build_session *s, const char *recipe)
{
	for (size_t i = 0; i < s->plan.n; i++) {
		if (strcmp(s->plan.at[i].recipe->name, recipe) == 0)
			return &s->jobs[i];
	}
	return NULL;
}

void
build_state_keep_failure(struct build_session *s, struct build_failure *f)
{
	static const struct digest nothing;
	CLEANUP(buf_free) struct buf text = BUF_MAX(FAILED_MAX_BYTES);
	const struct build_job *job = job_of(s, f->recipe);
	struct doc *d = doc_map(s->a);
	struct err ignored;

	if (!job)
		return;
	if (!digest_equal(&job->record.log, &nothing))
		f->log = blob_path(s, &job->record.log);
	doc_set_digest(s->a, d, "text", &job->node->recipe->text);
	doc_set_text(s->a, d, "cause", f->cause);
	doc_set_text(s->a, d, "message", f->message);
	doc_set_text(s->a, d, "where", f->where);
	doc_set_text(s->a, d, "log", f->log);
	json_write(d, &text);
	if (buf_check(&text, f->recipe, &ignored) == 0)
		(void)!cas_ref_put(s->b->store, FAILED_KIND,
				   build_session_note(s, job->node->recipe), text.data,
				   text.len, &ignored);
}

static const char *
get_words(const struct doc *d, const char *key)
{
	const char *text = doc_get_text(d, key);

	return text && strlen(text) <= FAILED_MAX_TEXT ? text : NULL;
}

/* A note that is not there, or cannot be read, says nothing. */
static struct build_failure *
last_failure(struct build_session *s, const struct recipe *r)
{
	CLEANUP(buf_free) struct buf json = BUF_MAX(FAILED_MAX_BYTES);
	struct build_failure *f = arena_alloc(s->a, sizeof(*f));
	struct digest text;
	struct err ignored;
	struct doc *d;
	bool found;

	if (cas_ref_get(s->b->store, FAILED_KIND, build_session_note(s, r), &json, &found,
			&ignored) < 0 ||
	    !found || json_parse(s->a, buf_text(&json), json.len, r->name, &d, &ignored) < 0 ||
	    !doc_get_digest(d, "text", &text) || !digest_equal(&text, &r->text))
		return NULL;
	*f = (struct build_failure){ .recipe = r->name,
				     .cause = get_words(d, "cause"),
				     .message = get_words(d, "message"),
				     .where = get_words(d, "where"),
				     .log = get_words(d, "log") };
	return f->cause ? f : NULL;
}

static int
state_of(struct build_session *s, size_t node, struct build_state *out, struct err *err)
{
	struct build_reason reason;

	*out = (struct build_state){ .recipe = s->plan.at[node].recipe->name };
	if (s->jobs[node].known) {
		build_test_standing(s, node, out);
		return 0;
	}
	if (build_tell_reason(s, node, &reason, err) < 0)
		return -1;
	out->reason = reason.text;
	out->last = last_failure(s, s->plan.at[node].recipe);
	out->standing = reason.before ? BUILD_IS_STALE : BUILD_IS_NEW;
	if (out->last)
		out->standing = BUILD_HAS_FAILED;
	return 0;
}

static int
by_name(const void *x, const void *y)
{
	return strcmp(((const struct build_state *)x)->recipe,
		      ((const struct build_state *)y)->recipe);
}

int
build_state(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	    struct build_state **out, size_t *n, struct err *err)
{
	static const struct build_options dry = { .dry_run = true };
	CLEANUP(build_session_end) struct build_session s = { 0 };
	struct build_summary sum = { 0 };
	struct build_state *states;
	size_t known;

	if (build_session_load_memo(a, b, names, nnames, &s, err) < 0)
		return -1;
	s.options = &dry;
	s.summary = &sum;
	if (build_decide(&s, &known, err) < 0)
		return -1;
	memo_save(s.memo);
	states = arena_array(a, s.plan.n, sizeof(*states));
	for (size_t i = 0; i < s.plan.n; i++) {
		if (state_of(&s, i, &states[i], err) < 0)
			return -1;
	}
	if (s.plan.n)
		qsort(states, s.plan.n, sizeof(*states), by_name);
	*out = states;
	*n = s.plan.n;
	return 0;
}

int
build_check_input(struct builder *b, const char *const *names, size_t nnames, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(build_session_end) struct build_session s = { 0 };

	return build_session_load(&a, b, names, nnames, &s, err);
}
