/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd_store.h"
#include "builder/gc.h"
#include <stdlib.h>

struct unit {
	const char *word;
	uint64_t n;
};
static const struct unit sizes[] = { { "", 1 },
				     { "KiB", (uint64_t)1 << 10 },
				     { "MiB", (uint64_t)1 << 20 },
				     { "GiB", (uint64_t)1 << 30 },
				     { "TiB", (uint64_t)1 << 40 } };
static const struct unit ages[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };

#define NUMBER_DIGITS 9

/* A number and a unit; zero would read like "no budget". */
static bool
measure(const char *text, const struct unit *units, size_t n, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < n && digits && digits <= NUMBER_DIGITS; i++) {
		if (strcmp(text + digits, units[i].word) == 0) {
			*out = strtoull(text, NULL, 10) * units[i].n;
			return *out > 0;
		}
	}
	return false;
}

static int
read_budget(const struct cmd_store_args *a, struct gc_budget *out, struct err *err)
{
	uint64_t age = 0;

	*out = (struct gc_budget){ .dry_run = a->dry_run };
	if (a->keep_bytes && !measure(a->keep_bytes, sizes, ARRAY_LEN(sizes), &out->keep_bytes))
		return err_set(err, ERR_USAGE,
			       "--keep-bytes '%s': not a size such as 500MiB or 20GiB",
			       a->keep_bytes);
	if (a->older_than && !measure(a->older_than, ages, ARRAY_LEN(ages), &age))
		return err_set(err, ERR_USAGE,
			       "--older-than '%s': not an age such as 12h or 30d",
			       a->older_than);
	out->older_than_s = (int64_t)age;
	return 0;
}

struct listing {
	struct cli *cli;
	struct doc *gone;
};

/* On a dry run each object is a line; else that would only be noise. */
static void
list_gone(void *arg, const char *what, uint64_t bytes)
{
	struct listing *l = arg;
	struct arena *a = &l->cli->arena;
	struct doc *d;

	if (!l->cli->json) {
		(void)printf("%12llu %s\n", (unsigned long long)bytes, what);
		return;
	}
	d = doc_map(a);
	doc_set_text(a, d, "object", what);
	doc_set(a, d, "bytes", doc_number(a, (int64_t)bytes));
	doc_push(a, l->gone, d);
}

static int
tell(struct cli *cli, const struct cas_gc_report *r, const struct listing *l, bool dry,
     struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);

	if (!cli->json) {
		(void)printf("%s (%s) of %s (%s) %s; %s stays\n",
			     cli_count(a, r->gone_objects, "object"),
			     cli_bytes(a, r->gone_bytes), cli_count(a, r->objects, "object"),
			     cli_bytes(a, r->bytes), dry ? "would go" : "removed",
			     cli_bytes(a, r->bytes - r->gone_bytes));
		return 0;
	}
	doc_set(a, d, "objects", doc_number(a, (int64_t)r->objects));
	doc_set(a, d, "bytes", doc_number(a, (int64_t)r->bytes));
	doc_set(a, d, "goneObjects", doc_number(a, (int64_t)r->gone_objects));
	doc_set(a, d, "goneBytes", doc_number(a, (int64_t)r->gone_bytes));
	doc_set(a, d, "neededBytes", doc_number(a, (int64_t)r->rooted_bytes));
	if (dry)
		doc_set(a, d, "gone", l->gone);
	return cli_json(cli, d, err);
}

int
cmd_store_gc(struct cli *cli, const struct cmd_store_args *args, const char *const *operands,
	     size_t n, struct err *err)
{
	struct listing l = { .cli = cli, .gone = doc_list(&cli->arena) };
	struct cas_gc_report r;
	struct gc_budget budget;

	(void)operands;
	(void)n;
	if (read_budget(args, &budget, err) < 0 ||
	    gc_run(cli->builder.store, &cli->workspace, &budget,
		   budget.dry_run ? list_gone : NULL, &l, &r, err) < 0)
		return -1;
	return tell(cli, &r, &l, budget.dry_run, err);
}

static int
say_pin(struct cli *cli, const char *name, bool pinned, struct err *err)
{
	struct doc *d = doc_map(&cli->arena);

	doc_set_text(&cli->arena, d, pinned ? "pinned" : "unpinned", name);
	if (cli->json)
		return cli_json(cli, d, err);
	cli_say("%s is %s", name, pinned ? "pinned" : "no longer pinned");
	return 0;
}

int
cmd_store_pin(struct cli *cli, const struct cmd_store_args *args, const char *const *operands,
	      size_t n, struct err *err)
{
	(void)args;
	(void)n;
	if (gc_pin(cli->builder.store, operands[0], err) < 0)
		return -1;
	return say_pin(cli, operands[0], true, err);
}

int
cmd_store_unpin(struct cli *cli, const struct cmd_store_args *args, const char *const *operands,
		size_t n, struct err *err)
{
	(void)args;
	(void)n;
	if (gc_unpin(cli->builder.store, operands[0], err) < 0)
		return -1;
	return say_pin(cli, operands[0], false, err);
}

int
cmd_store_inputs(struct cli *cli, const struct cmd_store_args *args,
		 const char *const *operands, size_t n, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a), *list = doc_list(a);
	struct gc_input *at;
	uint64_t bytes = 0;

	(void)args;
	(void)operands;
	if (gc_inputs(a, cli->builder.store, &at, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct doc *one = doc_map(a);
		char hex[DIGEST_HEX];

		digest_hex(&at[i].sha256, hex);
		doc_set_text(a, one, "kind", at[i].kind);
		doc_set_text(a, one, "name", at[i].name);
		doc_set_text(a, one, "uri", at[i].uri);
		doc_set_text(a, one, "sha256", hex);
		doc_set(a, one, "bytes", doc_number(a, (int64_t)at[i].size));
		doc_set(a, one, "present", doc_boolean(a, at[i].present));
		doc_push(a, list, one);
		bytes += at[i].size;
		if (!cli->json)
			(void)printf("%s %12llu %-6s %s%s\n", hex,
				     (unsigned long long)at[i].size, at[i].kind, at[i].name,
				     at[i].present ? "" : " (lost: kiln fetch)");
	}
	doc_set(a, d, "inputs", list);
	doc_set(a, d, "bytes", doc_number(a, (int64_t)bytes));
	if (cli->json)
		return cli_json(cli, d, err);
	(void)printf("%s, %s\n", cli_count(a, n, "input"), cli_bytes(a, bytes));
	return 0;
}
