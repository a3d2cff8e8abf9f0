/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "builder/gc.h"
#include "cli/imaging.h"
#include "cli/publishing.h"
#include "cli/verbs.h"

struct image_args {
	bool locked;
};

static const struct opt image_opts[] = {
	OPT(FLAG, struct image_args, locked, 0, "locked", NULL,
	    "refuse when kiln.lock is not as the recipes say (default when CI is set)"),
};

static struct doc *
image_doc(struct arena *a, const char *dest, const struct image_summary *s)
{
	struct doc *d = doc_map(a), *packages = doc_list(a);
	char hex[DIGEST_HEX];

	doc_set_text(a, d, "path", dest);
	digest_hex(&s->manifest, hex);
	doc_set_text(a, d, "manifest", arena_format(a, "sha256:%s", hex));
	doc_set(a, d, "layer_bytes", doc_number(a, (int64_t)s->layer_bytes));
	doc_set(a, d, "rootfs_bytes", doc_number(a, (int64_t)s->rootfs_bytes));
	doc_set(a, d, "unchanged", doc_boolean(a, s->unchanged));
	for (size_t i = 0; i < s->npackages; i++)
		doc_push(a, packages, doc_text(a, s->packages[i]));
	doc_set(a, d, "packages", packages);
	return d;
}

static void
print_image(struct arena *a, const char *dest, const struct image_summary *s)
{
	char hex[DIGEST_HEX];

	digest_hex(&s->manifest, hex);
	(void)printf("%s: sha256:%s, %s, %s (%s unpacked)%s\n", dest, hex,
		     cli_count(a, s->npackages, "package"), cli_bytes(a, s->layer_bytes),
		     cli_bytes(a, s->rootfs_bytes), s->unchanged ? ", unchanged" : "");
}

static int
make_one(struct cli *cli, const struct publishing *p, const struct image *image,
	 struct doc *all, struct err *err)
{
	struct arena *a = &cli->arena;
	const char *dest = arena_format(a, "out/images/%s", image->name);
	struct image_summary s = { 0 };
	struct image_spec spec = { .image = image,
				   .store = cli->builder.store,
				   .signer = cli->builder.signer,
				   .packages = p->packages,
				   .npackages = p->npackages,
				   .inputs = p->inputs,
				   .ninputs = p->ninputs,
				   .distribution = cli->workspace.name,
				   .distribution_id = cli->workspace.id,
				   .distribution_version = cli->workspace.version,
				   .builder_id = cli->workspace.builder_id,
				   .log_dir = publishing_log(cli),
				   .log_origin = cli->workspace.log,
				   .witnesses = p->witnesses };

	if (image_commit(a, &spec, cli->workspace.dirfd, dest, &s, err) < 0)
		return err_wrap(err, "image %s", image->name);
	if (cli->json)
		doc_push(a, all, image_doc(a, dest, &s));
	else
		print_image(a, dest, &s);
	return 0;
}

static int
image_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct image_args *o = args;
	struct publishing p = { 0 };
	struct image **images;
	size_t nimages;
	struct doc *all = doc_list(&cli->arena);

	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | CLI_SIGNER, err) < 0)
		return -1;
	if (imaging_load(cli, operands, n, &images, &nimages, err) < 0)
		return -1;
	if (((o->locked || cli_is_ci()) && publishing_locked(cli, err) < 0) ||
	    publishing_load(cli, &p, err) < 0 ||
	    fd_mkdirs(cli->workspace.dirfd, "out/images", err) < 0)
		return -1;
	if (gc_keep_inputs(cli->builder.store, p.inputs, p.ninputs, err) < 0)
		return -1;
	for (size_t i = 0; i < nimages; i++)
		if (make_one(cli, &p, images[i], all, err) < 0)
			return -1;
	return cli->json ? cli_json(cli, all, err) : 0;
}

const struct command cmd_image = {
	.name = "image",
	.task = "ship",
	.summary = "assemble images from built packages",
	.synopsis = "[NAME...]",
	.description =
		"Writes out/images/NAME (an OCI layout) and out/images/NAME.attest (its proof).\n"
		"The root file system is made from the packages as built; no scriptlet runs.\n"
		"Without a name every image whose ground is the stage of this run.",
	.example = "kiln image busybox static",
	.opts = image_opts,
	.nopts = ARRAY_LEN(image_opts),
	.args_size = sizeof(struct image_args),
	.max_operands = -1,
	.run = image_run,
};
