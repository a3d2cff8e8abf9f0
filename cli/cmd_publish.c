/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fd.h"
#include "builder/gc.h"
#include "cli/cli.h"
#include "cli/publishing.h"
#include "cli/verbs.h"
#include "repo/publish.h"

#define PUBLISH_DEST "out/repo"

struct publish_args {
	bool locked, resign;
};

static const struct opt publish_opts[] = {
	OPT(FLAG, struct publish_args, locked, 0, "locked", NULL,
	    "refuse when kiln.lock is not as the recipes say; publishing always does"),
	OPT(FLAG, struct publish_args, resign, 0, "resign", NULL,
	    "sign the metadata of out/repo again, now, and nothing else; for a timer"),
};

/* One command for a timer: needs no recipe, no chamber, only the tree and the keys. */
static int
resign(struct cli *cli, struct err *err)
{
	struct publish_spec spec = { .now = clock_wall() };
	struct doc *d = doc_map(&cli->arena);
	char ends[CLOCK_TEXT_MAX];

	if (cli_open(cli, CLI_STORE | CLI_SIGNER, err) < 0)
		return -1;
	spec.store = cli->builder.store;
	spec.signer = cli->builder.signer;
	spec.metadata_expires = cli->workspace.metadata_expires;
	if (!spec.metadata_expires)
		spec.metadata_expires = PUBLISH_EXPIRES;
	if (publish_resign(&spec, cli->workspace.dirfd, PUBLISH_DEST, err) < 0)
		return -1;
	clock_rfc3339(spec.now + spec.metadata_expires, ends);
	doc_set_text(&cli->arena, d, "path", PUBLISH_DEST);
	doc_set_text(&cli->arena, d, "expires", ends);
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s: metadata signed again, until %s\n", PUBLISH_DEST, ends);
	return 0;
}

static int
publish_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	struct publishing p = { 0 };
	struct publish_summary s = { 0 };
	struct publish_spec spec;
	char hex[DIGEST_HEX];
	struct doc *d;

	(void)operands;
	(void)n;
	if (((const struct publish_args *)args)->resign)
		return resign(cli, err);
	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | CLI_SIGNER, err) < 0 ||
	    publishing_locked(cli, err) < 0 || publishing_load(cli, &p, err) < 0 ||
	    fd_mkdirs(cli->workspace.dirfd, "out", err) < 0)
		return -1;
	spec = (struct publish_spec){ .store = cli->builder.store,
				      .signer = cli->builder.signer,
				      .packages = p.packages,
				      .npackages = p.npackages,
				      .inputs = p.inputs,
				      .ninputs = p.ninputs,
				      .epoch = p.epoch,
				      .distribution = cli->workspace.name,
				      .distribution_id = cli->workspace.id,
				      .distribution_version = cli->workspace.version,
				      .repo_id = cli->workspace.repository,
				      .log_dir = publishing_log(cli),
				      .log_origin = cli->workspace.log,
				      .witnesses = p.witnesses,
				      .keyring = cli->workspace.keyring,
				      .builder_id = cli->workspace.builder_id,
				      .metadata_expires = cli->workspace.metadata_expires,
				      .now = clock_wall() };
	/* Before it is published: what was is never without its inputs. */
	if (gc_keep_inputs(spec.store, p.inputs, p.ninputs, err) < 0 ||
	    publish_commit(&spec, cli->workspace.dirfd, PUBLISH_DEST, &s, err) < 0)
		return -1;
	digest_hex(&s.repomd, hex);
	d = doc_map(&cli->arena);
	doc_set(&cli->arena, d, "packages", doc_number(&cli->arena, (int64_t)s.packages));
	doc_set(&cli->arena, d, "unchanged", doc_boolean(&cli->arena, s.unchanged));
	doc_set_text(&cli->arena, d, "repomd", hex);
	doc_set_text(&cli->arena, d, "path", PUBLISH_DEST);
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s: %s, repomd %.16s%s\n", PUBLISH_DEST,
		     cli_count(&cli->arena, s.packages, "package"), hex,
		     s.unchanged ? ", unchanged" : "");
	return 0;
}

const struct command cmd_publish = {
	.name = "publish",
	.task = "ship",
	.summary = "assemble and sign the repository from built packages",
	.synopsis = "",
	.description =
		"Writes out/repo/: packages with signatures and provenance, repository metadata,\n"
		"public keys and a ready kiln.repo. The old tree is exchanged for the new one at once.\n"
		"With `metadata_expires: 14d` in kiln.yaml the signature of the metadata ends after that\n"
		"time; `kiln publish --resign` on a timer keeps it from ending.\n"
		"Refused unless kiln.lock is there and fresh (`kiln build` keeps it, `kiln lock` accepts).",
	.example = "kiln publish",
	.opts = publish_opts,
	.nopts = ARRAY_LEN(publish_opts),
	.args_size = sizeof(struct publish_args),
	.run = publish_run,
};
