/* SPDX-License-Identifier: Apache-2.0 */
/* From packages that were made to a result that may be served: record, statement, signature. */
#include "builder/build_priv.h"
#include "base/json.h"
#include "trust/dsse.h"

#define RECORD_MAX_BYTES ((size_t)1024 * 1024)

static int
keep_record(struct build_session *s, struct build_job *job, struct result *r, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(RECORD_MAX_BYTES);

	json_write(record_doc(s->a, &job->record), &text);
	if (buf_check(&text, "record", err) < 0)
		return -1;
	r->log = job->record.log;
	r->measures = record_measures(s->a, job->outcome);
	return cas_put(s->b->store, text.data, text.len, &r->record, err);
}

static int
keep_statement(struct build_session *s, struct build_job *job, struct result *r,
	       struct err *err)
{
	CLEANUP(buf_free) struct buf statement = BUF_MAX(PROVENANCE_MAX_BYTES);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct provenance p = {
		.workspace = s->b->workspace,
		.recipe = job->node->recipe,
		.action = &job->action,
		.root = &job->root,
		.seed = &s->seed,
		.record = &job->record,
		.record_blob = r->record,
		.packages = r->packages,
		.npackages = r->npackages,
	};

	if (provenance_make(&p, &statement, err) < 0 ||
	    signer_bundle(s->b->signer, statement.data, statement.len, &bundle, err) < 0 ||
	    cas_put(s->b->store, statement.data, statement.len, &r->statement, err) < 0)
		return -1;
	return cas_put(s->b->store, bundle.data, bundle.len, &r->bundle, err);
}

static void
note_input(struct build_session *s, const struct pkgfacts *f, struct result *r)
{
	r->environment[r->nenvironment++] = (struct result_input){
		.name = f->id.name,
		.purl = provenance_purl(s->a, s->b->workspace, &f->id),
		.file = f->file,
	};
}

static void
note_environment(struct build_session *s, const struct build_job *job, struct result *r)
{
	const struct buildroot *root = &job->root;

	r->environment =
		arena_array(s->a, root->npackages + root->nground, sizeof(*r->environment));
	for (size_t i = 0; i < root->npackages; i++)
		note_input(s, root->packages[i], r);
	for (size_t i = 0; i < root->nground; i++)
		if (root->ground[i]->built)
			note_input(s, root->ground[i]->built, r);
}

int
build_prove(struct build_session *s, struct build_job *job, struct pkgfacts *facts, size_t n,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf recipe = BUF_MAX(ACTION_MAX_BYTES);
	struct result r = { .packages = facts, .npackages = n };
	struct digest action;

	/* What the statement names by digest lies in the store before the statement does. */
	json_write(job->node->recipe->normal, &recipe);
	if (buf_check(&recipe, "recipe", err) < 0 ||
	    cas_put(s->b->store, recipe.data, recipe.len, &action, err) < 0 ||
	    cas_put(s->b->store, job->action.text, strlen(job->action.text), &action, err) <
		    0 ||
	    keep_record(s, job, &r, err) < 0 || keep_statement(s, job, &r, err) < 0)
		return err_wrap(err, "proof of %s", job->node->recipe->name);
	for (size_t i = 0; i < n; i++) {
		facts[i].action = job->action.key;
		facts[i].statement = r.statement;
		facts[i].bundle = r.bundle;
	}
	note_environment(s, job, &r);
	if (result_store(s->b->store, job->node->recipe->name, job->action.hex, &r, err) < 0 ||
	    result_note_last(s->b->store, build_session_note(s, job->node->recipe),
			     job->action.hex, &r, err) < 0)
		return err_wrap(err, "result of %s", job->node->recipe->name);
	job->result = r;
	job->known = true;
	build_memo_note(s, job);
	return 0;
}
