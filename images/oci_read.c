/* SPDX-License-Identifier: Apache-2.0 */
/* The strict half: what a layout says, believed only in the one form that oci.c writes. */
#include "images/oci.h"

#include "base/fd.h"
#include "base/json.h"
#include "images/oci_priv.h"
#include "trust/verify.h"

#define READ_MAX_NOTE 8192

struct reader {
	struct arena *a;
	const char *name;
	struct err *err;
};

static int
bad(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_VERIFY, "%s: %s", r->name, what);
}

static int
parse(const struct reader *r, const char *text, size_t n, struct doc **out)
{
	if (n > OCI_MAX_JSON)
		return err_set(r->err, ERR_VERIFY, "%s has more than %zu bytes", r->name,
			       OCI_MAX_JSON);
	if (json_parse(r->a, text, n, r->name, out, r->err) < 0)
		return err_recode(r->err, ERR_VERIFY);
	if ((*out)->kind != DOC_MAP)
		return bad(r, "not a JSON object");
	return 0;
}

/* keys: what the object must have; `optional` more it may have. */
static int
check_keys(const struct reader *r, const struct doc *d, const char *const *needed, size_t n,
	   const char *optional)
{
	size_t found = 0;

	if (!d || d->kind != DOC_MAP)
		return bad(r, "an object is missing");
	for (size_t i = 0; i < d->n; i++) {
		bool known = optional && strcmp(d->items[i].key, optional) == 0;

		for (size_t k = 0; k < n && !known; k++) {
			known = strcmp(d->items[i].key, needed[k]) == 0;
			found += known;
		}
		if (!known)
			return err_set(r->err, ERR_VERIFY, "%s: key '%s' does not belong there",
				       r->name, verify_label(r->a, d->items[i].key));
	}
	for (size_t k = 0; k < n && found < n; k++)
		if (!doc_get(d, needed[k]))
			return err_set(r->err, ERR_VERIFY, "%s: key '%s' is missing", r->name,
				       needed[k]);
	return 0;
}

static int
check_text(const struct reader *r, const struct doc *d, const char *key, const char *want)
{
	const char *have = doc_get_text(d, key);

	if (have && strcmp(have, want) == 0)
		return 0;
	return err_set(r->err, ERR_VERIFY, "%s: '%s' is not '%s'", r->name, key, want);
}

static int
check_schema(const struct reader *r, const struct doc *d, const char *media_type)
{
	const struct doc *v = doc_get(d, "schemaVersion");

	if (!v || v->kind != DOC_INT || v->number != 2)
		return bad(r, "'schemaVersion' is not 2");
	return check_text(r, d, "mediaType", media_type);
}

static int
check_notes(const struct reader *r, const struct doc *notes)
{
	if (!notes || notes->kind != DOC_MAP)
		return bad(r, "'annotations' is not an object");
	for (size_t i = 0; i < notes->n; i++)
		if (notes->items[i].value->kind != DOC_TEXT ||
		    strlen(notes->items[i].value->text) > READ_MAX_NOTE)
			return bad(r, "an annotation is not text");
	return 0;
}

static int
read_digest(const struct reader *r, const struct doc *d, struct digest *out)
{
	static const char prefix[] = "sha256:";

	if (d && d->kind == DOC_TEXT && strncmp(d->text, prefix, sizeof(prefix) - 1) == 0 &&
	    digest_parse(d->text + sizeof(prefix) - 1, out))
		return 0;
	return bad(r, "a digest is not of the form sha256:HEX");
}

static int
read_descriptor(const struct reader *r, const struct doc *d, const char *media_type, bool notes,
		struct oci_descriptor *out)
{
	static const char *const needed[] = { "mediaType", "digest", "size" };
	const struct doc *size;

	if (check_keys(r, d, needed, ARRAY_LEN(needed), notes ? "annotations" : NULL) < 0 ||
	    check_text(r, d, "mediaType", media_type) < 0 ||
	    read_digest(r, doc_get(d, "digest"), &out->digest) < 0)
		return -1;
	size = doc_get(d, "size");
	if (size->kind != DOC_INT || size->number < 0)
		return bad(r, "a size is not a number of bytes");
	out->size = (uint64_t)size->number;
	return 0;
}

int
oci_parse_layout(struct arena *a, const char *text, size_t n, const char *name, struct err *err)
{
	static const char *const needed[] = { "imageLayoutVersion" };
	const struct reader r = { .a = a, .name = name, .err = err };
	struct doc *d;

	if (parse(&r, text, n, &d) < 0 ||
	    check_keys(&r, d, needed, ARRAY_LEN(needed), NULL) < 0)
		return -1;
	return check_text(&r, d, "imageLayoutVersion", OCI_LAYOUT);
}

int
oci_parse_index(struct arena *a, const char *text, size_t n, const char *name,
		struct oci_descriptor *out, struct err *err)
{
	static const char *const needed[] = { "schemaVersion", "mediaType", "manifests" };
	static const char *const note[] = { OCI_NOTE "ref.name" };
	const struct reader r = { .a = a, .name = name, .err = err };
	const struct doc *list, *notes;
	struct doc *d;

	if (parse(&r, text, n, &d) < 0 ||
	    check_keys(&r, d, needed, ARRAY_LEN(needed), NULL) < 0 ||
	    check_schema(&r, d, OCI_TYPE_INDEX) < 0)
		return -1;
	list = doc_get(d, "manifests");
	if (list->kind != DOC_LIST || list->n != 1)
		return bad(&r, "'manifests' does not list exactly one image");
	if (read_descriptor(&r, list->items[0].value, OCI_TYPE_MANIFEST, true, out) < 0)
		return -1;
	notes = doc_get(list->items[0].value, "annotations");
	if (check_keys(&r, notes, note, ARRAY_LEN(note), NULL) < 0)
		return -1;
	return check_text(&r, notes, note[0], OCI_REF_NAME);
}

int
oci_parse_manifest(struct arena *a, const char *text, size_t n, const char *name,
		   struct oci_manifest *out, struct err *err)
{
	static const char *const needed[] = { "schemaVersion", "mediaType", "config",
					      "layers" };
	const struct reader r = { .a = a, .name = name, .err = err };
	struct oci_manifest m = { 0 };
	const struct doc *layers, *notes;
	struct doc *d;

	if (parse(&r, text, n, &d) < 0 ||
	    check_keys(&r, d, needed, ARRAY_LEN(needed), "annotations") < 0 ||
	    check_schema(&r, d, OCI_TYPE_MANIFEST) < 0 ||
	    read_descriptor(&r, doc_get(d, "config"), OCI_TYPE_CONFIG, false, &m.config) < 0)
		return -1;
	notes = doc_get(d, "annotations");
	if (notes && check_notes(&r, notes) < 0)
		return -1;
	layers = doc_get(d, "layers");
	if (layers->kind != DOC_LIST || layers->n == 0 || layers->n > OCI_MAX_LAYERS)
		return err_set(err, ERR_VERIFY, "%s: 'layers' must list 1 to %d layers", name,
			       OCI_MAX_LAYERS);
	m.layers = arena_array(a, layers->n, sizeof(*m.layers));
	for (size_t i = 0; i < layers->n; i++)
		if (read_descriptor(&r, layers->items[i].value, OCI_TYPE_LAYER, false,
				    &m.layers[i]) < 0)
			return -1;
	m.nlayers = layers->n;
	*out = m;
	return 0;
}

int
oci_parse_config(struct arena *a, const char *text, size_t n, const char *name,
		 struct oci_config *out, struct err *err)
{
	static const char *const needed[] = { "architecture", "os",     "created",
					      "config",       "rootfs", "history" };
	static const char *const fs[] = { "type", "diff_ids" };
	const struct reader r = { .a = a, .name = name, .err = err };
	struct oci_config c = { 0 };
	const struct doc *rootfs, *ids;
	struct doc *d;

	if (parse(&r, text, n, &d) < 0 ||
	    check_keys(&r, d, needed, ARRAY_LEN(needed), NULL) < 0 ||
	    check_text(&r, d, "os", "linux") < 0)
		return -1;
	c.architecture = doc_get_text(d, "architecture");
	if (!c.architecture)
		return bad(&r, "'architecture' is not text");
	rootfs = doc_get(d, "rootfs");
	if (check_keys(&r, rootfs, fs, ARRAY_LEN(fs), NULL) < 0 ||
	    check_text(&r, rootfs, "type", "layers") < 0)
		return -1;
	ids = doc_get(rootfs, "diff_ids");
	if (ids->kind != DOC_LIST || ids->n == 0 || ids->n > OCI_MAX_LAYERS)
		return err_set(err, ERR_VERIFY, "%s: 'diff_ids' must list 1 to %d digests",
			       name, OCI_MAX_LAYERS);
	c.diff_ids = arena_array(a, ids->n, sizeof(*c.diff_ids));
	for (size_t i = 0; i < ids->n; i++)
		if (read_digest(&r, ids->items[i].value, &c.diff_ids[i]) < 0)
			return -1;
	c.ndiff_ids = ids->n;
	*out = c;
	return 0;
}

int
oci_read_file(int dirfd, const char *path, struct buf *out, struct err *err)
{
	return fd_read_plain(dirfd, path, out, err) < 0 ? err_recode(err, ERR_VERIFY) : 0;
}

/* Opens a blob of the promised size: nothing larger is ever hashed. */
static int
open_blob(int dirfd, const struct oci_descriptor *d, const char *what, int *fd, struct err *err)
{
	CLEANUP(fd_close) int opened = -1;
	char hex[DIGEST_HEX], path[sizeof(OCI_BLOBS "/") + DIGEST_HEX];
	uint64_t size = 0;

	digest_hex(&d->digest, hex);
	(void)snprintf(path, sizeof(path), OCI_BLOBS "/%s", hex);
	if (fd_open_plain(dirfd, path, &opened, &size, err) < 0) {
		(void)err_recode(err, ERR_VERIFY);
		return err_wrap(err, "%s", what);
	}
	if (size != d->size)
		return err_set(err, ERR_VERIFY,
			       "%s: blob %s has %llu bytes, %llu were promised", what, hex,
			       (unsigned long long)size, (unsigned long long)d->size);
	*fd = STEAL_FD(opened);
	return 0;
}

static int
check_blob(const struct oci_descriptor *d, const char *what, const struct digest *have,
	   uint64_t size, struct err *err)
{
	char hex[DIGEST_HEX];

	if (size == d->size && digest_equal(have, &d->digest))
		return 0;
	digest_hex(&d->digest, hex);
	return err_set(err, ERR_VERIFY, "%s: blob %s does not match its digest", what, hex);
}

int
oci_read_blob(int dirfd, const struct oci_descriptor *d, const char *what, struct buf *out,
	      struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest have;

	if (d->size > out->max)
		return err_set(err, ERR_VERIFY, "%s has more than %zu bytes", what, out->max);
	if (open_blob(dirfd, d, what, &fd, err) < 0)
		return -1;
	if (fd_read_all(fd, out, err) < 0)
		return err_wrap(err, "%s", what);
	digest_of(buf_text(out), out->len, &have);
	return check_blob(d, what, &have, out->len, err);
}

int
oci_open_blob(int dirfd, const struct oci_descriptor *d, const char *what, int *fd,
	      struct err *err)
{
	CLEANUP(fd_close) int opened = -1;
	struct digest have;
	uint64_t size;

	if (open_blob(dirfd, d, what, &opened, err) < 0)
		return -1;
	if (digest_fd(opened, &have, &size, err) < 0)
		return err_wrap(err, "%s", what);
	if (check_blob(d, what, &have, size, err) < 0)
		return -1;
	if (lseek(opened, 0, SEEK_SET) < 0)
		return err_sys(err, "%s", what);
	*fd = STEAL_FD(opened);
	return 0;
}
