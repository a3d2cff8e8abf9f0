/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "cli/verbs.h"

struct seed_args {
	bool update;
};

static const struct opt seed_opts[] = {
	OPT(FLAG, struct seed_args, update, 0, "update", NULL,
	    "with lock: take the newest version of every package"),
};

struct noted {
	struct cli *cli;
	struct doc *notes;
};

static void
note(void *arg, const char *text)
{
	struct noted *noted = arg;

	doc_push(&noted->cli->arena, noted->notes, doc_text(&noted->cli->arena, text));
	cli_say("%s", text);
}

static int
lock(struct cli *cli, bool update, struct err *err)
{
	struct noted noted = { .cli = cli, .notes = doc_list(&cli->arena) };
	struct doc *d = doc_map(&cli->arena);

	cli_say("reading the index of the archive that apt uses, and checking its signature");
	if (seed_lock(&cli->workspace, update, note, &noted, err) < 0)
		return -1;
	doc_set(&cli->arena, d, "notes", noted.notes);
	return cli->json ? cli_json(cli, d, err) : 0;
}

struct sums {
	uint64_t bytes;        /* of the packages as they are pinned */
	struct seed_held held; /* of those that are unpacked */
	size_t packed;         /* that are not */
};

static void
set_number(struct arena *a, struct doc *d, const char *key, uint64_t v)
{
	doc_set(a, d, key, doc_number(a, (int64_t)v));
}

static int
show_package(struct cli *cli, const struct seed_package *p, struct doc *all, struct sums *sums,
	     struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *one = doc_map(a);
	struct seed_held held;
	char hex[DIGEST_HEX], files[32] = "-";
	bool unpacked;

	if (seed_held(cli->builder.store, p, &unpacked, &held, err) < 0)
		return -1;
	digest_hex(&p->sha256, hex);
	doc_set_text(a, one, "name", p->name);
	doc_set_text(a, one, "version", p->version);
	doc_set_text(a, one, "sha256", hex);
	set_number(a, one, "bytes", p->size);
	if (unpacked) {
		set_number(a, one, "files", held.files);
		set_number(a, one, "links", held.links);
		set_number(a, one, "unpackedBytes", held.bytes);
		(void)snprintf(files, sizeof(files), "%llu", (unsigned long long)held.files);
	}
	doc_push(a, all, one);
	sums->bytes += p->size;
	sums->held.files += held.files;
	sums->held.links += held.links;
	sums->held.bytes += held.bytes;
	sums->packed += !unpacked;
	if (!cli->json)
		(void)printf("%-28s %-24s %9llu %6s  %.16s\n", p->name, p->version,
			     (unsigned long long)p->size, files, hex);
	return 0;
}

static void
show_sums(struct arena *a, const struct seed *seed, const struct sums *s)
{
	(void)printf("%s, %llu bytes (%s)\n", cli_count(a, seed->npackages, "package"),
		     (unsigned long long)s->bytes, cli_bytes(a, s->bytes));
	(void)printf("unpacked: %s, %s, %llu bytes (%s)%s\n",
		     cli_count(a, s->held.files, "file"), cli_count(a, s->held.links, "link"),
		     (unsigned long long)s->held.bytes, cli_bytes(a, s->held.bytes),
		     s->packed ? arena_format(a, "; %s not unpacked yet, and not counted here",
					      cli_count(a, s->packed, "package"))
			       : "");
}

static int
show(struct cli *cli, struct err *err)
{
	struct arena *a = &cli->arena;
	struct seed seed = { 0 };
	struct sums sums = { 0 };
	struct doc *d = doc_map(a), *all = doc_list(a);

	if (seed_load(a, &cli->workspace, &seed, err) < 0)
		return -1;
	for (size_t i = 0; i < seed.npackages; i++)
		if (show_package(cli, &seed.packages[i], all, &sums, err) < 0)
			return -1;
	doc_set(a, d, "packages", all);
	set_number(a, d, "bytes", sums.bytes);
	set_number(a, d, "files", sums.held.files);
	set_number(a, d, "links", sums.held.links);
	set_number(a, d, "unpackedBytes", sums.held.bytes);
	set_number(a, d, "notUnpacked", sums.packed);
	if (cli->json)
		return cli_json(cli, d, err);
	show_sums(a, &seed, &sums);
	return 0;
}

static int
seed_run(struct cli *cli, void *args, const char *const *operands, size_t n, struct err *err)
{
	const struct seed_args *a = args;

	(void)n;
	if (a->update && strcmp(operands[0], "lock") != 0)
		return err_set(err, ERR_USAGE, "--update belongs to `kiln seed lock`");
	if (cli_open(cli, strcmp(operands[0], "show") == 0 ? CLI_STORE : 0, err) < 0)
		return -1;
	if (strcmp(operands[0], "lock") == 0)
		return lock(cli, a->update, err);
	return show(cli, err);
}

static const struct opt_word seed_words[] = {
	{ "lock", NULL, "pin what is missing in bootstrap/seed.lock (--update: pin all anew)",
	  0 },
	{ "show", NULL, "list what is pinned, and count packages, bytes and files", 0 },
};

const struct command cmd_seed = {
	.name = "seed",
	.task = "trust",
	.summary = "lock and inspect the seed",
	.description =
		"The seed is what everything starts from: pinned packages of the archive that this\n"
		"machine's apt uses, taken from its signed index. Builds never lock by themselves.",
	.example = "kiln seed show",
	.opts = seed_opts,
	.nopts = ARRAY_LEN(seed_opts),
	.args_size = sizeof(struct seed_args),
	.words = seed_words,
	.nwords = ARRAY_LEN(seed_words),
	.run = seed_run,
};
