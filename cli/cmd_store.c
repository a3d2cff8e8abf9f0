/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"
#include "cli/cli.h"
#include "cli/cmd_store.h"
#include "cli/verbs.h"
#include "builder/result_index.h"

static const struct opt store_opts[] = {
	OPT(FLAG, struct cmd_store_args, repair, 0, "repair", NULL,
	    "with check: move corrupt objects to quarantine/, forget results that need them"),
	OPT(FLAG, struct cmd_store_args, dry_run, 'n', "dry-run", NULL,
	    "with gc: name what would go, with its size"),
	OPT(STR, struct cmd_store_args, keep_bytes, 0, "keep-bytes", "SIZE",
	    "with gc: keep the newest of the rest up to this size of the store, such as 20GiB"),
	OPT(STR, struct cmd_store_args, older_than, 0, "older-than", "AGE",
	    "with gc: only what is older, such as 30d or 12h"),
};

static void
bad_object(void *arg, const char *what)
{
	(void)arg;
	cli_say("corrupt: %s", what);
}

static void
bad_result(void *arg, const char *what)
{
	(void)arg;
	cli_say("not whole: %s: something that this result names is not there", what);
}

static void
set_number(struct arena *a, struct doc *d, const char *key, uint64_t n)
{
	doc_set(a, d, key, doc_number(a, (int64_t)n));
}

static int
check(struct cli *cli, bool repair, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);
	struct cas_report r = { 0 };
	uint64_t results = 0;
	bool stale = false;

	if (cas_check(cli->builder.store, repair, bad_object, NULL, &r, err) < 0 ||
	    result_check(cli->builder.store, repair, bad_result, NULL, &results, err) < 0 ||
	    result_index_check(cli->builder.store, repair, &stale, err) < 0)
		return -1;
	/* No object of the store: it needs no repair, for whoever asks makes it right. */
	if (stale)
		cli_say(repair ? "the index did not say what the results say: made anew"
			       : "the index does not say what the results say");
	r.corrupt += results;
	r.quarantined += repair ? results : 0;
	set_number(a, d, "blobs", r.blobs);
	set_number(a, d, "bytes", r.bytes);
	set_number(a, d, "trees", r.trees);
	set_number(a, d, "corrupt", r.corrupt);
	set_number(a, d, "quarantined", r.quarantined);
	doc_set(a, d, "indexStale", doc_boolean(a, stale));
	if (cli->json && cli_json(cli, d, err) < 0)
		return -1;
	if (!cli->json)
		(void)printf("%s (%s) and %s checked, %llu corrupt, %llu quarantined\n",
			     cli_count(a, r.blobs, "blob"), cli_bytes(a, r.bytes),
			     cli_count(a, r.trees, "tree"), (unsigned long long)r.corrupt,
			     (unsigned long long)r.quarantined);
	if (r.corrupt <= r.quarantined)
		return 0;
	err_set(err, ERR_INPUT, "%s of the store %s corrupt",
		cli_count(a, r.corrupt - r.quarantined, "object"),
		r.corrupt - r.quarantined == 1 ? "is" : "are");
	return err_hint(
		err,
		"`kiln store check --repair` moves them away; the next build makes or fetches them anew");
}

struct usage {
	uint64_t files, bytes;
};

static int
add_up(void *arg, const struct tree_entry *e, struct err *err)
{
	struct usage *u = arg;

	(void)err;
	if (S_ISDIR(e->st->st_mode))
		return 0;
	u->files++;
	u->bytes += (uint64_t)e->st->st_blocks * 512;
	return 0;
}

struct recipes {
	struct cli *cli;
	struct doc *list;
};

static void
recipe_line(void *arg, const struct index_recipe *r)
{
	struct recipes *all = arg;
	struct arena *a = &all->cli->arena;
	struct doc *d = doc_map(a);

	if (!all->cli->json)
		(void)printf("  %-24s %5llu results %5llu packages  %10s\n", r->name,
			     (unsigned long long)r->results, (unsigned long long)r->packages,
			     cli_bytes(a, r->bytes));
	doc_set_text(a, d, "recipe", r->name);
	set_number(a, d, "results", r->results);
	set_number(a, d, "packages", r->packages);
	set_number(a, d, "bytes", r->bytes);
	doc_push(a, all->list, d);
}

/* Results by recipe, with their package files. */
static int
size_of_recipes(struct cli *cli, struct doc *out, struct err *err)
{
	CLEANUP(index_free) struct index *x = NULL;
	struct recipes all = { .cli = cli, .list = doc_list(&cli->arena) };

	if (result_index(cli->builder.store, false, &x, err) < 0 ||
	    index_each_recipe(x, recipe_line, &all, err) < 0)
		return -1;
	doc_set(&cli->arena, out, "recipes", all.list);
	return 0;
}

static void
found_line(void *arg, const char *key, const char *recipe, const char *nevra)
{
	struct recipes *all = arg;
	struct arena *a = &all->cli->arena;
	struct doc *d = doc_map(a);

	if (!all->cli->json)
		(void)printf("%s %s %s\n", key, recipe, nevra);
	doc_set_text(a, d, "action", key);
	doc_set_text(a, d, "recipe", recipe);
	doc_set_text(a, d, "package", nevra);
	doc_push(a, all->list, d);
}

static int
run_find(struct cli *cli, const struct cmd_store_args *args, const char *const *operands,
	 size_t n, struct err *err)
{
	struct recipes all = { .cli = cli, .list = doc_list(&cli->arena) };

	(void)args;
	if (result_index_find(cli->builder.store, operands[0], found_line, &all, &n, err) < 0)
		return -1;
	if (n == 0) {
		err_set(err, ERR_INPUT, "no result in the store holds '%s'", operands[0]);
		return err_hint(err, "name a package, or the sha256 of its file or header");
	}
	return cli->json ? cli_json(cli, all.list, err) : 0;
}

/* What lies below each directory of the store, as the disk counts it. */
static int
size(struct cli *cli, struct err *err)
{
	static const char *const parts[] = { "blobs",  "trees",      "manifests", "refs",
					     "failed", "quarantine", "tmp" };
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);
	uint64_t total = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct usage u = { 0 };
		struct doc *part = doc_map(a);

		if (faccessat(cas_dirfd(cli->builder.store), parts[i], F_OK, 0) == 0 &&
		    tree_walk(cas_dirfd(cli->builder.store), parts[i], add_up, &u, err) < 0)
			return -1;
		total += u.bytes;
		set_number(a, part, "files", u.files);
		set_number(a, part, "bytes", u.bytes);
		doc_set(a, d, parts[i], part);
		if (!cli->json)
			(void)printf("%-10s %7llu files  %10s\n", parts[i],
				     (unsigned long long)u.files, cli_bytes(a, u.bytes));
	}
	set_number(a, d, "bytes", total);
	doc_set_text(a, d, "path", cas_path(cli->builder.store));
	if (!cli->json)
		(void)printf("%s: %s\n", cas_path(cli->builder.store), cli_bytes(a, total));
	if (size_of_recipes(cli, d, err) < 0)
		return -1;
	return cli->json ? cli_json(cli, d, err) : 0;
}

/* Each option belongs to one word. */
static int
check_options(const struct cmd_store_args *a, const char *word, struct err *err)
{
	if (a->repair && strcmp(word, "check") != 0)
		return err_set(err, ERR_USAGE, "--repair belongs to `kiln store check`");
	if ((a->dry_run || a->keep_bytes || a->older_than) && strcmp(word, "gc") != 0)
		return err_set(
			err, ERR_USAGE,
			"--dry-run, --keep-bytes and --older-than belong to `kiln store gc`");
	return 0;
}

static int
run_size(struct cli *cli, const struct cmd_store_args *a, const char *const *operands, size_t n,
	 struct err *err)
{
	(void)a;
	(void)operands;
	(void)n;
	return size(cli, err);
}

static int
run_check(struct cli *cli, const struct cmd_store_args *a, const char *const *operands,
	  size_t n, struct err *err)
{
	(void)operands;
	(void)n;
	return check(cli, a->repair, err);
}

static const struct {
	const char *word;
	cmd_store_fn *run;
} runs[] = {
	{ "size", run_size },           { "check", run_check },
	{ "find", run_find },           { "gc", cmd_store_gc },
	{ "pin", cmd_store_pin },       { "unpin", cmd_store_unpin },
	{ "export", cmd_store_export }, { "import", cmd_store_import },
	{ "push", cmd_store_push },     { "inputs", cmd_store_inputs },
};

static int
store_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	if (check_options(args, operands[0], err) < 0 || cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		if (strcmp(runs[i].word, operands[0]) == 0)
			return runs[i].run(cli, args, operands + 1, n - 1, err);
	}
	return err_set(err, ERR_USAGE, "'%s' is not known", operands[0]);
}

static const struct opt_word store_words[] = {
	{ "size", NULL, "show what takes how much room, by kind and by recipe", 0 },
	{ "check", NULL, "hash every object again and name the corrupt ones", 0 },
	{ "find", "PACKAGE", "show which results hold a package: by name or by sha256", 1 },
	{ "gc", NULL, "remove what no recipe, published file or pin needs", 0 },
	{ "pin", "NAME", "keep the present result of a recipe, or an object by its sha256", 1 },
	{ "unpin", "NAME", "let go of it again, or of an input by its sha256", 1 },
	{ "inputs", NULL, "list the input archive: what stays because it was published", 0 },
	{ "export", "DIR [RECIPE...]", "write recipes' packages, proof and inputs to DIR", -1 },
	{ "import", "DIR", "take them from there, checked; builds then need no network", 1 },
	{ "push", "[RECIPE...]", "send results of recipes to the shared cache", OPT_WORD_ANY },
};

const struct command cmd_store = {
	.name = "store",
	.task = "look",
	.summary = "show the size of the content store, check it, remove what is not needed",
	.description =
		"The store is $KILN_STORE, else .kiln/store of the workspace. Everything in it can be\n"
		"fetched or built again. gc keeps what the recipes of each workspace that uses the\n"
		"store last came to, what their out/ names, sources and seed of whatever was published,\n"
		"pins, and all these lead to; of the rest whatever is older than an hour goes, or as much as the options say.",
	.example = "kiln store gc --dry-run --older-than 30d",
	.opts = store_opts,
	.nopts = ARRAY_LEN(store_opts),
	.words = store_words,
	.nwords = ARRAY_LEN(store_words),
	.args_size = sizeof(struct cmd_store_args),
	.run = store_run,
};
