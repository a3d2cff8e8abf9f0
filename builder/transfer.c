/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/transfer.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/vec.h"
#include "builder/build_priv.h"
#include "builder/result.h"
#include "repo/publish.h"

#define TRANSFER_FORMAT    1
#define TRANSFER_INDEX     "kiln.json"
#define TRANSFER_INDEX_MAX DOC_MAX_BYTES
#define TRANSFER_PROOF_MAX ((size_t)4096)
#define PROOF_KIND         "proof" /* of repo/publish.h */

struct exporting {
	struct build_session *s;
	int dirfd;
	struct dict seen, proven, grounds;
	VEC(struct digest) unproven; /* packages that something was made of */
	struct doc *objects, *results, *proofs;
	struct transfer_report *report;
};

static void
exporting_release_scope(struct exporting *x)
{
	if (x->dirfd >= 0)
		close(x->dirfd);
	dict_release(&x->seen);
	dict_release(&x->proven);
	dict_release(&x->grounds);
	VEC_FREE(&x->unproven);
}

static int
copy_blob(struct exporting *x, const struct digest *d, const char *path, uint64_t *size,
	  struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	CLEANUP(fd_close) int out = -1;
	char tmp[FD_TMP_MAX];
	int rc;

	if (cas_get_fd(x->s->b->store, d, &in, err) < 0 ||
	    fd_tmp(x->dirfd, path, tmp, &out, err) < 0)
		return -1;
	rc = fd_copy(in, out, UINT64_MAX, size, err);
	if (rc == 0 && fchmod(out, 0444) < 0)
		rc = err_sys(err, "%s", path);
	if (rc == 0)
		rc = fd_commit(x->dirfd, out, tmp, path, err);
	if (rc < 0) {
		(void)unlinkat(x->dirfd, tmp, 0);
		return -1;
	}
	return fd_close(&out, path, err);
}

/* must: its absence is an error; what was only once seen by a build may have left. */
static int
add(struct exporting *x, const struct digest *d, bool must, struct err *err)
{
	struct arena *a = x->s->a;
	struct doc *item = doc_map(a);
	char hex[DIGEST_HEX];
	uint64_t size = 0;

	digest_hex(d, hex);
	if ((!must && !cas_has(x->s->b->store, d)) || !dict_add(&x->seen, hex, x))
		return 0;
	if (copy_blob(x, d, arena_format(a, "cas/%s", hex), &size, err) < 0)
		return -1;
	doc_set_digest(a, item, "sha256", d);
	doc_set(a, item, "bytes", doc_number(a, (int64_t)size));
	doc_push(a, x->objects, item);
	x->report->objects++;
	x->report->bytes += size;
	return 0;
}

/* What the store holds under the key of an action. */
static int
add_stored(struct exporting *x, const char *key, const char *recipe, const struct result *r,
	   struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_INDEX_MAX);
	struct arena *a = x->s->a;
	const struct digest *proofs[] = { &r->record, &r->log, &r->statement, &r->bundle };
	struct doc *item = doc_map(a);
	struct digest action;
	bool found;

	if (!digest_parse(key, &action))
		return err_set(err, ERR_INPUT, "'%s' is no action", key);
	if (add(x, &action, true, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(proofs); i++) {
		if (add(x, proofs[i], true, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->npackages; i++) {
		if (add(x, &r->packages[i].file, true, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->nenvironment; i++) {
		if (add(x, &r->environment[i].file, false, err) < 0)
			return -1;
		VEC_PUSH(&x->unproven, r->environment[i].file);
	}
	if (cas_ref_get(x->s->b->store, "action", key, &text, &found, err) < 0 ||
	    fd_publish(x->dirfd, arena_format(a, "ac/%s", key), text.data, text.len, 0444,
		       err) < 0)
		return -1;
	doc_set_text(a, item, "action", key);
	doc_set_text(a, item, "recipe", recipe);
	doc_push(a, x->results, item);
	x->report->results++;
	return 0;
}

/* A package of the ground that was built here counts by its result, so that comes along. */
static int
add_ground(struct exporting *x, const struct seed_package *p, struct err *err)
{
	struct arena *a = x->s->a;
	char *hex = arena_alloc(a, DIGEST_HEX);
	struct result r;
	bool found;

	if (!p->built)
		return add(x, &p->sha256, true, err);
	digest_hex(&p->built->action, hex);
	if (!dict_add(&x->grounds, hex, x))
		return 0;
	if (result_load(a, x->s->b->store, hex, &r, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_INPUT, "its result is not in the store");
	return add_stored(x, hex, p->built->id.name, &r, err);
}

static int
add_inputs(struct exporting *x, const struct recipe *r, struct err *err)
{
	const struct seed_package **packages;
	size_t n;

	for (size_t i = 0; i < r->nsources; i++) {
		if (add(x, &r->sources[i].sha256, true, err) < 0)
			return err_wrap(err, "%s:%d:%d: source %s", r->path, r->sources[i].line,
					r->sources[i].col, r->sources[i].filename);
	}
	if (seed_ground(x->s->a, &x->s->seed, (const char *const *)r->ground, r->nground,
			&packages, &n, err) < 0)
		return err_wrap(err, "%s", r->path);
	for (size_t i = 0; i < n; i++) {
		if (add_ground(x, packages[i], err) < 0)
			return err_wrap(err, "ground package %s", packages[i]->name);
	}
	return 0;
}

static int
add_result(struct exporting *x, const struct build_job *job, struct err *err)
{
	struct digest recipe;

	action_recipe_digest(job->node->recipe, &recipe);
	return add(x, &recipe, false, err) < 0
		       ? -1
		       : add_stored(x, job->action.hex, job->node->recipe->name, &job->result,
				    err);
}

/* What is remembered of a package that was published once, and what that was made of: whoever
 * publishes what was made of it needs its statement. */
static int
add_proof(struct exporting *x, const struct digest *file, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_PROOF_MAX);
	const struct cas *store = x->s->b->store;
	struct arena *a = x->s->a;
	char hex[DIGEST_HEX];
	struct statement st;
	struct digest bundle;
	struct err unproven;
	const char *name;
	bool found;

	digest_hex(file, hex);
	if (!dict_add(&x->proven, hex, x) ||
	    publish_recall(a, store, &x->s->ring, file, &name, &bundle, &st, &found,
			   &unproven) < 0 ||
	    !found)
		return 0;
	if (add(x, &bundle, true, err) < 0 ||
	    cas_ref_get(store, PROOF_KIND, hex, &text, &found, err) < 0 ||
	    fd_publish(x->dirfd, arena_format(a, "proof/%s", hex), text.data, text.len, 0444,
		       err) < 0)
		return -1;
	doc_push(a, x->proofs, doc_text(a, arena_strdup(a, hex)));
	for (size_t i = 0; i < st.ndependencies; i++)
		VEC_PUSH(&x->unproven, st.dependencies[i].sha256);
	return 0;
}

static int
add_proofs(struct exporting *x, struct err *err)
{
	while (x->unproven.n) {
		struct digest file = x->unproven.at[--x->unproven.n];

		if (add_proof(x, &file, err) < 0)
			return err_wrap(err, "proof");
	}
	return 0;
}

static int
write_index(struct exporting *x, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_INDEX_MAX);
	struct doc *d = doc_map(x->s->a);

	doc_set(x->s->a, d, "format", doc_number(x->s->a, TRANSFER_FORMAT));
	doc_set(x->s->a, d, "objects", x->objects);
	doc_set(x->s->a, d, "results", x->results);
	doc_set(x->s->a, d, "proofs", x->proofs);
	json_write(d, &text);
	if (buf_check(&text, TRANSFER_INDEX, err) < 0)
		return -1;
	return fd_publish(x->dirfd, TRANSFER_INDEX, text.data, text.len, 0444, err);
}

int
transfer_export(struct builder *b, const char *dir, const char *const *names, size_t nnames,
		struct transfer_report *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(build_session_end) struct build_session s = { 0 };
	CLEANUP(exporting_release) struct exporting x = { .s = &s, .dirfd = -1, .report = out };
	size_t known;

	*out = (struct transfer_report){ 0 };
	if (build_session_load(&a, b, names, nnames, &s, err) < 0 ||
	    build_session_probe(&s, &known, err) < 0 || fd_mkdirs(AT_FDCWD, dir, err) < 0 ||
	    fd_open_dir(AT_FDCWD, dir, &x.dirfd, err) < 0 ||
	    fd_mkdirs(x.dirfd, "cas", err) < 0 || fd_mkdirs(x.dirfd, "ac", err) < 0 ||
	    fd_mkdirs(x.dirfd, "proof", err) < 0)
		return -1;
	x.objects = doc_list(&a);
	x.results = doc_list(&a);
	x.proofs = doc_list(&a);
	for (size_t i = 0; i < s.plan.n; i++) {
		if (add_inputs(&x, s.plan.at[i].recipe, err) < 0)
			return -1;
		out->unbuilt += !s.jobs[i].known;
		if (s.jobs[i].known && add_result(&x, &s.jobs[i], err) < 0)
			return err_wrap(err, "result of %s", s.plan.at[i].recipe->name);
	}
	return add_proofs(&x, err) < 0 ? -1 : write_index(&x, err);
}

int
transfer_push(struct arena *a, struct builder *b, const char *const *names, size_t nnames,
	      volatile const bool *stop, struct transfer_report *out, const char **why,
	      struct err *err)
{
	CLEANUP(build_session_end) struct build_session s = { 0 };
	struct cache_report sent;
	size_t known;

	*out = (struct transfer_report){ 0 };
	*why = NULL;
	if (!b->workspace->cache.url) {
		err_set(err, ERR_INPUT, "no shared cache is named");
		return err_hint(err, "name one in kiln.yaml (docs/cache.md) or in KILN_CACHE");
	}
	b->workspace->cache.write = true;
	if (build_session_load(a, b, names, nnames, &s, err) < 0 ||
	    build_session_probe(&s, &known, err) < 0 || build_cache_open(&s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.plan.n && !(stop && *stop); i++) {
		out->unbuilt += !s.jobs[i].known;
		if (s.jobs[i].known)
			build_cache_send(&s, &s.jobs[i]);
		cache_send_wait(s.cache, stop);
	}
	cache_send_finish(s.cache, INT64_MAX / 2, stop, &sent);
	out->results = sent.sent;
	out->refused = sent.unsent;
	if (sent.unsent)
		*why = arena_strdup(a, sent.text);
	return stop && *stop ? err_set(err, ERR_INTERRUPTED, "stopped") : 0;
}

static int
take_object(struct cas *store, int dirfd, const struct doc *item, struct transfer_report *out,
	    struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char hex[DIGEST_HEX], path[DIGEST_HEX + 8];
	struct digest d;
	uint64_t size;

	if (!doc_get_digest(item, "sha256", &d))
		return err_set(err, ERR_INPUT, "%s: an object without sha256", TRANSFER_INDEX);
	if (cas_keep(store, &d)) {
		out->present++;
		return 0;
	}
	digest_hex(&d, hex);
	(void)snprintf(path, sizeof(path), "cas/%s", hex);
	if (fd_open_plain(dirfd, path, &fd, NULL, err) < 0)
		return -1;
	if (cas_put_fd(store, fd, &d, NULL, &size, err) < 0)
		return err_wrap(err, "%s", path);
	out->objects++;
	out->bytes += size;
	return 0;
}

/* What is not believed never gets its name in the store. */
static int
take_result(struct cas *store, int dirfd, const char *key, const char *recipe,
	    const struct keyring *ring, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_INDEX_MAX);
	struct result r = { 0 };
	bool found = false;

	if (fd_read_file(dirfd, arena_format(&a, "ac/%s", key), &text, err) < 0 ||
	    result_parse(&a, store, buf_text(&text), text.len, key, &r, &found, err) < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_VERIFY, "something that it names is not there");
	if (result_trust(store, ring, key, &r, err) < 0)
		return -1;
	if (result_store(store, recipe, key, &r, err) < 0)
		return -1;
	return result_note_last(store, recipe, key, &r, err);
}

static int
take_results(struct cas *store, int dirfd, const struct doc *list, const struct keyring *ring,
	     void (*refused)(void *, const char *, const char *), void *arg,
	     struct transfer_report *out, struct err *err)
{
	for (size_t i = 0; list && list->kind == DOC_LIST && i < list->n; i++) {
		const char *key = doc_get_text(list->items[i].value, "action");
		const char *recipe = doc_get_text(list->items[i].value, "recipe");
		struct digest d;

		if (!key || !digest_parse(key, &d) || !recipe)
			return err_set(err, ERR_INPUT, "%s: a result without action or recipe",
				       TRANSFER_INDEX);
		if (take_result(store, dirfd, key, recipe, ring, err) == 0) {
			out->results++;
			continue;
		}
		if (err->code == ERR_IO)
			return -1; /* our own disk */
		out->refused++;
		if (refused)
			refused(arg, recipe, err->text);
	}
	return 0;
}

/* Of a package that was published elsewhere: what its statement does not prove is not
 * remembered. */
static int
take_proof(struct cas *store, int dirfd, const char *hex, const struct keyring *ring,
	   struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_PROOF_MAX);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct digest file, of;
	struct statement st;
	const char *name;
	struct doc *d;

	if (!digest_parse(hex, &file))
		return err_set(err, ERR_INPUT, "a proof of no package");
	if (fd_read_plain(dirfd, arena_format(&a, "proof/%s", hex), &text, err) < 0 ||
	    json_parse(&a, buf_text(&text), text.len, hex, &d, err) < 0)
		return -1;
	name = doc_get_text(d, "name");
	if (!name || !doc_get_digest(d, "bundle", &of))
		return err_set(err, ERR_INPUT, "it names no bundle");
	if (cas_get(store, &of, &bundle, err) < 0 ||
	    verify_bundle(&a, ring, buf_text(&bundle), bundle.len, name, STATEMENT_SLSA_V1,
			  &file, &st, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(statement_subject(&st, &file)->name, name) != 0)
		return err_set(err, ERR_VERIFY, "its statement is of another name");
	return cas_ref_put(store, PROOF_KIND, hex, text.data, text.len, err);
}

static int
take_proofs(struct cas *store, int dirfd, const struct doc *list, const struct keyring *ring,
	    void (*refused)(void *, const char *, const char *), void *arg,
	    struct transfer_report *out, struct err *err)
{
	for (size_t i = 0; list && list->kind == DOC_LIST && i < list->n; i++) {
		const struct doc *item = list->items[i].value;
		const char *hex = item->kind == DOC_TEXT ? item->text : "";

		if (take_proof(store, dirfd, hex, ring, err) == 0)
			continue;
		if (err->code == ERR_IO)
			return -1; /* our own disk */
		out->refused++;
		if (refused)
			refused(arg, hex, err->text);
	}
	return 0;
}

int
transfer_import(struct cas *store, const char *dir, const struct keyring *ring,
		void (*refused)(void *, const char *, const char *), void *arg,
		struct transfer_report *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(buf_free) struct buf text = BUF_MAX(TRANSFER_INDEX_MAX);
	CLEANUP(fd_close) int dirfd = -1;
	const struct doc *objects;
	struct doc *d;
	int64_t format;

	*out = (struct transfer_report){ 0 };
	if (fd_open_dir(AT_FDCWD, dir, &dirfd, err) < 0)
		return -1;
	if (fd_read_file(dirfd, TRANSFER_INDEX, &text, err) < 0)
		return err_hint(err, "%s is no finished `kiln store export`", dir);
	if (json_parse(&a, buf_text(&text), text.len, TRANSFER_INDEX, &d, err) < 0)
		return -1;
	objects = doc_get(d, "objects");
	if (!doc_int(doc_get(d, "format"), &format) || format != TRANSFER_FORMAT || !objects ||
	    objects->kind != DOC_LIST)
		return err_set(err, ERR_INPUT, "%s/%s: not an export of format %d", dir,
			       TRANSFER_INDEX, TRANSFER_FORMAT);
	for (size_t i = 0; i < objects->n; i++) {
		if (take_object(store, dirfd, objects->items[i].value, out, err) < 0)
			return err_wrap(err, "%s", dir);
	}
	if (take_results(store, dirfd, doc_get(d, "results"), ring, refused, arg, out, err) < 0)
		return -1;
	return take_proofs(store, dirfd, doc_get(d, "proofs"), ring, refused, arg, out, err);
}
