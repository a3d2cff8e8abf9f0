/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a result may be believed: everything in it against its signed statement. */
#include "base/json.h"
#include "builder/result.h"
#include "trust/dsse.h"

void
result_facts_digest(const struct pkgfacts *packages, size_t n, struct digest *out)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *list = doc_list(&a);
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < n; i++) {
		struct pkgfacts f = packages[i];

		f.action = f.statement = f.bundle = (struct digest){ { 0 } };
		doc_push(&a, list, pkgfacts_doc(&a, &f));
	}
	json_digest_hex(list, hex);
	if (!digest_parse(hex, out))
		abort(); /* json_digest_hex writes what digest_parse reads */
}

static bool
is_byproduct(const struct statement *s, const char *name, const struct digest *d)
{
	for (size_t i = 0; i < s->nbyproducts; i++) {
		if (s->byproducts[i].name && strcmp(s->byproducts[i].name, name) == 0)
			return digest_equal(&s->byproducts[i].sha256, d);
	}
	return false;
}

/* "zlib-devel" of "zlib-devel-1.3-1.x86_64.rpm". */
static bool
is_name_of(const char *name, const char *file)
{
	size_t n = strlen(name);
	const char *rest = file + n;

	if (strncmp(file, name, n) != 0 || *rest != '-')
		return false;
	rest = strchr(rest + 1, '-'); /* between version and release */
	return rest && !strchr(rest + 1, '-');
}

static const struct result_input *
input_of(const struct result *r, const struct digest *file)
{
	for (size_t i = 0; i < r->nenvironment; i++) {
		if (digest_equal(&r->environment[i].file, file))
			return &r->environment[i];
	}
	return NULL;
}

/* What a package was built with goes into inventories by these words: no package of the
 * statement is missing, none is added, none is called otherwise. */
static int
check_environment(const struct statement *s, const struct result *r, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];
		const char *role = doc_get_text(d->annotations, "role");
		const struct result_input *e;

		if (!role || strcmp(role, "environment") != 0)
			continue;
		e = input_of(r, &d->sha256);
		if (!e || !d->name || !d->uri || !is_name_of(e->name, d->name) ||
		    strcmp(e->purl, d->uri) != 0)
			return err_set(err, ERR_VERIFY,
				       "%s of the environment is not as in the statement",
				       d->name ? d->name : "a package");
		n++;
	}
	if (n != r->nenvironment)
		return err_set(err, ERR_VERIFY, "the environment is not that of the statement");
	return 0;
}

static int
check_packages(const struct statement *s, const struct digest *key, const struct result *r,
	       struct err *err)
{
	struct digest facts;

	for (size_t i = 0; i < r->npackages; i++) {
		const struct pkgfacts *f = &r->packages[i];

		if (!statement_subject(s, &f->file) || !statement_subject(s, &f->header))
			return err_set(err, ERR_VERIFY,
				       "package %s is no subject of its statement", f->id.name);
		if (!digest_equal(&f->action, key) ||
		    !digest_equal(&f->statement, &r->statement) ||
		    !digest_equal(&f->bundle, &r->bundle))
			return err_set(err, ERR_VERIFY, "package %s names another proof",
				       f->id.name);
	}
	result_facts_digest(r->packages, r->npackages, &facts);
	if (!is_byproduct(s, "facts.json", &facts))
		return err_set(err, ERR_VERIFY,
			       "the facts of the packages are not those of the statement");
	return 0;
}

static int
check_statement(const struct statement *s, const char *key_hex, const struct result *r,
		struct err *err)
{
	const char *action = doc_get_text(s->internal, "action");
	struct digest key;

	if (!action || strcmp(action, key_hex) != 0 || !digest_parse(key_hex, &key))
		return err_set(err, ERR_VERIFY, "the statement speaks of action %s",
			       action ? action : "(none)");
	if (!is_byproduct(s, "build.log", &r->log) ||
	    !is_byproduct(s, "record.json", &r->record))
		return err_set(err, ERR_VERIFY, "log or record are not those of the statement");
	if (check_environment(s, r, err) < 0)
		return -1;
	return check_packages(s, &key, r, err);
}

/* Who signed, before a byte of the statement is read. */
static int
open_bundle(struct arena *a, const struct keyring *ring, const char *text, size_t n,
	    struct dsse_bundle *b, const struct key_public **key, struct err *err)
{
	if (dsse_bundle_parse(a, text, n, "bundle", b, err) < 0 ||
	    dsse_bundle_verify(b, ring, key, err) < 0) {
		err_wrap(err, "bundle");
		return err_recode(err, ERR_VERIFY);
	}
	if (strcmp(b->payload_type, DSSE_INTOTO_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "bundle: payload type is '%s', not '%s'",
			       b->payload_type, DSSE_INTOTO_TYPE);
	return 0;
}

int
result_trust_text(const struct keyring *ring, const char *key_hex, const struct result *r,
		  const char *bundle, size_t n, const char **signer, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	const struct key_public *key = NULL;
	struct statement s;
	struct digest payload;

	if (open_bundle(&a, ring, bundle, n, &b, &key, err) < 0)
		return -1;
	digest_of(buf_text(&b.payload), b.payload.len, &payload);
	if (!digest_equal(&payload, &r->statement))
		return err_set(err, ERR_VERIFY, "the bundle holds another statement");
	if (statement_parse(&a, b.payload.data, b.payload.len, "bundle", &s, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(s.predicate_type, STATEMENT_SLSA_V1) != 0)
		return err_set(err, ERR_VERIFY, "bundle: predicate type is '%s', not '%s'",
			       s.predicate_type, STATEMENT_SLSA_V1);
	if (check_statement(&s, key_hex, r, err) < 0)
		return -1;
	if (signer)
		*signer = key->id;
	return 0;
}

int
result_trust(const struct cas *store, const struct keyring *ring, const char *key_hex,
	     const struct result *r, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);

	if (cas_get(store, &r->bundle, &text, err) < 0)
		return -1;
	return result_trust_text(ring, key_hex, r, buf_text(&text), text.len, NULL, err);
}
