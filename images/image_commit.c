/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a definition to a published image, in this order:
 *
 *   1. choose     solve_run: the packages and what they require
 *   2. compose    rootfs_fill -> layer_write -> oci_commit, into .NAME.new beside dest
 *   3. attest     imgattest_make, imgattest_commit, into .NAME.attest.new
 *   4. exchange   the proof first, then the layout, each in one rename
 *
 * Killed anywhere, dest is the old image or the new one and its proof stands in one of the two
 * places where imgverify looks; the next run puts that right before it begins.
 */
#include "images/image.h"

#include "base/fd.h"
#include "base/tree.h"
#include "images/imgattest.h"
#include "images/imgverify.h"
#include "images/layer.h"
#include "images/oci.h"
#include "images/rootfs.h"
#include "repo/solve.h"
#include <linux/fs.h>

struct commit {
	struct arena *a;
	const struct image_spec *spec;
	struct image image; /* the definition, with what its service says filled in */
	int dirfd;
	const char *dest, *attest; /* out/images/busybox, out/images/busybox.attest */
	const char *new_dest,
		*new_attest; /* out/images/.busybox.new, out/images/.busybox.attest.new */
	const struct pkgfacts **chosen;
	size_t nchosen;
	int64_t epoch;
	const char *architecture, *ground;
	struct layer layer;
	struct oci_ids ids;
	uint64_t rootfs_bytes;
};

/* An unnamed file of the store's disk: layers outgrow memory. */
static int
open_scratch(struct cas *store, int *fd, struct err *err)
{
	CLEANUP(fd_close) int made = -1;
	char tmp[64], path[128];
	int rc;

	if (cas_tmp_dir(store, tmp, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "tmp/%s/scratch", tmp);
	rc = fd_create(cas_dirfd(store), path, 0600, &made, err);
	if (rc == 0)
		rc = fd_open_beneath(cas_dirfd(store), path, O_RDWR | O_NOFOLLOW, fd, err);
	cas_tmp_drop(store, tmp);
	return rc;
}

static int
choose_architecture(struct commit *c, struct err *err)
{
	const char *rpm = NULL;

	for (size_t i = 0; i < c->nchosen; i++) {
		const struct nevra *id = &c->chosen[i]->id;

		if (strcmp(id->arch, "noarch") == 0)
			continue;
		if (rpm && strcmp(rpm, id->arch) != 0)
			return err_set(err, ERR_INPUT,
				       "%s: packages of %s and of %s cannot be in one image",
				       c->spec->image->path, rpm, id->arch);
		rpm = id->arch;
	}
	c->architecture = oci_architecture(rpm ? rpm : "x86_64");
	if (!c->architecture)
		return err_set(err, ERR_INPUT, "%s: no container runs on %s",
			       c->spec->image->path, rpm);
	return 0;
}

/* What a package was built on; a package without a proof is refused later, by its name. */
static int
read_ground(struct commit *c, const struct pkgfacts *p, const char **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	static const struct digest none;
	struct statement s;

	*out = NULL;
	if (digest_equal(&p->statement, &none))
		return 0;
	if (cas_get(c->spec->store, &p->statement, &text, err) < 0 ||
	    statement_parse(c->a, buf_text(&text), text.len, nevra_file(c->a, &p->id), &s,
			    err) < 0)
		return -1;
	*out = statement_ground(c->a, &s);
	return 0;
}

static int
choose_ground(struct commit *c, struct err *err)
{
	const char *image = c->spec->image->path, *ground;
	struct statement_grounds seen = { .first = NULL };

	for (size_t i = 0; i < c->nchosen; i++)
		if (read_ground(c, c->chosen[i], &ground, err) < 0 ||
		    statement_same_ground(&seen, nevra_file(c->a, &c->chosen[i]->id), ground,
					  err) < 0)
			return err_wrap(err, "%s", image);
	c->ground = seen.ground;
	return 0;
}

static int
choose(struct commit *c, struct err *err)
{
	const struct image *im = c->spec->image;
	struct solve_request request = {
		.packages = c->spec->packages,
		.npackages = c->spec->npackages,
		.wants = im->packages,
		.nwants = im->npackages,
		.prefer = im->prefer,
		.nprefer = im->nprefer,
		.subject = arena_format(c->a, "image %s", im->name),
	};

	if (solve_run(c->a, &request, &c->chosen, &c->nchosen, err) < 0)
		return err_wrap(err, "%s:%d:1", im->path, im->line);
	for (size_t i = 0; i < c->nchosen; i++)
		c->epoch = KILN_MAX(c->epoch, c->chosen[i]->build_time);
	if (choose_architecture(c, err) < 0)
		return -1;
	return choose_ground(c, err);
}

static int
fill_rootfs(struct commit *c, int spool_fd, struct rootfs *out, struct err *err)
{
	const struct image *im = c->spec->image;
	struct rootfs_link *links = arena_array(c->a, im->nlinks + 1, sizeof(*links));
	const struct rootfs_spec spec = {
		.store = c->spec->store,
		.packages = c->chosen,
		.npackages = c->nchosen,
		.links = links,
		.nlinks = im->nlinks,
		.links_owner = im->path,
		.epoch = c->epoch,
		.spool_fd = spool_fd,
	};

	for (size_t i = 0; i < im->nlinks; i++)
		links[i] = (struct rootfs_link){ im->links[i].key, im->links[i].value };
	return rootfs_fill(c->a, &spec, out, err);
}

static int
fill_service(struct commit *c, const struct rootfs *fs, struct err *err)
{
	struct image *im = &c->image;
	struct rootfs_service s;

	if (!im->service)
		return 0;
	if (rootfs_service_read(c->a, fs, im->service, &s, err) < 0)
		return err_wrap(err, "config.service");
	im->entrypoint = s.run;
	im->nentrypoint = s.nrun;
	if (!im->user)
		im->user = s.user;
	if (!im->workdir)
		im->workdir = s.directory;
	if (!im->stop_signal)
		im->stop_signal = s.stop_signal;
	return 0;
}

static int
write_layer(struct commit *c, int layer_fd, struct err *err)
{
	CLEANUP(fd_close) int spool = -1;
	CLEANUP(fd_close) int tar = -1;
	CLEANUP(rootfs_release) struct rootfs fs = { .spool_fd = -1 };

	if (open_scratch(c->spec->store, &spool, err) < 0 ||
	    open_scratch(c->spec->store, &tar, err) < 0 || fill_rootfs(c, spool, &fs, err) < 0)
		return -1;
	if (fill_service(c, &fs, err) < 0)
		return -1;
	if (rootfs_check_user(&fs, c->image.user, err) < 0)
		return err_wrap(err, "config.user");
	c->rootfs_bytes = fs.bytes;
	return layer_write(&fs, tar, layer_fd, &c->layer, err);
}

/* A fresh directory of ours, 0755 whatever the umask. */
static int
make_dir(struct commit *c, const char *path, int *fd, struct err *err)
{
	if (mkdirat(c->dirfd, path, 0755) < 0 || fchmodat(c->dirfd, path, 0755, 0) < 0)
		return err_sys(err, "%s", path);
	return fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, fd, err);
}

static int
compose(struct commit *c, struct err *err)
{
	CLEANUP(fd_close) int dir = -1;
	CLEANUP(fd_close) int layer_fd = -1;
	struct oci_spec oci = { .image = &c->image,
				.layer = &c->layer,
				.architecture = c->architecture,
				.distribution = c->spec->distribution,
				.ground = c->ground,
				.epoch = c->epoch };

	if (make_dir(c, c->new_dest, &dir, err) < 0 || oci_begin(dir, &layer_fd, err) < 0)
		return -1;
	if (write_layer(c, layer_fd, err) < 0)
		return err_wrap(err, "image %s", c->spec->image->name);
	if (fd_close(&layer_fd, "the layer", err) < 0)
		return -1;
	return oci_commit(c->a, dir, &oci, &c->ids, err);
}

/* The layout at path is whole by its digests; *manifest is what it names. */
static bool
read_layout(const struct commit *c, const char *path, struct digest *manifest)
{
	CLEANUP(fd_close) int dir = -1;
	struct imgverify_summary sum = { 0 };
	struct err ignored;

	if (fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dir,
			    &ignored) < 0 ||
	    imgverify_blobs(dir, &sum, &ignored) < 0)
		return false;
	*manifest = sum.manifest;
	return true;
}

static bool
proof_is_current(const struct commit *c, const struct imgattest *at)
{
	CLEANUP(fd_close) int dir = -1;
	struct err ignored;

	if (fd_open_beneath(c->dirfd, c->attest, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dir,
			    &ignored) < 0)
		return false;
	return imgattest_is_current(c->a, at, c->spec, dir);
}

static const char *
parent_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(a, path, (size_t)(slash - path)) : ".";
}

/* new takes the place of path in one rename; what stood there stands under new afterwards. */
static int
exchange(const struct commit *c, const char *new, const char *path, struct err *err)
{
	if (renameat2(c->dirfd, new, c->dirfd, path, RENAME_EXCHANGE) == 0)
		return fd_sync_dir(c->dirfd, parent_of(c->a, path), err);
	if (errno != ENOENT || renameat2(c->dirfd, new, c->dirfd, path, RENAME_NOREPLACE) < 0)
		return err_sys(err, "putting %s in its place", path);
	return fd_sync_dir(c->dirfd, parent_of(c->a, path), err);
}

/* The proof under path names the manifest; who signed it is asked elsewhere. */
static bool
proof_names(const struct commit *c, const char *path, const struct digest *manifest)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	CLEANUP(fd_close) int dir = -1;
	struct statement s;
	struct err ignored;

	return fd_open_beneath(c->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dir,
			       &ignored) == 0 &&
	       oci_read_file(dir, IMGATTEST_PROVENANCE, &text, &ignored) == 0 &&
	       dsse_bundle_parse(c->a, buf_text(&text), text.len, path, &b, &ignored) == 0 &&
	       statement_parse(c->a, b.payload.data, b.payload.len, path, &s, &ignored) == 0 &&
	       statement_subject(&s, manifest);
}

/* A run that was killed between the two exchanges left the old layout with the new proof: the
 * old proof goes back before its temporary name is cleared. Then every leftover goes. */
static int
recover(const struct commit *c, struct err *err)
{
	struct digest manifest;

	if (faccessat(c->dirfd, c->new_attest, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
	    read_layout(c, c->dest, &manifest) && !proof_names(c, c->attest, &manifest) &&
	    proof_names(c, c->new_attest, &manifest) &&
	    exchange(c, c->new_attest, c->attest, err) < 0)
		return -1;
	if (tree_remove(c->dirfd, c->new_attest, err) < 0)
		return -1;
	return tree_remove(c->dirfd, c->new_dest, err);
}

static int
write_proof(struct commit *c, const struct imgattest *at, struct err *err)
{
	CLEANUP(fd_close) int dir = -1;

	if (make_dir(c, c->new_attest, &dir, err) < 0 ||
	    imgattest_commit(c->a, at, c->spec, dir, err) < 0)
		return -1;
	return tree_sync(c->dirfd, c->new_attest, err);
}

static int
publish(struct commit *c, bool *unchanged, struct err *err)
{
	CLEANUP(imgattest_release) struct imgattest at = { 0 };
	const struct imgattest_spec spec = { .image = c->spec,
					     .chosen = c->chosen,
					     .nchosen = c->nchosen,
					     .architecture = c->architecture,
					     .epoch = c->epoch,
					     .manifest = c->ids.manifest,
					     .layer = c->layer.digest };
	struct digest old;
	bool same_layout, same_proof;

	if (imgattest_make(c->a, &spec, &at, err) < 0)
		return -1;
	same_layout = read_layout(c, c->dest, &old) && digest_equal(&old, &c->ids.manifest);
	same_proof = proof_is_current(c, &at);
	*unchanged = same_layout && same_proof;
	/* Everything new is on the disk before the first of it is seen. */
	if ((!same_proof && write_proof(c, &at, err) < 0) ||
	    (!same_layout && tree_sync(c->dirfd, c->new_dest, err) < 0) ||
	    (!same_proof && exchange(c, c->new_attest, c->attest, err) < 0) ||
	    (!same_layout && exchange(c, c->new_dest, c->dest, err) < 0))
		return -1;
	if (tree_remove(c->dirfd, c->new_attest, err) < 0)
		return -1;
	return tree_remove(c->dirfd, c->new_dest, err);
}

static void
summarise(const struct commit *c, struct image_summary *out)
{
	out->manifest = c->ids.manifest;
	out->config = c->ids.config;
	out->layer = c->layer.digest;
	out->layer_bytes = c->layer.bytes;
	out->rootfs_bytes = c->rootfs_bytes;
	out->packages = arena_array(c->a, c->nchosen + 1, sizeof(*out->packages));
	out->npackages = c->nchosen;
	for (size_t i = 0; i < c->nchosen; i++)
		out->packages[i] = nevra_file(c->a, &c->chosen[i]->id);
}

int
image_commit(struct arena *a, const struct image_spec *spec, int dirfd, const char *dest,
	     struct image_summary *out, struct err *err)
{
	CLEANUP(fd_close) int lock = -1;
	struct commit c = {
		.a = a, .spec = spec, .image = *spec->image, .dirfd = dirfd, .dest = dest
	};
	bool unchanged = false;

	if (!spec->distribution || !spec->distribution_id || !spec->builder_id ||
	    !spec->log_dir || !spec->log_origin)
		return err_set(
			err, ERR_INPUT,
			"image %s: the distribution's name and ID, the builder's ID and the log must be given",
			spec->image->name);
	c.attest = arena_format(a, "%s" IMGVERIFY_ATTEST, dest);
	c.new_dest = imgverify_sibling(a, dest, IMGVERIFY_NEW);
	c.new_attest = imgverify_sibling(a, dest, IMGVERIFY_NEW_ATTEST);
	if (choose(&c, err) < 0 ||
	    cas_lock(spec->store, arena_format(a, "image-%s", spec->image->name), &lock, err) <
		    0 ||
	    fd_mkdirs(dirfd, parent_of(a, dest), err) < 0)
		return -1;
	/* From here on the temporary names are ours. */
	if (recover(&c, err) < 0 || compose(&c, err) < 0 || publish(&c, &unchanged, err) < 0) {
		struct err ignored;

		/* What was made so far serves nobody; what cannot be removed goes with the next
		 * run. */
		(void)!tree_remove(dirfd, c.new_dest, &ignored);
		return -1;
	}
	summarise(&c, out);
	out->unchanged = unchanged;
	return 0;
}
