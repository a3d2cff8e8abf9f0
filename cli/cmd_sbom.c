/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "images/imgattest.h"
#include "images/imgverify.h"
#include "repo/pkgsbom.h"

struct sbom_args {
	const char *format;
	struct opt_list keys;
};

static const struct opt sbom_opts[] = {
	OPT(STR, struct sbom_args, format, 0, "format", "FORMAT",
	    "cyclonedx (1.6, the default) or spdx (2.3)"),
	OPT(LIST, struct sbom_args, keys, 0, "key", "PATH",
	    "for FILE.rpm, trust the key file or directory PATH; default: as `kiln verify`"),
};

struct bill { /* both documents, of which one is printed */
	struct buf cyclonedx, spdx;
};

static void
bill_release(struct bill *b)
{
	buf_free(&b->cyclonedx);
	buf_free(&b->spdx);
}
DEFINE_RELEASE(struct bill, bill_release);

/* Where the build does not say of which distribution it is, the workspace does. */
static void
choose_distribution(struct cli *cli, struct pkgsbom_spec *spec)
{
	if (pkgsbom_distribution(spec->build, &spec->distribution) || !cli->has_workspace)
		return;
	spec->distribution =
		(struct purl_distribution){ cli->workspace.id, cli->workspace.version };
}

/* A published package and the bundle beside it, which a trusted key must have signed. */
static int
of_file(struct cli *cli, const struct sbom_args *o, const char *path, struct bill *out,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	const char *slash = strrchr(path, '/');
	const char *bundle = arena_format(&cli->arena, "%s.sigstore.json", path);
	struct pkgsbom_spec spec = { .name = slash ? slash + 1 : path };
	struct keyring ring = { 0 };
	struct statement build;

	if (cli_keyring(cli, &o->keys, &ring, err) < 0 ||
	    fd_open(path, O_RDONLY, &fd, err) < 0 || digest_fd(fd, &spec.file, NULL, err) < 0 ||
	    fd_read_file(AT_FDCWD, bundle, &text, err) < 0 ||
	    verify_bundle(&cli->arena, &ring, buf_text(&text), text.len, bundle,
			  STATEMENT_SLSA_V1, &spec.file, &build, err) < 0)
		return -1;
	spec.fd = fd;
	spec.build = &build;
	choose_distribution(cli, &spec);
	return pkgsbom_write(&spec, &out->cyclonedx, &out->spdx, err);
}

/* A document that somebody wrote: read as CycloneDX, written as either. */
static int
of_document(struct cli *cli, const char *path, struct bill *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SBOM_MAX_BYTES);
	struct sbom s;

	if (fd_read_file(AT_FDCWD, path, &text, err) < 0 ||
	    sbom_parse(&cli->arena, buf_text(&text), text.len, path, &s, err) < 0)
		return -1;
	sbom_spdx(&s, &out->spdx);
	sbom_cyclonedx(&s, &out->cyclonedx);
	return 0;
}

static int
of_image(struct cli *cli, const char *path, struct bill *out, struct err *err)
{
	size_t n = strlen(path);
	const char *dir;

	while (n > 1 && path[n - 1] == '/')
		n--;
	dir = arena_format(&cli->arena, "%.*s" IMGVERIFY_ATTEST, (int)n, path);
	if (fd_read_file(AT_FDCWD, arena_format(&cli->arena, "%s/" IMGATTEST_CYCLONEDX, dir),
			 &out->cyclonedx, err) < 0 ||
	    fd_read_file(AT_FDCWD, arena_format(&cli->arena, "%s/" IMGATTEST_SPDX, dir),
			 &out->spdx, err) < 0) {
		err_wrap(err, "the image has no SBOM");
		return err_hint(err, "assemble it with `kiln image NAME`");
	}
	return 0;
}

static const struct pkgfacts *
find_package(const struct pkgfacts *const *at, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i]->id.name, name) == 0)
			return at[i];
	return NULL;
}

static int
unknown(const char *name, struct err *err)
{
	err_set(err, ERR_INPUT, "'%s' is no package of this workspace, and no file", name);
	return err_hint(
		err, "give a package's name, FILE.rpm, a CycloneDX file, or out/images/NAME");
}

/* A package as it was built, before it is signed: its digest is that of the unsigned file. */
static int
of_package(struct cli *cli, const char *name, struct bill *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DSSE_MAX_BYTES);
	CLEANUP(fd_close) int fd = -1;
	const struct pkgfacts **all, *f;
	const struct recipe *recipe;
	struct pkgsbom_spec spec = { 0 };
	struct statement build;
	struct recipe_set set;
	size_t n;

	if (cli_open(cli, CLI_STORE | CLI_SANDBOX | CLI_SIGNER, err) < 0 ||
	    recipe_load_all(&cli->arena, &cli->workspace.place, &set, err) < 0)
		return -1;
	recipe = recipe_of_package(&set, name);
	if (!recipe)
		return unknown(name, err);
	if (build_packages(&cli->arena, &cli->builder, &recipe->name, 1, &all, &n, err) < 0)
		return -1;
	f = find_package(all, n, name);
	if (!f)
		return unknown(name, err);
	spec.name = nevra_file(&cli->arena, &f->id);
	spec.file = f->file;
	spec.build = &build;
	if (cas_get_fd(cli->builder.store, &f->file, &fd, err) < 0 ||
	    cas_get(cli->builder.store, &f->statement, &text, err) < 0 ||
	    statement_parse(&cli->arena, buf_text(&text), text.len, spec.name, &build, err) < 0)
		return -1;
	spec.fd = fd;
	choose_distribution(cli, &spec);
	return pkgsbom_write(&spec, &out->cyclonedx, &out->spdx, err);
}

static int
make(struct cli *cli, const struct sbom_args *o, const char *operand, struct bill *out,
     struct err *err)
{
	const char *path = cli_path(cli, operand);
	size_t n = strlen(path);
	struct stat st;

	if (stat(path, &st) < 0)
		return of_package(cli, operand, out, err);
	if (S_ISDIR(st.st_mode))
		return of_image(cli, path, out, err);
	if (n > 4 && strcmp(path + n - 4, ".rpm") == 0)
		return of_file(cli, o, path, out, err);
	return of_document(cli, path, out, err);
}

static int
sbom_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	CLEANUP(bill_release)
	struct bill b = { BUF_MAX(SBOM_MAX_BYTES), BUF_MAX(SBOM_MAX_BYTES) };
	const struct sbom_args *o = args;
	bool spdx = o->format && strcmp(o->format, "spdx") == 0;
	const struct buf *text = spdx ? &b.spdx : &b.cyclonedx;
	struct doc *d;

	(void)n;
	if (o->format && !spdx && strcmp(o->format, "cyclonedx") != 0)
		return err_set(err, ERR_USAGE, "--format is cyclonedx or spdx, not '%s'",
			       o->format);
	if (make(cli, o, operands[0], &b, err) < 0 || buf_check(text, "SBOM", err) < 0)
		return -1;
	if (cli->json)
		return json_parse(&cli->arena, buf_text(text), text->len, "SBOM", &d, err) < 0
			       ? -1
			       : cli_json(cli, d, err);
	(void)fwrite(buf_text(text), 1, text->len, stdout);
	(void)putchar('\n');
	return 0;
}

const struct command cmd_sbom = {
	.name = "sbom",
	.task = "trust",
	.summary = "print the bill of materials of a package or an image",
	.synopsis = "PACKAGE | FILE.rpm | IMAGE | FILE.cdx.json",
	.description =
		"Made from the package and the statement of its build, never guessed; a published package\n"
		"is read with the bundle beside it, an image (out/images/NAME) from its proof. A CycloneDX\n"
		"file of anybody's is converted as far as it has a place in the other format.",
	.example = "kiln sbom zlib --format spdx",
	.opts = sbom_opts,
	.nopts = ARRAY_LEN(sbom_opts),
	.args_size = sizeof(struct sbom_args),
	.min_operands = 1,
	.max_operands = 1,
	.run = sbom_run,
};
