/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "images/image.h"
#include "repo/pkgverify.h"

struct verify_args {
	struct opt_list keys;
	const char *within;
};

static const struct opt verify_opts[] = {
	OPT(LIST, struct verify_args, keys, 0, "key", "PATH",
	    "trust the key file or directory PATH (may be repeated); default: $KILN_KEYS, the workspace's, the user's"),
	OPT(STR, struct verify_args, within, 0, "expires-within", "SPAN",
	    "refuse a repository whose signature ends within SPAN (12h, 2d), and so warn before it does"),
};

struct verification {
	struct cli *cli;
	struct doc *steps;
	size_t inputs, packages;
	int64_t within; /* --expires-within, seconds */
};

static void
on_step(void *arg, bool ok, const char *what)
{
	struct verification *v = arg;
	struct doc *step = doc_map(&v->cli->arena);
	char *text = arena_strdup(&v->cli->arena, what);

	cli_tame(text, strlen(text)); /* it may quote what is under test */
	doc_set(&v->cli->arena, step, "ok", doc_boolean(&v->cli->arena, ok));
	doc_set_text(&v->cli->arena, step, "what", text);
	doc_push(&v->cli->arena, v->steps, step);
	if (!v->cli->json)
		(void)printf("  %s %s\n", ok ? "ok" : "--", text);
}

static bool
is_there(struct cli *cli, const char *path, const char *sub)
{
	return access(arena_format(&cli->arena, "%s/%s", path, sub), F_OK) == 0;
}

/* The alarm beside the timer: a signature that ends soon is refused while it still counts. */
static int
check_end(const struct verification *v, int64_t expires, struct err *err)
{
	char when[CLOCK_TEXT_MAX];

	if (v->within == 0 || expires == 0 || expires - clock_wall() > v->within)
		return 0;
	clock_rfc3339(expires, when);
	err_set(err, ERR_VERIFY, "the signature of the metadata ends at %s", when);
	return err_hint(err, "`kiln publish --resign` makes a new one");
}

static int
verify_one(struct verification *v, const char *path, const struct keyring *ring,
	   struct err *err)
{
	struct verify_report report = { .step = on_step, .arg = v };
	struct pkgverify_summary packages = { 0 };
	struct imgverify_summary image = { 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (S_ISREG(st.st_mode)) {
		if (pkgverify_file(path, ring, &report, &packages, err) < 0)
			return -1;
	} else if (is_there(v->cli, path, "repodata/repomd.xml")) {
		if (pkgverify_repo(path, ring, clock_wall(), &report, &packages, err) < 0 ||
		    check_end(v, packages.expires, err) < 0)
			return -1;
	} else if (is_there(v->cli, path, "oci-layout")) {
		if (imgverify_layout(path, ring, &report, &image, err) < 0)
			return -1;
	} else {
		err_set(err, ERR_VERIFY,
			"%s is neither a package, a repository nor an OCI layout", path);
		return err_hint(err,
				"give out/repo/packages/FILE.rpm, out/repo or out/images/NAME");
	}
	v->packages = packages.packages + image.packages;
	v->inputs = packages.inputs + image.inputs;
	return 0;
}

static int
verify_path(struct cli *cli, const char *operand, const struct keyring *ring, int64_t within,
	    struct doc *all, struct err *err)
{
	struct verification v = { .cli = cli,
				  .steps = doc_list(&cli->arena),
				  .within = within };
	struct doc *d = doc_map(&cli->arena);
	int rc;

	if (!cli->json)
		(void)printf("%s\n", operand);
	rc = verify_one(&v, cli_path(cli, operand), ring, err);
	doc_set_text(&cli->arena, d, "path", operand);
	doc_set(&cli->arena, d, "verified", doc_boolean(&cli->arena, rc == 0));
	doc_set(&cli->arena, d, "steps", v.steps);
	if (rc < 0)
		doc_set_text(&cli->arena, d, "refused", err->text);
	doc_push(&cli->arena, all, d);
	if (!cli->json && rc == 0)
		(void)printf("verified: %s (%s, %s known)\n", operand,
			     cli_count(&cli->arena, v.packages, "package"),
			     cli_count(&cli->arena, v.inputs, "input"));
	else if (!cli->json)
		(void)printf("refused: %s\n", operand);
	return rc;
}

static int
verify_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct verify_args *a = args;
	struct err ignored;
	struct doc *all = doc_list(&cli->arena);
	struct keyring ring = { 0 };
	int64_t within = 0;
	size_t refused = 0;

	if (a->within && !clock_span(a->within, &within))
		return err_set(err, ERR_USAGE,
			       "--expires-within %s: not a span of time such as 12h or 2d",
			       a->within);
	if (cli_keyring(cli, &a->keys, &ring, err) < 0)
		return -1;
	ring.now = clock_wall();
	for (size_t i = 0; i < n; i++) {
		struct err why;

		if (verify_path(cli, operands[i], &ring, within, all, &why) == 0)
			continue;
		if (refused++)
			cli_say("error: %s", err->text);
		*err = why;
	}
	if (cli->json && cli_json(cli, all, refused ? &ignored : err) < 0 && !refused)
		return -1;
	/* Whatever went wrong while verifying, the artefact was not shown to be good. */
	return refused ? err_recode(err, ERR_VERIFY) : 0;
}

const struct command cmd_verify = {
	.name = "verify",
	.task = "trust",
	.summary = "verify a package, a repository or an image, offline",
	.synopsis = "FILE.rpm | REPOSITORY | IMAGE ...",
	.description =
		"Checks signatures by trusted keys, digests, and that every input is known down to\n"
		"sources and seed. Keys found beside the artefact are never trusted. Refusal is exit 3.\n"
		"All that is named is looked at, even after one was refused.",
	.example = "kiln verify out/repo out/images/busybox",
	.opts = verify_opts,
	.nopts = ARRAY_LEN(verify_opts),
	.args_size = sizeof(struct verify_args),
	.min_operands = 1,
	.max_operands = -1,
	.run = verify_run,
};
