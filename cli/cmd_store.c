/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"
#include "cli/cli.h"
#include "cli/verbs.h"

struct store_args {
	bool repair;
};

static const struct opt store_opts[] = {
	OPT(FLAG, struct store_args, repair, 0, "repair", NULL,
	    "with check: move corrupt objects to quarantine/"),
};

static void
bad_object(void *arg, const char *what)
{
	(void)arg;
	cli_say("corrupt: %s", what);
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

	if (cas_check(cli->builder.store, repair, bad_object, NULL, &r, err) < 0)
		return -1;
	set_number(a, d, "blobs", r.blobs);
	set_number(a, d, "bytes", r.bytes);
	set_number(a, d, "trees", r.trees);
	set_number(a, d, "corrupt", r.corrupt);
	set_number(a, d, "quarantined", r.quarantined);
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
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s: %s\n", cas_path(cli->builder.store), cli_bytes(a, total));
	return 0;
}

static int
store_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct store_args *a = args;
	bool is_check = strcmp(operands[0], "check") == 0;

	(void)n;
	if (a->repair && !is_check)
		return err_set(err, ERR_USAGE, "--repair belongs to `kiln store check`");
	if (cli_open(cli, CLI_STORE, err) < 0)
		return -1;
	return is_check ? check(cli, a->repair, err) : size(cli, err);
}

static const struct opt_word store_words[] = {
	{ "size", NULL, "show what takes how much room", 0 },
	{ "check", NULL, "hash every object again and name the corrupt ones", 0 },
};

const struct command cmd_store = {
	.name = "store",
	.task = "look",
	.summary = "show the size of the content store, or check it",
	.description =
		"The store is $KILN_STORE, else .kiln/store of the workspace. Everything in it can be\n"
		"fetched or built again.",
	.example = "kiln store check --repair",
	.opts = store_opts,
	.nopts = ARRAY_LEN(store_opts),
	.words = store_words,
	.nwords = ARRAY_LEN(store_words),
	.args_size = sizeof(struct store_args),
	.run = store_run,
};
