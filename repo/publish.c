/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/publish_priv.h"

#include "base/fd.h"
#include "base/tree.h"
#include "trust/openpgp.h"
#include "trust/trustroot.h"

#define PUBLISH_MAX_PACKAGES ((size_t)1000000)

static int
by_name(const void *a, const void *b)
{
	const struct publish_package *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
find_keys(struct publish_run *run, struct err *err)
{
	const struct keyring *ring = signer_keys(run->spec->signer);

	if (key_need(ring, KEY_BUILDER, &run->builder, err) < 0 ||
	    key_need(ring, KEY_PACKAGES, &run->packages_key, err) < 0)
		return -1;
	return key_need(ring, KEY_METADATA, &run->metadata_key, err);
}

static int
sign_packages(struct publish_run *run, struct publish_summary *sum, struct err *err)
{
	const struct publish_spec *spec = run->spec;
	struct statement_grounds seen = { .first = NULL };

	if (spec->npackages > PUBLISH_MAX_PACKAGES)
		return err_set(err, ERR_LIMIT, "%zu packages to publish, at most %zu",
			       spec->npackages, PUBLISH_MAX_PACKAGES);
	run->packages = arena_array(&run->arena, spec->npackages + 1, sizeof(*run->packages));
	for (size_t i = 0; i < spec->npackages; i++) {
		run->packages[i].facts = spec->packages[i];
		run->packages[i].name = nevra_file(&run->arena, &spec->packages[i]->id);
	}
	qsort(run->packages, spec->npackages, sizeof(*run->packages), by_name);
	for (size_t i = 0; i < spec->npackages; i++) {
		if (i && by_name(&run->packages[i - 1], &run->packages[i]) == 0)
			return err_set(err, ERR_INPUT, "two packages would be %s",
				       run->packages[i].name);
		if (publish_sign_package(run, &run->packages[i], err) < 0 ||
		    (run->packages[i].facts != run->keyring &&
		     statement_same_ground(&seen, run->packages[i].name,
					   run->packages[i].ground, err) < 0))
			return -1;
		sum->reused += run->packages[i].reused;
	}
	sum->packages = spec->npackages;
	return 0;
}

static void
add_blob(struct publish_run *run, const char *path, const struct digest *blob)
{
	struct publish_file f = { .path = path, .digest = *blob };

	VEC_PUSH(&run->files, f);
}

static int
add_bytes(struct publish_run *run, const char *path, const struct buf *bytes, struct err *err)
{
	struct digest blob;

	if (buf_check(bytes, path, err) < 0 ||
	    cas_put(run->spec->store, bytes->data, bytes->len, &blob, err) < 0)
		return -1;
	add_blob(run, path, &blob);
	return 0;
}

static int
add_key(struct publish_run *run, const char *path, const struct key_public *key,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);

	if (key_export(key, &text, err) < 0)
		return err_wrap(err, "%s", path);
	return add_bytes(run, path, &text, err);
}

/* Whose log, whose clock, who speaks for images; and all of it as stock clients take it. */
static int
add_witnesses(struct publish_run *run, struct err *err)
{
	static const struct {
		enum key_role role;
		const char *path;
	} more[] = { { KEY_LOG, "keys/log.pub" },
		     { KEY_TIMESTAMP, "keys/timestamp.pem" },
		     { KEY_IMAGE, "keys/image.pub" } };
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	const struct keyring *ring = signer_keys(run->spec->signer);
	struct key_public shown[ARRAY_LEN(more)];
	struct keyring offered = { .at = shown };

	for (size_t i = 0; i < ARRAY_LEN(more); i++) {
		const struct key_public *k = key_of_role(ring, more[i].role);

		if (!k || k->revoked)
			continue;
		shown[offered.n++] = *k;
		if (add_key(run, more[i].path, k, err) < 0)
			return -1;
	}
	/* Of the keys beside it and no others: who verifies compares the two. */
	if (trustroot_write(&offered, run->spec->log_origin, &text, err) < 0)
		return -1;
	return add_bytes(run, "keys/trusted_root.json", &text, err);
}

static int
add_keys(struct publish_run *run, struct err *err)
{
	/* zypper looks for the metadata key beside the signature. */
	if (add_key(run, "keys/builder.pub", run->builder, err) < 0 ||
	    add_key(run, "keys/packages.asc", run->packages_key, err) < 0 ||
	    add_key(run, "keys/metadata.asc", run->metadata_key, err) < 0 ||
	    add_key(run, "repodata/repomd.xml.key", run->metadata_key, err) < 0)
		return -1;
	return add_witnesses(run, err);
}

static int
add_packages(struct publish_run *run, struct err *err)
{
	for (size_t i = 0; i < run->spec->npackages; i++) {
		const struct publish_package *p = &run->packages[i];

		add_blob(run, arena_format(&run->arena, "packages/%s", p->name), &p->file);
		add_blob(run, arena_format(&run->arena, "packages/%s" PUBLISH_BUNDLE, p->name),
			 &p->bundle);
		publish_sbom_add(run, p);
		if (publish_verdict_add(run, p, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_inventory(struct publish_run *run, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	struct digest bundle;

	if (publish_inventory(run->spec->inputs, run->spec->ninputs, &text, err) < 0 ||
	    publish_sign_inventory(run, &text, &bundle, err) < 0 ||
	    add_bytes(run, "inventory.json", &text, err) < 0)
		return -1;
	add_blob(run, "inventory.json" PUBLISH_BUNDLE, &bundle);
	return 0;
}

static int
add_repo_file(struct publish_run *run, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);

	publish_text_repo(run, &text);
	return add_bytes(run, "kiln.repo", &text, err);
}

/* Lists what repomd_write left in the new tree. */
static int
add_made(struct publish_run *run, int dirfd, struct err *err)
{
	const char **names;
	size_t n;

	if (tree_list(&run->arena, dirfd, "repodata", &names, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;
		struct publish_file f = { .kind = PUBLISH_MADE };

		f.path = arena_format(&run->arena, "repodata/%s", names[i]);
		if (fd_open_beneath(dirfd, f.path, O_RDONLY | O_NOFOLLOW, &fd, err) < 0 ||
		    digest_fd(fd, &f.digest, NULL, err) < 0)
			return -1;
		VEC_PUSH(&run->files, f);
	}
	return 0;
}

static int
add_metadata(struct publish_run *run, const struct publish_tree *t, struct publish_summary *sum,
	     struct err *err)
{
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	CLEANUP(fd_close) int dirfd = -1;
	size_t n = run->spec->npackages;
	struct repomd_fragment *fragments = arena_array(&run->arena, n + 1, sizeof(*fragments));
	struct digest asc;

	for (size_t i = 0; i < n; i++)
		fragments[i] = run->packages[i].fragment;
	if (fd_open_beneath(t->parent, t->fresh, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0 ||
	    repomd_write(dirfd, fragments, n, run->spec->epoch, err) < 0 ||
	    add_made(run, dirfd, err) < 0 ||
	    fd_read_file(dirfd, "repodata/repomd.xml", &repomd, err) < 0 ||
	    publish_sign_repomd(run, &repomd, false, &asc, err) < 0)
		return -1;
	digest_of(repomd.data, repomd.len, &sum->repomd);
	add_blob(run, "repodata/repomd.xml.asc", &asc);
	return 0;
}

static int
publish(struct publish_run *run, struct publish_spec *spec, const struct publish_tree *t,
	struct publish_summary *sum, struct err *err)
{
	if (find_keys(run, err) < 0 ||
	    (spec->keyring && publish_keyring_add(run, spec, err) < 0))
		return -1;
	if (sign_packages(run, sum, err) < 0 || add_metadata(run, t, sum, err) < 0 ||
	    add_keys(run, err) < 0 || add_inventory(run, err) < 0 ||
	    add_repo_file(run, err) < 0)
		return -1;
	if (add_packages(run, err) < 0 || publish_proof_add(run, err) < 0 ||
	    publish_release_add(run, err) < 0 || publish_log_add(run, err) < 0)
		return -1;
	sum->unchanged = publish_tree_is(t, run->files.at, run->files.n);
	if (sum->unchanged)
		return publish_tree_drop(t, err);
	if (publish_tree_fill(t, run, err) < 0)
		return -1;
	return publish_tree_exchange(t, err);
}

static void
run_release(struct publish_run *run)
{
	VEC_FREE(&run->files);
	fd_close_scope(&run->log_lock);
	fd_close_scope(&run->log);
	arena_release(&run->arena);
}
DEFINE_RELEASE(struct publish_run, run_release);

int
publish_commit(const struct publish_spec *spec, int dirfd, const char *dest,
	       struct publish_summary *out, struct err *err)
{
	CLEANUP(run_release)
	struct publish_run run = { .log = -1, .log_lock = -1 };
	CLEANUP(publish_tree_release) struct publish_tree t = { .parent = -1, .lock = -1 };
	struct publish_spec whole = *spec;
	struct publish_summary sum = { 0 };
	struct err ignored;

	if (!spec->log_dir || !spec->log_origin)
		return err_set(err, ERR_INPUT, "publishing needs a log and its name");
	if (publish_tree_begin(&run.arena, dirfd, dest, &t, err) < 0)
		return -1;
	run.spec = &whole;
	if (publish(&run, &whole, &t, &sum, err) < 0) {
		(void)!publish_tree_drop(&t, &ignored); /* else the next publish removes it */
		return -1;
	}
	*out = sum;
	return 0;
}

/* The metadata as it stands, if one of our keys once signed it. */
static int
read_published(struct publish_run *run, int tree, struct buf *repomd, struct err *err)
{
	CLEANUP(buf_free) struct buf asc = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	CLEANUP(buf_free) struct buf sig = BUF_MAX(PUBLISH_MAX_DOCUMENT);

	if (fd_read_file(tree, "repodata/repomd.xml", repomd, err) < 0 ||
	    fd_read_file(tree, "repodata/repomd.xml.asc", &asc, err) < 0 ||
	    openpgp_dearmor(buf_text(&asc), asc.len, &sig, err) < 0)
		return -1;
	if (openpgp_verify(signer_keys(run->spec->signer), KEY_METADATA, repomd->data,
			   repomd->len, sig.data, sig.len, 0, err) < 0) {
		err_wrap(err, "this metadata was not signed with these keys");
		return err_hint(err, "`kiln publish` makes it anew");
	}
	return 0;
}

static int
resign(struct publish_run *run, const struct publish_tree *t, struct err *err)
{
	CLEANUP(buf_free) struct buf repomd = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	CLEANUP(buf_free) struct buf text = BUF_MAX(PUBLISH_MAX_DOCUMENT);
	CLEANUP(fd_close) int tree = -1;
	struct digest asc;

	if (find_keys(run, err) < 0 ||
	    fd_open_beneath(t->parent, t->name, O_RDONLY | O_DIRECTORY, &tree, err) < 0 ||
	    read_published(run, tree, &repomd, err) < 0 ||
	    publish_sign_repomd(run, &repomd, true, &asc, err) < 0 ||
	    cas_get(run->spec->store, &asc, &text, err) < 0)
		return -1;
	return fd_publish(tree, "repodata/repomd.xml.asc", text.data, text.len, 0644, err);
}

int
publish_resign(const struct publish_spec *spec, int dirfd, const char *dest, struct err *err)
{
	CLEANUP(run_release) struct publish_run run = { .spec = spec };
	CLEANUP(publish_tree_release) struct publish_tree t = { .parent = -1, .lock = -1 };

	if (publish_tree_lock(&run.arena, dirfd, dest, &t, err) < 0)
		return -1;
	if (resign(&run, &t, err) < 0)
		return err_wrap(err, "%s", dest);
	return 0;
}
