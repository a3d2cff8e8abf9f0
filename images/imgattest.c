/* SPDX-License-Identifier: Apache-2.0 */
#include "images/imgattest.h"

#include "base/clock.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/tree.h"
#include "base/vec.h"
#include "images/imgsbom.h"
#include "images/oci.h"
#include "repo/purl.h"
#include "trust/ledger.h"
#include "trust/statement.h"

#define ATTEST_MAX_INVENTORY ((size_t)64 * 1024 * 1024)

void
imgattest_release(struct imgattest *at)
{
	buf_free(&at->statement);
	buf_free(&at->inventory);
	buf_free(&at->inventory_statement);
	buf_free(&at->cyclonedx);
	buf_free(&at->spdx);
	buf_free(&at->sbom_statement);
}

const char *
imgattest_purl(struct arena *a, const struct image_spec *image, const struct nevra *id)
{
	const struct purl_distribution d = { image->distribution_id,
					     image->distribution_version };

	return purl_make(a, &d, id);
}

/* Which packages took part: breadth first from the image's own through their statements. */
struct closure {
	struct arena *a;
	const struct image_spec *image;
	struct dict universe; /* unsigned digest, hex -> struct pkgfacts */
	struct dict inputs;   /* digest, hex -> itself */
	struct dict seen;     /* unsigned digest, hex */
	VEC(const struct pkgfacts *) found;
};

static void
closure_release(struct closure *c)
{
	dict_release(&c->universe);
	dict_release(&c->inputs);
	dict_release(&c->seen);
	VEC_FREE(&c->found);
}
DEFINE_RELEASE(struct closure, closure_release);

/* The dictionary lends out what it is given; the facts are never written through it. */
static void *
borrowed(const void *p)
{
	return (void *)(uintptr_t)p;
}

static void
closure_add(struct closure *c, const struct pkgfacts *p)
{
	char hex[DIGEST_HEX];

	digest_hex(&p->file, hex);
	if (dict_add(&c->seen, hex, borrowed(p)))
		VEC_PUSH(&c->found, p);
}

static int
closure_follow(struct closure *c, const struct pkgfacts *p, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	const char *file = nevra_file(c->a, &p->id);
	static const struct digest none;
	struct statement s;

	if (digest_equal(&p->statement, &none) || digest_equal(&p->bundle, &none)) {
		err_set(err, ERR_INPUT, "%s has no proof of how it was built", file);
		return err_hint(err, "run `kiln build %s`", p->recipe ? p->recipe : p->id.name);
	}
	if (cas_get(c->image->store, &p->statement, &text, err) < 0 ||
	    statement_parse(c->a, buf_text(&text), text.len, file, &s, err) < 0)
		return err_wrap(err, "statement of %s", file);
	for (size_t i = 0; i < s.ndependencies; i++) {
		const struct statement_resource *d = &s.dependencies[i];
		const struct pkgfacts *next;
		char hex[DIGEST_HEX];

		digest_hex(&d->sha256, hex);
		next = dict_get(&c->universe, hex);
		if (next) {
			closure_add(c, next);
		} else if (!dict_has(&c->inputs, hex)) {
			const char *name = d->name ? d->name : d->uri ? d->uri : hex;

			err_set(err, ERR_INPUT,
				"%s was built from %s (sha256 %s), which is neither a package nor a known input",
				file, name, hex);
			return err_hint(
				err,
				"run `kiln build` so that it is built from what the recipes now say");
		}
	}
	return 0;
}

static int
compare_files(const void *a, const void *b)
{
	const struct pkgfacts *const *x = a, *const *y = b;
	int order = strcmp((*x)->id.name, (*y)->id.name);

	return order ? order : memcmp((*x)->file.bytes, (*y)->file.bytes, DIGEST_BYTES);
}

static int
closure_run(struct closure *c, const struct imgattest_spec *s, struct imgattest *out,
	    struct err *err)
{
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < s->image->npackages; i++) {
		digest_hex(&s->image->packages[i]->file, hex);
		(void)dict_add(&c->universe, hex, borrowed(s->image->packages[i]));
	}
	for (size_t i = 0; i < s->image->ninputs; i++) {
		digest_hex(&s->image->inputs[i].sha256, hex);
		(void)dict_add(&c->inputs, hex, borrowed(&s->image->inputs[i]));
	}
	for (size_t i = 0; i < s->nchosen; i++)
		closure_add(c, s->chosen[i]);
	for (size_t i = 0; i < c->found.n; i++) /* grows while it is walked */
		if (closure_follow(c, c->found.at[i], err) < 0)
			return -1;
	if (c->found.n)
		qsort(c->found.at, c->found.n, sizeof(*c->found.at), compare_files);
	out->packages = arena_array(c->a, c->found.n + 1, sizeof(struct pkgfacts *));
	for (size_t i = 0; i < c->found.n; i++) {
		out->packages[i] = c->found.at[i];
		if (i && strcmp(out->packages[i]->id.name, out->packages[i - 1]->id.name) == 0)
			return err_set(err, ERR_INPUT, "two different packages are called %s",
				       nevra_file(c->a, &out->packages[i]->id));
	}
	out->npackages = c->found.n;
	return 0;
}

static void
add_package(struct arena *a, const struct imgattest_spec *spec, const struct pkgfacts *p,
	    struct statement_resource *out)
{
	char hex[DIGEST_HEX];

	digest_hex(&p->header, hex);
	out->name = nevra_file(a, &p->id);
	out->uri = imgattest_purl(a, spec->image, &p->id);
	out->sha256 = p->file;
	out->annotations = doc_map(a);
	doc_set_text(a, out->annotations, "role", "package");
	doc_set_text(a, out->annotations, "headerDigest", hex);
}

static int
make_provenance(struct arena *a, const struct imgattest_spec *spec, struct buf *out,
		struct err *err)
{
	const struct image *im = spec->image->image;
	struct statement_resource subject = { .name = im->name, .sha256 = spec->manifest };
	struct statement_resource *deps = arena_array(a, spec->nchosen + 1, sizeof(*deps));
	struct statement s = { .predicate_type = STATEMENT_SLSA_V1,
			       .subjects = &subject,
			       .nsubjects = 1,
			       .build_type = IMGATTEST_BUILD_TYPE,
			       .external = doc_map(a),
			       .internal = doc_map(a),
			       .dependencies = deps,
			       .ndependencies = spec->nchosen + 1,
			       .builder_id = spec->image->builder_id };
	char created[CLOCK_TEXT_MAX];

	clock_rfc3339(spec->epoch, created);
	doc_set_text(a, s.external, "image", im->name);
	doc_set_text(a, s.external, "definition", im->path);
	doc_set_text(a, s.external, "architecture", spec->architecture);
	doc_set_text(a, s.internal, "created", created);
	deps[0].name = im->path;
	deps[0].uri = arena_format(a, IMGATTEST_DEFINITION "%s", im->path);
	deps[0].sha256 = im->definition;
	deps[0].annotations = doc_map(a);
	doc_set_text(a, deps[0].annotations, "role", "definition");
	for (size_t i = 0; i < spec->nchosen; i++)
		add_package(a, spec, spec->chosen[i], &deps[i + 1]);
	return statement_make(&s, out, err);
}

/* The inventory of an image: the repository's inputs and the image's own definition. */
static int
make_inventory(struct arena *a, const struct imgattest_spec *spec, struct imgattest *at,
	       struct err *err)
{
	const struct image_spec *im = spec->image;
	struct publish_input *all = arena_array(a, im->ninputs + 1, sizeof(*all));
	struct statement_resource subject = { .name = IMGATTEST_INVENTORY };
	struct statement s = { .predicate_type = STATEMENT_INVENTORY,
			       .subjects = &subject,
			       .nsubjects = 1,
			       .predicate = doc_map(a) };

	for (size_t i = 0; i < im->ninputs; i++)
		all[i] = im->inputs[i];
	all[im->ninputs] = (struct publish_input){
		.name = im->image->path,
		.uri = arena_format(a, IMGATTEST_DEFINITION "%s", im->image->path),
		.sha256 = im->image->definition,
		.size = im->image->definition_size,
		.kind = "recipe-file",
	};
	if (publish_inventory(all, im->ninputs + 1, &at->inventory, err) < 0)
		return -1;
	digest_of(at->inventory.data, at->inventory.len, &subject.sha256);
	return statement_make(&s, &at->inventory_statement, err);
}

int
imgattest_make(struct arena *a, const struct imgattest_spec *spec, struct imgattest *out,
	       struct err *err)
{
	CLEANUP(closure_release) struct closure c = { .a = a, .image = spec->image };
	CLEANUP(imgattest_release)
	struct imgattest at = {
		.statement = BUF_MAX(SIGNER_MAX_PAYLOAD),
		.inventory = BUF_MAX(ATTEST_MAX_INVENTORY),
		.inventory_statement = BUF_MAX(SIGNER_MAX_PAYLOAD),
		.cyclonedx = BUF_MAX(SBOM_MAX_BYTES),
		.spdx = BUF_MAX(SBOM_MAX_BYTES),
		.sbom_statement = BUF_MAX(SIGNER_MAX_PAYLOAD),
	};

	if (closure_run(&c, spec, &at, err) < 0 ||
	    make_provenance(a, spec, &at.statement, err) < 0 ||
	    make_inventory(a, spec, &at, err) < 0 || imgsbom_write(a, spec, &at, err) < 0)
		return -1;
	*out = at;
	at = (struct imgattest){ 0 };
	return 0;
}

static const char *
package_bundle(struct arena *a, const struct pkgfacts *p)
{
	return arena_format(a, IMGATTEST_PACKAGES "/%s" IMGATTEST_BUNDLE,
			    nevra_file(a, &p->id));
}

/* What is said, as entries of the log: first of each package, then inventory, image and bill.
 */
static struct ledger_item *
list_items(struct arena *a, const struct imgattest *at, const struct image_spec *image,
	   size_t *n)
{
	struct ledger_item *items = arena_array(a, at->npackages + 3, sizeof(*items));
	const char *name = image->image->name;

	for (size_t i = 0; i < at->npackages; i++)
		items[i] = (struct ledger_item){ .name = arena_format(
							 a, "images/%s/%s", name,
							 package_bundle(a, at->packages[i])),
						 .role = KEY_BUILDER,
						 .bare = at->packages[i]->bundle };
	items[at->npackages] = (struct ledger_item){
		.name = arena_format(a, "images/%s/" IMGATTEST_INVENTORY IMGATTEST_BUNDLE,
				     name),
		.role = KEY_IMAGE,
		.statement = &at->inventory_statement
	};
	items[at->npackages + 1] =
		(struct ledger_item){ .name = arena_format(a, "images/%s/" IMGATTEST_PROVENANCE,
							   name),
				      .role = KEY_IMAGE,
				      .statement = &at->statement };
	items[at->npackages + 2] =
		(struct ledger_item){ .name = arena_format(a, "images/%s/" IMGATTEST_SBOM,
							   name),
				      .role = KEY_IMAGE,
				      .statement = &at->sbom_statement };
	*n = at->npackages + 3;
	return items;
}

static struct ledger
ledger_of(const struct image_spec *image)
{
	return (struct ledger){ .store = image->store,
				.signer = image->signer,
				.dir = image->log_dir,
				.origin = image->log_origin,
				.witnesses = image->witnesses };
}

static int
write_bundle(const struct image_spec *image, int dirfd, const char *path,
	     const struct ledger_item *item, struct err *err)
{
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);

	if (cas_get(image->store, &item->bundle, &bundle, err) < 0)
		return err_wrap(err, "%s", path);
	return oci_write_file(dirfd, path, &bundle, err);
}

int
imgattest_commit(struct arena *a, const struct imgattest *at, const struct image_spec *image,
		 int dirfd, struct err *err)
{
	const struct ledger ledger = ledger_of(image);
	size_t n = at->npackages, count;
	struct ledger_item *items = list_items(a, at, image, &count);

	if (ledger_enter(&ledger, items, count, err) < 0 ||
	    fd_mkdirs(dirfd, IMGATTEST_PACKAGES, err) < 0)
		return -1;
	if (fchmodat(dirfd, IMGATTEST_PACKAGES, 0755, 0) < 0)
		return err_sys(err, IMGATTEST_PACKAGES);
	for (size_t i = 0; i < n; i++)
		if (write_bundle(image, dirfd, package_bundle(a, at->packages[i]), &items[i],
				 err) < 0)
			return -1;
	if (oci_write_file(dirfd, IMGATTEST_INVENTORY, &at->inventory, err) < 0 ||
	    write_bundle(image, dirfd, IMGATTEST_INVENTORY IMGATTEST_BUNDLE, &items[n], err) <
		    0 ||
	    oci_write_file(dirfd, IMGATTEST_CYCLONEDX, &at->cyclonedx, err) < 0 ||
	    oci_write_file(dirfd, IMGATTEST_SPDX, &at->spdx, err) < 0 ||
	    write_bundle(image, dirfd, IMGATTEST_SBOM, &items[n + 2], err) < 0)
		return -1;
	return write_bundle(image, dirfd, IMGATTEST_PROVENANCE, &items[n + 1], err);
}

static bool
has_bytes(int dirfd, const char *path, const struct digest *want)
{
	CLEANUP(fd_close) int fd = -1;
	struct digest have;
	struct err ignored;

	return fd_open_beneath(dirfd, path, O_RDONLY | O_NOFOLLOW, &fd, &ignored) == 0 &&
	       digest_fd(fd, &have, NULL, &ignored) == 0 && digest_equal(&have, want);
}

bool
imgattest_is_current(struct arena *a, const struct imgattest *at,
		     const struct image_spec *image, int dirfd)
{
	const struct ledger ledger = ledger_of(image);
	size_t n, count;
	struct ledger_item *items = list_items(a, at, image, &count);
	struct digest inventory, cyclonedx, spdx;
	struct err ignored;
	const char **names;
	bool all;

	digest_of(at->inventory.data, at->inventory.len, &inventory);
	digest_of(at->cyclonedx.data, at->cyclonedx.len, &cyclonedx);
	digest_of(at->spdx.data, at->spdx.len, &spdx);
	if (ledger_recall(&ledger, items, count, &all, &ignored) < 0 || !all ||
	    tree_list(a, dirfd, IMGATTEST_PACKAGES, &names, &n, &ignored) < 0 ||
	    n != at->npackages || !has_bytes(dirfd, IMGATTEST_INVENTORY, &inventory) ||
	    !has_bytes(dirfd, IMGATTEST_CYCLONEDX, &cyclonedx) ||
	    !has_bytes(dirfd, IMGATTEST_SPDX, &spdx))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!has_bytes(dirfd, package_bundle(a, at->packages[i]), &items[i].bundle))
			return false;
	return has_bytes(dirfd, IMGATTEST_INVENTORY IMGATTEST_BUNDLE, &items[n].bundle) &&
	       has_bytes(dirfd, IMGATTEST_PROVENANCE, &items[n + 1].bundle) &&
	       has_bytes(dirfd, IMGATTEST_SBOM, &items[n + 2].bundle);
}
