/* SPDX-License-Identifier: Apache-2.0 */
#include "images/imgverify.h"

#include "base/dict.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/tree.h"
#include "images/imgattest.h"
#include "images/oci.h"
#include "images/oci_priv.h"
#include "trust/inputs.h"

#define VERIFY_MAX_LAYER (UINT64_C(64) << 30) /* plain bytes of one layer */

const char *
imgverify_sibling(struct arena *a, const char *dest, const char *suffix)
{
	const char *slash = strrchr(dest, '/');

	if (!slash)
		return arena_format(a, ".%s%s", dest, suffix);
	return arena_format(a, "%.*s.%s%s", (int)(slash + 1 - dest), dest, slash + 1, suffix);
}

/* A layout being read: which blobs something refers to. */
struct layout {
	struct arena *a;
	int dirfd;
	struct dict referenced; /* hex */
	struct oci_descriptor descriptor;
	struct oci_manifest manifest;
	struct oci_config config;
};

static void
layout_release(struct layout *l)
{
	dict_release(&l->referenced);
}
DEFINE_RELEASE(struct layout, layout_release);

static int
read_documents(struct layout *l, struct err *err)
{
	CLEANUP(buf_free) struct buf layout = BUF_MAX(OCI_MAX_JSON);
	CLEANUP(buf_free) struct buf index = BUF_MAX(OCI_MAX_JSON);

	if (oci_read_file(l->dirfd, OCI_LAYOUT_FILE, &layout, err) < 0 ||
	    oci_parse_layout(l->a, buf_text(&layout), layout.len, OCI_LAYOUT_FILE, err) < 0 ||
	    oci_read_file(l->dirfd, "index.json", &index, err) < 0)
		return -1;
	return oci_parse_index(l->a, buf_text(&index), index.len, "index.json", &l->descriptor,
			       err);
}

static int
read_blob(struct layout *l, const struct oci_descriptor *d, const char *what, struct buf *out,
	  struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	char hex[DIGEST_HEX];

	if (d->size > OCI_MAX_JSON)
		return err_set(err, ERR_VERIFY, "%s has more than %zu bytes", what,
			       OCI_MAX_JSON);
	if (oci_open_blob(l->dirfd, d, what, &fd, err) < 0)
		return -1;
	digest_hex(&d->digest, hex);
	dict_set(&l->referenced, hex, l);
	return fd_read_all(fd, out, err);
}

static int
read_manifest(struct layout *l, struct err *err)
{
	CLEANUP(buf_free) struct buf manifest = BUF_MAX(OCI_MAX_JSON);
	CLEANUP(buf_free) struct buf config = BUF_MAX(OCI_MAX_JSON);

	if (read_blob(l, &l->descriptor, "manifest", &manifest, err) < 0)
		return err_wrap(err, "index.json");
	if (oci_parse_manifest(l->a, buf_text(&manifest), manifest.len, "manifest",
			       &l->manifest, err) < 0 ||
	    read_blob(l, &l->manifest.config, "configuration", &config, err) < 0 ||
	    oci_parse_config(l->a, buf_text(&config), config.len, "configuration", &l->config,
			     err) < 0)
		return -1;
	if (l->config.ndiff_ids != l->manifest.nlayers)
		return err_set(err, ERR_VERIFY,
			       "the configuration names %zu layers, the manifest %zu",
			       l->config.ndiff_ids, l->manifest.nlayers);
	return 0;
}

static int
check_layer(struct layout *l, size_t i, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest plain;
	char hex[DIGEST_HEX];
	uint64_t size;

	if (oci_open_blob(l->dirfd, &l->manifest.layers[i], "layer", &fd, err) < 0)
		return -1;
	digest_hex(&l->manifest.layers[i].digest, hex);
	dict_set(&l->referenced, hex, l);
	if (gzip_digest(fd, VERIFY_MAX_LAYER, &plain, &size, err) < 0)
		return err_wrap(err, "layer %s", hex);
	if (!digest_equal(&plain, &l->config.diff_ids[i]))
		return err_set(err, ERR_VERIFY,
			       "layer %s does not unpack to what the configuration names", hex);
	return 0;
}

static bool
is_directory(const char *path)
{
	return strcmp(path, "blobs") == 0 || strcmp(path, OCI_BLOBS) == 0;
}

static int
check_stray(void *arg, const struct tree_entry *e, struct err *err)
{
	const struct layout *l = arg;
	const char *blob = OCI_BLOBS "/";

	if (is_directory(e->path)) {
		if (S_ISDIR(e->st->st_mode))
			return 0;
		return err_set(err, ERR_VERIFY, "%s is not a directory", e->path);
	}
	if (S_ISREG(e->st->st_mode)) {
		if (strcmp(e->path, OCI_LAYOUT_FILE) == 0 || strcmp(e->path, "index.json") == 0)
			return 0;
		if (strncmp(e->path, blob, strlen(blob)) == 0 &&
		    dict_has(&l->referenced, e->path + strlen(blob)))
			return 0;
	}
	return err_set(err, ERR_VERIFY, "%s does not belong to the image: nothing refers to it",
		       e->path);
}

int
imgverify_blobs(int dirfd, struct imgverify_summary *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(layout_release) struct layout l = { .a = &a, .dirfd = dirfd };

	if (read_documents(&l, err) < 0 || read_manifest(&l, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < l.manifest.nlayers; i++)
		if (check_layer(&l, i, err) < 0)
			return err_recode(err, ERR_VERIFY);
	if (tree_walk(dirfd, ".", check_stray, &l, err) < 0)
		return err_recode(err, ERR_VERIFY);
	out->blobs = l.referenced.n;
	out->manifest = l.descriptor.digest;
	return 0;
}

/* Every package of the image is the subject of a bundle; the inventory alone does not make one.
 */
static int
check_packages(const struct inputs_set *set, const struct statement *s, size_t *packages,
	       struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];

		if (!d->uri || strncmp(d->uri, IMGATTEST_PURL, strlen(IMGATTEST_PURL)) != 0)
			continue;
		if (!inputs_statement(set, &d->sha256))
			return err_set(
				err, ERR_VERIFY,
				"package %s of the image has no bundle that says how it was built",
				d->name ? d->name : d->uri);
		n++;
	}
	*packages = n;
	return 0;
}

/* The proof in one directory. */
static int
check_proof(const char *dir, const struct keyring *ring, struct imgverify_summary *sum,
	    struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(inputs_free) struct inputs_set *set = NULL;
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	const char *name = arena_format(&a, "%s/" IMGATTEST_PROVENANCE, dir);
	struct statement s;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    oci_read_file(dirfd, IMGATTEST_PROVENANCE, &text, err) < 0) {
		err_wrap(err, "the image has no proof");
		return err_recode(err, ERR_VERIFY);
	}
	if (verify_bundle(&a, ring, buf_text(&text), text.len, name, STATEMENT_SLSA_V1,
			  &sum->manifest, &s, err) < 0)
		return -1;
	if (!s.build_type || strcmp(s.build_type, IMGATTEST_BUILD_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "%s: build type is '%s', not that of an image",
			       name, s.build_type ? s.build_type : "");
	if (inputs_load(arena_format(&a, "%s/" IMGATTEST_PACKAGES, dir),
			arena_format(&a, "%s/" IMGATTEST_INVENTORY, dir), ring, &set,
			err) < 0 ||
	    check_packages(set, &s, &sum->packages, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return inputs_check(set, &s, name, &sum->inputs, err);
}

/* Layout and proof are exchanged one after the other; between the two the proof of the layout
 * still stands under the temporary name. It counts there as well as here: what is signed is. */
static int
find_proof(struct arena *a, const char *path, const struct keyring *ring,
	   struct imgverify_summary *sum, struct err *err)
{
	struct err ignored;

	if (check_proof(arena_format(a, "%s" IMGVERIFY_ATTEST, path), ring, sum, err) == 0)
		return 0;
	if (check_proof(imgverify_sibling(a, path, IMGVERIFY_NEW_ATTEST), ring, sum,
			&ignored) == 0)
		return 0;
	return -1;
}

int
imgverify_layout(const char *path, const struct keyring *ring,
		 const struct verify_report *report, struct imgverify_summary *out,
		 struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct imgverify_summary sum = { 0 };
	size_t len = strlen(path);
	char *clean = arena_strdup(&a, path);
	char hex[DIGEST_HEX];

	while (len > 1 && clean[len - 1] == '/')
		clean[--len] = '\0';
	if (fd_open(clean, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (imgverify_blobs(dirfd, &sum, err) < 0) {
		verify_note(report, false, "%s: blobs", clean);
		return err_wrap(err, "%s", clean);
	}
	digest_hex(&sum.manifest, hex);
	verify_note(report, true, "%s: %zu blobs match their digests, manifest sha256:%s",
		    clean, sum.blobs, hex);
	if (find_proof(&a, clean, ring, &sum, err) < 0) {
		verify_note(report, false, "%s: proof", clean);
		return err_wrap(err, "%s", clean);
	}
	verify_note(report, true,
		    "%s: provenance signed by a trusted key; %zu packages and %zu inputs known",
		    clean, sum.packages, sum.inputs);
	*out = sum;
	return 0;
}
