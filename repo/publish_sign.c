/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What publishing signs, and the memory of it: a signature is made once per content and key and
 * then found again under refs/publish/, so publishing the same set twice gives the same tree.
 *
 * A signature's time is declared, not observed: the epoch of what is signed, but never before
 * the key was made, because stock clients refuse a signature older than its key. Only metadata
 * whose signature shall end is signed with the time of day: such a signature is made again and
 * again (docs/decisions/0040-signatures-that-end.md).
 */
#include "repo/publish_priv.h"

#include "base/fd.h"
#include "base/json.h"
#include "repo/pkgfile.h"
#include "trust/openpgp.h"
#include "trust/verify.h"

#define SIGN_REF_KIND   "publish"
#define SIGN_REF_FORMAT 4 /* raised whenever what is remembered gains a member */
#define SIGN_MAX_HEADER ((size_t)64 * 1024 * 1024)
#define SIGN_MAX_REF    ((size_t)64 * 1024)

static int64_t
signature_time(int64_t epoch, const struct key_public *key)
{
	return KILN_MAX(epoch, key->created);
}

int
publish_ref_get(struct publish_run *run, const struct doc *key, struct doc **out,
		struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGN_MAX_REF);
	struct err unreadable;
	char name[DIGEST_HEX];
	int64_t format;
	bool found;

	*out = NULL;
	json_digest_hex(key, name);
	if (cas_ref_get(run->spec->store, SIGN_REF_KIND, name, &text, &found, err) < 0)
		return -1;
	if (found &&
	    (json_parse(&run->arena, buf_text(&text), text.len, name, out, &unreadable) < 0 ||
	     !doc_int(doc_get(*out, "format"), &format) || format != SIGN_REF_FORMAT))
		*out = NULL;
	return 0;
}

int
publish_ref_put(struct publish_run *run, const struct doc *key, struct doc *value,
		struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGN_MAX_REF);
	char name[DIGEST_HEX];

	doc_set(&run->arena, value, "format", doc_number(&run->arena, SIGN_REF_FORMAT));
	json_digest_hex(key, name);
	json_write(value, &text);
	if (buf_check(&text, "publish reference", err) < 0)
		return -1;
	return cas_ref_put(run->spec->store, SIGN_REF_KIND, name, text.data, text.len, err);
}

/* ---- packages ---- */

/* Everything the signed file and its bundle depend on. */
static struct doc *
package_key(struct publish_run *run, const struct publish_package *p)
{
	struct arena *a = &run->arena;
	struct doc *key = doc_map(a);

	doc_set_text(a, key, "what", "package");
	doc_set_text(a, key, "name", p->name);
	doc_set_digest(a, key, "unsigned", &p->facts->file);
	doc_set_digest(a, key, "statement", &p->facts->bundle);
	doc_set_text(a, key, "packages_key", run->packages_key->id);
	doc_set_text(a, key, "builder_key", run->builder->id);
	publish_sbom_key(run, key);
	doc_set(a, key, "created",
		doc_number(a, signature_time(p->facts->build_time, run->packages_key)));
	return key;
}

static struct doc *
inputs_doc(struct arena *a, const struct publish_package *p)
{
	struct doc *list = doc_list(a);

	for (size_t i = 0; i < p->ninputs; i++) {
		struct doc *d = doc_map(a);

		doc_set_text(a, d, "name", p->inputs[i].name);
		doc_set_digest(a, d, "sha256", &p->inputs[i].sha256);
		doc_push(a, list, d);
	}
	return list;
}

static bool
inputs_read(struct arena *a, const struct doc *list, struct publish_package *p)
{
	struct statement_resource *at;

	if (!list || list->kind != DOC_LIST)
		return false;
	at = arena_array(a, list->n + 1, sizeof(*at));
	for (size_t i = 0; i < list->n; i++) {
		at[i].name = doc_get_text(list->items[i].value, "name");
		if (!doc_get_digest(list->items[i].value, "sha256", &at[i].sha256))
			return false;
	}
	p->inputs = at;
	p->ninputs = list->n;
	return true;
}

static int
fragment_put(struct publish_run *run, const struct publish_package *p, struct digest *out,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	struct doc *d = doc_map(&run->arena);

	doc_set_text(&run->arena, d, "primary", p->fragment.primary);
	doc_set_text(&run->arena, d, "filelists", p->fragment.filelists);
	doc_set_text(&run->arena, d, "other", p->fragment.other);
	doc_set(&run->arena, d, "inputs", inputs_doc(&run->arena, p));
	json_write(d, &text);
	if (buf_check(&text, "cached metadata", err) < 0)
		return -1;
	return cas_put(run->spec->store, text.data, text.len, out, err);
}

static int
fragment_get(struct publish_run *run, struct publish_package *p, const struct digest *blob,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	struct doc *d;

	if (cas_get(run->spec->store, blob, &text, err) < 0 ||
	    json_parse(&run->arena, buf_text(&text), text.len, p->name, &d, err) < 0)
		return -1;
	p->fragment.primary = doc_get_text(d, "primary");
	p->fragment.filelists = doc_get_text(d, "filelists");
	p->fragment.other = doc_get_text(d, "other");
	if (!p->fragment.primary || !p->fragment.filelists || !p->fragment.other ||
	    !inputs_read(&run->arena, doc_get(d, "inputs"), p))
		return err_set(err, ERR_IO, "cached metadata of %s is not complete", p->name);
	return 0;
}

/* Takes what an earlier publish signed; found is false when anything of it is gone. */
static int
reuse_package(struct publish_run *run, const struct doc *key, struct publish_package *p,
	      struct err *err)
{
	const struct cas *store = run->spec->store;
	struct doc *ref;
	struct digest fragment;
	int64_t size;

	if (publish_ref_get(run, key, &ref, err) < 0)
		return -1;
	if (!ref || !doc_get_digest(ref, "file", &p->file) ||
	    !doc_get_digest(ref, "bundle", &p->bundle) ||
	    !doc_get_digest(ref, "metadata", &fragment) ||
	    !doc_int(doc_get(ref, "size"), &size) || !cas_has(store, &p->file) ||
	    !cas_has(store, &p->bundle) || !cas_has(store, &fragment) ||
	    !publish_sbom_recall(run, ref, p))
		return 0;
	p->size = (uint64_t)size;
	p->ground = doc_get_text(ref, "ground");
	p->reused = true;
	return fragment_get(run, p, &fragment, err);
}

/* Signs fd's header and writes the signed package to path beneath the store. */
static int
write_signed(struct publish_run *run, const struct publish_package *p, int fd, const char *path,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf header = BUF_MAX(SIGN_MAX_HEADER);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGN_MAX_REF);
	CLEANUP(fd_close) int out = -1;
	int64_t created = signature_time(p->facts->build_time, run->packages_key);

	if (pkgfile_header_bytes(fd, p->name, &header, err) < 0 ||
	    signer_sign(run->spec->signer, KEY_PACKAGES, SIGNER_TYPE_RPM, created, header.data,
			header.len, &sig, err) < 0 ||
	    fd_create(cas_dirfd(run->spec->store), path, 0600, &out, err) < 0 ||
	    pkgfile_add_signature(fd, out, sig.data, sig.len, err) < 0)
		return -1;
	return fd_close(&out, path, err);
}

/* Takes the signed file into the store and reads its metadata from it. */
static int
keep_signed(struct publish_run *run, struct publish_package *p, const char *path,
	    struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct arena *a = &run->arena;
	struct pkgfile file;

	if (fd_open_beneath(cas_dirfd(run->spec->store), path, O_RDONLY, &fd, err) < 0 ||
	    pkgfile_read(a, fd, p->name, &file, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", path);
	if (cas_put_fd(run->spec->store, fd, NULL, &p->file, &p->size, err) < 0)
		return -1;
	if (!digest_equal(&file.header, &p->facts->header))
		return err_set(err, ERR_IO, "%s: its header is not the one its build recorded",
			       p->name);
	return repomd_fragment_make(a, &file, &p->file, p->size,
				    arena_format(a, "packages/%s", p->name), &p->fragment, err);
}

static int
sign_file(struct publish_run *run, struct publish_package *p, struct err *err)
{
	CLEANUP(fd_close) int in = -1;
	char tmp[64];
	const char *path;
	int result = -1;

	if (cas_get_fd(run->spec->store, &p->facts->file, &in, err) < 0 ||
	    cas_tmp_dir(run->spec->store, tmp, err) < 0)
		return -1;
	path = arena_format(&run->arena, "tmp/%s/signed.rpm", tmp);
	if (write_signed(run, p, in, path, err) == 0 && keep_signed(run, p, path, err) == 0)
		result = 0;
	cas_tmp_drop(run->spec->store, tmp);
	return result;
}

/* The statement of the build, taken out of its verified bundle: only what this key set attested
 * at build time is attested again. */
static int
build_statement(struct publish_run *run, const struct publish_package *p, struct statement *out,
		struct err *err)
{
	static const struct digest none;
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);

	if (digest_equal(&p->facts->bundle, &none)) {
		err_set(err, ERR_INPUT, "%s has no statement of its build", p->name);
		return err_hint(err, "run `kiln build`");
	}
	if (cas_get(run->spec->store, &p->facts->bundle, &text, err) < 0)
		return -1;
	if (verify_bundle(&run->arena, signer_keys(run->spec->signer), buf_text(&text),
			  text.len, p->name, STATEMENT_SLSA_V1, &p->facts->file, out,
			  err) < 0) {
		err_wrap(err, "statement of the build");
		return err_hint(
			err,
			"publish with the keys it was built with, or build it again with these");
	}
	return 0;
}

/* Signs a statement and keeps its bundle. */
static int
keep_bundle(struct publish_run *run, const struct statement *s, struct digest *out,
	    struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);

	if (statement_make(s, &text, err) < 0 ||
	    signer_bundle(run->spec->signer, text.data, text.len, &bundle, err) < 0)
		return -1;
	return cas_put(run->spec->store, bundle.data, bundle.len, out, err);
}

/* The same buildDefinition speaks of the signed file, of the file as built, and of its header,
 * which is the package's identity however often it is signed. */
static int
sign_statement(struct publish_run *run, struct publish_package *p, struct err *err)
{
	struct statement_resource subjects[] = {
		{ .name = p->name, .sha256 = p->file },
		{ .name = arena_format(&run->arena, "%s;unsigned", p->name),
		  .sha256 = p->facts->file },
		{ .name = arena_format(&run->arena, "%s;header", p->name),
		  .sha256 = p->facts->header },
	};
	struct statement s;

	if (build_statement(run, p, &s, err) < 0)
		return -1;
	p->inputs = s.dependencies;
	p->ninputs = s.ndependencies;
	p->ground = statement_ground(&run->arena, &s);
	s.subjects = subjects;
	s.nsubjects = ARRAY_LEN(subjects);
	if (keep_bundle(run, &s, &p->bundle, err) < 0)
		return -1;
	return publish_sbom(run, p, &s, err);
}

int
publish_sign_package(struct publish_run *run, struct publish_package *p, struct err *err)
{
	struct doc *key = package_key(run, p), *ref = doc_map(&run->arena);
	struct digest fragment;

	if (reuse_package(run, key, p, err) < 0)
		return -1;
	if (p->reused)
		return 0;
	if (sign_file(run, p, err) < 0 || sign_statement(run, p, err) < 0 ||
	    fragment_put(run, p, &fragment, err) < 0 ||
	    publish_remember(run->spec->store, p->facts, err) < 0)
		return err_wrap(err, "%s", p->name);
	doc_set_digest(&run->arena, ref, "file", &p->file);
	doc_set_digest(&run->arena, ref, "bundle", &p->bundle);
	doc_set_digest(&run->arena, ref, "metadata", &fragment);
	doc_set(&run->arena, ref, "size", doc_number(&run->arena, (int64_t)p->size));
	doc_set_text(&run->arena, ref, "ground", p->ground);
	publish_sbom_note(run, p, ref);
	return publish_ref_put(run, key, ref, err);
}

/* ---- inventory and metadata ---- */

/* A single signed blob, remembered under its key. */
static int
reuse_blob(struct publish_run *run, const struct doc *key, struct digest *out, bool *found,
	   struct err *err)
{
	struct doc *ref;

	*found = false;
	if (publish_ref_get(run, key, &ref, err) < 0)
		return -1;
	*found = ref && doc_get_digest(ref, "blob", out) && cas_has(run->spec->store, out);
	return 0;
}

static int
remember_blob(struct publish_run *run, const struct doc *key, const struct digest *blob,
	      struct err *err)
{
	struct doc *ref = doc_map(&run->arena);

	doc_set_digest(&run->arena, ref, "blob", blob);
	return publish_ref_put(run, key, ref, err);
}

static struct doc *
blob_key(struct publish_run *run, const char *what, const struct digest *of,
	 const struct key_public *key, int64_t created)
{
	struct doc *d = doc_map(&run->arena);

	doc_set_text(&run->arena, d, "what", what);
	doc_set_digest(&run->arena, d, "of", of);
	doc_set_text(&run->arena, d, "key", key->id);
	doc_set(&run->arena, d, "created", doc_number(&run->arena, created));
	return d;
}

int
publish_sign_inventory(struct publish_run *run, const struct buf *inventory,
		       struct digest *bundle, struct err *err)
{
	struct statement_resource subject = { .name = "inventory.json" };
	struct statement s = { .predicate_type = STATEMENT_INVENTORY,
			       .subjects = &subject,
			       .nsubjects = 1 };
	struct doc *key;
	bool found;

	digest_of(inventory->data, inventory->len, &subject.sha256);
	key = blob_key(run, "inventory", &subject.sha256, run->builder, 0);
	if (reuse_blob(run, key, bundle, &found, err) < 0 || found)
		return found ? 0 : -1;
	s.predicate = doc_map(&run->arena);
	doc_set(&run->arena, s.predicate, "format", doc_number(&run->arena, 1));
	if (keep_bundle(run, &s, bundle, err) < 0)
		return err_wrap(err, "inventory");
	return remember_blob(run, key, bundle, err);
}

int
publish_sign_statement(struct publish_run *run, const char *what, const struct statement *s,
		       struct digest *bundle, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	struct digest digest;
	struct doc *key;
	bool found;

	if (statement_make(s, &text, err) < 0)
		return -1;
	digest_of(text.data, text.len, &digest);
	key = blob_key(run, what, &digest, run->builder, 0);
	if (reuse_blob(run, key, bundle, &found, err) < 0 || found)
		return found ? 0 : -1;
	if (keep_bundle(run, s, bundle, err) < 0)
		return err_wrap(err, "%s", what);
	return remember_blob(run, key, bundle, err);
}

int
publish_sign_along(struct publish_run *run, const struct digest *bundle,
		   const struct dsse_bundle *b, bool *along, struct digest *second,
		   struct err *err)
{
	const struct key_public *next = key_next(signer_keys(run->spec->signer), KEY_BUILDER);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGN_MAX_REF);
	struct doc *key;
	bool found;

	*along = next != NULL;
	if (!next)
		return 0;
	key = blob_key(run, "along", bundle, next, 0);
	if (reuse_blob(run, key, second, &found, err) < 0 || found)
		return found ? 0 : -1;
	if (signer_sign(run->spec->signer, KEY_BUILDER, SIGNER_TYPE_INTOTO_NEXT, 0,
			b->payload.data, b->payload.len, &sig, err) < 0 ||
	    cas_put(run->spec->store, sig.data, sig.len, second, err) < 0)
		return -1;
	return remember_blob(run, key, second, err);
}

/* The names of all keys that sign metadata. */
static const char *
metadata_signers(struct publish_run *run)
{
	const struct keyring *ring = signer_keys(run->spec->signer);
	const char *all = "";

	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == KEY_METADATA && ring->at[i].state != KEY_TRUSTED)
			all = arena_format(&run->arena, "%s %s", all, ring->at[i].id);
	return all;
}

/* Half of its time must still be to come: until the timer's next round something may fail. */
static bool
lasts(const struct publish_spec *spec, const struct doc *ref)
{
	int64_t ends;

	if (!doc_int(doc_get(ref, "ends"), &ends))
		return false;
	return spec->metadata_expires == 0 ||
	       (ends != 0 && ends - spec->now >= spec->metadata_expires / 2);
}

/* Time and end of a signature that is made now. */
static int64_t
metadata_time(const struct publish_run *run, int64_t *ends)
{
	const struct publish_spec *spec = run->spec;
	int64_t when = spec->metadata_expires ? spec->now : spec->epoch;
	int64_t created = signature_time(when, run->metadata_key);

	*ends = spec->metadata_expires ? created + spec->metadata_expires : 0;
	return created;
}

static int
make_repomd_signature(struct publish_run *run, const struct buf *repomd, int64_t created,
		      struct digest *asc, struct err *err)
{
	CLEANUP(buf_free) struct buf sig = BUF_MAX(SIGN_MAX_REF);
	CLEANUP(buf_free) struct buf armor = BUF_MAX(SIGN_MAX_REF);
	const char *type = SIGNER_TYPE_REPOMD;

	if (run->spec->metadata_expires)
		type = arena_format(&run->arena, "%s" SIGNER_EXPIRES "%lld", type,
				    (long long)run->spec->metadata_expires);
	if (signer_sign(run->spec->signer, KEY_METADATA, type, created, repomd->data,
			repomd->len, &sig, err) < 0)
		return err_wrap(err, "repomd.xml");
	openpgp_armor("SIGNATURE", sig.data, sig.len, &armor);
	if (buf_check(&armor, "signature", err) < 0)
		return -1;
	return cas_put(run->spec->store, armor.data, armor.len, asc, err);
}

int
publish_sign_repomd(struct publish_run *run, const struct buf *repomd, bool again,
		    struct digest *asc, struct err *err)
{
	struct doc *key = doc_map(&run->arena), *ref;
	int64_t created, ends;
	struct digest digest;

	digest_of(repomd->data, repomd->len, &digest);
	doc_set_text(&run->arena, key, "what", "repomd");
	doc_set_digest(&run->arena, key, "of", &digest);
	doc_set_text(&run->arena, key, "keys", metadata_signers(run));
	if (publish_ref_get(run, key, &ref, err) < 0)
		return -1;
	if (!again && ref && doc_get_digest(ref, "blob", asc) && lasts(run->spec, ref) &&
	    cas_has(run->spec->store, asc))
		return 0;
	created = metadata_time(run, &ends);
	if (make_repomd_signature(run, repomd, created, asc, err) < 0)
		return -1;
	ref = doc_map(&run->arena);
	doc_set_digest(&run->arena, ref, "blob", asc);
	doc_set(&run->arena, ref, "ends", doc_number(&run->arena, ends));
	return publish_ref_put(run, key, ref, err);
}
