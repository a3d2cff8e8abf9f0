/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "cli/verifying.h"
#include "cli/vouching.h"
#include "images/image.h"
#include "repo/pkgverify.h"

struct verify_args {
	struct opt_list keys;
	const char *within;
	const char *policy, *log, *vsa;
	bool no_state, explain;
};

static const struct opt verify_opts[] = {
	OPT(LIST, struct verify_args, keys, 0, "key", "PATH",
	    "trust the key file or directory PATH (may be repeated); default: $KILN_KEYS, the workspace's, the user's"),
	OPT(STR, struct verify_args, within, 0, "expires-within", "SPAN",
	    "refuse a repository whose signature ends within SPAN (12h, 2d), and so warn before it does"),
	OPT(STR, struct verify_args, policy, 0, "policy", "FILE",
	    "demand what FILE says; default: policy.yaml where the keys come from, else the built-in one"),
	OPT(STR, struct verify_args, log, 0, "log", "DIR",
	    "the log's tiles, for an artefact that lies apart from them"),
	OPT(FLAG, struct verify_args, no_state, 0, "no-state", NULL,
	    "compare with nothing that was seen before, and remember nothing"),
	OPT(STR, struct verify_args, vsa, 0, "vsa", "FILE",
	    "write the verdict to FILE, a verification summary signed with the rebuilder key"),
	OPT(FLAG, struct verify_args, explain, 0, "explain", NULL,
	    "say where every byte came from, generation by generation, down to the seed"),
};

struct verification {
	struct cli *cli;
	const struct verify_args *args;
	const struct verifying *by;
	struct verify_memory *memory;
	struct doc *steps, *origin;
	size_t inputs, packages;
	int64_t within; /* --expires-within, seconds */
	struct verify_strength strength;
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
	if (!v->cli->json && !v->args->explain)
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
verify_one(struct verification *v, const char *path, const struct verify_terms *terms,
	   struct err *err)
{
	struct arena *tell = v->args->explain ? &v->cli->arena : NULL;
	struct pkgverify_summary packages = { 0 };
	struct imgverify_summary image = { .origin_arena = tell };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (S_ISREG(st.st_mode)) {
		if (pkgverify_explain(tell, path, terms, &packages, err) < 0)
			return -1;
	} else if (is_there(v->cli, path, "repodata/repomd.xml")) {
		if (pkgverify_repo_by(path, terms, &packages, err) < 0 ||
		    check_end(v, packages.expires, err) < 0)
			return -1;
	} else if (is_there(v->cli, path, "oci-layout")) {
		if (imgverify_layout_by(path, terms, &image, err) < 0)
			return -1;
	} else {
		err_set(err, ERR_VERIFY,
			"%s is neither a package, a repository nor an OCI layout", path);
		return err_hint(err,
				"give out/repo/packages/FILE.rpm, out/repo or out/images/NAME");
	}
	v->packages = packages.packages + image.packages;
	v->inputs = packages.inputs + image.inputs;
	v->strength = image.packages ? image.strength : packages.strength;
	v->origin = packages.origin ? packages.origin : image.origin;
	return 0;
}

/* Tiles prove themselves, so they may lie anywhere: where the user says, else beside the keys,
 * where the log that is written here lies. */
static const char *
tiles(const struct verification *v)
{
	const char *keys = getenv("KILN_KEYS");
	struct cli *cli = v->cli;

	if (v->args->log)
		return cli_path(cli, v->args->log);
	if (keys && *keys)
		return arena_format(&cli->arena, "%s/log", keys);
	return cli->has_workspace
		       ? arena_format(&cli->arena, "%s/log", cli->workspace.keys_path)
		       : NULL;
}

/* What was seen is remembered when the whole artefact was accepted, and not before. */
static int
verify_and_remember(struct verification *v, const char *path, struct err *err)
{
	const struct verify_report report = { .step = on_step, .arg = v };
	CLEANUP(verify_log_free)
	struct verify_log *log =
		verify_log_make(v->by->rules, &v->by->ring, v->memory, tiles(v));
	const struct verify_terms terms = {
		.ring = &v->by->ring,
		.rules = v->by->rules,
		.log = log,
		.memory = v->memory,
		.tiles = tiles(v),
		.now = clock_wall(),
		.report = &report,
	};
	struct err why;

	if (verify_one(v, path, &terms, err) < 0) {
		if (v->memory)
			verify_memory_drop(v->memory);
		return -1;
	}
	if (v->memory && verify_memory_commit(v->memory, &why) < 0)
		cli_say("note: %s; a roll-back will not be noticed", why.text);
	return 0;
}

static void
print_list(const char *head, const struct doc *list)
{
	if (list->n)
		(void)printf("    %zu %s\n", list->n, head);
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *d = list->items[i].value;
		const char *uri = doc_get_text(d, "uri");

		(void)printf("      sha256:%s  %s%s%s\n", doc_get_text(d, "sha256"),
			     doc_get_text(d, "name"), uri ? "  " : "", uri ? uri : "");
	}
}

static void
print_origin(const struct verification *v)
{
	for (size_t i = 0; v->origin && i < v->origin->n; i++) {
		const struct doc *g = v->origin->items[i].value;

		(void)printf("  generation %zu\n", i + 1);
		print_list("sources, recipes and patches:", doc_get(g, "sources"));
		print_list("packages that were built before:", doc_get(g, "packages"));
		print_list("packages of the seed, taken as they are:", doc_get(g, "seeds"));
	}
}

static void
tell(struct verification *v, const char *operand, struct doc *d)
{
	struct arena *a = &v->cli->arena;
	const struct verify_strength *s = &v->strength;
	const char *weakest = verify_terms_weakest(a, s);

	doc_set_text(a, d, "weakest", weakest);
	doc_set(a, d, "packages", doc_number(a, (int64_t)v->packages));
	doc_set(a, d, "sources", doc_number(a, (int64_t)s->sources));
	doc_set(a, d, "seeds", doc_number(a, (int64_t)s->seeds));
	doc_set(a, d, "logged", doc_number(a, (int64_t)s->logged));
	doc_set(a, d, "rebuilt", doc_number(a, (int64_t)s->rebuilt));
	if (v->origin)
		doc_set(a, d, "origin", v->origin);
	if (v->cli->json)
		return;
	print_origin(v);
	(void)printf("verified: %s (%s, %s known: %zu sources, %zu of the seed)\n", operand,
		     cli_count(a, v->packages, "package"), cli_count(a, v->inputs, "input"),
		     s->sources, s->seeds);
	(void)printf("  weakest link: %s\n", weakest);
}

/* A refusal is vouched for, too; what went wrong while writing it does not hide it. */
static int
verify_and_vouch(struct verification *v, const char *path, struct err *err)
{
	struct vouching vouch = { .file = v->args->vsa };
	struct err why;
	int rc;

	if (!vouch.file)
		return verify_and_remember(v, path, err);
	if (vouching_begin(v->cli, path, &vouch, err) < 0)
		return -1;
	rc = verify_and_remember(v, path, err);
	if (vouching_write(v->cli, &vouch, v->by, rc == 0, rc == 0 ? err : &why) < 0) {
		if (rc < 0)
			cli_say("note: no verdict was written: %s", why.text);
		return -1;
	}
	return rc;
}

static int
verify_path(struct verification *all, const char *operand, struct doc *list, struct err *err)
{
	struct cli *cli = all->cli;
	struct verification v = *all;
	struct doc *d = doc_map(&cli->arena);
	int rc;

	v.steps = doc_list(&cli->arena);
	if (!cli->json)
		(void)printf("%s\n", operand);
	rc = verify_and_vouch(&v, cli_path(cli, operand), err);
	doc_set_text(&cli->arena, d, "path", operand);
	doc_set(&cli->arena, d, "verified", doc_boolean(&cli->arena, rc == 0));
	doc_set_text(&cli->arena, d, "policy", v.by->rules->name);
	doc_set(&cli->arena, d, "steps", v.steps);
	doc_push(&cli->arena, list, d);
	if (rc == 0) {
		tell(&v, operand, d);
		return 0;
	}
	doc_set_text(&cli->arena, d, "refused", err->text);
	if (!cli->json)
		(void)printf("refused: %s\n", operand);
	return rc;
}

/* NULL memory: the user wanted none, or has no home; that is said. */
static int
open_memory(struct verification *v, struct verify_memory **out, struct err *err)
{
	const char *dir = verifying_state(&v->cli->arena);

	if (v->args->no_state || !dir) {
		cli_say("state: nothing is compared with what was seen before%s",
			v->args->no_state ? "" : ": there is no home to keep it in");
		return 0;
	}
	if (verify_memory_open(dir, out, err) < 0)
		return -1;
	v->memory = *out;
	return 0;
}

static int
verify_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct verify_args *a = args;
	CLEANUP(rules_release) struct rules own = { .name = NULL };
	CLEANUP(verify_memory_free) struct verify_memory *memory = NULL;
	struct verifying by = { .policy = a->policy, .keys = &a->keys };
	struct verification all = { .cli = cli, .args = a, .by = &by };
	struct doc *list = doc_list(&cli->arena);
	struct err ignored;
	size_t refused = 0;

	if (a->within && !clock_span(a->within, &all.within))
		return err_set(err, ERR_USAGE,
			       "--expires-within %s: not a span of time such as 12h or 2d",
			       a->within);
	if (a->vsa && n != 1)
		return err_set(err, ERR_USAGE, "--vsa is about one artefact, not %zu", n);
	if (verifying_open(cli, &by, &own, err) < 0 || open_memory(&all, &memory, err) < 0)
		return -1;
	by.ring.now = clock_wall();
	for (size_t i = 0; i < n; i++) {
		struct err why;

		if (verify_path(&all, operands[i], list, &why) == 0)
			continue;
		if (refused++)
			cli_say("error: %s", err->text);
		*err = why;
	}
	if (cli->json && cli_json(cli, list, refused ? &ignored : err) < 0 && !refused)
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
		"sources and seed, and what the policy demands besides (kiln policy check). What this\n"
		"user saw before must not be older or another history. Keys found beside the artefact\n"
		"are never trusted. Refusal is exit 3. All that is named is looked at, even after one\n"
		"was refused.",
	.example = "kiln verify out/repo out/images/busybox",
	.opts = verify_opts,
	.nopts = ARRAY_LEN(verify_opts),
	.args_size = sizeof(struct verify_args),
	.min_operands = 1,
	.max_operands = -1,
	.run = verify_run,
};
