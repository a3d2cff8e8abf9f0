/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order matters: index.json is signed by nobody, so it is believed only as far as naming a
 * manifest; a trusted builder must have spoken of that manifest before it is read and before
 * layers, whose size it states, are unpacked.
 */
#include "images/imgverify.h"

#include "base/clock.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/gzip.h"
#include "base/tree.h"
#include "images/imgattest.h"
#include "images/oci.h"
#include "images/oci_priv.h"
#include "repo/purl.h"
#include "trust/sbom.h"
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
	struct buf manifest_text; /* hashed, not yet believed */
	struct oci_manifest manifest;
	struct oci_config config;
};

static void
layout_release(struct layout *l)
{
	dict_release(&l->referenced);
	buf_free(&l->manifest_text);
}
DEFINE_RELEASE(struct layout, layout_release);

static int
read_blob(struct layout *l, const struct oci_descriptor *d, const char *what, struct buf *out,
	  struct err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(&d->digest, hex);
	dict_set(&l->referenced, hex, l);
	return oci_read_blob(l->dirfd, d, what, out, err);
}

/* As far as the bytes of the manifest. */
static int
open_layout(struct layout *l, struct err *err)
{
	CLEANUP(buf_free) struct buf layout = BUF_MAX(OCI_MAX_JSON);
	CLEANUP(buf_free) struct buf index = BUF_MAX(OCI_MAX_JSON);
	static const struct buf empty = BUF_MAX(OCI_MAX_JSON);

	l->manifest_text = empty;
	if (oci_read_file(l->dirfd, OCI_LAYOUT_FILE, &layout, err) < 0 ||
	    oci_parse_layout(l->a, buf_text(&layout), layout.len, OCI_LAYOUT_FILE, err) < 0 ||
	    oci_read_file(l->dirfd, "index.json", &index, err) < 0 ||
	    oci_parse_index(l->a, buf_text(&index), index.len, "index.json", &l->descriptor,
			    err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (read_blob(l, &l->descriptor, "manifest", &l->manifest_text, err) < 0) {
		err_wrap(err, "index.json");
		return err_recode(err, ERR_VERIFY);
	}
	return 0;
}

static int
read_manifest(struct layout *l, struct err *err)
{
	CLEANUP(buf_free) struct buf config = BUF_MAX(OCI_MAX_JSON);

	if (oci_parse_manifest(l->a, buf_text(&l->manifest_text), l->manifest_text.len,
			       "manifest", &l->manifest, err) < 0 ||
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
		       verify_label(l->a, e->path));
}

/* Everything behind the manifest. */
static int
check_blobs(struct layout *l, struct err *err)
{
	if (read_manifest(l, err) < 0)
		return err_recode(err, ERR_VERIFY);
	for (size_t i = 0; i < l->manifest.nlayers; i++)
		if (check_layer(l, i, err) < 0)
			return err_recode(err, ERR_VERIFY);
	if (tree_walk(l->dirfd, ".", check_stray, l, err) < 0)
		return err_recode(err, ERR_VERIFY);
	return 0;
}

int
imgverify_blobs(int dirfd, struct imgverify_summary *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(layout_release) struct layout l = { .a = &a, .dirfd = dirfd };

	if (open_layout(&l, err) < 0 || check_blobs(&l, err) < 0)
		return -1;
	out->blobs = l.referenced.n;
	out->manifest = l.descriptor.digest;
	return 0;
}

static bool
is_word(const struct rules_words *words, const char *name)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->at[i], name) == 0)
			return true;
	return false;
}

/* What tests found out lies beside packages of a repository, never in the proof of an image:
 * who demands it is told so, not let through. */
static int
check_unsaid(struct arena *a, const struct statement *s, const struct rules *r, struct err *err)
{
	const char *hint = "verify the repository that its packages come from by this policy, "
			   "and the image by one without";
	struct purl purl;

	if (r && r->twice) {
		err_set(err, ERR_VERIFY,
			"an image's proof does not say whether its packages come out the same "
			"when built again, as 'built_twice' of %s demands",
			r->name);
		return err_hint(err, "%s", hint);
	}
	for (size_t i = 0; r && r->tested.n && i < s->ndependencies; i++) {
		const char *uri = s->dependencies[i].uri, *name;

		if (!uri || strncmp(uri, IMGATTEST_PURL, strlen(IMGATTEST_PURL)) != 0)
			continue;
		if (!purl_parse(a, uri, &purl))
			return err_set(err, ERR_VERIFY, "'%s' names no package",
				       verify_label(a, uri));
		name = strrchr(purl.base, '/') + 1;
		if (!is_word(&r->tested, name))
			continue;
		err_set(err, ERR_VERIFY,
			"an image's proof does not say whether a test of '%s' passed, as "
			"'tested' of %s demands",
			name, r->name);
		return err_hint(err, "%s", hint);
	}
	return 0;
}

/* Every package of the image is the subject of a bundle; the inventory alone does not make one.
 */
static int
check_packages(const struct inputs_set *set, const struct statement *s,
	       const struct rules *rules, size_t *packages, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];
		const char *name = d->name ? d->name : d->uri;
		const struct statement *built;

		if (!d->uri || strncmp(d->uri, IMGATTEST_PURL, strlen(IMGATTEST_PURL)) != 0)
			continue;
		built = inputs_statement(set, &d->sha256);
		if (!built)
			return err_set(
				err, ERR_VERIFY,
				"package %s of the image has no bundle that says how it was built",
				name);
		if (rules && rules_judge_ground(rules, built, name, err) < 0)
			return -1;
		n++;
	}
	if (n == 0)
		return err_set(err, ERR_VERIFY, "the provenance lists no package of the image");
	*packages = n;
	return 0;
}

/* What lies in the proof becomes referrers of the image on a push: nothing may be added. */
static int
check_proof_entry(void *arg, const struct tree_entry *e, struct err *err)
{
	static const char *const own[] = {
		IMGATTEST_PROVENANCE, IMGATTEST_INVENTORY, IMGATTEST_INVENTORY IMGATTEST_BUNDLE,
		IMGATTEST_CYCLONEDX,  IMGATTEST_SPDX,      IMGATTEST_SBOM
	};
	const char *inside = IMGATTEST_PACKAGES "/";

	if (S_ISDIR(e->st->st_mode) && strcmp(e->path, IMGATTEST_PACKAGES) == 0)
		return 0;
	for (size_t i = 0; S_ISREG(e->st->st_mode) && i < ARRAY_LEN(own); i++)
		if (strcmp(e->path, own[i]) == 0)
			return 0;
	if (S_ISREG(e->st->st_mode) && strncmp(e->path, inside, strlen(inside)) == 0 &&
	    inputs_is_bundle(e->path + strlen(inside)))
		return 0;
	return err_set(err, ERR_VERIFY, "%s does not belong to the proof of an image",
		       verify_label(arg, e->path));
}

/* The proof of one image beside another is true, and not what was asked. */
static int
check_name(struct arena *a, const struct statement *s, const char *image, struct err *err)
{
	const char *said = s->subjects[0].name;

	if (s->nsubjects == 1 && strcmp(said, image) == 0)
		return 0;
	err_set(err, ERR_VERIFY, "this is the image '%s', not '%s'", verify_label(a, said),
		verify_label(a, image));
	return err_hint(err, "an image is verified under its own name: out/images/NAME");
}

static bool
is_listed(const struct sbom *bill, const struct statement_resource *package)
{
	for (size_t i = 1; i < bill->nparts; i++)
		if (bill->parts[i].kind == SBOM_PACKAGE && bill->parts[i].hashed &&
		    digest_equal(&bill->parts[i].sha256, &package->sha256))
			return true;
	return false;
}

/* The bill lists the packages of the provenance, and no other. */
static int
check_bill(struct arena *a, const struct statement *s, const struct sbom *bill,
	   const struct rules *rules, struct err *err)
{
	const char *name = IMGATTEST_CYCLONEDX;
	size_t listed = 0, used = 0;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];

		if (!d->uri || strncmp(d->uri, IMGATTEST_PURL, strlen(IMGATTEST_PURL)) != 0)
			continue;
		if (!is_listed(bill, d))
			return err_set(err, ERR_VERIFY, "%s does not list %s", name, d->name);
		used++;
	}
	for (size_t i = 1; i < bill->nparts; i++) {
		const struct sbom_part *part = &bill->parts[i];

		if (part->kind != SBOM_PACKAGE)
			continue;
		if (rules && rules_judge_licence(rules, part->license,
						 verify_label(a, part->name), err) < 0)
			return err_wrap(err, "%s", name);
		listed++;
	}
	return listed == used ? 0
			      : err_set(err, ERR_VERIFY,
					"%s lists packages that are not in the image", name);
}

/* An image is of the time that it declares, or the newest at which anybody vouched for it. */
static int
check_age(const struct verify_terms *terms, const struct verify_found *f, const char *name,
	  struct err *err)
{
	const char *created = doc_get_text(f->statement.internal, "created");
	struct verify_log_words words = { .origin = NULL };
	int64_t made = 0;

	if (!terms->rules)
		return 0;
	if (terms->log)
		verify_log_tell(terms->log, &words);
	if (!created || !clock_parse(created, &made))
		made = 0;
	if (f->material.stamped)
		made = KILN_MAX(made, f->material.when);
	return rules_judge_age(terms->rules, KILN_MAX(made, words.witnessed), terms->now, name,
			       err);
}

/* One place where the proof of an image may lie. */
struct proof {
	struct arena a;
	const char *dir, *image; /* image: the name that the layout lies under */
	const struct verify_terms *terms;
	struct verify_found found;
	struct inputs_set *set;
	bool billed; /* its bill of materials is signed and true */
};

static void
proof_release(struct proof *p)
{
	if (p->set)
		inputs_free(STEAL_PTR(p->set));
	arena_release(&p->a);
}
DEFINE_RELEASE(struct proof, proof_release);

/* The bundles of an image's packages say nothing of licences: its bill does. */
static int
check_demand(const struct rules *r, struct err *err)
{
	if (!r || (!r->sbom && !r->licences_given))
		return 0;
	err_set(err, ERR_VERIFY, "the image has no sbom%s, as %s demands",
		r->sbom ? "" : " that names the licences of its packages", r->name);
	return err_hint(err, "build it again with a Kiln that writes one");
}

/* What is there must be true of the image; whether it must be there, the policy says. */
static int
check_sbom(struct proof *p, int dirfd, const struct verify_ask *image, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(buf_free) struct buf cyclonedx = BUF_MAX(SBOM_MAX_BYTES);
	CLEANUP(buf_free) struct buf spdx = BUF_MAX(SBOM_MAX_BYTES);
	struct verify_ask ask = *image;
	struct sbom bill;

	ask.name = IMGATTEST_SBOM;
	ask.material = NULL; /* they speak of the provenance */
	ask.signer = NULL;
	if (faccessat(dirfd, IMGATTEST_SBOM, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    faccessat(dirfd, IMGATTEST_CYCLONEDX, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    faccessat(dirfd, IMGATTEST_SPDX, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return check_demand(p->terms->rules, err);
	if (oci_read_file(dirfd, IMGATTEST_SBOM, &bundle, err) < 0 ||
	    oci_read_file(dirfd, IMGATTEST_CYCLONEDX, &cyclonedx, err) < 0 ||
	    oci_read_file(dirfd, IMGATTEST_SPDX, &spdx, err) < 0 ||
	    sbom_verify(&p->a, &ask, &bundle, &cyclonedx, &spdx, &bill, err) < 0 ||
	    check_bill(&p->a, &p->found.statement, &bill, p->terms->rules, err) < 0)
		return -1;
	p->billed = true;
	return 0;
}

/* The log of an image lies where the user says, or in the repository beside it; one that is
 * older than the image shows nothing of it. */
static int
find_tiles(struct proof *p, struct err *err)
{
	const struct verify_terms *t = p->terms;
	const uint64_t size = p->found.material.checkpoint.size;
	bool found = false;

	if (!t->log || !p->found.material.logged)
		return 0;
	if (t->tiles && verify_log_tiles(t->log, t->tiles, size, &found, err) < 0)
		return -1;
	return found ? 0
		     : verify_log_tiles(t->log,
					arena_format(&p->a, "%s/../../repo/log", p->dir), size,
					NULL, err);
}

static int
open_proof(struct proof *p, const char *name, const struct digest *manifest, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int dirfd = -1;
	struct statement *s = &p->found.statement;
	const struct verify_ask ask = { .ring = p->terms->ring,
					.role = KEY_IMAGE,
					.name = name,
					.predicate_type = STATEMENT_SLSA_V1,
					.subject = manifest,
					.material = &p->found.material,
					.signer = &p->found.signer };

	if (fd_open(p->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dirfd, err) < 0 ||
	    oci_read_file(dirfd, IMGATTEST_PROVENANCE, &text, err) < 0)
		return err_wrap(err, "the image has no proof");
	if (verify_bundle_as(&p->a, &ask, buf_text(&text), text.len, s, err) < 0)
		return -1;
	if (strcmp(s->build_type, IMGATTEST_BUILD_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "%s: build type is '%s', not that of an image",
			       name, verify_label(&p->a, s->build_type));
	if (check_name(&p->a, s, p->image, err) < 0 ||
	    tree_walk(dirfd, ".", check_proof_entry, &p->a, err) < 0 ||
	    check_sbom(p, dirfd, &ask, err) < 0 || find_tiles(p, err) < 0 ||
	    verify_terms_judge(p->terms, &p->found, true, name, err) < 0)
		return -1;
	return check_age(p->terms, &p->found, name, err);
}

static int
check_proof(struct proof *p, struct imgverify_summary *sum, struct err *err)
{
	const char *name =
		verify_label(&p->a, arena_format(&p->a, "%s/" IMGATTEST_PROVENANCE, p->dir));
	const struct inputs_place place = {
		.dir = arena_format(&p->a, "%s/" IMGATTEST_PACKAGES, p->dir),
		.inventory = arena_format(&p->a, "%s/" IMGATTEST_INVENTORY, p->dir),
		.inventory_by = KEY_IMAGE,
		.terms = p->terms,
		.whole = true,
	};

	if (open_proof(p, name, &sum->manifest, err) < 0 ||
	    inputs_open(&place, &p->set, err) < 0 ||
	    check_packages(p->set, &p->found.statement, p->terms->rules, &sum->packages, err) <
		    0 ||
	    check_unsaid(&p->a, &p->found.statement, p->terms->rules, err) < 0 ||
	    inputs_check(p->set, &p->found.statement, name, &sum->inputs, err) < 0)
		return -1;
	if (inputs_unmet(p->set))
		return err_set(err, ERR_VERIFY,
			       IMGATTEST_PACKAGES "/%s has no part in the image",
			       inputs_unmet(p->set));
	sum->strength = (struct verify_strength){ .artefacts = 1,
						  .logged = p->found.material.logged,
						  .billed = p->billed };
	inputs_count(p->set, &sum->strength);
	return 0;
}

static int
try_proof(const char *dir, const char *image, const struct verify_terms *terms,
	  struct imgverify_summary *sum, struct err *err)
{
	CLEANUP(proof_release)
	struct proof p = { .dir = dir, .image = image, .terms = terms };

	if (check_proof(&p, sum, err) < 0)
		return -1;
	if (sum->origin_arena)
		sum->origin = inputs_explain(p.set, &p.found.statement, sum->origin_arena);
	return 0;
}

/* Layout and proof are exchanged one after the other; between the two the proof of the layout
 * still stands under the temporary name. It counts there as well as here: what is signed is. */
static int
find_proof(struct arena *a, const char *path, const struct verify_terms *terms,
	   struct imgverify_summary *sum, struct err *err)
{
	const char *slash = strrchr(path, '/'), *image = slash ? slash + 1 : path;
	struct err ignored;

	if (strcmp(image, ".") == 0 || strcmp(image, "..") == 0)
		return err_set(err, ERR_VERIFY,
			       "an image is verified under its own name: out/images/NAME");
	if (try_proof(arena_format(a, "%s" IMGVERIFY_ATTEST, path), image, terms, sum, err) ==
	    0)
		return 0;
	if (try_proof(imgverify_sibling(a, path, IMGVERIFY_NEW_ATTEST), image, terms, sum,
		      &ignored) == 0)
		return 0;
	return err_recode(err, ERR_VERIFY);
}

static int
check_layout(struct layout *l, const char *path, const struct verify_terms *terms,
	     struct imgverify_summary *sum, struct err *err)
{
	const struct verify_report *report = terms->report;
	const char *shown = verify_label(l->a, path);
	char hex[DIGEST_HEX];

	if (open_layout(l, err) < 0)
		return -1;
	sum->manifest = l->descriptor.digest;
	digest_hex(&sum->manifest, hex);
	if (find_proof(l->a, path, terms, sum, err) < 0) {
		verify_note(report, false, "%s: proof", shown);
		return -1;
	}
	verify_note(
		report, true,
		"%s: provenance of manifest sha256:%s signed by a trusted key; %zu packages and %zu inputs known",
		shown, hex, sum->packages, sum->inputs);
	if (check_blobs(l, err) < 0) {
		verify_note(report, false, "%s: blobs", shown);
		return -1;
	}
	sum->blobs = l->referenced.n;
	verify_note(report, true, "%s: %zu blobs match their digests", shown, sum->blobs);
	if (terms->log)
		verify_log_tell(terms->log, &sum->strength.log);
	verify_terms_note_log(report, &sum->strength);
	return 0;
}

int
imgverify_layout_by(const char *path, const struct verify_terms *terms,
		    struct imgverify_summary *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	CLEANUP(layout_release) struct layout l = { .a = &a };
	struct imgverify_summary sum = { .origin_arena = out->origin_arena };
	size_t len = strlen(path);
	char *clean = arena_strdup(&a, path);

	while (len > 1 && clean[len - 1] == '/')
		clean[--len] = '\0';
	if (fd_open(clean, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_recode(err, ERR_VERIFY);
	l.dirfd = dirfd;
	if (check_layout(&l, clean, terms, &sum, err) < 0)
		return err_wrap(err, "%s", verify_label(&a, clean));
	*out = sum;
	return 0;
}

int
imgverify_layout(const char *path, const struct keyring *ring,
		 const struct verify_report *report, struct imgverify_summary *out,
		 struct err *err)
{
	const struct verify_terms terms = { .ring = ring, .report = report };

	*out = (struct imgverify_summary){ .blobs = 0 };
	return imgverify_layout_by(path, &terms, out, err);
}
